"""Event and Command: the vocabulary of the journal, frozen and tagged.

Events are what happened, in the order in which the engine learns of it; Commands are what the
engine wants done. Quantities in Commands are decimal text, as venues want them.
"""

from typing import Literal

import msgspec

FillReason = Literal["trade", "liquidation", "settlement", "adl", "recall", "repayment"]
FILL_REASONS: tuple[FillReason, ...] = (
    "trade",
    "liquidation",
    "settlement",
    "adl",
    "recall",
    "repayment",
)

AT_THE_OPEN = (FILL_REASONS.index("trade"), FILL_REASONS.index("recall"))  # all others happen at the close


class _Record(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    time_ns: int


class Bar(_Record, frozen=True, kw_only=True):
    """A bar closed: one Panel row. `fields` maps a Panel field to a value for each instrument."""

    fields: dict[str, tuple[float, ...]]


class Fill(_Record, frozen=True, kw_only=True):
    """An order, a liquidation or a delivery changed a position.

    `quantity` is signed; base units if linear, quote units if inverse. `price` includes
    slippage; `fee` and `slippage` are amounts in the reporting currency, positive = paid.
    """

    client_id: str
    leg: int
    quantity: float
    price: float
    fee: float
    slippage: float
    reason: FillReason


class Account(_Record, frozen=True, kw_only=True):
    """What the venues say we have, after everything up to `time_ns`.

    `cash` by wallet, in its own currency; `position`, `coin` and `marks` by leg. What a currency is
    worth in the desk's: `fx` of each leg's quote, `cash_fx` of each wallet's cash. `posted`: margin
    of isolated legs. `transit` by wallet: what is on its way there, in the desk's. `blind` by spread: bars
    until what a venue did there is to be noticed. `available` by leg: coins that may be borrowed, NaN =
    no limit.
    """

    cash: tuple[float, ...]
    position: tuple[float, ...]
    coin: tuple[float, ...]
    marks: tuple[float, ...]
    fx: tuple[float, ...]
    cash_fx: tuple[float, ...]
    posted: tuple[float, ...]
    transit: tuple[float, ...] = ()
    blind: tuple[int, ...] = ()
    available: tuple[float, ...] = ()


class Refused(_Record, frozen=True, kw_only=True):
    """The venue said no to a Submit; nothing happened."""

    client_id: str
    leg: int
    reason: str


class Submit(_Record, frozen=True, kw_only=True):
    """Trade at the next price. `client_id` is fixed before anything is sent."""

    client_id: str
    leg: int
    instrument: str
    quantity: str


Event = Bar | Fill | Account | Refused
Command = Submit
