import numpy as np
import pytest

from execbridge.domain.performance import Performance, drawdown, measure


def measured(initial: float, *equity: float) -> Performance:
    return measure(initial, np.array(equity, float), np.full(len(equity), 50.0), commission=1.0, shortfall=2.0)


def test_drawdown_is_the_fall_from_the_highest_so_far() -> None:
    assert drawdown(np.array([100.0, 120.0, 90.0, 150.0])).tolist() == pytest.approx([0.0, 0.0, -0.25, 0.0])


def test_what_a_curve_says() -> None:
    said = measured(100.0, 110.0, 99.0)
    assert (said.days, said.initial_equity, said.final_equity) == (2, 100.0, 99.0)
    assert said.total_return == pytest.approx(-0.01)
    assert said.annual_return == pytest.approx(0.99**126 - 1)
    assert said.volatility == pytest.approx(np.sqrt(0.02 * 252))
    assert said.sharpe == pytest.approx(0.0, abs=1e-12)
    assert said.max_drawdown == pytest.approx(-0.1)
    assert said.turnover == pytest.approx(100 / 103 * 126)
    assert (said.commission, said.shortfall) == (1.0, 2.0)


def test_no_day_says_nothing_but_its_equity() -> None:
    said = measured(100.0)
    assert (said.days, said.final_equity, said.total_return, said.max_drawdown) == (0, 100.0, 0.0, 0.0)
    assert np.isnan([said.annual_return, said.volatility, said.sharpe, said.turnover]).all()


def test_one_day_has_no_volatility() -> None:
    said = measured(100.0, 101.0)
    assert np.isnan([said.volatility, said.sharpe]).all()
    assert said.annual_return == pytest.approx(1.01**252 - 1)


def test_a_flat_curve_has_no_sharpe_ratio() -> None:
    assert measured(100.0, 100.0, 100.0).volatility == 0.0
    assert np.isnan(measured(100.0, 100.0, 100.0).sharpe)


def test_ruin_has_no_annual_return() -> None:
    said = measured(100.0, 0.0, -50.0)
    assert said.total_return == pytest.approx(-1.5)
    assert said.max_drawdown == pytest.approx(-1.5)
    assert np.isnan([said.annual_return, said.volatility, said.sharpe]).all()


def test_without_money_at_the_start_there_is_no_return() -> None:
    said = measured(0.0, 0.0)
    assert np.isnan([said.total_return, said.annual_return, said.turnover]).all()


def test_a_day_that_is_not_known_leaves_what_needs_it_unknown() -> None:
    said = measured(100.0, np.nan, 120.0)
    assert said.total_return == pytest.approx(0.2)
    assert np.isnan([said.volatility, said.max_drawdown, said.turnover]).all()


def test_a_return_beyond_floats_is_infinite() -> None:
    assert measured(1.0, 1e6).annual_return == np.inf
