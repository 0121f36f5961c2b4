"""Deltas and trades on disk: what comes back, what is refused, and what a crash leaves."""

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.folder import Folder, bars_frame
from narrows.catalog import ticks as module
from narrows.catalog.ticks import BUY, SCHEMA, Part, Ticks, TickWriter, parts, read_deltas, read_trades
from narrows.core.errors import ConfigError, DataError
from narrows.core.time import DAY_NS, HOUR_NS
from narrows.market.book import ASK, LAST, SNAPSHOT

ID = "BTC-USDT-PERP.binance"
DAY = 19_943 * DAY_NS  # 2024-08-08
FOLDER = "deltas/binance/BTC-USDT-PERP"


def _messages(lengths: list[int], received: list[int], seed: int = 0) -> Ticks:
    """Messages of so many rows, received at such times."""
    random, total = np.random.default_rng(seed), sum(lengths)
    flags = random.integers(0, 2, total) * ASK
    flags[np.cumsum(lengths) - 1] |= LAST
    flags[: lengths[0]] |= SNAPSHOT
    stamps = np.repeat(np.array(received, np.int64), lengths)
    return Ticks(
        time_ns=stamps - random.integers(0, 10**6, total),
        received_ns=stamps,
        sequence=np.repeat(np.arange(len(lengths)), lengths),
        flags=flags.astype(np.int8),
        ticks=600_000 + random.integers(-50, 50, total),
        lots=random.integers(0, 10**12, total),
    )


def _stored(root: Path, start: int = 0, end: int = 2**63 - 1, id_: str = ID) -> Ticks:
    return _joined([batch.rows for batch in read_deltas(root, id_, start, end)])


def _joined(pieces: list[Ticks]) -> Ticks:
    return Ticks._make(map(np.concatenate, zip(*pieces, strict=True)))


def _same(one: Ticks, two: Ticks) -> bool:
    columns: list[tuple[npt.NDArray[np.integer], ...]] = [tuple(one), tuple(two)]
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(*columns, strict=True))


def _write(root: Path, *pieces: Ticks, id_: str = ID, tick: str = "0.1") -> None:
    with TickWriter(root, id_, tick, "0.001") as writer:
        for piece in pieces:
            writer.deltas(piece)


SMALL = _messages([3, 1, 2], [DAY + 5, DAY + 7, DAY + 7])


def test_what_was_written_is_read_with_tick_and_lot(tmp_path: Path) -> None:
    _write(tmp_path, SMALL)
    (batch,) = read_deltas(tmp_path, ID)
    assert _same(batch.rows, SMALL)
    assert (batch.tick, batch.lot) == (Decimal("0.1"), Decimal("0.001"))
    (part,) = parts(tmp_path, "deltas", ID)
    path = tmp_path / FOLDER / "2024-08-08-000.parquet"
    assert part == Part(path, 6, DAY + 5, DAY + 7, Decimal("0.1"), Decimal("0.001"))


def test_trades_stand_beside(tmp_path: Path) -> None:
    trades = SMALL._replace(flags=np.array([BUY, 0, 0, BUY, 0, BUY], np.int8))
    with TickWriter(tmp_path, ID, "0.1", "0.001") as writer:
        writer.trades(trades)
        writer.deltas(SMALL)
    (batch,) = read_trades(tmp_path, ID)
    assert _same(batch.rows, trades)
    assert _same(_stored(tmp_path), SMALL)


def test_columns_are_delta_encoded_and_packed(tmp_path: Path) -> None:
    _write(tmp_path, SMALL)
    group = pq.ParquetFile(parts(tmp_path, "deltas", ID)[0].path).metadata.row_group(0)
    columns = [group.column(at) for at in range(group.num_columns)]
    assert [one.path_in_schema for one in columns] == SCHEMA.names
    assert all("DELTA_BINARY_PACKED" in one.encodings and one.compression == "ZSTD" for one in columns)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=12), min_size=1, max_size=6),
    step=st.sampled_from([0, HOUR_NS, 30 * HOUR_NS]),
    seals=st.booleans(),
    window=st.tuples(st.integers(-1, 80), st.integers(-1, 80)),
)
def test_any_pieces_come_back_in_whole_messages(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    lengths: list[list[int]],
    step: int,
    seals: bool,
    window: tuple[int, int],
) -> None:
    monkeypatch.setattr(module, "GROUP_ROWS", 32)
    root, count, pieces = tmp_path_factory.mktemp("catalog"), 0, []
    with TickWriter(root, ID, "0.1", "0.001") as writer:
        for some in lengths:
            piece = _messages(some, [DAY + step * (count + at) for at in range(len(some))], count)
            writer.deltas(Ticks._make(one.copy() for one in piece))
            if seals:
                writer.seal()
            count += len(some)
            pieces.append(piece)
    whole = _joined(pieces)
    batches = list(read_deltas(root, ID))
    assert _same(_joined([batch.rows for batch in batches]), whole)
    assert all(batch.rows.flags[-1] & LAST for batch in batches)
    assert all(len(batch.rows.lots) <= 64 for batch in batches)
    start, end = (DAY + step * one for one in window)
    inside = (whole.received_ns > start) & (whole.received_ns <= end)
    found = [batch.rows for batch in read_deltas(root, ID, start, end)]
    assert sum(len(one.lots) for one in found) == inside.sum()
    assert not inside.any() or _same(_joined(found), Ticks._make(one[inside] for one in whole))


def test_the_arrays_of_the_caller_are_its_own_again(tmp_path: Path) -> None:
    buffer = Ticks._make(one.copy() for one in SMALL)
    with TickWriter(tmp_path, ID, "0.1", "0.001") as writer:
        writer.deltas(buffer)
        buffer.lots[:] = 99
    assert _same(_stored(tmp_path), SMALL)


def test_each_day_is_a_file_and_a_new_tick_size_is_told(tmp_path: Path) -> None:
    later = SMALL._replace(received_ns=SMALL.received_ns + DAY_NS)
    _write(tmp_path, SMALL)
    _write(tmp_path, later, tick="0.01")
    names = [part.path.name for part in parts(tmp_path, "deltas", ID)]
    assert names == ["2024-08-08-000.parquet", "2024-08-09-000.parquet"]
    assert [batch.tick for batch in read_deltas(tmp_path, ID)] == [Decimal("0.1"), Decimal("0.01")]
    assert _same(_stored(tmp_path, DAY + DAY_NS), later)


def test_a_writer_started_again_continues_the_day(tmp_path: Path) -> None:
    later = SMALL._replace(received_ns=SMALL.received_ns + 2)
    _write(tmp_path, SMALL)
    _write(tmp_path, later)
    assert [part.path.name[-8:] for part in parts(tmp_path, "deltas", ID)] == [".parquet"] * 2
    assert _same(_stored(tmp_path), _joined([SMALL, later]))


def test_what_is_stored_is_not_written_twice(tmp_path: Path) -> None:
    _write(tmp_path, SMALL)
    with pytest.raises(DataError, match=rf"deltas of {ID}, row 0 of 6: received before .* what is stored"):
        _write(tmp_path, SMALL)
    assert _same(_stored(tmp_path), SMALL)


def _with(name: str, row: int, value: int) -> Ticks:
    column = getattr(SMALL, name).copy()
    column[row] = value
    return SMALL._replace(**{name: column})


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (_with("lots", 4, -1), "row 4 of 6: negative lots"),
        (_with("ticks", 0, -1), "row 0 of 6: a negative tick"),
        (_with("flags", 2, 8 | LAST), "row 2 of 6: flags that deltas do not have"),
        (_with("flags", 5, 0), "row 5 of 6: a message that is not whole"),
        (_with("received_ns", 3, DAY), "row 3 of 6: received before the row before it"),
        (_with("received_ns", 0, DAY + 4), "row 1 of 6: another stamp than its message"),
        (
            _with("received_ns", 0, -4),
            "row 0 of 6: received before the row before it, or before what is stored",
        ),
        (SMALL._replace(lots=SMALL.lots[:5]), "all are int64 and flags int8, of one length"),
        (SMALL._replace(lots=SMALL.lots.astype(float)), "lots float64"),
    ],
)
def test_bad_rows_are_refused_in_one_line_and_none_is_stored(tmp_path: Path, rows: Ticks, what: str) -> None:
    with TickWriter(tmp_path, ID, "0.1", "0.001") as writer:
        with pytest.raises(DataError, match=what) as refused:
            writer.deltas(rows)
        assert "\n" not in str(refused.value)
        assert "none of these rows was stored" in str(refused.value)
        writer.deltas(SMALL)
    assert _same(_stored(tmp_path), SMALL)


def test_a_trade_has_no_flags_of_a_book(tmp_path: Path) -> None:
    with (
        TickWriter(tmp_path, ID, "0.1", "0.001") as writer,
        pytest.raises(DataError, match="flags that trades"),
    ):
        writer.trades(SMALL)


@pytest.mark.parametrize("step", ["0", "-1", "nan", "inf", "a", ""])
def test_a_tick_or_lot_that_is_none_is_refused(tmp_path: Path, step: str) -> None:
    with pytest.raises(ConfigError, match=f"ticks of {ID}: tick"):
        TickWriter(tmp_path, ID, step, "1")
    with pytest.raises(ConfigError, match=f"ticks of {ID}: lot"):
        TickWriter(tmp_path, ID, "1", step)
    with pytest.raises(ConfigError, match="not an instrument id"):
        TickWriter(tmp_path, "BTC", "1", "1")
    assert not any(tmp_path.iterdir())


def test_an_instrument_that_is_not_there_tells_which_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no deltas of ETH-USDT.okx; record or ingest some first"):
        read_deltas(tmp_path, "ETH-USDT.okx")
    _write(tmp_path, SMALL)
    with pytest.raises(DataError, match=f"no deltas of ETH-USDT.okx; there are {ID}"):
        read_deltas(tmp_path, "ETH-USDT.okx")
    assert list(read_deltas(tmp_path, ID, DAY + DAY_NS)) == []


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_one_line(tmp_path: Path, keep: float) -> None:
    _write(tmp_path, SMALL)
    path = parts(tmp_path, "deltas", ID)[0].path
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    for read in (
        lambda: _stored(tmp_path),
        lambda: parts(tmp_path, "deltas", ID),
        lambda: _write(tmp_path, SMALL),
    ):
        with pytest.raises(
            DataError, match=r"000.parquet: not a whole Parquet file: .*; restore it"
        ) as refused:
            read()
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_one_bit_of_damage_is_noticed(tmp_path: Path, share: float) -> None:
    _write(tmp_path, _messages([5000], [DAY]))
    path = parts(tmp_path, "deltas", ID)[0].path
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"000.parquet: row group 0 is damaged: "):
        _stored(tmp_path)


@pytest.mark.parametrize("told", [{}, {"narrows.version": "99"}, {"narrows.version": "1"}])
def test_a_file_of_another_schema_is_refused(tmp_path: Path, told: dict[str, str]) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    table = pa.table({"price": [1.0]}).replace_schema_metadata(told)
    pq.write_table(table, tmp_path / FOLDER / "2024-08-08-000.parquet")
    version = told.get("narrows.version", "none")
    with pytest.raises(
        DataError, match=f"not a file of ticks of version 1: version {version}, columns price double"
    ):
        _stored(tmp_path)


def test_two_writers_of_one_instrument_do_not_meet(tmp_path: Path) -> None:
    with TickWriter(tmp_path, ID, "0.1", "0.001") as writer:
        writer.deltas(SMALL)
        with pytest.raises(DataError, match=f"another writer has the deltas of {ID}"):
            _write(tmp_path, SMALL)
        _write(tmp_path, SMALL, id_="BTC-USDT.okx")
    assert _same(_stored(tmp_path), _stored(tmp_path, id_="BTC-USDT.okx"))


def test_an_error_drops_what_is_not_sealed(tmp_path: Path) -> None:
    def fails() -> None:
        with TickWriter(tmp_path, ID, "0.1", "0.001") as writer:
            writer.deltas(SMALL)
            writer.seal()
            writer.deltas(SMALL._replace(received_ns=SMALL.received_ns + 9))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    assert _same(_stored(tmp_path), SMALL)


WRITES = """
import os, resource, signal, sys
import numpy as np
from narrows.catalog import ticks
from narrows.market.book import LAST
day, rows = 19_943 * 86_400 * 10**9, 50_000
ticks.GROUP_ROWS = rows
with ticks.TickWriter("catalog", "BTC-USDT-PERP.binance", "0.1", "0.001") as writer:
    def put(at):
        stamps = np.full(rows, day + at)
        noise = np.random.default_rng(at).integers(0, 2**40, rows)
        writer.deltas(ticks.Ticks(stamps, stamps, stamps, np.full(rows, LAST, np.int8), noise, noise))
    put(1); writer.seal()
    put(2); put(3)
"""


def _in_child(root: Path, then: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WRITES + then]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def test_a_kill_leaves_what_was_sealed_and_nothing_half_read(tmp_path: Path) -> None:
    child = _in_child(tmp_path, "    os.kill(os.getpid(), signal.SIGKILL)\n")
    assert child.returncode == -signal.SIGKILL
    root = tmp_path / "catalog"
    left = sorted(path.name for path in (root / FOLDER).glob("*.parquet*"))
    assert left == ["2024-08-08-000.parquet", "2024-08-08-001.parquet.tmp"]
    assert set(_stored(root).received_ns.tolist()) == {DAY + 1}
    _write(root, _messages([4], [DAY + 2]))  # the next writer removes what was left, and continues
    assert set(_stored(root).received_ns.tolist()) == {DAY + 1, DAY + 2}
    left = sorted(path.name for path in (root / FOLDER).glob("*.parquet*"))
    assert left == ["2024-08-08-000.parquet", "2024-08-08-001.parquet"]


def test_a_full_disk_is_one_line_and_keeps_what_was_sealed(tmp_path: Path) -> None:
    full = "    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))\n    put(4); put(5)\n"
    child = _in_child(tmp_path, full)
    last = child.stderr.strip().splitlines()[-1]
    assert "DataError: catalog: cannot write: " in last
    assert "what is sealed is safe" in last
    root = tmp_path / "catalog"
    assert set(_stored(root).received_ns.tolist()) == {DAY + 1}
    assert [path.name for path in (root / FOLDER).glob("*.parquet*")] == ["2024-08-08-000.parquet"]


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    def peak_mb(pieces: int) -> float:
        told = f"    for at in range(4, {pieces}): put(at)\n" + (
            "for batch in ticks.read_deltas('catalog', 'BTC-USDT-PERP.binance'): pass\n"
            "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"  # not of the parent
        )
        folder = tmp_path / str(pieces)
        folder.mkdir()
        return float(_in_child(folder, told).stdout) / 1024

    assert peak_mb(40) < peak_mb(6) + 30.0  # the rows between are 70 MB


def test_an_ingest_of_bars_leaves_ticks_alone(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11]))
    _write(folder.path, SMALL)
    before = folder.catalog.content_hash
    folder.bars(bars_frame([10, 11, 12]))
    assert _same(_stored(folder.path), SMALL)
    assert folder.catalog.content_hash != before
