"""`narrows rules`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from narrows.catalog.rules import load_rules
from narrows.cli.render import money, out, print_json, print_table
from narrows.core.instrument import instrument as instrument_of
from narrows.core.time import iso, to_ns
from narrows.rulebook import Far, Origin, Rulebook, Slice, Tier

_EVER_NS = 2**62


def rules(
    instrument: str,
    /,
    *,
    at: datetime | None = None,
    file: tuple[Path, ...] = (),
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """The rules of an instrument at a date: funding, margins, fees, settlement, and who says so.

    So are those of its coins: what they count as collateral, what owing them costs. What no record
    covers is listed as missing. Below stand the dates at which a rule changes.

    Example: `narrows rules SOL-USDT-PERP.okx --at 2022-11-10T08:00`

    Parameters
    ----------
    instrument
        Id of the instrument: BTC-USDT-PERP.binance.
    at
        Date, or date and time, UTC; now if left out.
    file
        A rule file of your own (TOML), over the packaged ones; may be given several times.
    json
        Print one JSON object instead of a table.
    """
    one = instrument_of(instrument)
    book = load_rules(file)
    time_ns = to_ns(at if at is not None else datetime.now(UTC))
    known, lacking = book.known(one, time_ns), book.lacking(one, time_ns)
    if not any(known):
        book.at(one, time_ns)  # says why nothing is known
    origins = book.origins(one, time_ns)
    changes = [iso(change_ns) for change_ns in book.changes(one, 0, _EVER_NS)]
    coins = [one.base, one.quote]
    if json:
        print_json(
            {
                "instrument": one.id,
                "at": iso(time_ns),
                "rules": known._asdict(),
                "missing": lacking,
                "origins": origins,
                "changes": changes,
                "coins": {coin: _coin(book, one.venue, coin, time_ns) for coin in coins},
            }
        )
        return
    _print_origins(f"Rules of {one.id} at {iso(time_ns)}", origins)
    for part, keys in lacking.items():
        out.print(f"missing of {part}: {', '.join(keys)}")
    for coin in coins:
        told = _coin(book, one.venue, coin, time_ns)
        if told["origins"]:
            _print_origins(f"{coin} on {one.venue}", told["origins"])
        for of_coin in ("collateral", "borrow"):
            if told[of_coin] is None:
                out.print(f"not on record: {coin} as {of_coin}")
        changes += [f"{change} ({coin})" for change in told["changes"]]
    out.print("changes: " + ("\n         ".join(changes) or "none on record"))


def _coin(book: Rulebook, venue: str, coin: str, time_ns: int) -> dict[str, Any]:
    collateral, borrow = book.known_of_coin(venue, coin, time_ns)
    return {
        "collateral": collateral,
        "borrow": borrow,
        "origins": book.coin_origins(venue, coin, time_ns),
        "changes": [iso(change_ns) for change_ns in book.coin_changes(venue, coin, 0, _EVER_NS)],
    }


def _print_origins(title: str, origins: Sequence[Origin]) -> None:
    rows = []
    for origin in origins:
        said = "\n".join(f"{key} = {_text(value)}" for key, value in origin.says.items())
        since = f"{origin.since[:10]}\n{origin.confidence}"
        rows.append((origin.part, said, since, origin.source))
    print_table(title, ("part", "rule", "since", "source"), rows)


def _text(value: object) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], Tier):
        return "".join("\n  " + _tier(tier) for tier in value)
    if isinstance(value, tuple) and value and isinstance(value[0], Slice):
        return "".join(f"\n  from {money(one.floor)}: {one.haircut * 100:g} %" for one in value)
    if isinstance(value, tuple) and value and isinstance(value[0], Far):
        return "".join(
            f"\n  at {one.move * 100:+g} %: {one.damping * 100:.3g} % of the loss" for one in value
        )
    if isinstance(value, tuple) and value and isinstance(value[0], float):
        return ", ".join(f"{one:g}" for one in value)
    if isinstance(value, tuple):
        return "".join(f"\n  {n}: {maker:g} / {taker:g}" for n, (maker, taker) in enumerate(value, 1))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _tier(tier: Tier) -> str:
    rate = f"{tier.maintenance * 100:g} %"
    return f"from {money(tier.floor)}: {rate} − {money(tier.deduction)}, {tier.max_leverage:g}×"
