"""The numbers of a run: the JSON summary, turnover, and the verdict in one sentence."""

import math
from collections.abc import Mapping

import numpy as np

from narrows.analytics.metrics import max_drawdown, return_apr, returns, sharpe
from narrows.core.arrays import Float1D, Float2D, Int1D
from narrows.core.event import AT_THE_OPEN, FILL_REASONS, FillReason
from narrows.core.instrument import Instrument, same_money
from narrows.core.result import Fills, Result
from narrows.core.time import HOUR_NS, YEAR_H, iso
from narrows.core.units import apy

WORST_RATIO = 10.0  # where Result.margin_ratio is capped
NIL = 0.5  # of the last digit printed: what is less is about zero
_SHORTEST_YEARLY_H = 7 * 24.0  # below a week an annual rate says nothing
FORCED: tuple[FillReason, ...] = ("adl", "recall", "repayment")  # what venues do besides liquidation


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


def compounded_apy(result: Result) -> float:
    """Profit over all capital tied up, as a compounded annual rate; NaN where nothing is left to compound."""
    if not len(result.time_ns) or not result.equity_end > 0.0:
        return math.nan
    return apy(result.equity_end / result.equity_start - 1.0, hours(result))


def yearly(result: Result, digits: int) -> str:
    """What kind of annual rate is printed, with the other one beside it for a run longer than a year."""
    if not hours(result) > YEAR_H:
        return "simple"
    return f"simple; {percent(compounded_apy(result), digits)} compounded"


def bars_of(result: Result, fills: Fills) -> Int1D:
    """The bar in which each fill happened, (N,): trades and recalls at its open, all else at its close."""
    opened = np.isin(fills.reason, AT_THE_OPEN)
    closes = np.where(opened, fills.time_ns + result.desk.bar_ns, fills.time_ns)
    bars: Int1D = np.minimum(np.searchsorted(result.time_ns, closes), max(len(result.time_ns) - 1, 0))
    return bars


def bars_with(result: Result, reason: FillReason) -> Int1D:
    """The bars in which something was filled for a reason, each once."""
    fills = result.fills
    bars: Int1D = np.unique(bars_of(result, fills)[fills.reason == FILL_REASONS.index(reason)])
    return bars


def forced(result: Result) -> dict[FillReason, int]:
    """How many fills venues forced besides liquidations, by reason."""
    return {name: int((result.fills.reason == FILL_REASONS.index(name)).sum()) for name in FORCED}


def blind_bars(result: Result) -> int:
    """Bars that the slowest of the venues used takes to be noticed after it did something unasked."""
    used = {leg.instrument.venue for spread in result.spreads for leg in spread.legs}
    slowest = max((result.desk.venues[name].detect_h for name in used & set(result.desk.venues)), default=0.0)
    return math.ceil(slowest / bar_h(result) - 1e-9)


def instrument_of(result: Result, leg: int) -> Instrument:
    """The Instrument behind a leg of a Result."""
    one = result.legs[leg]
    return next(
        known.instrument for known in result.spreads[one.spread].legs if known.instrument.id == one.instrument
    )


def legs_of(result: Result, spread: int) -> list[int]:
    """Indices into Result.legs of one spread, first leg first."""
    return [number for number, leg in enumerate(result.legs) if leg.spread == spread]


def leg_name(result: Result, instrument_id: str) -> str:
    """The id of an instrument, without its venue if the run knows only one."""
    venues = {leg.instrument.venue for one in result.spreads for leg in one.legs}
    return instrument_id.rpartition(".")[0] if len(venues) == 1 else instrument_id


def knows_legs(result: Result) -> bool:
    """Whether the ledger has a row for each leg; a run that was restated has only sums."""
    legs = {f"{result.spreads[leg.spread].id} {leg.instrument}" for leg in result.legs}
    return not legs.isdisjoint(result.ledger.rows)


def short_names(result: Result) -> tuple[str, ...]:
    """What tells the spreads of a run apart, one name each.

    The second leg where that is enough, as the expiry of a future is; both legs otherwise.
    """
    named = [[leg_name(result, leg.instrument.id) for leg in one.legs] for one in result.spreads]
    seconds = {pair[-1] for pair in named}
    if len(named) > 1 and len(seconds) == len(named):
        return tuple(pair[-1] for pair in named)
    return tuple(" / ".join(pair) for pair in named)


def spread_titles(result: Result) -> tuple[str, ...]:
    """Kind and short name of each spread: ``cash and carry: BTC-USDT-20270326``."""
    named = zip(result.spreads, short_names(result), strict=True)
    return tuple(f"{one.kind.replace('_', ' ')}: {name}" for one, name in named)


def notional(result: Result) -> Float2D:
    """Value of each position at its mark, signed, reporting currency, (T, L); 0 where nothing is held."""
    inverse = np.array([instrument_of(result, leg).is_inverse for leg in range(len(result.legs))], dtype=bool)
    value: Float2D = result.position * np.where(inverse[None, :], 1.0, result.mark) * result.fx
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


def worst_ratio(result: Result) -> Float1D:
    """Largest margin ratio of any wallet in each bar, closes and highs and lows together, shape (T,).

    0 where no margin was needed or nothing is known.
    """
    both = np.concatenate((result.margin_ratio, result.margin_ratio_high_low), axis=1)
    worst: Float1D = np.nan_to_num(both, nan=0.0).max(axis=1, initial=0.0)
    return worst


def worst_of(ratio: Float2D) -> tuple[float, int, int] | None:
    """Largest margin ratio with its bar and wallet; None if no ratio was ever known."""
    known = np.where(np.isnan(ratio), -np.inf, ratio)
    if not known.size or known.max() == -np.inf:
        return None
    bar, wallet = np.unravel_index(int(known.argmax()), known.shape)
    return float(known[bar, wallet]), int(bar), int(wallet)


def worst_margin(result: Result) -> tuple[float, int, int] | None:
    """Largest margin ratio at a close with its bar and wallet; None if no ratio was ever known."""
    return worst_of(result.margin_ratio)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def summary(
    result: Result,
) -> dict[str, float | int | str | Mapping[str, float | None] | Mapping[FillReason, int] | None]:
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
        "forced": forced(result),
        "max_drawdown": _finite(max_drawdown(path)) if bars else None,
        "sharpe": _finite(sharpe(returns(path), periods_per_year(result))) if bars else None,
        "return_apr": _finite(return_apr(path[0], path[-1], hours(result))) if bars else None,
        "return_on_collateral_apr": _finite(return_on_collateral_apr(result)),
        "hurdle_apr": _finite(result.desk.hurdle.apr),
        "start": iso(int(result.time_ns[0]) - result.desk.bar_ns) if bars else None,
        "end": iso(int(result.time_ns[-1])) if bars else None,
        "bars": bars,
        "currency": result.desk.currency,
        "config_hash": result.provenance.config_hash,
        "data_hash": result.provenance.data_hash,
    }


def verdict(result: Result) -> str:
    """What happened, in one sentence, with the hurdle beside it."""
    earned, hurdle = return_on_collateral_apr(result), result.desk.hurdle.apr
    if not len(result.time_ns):
        return "No bars: there is nothing to judge."
    if not math.isfinite(earned):
        return "The equity is not a finite number: this run cannot be trusted."
    if not len(result.fills):
        cash = f"holding {_idle(result)} would have earned {percent(hurdle)} a year"
        return f"Did not trade: {_why_idle(result)}; {cash}."
    profit = result.equity_end - result.equity_start
    if hours(result) < _SHORTEST_YEARLY_H:
        return (
            f"{'Made' if profit >= 0.0 else 'Lost'} {abs(profit):,.{digits_of(result)}f} "
            f"{result.desk.currency} in {hours(result):,.0f} hours, too short to judge against a yearly "
            "hurdle."
        )
    idle = _idle(result)
    beaten = f"that beat holding {idle}" if earned > hurdle else f"holding {idle} was better"
    word = "Earned" if earned >= 0.0 else "Lost"
    kind = yearly(result, 1).replace("−", "")
    text = f"{word} {percent(abs(earned))} a year ({kind}) on collateral "
    text += f"against a hurdle of {percent(hurdle)}: {beaten}"
    if result.liquidations:
        text += f"; {count(result.liquidations, 'liquidation')} on the way"
    return text + "."


def _idle(result: Result) -> str:
    """What doing nothing means: cash, or the coin that a run is reckoned in."""
    currency = result.desk.currency
    return "cash" if same_money(currency, "USD") else currency


def _why_idle(result: Result) -> str:
    """Why nothing was traded, as far as a Result can tell: what a strategy wanted is not in it."""
    blind = [leg for number, leg in enumerate(result.legs) if np.isnan(result.mark[:, number]).all()]
    silent = dict.fromkeys(leg.instrument for leg in blind)
    if silent:
        return f"no price was ever known of {', '.join(silent)}"
    return "no target was ever filled"


def percent(fraction: float, digits: int = 1) -> str:
    """``4.1 %`` with a space that does not break; an en dash where not known."""
    return f"{fraction * 100:.{digits}f}\u00a0%".replace("-", "−") if math.isfinite(fraction) else "–"


def digits_of(result: Result) -> int:
    """Decimals that money is printed with: none, but for a small capital, as one in coin."""
    capital = result.equity_start
    return 0 if not 0.0 < capital < 1000.0 else min(5 - math.floor(math.log10(capital)), 8)


def money(amount: float, digits: int = 0) -> str:
    """``+41,203``; ``0`` only for nothing at all, ``≈0`` for less than is printed; en dash: not known."""
    if amount == 0.0:
        return "0"
    if abs(amount) < NIL * 10.0**-digits:
        return "≈0"
    return f"{amount:+,.{digits}f}".replace("-", "−") if math.isfinite(amount) else "–"


def decimal(value: float, digits: int) -> str:
    """``1,234.5`` with a true minus; an en dash where not known."""
    return f"{value:,.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


def moment(time_ns: int) -> str:
    """``2024-03-29 08:00``, UTC."""
    return iso(time_ns)[:16].replace("T", " ")


def count(number: int, noun: str, many: str = "") -> str:
    """A number with its noun: ``1 fill``, ``2,000 fills``; `many` where an s is not enough."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {many or noun + 's'}"
