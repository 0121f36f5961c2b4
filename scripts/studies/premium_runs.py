"""What the study of premiums and funding measures: half-lives by year, nowcasts hours ahead, venues apart.

Everything that is compared with a later rate is made from bars before it: models are fitted anew at
the start of every month on all that came before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl
from funding_rules import OKX_CHANGE, perp_over_spot, read, rule_of, span

from narrows.analytics.clamp import clamp_of, clamped_moments
from narrows.analytics.estimate import NORMAL_90, Estimate, unknown
from narrows.analytics.funding_benchmarks import ar1_forecast, har_forecast
from narrows.analytics.latent import fit_latent
from narrows.analytics.nowcast import nowcast_series, running_average
from narrows.analytics.ou import OUArrays
from narrows.analytics.premium import fit_premium
from narrows.analytics.premium_noise import filtered, fit_noisy_premium
from narrows.core.arrays import Float1D, FloatArray, Int1D
from narrows.core.time import HOUR_NS
from narrows.rulebook import FundingRule
from narrows.rulebook.funding import clamped_rate

BEFORE_H = 90 * 24  # hours that a model is fitted on at least
BP = 1e4
LAG = 8  # hours after which the noise of a bar is forgotten


@dataclass(frozen=True)
class Market:
    """One perpetual: its premium at the closes of hours, and its rate where one settled."""

    name: str
    rule: FundingRule
    time_ns: Int1D
    premium: Float1D
    rate: Float1D

    @property
    def year(self) -> Int1D:
        """Calendar year in which each bar began, UTC."""
        began = (self.time_ns - 1).astype("datetime64[ns]")
        return began.astype("datetime64[Y]").astype(np.int64) + 1970

    @property
    def settled(self) -> Int1D:
        """Rows at whose close an interval of the rule ended with a rate."""
        step = round(self.rule.interval_h * HOUR_NS)
        return np.flatnonzero((self.time_ns % step == 0) & np.isfinite(self.rate))

    @property
    def averages(self) -> Float1D:
        """Average premium of the interval that ended at each bar; NaN inside an interval and where it has a hole."""
        step, bars = round(self.rule.interval_h * HOUR_NS), round(self.rule.interval_h)
        found = np.full(len(self.time_ns), np.nan)
        for row in np.flatnonzero(self.time_ns % step == 0):
            rows = slice(row - bars, row + 1)
            if row >= bars and self.time_ns[row] - self.time_ns[row - bars] == step:
                times = self.time_ns[rows].copy()
                times[-1] -= 1  # a nanosecond before its end the interval is still the old one
                found[row] = running_average(
                    self.premium[rows], times, self.rule.interval_h, self.rule.weights
                )[1][-1]
        return found


def hourly(name: str, rule: FundingRule, frame: pl.DataFrame) -> Market:
    """A market of bars stamped by their opens, with the rate in the row that opens where it settles."""
    full = frame.sort("time").upsample("time", every="1h")
    opens = full["time"].dt.epoch("ns").to_numpy().astype(np.int64)
    premium, rate = (full[one].cast(pl.Float64).to_numpy() for one in ("close", "rate"))
    # a bar's premium is known at its close; the rate of that moment stands in the row that opens there
    return Market(name, rule, opens[1:], premium[:-1].copy(), rate[1:].copy())


def without_bounds(rule: FundingRule) -> FundingRule:
    """The rule without its cap and floor, which changed in the years of the study."""
    return msgspec.structs.replace(rule, cap=np.inf, floor=-np.inf)


def binance_btc() -> Market:
    """The venue's own premium index."""
    rates = read("gobbles404/BTCUSDT_funding_8h").select(
        time=pl.col("Timestamp").str.to_datetime(time_unit="us").dt.round("1h"), rate="Rate"
    )
    bars = read("gobbles404/BTCUSDT_premium_index_1h").select(time="Timestamp", close="Close")
    frame = bars.join(rates, on="time", how="full", coalesce=True)
    rule = rule_of("BTC-USDT-PERP.binance", *span(frame["time"]))
    return hourly("Binance BTC", without_bounds(rule), frame)


def binance_avax() -> Market:
    """The perpetual over the spot of the venue."""
    frame = perp_over_spot("pietroc21/binance_AVAX_1h", "binance")
    rule = rule_of("AVAX-USDT-PERP.binance", *span(frame["time"]))
    return hourly("Binance AVAX", without_bounds(rule), frame)


def okx_sol() -> Market:
    """The perpetual over the spot of the venue; the rule is the one since April 2025."""
    frame = perp_over_spot("pietroc21/okx_SOL_1h", "okx").filter(pl.col("time") >= datetime(2021, 1, 22))
    rule = rule_of("SOL-USDT-PERP.okx", OKX_CHANGE[1], datetime(2026, 3, 1))
    return hourly("OKX SOL", without_bounds(rule), frame)


class Year(NamedTuple):
    """A market in a calendar year: median in bp, half-lives in hours."""

    market: str
    year: int
    median_bps: float
    hourly: Estimate
    slow_h: float
    averaged: Estimate
    rates: int
    pinned: float
    latent: Estimate


def years(market: Market) -> Iterator[Year]:
    """Every year with a quarter of its hours."""
    year, averages, step = market.year, market.averages, market.rule.interval_h
    ends = market.time_ns % round(step * HOUR_NS) == 0
    for one in np.unique(year).tolist():
        inside = year == one
        premium = np.where(inside, market.premium, np.nan)
        if np.isfinite(premium).sum() < 8760 // 4:
            continue
        rows = market.settled[inside[market.settled] & (market.time_ns[market.settled] >= _since(market))]
        latent = fit_latent(market.rate[rows], market.rule) if len(rows) else None
        yield Year(
            market.name, one, float(np.nanmedian(premium)) * BP,
            fit_premium(premium, 1.0).half_life_h, fit_noisy_premium(premium, 1.0, LAG).half_life_h,
            fit_premium(averages[inside & ends], step).half_life_h,
            len(rows), latent.pinned if latent else np.nan,
            latent.half_life_h if latent else unknown("no clamp yet"),
        )  # fmt: skip


def _since(market: Market) -> int:
    """When the market's rule began, ns: OKX had no clamp before."""
    return int(np.datetime64(OKX_CHANGE[1], "ns").astype(np.int64)) if market.name.startswith("OKX") else 0


def settled_averages(market: Market) -> tuple[Float1D, Float1D]:
    """Averaged premium and settled rate of every interval that has both, under the market's rule, bp."""
    rows = market.settled[market.time_ns[market.settled] >= _since(market)]
    premium, rate = market.averages[rows] * BP, market.rate[rows] * BP
    known = np.isfinite(premium)
    return premium[known], rate[known]


def noise_and_level(market: Market, year: int) -> tuple[float, float]:
    """Deviation of the noise of an hour, and of how far the slow premium moves in one; bp."""
    fit = fit_noisy_premium(np.where(market.year == year, market.premium, np.nan), 1.0, LAG)
    return fit.noise_sd * BP, fit.model.sigma * BP


def share_of_month(market: Market, month: str) -> float:
    """How much of the sum of squares of the averages of its year a month like 2022-11 is."""
    months = (market.time_ns - 1).astype("datetime64[ns]").astype("datetime64[M]")
    averages = np.where(market.year == int(month[:4]), market.averages, np.nan)
    squares = np.square(averages - np.nanmean(averages))
    return float(np.nansum(squares[months == np.datetime64(month)]) / np.nansum(squares))


def quarterly_changes(market: Market) -> tuple[float, float]:
    """Least and greatest mean absolute change of the premium from bar to bar in a calendar quarter, bp."""
    quarter = market.time_ns.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64) // 3
    change = np.abs(np.append(np.nan, np.diff(market.premium))) * BP
    means = [float(np.nanmean(change[quarter == one])) for one in np.unique(quarter)]
    return min(means), max(means)


def low_rates(market: Market, bps: float, before: str) -> tuple[int, float]:
    """How many rates of the market's rule were below so many bp, and the share of them before a month."""
    rows = market.settled[market.time_ns[market.settled] >= _since(market)]
    low = market.time_ns[rows[market.rate[rows] * BP < bps]].astype("datetime64[ns]")
    return len(low), float((low < np.datetime64(before)).mean())


class Scores(NamedTuple):
    """Errors of forecasts of settled rates at one distance; bp per interval."""

    left_h: float
    rates: int
    rms: dict[str, float]
    mean_abs: dict[str, float]
    inside: float  # share of rates inside the nowcast's 90 % interval


def _monthly(time_ns: Int1D) -> Iterator[tuple[int, Int1D]]:
    """First bar of each month that has a history of 90 days, and all bars of that month."""
    month = time_ns.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    for one in np.unique(month):
        first = int(np.searchsorted(month, one))
        if time_ns[first] - time_ns[0] >= BEFORE_H * HOUR_NS:
            yield first, np.flatnonzero(month == one)


def plain_models(premium: Float1D, time_ns: Int1D, bar_h: float) -> OUArrays:
    """The model of all bars before the month of each bar, as arrays along them."""
    parts = np.full((3, len(premium)), np.nan)
    for first, rows in _monthly(time_ns):
        model = fit_premium(premium[:first], bar_h).model
        parts[:, rows] = np.array(model)[:, None]
    return OUArrays(parts[0], parts[1], parts[2])


def noisy_models(premium: Float1D, time_ns: Int1D, bar_h: float, lag: int) -> tuple[OUArrays, Float1D]:
    """The same of a slow premium under noise, and that noise."""
    parts = np.full((4, len(premium)), np.nan)
    for first, rows in _monthly(time_ns):
        fit = fit_noisy_premium(premium[:first], bar_h, lag)
        parts[:, rows] = np.array([*fit.model, fit.noise_sd])[:, None]
    return OUArrays(parts[0], parts[1], parts[2]), parts[3]


def hours_ahead(market: Market) -> list[Scores]:
    """The nowcast against simpler readings, at each hour of the interval before a settlement."""
    rule = market.rule
    model, noise = noisy_models(market.premium, market.time_ns, 1.0, LAG)
    state = filtered(market.premium, 1.0, model, noise)
    found = nowcast_series(rule, model, market.premium, market.time_ns, state=state)
    plain = plain_models(market.premium, market.time_ns, 1.0)
    fast = nowcast_series(rule, plain, market.premium, market.time_ns)
    _, so_far = running_average(market.premium, market.time_ns, rule.interval_h, rule.weights)
    share = rule.interval_h / rule.formula_h
    last_rate = np.full(len(market.rate), np.nan)
    rows = market.settled
    after = np.searchsorted(rows, np.arange(len(market.rate)), side="right") - 1
    last_rate[after >= 0] = market.rate[rows[after[after >= 0]]]

    def clamped(premium: FloatArray) -> FloatArray:
        return clamped_rate(premium, rule.formula_interest, rule.clamp, np.inf) * share

    said = {
        "nowcast": found.rate,
        "nowcast, noise not filtered": fast.rate,
        "clamp of the expected premium": clamped(found.premium),
        "clamp of the average so far": clamped(so_far),
        "last settled rate": last_rate,
        "interest": np.full(len(market.rate), rule.formula_interest * share),
    }
    return [_scored(rows, market, said, found.rate_sd, left) for left in range(round(rule.interval_h), 0, -1)]


def _scored(rows: Int1D, market: Market, said: dict[str, FloatArray], sd: FloatArray, left: int) -> Scores:
    """The forecasts made so many hours before each settlement, where all of them (but the average) exist."""
    rows = rows[rows >= left]
    made = rows - left
    whole = market.time_ns[rows] - market.time_ns[made] == left * HOUR_NS
    known = whole & np.isfinite(said["nowcast"][made]) & np.isfinite(said["last settled rate"][made])
    rows, made = rows[known], made[known]
    paid = market.rate[rows]
    errors = {name: (forecast[made] - paid) * BP for name, forecast in said.items()}
    inside = np.abs(errors["nowcast"]) <= NORMAL_90 * sd[made] * BP
    return Scores(
        left, len(rows),
        {name: float(np.sqrt(np.mean(error**2))) for name, error in errors.items()},
        {name: float(np.mean(np.abs(error))) for name, error in errors.items()},
        float(inside.mean()),
    )  # fmt: skip


def hyperliquid() -> Market:
    """The venue's published mean premium of each hour, and what it settled."""
    frame = read("yuchengzhang966/hyperliquid_BTC_funding_premium_1h").select(
        time=pl.from_epoch("time", time_unit="ms").dt.round("1h"),
        close=pl.col("premium").cast(pl.Float64),
        rate=pl.col("funding_rate").cast(pl.Float64),
    )
    full = frame.unique("time").sort("time").upsample("time", every="1h")
    time_ns = full["time"].dt.epoch("ns").to_numpy().astype(np.int64)
    premium, rate = (full[one].to_numpy().copy() for one in ("close", "rate"))
    rule = rule_of("BTC-USDC-PERP.hyperliquid", *span(full["time"]))
    return Market("Hyperliquid BTC", rule, time_ns, premium, rate)


def intervals_ahead(market: Market, ahead: tuple[int, ...]) -> list[Scores]:
    """Rates some intervals on, from averages of whole intervals: the latent AR(1) against benchmarks."""
    rule, clamp = market.rule, clamp_of(market.rule)
    share, step = rule.interval_h / rule.formula_h, rule.interval_h
    model, noise = noisy_models(market.premium, market.time_ns, step, LAG)
    kappa, theta, sigma = (np.asarray(part) for part in model)
    state, state_sd = filtered(market.premium, step, model, noise)
    scores = []
    for count in ahead:
        keep = np.exp(-kappa * step * count)
        mean = theta + keep * (state - theta)
        # an hour's average is made of the noise as well
        variance = np.square(keep * state_sd) + sigma**2 * (1.0 - keep * keep) / (2.0 * kappa) + noise**2
        sd = np.sqrt(variance)
        rate, spread = (part * share for part in clamped_moments(mean, sd, clamp))
        said = {
            "through the clamp": rate,
            "clamp of the expected premium": clamped_moments(
                mean, np.where(np.isnan(sd), np.nan, 0.0), clamp
            )[0]
            * share,
            "last settled rate": market.rate,
            "interest": np.full(len(rate), clamp.interest * share),
        }
        if count == 1:
            said |= {
                "AR(1) of the rate": ar1_forecast(market.rate),
                "HAR of the rate": har_forecast(market.rate),
            }
        known = np.isfinite(np.column_stack([one[:-count] for one in said.values()])).all(axis=1)
        rows = np.flatnonzero(known & np.isfinite(market.rate[count:]))
        paid = market.rate[rows + count]
        errors = {name: (one[rows] - paid) * BP for name, one in said.items()}
        scores.append(Scores(
            count * step, len(rows),
            {name: float(np.sqrt(np.mean(error**2))) for name, error in errors.items()},
            {name: float(np.mean(np.abs(error))) for name, error in errors.items()},
            float((np.abs(errors["through the clamp"]) <= NORMAL_90 * spread[rows] * BP).mean()),
        ))  # fmt: skip
    return scores


class Apart(NamedTuple):
    """Funding of one venue less that of another, bp per 8 h."""

    pair: str
    rates: int
    equal: float
    median_abs: float
    low: float
    high: float
    half_life: Estimate
    wide: int
    still: tuple[float, ...]  # share of the wide gaps still as wide as half, 1, 2, 3 intervals later


WIDE_BPS = 1.0


def venues_apart() -> list[Apart]:
    """Linear BTC perpetuals on three venues; the source's clock is the UK's."""
    frame = (
        read("aha_hh/bitcoin_spot_perp_funding_3venues_8h")
        .filter(pl.col("pair") == "BTCUSDT")
        .with_columns(
            pl.col("time")
            .dt.replace_time_zone("Europe/London", ambiguous="earliest")
            .dt.convert_time_zone("UTC")
        )
        .pivot(on="exchange", index="time", values="funding rate")
        .sort("time")
        .upsample("time", every="8h")
    )
    if (frame["time"].dt.hour() % 8 != 0).any():
        raise ValueError("a stamp of aha_hh is not on 00, 08 or 16 h UTC")
    return [
        _apart(f"{one} − {other}", (frame[one] - frame[other]).cast(pl.Float64).to_numpy() * BP)
        for one, other in (("binance", "bybit"), ("binance", "okx"), ("bybit", "okx"))
    ]


def _apart(pair: str, gap: Float1D) -> Apart:
    known = gap[np.isfinite(gap)]
    wide = np.flatnonzero(np.abs(gap[:-3]) > WIDE_BPS)
    still = []
    for later in (1, 2, 3):
        same = gap[wide + later] * np.sign(gap[wide])
        seen = np.isfinite(same)
        still.append(float((same[seen] > 0.5 * np.abs(gap[wide][seen])).mean()))
    return Apart(
        pair, len(known), float((np.abs(known) < 5e-5).mean()), float(np.median(np.abs(known))),
        float(np.quantile(known, 0.05)), float(np.quantile(known, 0.95)),
        fit_premium(gap, 8.0).half_life_h, len(wide), tuple(still),
    )  # fmt: skip
