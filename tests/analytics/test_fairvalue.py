"""Fair bands: check numbers, cash flows by hand, and the no-arbitrage argument itself as a property."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from narrows.analytics.fairvalue import (
    Band,
    Costs,
    Financing,
    band,
    dated_band,
    funding_inverse,
    margin_cost,
    outside,
    perpetual_band,
)
from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError
from narrows.core.instrument import instrument
from narrows.core.panel import Panel
from narrows.core.spread import Spread, spreads
from narrows.rulebook import Rulebook, load
from tiny_market import NAN, PERP, PERP_BETA, SPOT, rule, tiny_panel

approx = pytest.approx

BP = 1e-4
FREE = Financing(borrow=0.0, lend=0.0, base_borrow=0.0, base_lend=0.0, margin=0.0, return_on_margin=0.0)
DEAR = Financing(borrow=0.08, lend=0.03, base_borrow=0.10, base_lend=0.01, margin=0.2, return_on_margin=0.02)
NO_COSTS = Costs(first=0.0, second=0.0, spot=0.0, delivery=0.0)
SOME = Costs(first=2 * BP, second=3 * BP, spot=2 * BP, delivery=1 * BP)
FUNDING: dict[str, Any] = {
    "interest": 0.0001,
    "clamp": 0.0005,
    "cap": 0.003,
    "floor": -0.003,
    "interval_h": 8.0,
    "scale": "rate",
    "weights": "linear",
    "sample": "impact",
    "sample_s": 5.0,
    "style": "stamped",
    "pays_on": "mark",
}
NEAR, FAR = "BTC-USDT-20240720.alpha", "BTC-USDT-20240920.alpha"
YEAR_H = 8760.0


def plain(value: Band) -> list[float]:
    return [float(side) for side in value[:3]]


# ── dated ────────────────────────────────────────────────────────────────────────────────────────


def test_the_check_numbers_of_a_dated_band() -> None:
    rates = replace(FREE, borrow=0.08, lend=0.03, base_borrow=0.10)
    found = dated_band(60_000.0, 0.25, rates, spot_cost=0.001, future_cost=0.0, exit_cost=0.0)
    assert float(found.hi) == approx(61273.29, abs=0.005)
    assert float(found.lo) == approx(58900.18, abs=0.005)
    assert float(found.fair) == approx(60_000.0 * math.exp(0.25 * (0.5 * (0.08 + 0.03) - 0.5 * 0.10)))


def test_at_its_ends_both_carries_earn_nothing_to_the_last_cent() -> None:
    """Each cash flow by itself, at delivery, for one coin; the end price of the spot is fair and any."""
    spot, years, cost, fee, leaving = 60_000.0, 0.25, 7 * BP, 5 * BP, 4 * BP
    found = dated_band(spot, years, DEAR, spot_cost=cost, future_cost=fee, exit_cost=leaving)
    posted = 0.2 * spot * (math.exp(0.08 * years) - math.exp(0.02 * years))
    coins = math.exp(0.01 * years) / (1.0 + leaving)  # what one bought coin has become when sold
    owed = spot * (1.0 + cost) * math.exp(0.08 * years)
    future = (float(found.hi) - posted) * (1.0 - fee)  # what one coin delivered fetches
    assert coins * future - owed == approx(0.0, abs=1e-9)
    got = spot * (1.0 - cost) * math.exp(0.03 * years)
    back = math.exp(0.10 * years) / (1.0 - leaving) * (float(found.lo) + posted) * (1.0 + fee)
    assert got - back == approx(0.0, abs=1e-9)


def test_an_inverse_future_locks_the_same_value() -> None:
    """§1.7: q coins against q·F0 dollars short end as N dollars, whatever the price."""
    coins, price = 2.0, 61_000.0
    short = coins * price
    for end in (30_000.0, 90_000.0):
        assert end * (coins + short * (1.0 / end - 1.0 / price)) == approx(122_000.0)


def test_after_delivery_there_is_no_band() -> None:
    found = dated_band(1.0, np.array([0.1, 0.0, -0.1]), DEAR, spot_cost=0.0, future_cost=0.0, exit_cost=0.0)
    assert np.isnan(found.hi).tolist() == [False, False, True]
    assert (found.lo[1], found.fair[1], found.hi[1]) == (1.0, 1.0, 1.0)


rates = st.floats(0.0, 1.5)


@settings(deadline=None)
@given(lend=rates, spread=rates, coin=rates, wide=rates, years=st.floats(0.0, 2.0), cost=st.floats(0.0, 0.1))
def test_fair_lies_within_the_band(
    lend: float, spread: float, coin: float, wide: float, years: float, cost: float
) -> None:
    said = Financing(
        borrow=lend + spread,
        lend=lend,
        base_borrow=coin + wide,
        base_lend=coin,
        margin=0.1,
        return_on_margin=lend,
    )
    found = dated_band(1.0, years, said, spot_cost=cost, future_cost=cost, exit_cost=cost)
    assert found.lo <= found.fair * (1 + 1e-12)
    assert found.fair <= found.hi * (1 + 1e-12)
    of_perp = perpetual_band(
        (lend - coin - wide) / 1095,
        (lend + spread - coin) / 1095,
        interest=BP,
        dead_band=5 * BP,
        cost=cost,
    )
    assert of_perp.lo - 1e-12 <= of_perp.fair <= of_perp.hi + 1e-12


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"lend": 0.09}, "lend is above borrow"),
        ({"base_borrow": np.array([0.2, 0.0])}, "base_lend is above base_borrow"),
        ({"return_on_margin": 0.081}, "return_on_margin is above borrow"),
        ({"margin": -0.1}, "margin"),
        ({"margin": NAN}, "margin"),
    ],
)
def test_rates_that_are_an_arbitrage_by_themselves_are_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        replace(DEAR, **said)


# ── perpetuals ───────────────────────────────────────────────────────────────────────────────────


def test_T12_band_through_the_inverse_of_the_clamp() -> None:
    found = perpetual_band(0.0, 1.3699, interest=1.0, dead_band=5.0, cost=0.0)
    assert (float(found.lo), float(found.hi)) == approx((-5.0, 6.3699), abs=1e-9)


@pytest.mark.parametrize(("borrow", "hi"), [(0.05, 0.05 / 1095 / BP - 5.0), (0.15, 0.15 / 1095 / BP + 5.0)])
def test_financing_below_the_interest_ends_the_band_below_the_dead_band(borrow: float, hi: float) -> None:
    found = perpetual_band(0.0, borrow / 1095, interest=BP, dead_band=5 * BP, cost=0.0)
    assert float(found.lo) == approx(-5 * BP, abs=1e-13)
    assert float(found.hi) == approx(hi * BP, abs=1e-13)
    assert round(hi, 2) in (-4.54, 6.37)
    wider = perpetual_band(0.0, borrow / 1095, interest=BP, dead_band=5 * BP, cost=20 * BP)
    assert plain(wider) == approx([float(found.lo) - 20 * BP, float(found.fair), float(found.hi) + 20 * BP])


def g(premium: float, interest: float, dead_band: float, floor: float, cap: float) -> float:
    """The venue's formula, as it writes it."""
    rate = premium + min(max(interest - premium, -dead_band), dead_band)
    return min(max(rate, floor), cap)


whole = st.integers(-40, 40).map(float)  # whole basis points: exact sums, so that edges are met


@settings(deadline=None)
@given(rate=whole, interest=whole, dead_band=st.integers(0, 8).map(float), cap=st.integers(1, 30))
def test_the_inverse_is_the_last_premium_that_makes_as_little_and_the_first_that_makes_as_much(
    rate: float, interest: float, dead_band: float, cap: int
) -> None:
    said = {"interest": interest, "dead_band": dead_band, "floor": -float(cap), "cap": float(cap)}
    lowest, highest = map(float, funding_inverse(rate, **said))
    grid = np.arange(-200.0, 200.5, 0.5)
    paid = np.array([g(premium, **said) for premium in grid])
    enough, little = grid[paid >= rate], grid[paid <= rate]
    first = -math.inf if len(enough) == len(grid) else (enough[0] if len(enough) else math.inf)
    last = math.inf if len(little) == len(grid) else (little[-1] if len(little) else -math.inf)
    assert (lowest, highest) == (first, last)


def test_without_a_clamp_the_inverse_is_the_rate_and_the_unknown_stays_unknown() -> None:
    for side in funding_inverse(np.array([3.0, NAN]), interest=0.0, dead_band=0.0):
        np.testing.assert_array_equal(side, [3.0, NAN])
    for key in ("interest", "dead_band", "floor", "cap"):
        said = {"interest": 1.0, "dead_band": 5.0, "floor": -9.0, "cap": 9.0} | {key: NAN}
        assert np.isnan(funding_inverse(2.0, **said)).all()


def test_financing_at_the_cap_bounds_nothing() -> None:
    found = perpetual_band(-40.0, 30.0, interest=1.0, dead_band=5.0, cost=10.0, floor=-30.0, cap=30.0)
    assert (float(found.lo), float(found.hi)) == (-math.inf, math.inf)
    assert float(found.fair) == -10.0  # the mean rate is −5
    np.testing.assert_array_equal(outside(found, np.array([-500.0, 500.0])), [0.0, 0.0])
    capped = perpetual_band(29.0, 33.0, interest=1.0, dead_band=5.0, cost=0.0, floor=-30.0, cap=30.0)
    assert math.isnan(float(capped.fair))


@settings(deadline=None)
@given(
    low=whole,
    wide=st.integers(0, 20).map(float),
    interest=st.integers(-3, 3).map(float),
    dead_band=st.integers(0, 8).map(float),
    cost=st.integers(0, 30).map(float),
)
def test_only_outside_the_band_does_every_path_pay(
    low: float, wide: float, interest: float, dead_band: float, cost: float
) -> None:
    """Sold at p: wherever the premium goes, either it fell by more than the cost or funding still pays."""
    high, terms = low + wide, (interest, dead_band, -math.inf, math.inf)
    found = perpetual_band(low, high, interest=interest, dead_band=dead_band, cost=cost)
    grid = np.arange(-200.0, 200.5, 0.5)
    paid = np.array([g(premium, *terms) for premium in grid])

    def pays(entry: float) -> bool:
        return bool(((entry - grid > cost) | (paid > high)).all())

    def reverse_pays(entry: float) -> bool:
        return bool(((grid - entry > cost) | (paid < low)).all())

    assert pays(float(found.hi) + 0.5)
    assert not pays(float(found.hi))
    assert reverse_pays(float(found.lo) - 0.5)
    assert not reverse_pays(float(found.lo))


def test_outside_is_signed_and_nothing_inside() -> None:
    one = Band(np.full(5, -1.0), np.zeros(5), np.full(5, 2.0))
    told = outside(one, np.array([-3.0, -1.0, 0.5, 2.25, NAN]))
    np.testing.assert_array_equal(told, [-2.0, 0.0, 0.0, 0.25, NAN])
    assert math.isnan(float(outside(Band(np.array(NAN), np.array(NAN), np.array(2.0)), 5.0)))


# ── of any spread ────────────────────────────────────────────────────────────────────────────────


def book(*changes: dict[str, Any], since: str = "2019-01-02", beta: dict[str, Any] | None = None) -> Rulebook:
    """A rulebook of alpha and beta; each further record of alpha has its own date."""
    texts = [rule("funding", since=since, **FUNDING)]
    texts += [rule("funding", since=one.pop("since"), **one) for one in (dict(each) for each in changes)]
    texts.append(rule("funding", venue="beta", **FUNDING | (beta or {})))
    return load(texts)


def spread_of(panel: Panel, kind: str) -> Spread:
    (one,) = spreads(panel.instruments, (kind,))
    return one


def test_cash_and_carry_is_the_dated_band_of_a_spot_of_one() -> None:
    panel = tiny_panel([SPOT, NEAR], mark=([100.0] * 3, 101.0))
    found = band(spread_of(panel, "cash_and_carry"), panel, book(), DEAR, SOME)
    left: Float1D = (721.0 - np.arange(3.0)) / YEAR_H
    plainly = dated_band(1.0, left, DEAR, spot_cost=2 * BP, future_cost=3 * BP, exit_cost=3 * BP)
    for side, other in zip(found[:3], plainly[:3], strict=True):
        np.testing.assert_allclose(side, other - 1.0, atol=1e-15)
    assert found.reason == ""


def test_what_the_panel_knows_of_borrowing_comes_before_the_financing() -> None:
    panel = tiny_panel([SPOT, NEAR], mark=([100.0] * 3, 101.0), borrow=([0.5, NAN, 0.0], NAN))
    found = band(spread_of(panel, "cash_and_carry"), panel, book(), DEAR, NO_COSTS)
    left: Float1D = (721.0 - np.arange(3.0)) / YEAR_H
    low = 0.03 - np.array([0.5, 0.10, 0.01])  # lent at 1 %, it is not borrowed for less
    np.testing.assert_allclose(found.lo, np.exp(low * left) - 1.0 - margin_cost(left, DEAR), atol=1e-15)


def test_a_delivered_future_says_so() -> None:
    panel = tiny_panel([SPOT, "BTC-USDT-20240620.alpha"], mark=([100.0] * 3, 101.0))
    found = band(spread_of(panel, "cash_and_carry"), panel, book(), DEAR, SOME)
    assert np.isnan(found.lo).tolist() == [False, False, True]
    assert found.reason == "BTC-USDT-20240620.alpha has been delivered"


def test_funding_carry_finances_each_interval_and_its_margin() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100.0] * 2, 100.0))
    found = band(spread_of(panel, "funding_carry"), panel, book(), DEAR, SOME)
    posted = 0.2 * (0.08 - 0.02)
    low, high = (0.03 - 0.10 - posted) / 1095, (0.08 - 0.01 + posted) / 1095
    np.testing.assert_allclose(found.lo, low - 5 * BP - 10 * BP, atol=1e-15)
    np.testing.assert_allclose(found.hi, high - 5 * BP + 10 * BP, atol=1e-15)  # below 1 bp still


def test_the_interval_of_the_data_and_a_new_rule_are_followed_bar_by_bar() -> None:
    """Only the interest scales: at 4 h the dead band is 5 bp per 4 h, and from bar 4 on it is 2 bp."""
    stamps = [NAN, NAN, 0.0001, NAN, NAN, NAN]
    panel = tiny_panel([SPOT, PERP], mark=([100.0] * 6, 100.0), funding=(NAN, stamps))
    hours = np.where(np.isnan(panel.funding), NAN, 4.0)
    panel = panel.with_field("funding_h", hours)
    rules = load(
        [
            rule("funding", **FUNDING | {"scale": "interest"}),
            rule("funding", since="2024-06-20T11:00:00Z", clamp=0.0002),  # the close of bar 4
        ]
    )
    found = band(spread_of(panel, "funding_carry"), panel, rules, replace(FREE, borrow=0.3), NO_COSTS)
    interval = np.array([8.0, 8.0, 4.0, 4.0, 4.0, 4.0])
    dead = np.array([5.0, 5.0, 5.0, 5.0, 2.0, 2.0]) * BP
    np.testing.assert_allclose(found.hi, 0.3 / YEAR_H * interval + dead, atol=1e-15)
    np.testing.assert_allclose(found.lo, -dead, atol=1e-15)


def test_a_cap_an_interval_binds_in_the_formula_by_its_share() -> None:
    """Rate scaled to 1 h: the cap of 0.3 % an hour is 2.4 % in the formula of 8 h."""
    panel = tiny_panel([SPOT, PERP], mark=([100.0] * 2, 100.0))
    rules = load([rule("funding", **FUNDING | {"interval_h": 1.0})])
    for borrow, bounded in ((0.0029 * YEAR_H, True), (0.0031 * YEAR_H, False)):
        rates = replace(FREE, borrow=borrow)
        found = band(spread_of(panel, "funding_carry"), panel, rules, rates, NO_COSTS)
        assert np.isfinite(found.hi).all() == bounded
    assert found.reason == ""


def test_where_no_rule_is_on_record_there_is_no_band_and_it_says_why() -> None:
    spot, perp = "BTC-USDT.gamma", "BTC-USDT-PERP.gamma"
    panel = tiny_panel([spot, perp], mark=([100.0] * 6, 100.0))
    pair = spread_of(panel, "funding_carry")
    late = load([rule("funding", since="2024-06-20T11:00:00Z", venue="gamma", **FUNDING)])
    found = band(pair, panel, late, FREE, NO_COSTS)
    assert np.isnan(found.lo).tolist() == [True] * 4 + [False] * 2
    assert found.reason == ""
    early = band(pair, panel.rows(0, 3), late, FREE, NO_COSTS)
    assert early.reason.startswith(f"{perp}: the rulebook has no funding of it before 2024-06-20")
    nobody = band(pair, panel, load(), FREE, NO_COSTS)
    assert "does not know the venue gamma" in nobody.reason
    assert np.isnan(nobody.hi).all()


def test_cross_venue_takes_the_first_leg_s_funding_as_financing() -> None:
    """P1 at +3 bp is pinned at 1 bp: pinned alike, the second may lie anywhere in the dead band."""
    panel = tiny_panel([PERP, PERP_BETA], mark=([100.0] * 2, 100.0), premium=(3 * BP, NAN))
    found = band(spread_of(panel, "cross_venue"), panel, book(), FREE, SOME)
    np.testing.assert_allclose(found.hi, (1 + 16 * BP) / (1 + 3 * BP) - 1, atol=1e-15)
    np.testing.assert_allclose(found.lo, (1 - 14 * BP) / (1 + 3 * BP) - 1, atol=1e-15)
    np.testing.assert_allclose(found.fair, (1 + 1 * BP) / (1 + 3 * BP) - 1, atol=1e-15)
    squeezed = panel.with_field("premium", np.array([[25 * BP, NAN]] * 2))  # pays 20 bp
    there = band(spread_of(panel, "cross_venue"), squeezed, book(), FREE, SOME)
    np.testing.assert_allclose(there.hi, (1 + 35 * BP) / (1 + 25 * BP) - 1, atol=1e-15)
    np.testing.assert_allclose(there.lo, (1 + 15 * BP) / (1 + 25 * BP) - 1, atol=1e-15)


def test_margin_of_both_legs_widens_a_pair_of_perpetuals() -> None:
    panel = tiny_panel([PERP, PERP_BETA], mark=([100.0] * 2, 100.0), premium=(25 * BP, NAN))
    found = band(spread_of(panel, "cross_venue"), panel, book(), DEAR, NO_COSTS)
    posted = 2 * 0.2 * 0.06 / 1095
    np.testing.assert_allclose(found.hi, (1 + 25 * BP + posted) / (1 + 25 * BP) - 1, atol=1e-15)
    np.testing.assert_allclose(found.lo, (1 + 25 * BP - posted) / (1 + 25 * BP) - 1, atol=1e-15)


def test_a_venue_without_interest_owes_its_premium_to_one_that_pays_it() -> None:
    """Deribit's interest is 0: while the first pays 1 bp, the second is fair where it pays as much."""
    panel = tiny_panel([PERP, PERP_BETA], mark=([100.0] * 2, 100.0), premium=(0.0, NAN))
    rules = book(beta={"interest": 0.0, "clamp": 0.00025})
    found = band(spread_of(panel, "cross_venue"), panel, rules, FREE, NO_COSTS)
    np.testing.assert_allclose([found.lo, found.fair, found.hi], 3.5 * BP, atol=1e-15)


def test_a_premium_is_told_or_over_the_index_or_as_settled_lately() -> None:
    stamps = [NAN] * 2 + [0.0020] + [NAN] * 9
    panel = tiny_panel(
        [PERP, PERP_BETA],
        mark=([100.1] * 12, 100.0),
        premium=([30 * BP] + [NAN] * 11, NAN),
        index=([100.0] * 2 + [NAN] * 10, NAN),
        funding=(stamps, NAN),
    )
    found = band(spread_of(panel, "cross_venue"), panel, book(), FREE, NO_COSTS)
    middle = (1.0 + found.fair) ** -1  # only for the last: (1 + p2) / (1 + p1)
    assert np.isfinite(found.lo[:11]).all()
    np.testing.assert_allclose(found.hi[0], 0.0, atol=1e-12)  # 30 bp pays 25, so is the second's
    np.testing.assert_allclose(found.hi[1], (1 + 5 * BP + 5 * BP) / (1 + 10 * BP) - 1, atol=1e-12)
    np.testing.assert_allclose(middle[2:11], 1.0, atol=1e-12)
    assert math.isnan(found.lo[11])  # the settlement of bar 2 is 9 h old: the next was due
    assert found.reason == f"the premium of {PERP} is not known"


def test_a_stablecoin_off_its_peg_moves_the_whole_band() -> None:
    other = "BTC-USD-PERP.alpha"
    panel = tiny_panel([SPOT, instrument(other)], mark=([100.0] * 3, 100.0), fx=([1.0, 0.95, NAN], 1.0))
    found = band(spread_of(panel, "funding_carry"), panel, book(), FREE, NO_COSTS)
    at_par = [side[0] for side in found[:3]]
    np.testing.assert_allclose(
        [side[1] for side in found[:3]], (1.0 + np.array(at_par)) * 0.95 - 1.0, atol=1e-15
    )
    assert found.reason == "what USDT is worth in USD is not known"


def test_two_futures_are_a_carry_from_the_first_delivery_to_the_second() -> None:
    panel = tiny_panel([NEAR, FAR], mark=([100.0] * 2, 101.0))
    found = band(spread_of(panel, "calendar"), panel, book(), DEAR, NO_COSTS)
    near: Float1D = (721.0 - np.arange(2.0)) / YEAR_H
    between = 62 * 24 / YEAR_H
    posted = margin_cost(near, DEAR) + margin_cost(near + between, DEAR)
    np.testing.assert_allclose(found.hi, math.exp(0.07 * between) - 1.0 + posted, atol=1e-15)
    np.testing.assert_allclose(found.lo, math.exp(-0.07 * between) - 1.0 - posted, atol=1e-15)
    np.testing.assert_allclose(found.fair, 0.0, atol=1e-15)
    dear = band(spread_of(panel, "calendar"), panel, book(), DEAR, SOME)
    np.testing.assert_allclose(dear.hi - found.hi, 11 * BP, rtol=0.03)  # 5 in, 3 out, 3 for the far leg


def test_a_future_over_a_perpetual_is_what_both_bands_against_spot_leave() -> None:
    panel = tiny_panel([SPOT, PERP, NEAR], mark=([100.0] * 2, 100.0, 101.0))
    pair = spread_of(panel, "calendar")
    assert [leg.instrument.id for leg in pair.legs] == [PERP, NEAR]
    found = band(pair, panel, book(), DEAR, SOME)
    as_first = replace(SOME, first=SOME.spot, second=SOME.first)
    dated = band(spread_of(panel, "cash_and_carry"), panel, book(), DEAR, SOME)
    perp = band(spread_of(panel, "funding_carry"), panel, book(), DEAR, as_first)
    np.testing.assert_allclose(found.lo, (1 + dated.lo) / (1 + perp.hi) - 1, atol=1e-15)
    np.testing.assert_allclose(found.hi, (1 + dated.hi) / (1 + perp.lo) - 1, atol=1e-15)
    np.testing.assert_allclose(found.fair, (1 + dated.fair) / (1 + perp.fair) - 1, atol=1e-15)
    no_floor = replace(DEAR, base_borrow=5.0)  # the floor of −0.3 % per 8 h is −3.3 a year
    assert (band(pair, panel, book(), no_floor, SOME).hi == np.inf).all()


def test_a_quanto_leg_has_no_band() -> None:
    odd = instrument("BTC-USDT-PERP.alpha", contract="quanto", settle="ETH")
    panel = tiny_panel([SPOT, odd], mark=([100.0] * 2, 100.0))
    found = band(spread_of(panel, "funding_carry"), panel, book(), FREE, NO_COSTS)
    assert np.isnan(found.hi).all()
    assert found.reason.startswith("not identified: BTC-USDT-PERP.alpha is quanto")


def test_no_bars_have_no_band() -> None:
    panel = tiny_panel([SPOT, PERP, PERP_BETA, NEAR, FAR], mark=([100.0] * 2, *[100.0] * 4)).rows(0, 0)
    for one in spreads(panel.instruments):
        found = band(one, panel, book(), DEAR, SOME)
        assert len(found.lo) == 0
        assert found.reason


worth = st.lists(st.sampled_from([NAN, 1.0, 0.97, 1.02]), min_size=30, max_size=30)
holes = st.lists(st.sampled_from([NAN, 0.0001, 0.0020, -0.0008]), min_size=30, max_size=30)


@settings(deadline=None, max_examples=40)
@given(premium=holes, index=holes, funding=holes, borrow=holes, fx=worth, cut=st.integers(1, 29))
def test_T84_later_rows_change_nothing(
    premium: list[float],
    index: list[float],
    funding: list[float],
    borrow: list[float],
    fx: list[float],
    cut: int,
) -> None:
    inverse = "BTC-USD-20240621.alpha"
    near_index = (100.0 + 100.0 * np.array(index)).tolist()
    panel = tiny_panel(
        [SPOT, PERP, PERP_BETA, NEAR, FAR, inverse],
        mark=([100.0] * 30, 100.1, 100.2, 101.0, 102.0, 100.0),
        premium=(NAN, premium, premium[::-1], NAN, NAN, NAN),
        index=(NAN, near_index, NAN, NAN, NAN, NAN),
        funding=(NAN, funding, funding[::-1], NAN, NAN, NAN),
        borrow=(borrow, NAN, NAN, NAN, NAN, NAN),
        fx=(fx, fx, 1.0, 1.0, 1.0, 1.0),
    )
    hours = np.where(np.arange(30)[:, None] < 12, panel.funding_h, panel.funding_h / 2.0)
    panel = panel.with_field("funding_h", hours)
    rules = book({"since": "2024-06-20T20:00:00Z", "clamp": 0.0001, "scale": "interest"})
    for one in spreads(panel.instruments):
        whole_run = band(one, panel, rules, DEAR, SOME)
        part = band(one, panel.rows(0, cut), rules, DEAR, SOME)
        for side, other in zip(whole_run[:3], part[:3], strict=True):
            assert np.ascontiguousarray(side[:cut]).tobytes() == np.ascontiguousarray(other).tobytes()
        _finite_where_ordered(whole_run)


def _finite_where_ordered(one: Band) -> None:
    lo, fair, hi = (np.asarray(side, dtype=np.float64) for side in one[:3])
    known = np.isfinite(lo) & np.isfinite(hi) & np.isfinite(fair)
    assert (lo[known] <= fair[known] + 1e-12).all()
    assert (fair[known] <= hi[known] + 1e-12).all()
