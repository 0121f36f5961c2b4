"""The convergence study of one spread as one HTML file: the gap, whether and when it closes, who does it."""

import math
import re
from html import escape
from pathlib import Path
from typing import Any

from narrows.analytics.estimate import NORMAL_90, Estimate
from narrows.analytics.study import Funding, Study
from narrows.core.time import iso
from narrows.core.units import to_bps
from narrows.report.html import contents, figure_html, part, section_html, side_by_side
from narrows.report.numbers import count, percent
from narrows.report.page import document, write
from narrows.report.study_figures import (
    ahead,
    arrows,
    clamp,
    cycles,
    fan,
    gap_in_band,
    half_lives,
    lasting,
    shared,
    told,
)
from narrows.report.table import Table

_TESTS = re.compile(r"[;:] ADF")  # the figures of the tests, which a headline leaves to the table
_PARTS = {
    "gap": "Is the gap abnormal?",
    "close": "Will it close, and when?",
    "who": "Which leg does it?",
    "funding": "What does funding pay meanwhile?",
    "trust": "What it takes for granted",
}


def headline(study: Study) -> str:
    """The study in one sentence."""
    gap, outside = to_bps(float(study.basis[-1])), to_bps(float(study.outside[-1]))
    if not math.isfinite(gap):
        return "The gap is not known at the last bar."
    where = "and its band is not known"
    if math.isfinite(outside):
        where = (
            f"{abs(outside):.1f} bp {'above' if outside > 0 else 'below'} its band"
            if outside
            else "inside its band"
        )
    return f"The gap stands at {gap:.1f} bp, {where}; {_closing(study)}."


def _closing(study: Study) -> str:
    if study.expiry is not None and math.isfinite(study.expiry.halving_h):
        if study.spread.kind == "calendar" and study.spread.legs[0].instrument.kind == "future":
            days = f"{study.expiry.halving_h / 24.0:.1f} days"
            return f"the far contract's own gap to spot should halve in {days}"
        return f"on its way to delivery it should halve in {study.expiry.halving_h / 24.0:.1f} days"
    found = study.equilibrium
    if found.state == "converging" and found.half_life_h.known:
        return f"a deviation halves in {lasting(found.half_life_h, study.bar_h)}"
    return _TESTS.split(verdict(study))[0]


def verdict(study: Study) -> str:
    """Whether the gap reverts, and why one says so."""
    state, reason = study.equilibrium.state, study.equilibrium.reason
    return reason if reason.startswith(state) else f"{state}: {reason}"


def _row(name: str, found: Estimate, bar_h: float) -> tuple[str, str, str]:
    if not math.isfinite(found.value):
        state, _, why = (found.reason or "not known").partition(": ")
        return name, state, why
    return name, lasting(found, bar_h), found.reason


def _cycles_table(study: Study) -> Table:
    assert study.expiry is not None
    rows = [
        (
            one.instrument.rsplit(".", 1)[0],
            "delivered" if one.delivered else "running",
            f"{one.days_left.max():.0f}",
            told(one.speed, ""),
            told(one.pooled, ""),
        )
        for one in study.expiry.cycles
        if len(one.days_left)
    ]
    rows.append(("mean of the cycles", "", "", "", told(study.expiry.speed, "")))
    note = (
        "Speed alpha of the power bridge: 1 closes the gap evenly until delivery, more closes it early, less "
        "late. Pooled: each cycle shrunk to the mean of all by what it alone cannot tell."
    )
    return Table(
        "Speed of each cycle", ("contract", "", "days seen", "speed, 90 %", "pooled"), tuple(rows), 5, note
    )


def _equilibrium_table(study: Study) -> Table:
    found = study.equilibrium
    rows = [
        ("does it revert?", found.state, found.reason.removeprefix(f"{found.state}: ")),
        _row("half-life of the gap", found.half_life_h, study.bar_h),
        _row("half-life of the correction", found.correction_half_life_h, study.bar_h),
    ]
    if found.worst_bar_ns and math.isfinite(found.worst_bar_influence):
        rows.append(
            (
                "most telling bar",
                iso(found.worst_bar_ns),
                f"without it the half-life changes by {percent(found.worst_bar_influence, 0)}",
            )
        )
    return Table("Reversion", ("", "", ""), tuple(rows), 3)


def _leads_table(study: Study) -> Table:
    rows = tuple(
        (one.leg, shared(one.share), _bounds(one.leads_lo, one.leads_hi), percent(one.leads, 0))
        for one in study.equilibrium.legs
    )
    note = (
        "Information share: how much of the permanent moves come from that leg, bounds over both orders; "
        "the last has no order."
    )
    if study.equilibrium.leads_reason:
        note += f" {study.equilibrium.leads_reason[:1].upper()}{study.equilibrium.leads_reason[1:]}."
    head = ("leg", "closes a bar, 90 %", "leads (Hasbrouck)", "leads (Lien–Shrestha)")
    return Table("Who follows, who leads", head, rows, 4, note)


def _bounds(low: float, high: float) -> str:
    return "not known" if math.isnan(low) else f"{low:.0%} to {high:.0%}"


def _funding_table(study: Study) -> Table:
    rows = []
    for one in study.funding:
        end = _expected(one)
        even = (
            "never, as things stand"
            if one.break_even_h == math.inf
            else f"{one.break_even_h / 24.0:.1f} days"
        )
        rows.append(
            (
                one.instrument,
                percent(one.pinned, 0),
                told(one.premium_half_life_h, "h"),
                f"{to_bps(one.nowcast):.2f} ± {NORMAL_90 * to_bps(one.nowcast_sd):.2f} bp"
                if math.isfinite(one.nowcast)
                else "–",
                end,
                even if not math.isnan(one.break_even_h) else "–",
            )
        )
    head = (
        "leg",
        "pinned",
        "premium's half-life",
        "running interval, 90 %",
        "to the horizon, 90 %",
        "pays for round trip and money",
    )
    cost = f"{to_bps(study.round_trip):.1f} bp"
    note = f"To a short. One round trip of both legs costs {cost}; money, what the desk borrows at."
    note += "".join(f" {one.instrument}: {one.reason}." for one in study.funding if one.reason)
    return Table("Funding", head, tuple(rows), 6, note)


def _expected(found: Funding) -> str:
    """Funding to the horizon with its 90 % band, as far as they are known."""
    if not len(found.ahead):
        return "–"
    mean, sd = to_bps(float(found.ahead[-1])), to_bps(float(found.ahead_sd[-1]))
    return f"{mean:.1f} ± {NORMAL_90 * sd:.1f} bp" if math.isfinite(sd) else f"{mean:.1f} bp, no band"


def _body(study: Study) -> str:
    first = iso(int(study.time_ns[0]))[:10]
    about = (
        f"{first} to {iso(int(study.time_ns[-1]))}, {count(len(study.time_ns), 'bar')} of {study.bar_h:g} h; "
        f"{study.spread.kind.replace('_', ' ')}, pulled together by {study.spread.anchor}"
    )
    expiry = study.expiry
    windows = bool(study.equilibrium.half_lives)
    close = [figure_html(half_lives(study), wide=False)] if windows else []
    close.append(figure_html(fan(study), wide=not windows))
    tables = [section_html(_equilibrium_table(study), "words")]
    if expiry is not None:
        close.insert(0, figure_html(cycles(expiry), wide=True))
        tables.insert(0, section_html(_cycles_table(study)))
    chapters = {
        "gap": side_by_side(figure_html(gap_in_band(study), wide=True)),
        "close": side_by_side(*close) + "".join(tables),
        "who": side_by_side(figure_html(arrows(study), wide=True)) + section_html(_leads_table(study)),
        "funding": "",
        "trust": "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in study.notes) + "</ul>",
    }
    if study.funding:
        drawn = [figure_html(draw(one), wide=False) for one in study.funding for draw in (clamp, ahead)]
        chapters["funding"] = side_by_side(*drawn) + section_html(_funding_table(study))
    shown = {name: title for name, title in _PARTS.items() if chapters[name]}
    return "".join(
        (
            f'<header><p class="desk">{escape(study.spread.id)}</p><h1>{escape(headline(study))}</h1>',
            f'<p class="span">{escape(about)}</p></header>',
            contents(shown),
            *(part(name, title, chapters[name]) for name, title in shown.items()),
        )
    )


def study_page(study: Study) -> bytes:
    """The study as UTF-8 HTML that needs nothing but a browser; the same study gives the same bytes."""
    return document(f"{study.spread.id}: {headline(study)}", _body(study))


def write_study(study: Study, path: str | Path) -> None:
    """Write the study as one self-contained HTML file.

    Raises
    ------
    ConfigError
        If the path cannot be written.
    """
    write(study_page(study), path)


def _numbers(found: Estimate) -> dict[str, Any]:
    return found._asdict()


def study_summary(study: Study) -> dict[str, Any]:
    """What `narrows study --json` prints: expiry, equilibrium, funding, regimes; rates are fractions."""
    now = study.equilibrium
    return {
        "spread": study.spread.id,
        "kind": study.spread.kind,
        "anchor": study.spread.anchor,
        "as_of": iso(int(study.time_ns[-1])),
        "bars": len(study.time_ns),
        "basis": float(study.basis[-1]),
        "fair_lo": float(study.lo[-1]),
        "fair": float(study.fair[-1]),
        "fair_hi": float(study.hi[-1]),
        "outside": float(study.outside[-1]),
        "round_trip": study.round_trip,
        "expiry": None if study.expiry is None else _expiry_summary(study),
        "equilibrium": {
            "state": now.state,
            "reason": now.reason,
            "half_life_h": _numbers(now.half_life_h),
            "correction_half_life_h": _numbers(now.correction_half_life_h),
            "legs": [
                {
                    "leg": one.leg,
                    "share": _numbers(one.share),
                    "leads_lo": one.leads_lo,
                    "leads_hi": one.leads_hi,
                    "leads": one.leads,
                }
                for one in now.legs
            ],
            "leads_reason": now.leads_reason,
            "worst_bar": iso(now.worst_bar_ns) if now.worst_bar_ns else None,
            "worst_bar_influence": now.worst_bar_influence,
        },
        "funding": [
            {
                "instrument": one.instrument,
                "pinned": one.pinned,
                "premium_half_life_h": _numbers(one.premium_half_life_h),
                "nowcast": one.nowcast,
                "nowcast_sd": one.nowcast_sd,
                "horizon_h": float(one.ahead_h[-1]) if len(one.ahead_h) else None,
                "expected": float(one.ahead[-1]) if len(one.ahead) else None,
                "expected_sd": float(one.ahead_sd[-1]) if len(one.ahead_sd) else None,
                "break_even_h": one.break_even_h,
                "reason": one.reason,
            }
            for one in study.funding
        ],
        "regimes": None,
        "notes": list(study.notes),
    }


def _expiry_summary(study: Study) -> dict[str, Any]:
    found = study.expiry
    assert found is not None
    return {
        "speed": _numbers(found.speed),
        "halving_h": found.halving_h,
        "p_closed": found.p_closed,
        "closed_within": found.closed_within,
        "reason": found.reason,
        "cycles": [
            {
                "instrument": one.instrument,
                "delivered": one.delivered,
                "speed": _numbers(one.speed),
                "pooled": _numbers(one.pooled),
            }
            for one in found.cycles
        ],
    }
