"""Who is there at a close: from the first known close until delivery, delisting or expiry; no future."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.panel import Panel
from tiny_market import FUTURE, NAN, PERP, SPOT, tiny_panel


def _panel(closes: list[float], settled: list[float]) -> Panel:
    return tiny_panel([SPOT, PERP, FUTURE], mark=(100.0, closes, 100.0), settlement=(NAN, settled, NAN))


def test_one_is_there_from_its_first_close_until_it_is_settled_holes_included() -> None:
    prices = _panel([NAN, 100, NAN, 100, NAN, NAN], [NAN, NAN, NAN, NAN, 100, NAN])
    assert prices.alive[:, 0].all()
    assert prices.alive[:, 1].tolist() == [False, True, True, True, False, False]
    assert prices.alive[:, 2].tolist() == [True, False, False, False, False, False]  # expires at close 1
    assert not prices.alive.flags.writeable


prices = st.one_of(st.just(NAN), st.floats(1.0, 1e6))


@given(rows=st.lists(st.tuples(prices, prices), min_size=2, max_size=20), cut=st.integers(1, 19))
def test_a_row_knows_nothing_of_the_rows_after_it(rows: list[tuple[float, float]], cut: int) -> None:
    closes, settled = ([row[n] for row in rows] for n in (0, 1))
    whole = _panel(closes, settled)
    np.testing.assert_array_equal(whole.rows(0, cut).alive, whole.alive[:cut])
