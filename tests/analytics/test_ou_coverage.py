"""docs/coverage/ou.md is what its script finds."""

import re

import numpy as np
import pytest

from narrows.analytics.ou_quantiles import SPEED_05, SPEED_95, SPEEDS, STEPS
from narrows.core.random import generator
from tables.ou_quantiles import statistics
from truth.ou import PAGE, RUNS, SEED, SETTINGS, Setting, _row, band, shares

TEXT = PAGE.read_text("utf-8")
FEW = [setting for setting in SETTINGS if "60 bars" in setting.name]


@pytest.mark.parametrize("setting", FEW, ids=lambda setting: setting.name)
def test_a_row_run_again_is_the_row_of_the_page(setting: Setting) -> None:
    assert _row(setting, shares(setting, RUNS, SEED), *band(RUNS)) in TEXT


def test_the_page_says_how_many_of_its_shares_lie_outside() -> None:
    first = TEXT.split("What noise does")[0]
    cells = [cell for line in first.splitlines() if line.startswith("| ") for cell in line.split("|")[2:6]]
    shares_of_page = [float(cell.strip(" *")) for cell in cells if re.fullmatch(r" \**0\.\d{3}\** ", cell)]
    assert len(shares_of_page) == 8 * 4 + 3 * 2
    lo, hi = band(RUNS)
    outside = sum(not lo <= share <= hi for share in shares_of_page)
    assert ("All 38 shares lie inside" in first) == (outside == 0)
    assert first.count("**0.") == outside


def test_the_table_of_quantiles_is_what_its_script_simulates() -> None:
    row, column = STEPS.index(50), SPEEDS.index(8)
    roots = statistics(generator(1, "check"), 20_000, 50, np.array([8.0]))[0, 0]
    lo, hi = np.quantile(roots, (0.05, 0.95))
    # standard errors of a quantile of 20,000: 0.015
    assert lo == pytest.approx(SPEED_05[row][column], abs=0.06)
    assert hi == pytest.approx(SPEED_95[row][column], abs=0.06)
