"""Which instruments: by name, or by a selection from what the catalogue holds."""

from collections.abc import Iterable
from difflib import get_close_matches

from narrows.catalog.schema import INSTRUMENTS
from narrows.catalog.store import Catalog, Series
from narrows.core.config import Universe
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument, instrument


def _id(series: Series) -> str:
    return f"{series.symbol}.{series.venue}"


def named(catalog: Catalog, ids: Iterable[str]) -> list[Instrument]:
    """The instruments with these ids, with the specification that the catalogue has.

    Raises
    ------
    ConfigError
        If the catalogue does not have one of them: with the nearest names.
    """
    known = {_id(series): series for series in catalog.series(INSTRUMENTS)}
    found = []
    for id_ in ids:
        if id_ not in known:
            near = get_close_matches(id_, known, n=3, cutoff=0.5) or sorted(known)[:3]
            remedy = f"did you mean {', '.join(near)}?" if near else "the catalogue is empty"
            raise ConfigError(f"no instrument {id_!r}", f"catalogue {catalog.root}", remedy)
        (partition,) = catalog.partitions(known[id_])
        row = catalog.load(partition).row(0, named=True)
        said = ("settle", "contract", "multiplier", "tick", "lot", "min_notional")
        found.append(instrument(id_, **{name: row[name] for name in said if row[name] is not None}))
    return found


def universe(catalog: Catalog, chosen: Universe) -> list[Instrument]:
    """The instruments that ``[universe]`` of a desk file means.

    Either the named ones, in their order, or all with bars that match every one of `venues`,
    `coins` and `kinds` that is given, sorted by id.

    Raises
    ------
    ConfigError
        If names and a selection are both given, a name is unknown, or nothing matches.
    """
    selection = (chosen.venues, chosen.coins, chosen.kinds)
    if chosen.instruments:
        if any(selection):
            remedy = "keep instruments, or venues, coins and kinds"
            raise ConfigError("instruments and a selection are both given", "universe", remedy)
        return named(catalog, chosen.instruments)
    matching = []
    for id_ in sorted(_id(series) for series in catalog.series("bars")):
        one = instrument(id_)
        facts = (one.venue, one.base, one.kind)
        if all(not allowed or fact in allowed for fact, allowed in zip(facts, selection, strict=True)):
            matching.append(id_)
    if not matching:
        held = ", ".join(sorted({f"{s.venue} {instrument(_id(s)).base}" for s in catalog.series("bars")}))
        raise ConfigError(
            "no instrument matches", "universe", f"the catalogue holds bars of {held or 'nothing'}"
        )
    return named(catalog, matching)
