"""The risk screen: what is refused, and that the unknown always is."""

from typing import Any

import numpy as np
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from execbridge.domain.orders import Orders
from execbridge.domain.risk import NO_LIMITS, Basket, Limits, screen
from execbridge.domain.table import Float64

from .. import twins
from ..strategies import OPEN, desks, limits, orders, unknown_or
from .ledger import planned

equities = st.sampled_from([1e6, 5000.0, 0.0, -1.0, np.nan])
volumes = unknown_or(st.sampled_from([0.0, 10.0, 1e4]))


@st.composite
def baskets(draw: st.DrawFn) -> Basket:
    """Draw a basket: the orders of a plan, or any others."""
    desk = draw(desks())
    asked = planned(desk) if draw(st.booleans()) else draw(orders(desk.on, statuses=OPEN))
    volume = np.array([draw(volumes) for _ in desk.on], float)
    return Basket(asked, desk.positions, desk.working, desk.price, volume, draw(equities))


@frozen
class Verdict:
    """What a screen said."""

    passed: list[bool]
    refused: list[tuple[str, int, object]]


def said(basket: Basket, limits: Limits) -> Verdict:
    passed, refusals = screen(basket, limits)
    return Verdict(passed.tolist(), [(row.instrument, row.leg, row.reason) for row in refusals])


@given(baskets(), limits)
def test_screening_is_its_slow_twin(basket: Basket, limits: Limits) -> None:
    passed, refused = twins.screen(basket, limits)
    assert said(basket, limits) == Verdict(passed, list(refused))


@given(baskets(), limits)
def test_every_order_passes_or_has_one_reason(basket: Basket, limits: Limits) -> None:
    passed, refusals = screen(basket, limits)
    assert len(refusals) == (~passed).sum()
    assert sorted(refusals.lots.tolist()) == sorted(basket.orders.lots[~passed].tolist())


@given(baskets())
def test_without_limits_everything_passes(basket: Basket) -> None:
    assert all(said(basket, NO_LIMITS).passed)


@given(baskets(), limits)
def test_what_is_screened_again_passes_again_as_far_as_single_orders_go(basket: Basket, limits: Limits) -> None:
    single = evolve(limits, gross_leverage_max=None, net_leverage_max=None, position_notional_max=None)
    passed, _ = screen(basket, single)
    again = evolve(basket, orders=basket.orders[passed])
    assert all(said(again, single).passed)


def only(limit: str) -> Limits:
    """Return a *limit* that nothing known breaks."""
    generous: dict[str, Any] = {limit: 1e12}
    return Limits(**generous)


def unknown(basket: Basket) -> Float64:
    return np.full(len(basket.orders.on), np.nan)


@given(baskets(), st.sampled_from(["order_notional_max", "price_collar"]))
def test_without_a_price_no_limit_on_prices_is_kept(basket: Basket, limit: str) -> None:
    assert not any(said(evolve(basket, price=unknown(basket)), only(limit)).passed)


@given(baskets())
def test_without_a_volume_no_limit_on_participation_is_kept(basket: Basket) -> None:
    assert not any(said(evolve(basket, volume=unknown(basket)), Limits(participation_max=1e12)).passed)


@given(baskets(), st.sampled_from(["gross_leverage_max", "net_leverage_max"]), st.sampled_from([np.nan, 0.0, np.inf]))
def test_without_equity_only_what_reduces_passes_a_limit_on_leverage(basket: Basket, limit: str, equity: float) -> None:
    passed, _ = screen(evolve(basket, equity=equity), only(limit))
    held = basket.positions.along().lots[basket.orders.instrument]
    left = basket.orders[passed]
    assert (np.sign(left.lots) == -np.sign(held[passed])).all()
    assert (np.abs(left.lots) <= np.abs(held[passed])).all()
    assert (left.leg == 0).all()


@given(baskets(), limits)
def test_no_flip_opens_whose_close_was_refused(basket: Basket, limits: Limits) -> None:
    passed, _ = screen(basket, limits)
    kept, dropped = basket.orders[passed], basket.orders[~passed]
    opening: Orders = kept[kept.leg == 1]
    stuck = dropped.instrument[dropped.leg == 0]
    assert limits.are_off or not np.isin(opening.instrument, stuck).any()
