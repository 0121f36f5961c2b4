"""What a perpetual is worth at constant rates: linear, inverse, quanto; funded all the time or by periods."""

import math
from typing import Literal, TypeVar

from narrows.core.arrays import FloatArray
from narrows.core.errors import ConfigError
from narrows.core.instrument import Contract

_Price = TypeVar("_Price", float, FloatArray)

FundedOn = Literal["previous", "current"]


def perpetual_price(
    spot: _Price,
    *,
    contract: Contract,
    kappa: float,
    iota: float,
    r_quote: float,
    r_base: float,
    covariance: float = 0.0,
) -> _Price:
    """Arbitrage-free price of a perpetual whose long pays ``κ(f − x) + ιx`` all the time.

    It is the expected spot at a random time, exponential with intensity κ: linear
    ``f = x (κ − ι) / (κ − μ)`` with ``μ = r_quote − r_base``; inverse the reciprocal of the same in
    coin, ``f = x (κ + μ) / (κ − ι)``; quanto as linear with ``μ + covariance``.

    Parameters
    ----------
    spot : float or ndarray
        Quote per base; the result has its unit and shape.
    contract : "linear", "inverse" or "quanto"
    kappa, iota : float
        Anchoring and interest of the funding, a year: a premium that is paid in full every 8 hours is
        κ = 1095, Binance's 0.01 % every 8 hours ι = 0.1095.
    r_quote, r_base : float
        Rates of the two currencies, continuous, a year.
    covariance : float
        Quanto: ``ρ σ_x σ_z`` a year, z the price of the settlement coin in the quote currency.

    Raises
    ------
    ConfigError
        If no price exists: κ does not exceed ι, or the growth of what is expected; or a covariance is
        given of a contract that has none.

    References
    ----------
    Ackerer, Hugonnier & Jermann (2025), Perpetual Futures Pricing, Propositions 3 and 4 (linear,
    inverse); the quanto form follows from their equation for f under the settlement coin's measure.
    """
    drift = _drift(contract, r_quote, r_base, covariance)
    _require(kappa > iota, f"kappa {kappa:g} is not above iota {iota:g}", "the long would be paid for ever")
    _require(kappa > drift, f"kappa {kappa:g} is not above the growth {drift:g}", "funding never catches up")
    return _priced(spot, contract, (kappa - iota) / (kappa - drift))


def periodic_perpetual_price(
    spot: _Price,
    *,
    contract: Contract,
    funded_on: FundedOn,
    kappa: float,
    iota: float,
    r_quote: float,
    r_base: float,
    period_y: float,
    covariance: float = 0.0,
) -> _Price:
    """Arbitrage-free price of a perpetual that is funded once a period, just after a payment.

    The payment at the end of a period is on the basis at its start ("previous":
    ``f (1 + κ) = E[f'] + (κ − ι) x``) or at its end ("current": ``f = E[(1 − κ) f' + (κ − ι) x']``).

    Parameters
    ----------
    spot, contract, r_quote, r_base, covariance
        As of `perpetual_price`.
    funded_on : "previous" or "current"
    kappa, iota : float
        Per period.
    period_y : float
        Years.

    Raises
    ------
    ConfigError
        If no price exists: κ does not exceed ι, the sum of discounted payments does not converge, or the
        period is not positive.

    References
    ----------
    Ackerer, Hugonnier & Jermann (2025), equation (12) and Proposition 2; the current-basis forms as in
    QuantLib's test suite (perpetualfutures.cpp).
    """
    _require(period_y > 0.0, f"a period of {period_y:g} years", "give a length > 0")
    growth = math.exp(_drift(contract, r_quote, r_base, covariance) * period_y)
    _require(kappa > iota, f"kappa {kappa:g} is not above iota {iota:g}", "the long would be paid for ever")
    if funded_on == "previous":
        _require(
            growth < 1.0 + kappa, f"growth {growth:g} is not below 1 + kappa", "funding never catches up"
        )
        return _priced(spot, contract, (kappa - iota) / (1.0 + kappa - growth))
    left = (1.0 - kappa) * growth
    _require(
        abs(left) < 1.0, f"(1 - kappa) growth is {left:g}", "the payments do not converge: 1 is too much"
    )
    return _priced(spot, contract, (kappa - iota) * growth / (1.0 - left))


def payoff_funding(
    spot: _Price, *, slope: _Price, curvature: _Price, sigma: float, r_quote: float, r_base: float
) -> _Price:
    """What the long of a perpetual on ``φ(S)`` pays a year if it is to trade at φ(S) always.

    ``(r_quote − r_base) S φ'(S) + ½ σ² S² φ''(S)``: for φ = S the difference of the rates, for a power
    perpetual (φ = S²) also the variance.

    Parameters
    ----------
    spot, slope, curvature : float or ndarray
        S, φ'(S), φ''(S).
    sigma : float
        Volatility of S, per square root of a year.

    Returns
    -------
    float or ndarray
        Quote currency a year for each contract on φ.

    References
    ----------
    Angeris, Chitra, Evans & Lorig (2023), A Primer on Perpetuals, SIAM J. Financial Math. 14(1).
    """
    return (r_quote - r_base) * spot * slope + 0.5 * sigma**2 * spot**2 * curvature


def _drift(contract: Contract, r_quote: float, r_base: float, covariance: float) -> float:
    """How fast what is averaged is expected to grow: the spot, or its reciprocal in coin."""
    _require(
        contract == "quanto" or covariance == 0.0,
        f"a {contract} perpetual has no covariance with its settlement coin",
        "leave it out",
    )
    return r_base - r_quote if contract == "inverse" else r_quote - r_base + covariance


def _priced(spot: _Price, contract: Contract, ratio: float) -> _Price:
    return spot / ratio if contract == "inverse" else spot * ratio


def _require(holds: bool, what: str, remedy: str) -> None:
    if not holds:  # NaN does not hold either
        raise ConfigError(f"no price exists: {what}", "perpetual", remedy)
