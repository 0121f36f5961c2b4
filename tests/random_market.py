"""Random panels and desks that visit every branch of the simulator, from one seed."""

from typing import ClassVar

import msgspec
import numpy as np
from msgspec.structs import replace

from narrows.core.arrays import Float1D, Float2D
from narrows.core.config import Desk, parse
from narrows.core.instrument import Instrument, instrument
from narrows.core.panel import Panel
from narrows.core.spread import Spread
from narrows.core.time import HOUR_NS
from narrows.strategy.decider import Pointer, decider

FIRST_CLOSE_NS = 1_718_870_400_000_000_000  # 2024-06-20 08:00 UTC

DESK = """
[desk]
name = "random"
currency = "{currency}"
capital = {capital}
[universe]
instruments = []
[strategy]
name = "random_market:Restless"
[risk]
max_leverage = {risk_leverage}
[venues.alpha]
account = "{account}"
capital_share = 0.6
derivatives_share = {derivatives_share}
max_leverage = {leverage}
margin = "{margin}"
delivery = "{delivery}"
{alpha_margin}
{more}
taker_bps = 5.0
cash_apr = 0.02
haircut = 0.05
collateral = ["BTC"]
[venues.beta]
capital_share = 0.4
account = "{other_account}"
max_leverage = {leverage}
{beta_margin}
{beta_more}
haircut = 0.0
"""

# alpha reduces tier by tier and pays funding on the index; beta's margin grows with size, a fifth first;
# in the night after the first day alpha gets dearer and closes whole
ALPHA = """
venue = "alpha"
[[margin]]
effective_from = 2019-01-02
source = "made up"
confidence = "high"
judged_on = "mark"
liquidation_fee = 0.004
partial = "tier"
tiers = [[0, 5000, 0.01, 0, 50], [5000, 50000, 0.03, 100, 20], [50000, inf, 0.08, 2600, 10]]
[[margin]]
effective_from = 2024-06-21T03:00:00Z
source = "made up"
confidence = "high"
judged_on = "mark"
liquidation_fee = 0.01
partial = "none"
tiers = [[0, 5000, 0.02, 0, 50], [5000, inf, 0.1, 400, 5]]
[[borrow]]
effective_from = 2024-06-22
source = "made up"
confidence = "high"
charged = "struck"
unrealised = false
repaid_to = 0.5
[[funding]]
effective_from = 2019-01-02
source = "made up"
confidence = "high"
pays_on = "oracle"
[[portfolio]]
effective_from = 2019-01-02
source = "made up"
confidence = "high"
method = "grid"
moves = [-0.16, -0.08, 0.0, 0.08, 0.16]
extended = [[-0.5, 0.32], [0.5, 0.32]]
dampener = 500.0
basis_min = 0.01
basis_annual = 0.1
stable_move = 0.02
minimum = 0.005
delta_threshold = 5000.0
delta_increment = 0.01
delta_max = 0.1
[[portfolio]]
kinds = ["spot"]
effective_from = 2019-01-02
source = "made up"
confidence = "high"
spot_offsets = true
"""
BETA = """
venue = "beta"
[[margin]]
effective_from = 2019-01-02
source = "made up"
confidence = "high"
judged_on = "mark"
liquidation_fee = 0.004
partial = "share"
partial_share = 0.2
partial_above = 3000.0
maintenance_base = 0.01
maintenance_per_unit = 0.0005
initial_base = 0.02
initial_per_unit = 0.0005
[[fees]]
effective_from = 2024-06-22
source = "made up"
confidence = "high"
taker_bps = 9.0
maker_bps = 1.0
"""


# what a desk does to stay alive, and what its venues do to it
RESTORE = 'top_up = "restore"\ntop_up_at = 0.2\ntransfer_fee = 1.0\ntransfer_min = 5.0\ntransfer_delay_h = '
ACTS = (
    "debt_limit = 100.0\ndetect_h = 3.0\ncoin_apr = { BTC = 0.03 }",
    "price_band = 0.05\ndebt_limit = 0.0",
)
EVENTS = """
[[events]]
kind = "adl"
venue = "beta"
start = 2024-06-21T12:30:00Z
side = "short"
share = 0.6
price = 29000.0
reason = "made up"
[[events]]
kind = "adl"
venue = "alpha"
start = 2024-06-22T12:30:00Z
side = "long"
reason = "made up"
[[events]]
kind = "recall"
venue = "alpha"
start = 2024-06-23
end = 2024-06-24T12:00:00Z
available = 0.01
reason = "made up"
[[events]]
kind = "reduce_only"
venue = "beta"
start = 2024-06-22
end = 2024-06-22T09:00:00Z
reason = "made up"
[[events]]
kind = "halt"
venue = "alpha"
coins = ["BTC"]
start = 2024-06-23T20:00:00Z
end = 2024-06-24T09:00:00Z
reason = "made up"
[[events]]
kind = "no_withdrawals"
venue = "beta"
start = 2024-06-24
end = 2024-06-26
reason = "made up"
"""


@decider
def decide(features: Pointer, position: Pointer, memory: Pointer, params: Pointer, target: Pointer) -> int:
    """Now and then take a random multiple of the equity, else stay; memory counts the calls."""
    target[0] = position[0]
    target[1] = position[1]
    memory[0] += 1.0
    size = features[0]
    if size > -2.0 and size < 2.0:  # false for NaN
        target[0] = size * size * size * 5.0 * position[2] * params[0]
        target[1] = -target[0] * features[1]
        memory[1] = size
    return 0


class Restless(msgspec.Struct, frozen=True, kw_only=True):
    """Trades at random times in random directions and sizes, unevenly hedged."""

    scale: float = 1.0
    seed: int = 0
    often: float = 0.1

    kinds: ClassVar[tuple[str, ...]] = ("funding_carry", "cash_and_carry", "cross_venue", "calendar")
    decide: ClassVar = decide

    def lookback(self, bar_h: float) -> int:
        return 1

    def params(self, bar_h: float) -> Float1D:
        return np.array([self.scale])

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        rows = []
        for time_ns in panel.time_ns.tolist():
            rng = np.random.default_rng([self.seed, time_ns // HOUR_NS, len(spread.id), ord(spread.id[-1])])
            size = rng.uniform(-1.9, 1.9) if rng.random() < self.often else np.nan
            rows.append([0.0 if rng.random() < 0.02 else size, rng.choice([1.0, 1.0, 0.3])])
        return np.array(rows)


def topped(margin: str, rng: np.random.Generator) -> str:
    """Keys that have cash sent, in half of the desks where it can be."""
    delay = rng.choice([0.0, 1.0, 7.0])
    return f"{RESTORE}{delay}" if margin != "isolated" and rng.random() < 0.5 else ""


def random_desk(rng: np.random.Generator) -> Desk:
    margin = rng.choice(["cross", "isolated", "isolated", "portfolio"])
    account = "unified" if margin == "portfolio" else rng.choice(["unified", "separate"])
    text = DESK.format(
        currency=rng.choice(["USDT", "USD"]),
        capital=rng.choice([10_000.0, 1e6, 12_345.678]),
        account=account,
        other_account=rng.choice(["unified", "separate"]),
        derivatives_share=rng.uniform(0.1, 0.9),
        leverage=rng.choice([1.0, 3.0, 30.0]),
        risk_leverage=rng.choice([2.0, 30.0]),
        margin=margin,
        delivery=rng.choice(["at_once", "along"]),
        alpha_margin=rng.choice(["", "maintenance = 0.005", "maintenance = 0.03"]),
        beta_margin=rng.choice(["", "maintenance = 0.01\ntaker_bps = 3.0"]),
        more=ACTS[rng.integers(len(ACTS))] + "\n" + topped(margin, rng),
        beta_more=rng.choice(["", "transfer_delay_h = 30.0", "detect_h = 2.0\ndebt_limit = 0.0"]),
    )
    return replace(parse(text + EVENTS, "random desk"), rules=(ALPHA, BETA))


def instruments(bars: int) -> list[Instrument]:
    delivery = "20240621" if bars > 30 else "20240927"
    return [
        instrument("BTC-USDT.alpha", lot=1e-5),
        instrument("BTC-USDT-PERP.alpha", lot=1e-3, min_notional=5.0),
        instrument(f"BTC-USDT-{delivery}.alpha"),
        instrument("BTC-USDT-PERP.beta"),
        instrument("BTC-USD-PERP.beta", lot=10.0),
        instrument("BTC-USDT.beta"),
        instrument("BTC-USDC-PERP.beta", contract="quanto", settle="ETH", lot=1e-4, min_notional=5.0),
    ]


def _delist(rng: np.random.Generator, settlement: Float2D, close: Float2D, *others: Float2D) -> None:
    """One of the others is gone for good, and settled some bars later at its last close."""
    column = rng.choice([0, 1, 3, 4, 5])  # all but the future
    gone = int(rng.uniform(0.8, 1.0) * (len(close) - 6))
    traded = close[:gone, column]
    settlement[gone + 5, column] = traded[~np.isnan(traded)][-1]
    for values in (close, *others):
        values[gone:, column] = np.nan


def random_panel(rng: np.random.Generator, bars: int, volatility: float = 0.03) -> Panel:
    """Hourly bars with gaps, jumps, missing marks, quotes, funding, a delivery and a delisting."""
    found = instruments(bars)
    shape = (bars, len(found))
    common = np.cumsum(rng.normal(0, volatility, bars) + (rng.random(bars) < 0.02) * rng.normal(0, 0.2, bars))
    own = rng.normal(0, 0.004, shape)
    close = 30_000 * np.exp(common[:, None] + own)
    opened = np.vstack([close[:1], close[:-1]]) * np.exp(rng.normal(0, 0.002, shape))
    high = np.maximum(opened, close) * (1 + rng.exponential(volatility / 3, shape))
    low = np.minimum(opened, close) * (1 - rng.uniform(0, volatility / 2, shape))
    mark = close * np.exp(rng.normal(0, 0.001, shape))
    time_ns = FIRST_CLOSE_NS + HOUR_NS * np.arange(bars, dtype=np.int64)
    funding = np.full(shape, np.nan)
    funding[rng.random(shape) < 0.15] = rng.normal(0, 0.003)
    settlement = np.full(shape, np.nan)
    for column, one in enumerate(found):
        if one.expiry_ns:
            gone = time_ns >= one.expiry_ns
            settlement[time_ns == one.expiry_ns, column] = close[time_ns == one.expiry_ns, column] * 1.001
            gone &= time_ns != one.expiry_ns
            for values in (opened, high, low, close, mark):
                values[gone, column] = np.nan
    missing = rng.random(shape) < 0.03
    for values in (opened, high, low, close, mark):
        values[missing] = np.nan
    mark[rng.random(shape) < 0.03] = np.nan
    _delist(rng.spawn(1)[0], settlement, close, opened, high, low, mark)
    spread = rng.uniform(0, 0.002, shape)
    parity = np.exp(np.cumsum(rng.normal(0, 0.002, bars) * (rng.random(bars) < 0.5)))  # dollars per USDT
    worth = {"USDT": parity, "ETH": 0.3 * parity**5}
    fx = np.array([worth.get(one.money, 1 / parity) for one in found]).T.copy()
    fx[1:][rng.random((bars - 1, len(found))) < 0.1] = np.nan
    quotes = np.where(rng.random(shape) < 0.5, 1.0, np.nan)
    return Panel.of(
        found,
        time_ns,
        HOUR_NS,
        open=opened,
        high=high,
        low=low,
        close=close,
        mark=mark,
        index=np.where(rng.random(shape) < 0.9, mark * np.exp(rng.normal(0, 0.001, shape)), np.nan),
        bid=close * (1 - spread) * quotes,
        ask=close * (1 + spread) * quotes,
        depth=np.where(rng.random(shape) < 0.5, rng.uniform(1e4, 1e7, shape), np.nan),
        funding=funding,
        funding_h=np.where(np.isnan(funding), np.nan, 8.0),
        borrow=np.where(rng.random(shape) < 0.5, rng.uniform(0, 1, shape), np.nan),
        settlement=settlement,
        fx=fx,
    )
