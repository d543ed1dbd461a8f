"""One decision in rows: what it would come to, and what came of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...domain.orders import Status
from ...domain.planner import Reason, whole_lots
from ...ports.repository import Listing
from .summary import money

if TYPE_CHECKING:
    from ...application.bridge import ExecutionSummary
    from ...domain.planner import ExecutionPlan, Refusals

PLANNED = (
    "instrument_id", "action", "quantity", "order_type", "limit_price", "stop_price", "price", "expected_notional",
    "expected_cost", "target", "wanted_quantity", "residual_quantity", "reason",
)  # fmt: skip
DONE = (
    "instrument_id", "action", "quantity", "status", "filled_quantity", "average_price", "commission",
    "position", "order_id", "reason",
)  # fmt: skip

REASONS = {
    Reason.TARGET_UNKNOWN: "no target is known",
    Reason.PRICE_UNKNOWN: "no price is known",
    Reason.ORDER_NOTIONAL: "order notional {value:,.2f} is above the limit {limit:,.2f}",
    Reason.POSITION_NOTIONAL: "position notional {value:,.2f} would be above the limit {limit:,.2f}",
    Reason.GROSS_LEVERAGE: "gross leverage {value:.2f} would be above the limit {limit:.2f}",
    Reason.NET_LEVERAGE: "net leverage {value:.2f} would be above the limit {limit:.2f}",
    Reason.ORDER_COUNT: "{value:.0f} orders are more than the limit {limit:.0f}",
    Reason.PRICE_COLLAR: "its price is {value:.2%} from the last, the limit is {limit:.2%}",
    Reason.PARTICIPATION: "it is {value:.2%} of the day's volume, the limit is {limit:.2%}",
    Reason.EQUITY_UNKNOWN: "a fraction of equity means nothing where equity is not known, or not above zero",
    Reason.CLOSING_LEG: "the order that closes the opposite position is refused",
}


def said(reason: Reason, value: float = math.nan, limit: float = math.nan) -> str:
    """Return *reason* in words."""
    return REASONS[reason].format(value=value, limit=limit)


def planned(plan: ExecutionPlan, cost_rate: float) -> Listing:
    """Return *plan* in rows: its orders, what is not traded, and what is as it should be."""
    on, orders = plan.orders.on, plan.orders
    amount = plan.targets.along()
    wanted = np.where(np.isnan(plan.exact), np.nan, whole_lots(np.nan_to_num(plan.exact)) * on.lot_size)
    residual = plan.residual * on.lot_size
    rows: list[tuple[object, ...]] = []
    for order in orders:
        code = on.names.index(order.instrument)
        notional = abs(order.lots) * on.unit[code].item() * plan.price[code].item()
        opens = "the rest of a flip: opens" if order.leg else ""
        rows.append((
            order.instrument, "BUY" if order.lots > 0 else "SELL", abs(order.lots) * on.lot_size[code].item(),
            order.order_type.name, order.limit_price, order.stop_price, plan.price[code].item(), notional,
            notional * cost_rate, amount[code].item(), wanted[code].item(), residual[code].item(), opens,
        ))  # fmt: skip
    rows += [
        (
            name, "NOT TRADED", abs(lots) * on.lot_size[code].item(), None, None, None, plan.price[code].item(), None,
            None, amount[code].item(), wanted[code].item(), residual[code].item(), reason,
        )
        for code, name, lots, reason in _refused(plan.refusals)
    ]  # fmt: skip
    seen = {row[0] for row in rows}
    rows += [
        (
            on.names[code], "KEEP", 0.0, None, None, None, plan.price[code].item(), 0.0,
            0.0, amount[code].item(), wanted[code].item(), residual[code].item(), "is as it should be",
        )
        for code in plan.targets.instrument.tolist()
        if on.names[code] not in seen
    ]  # fmt: skip
    return Listing(PLANNED, rows)


def verdict(plan: ExecutionPlan, cost_rate: float) -> str:
    """Return the plan in one sentence."""
    orders = plan.orders
    notional = float((np.abs(orders.lots) * orders.on.unit[orders.instrument] * plan.price[orders.instrument]).sum())
    return (
        f"{len(orders)} orders, {len(plan.refusals)} not traded; expected notional {money(notional)},"
        f" cost {money(notional * cost_rate)}; equity {money(plan.equity)}. Nothing was sent."
    )


def outcome(done: ExecutionSummary) -> Listing:
    """Return what came of a decision in rows: its orders, and what was not traded."""
    on = done.positions.on
    quantity = done.positions.along().lots * on.lot_size
    rows: list[tuple[object, ...]] = []
    for order in done.orders:
        code = on.names.index(order.instrument)
        size = on.lot_size[code].item()
        own = done.fills[done.fills.order == np.void(order.id.bytes)]
        filled = float(np.abs(own.lots).sum())
        average = float((np.abs(own.lots) * own.price).sum()) / filled if filled else math.nan
        rows.append((
            order.instrument, "BUY" if order.lots > 0 else "SELL", abs(order.lots) * size, Status(order.status).name,
            filled * size, average, float(own.commission.sum()), quantity[code].item(), str(order.id), "",
        ))  # fmt: skip
    rows += [
        (
            name, "NOT TRADED", abs(lots) * on.lot_size[code].item(), None, None, None, None, quantity[code].item(),
            None, reason,
        )
        for code, name, lots, reason in _refused(done.refusals)
    ]  # fmt: skip
    return Listing(DONE, rows)


def _refused(refusals: Refusals) -> list[tuple[int, str, int, str]]:
    """Return the refusals: code and id of the instrument, lots, and the reason in words."""
    names = refusals.on.names
    return [
        (names.index(row.instrument), row.instrument, row.lots, said(row.reason, row.value, row.limit))
        for row in refusals
    ]
