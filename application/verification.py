"""Whether what is recorded of a run holds together: rows against rows, and each day against the fills before it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import Factory, define, field, frozen

from ..domain.positions import Positions
from ..ports.audit import OFFENDERS_MAX, Check, Claim
from ..ports.repository import Extent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..domain.fills import Fills
    from ..domain.table import Float64
    from ..ports.audit import Evidence, RunAudit
    from ..ports.repository import Run, Snapshot

TOLERANCE = 1e-10
"""How much of an amount may be off: what adding up in another order leaves uncertain, and no more."""


@frozen
class Verification:
    """What came of verifying *run*, which is RUNNING, COMPLETE, FAILED or INTERRUPTED."""

    run: Run
    status: str
    checks: tuple[Check, ...]

    @property
    def violations(self) -> int:
        """How many violations were found; 0 where the record holds together."""
        return sum(check.violations for check in self.checks)

    @property
    def extent(self) -> Extent:
        """How much of the run was to be recorded, by the settings that it was asked with."""
        chosen = self.run.config.get("backtest")
        is_summary = isinstance(chosen, Mapping) and chosen.get("record") == Extent.SUMMARY.value
        return Extent.SUMMARY if is_summary else Extent.ALL


def verify(audit: RunAudit, name: str) -> Verification:
    """
    Hold what is recorded of the run *name* against every claim of it.

    A run that is not COMPLETE is verified up to its last whole day. Of one that keeps its figures alone there are no
    rows to verify.

    Raises:
        UnknownRun: no run of that name is recorded.
        StoreUnavailable: the record could not be read.
    """
    with audit.examine(name) as evidence:
        ledger = Ledger(evidence.run.initial_cash)
        for fills, snapshot in evidence.days:
            ledger.follow(fills, snapshot)
        verified = Verification(evidence.run, evidence.status, (*evidence.checks, *ledger.checks()))
        if evidence.status != "COMPLETE" or verified.extent is Extent.SUMMARY:
            return verified
        return Verification(evidence.run, evidence.status, (*verified.checks, counted(evidence)))


def counted(evidence: Evidence) -> Check:
    """Return whether the figures of a run count what is recorded of it."""
    wrong = [
        f"{name}: the figures say {evidence.result.get(name)}, recorded are {count}"
        for name, count in evidence.counts.items()
        if evidence.result.get(name) != count
    ]
    return Check(Claim.FIGURES_COUNT, len(evidence.counts), len(wrong), tuple(wrong))


@define(eq=False)
class Tally:
    """Counts the rows that were held against *claim*, and those that break it."""

    claim: Claim
    rows: int = 0
    violations: int = 0
    offenders: list[str] = Factory(list)

    def note(self, rows: int, violations: int, offenders: Iterable[str]) -> None:
        """Note that of *rows* more there are *violations*, the *offenders*, of which the first may be named."""
        self.rows += rows
        self.violations += violations
        if violations:
            self.offenders += islice(offenders, OFFENDERS_MAX - len(self.offenders))

    def check(self) -> Check:
        """Return what came of it."""
        return Check(self.claim, self.rows, self.violations, tuple(self.offenders))


@define(eq=False)
class Ledger:
    """Keeps the book that fills make of the initial *cash*, and holds each day's snapshot against it."""

    cash: float
    _held: Positions | None = field(default=None, init=False)
    _traded: Float64 = field(factory=lambda: np.zeros(1), init=False)
    _largest: float = field(default=0.0, init=False)
    _lots: Tally = field(factory=lambda: Tally(Claim.LOTS_FOLLOW), init=False)
    _cost: Tally = field(factory=lambda: Tally(Claim.COST_FOLLOWS), init=False)
    _cash: Tally = field(factory=lambda: Tally(Claim.CASH_FOLLOWS), init=False)
    _equity: Tally = field(factory=lambda: Tally(Claim.EQUITY_FOLLOWS), init=False)

    def follow(self, fills: Fills, snapshot: Snapshot) -> None:
        """Book the *fills* of a day, and look whether its *snapshot* says what they come to."""
        on = fills.on
        held = (Positions.flat(on) if self._held is None else self._held).after(fills)
        traded = on.total(fills.instrument, np.abs(fills.notional))
        self._held, self._traded = held, np.maximum(self._traded, traded)
        self.cash += fills.cash
        self._largest = max(self._largest, abs(self.cash), float(traded.sum()))
        self._look_at_positions(held, snapshot)
        self._look_at_money(snapshot)

    def _look_at_positions(self, held: Positions, snapshot: Snapshot) -> None:
        told, names, day = snapshot.positions, held.on.names, snapshot.key.as_of_date
        whole = told.along()
        wrong = np.flatnonzero(whole.lots != held.lots)
        said = (f"{day} {names[at]}: {whole.lots[at]} lots, the fills are {held.lots[at]}" for at in wrong)
        self._lots.note(len(told), len(wrong), said)
        at = told.instrument
        cost, profit, traded = held.cost[at], held.realized_pnl[at], self._traded[at]
        right = near(told.cost, cost, traded) & near(told.realized_pnl, profit, traded)
        odd = np.flatnonzero(~right)
        said = (
            f"{day} {names[at[row]]}: cost {told.cost[row]:.15g} and realised profit {told.realized_pnl[row]:.15g},"
            f" by the fills {cost[row]:.15g} and {profit[row]:.15g}"
            for row in odd
        )
        self._cost.note(len(told), len(odd), said)

    def _look_at_money(self, snapshot: Snapshot) -> None:
        account, day = snapshot.account, snapshot.key.as_of_date
        right = near(account.cash, self.cash, self._largest)
        said = f"{day}: cash {account.cash:.15g}, by the fills {self.cash:.15g}"
        self._cash.note(1, int(not right), [said])
        value = snapshot.positions.market_value
        equity = account.cash + float(value.sum())
        # What is held without a mark has no value that is known, and the equity then has none either.
        right = near(account.equity, equity, float(np.abs(value).sum())) | (np.isnan(equity) & np.isnan(account.equity))
        said = f"{day}: equity {account.equity:.15g}, cash and what is held are {equity:.15g}"
        self._equity.note(1, int(not right), [said])

    def checks(self) -> Iterator[Check]:
        """Yield what came of it."""
        for tally in (self._lots, self._cost, self._cash, self._equity):
            yield tally.check()


def near(told: Float64 | float, worked_out: Float64 | float, scale: Float64 | float) -> np.ndarray[Any, Any]:
    """Tell where *told* is what was *worked_out*, for amounts as large as *scale* or these; what is NaN is not."""
    size = np.maximum(np.maximum(np.abs(told), np.abs(worked_out)), scale)
    return np.asarray(np.abs(np.subtract(told, worked_out)) <= TOLERANCE * size)
