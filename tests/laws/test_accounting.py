"""Books: lots, cash, cost and profit after fills, whatever happens to them."""

from collections import defaultdict

import numpy as np
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from execbridge.domain.fills import Fills
from execbridge.domain.instruments import Instruments
from execbridge.domain.positions import Positions
from execbridge.domain.table import Float64

from .. import twins
from ..strategies import SESSION, Book, Market, books, lots, markets, prices, sizes

RELATIVE = 1e-9

ranks = st.permutations(range(8))


def moved(book: Book) -> float:
    """Return what all the fills and holdings of *book* came to: what money is uncertain by is small against it."""
    return float(np.abs(book.fills.notional).sum() + np.abs(book.positions.cost).sum() + 1)


def close(left: Float64, right: Float64, scale: float) -> bool:
    return bool((np.abs(left - right) <= RELATIVE * scale).all())


def marks(on: Instruments) -> Float64:
    return np.arange(1.0, len(on) + 1)


def with_lots(fills: Fills, lots: object) -> Fills:
    return Fills(**{**fills._fields(), "lots": lots})


def mirror(positions: Positions) -> Positions:
    turned = {name: -getattr(positions, name) for name in ("lots", "cost", "realized_pnl")}
    return Positions(**{**positions._fields(), **turned})


@frozen
class Trade:
    """One instrument: what is held of it, and one fill."""

    positions: Positions
    fills: Fills

    @property
    def after(self) -> Positions:
        return self.positions.after(self.fills)


def trade(held: int, price: float, traded: int, at: float) -> Trade:
    on = Instruments.of(["AAPL"])
    fill = Fills(on, [0], [b"f" * 16], [b"o" * 16], [traded], [at], [0.0], np.array([0], "M8[us]"))
    return Trade(Positions(on, [0], [held], [held * price], [0.0], [np.nan]), fill)


adding = st.builds(lambda held, by, price, at: trade(held, price, by, at), sizes, sizes, prices, prices)
reducing = st.builds(lambda left, by, price, at: trade(left + by, price, -by, at), sizes, sizes, prices, prices)
flipping = st.builds(lambda held, by, price, at: trade(held, price, -held - by, at), sizes, sizes, prices, prices)


@given(books())
def test_what_is_held_is_the_sum_of_the_fills(book: Book) -> None:
    total = book.on.total(book.fills.instrument, book.fills.lots)
    assert book.positions.after(book.fills).lots.tolist() == (book.positions.along().lots + total).tolist()


@given(books())
def test_the_book_is_that_of_exact_fractions(book: Book) -> None:
    after, exact = book.positions.after(book.fills), list(twins.fold(book.positions, book.fills).values())
    assert after.lots.tolist() == [state.lots for state in exact]
    assert close(after.cost, np.array([float(state.cost) for state in exact]), moved(book))
    assert close(after.realized_pnl, np.array([float(state.realized) for state in exact]), moved(book))


@given(books())
def test_the_average_cost_through_zero_is_that_of_exact_fractions(book: Book) -> None:
    held = book.positions.after(book.fills).held
    average = dict(zip(held.instrument_id.tolist(), held.avg_cost.tolist(), strict=True))
    assert average == pytest.approx(twins.average_costs(book.positions, book.fills), rel=RELATIVE)


@given(books())
def test_cash_is_conserved(book: Book) -> None:
    assert book.fills.cash == pytest.approx(float(twins.cash(book.fills)), abs=RELATIVE * moved(book))


@given(books())
def test_realised_and_unrealised_profit_less_commission_is_the_change_of_equity(book: Book) -> None:
    before, after = (held.mark(marks(book.on)) for held in (book.positions, book.positions.after(book.fills)))
    equity = book.fills.cash + float(after.market_value.sum() - before.market_value.sum())
    profit = (after.realized_pnl + after.unrealized_pnl - before.realized_pnl - before.unrealized_pnl).sum()
    scale = moved(book) + float(np.abs(after.market_value).sum() + np.abs(before.market_value).sum())
    assert equity == pytest.approx(float(profit) - float(book.fills.commission.sum()), abs=RELATIVE * scale)


@given(books(flat=True))
def test_once_flat_there_is_no_cost_and_all_profit_is_cash(book: Book) -> None:
    there = book.positions.after(book.fills)
    back = Fills.concat([book.fills, closing(there.held)])
    after = book.positions.after(back)
    assert after.lots.tolist() == [0] * len(book.on)
    # Exact: what is closed to the last lot takes all of its cost along.
    assert after.cost.tolist() == [0.0] * len(book.on)
    profit = float(after.realized_pnl.sum()) - float(back.commission.sum())
    assert back.cash == pytest.approx(
        profit, abs=2 * RELATIVE * moved(book) + RELATIVE * float(np.abs(back.notional).sum())
    )


def closing(held: Positions) -> Fills:
    ids = [bytes([row]) * 16 for row in range(1, len(held) + 1)]
    nothing, at = np.zeros(len(held)), np.full(len(held), 3.25)
    return Fills(held.on, held.instrument, ids, ids, -held.lots, at, nothing, np.zeros(len(held), "M8[us]"))


@given(books(), st.integers(-400, 400))
def test_a_late_fee_changes_cash_alone(book: Book, sixtyfourths: int) -> None:
    fee = np.full(len(book.fills), sixtyfourths / 64)
    late = Fills(**{**book.fills._fields(), "commission": book.fills.commission + fee})
    assert book.positions.after(late) == book.positions.after(book.fills)
    # Within rounding of a sum: the fees themselves are whole 64ths.
    assert book.fills.cash - late.cash == pytest.approx(float(fee.sum()), abs=RELATIVE * moved(book))


@given(books(flat=True))
def test_the_average_cost_lies_within_the_prices_paid(book: Book) -> None:
    paid = defaultdict(list)
    for fill in book.fills:
        paid[fill.instrument].append(fill.price)
    held = book.positions.after(book.fills).held
    for position, average in zip(held, held.avg_cost.tolist(), strict=True):
        seen = paid[position.instrument]
        assert min(seen) * (1 - RELATIVE) <= average <= max(seen) * (1 + RELATIVE)


@given(reducing)
def test_reducing_leaves_the_average_cost_as_it_is(trade: Trade) -> None:
    assert trade.after.avg_cost.tolist() == pytest.approx(trade.positions.avg_cost.tolist(), rel=RELATIVE)


@given(adding)
def test_adding_moves_the_average_cost_towards_the_price(trade: Trade) -> None:
    before, price, after = (*trade.positions.avg_cost, *trade.fills.price, *trade.after.avg_cost)
    assert min(before, price) * (1 - RELATIVE) <= after <= max(before, price) * (1 + RELATIVE)
    assert trade.after.realized_pnl.tolist() == [0]


@given(flipping)
def test_flipping_takes_the_price_as_average_cost(trade: Trade) -> None:
    assert trade.after.avg_cost.tolist() == pytest.approx(trade.fills.price.tolist(), rel=RELATIVE)


@given(flipping)
def test_a_flip_is_a_close_and_an_opening_at_its_price(trade: Trade) -> None:
    held, traded = trade.positions.lots, trade.fills.lots
    closed = trade.positions.after(with_lots(trade.fills, -held))
    opened = closed.after(with_lots(trade.fills, traded + held))
    assert opened.lots.tolist() == trade.after.lots.tolist()
    assert opened.cost.tolist() == pytest.approx(trade.after.cost.tolist(), rel=RELATIVE)
    assert opened.realized_pnl.tolist() == pytest.approx(trade.after.realized_pnl.tolist(), rel=RELATIVE)


@given(lots, prices, prices, st.lists(st.integers(1, 1000), min_size=1, max_size=5), st.sampled_from([1, -1]))
def test_one_large_fill_is_many_small_ones_at_its_price(
    held: int, price: float, at: float, parts: list[int], side: int
) -> None:
    whole = trade(held, price, side * sum(parts), at)
    split = Fills.concat([with_lots(whole.fills, [side * part]) for part in parts])
    after, scale = whole.positions.after(split), (abs(held) * price + sum(parts) * at)
    assert after.lots.tolist() == whole.after.lots.tolist()
    assert close(after.cost, whole.after.cost, scale)
    assert close(after.realized_pnl, whole.after.realized_pnl, scale)


@given(books())
def test_the_mirror_of_all_trades_is_the_mirror_of_the_book(book: Book) -> None:
    there = mirror(book.positions).after(with_lots(book.fills, -book.fills.lots))
    here = mirror(book.positions.after(book.fills))
    # Exact: floats are symmetric about zero.
    assert there.lots.tolist() == here.lots.tolist()
    assert there.cost.tolist() == here.cost.tolist()
    assert there.realized_pnl.tolist() == here.realized_pnl.tolist()


@given(books(), ranks)
def test_the_order_of_fills_changes_neither_lots_nor_cash_nor_total_profit(book: Book, order: list[int]) -> None:
    other = book.fills[np.argsort(np.array(order[: len(book.fills)], np.int64), kind="stable")]
    here, there = (book.positions.after(fills).mark(marks(book.on)) for fills in (book.fills, other))
    scale = moved(book) + float(np.abs(here.market_value).sum())
    assert there.lots.tolist() == here.lots.tolist()
    assert other.cash == pytest.approx(book.fills.cash, abs=RELATIVE * scale)
    assert close(there.realized_pnl + there.unrealized_pnl, here.realized_pnl + here.unrealized_pnl, scale)


@given(books(), st.integers(2, 20))
def test_a_split_changes_neither_cost_nor_profit(book: Book, ratio: int) -> None:
    positions = Positions(**{**book.positions._fields(), "lots": book.positions.lots * ratio})
    fills = Fills(**{**book.fills._fields(), "lots": book.fills.lots * ratio, "price": book.fills.price / ratio})
    after, before = positions.after(fills), book.positions.after(book.fills)
    assert after.lots.tolist() == (before.lots * ratio).tolist()
    assert close(after.cost, before.cost, moved(book))
    assert close(after.realized_pnl, before.realized_pnl, moved(book))
    assert fills.cash == pytest.approx(book.fills.cash, abs=RELATIVE * moved(book))


@given(books(), st.integers(0, 6))
def test_fills_in_two_batches_are_fills_in_one(book: Book, cut: int) -> None:
    first = book.positions.after(book.fills[:cut])
    # Exact: the same operations in the same order.
    assert first.after(book.fills[cut:]) == book.positions.after(book.fills)


@given(books(), st.data())
def test_two_portfolios_hold_together_what_one_would(book: Book, data: st.DataObject) -> None:
    count = len(book.fills)
    mine = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)), bool)
    both = book.positions.after(book.fills[mine]).lots + Positions.flat(book.on).after(book.fills[~mine]).lots
    assert both.tolist() == book.positions.after(book.fills).lots.tolist()
    apart = book.fills[mine].cash + book.fills[~mine].cash
    assert apart == pytest.approx(book.fills.cash, abs=RELATIVE * moved(book))


@given(books())
def test_marks_are_those_of_the_rows(book: Book) -> None:
    marked = book.positions.mark(marks(book.on))
    unit, price = twins.by_id(book.on, book.on.unit), twins.by_id(book.on, marks(book.on))
    value = [row.lots * unit[row.instrument] * price[row.instrument] for row in marked]
    # Exact: the same products in the same order.
    assert marked.market_value.tolist() == value
    assert marked.unrealized_pnl.tolist() == [worth - row.cost for worth, row in zip(value, marked, strict=True)]


@given(markets())
def test_every_fill_has_the_side_of_its_order_and_they_add_up_to_its_filled_lots(market: Market) -> None:
    after, fills = market.simulator.simulate(market.orders, market.bars, SESSION, market.taken_lots)
    total: dict[object, int] = defaultdict(int)
    for fill in fills:
        total[fill.order] += fill.lots
    for before, order in zip(market.orders, after, strict=True):
        assert order.filled_lots == before.filled_lots + total[order.id]
        assert abs(order.filled_lots) <= abs(order.lots)
        assert total[order.id] * order.lots >= 0
