"""The axis along which every table is laid."""

from __future__ import annotations

import unicodedata
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

import numpy as np
from attrs import NOTHING, field, fields, frozen

from .errors import BadTable, UnknownInstrument
from .table import Float64, Int64, Table, Text, UInt64, float64, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

ID_LENGTH_MAX = 64

HALF = np.dtype("<u8")
"""Half of a UUID as a number that is only compared and combined bit by bit: its bytes lie as a UUID has them."""

_LOW = np.uint64((1 << 62) - 1)

Row = TypeVar("Row")
Number = TypeVar("Number", np.int64, np.float64)


@frozen
class Instrument:
    """One thing that can be traded; sizes and prices are in its own currency."""

    id: str
    lot_size: float = 1.0
    tick_size: float = 0.01
    multiplier: float = 1.0
    currency: str = "USD"


def is_id(value: str) -> bool:
    """Tell whether *value* can name an instrument or a portfolio: printable, NFC, no blanks around it, 1 to 64 long."""
    return (
        0 < len(value) <= ID_LENGTH_MAX
        and value.isprintable()
        and value == value.strip()
        and unicodedata.is_normalized("NFC", value)
    )


@frozen(eq=False, slots=False)
class Instruments(Table[Instrument]):
    """
    Name the axis: ids are sorted and unique, and an instrument's code is its place on the axis.

    Units: lot_size in units of quantity per lot, tick_size in currency, multiplier in currency per point and unit.
    """

    _row: ClassVar[type] = Instrument

    id: Text = field(converter=text)
    lot_size: Float64 = field(converter=float64)
    tick_size: Float64 = field(converter=float64)
    multiplier: Float64 = field(converter=float64)
    currency: Text = field(converter=text)

    @classmethod
    def of(cls, instruments: Iterable[Instrument | str]) -> Instruments:
        """Return the axis of *instruments*, sorted; a bare id has lots of 1, ticks of 0.01 and multiplier 1, in USD."""
        rows = sorted((Instrument(row) if isinstance(row, str) else row for row in instruments), key=lambda row: row.id)
        names = [row.id for row in rows]
        on = cls(
            id=names,
            lot_size=[row.lot_size for row in rows],
            tick_size=[row.tick_size for row in rows],
            multiplier=[row.multiplier for row in rows],
            currency=[row.currency for row in rows],
        )
        if list(on.names) != names:
            raise BadTable(f"an instrument id is printable, was {[name for name in names if not is_id(name)][:5]}")
        return on

    @classmethod
    def _of(cls, fields: Mapping[str, Any]) -> Self:
        # An axis that is taken apart must still be sorted and unique.
        return cls(**fields)

    def _check(self) -> None:
        names = self.names
        bad = [name for name in names if not is_id(name)]
        if bad:
            raise BadTable(f"an instrument id is 1 to {ID_LENGTH_MAX} printable characters (NFC), was {bad[:5]}")
        wrong = [after for before, after in pairwise(names) if after <= before]
        if wrong:
            raise BadTable(f"instrument ids must be sorted and unique, out of place: {wrong[:5]}")
        for column in ("lot_size", "tick_size", "multiplier"):
            values = getattr(self, column)
            self._refuse(np.isfinite(values) & (values > 0), f"{column} must be above zero and finite", column)
        blank = [self._name(row) for row, currency in enumerate(self.currency.tolist()) if not is_id(currency)]
        if blank:
            raise BadTable(f"a currency is 1 to {ID_LENGTH_MAX} printable characters, was not for {blank[:5]}")

    def _name(self, row: int) -> str:
        return self.names[row]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The ids as plain text, in the order of the axis."""
        return tuple(self.id.tolist())

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.names)}

    @cached_property
    def code(self) -> Int64:
        """Every place on the axis, 0 to n - 1; a table that has this very column covers the whole axis, in order."""
        code = np.arange(len(self.names), dtype=np.int64)
        code.setflags(write=False)
        return code

    @cached_property
    def empty(self) -> dict[type, object]:
        """The tables without rows that have been made along this axis, by their kind."""
        return {}

    @cached_property
    def unit(self) -> Float64:
        """What one lot at price 1 is worth: lot_size x multiplier."""
        unit = self.lot_size * self.multiplier
        unit.setflags(write=False)
        return unit

    @cached_property
    def digest(self) -> UInt64:
        """A hash of each id, of 62 bits, as the last half of a UUID: what an order id takes from its instrument."""
        joined = b"".join(blake2b(name.encode(), digest_size=8, person=b"instrument").digest() for name in self.names)
        digest = as_half(np.frombuffer(joined, dtype=">u8").astype(np.uint64))
        digest.setflags(write=False)
        return digest

    @cached_property
    def currencies(self) -> tuple[str, ...]:
        """The currencies of the axis, each once."""
        return tuple(sorted(set(self.currency.tolist())))

    def __len__(self) -> int:
        return len(self.names)

    def locate(self, names: Iterable[str]) -> Int64:
        """
        Return the codes of *names*.

        Raises:
            UnknownInstrument: some are not on the axis; the message names them.
        """
        wanted = list(names)
        missing = [name for name in wanted if name not in self._codes]
        if missing:
            known = ", ".join(self.names[:8]) + (" …" if len(self) > 8 else "")  # noqa: PLR2004 - as many as a line holds.
            wrong = ", ".join(map(repr, missing[:5]))
            raise UnknownInstrument(f"unknown instrument {wrong}; known are {known or 'none'}")
        return np.array([self._codes[name] for name in wanted], dtype=np.int64)

    def spread(self, instrument: Int64, values: Float64) -> Float64:
        """Lay opinions along the axis: NaN where nobody said anything."""
        if instrument is self.code:
            return values
        laid = np.full(len(self), np.nan)
        laid[instrument] = values
        return laid

    def total(self, instrument: Int64, amounts: NDArray[Number]) -> NDArray[Number]:
        """Add amounts up along the axis: 0 where there are none."""
        if instrument is self.code:
            return amounts
        laid = np.zeros(len(self), amounts.dtype)
        np.add.at(laid, instrument, amounts)
        return laid


def as_half(numbers: UInt64) -> UInt64:
    """Return the last 62 bits of *numbers* as they lie in the last half of a UUID, whose first bits are its variant."""
    return cast("UInt64", (numbers & _LOW).astype(">u8").view(HALF))


@frozen(eq=False, slots=False)
class OnAxis(Table[Row]):
    """A table whose rows belong to instruments: *on* is the axis, *instrument* the column of codes into it."""

    on: Instruments
    instrument: Int64

    @classmethod
    def none(cls, on: Instruments) -> Self:
        """Return a table along *on* without rows, the same one each time."""
        empty = on.empty.get(cls)
        if empty is None:
            columns = [each.name for each in fields(cls) if each.name != "on" and each.default is NOTHING]
            nothing: dict[str, Any] = dict.fromkeys(columns, ())
            empty = on.empty[cls] = cls(on=on, **nothing)
        return cast("Self", empty)

    def _name(self, row: int) -> str:
        return self.on.names[int(self.instrument[row])]

    def _item(self, name: str, value: np.generic) -> object:
        return self.on.names[value.item()] if name == "instrument" else super()._item(name, value)

    def _words(self, name: str) -> Sequence[str] | None:
        return self.on.names if name == "instrument" else super()._words(name)

    def __len__(self) -> int:
        return len(self.instrument)

    def _check(self) -> None:
        inside = (self.instrument >= 0) & (self.instrument < len(self.on))
        if not inside.all():
            outside = self.instrument[~inside][:5].tolist()
            raise BadTable(f"instrument codes must lie on the axis of {len(self.on)}, was {outside}")

    @property
    def instrument_id(self) -> Text:
        """The ids of the instruments, row by row."""
        return self.on.id[self.instrument]


def one_axis(on: Instruments, *others: Instruments) -> Instruments:
    """
    Return the axis *on*, which the *others* must be too.

    Raises:
        BadTable: they are different ones, on which codes mean different instruments.
    """
    for other in others:
        if other is not on and other != on:
            raise BadTable(f"tables that meet lie along one axis, were along {on.names[:5]} and {other.names[:5]}")
    return on
