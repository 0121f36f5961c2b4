"""Books and ticks: levels changed a second, and rows written and read against plain pyarrow.

The recorded Binance books of the public data (NARROWS_DATA, default ../shared/data) are laid out as
columns, once for the book and many times over for the files. Books are changed on one core: all rows in
one call, the same with the touch read after each message, and one call a message; beside it a book of
sorted arrays, the best at the end, which is what one would write first. Files are written and read by
us and by pyarrow alone, with the same encodings, row groups and fsync, in turns; the ratio is the median
of the turns. All in processor seconds, so that a busy machine bends them less, the best of the repeats.
Peak memory is that of a process that writes and reads a table, and of one whose table is ten times as
long. With --json, one JSON object.
"""

import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit

from narrows.catalog.ticks import ENCODING, GROUP_ROWS, SCHEMA, Ticks, TickWriter, read_deltas
from narrows.core.time import DAY_NS, SECOND_NS
from narrows.market.book import ASK, LAST, SNAPSHOT, apply, empty_book, replay

REPEATS, TURNS, ROWS = 15, 5, 4_000_000
ID = "BTC-USDT-PERP.binance"
DATA = Path(os.environ.get("NARROWS_DATA") or Path(__file__).parents[2] / "shared" / "data") / "hftbacktest"


class Source(NamedTuple):
    file: str
    tick: str
    lot: str


SOURCES = {
    "spot": Source("spot/btcusdt_20240808.gz", "0.01", "0.00001"),
    "linear": Source("usdm/btcusdt_20240808.gz", "0.1", "0.001"),
    "inverse": Source("cm/btcusd_perp_20240808.gz", "0.1", "1"),
}


def messages(source: Source) -> Iterator[tuple[int, int, int, int, list[list[str]], list[list[str]]]]:
    """Received, time, update, flags, bids and asks of each snapshot and change, as recorded."""
    with gzip.open(DATA / source.file) as lines:
        for line in lines:
            stamp, _, text = line.partition(b" ")
            told = msgspec.json.decode(text)
            if "lastUpdateId" in told:
                yield int(stamp), told.get("E", 0), told["lastUpdateId"], SNAPSHOT, told["bids"], told["asks"]
            elif told["data"].get("e") == "depthUpdate":
                one = told["data"]
                yield int(stamp), one["E"], one["u"], 0, one["b"], one["a"]


def columns(source: Source) -> Ticks:
    """A recording as columns, in the order recorded."""
    tick, lot = Decimal(source.tick), Decimal(source.lot)
    rows = []
    for received, time_ms, update, flag, bids, asks in messages(source):
        sides = [(flag, level) for level in bids] + [(flag | ASK, level) for level in asks]
        for place, (flags, (price, size)) in enumerate(sides, 1):
            last = LAST if place == len(sides) else 0
            steps = int(Decimal(price) / tick), int(Decimal(size) / lot)
            rows.append((time_ms * 1_000_000, received, update, flags | last, *steps))
    table = np.array(rows, np.int64).T
    return Ticks._make(
        np.ascontiguousarray(one, np.int8 if at == 3 else np.int64) for at, one in enumerate(table)
    )


def cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time_ns()
    work()
    return (time.process_time_ns() - start) / SECOND_NS


def best_s(work: Callable[[], object]) -> float:
    work()
    return min(cpu_s(work) for _ in range(REPEATS))


@njit
def sorted_book(keys, sizes, counts, flags, ticks, lots):  # type: ignore[no-untyped-def]
    """The peer: each side as arrays sorted with the best at the end."""
    for row in range(len(ticks)):
        side = np.int64(flags[row] & 1)
        key = -ticks[row] if side else ticks[row]
        count = counts[side]
        at = np.searchsorted(keys[side, :count], key)
        known = at < count and keys[side, at] == key
        if lots[row] and known:
            sizes[side, at] = lots[row]
        elif lots[row]:
            for move in range(count, at, -1):
                keys[side, move], sizes[side, move] = keys[side, move - 1], sizes[side, move - 1]
            keys[side, at], sizes[side, at] = key, lots[row]
            counts[side] += 1
        elif known:
            for move in range(at, count - 1):
                keys[side, move], sizes[side, move] = keys[side, move + 1], sizes[side, move + 1]
            counts[side] -= 1


def books(rows: Ticks) -> dict[str, float]:
    """Levels changed a second, in four ways."""
    arrays = rows.flags, rows.ticks, rows.lots
    ends = np.flatnonzero(rows.flags & LAST)
    pieces = [
        (one.start, one.stop) for one in map(slice, [0, *(ends[:-1] + 1).tolist()], (ends + 1).tolist())
    ]

    def by_message() -> None:
        book = empty_book()
        for start, stop in pieces:
            apply(book, rows.flags[start:stop], rows.ticks[start:stop], rows.lots[start:stop])

    def sorted_arrays() -> None:
        room = np.zeros((2, 2, 20_000), np.int64)
        sorted_book(room[0], room[1], np.zeros(2, np.int64), *arrays)

    ways = {
        "one call": lambda: apply(empty_book(), *arrays),
        "one call, touch read each message": lambda: replay(empty_book(), *arrays, ends),
        "one call a message": by_message,
        "sorted arrays": sorted_arrays,
    }
    return {name: len(rows.lots) / best_s(work) for name, work in ways.items()}


def long_table(rows: Ticks, length: int) -> Ticks:
    """A recording over and over, each time later, within one day."""
    times = -(-length // len(rows.lots))
    span = int(rows.received_ns[-1] - rows.received_ns[0]) + 1
    later = np.repeat(span * np.arange(times), len(rows.lots))
    start = int(rows.received_ns[0]) // DAY_NS * DAY_NS - int(rows.received_ns[0])
    table = Ticks._make(np.tile(one, times) for one in rows)
    return table._replace(
        received_ns=table.received_ns + later + start, time_ns=table.time_ns + later + start
    )


def plain_write(rows: Ticks, path: Path) -> None:
    table = pa.Table.from_arrays(list(map(pa.array, rows)), schema=SCHEMA)
    pq.write_table(table, path, row_group_size=GROUP_ROWS, **ENCODING)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def plain_read(path: Path) -> None:
    with pq.ParquetFile(path) as file:
        for group in range(file.metadata.num_row_groups):
            file.read_row_group(group)


def write(rows: Ticks, root: Path) -> None:
    with TickWriter(root, ID, "0.1", "0.001") as writer:
        writer.deltas(rows)


def read(root: Path) -> int:
    return sum(len(batch.rows.lots) for batch in read_deltas(root, ID))


def files(rows: Ticks) -> dict[str, float]:
    """Rows a second of processor time, and the ratio to plain pyarrow."""
    took: dict[str, list[float]] = {"write": [], "read": []}
    ratios: dict[str, list[float]] = {"write": [], "read": []}
    for _ in range(TURNS):
        with tempfile.TemporaryDirectory() as name:
            root, path = Path(name), Path(name) / "plain.parquet"
            for what, theirs, ours in (
                ("write", lambda p=path: plain_write(rows, p), lambda r=root: write(rows, r)),
                ("read", lambda p=path: plain_read(p), lambda r=root: read(r)),
            ):
                plain, own = cpu_s(theirs), cpu_s(ours)
                took[what].append(own)
                ratios[what].append(plain / own)
            assert read(root) == len(rows.lots)
            size = path.stat().st_size
    told = {"bytes_a_row": size / len(rows.lots)}
    for what, seconds in took.items():
        told[f"{what}_rows_per_s"] = len(rows.lots) / min(seconds)
        told[f"{what}_of_plain"] = statistics.median(ratios[what])
    return told


def grow(times: int) -> None:
    """Write and read a table of so many pieces, a piece at a time; print the peak in MB."""
    random, length = np.random.default_rng(7), GROUP_ROWS
    stamps, moves = np.arange(1, length + 1), random.integers(-3, 4, length)
    rows = Ticks(
        stamps, stamps, stamps, np.full(length, LAST, np.int8), 600_000 + np.cumsum(moves), 1 + moves**2
    )
    with tempfile.TemporaryDirectory() as name:
        with TickWriter(name, ID, "0.1", "0.001") as writer:
            for one in range(times):
                writer.deltas(rows._replace(received_ns=stamps + one * length))
        assert read(Path(name)) == times * length
    told = Path("/proc/self/status").read_text("utf-8")  # getrusage would count what the parent had
    print(int(told.split("VmHWM:")[1].split()[0]) / 1024)


def peak_mb(times: int) -> float:
    done = subprocess.run(
        [sys.executable, __file__, "--grow", str(times)], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def main() -> None:
    if "--grow" in sys.argv:
        grow(int(sys.argv[-1]))
        return
    if not DATA.is_dir():
        print("{}" if "--json" in sys.argv else "books: no data at hand")
        return
    pa.set_cpu_count(1)
    recorded = {name: columns(source) for name, source in SOURCES.items()}
    told = {
        "levels_per_s": {name: books(rows) for name, rows in recorded.items()},
        "files": files(long_table(recorded["linear"], ROWS)),
        "peak_mb": {str(times): peak_mb(times) for times in (4, 40)},
        "load": os.getloadavg()[0],
    }
    if "--json" in sys.argv:
        print(json.dumps({"book": told}))
        return
    ways = list(told["levels_per_s"]["spot"])
    print(f"{'levels changed a second, millions':36}" + "".join(f"{name:>10}" for name in recorded))
    for way in ways:
        print(f"{way:36}" + "".join(f"{told['levels_per_s'][name][way] / 1e6:10.1f}" for name in recorded))
    one = told["files"]
    print(f"{'ticks, ' + format(ROWS, ',') + ' rows or more':36}{'M rows/s':>10}{'of plain pyarrow':>18}")
    for what in ("write", "read"):
        print(f"{what:36}{one[f'{what}_rows_per_s'] / 1e6:10.1f}{one[f'{what}_of_plain']:18.2f}")
    print(f"bytes a row {one['bytes_a_row']:.2f}; peak memory of 1 and 10 million rows: ", end="")
    print(", ".join(f"{mb:.0f} MB" for mb in told["peak_mb"].values()) + f"; load {told['load']:.1f}")


if __name__ == "__main__":
    main()
