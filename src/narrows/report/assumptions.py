"""What a simulated run takes for granted, in plain sentences, each with the direction of its bias."""

from typing import Literal, NamedTuple

from narrows.core.config import Venue
from narrows.core.result import Result
from narrows.report.numbers import percent

Bias = Literal["flatters", "penalises", "either way"]


class Assumption(NamedTuple):
    """One sentence, and whether it makes the result look better or worse than trading would have been."""

    text: str
    bias: Bias


_ALWAYS = (
    Assumption("A target decided at a bar's close fills in full at the next bar's open.", "flatters"),
    Assumption(
        "All legs of a spread fill at the same moment; only a halt, reduce-only or price band of the desk "
        "file refuses one.",
        "flatters",
    ),
    Assumption(
        "All legs of a spread move in whole lots of the coarsest leg, or none does; what is left over is "
        "not traded.",
        "either way",
    ),
    Assumption("Our own orders move no price after the fill: impact is paid once and forgotten.", "flatters"),
    Assumption("A fill never costs more than half the price, however thin the book.", "flatters"),
    Assumption("Every order takes liquidity and pays the taker fee; nothing rests in the book.", "penalises"),
    Assumption(
        "Liquidation is judged on closes. A second run judges it on highs and lows; the truth lies between.",
        "flatters",
    ),
    Assumption(
        "In that second run all legs are at their highs together, then all at their lows, though they need "
        "not have been at the same moment.",
        "either way",
    ),
    Assumption(
        "A liquidation happens at once, in the steps of its venue, at the price that caused it.",
        "flatters",
    ),
    Assumption("What a liquidated wallet owes beyond its equity is borne by the insurance fund.", "flatters"),
    Assumption("Venues pay what they owe: none defaults.", "flatters"),
    Assumption(
        "A dated future is delivered at the settlement price in the data; without one, at the index or its "
        "own last price.",
        "either way",
    ),
    Assumption(
        "An instrument whose data end a day or more before the run does is settled at its last close, a day "
        "later.",
        "flatters",
    ),
    Assumption(
        "Funding is paid on the position held at the settlement, at the mark of that bar's close, or at the "
        "index where the venue pays on its oracle.",
        "either way",
    ),
    Assumption(
        "Interest on cash is earned on own cash only, not on the proceeds of short sales.", "penalises"
    ),
    Assumption(
        "What can be borrowed is limited only where the data or a recall of the desk file say so, and the "
        "rate does not rise with what we take.",
        "flatters",
    ),
)
_NOTHING_UNASKED = Assumption(
    "No venue deleverages a winning leg, halts trading, shuts withdrawals or calls back a loan: the desk "
    "file names no events.",
    "flatters",
)
_UNASKED = Assumption(
    "What venues did unasked is what the desk file says, nothing else: size and price of an ADL are given, "
    "not derived from a queue, and it is booked at the close of its bar.",
    "either way",
)


def assumptions(result: Result) -> tuple[Assumption, ...]:
    """The assumptions behind a simulated run.

    Parameters
    ----------
    result : Result
        Its desk says which constants stand in for data at the venues of its legs; a venue without
        a section in the desk file has the defaults of `core.config.Venue`.
    """
    desk = result.desk
    used = dict.fromkeys(leg.instrument.venue for spread in result.spreads for leg in spread.legs)
    shared: dict[Assumption, list[str]] = {}
    for name in used:
        for one in _of_venue(desk.venues.get(name, Venue()), desk.risk.max_leverage):
            shared.setdefault(one, []).append(name)
    own = (Assumption(f"{', '.join(names)}: {one.text}", one.bias) for one, names in shared.items())
    cash = f"Doing nothing earns {percent(desk.hurdle.apr, 2)} a year, every year, without risk."
    constant = [
        f"1 {name} = {rate:g} {desk.currency}" for name, rate in desk.fx.items() if isinstance(rate, float)
    ]
    fixed = f"{', '.join(constant)}, always: a claim of the desk file."
    silent = [name for name in used if name not in desk.venues]
    told = f"{', '.join(silent)}: the desk file says nothing, so every number below is a default."
    return (
        *_ALWAYS,
        _UNASKED if desk.events else _NOTHING_UNASKED,
        *((Assumption(told, "either way"),) if silent else ()),
        *own,
        *((Assumption(fixed, "either way"),) if constant else ()),
        Assumption(cash, "either way"),
    )


def _upkeep(venue: Venue) -> str:
    rate = "that of the venue's tiers in the rulebook, on the mark"
    if venue.maintenance is not None:
        rate = f"{percent(venue.maintenance, 2)} of notional, whatever the size"
    fee = "what the rulebook says"
    if venue.liquidation_fee_bps is not None:
        fee = f"{venue.liquidation_fee_bps:g} bp"
    return f"{rate}; a liquidation costs {fee}"


def _of_venue(venue: Venue, max_leverage: float) -> tuple[Assumption, ...]:
    fee = "the fee in force at that date, for an ordinary account"
    if venue.taker_bps is not None:
        fee = f"{venue.taker_bps:g} bp"
    return (
        Assumption(f"every fill costs {fee}.", "either way"),
        Assumption(
            f"where the data has no quotes, half a spread is {venue.half_spread_bps:g} bp and "
            f"{venue.depth_usd:,.0f} rests within 10 bp of the mid, in calm and in panic alike.",
            "flatters",
        ),
        Assumption(f"maintenance margin is {_upkeep(venue)}, {venue.margin} margin.", "either way"),
        Assumption(
            "a position is opened only as far as derivatives and borrowed coins stay within "
            f"{min(venue.max_leverage, max_leverage):g} × margin equity.",
            "penalises",
        ),
        Assumption(
            f"a borrowed coin costs {percent(venue.borrow_apr, 2)} a year where the data has no rate, for "
            "the hours that the venue's clock charges if one is on record, else for as long as it is owed; "
            f"a negative cash balance costs {percent(venue.cash_borrow_apr, 2)}, own cash earns "
            f"{percent(venue.cash_apr, 2)}.",
            "either way",
        ),
        *_pledge(venue),
        *_sent(venue),
        _noticed(venue),
    )


def _pledge(venue: Venue) -> tuple[Assumption, ...]:
    """What stands behind positions, and what bounds them."""
    if venue.margin == "isolated":
        return ()
    counts = "the rulebook's haircuts, slice by slice"
    if venue.haircut is not None:
        counts = f"a haircut of {percent(venue.haircut, 2)}, whatever the amount"
    limit = "the rulebook's limit, or margin alone where it has none"
    if venue.debt_limit is not None:
        limit = f"{venue.debt_limit:,.0f}"
    found = [
        Assumption(
            f"owned coins count as margin after {counts}; cash may be owed up to {limit}, then coins are "
            "sold at the mark with the book's costs.",
            "flatters",
        )
    ]
    if venue.account == "separate":
        found = [Assumption("coins in the spot wallet are no margin of derivatives.", "either way")]
    if venue.margin == "portfolio":
        found.append(
            Assumption(
                "maintenance is that of the whole portfolio; its initial margin does not limit a size, "
                "leverage does.",
                "flatters",
            )
        )
    return tuple(found)


def _sent(venue: Venue) -> tuple[Assumption, ...]:
    """Whether cash moves between wallets."""
    if venue.top_up == "none":
        return (Assumption("no cash is sent to a wallet that runs low.", "penalises"),)
    return (
        Assumption(
            f"a wallet whose margin ratio passes {venue.top_up_at:g} at a close is sent idle cash of the "
            "others; what is sent arrives, and in transit it is in the desk's currency and margin nowhere.",
            "either way",
        ),
    )


def _noticed(venue: Venue) -> Assumption:
    """How late the desk sees what its venue did."""
    if not venue.detect_h:
        return Assumption(
            "what the venue does unasked is noticed at the close of the bar it happens in.", "flatters"
        )
    return Assumption(
        f"what the venue does unasked is noticed {venue.detect_h:g} h later; till then its spread is left "
        "alone.",
        "either way",
    )
