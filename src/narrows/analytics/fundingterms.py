"""The funding formula of a perpetual along the bars: its constants by the rulebook, and its value."""

from typing import NamedTuple

import numpy as np
from msgspec import structs

from narrows.analytics.clamp import clamp_of
from narrows.core.arrays import Float1D, Float2D, FloatArray, Int1D, read_only
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel
from narrows.rulebook import FundingRule, Rulebook
from narrows.rulebook.funding import clamped


class FundingTerms(NamedTuple):
    """The `clamp.Clamp` in force at each bar, and the hours it is for; (bars,) each.

    Its constants are fractions for `formula_h` hours, so that the rate per hour is the result over
    `formula_h` whatever the interval of payment is. NaN = no rule on record.
    """

    interest: Float1D
    dead_band: Float1D
    floor: Float1D
    cap: Float1D
    formula_h: Float1D

    def hourly(self, premium: FloatArray) -> FloatArray:
        """Funding per hour that a premium makes, fraction; NaN where it or the rule is not known."""
        return clamped(premium, self.interest, self.dead_band, self.floor, self.cap) / self.formula_h


def funding_terms(rules: Rulebook, one: Instrument, panel: Panel) -> tuple[FundingTerms, str]:
    """The formula in force at the close of each bar, and why the last bar has none (or "").

    The interval is that of the last settlement in the data, else the one that the venue plans.
    Causal: a bar takes the records in force at its close.
    """
    table = np.full((len(FundingTerms._fields), len(panel)), np.nan)
    why = "no bars"
    for start, stop, time_ns in _spans(rules, one, panel.time_ns):
        rule = rules.known(one, time_ns).funding
        why = "" if rule is not None else _why(rules, one, time_ns)
        if rule is not None:
            last = last_known(panel.funding_h[:, panel.column(one.id)][:stop])[start:]
            table[:, start:stop] = _constants(rule, np.where(np.isnan(last), rule.interval_h, last))
    return FundingTerms(*(read_only(row) for row in table)), why


def _spans(rules: Rulebook, one: Instrument, time_ns: Int1D) -> list[tuple[int, int, int]]:
    """Runs of bars under one rule: first, stop, and the time to ask for."""
    if not len(time_ns):
        return []
    first_ns = int(time_ns[0])
    times = [first_ns, *rules.changes(one, first_ns, int(time_ns[-1]) + 1)]
    rows = [*np.searchsorted(time_ns, times).tolist(), len(time_ns)]
    return [(rows[n], rows[n + 1], time) for n, time in enumerate(times) if rows[n] < rows[n + 1]]


def _why(rules: Rulebook, one: Instrument, time_ns: int) -> str:
    try:
        rules.funding(one, time_ns)
    except ConfigError as error:
        return f"{one.id}: {error.what}"
    return ""


def last_known(values: Float1D) -> Float1D:
    """Each value, or where it is NaN the last before it that is not; (bars,) → (bars,)."""
    rows = np.where(np.isnan(values), -1, np.arange(len(values)))
    last = np.maximum.accumulate(rows) if len(rows) else rows
    return np.where(last < 0, np.nan, values[last])


def _constants(rule: FundingRule, interval_h: Float1D) -> Float2D:
    """The clamp and its hours for intervals of these lengths, in the order of FundingTerms."""
    lengths, places = np.unique(interval_h, return_inverse=True)
    plans = [structs.replace(rule, interval_h=length) for length in lengths.tolist()]
    rows: Float2D = np.array([(*clamp_of(plan), plan.formula_h) for plan in plans])
    return rows[places].T
