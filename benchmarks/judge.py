"""What the results come to against the budgets: figure, budget, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from engines import BOOKS, BT, COMMITTED, COPY, ML4T, NUMBA, OBJECTS, OURS, PEERS, RUST, STREAMED

if TYPE_CHECKING:
    from collections.abc import Callable

Results = dict[str, Any]
MB_MAX = 350.0


@dataclass(frozen=True)
class Figures:
    """The results, by engine and size, of the daily work."""

    results: Results

    def of(self, engine: str, size: str) -> Results:
        """Return the figures; KeyError where there are none."""
        figures: Results = self.results["work"][f"daily {size}"][engine]
        return figures

    def seconds(self, engine: str, size: str) -> float:
        """Return the median time."""
        return median(self.of(engine, size)["seconds"])

    def fastest(self, size: str) -> float:
        """Return the time of vectorbt's faster route."""
        return min(self.seconds(engine, size) for engine in (RUST.name, NUMBA.name))

    def per_order(self, engine: str, size: str) -> float:
        """Return the cost of an order."""
        return self.seconds(engine, size) / self.of(engine, size)["orders"]

    def stepping(self, size: str) -> float:
        """Return the time of the fastest peer that steps through time."""
        known = self.results["work"][f"daily {size}"]
        return min(self.seconds(peer.name, size) for peer in PEERS if not peer.knows_future and peer.name in known)

    def single(self, size: str) -> float:
        """Return the time of COPY over a single connection."""
        return median(self.of(COPY.name, size)["single_s"])

    def limit(self, size: str) -> float:
        """Return the server's own time."""
        return median(self.of(COPY.name, size)["limit_s"])


def ratios(figures: Figures) -> list[tuple[str, Callable[[], float], float]]:
    """Return what is judged: its name, its figure, and the most that it may be."""
    ours, kept, f = OURS.name, COMMITTED.name, figures
    return [
        ("1  L in memory / vectorbt's fastest, warm", lambda: f.seconds(ours, "L") / f.fastest("L"), 1.0),
        ("1  L in memory / vectorbt with daily books", lambda: f.seconds(ours, "L") / f.seconds(BOOKS.name, "L"), 1.0),
        ("1  L in memory / bt", lambda: f.seconds(ours, "L") / f.seconds(BT.name, "L"), 0.05),
        ("1  L in memory / ml4t-backtest", lambda: f.seconds(ours, "L") / f.seconds(ML4T.name, "L"), 0.05),
        ("1  L in memory / plain objects", lambda: f.seconds(ours, "L") / f.seconds(OBJECTS.name, "L"), 0.05),
        ("1  S in memory / plain objects", lambda: f.seconds(ours, "S") / f.seconds(OBJECTS.name, "S"), 1.0),
        ("1  S in memory / fastest that steps", lambda: f.seconds(ours, "S") / f.stepping("S"), 1.0),
        ("1  S in memory / vectorbt's fastest, warm", lambda: f.seconds(ours, "S") / f.fastest("S"), 2.0),
        (
            "2  L committed / (vectorbt + one COPY)",
            lambda: f.seconds(kept, "L") / (f.fastest("L") + f.single("L")),
            0.85,
        ),
        ("2  L committed / server's limit", lambda: f.seconds(kept, "L") / f.limit("L"), 1.15),
        ("3  L in memory, peak MB", lambda: f.of(ours, "L")["peak_mb"], MB_MAX),
        ("3  L committed, peak MB", lambda: f.of(kept, "L")["peak_mb"], MB_MAX),
        ("3  L streamed, peak MB", lambda: f.of(STREAMED.name, "L")["peak_mb"], MB_MAX),
        (
            "3  streamed, peak of 4 x the days / of L",
            lambda: f.of(STREAMED.name, "4L")["peak_mb"] / f.of(STREAMED.name, "L")["peak_mb"],
            1.1,
        ),
        ("3  in memory, an order at L / at M", lambda: f.per_order(ours, "L") / f.per_order(ours, "M"), 1.1),
        ("3  committed, an order at L / at M", lambda: f.per_order(kept, "L") / f.per_order(kept, "M"), 1.1),
        (
            f"4  reading back / bare COPY, of {f.results.get('read_back', {}).get('runs', '?')} runs",
            lambda: f.results["read_back"]["command_s"] / f.results["read_back"]["copy_s"],
            2.0,
        ),
        (
            "4  the same, in a running interpreter",
            lambda: f.results["read_back"]["warm_s"] / f.results["read_back"]["copy_s"],
            2.0,
        ),
    ]


def judged(results: Results) -> str:
    """Return the table of figures, budgets, and whether they hold; what was not measured says so."""
    lines = [f"{'figure':46}{'is':>9}{'budget':>9}"]
    for name, figure, budget in ratios(Figures(results)):
        try:
            value = figure()
        except (KeyError, ValueError):
            lines.append(f"{name:46}{'-':>9}{budget:>9.2f}  not measured")
            continue
        lines.append(f"{name:46}{value:>9.3f}{budget:>9.2f}  {'holds' if value <= budget else 'DOES NOT HOLD'}")
    return "\n".join(lines)
