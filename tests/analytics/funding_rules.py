"""A funding rule for tests, in whatever unit the test counts in."""

from typing import Any

import numpy as np

from narrows.rulebook.rules import FundingRule


def funding_rule(**other: Any) -> FundingRule:
    """Interest 1 and dead band 5 per 8 h, no caps, equal weights; but for what is said otherwise."""
    terms: dict[str, Any] = {
        "interest": 1.0,
        "clamp": 5.0,
        "cap": np.inf,
        "floor": -np.inf,
        "interval_h": 8.0,
        "scale": "rate",
        "weights": "equal",
        "sample": "impact",
        "sample_s": 5.0,
        "style": "stamped",
        "pays_on": "mark",
    }
    return FundingRule(**(terms | other))
