"""The port for looking at what is recorded of a run: whether it holds together."""

from __future__ import annotations

from abc import abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from ..domain.fills import Fills
    from .repository import Run, Snapshot

OFFENDERS_MAX = 5
"""How many of those that break a claim are named."""


class Claim(Enum):
    """What is claimed of a run's record."""

    FILL_HAS_ORDER = "every fill has its order, of the same instrument"
    ORDER_HAS_DECISION = "every order has its decision"
    ORDER_IS_FILLED = "an order's filled lots are the sum of its fills"
    DECISION_HAS_OUTCOME = "every decision has its outcome"
    SNAPSHOT_HAS_DECISION = "every snapshot has its decision"
    INSTRUMENT_HAS_SIZE = "an instrument has one lot size and one multiplier"
    KEYS_ARE_THERE = "the run's tables have their keys"
    LOTS_FOLLOW = "positions are the sum of the fills"
    COST_FOLLOWS = "cost and realised profit follow from the fills"
    CASH_FOLLOWS = "cash is the initial cash and what fills did to it"
    EQUITY_FOLLOWS = "equity is cash and what is held at its marks"
    FIGURES_COUNT = "the run's figures count what is recorded"


@frozen
class Check:
    """
    What came of holding *rows* against a *claim*: how many *violations* there are, and the first *offenders*.

    Offenders begin with the day and the instrument, where they have one, and are in that order.
    """

    claim: Claim
    rows: int
    violations: int = 0
    offenders: tuple[str, ...] = ()


@frozen(eq=False)
class Evidence:
    """
    What is recorded of *run*, all of it as it was at one instant.

    *status* is RUNNING, COMPLETE, FAILED or INTERRUPTED, *result* what the run says of its end, *counts* how many
    "orders" and "fills" there are. *checks* are those of rows against rows. *days* are the decisions that were carried
    out, with the fills since the one before.
    """

    run: Run
    status: str
    result: Mapping[str, object]
    counts: Mapping[str, int]
    checks: Sequence[Check]
    days: Iterator[tuple[Fills, Snapshot]]


class RunAudit(Protocol):
    """
    Looks at what is recorded of a run, and changes nothing.

    Raises StoreUnavailable where the database is not reached or behind.
    """

    @abstractmethod
    def examine(self, name: str) -> AbstractContextManager[Evidence]:
        """
        Bring what is recorded of the run *name*; its days are read while they are asked for, within the context.

        A fill is of the first decision at or after its instant.
        Partly: a run that is not COMPLETE is looked at up to its last decision that was carried out.
            Orders of a decision after that are not whole yet, and have no claim to hold.
            Keys are claimed of a COMPLETE run alone.
            A claim that a store cannot break is left out.
        Order: days by their instant, fills as they were recorded.

        Raises:
            UnknownRun: no run of that name is recorded; the message says the nearest names.
        """
