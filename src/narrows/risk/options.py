"""Black-76: what a European option on a forward is worth, undiscounted, and how venues shock its volatility.

Values are per unit of the underlying, in quote; a coin-settled price is that over the forward.
"""

import math

from narrows.core.cache import compiled

PUT, NEITHER, CALL = -1, 0, 1
DAYS = 365.0  # a year, as crypto's options count it
REFERENCE_DAYS = 30.0  # the term at which a volatility shock is what its record says


@compiled
def normal(x: float) -> float:
    """The standard normal distribution function, without loss in the tails."""
    return 0.5 * math.erfc(-x * math.sqrt(0.5))


@compiled
def black(forward: float, strike: float, years: float, volatility: float, right: int) -> float:
    """Value of an option before discounting, in quote per unit of the underlying.

    Parameters
    ----------
    forward, strike : float
        Both > 0, in quote; the forward is that of the option's own expiry.
    years : float
        To expiry; at 0, or without volatility, an option is worth its exercise.
    volatility : float
        Per square root of a year, fraction.
    right : int
        CALL or PUT.

    References
    ----------
    Black (1976), The Pricing of Commodity Contracts, JFE 3, eq. 16 at a rate of zero.
    """
    spread = volatility * math.sqrt(years) if years > 0.0 else 0.0
    if not spread > 0.0:
        return max(right * (forward - strike), 0.0)
    d1 = math.log(forward / strike) / spread + 0.5 * spread
    return right * (forward * normal(right * d1) - strike * normal(right * (d1 - spread)))


@compiled
def black_delta(forward: float, strike: float, years: float, volatility: float, right: int) -> float:
    """What the value of an option gains per unit of the forward: 0 … 1 for calls, −1 … 0 for puts."""
    spread = volatility * math.sqrt(years) if years > 0.0 else 0.0
    if not spread > 0.0:
        return float(right) if right * (forward - strike) > 0.0 else 0.0
    return right * normal(right * (math.log(forward / strike) / spread + 0.5 * spread))


@compiled
def in_coin(value: float, forward: float) -> float:
    """A value in quote as the price of a coin-settled option, in coins per unit of the underlying."""
    return value / forward


@compiled
def term(days: float, short_power: float, long_power: float) -> float:
    """By how much a volatility shock is larger at a term than at 30 days: ``(30 / days) ^ power``.

    `short_power` below 30 days, `long_power` from there on; NaN without time left.
    """
    if not days > 0.0:
        return math.nan
    power = short_power if days < REFERENCE_DAYS else long_power
    return math.exp(power * math.log(REFERENCE_DAYS / days))


@compiled
def shocked(volatility: float, shock: float, scale: float, floor: float) -> float:
    """A volatility after a relative shock (negative: a fall), scaled by `term`.

    ``max(σ · (1 + shock · scale), floor)``. The floor is one of rises: pass 0 for a fall.

    References
    ----------
    Deribit, portfolio margin: volatility_range_up, volatility_range_down, short_term_vega_power,
    long_term_vega_power, min_volatility_for_shock_up.
    """
    return max(volatility * (1.0 + shock * scale), floor)
