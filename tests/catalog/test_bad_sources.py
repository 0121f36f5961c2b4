"""Sources that say what cannot be: one clear line each, no traceback, no value lost in silence."""

import json

import pytest

from catalog.folder import BARS, Folder, bars_frame
from narrows.core.errors import ConfigError, DataError

EPOCH = """
[[source]]
file = "x.parquet"
table = "prices"
venue = "venue"
symbol = "BTC-USDT"
time = {{ format = "ms", epoch = {{ file = '{pattern}' }} }}
columns = {{ time = "t", price = "p" }}
"""
SPECS = """
[[source]]
file = "x.json"
table = "specs"
venue = "venue"
at = 2024-01-01
symbol = { column = "symbol", pattern = '(.+)', symbol = '\\1-USDT-PERP' }
columns = { tick = "tick" }
"""


@pytest.mark.parametrize("pattern", ["/elsewhere/*.parquet", "x**.parquet"])
def test_a_pattern_that_is_not_below_the_root(pattern: str, folder: Folder) -> None:
    folder.write(bars_frame([10.0]))
    with pytest.raises(DataError, match="is no pattern of files below a folder; write it from --root on"):
        folder.ingest(BARS.format(file=pattern, symbol="BTC-USDT", more=""))


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (r"_(\d{8}", "not a regular expression: missing \\)"),
        (r"_\d{8}", "no group in the pattern; put the day in one"),
    ],
)
def test_an_epoch_whose_pattern_finds_no_day(pattern: str, what: str, folder: Folder) -> None:
    with pytest.raises(ConfigError, match=rf"source\[0\]\.time\.epoch\.file: {what}"):
        folder.ingest(EPOCH.format(pattern=pattern))


@pytest.mark.parametrize("tick", [2**63, -(2**63) - 1, 2**70])
@pytest.mark.parametrize("other", [1, 0.5, "1"])
def test_an_integer_beyond_64_bits_is_not_lost(tick: int, other: object, folder: Folder) -> None:
    rows = [{"symbol": "BTC", "tick": other}, {"symbol": "ETH", "tick": tick}]
    (folder.root / "x.json").write_text(json.dumps(rows))
    with pytest.raises(DataError, match=rf"x\.json: an integer beyond 64 bits in 'tick': {tick}; leave the"):
        folder.ingest(SPECS)


def test_the_widest_integers_are_read(folder: Folder) -> None:
    rows = [{"symbol": "BTC", "tick": 2**63 - 1}, {"symbol": "ETH", "tick": 1}]
    (folder.root / "x.json").write_text(json.dumps(rows))
    assert folder.ingest(SPECS)[0].rows == 2
