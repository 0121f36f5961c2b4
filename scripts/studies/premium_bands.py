"""Does the study's funding forecast hold what it says? Month by month against what was settled next.

Every forecast is made of bars and rates before it. "Level known" is the band without what the level may
do, around the mean of the last 90 days; how far back the level looks was chosen on these data.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from premium_runs import BP, Market, read

from narrows.analytics.estimate import NORMAL_90
from narrows.analytics.funding_level import FundingLevel, daily_rates, fit_level
from narrows.analytics.horizon import forecast_funding
from narrows.analytics.premium import fit_premium
from narrows.core.arrays import Float1D, Int1D
from narrows.core.time import HOUR_NS
from narrows.research.study_funding import FITTED_H, LEVEL_H, paid_ahead, standing, tamed_moments

AHEAD_H = 30 * 24.0
MEMORIES_D = (90, 365, 730, 10_000)


class Month(NamedTuple):
    """One forecast of the funding of the next 30 days, bp: with the level's motion, at a known level; and what was paid."""

    market: str
    start: str
    mean: float
    sd: float
    known_mean: float
    known_sd: float
    paid: float

    @property
    def inside(self) -> bool:
        """Whether the band held it."""
        return abs(self.paid - self.mean) <= NORMAL_90 * self.sd

    @property
    def inside_known(self) -> bool:
        """Whether the band of a known level did."""
        return abs(self.paid - self.known_mean) <= NORMAL_90 * self.known_sd


def _starts(time_ns: Int1D) -> Iterator[tuple[str, int]]:
    """Starts of the months with 90 days before and the horizon after them."""
    months = np.unique(time_ns.astype("datetime64[ns]").astype("datetime64[M]"))
    for month in months:
        start = int(month.astype("datetime64[ns]").astype(np.int64))
        if time_ns[0] + FITTED_H * HOUR_NS <= start <= time_ns[-1] - AHEAD_H * HOUR_NS:
            yield str(month), start


def _level(rates: Float1D, time_ns: Int1D, interval_h: float, memory_h: float) -> FundingLevel:
    """The level as the study sees it at the last of these rates."""
    late = time_ns > time_ns[-1] - memory_h * HOUR_NS
    return fit_level(daily_rates(rates[late], np.full(int(late.sum()), interval_h), time_ns[late]))


def months(market: Market) -> Iterator[Month]:
    """A forecast a month, as `narrows study` makes it. A month with more than 5 % of its rates missing is left out."""
    rule, rows = market.rule, market.settled
    times, rates = market.time_ns[rows], market.rate[rows]
    for name, start in _starts(times):
        past, next_ = times <= start, (times > start) & (times <= start + AHEAD_H * HOUR_NS)
        bars = market.premium[(market.time_ns <= start) & (market.time_ns > start - FITTED_H * HOUR_NS)]
        if next_.sum() < 0.95 * AHEAD_H / rule.interval_h or not np.isfinite(bars).any():
            continue
        model = fit_premium(bars, 1.0).model
        if math.isnan(float(model.kappa)):
            continue
        level = _level(rates[past], times[past], rule.interval_h, LEVEL_H)
        found = paid_ahead(rule, standing(rule, level, model, bars), 0.0, np.array([AHEAD_H]))
        # the same at the mean of the last 90 days, as a level that is known and stays
        mean = tamed_moments(rates[past & (times > start - FITTED_H * HOUR_NS)])[0] * 24.0 / rule.interval_h
        one = np.ones(1)
        stays = FundingLevel(one, one, one, mean * one, 0.0 * one, mean * one, one, 0.0 * one, 0)
        before = standing(rule, stays, model, bars)
        known = forecast_funding(
            rule, before.model, elapsed_h=0.0, average=before.last, last=before.last, horizon_h=AHEAD_H
        )
        yield Month(
            market.name, name, float(found.mean[0]) * BP, float(found.sd[0]) * BP,
            known.mean * BP, known.sd * BP, float(rates[next_].sum()) * BP,
        )  # fmt: skip


class Memory(NamedTuple):
    """Coverage of the level's band alone, over all coins of a source, by the days of rates that it looks back on."""

    days: int
    forecasts: int
    inside: float
    mean_abs: float


def memories(memories_d: Sequence[int] = MEMORIES_D) -> list[Memory]:
    """Nine coins of Binance with their settled rates alone; the horizon is the same."""
    frame = read("pietroc21/binance_funding_8h").sort("symbol", "datetime")
    found = {days: list[tuple[float, float]]() for days in memories_d}
    for _, coin in frame.group_by("symbol", maintain_order=True):
        times, rates = (
            coin["datetime"].dt.epoch("ns").to_numpy().astype(np.int64),
            coin["funding_rate"].cast(pl.Float64).to_numpy(),
        )
        for _, start in _starts(times):
            past, next_ = times <= start, (times > start) & (times <= start + AHEAD_H * HOUR_NS)
            if next_.sum() < 0.95 * AHEAD_H / 8.0:
                continue
            for days in memories_d:
                mean, sd = _level(rates[past], times[past], 8.0, 24.0 * days).ahead(np.array([AHEAD_H]))
                found[days].append((float(rates[next_].sum() - mean[0]), float(sd[0])))
    return [
        Memory(
            days, len(each),
            float(np.mean([abs(off) <= NORMAL_90 * sd for off, sd in each])),
            float(np.mean([abs(off) for off, _ in each])) * BP,
        )
        for days, each in found.items()
    ]  # fmt: skip


def coverage_row(name: str, found: Sequence[Month]) -> str:
    """Its line of the table."""
    before = np.array([one.paid - one.known_mean for one in found])
    after = np.array([one.paid - one.mean for one in found])
    widths = [
        2.0 * NORMAL_90 * float(np.median([getattr(one, sd) for one in found])) for sd in ("known_sd", "sd")
    ]
    return (
        f"| {name} | {len(found)} | {np.mean([one.inside_known for one in found]):.0%} | "
        f"{np.mean([one.inside for one in found]):.0%} | {widths[0]:.0f} | {widths[1]:.0f} | "
        f"{np.abs(before).mean():.0f} | {np.abs(after).mean():.0f} |"
    )


def memory_rows(found: Sequence[Memory]) -> str:
    """A line for each memory; the last is all that came before."""
    return "\n".join(
        f"| {'all before' if one.days == MEMORIES_D[-1] else f'{one.days} days'} | {one.forecasts} | "
        f"{one.inside:.0%} | {one.mean_abs:.0f} |"
        for one in found
    )
