"""Move portfolios from what they hold to what they should hold: in a backtest, on paper, and live."""

__version__ = "0.1.0"
