"""The journal that keeps nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from execbridge.application.container import open_bridge
from execbridge.ports.repository import Listed, Selection

if TYPE_CHECKING:
    from pathlib import Path

    from execbridge.application.backtest import RunResult

DAYS = ("2024-01-02", "2024-01-03", "2024-01-04")


def ran(dsn: str, prices: Path, record: str) -> RunResult:
    """Run the same backtest, and record so much of it."""
    asked = {"database.dsn": dsn, "prices.files": [str(prices)], "backtest.record": record, "slippage.bps": 5.0}
    with open_bridge(overrides=asked) as bridge:
        return bridge.run_sleeve(
            targets=lambda view: {"AAA": view.day.day * 10, "BBB": -5},
            start_date=date(2024, 1, 2),
            end_date=date(2024, 1, 4),
            run=record,
        )


def listed(dsn: str, what: Listed, run: str) -> list[tuple[object, ...]]:
    """Return the rows that are recorded of *run*."""
    with open_bridge(overrides={"database.dsn": dsn}) as bridge:
        return bridge.rows(what, Selection(run=run, since=datetime(2000, 1, 1, tzinfo=UTC))).rows


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """A file of prices that rise by one a day."""
    bars = [
        f"{day},{name},{price + at},{price + at},{price + at},{price + at},1000"
        for at, day in enumerate(DAYS)
        for name, price in (("AAA", 10), ("BBB", 20))
    ]
    file = tmp_path / "prices.csv"
    file.write_text("\n".join(["date,instrument_id,open,high,low,close,volume", *bars]))
    return file


def test_a_summary_has_the_figures_of_the_whole_and_none_of_its_rows(dsn: str, prices: Path) -> None:
    whole, summary = ran(dsn, prices, "all"), ran(dsn, prices, "summary")
    assert summary.performance == whole.performance
    assert summary.equity.tolist() == whole.equity.tolist()
    assert summary.positions == whole.positions
    assert (summary.orders, summary.fills) == (whole.orders, whole.fills) == (4, 4)
    assert len(listed(dsn, "orders", "all")) == len(listed(dsn, "fills", "all")) == summary.fills
    assert listed(dsn, "orders", "summary") == listed(dsn, "fills", "summary") == []
    assert listed(dsn, "positions", "summary") == []
    assert "COMPLETE" in listed(dsn, "runs", "summary")[0]
