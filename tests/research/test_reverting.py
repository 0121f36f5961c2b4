"""Which gaps of a scan are counted on to close, by how much, and how sure one may be."""

import math

import numpy as np
import pytest

from narrows.analytics.basis import basis_rate
from narrows.analytics.ou_fit import fit_ou
from narrows.analytics.unitroot import convergence
from narrows.core.arrays import Float1D
from narrows.core.panel import Panel
from narrows.core.random import generator
from narrows.core.spread import Spread, spreads
from narrows.core.time import HOUR_NS
from narrows.research.reverting import DELIVERED, FALSE, HISTORY_H, reversions
from narrows.research.scan import SURE, scan
from tiny_market import NAN, tiny_desk, tiny_panel

WALKS = 29
BARS = 800
KEPT = 0.5 ** (1.0 / 6.0)  # half-life of 6 h
HORIZON_H = 72.0


def universe(planted: bool, seed: int) -> tuple[Panel, list[Spread]]:
    """Thirty coins on one venue, the gap of each a random walk; of the first it reverts, if planted."""
    random = generator(seed, "universe")
    shocks = random.normal(0.0, 1e-4, (BARS, WALKS + 1))
    gaps = shocks.cumsum(axis=0)
    if planted:
        for bar in range(1, BARS):
            gaps[bar, 0] = KEPT * gaps[bar - 1, 0] + shocks[bar, 0]
        gaps[-1, 0] += 1e-3
    ids = [f"C{coin:02}-USDT{kind}.alpha" for coin in range(WALKS + 1) for kind in ("", "-PERP")]
    columns = [
        column
        for coin in range(WALKS + 1)
        for column in (np.full(BARS, 100.0), 100.0 * (1.0 + gaps[:, coin]))
    ]
    panel = tiny_panel(ids, mark=[column.tolist() for column in columns])
    return panel, [one for one in spreads(panel.instruments) if one.kind == "funding_carry"]


def gap(panel: Panel, spread: Spread) -> Float1D:
    first, second = (panel.close[:, panel.column(leg.instrument.id)] for leg in spread.legs)
    return basis_rate(first, second)


def test_a_planted_reversion_is_found_among_random_walks() -> None:
    panel, pairs = universe(planted=True, seed=5)
    found = reversions(panel, pairs, HORIZON_H)
    assert found[0].reason == ""
    assert found[0].half_life.lo <= 6.0 <= found[0].half_life.hi
    assert found[0].fall == pytest.approx(1e-3, rel=0.5)
    assert all(one.fall == 0.0 and one.error == 0.0 for one in found[1:])


def test_a_walk_that_looks_like_reverting_does_not_count_among_thirty() -> None:
    """One in twenty walks has p < 5 %; among thirty that is no finding."""
    lucky = 0
    for seed in range(1, 5):
        panel, pairs = universe(planted=False, seed=seed)
        chances = np.array([convergence(gap(panel, one)).pvalue for one in pairs])
        found = reversions(panel, pairs, HORIZON_H)
        for chance, one in zip(chances, found, strict=True):
            assert one.fall == 0.0
            if chance < FALSE:
                lucky += 1
                if one.half_life.known:
                    assert one.reason == f"reversion not established: p = {chance:.3f}, one of 30 tried"
    assert lucky > 0


def test_alone_a_lucky_walk_counts() -> None:
    """What thirty tries make of a p-value: the same gap, asked for by itself, is taken to revert."""
    panel, pairs = next(
        (panel, pairs)
        for panel, pairs in (universe(planted=False, seed=seed) for seed in range(1, 5))
        if min(convergence(gap(panel, one)).pvalue for one in pairs) < FALSE
    )
    place = int(np.argmin([convergence(gap(panel, one)).pvalue for one in pairs]))
    among, (alone,) = reversions(panel, pairs, HORIZON_H)[place], reversions(panel, [pairs[place]], HORIZON_H)
    assert among.fall == 0.0
    assert among.half_life == alone.half_life
    assert alone.reason == ""


def test_the_fall_and_its_error_by_hand() -> None:
    """To the level by 1 − 2^(−horizon / half-life); both ends of speed and of level are 1.645 errors off."""
    panel, pairs = universe(planted=True, seed=5)
    fitted = fit_ou(gap(panel, pairs[0]), panel.time_ns / HOUR_NS)
    for horizon in (3.0, HORIZON_H):
        found = reversions(panel, pairs, horizon)[0]
        apart = gap(panel, pairs[0])[-1] - fitted.theta.value
        gone, fast, slow = (1.0 - 2.0 ** (-horizon / life) for life in fitted.half_life[:3])
        assert found.fall == pytest.approx(apart * gone)
        by_speed = abs(apart) * (fast - slow) / (2 * 1.6448536)
        by_level = gone * (fitted.theta.hi - fitted.theta.lo) / (2 * 1.6448536)
        assert found.error == pytest.approx(math.sqrt(by_speed**2 + by_level**2), rel=1e-6)
    assert found.half_life == fitted.half_life


def test_only_the_last_ninety_days_are_read() -> None:
    bars = round(HISTORY_H) + 500
    moves = generator(4, "recent").normal(0.0, 1e-4, bars)
    values = np.zeros(bars)
    for bar in range(1, bars):
        values[bar] = KEPT * values[bar - 1] + moves[bar]
    broken = values.copy()
    broken[:500] += 0.5
    ids = ["BTC-USDT.alpha", "BTC-USDT-PERP.alpha"]
    panels = [
        tiny_panel(ids, mark=([100.0] * bars, (100.0 * (1.0 + one)).tolist())) for one in (values, broken)
    ]
    one, other = (reversions(panel, spreads(panel.instruments), HORIZON_H) for panel in panels)
    assert one == other


def test_of_a_dated_spread_nothing_is_said_and_it_is_not_counted_among_the_tried() -> None:
    panel, pairs = universe(planted=True, seed=5)
    future = "C00-USDT-20241227.alpha"
    names = [one.id for one in panel.instruments]
    marks = [panel.close[:, column].tolist() for column in range(len(names))]
    more = tiny_panel([*names, future], mark=[*marks, [101.0] * BARS])
    (dated,) = (one for one in spreads(more.instruments) if one.kind == "cash_and_carry")
    found = reversions(more, [dated, *pairs], HORIZON_H)
    assert found[0] == DELIVERED
    assert math.isnan(found[0].half_life.value)
    assert found[0].half_life.reason
    assert repr(found[1:]) == repr(reversions(panel, pairs, HORIZON_H))
    assert reversions(more, [dated], HORIZON_H) == [DELIVERED]
    assert reversions(more, [], HORIZON_H) == []


RATES = {"A": (0.0, 6.0), "B": (2.5, 2.5)}  # bp by turns: A pays more on average, B surely


def test_the_edge_that_one_may_be_sure_of_comes_first() -> None:
    """A: 3 bp on average of ten settlements give or take, B: 2.5 bp each; nine settlements in 72 h."""
    bars = 80
    ids = [f"{coin}-USDT{kind}.alpha" for coin in RATES for kind in ("", "-PERP")]
    paid = []
    for low, high in RATES.values():
        column = [NAN] * bars
        for number, bar in enumerate(range(7, bars, 8)):
            column[bar] = 1e-4 * (high if number % 2 else low)
        paid += [[NAN] * bars, column]
    panel = tiny_panel(ids, mark=[[100.0] * bars, 100.1] * 2, funding=paid)
    rows = scan(tiny_desk(), panel).spreads
    second, first = sorted(rows, key=lambda one: one.spread)
    assert [one.spread for one in rows] == [first.spread, second.spread]
    assert second.edge_bps > first.edge_bps
    settled = np.array([value for value in paid[1][-72:] if not math.isnan(value)])
    by_hand = 1e4 * settled.std(ddof=1) / math.sqrt(len(settled)) * 72.0 / 8.0
    assert second.edge_se_bps == pytest.approx(by_hand)
    assert first.edge_se_bps == pytest.approx(0.0, abs=1e-9)
    assert second.edge_bps - SURE * second.edge_se_bps < first.edge_bps
