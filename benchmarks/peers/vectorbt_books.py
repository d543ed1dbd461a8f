"""vectorbt, asked for equity, cash and positions of every day, too."""

from __future__ import annotations

from measure import main
from peers import vectorbt

if __name__ == "__main__":
    vectorbt.BOOKS = True
    main(vectorbt.prepare, distributions=["vectorbt", "vectorbt-rust", "numba", "numpy", "pandas"], about=__doc__)
