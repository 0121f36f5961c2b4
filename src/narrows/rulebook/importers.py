"""What venues answer about their own rules → the text of a rule file. Payload objects in, TOML out, no I/O.

A payload says what holds now, not since when: the date and the source are the caller's to say.
What cannot be an instrument of ours is left out, by name.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, get_args

from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import instrument
from narrows.core.units import to_bps
from narrows.rulebook.records import CoinPart, Confidence, Part, parse

Payload = Any  # JSON as the venue sent it
Row = dict[str, Any]


class Imported(NamedTuple):
    """A rule file, checked, and the symbols of the payload that are not in it."""

    text: str
    left_out: tuple[str, ...]


class Said(NamedTuple):
    """Who says it, from when on it holds, and how sure that is."""

    since: date
    source: str
    confidence: Confidence = "medium"


def ccxt_leverage_tiers(payload: Mapping[str, Payload], venue: str, said: Said) -> Imported:
    """Margin tiers from `fetchLeverageTiers` of ccxt.

    The deduction is what the venue says (`info.cum` of Binance, `info.mmDeduction` of Bybit); of a
    venue that says none each tier's rate counts for the whole position.

    Parameters
    ----------
    payload : mapping
        ccxt symbol → tiers; bounds in quote, in coin for an inverse contract.
    venue : str
        Our name of it.
    """
    rows, left_out = [], []
    for name, tiers in payload.items():
        symbol = _known(_ccxt_symbol(name), venue)
        if symbol is None:
            left_out.append(name)
            continue
        row: Row = {"tiers": [_ccxt_tier(tier, name) for tier in tiers]}
        if instrument(f"{symbol}.{venue}").is_inverse:
            row["notional_in"] = "base"
        rows.append((symbol, said.since, row))
    return _file(venue, "margin", rows, said, left_out)


def binance_leverage_brackets(payload: Payload, exchange_info: Payload, said: Said) -> Imported:
    """Margin tiers from Binance's `leverageBracket`; `exchangeInfo` says what the symbols are."""
    rows, left_out = [], []
    symbols = _binance_symbols(exchange_info)
    for one in payload:
        name = _get(one, "symbol", "leverageBracket")
        if name not in symbols:
            left_out.append(name)
            continue
        in_coin = "qtyFloor" in one["brackets"][0]
        keys = ("qtyFloor", "qtyCap") if in_coin else ("notionalFloor", "notionalCap")
        row: Row = {"notional_in": "base"} if in_coin else {}
        row["tiers"] = [
            [_number(tier, key, name) for key in (*keys, "maintMarginRatio", "cum", "initialLeverage")]
            for tier in one["brackets"]
        ]
        rows.append((symbols[name], said.since, row))
    return _file("binance", "margin", rows, said, left_out)


def binance_funding_info(payload: Payload, exchange_info: Payload, said: Said) -> Imported:
    """Caps, floors and intervals of funding from Binance's `fundingInfo`; `exchangeInfo` names its symbols.

    A row with an `updateTime` holds from then on, the others from the caller's date.
    """
    rows, left_out = [], []
    symbols = _binance_symbols(exchange_info)
    for one in payload:
        name = _get(one, "symbol", "fundingInfo")
        symbol = symbols.get(name) or _coin_margined(name)
        if symbol is None:
            left_out.append(name)
            continue
        row = {
            "cap": _number(one, "adjustedFundingRateCap", name),
            "floor": _number(one, "adjustedFundingRateFloor", name),
            "interval_h": _number(one, "fundingIntervalHours", name),
        }
        changed = one.get("updateTime")
        since = datetime.fromtimestamp(changed // 1000, UTC) if changed else said.since
        rows.append((symbol, since, row))
    return _file("binance", "funding", rows, said, left_out)


def binance_exchange_info(payload: Payload, said: Said) -> Imported:
    """Liquidation fees from Binance's `exchangeInfo` of futures.

    Its `maintMarginPercent` and `requiredMarginPercent` are not the margin of any position and are
    not read.
    """
    symbols = _binance_symbols(payload)
    listed = {_get(one, "symbol", "exchangeInfo"): one for one in _get(payload, "symbols", "exchangeInfo")}
    rows = [
        (symbols[name], said.since, {"liquidation_fee": _number(one, "liquidationFee", name)})
        for name, one in listed.items()
        if name in symbols
    ]
    return _file("binance", "margin", rows, said, [name for name in listed if name not in symbols])


def binance_cross_margin_data(payload: Payload, said: Said, vip: int = 0) -> Imported:
    """What borrowing costs and its limits, from Binance's `crossMarginData`, of one VIP level.

    The rate is that of the hour in which it was read: a backtest over other hours needs the history.
    A coin that cannot be borrowed has a limit of 0.
    """
    rows, left_out = [], []
    for one in payload:
        coin = _get(one, "coin", "crossMarginData")
        if _get(one, "vipLevel", coin) != vip:
            continue
        if _known(f"{coin}-USDT", "binance") is None:
            left_out.append(coin)
            continue
        limit = _number(one, "borrowLimit", coin) if _get(one, "borrowable", coin) else 0.0
        row = {"apr": round(_number(one, "dailyInterest", coin) * 365.0, 12), "loan_limit": limit}
        rows.append((coin, said.since, row))
    if not rows:
        raise DataError(f"no rows of VIP {vip}", "crossMarginData", "ask for a level that is in the payload")
    return _file("binance", "borrow", rows, said, left_out)


def okx_position_tiers(
    payload: Payload, symbols: Sequence[str], contract_size: float, said: Said
) -> Imported:
    """Margin tiers from OKX's `position-tiers` of one instrument family.

    OKX charges the rate of the tier on the whole position, and bounds it in contracts.

    Parameters
    ----------
    symbols : sequence of str
        Our symbols of the family, ``["BTC-USDT-PERP"]`` or ``["BTC-USDT-*"]``.
    contract_size : float
        `ctVal`: coins of one contract if linear, US dollars if inverse.
    """
    tiers: list[list[float]] = []
    for tier in sorted(
        _get(payload, "data", "position-tiers"), key=lambda one: _number(one, "minSz", "tier")
    ):
        before = tiers[-1][1] if tiers else 0.0
        floor, cap = _number(tier, "minSz", "tier"), _number(tier, "maxSz", "tier")
        if not 0.0 <= floor - before / contract_size <= 1.0:  # the next contract after the last cap
            raise DataError(f"a tier from {floor:g} after one to {before / contract_size:g}", "okx tiers", "")
        rest = [_number(tier, "mmr", "tier"), 0.0, _number(tier, "maxLever", "tier")]
        tiers.append([before, cap * contract_size, *rest])
    unit = "quote" if any("-USD-" in symbol for symbol in symbols) else "base"
    row: Row = {"notional_in": unit, "tiers": tiers}
    return _file("okx", "margin", [(symbol, said.since, row) for symbol in symbols], said, [])


def deribit_instruments(payload: Payload, said: Said) -> Imported:
    """Fees and liquidation fees from Deribit's `get_instruments`; combinations are left out."""
    fees, margins, left_out = [], [], []
    for one in _get(payload, "result", "get_instruments"):
        name = _get(one, "instrument_name", "get_instruments")
        symbol = _known(_deribit_symbol(one), "deribit")
        if symbol is None:
            left_out.append(name)
            continue
        bps = {
            "maker_bps": _bps(_number(one, "maker_commission", name)),
            "taker_bps": _bps(_number(one, "taker_commission", name)),
        }
        fees.append((symbol, said.since, bps))
        if one["kind"] == "future" and "max_liquidation_commission" in one:
            fee = _number(one, "max_liquidation_commission", name)
            margins.append((symbol, said.since, {"liquidation_fee": fee}))
    return _files("deribit", {"fees": fees, "margin": margins}, said, left_out)


def _bps(fraction: float) -> float:
    return round(to_bps(fraction), 9)


def _get(table: Any, key: str, where: str) -> Any:
    if not isinstance(table, Mapping) or key not in table:
        raise DataError(f"no {key!r}", where, "is it the payload of this endpoint?")
    return table[key]


def _number(table: Mapping[str, Any], key: str, where: str) -> float:
    text = _get(table, key, where)
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if math.isnan(value):
        raise DataError(f"{key} is {text!r}", where, "it should be a number")
    return value


def _known(symbol: str, venue: str) -> str | None:
    try:
        return instrument(f"{symbol}.{venue}").symbol
    except ConfigError:
        return None


def _ccxt_symbol(name: str) -> str:
    pair, _, term = name.partition(":")
    _, _, day = term.partition("-")
    return f"{pair.replace('/', '-')}-{'20' + day if day else 'PERP'}"


def _ccxt_tier(tier: Mapping[str, Any], where: str) -> list[float]:
    said = tier.get("info") or {}
    deduction = next((key for key in ("cum", "mmDeduction") if said.get(key)), None)
    return [
        _number(tier, "minNotional", where),
        _number(tier, "maxNotional", where),
        _number(tier, "maintenanceMarginRate", where),
        _number(said, deduction, where) if deduction else 0.0,
        _number(tier, "maxLeverage", where),
    ]


def _binance_symbols(exchange_info: Payload) -> dict[str, str]:
    """Binance's symbol → ours, of the contracts that have one."""
    found = {}
    for one in _get(exchange_info, "symbols", "exchangeInfo"):
        contract = _get(one, "contractType", "exchangeInfo")
        term = "PERP"
        if "PERPETUAL" not in contract:
            term = datetime.fromtimestamp(one["deliveryDate"] // 1000, UTC).strftime("%Y%m%d")
        symbol = _known(f"{one['baseAsset']}-{one['quoteAsset']}-{term}", "binance")
        if symbol is not None:
            found[one["symbol"]] = symbol
    return found


def _coin_margined(name: str) -> str | None:
    """Ours of ``BTCUSD_PERP``, which fundingInfo lists beside the contracts of exchangeInfo."""
    base, _, rest = name.partition("USD_")
    return _known(f"{base}-USD-PERP", "binance") if rest == "PERP" else None


def _deribit_symbol(one: Mapping[str, Any]) -> str:
    base, quote = one["base_currency"], one["counter_currency"]
    pair = f"{base}-{quote}"
    if one["kind"] == "spot":
        return pair
    if one["kind"] == "future" and one["settlement_period"] == "perpetual":
        return f"{pair}-PERP"
    if one["kind"] not in ("future", "option"):
        return ""  # a combination
    day = datetime.fromtimestamp(one["expiration_timestamp"] // 1000, UTC).strftime("%Y%m%d")
    if one["kind"] == "future":
        return f"{pair}-{day}"
    money = "" if one["settlement_currency"] == base else f"-{quote}"
    return f"{base}{money}-{day}-{one['strike']:g}-{one['option_type'][0].upper()}"


def _file(
    venue: str,
    part: Part | CoinPart,
    rows: Iterable[tuple[str, date, Row]],
    said: Said,
    left_out: Iterable[str],
) -> Imported:
    return _files(venue, {part: rows}, said, left_out)


def _files(
    venue: str,
    parts: Mapping[Part | CoinPart, Iterable[tuple[str, date, Row]]],
    said: Said,
    left_out: Iterable[str],
) -> Imported:
    lines = [f'venue = "{venue}"']
    for part, rows in parts.items():
        scope = "coins" if part in get_args(CoinPart) else "symbols"
        for names, since, row in _grouped(rows):
            head: Row = {scope: names, "effective_from": since}
            head |= {"source": said.source, "confidence": said.confidence}
            lines += ["", f"[[{part}]]", *(f"{key} = {_toml(value)}" for key, value in (head | row).items())]
    text = "\n".join(lines) + "\n"
    parse(text, f"imported rules of {venue}")
    return Imported(text, tuple(left_out))


def _grouped(rows: Iterable[tuple[str, date, Row]]) -> Iterator[tuple[list[str], date, Row]]:
    """Symbols of which the same is said together, in the order they come."""
    groups: dict[str, tuple[list[str], date, Row]] = {}
    for symbol, since, row in rows:
        groups.setdefault(f"{since} {row}", ([], since, row))[0].append(symbol)
    yield from groups.values()


def _toml(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    return repr(value)
