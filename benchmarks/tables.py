"""The results as a page to read, and as a plot."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from engines import COMMITTED, COPY, HERE, OURS, PEERS
from workload import COMMISSION_BPS, KINDS, SIZES, SLIPPAGE_BPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = dict[str, Any]
PAGE = HERE / "RESULTS.md"
PLOT = HERE.parent / "docs" / "benchmark.png"
README = HERE.parent / "README.md"
BEGIN, END = "<!-- by make bench, from here -->\n", "<!-- to here -->"
MEMORY = [OURS.name, *(peer.name for peer in PEERS)]
CAVEAT = "Seconds are medians; other machines come to other seconds, and much the same ratios."
WORK = (
    f"A panel of daily bars, {KINDS['daily']}; market orders fill at the close, {SLIPPAGE_BPS:g} bps against us,"
    f" for {COMMISSION_BPS:g} bp of commission."
)
ABOUT_MEMORY = (
    "Equity: how far the final equity is from ours, relatively, on the largest size that both did. Growth: of the cost"
    " of an order, from size to size. vectorbt knows the whole future when it begins; all others step through time."
    " qstrader rounds what commissions are charged on."
)
ABOUT_DATABASE = (
    "Of a peer: its own time, and then the fastest COPY of the same rows over a single connection, as no peer writes to"
    " a database. Orders, fills and snapshots, under the same keys and indexes."
)
INK, GREY = "#1f5fbf", "#8a8a8a"


def written(results: Results) -> None:
    """Write page and plot, and what the README shows of them."""
    PAGE.write_text(page(results))
    plot(results)
    before, _, rest = README.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"the README shows the benchmark between {BEGIN.strip()} and {END}"
    README.write_text(f"{before}{BEGIN}{digest(results)}{END}{after}")


def digest(results: Results) -> str:
    """Return what the README shows."""
    sizes = measured(results)
    parts = [
        where(results),
        f"{WORK} {what(sizes)}.",
        table(in_memory(results, sizes)),
        ABOUT_MEMORY,
        table(into_database(results, sizes)),
        ABOUT_DATABASE,
        f"Versions: {', '.join(versions(results))}.",
    ]
    return "\n\n".join(parts) + "\n"


def where(results: Results) -> str:
    """Return by which command, when and on which machine it was measured."""
    machine = results["machine"]
    system = f"{machine['system']}, {machine['cores']} cores, {machine['memory']}, Python {machine['python']}"
    return f"`make bench`, {results['at']}: {system}. {CAVEAT}"


def what(sizes: list[str]) -> str:
    """Return how large the sizes are."""
    return ", ".join(f"{size} = {SIZES[size][0]:,} days × {SIZES[size][1]} instruments" for size in sizes)


def page(results: Results) -> str:
    """Return the page."""
    sizes = measured(results)
    kinds = [kind for kind in KINDS if kind != "daily" and any(work.startswith(kind) for work in results["work"])]
    parts = [
        "# Benchmark",
        where(results),
        f"{WORK} {what(sizes)}.",
        "## In memory",
        table(in_memory(results, sizes)),
        ABOUT_MEMORY,
        "## Into PostgreSQL",
        table(into_database(results, sizes)),
        ABOUT_DATABASE,
        *(
            part
            for kind in kinds
            for part in (f"## {kind.capitalize()}", f"{KINDS[kind].capitalize()}.", other(results, kind))
        ),
        *(["## Out of PostgreSQL", read_back(results["read_back"])] if "read_back" in results else []),
        "## Left out",
        "\n".join(f"- {name}: {why}" for name, why in sorted(results["left_out"].items())) or "Nothing.",
        "## Versions",
        ", ".join(versions(results)),
    ]
    return "\n\n".join(parts) + "\n"


def measured(results: Results) -> list[str]:
    """Return the sizes on which we have done the daily work."""
    return [size for size in SIZES if OURS.name in results["work"].get(f"daily {size}", {})]


def table(rows: list[list[str]]) -> str:
    """Return *rows*, of which the first is the head, as Markdown."""
    head, *body = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def in_memory(results: Results, sizes: list[str]) -> list[list[str]]:
    """Return the table of what keeps no rows."""
    largest = sizes[-1]
    head = [
        "engine",
        *(f"{size}, s" for size in sizes),
        f"{largest}, orders/s",
        f"{largest}, peak MB",
        "growth",
        "equity",
    ]
    rows = [head]
    for name in MEMORY:
        found = {size: results["work"][f"daily {size}"].get(name) for size in sizes}
        if not any(found.values()):
            continue
        last = found[largest]
        rows.append(
            [
                f"**{name}**" if name == OURS.name else name,
                *(seconds(figures) for figures in found.values()),
                f"{last['orders'] / median(last['seconds']):,.0f}" if last else "–",
                f"{last['peak_mb']:,.0f}" if last else "–",
                growth(found),
                agreement(results, name, sizes),
            ]
        )
    return rows


def into_database(results: Results, sizes: list[str]) -> list[list[str]]:
    """Return the table of what keeps all rows."""
    rows = [["engine", *(f"{size}, s" for size in sizes), *(f"{size}, orders/s" for size in sizes)]]
    works = [results["work"][f"daily {size}"] for size in sizes]
    copies = [median(work[COPY.name]["single_s"]) if COPY.name in work else None for work in works]
    for name in [COMMITTED.name, *MEMORY[1:]]:
        times: list[float | None] = []
        for work, copy in zip(works, copies, strict=True):
            own = median(work[name]["seconds"]) if name in work else None
            added = 0.0 if name == COMMITTED.name else copy
            times.append(None if own is None or added is None else own + added)
        if any(times):
            orders = [work[OURS.name]["orders"] for work in works]
            rates = ["–" if not took else f"{many / took:,.0f}" for many, took in zip(orders, times, strict=True)]
            label = "**execbridge**" if name == COMMITTED.name else f"{name} + COPY"
            rows.append([label, *("–" if took is None else f"{took:.3g}" for took in times), *rates])
    for label, which in (("COPY alone, 1 connection", "single_s"), ("server's limit", "limit_s")):
        times = [median(work[COPY.name][which]) if COPY.name in work else None for work in works]
        rows.append([label, *("–" if took is None else f"{took:.3g}" for took in times), *[""] * len(sizes)])
    return rows


def other(results: Results, kind: str) -> str:
    """Return the table of another kind of work."""
    ((work, found),) = [(work, found) for work, found in results["work"].items() if work.startswith(kind)]
    ours = found.get(OURS.name)
    rows = [["engine", f"{work.split()[1]}, s", "orders", "equity"]]
    for name in [*MEMORY, COMMITTED.name]:
        if name in found:
            apart = "–" if ours is None else f"{abs(found[name]['equity'] / ours['equity'] - 1):.0e}"
            rows.append([name, seconds(found[name]), f"{found[name]['orders']:,}", apart])
    return table(rows)


def seconds(figures: Results | None) -> str:
    """Return the median."""
    return "–" if not figures else f"{median(figures['seconds']):.3g}"


def read_back(found: Results) -> str:
    """Return how long reading a run back takes."""
    return (
        f"Orders, fills and positions of one run of {found['runs']} of size M as JSON by the command line:"
        f" {found['command_s']:.2f} s in three processes, {found['warm_s']:.2f} s of it in a running interpreter."
        f" Bare COPY of the same rows: {found['copy_s']:.2f} s by the run's name, {found['copy_by_number_s']:.2f} s by"
        f" its number; with all that the command lists, in its order: {found['listed_by_number_s']:.2f} s."
    )


def growth(found: dict[str, Results | None]) -> str:
    """Return how the cost of an order grows from each size to the next."""
    costs = [median(figures["seconds"]) / figures["orders"] for figures in found.values() if figures]
    return ", ".join(f"× {after / before:.2f}" for before, after in pairwise(costs)) or "–"


def agreement(results: Results, name: str, sizes: list[str]) -> str:
    """Return how far the final equity is from ours, relatively."""
    for size in reversed(sizes):
        work = results["work"][f"daily {size}"]
        if name in work:
            return "" if name == OURS.name else f"{abs(work[name]['equity'] / work[OURS.name]['equity'] - 1):.0e}"
    return "–"


def versions(results: Results) -> list[str]:
    """Return every version that counted."""
    found: dict[str, set[str]] = {}
    for work in results["work"].values():
        for figures in work.values():
            for name, version in figures.get("versions", {}).items():
                found.setdefault(name, set()).add(version)
    return [f"{name} {' / '.join(sorted(known))}" for name, known in sorted(found.items())]


def plot(results: Results) -> None:
    """Draw the cost of an order against the size of the work, a line an engine."""
    figure, axes = plt.subplots(figsize=(8, 5.2), layout="constrained")
    ends = []
    for name in MEMORY:
        points = []
        for size in SIZES:
            figures = results["work"].get(f"daily {size}", {}).get(name)
            if figures:
                points.append((figures["orders"], 1e6 * median(figures["seconds"]) / figures["orders"]))
        if points:
            is_ours = name == OURS.name
            colour = INK if is_ours else GREY
            axes.plot(*zip(*points, strict=True), color=colour, lw=2.6 if is_ours else 1.3, marker="o", ms=4)
            ends.append((points[-1], name, colour))
    label(axes, ends)
    axes.set(xscale="log", yscale="log", xlabel="orders", ylabel="microseconds an order")
    counts = {size: results["work"][f"daily {size}"][OURS.name]["orders"] for size in measured(results)}
    axes.set_xticks(list(counts.values()), [f"{count:,}\n({size})" for size, count in counts.items()])
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_title("Cost of an order in memory, by the size of the backtest", loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e4e4", lw=0.6)
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 4)
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, dpi=130)
    plt.close(figure)


def label(axes: Axes, ends: list[tuple[tuple[float, float], str, str]]) -> None:
    """Write each name beside the end of its line, and no name over another."""
    floor = 0.0
    for (right, height), name, colour in sorted(ends, key=lambda end: end[0][1]):
        floor = max(height, floor * 1.3)
        weight = "bold" if name == OURS.name else "normal"
        axes.annotate(
            name, (right, floor), (8, 0), textcoords="offset points", va="center", color=colour, weight=weight, size=9
        )
