"""`narrows scan`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from narrows.catalog import load_desk, load_panel
from narrows.cli.render import number, out, percent, print_json, print_table
from narrows.research.scan import Scan
from narrows.research.scan import scan as run_scan


def scan(desk: Path, /, *, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Every spread of a universe, ranked by what it pays after costs.

    As of the last bar of the desk's window. Carry is annual, before trading costs; edge is carry
    to the horizon less four fills. "hold cash" means that it does not beat the hurdle.

    Parameters
    ----------
    desk
        Desk file (TOML); see examples/desk.toml.
    json
        Print one JSON object instead of a table.
    """
    settings = load_desk(desk)
    found = run_scan(settings, load_panel(settings))
    if json:
        print_json(found)
    else:
        print_scan(found)


def print_scan(found: Scan, most: int = 1000) -> None:
    """The scan as a table for people, cut to the best `most`."""
    rows = [
        (
            one.spread.partition(":")[2].replace("/", "\n"),
            one.kind.replace("_", " "),
            one.verdict,
            number(one.basis_bps),
            number(one.outside_bps),
            number(one.zscore),
            percent(one.carry_apr, 1),
            number(one.horizon_h, 0),
            number(one.edge_bps),
            one.reason,
        )
        for one in found.spreads[:most]
    ]
    left = len(found.spreads) - len(rows)
    title = f"Spreads as of {found.as_of}" + (f", the best {most} of {len(found.spreads)}" if left else "")
    columns = (
        "spread", "kind", "verdict", "basis bp", "outside bp", "z", "carry", "horizon h", "edge bp", "why"
    )  # fmt: skip
    wide = out.width >= 130
    shown = range(len(columns)) if wide else (0, 2, 3, 6, 8)  # what a narrow terminal has room for
    print_table(
        title,
        [columns[place] for place in shown],
        [[row[place] for place in shown] for row in rows],
        numbers=[n for n, place in enumerate(shown) if place in range(3, 9)],
    )
