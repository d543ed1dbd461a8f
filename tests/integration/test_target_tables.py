"""A table of targets that was made along an axis of its own meets the run's axis."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
import pytest

from execbridge import open_bridge
from execbridge.adapters.targets.tables import TargetTable
from execbridge.domain.bars import Panel
from execbridge.domain.instruments import Instruments
from execbridge.ports.errors import RunFailed

from .endless_run import FIRST
from .record import write_many_prices

LAST = FIRST + np.timedelta64(9, "D").item()


def wanted(on: Instruments) -> TargetTable:
    """Want a share of each instrument, from the first day on."""
    return TargetTable(on, np.full(len(on), FIRST, "M8[D]"), on.code, np.ones(len(on)))


def test_prices_are_read_once_for_targets_along_an_equal_axis(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_many_prices(dsn, 3, 10)
    read: list[str] = []

    def noted(ask: Callable[..., Panel]) -> Callable[..., Panel]:
        return lambda *asked: read.append("panel") or ask(*asked)

    with open_bridge(overrides={"database.dsn": dsn}) as bridge:
        monkeypatch.setattr(type(bridge.prices), "panel", noted(type(bridge.prices).panel))
        targets = wanted(bridge.prices.instruments())
        assert bridge.run_sleeve(targets=targets, start_date=FIRST, end_date=LAST, run="equal").fills == 3
    assert read == ["panel"]


def test_targets_along_another_axis_are_refused(dsn: str) -> None:
    write_many_prices(dsn, 3, 10)
    with open_bridge(overrides={"database.dsn": dsn}) as bridge:
        targets = wanted(Instruments.of(attrs.evolve(each, lot_size=10.0) for each in bridge.prices.instruments()))
        with pytest.raises(RunFailed, match="one axis"):
            bridge.run_sleeve(targets=targets, start_date=FIRST, end_date=LAST, run="other")
