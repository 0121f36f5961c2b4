"""The tables of the catalogue: columns with unit and meaning, versions, and what makes a row valid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from narrows.core.time import HOUR_NS

FORMAT = 2  # of the folder: partitions, their names and the manifest
INSTRUMENTS = "instruments"
_STAMP = "ns since the epoch, UTC"
ALL = "all"  # the symbol of a series that holds a whole venue


@dataclass(frozen=True)
class Column:
    """One column: its type, its unit, what it means, and whether it may be unknown."""

    dtype: type[pl.DataType]
    unit: str
    meaning: str
    nullable: bool = False

    @property
    def is_stamp(self) -> bool:
        """Whether it holds moments, as `time` does."""
        return self.unit == _STAMP


@dataclass(frozen=True)
class Rule:
    """Rows for which `bad` holds are refused; `says` may name columns in braces.

    `bad` is judged on all rows of a symbol in the order of time, so it may look at the row before.
    """

    bad: pl.Expr
    says: str
    remedy: str


@dataclass(frozen=True)
class Table:
    """One table; rows are identified by `key`, rising within a series.

    `by` says what stands together in one series: the rows of one symbol, or of a whole venue, whose
    rows then carry the symbol they are about.
    """

    version: int
    columns: Mapping[str, Column]
    rules: tuple[Rule, ...] = ()
    key: tuple[str, ...] = ("time",)
    by: Literal["symbol", "venue"] = "symbol"

    @property
    def values(self) -> tuple[str, ...]:
        """The columns a source measures: all but the key and the length of the bar."""
        return tuple(name for name in self.columns if name not in (*self.key, "bar_ns"))

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that a row cannot do without."""
        return tuple(name for name in self.values if not self.columns[name].nullable)


def _price(meaning: str, nullable: bool = False) -> Column:
    return Column(pl.Float64, "quote per base", meaning, nullable)


def _amount(meaning: str) -> Column:
    return Column(pl.Float64, "base", meaning, nullable=True)


def _time(meaning: str) -> Column:
    return Column(pl.Int64, _STAMP, meaning)


def _positive(*names: str) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            ~(pl.col(name) > 0) | pl.col(name).is_infinite(),
            f"{name} {{{name}}} is not a positive number",
            "correct or drop the row",
        )
        for name in names
    )


def _not_negative(*names: str) -> tuple[Rule, ...]:
    return tuple(
        Rule(pl.col(name) < 0, f"{name} {{{name}}} is negative", "correct or drop the row") for name in names
    )


def _within(name: str, largest: float, remedy: str) -> Rule:
    limit = f"{name} {{{name}}} is beyond ±{largest}"
    return Rule(~(pl.col(name).abs() <= largest), limit, remedy)


TABLES: dict[str, Table] = {
    "bars": Table(
        version=1,
        columns={
            "time": _time("close of the bar, which is half-open [time - bar_ns, time)"),
            "bar_ns": Column(pl.Int64, "ns", "length of the bar"),
            "open": _price("first trade"),
            "high": _price("highest trade"),
            "low": _price("lowest trade"),
            "close": _price("last trade"),
            "volume": Column(pl.Float64, "base", "amount traded", nullable=True),
        },
        rules=(
            *_positive("open", "high", "low", "close"),
            Rule(
                pl.col("high") < pl.max_horizontal("open", "close"),
                "high {high} is below open {open} or close {close}",
                "are the columns mapped to the right names?",
            ),
            Rule(
                pl.col("low") > pl.min_horizontal("open", "close"),
                "low {low} is above open {open} or close {close}",
                "are the columns mapped to the right names?",
            ),
            Rule(pl.col("volume") < 0, "volume {volume} is negative", "correct or drop the row"),
            Rule(
                pl.col("time") % pl.col("bar_ns") != 0,
                "the close of the bar is off the grid of its length",
                "check bar, stamp and the clock of the source",
            ),
        ),
    ),
    "marks": Table(
        version=1,
        columns={
            "time": _time("when the values were known"),
            "mark": _price("margin price", nullable=True),
            "index": _price("composite spot", nullable=True),
            "premium": Column(pl.Float64, "fraction", "premium of the perp over the index", nullable=True),
        },
        rules=(
            *_positive("mark", "index"),
            _within("premium", 0.5, "is its unit percent or bps?"),
        ),
    ),
    "funding": Table(
        version=1,
        columns={
            "time": _time("settlement, on its boundary"),
            "rate": Column(pl.Float64, "fraction per interval", "positive: longs pay shorts"),
            "interval_h": Column(pl.Float64, "hours", "the interval that this record settles"),
        },
        rules=(
            _within("rate", 0.25, "is its unit percent or bps?"),
            Rule(
                ~pl.col("interval_h").is_between(0, 24 * 7, closed="right"),
                "interval_h {interval_h} is not an interval in hours",
                "give hours",
            ),
            Rule(
                pl.col("time").diff() < (pl.col("interval_h") * HOUR_NS).round(),
                "a record of {interval_h} h, less than that after the one before it,",
                "is it carried forward? then say carried_forward = true; else give the interval that it has",
            ),
        ),
    ),
    "predicted_funding": Table(
        version=1,
        columns={
            "time": _time("when the rate was shown"),
            "rate": Column(pl.Float64, "fraction per interval", "shown for the settlement to come"),
            "interval_h": Column(pl.Float64, "hours", "the interval that it is for"),
        },
        rules=(_within("rate", 0.25, "is its unit percent or bps?"),),
    ),
    "borrow": Table(
        version=2,
        columns={
            "time": _time("from when the rate holds"),
            "apr": Column(pl.Float64, "fraction per 365 days, simple", "what borrowing the base costs"),
            "available": _amount("what may be borrowed of it"),
        },
        rules=(_within("apr", 10.0, "is its unit percent or bps?"), *_not_negative("available")),
    ),
    "settlements": Table(
        version=1,
        columns={"time": _time("delivery"), "price": _price("delivery price")},
        rules=_positive("price"),
    ),
    "quotes": Table(
        version=1,
        columns={
            "time": _time("when the quote stood"),
            "bid": _price("best bid", nullable=True),
            "ask": _price("best ask", nullable=True),
            "bid_size": _amount("resting at the best bid"),
            "ask_size": _amount("resting at the best ask"),
        },
        rules=(*_positive("bid", "ask"), *_not_negative("bid_size", "ask_size")),
    ),
    "depth_profile": Table(
        version=1,
        columns={
            "time": _time("when the book stood so"),
            "within": Column(pl.Float64, "fraction", "distance from the mid that `depth` reaches"),
            "depth": Column(pl.Float64, "quote", "value resting within that distance, as the source counts"),
            "spread": Column(pl.Float64, "fraction", "ask over bid - 1", nullable=True),
            "mid": _price("(bid + ask) / 2", nullable=True),
        },
        rules=(*_positive("within", "mid"), *_not_negative("depth")),
    ),
    "open_interest": Table(
        version=1,
        columns={
            "time": _time("when it was so"),
            "open_interest": Column(pl.Float64, "base", "contracts open, as an amount of the base coin"),
        },
        rules=_not_negative("open_interest"),
    ),
    "prices": Table(
        version=1,
        columns={
            "time": _time("when the price was made"),
            "price": _price("one price a stamp: a close, a settlement, a mark; it may be negative"),
        },
        rules=(Rule(~pl.col("price").is_finite(), "price {price} is not finite", "correct the row"),),
    ),
    "rates": Table(
        version=1,
        columns={
            "time": _time("from when the rate holds"),
            "symbol": Column(pl.String, "", "what is lent or yields: USDC-BORROW, USD-3M"),
            "apr": Column(pl.Float64, "fraction per 365 days", "what it costs or pays, as published"),
            "limit": _amount("most that can be borrowed"),
        },
        rules=(_within("apr", 10.0, "is its unit percent or bps?"), *_not_negative("limit")),
        key=("time", "symbol"),
        by="venue",
    ),
    "option_quotes": Table(
        version=1,
        columns={
            "time": _time("of the snapshot of the chain"),
            "symbol": Column(pl.String, "", "the option: BTC-20260327-60000-C"),
            "bid": Column(pl.Float64, "settle currency", "best bid", nullable=True),
            "ask": Column(pl.Float64, "settle currency", "best ask", nullable=True),
            "mark": Column(pl.Float64, "settle currency", "the venue's mark", nullable=True),
            "iv": Column(pl.Float64, "fraction per year", "implied volatility of the mark", nullable=True),
            "delta": Column(pl.Float64, "", "the venue's delta", nullable=True),
            "vega": Column(pl.Float64, "quote per vol point", "the venue's vega", nullable=True),
            "forward": _price("the venue's forward for the expiry", nullable=True),
            "forward_name": Column(
                pl.String, "", "what the forward is: a future, or synthetic", nullable=True
            ),
            "index": _price("composite spot", nullable=True),
            "open_interest": _amount("open contracts"),
            "volume": _amount("traded in the 24 h before"),
        },
        rules=(*_positive("forward", "index"), *_not_negative("bid", "ask", "mark", "open_interest")),
        key=("time", "symbol"),
        by="venue",
    ),
    "tickers": Table(
        version=1,
        columns={
            "time": _time("of the snapshot of the venue"),
            "symbol": Column(pl.String, "", "the instrument: BTC-USDT-PERP"),
            "bid": _price("best bid", nullable=True),
            "ask": _price("best ask", nullable=True),
            "bid_size": _amount("resting at the best bid"),
            "ask_size": _amount("resting at the best ask"),
            "mark": _price("margin price", nullable=True),
            "index": _price("composite spot", nullable=True),
            "funding": Column(pl.Float64, "fraction per interval", "the rate shown", nullable=True),
            "next_funding": Column(pl.Int64, _STAMP, "next settlement", nullable=True),
        },
        rules=(*_positive("bid", "ask", "mark", "index"), *_not_negative("bid_size", "ask_size")),
        key=("time", "symbol"),
        by="venue",
    ),
    "specs": Table(
        version=1,
        columns={
            "time": _time("of the snapshot of the venue's rules"),
            "symbol": Column(pl.String, "", "the instrument: BTC-USDT-PERP"),
            "status": Column(pl.String, "", "as the venue says it", nullable=True),
            "tick": Column(pl.Float64, "quote", "price step", nullable=True),
            "lot": Column(pl.Float64, "base", "size step", nullable=True),
            "min_notional": Column(pl.Float64, "quote", "smallest order value", nullable=True),
            "listed": Column(pl.Int64, _STAMP, "first trading", nullable=True),
            "expiry": Column(pl.Int64, _STAMP, "delivery", nullable=True),
            "initial": Column(pl.Float64, "fraction", "margin to open, as published", nullable=True),
            "maintenance": Column(pl.Float64, "fraction", "margin to live, as published", nullable=True),
            "liquidation_fee": Column(pl.Float64, "fraction", "of the notional closed", nullable=True),
            "funding_cap": Column(pl.Float64, "fraction per interval", "highest rate", nullable=True),
            "funding_floor": Column(pl.Float64, "fraction per interval", "lowest rate", nullable=True),
            "interval_h": Column(pl.Float64, "hours", "between settlements", nullable=True),
        },
        rules=_not_negative("tick", "lot", "min_notional", "initial", "maintenance"),
        key=("time", "symbol"),
        by="venue",
    ),
    INSTRUMENTS: Table(
        version=2,
        columns={
            "id": Column(pl.String, "", "BASE-QUOTE[-TERM].venue"),
            "kind": Column(pl.String, "", "spot, perp, future, option or synthetic"),
            "base": Column(pl.String, "", "what is traded"),
            "quote": Column(pl.String, "", "what it is priced in"),
            "settle": Column(pl.String, "", "currency of margin and profit"),
            "contract": Column(pl.String, "", "linear, inverse or quanto"),
            "multiplier": Column(
                pl.Float64, "base (quote if inverse, coin if quanto)", "size of a contract", nullable=True
            ),
            "tick": Column(pl.Float64, "quote", "price step", nullable=True),
            "lot": Column(pl.Float64, "base", "size step", nullable=True),
            "min_notional": Column(pl.Float64, "quote", "smallest order value", nullable=True),
            "expiry_ns": Column(pl.Int64, _STAMP, "delivery; 0 = never"),
        },
        key=("id",),
        by="venue",
    ),
}


def spacing_ns(table: str, frame: pl.DataFrame) -> pl.Series | int:
    """How far each row should lie from the one before it, ns; 0 where nothing is regular.

    The length of the bar, the interval that a funding record settles, and for other tables the
    distance that more than half of the rows have, if there is one.
    """
    if table == "bars":
        return frame["bar_ns"]
    if table == "funding":
        return (frame["interval_h"] * HOUR_NS).round().cast(pl.Int64)
    steps = frame["time"].diff().drop_nulls()
    if table == "settlements" or steps.is_empty():
        return 0
    common = int(steps.mode().sort()[0])
    return common if (steps == common).sum() > len(steps) / 2 else 0


def gaps(table: str, frame: pl.DataFrame) -> int:
    """How many rows are missing between the first and the last row of a series."""
    if TABLES[table].by == "venue":
        frame = frame.unique("time").sort("time")
    missing = pl.col("step") / pl.col("due") - 1
    steps = frame.select(pl.col("time").diff().alias("step")).with_columns(due=spacing_ns(table, frame))
    found = steps.filter(pl.col("step") > 0, pl.col("due") > 0).select(missing.round().clip(0).sum())
    return int(found.item())
