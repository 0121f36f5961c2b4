"""Recordings: each tool's lines, packed in each way, and files that are broken."""

import gzip
import zipfile
from pathlib import Path

import polars as pl
import pytest

from narrows.core.errors import DataError
from narrows.live.recording import Received, read_recording
from narrows.venue.feed.messages import Unknown
from narrows.venue.feed.registry import FEEDS

LINES = (
    'https://api.kraken.com/0/public/AssetPairs -> 1618678132.358447: {"error":[]}',
    "wss://ws.kraken.com <-> 1618678132.3684630",
    'wss://ws.kraken.com <- 1618678132.83097: {"event":"subscribe"}',
    '1618678132.831468: {"event":"systemStatus"}',
    "",
    '1723161255030314667 {"stream":"btcusdt@trade","data":{}}',
    '[{"bare": "payload: 1.5"}]',
    'configuration: {"ticker":["BTC"]}',
    "17231612",
)
MESSAGES = [
    Received(1618678132_358447_000, b'{"error":[]}', "https://api.kraken.com/0/public/AssetPairs", False, 1),
    Received(1618678132_830970_000, b'{"event":"subscribe"}', "wss://ws.kraken.com", True, 3),
    Received(1618678132_831468_000, b'{"event":"systemStatus"}', "", False, 4),
    Received(1723161255_030314_667, b'{"stream":"btcusdt@trade","data":{}}', "", False, 6),
    Received(0, b'[{"bare": "payload: 1.5"}]', "", False, 7),
    Received(17231612_000000_000, b"", "", False, 9),
]


def packed(path: Path, lines: tuple[str, ...] = LINES) -> Path:
    """A recording, packed as its name says."""
    text = "\n".join(lines) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif path.suffix == ".zst":
        frame = pl.DataFrame({"line": lines})
        frame.write_csv(
            path, include_header=False, quote_style="never", compression="zstd", check_extension=False
        )
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("day.data", text)
    else:
        path.write_bytes(text.replace("\n", "\r\n").encode())
    return path


@pytest.mark.parametrize("name", ["day.log", "day.gz", "day.zst", "day.data.zip"])
def test_lines_of_every_tool_packed_in_every_way(tmp_path: Path, name: str) -> None:
    assert list(read_recording(packed(tmp_path / name))) == MESSAGES


def test_a_line_cut_short_is_a_payload_that_no_feed_knows(tmp_path: Path) -> None:
    cut = packed(tmp_path / "day.log", ('1618678134.2: [1920,{"b":[["0.04', "1618678134", "x"))
    for received in read_recording(cut):
        for feed in FEEDS.values():
            (message,) = feed.parse(received.payload, "")
            assert isinstance(message, Unknown)


@pytest.mark.parametrize("name", ["book.json", "book.json.gz", "book.json.zst"])
def test_a_json_file_is_one_payload(tmp_path: Path, name: str) -> None:
    path = packed(tmp_path / name, ("{", '  "lastUpdateId": 1', "}"))
    assert list(read_recording(path)) == [Received(0, b'{\n  "lastUpdateId": 1\n}', "", False, 1)]


def test_a_truncated_file_gives_what_it_holds_and_then_says_where_it_broke(tmp_path: Path) -> None:
    whole = packed(tmp_path / "day.gz", tuple(f"1618678132.{n:06} {{}}" for n in range(9000)))
    whole.write_bytes(whole.read_bytes()[:-2000])

    seen: list[Received] = []
    with pytest.raises(
        DataError, match=r"day.gz: broken or truncated after line \d{3,}: .*; fetch the file again"
    ):
        seen.extend(read_recording(whole))
    assert len(seen) > 100


@pytest.mark.parametrize("name", ["a.gz", "a.zst", "a.zip"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, name: str) -> None:
    whole = packed(tmp_path / name)
    whole.write_bytes(whole.read_bytes()[:30])
    with pytest.raises(DataError, match=f"{name}: broken or truncated after line 0"):
        list(read_recording(whole))
    with pytest.raises(DataError, match="no such file"):
        list(read_recording(tmp_path / ("other" + name)))


def test_a_zip_of_several_recordings_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "days.zip", "w") as archive:
        archive.writestr("one", "")
        archive.writestr("two", "")
    with pytest.raises(DataError, match="holds 2 files; give a zip of one recording"):
        list(read_recording(tmp_path / "days.zip"))
