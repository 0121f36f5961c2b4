"""Put-call parity: targets T16–T18, what can be traded, and chains that say nothing."""

import math

import numpy as np
import pytest

from narrows.analytics.forward import forward_at
from narrows.analytics.parity import (
    Chain,
    Fees,
    best,
    box_quotes,
    boxes,
    chain,
    conversions,
    implied,
    quotes,
)
from narrows.core.errors import ConfigError, DataError
from narrows.risk.options import CALL, PUT, black

SPOT, RATE, YEARS, VOLATILITY = 60_000.0, 0.05, 0.25, 0.6
FORWARD = SPOT * math.exp(RATE * YEARS)
D_A = math.exp(-RATE * YEARS)
FREE = Fees(0.0, math.inf, 0.0, 0.0, 0.0)
NAN = math.nan


def exact(strikes: list[float], *, in_coin: bool, half: float = 0.0, forward: float = FORWARD) -> Chain:
    """Black-76 chain without error: in coin with D_b = 1, or in quote with D_a; quotes `half` away."""
    unit = 1.0 / forward if in_coin else D_A
    value = {
        right: unit * np.array([black(forward, k, YEARS, VOLATILITY, right) for k in strikes])
        for right in (CALL, PUT)
    }
    c, p = value[CALL], value[PUT]
    return chain(np.array(strikes), c - half, c + half, p - half, p + half, in_coin=in_coin)


def noisy(rng: np.random.Generator, *, in_coin: bool, wings: float = 8.0) -> Chain:
    """A chain of 25 strikes whose mids are off by their widths' standard errors; wings are wide."""
    strikes = np.linspace(45_000.0, 85_000.0, 25)
    whole = exact(list(strikes), in_coin=in_coin)
    unit = 1.0 if in_coin else FORWARD
    half = unit * 2e-4 * (1.0 + (np.abs(strikes / FORWARD - 1.0) * wings) ** 2)
    mids = (whole.call_bid + rng.normal(0.0, 0.3 * half), whole.put_bid + rng.normal(0.0, 0.3 * half))
    floor = 1e-9 * unit
    sides = [np.maximum(mid + side * half, floor) for mid in mids for side in (-1.0, 1.0)]
    return chain(strikes, *sides, in_coin=in_coin)


def test_T16_coin_chain_gives_forward_and_dollar_discount_factor() -> None:
    options = exact([50_000.0, 60_000.0, 70_000.0], in_coin=True)
    difference = options.call_bid - options.put_bid
    np.testing.assert_allclose(difference, (0.1770185, 0.0124222, -0.1521741), atol=1e-7)
    found = implied(options)
    assert found.forward.value == pytest.approx(60_754.70709, abs=1e-5)
    assert found.bond.value * SPOT == pytest.approx(0.9875778, abs=1e-6)
    assert found.discount.value == pytest.approx(1.0, abs=1e-9)
    fixed = implied(options, discount=1.0)
    assert fixed.forward.value == pytest.approx(60_754.70709, abs=1e-5)
    assert fixed.discount == (1.0, 1.0, 1.0, "")


def test_T17_one_strike_in_coin_gives_the_forward() -> None:
    found = forward_at(np.array([60_000.0]), np.array([0.08 - 0.05]), 1.0, in_coin=True)
    assert found[0] == pytest.approx(61_855.6701, abs=1e-3)
    one = chain(*(np.array([x]) for x in (60_000.0, 0.08, 0.08, 0.05, 0.05)), in_coin=True)
    assert implied(one, discount=1.0).forward.value == pytest.approx(61_855.6701, abs=1e-3)


def test_T18_box_in_coin_is_a_dollar_bond() -> None:
    options = exact([50_000.0, 70_000.0], in_coin=True)
    assert box_quotes(options, 50_000.0, 70_000.0) == pytest.approx((0.3291926002,) * 2, abs=1e-9)
    assert pytest.approx(0.3291926002, abs=1e-9) == 20_000.0 / FORWARD


def test_chain_in_quote_gives_forward_and_discount_factor() -> None:
    options = exact([50_000.0, 60_000.0, 70_000.0, 90_000.0], in_coin=False)
    found = implied(options)
    assert found.forward.value == pytest.approx(FORWARD, rel=1e-10)
    assert found.discount.value == found.bond.value == pytest.approx(D_A, rel=1e-10)
    assert implied(options, discount=D_A).forward.value == pytest.approx(FORWARD, rel=1e-12)
    low, high = box_quotes(options, 50_000.0, 70_000.0)
    assert low == pytest.approx(D_A * 20_000.0, rel=1e-12)
    assert high == pytest.approx(low, rel=1e-12)


@pytest.mark.parametrize("in_coin", [True, False])
@pytest.mark.parametrize("fixed", [True, False])
def test_intervals_cover_the_truth_in_nine_of_ten_seeded_chains(in_coin: bool, fixed: bool) -> None:
    """400 chains: the binomial 99 % band around 0.90."""
    rng = np.random.default_rng(16)
    truth = 1.0 if in_coin else D_A
    inside = np.zeros((400, 2))
    for run in range(400):
        found = implied(noisy(rng, in_coin=in_coin), discount=truth if fixed else None)
        assert found.used == 25
        inside[run] = (
            found.forward.lo <= FORWARD <= found.forward.hi,
            found.discount.lo <= truth <= found.discount.hi,
        )
    shares = inside.mean(axis=0)
    assert 0.86 <= shares[0] <= 0.94
    assert shares[1] == 1.0 if fixed else 0.86 <= shares[1] <= 0.94


def test_weights_keep_wide_wings_from_setting_the_discount_factor() -> None:
    rng = np.random.default_rng(18)
    runs = [noisy(rng, in_coin=True, wings=20.0) for _ in range(100)]
    off = {
        weighted: np.std([implied(one, weighted=weighted, loss="squares").discount.value for one in runs])
        for weighted in (True, False)
    }
    assert off[False] > 3.0 * off[True]


def test_one_stale_quote_hardly_moves_the_robust_forward() -> None:
    options = exact(
        [50_000.0, 54_000.0, 58_000.0, 60_000.0, 62_000.0, 66_000.0, 70_000.0, 80_000.0],
        in_coin=True,
        half=2e-4,
    )
    stale = options._replace(call_bid=options.call_bid + 0.03 * (options.strike == 66_000.0))
    stale = stale._replace(call_ask=stale.call_ask + 0.03 * (options.strike == 66_000.0))
    miss = {
        loss: abs(implied(stale, loss=loss).forward.value / FORWARD - 1.0) for loss in ("squares", "tukey")
    }
    assert miss["tukey"] < 1e-6
    assert miss["squares"] > 1e-3


def test_bounds_hold_the_forward_and_name_the_best_strikes() -> None:
    options = exact([50_000.0, 60_000.0, 70_000.0], in_coin=True, half=5e-4)
    both = quotes(options)
    assert np.all(both.bid < FORWARD)
    assert np.all(both.ask > FORWARD)
    # the same 0.001 coin of width is more dollars at a high forward per strike: F²/K
    of = best(options.strike, both)
    assert (of.bid_strike, of.ask_strike) == (70_000.0, 70_000.0)
    assert of.bid == np.max(both.bid)
    assert of.ask == np.min(both.ask)
    assert both.ask[1] == pytest.approx(
        60_000.0 / (1.0 - (options.call_ask[1] - options.put_bid[1])), rel=1e-14
    )


def test_a_missing_side_closes_only_the_side_that_needs_it() -> None:
    options = exact([50_000.0, 60_000.0], in_coin=True, half=5e-4)
    thin = options._replace(put_bid=np.array([0.0, options.put_bid[1]]))
    thin = chain(*thin[:5], in_coin=True)
    both = quotes(thin)
    assert np.isnan(both.ask[0])
    assert np.isfinite(both.bid[0])
    assert np.isfinite(both.ask[1])
    assert best(thin.strike, both).ask_strike == 60_000.0
    nothing = chain(thin.strike, *[np.full(2, NAN)] * 4, in_coin=True)
    assert all(math.isnan(x) for x in best(nothing.strike, quotes(nothing)))


def test_a_call_dearer_than_its_put_by_a_coin_is_no_forward() -> None:
    assert np.isnan(forward_at(np.array([60_000.0]), np.array([1.0]), 1.0, in_coin=True)[0])
    assert np.isnan(forward_at(np.array([60_000.0]), np.array([-70_000.0]), 1.0, in_coin=False)[0])


@pytest.mark.parametrize("in_coin", [True, False])
@pytest.mark.parametrize("at_expiry", [20_000.0, 60_000.0, 150_000.0])
def test_a_conversion_pays_what_it_locks_in_wherever_the_price_ends(in_coin: bool, at_expiry: float) -> None:
    """By hand: premiums and fees paid now, legs settled at expiry, per option."""
    strike, c_ask, p_bid = 65_000.0, 0.06, 0.09
    unit = 1.0 if in_coin else FORWARD
    quoted = [np.array([x]) for x in (strike, 0.05 * unit, c_ask * unit, p_bid * unit, 0.10 * unit)]
    fees = Fees(0.0003, 0.125, 0.0005, 0.0, 0.0)
    future_bid, discount = 66_000.0, 0.99
    found = conversions(chain(*quoted, in_coin=in_coin), future_bid, 66_100.0, fees, discount).conversion[0]
    now = -(c_ask - p_bid) * unit
    if in_coin:
        now -= 2 * 0.0003 + 0.0005 * strike / future_bid
        then = 1.0 - strike / at_expiry + strike * (1.0 / at_expiry - 1.0 / future_bid)
    else:
        now -= (2 * 0.0003 + 0.0005) * future_bid
        then = at_expiry - strike + (future_bid - at_expiry)
    assert found == pytest.approx(now + discount * then, rel=1e-12)


@pytest.mark.parametrize("in_coin", [True, False])
@pytest.mark.parametrize("at_expiry", [20_000.0, 150_000.0])
def test_a_box_pays_what_it_locks_in_wherever_the_price_ends(in_coin: bool, at_expiry: float) -> None:
    options = exact([50_000.0, 70_000.0], in_coin=in_coin, half=1e-4 if in_coin else 6.0)
    found = boxes(options, FREE, 0.99)[0, 1]
    count = 50.0 / 70.0 if in_coin else 1.0
    now = -(options.call_ask[0] - options.put_bid[0]) + count * (options.call_bid[1] - options.put_ask[1])
    unit = 1.0 / at_expiry if in_coin else 1.0
    then = unit * ((at_expiry - 50_000.0) - count * (at_expiry - 70_000.0))
    assert found == pytest.approx(now + 0.99 * then, rel=1e-9)


def test_boxes_are_locked_exactly_where_one_strike_bids_over_anothers_ask() -> None:
    options = exact([50_000.0, 60_000.0, 70_000.0], in_coin=True, half=1e-4)
    assert np.nanmax(boxes(options, FREE)) < 0.0
    up = np.array((0.0, 0.004, 0.0))
    lifted = options._replace(call_bid=options.call_bid + up, call_ask=options.call_ask + up)
    profit = boxes(lifted, FREE)
    assert set(zip(*np.nonzero(profit > 0.0), strict=True)) == {(0, 1), (2, 1)}
    both = quotes(lifted)
    # what is locked is the difference of two inverse forwards on K quote units
    by_forwards = 50_000.0 * (1.0 / both.ask[0] - 1.0 / both.bid[1])
    assert profit[0, 1] == pytest.approx(by_forwards, rel=1e-9)
    dear = boxes(lifted, Fees(0.0003, math.inf, 0.0005, 0.0, 0.0))
    assert dear[0, 1] == pytest.approx(profit[0, 1] - 0.0006 * (1.0 + 50.0 / 60.0), rel=1e-9)


def test_fees_are_capped_by_an_options_own_price() -> None:
    options = chain(*(np.array([x]) for x in (20_000.0, 0.67, 0.68, 0.0004, 0.0008)), in_coin=True)
    bare = conversions(options, 60_500.0, 60_600.0, FREE).conversion[0]
    capped = conversions(options, 60_500.0, 60_600.0, Fees(0.0003, 0.125, 0.0, 0.0, 0.0)).conversion[0]
    assert bare - capped == pytest.approx(0.0003 + 0.125 * 0.0004, rel=1e-9)


def test_too_few_strikes_say_so() -> None:
    one = exact([60_000.0], in_coin=True, half=1e-4)
    found = implied(one)
    assert math.isnan(found.forward.value)
    assert "1 with four quotes" in found.forward.reason
    alone = implied(one, discount=1.0)
    assert alone.forward.value == pytest.approx(FORWARD)
    assert not alone.forward.known
    assert "no interval" in alone.forward.reason
    assert "no interval" in implied(exact([50_000.0, 60_000.0], in_coin=True)).discount.reason
    empty = chain(*[np.array([])] * 5, in_coin=True)
    assert "0 with four quotes" in implied(empty).forward.reason


def test_strikes_that_lack_a_quote_or_cross_are_left_out_and_counted() -> None:
    options = exact([40_000.0, 50_000.0, 60_000.0, 70_000.0, 80_000.0], in_coin=True, half=1e-4)
    call_bid, call_ask = options.call_bid.copy(), options.call_ask.copy()
    call_bid[0] = NAN
    call_bid[4] = call_ask[4] + 0.05
    found = implied(options._replace(call_bid=call_bid))
    assert (found.used, found.missing, found.crossed) == (3, 1, 1)
    assert found.forward.value == pytest.approx(FORWARD, rel=1e-9)


def test_quotes_that_fit_no_forward_are_not_identified() -> None:
    up = chain(
        np.array([50_000.0, 60_000.0, 70_000.0]),
        *[np.array([0.1, 0.2, 0.3])] * 2,
        *[np.array([0.1, 0.1, 0.1])] * 2,
        in_coin=True,
    )
    found = implied(up)
    assert math.isnan(found.forward.value)
    assert "not identified" in found.forward.reason
    fixed = implied(up, discount=1e-3)
    assert "not identified" in fixed.forward.reason
    assert fixed.discount.value == 1e-3


def test_broken_chains_are_refused_in_one_line() -> None:
    strikes, row = np.array([50_000.0, 60_000.0]), np.array([0.1, 0.1])
    with pytest.raises(DataError, match=r"put_bid of -0\.1 at strike 60000"):
        chain(strikes, row, row, np.array([0.1, -0.1]), row, in_coin=True)
    with pytest.raises(DataError, match="rising"):
        chain(strikes[::-1], row, row, row, row, in_coin=True)
    with pytest.raises(DataError, match="one value for each strike"):
        chain(strikes, row, row, row, row[:1], in_coin=True)
    good = chain(strikes, row, row, row, row, in_coin=True)
    for wrong in (0.0, -1.0, NAN, math.inf):
        with pytest.raises(ConfigError, match="discount factor"):
            implied(good, discount=wrong)
    with pytest.raises(ConfigError, match="no strike 55000"):
        box_quotes(good, 50_000.0, 55_000.0)
    with pytest.raises(ConfigError, match="lower one first"):
        box_quotes(good, 60_000.0, 50_000.0)
    with pytest.raises(DataError, match="above ask"):
        conversions(good, 61_000.0, 60_000.0, FREE)
