"""
Rebuild prices.csv.gz from the package that carries these prices.

    pip install --no-deps bokeh_sampledata==2026.1
    python examples/make_prices.py

Every number is copied as the text that it is, so nothing is rounded; only the columns are renamed and the rows
put in order of date and instrument. PRICES.md says where the numbers come from.
"""

import csv
import gzip
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

COLUMNS = {
    "date": "Date",
    "instrument_id": "Ticker",
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "volume": "Volume",
    "adj_close": "Adj Close",
}
ROWS = {"AAPL": 3270, "FB": 196, "GOOG": 2148, "IBM": 3270, "MSFT": 3270}


def source() -> Path:
    """Return the file in the installed package, which need not be importable for that."""
    spec = find_spec("bokeh_sampledata")
    if spec is None or spec.origin is None:
        sys.exit("install the source first: pip install --no-deps bokeh_sampledata==2026.1")
    return Path(spec.origin).parent / "_data" / "stocks.csv.gz"


def main() -> None:
    """Write prices.csv.gz beside this script."""
    with gzip.open(source(), "rt", newline="") as file:
        rows = [[row[name] for name in COLUMNS.values()] for row in csv.DictReader(file)]
    rows.sort()
    counts = Counter(instrument_id for _, instrument_id, *_ in rows)
    if counts != ROWS:
        sys.exit(f"the source holds other rows than expected: {dict(counts)}, not {ROWS}")
    target = Path(__file__).with_name("prices.csv.gz")
    lines = [",".join(row) + "\n" for row in [list(COLUMNS), *rows]]
    # Neither a name nor a time inside, so that the same prices are the same file.
    with target.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
        packed.write("".join(lines).encode("ascii"))
    print(f"{target.name}: {len(rows)} bars, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
