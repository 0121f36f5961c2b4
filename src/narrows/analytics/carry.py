"""What holding a spread pays if prices do not move, and what getting in and out costs."""

import numpy as np

from narrows.core.arrays import FloatArray
from narrows.core.time import YEAR_H

Number = float | FloatArray

DEPTH_SPAN = 10e-4  # Panel.depth counts the quote value within 10 bp of the mid


def fill_cost(fee: Number, half_spread: Number, notional: Number, depth: Number) -> FloatArray:
    """Cost of one immediate fill, as a fraction of its notional.

    Parameters
    ----------
    fee, half_spread : float or ndarray
        Fractions of notional.
    notional, depth : float or ndarray
        Quote value to trade, and quote value resting within 10 bp of the mid on that side.

    Returns
    -------
    ndarray
        ``fee + half spread + ½ · 10 bp · notional / depth``: a book spread evenly over its 10 bp,
        walked from the touch, and so thinner than it looks beyond them. inf where there is no
        depth, NaN where any input is NaN.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        walked = np.divide(notional, depth)
    return np.asarray(fee + half_spread + 0.5 * DEPTH_SPAN * walked)


def round_trip_cost(first_fill: Number, second_fill: Number) -> Number:
    """Cost of two legs, in and out: four fills, as a fraction of one leg's notional."""
    return 2.0 * (first_fill + second_fill)


def net_carry_apr(
    *,
    direction: Number,
    first_apr: Number,
    second_apr: Number,
    borrow_apr: Number,
    round_trip_cost: Number,
    hold_h: Number,
) -> Number:
    """Carry of a spread per unit of one leg's notional, after its costs; simple, 365 days.

    Parameters
    ----------
    direction : float or ndarray
        +1: the spread (first leg long, second leg short). −1: its reverse.
    first_apr, second_apr : float or ndarray
        What a *short* of that leg receives if prices do not move: trailing funding of a perpetual,
        `basis_apr` of a dated future, 0 for spot.
    borrow_apr : float or ndarray
        Interest on the first leg's coin; charged only in reverse. 0 if that leg is no spot.
    round_trip_cost : float or ndarray
        Fraction of one leg's notional for all four fills.
    hold_h : float or ndarray
        Hours over which that cost is spread.

    Returns
    -------
    float or ndarray
        Fraction a year; NaN where an input that counts is NaN.
    """
    received = direction * (second_apr - first_apr)
    loan = np.where(np.less(direction, 0.0), borrow_apr, 0.0)
    return received - loan - round_trip_cost * (YEAR_H / hold_h)


def break_even_h(carry_apr: Number, round_trip_cost: Number) -> FloatArray:
    """Hours of carry that pay for one round trip; inf if the carry is not positive.

    `carry_apr` is before costs and after financing: a fraction a year of one leg's notional, as
    `round_trip_cost` is a fraction of it. NaN stays NaN. For a carry that lasts; expected funding that
    changes from settlement to settlement is counted by `horizon.break_even_intervals`.
    """
    known = np.asarray(carry_apr, dtype=np.float64)
    earning = np.where(known <= 0.0, np.nan, known)
    return np.where(known <= 0.0, np.inf, round_trip_cost / earning * YEAR_H)
