"""What a mapping can say: the keys of `[[source]]` and `[[recording]]`. See examples/sources for each."""

import re
from datetime import datetime
from typing import Literal

import msgspec

from narrows.core.time import duration_ns

RATE_UNITS = {"fraction": 1.0, "percent": 1e-2, "bps": 1e-4}
_DEFAULT_SNAP_S = 60.0
_WILD = re.compile(r"[*?\[]")

Value = str | int | float | bool


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class FileDay(_Strict, frozen=True, kw_only=True):
    """`time.epoch` read from the name of the file: what the group of the pattern finds is YYYYMMDD."""

    file: str


class Clock(_Strict, frozen=True, kw_only=True):
    """`time`: how stamps are written, and in which zone if they do not say so themselves.

    `format` is one of datetime, iso, s, ms, us, ns, or how strptime reads the text ("%m/%d/%Y").
    `zone` is an IANA name or a fixed offset such as UTC+3; `ambiguous` says which of the two an hour
    is that comes twice when summer time ends; `epoch` is what s, ms, us and ns count from.
    """

    format: str
    zone: str = "UTC"
    ambiguous: Literal["error", "first", "second"] = "error"
    epoch: datetime | FileDay | None = None


class SymbolRule(_Strict, frozen=True, kw_only=True):
    """`symbol` built from a column: values that match `pattern` as a whole become `symbol`.

    Groups of the pattern that `dates` names are dates, written as it says in the manner of strptime,
    and become YYYYMMDD; those that `names` names are replaced by what it lists for them. With
    `unmatched = "drop"` other values are left out and counted.
    """

    column: str
    pattern: str
    symbol: str
    dates: dict[str, str] = {}
    names: dict[str, dict[str, str]] = {}
    unmatched: Literal["error", "drop"] = "error"


class Specification(_Strict, frozen=True, kw_only=True):
    """`[source.instrument]`: what an id does not say; keys left out stay as the catalogue has them."""

    tick: float | None = None
    lot: float | None = None
    min_notional: float | None = None
    multiplier: float | None = None
    contract: Literal["linear", "inverse", "quanto"] | None = None
    settle: str | None = None

    @property
    def said(self) -> dict[str, object]:
        """Only the keys that the mapping gives."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class Snapshots(_Strict, frozen=True, kw_only=True):
    """`snapshots`: bars of this length besides, made of what stood in the snapshots that lie in each.

    Of marks they are bars of the mark. Of option_quotes they are those of synthetic forwards, with quotes and
    marks of their own; `symbols` names them, with ``*`` for any text: BTC-20260327-*-S.
    """

    bar: str
    symbols: tuple[str, ...] = ()

    @property
    def bar_ns(self) -> int:
        """Length of a bar."""
        return duration_ns(self.bar)


class Source(_Strict, frozen=True, kw_only=True):
    """One `[[source]]`: one file, or the rows of it that `filter` selects, feeding one table.

    A `file` with `*` stands for all files that match, one after the other.

    `since` and `until` (UTC, both included) keep the rows of the catalogue whose time lies between:
    what a file has before or after is left out.

    `columns` maps a canonical column (see schema.TABLES) to the column of the file; `units` gives
    the unit of a rate, the default being a fraction; `scale` is what other columns are multiplied
    by; `constants` are columns that have one value in all rows; `missing` lists values that mean
    that there is none. `at` is the time of all rows where no column says it.

    With `gives_way` a row that contradicts what another source says, or what is stored, is left out
    and counted; without it the ingest is refused.
    """

    file: str
    table: str
    venue: str
    symbol: str | SymbolRule | tuple[SymbolRule, ...]
    columns: dict[str, str]
    time: Clock | None = None
    at: datetime | None = None
    units: dict[str, str] = {}
    scale: dict[str, float] = {}
    constants: dict[str, Value] = {}
    missing: dict[str, Value | tuple[Value, ...]] = {}
    header: bool = True
    records: str = ""
    sort: bool = False
    gives_way: bool = False
    filter: dict[str, Value] = {}
    null: Literal["error", "drop"] = "error"
    bar: str | None = None
    stamp: Literal["open", "close"] | None = None
    cut_after_delivery: bool = False
    since: datetime | None = None
    until: datetime | None = None
    snap_s: float | None = None
    snap_to: str = "1h"
    late_s: float | None = None
    repeated: Literal["error", "same", "first"] = "error"
    interval_h: float | Literal["spacing"] | None = None
    intervals_h: tuple[float, ...] = ()
    rate_per_h: float | None = None
    carried_forward: bool = False
    snapshots: Snapshots | None = None
    instrument: Specification = Specification()

    @property
    def bar_ns(self) -> int:
        """Length of a bar; 0 = the source has no bars."""
        return duration_ns(self.bar) if self.bar else 0

    @property
    def snap_ns(self) -> int | None:
        """How far a stamp may lie from its boundary; None = stamps are taken as they are."""
        if self.snap_s is None and self.table != "funding":
            return None
        return round((_DEFAULT_SNAP_S if self.snap_s is None else self.snap_s) * 1e9)

    @property
    def snap_to_ns(self) -> int:
        """The grid that settlements lie on."""
        return duration_ns(self.snap_to)

    @property
    def late_ns(self) -> int:
        """How late a stamp may be."""
        return round((self.late_s or 0.0) * 1e9)

    @property
    def rules(self) -> tuple[SymbolRule, ...]:
        """How symbols are built; none if the source has one symbol only."""
        if isinstance(self.symbol, str):
            return ()
        return self.symbol if isinstance(self.symbol, tuple) else (self.symbol,)

    @property
    def hours(self) -> float | None:
        """The funding interval, if the mapping says it as a number."""
        return None if isinstance(self.interval_h, str) else self.interval_h

    @property
    def is_wild(self) -> bool:
        """Whether `file` stands for several."""
        return _WILD.search(self.file) is not None

    @property
    def wide(self) -> str:
        """The column whose values lie side by side, one column of the file for each symbol; or nothing."""
        return next((name for name, column in self.columns.items() if column == "*"), "")

    def factor(self, column: str) -> float:
        """What the numbers of a column are multiplied by."""
        return RATE_UNITS[self.units[column]] if column in self.units else self.scale.get(column, 1.0)

    def none_of(self, column: str) -> tuple[Value, ...]:
        """The values of a column that mean that there is none."""
        listed = self.missing.get(column, ())
        return listed if isinstance(listed, tuple) else (listed,)


class Recording(_Strict, frozen=True, kw_only=True):
    """One `[[recording]]`: what a venue sent, message by message, of the book and trades of one instrument.

    `file` may have `*`: the files follow each other in the order of their names. `feed` says how the
    messages are to be read, `symbol` the instrument as the venue writes it and `instrument` its id here.
    `tick` and `lot` are decimal text, for no float is exact; lots of an inverse contract are contracts.

    `multiplier` is what one contract stands for, as in `Instrument`: of an inverse contract it must be said.

    `clock_s` is added to the recorder's clock; `stale_ms` is how long a book may be silent, or crossed,
    until it is in doubt.
    """

    file: str
    feed: str
    symbol: str
    instrument: str
    tick: str
    lot: str
    multiplier: float | None = None
    clock_s: float = 0.0
    stale_ms: int = 5_000

    @property
    def clock_ns(self) -> int:
        """What is added to the recorder's clock."""
        return round(self.clock_s * 1e9)
