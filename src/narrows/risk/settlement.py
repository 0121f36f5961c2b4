"""Delivery on an averaged index: what a future is worth inside the window, and how to leave.

A dated future is not settled at a price but at the mean of the index over its last minutes. Inside
that window part of the price is already fixed, so the future moves with only what is left of it.
"""

from narrows.core.arrays import Float1D
from narrows.core.cache import compiled


@compiled
def window_left(left_s: float, window_s: float) -> float:
    """Share of the averaging still to come: 1 before the window, 0 at delivery.

    It is the future's delta per unit, so the spot leg of a hedge is sold down along it.
    """
    if window_s <= 0.0:
        return 1.0 if left_s > 0.0 else 0.0
    return min(max(left_s / window_s, 0.0), 1.0)


@compiled
def fair_in_window(average: float, index: float, carry: float, left_s: float, window_s: float) -> float:
    """Fair price of a future at a time inside its window, or before it.

    Parameters
    ----------
    average : float
        Mean of the index so far in the window; not read before it begins.
    index : float
        The index now.
    carry : float
        Expected growth of the index up to its mean over what is left, as a factor; 1 = none.
    left_s, window_s : float
        Seconds to delivery, and length of the window.
    """
    left = window_left(left_s, window_s)
    expected = index * carry
    return expected if left == 1.0 else (1.0 - left) * average + left * expected


@compiled
def delivery_fee(quantity: float, settled: float, fee: float) -> float:
    """Fee for the delivery of a linear future: `fee`, a fraction, of the notional at settlement."""
    return abs(quantity) * settled * fee


def sold_along(index: Float1D, cost: float) -> float:
    """Proceeds per coin sold in equal parts at every sample of the window, after `cost` (fraction).

    This is what the future pays for, so the hedge is closed exactly. NaN if a sample is NaN.
    """
    return float(index.mean() * (1.0 - cost))


def sold_at_once(price: float, cost: float) -> float:
    """Proceeds per coin sold whole at one price, after `cost` (fraction): at delivery, or before it."""
    return price * (1.0 - cost)


def delivery_gap(index: Float1D, price: float, cost_along: float, cost_at_once: float) -> float:
    """What selling along the window earns over selling at once at `price`, as a fraction of `price`.

    Selling at once leaves the hedge open while the average forms; this is the difference that it
    made. Either sign; tens of bp where the index moved in its last minutes.
    """
    return (sold_along(index, cost_along) - sold_at_once(price, cost_at_once)) / price


def roll_cost(near: float, far: float, near_cost: float, far_cost: float) -> float:
    """Cost of moving a position from one dated future to the next, as a fraction of the near notional.

    Two fills: fee and half spread of each on its own notional, for the same number of coins. The
    difference between their prices is no cost: it is the basis that the position is entered at.
    """
    return near_cost + far_cost * far / near
