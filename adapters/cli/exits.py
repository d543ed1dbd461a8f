"""Exit codes: what a program that calls us learns from the way we end; every error of ours gets its code here."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import click

from ...domain.errors import TradingError
from ...ports.errors import Conflict, PortError, PortfolioHeld, RunFailed, RunHeld, TargetsFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    REFUSED = 2
    HALTED = 3
    HELD = 4
    AGAIN = 5
    INTERRUPTED = 130
    UNREAD = 141


# The first that fits.
_EXITS: tuple[tuple[type[TradingError], Exit], ...] = (
    (PortfolioHeld, Exit.HELD),
    (RunHeld, Exit.HELD),
    (Conflict, Exit.REFUSED),
    (RunFailed, Exit.HALTED),
    (TargetsFailed, Exit.HALTED),
    (PortError, Exit.AGAIN),
    (TradingError, Exit.REFUSED),
)

EXITS_EXPLAINED = """

\b
Exit codes:
  0  done
  2  refused, nothing happened: the command, the settings or a rule says why
  3  failed part-way, a human is needed: the run is recorded as FAILED, or its record does not hold together
  4  another process holds the portfolio or the run
  5  database, prices or broker out of reach, or in doubt: run it again safely
  130  interrupted by Ctrl-C; a run that was under way is recorded as FAILED
"""

INTERRUPTED = "interrupted; what was committed is whole, and a run that was under way is recorded as FAILED"


class Ended(click.ClickException):
    """End the command with a message for people and a code for programs."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc] # click reads it from the instance.

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message, and nothing else, to standard error."""
        click.echo(f"Error: {self.format_message()}", file=file, err=file is None)


def exit_of(error: TradingError) -> Exit:
    """Return the code that *error* ends a command with."""
    return next(code for kind, code in _EXITS if isinstance(error, kind))


@contextmanager
def ending_well() -> Iterator[None]:
    """End with a message and a code where an error of ours, Ctrl-C or a reader that went away ends the command."""
    try:
        yield
        sys.stdout.flush()
    except TradingError as error:
        raise Ended(str(error), exit_of(error)) from error
    except click.Abort as error:
        raise Ended("not confirmed, nothing was done", Exit.REFUSED) from error
    except KeyboardInterrupt as error:
        raise Ended(INTERRUPTED, Exit.INTERRUPTED) from error
    except BrokenPipeError:
        # What is left in the buffer goes nowhere, so that the interpreter does not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(Exit.UNREAD) from None
