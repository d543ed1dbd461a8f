from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from execbridge.domain.errors import DomainError
from execbridge.domain.instruments import Instruments
from execbridge.domain.plan_key import Mode, PlanKey, Portfolio, fill_ids, order_ids
from execbridge.domain.table import uuid

OWNER = Portfolio("growth", Mode.PAPER, "alpaca", "PA1", "run-7")
KEY = PlanKey(OWNER, "rebalance", date(2024, 3, 1), datetime(2024, 3, 1, 21, tzinfo=UTC))


def test_ids_are_those_that_were_recorded_before() -> None:
    on = Instruments.of(["AAPL"])
    order = order_ids(KEY.id, on, np.array([0]), np.array([0], np.int8), np.array([0]))
    assert str(KEY.id) == "018dfbd1-1480-8beb-845b-8ecfad5e2043"
    assert str(uuid(order[0])) == "018dfbd1-1480-8beb-97e2-7cdfa9a68c55"


@pytest.mark.parametrize(
    "other",
    [
        evolve(KEY, decision="rebalance2"),
        evolve(KEY, as_of_date=date(2024, 3, 4)),
        evolve(KEY, portfolio=evolve(OWNER, id="value")),
        evolve(KEY, portfolio=evolve(OWNER, mode=Mode.LIVE)),
        evolve(KEY, portfolio=evolve(OWNER, broker="ibkr")),
        evolve(KEY, portfolio=evolve(OWNER, account="PA2")),
        evolve(KEY, portfolio=evolve(OWNER, run=None)),
    ],
)
def test_whatever_names_a_decision_is_in_its_id(other: PlanKey) -> None:
    assert other.id != KEY.id


def test_later_decisions_have_larger_ids() -> None:
    assert evolve(KEY, timestamp=datetime(2024, 3, 1, 21, 0, 0, 1000, tzinfo=UTC)).id > KEY.id


def test_decisions_before_1970_have_ids_too() -> None:
    old = evolve(KEY, as_of_date=date(1929, 10, 24), timestamp=datetime(1929, 10, 24, 21, tzinfo=UTC))
    assert old.id.version == 8
    assert old.instant == np.datetime64("1929-10-24T21:00", "us")


def test_names_do_not_run_together() -> None:
    first = Portfolio("ab", broker="c")
    second = Portfolio("b", broker="ca")
    assert evolve(KEY, portfolio=first).id != evolve(KEY, portfolio=second).id


@pytest.mark.parametrize("name", ["id", "broker", "account", "run"])
@pytest.mark.parametrize("value", ["", " growth", "a\x1fb", "x" * 65])
def test_what_names_a_portfolio_is_printable(name: str, value: str) -> None:
    with pytest.raises(DomainError, match=f"{name} is 1 to 64 printable characters"):
        evolve(OWNER, **{name: value})


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"decision": ""}, "decision is 1 to 64 printable characters .* was ''"),
        ({"timestamp": datetime(2024, 3, 1)}, "timestamp is an instant with its time zone, was"),  # noqa: DTZ001 - refused.
        ({"as_of_date": datetime(2024, 3, 1, tzinfo=UTC)}, "as_of_date is a date without a time, was"),
    ],
)
def test_what_does_not_name_a_decision_is_refused(fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(DomainError, match=rule):
        evolve(KEY, **fields)


def test_every_other_row_of_ids_has_fills_too() -> None:
    on = Instruments.of("ABCD")
    orders = order_ids(KEY.id, on, on.code, np.zeros(4, np.int8), np.zeros(4, np.int64))
    assert fill_ids(orders[::2], np.array([1, 1])).tolist() == fill_ids(orders, np.ones(4, np.int64))[::2].tolist()
