"""vectorbt with its other engine, numba, which compiles what it runs when it is first called."""

from __future__ import annotations

from measure import main
from peers import vectorbt

if __name__ == "__main__":
    vectorbt.ENGINE = "numba"
    main(vectorbt.prepare, distributions=["vectorbt", "numba", "numpy", "pandas"], about=__doc__)
