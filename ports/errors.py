"""
The errors of the outside: what failed, and whether it may have happened.

    TradingError
      PortError             the outside failed
        Unavailable         known not to have happened; may be tried again
          BrokerUnavailable   StoreUnavailable   FeedUnavailable
        Unknown             may have happened; ask before acting
          StoreUnknown        a commit whose answer was lost
        Conflict            someone was faster, or it is there already; read again and decide
          StoreConflict       PortfolioHeld   RunHeld
      LookAhead             a backtest asked for what was not known yet
      UnknownRun            no run of that name is recorded
      TargetsFailed         whatever decides on targets has failed
      RunFailed             a backtest ended early; it is recorded as FAILED, with the date and the cause
"""

from ..domain.errors import DomainError, TradingError


class PortError(TradingError):
    """Say that something outside failed."""


class Unavailable(PortError):
    """Say that something did not happen, and may be tried again."""


class BrokerUnavailable(Unavailable):
    """Say that a broker was not reached; nothing was sent."""


class StoreUnavailable(Unavailable):
    """Say that a database was not reached, is behind or full; nothing was recorded."""


class FeedUnavailable(Unavailable):
    """Say that prices could not be read."""


class Unknown(PortError):
    """Say that something may have happened; ask before acting."""


class StoreUnknown(Unknown):
    """Say that a commit's answer was lost; it may be recorded."""


class Conflict(PortError):
    """Say that someone was faster; read again and decide."""


class StoreConflict(Conflict):
    """Say that another record of the same name is there already."""


class PortfolioHeld(Conflict):
    """Say that another process holds the portfolio."""


class RunHeld(Conflict):
    """Say that another process is still at work on the run."""


class LookAhead(DomainError):
    """Say that a backtest asked for what was not known at its instant."""


class UnknownRun(DomainError):
    """Say that no run of that name is recorded, and which names are near."""


class TargetsFailed(PortError):
    """Say that whatever decides on targets has failed, on which day and why."""


class RunFailed(PortError):
    """Say that a backtest ended early, on which day and why."""
