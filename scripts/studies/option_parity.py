"""Put-call parity in Deribit's BTC chains: implied forwards against listed futures, and what could be traded.

Writes docs/studies/option-parity.md and its figure. Market data come from the folder that NARROWS_DATA names (default
../shared/data).
"""

import math
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
from option_parity_figure import figure
from pages import DATA, FOLDER, put

from narrows.analytics.parity import Chain, Fees, best, boxes, chain, conversions, implied, quotes
from narrows.core.arrays import Bool1D, Float1D
from narrows.core.instrument import instrument
from narrows.core.time import to_ns
from narrows.rulebook.book import PACKAGED

PAGE, FIGURE = FOLDER / "option-parity.md", FOLDER / "option-parity.svg"
FILES = "svcj_deribit/BTC_options_*.parquet"
KEY = ("timestamp", "expiry_datetime")
EDGES = (0.0, 1.0, 3.0, 7.0, 30.0, 90.0, 400.0)  # days to expiry
CAP = 0.125  # Deribit: an option's fee is at most this share of its price
FREE = Fees(0.0, math.inf, 0.0, 0.0, 0.0)
FEWEST = 5  # strikes of a regression whose discount factor is shown


class Row(NamedTuple):
    """One expiry in one snapshot. NaN = none."""

    days: float
    listed: bool  # whether a future with this expiry trades
    future: float  # Deribit's mark of it, or of the line between its neighbours
    apart_bp: float  # between the highest and lowest such mark in the snapshot's rows: how long it took
    used: int
    fixed: float  # forward, coin discount factor of 1
    reach: float  # half its interval
    free: float  # forward, discount factor estimated too
    discount: float
    discount_squares: float  # weighted, not robust
    discount_plain: float  # neither
    plain: float  # its forward
    bid: float
    ask: float
    conversion: float  # best over strikes, coin, before fees and after
    conversion_net: float
    box: float
    box_net: float


def fees() -> Fees:
    """Taker's fees of the rulebook, and at delivery."""
    when = to_ns(datetime(2026, 1, 1))
    option, future = instrument("BTC-20260327-60000-C.deribit"), instrument("BTC-USD-20260327.deribit")
    return Fees(
        option=PACKAGED.fees(option, when).taker,
        option_cap=CAP,
        future=PACKAGED.fees(future, when).taker,
        option_delivery=PACKAGED.settlement(option, when).delivery_fee,
        future_delivery=PACKAGED.settlement(future, when).delivery_fee,
    )


def most(values: Float1D) -> float:
    """The largest that is known."""
    known = values[~np.isnan(values)]
    return float(known.max()) if len(known) else math.nan


def frames() -> pl.DataFrame:
    """Calls beside puts: one row for each snapshot, expiry and strike."""
    all_rows = pl.read_parquet(str(DATA / FILES))
    kept = (*KEY, "strike", "bid_price", "ask_price", "underlying", "underlying_name", "time_to_maturity")
    call, put_ = (all_rows.filter(pl.col("option_type") == right).select(kept) for right in ("call", "put"))
    both = call.join(put_, on=[*KEY, "strike"], how="full", coalesce=True, suffix="_put")
    return both.sort(*KEY, "strike")


def options_of(group: pl.DataFrame) -> Chain:
    """Its chain; the source writes null where there is no quote."""
    names = ("strike", "bid_price", "ask_price", "bid_price_put", "ask_price_put")
    strike, *sides = (group[name].cast(pl.Float64).to_numpy() for name in names)
    return chain(strike, *sides, in_coin=True)


def row(group: pl.DataFrame, charged: Fees) -> Row:
    """What one chain says."""
    options = options_of(group)
    marks = pl.concat([group["underlying"], group["underlying_put"]]).drop_nulls().to_numpy()
    name = pl.concat([group["underlying_name"], group["underlying_name_put"]]).drop_nulls()[0]
    days = pl.concat([group["time_to_maturity"], group["time_to_maturity_put"]]).drop_nulls()
    future = float(np.median(marks))
    fixed, free = implied(options, discount=1.0), implied(options)
    squares, plain = (implied(options, loss="squares", weighted=weighted) for weighted in (True, False))
    of = best(options.strike, quotes(options))
    gained = []
    for fee in (FREE, charged):
        gained.append(most(np.concatenate(conversions(options, future, future, fee))))
    for fee in (FREE, charged):
        gained.append(most(boxes(options, fee).reshape(-1)))
    return Row(
        days=365.0 * float(np.median(days.to_numpy())),
        listed=not name.startswith("SYN."),
        future=future,
        apart_bp=1e4 * (float(marks.max() / marks.min()) - 1.0),
        used=fixed.used,
        fixed=fixed.forward.value,
        reach=fixed.forward.hi - fixed.forward.value,
        free=free.forward.value,
        discount=free.discount.value,
        discount_squares=squares.discount.value,
        discount_plain=plain.discount.value,
        plain=plain.forward.value,
        bid=of.bid,
        ask=of.ask,
        conversion=gained[0],
        conversion_net=gained[1],
        box=gained[2],
        box_net=gained[3],
    )


class Study:
    """All rows as arrays by name."""

    def __init__(self, rows: list[Row], snapshots: int) -> None:
        self.snapshots = snapshots
        self.of = {
            name: np.array([getattr(one, name) for one in rows], dtype=np.float64) for name in Row._fields
        }
        self.listed: Bool1D = self.of["listed"] == 1.0

    def bp(self, name: str) -> Float1D:
        """A forward against the future, in basis points."""
        return 1e4 * (self.of[name] / self.of["future"] - 1.0)

    def days(self, low: float, high: float) -> Bool1D:
        """Listed expiries with so many days left."""
        return self.listed & (self.of["days"] > low) & (self.of["days"] <= high)


def study() -> Study:
    """Every chain of every snapshot."""
    both, charged = frames(), fees()
    groups = both.group_by(KEY, maintain_order=True)
    return Study([row(group, charged) for _, group in groups], both["timestamp"].n_unique())


def spread_of(values: Float1D, digits: int = 1) -> str:
    """Median and 90 % range."""
    low, middle, high = np.nanquantile(values, (0.05, 0.5, 0.95))
    text = f"{middle:+.{digits}f} ({low:+.{digits}f} … {high:+.{digits}f})"
    return text.replace("-", "−").replace("−0.0 ", "0.0 ").replace("+0.0 ", "0.0 ")


def table(found: Study) -> str:
    """Implied forward against the listed future, by days to expiry."""
    lines = []
    for low, high in pairwise(EDGES):
        rows = found.days(low, high)
        width = 1e4 * (found.of["ask"] - found.of["bid"])[rows] / found.of["future"][rows]
        reach = 1e4 * found.of["reach"][rows] / found.of["future"][rows]
        label = f"{low:.0f} – {high:.0f}" if high < EDGES[-1] else f"over {low:.0f}"
        lines.append(
            f"| {label} | {int(rows.sum()):,} | {spread_of(found.bp('fixed')[rows])} "
            f"| {spread_of(found.bp('free')[rows])} | {spread_of(found.bp('plain')[rows])} "
            f"| {np.nanmedian(reach):.1f} | {np.nanmedian(width):.1f} |"
        )
    return "\n".join(lines)


def factors(found: Study) -> str:
    """Discount factors of the coin, by how they were estimated."""
    lines = []
    enough = found.of["used"] >= FEWEST
    ways = (
        ("no weights, least squares", "discount_plain"),
        ("weights, least squares", "discount_squares"),
        ("weights, Huber", "discount"),
    )
    for label, name in ways:
        for of, rows in (("listed futures", found.listed & enough), ("all", enough)):
            values = found.of[name][rows]
            values = values[~np.isnan(values)]
            low, at5, at50, at95, high = np.quantile(values, (0.0, 0.05, 0.5, 0.95, 1.0))
            lines.append(
                f"| {label} | {of} | {len(values):,} | {low:.3f} | {at5:.3f} | {at50:.4f} | {at95:.3f} | {high:.3f} |"
            )
    return "\n".join(lines)


def violations(found: Study) -> str:
    """How many chains paid, before fees and after."""
    lines = []
    for label, name, rows in (
        ("synthetic against the listed future at its mark", "conversion", found.listed),
        ("box: one strike's synthetic against another's", "box", found.listed),
        ("box, expiries without a future", "box", ~found.listed),
    ):
        known = rows & ~np.isnan(found.of[name])
        counts = [int((found.of[which][known] > 0.0).sum()) for which in (name, f"{name}_net")]
        top = [float(found.of[which][known].max()) for which in (name, f"{name}_net")]
        lines.append(
            f"| {label} | {int(known.sum()):,} | {counts[0]} | {counts[1]} | {1e4 * top[0]:+.1f} | {1e4 * top[1]:+.1f} |"
        )
    return "\n".join(lines)


HEAD = """# Put-call parity at Deribit

A call bought and a put sold at one strike are a forward. So each chain of options implies a forward for its expiry, and
where Deribit lists a dated future with that expiry the two must agree: both settle on the same average of the index.
Made by

```sh
.venv/bin/python scripts/studies/option_parity.py
```

from public snapshots of all BTC options ({files}, some four a day, 2025-12-30 to 2026-03-31; the source is named in
[`examples/sources/svcj_deribit.toml`](../../examples/sources/svcj_deribit.toml)): {snapshots} snapshots, {chains:,} chains, of
which {listed:,} have a listed future. Every number on this page comes from that run.

![Implied forward against the future, and discount factors](option-parity.svg)

## The implied forward is the future

Implied forward over the mark of the listed future, basis points: median and (5 % … 95 %).

| days to expiry | chains | discount factor 1 | estimated, weighted | estimated, no weights | half interval | tradable width |
|---|--:|--:|--:|--:|--:|--:|
"""

TEXT = """
The forward is that of `analytics.parity.implied`: Huber's regression of call less put (mids, in coin) on the strike, each strike
counted by the width of its quotes. *Half interval*: half of the 90 % interval at a discount factor of 1, median. *Tradable
width*: from the best synthetic bid of all strikes to the best ask, median.

- Over all listed expiries the forward at a discount factor of 1 is {all_fixed} bp from the future. A fixed factor and an
  estimated one say the same: coin earns no interest in Deribit's marks.
- The tradable width is {width:.0f} bp in the median of all: the mids of a chain know the forward better than anybody can trade it.
- Only {cover:.0%} of the 90 % intervals hold the mark. They say how far the strikes agree with each other; that the mark and
  the quotes of a snapshot were read seconds apart, and that all strikes may lean the same way, is not in them. Read
  them as the noise of one regression, not as a range for the future.

## What could be traded

Best over all strikes and both directions, at the quotes of the snapshot; coin per coin of options, basis points.

| trade | chains | pay before fees | pay after fees | best before | best after |
|---|--:|--:|--:|--:|--:|
{violations}

Fees are the rulebook's: options {option:g} bp of the underlying and at most {cap:.1%} of their own price, futures {future:g} bp,
delivery {delivery:g} bp each (assumed). The future's bid and ask are not in the source; it is taken at its mark,
which flatters the first row. **Of {chains:,} chains {paid} paid a taker after fees.** What parity gives here is a fair value that is good to
a few basis points and the choice of the cheaper of two legs.

## Why the weights matter

Discount factor of the coin in chains of at least {fewest} strikes; 1 is what a coin without interest has.

| regression | chains | number | least | 5 % | median | 95 % | most |
|---|---|--:|--:|--:|--:|--:|--:|
{factors}

Deep strikes have the widest quotes and, far from the middle, the longest lever on the slope. Without weights they set it: factors
of up to {plain_most:.1f} among all chains and {plain_listed:.2f} among those with a future, and a forward whose error is {worse:.0f} times as wide. Weighting
does most of the mending; robustness adds what is left where a quote is stale.

## What these data cannot tell

- A snapshot is not one moment. The mark of one expiry differs within a snapshot by more than 1 bp in {apart:.0%} of the listed
  chains (most: {apart_most:.0f} bp), because the rows were read one after the other. So the 90 % range above is an upper bound of the error.
- Four snapshots a day say nothing about how long a gap lives, and there are no sizes: how much could be traded is unknown.
- A future is tradable only where it is listed. The other {synthetic:,} chains are marked by Deribit against a line between futures;
  they have boxes but no conversion.
"""


def page(found: Study) -> str:
    """The page."""
    at, listed, charged = found.of, found.listed, fees()
    plain, good = found.bp("plain")[listed], found.bp("fixed")[listed]

    def range_of(values: Float1D) -> float:
        return float(np.nanquantile(values, 0.95) - np.nanquantile(values, 0.05))

    width = np.nanmedian(1e4 * (at["ask"] - at["bid"])[listed] / at["future"][listed])
    enough = at["used"] >= FEWEST
    known = listed & ~np.isnan(at["reach"])
    inside = np.abs(at["fixed"] - at["future"])[known] <= at["reach"][known]
    head = HEAD.format(files=FILES, snapshots=found.snapshots, chains=len(listed), listed=int(listed.sum()))
    body = TEXT.format(
        all_fixed=spread_of(good),
        width=width,
        chains=len(listed),
        paid=int(((listed & (at["conversion_net"] > 0.0)) | (at["box_net"] > 0.0)).sum()),
        cover=inside.mean(),
        violations=violations(found),
        option=charged.option * 1e4,
        cap=charged.option_cap,
        future=charged.future * 1e4,
        delivery=charged.future_delivery * 1e4,
        fewest=FEWEST,
        factors=factors(found),
        plain_most=np.nanmax(at["discount_plain"][enough]),
        plain_listed=np.nanmax(at["discount_plain"][enough & listed]),
        worse=range_of(plain) / range_of(good),
        apart=(at["apart_bp"][listed] > 1.0).mean(),
        apart_most=at["apart_bp"][listed].max(),
        synthetic=int((~listed).sum()),
    )
    return head + table(found) + "\n" + body


def main() -> None:
    """Write page and figure; with --check only say whether they are as they would be written."""
    found = study()
    rows = found.listed
    enough = rows & (found.of["used"] >= FEWEST)
    drawn = figure(
        found.of["days"][rows],
        found.bp("fixed")[rows],
        found.bp("plain")[rows],
        [
            (found.of["days"][enough], found.of[name][enough], label)
            for name, label in (("discount_plain", "no weights"), ("discount", "weighted, Huber"))
        ],
    )
    put({PAGE: page(found), FIGURE: drawn})


if __name__ == "__main__":
    main()
