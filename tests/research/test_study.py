"""The study of one spread, on markets whose truth is known; and what it says where it cannot know."""

import math
from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from narrows.analytics.estimate import Estimate
from narrows.analytics.study import Equilibrium, Study
from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import instrument
from narrows.core.panel import Panel
from narrows.core.random import generator
from narrows.core.spread import chosen
from narrows.market.synthetic import DEFAULT, Parameters, synthetic_market
from narrows.report.study import study_page, study_summary
from narrows.research.study import NORMAL_QUANTILES, study
from narrows.rulebook.funding import clamped_rate
from tiny_market import NAN, PERP, SPOT, tiny_desk, tiny_panel

BETA = "funding_carry:BTC-USDT.beta/BTC-USDT-PERP.beta"
SEEDS = range(1, 13)
QUARTER = 90 * 24
CALM = replace(  # one regime, nothing slow, one spot price: the premium is one Ornstein–Uhlenbeck process
    DEFAULT,
    premium_level=(5e-4, 5e-4),
    premium_sd=(1.2e-4, 1.2e-4),
    sentiment_sd=0.0,
    venue_gap_sd=(0.0, 0.0),
    crash_gap=(0.0, 0.0),
)
BARE = replace(CALM, carry_level=(0.0, 0.0), carry_sd=0.0)  # a future's basis is its power bridge alone
DESK, ALPHA = tiny_desk(beta=True), tiny_desk()


def made(wanted: str, seed: int = 7, bars: int = QUARTER, parameters: Parameters = CALM) -> Study:
    return study(DESK, synthetic_market(seed, bars, parameters)[0], wanted)


def holds(found: Estimate, truth: float) -> bool:
    return found.lo <= truth <= found.hi


def test_nine_in_ten_intervals_hold_the_half_life_that_made_the_market() -> None:
    """Of 12 draws at 0.9, fewer than 8 would come by chance once in 200 times."""
    studies = [made(BETA, seed) for seed in SEEDS]
    truth = CALM.premium_half_life_h
    for held in (
        [holds(one.equilibrium.half_life_h, truth) for one in studies],
        [holds(one.funding[0].premium_half_life_h, truth) for one in studies],
        [holds(one.equilibrium.correction_half_life_h, truth) for one in studies],
    ):
        assert sum(held) >= 8
    states = [one.equilibrium.state for one in studies]
    assert states.count("converging") >= 8
    assert "not converging" not in states  # a fixed level is rejected by chance, a unit root always


def test_what_is_slow_beside_the_premium_lengthens_what_is_measured() -> None:
    """The default market adds a sentiment of 240 h and regimes of 480 and 96 h to the 8 h of each premium.

    One speed is fitted to the sum, so that the interval may end above the 8 hours of one part of it.
    """
    pure = [made(BETA, seed) for seed in SEEDS[:6]]
    mixed = [made(BETA, seed, parameters=DEFAULT) for seed in SEEDS[:6]]
    longer = [
        after.funding[0].premium_half_life_h.value > before.funding[0].premium_half_life_h.value
        for before, after in zip(pure, mixed, strict=True)
    ]
    assert sum(longer) >= 5


def test_funding_is_pinned_as_often_as_its_rule_says() -> None:
    """Pinned = the mean premium of the interval lies within the dead band about the interest."""
    panel, truth = synthetic_market(7, QUARTER)
    (found,) = study(DESK, panel, "funding_carry:BTC-USDT.alpha").funding
    premium = panel.premium[:, panel.column("BTC-USDT-PERP.alpha")]
    means = premium.reshape(-1, 8).mean(axis=1)
    rules = truth.parameters
    inside = np.abs(means - rules.interest) <= rules.dead_band
    assert found.premium == pytest.approx(means, abs=1e-15)
    assert found.pinned == pytest.approx(inside.mean())
    assert 0.0 < found.pinned < 1.0
    by_rule = clamped_rate(found.clamp_premium, rules.interest, rules.dead_band, rules.cap)
    assert found.clamp_rate == pytest.approx(by_rule, abs=1e-15)
    assert found.clamp_premium[0] < means.min() < means.max() < found.clamp_premium[-1]


def test_a_forecast_of_funding_is_its_mean_rate_times_the_intervals_in_the_end() -> None:
    """At a level of 12 bp every interval pays the premium less the dead band: 7 bp, 90 times in 30 days."""
    steady = replace(CALM, premium_level=(12e-4, 12e-4), premium_sd=(0.5e-4, 0.5e-4))
    (found,) = made("funding_carry:BTC-USDT.alpha", parameters=steady).funding
    assert found.ahead_h[-1] == 720.0
    assert found.ahead[-1] == pytest.approx(90 * 7e-4, rel=0.02)
    assert np.all(np.diff(found.ahead) > 0.0)
    assert found.pinned == 0.0


@pytest.fixture(scope="module")
def dated() -> Study:
    return made(f"{SPOT}/BTC-USDT-20240628", bars=4000, parameters=BARE)


def test_the_speeds_of_the_cycles_hold_the_alpha_that_made_them(dated: Study) -> None:
    assert dated.expiry is not None
    truth = BARE.bridge_alpha
    assert holds(dated.expiry.speed, truth)
    *seen, far = dated.expiry.cycles
    assert all(holds(one.speed, truth) and holds(one.pooled, truth) for one in seen)
    assert far.speed.reason.startswith("not identified: time to expiry falls from")  # September, in June


def test_every_contract_of_the_coin_that_has_lived_is_a_cycle(dated: Study) -> None:
    """4000 hours end in mid-June: March is delivered, June and later ones run, Ethereum is not Bitcoin."""
    assert dated.expiry is not None
    cycles = {one.instrument: one.delivered for one in dated.expiry.cycles}
    assert cycles == {
        "BTC-USDT-20240329.alpha": True,
        "BTC-USDT-20240628.alpha": False,
        "BTC-USDT-20240927.alpha": False,
    }
    first = dated.expiry.cycles[0]
    assert first.days_left[-1] > 0.0
    assert np.all(np.diff(first.days_left) < 0.0)
    assert "dated contracts are compared with BTC-USDT.alpha" in dated.notes


def test_half_of_what_is_left_goes_in_the_time_that_the_power_says(dated: Study) -> None:
    """(left after / left now)^alpha = ½, with the pooled alpha of this contract's own cycle."""
    assert dated.expiry is not None
    (own,) = (one for one in dated.expiry.cycles if one.instrument == "BTC-USDT-20240628.alpha")
    days = own.days_left[-1]
    after = days - dated.expiry.halving_h / 24.0
    assert (after / days) ** own.pooled.value == pytest.approx(0.5)
    assert dated.expiry.closed_within == 0.0  # on a desk that trades for nothing
    assert 0.0 < dated.expiry.p_closed < 1.0  # that fair value is met until a day before delivery
    fan = dated.equilibrium
    assert fan.fan_h[-1] == pytest.approx(days * 24.0)
    assert [one[-1] for one in fan.fan] == pytest.approx([0.0] * 5, abs=1e-12)  # delivered: nothing is left


def test_the_dearer_the_trade_the_surer_the_gap_comes_inside_its_costs() -> None:
    panel = synthetic_market(7, 4000, BARE)[0]
    wanted, chances = f"{SPOT}/BTC-USDT-20240628", []
    for taker in (0.0, 0.01, 0.1, 0.5, 8.0):
        found = study(tiny_desk(beta=True, taker_bps=taker), panel, wanted).expiry
        assert found is not None
        assert found.closed_within == pytest.approx(2e-4 * taker)
        chances.append(found.p_closed)
    assert all(before < after for before, after in pairwise(chances))
    assert chances[0] > 0.0
    assert chances[-1] == 1.0  # inside already


def test_a_delivered_contract_ends_its_study_at_delivery() -> None:
    found = made(f"{SPOT}/BTC-USDT-20240329", bars=3000)
    assert int(found.time_ns[-1]) == instrument("BTC-USDT-20240329.alpha").expiry_ns
    assert found.expiry is not None
    assert math.isnan(found.expiry.p_closed)  # nothing is ahead of it


def test_the_fan_of_an_undated_gap_starts_where_it_stands_and_reverts() -> None:
    found = made(BETA).equilibrium
    start = [float(one[0]) for one in found.fan]
    assert start == pytest.approx([start[2]] * 5)
    widths = [float(found.fan[4][n] - found.fan[0][n]) for n in (0, 8, 72)]
    assert widths == sorted(widths)
    assert len(found.fan) == len(NORMAL_QUANTILES)


def followed(follows: int, seed: int) -> Equilibrium:
    """One leg makes up a fifth of the gap in each bar, the other walks as it likes."""
    steps = generator(seed, "follower").normal(0.0, 1e-3, (3000, 2))
    prices = np.zeros((3000, 2))
    for bar in range(1, 3000):
        prices[bar] = prices[bar - 1] + steps[bar]
        prices[bar, follows] += 0.2 * (prices[bar - 1, 1 - follows] - prices[bar - 1, follows])
    closes = 100.0 * np.exp(prices)
    panel = tiny_panel([SPOT, PERP], mark=(closes[:, 0].tolist(), closes[:, 1].tolist()))
    return study(tiny_desk(), panel, "funding_carry").equilibrium


@pytest.mark.parametrize("follows", [0, 1])
def test_the_leg_that_follows_is_seen_to_close_the_gap(follows: int) -> None:
    """Medians of five draws: a share's standard error is 0.008, that of the half-life 0.2 h."""
    every = [followed(follows, seed) for seed in range(1, 6)]
    for leg, truth in ((follows, 0.2), (1 - follows, 0.0)):
        shares = [one.legs[leg].share.value for one in every]
        assert np.median(shares) == pytest.approx(truth, abs=0.015)
    assert all(one.legs[follows].share.lo > 0.0 for one in every)
    assert all(one.legs[1 - follows].leads > 0.9 for one in every)
    lives = [one.correction_half_life_h.value for one in every]
    assert np.median(lives) == pytest.approx(math.log(2.0) / -math.log(0.8), abs=0.4)


def test_windows_end_with_the_last_bar_and_do_not_overlap() -> None:
    found = made(BETA, bars=3000)
    assert len(found.equilibrium.half_lives) == 3000 // 720
    assert found.equilibrium.windows_ns[-1] == found.time_ns[-1]
    assert np.all(np.diff(found.equilibrium.windows_ns) == 750 * 3_600_000_000_000)


# no look-ahead


def test_a_study_of_a_prefix_is_a_prefix_of_the_study() -> None:
    panel = synthetic_market(7, 1500)[0]
    whole, cut = (study(DESK, one, BETA) for one in (panel, panel.rows(0, 1000)))
    for name in ("time_ns", "basis", "lo", "fair", "hi", "outside"):
        assert getattr(whole, name)[:1000].tobytes() == getattr(cut, name).tobytes()


@pytest.mark.parametrize("wanted", ["funding_carry:BTC-USDT.alpha", f"{SPOT}/BTC-USDT-20240329"])
def test_contracts_that_are_not_listed_yet_change_no_bit(wanted: str) -> None:
    """A market of 2600 hours that knows of contracts listed until hour 5000 is the market of 2600 hours."""
    short, long = synthetic_market(7, 1900)[0], synthetic_market(7, 5000)[0].rows(0, 1900)
    assert len(long.instruments) > len(short.instruments)
    one, other = (study(DESK, panel, wanted) for panel in (short, long))
    assert study_page(one) == study_page(other)
    assert repr(study_summary(one)) == repr(study_summary(other))


# which spread is meant


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("nonsense", "no spread is called 'nonsense'"),
        ("BTC", r"\d+ spreads are called 'BTC'"),
        ("", r"\d+ spreads are called ''"),
    ],
)
def test_a_spread_that_is_none_or_many_is_one_line(wanted: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        made(wanted, bars=100)
    said = str(caught.value)
    assert "\n" not in said
    assert "choose from funding_carry:BTC-USDT.alpha/BTC-USDT-PERP.alpha" in said
    assert len(said) < 600


def test_a_whole_id_is_meant_though_it_is_a_part_of_another() -> None:
    panel = tiny_panel([SPOT, PERP, f"{PERP}x"], mark=([1.0] * 3, 1.0, 1.0))
    kinds = ("funding_carry", "cross_venue")
    ids = f"funding_carry:{SPOT}/{PERP}"
    assert chosen(panel.instruments, kinds, ids).id == ids


def test_a_universe_without_spreads_says_so() -> None:
    with pytest.raises(ConfigError, match="the universe has no spread"):
        study(ALPHA, tiny_panel([SPOT], mark=([1.0] * 3,)), "BTC")


# what cannot be known


def walk(bars: int) -> Float1D:
    return np.asarray(100.0 * np.exp(generator(1, "walk").normal(0.0, 0.004, bars).cumsum()))


def pair(perp_known: slice, bars: int = 400) -> Panel:
    """Spot throughout; the perpetual, a basis that halves in 6 h, in some bars. Neither index nor premium."""
    spot, gap = walk(bars), generator(2, "gap").normal(0.0, 1e-4, bars)
    for bar in range(1, bars):
        gap[bar] += 0.5 ** (1.0 / 6.0) * gap[bar - 1]
    perp = np.full(bars, NAN)
    perp[perp_known] = (spot * (1.0005 + gap))[perp_known]
    return tiny_panel([SPOT, PERP], mark=(spot.tolist(), perp.tolist()))


@pytest.mark.parametrize(("known", "count"), [(slice(0, 0), 0), (slice(200, 201), 1)])
def test_fewer_than_two_common_bars_are_refused(known: slice, count: int) -> None:
    with pytest.raises(DataError, match=f"{count} bars have prices of both legs") as caught:
        study(ALPHA, pair(known), "funding_carry")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bars", [2, 3, 6])
def test_legs_that_barely_overlap_give_reasons_instead_of_numbers(bars: int) -> None:
    found = study(ALPHA, pair(slice(200, 200 + bars)), "funding_carry")
    assert len(found.time_ns) == bars
    now = found.equilibrium
    assert now.state == "not identified"
    assert now.reason
    assert math.isnan(now.correction_half_life_h.value)
    assert now.correction_half_life_h.reason
    assert all(math.isnan(one.share.value) and one.share.reason for one in now.legs)
    assert now.half_lives == ()
    assert study_page(found)


def test_without_index_or_premium_the_spot_of_the_venue_stands_in() -> None:
    panel = pair(slice(None))
    found = study(ALPHA, panel, "funding_carry")
    words = f"premium of {PERP}: its close over that of {SPOT}, for no index is in the data"
    assert any(note.startswith(words) for note in found.notes)
    assert holds(found.funding[0].premium_half_life_h, 6.0)


def test_without_spot_either_the_premium_is_not_known_and_nothing_is_forecast() -> None:
    prices = walk(400)
    panel = tiny_panel([PERP, "BTC-USDT-PERP.beta"], mark=(prices.tolist(), (prices * 1.001).tolist()))
    found = study(DESK, panel, "cross_venue")
    words = f"premium of {PERP}: not known, neither index nor spot is in the data"
    assert any(note.startswith(words) for note in found.notes)
    for one in found.funding:
        assert math.isnan(one.premium_half_life_h.value)
        assert one.premium_half_life_h.reason
        assert math.isnan(one.nowcast)
        assert len(one.ahead) == 0
        assert math.isnan(one.break_even_h)


def test_a_perpetual_without_a_funding_rule_has_a_premium_and_no_forecast() -> None:
    spot = walk(400)
    perp = spot * (1.0 + generator(2, "gap").normal(5e-4, 1e-4, 400))
    ids = ["BTC-USDT.gamma", "BTC-USDT-PERP.gamma"]
    panel = tiny_panel(ids, mark=(spot.tolist(), perp.tolist()))
    desk = msgspec.structs.replace(ALPHA, venues={"gamma": ALPHA.venues["alpha"]})
    found = study(desk, panel, "funding_carry")
    (one,) = found.funding
    assert one.reason == "no funding rule of BTC-USDT-PERP.gamma is on record"
    assert len(one.clamp_premium) == len(one.ahead) == 0
    assert math.isnan(one.pinned)
    assert np.isnan(found.fair).all()
    assert any(note.startswith("the band at the last bar: ") for note in found.notes)
    assert study_page(found)


def test_a_gap_that_never_moves_is_not_said_to_revert() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100.0] * 400, 100.5))
    found = study(ALPHA, panel, "funding_carry")
    assert found.equilibrium.state == "not identified"
    assert math.isnan(found.equilibrium.half_life_h.value)
    assert found.equilibrium.half_life_h.reason
    assert found.equilibrium.fan == ()
    assert study_page(found)


def test_a_gap_that_wanders_is_not_said_to_converge() -> None:
    spot = walk(3000)
    wander = generator(3, "wander").normal(0.0, 1e-4, 3000).cumsum()
    panel = tiny_panel([SPOT, PERP], mark=(spot.tolist(), (spot * (1.0 + wander)).tolist()))
    now = study(ALPHA, panel, "funding_carry").equilibrium
    assert now.state != "converging"
    assert now.reason.startswith(now.state)
