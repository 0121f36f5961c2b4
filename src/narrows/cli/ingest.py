"""`narrows ingest`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from narrows.catalog import Ingested
from narrows.catalog import ingest as run_ingest
from narrows.cli.render import Bars, out, print_json, print_table
from narrows.core.errors import ConfigError
from narrows.live.record import ingest_recordings

_FEW = 4  # series of a table and venue that have a line each
_COUNTS = ("gaps", "rejected", "dropped", "contradicted")


def _number(count: int) -> str:
    return f"{count:,}".replace(",", " ") if count else "–"


def _row(name: str, parts: Sequence[Ingested]) -> tuple[str, ...]:
    """One line for series of one table and venue: sums, and the span that they cover together."""
    starts, ends = [one.start for one in parts if one.start], [one.end for one in parts if one.end]
    span = (min(starts, default=""), max(ends, default=""))
    counts = (sum(getattr(part, name) for part in parts) for name in _COUNTS)
    return (
        parts[0].table,
        parts[0].venue,
        name,
        _number(sum(part.rows for part in parts)),
        *(stamp[:16].replace("T", " ") for stamp in span),
        *map(_number, counts),
    )


def _rows(tables: Sequence[Ingested], every: bool) -> list[tuple[str, ...]]:
    """A line for each series, or for all of a table and venue where they are many."""
    groups: dict[tuple[str, str], list[Ingested]] = {}
    for one in tables:
        groups.setdefault((one.table, one.venue), []).append(one)
    rows: list[tuple[str, ...]] = []
    for parts in groups.values():
        if every or len(parts) <= _FEW:
            rows.extend(_row(part.symbol, [part]) for part in parts)
        else:
            rows.append(_row(f"{len(parts)} symbols", parts))
    return rows


def ingest(
    sources: list[Path],
    /,
    *,
    root: Path = Path(),
    catalog: Path = Path("catalog"),
    all: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Local files into the catalogue, by a declared mapping.

    Everything is read and checked first; a refused row leaves the catalogue as it was. Recordings of
    order books and trades are written as they are read. The same data again changes nothing.

    Example: `narrows ingest --root DATA examples/sources/*.toml`

    Parameters
    ----------
    sources
        Mapping files (TOML): which file holds which table, columns, units, clock, venue, symbol; or
        which recording holds what a venue sent of which instrument.
    root
        Folder that the paths in the mappings are relative to.
    catalog
        Folder of the catalogue; made if there is none.
    all
        A line for each symbol, also where a venue has many.
    json
        Print one JSON object instead of a table.
    """
    if not sources:
        raise ConfigError("no mapping files given", "ingest", "name one or more TOML files")
    with Bars("reading") as bars:
        tables = run_ingest(sources, root=root, catalog=catalog, progress=bars)
    with Bars("recordings") as bars:
        tables += ingest_recordings(sources, root=root, catalog=catalog, progress=bars)
    if json:
        print_json({"tables": tables})
        return
    columns = ("table", "venue", "symbol", "rows", "start", "end", *_COUNTS)
    print_table(f"Ingested into {catalog}", columns, _rows(tables, all), numbers=(3, 6, 7, 8, 9))
    for one in tables:
        for line in [*one.contradictions, *one.notes]:
            out.print(f"{one.table} {one.symbol}.{one.venue}: {line}")
