"""A folder to write small sources, mappings and a catalogue in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from narrows.catalog import Catalog, Ingested, ingest, open_catalog
from narrows.core.time import HOUR_NS

START = 1_704_067_200  # 2024-01-01, seconds

BARS = """
[[source]]
file = "{file}"
table = "bars"
venue = "venue"
symbol = "{symbol}"
bar = "1h"
stamp = "open"
time = {{ format = "s" }}
columns = {{ time = "t", open = "o", high = "h", low = "l", close = "c" }}
{more}
"""

FUNDING = """
[[source]]
file = "{file}"
table = "funding"
venue = "venue"
symbol = "{symbol}"
interval_h = 8
time = {{ format = "s" }}
columns = {{ time = "t", rate = "r" }}
{more}
"""


def bars_frame(closes: Sequence[float | None], start: int = START, step: int = 3600) -> pl.DataFrame:
    """Bars with a range of ±1 around open = close."""
    close = pl.Series("c", closes, dtype=pl.Float64)
    times = pl.Series("t", [start + step * n for n in range(len(closes))], dtype=pl.Int64)
    return pl.DataFrame({"t": times, "o": close, "h": close + 1, "l": close - 1, "c": close})


def rates_frame(rates: Sequence[float], start: int = START, step: int = 8 * 3600) -> pl.DataFrame:
    times = pl.Series("t", [start + step * n for n in range(len(rates))], dtype=pl.Int64)
    return pl.DataFrame({"t": times, "r": pl.Series(rates, dtype=pl.Float64)})


@dataclass(frozen=True)
class Folder:
    root: Path

    @property
    def path(self) -> Path:
        return self.root / "catalog"

    @property
    def catalog(self) -> Catalog:
        return open_catalog(self.path)

    def mapping(self, text: str) -> Path:
        path = self.root / "mapping.toml"
        path.write_text(text)
        return path

    def ingest(self, text: str) -> list[Ingested]:
        return ingest([self.mapping(text)], root=self.root, catalog=self.path)

    def write(self, frame: pl.DataFrame, name: str = "x.parquet") -> str:
        frame.write_parquet(self.root / name)
        return name

    def bars(self, frame: pl.DataFrame, symbol: str = "BTC-USDT", more: str = "") -> list[Ingested]:
        return self.ingest(BARS.format(file=self.write(frame), symbol=symbol, more=more))

    def funding(self, frame: pl.DataFrame, symbol: str = "BTC-USDT-PERP", more: str = "") -> list[Ingested]:
        return self.ingest(FUNDING.format(file=self.write(frame), symbol=symbol, more=more))

    def times(self, table: str, symbol: str) -> list[float]:
        """Stored times in hours since START."""
        series = next(one for one in self.catalog.series(table) if one.symbol == symbol)
        return [(t - START * 10**9) / HOUR_NS for t in self.catalog.read(series)["time"].to_list()]

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Every file of the catalogue with its bytes and the time of its last change."""
        found = [path for path in self.path.rglob("*") if path.is_file() and path.name != ".lock"]
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}
