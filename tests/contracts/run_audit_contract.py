"""What everyone who looks at recorded runs promises, sentence by sentence of the port."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import attrs
import pytest

from execbridge.domain.account import Account
from execbridge.domain.orders import Status
from execbridge.domain.plan_key import Mode, Portfolio
from execbridge.domain.positions import Positions
from execbridge.ports.audit import Claim
from execbridge.ports.errors import UnknownRun
from execbridge.ports.repository import Run, Snapshot

from .execution_repository_contract import ON, PRICE, filled, key_of, moved, plan_of, receipts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from execbridge.domain.fills import Fills
    from execbridge.ports.audit import Check, RunAudit
    from execbridge.ports.repository import ExecutionRepository, RunRepository, RunStatus

RUN = Run("spring", Portfolio("growth", run="spring"), date(2024, 3, 1), date(2024, 3, 31), 1e6, {"note": "first"})
SUMMER = attrs.evolve(RUN, name="summer", portfolio=Portfolio("growth", run="summer"))
PAPER = Portfolio("growth", Mode.PAPER)
FIGURES = {"orders": 7, "fills": 7}
OFFENDERS = {
    Claim.FILL_HAS_ORDER: "2024-03-01 AAPL fill ",
    Claim.ORDER_HAS_DECISION: "2024-03-01 AAPL order ",
    Claim.ORDER_IS_FILLED: "2024-03-01 AAPL order ",
    Claim.DECISION_HAS_OUTCOME: "2024-03-01 decision day 1",
    Claim.SNAPSHOT_HAS_DECISION: "2024-03-01 AAPL ",
    Claim.INSTRUMENT_HAS_SIZE: "AAPL",
}


def live_through(repository: ExecutionRepository, portfolio: Portfolio) -> list[tuple[Fills, Snapshot]]:
    """Record three days of *portfolio*, in which what is held grows, turns over and shrinks, and return them."""
    held, cash, days = Positions.flat(ON), RUN.initial_cash, []
    for day, lots in ((1, (5, -3, 0)), (2, (0, 3, 2)), (3, (0, 1, 2))):
        plan = plan_of(key_of(portfolio, f"day {day}", day), *lots, held=held)
        repository.record_plan(plan)
        accepted = moved(plan.orders, Status.ACCEPTED)
        repository.record_receipts(accepted, receipts_of(accepted))
        orders, fills = filled(accepted)
        fills = attrs.evolve(fills, timestamp=orders.timestamp, price=fills.price + day)
        held, cash = held.after(fills).mark(PRICE), cash + fills.cash
        snapshot = Snapshot(plan.key, held, Account.of(cash, held))
        repository.record_reports(portfolio, orders, fills, snapshot)
        days.append((fills, snapshot))
    return days


def begin_another_day(repository: ExecutionRepository, portfolio: Portfolio) -> None:
    """Record a fourth day that comes to no end."""
    repository.record_plan(plan_of(key_of(portfolio, "day 4", 4), 9, 9, 9))


class RunAuditContract:
    """The sentences of RunAudit, over a run of three days."""

    claims: frozenset[Claim]

    @pytest.fixture
    def audit(self) -> RunAudit:
        raise NotImplementedError

    @pytest.fixture
    def repository(self) -> Iterator[ExecutionRepository]:
        raise NotImplementedError

    @pytest.fixture
    def runs(self) -> RunRepository:
        raise NotImplementedError

    @pytest.fixture
    def damage(self) -> Callable[[Claim | None], None]:
        """What breaks a claim once, and no other, by what AAPL has on the first day; None loses all orders."""
        raise NotImplementedError

    @pytest.fixture
    def days(self, repository: ExecutionRepository, runs: RunRepository) -> list[tuple[Fills, Snapshot]]:
        """The days of a complete run, beside which there are others."""
        with runs.start(RUN), runs.start(SUMMER):
            live_through(repository, SUMMER.portfolio)
            live_through(repository, PAPER)
            days = live_through(repository, RUN.portfolio)
            runs.finish(RUN, "COMPLETE", FIGURES)
        return days

    def checks(self, audit: RunAudit, name: str = "spring") -> dict[Claim, Check]:
        with audit.examine(name) as evidence:
            return {check.claim: check for check in evidence.checks}

    def test_a_run_is_told_as_it_was_recorded(self, audit: RunAudit, days: list[tuple[Fills, Snapshot]]) -> None:
        with audit.examine("spring") as evidence:
            assert (evidence.run, evidence.status, evidence.result) == (RUN, "COMPLETE", FIGURES)
            assert evidence.counts == {"orders": 7, "fills": 7}

    def test_days_come_by_their_instant_with_the_fills_since_the_one_before(
        self, audit: RunAudit, days: list[tuple[Fills, Snapshot]]
    ) -> None:
        with audit.examine("spring") as evidence:
            told = list(evidence.days)
        assert [snapshot.key for _, snapshot in told] == [snapshot.key for _, snapshot in days]
        assert [snapshot.account for _, snapshot in told] == [snapshot.account for _, snapshot in days]
        assert [list(fills) for fills, _ in told] == [list(fills) for fills, _ in days]
        held = [list(snapshot.positions.held) for _, snapshot in told]
        assert held == [list(snapshot.positions.held) for _, snapshot in days]
        closed = [row.instrument for _, snapshot in told for row in snapshot.positions if not row.lots]
        assert closed == ["AAPL"]

    def test_every_claim_holds_of_what_was_recorded(self, audit: RunAudit, days: list[tuple[Fills, Snapshot]]) -> None:
        checks = self.checks(audit)
        assert checks.keys() == self.claims
        assert [check for check in checks.values() if check.violations or check.offenders] == []
        rows = {claim: check.rows for claim, check in checks.items() if claim is not Claim.KEYS_ARE_THERE}
        expected = {
            Claim.FILL_HAS_ORDER: 7,
            Claim.ORDER_HAS_DECISION: 7,
            Claim.ORDER_IS_FILLED: 7,
            Claim.DECISION_HAS_OUTCOME: 3,
            Claim.SNAPSHOT_HAS_DECISION: 7,
            Claim.INSTRUMENT_HAS_SIZE: 3,
        }
        assert rows == {claim: count for claim, count in expected.items() if claim in self.claims}

    @pytest.mark.parametrize(("claim", "named"), OFFENDERS.items(), ids=lambda value: getattr(value, "name", ""))
    def test_what_breaks_a_claim_is_found_and_named(
        self,
        audit: RunAudit,
        days: list[tuple[Fills, Snapshot]],
        damage: Callable[[Claim | None], None],
        claim: Claim,
        named: str,
    ) -> None:
        if claim not in self.claims:
            pytest.skip(f"lacks: what breaks {claim.name}")
        damage(claim)
        broken = {check.claim: check for check in self.checks(audit).values() if check.violations}
        assert broken.keys() == {claim}
        assert broken[claim].violations == 1
        assert broken[claim].offenders[0].startswith(named)
        others = self.checks(audit, "summer")
        assert [check for check in others.values() if check.violations] == []

    def test_of_many_offenders_the_first_are_named(
        self, audit: RunAudit, days: list[tuple[Fills, Snapshot]], damage: Callable[[Claim | None], None]
    ) -> None:
        damage(None)
        check = self.checks(audit)[Claim.FILL_HAS_ORDER]
        assert (check.rows, check.violations) == (7, 7)
        assert [told[:16] for told in check.offenders] == [
            "2024-03-01 AAPL ",
            "2024-03-01 BRK.B",
            "2024-03-02 AAPL ",
            "2024-03-02 BRK.B",
            "2024-03-02 BRK.B",
        ]

    @pytest.mark.parametrize("status", ["FAILED", "RUNNING"])
    def test_a_run_that_is_not_complete_is_looked_at_up_to_its_last_whole_day(
        self, audit: RunAudit, repository: ExecutionRepository, runs: RunRepository, status: RunStatus
    ) -> None:
        with runs.start(RUN):
            live_through(repository, RUN.portfolio)
            begin_another_day(repository, RUN.portfolio)
            with audit.examine("spring") as evidence:
                assert evidence.status == "RUNNING"
            if status == "FAILED":
                runs.finish(RUN, status, {"date": "2024-03-04", "cause": "no idea"})
        with audit.examine("spring") as evidence:
            assert evidence.status == ("FAILED" if status == "FAILED" else "INTERRUPTED")
            assert evidence.counts == {"orders": 7, "fills": 7}
            assert len(list(evidence.days)) == 3
        checks = self.checks(audit)
        assert checks.keys() == self.claims - {Claim.KEYS_ARE_THERE}
        assert [check for check in checks.values() if check.violations] == []
        assert (checks[Claim.ORDER_HAS_DECISION].rows, checks[Claim.DECISION_HAS_OUTCOME].rows) == (7, 3)

    def test_of_a_complete_run_no_day_may_lack_its_end(
        self, audit: RunAudit, repository: ExecutionRepository, runs: RunRepository
    ) -> None:
        with runs.start(RUN):
            live_through(repository, RUN.portfolio)
            begin_another_day(repository, RUN.portfolio)
            runs.finish(RUN, "COMPLETE", FIGURES)
        check = self.checks(audit)[Claim.DECISION_HAS_OUTCOME]
        assert (check.rows, check.violations, check.offenders) == (4, 1, ("2024-03-04 decision day 4",))

    def test_a_run_that_recorded_nothing_has_nothing_to_look_at(self, audit: RunAudit, runs: RunRepository) -> None:
        with runs.start(RUN):
            runs.finish(RUN, "COMPLETE", {})
        with audit.examine("spring") as evidence:
            assert (list(evidence.days), set(evidence.counts.values())) == ([], {0})
            assert {(check.rows, check.violations) for check in evidence.checks} == {(0, 0)}

    def test_a_run_that_is_not_recorded_is_told_with_the_nearest_names(
        self, audit: RunAudit, days: list[tuple[Fills, Snapshot]]
    ) -> None:
        with pytest.raises(UnknownRun, match=r"'sprong' is recorded; did you mean 'spring'\?"), audit.examine("sprong"):
            pass
