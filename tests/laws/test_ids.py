"""Ids: a pure function of the decision, the same whoever asks, and never shared."""

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import RFC_4122, UUID

import numpy as np
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from execbridge.domain.instruments import Instruments
from execbridge.domain.plan_key import Mode, PlanKey, Portfolio, fill_ids, order_ids

from ..strategies import Desk, desks, names
from .ledger import planned

ON = Instruments.of("ABCDEFGH")
portfolios = st.builds(
    Portfolio, id=names, mode=st.sampled_from(Mode), broker=names, account=names, run=st.none() | names
)
instants = st.datetimes(datetime(1960, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - as asked.
keys = st.builds(PlanKey, portfolio=portfolios, decision=names, as_of_date=st.dates(), timestamp=instants)
asked = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1), st.integers(0, 50)), unique=True, max_size=20)


def ids_of(key: PlanKey, rows: list[tuple[int, int, int]]) -> list[bytes]:
    code, leg, attempt = (np.array([row[part] for row in rows], np.int64) for part in range(3))
    return order_ids(key.id, ON, code, leg.astype(np.int8), attempt).tolist()


@given(keys, asked)
def test_the_same_order_has_the_same_id_and_every_other_leg_or_attempt_another(
    key: PlanKey, rows: list[tuple[int, int, int]]
) -> None:
    ids = ids_of(key, rows)
    assert ids == ids_of(evolve(key), rows)
    assert len(set(ids)) == len(rows)


@given(st.lists(keys, unique_by=lambda key: (key.portfolio, key.decision, key.as_of_date), max_size=6))
def test_another_portfolio_mode_account_decision_or_day_has_other_ids(several: list[PlanKey]) -> None:
    ids = [each for key in several for each in ids_of(key, [(0, 0, 0), (0, 1, 0)])]
    assert len(set(ids)) == 2 * len(several)


@given(keys, asked)
def test_ids_are_uuids_of_version_8_in_the_decisions_millisecond(
    key: PlanKey, rows: list[tuple[int, int, int]]
) -> None:
    since = max((key.timestamp - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1), 0)
    for each in [key.id, *(UUID(bytes=one) for one in ids_of(key, rows))]:
        assert (each.version, each.variant, each.int >> 80) == (8, RFC_4122, since)


@given(keys, st.integers(-12, 12))
def test_the_zone_in_which_an_instant_is_told_is_irrelevant(key: PlanKey, hours: int) -> None:
    elsewhere = evolve(key, timestamp=key.timestamp.astimezone(timezone(timedelta(hours=hours))))
    assert elsewhere.id == key.id
    assert elsewhere.instant == key.instant


@given(keys, asked, st.integers(1, 2**53))
def test_every_fill_of_every_order_has_an_id_of_its_own(
    key: PlanKey, rows: list[tuple[int, int, int]], count: int
) -> None:
    orders = np.array(ids_of(key, rows), "V16")
    fills = [
        fill for lots in (count, count + 1, -count - 2) for fill in fill_ids(orders, np.full(len(rows), lots)).tolist()
    ]
    assert len(set(fills)) == 3 * len(rows)
    assert set(fills).isdisjoint(orders.tolist())


@given(desks())
def test_a_plan_made_again_has_the_same_ids(desk: Desk) -> None:
    # Exact: the whole tables, ids included.
    assert planned(desk) == planned(desk)


def test_the_days_of_a_decision_are_apart() -> None:
    first = PlanKey(Portfolio("p"), "d", date(2024, 3, 1), datetime(2024, 3, 1, tzinfo=UTC))
    assert evolve(first, as_of_date=date(2024, 3, 2)).id != first.id
