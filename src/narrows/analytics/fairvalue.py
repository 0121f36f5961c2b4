"""Fair value as a band: the prices between which no round trip of two legs pays.

Pure arithmetic on arrays first; `band` at the end asks panel and rulebook for any spread. Bands of
spreads are fractions of the first leg's price, as the basis rate ``F/S − 1`` is.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from narrows.analytics.basis import hours_to_expiry
from narrows.analytics.fundingterms import FundingTerms, funding_terms, last_known
from narrows.core.arrays import Float1D, FloatArray
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel
from narrows.core.spread import Spread, SpreadKind
from narrows.core.time import YEAR_H
from narrows.rulebook import Rulebook

Number = float | FloatArray


class Band(NamedTuple):
    """Where a price, premium or basis may lie without a round trip that pays.

    Attributes
    ----------
    lo, fair, hi : ndarray
        Of one shape and unit. `fair` is where a holder pays as much as the holder of the reverse, costs
        aside: it lies within [lo, hi]. An infinite end bounds nothing (a funding cap binds);
        NaN = not known, of `fair` also that a cap binds there.
    reason : str
        Empty, or why the last bar has no band.
    """

    lo: FloatArray
    fair: FloatArray
    hi: FloatArray
    reason: str = ""


class Financing(msgspec.Struct, frozen=True, kw_only=True):
    """What money and coins cost whoever trades, continuous rates a year; floats or arrays along the bars.

    Attributes
    ----------
    borrow, lend : float or ndarray
        Of the quote currency. Cash of one's own costs what it would earn, `lend` at least.
    base_borrow, base_lend : float or ndarray
        Of the coin; staking and lending yield belong to `base_lend`.
    margin : float
        Posted for a derivative leg, fraction of its notional.
    return_on_margin : float or ndarray
        What the posted margin earns.

    Raises
    ------
    ConfigError
        If lending pays more than borrowing costs, of either currency or on margin: that alone would be
        an arbitrage without end; or the margin is negative.
    """

    borrow: Number
    lend: Number
    base_borrow: Number
    base_lend: Number
    margin: float
    return_on_margin: Number

    def __post_init__(self) -> None:
        """Refuse rates that are an arbitrage by themselves."""
        for earned, paid in (
            ("lend", "borrow"),
            ("base_lend", "base_borrow"),
            ("return_on_margin", "borrow"),
        ):
            if np.any(np.greater(getattr(self, earned), getattr(self, paid))):
                raise ConfigError(f"{earned} is above {paid}", "financing", "own cash costs what it earns")
        if not self.margin >= 0.0:
            raise ConfigError(f"a margin of {self.margin:g}", "financing", "give a fraction >= 0")


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What one trade costs, one way, fractions of notional: fee, half spread and slippage.

    `first` and `second` of the legs; `spot` of the coin itself, which a dated leg ends in; `delivery`
    is the fee for being delivered.
    """

    first: float
    second: float
    spot: float
    delivery: float


def outside(band: Band, basis: Number) -> FloatArray:
    """How far a basis lies outside its band: > 0 above it, < 0 below it, 0 inside; in the band's unit.

    NaN where the basis or an end is not known. An infinite end is never passed.
    """
    above = np.maximum(np.subtract(basis, band.hi), 0.0)
    below = np.maximum(np.subtract(band.lo, basis), 0.0)
    return np.asarray(above - below)


def margin_cost(years: Number, financing: Financing) -> FloatArray:
    """What posted margin costs until then beyond what it earns, fraction of notional; 0 or more."""
    paid = np.exp(np.multiply(financing.borrow, years)) - np.exp(
        np.multiply(financing.return_on_margin, years)
    )
    return np.asarray(financing.margin * paid)


def dated_band(
    spot: Number,
    years: Number,
    financing: Financing,
    *,
    spot_cost: float,
    future_cost: float,
    exit_cost: float,
) -> Band:
    """Prices of a dated future that no carry trade beats, in quote currency per base.

    Above ``S (1 + c_S) e^{(borrow − base lend) τ} (1 + c_X) / (1 − c_F) + K`` it pays to buy spot, sell
    the future and wait for delivery; below ``S (1 − c_S) e^{(lend − base borrow) τ} (1 − c_X) / (1 + c_F)
    − K`` to sell borrowed coins and buy the future. K is `margin_cost`. Fair is
    ``S e^{(middle quote rate − middle base rate) τ}``. The same holds for linear and inverse
    contracts: coins against an inverse future of their delivery value are locked too.

    Parameters
    ----------
    spot, years : float or ndarray
        Mid price, and time to delivery; NaN where it is over.
    spot_cost, future_cost, exit_cost : float
        One-way costs of entering each leg with half its spread, and of selling the spot at the end
        (0 if it is delivered).

    References
    ----------
    Hull, Options, Futures, and Other Derivatives, ch. 5; Modest & Sundaresan (1983).
    """
    left = np.where(np.greater_equal(years, 0.0), years, np.nan)
    high = np.subtract(financing.borrow, financing.base_lend)
    low = np.subtract(financing.lend, financing.base_borrow)
    posted = spot * margin_cost(left, financing)
    bought = (1.0 + spot_cost) * (1.0 + exit_cost) / (1.0 - future_cost)
    sold = (1.0 - spot_cost) * (1.0 - exit_cost) / (1.0 + future_cost)
    return Band(
        np.asarray(spot * sold * np.exp(low * left) - posted),
        np.asarray(spot * np.exp(0.5 * (low + high) * left)),
        np.asarray(spot * bought * np.exp(high * left) + posted),
    )


def funding_inverse(
    rate: Number, *, interest: Number, dead_band: Number, floor: Number = -np.inf, cap: Number = np.inf
) -> tuple[FloatArray, FloatArray]:
    """The premiums at which funding reaches a rate: ``inf{p: g(p) ≥ rate}`` and ``sup{p: g(p) ≤ rate}``.

    ``g(p) = clamp(clamp(interest, p ± dead band), floor, cap)`` is flat in three places, so it has
    two inverses: they differ where the rate is the interest, and are infinite where no premium makes
    as much (beyond a cap) or as little (below a floor). All in one unit; NaN where any is NaN.
    """
    unknown = np.isnan(rate) | np.isnan(interest) | np.isnan(dead_band) | np.isnan(floor) | np.isnan(cap)
    below, above = np.subtract(rate, dead_band), np.add(rate, dead_band)
    lowest = np.where(np.greater(rate, interest), above, below)
    lowest = np.where(np.greater(rate, cap), np.inf, np.where(np.less_equal(rate, floor), -np.inf, lowest))
    highest = np.where(np.greater_equal(rate, interest), above, below)
    highest = np.where(np.greater_equal(rate, cap), np.inf, np.where(np.less(rate, floor), -np.inf, highest))
    return np.where(unknown, np.nan, lowest), np.where(unknown, np.nan, highest)


def perpetual_band(
    low_rate: Number,
    high_rate: Number,
    *,
    interest: Number,
    dead_band: Number,
    cost: Number,
    floor: Number = -np.inf,
    cap: Number = np.inf,
) -> Band:
    """Premiums of a perpetual that no random-maturity arbitrage beats, through its funding formula.

    Short the perpetual and long spot: while funding pays more than `high_rate` the carry accrues, and
    once the premium has fallen by the cost of the round trip, close. So the premium is at most that
    at which funding falls to `high_rate`, plus the cost; the reverse gives the other end. Fair is the
    middle of the premiums at which funding is the mean of both rates.

    Parameters
    ----------
    low_rate, high_rate : float or ndarray
        What the reverse earns at least (lend − base borrow) and the carry costs (borrow − base lend)
        per interval of the formula.
    interest, dead_band, floor, cap : float or ndarray
        Of the formula, per the same interval.
    cost : float or ndarray
        Round trip of both legs, fraction.

    Notes
    -----
    Assumes that a premium lasts an interval, that coins can be borrowed, and that nobody is
    liquidated while waiting.

    References
    ----------
    He, Manela, Ross & von Wachter (2024), Fundamentals of Perpetual Futures, for the argument; Dai, Li &
    Yang (2025), Arbitrage in Perpetual Contracts, for intervals that the clamp makes.
    """
    constants = {"interest": interest, "dead_band": dead_band, "floor": floor, "cap": cap}
    lowest, _ = funding_inverse(low_rate, **constants)
    _, highest = funding_inverse(high_rate, **constants)
    between = funding_inverse(0.5 * np.add(low_rate, high_rate), **constants)
    lo, fair, hi = np.broadcast_arrays(lowest - cost, _middle(*between), highest + cost)
    return Band(lo, fair, hi)


def _middle(low: FloatArray, high: FloatArray) -> FloatArray:
    """Half-way between two numbers; NaN where either is infinite."""
    finite = np.isfinite(low) & np.isfinite(high)
    return np.where(finite, 0.5 * (np.where(finite, low, 0.0) + np.where(finite, high, 0.0)), np.nan)


class _Asked(NamedTuple):
    """What a band is asked for; the base rates are those of the panel where it knows them."""

    first: Instrument
    second: Instrument
    panel: Panel
    rules: Rulebook
    financing: Financing
    costs: Costs

    @property
    def hourly(self) -> tuple[FloatArray, FloatArray]:
        """What the reverse of a carry with one margined leg earns at least, and what the carry costs."""
        rates = self.financing
        posted = rates.margin * np.subtract(rates.borrow, rates.return_on_margin)
        low = np.subtract(rates.lend, rates.base_borrow) - posted
        high = np.subtract(rates.borrow, rates.base_lend) + posted
        return np.asarray(low / YEAR_H), np.asarray(high / YEAR_H)


def band(spread: Spread, panel: Panel, rules: Rulebook, financing: Financing, costs: Costs) -> Band:
    """The band of a spread's basis, as fractions of the first leg's price: ``second / first − 1``.

    - cash and carry: `dated_band`. Funding carry: `perpetual_band`, its financing per interval and margin
      included.
    - Cross-venue: as `perpetual_band` of the second leg, where the first leg's funding at its present
      premium is the financing. That premium is the panel's, else close over index, else what the last
      settlement implies.
    - Calendar of two futures: `dated_band` from the near delivery to the far one. Of a perpetual and a
      future: what the bands of both against spot leave; outside it one of them is outside its own.
    - Parity: nothing but what it costs to trade both, margin them and have them delivered.
    - Legs in different quote currencies: shifted by what one is worth in the other (`Panel.fx`).

    Parameters
    ----------
    spread : Spread
        Of two legs.
    panel : Panel
        `borrow` of the coin on the first leg's venue stands before `financing.base_borrow` where known.
    rules : Rulebook
        The funding formula in force at the close of each bar.
    financing, costs
        Of the desk; `margin` and its return where both legs are margined: the mean of both venues.

    Returns
    -------
    Band
        Arrays of shape (bars,), causal. NaN with a reason where a rule, an exchange rate or a premium is
        not known, after delivery, and of quanto legs, whose hedge is not static.
    """
    first, second = (leg.instrument for leg in spread.legs)
    quanto = next((one.id for one in (first, second) if one.is_quanto), None)
    if quanto is not None:
        nothing = np.full(len(panel), np.nan)
        return Band(nothing, nothing, nothing, f"not identified: {quanto} is quanto, its hedge is not static")
    asked = _Asked(first, second, panel, rules, _with_panel(panel, first, financing), costs)
    found = _BANDS[spread.kind](asked)
    money, why = _money(panel, first, second)
    sides = [np.broadcast_to((1.0 + side) * money - 1.0, len(panel)) for side in found[:3]]
    unknown = len(panel) == 0 or bool(np.isnan(sides[0][-1]) or np.isnan(sides[2][-1]))
    reason = (found.reason or why or "a rate of the financing is not known") if unknown else ""
    return Band(sides[0], sides[1], sides[2], reason)


def _with_panel(panel: Panel, first: Instrument, financing: Financing) -> Financing:
    """The financing with what the panel knows of borrowing the coin on the first leg's venue."""
    known = panel.borrow[:, panel.column((panel.spot_of(first) or first).id)]
    rates = np.where(np.isnan(known), financing.base_borrow, known)
    return replace(financing, base_borrow=np.maximum(rates, financing.base_lend))


def _money(panel: Panel, first: Instrument, second: Instrument) -> tuple[Number, str]:
    """What one unit of the first quote currency is worth in the second; and why it is not known."""
    if first.quote == second.quote:
        return 1.0, ""
    worth = panel.fx[:, panel.column(first.id)] / panel.fx[:, panel.column(second.id)]
    return worth, f"what {first.quote} is worth in {second.quote} is not known"


def _years(one: Instrument, panel: Panel) -> Float1D:
    """Years to delivery, (bars,); NaN after it."""
    years = hours_to_expiry(panel.time_ns, one.expiry_ns) / YEAR_H
    return np.where(years >= 0.0, years, np.nan)


def _as_rate(found: Band, one: Instrument) -> Band:
    """A band of prices for a spot of 1 as one of the basis rate."""
    return Band(found.lo - 1.0, found.fair - 1.0, found.hi - 1.0, f"{one.id} has been delivered")


def _premiums(asked: _Asked, one: Instrument, low_h: FloatArray, high_h: FloatArray, cost: float) -> Band:
    """The band of a perpetual's premium between two rates an hour."""
    terms, why = funding_terms(asked.rules, one, asked.panel)
    found = perpetual_band(
        low_h * terms.formula_h,
        high_h * terms.formula_h,
        interest=terms.interest,
        dead_band=terms.dead_band,
        cost=cost,
        floor=terms.floor,
        cap=terms.cap,
    )
    return found._replace(reason=why)


def _cash_and_carry(asked: _Asked) -> Band:
    costs = asked.costs
    found = dated_band(
        1.0,
        _years(asked.second, asked.panel),
        asked.financing,
        spot_cost=costs.spot,
        future_cost=costs.second,
        exit_cost=costs.spot + costs.delivery,
    )
    return _as_rate(found, asked.second)


def _funding_carry(asked: _Asked) -> Band:
    cost = 2.0 * (asked.costs.first + asked.costs.second)
    return _premiums(asked, asked.second, *asked.hourly, cost)


def _cross_venue(asked: _Asked) -> Band:
    rates, costs = asked.financing, asked.costs
    terms, why = funding_terms(asked.rules, asked.first, asked.panel)
    premium = _premium(asked.panel, asked.first, terms)
    carried = terms.hourly(premium)
    posted = 2.0 * rates.margin * np.subtract(rates.borrow, rates.return_on_margin) / YEAR_H
    cost = 2.0 * (costs.first + costs.second)
    second = _premiums(asked, asked.second, carried - posted, carried + posted, cost)
    sides = [(1.0 + side) / (1.0 + premium) - 1.0 for side in second[:3]]
    unknown = f"the premium of {asked.first.id} is not known"
    return Band(sides[0], sides[1], sides[2], why or second.reason or unknown)


def _premium(panel: Panel, one: Instrument, terms: FundingTerms) -> Float1D:
    """A perpetual's premium at each close, (bars,): told, else over its index, else as settled lately."""
    column = panel.column(one.id)
    told = panel.premium[:, column]
    over = panel.close[:, column] / panel.index[:, column] - 1.0
    known = np.where(np.isnan(told), over, told)
    interval_h = panel.funding_h[:, column]
    stamped = np.where(np.isnan(panel.funding[:, column]), np.nan, np.arange(len(panel), dtype=np.float64))
    age_h = (np.arange(len(panel)) - last_known(stamped)) * panel.bar_h
    fresh = age_h <= last_known(np.where(np.isnan(stamped), np.nan, interval_h))
    hourly = np.where(fresh, last_known(panel.funding[:, column] / interval_h), np.nan)
    settled = funding_inverse(hourly * terms.formula_h, interest=terms.interest, dead_band=terms.dead_band)
    return np.where(np.isnan(known), _middle(*settled), known)


def _calendar(asked: _Asked) -> Band:
    return _perpetual_and_dated(asked) if asked.first.kind == "perp" else _forward(asked)


def _forward(asked: _Asked) -> Band:
    """From the near delivery to the far one: carry that is bought today and begins then."""
    costs, near, far = asked.costs, _years(asked.first, asked.panel), _years(asked.second, asked.panel)
    found = dated_band(
        1.0,
        far - near,
        replace(asked.financing, margin=0.0),
        spot_cost=costs.first + costs.delivery + costs.spot,
        future_cost=costs.second,
        exit_cost=costs.spot + costs.delivery,
    )
    posted = margin_cost(near, asked.financing) + margin_cost(far, asked.financing)
    return _as_rate(Band(found.lo - posted, found.fair, found.hi + posted), asked.first)


def _perpetual_and_dated(asked: _Asked) -> Band:
    """The future over the perpetual, each anywhere within its band against spot."""
    dated = _cash_and_carry(asked)
    perpetual = _premiums(asked, asked.first, *asked.hourly, 2.0 * (asked.costs.spot + asked.costs.first))
    with np.errstate(divide="ignore"):  # a premium that nothing bounds below is bounded by a price of 0
        hi = (1.0 + dated.hi) / np.maximum(1.0 + perpetual.lo, 0.0) - 1.0
    lo = (1.0 + dated.lo) / (1.0 + perpetual.hi) - 1.0
    fair = (1.0 + dated.fair) / (1.0 + perpetual.fair) - 1.0
    return Band(lo, fair, hi, perpetual.reason or dated.reason)


def _parity(asked: _Asked) -> Band:
    """Two forwards that are delivered at one price: only trading, delivery and margin keep them apart."""
    costs, years = asked.costs, _years(asked.second, asked.panel)
    apart = costs.first + costs.second + 2.0 * costs.delivery + 2.0 * margin_cost(years, asked.financing)
    return Band(-apart, 0.0 * apart, apart, f"{asked.second.id} has been delivered")


_BANDS: dict[SpreadKind, Callable[[_Asked], Band]] = {
    "cash_and_carry": _cash_and_carry,
    "funding_carry": _funding_carry,
    "cross_venue": _cross_venue,
    "calendar": _calendar,
    "parity": _parity,
}
