"""The funding formula of a perpetual along the bars: its constants by the rulebook, and its value."""

from typing import NamedTuple

import numpy as np

from narrows.core.arrays import Float1D, FloatArray, Int1D, read_only
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel
from narrows.rulebook import FundingRule, Rulebook


class FundingTerms(NamedTuple):
    """Constants of ``clamp(clamp(interest, P ± dead band), floor, cap)`` along the bars, (bars,) each.

    All are fractions for `formula_h` hours, so that the rate per hour is the result over `formula_h`
    whatever the interval of payment is. NaN = no rule on record.
    """

    interest: Float1D
    dead_band: Float1D
    floor: Float1D
    cap: Float1D
    formula_h: Float1D

    def hourly(self, premium: FloatArray) -> FloatArray:
        """Funding per hour that a premium makes, fraction; NaN where it or the rule is not known."""
        rate = np.clip(self.interest, premium - self.dead_band, premium + self.dead_band)
        return np.clip(rate, self.floor, self.cap) / self.formula_h


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


def _constants(rule: FundingRule, interval_h: Float1D) -> tuple[FloatArray | float, ...]:
    """The formula's constants for intervals of these lengths, in the order of FundingTerms."""
    formula_h = rule.per_h if rule.scale == "rate" else interval_h
    formula = np.broadcast_to(formula_h, interval_h.shape)
    share = interval_h / formula  # of the formula's result that an interval pays
    return (
        rule.interest * (formula / rule.per_h),
        np.full(len(formula), rule.clamp),
        rule.floor / share,
        rule.cap / share,
        formula,
    )
