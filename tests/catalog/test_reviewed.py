"""Faults that a review found, each as a small case: edits in any order, rounding, stamps, several files."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from catalog.folder import Folder, bars_frame, rates_frame
from narrows.catalog.checks_across import against
from narrows.catalog.quality import source_findings
from narrows.catalog.repair import edited
from narrows.catalog.store import Series, merge
from narrows.core.config import Data, Exclude, Repair
from narrows.core.errors import DataError
from narrows.core.time import MINUTE_NS
from tiny_market import FIRST_CLOSE_NS, PERP, SPOT, tiny_panel

AT = datetime.fromtimestamp(FIRST_CLOSE_NS / 1e9 + 3600, UTC)


def _repair(how: str) -> Repair:
    return Repair(instrument=PERP, start=AT, end=AT, reason="stops early", how=how)  # type: ignore[arg-type]


@pytest.mark.parametrize("hows", [("premium", "body"), ("body", "premium"), ("premium",)])
def test_a_close_that_is_not_believed_leaves_no_low_behind(hows: tuple[str, ...]) -> None:
    """Open 100, a broken close of 80 that is the low of its bar; the premium index says 110."""
    panel = tiny_panel(
        [SPOT, PERP],
        mark=(110, [100, 80, 110]),
        close=(110, [100, 80, 110]),
        open=(110, [100, 100, 110]),
        high=(110, [100, 101, 110]),
        low=(110, [100, 80, 110]),
        premium=(0.0, 0.0),
    )
    after = edited(panel, Data(repair=tuple(_repair(how) for how in hows)))
    bar = {name: float(after.fields[name][1, 1]) for name in ("open", "high", "low", "close", "mark")}
    assert (bar["open"], bar["close"], bar["mark"]) == (100.0, 110.0, 110.0)
    assert bar["low"] == 100.0
    assert bar["high"] >= 110.0


def test_excluding_a_close_takes_the_mark_that_is_its_copy() -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 80, 100]), close=(100, [100, 80, 100]))
    edit = Exclude(instrument=PERP, start=AT, end=AT, reason="stops early", fields=("close",))
    assert np.isnan(edited(panel, Data(exclude=(edit,))).mark[1, 1])


def test_a_rate_in_another_unit_is_no_other_rate() -> None:
    percents = np.arange(1, 2000) / 10_000
    times = np.arange(len(percents)) * 8 * 3_600_000_000_000
    frames = [
        pl.DataFrame({"time": times, "rate": rates, "interval_h": 8.0})
        for rates in (np.array([float(f"{p / 100:.8g}") for p in percents]), percents * 1e-2)
    ]
    assert (frames[0]["rate"] != frames[1]["rate"]).any()  # by an ulp
    series = Series("funding", "venue", "BTC-USDT-PERP")
    assert merge(frames[0], frames[1], series).equals(frames[0])
    with pytest.raises(DataError, match="rate was"):
        merge(frames[0], frames[1].with_columns(pl.col("rate") * (1 + 1e-9)), series)


def test_bars_of_a_minute_are_compared_minute_by_minute() -> None:
    close = 100 + np.cumsum(np.random.default_rng(3).normal(size=300))
    bars = pl.DataFrame({"time": MINUTE_NS * np.arange(1, 301), "close": close})
    assert against(Series("bars", "venue", "BTC-USDT"), bars, bars, "close") == []


def test_every_file_of_a_wild_source_is_looked_at(folder: Folder) -> None:
    closes = [100 + n % 7 for n in range(100)]
    bars_frame(closes).filter(pl.int_range(100).is_between(20, 60).not_()).write_parquet(
        folder.root / "w1.parquet"
    )
    start = 1_704_067_200 + 100 * 3600
    bars_frame(closes, start=start).write_parquet(folder.root / "w2.parquet")
    mapping = folder.root / "wild.toml"
    mapping.write_text(
        """
[[source]]
file = "w*.parquet"
table = "bars"
venue = "venue"
symbol = "BTC-USDT"
bar = "1h"
stamp = "open"
time = { format = "s" }
columns = { time = "t", open = "o", high = "h", low = "l", close = "c" }
"""
    )
    found = source_findings([mapping], root=folder.root, catalog=None)
    assert [one.count for one in found if one.kind == "gap"] == [41]


def test_a_correct_mapping_of_rates_agrees_with_its_own_catalogue(folder: Folder) -> None:
    rates = rates_frame([1e-4 * (n % 5) for n in range(200)])
    folder.funding(rates, more="rate_per_h = 1")
    mappings = sorted(Path(folder.root).glob("*.toml"))
    kinds = {one.kind for one in source_findings(mappings, root=folder.root, catalog=folder.catalog)}
    assert "disagreement" not in kinds


def test_a_date_that_may_be_of_two_months_is_refused(folder: Folder) -> None:
    frame = bars_frame([100, 101]).with_columns(t=pl.Series(["03/04/2024 00:00", "03/04/2024 01:00"]))
    with pytest.raises(DataError, match="not ISO-8601"):
        folder.ingest(
            f"""
[[source]]
file = "{folder.write(frame)}"
table = "bars"
venue = "venue"
symbol = "BTC-USDT"
bar = "1h"
stamp = "open"
time = {{ format = "iso" }}
columns = {{ time = "t", open = "o", high = "h", low = "l", close = "c" }}
"""
        )
