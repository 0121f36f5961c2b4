"""The parity desk on Deribit's chains: when it trades, that its ledger adds up, what the scan says."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from narrows.catalog import ingest, load_desk, load_panel
from narrows.core.config import Desk
from narrows.core.panel import Panel
from narrows.research.scan import scan
from narrows.sim.backtest import backtest
from realdata.real import REPOSITORY

FOLDER = REPOSITORY / "examples" / "parity"


@pytest.fixture(autouse=True)
def strategy_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)


@pytest.fixture(scope="module")
def market(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Panel]:
    catalog = tmp_path_factory.mktemp("parity") / "catalog"
    ingest([FOLDER / "sources.toml"], root=data_root, catalog=catalog)
    desk = load_desk(FOLDER / "desk.toml")
    desk = replace(desk, data=replace(desk.data, catalog=str(catalog)))
    return desk, load_panel(desk)


def entering_at(desk: Desk, entry_bps: float) -> Desk:
    return replace(desk, parameters={"entry_bps": entry_bps})


def test_no_quote_of_three_months_left_the_band_of_costs(market: tuple[Desk, Panel]) -> None:
    result = backtest(*market)
    assert len(result.fills) == 0
    assert result.equity[-1] == result.equity[0] == 1_000_000.0


def test_a_position_entered_at_a_loss_loses_that_and_the_ledger_adds_up(market: tuple[Desk, Panel]) -> None:
    desk, prices = market
    result = backtest(entering_at(desk, -4.0), prices)
    change = float(result.equity[-1] - result.equity[0])
    assert change == pytest.approx(result.ledger.total, abs=1e-4)
    assert len(result.fills) == 4
    assert -3_000.0 < change < -1_000.0


def test_the_scan_lists_parity_and_says_why_not(market: tuple[Desk, Panel]) -> None:
    desk, prices = market
    found = scan(desk, prices).spreads
    assert {(one.kind, one.anchor) for one in found} == {("parity", "parity")}
    assert {one.verdict for one in found} == {"hold cash"}
    assert all(np.isfinite(one.edge_bps) for one in found)
