"""The catalogue: how fast it is beside plain Parquet, and what ingesting public data takes.

Two million minute bars are written and read through the catalogue and by polars alone, with the same
compression, both forced to disk, in turns within one run; the ratio is the median of the turns. The
catalogue sorts, splits by year, hashes, and checks the hash when it reads. If the public data of
examples/sources is at hand (NARROWS_DATA, default ../shared/data), all of it is ingested in a process
of its own. With --json, one JSON object.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from narrows.catalog.store import Series, open_catalog, write
from narrows.core.time import MINUTE_NS, SECOND_NS

BARS, TURNS, SEED = 2_000_000, 5, 7
FIRST_NS = 1_577_836_800 * SECOND_NS
SERIES = Series("bars", "bench", "BTC-USDT")
REPOSITORY = Path(__file__).parents[1]


def bars() -> pl.DataFrame:
    """Seeded minute bars that look like prices: one decimal, volumes with three."""
    random = np.random.default_rng(SEED)
    price = (30_000 * np.exp(np.cumsum(random.normal(0, 5e-4, BARS)))).round(1)
    return pl.DataFrame(
        {
            "time": FIRST_NS + MINUTE_NS * np.arange(1, BARS + 1),
            "bar_ns": np.full(BARS, MINUTE_NS),
            "open": price,
            "high": price + 5,
            "low": price - 5,
            "close": price + 1,
            "volume": random.exponential(3, BARS).round(3),
        }
    )


def plain(frame: pl.DataFrame, path: Path) -> None:
    """Polars alone, as durable as the catalogue."""
    frame.write_parquet(path, compression="zstd", compression_level=3, statistics=False)
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.close(file)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / SECOND_NS


def against_plain(folder: Path) -> dict[str, float]:
    """Rows a second of the catalogue, and the ratio to plain Parquet; each turn writes anew."""
    frame = bars()
    ours: dict[str, list[float]] = {"write": [], "read": []}
    ratios: dict[str, list[float]] = {"write": [], "read": []}
    for turn in range(TURNS):
        file, catalog = folder / f"{turn}.parquet", folder / f"catalog{turn}"
        for what, by_polars, by_us in (
            ("write", lambda f=file: plain(frame, f), lambda c=catalog: write(c, {SERIES: frame})),
            ("read", lambda f=file: pl.read_parquet(f), lambda c=catalog: open_catalog(c).read(SERIES)),
        ):
            took = seconds(by_polars), seconds(by_us)
            ours[what].append(took[1])
            ratios[what].append(took[0] / took[1])
        assert open_catalog(catalog).read(SERIES).equals(frame)
    result = {}
    for what, took_s in ours.items():
        result[f"{what}_rows_per_s"] = BARS / statistics.median(took_s)
        result[f"{what}_of_plain"] = statistics.median(ratios[what])
    return result


def ingest_all(folder: Path) -> dict[str, float]:
    """Seconds and peak memory (MB) of `narrows ingest` over every example mapping; nothing without data."""
    root = Path(os.environ.get("NARROWS_DATA") or REPOSITORY.parent / "shared" / "data")
    if not root.is_dir():
        return {}
    program = "from narrows.cli.app import main; main()"
    mappings = sorted(map(str, (REPOSITORY / "examples" / "sources").glob("*.toml")))
    target = ["--root", str(root), "--catalog", str(folder / "all"), "--json"]
    start = time.perf_counter_ns()
    command = [sys.executable, "-c", program, "ingest", *mappings, *target]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    took = (time.perf_counter_ns() - start) / SECOND_NS
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    tables = json.loads(done.stdout)["tables"]
    rows = sum(one["rows"] for one in tables)
    return {"ingest_s": took, "ingest_peak_mb": peak_mb, "ingest_series": len(tables), "ingest_rows": rows}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        measured = against_plain(Path(name)) | ingest_all(Path(name))
    if "--json" in sys.argv:
        print(json.dumps({"catalogue": measured}))
        return
    print(f"{'catalogue, ' + format(BARS, ',') + ' bars':46}{'rows/s':>14}{'of plain Parquet':>18}")
    for what in ("write", "read"):
        print(f"{what:46}{measured[f'{what}_rows_per_s']:14,.0f}{measured[f'{what}_of_plain']:18.2f}")
    if "ingest_s" in measured:
        what = f"ingest of {measured['ingest_series']} series, {measured['ingest_rows']:,} rows"
        print(f"{what:46}{measured['ingest_s']:12.1f} s{measured['ingest_peak_mb']:15.0f} MB")
    else:
        print("ingest of public data: no data at hand")


if __name__ == "__main__":
    main()
