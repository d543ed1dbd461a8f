"""Whoever looks at recorded runs keeps the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import LiteralString
from uuid import UUID

import attrs
import pytest

from execbridge.adapters.memory.audit import MemoryRunAudit
from execbridge.adapters.memory.repository import MemoryStore
from execbridge.adapters.postgres.audit import PostgresRunAudit
from execbridge.adapters.postgres.connection import connect
from execbridge.domain.instruments import Instruments
from execbridge.ports.audit import Claim, RunAudit
from execbridge.ports.errors import StoreUnavailable

from .run_audit_contract import RUN, RunAuditContract
from .stores import InMemory, InPostgres

NOBODY = UUID(int=7)

BY_ROWS = frozenset(
    {
        Claim.FILL_HAS_ORDER,
        Claim.ORDER_HAS_DECISION,
        Claim.ORDER_IS_FILLED,
        Claim.DECISION_HAS_OUTCOME,
        Claim.INSTRUMENT_HAS_SIZE,
    }
)


def damaged(store: MemoryStore, claim: Claim | None) -> None:
    """Break *claim* of the run in *store*, or lose its orders."""
    mine = [order for owner, order in store.orders.values() if owner == RUN.portfolio]
    decision = store.decisions[RUN.portfolio, "day 1"]
    first, owner = mine[0], RUN.portfolio
    assert first.instrument != "AAPL"
    (first,) = (order for order in mine if order.instrument == "AAPL" and order.decision == decision.key.id)
    (fill,) = (fill for _, fill in store.fills.values() if fill.order == first.id)
    if claim is None:
        store.orders = {}
    elif claim is Claim.FILL_HAS_ORDER:
        del store.orders[first.id]
    elif claim is Claim.ORDER_HAS_DECISION:
        store.orders[first.id] = owner, attrs.evolve(first, decision=NOBODY)
    elif claim is Claim.ORDER_IS_FILLED:
        store.fills[fill.id] = owner, attrs.evolve(fill, lots=fill.lots + 1)
    elif claim is Claim.DECISION_HAS_OUTCOME:
        decision.account = None
    else:
        decision.on = Instruments.of([attrs.evolve(decision.on[0], lot_size=7.0), *decision.on[1:]])


class TestMemoryRunAudit(InMemory, RunAuditContract):
    claims = BY_ROWS

    @pytest.fixture
    def audit(self, store: MemoryStore) -> RunAudit:
        return MemoryRunAudit(store)

    @pytest.fixture
    def damage(self, store: MemoryStore) -> Callable[[Claim | None], None]:
        return lambda claim: damaged(store, claim)


OF_RUN = "run_id = (SELECT run_id FROM backtest_runs WHERE name = 'spring')"
FIRST = f"{OF_RUN} AND timestamp < '2024-03-02' AND instrument_id = 'AAPL'"
DAMAGE: Mapping[Claim | None, LiteralString] = {
    None: f"DELETE FROM orders WHERE {OF_RUN}",
    Claim.FILL_HAS_ORDER: f"DELETE FROM orders WHERE {FIRST}",
    Claim.ORDER_HAS_DECISION: f"UPDATE orders SET decision_id = gen_random_uuid() WHERE {FIRST}",
    Claim.ORDER_IS_FILLED: f"UPDATE fills SET lots = lots + 1 WHERE {FIRST}",
    Claim.DECISION_HAS_OUTCOME: "UPDATE execution_plans p SET state = 'PLANNED' FROM decisions d"
    f" WHERE d.decision_id = p.decision_id AND {OF_RUN} AND name = 'day 1'",
    Claim.SNAPSHOT_HAS_DECISION: f"UPDATE positions_snapshots SET decision_id = gen_random_uuid() WHERE {FIRST}",
    Claim.INSTRUMENT_HAS_SIZE: f"UPDATE fills SET lot_size = 7 WHERE {FIRST}",
}


@pytest.mark.integration
class TestPostgresRunAudit(InPostgres, RunAuditContract):
    claims = BY_ROWS | {Claim.SNAPSHOT_HAS_DECISION, Claim.KEYS_ARE_THERE}

    @pytest.fixture(params=[1, 100_000])
    def audit(self, dsn: str, request: pytest.FixtureRequest) -> RunAudit:
        """Days are read one by one, and all of them at once."""
        return PostgresRunAudit(dsn, request.param)

    @pytest.fixture
    def damage(self, dsn: str) -> Callable[[Claim | None], None]:
        def done(claim: Claim | None) -> None:
            with closing(connect(dsn)) as connection:
                connection.execute(DAMAGE[claim])

        return done


def test_a_database_that_is_behind_says_what_to_run(empty_dsn: str) -> None:
    with (
        pytest.raises(StoreUnavailable, match="execbridge db migrate"),
        PostgresRunAudit(empty_dsn).examine("spring"),
    ):
        pass
