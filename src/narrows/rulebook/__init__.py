"""What each venue's rules were on each date: funding, margin, fees, settlement.

rules = at(instrument("BTC-USDT-PERP.binance"), time_ns)    # packaged records
book = load([text_of_my_rules])                             # and one's own
"""

from narrows.core.instrument import Instrument
from narrows.rulebook.book import PACKAGED, Origin, Rulebook, load
from narrows.rulebook.coins import BorrowRule, CollateralRule, Slice
from narrows.rulebook.portfolio import Far, PortfolioRule
from narrows.rulebook.rules import FeeRule, FundingRule, MarginRule, Rules, SettlementRule, Tier

__all__ = [
    "PACKAGED",
    "BorrowRule",
    "CollateralRule",
    "Far",
    "FeeRule",
    "FundingRule",
    "MarginRule",
    "Origin",
    "PortfolioRule",
    "Rulebook",
    "Rules",
    "SettlementRule",
    "Slice",
    "Tier",
    "at",
    "load",
]


def at(instrument: Instrument, time_ns: int) -> Rules:
    """The rules in force by the packaged records; see `Rulebook.at`."""
    return PACKAGED.at(instrument, time_ns)
