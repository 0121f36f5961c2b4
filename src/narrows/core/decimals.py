"""Decimal text at the venue boundary: the one place where sizes and prices meet tick and lot."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from narrows.core.errors import ConfigError


def _steps(value: float, step: float, rounding: str) -> str:
    if step < 0.0:
        raise ConfigError(f"step {step} is negative", "quantise", "give the tick or lot, or 0 for none")
    exact = Decimal(repr(value))
    if step == 0.0:
        return format(exact, "f")
    grid = Decimal(repr(step))
    return format((exact / grid).to_integral_value(rounding) * grid, "f")


def quantity_text(quantity: float, lot: float) -> str:
    """A quantity as a venue wants it: decimal text, a whole number of lots, never more than asked.

    A distance of less than 1e-9 lots to the next lot is taken for float noise.
    """
    if lot > 0.0:
        nudge = 1e-9 * lot
        quantity += nudge if quantity >= 0.0 else -nudge
    return _steps(quantity, lot, ROUND_DOWN)


def price_text(price: float, tick: float) -> str:
    """A price as a venue wants it: decimal text on the tick grid, nearest tick."""
    return _steps(price, tick, ROUND_HALF_EVEN)
