"""Changing a rule's date changes a backtest only from that date on, bit for bit before it."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from narrows.core.result import Result
from narrows.core.time import HOUR_NS
from narrows.sim.backtest import backtest
from random_market import ALPHA, BETA, Restless, random_desk, random_panel
from tiny_market import FIRST_CLOSE_NS, PERP, SPOT, play, rule, tiny_desk, tiny_panel

CHANGE = "2024-06-21T03:00:00Z"  # of alpha's margin
BARS = 60
SERIES = ("equity", "ledger_path", "position", "wallet_equity", "margin_ratio", "margin_ratio_high_low")


def run(seed: int, when: str) -> Result:
    rng = np.random.default_rng(seed)
    desk = replace(random_desk(rng), rules=(ALPHA.replace(CHANGE, when), BETA))
    return backtest(desk, random_panel(rng, BARS), Restless(seed=seed, often=0.3))


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 10_000), hours=st.lists(st.integers(1, BARS - 2), min_size=2, max_size=2))
def test_before_the_earlier_of_two_dates_no_bit_differs(seed: int, hours: list[int]) -> None:
    start = int(run(seed, CHANGE).time_ns[0]) - HOUR_NS  # the first bar opens
    dates = [datetime.fromtimestamp((start + h * HOUR_NS) / 1e9, UTC) for h in hours]
    one, other = (run(seed, f"{date:%Y-%m-%dT%H:%M:%SZ}") for date in dates)
    same = min(hours)  # so many bars open before the earlier date
    for name in SERIES:
        a, b = getattr(one, name)[:same], getattr(other, name)[:same]
        assert a.tobytes() == b.tobytes(), name
    early = [result.fills.time_ns < one.time_ns[same] - HOUR_NS for result in (one, other)]
    assert one.fills.price[early[0]].tobytes() == other.fills.price[early[1]].tobytes()
    assert one.provenance.config_hash != other.provenance.config_hash or hours[0] == hours[1]


@pytest.mark.parametrize(("since", "dear"), [(1, [1, 1, 1]), (2, [0, 1, 1]), (3, [0, 0, 1]), (4, [0, 0, 0])])
def test_a_fee_holds_for_bars_that_open_at_or_after_its_date(since: int, dear: list[int]) -> None:
    opens = datetime.fromtimestamp((FIRST_CLOSE_NS + (since - 1) * HOUR_NS) / 1e9, UTC)
    text = rule("fees", since=f"{opens:%Y-%m-%dT%H:%M:%SZ}", taker_bps=100.0, maker_bps=0.0)
    panel = tiny_panel([SPOT, PERP], mark=([100.0] * 5, 100))
    desk = tiny_desk(rules=(text,), taker_bps=None)
    fills = play(desk, panel, {0: (0.0, 1.0), 1: (0.0, 0.0), 2: (0.0, 1.0)}).fills
    assert fills.fee.tolist() == pytest.approx([1.0 if one else 0.05 for one in dear])


def test_a_tier_that_tightens_liquidates_from_its_date_on_and_closes_nothing_by_itself() -> None:
    # 10 at 100 with 500 behind them; 2 % until 08:00, then 60 %, or 30 % with leverage 1
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100, 100, 100]))

    def after(rate: float, most: float) -> Result:
        text = rule("margin", since="2024-06-20T08:00:00Z", tiers=[[0, float("inf"), rate, 0, most]])
        desk = tiny_desk(2000.0, rules=(text,), maintenance=None, account="separate", derivatives_share=0.25)
        return play(desk, panel, {0: (0.0, 10.0)})

    assert after(0.6, 1.5).position[:, 1].tolist() == [0, 10, 0, 0]
    assert after(0.3, 1.0).position[:, 1].tolist() == [0, 10, 10, 10]  # twice what it allows now


def test_rules_of_a_desk_enter_its_hash() -> None:
    texts = [rule("fees", since=f"2024-06-{day}", taker_bps=1.0) for day in (20, 21)]
    hashes = {tiny_desk(rules=(text,)).config_hash for text in texts} | {tiny_desk().config_hash}
    assert len(hashes) == 3
