"""Recompute settled funding from premiums by each venue's rule, and write docs/studies/funding-rules.md.

Market data come from the folder that NARROWS_DATA names (default ../shared/data). The rules are those
of the rulebook at the dates of the data; the page says how far the samples fall short of the venue's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from pages import DATA, FOLDER, put

from narrows.core.arrays import Float1D, Float2D, FloatArray
from narrows.core.errors import DataError
from narrows.core.instrument import instrument
from narrows.core.time import to_ns
from narrows.rulebook import FundingRule
from narrows.rulebook.book import PACKAGED
from narrows.rulebook.funding import Averaging, accrued_rate, settled_rate

PAGE = FOLDER / "funding-rules.md"
MINUTES = 60
OKX_CHANGE = (datetime(2025, 4, 10), datetime(2025, 4, 24))  # rolled out in three steps between
OKX_PERIODS = (  # name, from, to, how many intervals late a rate may be paid
    ("to 2025-04-10", datetime(2022, 3, 1), OKX_CHANGE[0], 2),
    ("2025-04-24 to 10-01", OKX_CHANGE[1], datetime(2025, 10, 1), 1),
    ("from 2025-10-01", datetime(2025, 10, 1), datetime(2027, 1, 1), 1),
)
LATER = ("at its end", "one interval later", "two intervals later")


@dataclass(frozen=True)
class Case:
    """Published and recomputed rates of one venue, coin, period and reading of the rule."""

    name: str
    reading: str
    published: Float1D
    recomputed: Float1D
    pinned_at: float | None  # the rate inside the dead band; None = the rule has none

    @property
    def correlation(self) -> float:
        """Of the recomputed with the published rates."""
        return float(np.corrcoef(self.published, self.recomputed)[0, 1])

    @property
    def off_bps(self) -> Float1D:
        """Absolute errors, basis points."""
        return np.abs(self.recomputed - self.published) * 1e4

    def row(self) -> str:
        """Its line of the table."""
        error = self.recomputed - self.published
        off = np.abs(error)
        pinned = "– | –"
        if self.pinned_at is not None:
            near = [np.abs(rates - self.pinned_at) < 5e-9 for rates in (self.published, self.recomputed)]
            pinned = f"{near[0].mean():.1%} | {near[1].mean():.1%}"
        return (
            f"| {self.name} | {self.reading} | {len(error):,} | {self.correlation:.3f} | {error.mean() * 1e4:+.3f} "
            f"| {off.mean() * 1e4:.3f} | {np.median(off) * 1e4:.3f} | {off.max() * 1e4:.1f} | "
            f"{(off <= 1e-10).mean():.1%} | {(off <= 1e-5).mean():.1%} | {pinned} |"
        )


def minutes(start: FloatArray, end: FloatArray) -> FloatArray:
    """A straight line through each hour, sampled in the middle of its minutes: (...) → (..., 60)."""
    way = (np.arange(MINUTES) + 0.5) / MINUTES
    return start[..., None] + (end - start)[..., None] * way


def intervals(frame: pl.DataFrame, hours: int) -> tuple[Float1D, Float2D]:
    """Published rates on their boundaries, and the minute premiums of the hours before each of them.

    `frame`: time, open and close of the premium in the hour that begins there, and `rate`, which is
    read at whole multiples of `hours` only. Intervals with a missing hour or price are left out.
    """
    full = frame.sort("time").upsample("time", every="1h")
    clock = full["time"].dt.hour().to_numpy()
    values = {name: full[name].cast(pl.Float64).to_numpy() for name in ("open", "close", "rate")}
    rows = np.flatnonzero((clock % hours == 0) & np.isfinite(values["rate"]))
    rows = rows[rows >= hours]
    back = rows[:, None] - np.arange(hours, 0, -1)
    samples = minutes(values["open"][back], values["close"][back]).reshape(len(rows), -1)
    known = np.isfinite(samples).all(axis=1)
    return values["rate"][rows[known]], samples[known]


def read(name: str) -> pl.DataFrame:
    """A table of the data folder."""
    return pl.read_parquet(DATA / f"{name}.parquet")


def span(times: pl.Series) -> tuple[datetime, datetime]:
    """First and last of some times."""
    first, last = times.min(), times.max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    return first, last


def rule_of(id_: str, start: datetime, stop: datetime) -> FundingRule:
    """The rule that the rulebook has from `start` to `stop`; caps may change in between.

    Raises
    ------
    DataError
        If the formula itself changes: the rates before and after are not of one kind.
    """
    one, begin = instrument(id_), to_ns(start)
    found = PACKAGED.funding(one, begin)
    for time_ns in PACKAGED.changes(one, begin, to_ns(stop)):
        later = PACKAGED.known(one, time_ns).funding
        if later is None or formula(later) != formula(found):
            what = f"the funding formula changes between {start:%Y-%m-%d} and {stop:%Y-%m-%d}"
            raise DataError(what, id_, "split the period there")
    return found


def formula(rule: FundingRule) -> dict[str, Any]:
    """The rule as `settled_rate` takes it, for the interval that it is stated for, without its cap."""
    return {
        "interest": rule.formula_interest,
        "dead_band": rule.clamp,
        "averaging": rule.weights,
        "formula_h": rule.formula_h,
        "interval_h": rule.interval_h,
        "cap": np.inf,
    }


def clamped(samples: Float2D, rule: FundingRule, **other: Any) -> Float1D:
    """Settled rates by a rule, but for what is said otherwise."""
    return np.asarray(settled_rate(samples, **(formula(rule) | other)))


def inside_band(rule: FundingRule) -> float:
    """The rate of an interval whose premium is inside the dead band."""
    return rule.formula_interest * rule.interval_h / rule.formula_h


def binance_btc() -> Iterator[Case]:
    """The venue's own premium index in hourly bars."""
    bars = read("gobbles404/BTCUSDT_premium_index_1h")
    rates = read("gobbles404/BTCUSDT_funding_8h")
    frame = bars.select(time="Timestamp", open="Open", close="Close").join(
        rates.select(time=pl.col("Timestamp").str.to_datetime(time_unit="us").dt.round("1h"), rate="Rate"),
        on="time",
        how="full",
        coalesce=True,
    )
    yield from binance("BTC", frame)


def binance(coin: str, frame: pl.DataFrame) -> Iterator[Case]:
    """Both weights, since the data cannot tell which."""
    rule = rule_of(f"{coin}-USDT-PERP.binance", *span(frame["time"]))
    rate, samples = intervals(frame, round(rule.interval_h))
    weights: tuple[Averaging, ...] = ("linear", "equal")
    for one in weights:
        made = clamped(samples, rule, averaging=one)
        yield Case(f"Binance {coin}", f"{one} weights", rate, made, inside_band(rule))


def perp_over_spot(name: str, venue: str) -> pl.DataFrame:
    """The perpetual against the spot of the same venue, hour by hour, with the funding carried in each row."""
    price = {
        side: pl.col(f"{side}_perp_{venue}") / pl.col(f"{side}_spot_{venue}") - 1.0
        for side in ("open", "close")
    }
    return read(name).select(time="timestamp", rate=f"funding_rate_raw_{venue}", **price)


def binance_avax() -> Iterator[Case]:
    """Last trades in place of impact prices and index."""
    yield from binance("AVAX", perp_over_spot("pietroc21/binance_AVAX_1h", "binance"))


def okx(coin: str) -> Iterator[Case]:
    """Before April 2025 the mean premium itself; afterwards weighted and clamped, as Binance.

    Each period with the rate paid at the end of the interval that it is made of, or later.
    """
    frame = perp_over_spot(f"pietroc21/okx_{coin}_1h", "okx")
    for name, start, stop, latest in OKX_PERIODS:
        rule = rule_of(f"{coin}-USDT-PERP.okx", start, stop)
        inside = frame.filter((pl.col("time") >= start) & (pl.col("time") < stop))
        rate, samples = intervals(inside, round(rule.interval_h))
        made = clamped(samples, rule)
        reads = rule.weights + (", clamped" if rule.clamp else "")
        for later in range(latest + 1):
            reading = f"{reads}, paid {LATER[later]}"
            published, recomputed = rate[later:], made[: len(made) - later]
            yield Case(
                f"OKX {coin} {name}",
                reading,
                published,
                recomputed,
                inside_band(rule) if rule.clamp else None,
            )


def deribit_sol() -> Iterator[Case]:
    """Mark over index at the ends of the hours; index and funding of an hour are stamped at its end."""
    frame = read("pietroc21/deribit_SOL_1h").sort("timestamp").upsample("timestamp", every="1h")
    mark, index, rate = (
        frame[name].cast(pl.Float64).to_numpy()
        for name in ("close_perp", "index_price_deribit", "funding_rate_1h_deribit")
    )
    rule = rule_of("SOL-USDC-PERP.deribit", *span(frame["timestamp"]))
    terms = {key: value for key, value in formula(rule).items() if key not in ("averaging", "interval_h")}
    for name, at_end in (
        ("mark and index an hour apart, as stamped", mark),
        ("stamps put right", np.append(np.nan, mark[:-1])),
    ):
        premium = at_end / index - 1.0
        path = minutes(premium[:-1], premium[1:])
        known = np.isfinite(path).all(axis=1) & np.isfinite(rate[1:])
        lasted = np.full(MINUTES, 1.0 / MINUTES)
        accrued = np.array([accrued_rate(hour, lasted, **terms) for hour in path[known]])
        yield Case("Deribit SOL", name, rate[1:][known], accrued, inside_band(rule))


def hyperliquid_btc() -> Iterator[Case]:
    """The venue's own hourly mean of its premium."""
    frame = read("yuchengzhang966/hyperliquid_BTC_funding_premium_1h")
    rate, premium = (frame[name].cast(pl.Float64).to_numpy() for name in ("funding_rate", "premium"))
    rule = rule_of("BTC-USDC-PERP.hyperliquid", *span(frame["time"].cast(pl.Datetime("ms"))))
    hourly = clamped(premium[:, None], rule, cap=rule.cap)
    yield Case("Hyperliquid BTC", "the published mean", rate, hourly, inside_band(rule))


def cases() -> list[Case]:
    """All of them, in the order of the page."""
    made = (hyperliquid_btc(), binance_btc(), binance_avax(), okx("SOL"), okx("AVAX"), deribit_sol())
    return [case for part in made for case in part]


HEAD = """# Funding rules against what was paid

Settled funding rates recomputed from premiums by `rulebook/funding.py`, and compared with the rates that the venues
published. Made by

```sh
.venv/bin/python scripts/studies/funding_rules.py
```

from public data (`NARROWS_DATA`; the files and their sources are those of `examples/sources` and of the script). Every
number on this page is computed by that command. Errors are recomputed − published, in bp per interval (8 h; 1 h at
Hyperliquid and Deribit). "Pinned" is the share of rates that equal the interest inside the dead band, as published and
as recomputed (`ours`).

| venue, coin, period | reading of the rule | rates | corr. | mean | mean abs. | median | worst | ≤ 1e-10 | ≤ 0.1 bp | pinned | ours |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""

TEXT = """
## What the samples are

- **Hyperliquid**: the venue's own hourly mean of its premium. Nothing is approximated.
- **Binance BTC**: the venue's premium index, but hourly opens and closes in place of {samples:,} samples of five seconds
  an interval; each hour is a straight line between them.
- **Binance AVAX, OKX**: perpetual over spot of the same venue, last trades, in place of impact prices over a multi-venue
  index. A gap between bid and ask that the impact formula counts as 0 is premium here.
- **Deribit**: last trade of the perpetual over the index at the ends of the hours, in place of the mark each millisecond.

Parameters, from the rulebook at the dates of the data: interest {interest:g} and dead band {band:g} per 8 h (Deribit: 0 and
{deribit:g}); no cap but Hyperliquid's {cap:g} an hour. The sources' intervals are taken as 8 h (Hyperliquid, Deribit: 1 h).

## What it shows

- Hyperliquid's rate is its premium, clamped, an eighth each hour: all {hl.published.size:,} rates within
  {hl_worst:.0e}, the last digit that the source has.
- Binance BTC: linear and equal weights cannot be told apart with hourly samples (mean absolute error
  {linear:.3f} and {equal:.3f} bp, correlation {linear_r:.3f} and {equal_r:.3f}): the published weights are neither confirmed nor refuted here.
- Deribit: as stamped the hours of mark and index do not belong together (correlation {stamped:.3f}); with index and funding
  at the end of the hour it is {right:.3f}.
- OKX until April 2025: the rate published at a settlement follows the premium of an *earlier* interval. Of the lags 0, 1
  and 2 the correlation is {sol0:.2f}, {sol1:.2f}, {sol2:.2f} for SOL and {avax0:.2f}, {avax1:.2f}, {avax2:.2f} for AVAX.
  A rate known one interval ahead would explain a lag of one; the second may be the source's stamp.

## What is not explained

- OKX after the change: correlation {okx_low:.2f} to {okx_high:.2f} over both coins and lags. The perpetual stands
  {sol_under:.1f} (SOL) and {avax_under:.1f} bp (AVAX) from the same venue's spot in the median since 2025-10-01 while
  {sol_pin:.0%} and {avax_pin:.0%} of the rates are pinned at the interest: spot on one venue is not the index. These data neither
  confirm nor refute the weights.
- OKX before it: half of all rates are off by {okx_off:.1f} bp (SOL) or more at the best lag, the worst by
  {okx_worst:.0f} bp. No cap is applied here: the venue's own was overridden in November 2022 (the lowest rate that SOL was settled at is {okx_least:.1%}).
- Binance AVAX: correlation {avax_r:.2f}; {avax_pub:.0%} of the published rates are pinned, {avax_re:.0%} of the recomputed.
- Deribit: {der_in:.0%} within 0.1 bp an hour, the worst by {der_worst:.0f} bp. The last trade of a thin perpetual
  stands in for the mark.
"""


def text(found: list[Case]) -> str:
    """The words of the page, with the numbers of the cases."""

    def named(name: str) -> list[Case]:
        return [case for case in found if case.name.startswith(name)]

    def under(coin: str) -> float:
        frame = perp_over_spot(f"pietroc21/okx_{coin}_1h", "okx")
        late = frame.filter(pl.col("time") >= OKX_PERIODS[2][1]).select(pl.col("close").median() * 1e4)
        return float(late.item())

    def pinned(case: Case, rates: Float1D) -> float:
        assert case.pinned_at is not None
        return float((np.abs(rates - case.pinned_at) < 5e-9).mean())

    hl, btc, avax = named("Hyperliquid")[0], named("Binance BTC"), named("Binance AVAX")[0]
    sol, okx_avax = named("OKX SOL to"), named("OKX AVAX to")
    stamped, right = named("Deribit")
    new = [case for case in named("OKX") if case.pinned_at is not None]
    late_sol, late_avax = named("OKX SOL from")[0], named("OKX AVAX from")[0]
    lags = {
        f"{name}{lag}": case.correlation
        for name, part in (("sol", sol), ("avax", okx_avax))
        for lag, case in enumerate(part)
    }
    late = OKX_PERIODS[2][1], OKX_PERIODS[2][1]
    general, narrow = rule_of("BTC-USDT-PERP.binance", *late), rule_of("SOL-USDC-PERP.deribit", *late)
    return TEXT.format(
        samples=round(general.interval_h * 3600 / general.sample_s),
        interest=general.formula_interest, band=general.clamp, deribit=narrow.clamp,
        cap=rule_of("BTC-USDC-PERP.hyperliquid", *late).cap,
        hl=hl, hl_worst=hl.off_bps.max() / 1e4,
        linear=btc[0].off_bps.mean(), equal=btc[1].off_bps.mean(),
        linear_r=btc[0].correlation, equal_r=btc[1].correlation,
        stamped=stamped.correlation, right=right.correlation, **lags,
        okx_low=min(case.correlation for case in new), okx_high=max(case.correlation for case in new),
        sol_under=under("SOL"), avax_under=under("AVAX"),
        sol_pin=pinned(late_sol, late_sol.published), avax_pin=pinned(late_avax, late_avax.published),
        okx_off=np.median(max(sol, key=lambda case: case.correlation).off_bps),
        okx_least=min(sol[0].published), okx_worst=max(case.off_bps.max() for case in sol),
        avax_r=avax.correlation, avax_pub=pinned(avax, avax.published), avax_re=pinned(avax, avax.recomputed),
        der_in=(right.off_bps <= 0.1).mean(), der_worst=right.off_bps.max(),
    )  # fmt: skip


def main() -> None:
    """Write the page; with --check only say whether it is as it would be written."""
    found = cases()
    page = HEAD + "\n".join(case.row() for case in found) + "\n" + text(found)
    put({PAGE: page})


if __name__ == "__main__":
    main()
