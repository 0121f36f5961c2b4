"""Inside the bar a wallet of several legs, or each isolated leg, dies where its margin is its maintenance."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.core.result import Result
from narrows.rulebook.rules import exact_deductions
from tiny_market import play, rule, tiny_desk, tiny_panel

COINS, PRICES = ("BTC", "ETH", "SOL"), np.array([100.0, 20.0, 5.0])
LEVERAGE = 8.0
Tiers = list[list[float]]


def drawn_tiers(rng: np.random.Generator, notional: float) -> Tiers:
    """Two to four tiers whose bounds lie about a notional; margin is continuous."""
    bounds = np.sort(rng.uniform(0.3, 1.6, rng.integers(1, 4))) * notional
    floors = [0.0, *bounds.round(2).tolist()]
    rates = np.sort(rng.uniform(0.004, 0.08, len(floors))).round(4).tolist()
    deductions = [float(one) for one in exact_deductions(floors, rates)]
    caps = [*floors[1:], float("inf")]
    return [[*row, 0.9 / row[2]] for row in zip(floors, caps, rates, deductions, strict=True)]


def needed(tiers: Tiers, notional: float) -> float:
    """Maintenance by the tier that a notional is in."""
    row = next(row for row in reversed(tiers) if notional >= row[0])
    return notional * row[2] - row[3]


def drawn(seed: int, margin: str) -> tuple[Result, float, Tiers, np.ndarray]:
    """Three perpetuals in a wallet on alpha at their PRICES, and a last bar of any width.

    Returns the run, the capital of that wallet, its tiers, and the low and high of the last bar, (2, coins).
    """
    rng = np.random.default_rng(seed)
    notional = rng.uniform(200.0, 900.0, len(COINS))
    sizes = rng.choice([-1.0, 1.0], len(COINS)) * notional / PRICES
    capital = float(notional.sum() * rng.uniform(1.02, 1.6)) / LEVERAGE
    tiers = drawn_tiers(rng, notional.mean())
    widest = rng.choice([0.1, 0.3, 0.6])
    ends = np.stack([PRICES * (1 - rng.uniform(0, widest, 3)), PRICES * (1 + rng.uniform(0, widest, 3))])
    ids: list[str] = []
    fields: dict[str, Any] = {name: [] for name in ("open", "mark", "high", "low")}
    for coin, price, low, high in zip(COINS, PRICES.tolist(), *ends.tolist(), strict=True):
        for venue in ("alpha", "beta"):
            ids.append(f"{coin}-USDT-PERP.{venue}")
            inside = venue == "alpha"
            fields["open"].append(price)
            fields["mark"].append([price] * 3)
            fields["high"].append([price, price, high if inside else price])
            fields["low"].append([price, price, low if inside else price])
    keys: dict[str, Any] = {"maintenance": None, "margin": margin, "liquidation_fee_bps": 0.0}
    desk = tiny_desk(2 * capital, LEVERAGE, beta=True, rules=(rule("margin", tiers=tiers),), **keys)
    orders: dict[str, Any] = {
        coin: {0: (size, 0.0)} for coin, size in zip(COINS, sizes.tolist(), strict=True)
    }
    return play(desk, tiny_panel(ids, **fields), {}, **orders), capital, tiers, ends


def held(result: Result) -> np.ndarray:
    """Coins on alpha before the last bar, in the order of COINS."""
    legs = [leg.instrument for leg in result.legs]
    return result.position[1, [legs.index(f"{coin}-USDT-PERP.alpha") for coin in COINS]]


def died(result: Result) -> dict[int, float]:
    """Price at which each coin was closed by force in the run that looks inside the bar."""
    gone = result.liquidated_high_low
    names = [result.legs[leg].instrument for leg in gone.leg.tolist()]
    return {COINS.index(name[:3]): price for name, price in zip(names, gone.price.tolist(), strict=True)}


@pytest.mark.parametrize("margin", ["cross", "isolated"])
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 1_000_000))
def test_equity_is_maintenance_where_it_dies_and_more_at_both_ends_where_it_lives(
    margin: str, seed: int
) -> None:
    result, capital, tiers, ends = drawn(seed, margin)
    size, gone = held(result), died(result)
    assert np.abs(size).min() > 0.0
    need = np.vectorize(lambda notional: needed(tiers, notional))
    groups = [[0, 1, 2]] if margin == "cross" else [[0], [1], [2]]
    for group in groups:
        mine = size[group]
        behind = capital if margin == "cross" else np.abs(mine * PRICES[group]).sum() / LEVERAGE

        def room(price: np.ndarray, mine: Any = mine, group: Any = group, behind: Any = behind) -> float:
            profit = (mine * (price - PRICES[group])).sum()
            return float(behind + profit - need(np.abs(mine) * price).sum())

        if min(room(end[group]) for end in ends) > 0.0:
            assert not gone.keys() & set(group)
            continue
        price = np.array([gone[coin] for coin in group])
        assert room(price) == pytest.approx(0.0, abs=1e-6 * capital)
        # all legs are as far along one and the same of the two straight lines
        ways = [(price - PRICES[group]) / (end - PRICES)[group] for end in ends]
        assert min(np.ptp(way) if way.min() >= 0.0 else np.inf for way in ways) < 1e-9
    if margin == "cross":
        assert result.liquidations_high_low == bool(gone)


@pytest.mark.parametrize("margin", ["cross", "isolated"])
def test_the_draws_hold_wallets_that_die_and_wallets_that_live(margin: str) -> None:
    dead = sum(bool(died(drawn(seed, margin)[0])) for seed in range(60))
    assert 10 <= dead <= 50
