"""The catalogue: local files in by a declared mapping, checked tables on disk, Panels out.

ingest(["binance_btc.toml"], root="data", catalog="catalog")
prices = panel(open_catalog("catalog"), ["BTC-USDT.binance", "BTC-USDT-PERP.binance"], HOUR_NS)
"""

from narrows.catalog.assemble import panel
from narrows.catalog.desk import load_desk, load_panel
from narrows.catalog.ingest import Ingested, ingest
from narrows.catalog.mapping import load_mapping, parse_mapping
from narrows.catalog.schema import TABLES
from narrows.catalog.store import Catalog, Series, open_catalog
from narrows.catalog.universe import named, universe

__all__ = [
    "TABLES",
    "Catalog",
    "Ingested",
    "Series",
    "ingest",
    "load_desk",
    "load_mapping",
    "load_panel",
    "named",
    "open_catalog",
    "panel",
    "parse_mapping",
    "universe",
]
