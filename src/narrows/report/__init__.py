"""What a run shows: figures, tables, and one self-contained HTML file."""

from narrows.report.figure import Figure
from narrows.report.figures import accrual, equity, exposure, figures, margin, waterfall
from narrows.report.gaps import basis
from narrows.report.html import write_report
from narrows.report.numbers import summary, verdict

__all__ = [
    "Figure",
    "accrual",
    "basis",
    "equity",
    "exposure",
    "figures",
    "margin",
    "summary",
    "verdict",
    "waterfall",
    "write_report",
]
