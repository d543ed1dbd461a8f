"""
Where the time goes, as pages to open in a browser: of the engine, of the engine with its writer, and of the start.

    make profile
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ours import empty, price_file, server, settings, sleeve, target_table
from pyinstrument import Profiler
from workload import ROOT, Work

from execbridge import open_bridge

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = ROOT / "out" / "profile"
INTERVAL_S = 0.0005
SIZE = "M"


def pictured(name: str, job: Callable[[], object]) -> None:
    """Do *job*, and draw where its time goes."""
    profiler = Profiler(interval=INTERVAL_S)
    with profiler:
        job()
    file = FOLDER / f"{name}.html"
    file.write_text(profiler.output_html())
    session = profiler.last_session
    assert session is not None
    print(f"{name:8} {session.duration:7.3f} s  {file.relative_to(ROOT)}")


def run(work: Work, how: str) -> None:
    """Draw a run that was warmed up."""
    with server() as dsn:
        empty(dsn)
        with open_bridge(overrides=settings(work, how)) as bridge:
            targets = target_table(work, bridge.prices.instruments())
            sleeve(bridge, work, targets, "first")
            pictured("engine" if how == "memory" else "writer", lambda: sleeve(bridge, work, targets, "second"))


def start() -> None:
    """Draw what `execbridge --version` does, in a process of its own."""
    file = FOLDER / "start.html"
    command = Path(sys.executable).with_name("execbridge")
    line = [sys.executable, "-m", "pyinstrument", "--interval", "0.0001", "--renderer", "html", "--outfile", str(file)]
    subprocess.run([*line, str(command), "--version"], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own.
    print(f"{'start':8}            {file.relative_to(ROOT)}")


def main() -> None:
    """Draw all three."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    work = Work("daily", SIZE)
    work.make()
    price_file(work)
    run(work, "memory")
    run(work, "committed")
    start()


if __name__ == "__main__":
    main()
