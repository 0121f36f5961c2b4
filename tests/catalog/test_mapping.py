"""A mapping says everything or is refused, with the path of the key."""

import pytest

from catalog.folder import BARS, FUNDING
from narrows.catalog import load_mapping, parse_mapping
from narrows.core.errors import ConfigError

SPOT = BARS.format(file="x.parquet", symbol="BTC-USDT", more="")
RATES = FUNDING.format(file="x.parquet", symbol="BTC-USDT-PERP", more="")


def test_a_mapping_reads_as_sources() -> None:
    (source,) = parse_mapping(SPOT)
    assert (source.table, source.bar_ns, source.stamp) == ("bars", 3600 * 10**9, "open")
    assert source.columns["close"] == "c"


@pytest.mark.parametrize(
    ("text", "old", "new", "where", "what"),
    [
        (SPOT, "file =", "fil =", "source[0].fil", "unknown key"),
        (
            SPOT,
            'format = "s"',
            'format = "s", zon = "UTC"',
            "source[0].time.zon",
            "known keys are format, zone",
        ),
        (SPOT, 'format = "s"', 'format = "min"', "source[0].time.format", "unknown format 'min'"),
        (SPOT, 'format = "s"', 'format = "s", zone = "Mars/Base"', "time.zone", "unknown zone 'Mars/Base'"),
        (SPOT, '"bars"', '"bar"', "source[0].table", "unknown table 'bar'"),
        (SPOT, '"bars"', '"instruments"', "source[0].table", "[source.instrument]"),
        (SPOT, "BTC-USDT", "btc/usdt", "source[0].symbol", "not an instrument id"),
        (SPOT, '"venue"', '"Venue!"', "source[0].symbol", "not an instrument id"),
        (SPOT, "close =", "last =", "source[0].columns", "no column 'last'"),
        (SPOT, ', close = "c"', "", "source[0].columns", "'close' is not mapped"),
        (SPOT, 'time = "t", ', "", "source[0].columns", "'time' is not mapped"),
        (SPOT, 'stamp = "open"', "", "source[0]", "bar and stamp go together"),
        (SPOT, 'bar = "1h"\nstamp = "open"', "", "source[0]", "length of the bar is not said"),
        (SPOT, '"1h"', '"1 hour"', "source[0].bar", "not a duration"),
        (SPOT, "columns =", 'units = { close = "cents" }\ncolumns =', "units.close", "unit 'cents'"),
        (SPOT, "columns =", "interval_h = 8\ncolumns =", "source[0].interval_h", "belongs to funding"),
        (
            RATES,
            "columns =",
            'units = { rate = "permille" }\ncolumns =',
            "units.rate",
            "fraction, percent, bps",
        ),
        (RATES, "interval_h = 8", "", "source[0].columns", "'interval_h' is not mapped"),
        (RATES, 'rate = "r"', 'rate = "r", interval_h = "i"', "source[0]", "said twice"),
        (RATES, "interval_h = 8", "interval_h = -8", "source[0].interval_h", "not positive"),
        (RATES, "interval_h = 8", "interval_h = 7\ncarried_forward = true", "source[0]", "divides 24"),
        (RATES, "interval_h = 8", "interval_h = 8\nsnap_s = -1", "source[0].snap_s", "negative"),
        (SPOT, "[[source]]", "[[sources]]", "sources", "unknown section"),
        (SPOT, "[[source]]", "[source]", "mapping", "no [[source]]"),
        (SPOT, "=", ":", "mapping", "not TOML"),
        (
            SPOT,
            '"BTC-USDT"',
            '{ column = "k", pattern = "(", symbol = "x" }',
            "symbol.pattern",
            "regular expression",
        ),
    ],
)
def test_a_wrong_key_is_refused_with_its_path(text: str, old: str, new: str, where: str, what: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_mapping(text.replace(old, new))
    message = str(refused.value)
    assert where in message
    assert what in message
    assert "\n" not in message


def test_the_second_source_is_named_as_such() -> None:
    with pytest.raises(ConfigError, match=r"source\[1\]\.fil"):
        parse_mapping(SPOT + SPOT.replace("file =", "fil ="))


def test_a_missing_mapping_file_is_one_line(tmp_path: object) -> None:
    with pytest.raises(ConfigError, match="cannot read: No such file"):
        load_mapping(f"{tmp_path}/none.toml")
