"""The page on premiums and funding says what the data give, and some of it by other means."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from narrows.analytics.nowcast import running_average
from narrows.core.time import HOUR_NS
from narrows.rulebook.funding import clamped_rate
from realdata.real import REPOSITORY


def test_the_page_and_its_figure_are_what_the_script_writes(data_root: Path) -> None:
    script = REPOSITORY / "scripts" / "studies" / "premium_and_funding.py"
    environment = {**os.environ, "NARROWS_DATA": str(data_root)}
    run = subprocess.run(
        [sys.executable, script, "--check"], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_averages_of_binance_btc_settle_near_what_was_paid(data_root: Path) -> None:
    """By hand: linear weights over the eight closes that end at the settlement."""
    bars = pl.read_parquet(data_root / "gobbles404" / "BTCUSDT_premium_index_1h.parquet").sort("Timestamp")
    rates = pl.read_parquet(data_root / "gobbles404" / "BTCUSDT_funding_8h.parquet").select(
        time=pl.col("Timestamp").str.to_datetime(time_unit="us").dt.round("1h"), rate="Rate"
    )
    weights = np.arange(1.0, 9.0)
    made = bars.select(
        time=pl.col("Timestamp") + pl.duration(hours=1),
        premium="Close",
    )
    time_ns = made["time"].dt.epoch("ns").to_numpy().astype(np.int64)
    closes = made["premium"].to_numpy()
    plain = {
        int(time_ns[row]): float(closes[row - 7 : row + 1] @ weights / weights.sum())
        for row in range(7, len(closes))
        if time_ns[row] % (8 * HOUR_NS) == 0
    }
    paid = dict(zip(rates["time"].dt.epoch("ns").to_list(), rates["rate"].to_list(), strict=True))
    both = sorted(plain.keys() & paid.keys())
    assert len(both) > 1900
    premium = np.array([plain[one] for one in both])
    off = np.abs(clamped_rate(premium, 1e-4, 5e-4, np.inf) - np.array([paid[one] for one in both]))
    assert np.median(off) < 0.2e-4
    # straight lines between the closes weigh them nearly so, an hour before the end
    _, so_far = running_average(closes, time_ns, 8.0, "linear")
    before = np.array([so_far[np.searchsorted(time_ns, one) - 1] for one in both[5:]])
    assert np.corrcoef(before, premium[5:])[0, 1] == pytest.approx(1.0, abs=0.05)
