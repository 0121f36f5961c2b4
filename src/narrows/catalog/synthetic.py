"""Synthetic forwards: a chain's calls and puts, strike by strike, as bars, quotes and marks of an instrument.

A call bought and a put sold at one strike, premiums in coin, gain as much coin as an inverse future of K
quote units from ``F = K / (1 − (c − p))``, and settle on the same average; premiums in quote make a linear
one from ``K + C − P``. So what is stored is that future, at a discount factor of 1: what is paid for the
options counts as equity, and Deribit's marks give coin no interest.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase

import numpy as np
import polars as pl

from narrows.analytics.forward import forward_at
from narrows.core.arrays import Float1D
from narrows.core.errors import DataError
from narrows.core.instrument import Instrument, instrument


def synthetic(options: pl.DataFrame, one: Instrument) -> pl.DataFrame:
    """Where the synthetic forward of one strike could be traded in each snapshot.

    Parameters
    ----------
    options : DataFrame
        Rows of `option_quotes`, of any symbols.
    one : Instrument
        The synthetic; its options are those with C and P in the place of its S.

    Returns
    -------
    DataFrame
        time, bid (call bid less put ask), ask (call ask less put bid), mark, all but time as forwards, quote
        per coin; null where one of the two is missing or leaves no positive forward. Snapshots without either
        option have no row.
    """
    stem = one.symbol.removesuffix("S")
    sides = ("time", "bid", "ask", "mark")
    call, put = (options.filter(pl.col("symbol") == stem + right).select(sides) for right in "CP")
    both = call.join(put, on="time", how="inner", suffix="_put").sort("time")

    def forward(first: str, second: str) -> Float1D:
        less = both[first].to_numpy() - both[second].to_numpy()
        strike = np.full(len(less), one.strike)
        return forward_at(strike, less, 1.0, in_coin=one.is_inverse).reshape(-1)

    return both.select(
        "time",
        bid=pl.Series(forward("bid", "ask_put")),
        ask=pl.Series(forward("ask", "bid_put")),
        mark=pl.Series(forward("mark", "mark_put")),
    ).with_columns(pl.col("bid", "ask", "mark").fill_nan(None))


def bars_of(snapshots: pl.DataFrame, bar_ns: int) -> pl.DataFrame:
    """Bars of the `price` in snapshots: first, highest, lowest and last in each.

    A bar without a snapshot is not there. With one snapshot in it all four prices are the same, and its
    "open" was made when that snapshot was, not when the bar began: up to a bar later.
    """
    price = pl.col("price")
    inside = snapshots.with_columns(  # half-open: a snapshot on the grid belongs to the next bar
        time=(pl.col("time") // bar_ns + 1) * bar_ns
    ).group_by("time", maintain_order=True)
    made = inside.agg(open=price.first(), high=price.max(), low=price.min(), close=price.last())
    return made.with_columns(bar_ns=pl.lit(bar_ns, pl.Int64))


def synthetics(
    options: pl.DataFrame, venue: str, patterns: tuple[str, ...], bar_ns: int, where: str
) -> Iterator[tuple[Instrument, dict[str, pl.DataFrame]]]:
    """Every synthetic forward that a pattern names, with its rows of bars, quotes and marks.

    Parameters
    ----------
    options : DataFrame
        Rows of `option_quotes`.
    patterns : tuple of str
        Symbols with ``*``: ``BTC-20260327-*-S``.
    bar_ns : int
        Length of its bars.

    Raises
    ------
    DataError
        If a pattern names none that has a snapshot with two sides.
    """
    found = sorted({f"{symbol[:-1]}S" for symbol in options["symbol"].unique()})
    for pattern in patterns:
        some = False
        for symbol in found:
            one = instrument(f"{symbol}.{venue}")
            if not fnmatchcase(symbol, pattern) or one.kind != "synthetic":
                continue
            quoted = synthetic(options, one)
            both = quoted.drop_nulls(["bid", "ask"])
            if both.is_empty():
                continue
            middle = both.with_columns(price=(pl.col("bid") + pl.col("ask")) / 2.0)
            some = True
            yield (
                one,
                {
                    "bars": bars_of(middle, bar_ns),
                    "quotes": both.select("time", "bid", "ask"),
                    "marks": quoted.drop_nulls("mark").select("time", "mark"),
                },
            )
        if not some:
            remedy = "check snapshots.symbols in the mapping: BTC-20260327-*-S"
            raise DataError(f"no strike matches {pattern!r} with quotes on both sides", where, remedy)
