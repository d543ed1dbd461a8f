import numpy as np
import pytest

from execbridge.domain.costs import Commission, Slippage
from execbridge.domain.errors import DomainError

ONE = np.array([1.0, 1.0])


def test_without_slippage_a_price_is_as_it_is() -> None:
    # Exact: times one.
    assert Slippage().worsen(np.array([10.0, 10.0]), np.array([1, -1]), ONE, ONE).tolist() == [10.0, 10.0]


def test_slippage_makes_buys_dearer_and_sells_cheaper() -> None:
    worse = Slippage(bps=50, impact=0.1).worsen(np.array([10.0, 10.0]), np.array([1, -1]), ONE, np.array([10.0, 5.0]))
    assert worse.tolist() == pytest.approx([10 * (1.005 + 0.001), 10 * (0.995 - 0.004)])


def test_commission_is_of_notional_and_quantity_and_at_least_the_minimum() -> None:
    notional, quantity = np.array([10_000.0, 10.0]), np.array([100.0, 1.0])
    charged = Commission(bps=1, per_share=0.005, minimum=1.0).charge(notional, quantity)
    assert charged.tolist() == pytest.approx([1.5, 1.0])
    assert Commission().charge(notional, quantity).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_costs_are_not_below_zero(value: float) -> None:
    with pytest.raises(DomainError, match="bps is not below zero and finite, was"):
        Slippage(bps=value)
    with pytest.raises(DomainError, match="minimum is not below zero and finite, was"):
        Commission(minimum=value)
