"""Account: cash and equity at an instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from .errors import BadTable

if TYPE_CHECKING:
    from .positions import Positions


@frozen
class Account:
    """
    Money at an instant, in the account's currency.

    *equity* is cash and the market value of everything held; NaN where a mark is not known. *buying_power* is what may
    be spent on buying.
    """

    cash: float
    equity: float
    buying_power: float

    @classmethod
    def of(cls, cash: float, positions: Positions) -> Account:
        """
        Return a cash account that has *cash* and holds the marked *positions*.

        Raises:
            BadTable: the positions are in several currencies, which do not add up.
        """
        currencies = positions.on.currencies
        if len(currencies) > 1:
            raise BadTable(f"an account adds up one currency, was {', '.join(currencies)}")
        equity = cash + positions.total_value
        return cls(cash=cash, equity=equity, buying_power=max(cash, 0.0))
