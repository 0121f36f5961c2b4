"""`narrows route`."""

import math
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from narrows.catalog import load_desk
from narrows.catalog.store import open_catalog
from narrows.catalog.universe import universe
from narrows.cli.render import money, number, out, percent, print_json, print_table
from narrows.core.time import to_ns
from narrows.execution.route import Route
from narrows.report.route import write_route
from narrows.research.books import books_at, last_common
from narrows.research.route import Asked
from narrows.research.route import route as run_route


def route(
    desk: Path,
    /,
    *,
    spread: str,
    notional: float,
    short: Annotated[bool, Parameter(negative=())] = False,
    at: datetime | None = None,
    edge_bps: float = math.nan,
    carry_apr: float = math.nan,
    haircut: float = 0.0,
    report: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """What entering and leaving a spread costs over the books of its venues, and how to divide it.

    Both legs are walked through recorded books, in now and out at the same books' other side, with
    taker fees of the desk or the rulebook. Venues of the universe that trade the same leg are ranked
    and divided over.

    Example: `narrows route desk.toml --spread BTC-USDT-PERP --notional 100000`

    Parameters
    ----------
    desk
        Desk file (TOML) whose catalogue has order books; see docs/how-to/route-a-spread.md.
    spread
        Which one, as `narrows scan` names it: kind:first/second, or any part of it that only one has.
    notional
        Of one leg, in the quote currency of the first.
    short
        Sell the first leg and buy the second.
    at
        Moment of the books, UTC; default: the last at which all are known.
    edge_bps
        What the trade makes before costs, bp of notional: the largest size that it pays for is told.
    carry_apr
        What holding pays a year, as a fraction: the hours after which costs are earned are told.
    haircut
        Share of every level that is not believed to be there, 0 to below 1.
    report
        Write figures to this HTML file.
    json
        Print one JSON object instead of tables.
    """
    settings = load_desk(desk)
    catalog = open_catalog(settings.data.catalog)
    instruments = universe(catalog, settings.universe)
    time_ns = last_common(settings.data.catalog, instruments) if at is None else to_ns(at)
    books = books_at(settings.data.catalog, instruments, time_ns)
    asked = Asked(spread, notional, short, edge_bps, carry_apr, haircut)
    walked = run_route(settings, instruments, books, time_ns, asked)
    if report is not None:
        write_route(walked, report)
    if json:
        print_json(walked.route)
        return
    print_route(walked.route)
    if report is not None:
        out.print(f"Report: {report}")


def print_route(found: Route) -> None:
    """The route as tables for people."""
    out.print(
        f"{found.spread}, {found.direction}, {money(found.notional)} a leg at {found.as_of}", style="bold"
    )
    print_table(
        f"In and out: {number(found.cost_bps, 2)} bp of notional",
        ("leg", "", "coin", "price", "half spread bp", "depth 10 bp", "in bp", "out bp", "of it fee"),
        [
            (
                leg.instrument,
                leg.side,
                number(leg.size, 4),
                number(leg.price, 2),
                number(leg.half_spread_bps, 3),
                money(leg.depth),
                number(leg.entry_bps, 2),
                number(leg.exit_bps, 2),
                number(leg.fee_bps, 2),
            )
            for leg in found.legs
        ],
        numbers=range(2, 9),
    )
    if len(found.split) > len(found.legs):
        rows = [
            (
                "first" if one.leg == 0 else "second",
                one.instrument,
                number(one.size, 4),
                percent(one.share, 1),
            )
            for one in found.split
        ]
        title = f"Divided over all venues: {number(found.split_bps, 2)} bp"
        print_table(title, ("leg", "venue", "coin", "share"), rows, numbers=(2, 3))
        pairs = [(one.first, one.second, number(one.cost_bps, 2)) for one in found.pairs]
        print_table("One venue a leg", ("first", "second", "in and out bp"), pairs, numbers=(2,))
    if math.isfinite(found.capacity):
        ends = {"edge": "", "book": " at least: the recorded books end there", "nothing": ""}
        room = f"{money(found.capacity)}{ends[found.capacity_ends]}"
        out.print(f"An edge of {number(found.edge_bps)} bp pays for {room}.")
    if math.isfinite(found.carry_apr):
        earned = f"earned after {number(found.break_even_h)} hours"
        out.print(f"At {percent(found.carry_apr)} a year it is {earned}.")
    out.print(f"Whole lots leave {found.residual:.6g} coin unhedged.")
    for note in found.notes:
        out.print(f"Note: {note}")
