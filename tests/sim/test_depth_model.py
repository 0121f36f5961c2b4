"""Depth that goes with volatility: filled in only where the data are silent, and from the past alone."""

import numpy as np

from narrows.core.arrays import Float1D
from narrows.core.panel import Panel
from narrows.market.depth_model import against_usual
from narrows.sim.inputs import prepared
from tiny_market import PERP, SPOT, tiny_desk, tiny_panel

BARS = 24 * 120


def prices() -> Float1D:
    """Calm for a hundred days, then four times as wild."""
    random = np.random.default_rng(3)
    pace = np.where(np.arange(BARS) < 24 * 100, 0.002, 0.008)
    found: Float1D = 100.0 * np.exp(np.cumsum(pace * random.standard_normal(BARS)))
    return found


def panel(**more: object) -> Panel:
    close = prices().tolist()
    return tiny_panel([SPOT, PERP], mark=(close, close), **more)  # type: ignore[arg-type]


def test_depth_falls_and_the_spread_widens_when_it_is_wild() -> None:
    desk = tiny_desk(depth_usd=1e6, half_spread_bps=1.0, depth_model="volatility")
    made = prepared(desk, panel())
    calm, wild = made.depth[24 * 99, 0], made.depth[24 * 104, 0]
    assert wild < 0.6 * calm
    half = (made.ask - made.bid) / (made.ask + made.bid)
    assert half[24 * 104, 0] > 1.2 * half[24 * 99, 0]
    assert np.isnan(made.depth[0, 0])  # not known yet: the desk's own number counts


def test_without_the_key_nothing_is_made_up() -> None:
    made = prepared(tiny_desk(depth_usd=1e6), panel())
    assert np.isnan(made.depth).all()
    assert np.isnan(made.bid).all()


def test_what_the_data_have_stays() -> None:
    told = panel(depth=(5e5, 7e5), bid=(99.0, 99.0), ask=(101.0, 101.0))
    made = prepared(tiny_desk(depth_model="volatility"), told)
    assert (made.depth == told.depth).all()
    assert (made.bid == told.bid).all()


def test_later_bars_change_no_earlier_factor() -> None:
    close, time_ns = prices(), panel().time_ns
    whole = against_usual(time_ns, close)
    for cut in (24 * 50, 24 * 101 + 7, BARS - 1):
        for all_, some in zip(whole, against_usual(time_ns[:cut], close[:cut]), strict=True):
            assert np.array_equal(all_[:cut], some, equal_nan=True)
