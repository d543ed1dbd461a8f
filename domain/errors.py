"""
The errors of the rules: what a caller got wrong.

    TradingError
      DomainError            a rule of ours was broken by the caller; never retried
        BadTable             a column or a row is not what its table allows
        UnknownInstrument    an id that is not on the axis
        BadTransition        an order was asked to go backwards
      SettingsError          refused at start-up, all problems at once
"""


class TradingError(Exception):
    """Stand above every error that execbridge raises on purpose."""


class DomainError(TradingError):
    """Say that the caller broke a rule; trying again changes nothing."""


class BadTable(DomainError):
    """Say which column and rows of a table are not allowed, and why."""


class UnknownInstrument(DomainError):
    """Say which instrument ids are not on the axis."""


class BadTransition(DomainError):
    """Say which orders were asked to take a status that they cannot take."""


class SettingsError(TradingError):
    """Say everything that is wrong with the settings, all at once."""
