"""A report of a run that is reckoned in coin: small amounts, prices about one, no ledger of each leg."""

from dataclasses import replace

import numpy as np
import pytest

from narrows.core.restate import restated
from narrows.core.result import Result
from narrows.report import accrual, deepest, equity, waterfall
from narrows.report.facts import facts
from narrows.report.html import page
from narrows.report.months import months_table
from narrows.report.numbers import WORST_RATIO


@pytest.fixture
def coin(result: Result) -> Result:
    prices = np.concatenate((result.mark[:1, 0], result.mark[:, 0]))
    return restated(result, prices, "BTC")


def test_axes_of_small_amounts_have_no_milli(result: Result, coin: Result) -> None:
    """A price of 0.98 BTC was printed as 980m."""
    for one, kind in ((result, "s"), (coin, "r")):
        layouts = [draw(one).layout for draw in (equity, accrual, deepest)]
        axes = [layouts[0]["yaxis"], layouts[1]["yaxis"], layouts[2]["yaxis2"], layouts[2]["yaxis4"]]
        assert {axis["tickformat"][-1] for axis in axes} == {kind}
    assert waterfall(coin).layout["xaxis"]["tickformat"].endswith("r")


def test_longer_labels_get_more_room(result: Result, coin: Result) -> None:
    def room(one: Result) -> float:
        figure = waterfall(one)
        (bar,) = figure.data
        edges = np.array([*bar["base"], *np.add(bar["base"], bar["x"]), 0.0])
        return float((figure.layout["xaxis"]["range"][1] - edges.max()) / (edges.max() - edges.min()))

    assert room(result) == pytest.approx(0.44)
    assert room(coin) > 0.5


def test_sums_are_not_shown_as_legs_or_venues(result: Result, coin: Result) -> None:
    assert b"Ledger, venue by venue" in page(result)
    assert b"Ledger, venue by venue" not in page(coin)
    assert "BTC-USDT-PERP.bybit" in accrual(result).caption
    assert "wallets" not in accrual(coin).caption


def test_unhedged_delta_says_that_it_counts_in_dollars(result: Result, coin: Result) -> None:
    def notes(one: Result) -> list[str]:
        return [fact.note for fact in facts(one)[2].facts if fact.label == "unhedged delta"]

    assert "of equity, seen in dollars" in notes(coin)[0]
    assert "dollars" not in notes(result)[0]
    (rest,) = [one for one in facts(coin)[2].facts if one.label == "outside these"]
    assert "of equity, seen in dollars" in rest.note


def test_the_cap_of_the_margin_ratio_is_no_number(result: Result) -> None:
    ratio = result.margin_ratio.copy()
    ratio[100, 0] = WORST_RATIO
    run = replace(result, margin_ratio=ratio)
    assert [row[-1] for row in months_table(run).rows if row[0] == "2023-06"] == ["≥ 10"]
