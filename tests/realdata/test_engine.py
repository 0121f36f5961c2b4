"""The engine on real prices: a ledger done again by hand, and who survived the winter of 2022."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from narrows.catalog import load_panel
from narrows.core.config import parse
from narrows.core.result import Result
from narrows.core.time import to_ns
from narrows.sim.backtest import backtest
from realdata.real import Real

ALWAYS = "entry_apr = -100.0\nexit_apr = -1000.0"  # holds from the first bar whose funding is known
DESK = """
[desk]
name    = "held"
capital = 1_000_000
start   = {start}
end     = {end}
[data]
catalog = "{catalog}"
[universe]
instruments = [{instruments}]
[strategy]
name       = "funding_carry"
direction  = "{direction}"
lookback_h = 8
{always}
[venues.{venue}]
{account}
"""


def held(real: Real, start: str, end: str, direction: str, coin: str, venue: str, account: str) -> Result:
    desk = parse(
        DESK.format(
            start=start,
            end=end,
            catalog=real.catalog.root,
            instruments=f'"{coin}-USDT.{venue}", "{coin}-USDT-PERP.{venue}"',
            direction=direction,
            always=ALWAYS,
            venue=venue,
            account=account,
        )
    )
    return backtest(desk, load_panel(desk))


def closed_at(year: int, month: int, day: int, hour: int) -> int:
    return to_ns(datetime(year, month, day, hour, tzinfo=UTC))


def test_ledger_of_a_btc_carry_equals_twenty_lines_of_polars(catalogue: Real, data_root: Path) -> None:
    start, end = datetime(2024, 1, 1), datetime(2024, 6, 1)
    costs = "taker_bps = 5.0\nhalf_spread_bps = 0.5\ndepth_usd = 5e6\ncash_borrow_apr = 0.08"
    result = held(catalogue, "2024-01-01", "2024-06-01", "long", "BTC", "binance", costs)

    files = data_root / "gobbles404"
    spot = pl.read_parquet(files / "BTCUSDT_spot_1h.parquet").select("Timestamp", So="Open", Sc="Close")
    perp = pl.read_parquet(files / "BTCUSDT_perps_1h.parquet").select("Timestamp", Po="Open", Pc="Close")
    paid = pl.read_parquet(files / "BTCUSDT_funding_8h.parquet").select(
        Timestamp=pl.col("Timestamp").str.to_datetime() - pl.duration(hours=1), rate="Rate"
    )  # a bar is stamped by its open, funding by the close of that bar
    bars = spot.join(perp, on="Timestamp").join(paid, on="Timestamp", how="left", maintain_order="left")
    bars = bars.filter(pl.col("Timestamp").is_between(start, end, closed="left"))
    size = pl.lit(1e6) / (bars["Sc"][7] * (1 + 0.0005 + 0.00005))  # decided at the close of the eighth bar
    size = bars.select((size / 0.001).floor() * 0.001).item()
    entry, after = bars.row(8, named=True), bars[8:]
    slip = {leg: 0.00005 + 0.5 * 0.001 * size * entry[leg] / 5e6 for leg in ("So", "Po")}
    slippage = -size * (entry["So"] * slip["So"] + entry["Po"] * slip["Po"])
    fees = -0.0005 * size * (entry["So"] * (1 + slip["So"]) + entry["Po"] * (1 - slip["Po"]))
    basis = size * ((after["Sc"][-1] - entry["So"]) - (after["Pc"][-1] - entry["Po"]))
    funding = (size * after["Pc"] * after["rate"].fill_null(0.0)).sum()
    cash = [1e6]  # one wallet: spot is paid, the short settles every hour, a negative balance is charged
    cash[0] += -size * entry["So"] + slippage + fees + size * entry["Po"]
    borrow, last = 0.0, 0.0
    for mark, rate in zip(after["Pc"], after["rate"].fill_null(0.0), strict=True):
        cash[0] += size * mark * rate - size * (mark - (last or 0.0))
        charged = min(cash[0], 0.0) * 0.08 / 8760
        cash[0], borrow, last = cash[0] + charged, borrow + charged, mark

    by_hand = {"basis": basis, "funding": funding, "fees": fees, "slippage": slippage, "borrow": borrow}
    for category, amount in by_hand.items():
        assert result.ledger.by_category[category] == pytest.approx(amount, abs=1e-9 * 1e6), category
    assert result.equity_end - 1e6 == pytest.approx(sum(by_hand.values()), abs=1e-9 * 1e6)
    assert result.ledger.total == pytest.approx(sum(by_hand.values()), abs=1e-9 * 1e6)
    assert len(result.fills) == 2
    assert result.round_trips == result.liquidations == 0


OKX = "maintenance = 0.02\nliquidation_fee_bps = 50"  # no tiers of OKX are recorded
ALONE = f'account = "separate"\nderivatives_share = {{share}}\nmax_leverage = {{leverage}}\n{OKX}'


def test_a_short_margined_alone_dies_in_the_sol_rally_and_lives_in_one_account(catalogue: Real) -> None:
    window = ("2022-12-28T16:00:00Z", "2023-02-01", "long", "SOL", "okx")
    alone = held(catalogue, *window, ALONE.format(share=0.5, leverage=1.0))
    assert alone.fills.time_ns[0] == closed_at(2022, 12, 29, 0)
    assert alone.legs[int(alone.fills.liquidations.leg[0])].instrument == "SOL-USDT-PERP.okx"
    day = alone.fills.liquidations.time_ns[0]
    assert closed_at(2023, 1, 1, 0) < day < closed_at(2023, 1, 31, 0)

    together = held(catalogue, *window, f'account = "unified"\nhaircut = 0.05\nmax_leverage = 1.0\n{OKX}')
    assert together.fills.time_ns[0] == closed_at(2022, 12, 29, 0)
    assert together.liquidations == together.liquidations_high_low == 0
    assert np.max(together.margin_ratio) < 0.1


def test_the_reverse_trade_at_three_times_dies_on_2022_11_09_by_lows_before_closes(catalogue: Real) -> None:
    window = ("2022-11-08T12:00:00Z", "2022-11-10", "short", "SOL", "okx")
    result = held(catalogue, *window, ALONE.format(share=0.25, leverage=3.0))
    assert result.fills.time_ns[0] == closed_at(2022, 11, 8, 20)
    assert result.position[8, 0] < 0 < result.position[8, 1]
    by_lows, by_closes = result.liquidated_high_low, result.fills.liquidations
    # closes of the hours that open at 08:00 and at 09:00
    assert by_lows.time_ns[0] == closed_at(2022, 11, 9, 9)
    assert by_closes.time_ns[0] == closed_at(2022, 11, 9, 10)
    for died in (by_lows, by_closes):
        assert result.legs[int(died.leg[0])].instrument == "SOL-USDT-PERP.okx"
