"""Put-call parity: the forward that a chain of options implies, what of it can be traded, what that locks in.

A call bought and a put sold at one strike are a forward. Premiums in quote (USD) make a linear one,
``C − P = D_a (F − K)``. Premiums in coin (Deribit) make an *inverse* one: ``c − p = D_b (1 − K/F)`` is the
coin profit of a long inverse future of K quote units. `D_a`, `D_b` are the discount factors of quote and
coin.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from narrows.analytics.estimate import Estimate, unknown
from narrows.analytics.forward import check_discount, forward_at
from narrows.analytics.robust import Fit, Loss, robust_fit
from narrows.core.arrays import Bool1D, Float1D, Float2D, read_only
from narrows.core.errors import ConfigError, DataError


class Chain(NamedTuple):
    """Options of one expiry at one moment: a call and a put for each strike, both on one coin.

    Attributes
    ----------
    strike : ndarray (n,)
        Quote per coin, rising.
    call_bid, call_ask, put_bid, put_ask : ndarray (n,)
        Premiums, > 0; NaN = no quote.
    in_coin : bool
        Whether premiums are in coin, as at Deribit, or in quote.
    """

    strike: Float1D
    call_bid: Float1D
    call_ask: Float1D
    put_bid: Float1D
    put_ask: Float1D
    in_coin: bool


class Fees(NamedTuple):
    """What trading a chain costs. Nothing has a default: a fee that is not known is not zero.

    Attributes
    ----------
    option, future : float
        Taker fees, fractions of the underlying of an option, of the notional of a future.
    option_cap : float
        Most that an option costs, as a fraction of its own premium; inf = no cap. Deribit: 0.125.
    option_delivery, future_delivery : float
        The same at delivery. One of a call and a put at a strike is exercised; its cap is left out, so that
        profit is never too large.
    """

    option: float
    option_cap: float
    future: float
    option_delivery: float
    future_delivery: float


class Implied(NamedTuple):
    """What a chain says about its forward.

    Attributes
    ----------
    forward : Estimate
        Quote per coin.
    discount : Estimate
        Of the premiums' currency, to expiry: `D_b` of a coin chain, `D_a` of a chain in quote. Equal ends
        if it was given.
    bond : Estimate
        What one quote unit at expiry costs now, in the premiums' currency: ``D_b/F`` or `D_a`. A coin chain's
        times spot is `D_a`.
    used, missing, crossed : int
        Strikes that counted, that lack one of their four quotes, that bid more than they ask.
    """

    forward: Estimate
    discount: Estimate
    bond: Estimate
    used: int
    missing: int
    crossed: int


class Quotes(NamedTuple):
    """Forwards that can be sold (`bid`) and bought (`ask`), by strike, quote per coin; NaN = cannot."""

    bid: Float1D
    ask: Float1D


class Best(NamedTuple):
    """The best of the quotes and their strikes; NaN = there is none."""

    bid: float
    bid_strike: float
    ask: float
    ask_strike: float


def chain(
    strike: Float1D,
    call_bid: Float1D,
    call_ask: Float1D,
    put_bid: Float1D,
    put_ask: Float1D,
    *,
    in_coin: bool,
) -> Chain:
    """A chain whose numbers have been looked at. Quotes of zero, which venues write for none, become NaN.

    Raises
    ------
    DataError
        If columns differ in length, strikes are not positive and rising, or a quote is negative or infinite.
    """
    rows = [np.asarray(one, dtype=np.float64) for one in (strike, call_bid, call_ask, put_bid, put_ask)]
    if len({row.shape for row in rows}) != 1 or rows[0].ndim != 1:
        shapes = ", ".join(str(row.shape) for row in rows)
        raise DataError(f"columns of shapes {shapes}", "option chain", "give one value for each strike")
    strikes, *quotes = rows
    if not (np.all(np.isfinite(strikes)) and np.all(strikes > 0.0) and np.all(np.diff(strikes) > 0.0)):
        raise DataError("strikes are not positive and rising", "option chain", "sort them, one row for each")
    for name, row in zip(("call_bid", "call_ask", "put_bid", "put_ask"), quotes, strict=True):
        wrong = (row < 0.0) | np.isinf(row)
        if np.any(wrong):
            first = int(np.argmax(wrong))
            raise DataError(
                f"{name} of {row[first]:g} at strike {strikes[first]:g}",
                "option chain",
                "leave out what is no quote (NaN)",
            )
    known = [read_only(np.where(row == 0.0, np.nan, row)) for row in quotes]
    return Chain(read_only(strikes), known[0], known[1], known[2], known[3], in_coin)


def quotes(options: Chain, discount: float = 1.0) -> Quotes:
    """Where each strike's forward trades: bought at (call ask, put bid), sold at (call bid, put ask).

    A side without both its quotes is NaN. `discount` is that of the premiums' currency; 1 = no interest,
    which is what Deribit's own marks assume of coins.
    """
    sell = options.call_bid - options.put_ask
    buy = options.call_ask - options.put_bid
    bid = forward_at(options.strike, sell, discount, in_coin=options.in_coin)
    ask = forward_at(options.strike, buy, discount, in_coin=options.in_coin)
    return Quotes(bid.reshape(-1), ask.reshape(-1))


def best(strike: Float1D, of: Quotes) -> Best:
    """The highest bid and the lowest ask over all strikes. A bid above the ask locks in, but for fees."""
    found = []
    for side, extreme in ((of.bid, np.nanargmax), (of.ask, np.nanargmin)):
        if np.all(np.isnan(side)):
            found += [math.nan, math.nan]
        else:
            at = int(extreme(side))
            found += [float(side[at]), float(strike[at])]
    return Best(*found)


def implied(
    options: Chain,
    *,
    discount: float | None = None,
    loss: Loss = "huber",
    weighted: bool = True,
    tick: float = 0.0,
) -> Implied:
    """Forward and discount factor of a chain, by a line through ``c − p`` of its mids over the strikes.

    Parameters
    ----------
    options : Chain
    discount : float, optional
        Fixes the discount factor of the premiums' currency; then one strike is enough for a forward.
    loss : {"huber", "tukey", "squares"}
        See `robust_fit`.
    weighted : bool
        Whether a strike counts by the width of its quotes (as its standard error). Off only to see
        what that is worth: deep strikes have wide quotes and long levers, and without weights they
        set the slope.
    tick : float
        Price step of the premiums: no width counts as less. Without it, widths of zero count as the least
        of the others.

    Returns
    -------
    Implied
        Intervals (90 %, Student, delta method) are those of a line whose strikes err independently;
        what moves all strikes together, such as quotes older than the moment, is not in them. Too few
        strikes: NaN, or no interval, and the reason.
    """
    if discount is not None:
        check_discount(discount)
    mid, width, complete, crossed = _mids(options)
    used = complete & ~crossed
    counts = (int(used.sum()), int((~complete).sum()), int(crossed.sum()))
    need = 2 if discount is None else 1
    if counts[0] < need:
        reason = f"too few strikes: {counts[0]} with four quotes that do not cross, {need} needed"
        given = Estimate(discount, discount, discount) if discount is not None else unknown(reason)
        return Implied(unknown(reason), given, unknown(reason), *counts)
    strike, sigma = options.strike[used], _sigma(width[used], tick if weighted else math.inf)
    design, target = _line(strike, mid[used], options.in_coin, discount)
    fit = robust_fit(design, target, sigma, loss)
    forward, factor, bond = _read(fit, options.in_coin, discount)
    return Implied(forward, factor, bond, *counts)


def _mids(options: Chain) -> tuple[Float1D, Float1D, Bool1D, Bool1D]:
    """Mid of call less put, its half width, whether all four quotes are there, whether a pair crosses."""
    call, put = options.call_ask - options.call_bid, options.put_ask - options.put_bid
    mid = 0.5 * (options.call_bid + options.call_ask - options.put_bid - options.put_ask)
    return mid, 0.5 * (call + put), ~np.isnan(mid), (call < 0.0) | (put < 0.0)


def _sigma(width: Float1D, tick: float) -> Float1D:
    """Standard errors up to a factor: half widths, none below a tick; all equal at an infinite tick."""
    if math.isinf(tick):
        return np.ones(len(width))
    apart = width[width > 0.0]
    least = tick if tick > 0.0 else float(apart.min()) if len(apart) else 1.0
    return np.maximum(width, least)


def _line(strike: Float1D, mid: Float1D, in_coin: bool, discount: float | None) -> tuple[Float2D, Float1D]:
    """Design and target of ``mid = level − bond · strike``, less what a given discount factor says.

    Coin: level = D_b, bond = D_b/F. Quote: level = D_a F, bond = D_a.
    """
    if discount is None:
        return np.column_stack((np.ones(len(strike)), -strike)), mid
    if in_coin:
        return -strike[:, None], mid - discount
    return np.ones((len(strike), 1)), mid + discount * strike


def _read(fit: Fit, in_coin: bool, discount: float | None) -> tuple[Estimate, Estimate, Estimate]:
    """Forward, discount factor and bond of a fitted line."""
    if not np.all(fit.parameters > 0.0):
        none = unknown("not identified: the quotes fit no positive forward and discount factor")
        known = none if discount is None else Estimate(discount, discount, discount)
        return none, known, none if discount is None or in_coin else known
    if discount is None:
        level, bond = map(float, fit.parameters)
        forward = _estimate(level / bond, np.array((1.0 / bond, -level / bond**2)), fit)
        of_level = _estimate(level, np.array((1.0, 0.0)), fit)
        of_bond = _estimate(bond, np.array((0.0, 1.0)), fit)
        return forward, of_level if in_coin else of_bond, of_bond
    known, one = Estimate(discount, discount, discount), float(fit.parameters[0])
    if not in_coin:
        return _estimate(one / discount, np.array((1.0 / discount,)), fit), known, known
    forward = _estimate(discount / one, np.array((-discount / one**2,)), fit)
    return forward, known, _estimate(one, np.array((1.0,)), fit)


def _estimate(value: float, gradient: Float1D, fit: Fit) -> Estimate:
    if fit.freedom == 0:
        return Estimate(value, math.nan, math.nan, "no interval: as many strikes as unknowns")
    reach = float(stdtrit(fit.freedom, 0.95)) * math.sqrt(float(gradient @ fit.covariance @ gradient))
    return Estimate(value, value - reach, value + reach)


def box_quotes(options: Chain, low: float, high: float) -> tuple[float, float]:
    """Bid and ask of the box of two strikes: long the synthetic forward at `low`, short the one at `high`.

    In the premiums' currency. It pays ``high − low`` quote units at expiry whatever the price does, so in
    quote it is worth ``D_a (high − low)`` and in coin ``D_b (high − low)/F``: a loan in dollars.

    Raises
    ------
    ConfigError
        If the strikes are not two strikes of the chain, low before high.
    """
    at = []
    for strike in (low, high):
        where = np.flatnonzero(options.strike == strike)
        if not len(where):
            raise ConfigError(f"no strike {strike:g}", "box", "choose from the strikes of the chain")
        at.append(int(where[0]))
    first, second = at
    if not low < high:
        raise ConfigError(f"strikes {low:g} and {high:g}", "box", "give the lower one first")
    sell, buy = options.call_bid - options.put_ask, options.call_ask - options.put_bid
    return float(sell[first] - buy[second]), float(buy[first] - sell[second])


class Conversions(NamedTuple):
    """What each strike against a future of the same expiry locks in, per option, in the premiums' currency.

    Attributes
    ----------
    conversion : ndarray (n,)
        Synthetic bought, future sold.
    reversal : ndarray (n,)
        Synthetic sold, future bought.
    """

    conversion: Float1D
    reversal: Float1D


def conversions(
    options: Chain, future_bid: float, future_ask: float, fees: Fees, discount: float = 1.0
) -> Conversions:
    """Executable profit after fees of each strike's synthetic forward against the listed future.

    Both deliver on the same average of the index, so nothing is left open but margin until then. A coin
    chain is held against an inverse future of K quote units, a chain in quote against a linear one of one
    coin.

    Parameters
    ----------
    options : Chain
    future_bid, future_ask : float
        Quote per coin; NaN = none.
    fees : Fees
        Delivery fees are reckoned at the future's price of now.
    discount : float
        Of the premiums' currency: premiums are paid now, the rest comes at expiry.

    Returns
    -------
    Conversions
        Present value in the premiums' currency per option on one coin; NaN where a quote is missing. A coin
        chain's times spot is in quote.
    """
    check_discount(discount)
    if future_bid > future_ask:
        raise DataError(f"future bid {future_bid:g} above ask {future_ask:g}", "parity", "check the quotes")
    size = options.strike if options.in_coin else np.ones(len(options.strike))
    premium = (options.call_ask - options.put_bid, options.call_bid - options.put_ask)
    paid = ((options.call_ask, options.put_bid), (options.call_bid, options.put_ask))
    profits = []
    for sign, price, net, (call, put) in zip(
        (1.0, -1.0), (future_bid, future_ask), premium, paid, strict=True
    ):
        level = 1.0 if options.in_coin else price
        notional = size / price if options.in_coin else size * price
        fixed = 1.0 - notional if options.in_coin else price - options.strike
        late = fees.option_delivery * level + fees.future_delivery * notional
        now = _option_fees(call, put, level, fees) + fees.future * notional
        profits.append(discount * (sign * fixed - late) - sign * net - now)
    return Conversions(*profits)


def boxes(options: Chain, fees: Fees, discount: float = 1.0) -> Float2D:
    """Executable profit after fees of one strike's synthetic forward bought and another's sold.

    Returns
    -------
    ndarray (n, n)
        Row = strike bought, column = strike sold; per option bought, present value in the premiums' currency;
        NaN on the diagonal and where a quote is missing. In coin, K_row/K_column options are sold for
        one that is bought: then both forwards are of one size in quote and the profit is fixed in
        coin. In quote it is the box, one for one, and fixed in quote; its fees are on the middle of
        all strikes' forwards.
    """
    check_discount(discount)
    strike, level = options.strike, 1.0
    bought = (options.call_ask - options.put_bid)[:, None]
    sold = (options.call_bid - options.put_ask)[None, :]
    count = strike[:, None] / strike[None, :] if options.in_coin else np.ones((len(strike), len(strike)))
    fixed = 1.0 - count if options.in_coin else strike[None, :] - strike[:, None]
    if not options.in_coin:
        both = quotes(options, discount)
        middle = 0.5 * (both.bid + both.ask)
        level = float(np.nanmedian(middle)) if np.any(~np.isnan(middle)) else math.nan
    now = _option_fees(options.call_ask, options.put_bid, level, fees)[:, None]
    now = now + count * _option_fees(options.call_bid, options.put_ask, level, fees)[None, :]
    late = (1.0 + count) * fees.option_delivery * level
    profit: Float2D = discount * (fixed - late) - bought + count * sold - now
    np.fill_diagonal(profit, np.nan)
    return profit


def _option_fees(call: Float1D, put: Float1D, level: float, fees: Fees) -> Float1D:
    """Taker fees of a call and a put, in the premiums' currency, where the underlying stands at `level`."""
    flat = fees.option * level
    return np.minimum(flat, fees.option_cap * call) + np.minimum(flat, fees.option_cap * put)
