"""Rule files: dated TOML records with their source, checked key by key. A record says only what it knows."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import product
from typing import Any, Literal, get_args

import msgspec

from narrows.core.config import convert, midnights, require, toml_tables
from narrows.core.errors import ConfigError
from narrows.core.instrument import Contract, Instrument, Kind
from narrows.core.time import iso, to_ns
from narrows.core.units import from_bps
from narrows.rulebook.coins import Slice, check_borrow, check_collateral
from narrows.rulebook.portfolio import Far, PortfolioRule, check_portfolio
from narrows.rulebook.rules import (
    FeeRule,
    FundingRule,
    MarginRule,
    SettlementRule,
    Tier,
    exact_deductions,
)

HELP = "see docs/how-to/add-a-venue.md"
Part = Literal["funding", "margin", "fees", "settlement", "portfolio"]
CoinPart = Literal["collateral", "borrow"]  # of a coin, not of an instrument
Confidence = Literal["high", "medium", "low"]
Rank = tuple[bool, ...]
Rule = FundingRule | MarginRule | FeeRule | SettlementRule | PortfolioRule

# one of these replaces all of them: a table of tiers and a margin that grows with size exclude each other
REQUIREMENT = (
    "tiers", "notional_in", "maintenance_base", "maintenance_per_unit", "initial_base", "initial_per_unit"
)  # fmt: skip


class _CoinRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    effective_from: datetime
    source: str
    confidence: Confidence
    coins: tuple[str, ...] = ()


class _Row(_CoinRow, frozen=True, kw_only=True):
    kinds: tuple[Kind, ...] = ()
    contract: Contract | None = None
    settle: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()


class _Funding(_Row, frozen=True, kw_only=True):
    interest: float | None = None
    clamp: float | None = None
    cap: float | None = None
    floor: float | None = None
    interval_h: float | None = None
    scale: Literal["rate", "interest"] | None = None
    weights: Literal["equal", "linear"] | None = None
    sample: Literal["impact", "mid", "mark"] | None = None
    sample_s: float | None = None
    style: Literal["stamped", "accrued"] | None = None
    pays_on: Literal["mark", "oracle"] | None = None
    applies: Literal["current", "next"] | None = None
    per_h: float | None = None
    impact_margin: float | None = None
    hit_interval_h: float | None = None
    calm_interval_h: float | None = None
    calm_cycles: int | None = None
    calm_rate: float | None = None


class _Margin(_Row, frozen=True, kw_only=True):
    tiers: tuple[Tier, ...] | None = None
    notional_in: Literal["quote", "base"] | None = None
    maintenance_base: float | None = None
    maintenance_per_unit: float | None = None
    initial_base: float | None = None
    initial_per_unit: float | None = None
    judged_on: Literal["mark", "entry"] | None = None
    liquidation_fee: float | None = None
    partial: Literal["none", "tier", "share"] | None = None
    partial_share: float | None = None
    partial_above: float | None = None


class _Fees(_Row, frozen=True, kw_only=True):
    maker_bps: float | None = None
    taker_bps: float | None = None
    vip_bps: tuple[tuple[float, float], ...] | None = None


class _Settlement(_Row, frozen=True, kw_only=True):
    window_s: float | None = None
    samples: int | None = None
    hour: float | None = None
    delivery_fee_bps: float | None = None


class _Portfolio(_Row, frozen=True, kw_only=True):
    method: Literal["grid", "ratio"] | None = None
    moves: tuple[float, ...] | None = None
    extended: tuple[Far, ...] | None = None
    dampener: float | None = None
    volatility_up: float | None = None
    volatility_down: float | None = None
    volatility_floor: float | None = None
    power_short: float | None = None
    power_long: float | None = None
    basis: Literal["each", "net"] | None = None
    basis_min: float | None = None
    basis_annual: float | None = None
    delta_threshold: float | None = None
    delta_increment: float | None = None
    delta_max: float | None = None
    short_option: float | None = None
    stable_move: float | None = None
    minimum: float | None = None
    valued_in: Literal["coin", "quote"] | None = None
    spot_offsets: bool | None = None
    maintenance_factor: float | None = None
    initial_factor: float | None = None
    liquidated_at: float | None = None
    reduce_at: float | None = None
    warn_at: float | None = None


class _Collateral(_CoinRow, frozen=True, kw_only=True):
    haircuts: tuple[Slice, ...] | None = None
    floors_in: Literal["usd", "coin"] | None = None
    conversion_bps: float | None = None


class _Borrow(_CoinRow, frozen=True, kw_only=True):
    charged: Literal["begun", "struck", "continuous"] | None = None
    every_h: float | None = None
    minute: float | None = None
    apr: float | None = None
    loan_limit: float | None = None
    overdraft_limit: float | None = None
    repaid_to: float | None = None
    unrealised: bool | None = None


ROWS: Mapping[Part | CoinPart, type[_CoinRow]] = {
    "funding": _Funding,
    "margin": _Margin,
    "fees": _Fees,
    "settlement": _Settlement,
    "portfolio": _Portfolio,
    "collateral": _Collateral,
    "borrow": _Borrow,
}
KINDS: Mapping[Part | CoinPart, tuple[Kind, ...]] = {
    "funding": ("perp",),
    "margin": ("perp", "future", "synthetic"),
    "fees": get_args(Kind),
    "settlement": ("future", "option", "synthetic"),
    "portfolio": get_args(Kind),
    "collateral": (),
    "borrow": (),
}
_SCOPE = frozenset(_Row.__struct_fields__)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One checked record: what it says, of which instruments, from when on, and who says so.

    Attributes
    ----------
    says : dict
        The fields of the rule that it sets, as fractions.
    where : str
        File, table and number, ``binance.toml: margin[3]``.
    """

    part: Part | CoinPart
    since_ns: int
    says: dict[str, Any]
    source: str
    confidence: Confidence
    where: str
    kinds: tuple[Kind, ...]
    contract: Contract | None
    settle: tuple[str, ...]
    coins: tuple[str, ...]
    symbols: tuple[str, ...]

    def rank_of_coin(self, coin: str) -> Rank | None:
        """How narrowly this record means a coin: by name, or all of the venue; None = not at all."""
        return (bool(self.coins),) if not self.coins or coin in self.coins else None

    def rank(self, one: Instrument) -> Rank | None:
        """How narrowly this record means an instrument, greater is narrower; None = not at all."""
        if one.kind not in (self.kinds or KINDS[self.part]):
            return None
        if self.contract is not None and one.contract != self.contract:
            return None
        if self.settle and one.settle not in self.settle:
            return None
        if self.coins and one.base not in self.coins:
            return None
        exact = one.symbol in self.symbols
        if self.symbols and not exact and not any(fnmatchcase(one.symbol, each) for each in self.symbols):
            return None
        given = (self.symbols, self.coins, self.settle, self.contract, self.kinds)
        return (exact, *(bool(one) for one in given))


class RuleFile(msgspec.Struct, frozen=True, kw_only=True):
    """The records of one file, all of one venue; `closed_ns` 0 = the venue is open."""

    venue: str
    records: tuple[Record, ...]
    closed_ns: int = 0


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    venue: str
    closed: datetime | None = None


def parse(text: str, where: str) -> RuleFile:
    """The records of a rule file.

    Raises
    ------
    ConfigError
        With file, table and key: not TOML, unknown keys, a record without date, source or
        confidence, numbers that cannot be, tiers with gaps or out of order, deductions that do
        not fit, two records that say the same thing from the same date.
    """
    tables = toml_tables(text, where, HELP)
    head = {key: value for key, value in tables.items() if not isinstance(value, list)}
    for key in ("venue", "closed"):
        require(not isinstance(head.get(key), dict), "not a value", f"{where}: {key}", HELP)
    known: _Head = _with_help(midnights(head), _Head, where)
    named = re.fullmatch(r"[a-z0-9_]+", known.venue) is not None
    require(named, f"{known.venue!r} is no venue", f"{where}: venue", "name it as instrument ids do: binance")
    records = []
    for part, rows in tables.items():
        if not isinstance(rows, list):
            continue
        require(part in ROWS, "unknown table", f"{where}: {part}", "known are " + ", ".join(ROWS))
        for number, row in enumerate(rows, 1):
            at = f"{where}: {part}[{number}]"
            require(isinstance(row, dict), "not a table", at, f"write [[{part}]] above its keys")
            records.append(_record(part, row, at))  # type: ignore[arg-type]
    _refuse_overlaps(records)
    return RuleFile(
        venue=known.venue, records=tuple(records), closed_ns=to_ns(known.closed) if known.closed else 0
    )


def _with_help(table: object, kind: Any, where: str) -> Any:
    try:
        return convert(table, kind, where)
    except ConfigError as error:
        remedy = error.remedy if error.what == "unknown key" else HELP
        raise ConfigError(error.what, error.where, remedy) from None


def _record(part: Part | CoinPart, table: dict[str, Any], where: str) -> Record:
    row: _CoinRow = _with_help(midnights(table), ROWS[part], where)
    require(bool(row.source.strip()), "no source", f"{where}.source", "say who publishes this rule")
    for coin in row.coins:
        known = re.fullmatch(r"[A-Z0-9]{1,15}", coin) is not None
        require(known, f"{coin!r} is no coin", f"{where}.coins", "name it as instrument ids do: BTC")
    require(part != "collateral" or bool(row.coins), "no coins", f"{where}.coins", "name the coins it is of")
    for kind in getattr(row, "kinds", ()):
        require(kind in KINDS[part], f"{kind} has no {part}", f"{where}.kinds", HELP)
    given = {
        key: getattr(row, key)
        for key in row.__struct_fields__
        if key not in _SCOPE and getattr(row, key) is not None
    }
    require(bool(given), "says nothing", where, f"give at least one key of {part}")
    for key, value in given.items():
        _check_number(key, value, where)
    _CHECKS[part](given, where)
    return Record(
        part=part,
        since_ns=to_ns(row.effective_from),
        says=dict(_says(given)),
        source=row.source,
        confidence=row.confidence,
        where=where,
        kinds=getattr(row, "kinds", ()),
        contract=getattr(row, "contract", None),
        settle=getattr(row, "settle", ()),
        coins=row.coins,
        symbols=getattr(row, "symbols", ()),
    )


def _says(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in given.items():
        if key == "vip_bps":
            yield "vip", tuple((from_bps(maker), from_bps(taker)) for maker, taker in value)
        elif key.endswith("_bps"):
            yield key.removesuffix("_bps"), from_bps(value)
        else:
            yield key, value


def _check_number(key: str, value: object, where: str) -> None:
    if isinstance(value, float) and key not in ("cap", "floor"):
        require(math.isfinite(value), f"{value} is not a number", f"{where}.{key}", "give a finite number")


def _check_funding(given: Mapping[str, Any], where: str) -> None:
    require(("cap" in given) == ("floor" in given), "cap and floor go together", f"{where}.cap", "give both")
    cap, floor = given.get("cap", 0.0), given.get("floor", 0.0)
    require(floor <= 0.0 <= cap, f"floor {floor} and cap {cap} are not around 0", f"{where}.cap", HELP)
    for key in ("interest", "clamp", "cap", "floor", "calm_rate"):
        value = abs(given.get(key, 0.0))
        small = value < 0.1 or (key in ("cap", "floor") and (value <= 1.0 or math.isinf(value)))
        require(
            small, f"{value} is {value * 100:g} %", f"{where}.{key}", "give a fraction, 0.0005 for 0.05 %"
        )
    for key in ("interval_h", "per_h", "hit_interval_h", "calm_interval_h", "calm_cycles", "impact_margin"):
        require(given.get(key, 1) > 0, f"{given.get(key)} is not positive", f"{where}.{key}", HELP)
    for key in ("clamp", "sample_s", "calm_rate"):
        require(given.get(key, 0.0) >= 0.0, f"{given.get(key)} is negative", f"{where}.{key}", HELP)


def _check_margin(given: Mapping[str, Any], where: str) -> None:
    grows = [key for key in REQUIREMENT[2:] if key in given]
    if "tiers" in given:
        require(not grows, f"tiers and {', '.join(grows)} exclude each other", f"{where}.tiers", "give one")
        _check_tiers(given["tiers"], f"{where}.tiers")
    elif grows or "notional_in" in given:
        for key in REQUIREMENT[2:]:
            require(key in given, f"{key} is missing", where, "give tiers, or " + ", ".join(REQUIREMENT[2:]))
            require(
                0.0 <= given[key] < 1.0, f"{given[key]} leaves [0, 1)", f"{where}.{key}", "give a fraction"
            )
    fee = given.get("liquidation_fee", 0.0)
    require(0.0 <= fee < 1.0, f"{fee} leaves [0, 1)", f"{where}.liquidation_fee", "give a fraction")
    share = given.get("partial_share", 1.0)
    require(0.0 < share <= 1.0, f"{share} leaves (0, 1]", f"{where}.partial_share", "give a fraction")
    above = given.get("partial_above", 0.0)
    require(above >= 0.0, f"{above} is negative", f"{where}.partial_above", "give a notional")


def _check_tiers(tiers: tuple[Tier, ...], where: str) -> None:
    require(bool(tiers), "no tiers", where, "give [[floor, cap, maintenance, deduction, max_leverage], …]")
    end, rate = 0.0, 0.0
    for number, tier in enumerate(tiers, 1):
        at = f"{where}[{number}]"
        order = f"tier from {tier.floor:g}, the one before ends at {end:g}"
        require(tier.floor == end, order, at, "order the tiers from 0 upwards, without gaps")
        require(tier.cap > tier.floor, f"cap {tier.cap:g} is not above floor {tier.floor:g}", at, HELP)
        less = f"maintenance {tier.maintenance:g} after {rate:g}"
        require(rate <= tier.maintenance <= 1.0, less, at, "give fractions that grow from tier to tier")
        require(tier.maintenance > 0.0, "maintenance 0", at, "give a fraction above 0")
        dead = f"maintenance {tier.maintenance:g} at leverage {tier.max_leverage:g} is liquidated at once"
        require(tier.max_leverage >= 1.0, f"max_leverage {tier.max_leverage:g} is below 1", at, HELP)
        require(tier.maintenance * tier.max_leverage <= 1.0 + 1e-12, dead, at, "lower one of them")
        end, rate = tier.cap, tier.maintenance
    if not any(tier.deduction for tier in tiers):
        return  # the venue charges the rate of the tier on the whole position
    exact = exact_deductions([tier.floor for tier in tiers], [tier.maintenance for tier in tiers])
    for number, (tier, right) in enumerate(zip(tiers, exact, strict=True), 1):
        wrong = f"deduction {tier.deduction!r} where continuous margin needs {float(right)!r}"
        fix = "correct it, or give 0 in every tier if the venue deducts nothing"
        require(tier.deduction == float(right), wrong, f"{where}[{number}]", fix)


def _check_fees(given: Mapping[str, Any], where: str) -> None:
    pairs = [(given.get("maker_bps", 0.0), given.get("taker_bps", 0.0)), *given.get("vip_bps", ())]
    for maker, taker in pairs:
        for bps in (maker, taker):
            require(-100.0 <= bps < 1000.0, f"{bps} bp is no fee", where, "give basis points, 5.0 for 0.05 %")


def _check_settlement(given: Mapping[str, Any], where: str) -> None:
    require(given.get("window_s", 1.0) > 0.0, "window_s is not positive", f"{where}.window_s", HELP)
    require(given.get("samples", 1) > 0, "samples is not positive", f"{where}.samples", HELP)
    require(0.0 <= given.get("hour", 0.0) < 24.0, "hour leaves [0, 24)", f"{where}.hour", HELP)
    fee = given.get("delivery_fee_bps", 0.0)
    require(0.0 <= fee < 1000.0, f"{fee} bp is no fee", f"{where}.delivery_fee_bps", "give basis points")


_CHECKS = {
    "funding": _check_funding,
    "margin": _check_margin,
    "fees": _check_fees,
    "settlement": _check_settlement,
    "portfolio": check_portfolio,
    "collateral": check_collateral,
    "borrow": check_borrow,
}


def _claims(record: Record) -> Iterator[tuple[object, ...]]:
    """Everything a record lays claim to; equally narrow records clash exactly where claims are equal."""
    keys = (
        {"tiers" if key in REQUIREMENT else key for key in record.says}
        if record.part == "margin"
        else {*record.says}
    )
    scopes = (record.symbols, record.coins, record.settle, record.kinds)
    each = (scope or (None,) for scope in scopes)
    for claim in product(*each, (record.contract,), sorted(keys)):
        yield (record.part, record.since_ns, *claim)


def _refuse_overlaps(records: list[Record]) -> None:
    claimed: dict[tuple[object, ...], Record] = {}
    for record in records:
        for claim in _claims(record):
            first = claimed.setdefault(claim, record)
            if first is not record:
                refuse_overlap(first, record, str(claim[-1]))


def refuse_overlap(first: Record, second: Record, key: str) -> None:
    """Raise: two equally narrow records say the same thing from the same date."""
    raise ConfigError(
        f"says {key} from {iso(second.since_ns)} of what {first.where.rpartition(': ')[2]} already does",
        second.where,
        "keep one of them, or give it another effective_from or a narrower scope",
    )
