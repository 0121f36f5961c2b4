"""What a notebook wants, in one import: desk, panel, backtest, scan, study, figures.

from narrows.notebook import backtest, equity, load_desk, load_panel
desk = load_desk("examples/btc_carry.toml")
result = backtest(desk, load_panel(desk))
equity(result)
"""

from narrows.catalog import ingest, load_desk, load_panel, open_catalog, panel
from narrows.core.config import parse
from narrows.report import accrual, basis, equity, exposure, margin, summary, waterfall, write_report
from narrows.report.study import write_study
from narrows.report.study_figures import study_figures
from narrows.research.scan import scan
from narrows.research.study import study
from narrows.sim.backtest import backtest

__all__ = [
    "accrual",
    "backtest",
    "basis",
    "equity",
    "exposure",
    "ingest",
    "load_desk",
    "load_panel",
    "margin",
    "open_catalog",
    "panel",
    "parse",
    "scan",
    "study",
    "study_figures",
    "summary",
    "waterfall",
    "write_report",
    "write_study",
]
