"""What every repository of runs promises, sentence by sentence of the port."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

import attrs
import pytest

from execbridge.domain.plan_key import Portfolio
from execbridge.ports.errors import StoreConflict
from execbridge.ports.repository import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from execbridge.ports.repository import RunRepository, RunStatus

RUN = Run(
    "spring",
    Portfolio("growth", run="spring"),
    date(2024, 3, 1),
    date(2024, 3, 31),
    1_000_000.1,
    {"targets": {"unit": "weight", "of": ("AAPL", "東京")}, "slippage_bps": 5.0, "until": date(2024, 3, 31)},
)


class RunRepositoryContract:
    """The sentences of RunRepository."""

    @pytest.fixture
    def opened(self) -> Callable[[], RunRepository]:
        """What opens another repository over the same store, as another process would."""
        raise NotImplementedError

    @pytest.fixture
    def told(self) -> Callable[[str], tuple[str, object]]:
        """What tells the status and the result of a run by name, as a stranger sees them."""
        raise NotImplementedError

    @pytest.fixture
    def runs(self, opened: Callable[[], RunRepository]) -> RunRepository:
        return opened()

    def test_a_run_that_is_started_is_running(
        self, runs: RunRepository, told: Callable[[str], tuple[str, object]]
    ) -> None:
        with runs.start(RUN):
            assert told("spring") == ("RUNNING", {})

    @pytest.mark.parametrize(
        ("status", "result"),
        [("COMPLETE", {"orders": 12, "sharpe": 1 / 3}), ("FAILED", {"date": "2024-03-04", "cause": "no target"})],
    )
    def test_how_a_run_ended_is_recorded(
        self,
        runs: RunRepository,
        told: Callable[[str], tuple[str, object]],
        status: RunStatus,
        result: dict[str, object],
    ) -> None:
        with runs.start(RUN):
            runs.finish(RUN, status, result)
            assert told("spring") == (status, result)
        assert told("spring") == (status, result)

    def test_a_name_is_taken_once(
        self, opened: Callable[[], RunRepository], told: Callable[[str], tuple[str, object]]
    ) -> None:
        mine, theirs = opened(), opened()
        other = attrs.evolve(RUN, portfolio=Portfolio("income", run="spring"))
        with mine.start(RUN):
            for runs in (mine, theirs):
                with pytest.raises(StoreConflict, match=r"'spring'.*RUNNING.*another name"), runs.start(other):
                    pass
            assert told("spring") == ("RUNNING", {})
            mine.finish(RUN, "COMPLETE", {})
        with pytest.raises(StoreConflict, match=r"'spring'.*COMPLETE.*another name"), theirs.start(other):
            pass
        assert told("spring") == ("COMPLETE", {})

    def test_other_names_are_free(self, runs: RunRepository, told: Callable[[str], tuple[str, object]]) -> None:
        summer = attrs.evolve(RUN, name="summer", portfolio=Portfolio("growth", run="summer"))
        with runs.start(RUN), runs.start(summer):
            runs.finish(summer, "COMPLETE", {})
            assert (told("spring")[0], told("summer")[0]) == ("RUNNING", "COMPLETE")

    def test_a_run_that_nobody_holds_any_more_is_told_from_one_that_runs(
        self, opened: Callable[[], RunRepository], told: Callable[[str], tuple[str, object]]
    ) -> None:
        with suppress(ZeroDivisionError), opened().start(RUN):
            raise ZeroDivisionError
        assert told("spring") == ("INTERRUPTED", {})
        with pytest.raises(StoreConflict, match=r"'spring'.*INTERRUPTED.*another name"), opened().start(RUN):
            pass
        assert told("spring") == ("INTERRUPTED", {})

    def test_a_run_ends_once(self, runs: RunRepository, told: Callable[[str], tuple[str, object]]) -> None:
        with pytest.raises(StoreConflict, match="spring"):
            runs.finish(RUN, "COMPLETE", {})
        with runs.start(RUN):
            runs.finish(RUN, "FAILED", {"date": "2024-03-04", "cause": "no target"})
            with pytest.raises(StoreConflict, match="COMPLETE"):
                runs.finish(RUN, "COMPLETE", {})
        assert told("spring") == ("FAILED", {"date": "2024-03-04", "cause": "no target"})
