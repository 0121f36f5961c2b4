"""`narrows compare`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from narrows.catalog import load_desk, load_panel
from narrows.cli.backtest import simulated
from narrows.cli.render import out, print_json, print_table
from narrows.core.errors import ConfigError
from narrows.report import summary, verdict, write_comparison
from narrows.report.compare import names_of, numbers_table


def compare(
    *desks: Path,
    report: Path = Path("reports/comparison.html"),
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Simulate several desks and show them side by side.

    Parameters
    ----------
    desks
        Desk files (TOML), two or more.
    report
        Where the HTML comparison goes.
    json
        Print one JSON object instead of tables.
    """
    if len(desks) < 2:
        raise ConfigError("one desk cannot be compared", "compare", "name two or more desk files")
    settings = [load_desk(path) for path in desks]
    results = [simulated(one, load_panel(one)) for one in settings]
    write_comparison(results, report)
    names = names_of(results)
    if json:
        runs = [
            {"name": name, "verdict": verdict(result), **summary(result)}
            for name, result in zip(names, results, strict=True)
        ]
        print_json({"report": str(report), "runs": runs})
        return
    table = numbers_table(results)
    print_table(table.title, table.head, table.rows, numbers=range(1, len(table.head)))
    out.print(f"Report: {report}")
