"""The stress studies: the pages are what the data give, and two of their cases done again by hand."""

import importlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from narrows.core.time import to_ns
from realdata.real import REPOSITORY

TAKER, HALF_SPREAD, DEPTH = 0.0005, 0.00005, 5e6  # OKX's fee on perpetuals, the defaults of a desk file


@pytest.fixture(scope="module")
def stress() -> Iterator[Any]:
    folder = str(REPOSITORY / "scripts" / "studies")
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("stress")
    finally:
        sys.path.remove(folder)


@pytest.fixture(scope="module")
def found(stress: Any, data_root: Path) -> dict[str, Any]:
    studies: dict[str, Any] = stress.replayed(data_root)
    return studies


@pytest.fixture(scope="module")
def survived(stress: Any, found: dict[str, Any]) -> Any:
    return stress.survival(found.values())


def at(year: int, month: int, day: int, hour: int = 0) -> int:
    return to_ns(datetime(year, month, day, hour, tzinfo=UTC))


def hours(data_root: Path, coin: str, start: datetime, end: datetime) -> pl.DataFrame:
    """Hours of a coin at OKX as the file has them; `rate` where it is settled, at the close of its row."""
    rows = pl.read_parquet(data_root / "pietroc21" / f"okx_{coin}_1h.parquet").sort("timestamp")
    rows = rows.with_columns(
        rate=pl.when(pl.col("timestamp").dt.hour() % 8 == 7)
        .then(pl.col("funding_rate_raw_okx").shift(-1))
        .otherwise(0.0)
    )
    return rows.filter(pl.col("timestamp").is_between(start, end, closed="left"))


def test_pages_and_figures_are_what_the_script_writes(
    stress: Any, found: dict[str, Any], survived: Any
) -> None:
    files = stress.written(found, survived)
    assert len(files) == 9
    for place, text in files.items():
        assert (REPOSITORY / place).read_text("utf-8") == text, f"{place}: run scripts/studies/stress.py"


def test_the_ledger_of_every_run_is_its_change_in_equity(found: dict[str, Any]) -> None:
    runs = [run for study in found.values() for run in study.runs]
    assert len(runs) == 5 * 2 * 9
    assert max(run.result.ledger_error for run in runs) < 1e-9


def test_funding_of_november_is_the_sum_of_rate_times_notional(
    found: dict[str, Any], data_root: Path
) -> None:
    rows = hours(data_root, "SOL", datetime(2022, 11, 5), datetime(2022, 11, 15))
    paid = (rows["rate"] * rows["mark_price_okx"]).sum()
    assert paid < -3.5  # USDT a coin; the four settlements from 11-10 08:00 alone are 3.2
    for direction, sign in (("long", 1.0), ("reverse", -1.0)):
        run = found["2022-11-sol"].run(direction, "unified, cross", 3.0)
        coins = abs(run.result.position[-1, 1])
        assert coins == pytest.approx(0.75e6 / 34.9, rel=0.01)
        by_hand = sign * coins * paid
        assert run.result.ledger.by_category["funding"] == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("leverage", [1.0, 3.0])
def test_an_isolated_short_dies_where_its_margin_meets_its_maintenance(
    found: dict[str, Any], data_root: Path, leverage: float
) -> None:
    run = found["2023-01-sol"].run("long", "separate, isolated", leverage)
    dead = run.deaths(high_low=True)
    rows = hours(
        data_root,
        "SOL",
        datetime(2022, 12, 28),
        datetime.fromtimestamp(dead.time_ns[0] / 1e9 - 3600, UTC).replace(tzinfo=None),
    )
    entry, coins = rows["open_perp_okx"][1], -run.result.position[5, 1]
    slip = HALF_SPREAD + 0.5 * 0.001 * coins * entry / DEPTH
    posted = coins * entry / leverage
    costs = coins * entry * (slip + TAKER * (1.0 - slip))
    received = coins * (rows["rate"] * rows["mark_price_okx"]).sum()
    # posted − costs + funding − coins (P − entry) = 0.02 coins P
    price = (posted - costs + received + coins * entry) / (1.02 * coins)
    assert dead.price[0] == pytest.approx(price, rel=1e-9)
    high = hours(
        data_root,
        "SOL",
        *(
            datetime.fromtimestamp(dead.time_ns[0] / 1e9 - back, UTC).replace(tzinfo=None)
            for back in (3600, 0)
        ),
    )
    assert high["open_perp_okx"][0] < price < high["high_perp_okx"][0]


def test_the_reverse_trade_at_3x_dies_before_the_gap_opens(found: dict[str, Any]) -> None:
    study = found["2022-11-sol"]
    for name in ("separate, cross", "separate, isolated"):
        run = study.run("reverse", name, 3.0)
        for high_low in (False, True):
            dead = run.deaths(high_low)
            assert dead.time_ns.tolist() == [at(2022, 11, 8, 19)]
            assert run.kind(int(dead.leg[0])) == "perp"
        assert run.deaths(True).price[0] > run.deaths(False).price[0]
        assert run.left < 0.01
        assert run.booked("funding") < 0.001
    assert study.panel.time_ns[np.argmin(study.gap)] == at(2022, 11, 9, 19)
    assert study.gap.min() < -0.2
    assert np.nanmin(study.of("funding", 1)) == -0.06
    assert study.run("reverse", "unified, cross", 3.0).booked("funding") > 0.09


def test_january_kills_each_leg_in_its_own_wallet(found: dict[str, Any]) -> None:
    study = found["2023-01-sol"]
    at_one = study.run("long", "separate, cross", 1.0)
    assert at_one.deaths(True).time_ns.tolist() == [at(2023, 1, 14, 1)]  # by highs an hour before closes
    assert at_one.deaths(False).time_ns.tolist() == [at(2023, 1, 14, 2)]
    at_three = study.run("long", "separate, cross", 3.0)
    assert at_three.deaths(False).time_ns.tolist() == [at(2023, 1, 4, 8)]
    reverse = study.run("reverse", "separate, cross", 3.0)
    assert reverse.deaths(False).time_ns.tolist() == [at(2023, 1, 14, 1)]
    assert [run.kind(int(run.deaths(False).leg[0])) for run in (at_one, at_three, reverse)] == [
        "perp",
        "perp",
        "spot",
    ]


def test_one_account_lives_through_every_window(found: dict[str, Any]) -> None:
    unified = [run for study in found.values() for run in study.runs if run.structure.account == "unified"]
    assert len(unified) == 5 * 2 * 5
    assert all(run.result.liquidations == run.result.liquidations_high_low == 0 for run in unified)
    assert max(run.worst(high_low=True) for run in unified) < 0.5


def test_october_kills_inside_the_bar_only(found: dict[str, Any]) -> None:
    for name, study in found.items():
        if not name.startswith("2025"):
            continue
        died = [
            (run.long, run.structure.name, run.structure.leverage)
            for run in study.runs
            if len(run.deaths(True))
        ]
        assert died == [(False, "separate, cross", 3.0), (False, "separate, isolated", 3.0)]
        assert not any(len(run.deaths(False)) for run in study.runs)
        run = study.run("reverse", "separate, cross", 3.0)
        assert run.deaths(True).time_ns.tolist() == [at(2025, 10, 10, 22)]
        assert run.deaths(True).price[0] > study.of("low", 1).min()


def test_a_leg_is_taken_again_once_and_then_the_other_is_cut(stress: Any) -> None:
    hold = importlib.import_module("stress_runs").HoldOnce(size=0.5, again=3.0)
    params, memory = hold.params(1.0), np.zeros(8)

    def wants(spot: float, perp: float, equity: float = 10.0) -> list[float]:
        target = np.full(2, np.nan)
        assert hold.decide(np.zeros(1), np.array([spot, perp, equity]), memory, params, target) == 0
        return target.tolist()

    assert wants(10.0, -5.0) == [10.0, -10.0]
    assert wants(10.0, -7.0) == [7.0, -7.0]  # it could not be taken again in full
    assert wants(7.0, -7.1) == [7.0, -7.1]  # even enough: what is lost from here on is taken again
    assert wants(-10.0, 0.0) == [-10.0, 10.0]
    assert wants(-10.0, 0.0) == [0.0, 0.0]
    assert wants(-10.0, 10.0) == [-10.0, 10.0]
    assert wants(-10.0, 0.0, equity=6.0) == [0.0, 0.0]  # both legs would be 20 to an equity of 6


def test_debts_of_november_are_repaid_from_the_coins_that_they_bought(
    found: dict[str, Any], data_root: Path
) -> None:
    run = found["2022-11-sol"].run("long", "unified, cross, full", 3.0)
    assert run.sales.time_ns.tolist() == [at(2022, 11, 5, 16)]
    rows = hours(data_root, "SOL", datetime(2022, 11, 5), datetime(2022, 11, 5, 16))
    fills, coins = run.result.fills, float(run.result.fills.quantity[0])
    costs = fills.fee[:2].sum() + fills.slippage[:2].sum()
    marks = rows["mark_price_okx"].to_numpy()
    received = coins * float((rows["rate"].to_numpy() * marks).sum())
    spent = coins * fills.reference[0]
    lost = coins * (marks[-1] - fills.reference[1])
    debt = spent + lost + costs - received - 1e6
    assert debt > 20_000.0  # the limit; beyond it the whole is repaid
    sale = -run.sales.quantity[0] * run.sales.reference[0] - run.sales.fee[0] - run.sales.slippage[0]
    assert sale == pytest.approx(debt, rel=0.01)  # its slippage is a guess when the size is fixed


def test_a_hedge_in_a_portfolio_needs_a_quarter_of_its_gap(found: dict[str, Any]) -> None:
    study = found["2022-11-sol"]
    run, bar = study.run("long", "unified, portfolio", 3.0), int(np.argmin(study.gap))
    spot, perp = run.result.position[bar] * run.result.mark[bar]
    counted = run.result.equity[bar] - 0.10 * spot
    assert run.result.margin_ratio[bar, 0] == pytest.approx(0.25 * (spot + perp) / counted, rel=1e-9)


def test_an_adl_of_avax_costs_what_the_short_misses_until_the_next_open(
    survived: Any, data_root: Path
) -> None:
    run = survived.case("2025-10-avax-okx", True, 1.0).runs["unified, cross"]
    rows = hours(data_root, "AVAX", datetime(2025, 10, 10, 20), datetime(2025, 10, 10, 23))
    opened, low = rows["open_perp_okx"][1], rows["low_perp_okx"][1]
    result, hit = run.result, at(2025, 10, 10, 22)
    fills = result.fills
    assert fills.time_ns[2:].tolist() == [hit, hit]  # the ADL at its close, and the open of the next hour
    assert fills.price[2] == pytest.approx((opened + low) / 2.0, rel=1e-12)
    assert fills.reference[3] == rows["open_perp_okx"][2]
    bar = int(np.searchsorted(result.time_ns, hit))
    coins = float(fills.quantity[0])
    spot = coins * (result.mark[bar + 1, 0] - result.mark[bar - 1, 0])
    until = coins * (result.mark[bar - 1, 1] - fills.price[2])
    again = coins * (fills.reference[3] - result.mark[bar + 1, 1]) - fills.fee[3] - fills.slippage[3]
    assert result.equity[bar + 1] - result.equity[bar - 1] == pytest.approx(spot + until + again, abs=1e-6)


def test_a_hedge_stays_naked_until_the_desk_notices(survived: Any) -> None:
    for detect_h in (0, 1, 4):
        fills = survived.costs["2022-11-sol", "unified, cross", 0.5, detect_h].result.fills
        assert fills.time_ns[2:].tolist() == [at(2022, 11, 10, 9), at(2022, 11, 10, 9 + detect_h)]


def test_noticed_late_a_portfolio_dies_where_tiers_let_live(survived: Any) -> None:
    at_the_middle = {
        name: [
            survived.costs["2023-01-sol", f"unified, {name}, full", 0.5, detect_h]
            .deaths(True)
            .time_ns.tolist()
            for detect_h in (0, 1, 4)
        ]
        for name in ("cross", "portfolio")
    }
    assert at_the_middle == {"cross": [[], [], []], "portfolio": [[], [], [at(2023, 1, 14, 3)]]}
    hedged = survived.case("2023-01-sol", False, 0.0).runs
    assert hedged["unified, portfolio, full"].worst(True) < 0.05 < hedged["unified, cross, full"].worst(True)
