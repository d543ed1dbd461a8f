"""The one call: from targets to orders, fills and a recorded position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import Factory, evolve, frozen

from ..domain.columns import looked_up, only
from ..domain.errors import DomainError
from ..domain.execution_plan import Rules, Situation, overtaken, plan_execution
from ..domain.fills import Fills
from ..domain.orders import Orders, Status
from ..ports.broker import Outcome
from ..ports.repository import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from ..domain.account import Account
    from ..domain.instruments import Instruments
    from ..domain.plan_key import PlanKey, Portfolio
    from ..domain.planner import ExecutionPlan, Refusals
    from ..domain.positions import Positions
    from ..domain.targets import Targets
    from ..ports.broker import BrokerPort, Reports
    from ..ports.clock import Clock
    from ..ports.prices import PriceFeed
    from ..ports.repository import ExecutionRepository, Recorded

ANSWERED: Mapping[Outcome, Status] = {
    Outcome.ACCEPTED: Status.ACCEPTED,
    Outcome.KNOWN: Status.ACCEPTED,
    Outcome.REFUSED: Status.REJECTED,
    Outcome.UNKNOWN: Status.UNKNOWN,
}
"""What a broker's answer makes of an order."""

_STATUS_OF = np.zeros(len(Outcome) + 1, np.int8)
_STATUS_OF[list(ANSWERED)] = list(ANSWERED.values())


@frozen
class ExecutionSummary:
    """
    What came of one decision.

    *orders* and *fills* are those of this decision, *earlier* the fills of other orders that were learnt of meanwhile,
    *positions* (marked, along the axis) and *account* what was held once it was carried out. *plan* has sizes and
    residuals; None where the decision had been recorded before and was not planned again.
    """

    key: PlanKey
    orders: Orders
    fills: Fills
    refusals: Refusals
    positions: Positions
    account: Account
    earlier: Fills
    plan: ExecutionPlan | None = None


@frozen
class ExecutionBridge:
    """
    Carry out decisions for one portfolio at one broker.

    The same lines run every mode; which broker, repository, prices and clock they meet is the container's choice.
    *connect* brings the broker once the portfolio is held, and is told the day that the portfolio has come to: a broker
    whose book is our record reads it there, when nobody else writes it any more.
    """

    connect: Callable[[date | None], BrokerPort]
    repository: ExecutionRepository
    prices: PriceFeed
    clock: Clock
    rules: Rules = Factory(Rules)

    def apply_execution_plan(self, key: PlanKey, targets: Targets) -> ExecutionSummary:
        """
        Bring the portfolio to *targets*, as the decision *key*, and return what came of it.

        Working orders that do not lead to the targets any more are cancelled first; those that do count as asked for.
        Recorded before sent: the plan is committed before its first order leaves, under ids that a restart computes
        again. Applying the same key again returns the recorded outcome and sends nothing; a key that was recorded but
        not carried out is carried out as it was planned, unless it would be planned otherwise by now.

        Raises:
            PortfolioHeld: another process works on this portfolio; nothing happened.
            BrokerUnavailable, StoreUnavailable, FeedUnavailable: apply the same key again when it is back.
            DomainError: the targets break a rule, or the decision of that name is another day's or was overtaken;
                nothing happened.
        """
        return self.decide(key, targets.on, lambda _: targets)

    def decide(self, key: PlanKey, on: Instruments, choose: Callable[[BrokerPort], Targets]) -> ExecutionSummary:
        """
        Do the same for targets along *on* that *choose* says only once it is known what earlier orders have come to.

        Raises:
            As `apply_execution_plan`, and what *choose* raises; then earlier fills are recorded, and nothing else.
        """
        with self.repository.hold(key.portfolio) as latest:
            recorded = self.repository.recall(key, on)
            if recorded is not None:
                return self._resume(key, choose, recorded, latest)
            broker = self.connect(latest)
            earlier = self._collect(broker, key.portfolio)
            targets = choose(broker)
            met = self._situation(broker, targets)
            if len(met.working) and (stale := overtaken(targets, met, self.rules)).any():
                broker.cancel(met.working[stale])
                earlier = Fills.concat([earlier, self._collect(broker, key.portfolio)])
                met = self._situation(broker, targets)
            plan = plan_execution(key, targets, met, self.rules)
            self.repository.record_plan(plan)
            sent = self._send(broker, plan.orders)
            reports, snapshot = self._settle(broker, key)
            orders, fills, others = _own(sent, reports)
            if len(others):
                earlier = Fills.concat([earlier, others])
            return ExecutionSummary(
                key, orders, fills, plan.refusals, snapshot.positions, snapshot.account, earlier, plan
            )

    def _resume(
        self, key: PlanKey, choose: Callable[[BrokerPort], Targets], recorded: Recorded, latest: date | None
    ) -> ExecutionSummary:
        """Carry out what was planned and not yet carried out, as it was planned and while it leads to the targets."""
        known, on = recorded.key, recorded.orders.on
        if known.as_of_date != key.as_of_date:
            rule = f"the decision {key.decision!r} is that of {known.as_of_date}; give that of {key.as_of_date} a name"
            raise DomainError(rule)
        if recorded.snapshot is None:
            broker = self.connect(latest)
            self._collect(broker, key.portfolio)
            self._refuse_overtaken(broker, known, choose(broker), recorded.orders)
            self._send(broker, recorded.orders)
            self._settle(broker, known)
            recorded = self.repository.recall(key, on) or recorded
        return _remembered(recorded)

    def _refuse_overtaken(self, broker: BrokerPort, key: PlanKey, targets: Targets, recorded: Orders) -> None:
        """Refuse to send what is left of a plan where the same decision would ask for something else by now."""
        unsent = recorded[recorded.status == Status.PENDING]
        if not len(unsent):
            return
        now = plan_execution(key, targets, self._situation(broker, targets), self.rules).orders
        if now.id.tolist() != unsent.id.tolist() or now.lots.tolist() != unsent.lots.tolist():
            rule = (
                f"the decision {key.decision!r} was planned and not sent, and by now asks for something else:"
                " another decision has come between, or its targets or rules are others; apply them under a new name"
            )
            raise DomainError(rule)

    def preview(self, key: PlanKey, targets: Targets) -> ExecutionPlan:
        """
        Return the plan that `apply_execution_plan` would carry out now; nothing is recorded or sent.

        Raises:
            As `apply_execution_plan`.
        """
        with self.repository.hold(key.portfolio) as latest:
            met = self._situation(self.connect(latest), targets)
            left = met.working[~overtaken(targets, met, self.rules)]
            return plan_execution(key, targets, evolve(met, working=left), self.rules)

    def _collect(self, broker: BrokerPort, portfolio: Portfolio) -> Fills:
        reports = broker.poll()
        if len(reports.orders) or len(reports.fills):
            self.repository.record_reports(portfolio, reports.orders, reports.fills)
        return reports.fills

    def _settle(self, broker: BrokerPort, key: PlanKey) -> tuple[Reports, Snapshot]:
        """Ask how orders stand, and record it with what is held now, in one transaction."""
        reports = broker.poll()
        snapshot = Snapshot(key, broker.positions(), broker.account())
        self.repository.record_reports(key.portfolio, reports.orders, reports.fills, snapshot)
        return reports, snapshot

    def _situation(self, broker: BrokerPort, targets: Targets) -> Situation:
        bars = self.prices.bars(targets.on, self.clock.today())
        return Situation(
            positions=broker.positions(),
            working=broker.working(),
            account=broker.account(),
            price=bars.close,
            volume=bars.volume,
        )

    def _send(self, broker: BrokerPort, orders: Orders) -> Orders:
        """Send those *orders* that never were, record the answers, and return all of them as they then stand."""
        sent = orders
        if only(orders.status) != Status.PENDING:
            sent = orders[orders.status == Status.PENDING]
            if not len(sent):
                return orders
        receipts = broker.submit(sent)
        answered = sent.moved(looked_up(_STATUS_OF, receipts.outcome))
        self.repository.record_receipts(answered, receipts)
        return _as_told(orders, answered)


def _remembered(recorded: Recorded) -> ExecutionSummary:
    """Return the summary of a decision that was carried out before."""
    snapshot = recorded.snapshot
    assert snapshot is not None, "Invariant: only an outcome is remembered."
    return ExecutionSummary(
        recorded.key,
        recorded.orders,
        recorded.fills,
        recorded.refusals,
        snapshot.positions,
        snapshot.account,
        Fills.none(recorded.orders.on),
    )


def _as_told(orders: Orders, told: Orders) -> Orders:
    """Return *orders*, in their order, as *told* has them where it has them."""
    if told.id is orders.id:
        return told
    place = {order: len(orders) + row for row, order in enumerate(told.id.tolist())}
    rows = [place.get(order, row) for row, order in enumerate(orders.id.tolist())]
    return Orders.concat([orders, told])[np.array(rows, np.int64)]


def _own(orders: Orders, reports: Reports) -> tuple[Orders, Fills, Fills]:
    """Return *orders* as *reports* tell them, the fills that are theirs, and the fills of others."""
    if reports.orders.id is orders.id or not len(reports.fills):
        return _as_told(orders, reports.orders), reports.fills, Fills.none(orders.on)
    own = set(orders.id.tolist())
    mine = np.array([order in own for order in reports.fills.order.tolist()], np.bool_)
    return _as_told(orders, reports.orders), reports.fills[mine], reports.fills[~mine]
