"""The split in whole lots with smallest orders: against all ways there are, on small books."""

import math
from itertools import product

import numpy as np
import pytest

from execution.books import book
from narrows.core.errors import ConfigError
from narrows.execution.cost import curve_of
from narrows.execution.lots import split_in_lots
from narrows.execution.router import Source, source, split
from narrows.execution.steps import Steps
from narrows.market.depth import BUY


def small(random: np.random.Generator, lots: list[float], least: bool) -> list[Source]:
    """Venues with two to four steps each."""
    found = []
    for number, lot in enumerate(lots):
        count = int(random.integers(2, 5))
        slopes = np.sort(random.uniform(100.0, 103.0, count))
        widths = random.uniform(0.3, 3.0, count)
        floor = float(random.choice([0.0, 0.7, 1.6])) if least else 0.0
        found.append(Source(f"v{number}", 100.0, "USD", Steps(widths, slopes), lot=lot, least=floor))
    return found


def everything(sources: list[Source], size: float) -> tuple[int, float]:
    """Of all whole lots: fewest finest lots left over, then cost with the rest at the marginal price."""
    finest = min(one.lot for one in sources)
    there = min(size, sum(one.steps.total for one in sources))
    price = split(sources, there).price
    best = (10**9, math.inf)
    choices = []
    for one in sources:
        most = int(min(size, one.steps.total) / one.lot + 1e-9)
        choices.append([n for n in range(most + 1) if n == 0 or n * one.lot >= one.least - 1e-9])
    tables = [
        [float(one.steps.at(n * one.lot)) for n in few] for one, few in zip(sources, choices, strict=True)
    ]
    for at in product(*(range(len(few)) for few in choices)):
        done = sum(few[n] * one.lot for one, few, n in zip(sources, choices, at, strict=True))
        left = size - done
        if left > -1e-9:
            cost = sum(table[n] for table, n in zip(tables, at, strict=True)) + price * max(left, 0.0)
            best = min(best, (math.floor(left / finest + 1e-9), cost))
    return best


def judged(sources: list[Source], size: float) -> tuple[int, float]:
    found = split_in_lots(sources, size)
    finest = min(one.lot for one in sources)
    assert found.judged >= found.bound - 1e-9
    for one, coin in zip(sources, found.sizes, strict=True):
        assert coin / one.lot == pytest.approx(round(coin / one.lot), abs=1e-9)
        assert coin == 0.0 or coin >= one.least - 1e-9
    price = split(sources, min(size, sum(one.steps.total for one in sources))).price
    return math.floor(found.unfilled / finest + 1e-9), found.judged + price * found.unfilled


@pytest.mark.parametrize("least", [False, True], ids=["any order", "smallest orders"])
def test_with_lots_alike_it_is_exact(least: bool) -> None:
    random = np.random.default_rng(7)
    for _ in range(120):
        sources = small(random, [0.25] * int(random.integers(2, 4)), least)
        size = float(random.uniform(0.1, 6.0))
        found, best = judged(sources, size), everything(sources, size)
        assert found[0] == best[0]
        assert found[1] == pytest.approx(best[1], rel=1e-10)


@pytest.mark.parametrize("lots", [[0.1, 0.5], [0.2, 0.2, 1.0], [0.25, 0.5, 1.0]], ids=str)
def test_with_lots_that_divide_each_other_all_small_cases_are_best(lots: list[float]) -> None:
    random = np.random.default_rng(8)
    for _ in range(60):
        sources = small(random, lots, False)
        size = float(random.uniform(0.1, 6.0))
        found, best = judged(sources, size), everything(sources, size)
        assert found[0] == best[0]
        assert found[1] == pytest.approx(best[1], rel=1e-10)


def test_a_larger_lot_costs_no_less_and_the_bound_says_how_much() -> None:
    random = np.random.default_rng(9)
    for _ in range(30):
        sources = small(random, [0.1, 0.1, 0.1], False)
        fine = split_in_lots(sources, 4.0)
        coarse = split_in_lots([one._replace(lot=0.5) for one in sources], 4.0)
        assert coarse.judged >= fine.judged - 1e-9 >= fine.bound - 2e-9
        assert fine.bound == pytest.approx(split(sources, 4.0).judged, rel=1e-12)


def test_a_real_venue_brings_its_lot_and_its_smallest_order() -> None:
    cheap = book([(100.0, 0.04), (101.0, 9.0)], id_="BTC-USDT.a", lot=0.01, min_notional=50.0)
    other = book([(100.5, 9.0)], id_="BTC-USDT.b", lot=0.01, min_notional=5.0)
    sources = [source(curve_of(one, BUY, 0.0)) for one in (cheap, other)]
    assert sources[0].least == pytest.approx(50.0 / cheap.mid)
    np.testing.assert_allclose(split(sources, 1.0).sizes, [0.04, 0.96])
    np.testing.assert_allclose(split_in_lots(sources, 1.0).sizes, [0.0, 1.0])
    inverse = book([(50_000.0, 90.0)], id_="BTC-USD-PERP.a", multiplier=100.0, lot=100.0)
    assert source(curve_of(inverse, BUY, 0.0)).lot == pytest.approx(100.0 / inverse.mid)


def test_more_than_there_is_and_less_than_a_lot() -> None:
    sources = small(np.random.default_rng(3), [0.25, 0.25], False)
    there = sum(math.floor(one.steps.total / 0.25) * 0.25 for one in sources)
    found = split_in_lots(sources, 100.0)
    assert found.sizes.sum() == pytest.approx(there, rel=1e-12)
    assert found.unfilled == pytest.approx(100.0 - there, rel=1e-12)
    little = split_in_lots(sources, 0.2)
    assert (little.sizes.sum(), little.unfilled, little.judged) == (0.0, 0.2, 0.0)


def test_what_cannot_be_counted_in_lots_is_refused() -> None:
    sources = small(np.random.default_rng(3), [0.25, 0.25], False)
    for bad, told in (
        ([sources[0], sources[1]._replace(lot=0.0)], "lot of v1 is not known"),
        ([], "no venue"),
        (sources * 7, "14 venues"),
    ):
        with pytest.raises(ConfigError, match=told):
            split_in_lots(bad, 1.0)
    with pytest.raises(ConfigError, match="size nan"):
        split_in_lots(sources, math.nan)
