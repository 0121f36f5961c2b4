"""The venues whose messages we read, each with its parser and the rule of its books."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from narrows.venue.feed import binance, bybit, coinbase, deribit, hyperliquid, kraken, okx
from narrows.venue.feed.messages import Message
from narrows.venue.feed.sequence import Rule


class Feed(NamedTuple):
    """How one venue is read.

    Attributes
    ----------
    parse : (payload, symbol) -> list of Message
        Never raises; the symbol is for answers that do not name theirs.
    rule : Rule
        How its books are continued.
    """

    parse: Callable[[bytes, str], list[Message]]
    rule: Rule


FEEDS: Mapping[str, Feed] = {
    "binance": Feed(binance.parse, binance.SPOT),
    "binance-coinm": Feed(binance.parse, binance.FUTURES),
    "binance-usdm": Feed(binance.parse, binance.FUTURES),
    "bybit": Feed(bybit.parse, bybit.RULE),
    "coinbase": Feed(coinbase.parse, coinbase.RULE),
    "deribit": Feed(deribit.parse, deribit.RULE),
    "hyperliquid": Feed(hyperliquid.parse, hyperliquid.RULE),
    "kraken": Feed(kraken.parse, kraken.RULE),
    "okx": Feed(okx.parse, okx.RULE),
}
"""By the name of the venue."""
