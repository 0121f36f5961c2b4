"""A seeded market whose truth is known: two venues, two coins, calm and stressed regimes, crashes.

Every path is made of named streams of random numbers, one per purpose and drawn in time order, so
more bars never change the earlier ones.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from narrows.core.arrays import Float1D, Int1D, read_only
from narrows.core.errors import ConfigError
from narrows.core.instrument import DELIVERY_HOUR, Instrument, instrument
from narrows.core.panel import FIELDS, Panel
from narrows.core.random import generator
from narrows.core.time import DAY_NS, HOUR_NS, YEAR_H, to_ns
from narrows.rulebook.funding import clamped_rate

START = datetime(2024, 1, 1, tzinfo=UTC)  # the first bar opens here
VENUES = ("alpha", "beta")
PRICE = {"BTC": 42_000.0, "ETH": 2_300.0}
DEPTH = {"spot": 8e6, "perp": 20e6, "future": 2e6}  # quote value within 10 bp, in quiet times
HALF_SPREAD = {"spot": 0.5e-4, "perp": 0.25e-4, "future": 1.0e-4}
TURNOVER = {"spot": 30e6, "perp": 120e6, "future": 5e6}  # quote value per bar
FUNDING_H = {"alpha": 8, "beta": 4}
LISTED_DAYS = 180
CALM, STRESSED = 0, 1
NOTES = (
    "synthetic market: no price in it was ever traded",
    "USD and USDT are at par",
    "the mark of spot and dated futures is their close",
    "delivery is at the index of the closing hour, not at an average over it",
)

_Pair = tuple[float, float]


@dataclass(frozen=True)
class Parameters:
    """The numbers of the market. Pairs are (calm, stressed); rates are fractions."""

    spell_h: _Pair = (480.0, 96.0)  # mean length of a regime
    drift: _Pair = (0.9, -0.6)  # of the log price, per year
    volatility: _Pair = (0.42, 0.95)  # per sqrt(year)
    correlation: float = 0.8  # of the two coins' diffusions
    jumps_per_year: _Pair = (15.0, 60.0)
    jump_sd: float = 0.012
    crash_fall: _Pair = (0.08, 0.20)  # range of the jump down
    crash_gap: _Pair = (0.01, 0.03)  # range of the perpetual's fall below its index
    crash_gap_half_life_h: float = 8.0
    crash_spell_h: int = 72  # for so long a crash holds the market in stress
    crash_thinning: float = 12.0  # by which depth falls and spreads widen
    crash_borrow: float = 8.0  # by which borrow rates rise
    venue_gap_sd: _Pair = (1e-4, 3e-4)  # of log(alpha's spot / beta's), stationary
    venue_gap_half_life_h: float = 3.0
    premium_level: _Pair = (5e-4, -2e-4)  # to which the premium reverts
    premium_sd: _Pair = (1.2e-4, 5e-4)  # around it, stationary
    premium_half_life_h: float = 8.0
    sentiment_sd: float = 0.6e-4  # the slow part of every premium; it moves the carry too
    sentiment_half_life_h: float = 240.0
    carry_level: _Pair = (0.09, 0.02)  # to which log basis / tau reverts, continuous, per year
    carry_sd: float = 0.01
    carry_per_sentiment: float = 150.0  # 1 bp of slow premium is 1.5 % a year of carry
    carry_half_life_h: float = 120.0
    bridge_alpha: float = 1.2  # how fast a future's noise dies towards expiry
    bridge_sigma: float = 0.012  # its diffusion, per sqrt(year)
    liquidity_level: _Pair = (0.0, -0.7)  # log of depth over its quiet level
    liquidity_sd: float = 0.2
    liquidity_half_life_h: float = 24.0
    borrow_apr: float = 0.04
    borrow_sd: float = 0.3  # of its logarithm
    borrow_half_life_h: float = 36.0
    interest: float = 1e-4  # interest, dead band and cap of funding: per 8 h
    dead_band: float = 5e-4
    cap: float = 75e-4


DEFAULT = Parameters()


@dataclass(frozen=True, eq=False)
class Truth:
    """What made the market, for judging what an estimator says about it.

    Arrays over bars are aligned with the Panel. `regime` is 0 calm, 1 stressed. `premium_mean`
    (by perpetual) is where the premium was pulled to at each bar: level of the regime, plus
    sentiment, plus what is left of a crash. `carry` (by coin) is log basis over years to expiry
    before noise, continuous, per year; `venue_gap` (by coin) is log(alpha's spot / beta's).
    """

    seed: int
    parameters: Parameters
    regime: Int1D
    crash_rows: Int1D
    crash_fall: Float1D
    crash_gap: Float1D
    sentiment: Float1D
    premium_mean: dict[str, Float1D]
    carry: dict[str, Float1D]
    venue_gap: dict[str, Float1D]

    @property
    def premium_kappa(self) -> float:
        """Speed at which premiums revert, per year."""
        return math.log(2.0) / self.parameters.premium_half_life_h * YEAR_H

    @property
    def premium_sigma(self) -> _Pair:
        """Diffusion of the premiums, per sqrt(year): (calm, stressed)."""
        calm, stressed = self.parameters.premium_sd
        scale = math.sqrt(2.0 * self.premium_kappa)
        return calm * scale, stressed * scale


@dataclass(frozen=True, eq=False)
class _Recursion:
    """``x[t] = decay[t] · x[t−1] + drive[t]``, from `start`."""

    decay: Float1D
    drive: Float1D
    start: float = 0.0


@dataclass(frozen=True, eq=False)
class _World:
    """What all instruments share. Paths have one value more than there are bars: the start."""

    seed: int
    parameters: Parameters
    time_ns: Int1D
    regime: Int1D
    crash_rows: Int1D
    crash_fall: Float1D
    crash_gap: Float1D

    @property
    def bars(self) -> int:
        return len(self.regime)

    def normal(self, *names: str) -> Float1D:
        return generator(self.seed, *names).standard_normal(self.bars)

    def by_regime(self, values: _Pair | float) -> Float1D:
        calm, stressed = values if isinstance(values, tuple) else (values, values)
        return np.where(self.regime == CALM, calm, stressed)

    def at_crash(self, values: Float1D | float) -> Float1D:
        shock = np.zeros(self.bars)
        shock[self.crash_rows] = values
        return shock


def _quarterly_expiries() -> Iterator[datetime]:
    """Last Fridays of March, June, September and December, 08:00 UTC, from the start's year on."""
    year = START.year
    while True:
        for month in (3, 6, 9, 12):
            after = datetime(year + month // 12, month % 12 + 1, 1, DELIVERY_HOUR, tzinfo=UTC)
            yield after - timedelta(days=(after.weekday() - 5) % 7 + 1)
        year += 1


def _universe(end_ns: int) -> list[Instrument]:
    """Everything listed before `end_ns`, coin by coin."""
    terms = []
    for expiry in _quarterly_expiries():
        if to_ns(expiry) - LISTED_DAYS * DAY_NS >= end_ns:
            break
        terms.append(f"{expiry:%Y%m%d}")
    ids = []
    for coin in PRICE:
        ids += [f"{coin}-USDT.{venue}" for venue in VENUES]
        ids += [f"{coin}-USDT-PERP.{venue}" for venue in VENUES]
        ids += [f"{coin}-USD-PERP.beta"]
        ids += [f"{coin}-USDT-{term}.alpha" for term in terms]
    return [instrument(id_) for id_ in ids]


def _crashes(seed: int, bars: int, p: Parameters) -> tuple[Int1D, Float1D, Float1D]:
    """Rows, falls and perpetual gaps: two or three a year, one in the middle of each part of it."""
    rows, falls, gaps = [], [], []
    for year in range(math.ceil(bars / YEAR_H)):
        random = generator(seed, "crash", str(year))
        count = int(random.integers(2, 4))
        part = (np.arange(count) + random.uniform(0.25, 0.75, count)) / count
        rows.append(((year + part) * YEAR_H).astype(np.int64))
        falls.append(random.uniform(*p.crash_fall, count))
        gaps.append(random.uniform(*p.crash_gap, count))
    row = np.concatenate(rows)
    inside = row < bars
    return row[inside], np.concatenate(falls)[inside], np.concatenate(gaps)[inside]


def _regimes(seed: int, bars: int, p: Parameters, crash_rows: Int1D) -> Int1D:
    """A Markov chain that starts calm, held in stress after each crash."""
    spells = [
        generator(seed, "spell", str(state)).geometric(1.0 / p.spell_h[state], bars)
        for state in (CALM, STRESSED)
    ]
    ends = np.cumsum(np.column_stack(spells).ravel())
    regime = np.searchsorted(ends, np.arange(bars), side="right") % 2
    for row in crash_rows:
        regime[row : row + p.crash_spell_h] = STRESSED
    return regime.astype(np.int64)


def _world(seed: int, bars: int, p: Parameters) -> _World:
    time_ns = to_ns(START) + np.arange(bars + 1) * HOUR_NS
    rows, falls, gaps = _crashes(seed, bars, p)
    return _World(seed, p, time_ns, _regimes(seed, bars, p, rows), rows, falls, gaps)


def _reverting(
    world: _World,
    half_life_h: float,
    level: _Pair | float,
    sd: _Pair | float,
    *stream: str,
    crash: Float1D | float = 0.0,
) -> _Recursion:
    """An Ornstein–Uhlenbeck process from its level, exact at the bars, with a shock at each crash."""
    decay = 0.5 ** (1.0 / half_life_h)
    centre = world.by_regime(level)
    noise = world.by_regime(sd) * math.sqrt(1.0 - decay**2) * world.normal(*stream)
    drive = (1.0 - decay) * centre + noise + world.at_crash(crash)
    return _Recursion(np.full(world.bars, decay), drive, float(centre[0]))


def _bridge(world: _World, one: Instrument) -> _Recursion:
    """A power bridge: noise around the carry that is exactly nothing at expiry.

    ``dB = −alpha B / (T − t) dt + sigma dW``, exact at the bars; nothing before listing.
    """
    alpha, sigma = world.parameters.bridge_alpha, world.parameters.bridge_sigma
    years = np.maximum(one.expiry_ns - world.time_ns, 0) / (HOUR_NS * YEAR_H)
    alive = (world.time_ns[1:] > one.expiry_ns - LISTED_DAYS * DAY_NS) & (years[:-1] > 0.0)
    before, after = np.where(alive, years[:-1], 1.0), np.where(alive, years[1:], 0.0)
    decay = (after / before) ** alpha
    variance = (after - decay**2 * before) / (2.0 * alpha - 1.0)
    drive = sigma * np.sqrt(np.maximum(variance, 0.0)) * world.normal("bridge", one.id)
    return _Recursion(decay, np.where(alive, drive, 0.0))


def _processes(world: _World, universe: list[Instrument]) -> dict[str, _Recursion]:
    p = world.parameters
    thinner, dearer = -math.log(p.crash_thinning), math.log(p.crash_borrow)
    found = {
        "sentiment": _reverting(world, p.sentiment_half_life_h, 0.0, p.sentiment_sd, "sentiment"),
        "gap": _reverting(world, p.crash_gap_half_life_h, 0.0, 0.0, "gap", crash=-world.crash_gap),
    }
    for coin in PRICE:
        found |= {
            f"venue gap {coin}": _reverting(
                world, p.venue_gap_half_life_h, 0.0, p.venue_gap_sd, "venue gap", coin
            ),
            f"carry {coin}": _reverting(world, p.carry_half_life_h, p.carry_level, p.carry_sd, "carry", coin),
            f"liquidity {coin}": _reverting(
                world,
                p.liquidity_half_life_h,
                p.liquidity_level,
                p.liquidity_sd,
                "liquidity",
                coin,
                crash=thinner,
            ),
            f"borrow {coin}": _reverting(
                world, p.borrow_half_life_h, 0.0, p.borrow_sd, "borrow", coin, crash=dearer
            ),
        }
    for one in universe:
        if one.kind == "perp":
            found[one.id] = _reverting(
                world, p.premium_half_life_h, p.premium_level, p.premium_sd, "premium", one.id
            )
        if one.kind == "future":
            found[one.id] = _bridge(world, one)
    return found


def _run(processes: dict[str, _Recursion]) -> dict[str, Float1D]:
    """All paths in one loop over the bars, each with its start in front."""
    decay = np.column_stack([one.decay for one in processes.values()])
    drive = np.column_stack([one.drive for one in processes.values()])
    paths = np.empty((len(drive) + 1, len(processes)))
    paths[0] = [one.start for one in processes.values()]
    for row in range(len(drive)):
        paths[row + 1] = decay[row] * paths[row] + drive[row]
    return {name: np.ascontiguousarray(paths[:, column]) for column, name in enumerate(processes)}


@dataclass(frozen=True, eq=False)
class _Coin:
    """Spot on both venues, and how far every instrument of the coin reaches beyond open and close."""

    spot: dict[str, Float1D]
    index: Float1D
    up: Float1D
    down: Float1D


def _coin(world: _World, coin: str, venue_gap: Float1D) -> _Coin:
    """A jump diffusion: common and own noise, small jumps, crashes of both coins at once."""
    p = world.parameters
    sd = world.by_regime(p.volatility) / math.sqrt(YEAR_H)
    own = math.sqrt(1.0 - p.correlation**2)
    diffusion = sd * (p.correlation * world.normal("return") + own * world.normal("return", coin))
    jumped = generator(world.seed, "jump", coin).random(world.bars) < (
        world.by_regime(p.jumps_per_year) / YEAR_H
    )
    jump = np.where(jumped, p.jump_sd * world.normal("jump size", coin), 0.0)
    fall = world.at_crash(np.log1p(-world.crash_fall))
    steps = world.by_regime(p.drift) / YEAR_H + diffusion + jump + fall
    fair = PRICE[coin] * np.exp(np.append(0.0, np.cumsum(steps)))
    spot = {"alpha": fair * np.exp(0.5 * venue_gap), "beta": fair * np.exp(-0.5 * venue_gap)}
    return _Coin(
        spot=spot,
        index=0.5 * (spot["alpha"] + spot["beta"]),
        up=np.exp(0.5 * sd * np.abs(world.normal("up", coin))),
        down=np.exp(-0.5 * sd * np.abs(world.normal("down", coin)) + 0.2 * fall),
    )


def _settled(premium: Float1D, interval: int, p: Parameters) -> tuple[Float1D, Float1D]:
    """Funding and its interval at each stamp, from the plain mean of the premiums since the last one.

    Constants are per 8 h, so the rate of a shorter interval is divided by 8 / interval.
    """
    funding, funding_h = np.full((2, len(premium)), np.nan)
    whole = len(premium) // interval * interval
    mean = premium[:whole].reshape(-1, interval).mean(axis=1)
    rate = clamped_rate(mean, p.interest, p.dead_band, p.cap)
    funding[interval - 1 : whole : interval] = rate / (8 / interval)
    funding_h[interval - 1 : whole : interval] = interval
    return funding, funding_h


def _prices(
    world: _World, one: Instrument, coin: _Coin, paths: dict[str, Float1D]
) -> tuple[Float1D, dict[str, Float1D]]:
    """Path of the close, start included, and the fields that only this kind of instrument has."""
    p = world.parameters
    if one.kind == "spot":
        close = coin.spot[one.venue]
        return close, {"mark": close[1:], "borrow": p.borrow_apr * np.exp(paths[f"borrow {one.base}"][1:])}
    if one.kind == "perp":
        premium = paths[one.id] + paths["sentiment"] + paths["gap"]
        smooth = 0.5 * (premium[1:] + premium[:-1])
        funding, funding_h = _settled(premium[1:], FUNDING_H[one.venue], p)
        own = {"premium": premium[1:], "funding": funding, "funding_h": funding_h}
        return coin.index * (1.0 + premium), own | {"mark": coin.index[1:] * (1.0 + smooth)}
    years = np.maximum(one.expiry_ns - world.time_ns, 0) / (HOUR_NS * YEAR_H)
    carry = paths[f"carry {one.base}"] + p.carry_per_sentiment * paths["sentiment"]
    near = np.minimum(1.0, years * (YEAR_H / 168.0))  # a crash opens no gap on the day of delivery
    close = coin.index * np.exp(carry * years + paths[one.id] + near * paths["gap"])
    delivered = world.time_ns[1:] == one.expiry_ns
    return close, {"mark": close[1:], "settlement": np.where(delivered, coin.index[1:], np.nan)}


def _columns(world: _World, one: Instrument, coin: _Coin, paths: dict[str, Float1D]) -> dict[str, Float1D]:
    """Every field of one instrument; NaN outside its life."""
    path, fields = _prices(world, one, coin, paths)
    before, close = path[:-1], path[1:]
    liquidity = np.exp(paths[f"liquidity {one.base}"][1:])
    half = HALF_SPREAD[one.kind] / liquidity
    size = 1.0 if one.base == "BTC" else 0.5
    activity = (0.5 + np.abs(np.log(close / before)) / 0.005) * np.exp(0.3 * world.normal("volume", one.id))
    fields |= {
        "open": before,
        "high": np.maximum(before, close) * coin.up,
        "low": np.minimum(before, close) * coin.down,
        "close": close,
        "index": coin.index[1:],
        "bid": close * (1.0 - half),
        "ask": close * (1.0 + half),
        "depth": size * DEPTH[one.kind] * liquidity * np.exp(0.1 * world.normal("depth", one.id)),
        "volume": size * TURNOVER[one.kind] * activity / close,
    }
    if one.expiry_ns:
        time_ns = world.time_ns[1:]
        alive = (time_ns > one.expiry_ns - LISTED_DAYS * DAY_NS) & (time_ns <= one.expiry_ns)
        fields = {name: np.where(alive, values, np.nan) for name, values in fields.items()}
    return fields


def _truth(world: _World, universe: list[Instrument], paths: dict[str, Float1D]) -> Truth:
    p = world.parameters
    pull = world.by_regime(p.premium_level) + paths["sentiment"][1:] + paths["gap"][1:]
    carry = {
        coin: paths[f"carry {coin}"][1:] + p.carry_per_sentiment * paths["sentiment"][1:] for coin in PRICE
    }
    return Truth(
        seed=world.seed,
        parameters=p,
        regime=read_only(world.regime),
        crash_rows=read_only(world.crash_rows),
        crash_fall=read_only(world.crash_fall),
        crash_gap=read_only(world.crash_gap),
        sentiment=read_only(paths["sentiment"][1:]),
        premium_mean={one.id: read_only(pull) for one in universe if one.kind == "perp"},
        carry={coin: read_only(path) for coin, path in carry.items()},
        venue_gap={coin: read_only(paths[f"venue gap {coin}"][1:]) for coin in PRICE},
    )


def synthetic_market(seed: int, bars: int = 8760, parameters: Parameters = DEFAULT) -> tuple[Panel, Truth]:
    """An hourly market and what made it.

    Two venues. Each coin has spot and a linear perpetual on both, an inverse perpetual on beta,
    and quarterly futures on alpha. Both venues' funding is the clamped mean of the hourly
    premiums, settled every 8 h on alpha and every 4 h on beta. Two or three times a year prices
    fall 8 to 20 % within an hour, perpetuals gap below their index, and depth vanishes.

    Parameters
    ----------
    seed : int
        The same seed gives the same market; more bars do not change earlier ones.
    bars : int
        Hours from 2024-01-01 00:00 UTC.
    parameters : Parameters
        The numbers of the market.

    Returns
    -------
    Panel, Truth

    Raises
    ------
    ConfigError
        If `bars` is not positive.
    """
    if bars < 1:
        raise ConfigError(f"bars = {bars}", "synthetic_market", "give at least 1")
    world = _world(seed, bars, parameters)
    universe = _universe(int(world.time_ns[-1]))
    paths = _run(_processes(world, universe))
    coins = {coin: _coin(world, coin, paths[f"venue gap {coin}"]) for coin in PRICE}
    columns = [_columns(world, one, coins[one.base], paths) for one in universe]
    unknown = np.full(bars, np.nan)
    fields = {name: np.column_stack([own.get(name, unknown) for own in columns]) for name in FIELDS}
    fields["fx"] = np.ones_like(fields["fx"])  # in this market every dollar is worth a dollar
    panel = Panel.of(universe, world.time_ns[1:], HOUR_NS, NOTES, **fields)
    return panel, _truth(world, universe, paths)
