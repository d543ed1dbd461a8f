"""The command that shows everything at once."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from ...application.container import open_bridge, open_databases
from ...application.settings import ENVIRONMENT, load_settings
from ...domain.errors import SettingsError
from ...ports.repository import Selection
from . import report
from .choices import FOLDER, example
from .lists import PEOPLE
from .output import console, show_table
from .progress import shown
from .summary import not_traded, summary

if TYPE_CHECKING:
    from rich.console import Console

    from ...application.backtest import RunResult
    from ...application.facade import Bridge
    from ...application.settings import Settings
    from ...ports.repository import Listed

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NEEDED = ("prices.csv.gz", "momentum.py")
ROWS = 5

SETTINGS = """\
# What the demonstration runs with. Change it, and run it again: {again}

portfolio = "demo"

[database]
data_dir = {data_dir}

[calendar]
name = "XNYS"

[backtest]
targets = "momentum:targets"  # The function targets in momentum.py, beside this file.
unit = "weight"
start = 2000-03-01
end = 2013-03-01
initial_cash = 1_000_000.0
instruments = ["AAPL", "FB", "GOOG", "IBM", "MSFT"]

[slippage]
bps = 5.0

[commission]
bps = 1.0
"""


@click.command(epilog=example("execbridge demo", "execbridge demo --dir try-out"))
@click.option(
    "--dir",
    "folder",
    type=FOLDER,
    default=Path("out/demo"),
    show_default=True,
    help="Where everything goes, the database included; delete it, and all is gone.",
)
def demo(folder: Path) -> None:
    """
    Run a backtest of thirteen years on real prices, and show what came out.

    Sets up an embedded PostgreSQL in a folder of its own, loads the daily prices that come with a checkout, runs a
    small strategy over them, and shows figures, tables, a picture and a report. Again is another run beside the first.
    """
    people = console()
    settings = _prepare(folder)
    people.print(f"[bold]1[/bold]  database and prices, in {escape(str(folder))}")
    with open_databases(settings) as databases:
        databases.migrate()
        databases.load_prices(EXAMPLES / "prices.csv.gz", adjusted=True)
    with open_bridge(settings) as bridge:
        name = _next_name(bridge)
        people.print(f"[bold]2[/bold]  backtest [bold]{name}[/bold], as {escape(str(folder / 'demo.toml'))} says")
        with shown("backtest") as progress:
            result = bridge.run_sleeve(run=name, progress=progress)
        picture, page = report.write(result, folder)
        people.print("[bold]3[/bold]  what came out\n")
        _show(people, bridge, result)
    people.print(f"\n[bold]picture[/bold]  {escape(str(picture))}\n[bold]report[/bold]   {escape(str(page))}\n")
    people.print("[bold]what to type next[/bold]")
    for line in _next_lines(folder, name):
        people.print(f"  {line}", soft_wrap=True, markup=False)


def _prepare(folder: Path) -> Settings:
    """Write the settings and the strategy to *folder*, and return the settings."""
    missing = [name for name in NEEDED if not (EXAMPLES / name).is_file()]
    if missing:
        rule = f"the demonstration runs from a checkout, whose folder examples has {' and '.join(missing)}"
        raise SettingsError(rule)
    report.require_libraries()
    if find_spec("exchange_calendars") is None:
        rule = "the demonstration needs exchange-calendars; it comes with: pip install 'execbridge[calendars]'"
        raise SettingsError(rule)
    file = folder / "demo.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            again = f"execbridge backtest {file}"
            data_dir = json.dumps(str((folder / "db").resolve()))
            file.write_text(SETTINGS.format(again=again, data_dir=data_dir), encoding="utf-8")
            shutil.copyfile(EXAMPLES / "momentum.py", folder / "momentum.py")
    except OSError as error:
        rule = f"the demonstration cannot write to {folder}: {error.strerror}"
        raise SettingsError(rule) from error
    sys.path.insert(0, str(folder.resolve()))
    # A database that the environment names is somebody's own: the demonstration stays out of it.
    return load_settings(file, environment={})


def _next_name(bridge: Bridge) -> str:
    listing = bridge.rows("runs", Selection(limit=None))
    place = listing.columns.index("name")
    taken = {row[place] for row in listing.rows}
    return next(name for number in range(1, len(taken) + 2) if (name := f"demo-{number}") not in taken)


def _show(people: Console, bridge: Bridge, result: RunResult) -> None:
    people.print(summary(result))
    if result.not_traded:
        people.print()
        show_table(people, not_traded(result), title="not traded")
    shown_: tuple[Listed, ...] = ("orders", "fills", "positions")
    for what in shown_:
        listing = bridge.rows(what, Selection(run=result.run.name, limit=ROWS))
        columns = [name for name in PEOPLE[what] if name not in {"portfolio_id", "run", "mode"}]
        people.print()
        show_table(people, listing, title=f"newest {what}", people=columns)


def _next_lines(folder: Path, name: str) -> list[str]:
    """Return commands that work as they stand, in this folder and with this environment."""
    config = shlex.quote(str(folder / "demo.toml"))
    foreign = [variable for variable in ENVIRONMENT if os.environ.get(variable)]
    program = " ".join(["env", *(f"-u {variable}" for variable in foreign), _program()]) if foreign else _program()
    return [
        f"{program} orders --config {config} --run {name} --limit 10",
        f"{program} runs --config {config} --format json",
        f"{program} backtest {config} --start 2008-01-01 --end 2009-12-31 --slippage-bps 20",
        f"{program} plan --config {config} --unit weight --target AAPL=0.5 --target IBM=0.5 --as-of 2013-03-01",
        f"{program} --help",
    ]


def _program() -> str:
    """Return how this program was called, so that a line of ours works where it was called."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m execbridge"
    found = shutil.which(called.name)
    if found is not None and Path(found).resolve() == called.resolve():
        return called.name
    here = Path.cwd()
    return shlex.quote(str(called.relative_to(here) if called.is_relative_to(here) else called))
