"""The figures of depth and cost show the numbers of the layers below, and end where the books do."""

import base64
from pathlib import Path

import numpy as np
import pytest

from execution.books import book, random_book
from narrows.core.arrays import FloatArray
from narrows.core.errors import ConfigError
from narrows.execution.cost import round_trip, two_sided
from narrows.execution.router import source, split
from narrows.market.depth import BUY, SELL, Depth
from narrows.market.impact import impact_law
from narrows.report.depth import (
    both_ways,
    cost_against_size,
    depth_curves,
    round_trip_break_even,
    split_against_size,
)
from narrows.report.figure import Figure, Spec


def values(spec: Spec, axis: str) -> FloatArray:
    return np.frombuffer(base64.b64decode(spec[axis]["bdata"]), dtype=spec[axis]["dtype"])


@pytest.fixture
def books() -> list[Depth]:
    random = np.random.default_rng(1)
    return [random_book(random, 60, id_).haircut(0.0) for id_ in ("BTC-USDT.a", "BTC-USDT.b")]


def test_depth_curves_add_up_to_what_rests(books: list[Depth]) -> None:
    figure = depth_curves(books, 0.05)
    assert len(figure.data) == 4
    for number, direction in enumerate((SELL, BUY)):
        away, rests = values(figure.data[number], "x"), values(figure.data[number], "y")
        assert rests[-1] == pytest.approx(books[0].quoted(direction).sum())
        assert (np.sign(away) == direction).all()
        assert (np.diff(rests) > 0.0).all()
        for distance in (0.01, 0.03):
            seen = rests[np.abs(away) <= distance * 1e4]
            assert seen[-1] == pytest.approx(books[0].within(distance)[number])


def test_a_long_side_is_thinned_and_keeps_its_ends() -> None:
    one = random_book(np.random.default_rng(2), 600)
    rests = values(depth_curves([one], 1.0).data[1], "y")
    assert len(rests) == 400
    assert rests[-1] == pytest.approx(one.quoted(BUY).sum())


def test_cost_lines_are_the_curves_and_end_with_the_book(books: list[Depth]) -> None:
    curves = both_ways(books, [5e-4, 1e-3])
    figure = cost_against_size(curves, 1e6)
    assert [one["name"] for one in figure.data][:2] == ["buy BTC-USDT.a", "sell BTC-USDT.a"]
    for line, curve in zip(figure.data, curves, strict=True):
        size, bps = values(line, "x"), values(line, "y")
        assert size[-1] <= curve.available * curve.depth.mid < 1e6
        np.testing.assert_allclose(bps, curve.at(size / curve.depth.mid).bps, rtol=1e-12)


def test_with_a_law_the_line_goes_on() -> None:
    one = book([(100.0, 50.0)])
    curves = both_ways([one], [0.0])
    law = impact_law(0.7, 0.02, 1e6)
    longer = [type(c)(c.depth, c.direction, c.fee, c.prices, c.sizes, law) for c in curves]
    assert values(cost_against_size(longer, 1e5).data[0], "x")[-1] == pytest.approx(1e5)


def test_shares_are_those_of_the_split_and_make_a_hundred(books: list[Depth]) -> None:
    sources = [source(two_sided(one, BUY, 5e-4).entry) for one in books]
    figure = split_against_size(sources, 2e4)
    size = values(figure.data[0], "x")
    shares = np.array([values(one, "y") for one in figure.data])
    np.testing.assert_allclose(shares.sum(axis=0), 100.0, rtol=1e-12)
    middle = len(size) // 2
    coin = float(size[middle] / sources[0].mid)
    np.testing.assert_allclose(shares[:, middle], 100.0 * split(sources, coin).sizes / coin, rtol=1e-9)


def test_break_even_is_cost_over_carry_and_a_carry_of_nothing_has_no_line(books: list[Depth]) -> None:
    legs = [two_sided(books[0], BUY, 5e-4), two_sided(books[1], SELL, 5e-4)]
    figure = round_trip_break_even(legs, [0.1, 0.0], 4e3)
    size, days = values(figure.data[0], "x"), values(figure.data[0], "y")
    bps = round_trip(legs, size / legs[0].entry.depth.mid).bps
    np.testing.assert_allclose(days, bps / 1e4 / 0.1 * 365.0, rtol=1e-9)
    assert len(values(figure.data[1], "x")) == 0
    with pytest.raises(ConfigError, match="give more than 1000"):
        round_trip_break_even(legs, [0.1], 500.0)


def test_each_figure_is_a_page_of_its_own(books: list[Depth], tmp_path: Path) -> None:
    legs = [two_sided(books[0], BUY, 5e-4), two_sided(books[1], SELL, 5e-4)]
    figures: list[Figure] = [
        depth_curves(books, 0.05),
        cost_against_size(both_ways(books, [5e-4, 5e-4]), 1e4),
        split_against_size([source(one) for one in legs[:1]], 1e4),
        round_trip_break_even(legs, [0.1], 1e4),
    ]
    assert len({one.name for one in figures}) == len(figures)
    for one in figures:
        one.write_html(tmp_path / f"{one.name}.html")
        assert one.about
        assert b"data-spec" in (tmp_path / f"{one.name}.html").read_bytes()
