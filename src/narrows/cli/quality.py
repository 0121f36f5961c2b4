"""`narrows quality`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from narrows.catalog import load_desk, open_catalog
from narrows.catalog.desk import as_stored
from narrows.catalog.finding import Finding
from narrows.catalog.quality import catalog_findings, open_findings, panel_findings, source_findings
from narrows.cli.render import out, print_json, print_table
from narrows.core.errors import ConfigError


def quality(
    sources: list[Path] | None = None,
    /,
    *,
    catalog: Path = Path("catalog"),
    root: Path = Path(),
    desk: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """What is wrong or odd in the data: gaps, stale closes, broken bars, clock shifts, …

    Of a whole catalogue; of what one desk sees of it (`--desk`); or, given mapping files, of source
    files before they are ingested, compared with the catalogue if there is one. Nothing is changed:
    what a desk leaves out or repairs stands in its file, see `[data]` in examples/desk.toml.

    Example: `narrows quality --desk examples/btc_carry.toml`

    Parameters
    ----------
    sources
        Mapping files (TOML); their files are looked at as they stand.
    catalog
        Folder of the catalogue.
    root
        Folder that the paths in the mappings are relative to.
    desk
        Desk file (TOML): only its instruments and window, from its own catalogue, less what its
        exclude and repair cover.
    json
        Print one JSON object instead of tables.
    """
    if sources and desk:
        raise ConfigError("mapping files and a desk are both given", "quality", "give one of them")
    if desk is not None:
        settings = load_desk(desk)
        found = open_findings(panel_findings(as_stored(settings)), settings.data)
    elif sources:
        held = open_catalog(catalog) if (catalog / "manifest.json").exists() else None
        found = source_findings(sources, root, held)
    else:
        found = catalog_findings(open_catalog(catalog))
    if json:
        print_json({"findings": found})
    else:
        print_findings(found)


def print_findings(found: Sequence[Finding]) -> None:
    """Findings as one table a kind, each with what a backtest would get wrong."""
    for kind in sorted({one.kind for one in found}):
        those = [one for one in found if one.kind == kind]
        rows = [
            (
                one.table,
                f"{one.symbol}.{one.venue}",
                one.start[:16].replace("T", " "),
                one.end[:16].replace("T", " "),
                str(one.count),
                one.detail,
            )
            for one in those
        ]
        title = f"{kind.replace('_', ' ')}: {those[0].consequence}"
        print_table(title, ("table", "series", "start", "end", "count", "what"), rows, numbers=(4,))
    out.print(f"{len(found)} finding{'s' * (len(found) != 1)}")
