"""Parity spreads, a future against a synthetic forward: the same bits in the kernel and its specification."""

import math

import numpy as np
import pytest

from narrows.core.config import Desk, parse
from narrows.core.instrument import instrument
from narrows.core.panel import Panel
from narrows.core.spread import spreads
from narrows.core.time import HOUR_NS
from narrows.sim.backtest import features_of
from narrows.sim.inputs import market, prepared
from narrows.sim.layout import schedule
from parity.test_kernel_is_reference import Run, compare
from random_market import Restless

FIRST_NS = 1_774_000_800_000_000_000  # 2026-03-20 10:00 UTC, a week before delivery
BARS = 200
DESK = """
[desk]
name = "parity"
currency = "{currency}"
capital = 200_000
[universe]
instruments = []
spreads = ["parity"]
[strategy]
name = "random_market:Restless"
[risk]
max_leverage = 20.0
[venues.deribit]
account = "unified"
margin = "{margin}"
max_leverage = 20.0
half_spread_bps = 1.0
depth_usd = 5_000_000
collateral = []
"""
INVERSE = ("BTC-USD-20260327.deribit", "BTC-20260327-60000-S.deribit", "BTC-20260327-80000-S.deribit")
LINEAR = ("BTC-USDC-20260327.deribit", "BTC-USDC-20260327-70000-S.deribit")


def panel(rng: np.random.Generator, names: tuple[str, ...], volatility: float) -> Panel:
    """A future and forwards of one delivery, with gaps, that end at one price."""
    found = [instrument(name) for name in names]
    shape = (BARS, len(found))
    time_ns = FIRST_NS + HOUR_NS * np.arange(BARS, dtype=np.int64)
    common = np.cumsum(rng.normal(0.0, volatility, BARS))
    close = 70_000.0 * np.exp(common[:, None] + rng.normal(0.0, 5e-4, shape))
    opened = np.vstack([close[:1], close[:-1]]) * np.exp(rng.normal(0.0, 5e-4, shape))
    high = np.maximum(opened, close) * (1.0 + rng.exponential(volatility / 3.0, shape))
    low = np.minimum(opened, close) * (1.0 - rng.uniform(0.0, volatility / 2.0, shape))
    mark = close * np.exp(rng.normal(0.0, 1e-4, shape))
    delivered = time_ns == found[0].expiry_ns
    settlement = np.full(shape, np.nan)
    settlement[delivered] = close[delivered, :1] * 1.001
    gone = time_ns > found[0].expiry_ns
    missing = rng.random(shape) < 0.05
    for values in (opened, high, low, close, mark):
        values[missing] = np.nan
        values[gone] = np.nan
    half = rng.uniform(2e-4, 1e-3, shape)
    quoted = np.where(rng.random(shape) < 0.7, 1.0, np.nan)
    return Panel.of(
        found,
        time_ns,
        HOUR_NS,
        open=opened,
        high=high,
        low=low,
        close=close,
        mark=mark,
        bid=close * (1.0 - half) * quoted,
        ask=close * (1.0 + half) * quoted,
        settlement=settlement,
    )


class ParityRun(Run):
    """A desk of parity spreads."""

    def __init__(self, seed: int, names: tuple[str, ...], margin: str, volatility: float) -> None:
        rng = np.random.default_rng(seed)
        currency = "USDC" if "USDC" in names[0] else "USD"
        self.desk: Desk = parse(DESK.format(currency=currency, margin=margin), "parity desk")
        self.panel = prepared(self.desk, panel(rng, names, volatility))
        self.strategy = Restless(seed=seed, often=0.1)
        self.spreads = spreads(self.panel.instruments)
        self.plans = schedule(self.desk, self.panel, self.spreads)
        self.plan = self.plans[0][1]
        features = features_of(self.strategy, self.panel, self.spreads)
        self.market = market(self.desk, self.panel, features, self.plan.wallet_names)
        self.params = rng.uniform(0.2, 1.0, (2, 1))
        self.bracket = np.arange(2, dtype=np.int64)


@pytest.mark.parametrize("names", [INVERSE, LINEAR], ids=["inverse", "linear"])
@pytest.mark.parametrize("margin", ["cross", "isolated", "portfolio"])
def test_parity_spreads_have_the_same_bits_in_kernel_and_reference(
    names: tuple[str, ...], margin: str
) -> None:
    reasons = set()
    for seed, volatility in ((1, 0.002), (2, 0.03), (3, 0.002), (4, 0.004)):
        run = ParityRun(seed, names, margin, volatility)
        assert {one.kind for one in run.spreads} == {"parity"}
        state, trace = run.kernel()
        for lane in (0, 1):
            compare(run, lane, state, trace)
        reasons |= set(trace.fill_where[:, 3].tolist())
        final, start = trace.equity[-1, 0], 200_000.0
        assert math.isclose(final - start, state.ledger[:, :, 0].sum(), rel_tol=0.0, abs_tol=1e-6)
    assert {0, 2} <= reasons  # traded, and delivered
