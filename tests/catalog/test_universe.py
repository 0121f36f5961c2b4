"""Instruments by name or by selection, and the error that tells the nearest name."""

import pytest

from catalog.folder import Folder, bars_frame, rates_frame
from narrows.catalog import universe
from narrows.core.config import Universe
from narrows.core.errors import ConfigError


@pytest.fixture
def full(folder: Folder) -> Folder:
    for symbol in ("BTC-USDT", "BTC-USDT-PERP", "ETH-USDT", "BTC-USDT-20240628"):
        folder.bars(bars_frame([10]), symbol=symbol)
    folder.funding(rates_frame([1e-4]), symbol="SOL-USDT-PERP")
    return folder


def _ids(folder: Folder, chosen: Universe) -> list[str]:
    return [one.id for one in universe(folder.catalog, chosen)]


def test_named_instruments_keep_their_order(full: Folder) -> None:
    ids = ("ETH-USDT.venue", "BTC-USDT.venue")
    assert _ids(full, Universe(instruments=ids)) == list(ids)


def test_a_selection_meets_all_its_conditions(full: Folder) -> None:
    assert _ids(full, Universe(coins=("BTC",), kinds=("spot", "future"))) == [
        "BTC-USDT-20240628.venue",
        "BTC-USDT.venue",
    ]
    assert len(_ids(full, Universe())) == 4  # what has no bars cannot stand in a Panel


def test_an_unknown_name_brings_the_nearest(full: Folder) -> None:
    with pytest.raises(
        ConfigError, match=r"no instrument 'BTC-USDT-PERPS.venue'; did you mean BTC-USDT-PERP.venue"
    ):
        _ids(full, Universe(instruments=("BTC-USDT-PERPS.venue",)))


def test_a_selection_of_nothing_tells_what_there_is(full: Folder) -> None:
    with pytest.raises(
        ConfigError, match=r"no instrument matches \[universe\]; it holds bars of venue BTC, venue ETH"
    ):
        _ids(full, Universe(venues=("elsewhere",)))


def test_names_and_a_selection_together_are_refused(full: Folder) -> None:
    with pytest.raises(ConfigError, match="both given"):
        _ids(full, Universe(instruments=("BTC-USDT.venue",), coins=("BTC",)))
