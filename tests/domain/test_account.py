import numpy as np
import pytest

from execbridge.domain.account import Account
from execbridge.domain.errors import BadTable
from execbridge.domain.instruments import Instrument, Instruments
from execbridge.domain.positions import Positions

ON = Instruments.of(["AAPL", "MSFT"])
HELD = Positions(ON, [0, 1], [10, -5], [100.0, -100.0], [0.0, 0.0], [11.0, 19.0])


def test_equity_is_cash_and_the_value_of_what_is_held() -> None:
    # Exact: whole numbers.
    assert Account.of(1000.0, HELD) == Account(cash=1000.0, equity=1015.0, buying_power=1000.0)


def test_without_cash_nothing_may_be_bought() -> None:
    assert Account.of(-5.0, HELD).buying_power == 0.0


def test_a_mark_that_is_not_known_leaves_equity_unknown() -> None:
    assert np.isnan(Account.of(1.0, HELD.mark(np.array([np.nan, 1.0]))).equity)


def test_currencies_do_not_add_up() -> None:
    mixed = Instruments.of([Instrument("SAP", currency="EUR"), "AAPL"])
    with pytest.raises(BadTable, match="an account adds up one currency, was EUR, USD"):
        Account.of(1.0, Positions.flat(mixed))
