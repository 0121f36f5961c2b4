"""`narrows demo`."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from narrows.catalog import load_panel
from narrows.cli.backtest import default_report, print_result, simulated
from narrows.cli.render import out, print_json
from narrows.cli.scan import print_scan
from narrows.core.config import Universe, parse
from narrows.report import summary, write_report
from narrows.research.scan import scan


def demo(*, report: Path | None = None, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """The whole job, offline, on the embedded synthetic market.

    Scans every spread of a year on two venues, backtests a funding carry desk, writes its report.

    Parameters
    ----------
    report
        Where the HTML report goes; default reports/demo-HASH.html.
    json
        Print one JSON object instead of tables.
    """
    desk = parse(files("narrows.cli").joinpath("demo.toml").read_text("utf-8"), "demo.toml")
    everything = msgspec.structs.replace(desk, universe=Universe(), venues={})
    found = scan(everything, load_panel(everything))
    result = simulated(desk, load_panel(desk))
    path = report or default_report(result)
    write_report(result, path)
    if json:
        print_json(
            {
                "report": str(path),
                "scan": found,
                "result": summary(result),
                "stress": None,
                "allocation": None,
            }
        )
        return
    print_scan(found, most=8)
    print_result(result)
    out.print(f"Report: {path}")
