"""Rates of currencies from the catalogue: which pairs price what, and what does not."""

from pathlib import Path

import numpy as np
import pytest

from catalog.folder import Folder, bars_frame
from narrows.catalog import load_panel
from narrows.core.config import Desk, parse
from narrows.core.errors import ConfigError


def desk_of(catalog: Path, said: str) -> Desk:
    return parse(f"""
    [desk]
    name = "desk"
    [data]
    catalog = "{catalog}"
    [universe]
    instruments = ["BTC-USDC.venue"]
    [strategy]
    name = "cash_and_carry"
    [fx]
    USDC = {said}
    """)


@pytest.fixture
def full(folder: Folder) -> Folder:
    """BTC at 200 USDC and 190 USDT; USDC at 0.9 USDT and USDT at 1.25 USDC, from hour 2 of 4."""
    folder.bars(bars_frame([200.0] * 4), symbol="BTC-USDC")
    folder.bars(bars_frame([190.0] * 4), symbol="BTC-USDT")
    folder.bars(bars_frame([30.0] * 4), symbol="ETH-USDT")
    for symbol, rate in (("USDC-USDT", 0.9), ("USDT-USDC", 1.25)):
        folder.bars(bars_frame([rate] * 4).with_columns(l=rate - 0.01), symbol=symbol)
    return folder


@pytest.mark.parametrize(
    ("said", "rate"),
    [
        ('"USDC-USDT.venue"', 0.9),
        ('"USDT-USDC.venue"', 1 / 1.25),
        ('["BTC-USDT.venue", "BTC-USDC.venue"]', 190 / 200),
        ('["BTC-USDC.venue", "BTC-USDT.venue"]', 190 / 200),
    ],
)
def test_one_pair_or_two_price_a_currency(full: Folder, said: str, rate: float) -> None:
    panel = load_panel(desk_of(full.path, said))
    np.testing.assert_allclose(panel.fx[:, 0], rate, rtol=1e-12)
    assert any(note.startswith("USDC in USDT: closes of ") for note in panel.notes)


def test_a_number_needs_no_series(full: Folder) -> None:
    assert np.isnan(load_panel(desk_of(full.path, "0.5")).fx).all()  # the desk says it, not the data


def test_a_rate_is_known_at_the_close_of_its_bar_and_for_a_day(folder: Folder) -> None:
    folder.bars(bars_frame([200.0] * 48), symbol="BTC-USDC")
    rates = bars_frame([0.9, 0.8]).with_columns(l=0.5)
    folder.bars(rates, symbol="USDC-USDT")
    found = load_panel(desk_of(folder.path, '"USDC-USDT.venue"')).fx[:, 0]
    assert found[:3].tolist() == [0.9, 0.8, 0.8]
    known = np.isfinite(found)
    assert known[:24].all()
    assert not known[27:].any()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('"ETH-USDT.venue"', r"fx\.USDC: ETH-USDT\.venue do not lead from USDC to USDT"),
        ('["BTC-USDT.venue", "ETH-USDT.venue"]', "do not lead from USDC to USDT"),
        ('"USDC-USDT.elsewhere"', r"USDC-USDT\.elsewhere"),
    ],
)
def test_pairs_that_do_not_price_it_are_refused(full: Folder, said: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_panel(desk_of(full.path, said))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("0.0", r"fx\.USDC: 0\.0 is not a positive number"),
        ("inf", r"fx\.USDC: inf is not a positive number"),
        ("true", r"fx\.USDC: neither a number nor a pair"),
        ('["BTC-USDT.venue"]', r"fx\.USDC: not two pairs"),
    ],
)
def test_what_is_no_rate_is_refused(said: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        desk_of(Path("catalog"), said)
