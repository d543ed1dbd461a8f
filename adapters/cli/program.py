"""The command line as a whole: what every command shares, and where each is found."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

import click

from ... import __version__
from .choices import config_option
from .exits import EXITS_EXPLAINED, ending_well

if TYPE_CHECKING:
    from collections.abc import Mapping

# Each command: the module that has it under its own name, and what the list of commands says of it.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("demo", "Run a backtest of thirteen years on real prices, and show what came out."),
    "db": ("database", "Bring the database up to date, or look after it."),
    "prices": ("prices", "Load daily prices into the database."),
    "backtest": ("backtest", "Run a backtest and record all of it."),
    "plan": ("execution", "Show what would be ordered, and why; nothing is sent."),
    "apply": ("execution", "Bring a portfolio to its targets."),
    "verify": ("verification", "Verify that the record of a backtest holds together."),
    "runs": ("runs", "List backtests, newest first, or delete one."),
    "orders": ("lists", "List what was asked for, newest first."),
    "fills": ("lists", "List what was executed, newest first."),
    "positions": ("lists", "List what is held, by the newest snapshot of each portfolio."),
}


BEGIN = """\b
To begin:
  execbridge demo                            a backtest on real prices, with nothing to set up
  execbridge backtest --help                 how to run one of your own
  execbridge orders --limit 5 --format json  what was recorded, for programs"""


class CommandsOnDemand(click.Group):
    """
    A group that imports the module of a command when that command is asked for.

    By name, because `--version`, `--help` and a shell's completion must answer at once, and numpy, the database driver
    and the container take far longer to load than they do to answer.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{COMMANDS[cmd_name][0]}", __package__)
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that *args* begin with; where there is none, the message says the nearest."""
        near = get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and near and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}; did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, said) for name, (_, said) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command, and end as the exit codes promise."""
        with ending_well():
            return super().invoke(ctx)


@click.group(
    cls=CommandsOnDemand,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=BEGIN + EXITS_EXPLAINED,
)
@click.version_option(__version__, prog_name="execbridge", message="%(prog)s %(version)s")
@config_option
def main() -> None:
    """
    Move portfolios from what they hold to what they should hold: in a backtest, on paper, and live.

    Everything that was intended, sent, filled and held is kept in PostgreSQL: in a server of your own that the settings
    name, or in an embedded one that needs no installation. To begin with, try: execbridge demo
    """
