"""On which price a venue pays its funding: the mark or the index."""

import math

import numpy as np
import pytest
from msgspec.structs import replace

from tiny_market import NAN, PERP, SPOT, play, rule, tiny_desk, tiny_panel

ON_INDEX = rule("funding", pays_on="oracle")
MARK, INDEX = 100.0, 90.0


@pytest.mark.parametrize(
    ("rules", "index", "price"),
    [((), INDEX, MARK), ((ON_INDEX,), INDEX, INDEX), ((ON_INDEX,), NAN, MARK)],
)
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_funding_is_paid_on_what_the_rule_says(
    rules: tuple[str, ...], index: float, price: float, side: float
) -> None:
    panel = tiny_panel(
        [SPOT, PERP], mark=(100, [100, MARK, MARK]), index=(NAN, index), funding=(NAN, [NAN, 0.01, NAN])
    )
    result = play(tiny_desk(rules=rules), panel, {0: (0.0, 2.0 * side)})
    assert result.ledger.by_category["funding"] == pytest.approx(-2 * side * price * 0.01)


@pytest.mark.parametrize(("venue", "price"), [("hyperliquid", INDEX), ("binance", MARK), ("bybit", MARK)])
def test_hyperliquid_pays_on_its_index(venue: str, price: float) -> None:
    desk = tiny_desk()
    ids = [f"BTC-USDT.{venue}", f"BTC-USDT-PERP.{venue}"]
    panel = tiny_panel(
        ids, mark=(100, [100, MARK, MARK]), index=(NAN, INDEX), funding=(NAN, [NAN, 0.01, NAN])
    )
    there = replace(desk, venues={venue: desk.venues["alpha"]})
    result = play(there, panel, {0: (0.0, -2.0)})
    assert result.ledger.by_category["funding"] == pytest.approx(2 * price * 0.01)


def test_a_rule_that_changes_at_a_date_changes_the_price_from_then_on() -> None:
    since = rule("funding", since="2024-06-20T08:00:00Z", pays_on="oracle")
    panel = tiny_panel([SPOT, PERP], mark=(100, [100] * 4), index=(NAN, INDEX), funding=(NAN, 0.01))
    result = play(tiny_desk(rules=(since,)), panel, {0: (0.0, -2.0)})
    paid = result.ledger_path[:, 1]
    # bar 1 opens at 07:00, bar 2 at 08:00
    assert paid.tolist() == pytest.approx([0.0, 2.0, 3.8, 5.6])
    assert math.isclose(paid[2] - paid[1], 2 * INDEX * 0.01)
    assert result.paid_on[:, 1].tolist() == [100, 100, INDEX, INDEX]


def test_what_the_report_says_was_paid_is_what_was_paid() -> None:
    """Rate times held times the price of each bar is the ledger's funding, though the rule changes."""
    changes = (("08", "oracle"), ("10", "mark"))
    back = [rule("funding", since=f"2024-06-20T{hour}:00:00Z", pays_on=paid) for hour, paid in changes]
    marks = [100.0, 101.0, 103.0, 99.0, 98.0, 97.0]
    panel = tiny_panel([SPOT, PERP], mark=(100, marks), index=(NAN, INDEX), funding=(NAN, 0.01))
    result = play(tiny_desk(rules=back), panel, {0: (0.0, -2.0)})
    assert result.paid_on[:, 1].tolist() == [100.0, 101.0, INDEX, INDEX, 98.0, 97.0]
    owed = -result.funding[:, 1] * result.position[:, 1] * result.paid_on[:, 1]
    assert np.cumsum(owed).tolist() == pytest.approx(result.ledger_path[:, 1].tolist())
