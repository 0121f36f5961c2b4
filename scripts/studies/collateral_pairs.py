"""Pairs and account structures of the collateral study, and what it assumes of both."""

from dataclasses import dataclass

CATALOGUES = {
    "hourly": (
        "binance_btc", "binance_avax", "okx_avax", "okx_sol", "deribit_sol", "deribit_doge",
        "hyperliquid_perps", "binance_funding", "tchiu04",
    ),
    "eight": ("aha_hh",),
}  # fmt: skip
NOTIONAL = 100_000.0  # of one leg at the start, in the desk's currency
MOST_LEVERAGE = 45.0  # at which a position may be opened; the venue's tiers may allow less
MAINTENANCE = 0.02  # where no tiers are on record
HAIRCUT = 0.05  # where none is on record
BORROW_APR, CASH_BORROW_APR, BORROW_MAINTENANCE = 0.10, 0.08, 0.10
VENUES = {
    "okx": "OKX",
    "binance": "Binance",
    "bybit": "Bybit",
    "deribit": "Deribit",
    "hyperliquid": "Hyperliquid",
}


@dataclass(frozen=True)
class Pair:
    """Two legs of one coin. `end` cuts a dated future at its delivery."""

    first: str
    second: str
    catalogue: str = "hourly"
    bar: str = "1h"
    end: str = ""

    @property
    def spot(self) -> bool:
        """Whether the first leg is spot; else both are perpetuals, of two venues."""
        return "PERP" not in self.first

    @property
    def venues(self) -> tuple[str, str]:
        """Venue of each leg."""
        return self.first.split(".")[1], self.second.split(".")[1]

    @property
    def title(self) -> str:
        """As the page names it."""
        coin = self.first.split("-")[0]
        first, second = (VENUES[name] for name in self.venues)
        if not self.spot:
            return f"{coin}, perpetuals of {first} and {second}"
        dated = self.second.split(".")[0].removeprefix(f"{coin}-USDT-")
        what = "perpetual" if dated == "PERP" else f"future of {dated[:4]}-{dated[4:6]}-{dated[6:]}"
        return f"{coin}, {first} spot and {what}" + (" (8 h)" if self.bar == "8h" else "")

    @property
    def untiered(self) -> tuple[str, ...]:
        """Venues that have no margin tiers of it on record."""
        bare = {"okx", "deribit"}
        return tuple(dict.fromkeys(name for name in self.venues if name in bare))

    @property
    def haircut(self) -> float | None:
        """That of its spot where none is on record for all of the time; None: the rulebook's."""
        return None if self.first in ("BTC-USDT.binance", "BTC-USDT.bybit") else HAIRCUT


def _dated(delivery: str) -> Pair:
    day = f"{delivery[:4]}-{delivery[4:6]}-{delivery[6:]}T08:00:00Z"
    return Pair("BTC-USDT.binance", f"BTC-USDT-{delivery}.binance", end=day)


PAIRS = (
    Pair("BTC-USDT.binance", "BTC-USDT-PERP.binance"),
    Pair("AVAX-USDT.binance", "AVAX-USDT-PERP.binance"),
    Pair("AVAX-USDT.okx", "AVAX-USDT-PERP.okx"),
    Pair("SOL-USDT.okx", "SOL-USDT-PERP.okx"),
    Pair("BTC-USDT.okx", "BTC-USDT-PERP.okx", "eight", "8h"),
    Pair("BTC-USDT.bybit", "BTC-USDT-PERP.bybit", "eight", "8h"),
    *(_dated(day) for day in ("20230929", "20231229", "20240329", "20240628", "20240927", "20241227")),
    Pair("AVAX-USDT-PERP.binance", "AVAX-USDT-PERP.okx"),
    Pair("SOL-USDT-PERP.okx", "SOL-USDC-PERP.deribit"),
    Pair("BTC-USDT-PERP.binance", "BTC-USDC-PERP.hyperliquid"),
    Pair("AVAX-USDT-PERP.okx", "AVAX-USDC-PERP.hyperliquid"),
    Pair("SOL-USDT-PERP.okx", "SOL-USDC-PERP.hyperliquid"),
    Pair("DOGE-USDC-PERP.deribit", "DOGE-USDC-PERP.hyperliquid"),
)


@dataclass(frozen=True)
class Structure:
    """How an account holds the hedge. `delay_h`: 0 = nothing is ever sent from wallet to wallet."""

    name: str
    account: str  # "separate": each leg has a wallet of its own
    margin: str = "cross"
    delay_h: float = 0.0
    top_up_at: float = 0.0  # margin ratio at which a wallet sends for cash
    debt_limited: bool = False

    @property
    def separate(self) -> bool:
        """Whether each leg has a wallet of its own."""
        return self.account == "separate"


DELAYS_H, TOP_UPS_AT = (1.0, 8.0, 24.0, 72.0), (0.5, 0.1)
SEPARATE = Structure("separate", "separate")
ISOLATED = Structure("isolated", "separate", margin="isolated")
RESTORED = tuple(
    Structure(f"restore at {ratio:g}, {hours:g} h", "separate", delay_h=hours, top_up_at=ratio)
    for ratio in TOP_UPS_AT
    for hours in DELAYS_H
)
UNIFIED = Structure("unified", "unified")
LIMITED = Structure("unified, debt limit", "unified", debt_limited=True)
PORTFOLIO = Structure("portfolio", "unified", margin="portfolio")
STRUCTURES = (SEPARATE, ISOLATED, *RESTORED, UNIFIED, LIMITED, PORTFOLIO)


def absent(pair: Pair, structure: Structure) -> str:
    """Why a pair has no such structure; empty = it has."""
    bybit = pair.venues[0] == "bybit"
    reasons = (
        (0.0 < structure.delay_h < (8.0 if pair.bar == "8h" else 1.0), "shorter than a bar"),
        (not pair.spot and not structure.separate, "two venues"),
        (not pair.spot and structure is ISOLATED, "one position a venue, as separate"),
        (structure is LIMITED and bybit, "no debt limit on record"),
        (structure is PORTFOLIO and bybit, "not on record"),
        (structure is PORTFOLIO and pair.first == "AVAX-USDT.binance", "on record since 2022 only"),
    )
    return next((why for holds, why in reasons if holds), "")
