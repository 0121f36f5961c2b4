"""Terms: what a venue asks for an instrument at a time, by the desk file or else by the rulebook."""

import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple, TypeVar

from narrows.core.config import Desk, Venue
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.core.units import from_bps
from narrows.rulebook import FeeRule, MarginRule, PortfolioRule, Rulebook, SettlementRule, load
from narrows.rulebook.coins import BorrowRule, CollateralRule, Slice

WHOLE, BY_TIER, BY_SHARE = range(3)  # how a venue liquidates, as in physics
PARTIAL = {"none": WHOLE, "tier": BY_TIER, "share": BY_SHARE}
BORROW_MAINTENANCE = (
    0.10  # of what is borrowed: a margin level of 1.1, as in Binance's cross margin; twice that to borrow
)
SPOT_LIQUIDATION = 0.02  # of spot that is sold or bought back by force: the clearance fee there
FOR_EVER = 2**63 - 1

_Rule = TypeVar("_Rule")


class Upkeep(NamedTuple):
    """What a leg needs to live, and how it dies. `tiers`: (floor, rate, deduction, max leverage) each."""

    tiers: tuple[tuple[float, float, float, float], ...]
    liquidation_fee: float
    in_base: bool = False
    per_unit: float = 0.0
    partial: int = WHOLE
    partial_share: float = 1.0
    partial_above: float = 0.0


class Terms(NamedTuple):
    """Facts of one leg: fractions, quote values."""

    taker: float
    half_spread: float
    depth: float
    haircut: CollateralRule | None  # None = owned coins are no margin
    coin_apr: float
    loan: BorrowRule
    detect_h: float
    band: float
    isolated: bool
    delivery_fee: float
    oracle: bool
    along: bool
    upkeep: Upkeep


@cache
def rulebook(texts: tuple[str, ...], names: tuple[str, ...] = ()) -> Rulebook:
    """The packaged records with a desk's own rule files."""
    return load(texts, names)


def rules_of(desk: Desk) -> Rulebook:
    """The rulebook of a desk."""
    return rulebook(desk.rules, desk.data.rules)


def changes(desk: Desk, used: Iterable[Instrument], start_ns: int) -> list[int]:
    """When a rule of any of these instruments changes, after `start_ns`, ascending."""
    book = rules_of(desk)
    instruments = list(used)
    coins = {(one.venue, coin) for one in instruments for coin in (one.base, one.money)}
    coins |= {(name, venue.cash) for name, venue in desk.venues.items() if venue.cash is not None}
    found = {time_ns for one in instruments for time_ns in book.changes(one, start_ns, FOR_EVER)}
    return sorted(found.union(*(book.coin_changes(*pair, start_ns, FOR_EVER) for pair in coins)))


def _said(look_up: Callable[[Instrument, int], _Rule], one: Instrument, time_ns: int, key: str) -> _Rule:
    """A rule of the rulebook; where it has none, the error also says which key of the desk would do."""
    try:
        return look_up(one, time_ns)
    except ConfigError as error:
        remedy = f"give {key} in [venues.{one.venue}], or {error.remedy}"
        raise ConfigError(error.what, error.where, remedy) from None


def terms(desk: Desk, one: Instrument, venue: Venue, time_ns: int) -> Terms:
    """What a venue asks for an instrument at a time.

    Raises
    ------
    ConfigError
        If neither the desk file nor the rulebook says it: which desk, which key, which record.
    """
    try:
        return _terms(desk, one, venue, time_ns)
    except ConfigError as error:
        raise ConfigError(error.what, f"desk {desk.name}: {error.where}", error.remedy) from None


def taker_of(desk: Desk, one: Instrument, time_ns: int) -> float:
    """Fee of taking, fraction: the desk's, or else the rulebook's at a time.

    Raises
    ------
    ConfigError
        If neither says it.
    """
    told = desk.venues.get(one.venue, Venue()).taker_bps
    if told is not None:
        return from_bps(told)
    fees: FeeRule = _said(rules_of(desk).fees, one, time_ns, "taker_bps")
    return fees.taker


def _terms(desk: Desk, one: Instrument, venue: Venue, time_ns: int) -> Terms:
    book = rules_of(desk)
    taker = from_bps(venue.taker_bps) if venue.taker_bps is not None else taker_of(desk, one, time_ns)
    funding = book.known(one, time_ns).funding
    isolated = venue.margin == "isolated" and one.is_derivative
    owed = None if one.is_derivative else book.known_of_coin(one.venue, one.base, time_ns)[1]
    return Terms(
        taker=taker,
        half_spread=from_bps(venue.half_spread_bps),
        depth=venue.depth_usd,
        isolated=isolated,
        delivery_fee=_delivery_fee(book, one, venue, time_ns) if one.expiry_ns else taker,  # a delisting
        oracle=funding is not None and funding.pays_on == "oracle",
        along=venue.delivery == "along" and one.kind in ("future", "synthetic"),
        haircut=_haircut(book, one, venue, time_ns),
        coin_apr=venue.coin_apr.get(one.base, 0.0),
        loan=BorrowRule(charged="continuous") if owed is None else owed,
        detect_h=venue.detect_h,
        band=math.inf if venue.price_band is None else venue.price_band,
        upkeep=_upkeep(book, one, venue, time_ns),
    )


def _haircut(book: Rulebook, one: Instrument, venue: Venue, time_ns: int) -> CollateralRule | None:
    """What owned coins count as margin: nothing in a wallet without derivatives, or if not named."""
    named = venue.collateral is None or one.base in venue.collateral
    if one.is_derivative or venue.margin == "isolated" or not named:
        return None
    if venue.account == "separate":
        return _flat(0.0)  # of loans of other coins in the spot wallet
    if venue.haircut is not None:
        return _flat(venue.haircut)
    try:
        return book.collateral(one.venue, one.base, time_ns)
    except ConfigError as error:
        own = f"give haircut in [venues.{one.venue}], leave {one.base} out of collateral"
        raise ConfigError(error.what, error.where, f"{own}, or {error.remedy}") from None


def _flat(haircut: float) -> CollateralRule:
    return CollateralRule(haircuts=(Slice(0.0, haircut),), floors_in="usd")


def portfolio_rule(desk: Desk, one: Instrument, time_ns: int) -> PortfolioRule:
    """How its venue margins an instrument together with others.

    Raises
    ------
    ConfigError
        If it is not on record: a desk file cannot say it.
    """
    try:
        return rules_of(desk).portfolio(one, time_ns)
    except ConfigError as error:
        remedy = f'use margin = "cross" in [venues.{one.venue}], or {error.remedy}'
        raise ConfigError(error.what, f"desk {desk.name}: {error.where}", remedy) from None


class Debt(NamedTuple):
    """How far below zero a wallet's cash may be.

    Attributes
    ----------
    limit : float
        Beyond it collateral is sold; inf = margin alone is the limit.
    kept : float
        Share of it that is still owed afterwards.
    unrealised : bool
        Whether losses of open positions are owed too.
    """

    limit: float
    kept: float
    unrealised: bool


def debt(desk: Desk, wallet: str, venue: Venue, currency: str, time_ns: int) -> Debt:
    """What a wallet may owe: the desk's limit, else the rulebook's; where neither says one, margin alone."""
    rule = rules_of(desk).known_of_coin(wallet.partition(":")[0], currency, time_ns)[1]
    said = None if rule is None else rule.overdraft_limit
    limit = said if venue.debt_limit is None else venue.debt_limit
    return Debt(
        math.inf if limit is None else limit,
        0.0 if rule is None else rule.repaid_to,
        rule is None or rule.unrealised,
    )


def _delivery_fee(book: Rulebook, one: Instrument, venue: Venue, time_ns: int) -> float:
    if venue.delivery_bps is not None:
        return from_bps(venue.delivery_bps)
    rule: SettlementRule = _said(book.settlement, one, time_ns, "delivery_bps")
    return rule.delivery_fee


def _liquidation_fee(book: Rulebook, one: Instrument, venue: Venue, time_ns: int) -> float:
    if venue.liquidation_fee_bps is not None:
        return from_bps(venue.liquidation_fee_bps)
    if not one.is_derivative:
        return SPOT_LIQUIDATION
    rule = book.known(one, time_ns).margin
    if rule is None or rule.liquidation_fee is None:
        remedy = (
            f"give liquidation_fee_bps in [venues.{one.venue}], or add liquidation_fee to its margin record"
        )
        raise ConfigError("nothing says what a liquidation costs", f"instrument {one.id}", remedy)
    return rule.liquidation_fee


def _upkeep(book: Rulebook, one: Instrument, venue: Venue, time_ns: int) -> Upkeep:
    """Maintenance and liquidation: a flat rate where the desk gives one, else the venue's rule."""
    fee = _liquidation_fee(book, one, venue, time_ns)
    flat = venue.maintenance
    if not one.is_derivative:
        flat = BORROW_MAINTENANCE if flat is None else flat
        flat = flat if venue.borrow_maintenance is None else venue.borrow_maintenance
    if flat is not None:
        most = math.inf if one.is_derivative else 0.5 / flat
        return Upkeep(tiers=((0.0, flat, 0.0, most),), liquidation_fee=fee)
    rule: MarginRule = _said(book.margin, one, time_ns, "maintenance")
    if rule.judged_on != "mark":
        remedy = f"give maintenance in [venues.{one.venue}], or a record that is judged on the mark"
        what = "its margin is judged on the entry price, which is not simulated"
        raise ConfigError(what, f"instrument {one.id}", remedy)
    if rule.maintenance_base is not None:
        tiers: tuple[tuple[float, float, float, float], ...] = (
            (0.0, rule.maintenance_base, 0.0, 1.0 / (rule.initial_base or rule.maintenance_base)),
        )
    else:
        tiers = tuple((t.floor, t.maintenance, t.deduction, t.max_leverage) for t in rule.tiers)
    return Upkeep(
        tiers=tiers,
        liquidation_fee=fee,
        in_base=rule.notional_in == "base",
        per_unit=rule.maintenance_per_unit or 0.0,
        partial=PARTIAL[rule.partial],
        partial_share=rule.partial_share,
        partial_above=rule.partial_above,
    )
