"""The page of a study: the same study gives the same bytes, no name gets out of its quotes, all is drawn."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from narrows.analytics.study import Study
from narrows.market.synthetic import synthetic_market
from narrows.report.study import headline, study_page, study_summary, write_study
from narrows.report.study_figures import study_figures, told
from narrows.research.study import study
from tiny_market import tiny_desk, tiny_panel

DESK = tiny_desk(beta=True, taker_bps=5.0)
EVIL = "<img src=x onerror=alert(1)>"
WANTED = {
    "funding_carry": "funding_carry:BTC-USDT.alpha/BTC-USDT-PERP.alpha",
    "cash_and_carry": "cash_and_carry:BTC-USDT.alpha/BTC-USDT-20240628.alpha",
}


@pytest.fixture(scope="module")
def studies() -> dict[str, Study]:
    panel = synthetic_market(7, 3000)[0]
    return {kind: study(DESK, panel, wanted) for kind, wanted in WANTED.items()}


def body(page: bytes) -> str:
    """What the study wrote, without plotly.js and the script that draws."""
    return page.decode().partition("<main>")[2].partition("</main>")[0]


@pytest.mark.parametrize("kind", WANTED)
def test_the_same_study_gives_the_same_bytes(kind: str, studies: dict[str, Study], tmp_path: Path) -> None:
    again = study(DESK, synthetic_market(7, 3000)[0], WANTED[kind])
    write_study(studies[kind], tmp_path / "one.html")
    write_study(again, tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


@pytest.mark.parametrize("kind", WANTED)
def test_ids_are_unique_and_every_figure_has_its_data(kind: str, studies: dict[str, Study]) -> None:
    text = body(study_page(studies[kind]))
    ids = Counter(re.findall(r'\bid="([^"]+)"', text))
    assert [name for name, times in ids.items() if times > 1] == []
    drawn = re.findall(r'data-spec="([^"]+)"', text)
    assert set(drawn) <= set(ids)
    assert len(drawn) == len(study_figures(studies[kind]))
    targets = re.findall(r'href="#([^"]+)"', text)
    assert targets
    assert set(targets) <= set(ids)


def test_a_figure_for_every_question(studies: dict[str, Study]) -> None:
    leg = "BTC-USDT-PERP.alpha"
    names = {kind: [one.name for one in study_figures(found)] for kind, found in studies.items()}
    assert names == {
        "funding_carry": ["gap", "half_life", "arrows", "fan", f"clamp-{leg}", f"ahead-{leg}"],
        "cash_and_carry": ["gap", "cycles", "arrows", "fan"],
    }
    assert all(figure.data for found in studies.values() for figure in study_figures(found))


def test_the_headline_says_where_the_gap_stands_and_what_becomes_of_it(studies: dict[str, Study]) -> None:
    gap = {kind: 1e4 * float(found.basis[-1]) for kind, found in studies.items()}
    for kind, found in studies.items():
        assert headline(found).startswith(f"The gap stands at {gap[kind]:.1f} bp, ")
        assert headline(found) in body(study_page(found)).replace("&#x27;", "'")
    found = studies["funding_carry"]
    assert found.equilibrium.state in headline(found)
    sure = msgspec.structs.replace(found.equilibrium, state="converging")
    life = told(sure.half_life_h, "h")
    assert headline(replace(found, equilibrium=sure)).endswith(f"; a deviation halves in {life}.")
    assert " on its way to delivery it should halve in " in headline(studies["cash_and_carry"])


def test_the_numbers_of_the_page_are_those_of_the_summary(studies: dict[str, Study]) -> None:
    found = studies["funding_carry"]
    text = body(study_page(found))
    assert told(found.equilibrium.half_life_h, "h") in text
    assert told(found.funding[0].premium_half_life_h, "h") in text
    summary = study_summary(found)
    assert summary["equilibrium"]["half_life_h"]["value"] == found.equilibrium.half_life_h.value
    assert summary["funding"][0]["expected"] == found.funding[0].ahead[-1]
    assert summary["expiry"] is None
    dated = study_summary(studies["cash_and_carry"])
    assert [one["instrument"] for one in dated["expiry"]["cycles"]] == [
        one.instrument
        for one in studies["cash_and_carry"].expiry.cycles  # type: ignore[union-attr]
    ]
    assert dated["funding"] == []
    assert json.loads(msgspec.json.encode(dated))


def test_funding_without_a_band_is_null_in_json_and_said_on_the_page(studies: dict[str, Study]) -> None:
    """Where the level of funding cannot be told, its sd is NaN: null in JSON, and no band of width 0."""
    found = studies["funding_carry"]
    one = found.funding[0]
    bare = replace(found, funding=(msgspec.structs.replace(one, ahead_sd=np.full(len(one.ahead), np.nan)),))
    told_of = json.loads(msgspec.json.encode(study_summary(bare)))["funding"][0]
    assert told_of["expected_sd"] is None
    assert told_of["expected"] == one.ahead[-1]
    assert f"{1e4 * one.ahead[-1]:.1f} bp, no band" in body(study_page(bare))
    assert (
        json.loads(msgspec.json.encode(study_summary(found)))["funding"][0]["expected_sd"] == one.ahead_sd[-1]
    )


def hostile() -> Study:
    """A study whose legs carry a name that is a tag, made on the quiet market of a venue of that name."""
    ids = ["BTC-USDT.alpha", "BTC-USDT-PERP.alpha"]
    panel = tiny_panel(
        ids, mark=([100.0 + bar % 7 for bar in range(400)], [100.1 + bar % 5 for bar in range(400)])
    )
    made = study(tiny_desk(), panel, "funding_carry")
    legs = tuple(msgspec.structs.replace(one, leg=EVIL) for one in made.equilibrium.legs)
    funding = tuple(msgspec.structs.replace(one, instrument=EVIL) for one in made.funding)
    equilibrium = msgspec.structs.replace(made.equilibrium, legs=legs, reason=EVIL)
    return replace(made, equilibrium=equilibrium, funding=funding, notes=(EVIL,))


def test_a_hostile_name_stays_a_name() -> None:
    text = body(study_page(hostile()))
    assert "onerror" in text
    assert "<img" not in text
    assert "\\u003cimg" in text  # in the figures' data
