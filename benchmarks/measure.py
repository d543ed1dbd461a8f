"""
What every engine's script shares: which work, how often, and one line of JSON in the end.

    cd benchmarks; python -m peers.bt --kind daily --size M --repeats 3

An engine says how it prepares its inputs, in the form that it likes best, which is not timed, and then what it does
with them up to the final equity, which is. Needs numpy alone.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import resource
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar

from workload import KINDS, SIZES, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Job = Callable[[], "Outcome"]
    """What is timed."""
    Preparation = Callable[[Work], Job]

Came = TypeVar("Came")

WARM_UP_MAX_S = 10.0
"""A size whose time is guessed to be longer is warmed up by the smallest alone."""


@dataclass(frozen=True)
class Outcome:
    """What came of the work."""

    orders: int
    equity: float


def arguments(kinds: Sequence[str], description: str | None, **choices: Sequence[str]) -> argparse.Namespace:
    """Return what the command line asks for; the first of other *choices* is what is meant where nothing is said."""
    parser = argparse.ArgumentParser(description=(description or "").strip().partition("\n")[0])
    parser.add_argument("--kind", choices=kinds, default="daily")
    parser.add_argument("--size", choices=list(SIZES), default="S")
    parser.add_argument("--repeats", type=int, default=1)
    for name, values in choices.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    return parser.parse_args()


def main(
    prepare: Preparation,
    *,
    distributions: Sequence[str],
    kinds: Sequence[str] = ("daily", "monthly"),
    about: str | None,
) -> None:
    """Warm up, do the work as often as asked, and print what came of it; the versions of *distributions* count."""
    asked = arguments([kind for kind in KINDS if kind in kinds], about)
    small, work = Work(asked.kind, "S"), Work(asked.kind, asked.size)
    imported_s = time.process_time()
    seconds, _ = timed(prepare(small))
    first_s, (seconds, outcome) = seconds, timed(prepare(small))
    job = prepare(work)
    if asked.size == "S" or seconds * cells(work) / cells(small) < WARM_UP_MAX_S:
        job()
    del small
    runs = []
    for _ in range(asked.repeats):
        seconds, outcome = timed(job)
        runs.append(seconds)
    report(
        {
            "seconds": runs,
            "first_s": first_s,
            "imported_s": imported_s,
            "orders": int(outcome.orders),
            "equity": float(outcome.equity),
            "peak_mb": peak_mb(),
            "versions": versions(distributions),
        }
    )


def cells(work: Work) -> int:
    """Return how many targets there are."""
    days, instruments = work.shape
    return days * instruments


def timed(job: Callable[[], Came]) -> tuple[float, Came]:
    """Return how long *job* took, and what came of it."""
    gc.collect()
    began = time.perf_counter()
    outcome = job()
    return time.perf_counter() - began, outcome


def peak_mb() -> float:
    """Return the most memory that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def versions(distributions: Sequence[str]) -> dict[str, str]:
    """Return the version of Python and of each of *distributions*."""
    return {"python": platform.python_version(), **{name: version(name) for name in distributions}}


def report(figures: object) -> None:
    """Print *figures* as the one line that is read; what an engine prints of itself stands before it."""
    print("\n" + json.dumps(figures), flush=True)
