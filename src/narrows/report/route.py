"""The route of a spread as one HTML file: what rests on each venue, what a size costs, how to divide it."""

from html import escape
from pathlib import Path

from narrows.execution.route import Route, Walked
from narrows.report.depth import (
    both_ways,
    cost_against_size,
    depth_curves,
    round_trip_break_even,
    split_against_size,
)
from narrows.report.html import contents, part, plots, section_html
from narrows.report.page import document, write
from narrows.report.table import Table

REACH = 30e-4  # of the mid: how far the depth is drawn
CARRIES_APR = (0.05, 0.10, 0.20)  # what is drawn where the desk has not said what holding pays
BEYOND = 10.0  # times the size asked about is where the axes end
_PARTS = {"costs": "What does it cost?", "books": "What rests there?", "divide": "How to divide it"}


def headline(route: Route) -> str:
    """The route in one sentence."""
    told = f"Entering and leaving {route.notional:,.0f} a leg costs {route.cost_bps:.2f} bp of notional"
    if len(route.split) > len(route.legs):
        told += f", {route.split_bps:.2f} bp divided over all venues"
    return told + "."


def _legs(route: Route) -> Table:
    rows = tuple(
        (
            leg.instrument,
            leg.side,
            f"{leg.size:.6g}",
            f"{leg.price:.2f}",
            f"{leg.half_spread_bps:.3f}",
            f"{leg.depth:,.0f}",
            f"{leg.entry_bps:.2f}",
            f"{leg.exit_bps:.2f}",
            f"{leg.fee_bps:.2f}",
        )
        for leg in route.legs
    )
    head = ("leg", "side", "coin", "price", "half spread bp", "depth 10 bp", "in bp", "out bp", "fee bp")
    return Table("The legs", head, rows, words=2)


def _pairs(route: Route) -> Table:
    rows = tuple((one.first, one.second, f"{one.cost_bps:.2f}") for one in route.pairs)
    return Table("One venue a leg", ("first", "second", "in and out bp"), rows, words=2)


def route_page(walked: Walked) -> bytes:
    """The page as UTF-8 HTML."""
    route = walked.route
    largest = BEYOND * route.notional
    fees = [leg.entry.fee for leg in walked.legs]
    own = both_ways([leg.entry.depth for leg in walked.legs], fees)
    carries = (route.carry_apr,) if route.carry_apr > 0.0 else CARRIES_APR
    figures = (depth_curves(walked.books, REACH), cost_against_size(own, largest))
    later = [round_trip_break_even(walked.legs, carries, largest)]
    later += [split_against_size(role, largest) for role in walked.sources if len(role) > 1]
    notes = "".join(f"<li>{escape(note)}</li>" for note in route.notes)
    body = (
        f'<h1>{escape(route.spread)}</h1><p class="lead">{escape(headline(route))}</p>'
        f"<p>{escape(route.direction)}, books of {escape(route.as_of)}; taker fees, both legs at once.</p>"
        + contents(_PARTS)
        + part("costs", _PARTS["costs"], section_html(_legs(route)), section_html(_pairs(route)))
        + part("books", _PARTS["books"], plots(figures, 1))
        + part("divide", _PARTS["divide"], plots(tuple(later), 1))
        + (f"<ul>{notes}</ul>" if notes else "")
    )
    return document(f"Route of {route.spread}", body)


def write_route(walked: Walked, path: str | Path) -> None:
    """Write the route as one self-contained HTML file.

    Raises
    ------
    ConfigError
        If the path cannot be written.
    """
    write(route_page(walked), path)
