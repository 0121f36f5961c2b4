"""Funding as it was settled: stamps below the gap, what was paid, and the heat map over time."""

import numpy as np

from narrows.core.arrays import Float1D, Float2D, Int1D
from narrows.core.event import AT_THE_OPEN
from narrows.core.result import Result
from narrows.core.time import DAY_NS, HOUR_NS, YEAR_H, iso
from narrows.core.units import to_bps
from narrows.report.figure import GREEN, POINTS, RED, Figure, Spec, curve, frame, plain_axis
from narrows.report.numbers import bars_of, digits_of, instrument_of, leg_name, legs_of
from narrows.report.thin import block, extremes, packed

ROWS = 14  # of the heat map
BY_HOUR = 2  # so few instruments are split by the hour of the settlement
DAILY_UP_TO = 130  # days of a run that is shown day by day
STRONG = 0.98  # of the cells are paler than the ends of the colour scale


def held_at_settlement(result: Result) -> Float2D:
    """The position that funding was paid on at each close, shape (T, L).

    What was held after the bar, and what a delivery, a liquidation or ADL took away at its close.
    """
    held: Float2D = result.position.copy()
    fills = result.fills
    taken = ~np.isin(fills.reason, AT_THE_OPEN)
    np.subtract.at(held, (bars_of(result, fills)[taken], fills.leg[taken]), fills.quantity[taken])
    return held


def funding_paid(result: Result) -> Float2D:
    """What each settlement paid to each leg, reporting currency, shape (T, L); positive was received."""
    inverse = np.array([instrument_of(result, leg).is_inverse for leg in range(len(result.legs))], dtype=bool)
    price = np.where(inverse[None, :], 1.0, result.paid_on) * result.fx
    value = held_at_settlement(result) * price
    known = np.isfinite(result.funding) & np.isfinite(value)
    paid: Float2D = np.where(known, -value * np.nan_to_num(result.funding), 0.0)
    return paid


def settled(result: Result, leg: int) -> tuple[Int1D, Float1D]:
    """Bars in which a leg's rate was settled, and the hours of the interval that each is for.

    Empty where nothing was settled; NaN where the interval is not known.
    """
    bars = np.flatnonzero(np.isfinite(result.funding[:, leg]))
    return bars, result.funding_h[bars, leg]


def stamps(result: Result, spread: int, axis: str, legend: bool) -> list[Spec]:
    """Funding of one spread as sticks: what holding it long is paid at each settlement, in bp.

    A stick is three points of a line; a second, unseen line over the tips is what the pointer
    finds.
    """
    found: list[Spec] = []
    for leg in legs_of(result, spread):
        bars, apart = settled(result, leg)
        if not len(bars):
            continue
        rate = -np.sign(result.legs[leg].ratio) * result.funding[bars, leg]
        chosen = extremes(rate, POINTS)
        bars, rate, apart = bars[chosen], rate[chosen], apart[chosen]
        when = result.time_ns[bars] / 1e6
        for sign, colour, word in ((1.0, GREEN, "funding received"), (-1.0, RED, "funding paid")):
            mine = np.flatnonzero(rate * sign > 0.0)
            if not len(mine):
                continue
            x, y = np.repeat(when[mine], 3), np.zeros(3 * len(mine))
            y[1::3], y[2::3] = to_bps(rate[mine]), np.nan
            shown = legend and not any(one.get("name") == word for one in found)
            line: Spec = {"type": "scatter", "mode": "lines", "x": packed(x, "f8"), "y": packed(y, "f4")}
            more: Spec = {"yaxis": axis, "hoverinfo": "skip", "legendgroup": word, "showlegend": shown}
            found.append(line | more | {"name": word, "line": {"color": colour, "width": 1}})
        name = leg_name(result, result.legs[leg].instrument)
        tips = curve(result.time_ns[bars], to_bps(rate), np.arange(len(bars)), yaxis=axis, showlegend=False)
        said = f"{name}: %{{y:.2f}} bp at this settlement,<br>%{{customdata:.1%}} a year<extra></extra>"
        annual = packed(rate * YEAR_H / apart, "f4")
        found.append(tips | {"line": {"width": 0}, "customdata": annual, "hovertemplate": said})
    return found


def _rows(result: Result) -> list[tuple[str, int, Int1D, Float1D]]:
    """Rows of the heat map: name, leg that stands for the instrument, bars settled, hours between."""
    first: dict[str, int] = {}
    for number, leg in enumerate(result.legs):
        if np.isfinite(result.funding[:, number]).any():
            first.setdefault(leg.instrument, number)
    paid = np.abs(funding_paid(result)).sum(axis=0)
    total = {
        name: sum(paid[n] for n, leg in enumerate(result.legs) if leg.instrument == name) for name in first
    }
    chosen = sorted(first, key=lambda name: (-total[name], first[name]))[:ROWS]
    rows: list[tuple[str, int, Int1D, Float1D]] = []
    for name in chosen:
        bars, apart = settled(result, first[name])
        short = leg_name(result, name)
        if len(chosen) > BY_HOUR:
            rows.append((short, first[name], bars, apart))
            continue
        hour = (result.time_ns[bars] // HOUR_NS) % 24
        wide = 1 if len(np.unique(hour)) <= 6 else 4
        for start in range(0, 24, wide):
            mine = (hour >= start) & (hour < start + wide)
            if mine.any():
                prefix = f"{short} " if len(chosen) > 1 else ""
                rows.append((f"{prefix}{start:02d} UTC", first[name], bars[mine], apart[mine]))
    return rows


def heat(result: Result) -> Figure:
    """Funding by instrument (or hour of settlement) and week: how much, which way, and what was paid."""
    rows = _rows(result) if len(result.time_ns) else []
    days = len(result.time_ns) * result.desk.bar_ns / DAY_NS
    wide = DAY_NS if days <= DAILY_UP_TO else 7 * DAY_NS
    start = int(result.time_ns[0] - 1) // DAY_NS * DAY_NS if len(result.time_ns) else 0
    column = (result.time_ns - 1 - start) // wide
    columns = int(column[-1]) + 1 if len(column) else 0
    paid = funding_paid(result) if rows else np.zeros((0, 0))
    rate, money = np.full((len(rows), columns), np.nan), np.zeros((len(rows), columns))
    for row, (_, leg, bars, apart) in enumerate(rows):
        same = [n for n, one in enumerate(result.legs) if one.instrument == result.legs[leg].instrument]
        cells = column[bars]
        total = np.bincount(cells, result.funding[bars, leg], columns)
        hours = np.bincount(cells, apart, columns)
        rate[row] = np.where(hours > 0.0, total * YEAR_H / np.where(hours > 0.0, hours, 1.0), np.nan)
        money[row] = np.bincount(cells, paid[bars][:, same].sum(axis=1), columns)
    word = "day" if wide == DAY_NS else "week"
    strong = float(np.nanquantile(np.abs(rate), STRONG)) if np.isfinite(rate).any() else 0.1
    strong = strong or 0.1
    digits = digits_of(result)
    spec: Spec = {
        "type": "heatmap",
        "x": [iso(start + n * wide)[:10] for n in range(columns)],
        "y": [row[0] for row in rows],
        "z": block(rate),
        "customdata": block(money),
        "zmin": -strong,
        "zmax": strong,
        "colorscale": [[0.0, RED], [0.5, "rgba(135,145,160,0.16)"], [1.0, GREEN]],
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
        "colorbar": {
            "orientation": "h", "thickness": 8, "len": 0.34, "x": 1.0, "xanchor": "right", "y": 1.0,
            "yanchor": "bottom", "tickformat": ".3~p", "outlinewidth": 0, "xpad": 24, "ypad": 6,
            "tickvals": [-strong, 0.0, strong], "ticklabelposition": "outside top",
        },
        "hovertemplate": f"%{{y}}, {word} of %{{x|%Y-%m-%d}}<br>%{{z:.2%}} a year on average"
        f"<br>%{{customdata:+,.{digits}f}} {result.desk.currency} to this desk<extra></extra>",
    }  # fmt: skip
    layout = frame(
        110 + max(26 * len(rows), 90),
        hovermode="closest",
        margin={"l": 56, "r": 12, "t": 52, "b": 30},
        xaxis=plain_axis(type="date", showgrid=False, nticks=8, ticklabelstandoff=5),
        yaxis=plain_axis(autorange="reversed", showgrid=False, automargin=True, type="category", ticks=""),
    )
    caption = f"Annual rate settled, average of each {word}; green: longs paid shorts."
    about = (
        "Each cell is the funding rate that the venue settled, made annual with the interval of each "
        "settlement and averaged. Green cells pay whoever is short the perpetual, red ones whoever is "
        "long. Point at a cell for what this desk was paid there. Empty cells had no settlement."
    )
    return Figure("heat", "Funding over time", caption, (spec,) if rows else (), layout, about)
