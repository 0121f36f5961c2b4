"""`narrows scan`."""

import math
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from narrows.catalog import load_desk, load_panel
from narrows.cli.render import number, out, percent, print_json, print_table
from narrows.research.scan import Found, Scan
from narrows.research.scan import scan as run_scan


def scan(desk: Path, /, *, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Every spread of a universe, ranked by what it pays after costs.

    As of the last bar of the desk's window. Carry is annual, before trading costs; edge is carry to
    the horizon, and what a reverting gap closes by, less four fills, with its standard error. "hold
    cash" means that it does not surely beat the hurdle.

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
            _half_life(one),
            percent(one.carry_apr, 1),
            number(one.horizon_h, 0),
            f"{number(one.edge_bps)} ± {number(one.edge_se_bps)}",
            one.reason,
        )
        for one in found.spreads[:most]
    ]
    left = len(found.spreads) - len(rows)
    title = f"Spreads as of {found.as_of}" + (f", the best {most} of {len(found.spreads)}" if left else "")
    columns = (
        "spread", "kind", "verdict", "basis bp", "outside bp", "z", "half-life h", "carry", "horizon h",
        "edge bp", "why",
    )  # fmt: skip
    wide = out.width >= 130
    shown = range(len(columns)) if wide else (0, 2, 3, 7, 9)  # what a narrow terminal has room for
    print_table(
        title,
        [columns[place] for place in shown],
        [[row[place] for place in shown] for row in rows],
        numbers=[n for n, place in enumerate(shown) if place in range(3, 10)],
    )


def _half_life(one: Found) -> str:
    """A half-life with its interval, as 8.6 (7.9–9.5)."""
    if not math.isfinite(one.half_life_h):
        return number(None)
    end = number(one.half_life_hi_h) if math.isfinite(one.half_life_hi_h) else "∞"
    return f"{number(one.half_life_h)} ({number(one.half_life_lo_h)}–{end})"
