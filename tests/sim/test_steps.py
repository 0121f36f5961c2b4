"""Liquidation in steps: how much of which leg a venue closes first, and when it stops."""

import math

import pytest

from narrows.core.result import Result
from narrows.sim import backtest as driver
from tiny_market import PERP, PERP_BETA, SPOT, Script, lanes, play, rule, tiny_desk, tiny_panel

approx = pytest.approx

TIERS = [[0, 1000, 0.01, 0, 50], [1000, 5000, 0.02, 10, 20], [5000, math.inf, 0.05, 160, 5]]
BY_TIER = rule("margin", tiers=TIERS, partial="tier")
BY_SHARE = rule(
    "margin", tiers=[[0, math.inf, 0.02, 0, 25]], partial="share", partial_share=0.2, partial_above=3000.0
)


def gap(
    text: str, size: float, capital: float, price: float, fee_bps: float, margin: str = "cross"
) -> Result:
    """`capital` on each of two venues; `size` on alpha at 100, marked at `price` two bars later."""
    panel = tiny_panel([PERP, PERP_BETA], mark=([100, 100, price, price], 100))
    desk = tiny_desk(
        2 * capital,
        10.0,
        beta=True,
        rules=(text,),
        maintenance=None,
        liquidation_fee_bps=fee_bps,
        margin=margin,
    )
    return play(desk, panel, {0: (size, 0.0)})


def closed(result: Result) -> list[float]:
    """What is left after each step of a liquidation."""
    left, steps = 0.0, []
    for quantity, reason in zip(result.fills.quantity.tolist(), result.fills.reason.tolist(), strict=True):
        left += quantity
        if reason == 1:
            steps.append(left)
    return steps


def test_down_one_tier_is_enough_and_costs_its_fee() -> None:
    # at 76: 1500 − 1440 = 60 for 4560 × 0.02 − 10 = 81.2; after 3560 are closed 24.4 for 10
    result = gap(BY_TIER, 60.0, 1500.0, 76.0, 100.0)
    assert closed(result) == approx([1000 / 76])
    assert result.fills.fee[1] == approx(35.6)
    assert result.wallet_equity[2, 0] == approx(24.4)
    assert result.margin_ratio[2, 0] == approx(81.2 / 60)  # as it was before
    assert result.liquidations == 1
    assert result.position[3, 0] == approx(1000 / 76)


def test_tier_after_tier_until_the_wallet_stands() -> None:
    # short 45; at 127: 85 for 5715 × 0.05 − 160 = 125.75; at 5000: 77.85 for 90; at 1000: 37.85 for 10
    result = gap(BY_TIER, -45.0, 1300.0, 127.0, 100.0)
    assert closed(result) == approx([-5000 / 127, -1000 / 127])
    assert result.wallet_equity[2, 0] == approx(37.85)
    assert result.liquidations == 1


def test_everything_goes_when_no_step_helps_and_the_fund_bears_the_rest() -> None:
    # a fee of 2 % on 3560 leaves −11.2
    result = gap(BY_TIER, 60.0, 1500.0, 76.0, 200.0)
    assert closed(result) == approx([1000 / 76, 0.0])
    assert result.wallet_equity[2, 0] == 0.0
    assert result.ledger.by_category["liquidation"] == approx(1440 - 1500)


@pytest.mark.parametrize(("fee_bps", "left"), [(0.0, [48.0]), (100.0, [48.0, 38.4])])
def test_a_fifth_at_a_time_of_what_is_large(fee_bps: float, left: list[float]) -> None:
    # at 76.3: 78 for 91.56. 48 need 73.248; with a fee of 9.156 they do not stand, but 38.4 do
    result = gap(BY_SHARE, 60.0, 1500.0, 76.3, fee_bps)
    assert closed(result) == approx(left)
    paid = fee_bps * 1e-4 * 76.3 * (60 - left[-1])
    assert result.wallet_equity[2, 0] == approx(78 - paid)


def test_what_is_small_goes_whole() -> None:
    # 30 at 66: 1000 − 1020 < 0; 1980 are below the threshold
    result = gap(BY_SHARE, 30.0, 1000.0, 67.0, 0.0)
    assert closed(result) == [0.0]
    assert result.wallet_equity[2, 0] == approx(10.0)


def test_an_isolated_leg_goes_in_the_same_steps_and_keeps_its_margin() -> None:
    # 60 at 100 in a tier of 5: 6000 / 10 × 2 posted; at 81: 60 for 4860 × 0.02 − 10 = 87.2
    result = gap(BY_TIER, 60.0, 1500.0, 81.0, 100.0, margin="isolated")
    assert closed(result) == approx([1000 / 81])
    assert result.wallet_equity[2, 0] == approx(1500 - 60 * 19 - 38.6)
    # 60 less the fee of 1 % on 3860 are still its margin
    assert result.margin_ratio[3, 0] == approx(10 / 21.4)


def test_the_leg_that_needs_most_is_reduced_first() -> None:
    # long 37.5 perpetuals, short 20 futures that stand at 100: at 61 there are 37.5 for 35.75 and 30;
    # a thousand of the perpetual needs 10, which is not enough; a thousand of the future needs 10 too
    future = "BTC-USDT-20240927.alpha"
    panel = tiny_panel([PERP, future], mark=([100, 100, 61], 100))
    desk = tiny_desk(1500.0, 10.0, rules=(BY_TIER,), maintenance=None)
    result = play(desk, panel, {0: (37.5, -20.0)})
    assert result.fills.leg.tolist() == [0, 1, 0, 1]
    assert result.position[2].tolist() == approx([1000 / 61, -10.0])


def test_owned_spot_is_not_sold_where_a_part_of_the_perpetual_is_enough() -> None:
    prices = [100, 100, 100]
    panel = tiny_panel([SPOT, PERP], mark=(prices, [100, 100, 125.1]))
    desk = tiny_desk(4000.0, 3.0, rules=(BY_TIER,), maintenance=None, collateral=["USDT"])
    # 4000 − 3000 = 1000 in cash carry 30 short: 1000 − 753 for 3753 × 0.02 − 10
    result = play(desk, panel, {0: (30.0, -30.0)})
    assert result.liquidations == 0
    later = tiny_panel([SPOT, PERP], mark=(prices, [100, 100, 132]))
    # 40 for 3960 × 0.02 − 10 = 69.2
    result = play(desk, later, {0: (30.0, -30.0)})
    assert result.position[2].tolist() == approx([30.0, -1000 / 132])


def test_every_step_is_written_down_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    small = rule(
        "margin", tiers=[[0, math.inf, 0.02, 0, 25]], partial="share", partial_share=0.02, partial_above=1.0
    )
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100, 60, 60]))
    desk = tiny_desk(4000.0, rules=(small,), maintenance=None, account="separate", derivatives_share=0.25)
    script = Script(orders={0: (0.0, 30.0)})
    _, whole = lanes(desk, panel, script)
    assert len(whole.fill_where) > 400  # 30 × 60 × 0.98ⁿ < 1: n = 372, in each lane
    monkeypatch.setattr(driver, "ROOM", 1)
    _, again = lanes(desk, panel, script)
    assert whole.fill_what.tobytes() == again.fill_what.tobytes()
    assert whole.equity.tobytes() == again.equity.tobytes()
