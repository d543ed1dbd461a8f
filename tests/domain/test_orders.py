from typing import Any

import numpy as np
import pytest
from attrs import evolve

from execbridge.domain.errors import BadTable, BadTransition
from execbridge.domain.instruments import Instruments
from execbridge.domain.orders import TRANSITIONS, Orders, OrderType, Status, TimeInForce, may_follow

ON = Instruments.of(["AAPL", "MSFT"])
ROW = {
    "instrument": 0,
    "id": b"i" * 16,
    "decision": b"d" * 16,
    "leg": 0,
    "attempt": 0,
    "lots": 10,
    "order_type": OrderType.MARKET,
    "time_in_force": TimeInForce.DAY,
    "limit_price": np.nan,
    "stop_price": np.nan,
    "status": Status.PENDING,
    "filled_lots": 0,
    "triggered": False,
    "timestamp": np.datetime64("2024-03-01", "us"),
}


def order(**fields: Any) -> Orders:
    """Return a table of one order: a market order for ten lots unless *fields* say else."""
    return Orders(ON, **{name: [value] for name, value in {**ROW, **fields}.items()})


def int8(*values: int) -> Any:
    return np.array(values, np.int8)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"lots": 0}, r"at least one lot and at most 2\*\*53; lots was AAPL: 0"),
        ({"lots": 2**53 + 1}, "at least one lot"),
        ({"lots": -(2**63)}, "at least one lot"),
        ({"order_type": 9}, "order_type must be one of .*; order_type was AAPL: 9"),
        ({"time_in_force": 0}, "time_in_force must be one of"),
        ({"status": 10}, "status must be one of"),
        ({"limit_price": 5.0}, "limit_price is above zero where the order type has one, and NaN elsewhere"),
        ({"order_type": OrderType.LIMIT}, "limit_price is above zero"),
        ({"order_type": OrderType.LIMIT, "limit_price": -1.0}, "limit_price was AAPL: -1.0"),
        ({"order_type": OrderType.LIMIT, "limit_price": np.inf}, "limit_price was AAPL: inf"),
        ({"order_type": OrderType.STOP}, "stop_price is above zero"),
        ({"order_type": OrderType.STOP_LIMIT, "stop_price": 5.0}, "limit_price is above zero"),
        ({"filled_lots": -1}, "filled_lots lie between zero and lots; filled_lots was AAPL: -1"),
        ({"filled_lots": 11}, "filled_lots lie between zero and lots"),
        ({"lots": -10, "filled_lots": 5}, "filled_lots lie between zero and lots"),
        ({"status": Status.FILLED, "filled_lots": 9}, "FILLED all, PARTIALLY_FILLED some"),
        ({"status": Status.PARTIALLY_FILLED}, "FILLED all, PARTIALLY_FILLED some"),
        ({"status": Status.ACCEPTED, "filled_lots": 10}, "FILLED all, PARTIALLY_FILLED some"),
        ({"status": Status.CANCELLED, "filled_lots": 10}, "FILLED all, PARTIALLY_FILLED some"),
        ({"status": Status.REJECTED, "filled_lots": 1}, "FILLED all, PARTIALLY_FILLED some"),
        ({"leg": 2}, "a leg is 0, or 1 where it opens; leg was AAPL: 2"),
        ({"attempt": -1}, "attempts count from 0; attempt was AAPL: -1"),
        ({"timestamp": np.datetime64("NaT", "us")}, "an order has an instant; timestamp was AAPL: NaT"),
    ],
)
def test_what_no_order_can_be_is_refused(fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(BadTable, match=rule):
        order(**fields)


def test_an_id_stands_once_in_a_table() -> None:
    with pytest.raises(BadTable, match="an order id stands once"):
        Orders(ON, **{name: [value, value] for name, value in ROW.items()})


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.EXPIRED, Status.UNKNOWN])
@pytest.mark.parametrize("filled", [0, 4])
def test_what_ended_or_is_unknown_may_be_filled_in_part(status: Status, filled: int) -> None:
    assert order(status=status, filled_lots=filled)[0].filled_lots == filled


def test_what_remains_is_signed() -> None:
    assert order(lots=-10, status=Status.PARTIALLY_FILLED, filled_lots=-4).remaining_lots.tolist() == [-6]


@pytest.mark.parametrize(
    ("status", "filled", "is_open"),
    [
        (Status.PENDING, 0, True),
        (Status.SUBMITTED, 0, True),
        (Status.ACCEPTED, 0, True),
        (Status.PARTIALLY_FILLED, 5, True),
        (Status.UNKNOWN, 0, True),
        (Status.FILLED, 10, False),
        (Status.CANCELLED, 5, False),
        (Status.REJECTED, 0, False),
        (Status.EXPIRED, 0, False),
    ],
)
def test_an_order_is_open_while_it_may_be_filled(status: Status, filled: int, is_open: bool) -> None:
    assert order(status=status, filled_lots=filled).is_open.tolist() == [is_open]


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_a_status_follows_as_the_transitions_say(before: Status, after: Status) -> None:
    assert may_follow(int8(before), int8(after)).tolist() == [after is before or after in TRANSITIONS[before]]


def test_no_transition_leads_back() -> None:
    reached = {status: set(after) for status, after in TRANSITIONS.items()}
    for _ in Status:
        reached = {status: after.union(*(reached[each] for each in after)) for status, after in reached.items()}
    back = {status for status, after in reached.items() if status in after}
    assert back == {Status.ACCEPTED, Status.PARTIALLY_FILLED}


def test_an_order_moves_on() -> None:
    sent = order().moved(int8(Status.ACCEPTED))
    part = sent.moved(int8(Status.PARTIALLY_FILLED), np.array([4]))
    done = part.moved(int8(Status.FILLED), np.array([10]))
    assert [table[0].status for table in (sent, part, done)] == [
        Status.ACCEPTED,
        Status.PARTIALLY_FILLED,
        Status.FILLED,
    ]
    assert done.id is sent.id


@pytest.mark.parametrize(
    ("start", "status", "filled"),
    [
        ({"status": Status.FILLED, "filled_lots": 10}, Status.ACCEPTED, 10),
        ({"status": Status.CANCELLED}, Status.PARTIALLY_FILLED, 1),
        ({"status": Status.PARTIALLY_FILLED, "filled_lots": 5}, Status.PARTIALLY_FILLED, 4),
        ({"status": Status.ACCEPTED}, Status.FILLED, 9),
        ({"status": Status.ACCEPTED}, Status.FILLED, 11),
        ({"status": Status.ACCEPTED}, Status.PARTIALLY_FILLED, -5),
        ({"status": Status.ACCEPTED}, Status.PARTIALLY_FILLED, 0),
        ({"status": Status.ACCEPTED}, Status.CANCELLED, 10),
    ],
)
def test_no_order_goes_backwards_or_by_a_wrong_label(start: dict[str, Any], status: Status, filled: int) -> None:
    before = order(**start)
    rule = (
        rf"order 69696969-.* \(AAPL\) cannot go from {before[0].status.name}, {before[0].filled_lots} of 10 lots "
        rf"filled, to {status.name}, {filled} lots filled"
    )
    with pytest.raises(BadTransition, match=rule):
        before.moved(int8(status), np.array([filled]))


def test_a_stop_that_was_touched_stays_so() -> None:
    touched = order(order_type=OrderType.STOP, stop_price=9.0, status=Status.ACCEPTED, triggered=True)
    assert touched.moved(int8(Status.CANCELLED)).triggered.tolist() == [True]
    with pytest.raises(BadTransition):
        touched.moved(int8(Status.ACCEPTED), triggered=np.array([False]))


def test_a_row_is_changed_by_making_another() -> None:
    assert evolve(order()[0], lots=5).lots == 5
