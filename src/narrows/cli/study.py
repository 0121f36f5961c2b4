"""`narrows study`."""

import math
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from narrows.catalog import load_desk, load_panel
from narrows.cli.render import number, out, percent, print_json, print_table
from narrows.report.study import headline, study_summary, verdict, write_study
from narrows.report.study_figures import lasting, shared, told
from narrows.research.study import study as run_study


def study(
    desk: Path,
    /,
    *,
    spread: str,
    report: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """The convergence study of one spread: what the gap should be, whether it closes, and when.

    As of the last bar of the desk's window, from all its bars. Intervals are 90 %.

    Parameters
    ----------
    desk
        Desk file (TOML); see examples/desk.toml.
    spread
        Which one, as `narrows scan` names it: kind:first/second, or any part of it that only one has.
    report
        Where the HTML goes; default reports/study-SPREAD.html.
    json
        Print one JSON object instead of tables.
    """
    settings = load_desk(desk)
    found = run_study(settings, load_panel(settings), spread)
    name = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in found.spread.id)
    path = report or Path("reports") / f"study-{name}.html"
    write_study(found, path)
    if json:
        print_json(study_summary(found) | {"report": str(path)})
        return
    out.print(found.spread.id, style="bold")
    out.print(headline(found))
    out.print()
    now = found.equilibrium
    rows = [
        ("does it revert?", verdict(found)),
        ("half-life of the gap", lasting(now.half_life_h, found.bar_h)),
        ("half-life of the correction", lasting(now.correction_half_life_h, found.bar_h)),
    ]
    if found.expiry is not None:
        rows += [
            ("speed of the cycles, 1 = evenly", told(found.expiry.speed, "")),
            ("halves, on its way to delivery, in", _days(found.expiry.halving_h)),
        ]
    rows += [(f"share of the gap that {one.leg} closes a bar", shared(one.share)) for one in now.legs]
    for one in found.funding:
        rows += [
            (f"{one.instrument} pinned at its interest", percent(one.pinned, 0)),
            (f"{one.instrument} premium's half-life", told(one.premium_half_life_h, "h")),
        ]
    print_table("Study", ("", ""), rows)
    out.print(f"Report: {path}")


def _days(hours: float) -> str:
    return f"{number(hours / 24.0)} days" if math.isfinite(hours) else "not identified"
