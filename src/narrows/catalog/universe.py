"""Which instruments: by name, or by a selection from what there is, less those without bars in the window."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

import numpy as np

from narrows.catalog.store import Catalog, Series
from narrows.core.config import Universe
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import Instrument, instrument
from narrows.core.panel import Panel
from narrows.core.time import iso


def _id(series: Series) -> str:
    return f"{series.symbol}.{series.venue}"


def _held(ids: Iterable[str], have: Collection[str], where: str) -> list[str]:
    """The ids, if all of them are there; else the error that tells the nearest."""
    found = list(ids)
    for id_ in found:
        if id_ not in have:
            near = get_close_matches(id_, have, n=3, cutoff=0.5) or sorted(have)[:3]
            remedy = f"did you mean {', '.join(near)}?" if near else "there is no instrument at all"
            raise ConfigError(f"no instrument {id_!r}", where, remedy)
    return found


def choose(have: Collection[str], wanted: Universe, where: str) -> list[str]:
    """The ids that ``[universe]`` of a desk file means, out of those there are.

    Either the named ones, in their order, or all that match every one of `venues`, `coins` and
    `kinds` that is given, in the order of `have`.

    Raises
    ------
    ConfigError
        If names and a selection are both given, a name is unknown, or nothing matches.
    """
    selection = (wanted.venues, wanted.coins, wanted.kinds)
    if wanted.instruments:
        if any(selection):
            remedy = "keep instruments, or venues, coins and kinds"
            raise ConfigError("instruments and a selection are both given", "universe", remedy)
        return _held(wanted.instruments, have, where)
    facts = {one.id: (one.venue, one.base, one.kind) for one in map(instrument, have)}
    matching = [
        id_
        for id_, known in facts.items()
        if all(not allowed or fact in allowed for fact, allowed in zip(known, selection, strict=True))
    ]
    if not matching:
        held = ", ".join(sorted({f"{venue} {base}" for venue, base, _ in facts.values()}))
        raise ConfigError("no instrument matches [universe]", where, f"it holds bars of {held or 'nothing'}")
    return matching


def named(catalog: Catalog, ids: Iterable[str]) -> list[Instrument]:
    """The instruments with these ids, with the specification that the catalogue has.

    Raises
    ------
    ConfigError
        If the catalogue does not have one of them: with the nearest names.
    """
    known = {row["id"]: row for row in catalog.instruments().iter_rows(named=True)}
    found = []
    for id_ in _held(ids, known, f"catalogue {catalog.root}"):
        row = known[id_]
        said = ("settle", "contract", "multiplier", "tick", "lot", "min_notional")
        found.append(instrument(id_, **{name: row[name] for name in said if row[name] is not None}))
    return found


def universe(catalog: Catalog, wanted: Universe) -> list[Instrument]:
    """The instruments of a catalogue that ``[universe]`` means; a selection is from those with bars, by id.

    Raises
    ------
    ConfigError
        If names and a selection are both given, a name is unknown, or nothing matches.
    """
    if wanted.instruments:
        have = sorted(catalog.instruments()["id"])
    else:
        have = sorted(_id(series) for series in catalog.series("bars"))
    return named(catalog, choose(have, wanted, f"catalogue {catalog.root}"))


def traded(prices: Panel, leave_out: bool, where: str) -> Panel:
    """The panel of the instruments that have bars in its window; the notes say which were left out.

    Parameters
    ----------
    prices : Panel
    leave_out : bool
        Whether any may be left out: what was selected may be, what was named may not.
    where : str
        Where the prices are from, for the error.

    Raises
    ------
    DataError
        If one has no bars and may not be left out, or if none has.
    """
    silent = np.flatnonzero(np.isnan(prices.close).all(axis=0))
    if not len(silent):
        return prices
    names = ", ".join(prices.instruments[column].id for column in silent)
    if not leave_out or len(silent) == len(prices.instruments):
        window = f"({iso(int(prices.time_ns[0]) - prices.bar_ns)}, {iso(int(prices.time_ns[-1]))}]"
        raise DataError(f"no bars of {names} in {window}", where, "change start and end, or the universe")
    kept = [one for column, one in enumerate(prices.instruments) if column not in silent]
    fields = {name: np.delete(values, silent, axis=1) for name, values in prices.fields.items()}
    notes = (*prices.notes, f"left out, no bars in the window: {names}")
    return Panel.of(kept, prices.time_ns, prices.bar_ns, notes, **fields)
