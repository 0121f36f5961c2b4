"""From a desk file to its panel: names are kept or refused, a selection leaves out what has no bars."""

from pathlib import Path

import numpy as np
import pytest

from catalog.folder import START, Folder, bars_frame
from narrows.catalog import load_panel
from narrows.core.config import parse
from narrows.core.errors import ConfigError, DataError
from narrows.core.panel import Panel

SUMMER = "start = 2024-07-01\nend = 2024-08-01"


def _load(catalog: Path | str, universe: str = "", window: str = "", bar: str = "1h") -> Panel:
    text = f"""
    [desk]
    name = "desk"
    bar = "{bar}"
    {window}
    [data]
    catalog = "{catalog}"
    [universe]
    {universe}
    [strategy]
    name = "cash_and_carry"
    """
    return load_panel(parse(text))


@pytest.fixture
def full(folder: Folder) -> Folder:
    """BTC trades for two days, ETH for an hour at the end of the second."""
    folder.bars(bars_frame([10] * 48))
    folder.bars(bars_frame([20], start=START + 47 * 3600), symbol="ETH-USDT")
    return folder


def _ids(prices: Panel) -> list[str]:
    return [one.id for one in prices.instruments]


FIRST_DAY = "end = 2024-01-02"
SAID = "left out, no bars in the window: ETH-USDT.venue"


def test_a_selection_leaves_out_what_has_no_bars_in_the_window(full: Folder) -> None:
    assert _ids(_load(full.path)) == ["BTC-USDT.venue", "ETH-USDT.venue"]
    prices = _load(full.path, 'venues = ["venue"]', FIRST_DAY)
    assert _ids(prices) == ["BTC-USDT.venue"]
    assert prices.notes == (SAID,)


def test_a_named_instrument_without_bars_in_the_window_is_an_error(full: Folder) -> None:
    both = 'instruments = ["BTC-USDT.venue", "ETH-USDT.venue"]'
    assert len(_load(full.path, both).instruments) == 2
    with pytest.raises(DataError, match=r"no bars of ETH-USDT.venue in .+; the catalogue has 2024-01-03T00"):
        _load(full.path, both, FIRST_DAY)


def test_a_selection_of_which_nothing_is_left_is_an_error(full: Folder) -> None:
    with pytest.raises(DataError, match=r"no bars of ETH-USDT.venue in"):
        _load(full.path, 'coins = ["ETH"]', "start = 2024-01-01\n" + FIRST_DAY)


def test_the_demo_market_follows_the_same_rules() -> None:
    prices = _load("demo", 'coins = ["BTC"]\nvenues = ["alpha"]', SUMMER)
    assert _ids(prices) == [
        "BTC-USDT.alpha",
        "BTC-USDT-PERP.alpha",
        "BTC-USDT-20240927.alpha",
        "BTC-USDT-20241227.alpha",
    ]
    assert not np.isnan(prices.close).all(axis=0).any()
    assert prices.notes[-1].startswith("left out, no bars in the window: BTC-USDT-20240329.alpha, ")
    with pytest.raises(
        DataError, match=r"the demo market: no bars of BTC-USDT-20240329.alpha in \(2024-07-01"
    ):
        _load("demo", 'instruments = ["BTC-USDT.alpha", "BTC-USDT-20240329.alpha"]', SUMMER)
    with pytest.raises(
        ConfigError, match=r"the demo market: no instrument 'BTC-USDT.alpa'; did you mean BTC-"
    ):
        _load("demo", 'instruments = ["BTC-USDT.alpa"]')
    with pytest.raises(ConfigError, match=r"no instrument matches .+; it holds bars of alpha BTC, alpha ETH"):
        _load("demo", 'coins = ["SOL"]')
    with pytest.raises(ConfigError, match="both given"):
        _load("demo", 'instruments = ["BTC-USDT.alpha"]\ncoins = ["BTC"]')


def test_names_keep_their_order() -> None:
    ids = ["ETH-USDT.beta", "BTC-USDT.alpha"]
    assert _ids(_load("demo", f"instruments = {ids}")) == ids
