"""The facts that come with narrows, by date; T11, T24 and T25 of the settled numbers."""

import math
from datetime import UTC, datetime

import pytest

from narrows.core.errors import ConfigError
from narrows.core.instrument import instrument
from narrows.core.time import to_ns
from narrows.market.synthetic import FUNDING_H, Parameters
from narrows.rulebook import PACKAGED, FundingRule, at
from narrows.rulebook.book import packaged, packaged_venues
from narrows.rulebook.funding import clamped_rate
from narrows.rulebook.rules import exact_deductions

VENUES = [
    "alpha", "beta", "binance", "bitmex", "bybit", "deribit", "dydx", "gate", "hyperliquid", "kraken_futures",
    "okx"
]  # fmt: skip


def ns(text: str) -> int:
    return to_ns(datetime.fromisoformat(text).replace(tzinfo=UTC))


def funding(id_: str, when: str) -> FundingRule:
    return PACKAGED.funding(instrument(id_), ns(when))


def test_every_packaged_file_is_read_and_names_its_venue() -> None:
    assert list(packaged_venues()) == VENUES
    for venue in VENUES:
        file = packaged(venue)
        assert file is not None
        assert file.venue == venue
        assert {record.part for record in file.records} >= {"funding"}
        for record in file.records:
            assert record.confidence in ("high", "medium", "low")
            if "date is assumed" in record.source or "not confirmed" in record.source:
                assert record.confidence == "low", record.where
            if "assumed" in record.source:
                assert record.confidence != "high", record.where


@pytest.mark.parametrize(
    "id_",
    [
        "BTC-USDT.binance", "BTC-USDT-PERP.binance", "SOL-USDC-PERP.binance", "BTC-USDT-20250328.binance",
        "BTC-USDT-PERP.bybit", "BTC-USD-PERP.deribit", "BTC-USD-20241227.deribit",
        "SOL-USDC-PERP.hyperliquid", "BTC-USDT-PERP.alpha", "BTC-USDT-20240628.alpha", "BTC-USDT-PERP.beta"
    ],
)  # fmt: skip
def test_these_are_covered_whole(id_: str) -> None:
    rules = at(instrument(id_), ns("2024-06-01"))
    assert rules.fees is not None


@pytest.mark.parametrize("id_", ["SOL-USDT-PERP.okx", "BTC-USD-PERP.binance", "SOL-USDC-PERP.deribit"])
def test_where_margin_is_not_on_record_nothing_stands_in(id_: str) -> None:
    with pytest.raises(ConfigError, match=r"covers its margin \(missing: tiers\)"):
        at(instrument(id_), ns("2024-06-01"))


def test_t24_coin_margined_maintenance_amount() -> None:
    """T24: 50 BTC × (5 % − 2.5 %) + 0.56 BTC = 1.81 BTC, the floor below it being where 0.56 came from."""
    *_, before, amount = exact_deductions([0.0, 28.0, 50.0], [0.005, 0.025, 0.05])
    assert float(before) == 0.56
    assert float(amount) == 1.81


def test_t25_deribit_margin_grows_with_size() -> None:
    """T25: 25 BTC at 100 000 USD: IM 2.125 % = 53 125, MM 1.125 % = 28 125; 350 BTC: IM 13.125 BTC."""
    rule = PACKAGED.margin(instrument("BTC-USD-PERP.deribit"), ns("2024-06-01"))
    linear = PACKAGED.margin(instrument("BTC-USDC-PERP.deribit"), ns("2024-06-01"))
    assert rule == linear
    assert rule.initial_base is not None
    assert rule.initial_per_unit is not None
    assert rule.maintenance_base is not None
    assert rule.maintenance_per_unit is not None
    initial = rule.initial_base + rule.initial_per_unit * 25
    maintenance = rule.maintenance_base + rule.maintenance_per_unit * 25
    assert (initial * 25 * 100_000, maintenance * 25 * 100_000) == (53_125.0, 28_125.0)
    assert (rule.initial_base + rule.initial_per_unit * 350) * 350 == pytest.approx(13.125, abs=1e-12)


def test_t11_deribit_funding() -> None:
    """T11: mark 10 010 over an index of 10 000 is 0.075 % per 8 h; a minute on 1 BTC costs 1.5625e-6 BTC."""
    rule = funding("BTC-USD-PERP.deribit", "2024-06-01")
    rate = clamped_rate((10_010 - 10_000) / 10_000, rule.interest, rule.clamp, rule.cap)
    assert (rule.style, rule.sample, rule.per_h, rule.interval_h) == ("accrued", "mark", 8.0, 8.0)
    assert rate * 1.0 / (rule.per_h * 60) == pytest.approx(1.5625e-6, abs=1e-15)


def test_t10_hyperliquid_pays_an_eighth_an_hour_on_the_oracle() -> None:
    """T10: impact bid 10 100 over an oracle of 10 000: 0.95 % per 8 h, 0.11875 % an hour."""
    rule = funding("BTC-USDC-PERP.hyperliquid", "2024-06-01")
    rate = clamped_rate(0.01, rule.interest, rule.clamp, math.inf) * rule.interval_h / rule.per_h
    assert rate == pytest.approx(0.0011875, abs=1e-12)
    assert (rule.pays_on, rule.scale, rule.cap) == ("oracle", "rate", 0.04)


@pytest.mark.parametrize(
    ("when", "floor"),
    [
        ("2022-11-10T07:59:59", -0.015),
        ("2022-11-10T08:00", -0.045),
        ("2022-11-10T16:00", -0.06),
        ("2022-11-11T00:00", -0.045),
        ("2022-11-11T16:00", -0.015),
        ("2023-01-04T08:00", -0.015),
    ],
)
def test_okx_overrode_the_floor_of_sol_in_november_2022(when: str, floor: float) -> None:
    assert funding("SOL-USDT-PERP.okx", when).floor == floor
    assert funding("AVAX-USDT-PERP.okx", when).floor == -0.015


def test_okx_changed_its_formula_in_april_2025() -> None:
    before, after = (funding("BTC-USDT-PERP.okx", when) for when in ("2025-04-23", "2025-04-24"))
    assert (before.interest, before.clamp, before.weights, before.sample) == (0.0, 0.0, "equal", "mid")
    assert (after.interest, after.clamp, after.weights, after.sample) == (1e-4, 5e-4, "linear", "impact")
    assert (before.cap, after.cap) == (0.00375, 0.00375)


def test_binance_funding_by_date() -> None:
    def rule(when: str) -> FundingRule:
        return funding("BTC-USDT-PERP.binance", when)

    assert (rule("2025-05-01").hit_interval_h, rule("2025-05-02").hit_interval_h) == (None, 1.0)
    assert (rule("2025-09-01").calm_cycles, rule("2025-09-01").calm_rate) == (36, 2e-5)
    assert (rule("2026-01-02").calm_cycles, rule("2026-01-02").calm_rate) == (16, 2.5e-4)
    assert rule("2026-01-02").calm_interval_h == 4.0
    assert (rule("2025-09-17").scale, rule("2025-09-18").scale) == ("interest", "rate")
    assert {rule(when).cap for when in ("2020-01-01", "2023-01-01", "2026-07-04")} == {0.003}
    hours = [funding("SOL-USDT-PERP.binance", f"2022-11-{when}").interval_h for when in
             ("09T16:00", "09T20:00", "10T04:00", "10T06:00", "18T08:00", "18T16:00")]  # fmt: skip
    assert hours == [8.0, 4.0, 4.0, 2.0, 2.0, 8.0]


@pytest.mark.parametrize(
    ("id_", "before", "after", "changed"),
    [
        ("BTC-USDT-20241227.binance", (3600.0, 3600), (1800.0, 1800), "2024-11-11"),
        ("BTC-USDT-20260327.okx", (3600.0, 3600), (1800.0, 9000), "2026-03-18"),
    ],
)
def test_averaging_windows_were_halved(
    id_: str, before: tuple[float, int], after: tuple[float, int], changed: str
) -> None:
    one, change = instrument(id_), ns(changed)
    rules = [PACKAGED.settlement(one, when) for when in (change - 1, change)]
    assert [(rule.window_s, rule.samples) for rule in rules] == [before, after]
    assert {rule.hour for rule in rules} == {8.0}


def test_deribit_and_bybit_average_half_an_hour() -> None:
    for id_ in ("BTC-USD-20241227.deribit", "BTC-USDT-20241227.bybit", "BTC-20241227-60000-C.deribit"):
        assert PACKAGED.settlement(instrument(id_), ns("2024-06-01")).window_s == 1800.0


def test_bitmex_is_history() -> None:
    rule = funding("BTC-USD-PERP.bitmex", "2020-03-13T04:00")
    assert (rule.floor, rule.applies) == (-0.00375, "next")
    assert funding("BTC-USD-PERP.bitmex", "2016-06-14").cap == 0.01125
    with pytest.raises(ConfigError, match="bitmex closed on 2026-09-23"):
        at(instrument("BTC-USD-PERP.bitmex"), ns("2026-10-01"))


@pytest.mark.parametrize(("venue", "parameters"), [("alpha", Parameters()), ("beta", Parameters())])
def test_the_rules_of_the_synthetic_market_are_those_it_is_made_by(
    venue: str, parameters: Parameters
) -> None:
    rule = funding(f"BTC-USDT-PERP.{venue}", "2024-06-01")
    assert (rule.interest, rule.clamp) == (parameters.interest, parameters.dead_band)
    assert rule.interval_h == FUNDING_H[venue]
    assert rule.cap == -rule.floor == parameters.cap * rule.interval_h / rule.per_h


@pytest.mark.parametrize(
    ("id_", "bps"),
    [
        ("BTC-USDT.binance", 10.0),
        ("BTC-USDT-PERP.binance", 5.0),
        ("BTC-USDT-20250328.binance", 5.0),
        ("BTC-USDT-PERP.bybit", 5.5),
        ("SOL-USDT-PERP.okx", 5.0),
        ("SOL-USDC-PERP.deribit", 5.0),
        ("BTC-20241227-60000-C.deribit", 3.0),
        ("BTC-USDC-PERP.hyperliquid", 4.5),
        ("BTC-USD-PERP.kraken_futures", 5.0),
    ],
)
def test_taker_fees(id_: str, bps: float) -> None:
    assert PACKAGED.fees(instrument(id_), ns("2024-06-01")).taker == bps / 1e4


def test_vip_tiers_never_cost_more_than_the_one_before() -> None:
    for id_ in ("BTC-USDT-PERP.binance", "BTC-USD-PERP.kraken_futures"):
        rule = PACKAGED.fees(instrument(id_), ns("2024-06-01"))
        takers = [rule.at_vip(tier).taker for tier in range(len(rule.vip) + 1)]
        assert len(takers) > 5
        assert takers == sorted(takers, reverse=True)
