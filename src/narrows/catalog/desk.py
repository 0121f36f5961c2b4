"""From a desk file to the desk, and from the desk to its panel."""

from pathlib import Path

from msgspec.structs import replace

from narrows.catalog.assemble import panel
from narrows.catalog.files import text_of
from narrows.catalog.fx import with_rates
from narrows.catalog.repair import edited
from narrows.catalog.store import open_catalog
from narrows.catalog.universe import choose, traded, universe
from narrows.core.config import Desk, parse
from narrows.core.errors import ConfigError
from narrows.core.panel import Panel
from narrows.core.time import HOUR_NS
from narrows.market.synthetic import synthetic_market
from narrows.sim.terms import rules_of

DEMO = "demo"  # the catalogue name that means the embedded synthetic market
_DEMO_MARKET = "the demo market"


def load_desk(path: str | Path) -> Desk:
    """The Desk in a TOML file, with the texts of the rule files that it names (paths beside the desk file).

    Raises
    ------
    ConfigError
        If a file cannot be read or is not usable: one line with the path of the key.
    """
    desk = parse(text_of(path), Path(path).name)
    return replace(desk, rules=tuple(_rule_file(Path(path), name) for name in desk.data.rules))


def _rule_file(desk: Path, name: str) -> str:
    try:
        return text_of(desk.parent / name)
    except ConfigError as error:
        remedy = "paths start at the folder of the desk file"
        raise ConfigError(f"{error.where}: {error.what}", f"{desk.name}: data.rules", remedy) from None


def load_panel(desk: Desk) -> Panel:
    """The Panel of a desk: its universe over its window, less what it excludes, with its repairs.

    Of a selection, what has no bars in the window is left out, and `Panel.notes` says so.

    Raises
    ------
    ConfigError, DataError
        If the catalogue lacks an instrument, a named one has no bars in the window, or none has; if
        an exclude or a repair means no bar.
    """
    return edited(as_stored(desk), desk.data)


def as_stored(desk: Desk) -> Panel:
    """The Panel of a desk as its catalogue or the demo market has it, nothing excluded or repaired.

    Raises
    ------
    ConfigError, DataError
        As `load_panel`.
    """
    selected = not desk.universe.instruments
    if desk.data.catalog == DEMO:
        return traded(_demo_panel(desk), selected, _DEMO_MARKET)
    catalog = open_catalog(desk.data.catalog)
    ids = [one.id for one in universe(catalog, desk.universe)]
    prices = panel(catalog, ids, desk.bar_ns, desk.start_ns, desk.end_ns, selected, rules_of(desk))
    return with_rates(prices, desk, catalog)


def _demo_panel(desk: Desk) -> Panel:
    if desk.bar_ns != HOUR_NS:
        raise ConfigError("the demo market is hourly", "desk.bar", 'write bar = "1h"')
    market, _ = synthetic_market(desk.seed)
    ids = choose([one.id for one in market.instruments], desk.universe, _DEMO_MARKET)
    columns = [market.column(id_) for id_ in ids]
    last = desk.end_ns or int(market.time_ns[-1])
    rows = (market.time_ns > desk.start_ns) & (market.time_ns <= last)
    if not rows.any():
        raise ConfigError("the window has no data", "desk.start", "the demo market is the year 2024")
    fields = {name: values[rows][:, columns] for name, values in market.fields.items()}
    chosen = [market.instruments[column] for column in columns]
    return Panel.of(chosen, market.time_ns[rows], market.bar_ns, market.notes, **fields)
