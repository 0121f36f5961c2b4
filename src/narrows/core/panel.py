"""Panel: aligned arrays, bars by instruments, holding in each row only what was known at its close."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from narrows.core.arrays import Bool2D, Float2D, Int1D, read_only
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import Instrument, same_money
from narrows.core.time import HOUR_NS, iso

FIELDS: dict[str, str] = {
    "open": "first trade of the bar, quote per base",
    "high": "highest trade",
    "low": "lowest trade",
    "close": "last trade",
    "mark": "margin price at the close; the trade close where the venue publishes no mark",
    "index": "composite spot at the close",
    "premium": "premium index at the close, fraction",
    "bid": "best bid at the close",
    "ask": "best ask at the close",
    "depth": "quote value resting within 10 bp of the mid, one side",
    "funding": "funding rate settled at the close, fraction per its own interval; NaN = no settlement",
    "funding_h": "that interval in hours",
    "borrow": "what borrowing the base costs, APR",
    "available": "base amount that may be borrowed; NaN = no limit is known",
    "settlement": "price at which a position ends, in the row of delivery or delisting only",
    "volume": "base amount traded",
    "fx": "what one unit of the quote currency is worth in the desk's currency at the close",
}


@dataclass(frozen=True, eq=False)
class Panel:
    """Aligned float64 arrays of shape (bars, instruments).

    `time_ns` labels each bar by its close; bars are `bar_ns` long, without holes in the grid.
    NaN means "not known". All arrays are read-only. `notes` says in words what stands in for
    something else (a close for a missing mark), for the report.
    """

    instruments: tuple[Instrument, ...]
    time_ns: Int1D
    bar_ns: int
    fields: Mapping[str, Float2D]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        instruments: Sequence[Instrument],
        time_ns: Int1D,
        bar_ns: int,
        notes: Sequence[str] = (),
        **fields: Float2D,
    ) -> "Panel":
        """A Panel from arrays; fields that are not given are all NaN.

        Raises
        ------
        DataError
            If a shape is wrong, a field unknown, or the grid not regular.
        """
        shape = (len(time_ns), len(instruments))
        if len(time_ns) > 1 and not (np.diff(time_ns) == bar_ns).all():
            raise DataError("times are not one bar apart", "panel", "give a regular grid of closes")
        filled = {}
        for name, values in fields.items():
            if name not in FIELDS:
                raise DataError(f"unknown field {name!r}", "panel", "choose from " + ", ".join(FIELDS))
            if values.shape != shape:
                raise DataError(f"{name} has shape {values.shape}, not {shape}", "panel")
            filled[name] = read_only(np.asarray(values, dtype=np.float64))
        unknown = read_only(np.full(shape, np.nan))
        table = {name: filled.get(name, unknown) for name in FIELDS}
        return cls(tuple(instruments), read_only(time_ns), bar_ns, table, tuple(notes))

    def __getattr__(self, name: str) -> Float2D:
        if name in FIELDS:
            return self.fields[name]
        raise AttributeError(name)

    def __len__(self) -> int:
        return len(self.time_ns)

    @property
    def bar_h(self) -> float:
        """Length of a bar in hours."""
        return self.bar_ns / HOUR_NS

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {one.id: column for column, one in enumerate(self.instruments)}

    def column(self, id_: str) -> int:
        """Position of an instrument in the second axis.

        Raises
        ------
        ConfigError
            If the Panel has no such instrument.
        """
        if id_ not in self._columns:
            raise ConfigError(f"no instrument {id_!r}", "panel", "it has " + ", ".join(self._columns))
        return self._columns[id_]

    def spot_of(self, one: Instrument) -> Instrument | None:
        """The first spot of the same coin, venue and kind of money; None if the Panel has none."""
        for spot in self.instruments:
            same = (spot.base, spot.venue) == (one.base, one.venue) and same_money(spot.quote, one.quote)
            if spot.kind == "spot" and same:
                return spot
        return None

    @cached_property
    def alive(self) -> Bool2D:
        """Which instruments there are at each close, shape (bars, instruments): a point-in-time universe.

        One is there from its first known close until its settlement or expiry, a hole in its data
        included. A row knows nothing of the rows after it.
        """
        born = np.logical_or.accumulate(~np.isnan(self.close), axis=0)
        settled = np.logical_or.accumulate(~np.isnan(self.settlement), axis=0)
        expiry = np.array([one.expiry_ns or np.iinfo(np.int64).max for one in self.instruments])
        return read_only(born & ~settled & (self.time_ns[:, None] < expiry))

    def rows(self, start: int, stop: int) -> "Panel":
        """The bars from `start` up to, not including, `stop`."""
        cut = {name: read_only(values[start:stop]) for name, values in self.fields.items()}
        return replace(self, time_ns=read_only(self.time_ns[start:stop]), fields=cut)

    def with_field(self, name: str, values: Float2D) -> "Panel":
        """The same panel with other values of one field."""
        return replace(self, fields=dict(self.fields) | {name: read_only(values)})

    def with_notes(self, notes: Sequence[str]) -> "Panel":
        """The same panel with more to say."""
        return replace(self, notes=(*self.notes, *notes))

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over instruments, times and all values."""
        digest = hashlib.sha256(repr((self.instruments, self.bar_ns)).encode())
        digest.update(self.time_ns.tobytes())
        for values in self.fields.values():
            digest.update(values.tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        span = f"{iso(int(self.time_ns[0]))} → {iso(int(self.time_ns[-1]))}" if len(self) else "empty"
        return f"<Panel {len(self)} bars × {len(self.instruments)} instruments, {self.bar_h:g} h, {span}>"
