"""From a desk file to the desk, and from the desk to its panel."""

from pathlib import Path

from narrows.catalog.assemble import panel
from narrows.catalog.store import open_catalog
from narrows.catalog.universe import universe
from narrows.core.config import Desk, Universe, parse
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel
from narrows.core.time import HOUR_NS
from narrows.market.synthetic import synthetic_market

DEMO = "demo"  # the catalogue name that means the embedded synthetic market


def load_desk(path: str | Path) -> Desk:
    """The Desk in a TOML file.

    Raises
    ------
    ConfigError
        If the file cannot be read or is not usable: one line with the path of the key.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}", str(path), "check the path") from None
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", str(path), "is it a TOML file?") from None
    return parse(text, Path(path).name)


def load_panel(desk: Desk) -> Panel:
    """The Panel of a desk: its universe over its window, from its catalogue or the demo market.

    Raises
    ------
    ConfigError, DataError
        If the catalogue lacks an instrument or the window has no data.
    """
    if desk.data.catalog == DEMO:
        return _demo_panel(desk)
    catalog = open_catalog(desk.data.catalog)
    ids = [one.id for one in universe(catalog, desk.universe)]
    return panel(catalog, ids, desk.bar_ns, desk.start_ns, desk.end_ns)


def _chosen(have: tuple[Instrument, ...], wanted: Universe) -> list[Instrument]:
    if wanted.instruments:
        known = {one.id: one for one in have}
        missing = [id_ for id_ in wanted.instruments if id_ not in known]
        if missing:
            raise ConfigError(
                f"no instrument {missing[0]!r}", "universe", f"the demo market has {', '.join(known)}"
            )
        return [known[id_] for id_ in wanted.instruments]
    allowed = (wanted.venues, wanted.coins, wanted.kinds)
    found = [
        one
        for one in have
        if all(
            not some or fact in some
            for fact, some in zip((one.venue, one.base, one.kind), allowed, strict=True)
        )
    ]
    if not found:
        raise ConfigError(
            "no instrument matches", "universe", "the demo market has BTC and ETH on alpha and beta"
        )
    return found


def _demo_panel(desk: Desk) -> Panel:
    if desk.bar_ns != HOUR_NS:
        raise ConfigError("the demo market is hourly", "desk.bar", 'write bar = "1h"')
    market, _ = synthetic_market(desk.seed)
    chosen = _chosen(market.instruments, desk.universe)
    last = desk.end_ns or int(market.time_ns[-1])
    rows = (market.time_ns > desk.start_ns) & (market.time_ns <= last)
    if not rows.any():
        raise ConfigError("the window has no data", "desk.start", "the demo market is the year 2024")
    columns = [market.column(one.id) for one in chosen]
    fields = {name: values[rows][:, columns] for name, values in market.fields.items()}
    return Panel.of(chosen, market.time_ns[rows], market.bar_ns, market.notes, **fields)
