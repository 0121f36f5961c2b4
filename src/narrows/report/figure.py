"""What a Figure is, and the frame, axes and lines that all figures are made of.

A Figure is a plain Plotly spec: drawing it needs no Plotly in Python, only plotly.js in the page
or notebook that shows it. Colours work on white and on black; backgrounds are left transparent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from narrows.core.arrays import Float1D, Int1D
from narrows.core.result import Result
from narrows.core.time import iso
from narrows.report.page import document, drawing, write
from narrows.report.thin import packed

Spec = dict[str, Any]

COLOURS: dict[str, str] = {
    "basis": "#3b7dd8",
    "funding": "#159a78",
    "borrow": "#a3673a",
    "fees": "#e0743a",
    "slippage": "#cf9a13",
    "collateral_yield": "#68a845",
    "settlement": "#8a6fd1",
    "liquidation": "#d84a4a",
    "transfer": "#8791a0",
    "fx": "#c65b9e",
}
SERIES = ("#3b7dd8", "#e0743a", "#159a78", "#8a6fd1", "#cf9a13", "#c65b9e")
GREY, RED, GREEN, BAND = "#8791a0", "#d84a4a", "#159a78", "rgba(135,145,160,0.20)"
FONT = 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
POINTS = 2_000  # of a trace that shows a path
FEW_POINTS = 500  # of a smooth one


@dataclass(frozen=True, eq=False, repr=False)
class Figure:
    """A Plotly figure as data, which displays itself in a notebook and writes itself as a page.

    `caption` says what is seen and what was left out; `about` how to read it, for somebody who has
    never seen one.
    """

    name: str
    title: str
    caption: str
    data: tuple[Spec, ...]
    layout: Spec
    about: str = ""

    @property
    def spec(self) -> Spec:
        """What ``Plotly.newPlot`` or ``plotly.graph_objects.Figure`` takes."""
        layout = self.layout | {
            "title": {"text": self.title, "x": 0, "xref": "paper"},
            "margin": self.layout["margin"] | {"t": 72},
        }
        return {"data": list(self.data), "layout": layout}

    @property
    def heading(self) -> str:
        """Title, caption, and what folds out to say how to read the figure, as HTML."""
        why = f'<details class="why"><summary>How to read this</summary><p>{escape(self.about)}</p></details>'
        return (
            f'<h3>{escape(self.title)}</h3><p class="caption">{escape(self.caption)}</p>'
            f"{why if self.about else ''}"
        )

    def write_html(self, path: str | Path) -> None:
        """Write the figure alone as one self-contained HTML file, to be opened in a browser.

        Raises
        ------
        ConfigError
            If the path cannot be written.
        """
        drawn = drawing(self.name, self.data, self.layout) if self.data else NOTHING
        write(document(self.title, f"<figure>{self.heading}{drawn}</figure>"), path)

    def __repr__(self) -> str:
        traces = f"{len(self.data)} trace" + "s" * (len(self.data) != 1)
        return f"<Figure {self.name}: {self.title}, {traces}; see it with .write_html(path)>"

    def _repr_mimebundle_(self, **_: object) -> Spec:
        """Plotly's own kind for notebooks that draw it; for others, words that say how to see it."""
        words = f"{self.heading}<p>This notebook does not draw Plotly; see it with "
        return {
            "application/vnd.plotly.v1+json": self.spec,
            "text/html": f'{words}<code>.write_html("{escape(self.name)}.html")</code>.</p>',
            "text/plain": repr(self),
        }


NOTHING = '<div class="empty">Nothing to draw.</div>'


def frame(height: int, **more: Any) -> Spec:
    """The layout that all figures share."""
    return {
        "height": height,
        "autosize": True,
        "margin": {"l": 56, "r": 12, "t": 34, "b": 30},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": GREY},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "xanchor": "left",
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "hovermode": "x unified",
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "dragmode": "zoom",
    } | more


def amounts_format(values: Iterable[Float1D], digits: int) -> str:
    """How an axis of money or prices prints: 12.5k where there are thousands, else 0.98, and never 980m."""
    largest = max((float(np.nan_to_num(np.abs(one)).max(initial=0.0)) for one in values), default=0.0)
    return f".{digits}~{'s' if largest >= 1000.0 else 'r'}"


def plain_axis(**more: Any) -> Spec:
    """An axis with a quiet grid."""
    line = "rgba(135,145,160,0.22)"
    return {"gridcolor": line, "zerolinecolor": "rgba(135,145,160,0.55)", "automargin": "height"} | more


def time_axis(result: Result, **more: Any) -> Spec:
    """From the open of the first bar to the close of the last."""
    if len(result.time_ns):
        more["range"] = [iso(int(result.time_ns[0]) - result.desk.bar_ns), iso(int(result.time_ns[-1]))]
    return plain_axis(
        type="date", showgrid=False, nticks=8, hoverformat="%Y-%m-%d %H:%M", ticklabelstandoff=5, **more
    )


def stacked(rows: list[float], gap: float) -> list[tuple[float, float]]:
    """Domains of panels under each other, first on top, with heights in proportion to `rows`."""
    free = 1.0 - gap * (len(rows) - 1)
    domains, top = [], 1.0
    for share in rows:
        bottom = top - free * share / sum(rows)
        domains.append((max(bottom, 0.0), top))
        top = bottom - gap
    return domains


def curve(time_ns: Int1D, values: Float1D, at: Int1D, **more: Any) -> Spec:
    """A line through the chosen points of a series."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": packed(time_ns[at] / 1e6, "f8"),
        "y": packed(values[at], "f4"),
    } | more


def side(text: str) -> Spec:
    """The title of a vertical axis."""
    return {"text": text, "font": {"size": 11}, "standoff": 4}
