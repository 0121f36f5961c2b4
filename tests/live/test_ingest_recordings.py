"""`[[recording]]` of a mapping: every wrong key, and files that are whole, cut, without times or missing."""

import gzip
import json
from pathlib import Path

import pytest

from narrows.catalog import parse_mapping
from narrows.catalog.mapping import parse_recordings
from narrows.catalog.ticks import parts, read_deltas, read_trades
from narrows.cli.app import main
from narrows.core.errors import ConfigError, DataError
from narrows.live.record import ingest_recordings

ID = "XRP-USDT-PERP.bybit"
MAPPING = """
[[recording]]
file = "*.log"
feed = "bybit"
symbol = "XRPUSDT"
instrument = "XRP-USDT-PERP.bybit"
tick = "0.0001"
lot = "1"
"""
DAY_MS = 1_733_011_200_000  # 2024-12-01


def book(kind: str, number: int, bids: object, asks: object) -> str:
    data = {"s": "XRPUSDT", "b": bids, "a": asks, "u": number, "seq": number}
    topic = {"topic": "orderbook.500.XRPUSDT", "type": kind, "ts": DAY_MS + number}
    return json.dumps({**topic, "data": data})


LINES = [
    book("snapshot", 5, [["1.95", "10"]], [["1.96", "20"]]),
    book("delta", 6, [["1.95", "0"], ["1.94", "7"]], []),
    '{"what": "is this"}',
    book("delta", 7, [], [["1.96", "0.5"]]),  # off the lot
    book("delta", 8, [], [["1.96", "3"]]),
    book("snapshot", 9, [["1.93", "1"]], [["1.97", "1"]]),
    book("delta", 11, [["1.92", "1"]], []),  # 10 is missing
    '{"topic":"publicTrade.XRPUSDT","type":"snapshot","ts":1733011200012,"data":[{"T":1733011200012,'
    '"s":"XRPUSDT","S":"Buy","v":"4","p":"1.9700","i":"a-b"},{"T":1733011200012,"s":"XRPUSDT",'
    '"S":"Sell","v":"4.5","p":"1.9700","i":"a-c"}]}',
]


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    (tmp_path / "one.log").write_text("\n".join(LINES[:3]) + "\n", "utf-8")
    (tmp_path / "two.log").write_text("\n".join(LINES[3:]) + "\n", "utf-8")
    path = tmp_path / "books.toml"
    path.write_text(MAPPING, "utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("feed =", "fed =", "recording[0].fed", "known keys are file, feed, symbol, instrument, tick, lot"),
        ('feed = "bybit"', "", "recording[0]", "feed"),
        ('"*.log"', '""', "recording[0].file", "it is empty"),
        ('"XRPUSDT"', '""', "recording[0].symbol", "it is empty"),
        (ID, "xrp/usdt", "recording[0].instrument", "'xrp/usdt' is not an instrument id"),
        ('"0.0001"', '"0"', "recording[0].tick", "'0' is not a number above zero; give it as text"),
        ('"0.0001"', "0.0001", "recording[0].tick", "float"),
        ('lot = "1"', 'lot = "one"', "recording[0].lot", "'one' is not a number above zero"),
        ('lot = "1"', 'lot = "NaN"', "recording[0].lot", "'NaN' is not a number above zero"),
        ('lot = "1"', 'lot = "1"\nclock_s = nan', "recording[0].clock_s", "give seconds"),
        ('lot = "1"', 'lot = "1"\nstale_ms = 0', "recording[0].stale_ms", "0 is not positive"),
        ("[[recording]]", "[recording]", "mapping", "no [[recording]]; write [[recording]] above each"),
        ("[[recording]]", "[[records]]", "records", "the sections are [[source]] and [[recording]]"),
        (MAPPING, "", "mapping", "neither [[source]] nor [[recording]]"),
    ],
)
def test_a_wrong_key_is_refused_with_its_path(old: str, new: str, where: str, what: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_recordings(MAPPING.replace(old, new))
    message = str(refused.value)
    assert where in message
    assert what in message
    assert "\n" not in message


def test_a_mapping_may_have_recordings_only() -> None:
    assert parse_mapping(MAPPING) == ()
    (one,) = parse_recordings(MAPPING + "clock_s = 1.27\n")
    assert (one.feed, one.clock_ns, one.stale_ms) == ("bybit", 1_270_000_000, 5_000)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("bybit", "bitmex", r"books.toml: recording\[0\].feed: unknown feed 'bitmex'; choose from binance, "),
        ('"1"', '"0.' + "0" * 20 + '1"', r"books.toml: recording\[0\]: size lot .* more digits"),
    ],
)
def test_a_feed_or_grid_that_no_book_has_is_refused(mapping: Path, old: str, new: str, said: str) -> None:
    mapping.write_text(MAPPING.replace(old, new, 1), "utf-8")
    with pytest.raises(ConfigError, match=said):
        ingest_recordings([mapping], root=mapping.parent, catalog=mapping.parent / "catalog")
    assert not (mapping.parent / "catalog").exists()


def test_files_follow_each_other_and_all_that_is_odd_is_told(mapping: Path) -> None:
    catalog = mapping.parent / "catalog"
    deltas, trades = ingest_recordings([mapping], root=mapping.parent, catalog=catalog)
    assert (deltas.table, deltas.venue, deltas.symbol) == ("deltas", "bybit", "XRP-USDT-PERP")
    assert (deltas.rows, deltas.start, deltas.end) == (8, "2024-12-01T00:00:00Z", "2024-12-01T00:00:00Z")
    assert (deltas.gaps, deltas.rejected, deltas.dropped) == (1, 2, 0)
    assert deltas.notes == [
        "messages, before the first snapshot: 2",
        "messages, size off the lot: 1",
        "messages, unknown message: 1",
        "book in doubt, a change could not be read: 1",
        "book in doubt, gap in the sequence: 1",
    ]
    assert (trades.rows, trades.rejected, trades.notes) == (1, 1, ["trades, off lot: 1"])
    (batch,) = read_deltas(catalog, ID)
    rows = batch.rows
    assert ((rows.received_ns // 10**6) - DAY_MS).tolist() == [5, 5, 6, 6, 7, 9, 9, 11]  # the venue's own
    assert rows.ticks.tolist() == [19500, 19600, 19500, 19400, 0, 19300, 19700, 0]
    assert rows.lots.tolist() == [10, 20, 0, 7, 0, 1, 1, 0]
    (batch,) = read_trades(catalog, ID)
    assert (batch.rows.ticks.tolist(), batch.rows.lots.tolist()) == ([19700], [4])


def test_the_same_recording_again_changes_nothing_and_says_so(mapping: Path) -> None:
    catalog = mapping.parent / "catalog"
    ingest_recordings([mapping], root=mapping.parent, catalog=catalog)
    before = [(path, path.stat().st_mtime_ns) for path in sorted(catalog.rglob("*.parquet"))]
    deltas, trades = ingest_recordings([mapping], root=mapping.parent, catalog=catalog)
    assert [(path, path.stat().st_mtime_ns) for path in sorted(catalog.rglob("*.parquet"))] == before
    assert (deltas.rows, deltas.start, deltas.dropped) == (0, "", 5)
    assert deltas.notes[-1] == "messages, stored already: 5"
    assert (trades.rows, trades.notes[-1]) == (0, "messages, stored already: 1")


def test_where_a_file_is_cut_the_stream_broke_off(mapping: Path) -> None:
    packed = gzip.compress("\n".join(LINES[:2] * 2000).encode())
    (mapping.parent / "a.gz").write_bytes(packed[: len(packed) - 12])
    (mapping.parent / "b.gz").write_bytes(gzip.compress(LINES[5].encode()))
    mapping.write_text(MAPPING.replace(".log", ".gz"), "utf-8")
    deltas, _ = ingest_recordings([mapping], root=mapping.parent, catalog=mapping.parent / "catalog")
    assert deltas.notes[0].startswith("a.gz: broken or truncated after line ")
    assert "book in doubt, stream broke off: 1" in deltas.notes
    last = list(read_deltas(mapping.parent / "catalog", ID))[-1].rows
    assert last.lots[-3:].tolist() == [0, 1, 1]  # not known, then the snapshot of the next file


def test_a_file_that_is_none_and_a_message_without_any_time_are_refused(mapping: Path) -> None:
    (mapping.parent / "one.gz").write_bytes(b"not packed")
    mapping.write_text(MAPPING.replace(".log", ".gz"), "utf-8")
    with pytest.raises(DataError, match="broken or truncated after line 0"):
        ingest_recordings([mapping], root=mapping.parent, catalog=mapping.parent / "catalog")
    mapping.write_text(MAPPING.replace(".log", ".day"), "utf-8")
    with pytest.raises(DataError, match="no file matches"):
        ingest_recordings([mapping], root=mapping.parent, catalog=mapping.parent / "catalog")
    (mapping.parent / "one.day").write_text('{"what": "is this"}\n', "utf-8")
    with pytest.raises(DataError, match=r"one\.day, line 1: neither recorder nor venue says when it was"):
        ingest_recordings([mapping], root=mapping.parent, catalog=mapping.parent / "catalog")


def test_the_command_prints_tables_and_notes(mapping: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = mapping.parent / "catalog"
    command = ["ingest", str(mapping), "--root", str(mapping.parent), "--catalog", str(catalog)]
    with pytest.raises(SystemExit) as left:
        main(command)
    said = capsys.readouterr().out
    assert not left.value.code
    line = next(line for line in said.splitlines() if line.startswith("deltas"))
    assert line.split()[:4] == ["deltas", "bybit", "XRP-USDT-PERP", "8"]
    assert line.split()[-4:] == ["1", "2", "–", "–"]
    assert "deltas XRP-USDT-PERP.bybit: book in doubt, gap in the sequence: 1" in said
    with pytest.raises(SystemExit):
        main([*command, "--json"])
    told = json.loads(capsys.readouterr().out)["tables"]
    assert [(one["table"], one["rows"], one["dropped"]) for one in told] == [
        ("deltas", 0, 5),
        ("trades", 0, 1),
    ]
    assert len(parts(catalog, "deltas", ID)) == 1
