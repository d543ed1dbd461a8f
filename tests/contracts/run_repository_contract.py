"""What every repository of runs promises, sentence by sentence of the port."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

import attrs
import pytest

from execbridge.domain.plan_key import Mode, Portfolio
from execbridge.domain.positions import Positions
from execbridge.ports.errors import RunHeld, StoreConflict, UnknownRun
from execbridge.ports.repository import Run

from .execution_repository_contract import ON, key_of
from .record_reader_contract import carry_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from execbridge.ports.repository import ExecutionRepository, RunRepository, RunStatus

RUN = Run(
    "spring",
    Portfolio("growth", run="spring"),
    date(2024, 3, 1),
    date(2024, 3, 31),
    1_000_000.1,
    {"targets": {"unit": "weight", "of": ("AAPL", "東京")}, "slippage_bps": 5.0, "until": date(2024, 3, 31)},
)
SUMMER = attrs.evolve(RUN, name="summer", portfolio=Portfolio("growth", run="summer"))
PAPER = Portfolio("growth", Mode.PAPER)


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
    def repository(self) -> Iterator[ExecutionRepository]:
        """What keeps the record of runs and of others in the same store."""
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
        with runs.start(RUN), runs.start(SUMMER):
            runs.finish(SUMMER, "COMPLETE", {})
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

    # Deleting.

    def test_a_run_is_deleted_with_everything_that_it_recorded_and_others_stay(
        self,
        runs: RunRepository,
        repository: ExecutionRepository,
        told: Callable[[str], tuple[str, object]],
    ) -> None:
        flat = Positions.flat(ON)
        with runs.start(RUN), runs.start(SUMMER):
            for portfolio in (RUN.portfolio, SUMMER.portfolio, PAPER):
                carry_out(repository, portfolio, 1, 5, -3, 0, held=flat)
            for run in (RUN, SUMMER):
                runs.finish(run, "COMPLETE", {})
        runs.delete("spring")
        assert recorded(repository, RUN.portfolio) == (0, 0, False)
        assert recorded(repository, SUMMER.portfolio) == recorded(repository, PAPER) == (2, 2, True)
        assert told("summer") == ("COMPLETE", {})
        with pytest.raises(UnknownRun, match="'spring'"):
            runs.delete("spring")

    @pytest.mark.parametrize("status", ["COMPLETE", "FAILED", "RUNNING"])
    def test_the_name_of_a_run_that_is_deleted_is_free_again(
        self,
        runs: RunRepository,
        repository: ExecutionRepository,
        told: Callable[[str], tuple[str, object]],
        status: RunStatus,
    ) -> None:
        """RUNNING and held by nobody: it was interrupted."""
        for end in (status, "COMPLETE"):
            with runs.start(RUN):
                carry_out(repository, RUN.portfolio, 1, 5, -3, 0, held=Positions.flat(ON))
                if end != "RUNNING":
                    runs.finish(RUN, end, {})
            assert told("spring")[0] == ("INTERRUPTED" if end == "RUNNING" else end)
            assert recorded(repository, RUN.portfolio) == (2, 2, True)
            runs.delete("spring")

    def test_a_run_that_recorded_nothing_is_deleted(self, runs: RunRepository) -> None:
        with runs.start(RUN):
            pass
        runs.delete("spring")
        with runs.start(RUN):
            pass

    def test_a_run_that_is_running_is_not_deleted(
        self,
        opened: Callable[[], RunRepository],
        repository: ExecutionRepository,
        told: Callable[[str], tuple[str, object]],
    ) -> None:
        mine, theirs = opened(), opened()
        with mine.start(RUN):
            carry_out(repository, RUN.portfolio, 1, 5, -3, 0, held=Positions.flat(ON))
            for runs in (mine, theirs):
                with pytest.raises(RunHeld, match=r"'spring' is held by another process"):
                    runs.delete("spring")
            assert told("spring") == ("RUNNING", {})
            assert recorded(repository, RUN.portfolio) == (2, 2, True)
            mine.finish(RUN, "COMPLETE", {})
        theirs.delete("spring")

    def test_a_run_that_is_not_recorded_is_told_with_the_nearest_names(self, runs: RunRepository) -> None:
        with pytest.raises(UnknownRun, match=r"no run named 'sprong' is recorded$"):
            runs.delete("sprong")
        with runs.start(RUN), runs.start(SUMMER):
            pass
        with pytest.raises(UnknownRun, match=r"no run named 'sprong' is recorded; did you mean 'spring'\?"):
            runs.delete("sprong")
        with pytest.raises(UnknownRun, match=r"no run named 'zzz' is recorded$"):
            runs.delete("zzz")


def recorded(repository: ExecutionRepository, portfolio: Portfolio) -> tuple[int, int, bool]:
    """Return how many orders and fills of *portfolio* are recorded, and whether its first decision is."""
    orders, fills = repository.orders(portfolio, ON), repository.fills(portfolio, ON)
    return len(orders), len(fills), repository.recall(key_of(portfolio, "day 1", 1), ON) is not None
