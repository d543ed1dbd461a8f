"""
The work that every engine is asked to do: a panel of daily bars, and how much to hold of each instrument each day.

Market orders fill at the day's close, 5 bps against us, for 1 bp of commission, and cash never runs short. The same
numbers come out on every machine; they are made once and kept in a folder, so that no timing includes making them.
Needs numpy alone, as every engine's environment has to read it.

    python workload.py
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "bench"
VERSION = 2
"""Rises when other numbers come out; what was kept before is then made again."""

SEED = 20_100_104
FIRST = np.datetime64("2010-01-04")
SLIPPAGE_BPS, COMMISSION_BPS, BPS = 5.0, 1.0, 1e-4
LIMIT_OFFSET_BPS, PARTICIPATION, CENT = 20.0, 0.1, 0.01
LARGEST = 211
"""Targets are from 1 to so many shares; a prime, so that no step comes back to where it was."""

SIZES = {"S": (252, 20), "M": (1_260, 100), "L": (2_520, 500), "4L": (10_080, 500)}
"""Days and instruments; 4L, four times the days of L, shows whether memory grows with them."""

KINDS = {
    "daily": "every target changes every day",
    "monthly": "targets are said on the first trading day of a month, and left alone in between",
    "limit": "as daily, by limit orders of a day, filled from the next bar, at most a tenth of its volume",
}


@dataclass(frozen=True)
class Work:
    """One workload; a row a day and a column an instrument, read when asked for. A target is NaN where none is said."""

    kind: str
    size: str

    @property
    def folder(self) -> Path:
        """Where the numbers are kept."""
        return CACHE / "work" / f"{VERSION}-{self.kind}-{self.size}"

    @property
    def shape(self) -> tuple[int, int]:
        """Days and instruments."""
        return SIZES[self.size]

    @cached_property
    def day(self) -> NDArray[np.datetime64]:
        """The weekdays from FIRST on."""
        return np.busday_offset(FIRST, np.arange(self.shape[0])).astype("M8[D]")

    @cached_property
    def names(self) -> list[str]:
        """The instruments, in the order of the columns and of the alphabet."""
        return [f"I{number:04d}" for number in range(self.shape[1])]

    @cached_property
    def initial_cash(self) -> float:
        """So much that cash never runs short, buys before sells, and little more."""
        return float(self._read("initial_cash"))

    @cached_property
    def target(self) -> Floats:
        """Shares to hold after the close."""
        return self._read("target")

    @cached_property
    def open(self) -> Floats:
        """Opening prices."""
        return self._read("open")

    @cached_property
    def high(self) -> Floats:
        """Highest prices."""
        return self._read("high")

    @cached_property
    def low(self) -> Floats:
        """Lowest prices."""
        return self._read("low")

    @cached_property
    def close(self) -> Floats:
        """Closing prices."""
        return self._read("close")

    @cached_property
    def volume(self) -> Floats:
        """Shares traded."""
        return self._read("volume")

    def _read(self, name: str) -> Floats:
        numbers: Floats = np.load(self.folder / f"{name}.npy")
        return numbers

    def make(self) -> None:
        """Make the numbers and keep them, unless they are there."""
        if (self.folder / "initial_cash.npy").exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        bars = make_bars(*self.shape)
        target = np.stack([wanted(number, self.shape[1]) for number in range(self.shape[0])])
        if self.kind == "monthly":
            month = self.day.astype("M8[M]")
            target[1:][month[1:] == month[:-1]] = np.nan
        columns = {**bars, "target": target, "initial_cash": np.array(cash_needed(target, bars["close"]))}
        for name, numbers in columns.items():
            np.save(self.folder / f"{name}.npy", numbers)


def wanted(day: int, instruments: int) -> Floats:
    """Return how many shares of each instrument to hold on the *day*-th day; none as many as on the day before."""
    code = np.arange(instruments)
    amount: Floats = 1.0 + (code * 37 + day * (30 + code * 53 % 151)) % LARGEST
    return amount


def limit_price(price: float, lots: int) -> float:
    """Return the limit of an order for *lots*: so far beyond the *price* that it gives way, on whole cents inwards."""
    if lots > 0:
        return math.floor(price * (1 + LIMIT_OFFSET_BPS * BPS) / CENT + 1e-6) * CENT
    return math.ceil(price * (1 - LIMIT_OFFSET_BPS * BPS) / CENT - 1e-6) * CENT


def make_bars(days: int, instruments: int) -> dict[str, Floats]:
    """Return random walks, to four decimals, and the bars around them."""
    rng = np.random.default_rng(SEED)
    close = np.round(50.0 * np.exp(np.cumsum(rng.normal(2e-4, 0.015, (days, instruments)), axis=0)), 4)
    before = np.vstack([close[:1], close[:-1]])
    opened = np.round(before * np.exp(rng.normal(0.0, 0.005, close.shape)), 4)
    # No bar is so narrow that slippage would leave it.
    above, below = np.exp(0.001 + np.abs(rng.normal(0.0, 0.006, (2, *close.shape))))
    return {
        "open": opened,
        "high": np.round(np.maximum(opened, close) * above, 4),
        "low": np.round(np.minimum(opened, close) / below, 4),
        "close": close,
        "volume": rng.integers(200, 4_000, close.shape).astype(np.float64),
    }


def cash_needed(target: Floats, close: Floats) -> float:
    """Return the cash, to two digits, that is never used up when a day's buys come before its sells."""
    held, cash, least = np.zeros(target.shape[1]), 0.0, 0.0
    for row, price in zip(target, close, strict=True):
        change = np.where(np.isnan(row), held, row) - held
        paid = change * price * (1 + np.sign(change) * SLIPPAGE_BPS * BPS)
        fee = np.abs(paid) * COMMISSION_BPS * BPS
        least = min(least, cash - float((paid + fee)[change > 0].sum()))
        cash -= float((paid + fee).sum())
        held = held + change
    step = 10.0 ** (math.floor(math.log10(-least)) - 1)
    return math.ceil(-1.02 * least / step) * step


def make_all(sizes: list[str]) -> None:
    """Make the workloads of *sizes* that are not there."""
    for kind in KINDS:
        for size in sizes:
            Work(kind, size).make()


if __name__ == "__main__":
    make_all(list(SIZES))
