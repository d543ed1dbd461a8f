"""
Compare execbridge with its peers on the same work, and store and show what came of it.

    make bench                                      everything: about an hour
    python benchmarks/run.py --sizes S M            some sizes
    python benchmarks/run.py --judge                what the last results come to, against the budgets
    python benchmarks/run.py --read-back --runs 10  reading back one run of so many

Every measurement is a process of its own; the engines take turns, round by round, so that what else the machine does
meets all of them. Medians count.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from engines import COMMITTED, COPY, HERE, OURS, PEERS, STREAMED, Engine, NotRunError, install, measure
from judge import judged
from read_back import read_back
from tables import written
from workload import SIZES, make_all

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = HERE / "results.json"
ROUNDS = 5
LIMIT_S = 120.0
"""An engine that is expected to take longer on a size is left out there, and listed as left out."""
PATIENCE = 5
"""So many times the limit a whole process may take: it prepares inputs, warms up and repeats."""
ENGINE_S = 60.0
"""About so long an engine is measured on a size; slow ones have fewer rounds."""

Results = dict[str, Any]


def machine() -> dict[str, str]:
    """Return what there is to know of this machine, but for its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": f"{os.cpu_count()}",
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def installed(results: Results) -> list[Engine]:
    """Install the peers, and return those that are; why others are not is kept in *results*."""
    there = []
    for peer in PEERS:
        try:
            if peer.home is not None:
                install(peer.home)
            there.append(peer)
        except NotRunError as error:
            results["left_out"][f"{peer.name}, everywhere"] = f"cannot be installed: {error}"
    return there


def compare(results: Results, kind: str, size: str, engines: Sequence[Engine]) -> None:
    """Let *engines* take turns at one work; their figures are added to *results*."""
    found = results["work"].setdefault(f"{kind} {size}", {})
    waiting = [engine for engine in engines if kind in engine.kinds and is_bearable(results, engine, kind, size)]
    spent: dict[str, float] = {}
    for _ in range(ROUNDS):
        for engine in list(waiting):
            began = datetime.now(UTC)
            try:
                add(found.setdefault(engine.name, {}), measure(engine, kind, size, PATIENCE * LIMIT_S))
            except NotRunError as error:
                results["left_out"][f"{engine.name}, {kind} {size}"] = str(error)
                waiting.remove(engine)
                continue
            took = (datetime.now(UTC) - began).total_seconds()
            spent[engine.name] = spent.get(engine.name, 0.0) + took
            print(f"{kind} {size}  {engine.name:24} {shown(found[engine.name])}", flush=True)
            if spent[engine.name] + took > ENGINE_S:
                waiting.remove(engine)


def is_bearable(results: Results, engine: Engine, kind: str, size: str) -> bool:
    """Tell whether *engine* is expected to keep within the limit, by how long it took on the next smaller size."""
    sizes = list(SIZES)
    if size == sizes[0]:
        return True
    smaller = sizes[sizes.index(size) - 1]
    known = results["work"].get(f"{kind} {smaller}", {}).get(engine.name)
    if known is None:
        # A peer that did not do the smaller size does not do this one.
        return engine not in PEERS or f"{kind} {smaller}" not in results["work"]
    expected = shown_s(known) * cells(size) / cells(smaller)
    if expected > LIMIT_S:
        results["left_out"][f"{engine.name}, {kind} {size}"] = (
            f"expected to take {expected:.0f} s, by its time on {smaller}; the limit is {LIMIT_S:.0f} s"
        )
    return expected <= LIMIT_S


def cells(size: str) -> int:
    """Return how many targets there are."""
    days, instruments = SIZES[size]
    return days * instruments


def add(known: Results, figures: Results) -> None:
    """Add the *figures* of one more process to what is *known*: lists grow, memory is the most of all."""
    for name, value in figures.items():
        if isinstance(value, list):
            known.setdefault(name, []).extend(value)
        elif name == "peak_mb":
            known[name] = max(value, known.get(name, 0.0))
        else:
            known[name] = value


def shown_s(figures: Results) -> float:
    """Return the median of the seconds; of COPY over a single connection, where nothing else was measured."""
    return median(figures.get("seconds") or figures["single_s"])


def shown(figures: Results) -> str:
    """Return the median, and of how many."""
    return f"{shown_s(figures):9.4f} s, median of {len(figures.get('seconds') or figures['single_s'])}"


def bench(sizes: list[str], kinds: list[str], *, is_long: bool) -> None:
    """Compare on all *sizes*, and store and write what came of it."""
    results = nothing()
    make_all([*sizes, *(["4L"] if is_long else [])])
    engines = [OURS, *installed(results), COMMITTED, COPY]
    for size in sizes:
        compare(results, "daily", size, engines)
        store(results)
    if is_long:
        for size in ("L", "4L"):
            found = results["work"].setdefault(f"daily {size}", {}).setdefault(STREAMED.name, {})
            add(found, measure(STREAMED, "daily", size, PATIENCE * LIMIT_S))
    for kind in kinds:
        compare(results, kind, "M" if "M" in sizes else sizes[0], [engine for engine in engines if engine is not COPY])
    store(results)


def nothing() -> Results:
    """Return results to which nothing is added yet."""
    return {"at": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), "work": {}, "left_out": {}}


def store(results: Results) -> None:
    """Keep *results*, and write table and plot where engines were compared."""
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    if results["work"]:
        written(results)


def main() -> None:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", choices=["S", "M", "L"], default=["S", "M", "L"])
    parser.add_argument("--kinds", nargs="*", choices=["monthly", "limit"], default=["monthly", "limit"])
    parser.add_argument("--long", action="store_true", help="measure memory on four times the days of L, too")
    parser.add_argument("--judge", action="store_true", help="compare the stored results with the budgets")
    parser.add_argument("--read-back", action="store_true", help="measure reading one run back")
    parser.add_argument("--runs", type=int, default=100, help="of so many runs of size M")
    asked = parser.parse_args()
    if asked.read_back:
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else nothing()
        results["read_back"] = read_back(asked.runs)
        store(results)
    elif not asked.judge:
        bench(asked.sizes, asked.kinds, is_long=asked.long)
    print(judged(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    sys.exit(main())
