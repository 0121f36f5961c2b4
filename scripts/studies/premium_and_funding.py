"""Write docs/studies/premium-and-funding.md: how fast premiums close, what funding makes of them, what can be known ahead.

Market data come from the folder that NARROWS_DATA names (default ../shared/data).
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import premium_figure as figure
from pages import FOLDER, put
from premium_bands import Month, coverage_row, memories, memory_rows, months
from premium_runs import (
    BP,
    WIDE_BPS,
    Apart,
    Market,
    Scores,
    Year,
    binance_avax,
    binance_btc,
    hours_ahead,
    hyperliquid,
    intervals_ahead,
    low_rates,
    noise_and_level,
    okx_sol,
    quarterly_changes,
    settled_averages,
    share_of_month,
    venues_apart,
    years,
)

from narrows.analytics.estimate import NORMAL_90, Estimate
from narrows.core.arrays import Float1D
from narrows.rulebook.funding import clamped_rate

PAGE, PICTURE = FOLDER / "premium-and-funding.md", FOLDER / "premium-and-funding.svg"


class Through(NamedTuple):
    """Settled rates of a market against what the clamp makes of the averaged premium, bp."""

    market: Market
    premium: Float1D
    rate: Float1D

    @property
    def made(self) -> Float1D:
        """Rates that the clamp makes."""
        rule = self.market.rule
        return clamped_rate(self.premium / BP, rule.formula_interest, rule.clamp, np.inf) * BP

    @property
    def outside(self) -> float:
        """Share of the figure's reach that is not drawn."""
        return float(
            ((np.abs(self.premium) >= figure.REACH[0]) | (np.abs(self.rate) >= figure.REACH[1])).mean()
        )

    def row(self) -> str:
        """Its line of the table."""
        off = np.abs(self.made - self.rate)
        pinned = [float((np.abs(one - 1.0) < 1e-6).mean()) for one in (self.rate, self.made)]
        both = float((np.abs(self.rate - 1.0) < 1e-6)[np.abs(self.made - 1.0) < 1e-6].mean())
        return (
            f"| {self.market.name} | {len(off):,} | {np.corrcoef(self.premium, self.rate)[0, 1]:.2f} | "
            f"{np.corrcoef(self.made, self.rate)[0, 1]:.2f} | {np.median(off):.2f} | {off.mean():.2f} | "
            f"{pinned[0]:.0%} | {pinned[1]:.0%} | {both:.0%} |"
        )


def hours(value: float) -> str:
    """Hours, or days from four of them on."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    return f"{value / 24.0:.1f} d" if value >= 96.0 else f"{value:.1f} h"


def estimate(one: Estimate) -> str:
    """A half-life with its interval; without a number only the interval, without that a dash."""
    if math.isnan(one.value) and math.isnan(one.hi):
        return "–"
    return f"{hours(one.value)} ({hours(one.lo)} … {hours(one.hi)})"


def year_row(one: Year) -> str:
    """Its line of the table."""
    pinned = "–" if math.isnan(one.pinned) else f"{one.pinned:.0%}"
    return (
        f"| {one.market} {one.year} | {one.median_bps:+.1f} | {estimate(one.hourly)} | {hours(one.slow_h)} | "
        f"{estimate(one.averaged)} | {one.rates:,} | {pinned} | {estimate(one.latent)} |"
    )


def score_rows(scores: Sequence[Scores]) -> Iterator[str]:
    """Root mean square / mean absolute error of each forecast."""
    names = list(scores[-1].rms) if "interest" in scores[-1].rms else []
    for name in [*names, *(more for more in scores[0].rms if more not in names)]:
        cells = []
        for one in scores:
            known = name in one.rms and math.isfinite(one.rms[name])
            cells.append(f"{one.rms[name]:.3f} / {one.mean_abs[name]:.3f}" if known else "–")
        yield f"| {name} | " + " | ".join(cells) + " |"
    yield "| inside the 90 % interval | " + " | ".join(f"{one.inside:.0%}" for one in scores) + " |"


def score_table(scores: Sequence[Scores]) -> str:
    """All forecasts at all distances."""
    head = "| forecast | " + " | ".join(f"{one.left_h:g} h" for one in scores) + " |"
    return "\n".join((head, "|---|" + "---:|" * len(scores), *score_rows(scores)))


def apart_row(one: Apart) -> str:
    """Its line of the table."""
    still = " / ".join(f"{share:.0%}" for share in one.still)
    return (
        f"| {one.pair} | {one.rates:,} | {one.equal:.0%} | {one.median_abs:.2f} | {one.low:+.2f} … {one.high:+.2f} | "
        f"{estimate(one.half_life)} | {one.wide} | {still} |"
    )


TEXT = """# Premium and funding: how fast it closes, what the clamp makes of it, what can be known ahead

Made by

```sh
.venv/bin/python scripts/studies/premium_and_funding.py
```

from public data (`NARROWS_DATA`; the files are those of `examples/sources` and of the script). Every number on this page
and in the figure is computed by that command.

![Settled funding against the average premium with the clamp drawn; errors of the nowcast by hours left; half-lives by year](premium-and-funding.svg)

## Half-life of the premium

Binance BTC is the venue's own premium index; the others are the perpetual over the spot of the same venue, last trades,
which is not the index that the venue uses. "Hour to hour" regresses each hourly close on the one before
(`fit_premium`); "beyond noise" uses lags of {lag} and {lag2} h only (`fit_noisy_premium`, no interval); "8 h averages" is the
regression on the averages that funding is made of. "From rates" sees the settled rates alone, through the clamp
(`fit_latent`). Intervals are 90 %; ∞: a unit root is inside. Years with less than a quarter of their hours are left out.

| market, year | median, bp | hour to hour | beyond noise | 8 h averages | rates | pinned | from rates |
|---|---:|---:|---:|---:|---:|---:|---:|
{years}

- The answer depends on the question. From one hour to the next Binance BTC's premium of 2024 seems to halve in
  {btc24_hourly}, its 8 h averages take {btc24_averaged}: an hour's close is off by {noise:.2f} bp of noise that comes back at once,
  on top of a level that moves by {level:.2f} bp an hour and wanders for days. A trade that has to pay four fills lives on the second.
- The settled rates alone, of which {btc24_pinned:.0%} are pinned in that year, give {btc24_latent}: the interval overlaps that of the averages.
  Averages of the premium need the premium; this needs only what every venue publishes.
- Half-lives differ by a factor of {avax_factor:.0f} between years in one market (Binance AVAX, averages: {avax_least} in {avax_least_year}, {avax_most} in
  {avax_most_year}). One number for "the" speed of a premium is not to be had, and the intervals do not know that it changes.
- OKX SOL: {sol22} from 8 h averages in 2022, because November 2022 is {november:.0%} of that year's sum of squares.
  An autoregression of averages, although none overlap, is still not an Ornstein–Uhlenbeck process: averaging alone makes neighbours alike.

## Funding against the premium

| market | rates | corr. with the premium | corr. with its clamp | median off, bp | mean off | pinned | pinned by the clamp | of those, pinned |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
{through}

Linear weights, hourly closes joined by straight lines. OKX SOL since 2025-04-24, when its clamp began. Not drawn, because beyond
the frame: {beyond}. Only Binance BTC, whose premium is the venue's, lies along the clamp; what lies beside it is the error of sampling
by the hour. For the other two the venue's spot is not the index: the rates scatter about the clamp and are pinned where
the last trades say that they should not be. Of OKX SOL's {low:,} rates below −3 bp {early:.0%} were settled before July 2025, where the premium itself lies, as
if the dead band were not in force yet; that is not explained. See [funding rules](funding-rules.md).

## The running interval: what will be settled?

Binance BTC, {rates:,} settlements. Every forecast is made from hours before it; models are fitted anew each month on all that
came before, at least 90 days. Errors are root mean square / mean absolute, bp per 8 h.

{nowcast}

- With the noise filtered out (`premium_noise`), the nowcast has the smallest root mean square error at every hour: at 4 h
  {now4:.2f} bp against {last4:.2f} of the last settled rate and {avg4:.2f} of the clamp of the average so far, which is what a venue's "predicted rate" is.
- Plugging the expected premium into the clamp instead of taking the expectation costs {plug_lo:.0%} to {plug_hi:.0%} more. It is not the main thing here.
  The main thing is the noise: the same nowcast from the hourly close itself, with the speed of a regression from hour to hour, is
  {fast8:.2f} bp off at 8 h, {worse} than the last rate.
- By mean absolute error the last settled rate is better at 8 h ({last8_abs:.3f} against {now8_abs:.3f}): {pinned_all:.0%} of these rates are pinned, and a rate that
  was pinned mostly is again. A mean is not a median.
- The 90 % interval holds {in8:.0%} at 8 h and {in1:.0%} at 1 h. Near the settlement it is too narrow: the average so far is taken as known, and from
  hourly closes it is not. With the venue's own samples it would be. This is not calibrated.
- On Binance AVAX, where last trades stand in for the index, nothing of this holds: at 4 h the nowcast is {avax4:.2f} bp off, the last settled
  rate {avax4_last:.2f}. Without the venue's premium, use the rates (`fit_latent`), not the gap of last trades.

Hyperliquid BTC publishes the mean premium of each hour and settles each hour: forecasts of the rate 1, 8 and 24 h on, bp per 1 h.

{ahead}

- One hour on an AR(1) of the rate itself is best by root mean square ({hl_ar:.3f}), the last rate by mean absolute error; ours is worse
  ({hl_now:.3f}). Over 8 h ours beats the last rate ({hl_now8:.3f} against {hl_last8:.3f}), and the plain clamp of the expected premium beats ours ({hl_plug8:.3f}).
- {hl_in:.0%} of the rates fall inside a "90 %" interval. By quarter the mean hourly change of the premium ran from {calm:.2f} to {wild:.2f} bp; the model has one
  volatility, of all months before, so in the calm it is too wide, and through the clamp too wide is too far from the interest. A volatility that
  moves is missing.

## The next 30 days: does the band of the study hold?

`narrows study` forecasts the sum of the next 30 days' funding with a 90 % band. Here it does so at the start of every month that
has 90 days before it, from bars and rates before that moment, against what was settled then. "Level known": shocks of the premium
alone, around the mean rate of the last 90 days. "Level moves": the band of the study, in which the level of the rates is an
Ornstein–Uhlenbeck process under daily noise, its mean, variance, half-life and share of noise integrated out (`funding_level`), from
the last 730 days of rates. Widths are those of the whole band, in the median; all in bp of notional over 30 days.

| market | forecasts | inside, level known | inside, level moves | width, known | width, moves | mean error, known | mean error, moves |
|---|---:|---:|---:|---:|---:|---:|---:|
{coverage}

- A band of shocks alone holds {known:.0%} of {count} months, not 90 %: shocks of the premium come back within days and a sum over 90
  settlements averages them away. What is left is the level, which moves between regimes. With that in it, the band holds {moves:.0%}.
- The price is width: {wide_band:.0f} bp against {narrow_band:.0f} in the median. That is what a month of funding is not known by.
- Of Binance BTC's {btc_count} months {btc_out} fell outside, which is too few to tell {btc:.0%} from 90 %. What falls outside falls together: {outside}.
  The model has one variance, so the first months of a bull market or of a crash are outside, and the band stays wide for two years after.
- OKX SOL is forecast through the clamp that it has since April 2025 in all years; the level is that of the rates of the time.
  In its two years after November 2022 the band is far too wide.
- Neighbouring horizons share two days at most, but months are not independent: regimes last longer than one.

Two things were chosen after seeing these very months, so the coverage above is not wholly out of sample: how long the level looks
back, and that a day beyond 25 median deviations counts as that far (none, 12, 15, 25 and 40 were tried: without it OKX SOL's mean error is
larger, with 12 the band holds less). Everything else is fitted on what came before each forecast. Nine coins of Binance, rates alone, the same
horizon, the level's own band:

| rates it looks back on | forecasts | inside the 90 % band | mean error, bp |
|---|---:|---:|---:|
{memories}

## Three venues, one coin

Funding of linear BTC perpetuals, 2023-01 to 2024-06, the source's UK clock put to UTC; bp per 8 h. "Wide": more than {wide:g} bp apart; then the
share still at least half as far apart one, two, three settlements later.

| pair | settlements | equal | median distance | 5 % … 95 % | half-life | wide | still, after 1 / 2 / 3 |
|---|---:|---:|---:|---:|---:|---:|---:|
{apart}

- Half of the wide gaps between Binance and Bybit have halved by the next settlement, but {still3:.0%} are still half as wide a day later: more than a
  half-life of {half:.0f} h would leave, {left:.0%}.
- OKX is never equal to the others: it had no clamp and no interest then, and for SOL and AVAX its rate followed the premium of an
  earlier interval ([funding rules](funding-rules.md)). If BTC's did too, part of the difference is that delay. A half-life below 8 h from 8 h samples means little.
- None of this is a profit: at four fills of 5 bp a pair has to keep {fills:.0f} settlements of the median distance between Binance and Bybit before it has paid for itself.
"""


def words(
    found: Sequence[Year], now: Sequence[Scores], avax: Sequence[Scores], ahead: Sequence[Scores]
) -> dict[str, object]:
    """Numbers inside the sentences."""
    by = {(one.market, one.year): one for one in found}
    btc = by["Binance BTC", 2024]
    coins = [one for one in found if one.market == "Binance AVAX" and math.isfinite(one.averaged.value)]
    least, most = (pick(coins, key=lambda one: one.averaged.value) for pick in (min, max))
    at = {one.left_h: one for one in now}
    plug = [one.rms["clamp of the expected premium"] / one.rms["nowcast"] - 1.0 for one in now]
    best = [one for one in now if one.rms["nowcast"] <= min(v for v in one.rms.values() if math.isfinite(v))]
    if len(best) < len(now):
        raise SystemExit("the nowcast is no longer the best at every hour: rewrite the page")
    return {
        "btc24_hourly": estimate(btc.hourly), "btc24_averaged": estimate(btc.averaged),
        "btc24_pinned": btc.pinned, "btc24_latent": estimate(btc.latent),
        "avax_factor": most.averaged.value / least.averaged.value,
        "avax_least": hours(least.averaged.value), "avax_least_year": least.year,
        "avax_most": hours(most.averaged.value), "avax_most_year": most.year,
        "sol22": estimate(by["OKX SOL", 2022].averaged),
        "now4": at[4].rms["nowcast"], "last4": at[4].rms["last settled rate"],
        "avg4": at[4].rms["clamp of the average so far"], "plug_lo": min(plug), "plug_hi": max(plug),
        "fast8": at[8].rms["nowcast, noise not filtered"],
        "worse": "far worse" if at[8].rms["nowcast, noise not filtered"] > 1.3 * at[8].rms["last settled rate"] else "not better",
        "last8_abs": at[8].mean_abs["last settled rate"], "now8_abs": at[8].mean_abs["nowcast"],
        "in8": at[8].inside, "in1": at[1].inside, "rates": at[8].rates,
        "avax4": avax[4].rms["nowcast"], "avax4_last": avax[4].rms["last settled rate"],
        "hl_ar": ahead[0].rms["AR(1) of the rate"], "hl_now": ahead[0].rms["through the clamp"],
        "hl_now8": ahead[1].rms["through the clamp"], "hl_last8": ahead[1].rms["last settled rate"],
        "hl_plug8": ahead[1].rms["clamp of the expected premium"], "hl_in": ahead[0].inside,
    }  # fmt: skip


def band_words(found: Sequence[Month]) -> dict[str, object]:
    """What the section on the band says, and its table."""
    names = list(dict.fromkeys(one.market for one in found))
    rows = [coverage_row(name, [one for one in found if one.market == name]) for name in names]
    btc = [one for one in found if one.market == "Binance BTC"]
    widths = [
        2.0 * NORMAL_90 * float(np.median([getattr(one, sd) for one in found])) for sd in ("known_sd", "sd")
    ]
    return {
        "coverage": "\n".join((*rows, coverage_row("all", found))), "count": len(found),
        "known": float(np.mean([one.inside_known for one in found])),
        "moves": float(np.mean([one.inside for one in found])), "narrow_band": widths[0], "wide_band": widths[1],
        "btc_count": len(btc), "btc_out": sum(not one.inside for one in btc),
        "btc": float(np.mean([one.inside for one in btc])),
        "outside": ", ".join(f"{one.market} {one.start}" for one in found if not one.inside),
    }  # fmt: skip


def main() -> None:
    """Write page and figure; with --check only say whether they are as they would be written."""
    markets = (binance_btc(), binance_avax(), okx_sol())
    found = [one for market in markets for one in years(market)]
    through = [Through(market, *settled_averages(market)) for market in markets]
    now, avax = hours_ahead(markets[0]), hours_ahead(markets[1])
    hourly, apart = hyperliquid(), venues_apart()
    ahead, rate = intervals_ahead(hourly, (1, 8, 24)), through[0].rate
    (noise, level), (calm, wild) = noise_and_level(markets[0], 2024), quarterly_changes(hourly)
    low, early = low_rates(markets[2], -3.0, "2025-07")
    page = TEXT.format(
        low=low, early=early,
        lag=8, lag2=16,
        years="\n".join(map(year_row, found)), through="\n".join(one.row() for one in through),
        beyond=", ".join(f"{one.outside:.1%} of {one.market.name}" for one in through),
        nowcast=score_table(now), ahead=score_table(ahead), apart="\n".join(map(apart_row, apart)),
        wide=WIDE_BPS, still3=apart[0].still[2], half=apart[0].half_life.value,
        left=0.5 ** (24.0 / apart[0].half_life.value), fills=20.0 / apart[0].median_abs,
        pinned_all=float((np.abs(rate - 1.0) < 1e-6).mean()), **words(found, now, avax, ahead),
        **band_words([one for market in markets for one in months(market)]), memories=memory_rows(memories()),
        noise=noise, level=level, calm=calm, wild=wild, november=share_of_month(markets[2], "2022-11"),
    )  # fmt: skip
    notes = ("premium index of the venue", "perpetual over spot, last trades", "the same, since 2025-04-24")
    drawn = [
        part
        for place, (one, note) in enumerate(zip(through, notes, strict=True))
        for part in figure.scatter(one.market, one.premium, one.rate, 66.0 + 288.0 * place, note)
    ]
    put({PAGE: page, PICTURE: figure.svg([*drawn, *figure.errors(now), *figure.half_lives(found)])})


if __name__ == "__main__":
    main()
