"""A Panel is regular, read-only, and known by its content."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import instrument
from narrows.core.panel import FIELDS, Panel
from narrows.core.time import HOUR_NS

IDS = [instrument("BTC-USDT.okx"), instrument("BTC-USDT-PERP.okx")]
TIMES = HOUR_NS * np.arange(1, 6, dtype=np.int64)


def made(**fields: Any) -> Panel:
    return Panel.of(IDS, TIMES, HOUR_NS, (), **fields)


def test_fields_that_are_not_given_are_not_known() -> None:
    panel = made(close=np.ones((5, 2)))
    assert set(panel.fields) == set(FIELDS)
    assert np.isnan(panel.funding).all()
    assert (panel.close == 1.0).all()
    assert (len(panel), panel.bar_h) == (5, 1.0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"close": np.ones((5, 3))}, r"close has shape \(5, 3\), not \(5, 2\)"),
        ({"close": np.ones((4, 2))}, r"close has shape \(4, 2\)"),
        ({"close": np.ones(5)}, r"close has shape \(5,\)"),
        ({"last": np.ones((5, 2))}, "unknown field 'last'; choose from open"),
    ],
)
def test_a_wrong_array_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        made(**fields)


@pytest.mark.parametrize("bend", [lambda t: t[[0, 1, 3, 4]], lambda t: t[::-1], lambda t: t // 2])
def test_an_irregular_grid_is_refused(bend: Callable[[Any], Any]) -> None:
    with pytest.raises(DataError, match="not one bar apart"):
        Panel.of(IDS, bend(TIMES), HOUR_NS)


def test_arrays_are_closed_to_writing_and_the_givers_own_stays_open() -> None:
    mine = np.ones((5, 2))
    panel = made(close=mine)
    for values in (*panel.fields.values(), panel.time_ns):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 2
        assert values.flags.c_contiguous
    assert mine.flags.writeable


def test_an_instrument_is_found_by_its_id() -> None:
    assert made().column("BTC-USDT-PERP.okx") == 1
    with pytest.raises(ConfigError, match=r"no instrument 'ETH-USDT\.okx'.*it has BTC-USDT\.okx"):
        made().column("ETH-USDT.okx")
    with pytest.raises(AttributeError):
        _ = made().nothing


def test_rows_cut_every_field() -> None:
    panel = made(close=np.arange(10.0).reshape(5, 2))
    cut = panel.rows(1, 3)
    assert cut.time_ns.tolist() == TIMES[1:3].tolist()
    assert cut.close.tolist() == [[2, 3], [4, 5]]
    assert {values.shape for values in cut.fields.values()} == {(2, 2)}
    assert cut.content_hash == panel.rows(0, 4).rows(1, 3).content_hash != panel.content_hash


@given(
    field=st.sampled_from(sorted(FIELDS)),
    row=st.integers(0, 4),
    column=st.integers(0, 1),
    bit=st.integers(0, 63),
)
def test_the_content_hash_changes_with_any_bit(field: str, row: int, column: int, bit: int) -> None:
    values = np.linspace(1.0, 2.0, 10).reshape(5, 2)
    same = dict.fromkeys(FIELDS, values)
    flipped = values.copy()
    flipped.view(np.int64)[row, column] ^= np.int64(np.uint64(1 << bit).astype(np.int64))
    before = made(**same)
    assert made(**same).content_hash == before.content_hash
    assert made(**same | {field: flipped}).content_hash != before.content_hash


def test_the_content_hash_knows_instruments_times_and_bars() -> None:
    hashes = {
        Panel.of(IDS, TIMES, HOUR_NS).content_hash,
        Panel.of(IDS[::-1], TIMES, HOUR_NS).content_hash,
        Panel.of([IDS[0], instrument("BTC-USDT-PERP.okx", lot=0.1)], TIMES, HOUR_NS).content_hash,
        Panel.of(IDS, TIMES + 1, HOUR_NS).content_hash,
        Panel.of(IDS, TIMES[:1], HOUR_NS).content_hash,
        Panel.of(IDS, TIMES[:1], 2 * HOUR_NS).content_hash,
    }
    assert len(hashes) == 6


def test_an_empty_panel_speaks() -> None:
    assert "empty" in repr(Panel.of(IDS, TIMES[:0], HOUR_NS))
