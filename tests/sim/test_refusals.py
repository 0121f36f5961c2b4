"""What a backtest refuses rather than give a number that means nothing."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from narrows.core.arrays import Float2D
from narrows.core.config import Desk, parse
from narrows.core.errors import ConfigError, DataError, StateError
from narrows.core.panel import Panel
from narrows.core.result import Result
from narrows.core.spread import Spread
from narrows.core.time import HOUR_NS
from narrows.sim.backtest import backtest, check_ledger
from narrows.strategy.cash_and_carry import CashAndCarry
from narrows.strategy.funding_carry import FundingCarry
from narrows.strategy.protocol import Strategy
from tiny_market import NAN, PERP, PERP_BETA, SPOT, Script, event, play, tiny_desk, tiny_panel

SPOT_BETA = "BTC-USDT.beta"


def market(bars: int = 9) -> Panel:
    return tiny_panel([SPOT, PERP], mark=([100.0 + bar for bar in range(bars)], 100))


def test_bars_that_are_not_the_desks_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"desk\.bar: the panel has bars of 1 h; .* bars of 2 h"):
        play(replace(tiny_desk(), bar_ns=2 * HOUR_NS), market(), {})
    with pytest.raises(ConfigError, match="the panel has no bars"):
        play(tiny_desk(), market().rows(0, 0), {})


class NextClose(Script, frozen=True, kw_only=True):
    def features(self, panel: Panel, spread: Spread) -> Float2D:
        ahead = super().features(panel, spread)
        ahead[:-1, 1] = np.where(np.diff(panel.close[:, 0]) > 50.0, 1.0, NAN)
        return ahead


class Demeaned(Script, frozen=True, kw_only=True):
    def features(self, panel: Panel, spread: Spread) -> Float2D:
        close = panel.close[:, :1]
        return np.hstack([np.full((len(panel), 2), NAN), close - close.mean()])


class Raising(Script, frozen=True, kw_only=True):
    def features(self, panel: Panel, spread: Spread) -> Float2D:
        raise KeyError("moon")


class Flat(Script, frozen=True, kw_only=True):
    def features(self, panel: Panel, spread: Spread) -> Float2D:
        return panel.close[:, 0]


def test_features_that_know_the_future_are_refused_with_bar_and_spread() -> None:
    # of 9 bars the first 6 are computed again: bar 5, at 12:00, loses sight of bar 6
    jump = tiny_panel([SPOT, PERP], mark=([100.0] * 6 + [200.0] * 3, 100))
    expected = r"feature 1 of funding_carry:BTC-USDT\.alpha.* at 2024-06-20T12:00:00Z changes when later"
    with pytest.raises(StateError, match=expected):
        backtest(tiny_desk(), jump, NextClose(orders={}))
    with pytest.raises(StateError, match=r"feature 2 of .* at 2024-06-20T07:00:00Z changes when later"):
        backtest(tiny_desk(), market(), Demeaned(orders={}))


def test_what_features_raise_or_return_wrong_is_one_line() -> None:
    with pytest.raises(StateError, match="KeyError: 'moon'") as error:
        backtest(tiny_desk(), market(), Raising(orders={}))
    assert "features of funding_carry:BTC-USDT.alpha/BTC-USDT-PERP.alpha" in str(error.value)
    with pytest.raises(ConfigError, match=r"have shape \(9,\).*return \(9, F\)"):
        backtest(tiny_desk(), market(), Flat(orders={}))


@pytest.mark.parametrize("side", [1.0, 0.0])
def test_a_position_without_a_price_for_more_than_a_day_is_refused(side: float) -> None:
    def blind(hours: int) -> Panel:
        return tiny_panel([SPOT, PERP], mark=([100.0] * 4 + [NAN] * hours + [100.0], 100))

    orders = {0: (side, -1.0)}
    assert len(play(tiny_desk(), blind(25), orders).equity) == 30
    if side:
        expected = r"BTC-USDT\.alpha from 2024-06-20T11:00:00Z: held for 26 h without a price"
        with pytest.raises(DataError, match=expected):
            play(tiny_desk(), blind(26), orders)
    else:
        play(tiny_desk(), blind(26), orders)  # nothing held of what has no price


def test_a_venue_where_nothing_trades_is_refused_unless_it_holds_nothing() -> None:
    panel = tiny_panel([SPOT_BETA, PERP_BETA], mark=([100, 100], 100))
    with pytest.raises(ConfigError, match=r"venues\.alpha: no instrument trades there.*universe has beta"):
        play(tiny_desk(beta=True), panel, {})
    result = play(tiny_desk(beta=True, capital_share=0.0), panel, {})
    assert (result.wallets, result.equity_end) == (("beta",), 1000.0)


def test_capital_goes_where_legs_trade_and_idles_only_if_told_to() -> None:
    panel = tiny_panel([SPOT_BETA, PERP_BETA, SPOT], mark=([100, 100], 100, 100))
    result = play(tiny_desk(beta=True), panel, {})
    assert (result.wallets, result.wallet_equity[-1].tolist()) == (("beta",), [1000.0])
    result = play(tiny_desk(beta=True, capital_share=0.25), panel, {})
    assert (result.wallets, result.wallet_equity[-1].tolist()) == (("alpha", "beta"), [250.0, 750.0])


def test_a_venue_that_trades_needs_capital() -> None:
    panel = tiny_panel([PERP, PERP_BETA], mark=([100, 100], 100))
    with pytest.raises(ConfigError, match=r"alpha\.capital_share: .*without capital; give it a share"):
        play(tiny_desk(beta=True, capital_share=0.0), panel, {})
    with pytest.raises(ConfigError, match=r"beta\.capital_share: .*without capital"):
        play(tiny_desk(beta=True, capital_share=1.0), panel, {})


def test_instruments_in_another_money_are_refused() -> None:
    panel = tiny_panel(["ETH-BTC.alpha", "ETH-BTC-PERP.alpha"], mark=([0.05, 0.05], 0.05))
    with pytest.raises(
        ConfigError, match=r"fx\.BTC: ETH-BTC\.alpha is quoted in BTC, the desk counts in USDT"
    ):
        play(tiny_desk(), panel, {})
    assert play(replace(tiny_desk(), currency="BTC"), panel, {}).equity_end == 1000.0
    with pytest.raises(ConfigError, match="quoted in USDT, the desk counts in USDC"):
        play(replace(tiny_desk(), currency="USDC"), market(), {})
    told = replace(tiny_desk(), currency="USDC", fx={"USDT": 0.8})
    assert play(told, market(), {}).equity_end == pytest.approx(1000.0)


def test_a_ledger_that_misses_the_change_in_equity_stops_the_run() -> None:
    result = play(tiny_desk(), market(), {0: (1.0, -1.0)})
    check_ledger(result)

    def off(amount: float) -> Result:
        return dataclasses.replace(result, equity=result.equity + amount)

    check_ledger(off(1e-7))  # 1e-10 of the capital
    for amount in (1.1e-6, -1.1e-6, NAN):
        with pytest.raises(StateError, match="the ledger misses the change in equity by"):
            check_ledger(off(amount))


VENUE = "[venues.alpha]\n"
EVENT = "[[events]]\nvenue = 'alpha'\nreason = 'r'\nstart = 2024-06-20\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            EVENT + "kind = 'adl'\nshare = 0.0",
            r"events\[0\]\.share: share 0\.0 leaves \(0, 1\]; give a fraction",
        ),
        (EVENT + "kind = 'adl'\nprice = -1.0", r"events\[0\]\.price: -1\.0 is negative"),
        (EVENT + "kind = 'adl'\nend = 2024-06-21", r"events\[0\]\.end: end goes with all but adl"),
        (EVENT + "kind = 'halt'", r"events\[0\]\.end: end goes with all but adl"),
        (
            EVENT + "kind = 'halt'\nend = 2024-06-19",
            r"events\[0\]\.end: end .* is not after .*; give a later end",
        ),
        (EVENT + "kind = 'recall'\nend = 2024-06-21\navailable = -2.0", r"\.available: -2\.0 is negative"),
        (
            VENUE + "top_up = 'restore'\nmargin = 'isolated'",
            r'alpha\.top_up: .* not topped up; use margin = "cross"',
        ),
        (
            VENUE + "top_up = 'restore'\ntransfer_delay_h = 'never'",
            r"alpha\.top_up: .* never arrive; give a delay",
        ),
        (VENUE + "top_up_at = 1.0", r"alpha\.top_up_at: 1\.0 leaves .*; give a margin ratio"),
        (VENUE + "margin = 'portfolio'\naccount = 'separate'", r'alpha\.margin: .*; use account = "unified"'),
        (VENUE + "coin_apr = { BTC = -0.1 }", r"alpha\.coin_apr\.BTC: -0\.1 a year; give a fraction"),
        (VENUE + "price_band = 0.0", r"alpha\.price_band: 0\.0 is not positive"),
        (VENUE + "debt_limit = -1.0", r"alpha\.debt_limit: -1\.0 is negative; inf: margin alone limits"),
    ],
)
def test_what_a_desk_file_cannot_mean_is_one_line_with_path_and_remedy(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as error:
        parse(f'[desk]\nname = "d"\n[universe]\n[strategy]\nname = "s"\n{text}\n', "my.toml")
    assert str(error.value).startswith("my.toml: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("adl", {"coins": ["ETH"]}),
        ("adl", {"venue": "beta"}),
        ("halt", {"venue": "beta"}),
        ("recall", {"coins": ["SOL"]}),
        ("reduce_only", {"coins": ["ETH"]}),
        ("no_withdrawals", {"venue": "beta"}),
    ],
)
def test_an_event_that_touches_nothing_is_refused(kind: str, keys: dict[str, Any]) -> None:
    desk = tiny_desk(events=[event("halt", 1), event(kind, 1, **keys)])
    expected = rf"events\[1\]: {kind} touches no instrument; the universe has BTC-USDT\.alpha"
    with pytest.raises(ConfigError, match=expected):
        play(desk, market(), {})


def test_a_coin_whose_haircut_nobody_knows_is_refused_with_three_remedies() -> None:
    panel = tiny_panel(["FOO-USDT.alpha", "FOO-USDT-PERP.alpha"], mark=([100, 100], 100))
    remedies = r"give haircut in \[venues\.alpha\], leave FOO out of collateral, or "
    with pytest.raises(ConfigError, match=remedies):
        play(tiny_desk(haircut=None), panel, {})
    assert play(tiny_desk(haircut=None, collateral=["USDT"]), panel, {}).equity_end == 1000.0
    assert play(tiny_desk(haircut=0.5), panel, {}).equity_end == 1000.0


class Twin(FundingCarry, frozen=True, kw_only=True):
    pass


def test_provenance_knows_the_desk_and_the_strategy_that_was_run() -> None:
    panel = tiny_panel([SPOT, PERP, "BTC-USDT-20240927.alpha"], mark=([100, 100], 100, 100))
    runs: list[tuple[Desk, Strategy]] = [
        (tiny_desk(), FundingCarry()),
        (tiny_desk(capital=1001.0), FundingCarry()),
        (tiny_desk(), FundingCarry(entry_apr=0.2)),
        (tiny_desk(), Twin()),
        (tiny_desk(), CashAndCarry()),
    ]
    hashes = [backtest(desk, panel, chosen).provenance.config_hash for desk, chosen in runs]
    assert len(set(hashes)) == len(runs)
    assert backtest(tiny_desk(), panel, FundingCarry()).provenance.config_hash == hashes[0]
