"""The engines that are compared: where each is installed, and which script runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workload import CACHE

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements-peers.txt"
QUIET = ["--quiet", "--quiet", "--disable-pip-version-check"]
INSTALL_TIMEOUT_S = 1_800
REASON_LENGTH = 200


@dataclass(frozen=True)
class Engine:
    """One line of the table; *home* is the section of its requirements, None for our own environment."""

    name: str
    script: tuple[str, ...]
    home: str | None = None
    kinds: tuple[str, ...] = ("daily", "monthly")
    knows_future: bool = False

    @property
    def python(self) -> Path:
        """The interpreter that has it."""
        return Path(sys.executable) if self.home is None else CACHE / "env" / self.home / "bin" / "python"


ALL_KINDS = ("daily", "monthly", "limit")
OURS = Engine("execbridge", ("ours.py", "--how", "memory"), kinds=ALL_KINDS)
COMMITTED = Engine("execbridge, committed", ("ours.py", "--how", "committed"), kinds=ALL_KINDS)
STREAMED = Engine("execbridge, streamed", ("ours.py", "--how", "streamed"), kinds=("daily",))
COPY = Engine("COPY of the same rows", ("copy_limit.py",), kinds=("daily",))
RUST = Engine("vectorbt, Rust", ("-m", "peers.vectorbt"), "vectorbt", knows_future=True)
BOOKS = Engine("vectorbt, Rust, daily books", ("-m", "peers.vectorbt_books"), "vectorbt", knows_future=True)
NUMBA = Engine("vectorbt, numba", ("-m", "peers.vectorbt_numba"), "vectorbt", knows_future=True)
BT = Engine("bt", ("-m", "peers.bt"), "bt")
OBJECTS = Engine("plain objects", ("-m", "peers.objects"), kinds=ALL_KINDS)
ML4T = Engine("ml4t-backtest", ("-m", "peers.ml4t"), "ml4t-backtest")
PEERS = (
    RUST,
    BOOKS,
    NUMBA,
    BT,
    OBJECTS,
    ML4T,
    Engine("qstrader", ("-m", "peers.qstrader"), "qstrader"),
    Engine("zipline-reloaded", ("-m", "peers.zipline"), "zipline-reloaded"),
    Engine("backtrader", ("-m", "peers.backtrader"), "backtrader", kinds=ALL_KINDS),
    Engine("nautilus_trader", ("-m", "peers.nautilus"), "nautilus_trader"),
)


class NotRunError(Exception):
    """An engine that could not be installed, or did not do its work; the message says why."""


def requirements() -> dict[str, list[str]]:
    """Return what is to be installed, by section."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in filter(None, map(str.strip, REQUIREMENTS.read_text().splitlines())):
        if line.startswith("#") and len(line.split()) == 2:  # noqa: PLR2004 - a sign and a name.
            current = sections.setdefault(line.split()[1], [])
        elif not line.startswith("#"):
            current.append(line)
    return sections


def install(home: str) -> None:
    """
    Make the environment of the section *home*, unless it is there as asked.

    Raises:
        NotRunError: it cannot be installed.
    """
    folder, wanted = CACHE / "env" / home, requirements()[home]
    ready = folder / ".ready"
    if ready.exists() and ready.read_text().splitlines() == wanted:
        return
    print(f"installing {home}", flush=True)
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", *QUIET, "--only-binary", ":all:", *wanted]
    run(pip, INSTALL_TIMEOUT_S)
    ready.write_text("\n".join(wanted))


def measure(engine: Engine, kind: str, size: str, timeout_s: float, repeats: int = 1) -> dict[str, Any]:
    """
    Run *engine* in a fresh process, and return the figures that it prints.

    Raises:
        NotRunError: it failed, or took longer than *timeout_s*.
    """
    line = [str(engine.python), *engine.script, "--kind", kind, "--size", size, "--repeats", str(repeats)]
    figures: dict[str, Any] = json.loads(run(line, timeout_s).splitlines()[-1])
    return figures


def run(line: list[str], timeout_s: float) -> str:
    """
    Return what a command prints.

    Raises:
        NotRunError: it failed, with the last line of its complaint, or took too long.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own scripts, and the installer.
            line, cwd=HERE, env=os.environ, timeout=timeout_s, check=False, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired as error:
        raise NotRunError(f"took longer than {timeout_s:.0f} s") from error
    if done.returncode:
        said = [told for told in done.stderr.splitlines() if told.strip()] or [f"ended with {done.returncode}"]
        raise NotRunError(said[-1][:REASON_LENGTH])
    return done.stdout
