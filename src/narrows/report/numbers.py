"""The numbers of a run: the JSON summary, turnover, and the verdict in one sentence."""

import math
from collections.abc import Mapping

import numpy as np

from narrows.analytics.metrics import max_drawdown, return_apr, returns, sharpe
from narrows.core.arrays import Float1D, Float2D
from narrows.core.instrument import Instrument
from narrows.core.result import Result
from narrows.core.time import HOUR_NS, YEAR_H, iso

_SHORTEST_YEARLY_H = 7 * 24.0  # below a week an annual rate says nothing


def bar_h(result: Result) -> float:
    """Length of a bar in hours."""
    return result.desk.bar_ns / HOUR_NS


def hours(result: Result) -> float:
    """Length of the run in hours, from the open of the first bar to the close of the last."""
    return len(result.time_ns) * bar_h(result)


def periods_per_year(result: Result) -> float:
    """Bars in 365 days: what the Sharpe ratio is annualised with."""
    return YEAR_H / bar_h(result)


def equity_path(result: Result) -> Float1D:
    """Equity at each close with the capital in front, shape (T + 1,)."""
    path: Float1D = np.concatenate(((result.equity_start,), result.equity))
    return path


def return_on_collateral_apr(result: Result) -> float:
    """Profit over all capital tied up, as a simple annual rate; NaN for a run of no bars."""
    if not len(result.time_ns):
        return math.nan
    return (result.equity_end / result.equity_start - 1.0) * YEAR_H / hours(result)


def instrument_of(result: Result, leg: int) -> Instrument:
    """The Instrument behind a leg of a Result."""
    one = result.legs[leg]
    return next(
        known.instrument for known in result.spreads[one.spread].legs if known.instrument.id == one.instrument
    )


def legs_of(result: Result, spread: int) -> list[int]:
    """Indices into Result.legs of one spread, first leg first."""
    return [number for number, leg in enumerate(result.legs) if leg.spread == spread]


def spread_title(result: Result, spread: int) -> str:
    """The id of a spread as words: ``cash and carry: BTC-USDT.okx / BTC-USDT-20270326.okx``."""
    kind, _, legs = result.spreads[spread].id.partition(":")
    return f"{kind.replace('_', ' ')}: {legs.replace('/', ' / ')}"


def notional(result: Result) -> Float2D:
    """Value of each position at its mark, signed, quote units, shape (T, L); 0 where nothing is held."""
    inverse = np.array([instrument_of(result, leg).is_inverse for leg in range(len(result.legs))], dtype=bool)
    value: Float2D = result.position * np.where(inverse[None, :], 1.0, result.mark)
    value[result.position == 0.0] = 0.0
    return value


def turnover_by_leg(result: Result) -> Float1D:
    """Traded value of each leg, quote units, shape (L,)."""
    inverse = np.array([instrument_of(result, leg).is_inverse for leg in range(len(result.legs))], dtype=bool)
    fills = result.fills
    value = np.abs(fills.quantity) * np.where(inverse[fills.leg], 1.0, fills.price)
    total = np.zeros(len(result.legs))
    np.add.at(total, fills.leg, value)
    return total


def busiest(result: Result, limit: int) -> tuple[list[int], int]:
    """The spreads worth drawing, and how many are left out.

    All of them if they are at most `limit`; otherwise those that traded, largest turnover first.
    """
    every = list(range(len(result.spreads)))
    if len(every) <= limit:
        return every, 0
    by_leg = turnover_by_leg(result)
    size = [float(by_leg[legs_of(result, spread)].sum()) for spread in every]
    ranked = sorted((spread for spread in every if size[spread] > 0.0), key=lambda spread: -size[spread])
    chosen = ranked[:limit] or every[:limit]
    return chosen, len(every) - len(chosen)


def worst_margin(result: Result) -> tuple[float, int, int] | None:
    """Largest margin ratio with its bar and wallet; None if no ratio was ever known."""
    known = np.where(np.isnan(result.margin_ratio), -np.inf, result.margin_ratio)
    if not known.size or known.max() == -np.inf:
        return None
    bar, wallet = np.unravel_index(int(known.argmax()), known.shape)
    return float(known[bar, wallet]), int(bar), int(wallet)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def summary(result: Result) -> dict[str, float | int | str | Mapping[str, float | None] | None]:
    """What ``narrows backtest --json`` prints: rates as fractions, times ISO-8601 UTC, None for non-finite.

    Returns
    -------
    dict
        Keys as documented for the verb. `start` is the open of the first bar and `end` the close
        of the last. `max_drawdown` is a positive fraction of the peak, as in analytics. `return_apr` and
        `return_on_collateral_apr` divide by all capital, idle or not.
    """
    bars = len(result.time_ns)
    path = equity_path(result)
    return {
        "equity_start": _finite(result.equity_start),
        "equity_end": _finite(result.equity_end),
        "ledger": {name: _finite(amount) for name, amount in result.ledger.by_category.items()},
        "residual_delta_max": _finite(result.residual_delta_max),
        "fills": len(result.fills),
        "round_trips": result.round_trips,
        "liquidations": result.liquidations,
        "liquidations_high_low": result.liquidations_high_low,
        "max_drawdown": _finite(max_drawdown(path)) if bars else None,
        "sharpe": _finite(sharpe(returns(path), periods_per_year(result))) if bars else None,
        "return_apr": _finite(return_apr(path[0], path[-1], hours(result))) if bars else None,
        "return_on_collateral_apr": _finite(return_on_collateral_apr(result)),
        "hurdle_apr": _finite(result.desk.hurdle.apr),
        "start": iso(int(result.time_ns[0]) - result.desk.bar_ns) if bars else None,
        "end": iso(int(result.time_ns[-1])) if bars else None,
        "bars": bars,
        "config_hash": result.provenance.config_hash,
        "data_hash": result.provenance.data_hash,
    }


def verdict(result: Result) -> str:
    """What happened, in one sentence, with the hurdle beside it."""
    earned, hurdle = return_on_collateral_apr(result), result.desk.hurdle.apr
    cash = f"holding cash would have earned {percent(hurdle)} a year"
    if not len(result.time_ns):
        return "No bars: there is nothing to judge."
    if not math.isfinite(earned):
        return "The equity is not a finite number: this run cannot be trusted."
    if not len(result.fills):
        return f"Did not trade; {cash}."
    profit = result.equity_end - result.equity_start
    if hours(result) < _SHORTEST_YEARLY_H:
        return (
            f"{'Made' if profit >= 0.0 else 'Lost'} {abs(profit):,.0f} {result.desk.currency} "
            f"in {hours(result):,.0f} hours, too short to judge against a yearly hurdle."
        )
    beaten = "that beat holding cash" if earned > hurdle else "holding cash was better"
    word = "Earned" if earned >= 0.0 else "Lost"
    text = (
        f"{word} {percent(abs(earned))} a year on collateral against a hurdle of {percent(hurdle)}: {beaten}"
    )
    if result.liquidations:
        text += f"; {count(result.liquidations, 'liquidation')} on the way"
    return text + "."


def percent(fraction: float, digits: int = 1) -> str:
    """``4.1 %`` with a space that does not break; an en dash where not known."""
    return f"{fraction * 100:.{digits}f}\u00a0%".replace("-", "−") if math.isfinite(fraction) else "–"


def count(number: int, noun: str) -> str:
    """A number with its noun: ``1 fill``, ``2,000 fills``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
