"""The carry ledger: every cent is one of ten categories, and together they are the change in equity."""

from dataclasses import dataclass

from narrows.core.arrays import Float2D

CATEGORIES: dict[str, str] = {
    "basis": "prices of the legs moved: convergence, if the legs are hedged",
    "funding": "periodic payments between longs and shorts of a perpetual",
    "borrow": "interest on borrowed coins and borrowed cash",
    "fees": "paid to the venue for trading",
    "slippage": "half spread and depth: what trading cost beyond the reference price",
    "collateral_yield": "interest on idle cash",
    "settlement": "delivery price against the last mark, and the delivery fee",
    "liquidation": "liquidation fees and prices, less what the insurance fund bore",
    "transfer": "moving cash between wallets and venues",
    "fx": "coin balances against the reporting currency",
}


@dataclass(frozen=True, eq=False)
class Ledger:
    """Amounts in the reporting currency; positive = received.

    `rows` names what earned or paid (a leg of a spread, or a wallet); `amounts` has shape
    (rows, categories).
    """

    rows: tuple[str, ...]
    amounts: Float2D

    @property
    def by_category(self) -> dict[str, float]:
        """Total of each category."""
        return dict(zip(CATEGORIES, self.amounts.sum(axis=0).tolist(), strict=True))

    @property
    def by_row(self) -> dict[str, float]:
        """Total of each leg and wallet."""
        return dict(zip(self.rows, self.amounts.sum(axis=1).tolist(), strict=True))

    @property
    def total(self) -> float:
        """Sum over everything: the change in equity."""
        return float(self.amounts.sum())
