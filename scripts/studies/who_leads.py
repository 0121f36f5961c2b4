"""Who leads among spot, linear and inverse BTC, at which sampling it can be told: docs/studies/who-leads.md.

.venv/bin/python scripts/studies/who_leads.py [--check]
"""

import gzip
import json
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from pages import DATA, FOLDER, put
from stress_figure import FAINT, INK, PAPER, RULE, line, linear, text

from narrows.analytics.equilibrium import ErrorCorrection, error_correction
from narrows.analytics.quotes import imbalance, micro_price
from narrows.core.arrays import Float1D, Float2D, Int1D

PAGE, FIGURE = FOLDER / "who-leads.md", FOLDER / "who-leads.svg"
MARKETS = {  # name → file under hftbacktest, what it is
    "spot": "spot/btcusdt",
    "linear": "usdm/btcusdt",
    "inverse": "cm/btcusd_perp",
}
PAIRS = (("spot", "linear"), ("spot", "inverse"), ("linear", "inverse"))
COLORS = {PAIRS[0]: "#1f6feb", PAIRS[1]: "#d97706", PAIRS[2]: "#0f766e"}
SAMPLING = (
    (0.02, 20),
    (0.05, 15),
    (0.1, 10),
    (0.25, 8),
    (0.5, 5),
    (1.0, 3),
    (2.0, 2),
    (5.0, 1),
)  # seconds, lags
SECOND = 10**9


class Quotes(NamedTuple):
    """Best quotes on arrival, shape (messages, 4): bid, its size, ask, its size; receive times, ns.

    `late_s` is the median by which the recorder's clock is behind the venue's event times, seconds.
    """

    time_ns: Int1D
    best: Float2D
    late_s: float


class Found(NamedTuple):
    """One pair at one sampling."""

    pair: tuple[str, str]
    bar_s: float
    lags: int
    bars: int
    said: ErrorCorrection


def quotes(name: str) -> Quotes:
    """The recorded best bid and ask of a market."""
    times, best, late = [], [], []
    with gzip.open(DATA / "hftbacktest" / f"{MARKETS[name]}_20240808.gz", "rt") as lines:
        for message in lines:
            stamp, _, body = message.partition(" ")
            if "@depth" in message:
                late.append(int(body.partition('"E":')[2].partition(",")[0]) * 10**6 - int(stamp))
            if "@bookTicker" not in message:
                continue
            told = json.loads(body)["data"]
            times.append(int(stamp))
            best.append([float(told[key]) for key in ("b", "B", "a", "A")])
    return Quotes(np.array(times, dtype=np.int64), np.array(best), float(np.median(late)) / SECOND)


def grid(books: dict[str, Quotes], bar_s: float) -> Int1D:
    """Closes of bars over the time when all markets are quoted, by the recorder's one clock."""
    step = round(bar_s * SECOND)
    first = max(int(book.time_ns[0]) for book in books.values())
    last = min(int(book.time_ns[-1]) for book in books.values())
    return np.arange(-(-first // step) * step, last + 1, step)


def sampled(book: Quotes, closes: Int1D) -> Float2D:
    """The quotes in force at each close."""
    return book.best[np.searchsorted(book.time_ns, closes, side="right") - 1]


def log_mid(best: Float2D) -> Float1D:
    """Logarithm of the mid."""
    return np.log(0.5 * (best[:, 0] + best[:, 2]))


def every_pair(books: dict[str, Quotes]) -> list[Found]:
    """Each pair at each sampling."""
    made = []
    for bar_s, lags in SAMPLING:
        closes = grid(books, bar_s)
        mids = {name: log_mid(sampled(book, closes)) for name, book in books.items()}
        for pair in PAIRS:
            said = error_correction(mids[pair[0]], mids[pair[1]], lags, bar_s, "hac")
            made.append(Found(pair, bar_s, lags, len(closes), said))
    return made


def hourly() -> Found:
    """Spot against the linear perpetual at hourly closes, the last 90 days of the source."""
    spot, perp = (
        pl.read_parquet(DATA / "gobbles404" / f"BTCUSDT_{name}_1h.parquet") for name in ("spot", "perps")
    )
    both = spot.join(perp, on="Timestamp", suffix="_perp").sort("Timestamp").tail(90 * 24)
    legs = (np.log(both[name].to_numpy()) for name in ("Close", "Close_perp"))
    return Found(("spot", "linear"), 3600.0, 1, len(both), error_correction(*legs, 1, 1.0, "hac"))


def numbers(found: Found) -> list[str]:
    """The measures of a pair, as text."""
    said = found.said
    who, half = said.discovery, said.half_life

    def share(value: float) -> str:
        return "–" if math.isnan(value) else f"{value:.2f}"

    def span(lo: float, hi: float, digits: int) -> str:
        return f"{lo:.{digits}f} … {'∞' if math.isinf(hi) else f'{hi:.{digits}f}'}"

    component = who.component
    return [
        f"{component.value:.2f} ({span(component.lo, component.hi, 2)})",
        f"{who.lower:.2f} … {who.upper:.2f}",
        share(who.modified),
        share(who.leadership),
        f"{half.value:.1f} ({span(half.lo, half.hi, 1)})",
    ]


def verdict(found: Found) -> str:
    """Who leads, by name."""
    words = found.said.discovery.verdict
    for place, name in zip(("first", "second"), found.pair, strict=True):
        if words == f"{place} leads":
            return f"**{name} leads**"
    return words.partition(":")[0]


def row(found: Found) -> str:
    """A line of the table."""
    return (
        f"| {found.pair[0]}, {found.pair[1]} | {found.bar_s:g} s | {found.bars:,} | {found.lags} | "
        f"{' | '.join(numbers(found))} | {verdict(found)} |"
    )


def book_rows(books: dict[str, Quotes]) -> str:
    """What imbalance and micro-price of a market say of its own next second."""
    closes = grid(books, 1.0)
    lines = []
    for name, book in books.items():
        best = sampled(book, closes)
        mid = 0.5 * (best[:, 0] + best[:, 2])
        change = np.diff(mid) / mid[:-1] * 1e4
        lean = imbalance(best[:, 1], best[:, 3])[:-1]
        micro = (micro_price(best[:, 0], best[:, 2], best[:, 1], best[:, 3]) / mid - 1.0)[:-1] * 1e4
        spread = float(np.median((best[:, 2] - best[:, 0]) / mid)) * 1e4
        up = float(change[lean > 0.5].mean()), float(change[lean < -0.5].mean())
        lines.append(
            f"| {name} | {spread:.3f} | {np.corrcoef(lean, change)[0, 1]:.2f} | {np.corrcoef(micro, change)[0, 1]:.2f} "
            f"| {up[0]:+.2f} | {up[1]:+.2f} |"
        )
    return "\n".join(lines)


def figure(found: Sequence[Found], hour: Found) -> str:
    """Bounds of the first leg's share against the sampling, a panel for each pair."""
    wide, high, top, bottom = 920, 330, 74.0, 270.0
    drawn = [
        text(
            20,
            26,
            "Share of the first leg in the common price: Hasbrouck's bounds (bars), Lien–Shrestha (dots)",
        )
    ]
    drawn.append(text(20, 44, "Grey: bounds that reach across one half do not say who leads.", color=FAINT))
    y = linear(0.0, 1.0, bottom, top)
    for panel, pair in enumerate(PAIRS):
        left = 54.0 + panel * 296.0
        right = left + 250.0
        x = linear(0.0, len(SAMPLING), left + 12.0, right - 12.0)
        for level in (0.0, 0.25, 0.5, 0.75, 1.0):
            drawn.append(line(left, y(level), right, y(level), FAINT if level == 0.5 else RULE))
            drawn.append(text(left - 6, y(level) + 4, f"{level:g}", "end", FAINT))
        drawn.append(
            text(
                left, top - 10, f"{pair[0]} (first), {pair[1]}", color=COLORS[pair], more=' font-weight="600"'
            )
        )
        shown = [
            (x(SAMPLING.index((one.bar_s, one.lags))), f"{one.bar_s:g}".removeprefix("0"), one)
            for one in found
            if one.pair == pair
        ]
        if pair == hour.pair:
            shown.append((x(len(SAMPLING)), "1 h", hour))
        for place, label, one in shown:
            who = one.said.discovery
            sure = who.lower > 0.5 or who.upper < 0.5
            color = COLORS[pair] if sure else "#9aa4ae"
            drawn.append(line(place, y(who.lower), place, y(who.upper), color, 5.0))
            drawn.append(
                f'<circle cx="{place:.1f}" cy="{y(who.modified):.1f}" r="4" fill="{PAPER}" stroke="{INK}" stroke-width="1.5"/>'
            )
            drawn.append(text(place, bottom + 18, label, "middle", FAINT))
        drawn.append(text(left, bottom + 38, "bar, seconds", color=FAINT))
    inside = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        f'font-family="system-ui, sans-serif" font-size="12.5">\n<rect width="{wide}" height="{high}" fill="{PAPER}"/>\n'
        f"{inside}\n</svg>\n"
    )


TEXT = """# Who leads: spot, linear and inverse BTC

Three order books of one venue, recorded by one machine over the same {minutes:.1f} minutes (Binance, 2024-08-08 from 23:54 UTC; best
bid and ask of BTCUSDT spot, the USDT-margined perpetual and the coin-margined one in USD). Whose price the others follow, by
`narrows.analytics.equilibrium`: error correction with the relation (1, −1) on log mids, Newey–West errors.

```sh
.venv/bin/python scripts/studies/who_leads.py
```

(`NARROWS_DATA` names the folder with the files.) All shares are of the first leg, the second has the rest; in parentheses 90 %
intervals; half-lives in the unit of the bar's column (seconds; hours in the last line).

![Bounds of the share of the first leg against the sampling]({figure})

| first, second | bar | bars | lags | Gonzalo–Granger | Hasbrouck | Lien–Shrestha | leadership | half-life | verdict |
|---|--:|--:|--:|--:|--:|--:|--:|--:|---|
{rows}

## What it says

- At 1 s: {at_1s}.
- At {finest:g} s: {at_finest}.
- The longer the bar, the wider the bounds: {widths}. What two legs learn inside one bar arrives as correlated innovations, and no order of them is
  the true one.
- At one hour the bounds of spot and linear perpetual are {hour_lower:.2f} to {hour_upper:.2f} (correlation of the innovations
  {hour_correlation:.4f}): hourly data cannot tell who leads, whatever share a programme prints. Lien and Shrestha's share is one number
  there too, {hour_modified:.2f}, and means as little.
- Leadership (Putniņš) uses the middle of the bounds, so it inherits their width; it is told here and not used.

## Supply and demand at the best quotes

Imbalance and micro-price at the close of each second, against the change of the market's own mid in the next second (bp):

| market | median spread, bp | correlation of imbalance | of micro-price − mid | mean change, imbalance > ½ | < −½ |
|---|--:|--:|--:|--:|--:|
{books}

## What it does not say

- Less than six minutes of one evening. The intervals are honest about the sample, not about other days.
- The recorder's clock is behind the venue's, in the median by {late} seconds. Only the differences matter here: a stream
  that is less far behind took so much longer to arrive, and is seen to follow by that much. They are small against the shortest bar.
- Spot sends no event time with its best quotes, so receive times stand for all. Each grid begins when the last of the three streams does.
- The inverse contract quotes USD, the others USDT: their gap holds the price of USDT, which the constant takes up as far as it stood
  still for these minutes. Mids of an inverse contract are prices like any other; only its profit is not linear.
- Hourly closes are last trades, {hour_bars:,} hours to the end of the source, not mids.
"""


def story(found: Sequence[Found], bar_s: float) -> tuple[str, str]:
    """Who leads at a sampling; how the width of the bounds grows."""
    words, widths = [], []
    for pair in PAIRS:
        mine = [one for one in found if one.pair == pair]
        chosen = next(one for one in mine if one.bar_s == bar_s)
        who, half = chosen.said.discovery, chosen.said.half_life
        speed = f"half of a gap is gone in {half.value:.1f} s"
        words.append(
            f"{pair[0]} against {pair[1]}: {verdict(chosen)} (bounds {who.lower:.2f} to {who.upper:.2f}"
            f"{f', {speed}' if half.known else ''})"
        )
        spans = [one.said.discovery.upper - one.said.discovery.lower for one in mine]
        widths.append(
            f"{pair[0]} and {pair[1]} {spans[0]:.2f} at {mine[0].bar_s:g} s, {spans[-1]:.2f} at {mine[-1].bar_s:g} s"
        )
    return "; ".join(words), "; ".join(widths)


def main() -> None:
    """Write page and figure; with --check only say whether they are as they would be written."""
    books = {name: quotes(name) for name in MARKETS}
    found, hour = every_pair(books), hourly()
    (at_1s, widths), (at_finest, _) = story(found, 1.0), story(found, SAMPLING[0][0])
    who, omega = hour.said.discovery, hour.said.omega
    ordered = sorted(found, key=lambda one: (PAIRS.index(one.pair), one.bar_s))
    rows = "\n".join(map(row, ordered)) + "\n" + row(hour).replace("3600 s", "1 h")
    page = TEXT.format(
        minutes=len(grid(books, 1.0)) / 60.0, figure=FIGURE.name, rows=rows, at_1s=at_1s, widths=widths,
        finest=SAMPLING[0][0], at_finest=at_finest, late=", ".join(f"{book.late_s:.4f} ({name})" for name, book in books.items()),
        hour_lower=who.lower, hour_upper=who.upper, hour_modified=who.modified, hour_bars=hour.bars,
        hour_correlation=omega[0, 1] / math.sqrt(omega[0, 0] * omega[1, 1]), books=book_rows(books),
    )  # fmt: skip
    put({PAGE: page, FIGURE: figure(found, hour)})


if __name__ == "__main__":
    main()
