"""The catalogue on disk: idempotent, never overwritten, never half-written, damage is noticed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.folder import BARS, START, Folder, bars_frame, rates_frame
from narrows.catalog import Series, ingest, open_catalog
from narrows.catalog.store import write
from narrows.core.errors import DataError

YEARS = [float(n) for n in range(100, 100 + 400)]
LONG = bars_frame(YEARS, start=START - 200 * 86_400, step=86_400)  # one bar a day over a new year
SPOT = Series("bars", "venue", "BTC-USDT")


def _daily(folder: Folder, frame: pl.DataFrame) -> None:
    text = BARS.format(file=folder.write(frame), symbol="BTC-USDT", more="")
    folder.ingest(text.replace('"1h"', '"1d"'))


def test_partitions_are_years_named_by_content_and_listed(folder: Folder) -> None:
    _daily(folder, LONG)
    listed = folder.catalog.manifest.partitions
    assert [key for key in listed if key.startswith("bars")] == [
        "bars/venue/BTC-USDT/2023", "bars/venue/BTC-USDT/2024",
    ]  # fmt: skip
    for key, one in listed.items():
        assert one.file == f"{key}-{one.sha256[:12]}.parquet"
        assert (folder.path / one.file).exists()
    assert sum(one.rows for one in folder.catalog.partitions(SPOT)) == 400


def test_the_same_data_again_changes_no_byte_and_writes_nothing(folder: Folder) -> None:
    _daily(folder, LONG)
    before = folder.files()
    _daily(folder, LONG)
    _daily(folder, LONG[50:120])
    assert folder.files() == before


def test_new_rows_are_merged_on_either_side(folder: Folder) -> None:
    _daily(folder, LONG[100:200])
    _daily(folder, LONG[150:400])
    _daily(folder, LONG[:100])
    assert folder.catalog.read(SPOT)["close"].to_list() == YEARS


def test_a_changed_value_is_refused_with_time_old_and_new(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11, 12, 13]))
    before = folder.files()
    with pytest.raises(
        DataError, match=r"close was 12.0 and would become 12.5 at 2024-01-01T03:00:00Z \(1 such"
    ):
        folder.bars(bars_frame([10, 11, 12, 13, 14]).with_columns(c=pl.col("c").replace(12.0, 12.5)))
    assert folder.files() == before


def test_one_refused_source_keeps_the_others_out_too(folder: Folder) -> None:
    folder.write(bars_frame([10, 11]), "good.parquet")
    folder.write(bars_frame([10, -11]), "bad.parquet")
    good = BARS.format(file="good.parquet", symbol="BTC-USDT", more="")
    with pytest.raises(DataError):
        folder.ingest(good + BARS.format(file="bad.parquet", symbol="ETH-USDT", more=""))
    assert not folder.path.exists()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks=st.permutations(range(8)))
def test_chunks_in_any_order_make_the_same_catalogue(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[int]
) -> None:
    whole, pieces = (Folder(tmp_path_factory.mktemp("catalog")) for _ in range(2))
    _daily(whole, LONG)
    for chunk in chunks:
        start = max(0, 50 * chunk - 7)  # chunks overlap
        _daily(pieces, LONG[start : 50 * chunk + 50])
    assert pieces.catalog.manifest == whole.catalog.manifest
    assert pieces.catalog.content_hash == whole.catalog.content_hash


def _in_child(folder: Folder, before: str) -> subprocess.CompletedProcess[str]:
    """Ingest in a child process, after running some lines in it."""
    script = f"""
import os, resource, signal
from narrows.catalog import ingest, store
{before}
ingest(["mapping.toml"], catalog="catalog")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


KILL = """
replace, calls = os.replace, []
def deadly(*paths):
    calls.append(paths)
    if len(calls) == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*paths)
os.replace = deadly
"""


@pytest.mark.parametrize("call", [1, 2, 4], ids=["first partition", "some partitions", "manifest"])
def test_a_kill_half_way_leaves_the_old_catalogue_readable(folder: Folder, call: int) -> None:
    _daily(folder, LONG[:250])
    old = folder.files()
    folder.write(LONG)
    folder.write(bars_frame(YEARS, start=START - 200 * 86_400, step=86_400), "y.parquet")
    text = BARS.format(file="x.parquet", symbol="BTC-USDT", more="")
    text += BARS.format(file="y.parquet", symbol="ETH-USDT", more="")
    folder.mapping(text.replace('"1h"', '"1d"'))
    child = _in_child(folder, KILL.format(call=call))
    assert child.returncode == -signal.SIGKILL
    assert len(folder.files()) > len(old)  # it did leave something behind
    assert folder.catalog.read(SPOT)["close"].to_list() == YEARS[:250]
    assert folder.catalog.series("bars") == [SPOT]
    ingest([folder.root / "mapping.toml"], root=folder.root, catalog=folder.path)
    assert folder.catalog.read(SPOT)["close"].to_list() == YEARS
    listed = {str(folder.path / one.file) for one in folder.catalog.manifest.partitions.values()}
    assert set(folder.files()) == listed | {str(folder.path / "manifest.json")}


def test_a_full_disk_is_one_line_and_changes_nothing(folder: Folder) -> None:
    _daily(folder, LONG[:50])
    before = folder.files()
    folder.write(LONG)
    folder.mapping(BARS.format(file="x.parquet", symbol="BTC-USDT", more="").replace('"1h"', '"1d"'))
    child = _in_child(folder, "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))")
    last = child.stderr.strip().splitlines()[-1]
    assert "DataError: catalog: cannot write: File too large; free some space" in last
    assert folder.files() == before


def test_a_full_disk_at_the_manifest_changes_nothing(folder: Folder) -> None:
    _daily(folder, LONG[:50])
    before = folder.files()
    folder.write(LONG)
    folder.mapping(BARS.format(file="x.parquet", symbol="BTC-USDT", more="").replace('"1h"', '"1d"'))
    fails = "store.msgspec.json.format = lambda *_, **__: b'x' * 10**7\n"
    child = _in_child(folder, fails + "resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))")
    assert "cannot write: File too large" in child.stderr
    assert folder.files() == before


def test_a_folder_that_cannot_be_made_is_one_line(folder: Folder) -> None:
    (folder.root / "catalog").write_text("a file is in the way")
    with pytest.raises(DataError, match="cannot write: "):
        folder.bars(bars_frame([10]))


def test_two_writers_do_not_meet(folder: Folder) -> None:
    folder.bars(bars_frame([10]))
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import fcntl, sys; f = open({str(folder.path / '.lock')!r}, 'wb');"
            "fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(DataError, match="another ingest is writing"):
        folder.bars(bars_frame([10, 11]))
    holder.communicate()
    assert folder.bars(bars_frame([10, 11]))[0].rows == 2


def test_a_damaged_partition_is_refused_when_read(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11]))
    (partition,) = folder.catalog.partitions(SPOT)
    path = folder.path / partition.file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{partition.file}: the partition is not the one in the manifest"):
        folder.catalog.read(SPOT)
    path.unlink()
    with pytest.raises(DataError, match="cannot read a partition: No such file"):
        folder.catalog.read(SPOT)


def test_no_catalogue_tells_to_ingest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no catalogue here; build a new one with `narrows ingest"):
        open_catalog(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"format": 99}, "catalogue of format 99, not 2"),
        ({"schemas": {"bars": 99}}, "table bars of version 99 is unknown"),
        ({"schemas": {"trades": 1}}, "table trades of version 1 is unknown"),
        ({"partitions": 3}, "the manifest is broken"),
        ({"format": None}, "catalogue of format None"),
    ],
)
def test_a_catalogue_of_another_version_is_refused(
    folder: Folder, change: dict[str, object], what: str
) -> None:
    folder.bars(bars_frame([10]))
    path = folder.path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    with pytest.raises(DataError, match=what):
        open_catalog(folder.path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff"])
def test_a_broken_manifest_is_refused(folder: Folder, content: bytes) -> None:
    folder.path.mkdir()
    (folder.path / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match="the manifest is broken"):
        open_catalog(folder.path)


def test_a_file_of_the_user_in_the_folder_is_left_alone(folder: Folder) -> None:
    folder.bars(bars_frame([10]))
    notes = [folder.path / "notes.md", folder.path / "bars/venue/BTC-USDT/notes.md"]
    for path in notes:
        path.write_text("mine")
    folder.bars(bars_frame([10, 11]))
    assert all(path.read_text() == "mine" for path in notes)


def test_a_window_reads_only_its_rows(folder: Folder) -> None:
    folder.funding(rates_frame([1e-4, 2e-4, 3e-4]))
    series, hour = Series("funding", "venue", "BTC-USDT-PERP"), 3600 * 10**9
    start = START * 10**9
    assert folder.catalog.read(series, start, start + 16 * hour)["rate"].to_list() == [2e-4, 3e-4]
    assert folder.catalog.read(series, start + 16 * hour).is_empty()
    some = folder.catalog.read(series, start, columns=("time", "rate"))
    assert (some.columns, some["rate"].to_list()) == (["time", "rate"], [2e-4, 3e-4])
    none = folder.catalog.read(Series("bars", "venue", "BTC-USDT"), columns=("time", "close"))
    assert (none.columns, none.height) == (["time", "close"], 0)


def test_writing_nothing_makes_no_manifest(folder: Folder) -> None:
    write(folder.path, {})
    assert not (folder.path / "manifest.json").exists()
