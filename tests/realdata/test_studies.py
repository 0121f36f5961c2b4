"""docs/studies/index.md says what a fresh run of each study gives, number by number."""

import json
import os
import shlex
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from narrows.catalog import ingest, open_catalog
from narrows.catalog.store import Series
from narrows.cli.app import main
from narrows.core.time import HOUR_NS
from realdata.real import REPOSITORY, SOURCES
from studies.book import CATALOGUES, STUDIES
from studies.page import ingest_commands, page, row, section
from studies.study import Run, Study, run

FOLDER = REPOSITORY / "docs" / "studies"
AGAIN = "make studies writes the page anew"
PICTURE = 250_000  # bytes


@pytest.fixture(scope="module")
def standing_there(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the catalogues of the studies, as one stands in it to run the commands of the page."""
    folder = tmp_path_factory.mktemp("studies")
    (folder / "examples").symlink_to(REPOSITORY / "examples")
    for name, mappings in CATALOGUES.items():
        ingest([SOURCES / f"{one}.toml" for one in mappings], root=data_root, catalog=folder / name)
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        here.syspath_prepend(REPOSITORY / "examples")
        yield folder


@pytest.fixture(scope="module")
def runs(standing_there: Path) -> dict[str, Run]:
    return {study.name: run(study) for study in STUDIES}


@pytest.fixture(scope="module")
def text() -> str:
    return (FOLDER / "index.md").read_text("utf-8")


@pytest.mark.parametrize("name", [study.name for study in STUDIES])
def test_the_page_says_what_a_run_gives(name: str, runs: dict[str, Run], text: str) -> None:
    one = runs[name]
    assert one.result.ledger_error < 1e-9
    assert len(one.result.fills) > 0
    assert one.study.holds(one), f"what scripts/studies/book.py says of {name} is no longer true"
    assert row(one) in text, AGAIN
    assert section(one) in text, AGAIN


def test_the_page_has_nothing_else(runs: dict[str, Run], text: str) -> None:
    assert page(list(runs.values()), FOLDER) == text, AGAIN
    assert ingest_commands() in text


def test_every_page_of_the_folder_is_linked(text: str) -> None:
    pages = {path.name for path in FOLDER.glob("*.md")} - {"index.md"}
    assert {name for name in pages if f"]({name})" not in text} == set(), AGAIN


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_pictures_are_there_and_small(study: Study) -> None:
    content = (FOLDER / f"{study.name}.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width == 1280
    assert height <= 1200
    assert len(content) < PICTURE


@pytest.mark.parametrize("name", ["btc-inverse-in-btc", "btc-bybit-okx"])
def test_a_command_of_the_page_gives_its_numbers(
    name: str, standing_there: Path, runs: dict[str, Run], capsys: pytest.CaptureFixture[str]
) -> None:
    one = runs[name]
    words = shlex.split(one.study.command)
    with pytest.raises(SystemExit) as left:
        main([*words[words.index("narrows") + 1 :], "--json"])
    assert left.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["equity_end"] == one.result.equity_end
    assert told["currency"] == one.result.desk.currency
    assert told["findings"] == len(one.findings)
    assert os.path.getsize(standing_there / one.study.report) > 100_000


@pytest.mark.parametrize(("venue", "late_h"), [("bybit", 4), ("okx", 4), ("binance", 0)])
def test_bars_of_bybit_and_okx_are_stamped_four_hours_late(
    venue: str, late_h: int, data_root: Path, tmp_path: Path
) -> None:
    """Their close is the price of four hours before, as hourly bars of another source have it."""
    ingest([SOURCES / "aha_hh.toml"], root=data_root, catalog=tmp_path / "eight")
    ingest([SOURCES / "binance_btc.toml"], root=data_root, catalog=tmp_path / "hourly")
    eight = open_catalog(tmp_path / "eight").read(Series("bars", venue, "BTC-USDT"))
    hourly = open_catalog(tmp_path / "hourly").read(Series("bars", "binance", "BTC-USDT"))
    prices = dict(zip(hourly["time"].to_list(), hourly["close"].to_list(), strict=True))
    apart = {}
    for hours in range(-8, 9):
        gaps = [
            abs(close / prices[time - hours * HOUR_NS] - 1.0)
            for time, close in eight.select("time", "close").iter_rows()
            if time - hours * HOUR_NS in prices
        ]
        assert len(gaps) > 1000
        apart[hours] = float(np.median(gaps))
    assert min(apart, key=lambda hours: apart[hours]) == late_h
    assert apart[late_h] < 1e-4
    assert min(gap for hours, gap in apart.items() if hours != late_h) > 1e-3
