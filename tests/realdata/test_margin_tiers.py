"""Deductions worked out from floors and rates are those that the venue publishes."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from narrows.risk.margin import deductions


def test_deductions_are_the_maintenance_amounts_that_binance_publishes(data_root: Path) -> None:
    path = data_root / "margin_tiers" / "binance_usdm_leverage_tiers.json.zst"
    lines = pl.read_csv(path, has_header=False, separator="\x01", quote_char=None, new_columns=["text"])
    contracts = json.loads("\n".join(lines["text"].to_list()))
    assert len(contracts) == 349
    for symbol, rows in contracts.items():
        floor = np.array([float(row["minNotional"]) for row in rows])
        rate = np.array([float(row["maintenanceMarginRate"]) for row in rows])
        published = [float(row["info"]["cum"]) for row in rows]
        assert deductions(floor, rate).tolist() == pytest.approx(published, rel=1e-9, abs=0.01), symbol
