"""Reading a Panel: a year of hourly bars, marks and funding of 50 instruments from a written catalogue.

The peer is a plain polars read of the same files, joined on the hour and pivoted to arrays, without
any of the checks. Both read warm files; the best of some repeats counts. A second process tells the peak
of memory beside the size of the Panel. With --json, one JSON object.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from stopwatch import REPEATS, best_ns

from narrows.catalog import Series, open_catalog, panel
from narrows.catalog.schema import ALL, INSTRUMENTS, TABLES
from narrows.catalog.store import write
from narrows.core.instrument import instrument
from narrows.core.random import generator
from narrows.core.time import HOUR_NS

INSTRUMENTS_READ = 50
BARS = 8760
START_NS = 1_704_067_200_000_000_000  # 2024-01-01
VENUE = "alpha"
FIELDS = ("open", "high", "low", "close", "volume", "mark", "index", "rate")


def _symbols() -> list[str]:
    return [f"C{number}-USDT-PERP" for number in range(INSTRUMENTS_READ)]


def _rows(symbol: str) -> dict[str, pl.DataFrame]:
    """A year of one perpetual by table: random walks, all hours there."""
    random = generator(7, symbol)
    time_ns = START_NS + HOUR_NS * np.arange(1, BARS + 1, dtype=np.int64)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, BARS)))
    opened = close * np.exp(random.normal(0.0, 0.002, BARS))
    bars = {
        "time": time_ns,
        "bar_ns": np.full(BARS, HOUR_NS),
        "open": opened,
        "high": np.maximum(opened, close) * 1.003,
        "low": np.minimum(opened, close) * 0.997,
        "close": close,
        "volume": random.exponential(1e3, BARS),
    }
    index = close * np.exp(random.normal(0.0, 0.001, BARS))
    marks = {"time": time_ns, "mark": close * 1.0001, "index": index, "premium": close / index - 1.0}
    settled = time_ns[7::8]
    rates = {"time": settled, "rate": random.normal(1e-4, 1e-4, len(settled)), "interval_h": 8.0}
    return {"bars": pl.DataFrame(bars), "marks": pl.DataFrame(marks), "funding": pl.DataFrame(rates)}


def build(root: Path) -> list[str]:
    """Write the catalogue; returns the ids."""
    batch: dict[Series, pl.DataFrame] = {}
    known = []
    for symbol in _symbols():
        one = instrument(f"{symbol}.{VENUE}")
        columns = TABLES[INSTRUMENTS].columns
        known.append({name: getattr(one, name, None) for name in columns})
        for table, frame in _rows(symbol).items():
            batch[Series(table, VENUE, symbol)] = frame
    schema = {name: column.dtype for name, column in columns.items()}
    batch[Series(INSTRUMENTS, VENUE, ALL)] = pl.DataFrame(known, schema=schema)
    write(root, batch)
    return [f"{symbol}.{VENUE}" for symbol in _symbols()]


def read(root: Path, ids: list[str]) -> int:
    """The Panel, as a desk reads it: manifest, hashes, checks and all; returns its bytes."""
    prices = panel(open_catalog(root), ids, HOUR_NS)
    return sum({id(values.base): values.nbytes for values in prices.fields.values()}.values())


def plain(root: Path) -> dict[str, np.ndarray]:
    """The same files with polars alone: read, join on the hour, pivot each field to an array."""
    frames = []
    for symbol in _symbols():
        bars, marks, rates = (
            pl.read_parquet(str(root / table / VENUE / symbol / "*.parquet"))
            for table in ("bars", "marks", "funding")
        )
        joined = bars.join(marks, on="time", how="left").join(rates, on="time", how="left")
        frames.append(joined.with_columns(symbol=pl.lit(symbol)))
    table = pl.concat(frames)
    wide = {name: table.pivot("symbol", index="time", values=name, sort_columns=False) for name in FIELDS}
    return {name: frame.drop("time").to_numpy() for name, frame in wide.items()}


def _resident_mb(key: str) -> float:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def tell_memory(root: Path) -> None:
    """In a process of its own: bytes of the Panel, and how far memory rose for it at its peak (Linux)."""
    ids = [f"{symbol}.{VENUE}" for symbol in _symbols()]
    panel(open_catalog(root), ids[:1], HOUR_NS)
    Path("/proc/self/clear_refs").write_text("5", "utf-8")  # the peak starts anew
    before = _resident_mb("VmRSS")
    size = read(root, ids) / 2**20
    print(json.dumps({"panel_mb": size, "peak_rise_mb": _resident_mb("VmHWM") - before}))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "catalog"
        ids = build(root)
        ours, theirs = best_ns(lambda: read(root, ids), 1) / 1e6, best_ns(lambda: plain(root), 1) / 1e6
        command = [sys.executable, __file__, "--memory", str(root)]
        memory = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    rows = [
        {"what": f"panel, {INSTRUMENTS_READ} instruments × {BARS} bars", "ms": ours},
        {"what": "plain polars: read, join, pivot", "ms": theirs},
    ]
    if "--json" in sys.argv:
        print(json.dumps({"panel": rows, "memory": memory}))
        return
    print(f"{'best of ' + str(REPEATS) + ', files warm':46}{'ms':>10}{'× plain':>10}")
    for row in rows:
        print(f"{row['what']:46}{row['ms']:10.1f}{row['ms'] / theirs:10.2f}")
    print(
        f"{'memory: Panel / rise of the peak, MB':46}{memory['panel_mb']:10.1f}{memory['peak_rise_mb']:10.1f}"
    )


if __name__ == "__main__":
    if "--memory" in sys.argv:
        tell_memory(Path(sys.argv[-1]))
    else:
        main()
