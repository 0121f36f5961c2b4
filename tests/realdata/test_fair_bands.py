"""The funding formula along the bars is the one that was settled; real futures end within their bands."""

import numpy as np
import pytest

from narrows.analytics.fairvalue import Costs, Financing, band, outside
from narrows.analytics.fundingterms import funding_terms
from narrows.catalog import Series, panel
from narrows.core.arrays import Float2D, Int1D
from narrows.core.instrument import instrument
from narrows.core.panel import Panel
from narrows.core.spread import spreads
from narrows.core.time import HOUR_NS
from narrows.rulebook import PACKAGED
from realdata.real import Real

ABOVE = {  # share of its hours for which the future stood above its band
    "20230929": 0.0,
    "20231229": 0.109,
    "20240329": 0.629,
    "20240628": 0.794,
    "20240927": 0.656,
    "20241227": 0.552,
}
BORROWED = Financing(borrow=0.08, lend=0.0, base_borrow=0.03, base_lend=0.0, margin=0.0, return_on_margin=0.0)
RETAIL = Costs(first=10.5e-4, second=5.5e-4, spot=10.5e-4, delivery=1.5e-4)


def test_the_formula_by_the_rulebook_settles_what_hyperliquid_settled(catalogue: Real) -> None:
    rates = catalogue.catalog.read(Series("funding", "hyperliquid", "BTC-USDC-PERP"))
    both = rates.join(
        catalogue.catalog.read(Series("marks", "hyperliquid", "BTC-USDC-PERP")), on="time"
    ).sort("time")
    stamps: Int1D = both["time"].cast(int).to_numpy()
    grid: Int1D = np.arange(stamps[0], stamps[-1] + HOUR_NS, HOUR_NS)
    rows = np.searchsorted(grid, stamps)
    assert (grid[rows] == stamps).all()

    def on_grid(values: object) -> Float2D:
        column = np.full((len(grid), 1), np.nan)
        column[rows, 0] = values
        return column

    hours = on_grid(both["interval_h"].to_numpy())
    one = instrument("BTC-USDC-PERP.hyperliquid")
    bars = Panel.of([one], grid, HOUR_NS, (), premium=on_grid(both["premium"].to_numpy()), funding_h=hours)
    terms, why = funding_terms(PACKAGED, one, bars)
    assert why == ""
    hourly = terms.hourly(bars.premium[:, 0])[rows]
    np.testing.assert_allclose(hourly, both["rate"].to_numpy(), rtol=0, atol=1e-10)
    assert len(rows) > 12_000


def test_a_quarterly_strays_above_its_band_in_the_rally_and_is_within_at_delivery(catalogue: Real) -> None:
    names = ["BTC-USDT.binance", *(f"BTC-USDT-{day}.binance" for day in ABOVE)]
    bars = panel(catalogue.catalog, names, HOUR_NS)
    strayed = {}
    for one in spreads(bars.instruments, ["cash_and_carry"]):
        first, second = (bars.column(leg.instrument.id) for leg in one.legs)
        far = outside(
            band(one, bars, PACKAGED, BORROWED, RETAIL), bars.close[:, second] / bars.close[:, first] - 1
        )
        known = np.flatnonzero(np.isfinite(far))
        assert (far[known] >= 0.0).all()
        assert far[known[-1]] == 0.0
        strayed[one.legs[1].instrument.symbol[-8:]] = float((far[known] > 0).mean())
    assert strayed == pytest.approx(ABOVE, abs=0.001)
