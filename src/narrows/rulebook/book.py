"""The rulebook: which rules an instrument had at a time, from the packaged records and the user's own.

For each key of a rule the narrowest record in force speaks; of equally narrow ones the later; of
equally late ones the user's, whose files come after the packaged ones.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, TypeVar, get_args

import msgspec

from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument, Kind
from narrows.core.time import iso
from narrows.rulebook.coins import BorrowRule, CollateralRule
from narrows.rulebook.portfolio import PortfolioRule
from narrows.rulebook.records import (
    REQUIREMENT,
    CoinPart,
    Confidence,
    Part,
    Rank,
    Record,
    RuleFile,
    parse,
    refuse_overlap,
)
from narrows.rulebook.rules import FeeRule, FundingRule, MarginRule, Rules, SettlementRule

NEEDS: dict[Kind, tuple[Part, ...]] = {
    "spot": ("fees",),
    "perp": ("funding", "margin", "fees"),
    "future": ("margin", "fees", "settlement"),
    "option": ("margin", "fees", "settlement"),
    "synthetic": ("margin", "fees", "settlement"),
}
MAY: tuple[Part, ...] = ("portfolio",)  # of any instrument, and missed only by who asks for it
_RULES: dict[Part | CoinPart, Any] = {
    "funding": FundingRule,
    "margin": MarginRule,
    "fees": FeeRule,
    "settlement": SettlementRule,
    "portfolio": PortfolioRule,
    "collateral": CollateralRule,
    "borrow": BorrowRule,
}
_Rule = TypeVar("_Rule")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a part of the rules in force comes from: one record, and what it decides, key by key."""

    part: Part | CoinPart
    says: dict[str, Any]
    since: str
    confidence: Confidence
    source: str
    where: str


class _Ranked(NamedTuple):
    rank: Rank
    since_ns: int
    layer: int  # 0 is packaged, then the user's files in their order
    record: Record


class _Line(NamedTuple):
    """The rules of one instrument between its dates; place p holds from starts[p − 1] on."""

    starts: list[int]
    rules: list[Rules]
    complete: list[bool]
    lacks: list[dict[Part, tuple[str, ...]]]  # for each part that is missing, its missing keys


@cache
def packaged(venue: str) -> RuleFile | None:
    """The records that come with narrows for a venue; None = none."""
    file = files("narrows.rulebook").joinpath("venues", f"{venue}.toml")
    return parse(file.read_text("utf-8"), f"{venue}.toml") if file.is_file() else None


@cache
def packaged_venues() -> tuple[str, ...]:
    """The venues whose rules come with narrows."""
    folder = files("narrows.rulebook").joinpath("venues")
    return tuple(
        sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml"))
    )


class Rulebook:
    """What each venue's rules were on each date. Made by `load`; it does not change.

    Look-ups are remembered by instrument, so that asking again costs a microsecond.
    """

    __slots__ = ("_files", "_lines")

    def __init__(self, own: Sequence[RuleFile] = ()) -> None:
        self._files = tuple(own)
        self._lines: dict[tuple[str, str, str], _Line] = {}

    def at(self, instrument: Instrument, time_ns: int) -> Rules:
        """All rules in force.

        Raises
        ------
        ConfigError
            If the instrument, or that date, is not covered by a record of each rule it needs: which
            is missing, and what to add.
        """
        line = self._lines.get((instrument.id, instrument.settle, instrument.contract))
        if line is None:
            line = self._line(instrument)
        place = bisect_right(line.starts, time_ns)
        if not line.complete[place]:
            raise self._uncovered(instrument, time_ns, line, NEEDS[instrument.kind])
        return line.rules[place]

    def funding(self, instrument: Instrument, time_ns: int) -> FundingRule:
        """The funding rule alone, whether or not the other rules are covered."""
        return self._part(instrument, time_ns, "funding", FundingRule)

    def margin(self, instrument: Instrument, time_ns: int) -> MarginRule:
        """The margin rule alone, whether or not the other rules are covered."""
        return self._part(instrument, time_ns, "margin", MarginRule)

    def fees(self, instrument: Instrument, time_ns: int) -> FeeRule:
        """The fees alone, whether or not the other rules are covered."""
        return self._part(instrument, time_ns, "fees", FeeRule)

    def settlement(self, instrument: Instrument, time_ns: int) -> SettlementRule:
        """The settlement rule alone, whether or not the other rules are covered."""
        return self._part(instrument, time_ns, "settlement", SettlementRule)

    def portfolio(self, instrument: Instrument, time_ns: int) -> PortfolioRule:
        """How the venue margins an instrument together with others of its underlying; not part of `at`."""
        return self._part(instrument, time_ns, "portfolio", PortfolioRule)

    def known(self, instrument: Instrument, time_ns: int) -> Rules:
        """What is known of the rules in force; None also stands for what no record covers."""
        line = self._line(instrument)
        return line.rules[bisect_right(line.starts, time_ns)]

    def lacking(self, instrument: Instrument, time_ns: int) -> dict[Part, tuple[str, ...]]:
        """The parts that no record covers at that time, and for each the keys that are missing."""
        line = self._line(instrument)
        lacks = line.lacks[bisect_right(line.starts, time_ns)]
        return {part: keys for part, keys in lacks.items() if part in NEEDS[instrument.kind]}

    def changes(self, instrument: Instrument, start_ns: int, end_ns: int) -> list[int]:
        """The times after `start_ns` and before `end_ns` from which a rule is another one, ascending."""
        line = self._line(instrument)
        return [
            start
            for place, start in enumerate(line.starts, 1)
            if start_ns < start < end_ns and line.rules[place] != line.rules[place - 1]
        ]

    def origins(self, instrument: Instrument, time_ns: int) -> list[Origin]:
        """The records behind the rules in force, each with what it decides; also of parts that lack keys."""
        found = []
        for part in (*NEEDS[instrument.kind], *MAY):
            found += _origins(_in_force(self._records(instrument, part), time_ns))
        return found

    def collateral(self, venue: str, coin: str, time_ns: int) -> CollateralRule:
        """What a coin counts as margin.

        Raises
        ------
        ConfigError
            If no record says so: a coin that is not on record is no collateral by default.
        """
        return self._of_coin(venue, coin, time_ns, "collateral", CollateralRule)

    def borrow(self, venue: str, coin: str, time_ns: int) -> BorrowRule:
        """What owing a coin costs, and when the venue collects; errors as of `collateral`."""
        return self._of_coin(venue, coin, time_ns, "borrow", BorrowRule)

    def known_of_coin(
        self, venue: str, coin: str, time_ns: int
    ) -> tuple[CollateralRule | None, BorrowRule | None]:
        """What is on record of a coin as collateral and as a debt; None = no record says."""
        parts: tuple[CoinPart, CoinPart] = ("collateral", "borrow")
        found = [_rule(part, _in_force(self._coin_records(venue, coin, part), time_ns))[0] for part in parts]
        return found[0], found[1]

    def coin_changes(self, venue: str, coin: str, start_ns: int, end_ns: int) -> list[int]:
        """When a record of a coin, collateral or borrow, comes into force in (start, end), ascending."""
        of_coin = [one for part in get_args(CoinPart) for one in self._coin_records(venue, coin, part)]
        return sorted({one.since_ns for one in of_coin if start_ns < one.since_ns < end_ns})

    def coin_origins(self, venue: str, coin: str, time_ns: int) -> list[Origin]:
        """The records behind the rules of a coin, each with what it decides."""
        found = []
        for part in get_args(CoinPart):
            found += _origins(_in_force(self._coin_records(venue, coin, part), time_ns))
        return found

    def _coin_records(self, venue: str, coin: str, part: CoinPart) -> list[_Ranked]:
        return self._ranked(venue, part, lambda record: record.rank_of_coin(coin))

    def _of_coin(self, venue: str, coin: str, time_ns: int, part: CoinPart, kind: type[_Rule]) -> _Rule:
        self._refuse_closed(venue, time_ns, f"{coin} on {venue}")
        records = self._coin_records(venue, coin, part)
        rule, missing = _rule(part, _in_force(records, time_ns))
        if isinstance(rule, kind):
            return rule
        add = (
            f'add to a rule file: venue = "{venue}" and [[{part}]] with coins = ["{coin}"], effective_from = '
            f"{iso(time_ns)[:10]}, source, confidence and the keys (docs/how-to/add-a-venue.md)"
        )
        later = [one.since_ns for one in records if one.since_ns > time_ns]
        what = f"no record of {venue} covers {coin} as {part} (missing: {', '.join(missing)})"
        if later and not _in_force(records, time_ns):
            what = f"no {part} record of it before {iso(later[0])} (asked for {iso(time_ns)})"
            add = f"start later, or {add}"
        raise ConfigError(what, f"{coin} on {venue}", add)

    def _part(self, instrument: Instrument, time_ns: int, part: Part, kind: type[_Rule]) -> _Rule:
        line = self._line(instrument)
        place = bisect_right(line.starts, time_ns)
        rule = getattr(line.rules[place], part)
        if isinstance(rule, kind):
            return rule
        raise self._uncovered(instrument, time_ns, line, (part,))

    def _layers(self, venue: str) -> list[tuple[int, RuleFile]]:
        shipped = packaged(venue)
        layers = [] if shipped is None else [(0, shipped)]
        return layers + [(n, file) for n, file in enumerate(self._files, 1) if file.venue == venue]

    def _records(self, instrument: Instrument, part: Part) -> list[_Ranked]:
        """The records that mean this instrument, the last word last."""
        return self._ranked(instrument.venue, part, lambda record: record.rank(instrument))

    def _ranked(
        self, venue: str, part: Part | CoinPart, rank_of: Callable[[Record], Rank | None]
    ) -> list[_Ranked]:
        found = [
            _Ranked(rank, record.since_ns, layer, record)
            for layer, file in self._layers(venue)
            for record in file.records
            if record.part == part and (rank := rank_of(record)) is not None
        ]
        found.sort(key=lambda one: one[:3])
        spoken: dict[tuple[object, ...], Record] = {}
        for one in found:
            for key in one.record.says:
                first = spoken.setdefault((*one[:3], key), one.record)
                if first is not one.record:
                    refuse_overlap(first, one.record, key)  # patterns that met only now
        return found

    def _line(self, instrument: Instrument) -> _Line:
        key = (instrument.id, instrument.settle, instrument.contract)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = self._worked_out(instrument)
        return line

    def _worked_out(self, instrument: Instrument) -> _Line:
        needs = NEEDS[instrument.kind]
        records = {part: self._records(instrument, part) for part in (*needs, *MAY)}
        closed = [file.closed_ns for _, file in self._layers(instrument.venue) if file.closed_ns]
        starts = sorted({one.since_ns for ranked in records.values() for one in ranked} | set(closed))
        line = _Line(starts, [], [], [])
        for time_ns in (starts[0] - 1 if starts else 0, *starts):
            rules: dict[Part, Any] = {}
            lacks: dict[Part, tuple[str, ...]] = {}
            for part, ranked in records.items():
                open_still = not closed or time_ns < closed[-1]
                rule, missing = _rule(part, _in_force(ranked, time_ns) if open_still else ())
                if rule is None:
                    lacks[part] = missing
                rules[part] = rule
            line.rules.append(Rules(*(rules.get(part) for part in get_args(Part))))
            line.complete.append(not any(part in needs for part in lacks))
            line.lacks.append(lacks)
        return line

    def _refuse_closed(self, venue: str, time_ns: int, where: str) -> None:
        layers = self._layers(venue)
        if not layers:
            known = ", ".join(packaged_venues())
            remedy = f"write a rule file for it (docs/how-to/add-a-venue.md); known are {known}"
            raise ConfigError(f"the rulebook does not know the venue {venue}", where, remedy)
        closed = [file.closed_ns for _, file in layers if file.closed_ns]
        if closed and time_ns >= closed[-1]:
            raise ConfigError(f"{venue} closed on {iso(closed[-1])}", where, "end before that")

    def _uncovered(
        self, instrument: Instrument, time_ns: int, line: _Line, parts: Sequence[Part]
    ) -> ConfigError:
        where, venue = f"instrument {instrument.id}", instrument.venue
        self._refuse_closed(venue, time_ns, where)
        lacks = line.lacks[bisect_right(line.starts, time_ns)]
        part = next((one for one in parts if one in lacks), None)
        if part is None:
            return ConfigError(f"{instrument.kind} has no {parts[0]}", where, "ask for what it has")
        covered = [start for start, lack in zip(line.starts, line.lacks[1:], strict=True) if part not in lack]
        if covered and time_ns < covered[0]:
            what = f"the rulebook has no {part} of it before {iso(covered[0])} (asked for {iso(time_ns)})"
            return ConfigError(what, where, f"start later, or {_to_add(instrument, part, time_ns)}")
        what = f"no record of {venue} covers its {part} (missing: {', '.join(lacks[part])})"
        return ConfigError(what, where, _to_add(instrument, part, time_ns))


def _to_add(instrument: Instrument, part: Part, time_ns: int) -> str:
    return (
        f'add to a rule file: venue = "{instrument.venue}" and [[{part}]] with '
        f'symbols = ["{instrument.symbol}"], effective_from = {iso(time_ns)[:10]}, source, confidence '
        f"and the keys (docs/how-to/add-a-venue.md)"
    )


def _in_force(records: Iterable[_Ranked], time_ns: int) -> list[_Ranked]:
    return [one for one in records if one.since_ns <= time_ns]


def _speak(spoken: dict[str, Any], says: dict[str, Any]) -> None:
    """Let a record have its say over those before it."""
    if any(key in says for key in REQUIREMENT):
        for key in REQUIREMENT:
            spoken.pop(key, None)
    spoken.update(says)


def _origins(records: Iterable[_Ranked]) -> list[Origin]:
    spoken: dict[str, Record] = {}
    for one in records:
        _speak(spoken, dict.fromkeys(one.record.says, one.record))
    return [
        Origin(
            part=by.part,
            says={key: by.says[key] for key in by.says if spoken.get(key) is by},
            since=iso(by.since_ns),
            confidence=by.confidence,
            source=by.source,
            where=by.where,
        )
        for by in {id(record): record for record in spoken.values()}.values()
    ]


def _rule(part: Part | CoinPart, records: Iterable[_Ranked]) -> tuple[Any, tuple[str, ...]]:
    """The rule that the records make, or None and the keys it lacks."""
    said: dict[str, Any] = {}
    for one in records:
        _speak(said, one.record.says)
    if "maintenance_base" in said:
        said["tiers"] = ()
    kind = _RULES[part]
    missing = tuple(f.name for f in msgspec.structs.fields(kind) if f.required and f.name not in said)
    return (None, missing) if missing else (kind(**said), ())


def load(extra: Iterable[str | RuleFile] = (), where: Sequence[str] = ()) -> Rulebook:
    """The rulebook: the packaged records, and one's own from the texts of rule files.

    Parameters
    ----------
    extra : iterable of str or RuleFile
        TOML texts, or files already parsed. Of records equally narrow and equally late the one in
        the later file wins, and any of them over a packaged one.
    where : sequence of str
        Names for the texts in error messages; default "rules 1", "rules 2", …

    Raises
    ------
    ConfigError
        If a text is not a usable rule file: which file, table and key, and what to do.
    """
    texts = list(extra)
    names = [*where, *(f"rules {n}" for n in range(len(where) + 1, len(texts) + 1))]
    return Rulebook(
        [
            one if isinstance(one, RuleFile) else parse(one, name)
            for one, name in zip(texts, names, strict=True)
        ]
    )


PACKAGED = Rulebook()
