"""`narrows ingest`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from narrows.catalog import ingest as run_ingest
from narrows.cli.render import Bars, print_json, print_table
from narrows.core.errors import ConfigError


def ingest(
    sources: list[Path],
    /,
    *,
    root: Path = Path(),
    catalog: Path = Path("catalog"),
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Local files into the catalogue, by a declared mapping.

    Everything is read and checked first; a refused row leaves the catalogue as it was. The same
    data again changes nothing.

    Example: `narrows ingest --root ../shared/data examples/sources/*.toml`

    Parameters
    ----------
    sources
        Mapping files (TOML): which file holds which table, columns, units, clock, venue, symbol.
    root
        Folder that the paths in the mappings are relative to.
    catalog
        Folder of the catalogue; made if there is none.
    json
        Print one JSON object instead of a table.
    """
    if not sources:
        raise ConfigError("no mapping files given", "ingest", "name one or more TOML files")
    with Bars("reading") as bars:
        tables = run_ingest(sources, root=root, catalog=catalog, progress=bars)
    if json:
        print_json({"tables": tables})
        return
    rows = [
        (
            one.table,
            one.venue,
            one.symbol,
            f"{one.rows:,}".replace(",", " "),
            one.start[:16].replace("T", " "),
            one.end[:16].replace("T", " "),
            str(one.gaps or "–"),
            str(one.rejected or "–"),
        )
        for one in tables
    ]
    print_table(
        f"Ingested into {catalog}",
        ("table", "venue", "symbol", "rows", "start", "end", "gaps", "rejected"),
        rows,
        numbers=(3, 6, 7),
    )
