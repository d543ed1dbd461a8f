"""What a curve says is what its slow twin says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execbridge.domain.performance import drawdown, measure

from .. import twins

values = st.integers(1, 10**6).map(lambda cents: cents / 100)
anything = values | st.sampled_from([0.0, -5.0, np.nan, 1e300])


@given(st.lists(values, min_size=1))
def test_drawdown_is_its_slow_twin(curve: list[float]) -> None:
    assert drawdown(np.array(curve)).tolist() == pytest.approx(twins.drawdown(curve), rel=1e-12, abs=1e-15)


@given(values, st.lists(values.map(lambda value: 100 + value / 100), min_size=2, max_size=40))
def test_measuring_is_its_slow_twin(initial: float, equity: list[float]) -> None:
    initial = 100 + initial / 100
    fast = measure(initial, np.array(equity), np.zeros(len(equity)), commission=1.5, shortfall=-2.5)
    for figure, value in twins.measure(initial, equity).items():
        assert getattr(fast, figure) == pytest.approx(value, rel=1e-9, abs=1e-9)


@given(anything, st.lists(anything, max_size=6))
def test_no_curve_makes_measuring_fail(initial: float, equity: list[float]) -> None:
    curve = np.array(equity, float)
    said = measure(initial, curve, np.abs(curve), commission=0.0, shortfall=0.0)
    assert said.days == len(equity)
    assert not said.max_drawdown > 0


@given(values, st.lists(values, max_size=6), st.sampled_from([0.5, 2.0, 1024.0]))
def test_returns_do_not_depend_on_the_currency(initial: float, equity: list[float], rate: float) -> None:
    curve = np.array(equity, float)
    here = measure(initial, curve, curve, commission=0.0, shortfall=0.0)
    there = measure(rate * initial, rate * curve, rate * curve, commission=0.0, shortfall=0.0)
    # Exact: a power of two only moves the exponent.
    assert np.array_equal([here.total_return, here.turnover], [there.total_return, there.turnover], equal_nan=True)
    assert np.array_equal([here.max_drawdown, here.sharpe], [there.max_drawdown, there.sharpe], equal_nan=True)
