"""Units, times, decimal text and named randomness."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.decimals import price_text, quantity_text
from narrows.core.errors import ConfigError
from narrows.core.random import generator
from narrows.core.time import HOUR_NS, duration_ns, hours, iso, to_ns
from narrows.core.units import apr, apy, from_bps, to_bps

SIZES = st.floats(-1e9, 1e9, allow_nan=False)
LOTS = st.sampled_from([1e-8, 1e-5, 0.001, 0.1, 0.25, 1.0, 5.0, 100.0])


def test_rates_convert() -> None:
    assert from_bps(12.5) == 0.00125
    assert to_bps(0.00125) == pytest.approx(12.5, rel=1e-15)
    assert apr(0.0001, 8.0) == pytest.approx(0.1095, rel=1e-15)
    assert apy(0.0001, 8.0) == pytest.approx(0.11571, abs=5e-6)
    np.testing.assert_allclose(apr(np.array([0.0001, 0.0001]), np.array([8.0, 1.0])), [0.1095, 0.876])


@pytest.mark.parametrize(("text", "ns"), [("1s", 10**9), ("15m", 900 * 10**9), ("1h", HOUR_NS)])
def test_durations_are_read(text: str, ns: int) -> None:
    assert duration_ns(text) == ns
    assert hours(duration_ns("2d")) == 48.0


@pytest.mark.parametrize("text", ["", "h", "0h", "1", "1.5h", "-1h", "1H", "1 h", "one h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a duration"):
        duration_ns(text)


def test_times_are_utc() -> None:
    assert to_ns(date(1970, 1, 2)) == to_ns(datetime(1970, 1, 2)) == 24 * HOUR_NS
    assert to_ns(datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 0
    assert to_ns(datetime(2024, 3, 29, 8, 0, 0, 123_456, tzinfo=UTC)) % 10**9 == 123_456_000
    assert iso(to_ns(datetime(2024, 3, 29, 8))) == "2024-03-29T08:00:00Z"


@given(SIZES, LOTS)
def test_a_quantity_is_whole_lots_and_never_more_than_asked(quantity: float, lot: float) -> None:
    text = quantity_text(quantity, lot)
    assert "e" not in text.lower()
    sent, exact, step = Decimal(text), Decimal(repr(quantity)), Decimal(repr(lot))
    assert sent % step == 0
    # float noise: the sum of the two is rounded to the nearest float
    noise = Decimal(2e-9 * lot + 2.3e-16 * abs(quantity))
    assert abs(sent) <= abs(exact) + noise
    assert abs(exact) - abs(sent) < step + noise
    assert sent * exact >= 0


@pytest.mark.parametrize(
    ("quantity", "lot", "text"),
    [
        (0.3, 0.1, "0.3"),  # 0.3 / 0.1 = 2.9999999999999996
        (0.1 + 0.2, 0.1, "0.3"),
        (0.29999, 0.1, "0.2"),
        (-0.29999, 0.1, "-0.2"),
        (0.7 * 3, 0.7, "2.1"),
        (1e-8, 1e-8, "0.00000001"),
        (1.5e-7, 0.0, "0.00000015"),
        (123_456_789.987, 100.0, "123456700.0"),
        (0.00999, 0.01, "0.00"),
        (1e22, 0.0, "10000000000000000000000"),
    ],
)
def test_quantities(quantity: float, lot: float, text: str) -> None:
    assert quantity_text(quantity, lot) == text


@given(SIZES)
def test_without_a_lot_the_text_is_the_number(quantity: float) -> None:
    assert float(quantity_text(quantity, 0.0)) == quantity


@given(st.floats(0, 1e7), st.sampled_from([0.01, 0.1, 0.5, 5.0]))
def test_a_price_goes_to_the_nearest_tick(price: float, tick: float) -> None:
    assert abs(Decimal(price_text(price, tick)) - Decimal(repr(price))) <= Decimal(repr(tick)) / 2


def test_a_negative_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="negative"):
        quantity_text(1.0, -0.1)


def test_named_streams_are_the_same_on_every_machine() -> None:
    assert generator(7).integers(0, 10**9, 3).tolist() == PINNED[()]
    assert generator(7, "prices").integers(0, 10**9, 3).tolist() == PINNED[("prices",)]
    assert generator(7, "prices", "BTC").integers(0, 10**9, 3).tolist() == PINNED[("prices", "BTC")]


PINNED = {
    (): [977788854, 43860581, 8205099],
    ("prices",): [74771207, 149276902, 382670390],
    ("prices", "BTC"): [367586252, 810395486, 327905188],
}


def test_named_streams_are_independent() -> None:
    streams = [generator(seed, *names) for seed in (1, 2) for names in ((), ("a",), ("b",), ("a", "b"))]
    draws = np.array([stream.standard_normal(4000) for stream in streams])
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 0.08  # five standard errors
