"""Black-76 against Deribit's own marks: full chains of BTC options, 110 snapshots of February 2026."""

from pathlib import Path

import numpy as np
import polars as pl

from narrows.risk.options import CALL, PUT, black, black_delta, in_coin


def test_deribit_marks_its_options_by_black_76_in_coin(data_root: Path) -> None:
    """Mark and delta follow from the chain's own forward and implied volatility, at a rate of zero.

    The forward is read up to seconds apart from the mark: half of the marks agree within 2e-5 BTC
    (0.002 % of the underlying), nine of ten within 1.1e-4. A rate of 4 %, or the index in place of the
    forward, misses by several times as much.
    """
    chain = pl.read_parquet(data_root / "svcj_deribit" / "BTC_options_2026-02.parquet").drop_nulls(
        ["mark_price", "implied_volatility", "underlying", "delta"]
    )
    columns = ("underlying", "strike", "time_to_maturity", "implied_volatility", "option_type")
    rows = list(zip(*(chain[name].to_list() for name in columns), strict=True))
    right = {"call": CALL, "put": PUT}
    marks = [in_coin(black(f, k, t, v, right[kind]), f) for f, k, t, v, kind in rows]
    slopes = [black_delta(f, k, t, v, right[kind]) for f, k, t, v, kind in rows]
    assert len(rows) > 90_000
    off = np.abs(np.array(marks) - chain["mark_price"].to_numpy())
    assert np.quantile(off, 0.5) < 2e-5
    assert np.quantile(off, 0.9) < 1.1e-4
    assert np.quantile(np.abs(np.array(slopes) - chain["delta"].to_numpy()), 0.5) < 2e-4

    def typical(discounted: bool, on_index: bool) -> float:
        """Median miss of another convention, over every twentieth option."""
        misses = []
        indices, told = chain["index_price"].to_list(), chain["mark_price"].to_list()
        for (f, k, t, v, kind), index, mark in list(zip(rows, indices, told, strict=True))[::20]:
            value = black(index if on_index else f, k, t, v, right[kind])
            misses.append(abs(in_coin(value * (np.exp(-0.04 * t) if discounted else 1.0), f) - mark))
        return float(np.median(misses))

    assert typical(False, True) > 10 * np.quantile(off, 0.5)
    assert typical(True, False) > 5 * np.quantile(off, 0.5)
