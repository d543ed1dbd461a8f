"""The whole decision, worked out: sized, planned and screened, before anything is recorded or sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from .columns import repeated
from .errors import DomainError
from .orders import Orders
from .planner import ExecutionPlan, Reason, Refusals, plan_orders, size_targets, superseded
from .risk import NO_LIMITS, Basket, Limits, screen
from .targets import Unit
from .terms import MARKET_DAY, OrderTerms

if TYPE_CHECKING:
    from typing import Any

    from attrs import Attribute

    from .account import Account
    from .plan_key import PlanKey
    from .positions import Positions
    from .table import Bool, Float64
    from .targets import Targets


def _rate(_: object, attribute: Attribute[Any], value: float) -> None:
    if not 0 <= value < 1:
        raise DomainError(f"{attribute.name} is a fraction of what is traded, from 0 to below 1, was {value}")


@frozen
class Rules:
    """
    How decisions become orders: the terms of orders, the limits on them, and whether weights are scaled to the cash.

    Units: cost_rate is what trading is expected to cost, as a fraction of what is traded.
    """

    terms: OrderTerms = MARKET_DAY
    limits: Limits = NO_LIMITS
    fit_to_cash: bool = True
    cost_rate: float = field(default=0.0, validator=_rate)


@frozen
class Situation:
    """
    What a decision meets: *positions* (marked, along the axis), *working* orders, the *account*, and the session.

    *price* and *volume* of the session lie along the axis; what has no price now (NaN) is not traded now.
    """

    positions: Positions
    working: Orders
    account: Account
    price: Float64
    volume: Float64


def plan_execution(key: PlanKey, targets: Targets, met: Situation, rules: Rules) -> ExecutionPlan:
    """Return the plan of the decision *key*: the orders that may leave, and everything else with its reason."""
    positions, account = met.positions, met.account
    if targets.want_nothing:
        exact = repeated(np.nan, len(targets.on), np.float64)
        orders, refusals = Orders.none(targets.on), Refusals.none(targets.on)
    else:
        exact = _sized(targets, met, rules)
        orders = plan_orders(exact, positions, met.working, met.price, key=key, terms=rules.terms)
        refusals = unknowns(targets, exact, positions, met.price)
    if len(orders) and not rules.limits.are_off:
        basket = Basket(orders, positions, met.working, positions.price, met.volume, account.equity)
        passed, refused = screen(basket, rules.limits)
        if len(refused):
            orders = orders[passed]
            refusals = Refusals.concat([refusals, refused])
    return ExecutionPlan(
        key=key, targets=targets, exact=exact, price=met.price, equity=account.equity, orders=orders, refusals=refusals
    )


def overtaken(targets: Targets, met: Situation, rules: Rules) -> Bool:
    """Return which working orders do not lead to *targets* any more, and are to be cancelled before more is asked."""
    return superseded(_sized(targets, met, rules), met.positions, met.working)


def _sized(targets: Targets, met: Situation, rules: Rules) -> Float64:
    fits = rules.fit_to_cash and targets.unit is Unit.WEIGHT
    return size_targets(
        targets,
        met.positions,
        met.price,
        equity=met.account.equity,
        cash=met.account.cash if fits else None,
        cost_rate=rules.cost_rate,
    )


def unknowns(targets: Targets, exact: Float64, positions: Positions, price: Float64) -> Refusals:
    """Return what is targeted, or held and to be closed, and cannot be sized: for want of target, price or equity."""
    on = targets.on
    unknown = np.isnan(exact)
    if not np.count_nonzero(unknown):
        return Refusals.none(on)
    said = np.zeros(len(on), np.bool_)
    said[targets.instrument] = True
    silent = np.zeros(len(on), np.bool_)
    silent[targets.instrument] = np.isnan(targets.amount)
    concerned = said | (positions.along().lots != 0) if targets.complete else said
    rows = np.flatnonzero(unknown & concerned)
    nothing = np.full(len(rows), np.nan)
    unsized = np.where(price[rows] > 0, Reason.EQUITY_UNKNOWN, Reason.PRICE_UNKNOWN)
    reason = np.where(silent[rows], Reason.TARGET_UNKNOWN, unsized).astype(np.int8)
    none = np.zeros(len(rows), np.int64)
    return Refusals(on, rows, leg=none.astype(np.int8), lots=none, reason=reason, value=nothing, limit=nothing)
