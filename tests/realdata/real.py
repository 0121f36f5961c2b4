"""What the tests on real data share: the example mappings, and the catalogue made from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from narrows.catalog import Catalog, Ingested

REPOSITORY = Path(__file__).parents[2]
_NAMES = ("binance_btc", "okx_sol", "hyperliquid_btc")
MAPPINGS = [REPOSITORY / "examples" / "sources" / f"{name}.toml" for name in _NAMES]


@dataclass(frozen=True)
class Real:
    """The catalogue and what ingesting told, by (table, symbol.venue)."""

    catalog: Catalog
    told: Mapping[tuple[str, str], Ingested]
