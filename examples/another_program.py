"""
Another program: a backtest over prices that it makes itself, with a database in a folder that is thrown away.

    pip install 'execbridge[embedded]'
    python another_program.py
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from execbridge import open_bridge

FIRST = date(2024, 1, 1)
DAYS = 250


def write_prices(file: Path) -> None:
    """Write daily bars of two instruments, one that rises steadily and one that swings."""
    with file.open("w", newline="") as rows:
        table = csv.writer(rows)
        table.writerow(["date", "instrument_id", "open", "high", "low", "close", "volume"])
        for number in range(DAYS):
            for name, price in (("CALM", 100.0 + 0.1 * number), ("WILD", 50.0 + 10.0 * (number % 7 - 3) / 3)):
                table.writerow([FIRST + timedelta(number), name, *[price] * 4, 100_000])


def main() -> None:
    """Hold 300 CALM and be short of 100 WILD from the first day to the last, and say what came of it."""
    with TemporaryDirectory() as folder:
        prices = Path(folder) / "prices.csv"
        write_prices(prices)
        asked = {"prices.files": [str(prices)], "database.data_dir": f"{folder}/db", "slippage.bps": 5.0}
        with open_bridge(overrides=asked) as bridge:
            result = bridge.run_sleeve(
                targets={"CALM": 300, "WILD": -100}, start_date=FIRST, end_date=FIRST + timedelta(DAYS - 1), run="first"
            )
    print(f"{result.orders} orders, {result.fills} fills, final equity {result.performance.final_equity:,.2f}")


if __name__ == "__main__":
    main()
