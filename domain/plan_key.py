"""The names of decisions, orders and fills: pure functions of what was decided."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from attrs import field, frozen
from attrs.validators import optional

from .columns import ID, spread
from .errors import DomainError
from .instruments import HALF, as_half, is_id

if TYPE_CHECKING:
    from typing import Any

    from attrs import Attribute

    from .instruments import Instruments
    from .table import Ids, Int8, Int64

_SEPARATOR = "\x1f"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STRIDE = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: odd, so multiples of it do not meet.
_LOW, _VARIANT = (1 << 62) - 1, 0b10 << 62
_BYTE = np.array(8, np.uint64)
_MICROSECOND, _MILLISECOND = timedelta(microseconds=1), timedelta(milliseconds=1)


class Mode(Enum):
    """Where orders go: into history, to a paper account, or to a market with money."""

    BACKTEST = "BACKTEST"
    PAPER = "PAPER"
    LIVE = "LIVE"


def _named(_: object, attribute: Attribute[Any], value: str) -> None:
    if not is_id(value):
        rule = "1 to 64 printable characters (NFC) without blanks around them"
        raise DomainError(f"{attribute.name} is {rule}, was {value!r}")


def _dated(_: object, attribute: Attribute[Any], value: date) -> None:
    # A datetime is a date to Python, and would name another decision.
    if isinstance(value, datetime):
        raise DomainError(f"{attribute.name} is a date without a time, was {value!r}")


def _aware(_: object, attribute: Attribute[Any], value: datetime) -> None:
    if value.utcoffset() is None:
        raise DomainError(f"{attribute.name} is an instant with its time zone, was {value!r}")


@frozen(slots=False)
class Portfolio:
    """
    A portfolio in one mode at one account of one broker; each backtest run has a portfolio of its own.

    Everything recorded belongs to one of these, and one of these is what a lock holds.
    """

    id: str = field(validator=_named)
    mode: Mode = Mode.BACKTEST
    broker: str = field(default="backtest", validator=_named)
    account: str = field(default="backtest", validator=_named)
    run: str | None = field(default=None, validator=optional(_named))

    @cached_property
    def names(self) -> str:
        """All that tells it from other portfolios."""
        return _SEPARATOR.join((self.mode.value, self.broker, self.account, self.id, self.run or ""))


@frozen(slots=False)
class PlanKey:
    """Name one decision: the portfolio, the decision's own name, its trading day, and its instant (aware)."""

    portfolio: Portfolio
    decision: str = field(validator=_named)
    as_of_date: date = field(validator=_dated)
    timestamp: datetime = field(validator=_aware)

    @cached_property
    def id(self) -> UUID:
        """The decision as a UUID (RFC 9562 version 8): its millisecond since 1970, then a hash of its names."""
        names = f"{self.portfolio.names}{_SEPARATOR}{self.decision}{_SEPARATOR}{self.as_of_date}"
        digest = blake2b(names.encode(), digest_size=10, person=b"execbridge-plan").digest()
        instant = max((self.timestamp - _EPOCH) // _MILLISECOND, 0)
        high = instant << 16 | 0x8000 | int.from_bytes(digest[:2], "big") & 0xFFF
        low = int.from_bytes(digest[2:], "big") & _LOW | _VARIANT
        return UUID(int=high << 64 | low)

    @cached_property
    def instant(self) -> np.datetime64:
        """The instant of the decision as numpy has it, in UTC microseconds."""
        return np.datetime64((self.timestamp - _EPOCH) // _MICROSECOND, "us")


def order_ids(decision: UUID, on: Instruments, instrument: Int64, leg: Int8, attempt: Int64) -> Ids:
    """
    Return the id of each order of *decision*: a UUID (RFC 9562 version 8) in the decision's millisecond.

    The same decision, instrument, leg and attempt give the same id, whoever asks and however often; each other
    combination gives another. The text form is the broker's client order id.
    """
    ids = spread(decision.bytes, len(instrument), ID).copy()
    low = ids.view(HALF)[1::2]
    low ^= on.digest[instrument]
    if np.count_nonzero(leg) or np.count_nonzero(attempt):
        low ^= as_half((leg + 2 * attempt).astype(np.uint64) * _STRIDE)
    return ids


def fill_ids(order: Ids, filled_lots: Int64) -> Ids:
    """Return an id for the fill that brought each *order* to *filled_lots*, for venues that give fills none."""
    ids = np.array(order)
    low = ids.view(HALF)[1::2]
    # Lots, at most 2**53, change the last seven bytes alone: the byte before them has the variant.
    low ^= np.abs(filled_lots).view(HALF) << _BYTE
    return ids
