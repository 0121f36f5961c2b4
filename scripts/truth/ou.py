"""How often the intervals of an OU fit hold the truth, 1,000 seeded runs a setting: docs/coverage/ou.md.

    PYTHONPATH=src python scripts/truth/ou.py

Some minutes on one core. The same seed gives the same page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binom

from narrows.analytics.estimate import Estimate, unknown
from narrows.analytics.ou import OU, half_life, simulate
from narrows.analytics.ou_fit import fit_ou
from narrows.analytics.ou_noise import fit_noisy_ou
from narrows.core.arrays import Float1D
from narrows.core.random import generator

SEED = 20_251_125
RUNS = 1000
PAGE = Path(__file__).resolve().parents[2] / "docs" / "coverage" / "ou.md"
_NOT_SAID = unknown("this fit gives no interval of it")

Clock = Callable[[np.random.Generator], Float1D]


@dataclass(frozen=True)
class Setting:
    """One truth, when it is looked at, and through how much noise."""

    name: str
    ou: OU
    clock: Clock
    noise_sd: float = 0.0
    says_so: bool = True  # the fit knows that there may be noise


@dataclass(frozen=True)
class Shares:
    """Of the runs of a setting: in how many the interval held the truth, and two more shares."""

    kappa: float
    half_life: float
    theta: float
    sigma: float
    above: float  # the point is above the true speed
    unbounded: float  # a random walk is not refuted
    plug_in: float  # median of the plug-in speed over the truth


def bars(count: int) -> Clock:
    """Every hour."""
    return lambda _: np.arange(float(count))


def with_gaps(count: int) -> Clock:
    """Every hour, and three of ten are missing."""
    return lambda random: np.flatnonzero(random.random(count) >= 0.3).astype(np.float64)


def irregular(count: int) -> Clock:
    """Whenever a trade happens: exponential steps, one hour on average."""
    return lambda random: np.cumsum(random.exponential(1.0, count))


def by_day(days: int) -> Clock:
    """Eight hours of each day."""
    return lambda _: (24.0 * np.arange(days)[:, None] + np.arange(8.0)).ravel()


SETTINGS = (
    Setting("fast: half-life 1.4 bars", OU(0.5, 1.0, 0.3), bars(1000)),
    Setting("half-life 14 bars, 1,000 bars", OU(0.05, 1.0, 0.3), bars(1000)),
    Setting("slow: half-life 69 bars, 1,000 bars", OU(0.01, 1.0, 0.3), bars(1000)),
    Setting("near a random walk: half-life 693 bars, 1,000 bars", OU(0.001, 1.0, 0.3), bars(1000)),
    Setting("few: half-life 3.5 bars, 60 bars", OU(0.2, 1.0, 0.3), bars(60)),
    Setting("gaps: three of ten bars missing, half-life 14 of 1,000", OU(0.05, 1.0, 0.3), with_gaps(1000)),
    Setting("days: eight hours of each 24, 60 days, half-life 7 hours", OU(0.1, 1.0, 0.3), by_day(60)),
    Setting("irregular: 400 exponential steps, half-life 35 of them", OU(0.02, 1.0, 0.3), irregular(400)),
    Setting("noise of one hourly move, half-life 14 bars, 1,000 bars", OU(0.05, 1.0, 0.3), bars(1000), 0.3),
    Setting("noise of one hourly move, half-life 14 bars, 300 bars", OU(0.05, 1.0, 0.3), bars(300), 0.3),
    Setting(
        "noise of three hourly moves, half-life 35 bars, 1,000 bars", OU(0.02, 1.0, 0.3), bars(1000), 0.9
    ),
)
MISLED = Setting(
    "noise of one hourly move, half-life 14 bars, 1,000 bars", OU(0.05, 1.0, 0.3), bars(1000), 0.3, False
)


def _holds(estimate: Estimate, truth: float) -> bool:
    return estimate.lo <= truth <= estimate.hi


def _run(setting: Setting, random: np.random.Generator) -> tuple[float, ...]:
    """What one run adds to each of the shares."""
    truth, time = setting.ou, setting.clock(random)
    values = simulate(truth, time, random) + setting.noise_sd * random.standard_normal(len(time))
    if setting.noise_sd > 0.0 and setting.says_so:
        noisy = fit_noisy_ou(values, time)
        kappa, life, theta, sigma, plug_in = (
            noisy.kappa,
            noisy.half_life,
            _NOT_SAID,
            _NOT_SAID,
            noisy.ou.kappa,
        )
    else:
        fit = fit_ou(values, time)
        kappa, life, theta, sigma, plug_in = fit.kappa, fit.half_life, fit.theta, fit.sigma, fit.ou.kappa
    return (
        _holds(kappa, truth.kappa),
        _holds(life, half_life(truth.kappa)),
        _holds(theta, truth.theta) if theta is not _NOT_SAID else np.nan,
        _holds(sigma, truth.sigma) if sigma is not _NOT_SAID else np.nan,
        kappa.value > truth.kappa,
        np.isinf(life.hi),
        plug_in / truth.kappa,
    )


def shares(setting: Setting, runs: int, seed: int) -> Shares:
    """Run a setting many times."""
    random = generator(seed, "ou coverage", setting.name)
    found = np.array([_run(setting, random) for _ in range(runs)], dtype=np.float64)
    kappa, life, theta, sigma, above, unbounded = (float(share) for share in found[:, :-1].mean(axis=0))
    return Shares(kappa, life, theta, sigma, above, unbounded, float(np.median(found[:, -1])))


def band(runs: int) -> tuple[float, float]:
    """Shares between which 99 % of experiments lie if 90 % is the truth."""
    lo, hi = binom.interval(0.99, runs, 0.9)
    return float(lo) / runs, float(hi) / runs


def _cell(share: float, lo: float, hi: float) -> str:
    if np.isnan(share):
        return "–"
    return f"{share:.3f}" if lo <= share <= hi else f"**{share:.3f}**"


def _row(setting: Setting, found: Shares, lo: float, hi: float) -> str:
    held = " | ".join(_cell(one, lo, hi) for one in (found.kappa, found.half_life, found.theta, found.sigma))
    return f"| {setting.name} | {held} | {found.above:.3f} | {found.unbounded:.3f} | {found.plug_in:.2f} |"


def _verdict(found: list[Shares], lo: float, hi: float) -> str:
    """In words: which shares are outside the band."""
    held = [
        one for row in found for one in (row.kappa, row.half_life, row.theta, row.sigma) if not np.isnan(one)
    ]
    outside = [one for one in held if not lo <= one <= hi]
    if not outside:
        return f"All {len(held)} shares lie inside."
    far = ", ".join(f"{one:.3f}" for one in outside)
    return f"Of {len(held)} shares {len(outside)} lie outside and stand in bold: {far}."


TEXT = """# Coverage: Ornstein–Uhlenbeck

A 90 % interval should hold the truth in nine runs of ten. Each row is {runs:,} simulated series with known parameters, fitted as
`fit_ou` would fit a spread (rows with noise: `fit_noisy_ou`). With {runs:,} runs, 99 % of honest experiments find a share
between {lo:.3f} and {hi:.3f}. {verdict}

| setting | kappa | half-life | theta | sigma | point above truth | random walk not refuted | plug-in ÷ truth |
|---|--:|--:|--:|--:|--:|--:|--:|
{rows}

- Half-life is kappa turned round, so its share is the same one.
- *Point above truth* should be ½: the point is median-unbiased.
- *Random walk not refuted*: share of runs whose half-life has no upper bound, and says so. Near a random walk that is the
  honest answer, not a failure.
- *Plug-in ÷ truth*: median of the most likely speed over the true one. Above 1, a half-life read off it is too short.
- An interval without ends counts as holding the truth: it says nothing, and says that.
- `fit_noisy_ou` gives no interval of theta and sigma.

What noise does to a fit that does not know of it (`fit_ou` on the first noisy setting; not expected to cover):

| setting | kappa | half-life | theta | sigma | point above truth | random walk not refuted | plug-in ÷ truth |
|---|--:|--:|--:|--:|--:|--:|--:|
{misled}

Paths start from the stationary law. A window that was chosen because it starts far from its mean is not such a path.

```sh
PYTHONPATH=src python scripts/truth/ou.py   # seed {seed}
```
"""


def page(runs: int) -> str:
    """The text of the page."""
    lo, hi = band(runs)
    found = []
    for setting in SETTINGS:
        found.append(shares(setting, runs, SEED))
        print(_row(setting, found[-1], lo, hi), flush=True)
    rows = "\n".join(_row(*pair, lo, hi) for pair in zip(SETTINGS, found, strict=True))
    misled = _row(MISLED, shares(MISLED, runs, SEED), lo, hi)
    return TEXT.format(
        runs=runs, lo=lo, hi=hi, verdict=_verdict(found, lo, hi), rows=rows, misled=misled, seed=SEED
    )


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(RUNS), "utf-8")
    print(f"wrote {PAGE.name}")
