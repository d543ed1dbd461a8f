"""What every execution repository promises, sentence by sentence of the port."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pytest

from execbridge.domain.account import Account
from execbridge.domain.errors import UnknownInstrument
from execbridge.domain.fills import Fills
from execbridge.domain.instruments import Instrument, Instruments
from execbridge.domain.orders import Orders, OrderType, Status, TimeInForce
from execbridge.domain.plan_key import PlanKey, Portfolio, fill_ids
from execbridge.domain.planner import ExecutionPlan, Reason, Refusals, plan_orders
from execbridge.domain.positions import Positions
from execbridge.domain.targets import Targets
from execbridge.domain.terms import OrderTerms
from execbridge.ports.broker import Outcome, Receipts
from execbridge.ports.errors import PortfolioHeld, StoreConflict
from execbridge.ports.repository import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from execbridge.domain.table import Float64
    from execbridge.ports.repository import ExecutionRepository, Recorded

ON = Instruments.of(
    [Instrument("AAPL"), Instrument("BRK.B", lot_size=100.0), Instrument("ES=F", tick_size=0.25, multiplier=50.0)]
)
WIDER = Instruments.of([*ON, "MSFT", "A"])
PRICE = np.array([0.1 + 0.2, 4.0 / 3.0, 5_000.25])
NAN = float("nan")
MARKET = OrderTerms()
STOP_LIMIT = OrderTerms(OrderType.STOP_LIMIT, TimeInForce.GTC, limit_offset_bps=10, stop_offset_bps=5)


def key_of(portfolio: Portfolio, name: str = "first", day: int = 1) -> PlanKey:
    """Return the key of the decision *name* on a *day* of March."""
    return PlanKey(portfolio, name, date(2024, 3, day), datetime(2024, 3, day, 21, 0, 0, 123_457, tzinfo=UTC))


def plan_of(key: PlanKey, *lots: float, held: Positions | None = None, terms: OrderTerms = MARKET) -> ExecutionPlan:
    """Return the plan that brings the axis to *lots*, with one refusal of each kind of number."""
    exact = np.array(lots, float)
    positions = Positions.flat(ON) if held is None else held
    orders = plan_orders(exact, positions, Orders.none(ON), PRICE, key=key, terms=terms)
    refusals = Refusals(
        ON,
        [2, 0, 1],
        leg=[0, 1, 0],
        lots=[0, -7, 3],
        reason=[Reason.PRICE_UNKNOWN, Reason.GROSS_LEVERAGE, Reason.ORDER_NOTIONAL],
        value=[NAN, np.inf, 0.1 + 0.2],
        limit=[NAN, 2.0, 0.3],
    )
    targets = Targets.of(ON, {"AAPL": 1.5, "BRK.B": NAN})
    return ExecutionPlan(key, targets, exact, PRICE, 1_000.0, orders, refusals)


def filled(orders: Orders, lots: list[int] | None = None) -> tuple[Orders, Fills]:
    """Return *orders* filled by *lots* (all of them), and the fills."""
    done = orders.lots if lots is None else np.array(lots)
    total = orders.filled_lots + done
    status = np.where(total == orders.lots, Status.FILLED, Status.PARTIALLY_FILLED).astype(np.int8)
    at = orders.instrument
    fills = Fills(
        ON,
        at,
        id=fill_ids(orders.id, total),
        order=orders.id,
        lots=done,
        price=PRICE[at],
        commission=np.where(at == 0, -0.25, 1 / 3),
        timestamp=orders.timestamp + np.timedelta64(1, "us"),
    )
    return orders.moved(status, total), fills


def marked(positions: Positions, price: Float64 = PRICE) -> tuple[Positions, Account]:
    """Return *positions* marked at *price*, and an account that holds them."""
    held = positions.mark(price)
    return held, Account(1_000.1, 1_000.1 + float(held.market_value.sum()), 0.0)


def moved(orders: Orders, *status: Status) -> Orders:
    """Return *orders* in *status*, one each or one for all."""
    return orders.moved(np.resize(np.array(status, np.int8), len(orders)))


def receipts_of(orders: Orders, outcome: Outcome = Outcome.ACCEPTED, reason: str = "") -> Receipts:
    """Return the same answer for all *orders*."""
    return Receipts(orders.id, [outcome] * len(orders), [reason] * len(orders))


class ExecutionRepositoryContract:
    """The sentences of ExecutionRepository."""

    holds = True
    checks_order_ids = True
    keeps_many_portfolios = True

    @pytest.fixture
    def portfolio(self) -> Portfolio:
        return Portfolio("growth")

    @pytest.fixture
    def opened(self) -> Iterator[Callable[[], ExecutionRepository]]:
        """What opens another repository over the same store, as another process would."""
        raise NotImplementedError

    @pytest.fixture
    def repository(self, opened: Callable[[], ExecutionRepository]) -> ExecutionRepository:
        return opened()

    def needs(self, capability: str) -> None:
        if not getattr(self, capability):
            pytest.skip(f"lacks: {capability}")

    @contextmanager
    def carried_out(
        self, repository: ExecutionRepository, plan: ExecutionPlan, positions: Positions | None = None
    ) -> Iterator[Positions]:
        """Carry *plan* out, all filled, from *positions*, and give what is held then."""
        portfolio = plan.key.portfolio
        with repository.hold(portfolio):
            repository.record_plan(plan)
            accepted = moved(plan.orders, Status.ACCEPTED)
            repository.record_receipts(accepted, receipts_of(accepted))
            orders, fills = filled(accepted)
            held, account = marked((positions or Positions.flat(ON)).after(fills))
            repository.record_reports(portfolio, orders, fills, Snapshot(plan.key, held, account))
            yield held

    # Holding.

    def test_a_held_portfolio_is_refused_to_another_process(
        self, opened: Callable[[], ExecutionRepository], portfolio: Portfolio
    ) -> None:
        self.needs("holds")
        mine, theirs = opened(), opened()
        with mine.hold(portfolio), pytest.raises(PortfolioHeld, match="growth"), theirs.hold(portfolio):
            pass

    def test_a_portfolio_is_not_held_twice_by_the_same_process(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        self.needs("holds")
        with repository.hold(portfolio):
            with pytest.raises(PortfolioHeld), repository.hold(portfolio):
                pass
            with pytest.raises(PortfolioHeld), repository.hold(portfolio):
                pass

    def test_a_portfolio_is_held_until_the_context_ends_and_no_longer(
        self, opened: Callable[[], ExecutionRepository], portfolio: Portfolio
    ) -> None:
        self.needs("holds")
        mine, theirs = opened(), opened()
        with pytest.raises(ZeroDivisionError), mine.hold(portfolio):
            raise ZeroDivisionError
        with theirs.hold(portfolio), pytest.raises(PortfolioHeld), mine.hold(portfolio):
            pass
        with mine.hold(portfolio):
            pass

    def test_holding_one_portfolio_leaves_all_others_free(
        self, opened: Callable[[], ExecutionRepository], portfolio: Portfolio
    ) -> None:
        self.needs("holds")
        mine, theirs = opened(), opened()
        account, name = attrs.evolve(portfolio, account="other"), attrs.evolve(portfolio, id="income")
        with mine.hold(portfolio), theirs.hold(account), theirs.hold(name):
            pass

    def test_who_holds_a_portfolio_learns_the_day_that_it_has_come_to(
        self, opened: Callable[[], ExecutionRepository], portfolio: Portfolio
    ) -> None:
        self.needs("holds")
        first, second = opened(), opened()
        with first.hold(portfolio) as day:
            assert day is None
            late, early = key_of(portfolio, "late", 2), key_of(portfolio, "early", 1)
            first.record_plan(plan_of(late, 5, -3, 2))
            first.record_plan(plan_of(early, 5, -3, 2))
        with second.hold(portfolio) as day:
            assert day == late.as_of_date > early.as_of_date
        with second.hold(attrs.evolve(portfolio, account="other")) as day:
            assert day is None

    # Recalling.

    def test_of_what_was_never_recorded_nothing_is_recalled(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        assert repository.recall(key_of(portfolio), ON) is None
        assert repository.orders(portfolio, ON) == Orders.none(ON)
        assert repository.fills(portfolio, ON) == Fills.none(ON)

    def test_a_plan_is_recalled_with_its_orders_pending_and_its_refusals_and_no_snapshot(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2, terms=STOP_LIMIT)
        with repository.hold(portfolio):
            repository.record_plan(plan)
        recorded = told(repository, plan.key)
        assert recorded.key == plan.key
        assert recorded.orders == plan.orders
        assert (recorded.orders.status == Status.PENDING).all()
        assert recorded.refusals == plan.refusals
        assert recorded.fills == Fills.none(ON)
        assert recorded.snapshot is None

    def test_a_plan_without_orders_is_recorded_too(self, repository: ExecutionRepository, portfolio: Portfolio) -> None:
        plan = plan_of(key_of(portfolio), 0, 0, 0)
        with self.carried_out(repository, plan) as held:
            recorded = told(repository, plan.key)
        assert recorded.orders == Orders.none(ON)
        assert recorded.snapshot is not None
        assert recorded.snapshot.positions == held[[]]

    def test_what_is_recorded_is_read_back_to_the_last_bit(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        key = key_of(portfolio)
        plan = plan_of(key, 2**53, -(2**52), 1)
        with repository.hold(portfolio):
            repository.record_plan(plan)
            orders, fills = filled(moved(plan.orders, Status.ACCEPTED))
            held = Positions(
                ON,
                [0, 1, 2],
                [2**53, -1, 7],
                [0.1 + 0.2, -1e-300, 1e300],
                [-0.0, 1 / 3, -1e-300],
                [PRICE[0], NAN, 1e-9],
            )
            account = Account(-0.0, NAN, 1e22 / 3)
            repository.record_reports(portfolio, orders, fills, Snapshot(key, held, account))
        recorded = told(repository, key)
        assert recorded.orders == orders
        assert recorded.fills == fills
        assert recorded.snapshot is not None
        assert recorded.snapshot.positions == held
        assert repr(recorded.snapshot.account) == repr(account)

    def test_fills_recalled_are_those_of_the_decisions_own_orders(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        first, second = plan_of(key_of(portfolio), 5, 0, 0), plan_of(key_of(portfolio, "second", 2), 0, 4, 0)
        with self.carried_out(repository, first) as held, self.carried_once(repository, second, held):
            pass
        assert told(repository, first.key).fills == filled(moved(first.orders, Status.ACCEPTED))[1]
        assert told(repository, second.key).fills == filled(moved(second.orders, Status.ACCEPTED))[1]

    @contextmanager
    def carried_once(
        self, repository: ExecutionRepository, plan: ExecutionPlan, held: Positions
    ) -> Iterator[Positions]:
        """Carry *plan* out while the portfolio is held already."""
        repository.record_plan(plan)
        orders, fills = filled(moved(plan.orders, Status.ACCEPTED))
        after, account = marked(held.after(fills))
        repository.record_reports(plan.key.portfolio, orders, fills, Snapshot(plan.key, after, account))
        yield after

    def test_tables_are_laid_along_the_axis_that_is_asked_for(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        with self.carried_out(repository, plan) as held:
            recorded = repository.recall(plan.key, WIDER)
        assert recorded is not None
        assert recorded.snapshot is not None
        for table in (recorded.orders, recorded.fills, recorded.refusals, recorded.snapshot.positions):
            assert table.on is WIDER
        assert rows(recorded.orders) == rows(told(repository, plan.key).orders)
        assert rows(recorded.snapshot.positions) == rows(held)
        assert rows(repository.orders(portfolio, WIDER)) == rows(repository.orders(portfolio, ON))
        assert rows(repository.fills(portfolio, WIDER)) == rows(repository.fills(portfolio, ON))

    def test_an_axis_that_lacks_an_instrument_is_refused(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        with self.carried_out(repository, plan_of(key_of(portfolio), 5, -3, 2)):
            pass
        for read in (repository.orders, repository.fills):
            with pytest.raises(UnknownInstrument, match="unknown instrument"):
                read(portfolio, ON[[0, 2]])

    # Recording plans.

    def test_a_decision_is_recorded_once(self, repository: ExecutionRepository, portfolio: Portfolio) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        again = plan_of(attrs.evolve(plan.key, timestamp=datetime(2024, 3, 1, 22, tzinfo=UTC)), 1, 1, 1)
        with repository.hold(portfolio):
            repository.record_plan(plan)
            for other in (plan, again):
                with pytest.raises(StoreConflict):
                    repository.record_plan(other)
        assert repository.orders(portfolio, ON) == plan.orders

    def test_a_decision_is_recalled_by_its_name_under_the_key_it_was_recorded_with(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        with repository.hold(portfolio):
            repository.record_plan(plan)
        later = attrs.evolve(plan.key, timestamp=datetime(2024, 3, 1, 22, tzinfo=UTC))
        assert told(repository, later).key == plan.key
        assert told(repository, later).orders == plan.orders

    def test_an_order_id_that_is_recorded_refuses_the_whole_plan(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        self.needs("checks_order_ids")
        first, second = plan_of(key_of(portfolio), 5, -3, 2), plan_of(key_of(portfolio, "second", 2), 1, 1, 1)
        orders = Orders.trusted(**{**second.orders.__dict__, "id": first.orders.id})
        with repository.hold(portfolio):
            repository.record_plan(first)
            with pytest.raises(StoreConflict):
                repository.record_plan(attrs.evolve(second, orders=orders))
        assert repository.recall(second.key, ON) is None
        assert repository.orders(portfolio, ON) == first.orders

    # Recording receipts.

    def test_receipts_record_the_statuses_of_their_orders(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        answered = moved(plan.orders, Status.ACCEPTED, Status.REJECTED, Status.UNKNOWN)
        receipts = Receipts(
            answered.id,
            [Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNKNOWN],
            ["", "no such thing", "no \ud800 answer\0."],
        )
        with repository.hold(portfolio):
            repository.record_plan(plan)
            repository.record_receipts(answered, receipts)
        assert told(repository, plan.key).orders == answered

    def test_receipts_for_some_orders_leave_the_others_as_they_are(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        sent = moved(plan.orders[[2, 0]], Status.ACCEPTED)
        with repository.hold(portfolio):
            repository.record_plan(plan)
            repository.record_receipts(sent, receipts_of(sent))
        assert told(repository, plan.key).orders == moved(plan.orders, Status.ACCEPTED, Status.PENDING, Status.ACCEPTED)

    def test_no_receipts_record_nothing(self, repository: ExecutionRepository, portfolio: Portfolio) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        with repository.hold(portfolio):
            repository.record_plan(plan)
            repository.record_receipts(Orders.none(ON), receipts_of(Orders.none(ON)))
        assert told(repository, plan.key).orders == plan.orders

    # Recording reports.

    def test_reports_record_orders_fills_and_snapshot_together(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        with self.carried_out(repository, plan) as held:
            recorded = told(repository, plan.key)
        orders, fills = filled(moved(plan.orders, Status.ACCEPTED))
        assert recorded.orders == orders
        assert recorded.fills == fills
        assert recorded.snapshot is not None
        assert recorded.snapshot.key == plan.key
        assert recorded.snapshot.positions == held
        assert recorded.snapshot.account == marked(held)[1]

    def test_a_fill_that_is_recorded_is_left_as_it_is(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        with repository.hold(portfolio):
            repository.record_plan(plan)
            part, first = filled(moved(plan.orders, Status.ACCEPTED), [-1, 2, 1])
            whole, second = filled(part, [-2, 3, 1])
            other = Fills.trusted(**{**first.__dict__, "price": first.price * 2})
            repository.record_reports(portfolio, part, first[[0, 2]])
            repository.record_reports(portfolio, whole, Fills.concat([other, first, second, second]))
        expected = Fills.concat([first[[0, 2]], other[[1]], second])
        assert repository.fills(portfolio, ON) == expected
        assert told(repository, plan.key).orders == whole

    def test_fills_are_read_back_in_the_order_in_which_they_were_recorded(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        plan = plan_of(key_of(portfolio), 9, 9, 9)
        orders, expected = moved(plan.orders, Status.ACCEPTED), []
        with repository.hold(portfolio):
            repository.record_plan(plan)
            for lots in ([1, 3, 1], [2, 1, 2], [4, 1, 4]):
                orders, fills = filled(orders, lots)
                backwards = Fills.trusted(
                    **{**fills.__dict__, "timestamp": fills.timestamp - np.timedelta64(lots[0], "h")}
                )
                expected.append(backwards[[2, 0, 1]])
                repository.record_reports(portfolio, orders, expected[-1])
        assert repository.fills(portfolio, ON) == Fills.concat(expected)

    def test_a_second_snapshot_is_refused_and_nothing_with_it(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        with repository.hold(portfolio):
            repository.record_plan(plan)
            part, first = filled(moved(plan.orders, Status.ACCEPTED), [-1, 2, 1])
            held, account = marked(Positions.flat(ON).after(first))
            repository.record_reports(portfolio, part, first, Snapshot(plan.key, held, account))
            whole, second = filled(part, [-2, 3, 1])
            after, richer = marked(held.after(second))
            with pytest.raises(StoreConflict):
                repository.record_reports(portfolio, whole, second, Snapshot(plan.key, after, richer))
        recorded = told(repository, plan.key)
        assert recorded.orders == part
        assert recorded.fills == first
        assert recorded.snapshot == Snapshot(plan.key, held, account)

    def test_a_snapshot_of_what_was_never_decided_is_refused(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        key = key_of(portfolio)
        held, account = marked(Positions.flat(ON))
        with repository.hold(portfolio), pytest.raises(StoreConflict):
            repository.record_reports(portfolio, Orders.none(ON), Fills.none(ON), Snapshot(key, held, account))
        assert repository.recall(key, ON) is None

    def test_no_reports_record_nothing(self, repository: ExecutionRepository, portfolio: Portfolio) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        with repository.hold(portfolio):
            repository.record_plan(plan)
            repository.record_reports(portfolio, Orders.none(ON), Fills.none(ON))
        recorded = told(repository, plan.key)
        assert recorded.orders == plan.orders
        assert recorded.snapshot is None

    def test_no_status_goes_backwards(self, repository: ExecutionRepository, portfolio: Portfolio) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        accepted = moved(plan.orders, Status.ACCEPTED)
        part, fills = filled(accepted, [-1, 2, 1])
        with repository.hold(portfolio):
            repository.record_plan(plan)
            repository.record_reports(portfolio, part, fills)
            repository.record_receipts(accepted, receipts_of(accepted))
            assert told(repository, plan.key).orders == part
            cancelled = moved(part, Status.CANCELLED)
            repository.record_reports(portfolio, cancelled, Fills.none(ON))
            repository.record_reports(portfolio, part[[1, 0]], fills)
        assert told(repository, plan.key).orders == cancelled

    def test_an_order_that_is_told_twice_stands_as_it_was_told_last(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        part, first = filled(moved(plan.orders, Status.ACCEPTED), [-1, 2, 1])
        whole, second = filled(part, [-2, 3, 1])
        with repository.hold(portfolio):
            repository.record_plan(plan)
            repository.record_reports(portfolio, Orders.concat([part, whole, part]), Fills.concat([first, second]))
        assert told(repository, plan.key).orders == whole

    def test_orders_of_earlier_decisions_go_on_beside_new_ones(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        old, new = plan_of(key_of(portfolio), 5, -3, 2), plan_of(key_of(portfolio, "second", 2), 1, 1, 1)
        with repository.hold(portfolio):
            repository.record_plan(old)
            part, first = filled(moved(old.orders, Status.ACCEPTED), [-1, 2, 1])
            held, account = marked(Positions.flat(ON).after(first))
            repository.record_reports(portfolio, part, first, Snapshot(old.key, held, account))
            assert repository.orders(portfolio, ON) == part
            repository.record_plan(new)
            rest, second = filled(part[[0, 2]], [-2, 1])
            done, third = filled(moved(new.orders, Status.ACCEPTED))
            repository.record_reports(portfolio, Orders.concat([rest, done]), Fills.concat([second, third]))
        assert repository.orders(portfolio, ON) == Orders.concat([rest[[0]], part[[1]], rest[[1]], done])
        assert repository.fills(portfolio, ON) == Fills.concat([first, second, third])

    # Snapshots.

    def test_a_snapshot_has_what_is_held_and_what_was_just_closed_and_nothing_else(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        first = plan_of(key_of(portfolio), 5, 4, 0)
        with self.carried_out(repository, first) as held:
            second = plan_of(key_of(portfolio, "second", 2), 0, 4, 0, held=held)
            with self.carried_once(repository, second, held) as after:
                third = plan_of(key_of(portfolio, "third", 3), 0, 4, 0, held=after)
            with self.carried_once(repository, third, after):
                pass
        rows = {name: told(repository, plan.key).snapshot for name, plan in (("1", first), ("2", second), ("3", third))}
        named = {name: [row.instrument for row in told.positions] for name, told in rows.items() if told is not None}
        assert named == {"1": ["AAPL", "BRK.B"], "2": ["AAPL", "BRK.B"], "3": ["BRK.B"]}
        assert rows["2"] is not None
        assert rows["2"].positions == after[[0, 1]]

    def test_what_was_opened_and_closed_since_the_last_snapshot_is_told(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        plan = plan_of(key_of(portfolio), 5, -3, 0)
        with repository.hold(portfolio):
            repository.record_plan(plan)
            orders, fills = filled(moved(plan.orders, Status.ACCEPTED))
            repository.record_reports(portfolio, orders, fills)
            flat, account = marked(Positions.flat(ON))
            repository.record_reports(portfolio, Orders.none(ON), Fills.none(ON), Snapshot(plan.key, flat, account))
        recorded = told(repository, plan.key)
        assert recorded.snapshot is not None
        assert recorded.snapshot.positions == flat[[0, 1]]

    def test_what_an_earlier_order_closed_before_the_decision_is_told(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        first = plan_of(key_of(portfolio), 5, 4, 0)
        with self.carried_out(repository, first) as held:
            closing = plan_of(key_of(portfolio, "closing", 2), 0, 4, 0, held=held)
            repository.record_plan(closing)
            accepted = moved(closing.orders, Status.ACCEPTED)
            same, account = marked(held)
            repository.record_reports(portfolio, accepted, Fills.none(ON), Snapshot(closing.key, same, account))
            orders, fills = filled(accepted)
            repository.record_reports(portfolio, orders, fills)
            third = plan_of(key_of(portfolio, "third", 3), 0, 4, 0, held=held.after(fills))
            with self.carried_once(repository, third, held.after(fills)) as after:
                pass
        recorded = told(repository, third.key)
        assert recorded.snapshot is not None
        assert recorded.snapshot.positions == after[[0, 1]]

    def test_a_flat_book_is_a_snapshot_too(self, repository: ExecutionRepository, portfolio: Portfolio) -> None:
        with self.carried_out(repository, plan_of(key_of(portfolio), 0, 0, 0)):
            pass
        recorded = told(repository, key_of(portfolio))
        assert recorded.snapshot is not None
        assert len(recorded.snapshot.positions) == 0

    # Reading all of a portfolio.

    def test_orders_come_by_instant_sells_first_by_instrument_and_by_leg(
        self, repository: ExecutionRepository, portfolio: Portfolio
    ) -> None:
        held = Positions(ON, [0, 1, 2], [4, -4, 4], [4.0, -4.0, 4.0], [0.0] * 3, [NAN] * 3)
        later = plan_of(key_of(portfolio, "later", 2), -5, 5, 1, held=held)
        earlier = plan_of(key_of(portfolio, "earlier", 1), 5, -3, 2)
        with repository.hold(portfolio):
            repository.record_plan(later)
            repository.record_plan(earlier)
        assert repository.orders(portfolio, ON) == Orders.concat([earlier.orders, later.orders])
        assert later.orders.leg.tolist() == [0, 1, 0, 0, 1]

    def test_nothing_of_another_portfolio_is_read(self, repository: ExecutionRepository, portfolio: Portfolio) -> None:
        self.needs("keeps_many_portfolios")
        mine, theirs = (
            plan_of(key_of(portfolio), 5, 0, 0),
            plan_of(key_of(attrs.evolve(portfolio, account="b")), 0, 7, 0),
        )
        for plan in (mine, theirs):
            with self.carried_out(repository, plan):
                pass
        for plan in (mine, theirs):
            orders, fills = filled(moved(plan.orders, Status.ACCEPTED))
            assert repository.orders(plan.key.portfolio, ON) == orders
            assert repository.fills(plan.key.portfolio, ON) == fills

    def test_another_repository_reads_what_this_one_recorded(
        self, opened: Callable[[], ExecutionRepository], portfolio: Portfolio
    ) -> None:
        self.needs("holds")
        plan = plan_of(key_of(portfolio), 5, -3, 2)
        with self.carried_out(opened(), plan):
            pass
        mine, theirs = opened(), opened()
        assert told(theirs, plan.key) == told(mine, plan.key)


def rows(table: Orders | Fills | Positions) -> list[str]:
    """Return the rows of *table*, whatever its axis; written out, as NaN is not NaN."""
    return [str(row) for row in table]


def told(repository: ExecutionRepository, key: PlanKey) -> Recorded:
    """Return what is recalled of *key*, of which something is."""
    recorded = repository.recall(key, ON)
    assert recorded is not None
    return recorded
