"""Speed of the scan: 500 spreads of four venues over a year of hourly bars.

A synthetic universe of 50 coins, spot and perpetual on each venue: 200 funding carries and 300 pairs of
perpetuals. The best of some repeats, in processor seconds; with --json, one JSON object.
"""

import json
import math
import sys
import time

import numpy as np

from narrows.core.config import Desk, parse
from narrows.core.instrument import instrument
from narrows.core.panel import Panel
from narrows.core.random import generator
from narrows.core.time import HOUR_NS
from narrows.research.scan import scan

COINS, VENUES, BARS, SEED, REPEATS, GOAL_S = 50, ("alpha", "beta", "gamma", "delta"), 8760, 7, 3, 2.0
START_NS = 1_704_067_200_000_000_000  # 2024-01-01
TERMS = """
taker_bps = 5.0
half_spread_bps = 1.0
depth_usd = 1e7
maintenance = 0.005
liquidation_fee_bps = 0.0
haircut = 0.0
debt_limit = 1e30
borrow_apr = 0.05
cash_borrow_apr = 0.05
"""


def desk() -> Desk:
    """A desk that names all its terms, so that no rulebook is asked."""
    text = '[desk]\nname = "scan"\ncapital = 1e6\n[strategy]\nname = "funding_carry"\n'
    text += '[universe]\nspreads = ["funding_carry", "cross_venue"]\n'
    return parse(text + "".join(f"[venues.{venue}]{TERMS}" for venue in VENUES), "benchmark")


def market() -> Panel:
    """One random walk a coin; each instrument's gap to it reverts."""
    random = generator(SEED, "scan")
    ids = [
        f"C{coin:02}-USDT{kind}.{venue}"
        for venue in VENUES
        for coin in range(COINS)
        for kind in ("", "-PERP")
    ]
    walks = 100.0 * np.exp(random.normal(0.0, 0.005, (BARS, COINS)).cumsum(axis=0))
    gaps = random.normal(0.0, 2e-4, (BARS, len(ids)))
    for row in range(1, BARS):
        gaps[row] += 0.97 * gaps[row - 1]
    close = np.tile(np.repeat(walks, 2, axis=1), len(VENUES)) * (1.0 + gaps)
    settled = (np.arange(1, BARS + 1) % 8 == 0)[:, None] & np.array([one.find("-PERP") > 0 for one in ids])
    funding = np.where(settled, random.normal(1e-4, 1e-4, close.shape), np.nan)
    return Panel.of(
        [instrument(one) for one in ids],
        START_NS + HOUR_NS * np.arange(1, BARS + 1, dtype=np.int64),
        HOUR_NS,
        open=close,
        high=close,
        low=close,
        close=close,
        mark=close,
        index=np.tile(np.repeat(walks, 2, axis=1), len(VENUES)),
        funding=funding,
        funding_h=np.where(settled, 8.0, np.nan),
    )


def main() -> None:
    made, panel = desk(), market()
    spreads = scan(made, panel).spreads
    found, timed = len(spreads), sum(math.isfinite(one.half_life_h) for one in spreads)
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        scan(made, panel)
        times.append(time.process_time() - start)
    row = {
        "what": f"scan, {found} spreads × {BARS} bars, {timed} half-lives",
        "s": min(times),
        "goal_s": GOAL_S,
    }
    if "--json" in sys.argv:
        print(json.dumps({"scan": [row]}))
        return
    print(f"{'best of ' + str(REPEATS):46}{'s':>10}{'goal':>10}")
    print(f"{row['what']:46}{row['s']:10.2f}{row['goal_s']:10.2f}")


if __name__ == "__main__":
    main()
