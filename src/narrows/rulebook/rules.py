"""The rules themselves: funding, margin, fees, settlement of one instrument at one time, as plain values."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from narrows.core.arrays import Float1D, Float2D, read_only
from narrows.core.errors import ConfigError
from narrows.rulebook.portfolio import PortfolioRule


class FundingRule(msgspec.Struct, frozen=True, kw_only=True):
    """How a perpetual's funding rate is made, and how it is paid.

    ``P`` is the average of the premium samples of one interval and ``n = interval_h / per_h``.
    `scale` "rate": ``F = n · (P + clamp(interest − P, ±clamp))``; "interest": only the interest is
    scaled, ``F = P + clamp(n · interest − P, ±clamp)``. Then ``F`` is held between `floor` and
    `cap`. A venue without the inner clamp has `clamp` 0, which leaves ``F = P``.

    Attributes
    ----------
    interest, clamp : float
        Fractions per `per_h` hours.
    cap, floor : float
        Fractions per interval; ±inf where none is recorded.
    interval_h : float
        Hours between settlements; if `style` is "accrued", the hours that a published rate is for.
        What was settled carries its own interval in the data; this one is the venue's plan.
    sample, sample_s, weights
        What is sampled: the premium of the impact prices, of the mid or of the mark against the
        index; every so many seconds (0 = continuously); averaged with equal weights, or with
        weights 1 … n.
    impact_margin : float or None
        Margin, in quote, whose largest position is the impact notional; None = not recorded.
    style : "stamped" or "accrued"
        Paid on what is held at a stamp, or every moment.
    pays_on : "mark" or "oracle"
        The price of the notional.
    applies : "current" or "next"
        Whether the average of an interval is paid at its end or one interval later.
    hit_interval_h : float or None
        The interval that follows a settlement at cap or floor; None = unchanged.
    calm_interval_h, calm_cycles, calm_rate : float or None
        The interval that returns after so many settlements in a row within ±`calm_rate`.
    """

    interest: float
    clamp: float
    cap: float
    floor: float
    interval_h: float
    scale: Literal["rate", "interest"]
    weights: Literal["equal", "linear"]
    sample: Literal["impact", "mid", "mark"]
    sample_s: float
    style: Literal["stamped", "accrued"]
    pays_on: Literal["mark", "oracle"]
    applies: Literal["current", "next"] = "current"
    per_h: float = 8.0
    impact_margin: float | None = None
    hit_interval_h: float | None = None
    calm_interval_h: float | None = None
    calm_cycles: int | None = None
    calm_rate: float | None = None

    @property
    def formula_h(self) -> float:
        """Hours that the formula's result is for: `per_h`, or the interval where only the interest scales."""
        return self.per_h if self.scale == "rate" else self.interval_h

    @property
    def formula_interest(self) -> float:
        """The interest per `formula_h`, as `narrows.rulebook.funding` takes it."""
        return self.interest * (self.formula_h / self.per_h)


class Tier(NamedTuple):
    """One row of a margin table, ``[floor, cap, maintenance, deduction, max_leverage]``.

    A notional in [floor, cap) needs ``notional · maintenance − deduction``.
    """

    floor: float
    cap: float
    maintenance: float
    deduction: float
    max_leverage: float


class MarginRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a position needs to live, and what happens when it has less.

    Attributes
    ----------
    tiers : tuple of Tier
        From notional 0 upwards without gaps; a notional beyond the last cap is not allowed. Empty
        where margin grows with size instead.
    maintenance_base, maintenance_per_unit, initial_base, initial_per_unit : float or None
        Margin as a fraction of notional, ``base + per_unit · size`` with the size in base coins.
    notional_in : "quote" or "base"
        Currency of the notional, the bounds and the deductions. Margin comes out in the same
        currency.
    judged_on : "mark" or "entry"
        The price of the notional.
    liquidation_fee : float or None
        Fraction of the notional that is closed; None = not recorded.
    partial : "none", "tier" or "share"
        Closed whole; tier by tier downwards; or first `partial_share` of a position of more than
        `partial_above`.
    """

    tiers: tuple[Tier, ...]
    judged_on: Literal["mark", "entry"]
    notional_in: Literal["quote", "base"] = "quote"
    maintenance_base: float | None = None
    maintenance_per_unit: float | None = None
    initial_base: float | None = None
    initial_per_unit: float | None = None
    liquidation_fee: float | None = None
    partial: Literal["none", "tier", "share"] = "none"
    partial_share: float = 1.0
    partial_above: float = 0.0

    @property
    def is_tiered(self) -> bool:
        """Whether margin comes from tiers; else it grows with size."""
        return bool(self.tiers)

    def arrays(self) -> tuple[Float1D, Float1D, Float1D]:
        """Floors, maintenance rates and deductions of the tiers: three arrays, read-only.

        Raises
        ------
        ConfigError
            If margin grows with size instead.
        """
        if not self.tiers:
            raise ConfigError(
                "margin grows with size", "MarginRule.arrays", "use its base and per-unit rates"
            )
        table: Float2D = np.array(self.tiers, dtype=np.float64)
        return read_only(table[:, 0]), read_only(table[:, 2]), read_only(table[:, 3])


class FeeRule(msgspec.Struct, frozen=True, kw_only=True):
    """What trading costs: fractions of notional, negative = received.

    Attributes
    ----------
    maker, taker : float
        Of an ordinary account.
    vip : tuple of (maker, taker)
        Of the venue's fee tiers above that, lowest first; empty where they are not recorded.
    """

    maker: float
    taker: float
    vip: tuple[tuple[float, float], ...] = ()

    def at_vip(self, tier: int) -> "FeeRule":
        """The fees of an account of a VIP tier; 0 = an ordinary one.

        Raises
        ------
        ConfigError
            If the rulebook does not record that tier.
        """
        if tier == 0:
            return self
        if not 0 < tier <= len(self.vip):
            raise ConfigError(
                f"VIP tier {tier} is not recorded", "fees", f"known are 0 … {len(self.vip)}; add vip_bps"
            )
        maker, taker = self.vip[tier - 1]
        return FeeRule(maker=maker, taker=taker, vip=self.vip)


class SettlementRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a dated contract is delivered at.

    Attributes
    ----------
    window_s, samples
        The mean of so many samples of the index over the last so many seconds before delivery.
    hour : float
        Hour of delivery, UTC.
    delivery_fee : float
        Fraction of notional.
    """

    window_s: float
    samples: int
    hour: float
    delivery_fee: float
    price: Literal["index"] = "index"


class Rules(NamedTuple):
    """All rules of one instrument at one time; None = it has no such thing (spot has no funding)."""

    funding: FundingRule | None
    margin: MarginRule | None
    fees: FeeRule | None
    settlement: SettlementRule | None
    portfolio: PortfolioRule | None = None  # also None where it is not recorded: no account has to ask


def exact_deductions(floors: Sequence[float], rates: Sequence[float]) -> list[Decimal]:
    """The deductions that make tiered margin continuous, in exact decimals.

    ``cum_n = floor_n · (rate_n − rate_{n−1}) + cum_{n−1}``, with ``cum_1 = 0``.

    References
    ----------
    Binance FAQ, "Leverage and margin of USDⓈ-M futures".
    """
    total = before = Decimal(0)
    found = []
    for floor, rate in zip(floors, rates, strict=True):
        now = Decimal(repr(float(rate)))
        total += Decimal(repr(float(floor))) * (now - before)
        before = now
        found.append(total)
    return found
