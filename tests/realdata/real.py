"""What the tests on real data share: the example mappings, and the catalogues made from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from narrows.catalog import Catalog, Ingested, ingest, open_catalog

REPOSITORY = Path(__file__).parents[2]
SOURCES = REPOSITORY / "examples" / "sources"
_NAMES = ("binance_btc", "okx_sol", "hyperliquid_btc")
MAPPINGS = [SOURCES / f"{name}.toml" for name in _NAMES]
ALL_MAPPINGS = sorted(SOURCES.glob("*.toml"))


@dataclass(frozen=True)
class Real:
    """The catalogue and what ingesting told, by (table, symbol.venue)."""

    catalog: Catalog
    told: Mapping[tuple[str, str], Ingested]


@dataclass(frozen=True)
class Alone:
    """One mapping, one catalogue."""

    data: Path
    folder: Path

    def __getitem__(self, name: str) -> Catalog:
        if not (self.folder / name).exists():
            ingest([SOURCES / f"{name}.toml"], root=self.data, catalog=self.folder / name)
        return open_catalog(self.folder / name)
