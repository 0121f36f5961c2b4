"""Random wallets for the tests of risk, and the arrays that compiled functions take."""

import numpy as np
from hypothesis import strategies as st

from narrows.core.arrays import Float1D
from narrows.risk.contract import INVERSE, LINEAR, QUANTO, SPOT
from narrows.risk.margin import Book, Tiers, deductions
from risk.plain import PlainLeg, Tier

KINDS = {"spot": SPOT, "linear": LINEAR, "inverse": INVERSE, "quanto": QUANTO}


def book_of(legs: list[PlainLeg]) -> Book:
    def column(name: str) -> Float1D:
        return np.array([getattr(leg, name) for leg in legs], dtype=np.float64)

    kinds = np.array([KINDS[leg.kind] for leg in legs], dtype=np.int64)
    return Book(kinds, *(column(n) for n in ("quantity", "multiplier", "coin", "mark", "weight", "rate")))


def tiers_of(legs: list[PlainLeg]) -> Tiers:
    rows = np.array([tier for leg in legs for tier in leg.tiers], dtype=np.float64)
    return Tiers(
        np.cumsum([0, *(len(leg.tiers) for leg in legs)]).astype(np.int64),
        np.array([leg.in_base for leg in legs], dtype=np.int64),
        np.array([leg.per_unit for leg in legs], dtype=np.float64),
        *(np.ascontiguousarray(rows[:, column]) for column in range(4)),
    )


def tier_table(rows: list[tuple[float, float]]) -> list[Tier]:
    """Tiers of (floor, rate) with the deductions that make them continuous."""
    floor, rate = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return [
        Tier(f, r, d, 1.0 / max(2.0 * r, 1e-3))
        for f, r, d in zip(floor.tolist(), rate.tolist(), deductions(floor, rate).tolist(), strict=True)
    ]


@st.composite
def tables(draw: st.DrawFn, unit: float) -> list[Tier]:
    steps = draw(st.lists(st.floats(0.05, 3.0), min_size=0, max_size=4))
    floors = np.cumsum([0.0, *steps]) * unit
    rises = draw(st.lists(st.floats(0.0005, 0.04), min_size=len(floors), max_size=len(floors)))
    return tier_table(list(zip(floors.tolist(), np.cumsum(rises).tolist(), strict=True)))


@st.composite
def legs(draw: st.DrawFn) -> PlainLeg:
    kind = draw(st.sampled_from(["spot", "linear", "inverse", "quanto"]))
    price = draw(st.sampled_from([0.25, 20.0, 3000.0, 60_000.0]))
    value = draw(st.floats(1.0, 50_000.0)) * draw(st.sampled_from([1.0, -1.0]))
    in_base = kind != "quanto" and draw(st.booleans())
    multiplier = 0.01 if kind == "quanto" else draw(st.sampled_from([1.0, 1.0, 10.0]))
    coins = draw(st.floats(0.0, 1.5)) * abs(value)
    return PlainLeg(
        kind=kind,
        quantity=(value if kind == "inverse" else value / price) / multiplier,
        mark=price * draw(st.floats(0.7, 1.4)),
        coin={"inverse": coins / price, "quanto": coins}.get(kind, 0.0),
        weight=draw(st.sampled_from([0.0, 0.8, 0.95, 1.0])),
        rate=draw(st.sampled_from([1.0, 0.87, 1.02])),
        multiplier=multiplier,
        in_base=in_base,
        per_unit=draw(st.sampled_from([0.0, 0.01 / (50_000.0 / price)])) if kind != "quanto" else 0.0,
        tiers=draw(tables(20_000.0 / price if in_base else 20_000.0)),
    )


@st.composite
def wallets(draw: st.DrawFn) -> tuple[list[PlainLeg], float, list[float]]:
    """Legs, cash, and prices near their marks."""
    found = draw(st.lists(legs(), min_size=1, max_size=6))
    prices = [leg.mark * draw(st.floats(0.8, 1.25)) for leg in found]
    return found, draw(st.floats(-20_000.0, 100_000.0)), prices
