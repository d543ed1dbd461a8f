"""Move portfolios from what they hold to what they should hold: in a backtest, on paper, and live."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .application.container import open_bridge

__all__ = ["open_bridge"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Bring `open_bridge` when it is first asked for; what it is made of takes a while to load."""
    if name == "open_bridge":
        from .application.container import open_bridge  # noqa: PLC0415 - loading is the point.

        return open_bridge
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
