"""`narrows compare`."""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from narrows.catalog import load_desk
from narrows.catalog.quality import counted
from narrows.cli.backtest import checked, simulated
from narrows.cli.render import out, print_json, print_table
from narrows.core.errors import ConfigError
from narrows.core.result import Result
from narrows.report import summary, verdict, write_comparison
from narrows.report.compare import names_of, numbers_table


def compare(
    *desks: Path,
    report: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Simulate several desks and show them side by side.

    What is wrong or odd in the data of each is counted on standard error, as `narrows backtest` does.

    Parameters
    ----------
    desks
        Desk files (TOML), two or more.
    report
        Where the HTML comparison goes; default reports/comparison-HASH.html.
    json
        Print one JSON object instead of tables.
    """
    if len(desks) < 2:
        raise ConfigError("one desk cannot be compared", "compare", "name two or more desk files")
    results = []
    for desk in desks:
        settings = load_desk(desk)
        panel, found = checked(settings)
        if found:
            warning = f"narrows: {counted(found)}; see `narrows quality --desk {desk}`"
            print(warning, file=sys.stderr)
        results.append(simulated(settings, panel))
    path = report or _default_report(results)
    write_comparison(results, path)
    names = names_of(results)
    if json:
        runs = [
            {"name": name, "verdict": verdict(result), **summary(result)}
            for name, result in zip(names, results, strict=True)
        ]
        print_json({"report": str(path), "runs": runs})
        return
    table = numbers_table(results)
    print_table(table.title, table.head, table.rows, numbers=range(1, len(table.head)))
    out.print(f"Report: {path}")


def _default_report(results: Sequence[Result]) -> Path:
    """Another name for other desks, or another order of them."""
    joined = " ".join(one.provenance.config_hash for one in results)
    return Path("reports") / f"comparison-{hashlib.sha256(joined.encode()).hexdigest()[:8]}.html"
