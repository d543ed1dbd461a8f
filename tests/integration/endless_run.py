"""
A run in a process of its own that stops on a day and waits to be killed.

python -m tests.integration.endless_run DSN RUN LAST STOP
"""

import signal
import sys
from datetime import date

from execbridge import open_bridge
from execbridge.domain.targets import Targets
from execbridge.ports.targets import View

FIRST = date(2024, 1, 1)


def changing(view: View) -> Targets:
    """Want something else of every instrument every day."""
    return Targets(view.on, view.on.code, (view.on.code * 7 + view.day.toordinal() * 13) % 200 - 99.0)


def main() -> None:
    """Run until the day to stop on has come, say so, and wait."""
    dsn, run, last, stop = sys.argv[1:]

    def until_stopped(view: View) -> Targets:
        if view.day == date.fromisoformat(stop):
            sys.stdout.write("here\n")
            sys.stdout.flush()
            signal.pause()
        return changing(view)

    with open_bridge(overrides={"database.dsn": dsn}) as bridge:
        bridge.run_sleeve(targets=until_stopped, start_date=FIRST, end_date=date.fromisoformat(last), run=run)


if __name__ == "__main__":
    main()
