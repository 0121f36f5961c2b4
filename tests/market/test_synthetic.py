from datetime import date

import numpy as np
import pytest

from narrows.core.errors import ConfigError
from narrows.core.panel import FIELDS, Panel
from narrows.core.spread import spreads
from narrows.core.time import HOUR_NS, to_ns
from narrows.market.synthetic import Parameters, Truth, synthetic_market

SEED = 7


@pytest.fixture(scope="module")
def market() -> tuple[Panel, Truth]:
    return synthetic_market(SEED)


def columns(panel: Panel, kind: str) -> list[int]:
    return [column for column, one in enumerate(panel.instruments) if one.kind == kind]


def test_same_seed_same_bits_and_another_seed_another_market(market: tuple[Panel, Truth]) -> None:
    panel, truth = market
    again, truth_again = synthetic_market(SEED)
    assert again.content_hash == panel.content_hash
    assert (truth_again.regime == truth.regime).all()
    other, _ = synthetic_market(SEED + 1)
    assert not (other.close[:, 0] == panel.close[:, 0]).any()


@pytest.mark.parametrize("bars", [1, 7, 500, 1669, 1670, 5001])
def test_more_bars_do_not_change_the_earlier_ones(market: tuple[Panel, Truth], bars: int) -> None:
    panel, truth = market
    short, short_truth = synthetic_market(SEED, bars)
    of_long = [panel.column(one.id) for one in short.instruments]
    for name in FIELDS:
        assert short.fields[name].tobytes() == panel.fields[name][:bars, of_long].tobytes(), name
    assert short_truth.regime.tobytes() == truth.regime[:bars].tobytes()
    for id_, mean in short_truth.premium_mean.items():
        assert mean.tobytes() == truth.premium_mean[id_][:bars].tobytes()


def test_a_second_year_has_crashes_of_its_own() -> None:
    _, truth = synthetic_market(SEED, 2 * 8760)
    assert 2 <= (truth.crash_rows < 8760).sum() <= 3
    assert 2 <= (truth.crash_rows >= 8760).sum() <= 3


def test_the_universe_is_two_venues_two_coins_and_quarterly_futures(market: tuple[Panel, Truth]) -> None:
    panel, _ = market
    bitcoin = [one.id for one in panel.instruments if one.base == "BTC"]
    terms = ("20240329", "20240628", "20240927", "20241227", "20250328", "20250627")
    assert bitcoin == [
        "BTC-USDT.alpha",
        "BTC-USDT.beta",
        "BTC-USDT-PERP.alpha",
        "BTC-USDT-PERP.beta",
        "BTC-USD-PERP.beta",
        *(f"BTC-USDT-{term}.alpha" for term in terms),
    ]
    assert [one.id for one in panel.instruments if one.base == "ETH"] == [
        id_.replace("BTC", "ETH") for id_ in bitcoin
    ]
    assert panel.time_ns[0] == to_ns(date(2024, 1, 1)) + HOUR_NS
    assert {one.kind for one in spreads(panel.instruments)} == {
        "cash_and_carry",
        "funding_carry",
        "cross_venue",
        "calendar",
    }


def test_bars_are_consistent(market: tuple[Panel, Truth]) -> None:
    panel, _ = market
    alive = ~np.isnan(panel.close)
    assert (panel.high >= np.maximum(panel.open, panel.close))[alive].all()
    assert (panel.low <= np.minimum(panel.open, panel.close))[alive].all()
    assert (panel.low > 0.0)[alive].all()
    both = alive[1:] & alive[:-1]
    assert (panel.open[1:] == panel.close[:-1])[both].all()
    assert ((panel.bid < panel.close) & (panel.close < panel.ask))[alive].all()
    assert ((panel.depth > 0.0) & (panel.volume > 0.0))[alive].all()


def test_spot_and_perpetual_reach_their_extremes_in_the_same_bar(market: tuple[Panel, Truth]) -> None:
    panel, truth = market
    spot, perp = panel.column("BTC-USDT.alpha"), panel.column("BTC-USDT-PERP.alpha")
    apart = np.abs(np.log(panel.high[:, perp] / panel.high[:, spot]))
    calm = truth.regime == 0
    assert apart[calm].max() < 0.003
    assert np.log(panel.high / panel.open)[calm, spot].max() > 0.01


def test_a_future_lives_180_days_and_is_unknown_outside(market: tuple[Panel, Truth]) -> None:
    panel, _ = market
    for column in columns(panel, "future"):
        expiry = panel.instruments[column].expiry_ns
        alive = (panel.time_ns > expiry - 180 * 24 * HOUR_NS) & (panel.time_ns <= expiry)
        for name in ("open", "high", "low", "close", "mark", "index", "bid", "ask", "depth", "volume"):
            np.testing.assert_array_equal(~np.isnan(panel.fields[name][:, column]), alive, err_msg=name)


def test_futures_converge_and_settle_once_on_the_index(market: tuple[Panel, Truth]) -> None:
    panel, _ = market
    delivered = 0
    for column in columns(panel, "future"):
        expiry = panel.instruments[column].expiry_ns
        rows = np.flatnonzero(~np.isnan(panel.settlement[:, column]))
        if expiry > panel.time_ns[-1]:
            assert len(rows) == 0
            continue
        delivered += 1
        (row,) = rows
        assert panel.time_ns[row] == expiry
        assert panel.settlement[row, column] == panel.index[row, column]
        basis = np.log(panel.close[:, column] / panel.index[:, column])
        assert basis[row] == 0.0
        assert np.abs(basis[row - 24 : row]).max() < 0.002
        assert np.nanmax(np.abs(basis)) > 0.01
    assert delivered == 8
    assert np.isnan(panel.settlement[:, columns(panel, "perp") + columns(panel, "spot")]).all()


def test_noise_of_a_future_around_its_carry_is_a_power_bridge() -> None:
    """Mean square of the noise half-way against the closed form, over many futures."""
    quiet = Parameters(crash_gap=(0.0, 0.0))
    squares = []
    for seed in range(40):
        panel, truth = synthetic_market(seed, 2500, quiet)
        for coin in ("BTC", "ETH"):
            column = panel.column(f"{coin}-USDT-20240628.alpha")
            row = 2147  # half of the 4304 hours from listing's first bar here to expiry
            years = (panel.instruments[column].expiry_ns - panel.time_ns[row]) / (HOUR_NS * 8760)
            basis = np.log(panel.close[row, column] / panel.index[row, column])
            squares.append((basis - truth.carry[coin][row] * years) ** 2)
    life, left, alpha = 4304 / 8760, (4304 - 2148) / 8760, quiet.bridge_alpha
    powers = left ** (1 - 2 * alpha) - life ** (1 - 2 * alpha)
    variance = quiet.bridge_sigma**2 * left ** (2 * alpha) * powers / (2 * alpha - 1)
    error = np.sqrt(2.0 / len(squares))  # of a mean of squares of Gaussians, relative
    assert np.mean(squares) / variance == pytest.approx(1.0, abs=4 * error)


def test_funding_is_the_clamped_mean_of_the_premiums_of_its_interval(market: tuple[Panel, Truth]) -> None:
    panel, truth = market
    p = truth.parameters
    for column in columns(panel, "perp"):
        interval = 8 if panel.instruments[column].venue == "alpha" else 4
        stamps = np.flatnonzero(~np.isnan(panel.funding[:, column]))
        np.testing.assert_array_equal(panel.time_ns[stamps] % (interval * HOUR_NS), 0)
        assert len(stamps) == 8760 // interval
        assert (panel.funding_h[stamps, column] == interval).all()
        assert np.isnan(np.delete(panel.funding_h[:, column], stamps)).all()
        for row in stamps:
            mean = np.mean(panel.premium[row - interval + 1 : row + 1, column])
            free = mean + np.clip(p.interest - mean, -p.dead_band, p.dead_band)
            rate = np.clip(free, -p.cap, p.cap) * interval / 8
            assert panel.funding[row, column] == pytest.approx(rate, abs=1e-15)


def test_perpetual_trades_at_its_premium_over_the_index(market: tuple[Panel, Truth]) -> None:
    panel, _ = market
    perps = columns(panel, "perp")
    np.testing.assert_allclose(
        panel.close[:, perps], (panel.index * (1 + panel.premium))[:, perps], rtol=1e-14
    )
    for coin in ("BTC", "ETH"):
        spot = [panel.column(f"{coin}-USDT.{venue}") for venue in ("alpha", "beta")]
        perp = panel.column(f"{coin}-USDT-PERP.alpha")
        np.testing.assert_allclose(panel.index[:, perp], panel.close[:, spot].mean(axis=1), rtol=1e-14)


def test_funding_pays_shorts_in_calm_and_not_in_stress(market: tuple[Panel, Truth]) -> None:
    panel, truth = market
    for column in columns(panel, "perp"):
        apr = {}
        for state in (0, 1):
            rows = truth.regime == state
            paid, hours = np.nansum(panel.funding[rows, column]), np.nansum(panel.funding_h[rows, column])
            apr[state] = paid / hours * 8760
        assert 0.08 < apr[0] < 0.16
        assert apr[1] < 0.02
        pinned = panel.funding[:, column] == 1e-4 * panel.funding_h[:, column] / 8
        assert (
            pinned[truth.regime == 0].sum()
            > 0.3 * (~np.isnan(panel.funding[truth.regime == 0, column])).sum()
        )


@pytest.mark.parametrize("seed", range(5))
def test_crashes_gap_the_perpetual_thin_the_book_and_squeeze_the_loan(seed: int) -> None:
    panel, truth = synthetic_market(seed)
    assert 2 <= len(truth.crash_rows) <= 3
    spots, perps = columns(panel, "spot"), columns(panel, "perp")
    for row, fall, gap in zip(truth.crash_rows, truth.crash_fall, truth.crash_gap, strict=True):
        assert 0.08 <= fall <= 0.20
        moved = panel.close[row, spots] / panel.close[row - 1, spots] - 1.0
        np.testing.assert_allclose(moved, -fall, atol=0.06)  # the hour has its own noise too
        np.testing.assert_allclose(panel.premium[row, perps], -gap, atol=0.004)
        assert (panel.low[row] < panel.close[row])[spots + perps].all()
        assert (panel.depth[row, perps] < 0.2 * panel.depth[row - 1, perps]).all()
        spread = (panel.ask - panel.bid) / panel.close
        assert (spread[row, perps] > 5.0 * spread[row - 1, perps]).all()
        assert (panel.borrow[row, spots] > 4.0 * panel.borrow[row - 1, spots]).all()
        assert (np.nansum(panel.funding[row : row + 24, perps], axis=0) < -0.002).all()
        assert (truth.regime[row : row + 72] == 1).all()


def test_regimes_have_plausible_shares_and_spells() -> None:
    shares, switches = [], []
    for seed in range(10):
        _, truth = synthetic_market(seed)
        shares.append(truth.regime.mean())
        switches.append(np.count_nonzero(np.diff(truth.regime)))
    assert 0.1 < np.mean(shares) < 0.3
    assert 20 < np.mean(switches) < 45  # a year of 480 h + 96 h cycles has 30


def test_stress_is_more_volatile_than_calm(market: tuple[Panel, Truth]) -> None:
    panel, truth = market
    change = np.diff(np.log(panel.close[:, 0]))
    ordinary = np.delete(np.arange(len(change)), truth.crash_rows - 1)
    regime, change = truth.regime[1:][ordinary], change[ordinary]
    assert change[regime == 0].std() * np.sqrt(8760) == pytest.approx(0.42, rel=0.15)
    assert change[regime == 1].std() * np.sqrt(8760) == pytest.approx(0.95, rel=0.15)


def test_premium_reverts_to_its_mean_at_the_true_speed() -> None:
    """Regression of the change on the distance from where the truth says it was pulled, in calm."""
    panel, truth = synthetic_market(SEED, 4 * 8760)
    id_ = "BTC-USDT-PERP.beta"
    premium = panel.premium[:, panel.column(id_)]
    level = np.where(truth.regime == 0, *truth.parameters.premium_level)
    fast = premium - (truth.premium_mean[id_] - level)
    rows = np.flatnonzero(truth.regime[1:] == 0) + 1
    x, y = fast[rows - 1] - level[rows], fast[rows] - level[rows]
    phi = float(x @ y / (x @ x))
    assert -np.log(phi) * 8760 == pytest.approx(truth.premium_kappa, rel=0.1)
    sigma = float(np.std(y - phi * x)) * np.sqrt(2 * truth.premium_kappa / (1 - phi**2))
    assert sigma == pytest.approx(truth.premium_sigma[0], rel=0.05)


def test_nothing_can_be_written_to(market: tuple[Panel, Truth]) -> None:
    panel, truth = market
    for array in (panel.close, truth.regime, truth.crash_rows, truth.sentiment):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_market_without_bars_is_refused() -> None:
    with pytest.raises(ConfigError, match="bars = 0"):
        synthetic_market(SEED, 0)
