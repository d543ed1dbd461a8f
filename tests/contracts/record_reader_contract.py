"""What every reader of the record promises, sentence by sentence of the port."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from execbridge.domain.fills import Fills
from execbridge.domain.orders import Orders, Status
from execbridge.domain.plan_key import Mode, Portfolio
from execbridge.domain.positions import Positions
from execbridge.ports.repository import Form, Listed, Run, Selection, Snapshot

from .execution_repository_contract import ON, filled, key_of, marked, moved, plan_of, receipts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from execbridge.ports.repository import ExecutionRepository, RecordReader, RunRepository

NAME = 'say "no", \\no; não'
AWKWARD = f"{NAME}\r\n\ttwice"
RUN = Run("spring", Portfolio("growth", run="spring"), date(2024, 3, 1), date(2024, 3, 31), 1_000.0, {"note": "first"})
PAPER = Portfolio("growth", Mode.PAPER, "alpaca", "1234")
INCOME = Portfolio("income", Mode.PAPER, "alpaca", "1234")

FIRST_COLUMNS: dict[Listed, tuple[str, ...]] = {
    "orders": ("timestamp", "portfolio_id", "instrument_id", "side", "order_type", "quantity", "status", "mode"),
    "fills": ("timestamp", "instrument_id", "side", "quantity", "price", "mode"),
    "positions": (
        "portfolio_id",
        "as_of_date",
        "instrument_id",
        "quantity",
        "avg_cost",
        "market_value",
        "unrealized_pnl",
        "mode",
    ),
    "runs": ("name", "portfolio_id", "status", "start_date", "end_date", "initial_cash"),
}


def carry_out(
    repository: ExecutionRepository, portfolio: Portfolio, day: int, *lots: float, held: Positions
) -> Positions:
    """Carry out, all filled, what brings *held* to *lots* on a *day*, and return what is held then."""
    plan = plan_of(key_of(portfolio, f"day {day}", day), *lots, held=held)
    repository.record_plan(plan)
    accepted = moved(plan.orders, Status.ACCEPTED)
    repository.record_receipts(accepted, receipts_of(accepted))
    orders, fills = filled(accepted)
    after, account = marked(held.after(fills))
    repository.record_reports(portfolio, orders, fills, Snapshot(plan.key, after, account))
    return after


class RecordReaderContract:
    """The sentences of RecordReader, over a run of two days, and two portfolios on paper."""

    @pytest.fixture
    def reader(self) -> RecordReader:
        raise NotImplementedError

    @pytest.fixture
    def repository(self) -> Iterator[ExecutionRepository]:
        raise NotImplementedError

    @pytest.fixture
    def runs(self) -> RunRepository:
        raise NotImplementedError

    @pytest.fixture
    def record(self, repository: ExecutionRepository, runs: RunRepository) -> None:
        flat = Positions.flat(ON)
        with runs.start(RUN):
            held = carry_out(repository, RUN.portfolio, 1, 5, -3, 0, held=flat)
            carry_out(repository, RUN.portfolio, 2, 0, 3, 2, held=held)
            runs.finish(RUN, "COMPLETE", {"orders": 6})
        held = carry_out(repository, PAPER, 3, 1, 0, 0, held=flat)
        refused = plan_of(key_of(PAPER, "refused", 4), 2, 0, 0, held=held)
        repository.record_plan(refused)
        rejected = moved(refused.orders, Status.REJECTED)
        repository.record_receipts(rejected, receipts_of(rejected, reason="market closed"))
        repository.record_reports(PAPER, Orders.none(ON), Fills.none(ON), Snapshot(refused.key, *marked(held)))
        carry_out(repository, INCOME, 4, 0, 0, 7, held=flat)

    def rows(self, reader: RecordReader, what: Listed, selection: Selection, *columns: str) -> list[tuple[object, ...]]:
        listing = reader.rows(what, selection)
        named = [dict(zip(listing.columns, row, strict=True)) for row in listing.rows]
        return [tuple(row[column] for column in columns) for row in named]

    @pytest.mark.parametrize("what", FIRST_COLUMNS)
    def test_where_nothing_is_recorded_there_are_no_rows_but_all_columns(
        self, reader: RecordReader, what: Listed
    ) -> None:
        listing = reader.rows(what, Selection())
        assert listing.rows == []
        assert listing.columns[: len(FIRST_COLUMNS[what])] == FIRST_COLUMNS[what]

    def test_orders_come_newest_first_then_by_instrument(self, reader: RecordReader, record: None) -> None:
        columns = ("portfolio_id", "instrument_id", "side", "quantity", "status", "mode", "leg")
        assert self.rows(reader, "orders", Selection(), *columns) == [
            ("growth", "AAPL", "BUY", 1.0, "REJECTED", "PAPER", 0),
            ("income", "ES=F", "BUY", 7.0, "FILLED", "PAPER", 0),
            ("growth", "AAPL", "BUY", 1.0, "FILLED", "PAPER", 0),
            ("growth", "AAPL", "SELL", 5.0, "FILLED", "BACKTEST", 0),
            ("growth", "BRK.B", "BUY", 300.0, "FILLED", "BACKTEST", 0),
            ("growth", "BRK.B", "BUY", 300.0, "FILLED", "BACKTEST", 1),
            ("growth", "ES=F", "BUY", 2.0, "FILLED", "BACKTEST", 0),
            ("growth", "AAPL", "BUY", 5.0, "FILLED", "BACKTEST", 0),
            ("growth", "BRK.B", "SELL", 300.0, "FILLED", "BACKTEST", 0),
        ]

    def test_an_order_tells_what_it_asked_what_came_of_it_and_whose_it_is(
        self, reader: RecordReader, record: None
    ) -> None:
        columns = ("order_type", "time_in_force", "limit_price", "filled_quantity", "reason", "run", "decision")
        assert self.rows(reader, "orders", Selection(instrument="BRK.B", limit=1), *columns) == [
            ("MARKET", "DAY", None, 300.0, None, "spring", "day 2")
        ]
        assert self.rows(reader, "orders", Selection(limit=1), *columns) == [
            ("MARKET", "DAY", None, 0.0, "market closed", None, "refused")
        ]

    def test_fills_come_newest_first_then_by_instrument(self, reader: RecordReader, record: None) -> None:
        columns = ("instrument_id", "side", "quantity", "price", "commission", "mode", "run", "decision")
        told = self.rows(reader, "fills", Selection(portfolio="growth"), *columns)
        assert [row[:3] for row in told] == [
            ("AAPL", "BUY", 1.0),
            ("AAPL", "SELL", 5.0),
            ("BRK.B", "BUY", 300.0),
            ("BRK.B", "BUY", 300.0),
            ("ES=F", "BUY", 2.0),
            ("AAPL", "BUY", 5.0),
            ("BRK.B", "SELL", 300.0),
        ]
        assert told[-1][3:] == (4 / 3, 1 / 3, "BACKTEST", "spring", "day 1")

    def test_positions_are_those_of_each_portfolios_newest_snapshot(self, reader: RecordReader, record: None) -> None:
        columns = ("portfolio_id", "mode", "as_of_date", "instrument_id", "quantity", "run")
        assert self.rows(reader, "positions", Selection(), *columns) == [
            ("growth", "PAPER", date(2024, 3, 4), "AAPL", 1.0, None),
            ("income", "PAPER", date(2024, 3, 4), "ES=F", 7.0, None),
            ("growth", "BACKTEST", date(2024, 3, 2), "AAPL", 0.0, "spring"),
            ("growth", "BACKTEST", date(2024, 3, 2), "BRK.B", 300.0, "spring"),
            ("growth", "BACKTEST", date(2024, 3, 2), "ES=F", 2.0, "spring"),
        ]

    def test_a_position_tells_what_it_cost_and_is_worth(self, reader: RecordReader, record: None) -> None:
        columns = ("instrument_id", "avg_cost", "market_value", "unrealized_pnl", "realized_pnl")
        told = self.rows(reader, "positions", Selection(run="spring"), *columns)
        assert told[0] == ("AAPL", None, 0.0, 0.0, 0.0)
        # Exact, as a quarter is: 2 contracts of 50 at 5,000.25.
        assert told[2] == ("ES=F", 5_000.25, 500_025.0, 0.0, 0.0)

    def test_of_a_newest_snapshot_one_instrument_is_listed_if_it_is_in_it(
        self, reader: RecordReader, record: None
    ) -> None:
        held = self.rows(reader, "positions", Selection(run="spring", instrument="ES=F"), "instrument_id", "quantity")
        assert held == [("ES=F", 2.0)]
        assert self.rows(reader, "positions", Selection(portfolio="income", instrument="AAPL"), "quantity") == []

    def test_runs_tell_how_they_ended(self, reader: RecordReader, record: None) -> None:
        columns = ("name", "portfolio_id", "status", "start_date", "end_date", "initial_cash", "result", "config")
        assert self.rows(reader, "runs", Selection(), *columns) == [
            ("spring", "growth", "COMPLETE", RUN.start, RUN.end, 1_000.0, {"orders": 6}, {"note": "first"})
        ]

    @pytest.mark.parametrize(
        ("selection", "counts"),
        [
            (Selection(limit=None), (9, 8, 5, 1)),
            (Selection(limit=2), (2, 2, 2, 1)),
            (Selection(limit=0), (0, 0, 0, 0)),
            (Selection(portfolio="growth"), (8, 7, 4, 1)),
            (Selection(portfolio="nobody"), (0, 0, 0, 0)),
            (Selection(portfolio="growth' OR true --"), (0, 0, 0, 0)),
            (Selection(mode=Mode.PAPER), (3, 2, 2, 0)),
            (Selection(mode=Mode.BACKTEST), (6, 6, 3, 1)),
            (Selection(mode=Mode.LIVE), (0, 0, 0, 0)),
            (Selection(run="spring"), (6, 6, 3, 1)),
            (Selection(run="autumn"), (0, 0, 0, 0)),
            (Selection(instrument="AAPL"), (4, 3, 2, 1)),
            (Selection(since=datetime(2024, 3, 3, 21, 0, 0, 123_457, tzinfo=UTC)), (3, 2, 2, 1)),
            (Selection(since=datetime(2024, 3, 3, 21, 0, 0, 123_458, tzinfo=UTC)), (2, 2, 2, 1)),
            (Selection(since=datetime(9999, 1, 1, tzinfo=UTC)), (0, 0, 0, 0)),
            (Selection("growth", "BRK.B", Mode.BACKTEST, "spring", datetime(2024, 3, 2, tzinfo=UTC), 1), (1, 1, 1, 1)),
        ],
    )
    def test_each_condition_leaves_out_what_it_does_not_want(
        self, reader: RecordReader, record: None, selection: Selection, counts: tuple[int, ...]
    ) -> None:
        """Counts are those of orders, fills, positions and runs; runs are not asked for by instrument."""
        assert tuple(len(reader.rows(what, selection).rows) for what in FIRST_COLUMNS) == counts

    @pytest.mark.parametrize("what", FIRST_COLUMNS)
    @pytest.mark.parametrize(
        "selection", [Selection(), Selection(run="spring", limit=None), Selection(instrument="BRK.B", limit=3)]
    )
    def test_json_has_an_object_a_row_and_a_line_an_object(
        self, reader: RecordReader, record: None, what: Listed, selection: Selection
    ) -> None:
        text = written(reader, what, selection, "json")
        listing = reader.rows(what, selection)
        told = json.loads(text)
        assert told == [dict(zip(listing.columns, map(plain, row), strict=True)) for row in listing.rows]
        assert [list(one) for one in told] == [list(listing.columns)] * len(told)
        first, *lines, last = text.splitlines()
        assert (first, last) == ("[", "]")
        assert [json.loads(line.removesuffix(",")) for line in lines] == told

    @pytest.mark.parametrize("what", FIRST_COLUMNS)
    @pytest.mark.parametrize(
        "selection", [Selection(), Selection(run="spring", limit=None), Selection(instrument="BRK.B", limit=3)]
    )
    def test_csv_has_the_same_under_a_header(
        self, reader: RecordReader, record: None, what: Listed, selection: Selection
    ) -> None:
        header, *lines = csv.reader(io.StringIO(written(reader, what, selection, "csv"), newline=""), strict=True)
        objects = json.loads(written(reader, what, selection, "json"))
        assert tuple(header) == reader.rows(what, selection).columns
        assert len(lines) == len(objects)
        for line, one in zip(lines, objects, strict=True):
            assert [cell(value) for value in one.values()] == [
                json.loads(told) if isinstance(value, dict) else told
                for told, value in zip(line, one.values(), strict=True)
            ]

    @pytest.mark.parametrize("what", FIRST_COLUMNS)
    def test_without_rows_json_is_an_empty_array_and_csv_a_header(self, reader: RecordReader, what: Listed) -> None:
        assert written(reader, what, Selection(), "json") == "[]\n"
        columns = reader.rows(what, Selection()).columns
        assert written(reader, what, Selection(limit=0), "csv") == f"{','.join(columns)}\n"

    def test_whatever_words_say_they_are_told_unchanged(
        self, reader: RecordReader, repository: ExecutionRepository, runs: RunRepository
    ) -> None:
        run = Run(NAME, Portfolio(NAME, run=NAME), date(2024, 3, 1), date(2024, 3, 31), 1.0, {"a": AWKWARD})
        with runs.start(run):
            runs.finish(run, "FAILED", {"cause": AWKWARD})
        plan = plan_of(key_of(PAPER, NAME, 4), 2, 0, 0, held=Positions.flat(ON))
        repository.record_plan(plan)
        rejected = moved(plan.orders, Status.REJECTED)
        repository.record_receipts(rejected, receipts_of(rejected, reason=AWKWARD))
        (order,) = json.loads(written(reader, "orders", Selection(), "json"))
        assert (order["reason"], order["decision"]) == (AWKWARD, NAME)
        (told,) = json.loads(written(reader, "runs", Selection(run=NAME), "json"))
        assert (told["name"], told["result"], told["config"]) == (NAME, {"cause": AWKWARD}, {"a": AWKWARD})
        (order,) = csv.DictReader(io.StringIO(written(reader, "orders", Selection(), "csv"), newline=""))
        assert (order["reason"], order["decision"]) == (AWKWARD, NAME)
        (told,) = csv.DictReader(io.StringIO(written(reader, "runs", Selection(run=NAME), "csv"), newline=""))
        assert told["name"] == NAME
        assert json.loads(told["result"]) == {"cause": AWKWARD}

    def test_many_rows_are_handed_over_at_a_time(self, reader: RecordReader, record: None) -> None:
        blocks: list[str] = []
        reader.write("orders", Selection(run="spring", limit=None), "json", blocks.append)
        assert len(blocks) < len(reader.rows("orders", Selection(run="spring", limit=None)).rows)

    def test_what_the_receiver_raises_comes_out(self, reader: RecordReader, record: None) -> None:
        def refuse(_: str) -> None:
            raise BrokenPipeError

        with pytest.raises(BrokenPipeError):
            reader.write("orders", Selection(), "json", refuse)


def written(reader: RecordReader, what: Listed, selection: Selection, form: Form) -> str:
    """Return the whole of what *reader* writes."""
    blocks: list[str] = []
    reader.write(what, selection, form, blocks.append)
    return "".join(blocks)


def plain(value: object) -> object:
    """Return *value* as JSON has it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def cell(value: object) -> object:
    """Return a *value* of JSON as CSV has it."""
    if isinstance(value, str | dict):
        return value
    return "" if value is None else json.dumps(value)
