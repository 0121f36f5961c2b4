"""The depth model: what was put in comes out, errors cover it, nothing looks ahead."""

import math

import numpy as np
import pytest

from narrows.core.arrays import Float1D, Int1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.time import HOUR_NS
from narrows.market.depth_model import along, fit, hour_of_day, trailing_vol

ROWS = 1_200
TIME: Int1D = np.arange(ROWS, dtype=np.int64) * 6 * HOUR_NS
EFFECTS = np.array([0.1, -0.3, 0.0, 0.2])


def table(seed: int, noise: float = 0.4, persistence: float = 0.6) -> tuple[Float1D, Float1D, Float1D]:
    """Depth of 2 M at a volatility of 3 %, elasticity −0.8, AR(1) noise; the spread is the reverse."""
    random = np.random.default_rng(seed)
    vol = 0.03 * np.exp(0.5 * random.normal(size=ROWS))
    shocks = noise * random.normal(size=ROWS) * math.sqrt(1.0 - persistence**2)
    for row in range(1, ROWS):
        shocks[row] += persistence * shocks[row - 1]
    shape = -0.8 * np.log(vol / 0.03) + EFFECTS[np.arange(ROWS) % 4] + shocks
    return 2e6 * np.exp(shape), 1e-5 * np.exp(-shape), vol


def test_what_was_put_in_comes_out() -> None:
    depth, half, vol = table(1)
    model = fit(TIME, depth, half, vol, span=10e-4)
    np.testing.assert_array_equal(model.hours, [0, 6, 12, 18])
    assert model.depth.slope == pytest.approx(-0.8, abs=4 * model.depth.slope_se)
    assert 0.01 < model.depth.slope_se < 0.05
    assert (np.abs(model.depth.effects - EFFECTS) < 4 * model.depth.effects_se).all()
    assert model.half_spread.slope == pytest.approx(-model.depth.slope, rel=1e-9)
    assert model.depth.sd == pytest.approx(0.4, rel=0.1)
    assert 0.3 < model.depth.r2_ahead < 0.8
    exact = fit(TIME, *table(1, 0.0), span=10e-4)
    found = exact.at(0.06, 6.0)
    assert float(found[0]) == pytest.approx(2e6 * 2**-0.8 * math.exp(-0.3), rel=1e-9)
    assert float(found[1]) == pytest.approx(1e-5 * 2**0.8 * math.exp(0.3), rel=1e-9)
    assert exact.depth.r2_ahead == pytest.approx(1.0, abs=1e-12)
    between = exact.at(0.03, np.array([3.0, 21.0]))[0]
    np.testing.assert_allclose(between, 2e6 * np.exp([-0.1, 0.15]), rtol=1e-9)


def test_standard_errors_cover_what_is_true() -> None:
    within = 0
    for seed in range(120):
        line = fit(TIME, *table(seed), span=10e-4).depth
        within += abs(line.effects[1] - EFFECTS[1]) < 1.96 * line.effects_se[1]
    assert 0.86 <= within / 120 <= 0.99


def test_least_squares_by_another_road() -> None:
    depth, half, vol = table(5)
    line = fit(TIME, depth, half, vol, span=10e-4).depth
    hour = np.arange(ROWS) % 4
    y, x = np.log(depth), np.log(vol)
    for one in range(4):  # Frisch, Waugh & Lovell: within the hours
        x[hour == one] -= np.log(vol)[hour == one].mean()
        y[hour == one] -= np.log(depth)[hour == one].mean()
    assert line.slope == pytest.approx(float(x @ y / (x @ x)), rel=1e-10)


def test_depth_is_brought_to_ten_basis_points_at_even_density() -> None:
    depth, half, vol = table(1)
    near, far = fit(TIME, depth, half, vol, span=10e-4), fit(TIME, depth, half, vol, span=50e-4)
    assert float(far.at(0.03, 0.0)[0]) == pytest.approx(float(near.at(0.03, 0.0)[0]) / 5.0, rel=1e-12)
    spans = np.linspace(2e-4, 5e-4, ROWS)
    same = fit(TIME, depth * spans / 10e-4, half, vol, span=spans)
    assert same.depth.slope == pytest.approx(near.depth.slope, rel=1e-10)


def test_a_level_that_has_moved_shows_in_the_forecast_and_not_in_the_shape() -> None:
    depth, half, vol = table(2)
    moved = depth * np.where(np.arange(ROWS) < 0.7 * ROWS, 1.0, 20.0)
    line = fit(TIME, moved, half, vol, span=10e-4).depth
    assert line.r2_ahead < 0.2
    assert line.r2_shape > 0.3


def test_volatility_by_hand_and_through_holes() -> None:
    price = np.array([100.0, 101.0, 99.0, np.nan, 100.0, 102.0, 103.0])
    time = np.arange(7, dtype=np.int64) * 6 * HOUR_NS
    found = trailing_vol(time, price, 12.0)
    assert np.isnan(found[[0, 3]]).all()
    assert found[1] == pytest.approx(math.sqrt(math.log(1.01) ** 2 / 0.25))
    two = math.log(1.01) ** 2 + math.log(99 / 101) ** 2
    assert found[2] == pytest.approx(math.sqrt(two / 0.5))
    assert np.isnan(found[4])  # no move is known in the last 12 hours
    assert found[5] == pytest.approx(math.sqrt(math.log(1.02) ** 2 / 0.25))


def plain_vol(time: Int1D, price: Float1D, window_h: float) -> list[float]:
    found = []
    for row in range(len(time)):
        squares = days = 0.0
        for past in range(1, row + 1):
            if time[past - 1] >= time[row] - window_h * HOUR_NS:
                squares += math.log(price[past] / price[past - 1]) ** 2
                days += (time[past] - time[past - 1]) / (24 * HOUR_NS)
        found.append(math.sqrt(squares / days) if days >= window_h / 48 else math.nan)
    return found


def test_volatility_is_the_plain_one_at_uneven_times() -> None:
    random = np.random.default_rng(3)
    time = np.cumsum(random.integers(1, 30, 200)).astype(np.int64) * HOUR_NS
    price = 100.0 * np.exp(np.cumsum(0.01 * random.normal(size=200)))
    np.testing.assert_allclose(trailing_vol(time, price, 48.0), plain_vol(time, price, 48.0), rtol=1e-10)


def test_columns_know_nothing_of_what_follows_nor_of_where_the_array_began() -> None:
    model = fit(TIME, *table(1), span=10e-4)
    random = np.random.default_rng(4)
    time = np.arange(500, dtype=np.int64) * HOUR_NS
    close = 100.0 * np.exp(np.cumsum(0.005 * random.normal(size=500)))
    whole = along(model, time, close, 24.0)
    for cut in (50, 213, 499):
        for full, part in zip(whole, along(model, time[:cut], close[:cut], 24.0), strict=True):
            assert full[:cut].tobytes() == part.tobytes()
    late = along(model, time[100:], close[100:], 24.0)
    for full, part in zip(whole, late, strict=True):
        assert full[124:].tobytes() == part[24:].tobytes()
    known = np.isfinite(whole.depth)
    assert known.sum() == 500 - 12
    half = (whole.ask - whole.bid) / (whole.ask + whole.bid)
    vol, hour = trailing_vol(time, close, 24.0), hour_of_day(time)
    np.testing.assert_allclose(half[known], model.at(vol, hour)[1][known], rtol=1e-9)
    np.testing.assert_allclose(whole.depth[known], model.at(vol, hour)[0][known], rtol=1e-12)


def test_no_volatility_no_depth() -> None:
    model = fit(TIME, *table(1), span=10e-4)
    assert np.isnan(model.at(np.array([0.0, math.nan]), 0.0)).all()


def test_bad_tables_are_refused_in_one_line() -> None:
    depth, half, vol = table(1)
    bad = depth.copy()
    bad[7] = 0.0
    for call in (
        lambda: fit(TIME[::-1], depth, half, vol, span=1e-3),
        lambda: fit(TIME, bad, half, vol, span=1e-3),
        lambda: fit(TIME, depth, -half, vol, span=1e-3),
        lambda: fit(TIME, depth[:-1], half, vol, span=1e-3),
        lambda: fit(TIME[:20], depth[:20], half[:20], vol[:20], span=1e-3),
        lambda: fit(TIME, depth, half, vol * np.nan, span=1e-3),
        lambda: trailing_vol(TIME[::-1], depth, 24.0),
        lambda: trailing_vol(TIME, -depth, 24.0),
    ):
        with pytest.raises(DataError) as caught:
            call()
        assert "\n" not in str(caught.value)
    for call in (
        lambda: fit(TIME, depth, half, vol, span=0.0),
        lambda: fit(TIME, depth, half, vol, span=1e-3, train=1.0),
        lambda: trailing_vol(TIME, depth, 0.0),
    ):
        with pytest.raises(ConfigError):
            call()
    assert np.isnan(trailing_vol(TIME[:1], depth[:1], 24.0)).all()
