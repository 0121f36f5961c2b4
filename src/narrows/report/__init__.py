"""What a run shows: figures, tables, and one self-contained HTML file."""

from narrows.report.compare import compare, write_comparison
from narrows.report.concentration import days, shares
from narrows.report.figure import Figure
from narrows.report.figures import accrual, equity, exposure, figures, margin, waterfall
from narrows.report.funding import heat
from narrows.report.gaps import basis
from narrows.report.html import write_report
from narrows.report.numbers import summary, verdict
from narrows.report.worst import deepest, nearest

__all__ = [
    "Figure",
    "accrual",
    "basis",
    "compare",
    "days",
    "deepest",
    "equity",
    "exposure",
    "figures",
    "heat",
    "margin",
    "nearest",
    "shares",
    "summary",
    "verdict",
    "waterfall",
    "write_comparison",
    "write_report",
]
