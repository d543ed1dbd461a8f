"""Options that several commands share."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[[Callable[..., Any]], Any]

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


class Day(click.ParamType[date]):
    """A day like 2012-03-31."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return *value* as a date."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            return self.fail(f"a day is written like 2012-03-31, was {value!r}", param, ctx)


class Instant(click.ParamType[datetime]):
    """A day, or an instant like 2012-03-31T15:00; without a time zone it is in UTC."""

    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return *value* as an aware instant."""
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(str(value))
        except ValueError:
            return self.fail(f"an instant is written like 2012-03-31 or 2012-03-31T15:00, was {value!r}", param, ctx)
        return instant if instant.utcoffset() is not None else instant.replace(tzinfo=UTC)


class Target(click.ParamType[tuple[str, float]]):
    """A target like AAPL=120; an empty amount is unknown."""

    name = "target"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Return *value* as an instrument's id and an amount."""
        if isinstance(value, tuple):
            return value
        instrument, equals, amount = str(value).partition("=")
        try:
            return instrument.strip(), float(amount.strip() or "nan") if equals else float(amount)
        except ValueError:
            return self.fail(f"a target is written INSTRUMENT=AMOUNT, such as AAPL=120, was {value!r}", param, ctx)


DAY = Day()
TARGET = Target()
INSTANT = Instant()


def _remember(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.obj = value


# The file goes to the context's object, where a command finds it whether it stood before or after the command's name.
config_option = click.option(
    "--config",
    type=FILE,
    envvar="EXECBRIDGE_CONFIG",
    show_envvar=True,
    expose_value=False,
    callback=_remember,
    help="The settings, a TOML file; may stand before or after the command.",
)

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How rows come out: a table for people, CSV or one JSON array for programs.",
)


def options(*chosen: Decorator) -> Decorator:
    """Return a decorator that adds the *chosen* options, in their order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(chosen):
            command = option(command)
        return command

    return decorate


def example(*lines: str) -> str:
    """Return the end of a help text that shows how a command is typed."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)
