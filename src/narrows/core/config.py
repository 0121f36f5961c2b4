"""The desk file: one TOML says everything about a desk. Unknown keys are errors with their path."""

import hashlib
import math
import re
import tomllib
from datetime import date, datetime
from typing import Any, Literal, TypeVar

import msgspec

from narrows.core.errors import ConfigError
from narrows.core.time import HOUR_NS, duration_ns, to_ns

_Section = TypeVar("_Section", bound=msgspec.Struct)


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Edit(_Strict, frozen=True, kw_only=True):
    """Which bars of an instrument: `start` and `end` are closes, both included; and why."""

    instrument: str
    start: datetime
    end: datetime
    reason: str


class Exclude(Edit, frozen=True, kw_only=True):
    """[[data.exclude]]: bars whose values are not to be believed; they become unknown.

    Without `fields`: all prices and quotes.
    """

    fields: tuple[str, ...] = ()


class Repair(Edit, frozen=True, kw_only=True):
    """[[data.repair]]: bars of which another value is better; `how` says where it comes from.

    "premium" takes the close as index (or spot) × (1 + premium index), "previous" the close of the bar
    before, "body" cuts high and low to open and close.
    """

    how: Literal["premium", "previous", "body"]


class Data(_Strict, frozen=True, kw_only=True):
    """[data]: where market data stands, and what of it this desk leaves out or repairs."""

    catalog: str = "catalog"
    rules: tuple[str, ...] = ()  # files of one's own rules
    exclude: tuple[Exclude, ...] = ()
    repair: tuple[Repair, ...] = ()


class Happening(_Strict, frozen=True, kw_only=True):
    """[[events]]: what a venue did unasked, at `start` or, with `end`, from then until before it.

    adl: a `share` of positions on `side` is closed, at `price` or else the mark, in the bar of `start`.
    halt, reduce_only: instruments do not trade, or only to smaller positions. no_withdrawals: cash
    stays there. recall: no more than `available` coins may be owed, the rest is bought back.
    """

    venue: str
    kind: Literal["adl", "halt", "reduce_only", "no_withdrawals", "recall"]
    start: datetime
    reason: str
    end: datetime | None = None
    coins: tuple[str, ...] = ()  # default: all
    side: Literal["long", "short"] = "short"
    share: float = 1.0
    price: float | None = None
    available: float = 0.0


class Universe(_Strict, frozen=True, kw_only=True):
    """[universe]: named instruments, or a selection from the catalogue."""

    instruments: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    coins: tuple[str, ...] = ()
    kinds: tuple[Literal["spot", "perp", "future", "option", "synthetic"], ...] = ()
    spreads: tuple[str, ...] = ()


class Venue(_Strict, frozen=True, kw_only=True):
    """[venues.NAME]: capital, account structure, margin and costs at one venue."""

    capital_share: float | None = None  # None: an equal part of what the others leave
    cash: str | None = None  # None: the currency that its linear instruments are quoted in
    account: Literal["unified", "separate"] = "unified"
    derivatives_share: float = 0.5
    margin: Literal["cross", "isolated", "portfolio"] = "cross"
    max_leverage: float = 3.0
    collateral: tuple[str, ...] | None = None  # None: every coin counts
    transfer_delay_h: float | Literal["never"] = 1.0
    transfer_fee: float = 0.0  # of one transfer, in the desk's currency
    transfer_min: float = 0.0
    top_up: Literal["none", "restore"] = "none"
    top_up_at: float = 0.5  # margin ratio
    haircut: float | None = None  # of owned coins as margin; None: the rulebook's
    debt_limit: float | None = None  # of the wallet's cash below zero; None: the rulebook's
    detect_h: float = 0.0
    price_band: float | None = None
    taker_bps: float | None = None  # None: the rulebook's fee at the start date
    maker_bps: float | None = None
    latency_ms: float = 50.0
    half_spread_bps: float = 0.5
    depth_usd: float = 5_000_000.0
    depth_model: Literal["constant", "volatility"] = "constant"
    maintenance: float | None = None  # None: the rulebook's tiers
    borrow_maintenance: float | None = None  # None: as maintenance, else 0.10
    liquidation_fee_bps: float | None = None  # None: the rulebook's
    delivery_bps: float | None = None  # None: the rulebook's
    delivery: Literal["at_once", "along"] = "at_once"
    borrow_apr: float = 0.10
    cash_borrow_apr: float = 0.08
    cash_apr: float = 0.0
    coin_apr: dict[str, float] = {}


class Risk(_Strict, frozen=True, kw_only=True):
    """[risk]: limits on the whole desk."""

    max_leverage: float = 3.0
    max_venue_share: float = 1.0
    max_p_liquidation: float = 0.001
    horizon_h: float = 72.0
    survive: tuple[str, ...] = ()


class Hurdle(_Strict, frozen=True, kw_only=True):
    """[hurdle]: what the same collateral earns doing nothing."""

    apr: float = 0.045
    series: str | None = None


Rate = float | str | tuple[str, str]


class _DeskTable(_Strict, frozen=True, kw_only=True):
    name: str
    currency: str = "USDT"
    capital: float = 1_000_000.0
    bar: str = "1h"
    start: datetime | None = None
    end: datetime | None = None
    seed: int = 7


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """A desk, checked and with its defaults filled in.

    `start_ns` and `end_ns` are 0 where the file leaves them out: all the data there is.
    """

    name: str
    currency: str
    capital: float
    bar_ns: int
    start_ns: int
    end_ns: int
    seed: int
    data: Data
    universe: Universe
    strategy: str
    parameters: dict[str, Any]
    venues: dict[str, Venue]
    fx: dict[str, Rate]
    events: tuple[Happening, ...]
    risk: Risk
    hurdle: Hurdle
    rules: tuple[str, ...] = ()  # texts of data.rules

    @property
    def bar_h(self) -> float:
        """Length of a bar in hours."""
        return self.bar_ns / HOUR_NS

    @property
    def config_hash(self) -> str:
        """SHA-256 of everything in the file that can change a result."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


def convert(table: object, kind: type[_Section], where: str) -> _Section:
    """A TOML table as a struct; a wrong type or unknown key becomes one clear line.

    Raises
    ------
    ConfigError
        With the path of the key.
    """
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at ")
        key = path.strip("`").removeprefix("$").lstrip(".")
        unknown = re.search(r"unknown field `(.+)`", text)
        if unknown:
            known = ", ".join(kind.__struct_encode_fields__)
            text, key, remedy = "unknown key", unknown[1], f"known keys are {known}"
        else:
            remedy = "see examples/desk.toml"
        raise ConfigError(text, f"{where}.{key}" if key else where, remedy) from None


def require(condition: bool, what: str, where: str, remedy: str) -> None:
    """Raise a ConfigError with these words unless the condition holds."""
    if not condition:
        raise ConfigError(what, where, remedy)


def _check_venue(venue: Venue, risk: Risk, bar_ns: int, at: str) -> None:
    apart = venue.margin == "portfolio" and venue.account == "separate"
    require(not apart, "a portfolio is margined in one account", f"{at}.margin", 'use account = "unified"')
    restores = venue.top_up == "restore"
    alone = "an isolated position is not topped up"
    require(not (restores and venue.margin == "isolated"), alone, f"{at}.top_up", 'use margin = "cross"')
    stays = "nothing can be sent where transfers never arrive"
    require(not (restores and venue.transfer_delay_h == "never"), stays, f"{at}.top_up", "give a delay")
    ratio = f"{venue.top_up_at} leaves (0, 1): at 1 it is liquidated"
    require(0 < venue.top_up_at < 1, ratio, f"{at}.top_up_at", "give a margin ratio, 0.5")
    for coin, apr in venue.coin_apr.items():
        require(0 <= apr < 10, f"{apr} a year", f"{at}.coin_apr.{coin}", "give a fraction, 0.03 for 3 %")
    for key in ("capital_share", "derivatives_share", "haircut"):
        share = getattr(venue, key)
        require(share is None or 0 <= share <= 1, f"{share} leaves [0, 1]", f"{at}.{key}", "give a fraction")
    for key in ("max_leverage", "depth_usd", "maintenance", "borrow_maintenance", "price_band"):
        value = getattr(venue, key)
        require(
            value is None or 0 < value < math.inf, f"{value} is not positive and finite", f"{at}.{key}", ""
        )
    for key in (
        "half_spread_bps", "liquidation_fee_bps", "delivery_bps", "borrow_apr", "cash_borrow_apr", "cash_apr",
        "latency_ms", "transfer_fee", "transfer_min", "detect_h",
    ):  # fmt: skip
        value = getattr(venue, key)
        require(
            value is None or 0 <= value < math.inf, f"{value} is negative or not finite", f"{at}.{key}", ""
        )
    debt = venue.debt_limit
    require(debt is None or debt >= 0, f"{debt} is negative", f"{at}.debt_limit", "inf: margin alone limits")
    leverage = min(venue.max_leverage, risk.max_leverage)
    require(
        leverage * (venue.maintenance or 0.0) < 1,
        f"leverage {leverage:g} with a maintenance of {venue.maintenance} is liquidated at once",
        f"{at}.max_leverage",
        "lower it",
    )
    late = venue.latency_ms * 1e6 >= bar_ns
    require(not late, f"{venue.latency_ms} ms is not shorter than a bar", f"{at}.latency_ms", "")


def _check(table: _DeskTable, risk: Risk, hurdle: Hurdle, where: str) -> None:
    capital = f"capital {table.capital} is not positive and finite"
    require(0 < table.capital < math.inf, capital, f"{where}: desk.capital", "")
    require(risk.max_leverage > 0, "max_leverage is not positive", f"{where}: risk.max_leverage", "")
    require(risk.horizon_h > 0, "horizon_h is not positive", f"{where}: risk.horizon_h", "")
    rate = f"an apr of {hurdle.apr:g} is {hurdle.apr * 100:g} % a year"
    require(-1 < hurdle.apr < 1, rate, f"{where}: hurdle.apr", "give a fraction, 0.045 for 4.5 %")
    require(
        hurdle.series is None,
        f"hurdle series {hurdle.series!r} is not built yet",
        f"{where}: hurdle.series",
        "give hurdle.apr",
    )
    if table.start is not None and table.end is not None:
        require(
            to_ns(table.start) < to_ns(table.end),
            f"end {table.end} is not after start {table.start}",
            f"{where}: desk.end",
            "give a later end",
        )


def _data(table: dict[str, Any], where: str) -> Data:
    """The section [data], its dates as date-times, its lists checked one by one."""
    section = dict(table)
    lists: tuple[tuple[str, type[Edit]], ...] = (("exclude", Exclude), ("repair", Repair))
    for key, kind in lists:
        edits = section.get(key, [])
        listed = isinstance(edits, list) and all(isinstance(one, dict) for one in edits)
        require(listed, "not a list of tables", f"{where}.{key}", f"write [[data.{key}]] above each")
        section[key] = [midnights(one) for one in edits]
        for number, one in enumerate(section[key]):
            at = f"{where}.{key}[{number}]"
            edit = convert(one, kind, at)
            ordered = to_ns(edit.start) <= to_ns(edit.end)
            require(ordered, f"end {edit.end} is before start {edit.start}", f"{at}.end", "give a later end")
            require(
                bool(edit.reason.strip()), "no reason", f"{at}.reason", "say why, it stands in the report"
            )
    return convert(section, Data, where)


def toml_tables(text: str, where: str, remedy: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises
    ------
    ConfigError
        If it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not TOML: {error}", where, remedy) from None


def midnights(table: dict[str, Any]) -> dict[str, Any]:
    """TOML dates as the date-times they begin with."""
    return {
        key: datetime(value.year, value.month, value.day) if type(value) is date else value
        for key, value in table.items()
    }


def _events(listed: object, where: str) -> tuple[Happening, ...]:
    """[[events]], checked one by one."""
    tables = listed if isinstance(listed, list) and all(isinstance(one, dict) for one in listed) else None
    require(tables is not None, "not a list of tables", where, "write [[events]] above each")
    found = []
    for number, one in enumerate(tables or ()):
        at = f"{where}[{number}]"
        event = convert(midnights(one), Happening, at)
        lasting = event.kind != "adl"
        require(lasting == (event.end is not None), "end goes with all but adl", f"{at}.end", "")
        ordered = event.end is None or to_ns(event.start) < to_ns(event.end)
        require(ordered, f"end {event.end} is not after start {event.start}", f"{at}.end", "give a later end")
        require(0 < event.share <= 1, f"share {event.share} leaves (0, 1]", f"{at}.share", "give a fraction")
        for key in ("price", "available"):
            value = getattr(event, key)
            sane = value is None or 0 <= value < math.inf
            require(sane, f"{value} is negative or not finite", f"{at}.{key}", "")
        require(bool(event.reason.strip()), "no reason", f"{at}.reason", "say why, it stands in the report")
        found.append(event)
    return tuple(found)


def _rates(section: dict[str, Any], where: str) -> dict[str, Rate]:
    """[fx]: what one unit of a currency is worth in the desk's: a number, a pair, or two pairs."""
    found: dict[str, Rate] = {}
    for currency, said in section.items():
        at, remedy = f"{where}.{currency}", 'write 1.0, "USDC-USDT.binance", or two pairs that share a base'
        if isinstance(said, list):
            require(len(said) == 2 and all(isinstance(one, str) for one in said), "not two pairs", at, remedy)
            found[currency] = (said[0], said[1])
            continue
        number = isinstance(said, int | float) and not isinstance(said, bool)
        require(number or isinstance(said, str), "neither a number nor a pair", at, remedy)
        require(not number or 0 < said < math.inf, f"{said} is not a positive number", at, remedy)
        found[currency] = float(said) if number else said
    return found


def parse(text: str, where: str = "desk file") -> Desk:
    """The Desk that a TOML text describes.

    Raises
    ------
    ConfigError
        One line: what is wrong, the path of the key, what to do.
    """
    tables = toml_tables(text, where, "see examples/desk.toml")
    known = ("desk", "data", "universe", "strategy", "venues", "fx", "risk", "hurdle", "events")
    events = _events(tables.pop("events", []), f"{where}: events")
    for key, section in tables.items():
        require(key in known, "unknown section", f"{where}: {key}", "known sections are " + ", ".join(known))
        require(
            isinstance(section, dict), "not a section", f"{where}: {key}", f"write [{key}] above its keys"
        )
    for key in ("desk", "universe", "strategy"):
        require(key in tables, f"section [{key}] is missing", where, "see examples/desk.toml")
    table = convert(midnights(tables["desk"]), _DeskTable, f"{where}: desk")
    risk = convert(tables.get("risk", {}), Risk, f"{where}: risk")
    hurdle = convert(tables.get("hurdle", {}), Hurdle, f"{where}: hurdle")
    _check(table, risk, hurdle, where)
    bar_ns = duration_ns(table.bar, f"{where}: desk.bar")
    venues = {}
    for name, section in tables.get("venues", {}).items():
        venues[name] = convert(section, Venue, f"{where}: venues.{name}")
        _check_venue(venues[name], risk, bar_ns, f"{where}: venues.{name}")
    parameters = dict(tables["strategy"])
    strategy = parameters.pop("name", None)
    require(isinstance(strategy, str), "no name", f"{where}: strategy.name", 'say which, as "funding_carry"')
    return Desk(
        name=table.name,
        currency=table.currency,
        capital=table.capital,
        bar_ns=bar_ns,
        start_ns=to_ns(table.start) if table.start is not None else 0,
        end_ns=to_ns(table.end) if table.end is not None else 0,
        seed=table.seed,
        data=_data(tables.get("data", {}), f"{where}: data"),
        universe=convert(tables["universe"], Universe, f"{where}: universe"),
        strategy=str(strategy),
        parameters=parameters,
        venues=venues,
        fx=_rates(tables.get("fx", {}), f"{where}: fx"),
        events=events,
        risk=risk,
        hurdle=hurdle,
    )
