"""What a desk file excludes or repairs: only those bars, only from what was known, and said in the notes."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from narrows.catalog import load_panel
from narrows.catalog.desk import as_stored
from narrows.catalog.quality import open_findings, panel_findings
from narrows.catalog.repair import PRICES, edited
from narrows.core.config import Data, Exclude, Repair, parse
from narrows.core.errors import ConfigError
from narrows.core.panel import FIELDS, Panel
from narrows.core.random import generator
from narrows.core.time import HOUR_NS
from narrows.market.synthetic import synthetic_market
from narrows.sim.backtest import backtest

SPOT, PERP = "BTC-USDT.alpha", "BTC-USDT-PERP.alpha"
DESK = """
[desk]
name = "test"
start = 2024-03-01
end = 2024-04-01
[data]
catalog = "demo"
{data}
[universe]
instruments = ["BTC-USDT.alpha", "BTC-USDT-PERP.alpha"]
[strategy]
name = "funding_carry"
entry_apr = -100.0
exit_apr = -1000.0
lookback_h = 8
"""
EXCLUDE = """
[[data.exclude]]
instrument = "{id}"
start  = 2024-03-10T01:00:00Z
end    = 2024-03-10T20:00:00Z
reason = "the feed stood still"
"""


def closed(hour: int) -> datetime:
    """The close of so many hours after the market begins."""
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour)


def window() -> Panel:
    """Two hundred hours of a spot and its perpetual."""
    market, _ = synthetic_market(7)
    columns = [market.column(SPOT), market.column(PERP)]
    fields = {name: values[:200, columns] for name, values in market.fields.items()}
    chosen = [market.instruments[column] for column in columns]
    return Panel.of(chosen, market.time_ns[:200], HOUR_NS, ("as it was",), **fields)


def excluded(start: int, end: int, *fields: str, id_: str = PERP) -> Data:
    one = Exclude(instrument=id_, start=closed(start), end=closed(end), reason="because", fields=fields)
    return Data(exclude=(one,))


def repaired(start: int, end: int, how: str, id_: str = PERP) -> Data:
    return Data(
        repair=(Repair(instrument=id_, start=closed(start), end=closed(end), how=how, reason="because"),)  # type: ignore[arg-type]
    )


def differs(before: Panel, after: Panel) -> dict[str, list[tuple[int, int]]]:
    """Which rows and columns of which fields changed."""
    return {
        name: [(int(row), int(column)) for row, column in zip(*np.nonzero(changed), strict=True)]
        for name in FIELDS
        if (
            changed := ~(
                (before.fields[name] == after.fields[name])
                | np.isnan(before.fields[name] + after.fields[name])
            )
            | (np.isnan(before.fields[name]) != np.isnan(after.fields[name]))
        ).any()
    }


def test_a_desk_without_either_has_the_very_panel() -> None:
    prices = window()
    assert edited(prices, Data()) is prices


def test_an_exclude_makes_prices_of_its_closes_unknown_and_leaves_funding_due() -> None:
    prices = window()
    after = edited(prices, excluded(48, 50))
    for name in PRICES:
        assert np.isnan(after.fields[name][47:50, 1]).all()
    assert set(differs(prices, after)) <= set(PRICES)
    assert {place for places in differs(prices, after).values() for place in places} == {
        (47, 1),
        (48, 1),
        (49, 1),
    }
    np.testing.assert_array_equal(after.funding, prices.funding)
    span = "closes 2024-01-03T00:00:00Z to 2024-01-03T02:00:00Z"
    told = f"excluded all prices of {PERP} in 3 bars; 1 settlements in them are paid on the last mark"
    assert after.notes == ("as it was", f"{told} ({span}): because")
    assert after.content_hash != prices.content_hash


def test_an_exclude_may_name_fields() -> None:
    prices = window()
    assert differs(prices, edited(prices, excluded(48, 48, "low"))) == {"low": [(47, 1)]}
    unpaid = edited(prices, excluded(48, 48, "funding"))
    assert differs(prices, unpaid) == {"funding": [(47, 1)], "funding_h": [(47, 1)]}
    assert "1 settlements in them are not paid" in unpaid.notes[-1]


def test_the_premium_index_repairs_a_close_and_the_mark_that_stood_in_for_it() -> None:
    prices = window()
    close = prices.close.copy()
    close[60, 1] *= 0.98
    low = np.minimum(prices.low, close)
    broken = prices.with_field("close", close).with_field("low", low).with_field("mark", close)
    index = prices.index[60, 1]
    after = edited(broken, repaired(61, 61, "premium"))
    assert after.close[60, 1] == after.mark[60, 1] == index * (1 + prices.premium[60, 1])
    assert after.low[60, 1] == min(
        prices.open[60, 1], after.close[60, 1]
    )  # it was the close that is not believed
    assert set(differs(broken, after)) <= {"close", "mark", "high", "low"}
    assert after.notes[-1].startswith(
        "repaired BTC-USDT-PERP.alpha in 1 bars: close taken from index or spot"
    )
    own_mark = edited(broken.with_field("mark", prices.mark), repaired(61, 61, "premium"))
    assert own_mark.mark[60, 1] == prices.mark[60, 1]  # a mark that the venue published stays
    by_spot = edited(broken.with_field("index", np.full(close.shape, np.nan)), repaired(61, 61, "premium"))
    assert by_spot.close[60, 1] == prices.close[60, 0] * (1 + prices.premium[60, 1])


def test_previous_keeps_the_close_before_and_body_cuts_high_and_low() -> None:
    prices = window()
    kept = edited(prices, repaired(61, 63, "previous"))
    assert (kept.close[60:63, 1] == prices.close[59, 1]).all()
    assert (kept.low <= kept.close)[60:63].all()
    assert (kept.high >= kept.close)[60:63].all()
    body = edited(prices, repaired(61, 61, "body"))
    pair = (prices.open[60, 1], prices.close[60, 1])
    assert (body.low[60, 1], body.high[60, 1]) == (min(pair), max(pair))


@pytest.mark.parametrize("how", ["premium", "previous", "body"])
@pytest.mark.parametrize("seed", range(5))
def test_no_edit_uses_a_later_row(how: str, seed: int) -> None:
    """Whatever comes after a row, its repaired values are the same bits."""
    prices, dice = window(), generator(seed)
    start = int(dice.integers(10, 100))
    data = repaired(start, start + int(dice.integers(0, 60)), how)
    cut = int(dice.integers(start, start + 20))
    noise = np.ones(prices.close.shape)
    noise[cut:] = np.exp(0.1 * dice.standard_normal(noise[cut:].shape))
    other = Panel.of(
        prices.instruments, prices.time_ns, HOUR_NS, (), **{n: v * noise for n, v in prices.fields.items()}
    )
    for name in FIELDS:
        first, second = (edited(one, data).fields[name][:cut] for one in (prices, other))
        assert first.tobytes() == second.tobytes(), name


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (excluded(48, 50, id_="X-USDT.b"), r"exclude\[0\].instrument: no instrument 'X-USDT.b'; the desk"),
        (excluded(999, 1000), r"exclude\[0\]: no bar of \S+ closes from 2024-02-11T15.+; bars are named"),
        (excluded(48, 50, "price"), r"exclude\[0\].fields: unknown field 'price'; choose from open, high"),
        (repaired(1, 1, "previous"), r"repair\[0\]: \S+ has nothing to repair from at 2024-01-01T01"),
        (repaired(48, 50, "premium", SPOT), r"repair\[0\]: \S+ has nothing to repair from at 2024"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(data: Data, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        edited(window(), data)


def test_a_hole_is_not_filled_by_a_repair() -> None:
    prices = window()
    close = prices.close.copy()
    close[61, 1] = np.nan
    after = edited(prices.with_field("close", close), repaired(61, 63, "previous"))
    assert np.isnan(after.close[61, 1])
    assert "in 2 bars" in after.notes[-1]


def test_a_held_position_keeps_its_last_mark_and_is_paid_funding_on_it() -> None:
    both = EXCLUDE.format(id=SPOT) + EXCLUDE.format(id=PERP)
    results = [backtest(desk := parse(DESK.format(data=text)), load_panel(desk)) for text in ("", both)]
    plain, cut = results
    rows = slice(24 * 9, 24 * 9 + 20)  # closes of 10 March, from 01:00 to 20:00
    assert (cut.mark[rows] == cut.mark[rows.start - 1]).all()
    assert (plain.mark[rows] != plain.mark[rows.start - 1]).any()
    assert not (
        (cut.fills.time_ns >= cut.time_ns[rows.start]) & (cut.fills.time_ns <= cut.time_ns[rows.stop - 1])
    ).any()
    desk = parse(DESK.format(data=both))
    prices = load_panel(desk)
    paid = -cut.position[:, 1] * cut.mark[:, 1] * np.nan_to_num(prices.funding[:, 1])
    assert np.count_nonzero(paid[rows]) == 2
    assert cut.ledger.by_category["funding"] == pytest.approx(paid.sum(), rel=1e-12)
    assert cut.provenance.data_hash != plain.provenance.data_hash
    assert sum(note.startswith("excluded all prices") for note in cut.notes) == 2


def test_what_an_edit_covers_is_no_open_finding() -> None:
    prices = as_stored(parse(DESK.format(data="")))
    row = 24 * 9 + 5
    close = prices.close.copy()
    close[row, 1] *= 1.2
    found = panel_findings(prices.with_field("close", close))
    assert [one.kind for one in found] == ["broken_bar", "outlier"]
    covering = parse(DESK.format(data=EXCLUDE.format(id=PERP))).data
    assert open_findings(found, covering) == []
    assert open_findings(found, parse(DESK.format(data=EXCLUDE.format(id=SPOT))).data) == found
