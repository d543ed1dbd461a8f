"""The port for brokers."""

from __future__ import annotations

from abc import abstractmethod
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Protocol

from attrs import field, frozen

from ..domain.table import Ids, Int8, Table, Text, ids, int8, text, uuid

if TYPE_CHECKING:
    from uuid import UUID

    from ..domain.account import Account
    from ..domain.fills import Fills
    from ..domain.orders import Orders
    from ..domain.positions import Positions


class Outcome(IntEnum):
    """What became of asking: it works, it is there already, it did not happen, or nobody knows yet."""

    ACCEPTED = 1
    KNOWN = 2
    REFUSED = 3
    UNKNOWN = 4


@frozen
class Receipt:
    """What a broker answered for one order."""

    order: UUID
    outcome: Outcome
    reason: str


@frozen(eq=False, slots=False)
class Receipts(Table[Receipt]):
    """What a broker answered, one row an order, in the order of the asking; *reason* is empty where there is none."""

    _row: ClassVar[type] = Receipt
    _plain: ClassVar = {"order": uuid, "outcome": Outcome}

    order: Ids = field(converter=ids)
    outcome: Int8 = field(converter=int8)
    reason: Text = field(converter=text)


@frozen
class Reports:
    """What a broker has told since it was last asked: *orders* as they now stand, and the *fills* that are new."""

    orders: Orders
    fills: Fills


class BrokerPort(Protocol):
    """
    Sends orders to a venue and brings back fills.

    Time: never blocks longer than the adapter's own time-out; callers own the pace.
    Sharing: one caller at a time.
    """

    @abstractmethod
    def submit(self, orders: Orders) -> Receipts:
        """
        Ask the venue to work *orders*; one receipt an order, in the same order.

        Units: lots, signed; prices in the instrument's currency.
        Again: the same id is accepted once; sent again it answers KNOWN, never a second order.
        Partly: each order has its own outcome, ACCEPTED, KNOWN, REFUSED or UNKNOWN.
            UNKNOWN may be working at the venue: reconcile, never resend blindly.
        Empty: an empty table does nothing and answers an empty table.

        Raises:
            BrokerUnavailable: nothing was sent; safe to retry.
        """

    @abstractmethod
    def cancel(self, orders: Orders) -> Receipts:
        """
        Ask the venue to stop working *orders*; what is filled stays filled.

        Again: an order that is no longer open answers KNOWN.
        Partly: each order has its own outcome; REFUSED is an order that the venue does not have.
        Empty: an empty table does nothing and answers an empty table.

        Raises:
            BrokerUnavailable: nothing was sent; safe to retry.
        """

    @abstractmethod
    def poll(self) -> Reports:
        """
        Return what has happened since the last poll.

        Again: every fill is told once; an order is told whenever it has changed.
        Order: fills come in the order in which they happened; the filled lots of an order are the sum of its fills.
        Empty: where nothing has happened both tables are empty.

        Raises:
            BrokerUnavailable: nothing is lost; the next poll tells it.
        """

    @abstractmethod
    def working(self) -> Orders:
        """Return the orders that may still be filled, as they stand after the last poll."""

    @abstractmethod
    def positions(self) -> Positions:
        """
        Return what is held, along the whole axis, as it stands after the last poll; marked where prices are known.

        Units: lots, signed.
        """

    @abstractmethod
    def account(self) -> Account:
        """Return cash, equity and buying power as they stand after the last poll."""
