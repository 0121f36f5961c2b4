"""Prices of perpetuals against published numbers, simulation, and QuantLib."""

import math

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813

from narrows.analytics.perpetual import FundedOn, payoff_funding, periodic_perpetual_price, perpetual_price
from narrows.core.errors import ConfigError
from narrows.core.instrument import Contract

approx = pytest.approx

X = 10_000.0
RATES = {"r_quote": 0.04, "r_base": 0.02}
PERIOD = {"kappa": 0.01, "iota": 0.005, "period_y": 0.25, **RATES}
YEAR = {"kappa": 0.2, "iota": 0.005, **RATES}


def test_T01_linear_on_the_previous_basis() -> None:
    price = periodic_perpetual_price(X, contract="linear", funded_on="previous", **PERIOD)
    assert price == approx(10025.104585, abs=1e-5)


def test_T02_linear_on_the_current_basis() -> None:
    price = periodic_perpetual_price(X, contract="linear", funded_on="current", **PERIOD)
    assert price == approx(9975.103752, abs=1e-5)


def test_T03_inverse_on_either_basis() -> None:
    previous = periodic_perpetual_price(X, contract="inverse", funded_on="previous", **PERIOD)
    current = periodic_perpetual_price(X, contract="inverse", funded_on="current", **PERIOD)
    assert (previous, current) == approx((29975.041615, 30025.041719), abs=1e-5)


def test_T04_continuous_linear_and_inverse() -> None:
    prices = [perpetual_price(X, contract=contract, **YEAR) for contract in ("linear", "inverse")]
    assert prices == approx([10833.333333, 11282.051282], abs=1e-5)


CONTRACTS: tuple[tuple[Contract, int], ...] = (
    ("linear", ql.PerpetualFutures.Linear),
    ("inverse", ql.PerpetualFutures.Inverse),
)
FUNDED: tuple[tuple[FundedOn, int], ...] = (
    ("previous", ql.PerpetualFutures.FundingWithPreviousSpot),
    ("current", ql.PerpetualFutures.FundingWithCurrentSpot),
)


def of_quantlib(contract: int, funded_on: int, months: int, said: dict[str, float]) -> float:
    """QuantLib's price; a frequency of 0 months is continuous funding, by its quadrature."""
    day = ql.Date(1, 1, 2024)
    ql.Settings.instance().evaluationDate = day
    count = ql.ActualActual(ql.ActualActual.ISDA)
    curves = [
        ql.YieldTermStructureHandle(ql.FlatForward(day, said[rate], count)) for rate in ("r_quote", "r_base")
    ]
    perpetual = ql.PerpetualFutures(
        contract, funded_on, ql.Period(months, ql.Months), ql.NullCalendar(), count
    )
    spot = ql.QuoteHandle(ql.SimpleQuote(X))
    kappa, iota = said["kappa"], said["iota"]
    perpetual.setPricingEngine(
        ql.DiscountingPerpetualFuturesEngine(*curves, spot, [0.0, 1.0], [kappa] * 2, [iota] * 2)
    )
    return float(perpetual.NPV())


@pytest.mark.parametrize(("contract", "its_contract"), CONTRACTS)
@pytest.mark.parametrize(("funded_on", "its_funding"), FUNDED)
@pytest.mark.parametrize("said", [PERIOD, PERIOD | {"kappa": 0.05, "iota": -0.002, "r_base": 0.07}])
def test_quantlib_agrees_on_periods(
    contract: Contract, its_contract: int, funded_on: FundedOn, its_funding: int, said: dict[str, float]
) -> None:
    price = periodic_perpetual_price(X, contract=contract, funded_on=funded_on, **said)
    assert price == approx(of_quantlib(its_contract, its_funding, 3, said), rel=1e-9)


@pytest.mark.parametrize(("contract", "its_contract"), CONTRACTS)
@pytest.mark.parametrize("said", [YEAR, YEAR | {"kappa": 0.5, "iota": 0.02, "r_base": 0.1}])
def test_quantlib_agrees_on_continuous_funding(
    contract: Contract, its_contract: int, said: dict[str, float]
) -> None:
    price = perpetual_price(X, contract=contract, **said)
    assert price == approx(
        of_quantlib(its_contract, ql.PerpetualFutures.FundingWithCurrentSpot, 0, said), rel=1e-6
    )


def test_T05_spot_at_a_random_time() -> None:
    random = np.random.default_rng(5)
    sigma, count = 0.2, 400_000
    when = random.exponential(1.0 / 0.2, count)
    drift = RATES["r_quote"] - RATES["r_base"] - 0.5 * sigma**2
    spot = X * np.exp(drift * when + sigma * np.sqrt(when) * random.normal(size=count))
    price = perpetual_price(X, contract="linear", **YEAR | {"iota": 0.0})
    assert price == approx(11111.1111, abs=1e-4)
    assert float(spot.mean()) == approx(price, abs=4.0 * float(spot.std()) / math.sqrt(count))


def test_T06_quanto_under_the_measure_of_its_coin() -> None:
    rho, sx, sz, kappa, r_coin = 0.7, 0.8, 0.6, 20.0, 0.01
    ratio = perpetual_price(
        1.0,
        contract="quanto",
        kappa=kappa,
        iota=0.0,
        r_quote=0.04,
        r_base=0.0,
        covariance=rho * sx * sz,
    )
    assert ratio == approx(1.0191602120, abs=1e-9)
    random = np.random.default_rng(6)
    when = random.exponential(1.0 / kappa, 1_000_000)
    shock = random.normal(size=(2, len(when))) * np.sqrt(when)
    spot = np.exp((0.04 - 0.5 * sx**2) * when + sx * shock[0])
    coin = np.exp(
        (0.04 - r_coin - 0.5 * sz**2) * when + sz * (rho * shock[0] + math.sqrt(1 - rho**2) * shock[1])
    )
    paid = coin * np.exp(-(0.04 - r_coin) * when) * spot  # the coin's price weighs what is paid in it
    assert float(paid.mean()) == approx(ratio, abs=4.0 * float(paid.std()) / math.sqrt(len(when)))


def test_T07_the_spot_itself_if_the_interest_is_the_difference_of_the_rates() -> None:
    price = perpetual_price(1.0, contract="linear", kappa=1095.0, iota=0.1095, r_quote=0.1095, r_base=0.0)
    assert price - 1.0 == approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("r_quote", "bps"), [(0.0, -1.0), (0.05, -0.543404), (0.15, 0.369914)])
def test_T08_fair_premium_in_basis_points(r_quote: float, bps: float) -> None:
    price = perpetual_price(1.0, contract="linear", kappa=1095.0, iota=0.1095, r_quote=r_quote, r_base=0.0)
    assert (price - 1.0) * 1e4 == approx(bps, abs=1e-5)


def test_T83_funding_of_a_power_perpetual() -> None:
    paid = payoff_funding(1.0, slope=2.0, curvature=2.0, sigma=0.8, r_quote=0.05, r_base=0.0)
    assert paid == approx(0.74, abs=1e-12)


def test_funding_of_a_plain_payoff_is_the_difference_of_the_rates() -> None:
    spot = np.array([1.0, 60_000.0])
    paid = payoff_funding(spot, slope=np.ones(2), curvature=np.zeros(2), sigma=0.8, r_quote=0.05, r_base=0.01)
    np.testing.assert_allclose(paid, 0.04 * spot, rtol=1e-14)


@pytest.mark.parametrize("contract", ["linear", "inverse", "quanto"])
@pytest.mark.parametrize("funded_on", ["previous", "current"])
def test_short_periods_become_continuous(contract: Contract, funded_on: FundedOn) -> None:
    covariance = 0.03 if contract == "quanto" else 0.0
    year = perpetual_price(X, contract=contract, covariance=covariance, **YEAR)
    step = 1e-6
    short = periodic_perpetual_price(
        X,
        contract=contract,
        funded_on=funded_on,
        kappa=YEAR["kappa"] * step,
        iota=YEAR["iota"] * step,
        period_y=step,
        covariance=covariance,
        **RATES,
    )
    assert short == approx(year, rel=1e-6)


def test_a_path_of_spots_gives_a_path_of_prices() -> None:
    spots = np.array([1.0, math.nan, 3.0])
    prices = perpetual_price(spots, contract="linear", **YEAR)
    np.testing.assert_allclose(prices, spots * perpetual_price(1.0, contract="linear", **YEAR))


@pytest.mark.parametrize(
    ("contract", "said", "why"),
    [
        ("linear", {"iota": 0.2}, "not above iota"),
        ("linear", {"r_quote": 0.22}, "not above the growth"),
        ("inverse", {"r_base": 0.25}, "not above the growth"),
        ("quanto", {"covariance": 0.19}, "not above the growth"),
        ("linear", {"covariance": 0.1}, "has no covariance"),
        ("linear", {"kappa": math.nan}, "no price exists"),
    ],
)
def test_without_an_anchor_there_is_no_price(contract: Contract, said: dict[str, float], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        perpetual_price(X, contract=contract, **YEAR | said)


@pytest.mark.parametrize(
    ("funded_on", "said", "why"),
    [
        ("previous", {"iota": 0.01}, "not above iota"),
        ("previous", {"r_quote": 0.08}, "not below 1 \\+ kappa"),
        ("current", {"r_quote": 0.08}, "do not converge"),
        ("current", {"kappa": 2.5}, "do not converge"),
        ("current", {"period_y": 0.0}, "0 years"),
    ],
)
def test_payments_that_do_not_converge_have_no_price(
    funded_on: FundedOn, said: dict[str, float], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        periodic_perpetual_price(X, contract="linear", funded_on=funded_on, **PERIOD | said)
