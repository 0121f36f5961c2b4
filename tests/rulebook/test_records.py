"""What a rule file may say, and that everything else is refused with file, key and remedy."""

from datetime import date
from typing import Any

import pytest

from narrows.core.errors import ConfigError
from narrows.core.time import to_ns
from narrows.rulebook.records import parse

HEAD = """
effective_from = 2024-01-01
source = "a page"
confidence = "high"
"""
FUNDING = f"[[funding]]{HEAD}"
MARGIN = f"[[margin]]{HEAD}"
FEES = f"[[fees]]{HEAD}"


def refused(text: str, venue: str = 'venue = "nova"\n') -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(venue + text, "nova.toml")
    assert str(caught.value).startswith("nova.toml")
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_record_says_what_it_knows_as_fractions() -> None:
    file = parse(f'venue = "nova"\n{FEES}maker_bps = -1\ntaker_bps = 5.5\nvip_bps = [[-2, 4]]', "nova.toml")
    (record,) = file.records
    assert record.says == {"maker": -1e-4, "taker": 5.5e-4, "vip": ((-2e-4, 4e-4),)}
    assert record.since_ns == to_ns(date(2024, 1, 1))
    assert (record.confidence, record.source) == ("high", "a page")
    assert record.where == "nova.toml: fees[1]"


@pytest.mark.parametrize("missing", ["effective_from", "source", "confidence"])
def test_a_rule_without_date_source_or_confidence_is_refused(missing: str) -> None:
    kept = "\n".join(line for line in HEAD.splitlines() if not line.startswith(missing))
    error = refused(f"[[fees]]{kept}\ntaker_bps = 5.0")
    assert missing in error.what
    assert error.where == "nova.toml: fees[1]"
    assert "add-a-venue" in error.remedy


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (FUNDING + "clmap = 0.0005", "funding[1].clmap", "unknown key"),
        (FUNDING, "funding[1]", "says nothing"),
        (FUNDING + "cap = 0.02", "funding[1].cap", "go together"),
        (FUNDING + "cap = -0.02\nfloor = 0.02", "funding[1].cap", "not around 0"),
        (FUNDING + "cap = 2.0\nfloor = -2.0", "funding[1].cap", "200 %"),
        (FUNDING + "interest = 0.3", "funding[1].interest", "30 %"),
        (FUNDING + "clamp = -0.0005", "funding[1].clamp", "negative"),
        (FUNDING + "clamp = nan", "funding[1].clamp", "not a number"),
        (FUNDING + "cap = nan\nfloor = nan", "funding[1].cap", "not around 0"),
        (FUNDING + "interval_h = 0.0", "funding[1].interval_h", "not positive"),
        (FUNDING + 'sample = "last"', "funding[1].sample", "Invalid enum"),
        (FUNDING + 'kinds = ["spot"]\nclamp = 0.1', "funding[1].kinds", "spot has no funding"),
        (FUNDING.replace('"a page"', '" "') + "clamp = 0.0", "funding[1].source", "no source"),
        (FUNDING.replace('"high"', '"sure"') + "clamp = 0.0", "funding[1].confidence", "Invalid enum"),
        (FUNDING.replace("2024-01-01", '"soon"') + "clamp = 0.0", "funding[1].effective_from", "Invalid"),
        (MARGIN + "tiers = []", "margin[1].tiers", "no tiers"),
        (MARGIN + "tiers = [[1, 2, 0.01, 0, 10]]", "margin[1].tiers[1]", "tier from 1"),
        (MARGIN + "tiers = [[0, 5, 0.01, 0, 9], [6, 9, 0.02, 0, 5]]", "margin[1].tiers[2]", "tier from 6"),
        (MARGIN + "tiers = [[0, 5, 0.01, 0, 9], [4, 9, 0.02, 0, 5]]", "margin[1].tiers[2]", "tier from 4"),
        (MARGIN + "tiers = [[5, 9, 0.02, 0, 5], [0, 5, 0.01, 0, 9]]", "margin[1].tiers[1]", "tier from 5"),
        (MARGIN + "tiers = [[0, 0, 0.01, 0, 9]]", "margin[1].tiers[1]", "not above"),
        (MARGIN + "tiers = [[0, 5, 0.02, 0, 9], [5, 9, 0.01, 0, 5]]", "margin[1].tiers[2]", "after 0.02"),
        (MARGIN + "tiers = [[0, 5, 0.0, 0, 9]]", "margin[1].tiers[1]", "maintenance 0"),
        (MARGIN + "tiers = [[0, 5, 0.02, 0, 100]]", "margin[1].tiers[1]", "liquidated at once"),
        (MARGIN + "tiers = [[0, 5, nan, 0, 100]]", "margin[1].tiers[1]", "maintenance nan"),
        (MARGIN + "tiers = [[0, 5, 0.01, 0]]", "margin[1].tiers[0]", "Expected"),
        (MARGIN + "tiers = [[0, 5, 0.01, 0, 9], [5, 9, 0.02, 0.06, 5]]", "margin[1].tiers[2]", "needs 0.05"),
        (MARGIN + "tiers = [[0, 5, 0.01, 1, 9]]", "margin[1].tiers[1]", "needs 0.0"),
        (MARGIN + "maintenance_base = 0.01", "margin[1]", "maintenance_per_unit is missing"),
        (MARGIN + "maintenance_base = 0.01\ntiers = [[0, 5, 0.01, 0, 9]]", "margin[1].tiers", "exclude"),
        (MARGIN + "liquidation_fee = 1.25", "margin[1].liquidation_fee", "leaves [0, 1)"),
        (MARGIN + "partial_share = 0.0", "margin[1].partial_share", "leaves (0, 1]"),
        (FEES + "taker_bps = 5000.0", "fees[1]", "no fee"),
        (FEES + "vip_bps = [[1.0, inf]]", "fees[1]", "no fee"),
        (FEES + "taker_bps = nan", "fees[1].taker_bps", "not a number"),
        (f"[[settlement]]{HEAD}hour = 24.0", "settlement[1].hour", "leaves [0, 24)"),
        (f"[[settlement]]{HEAD}samples = 0", "settlement[1].samples", "not positive"),
        ("[[fundings]]\nclamp = 1.0", "fundings", "unknown table"),
        ("fees = [1]", "fees[1]", "not a table"),
        ("[fees]\ntaker_bps = 1.0", "fees", "unknown key"),
        ("open = true", "open", "unknown key"),
        ("[[fees", "", "not TOML"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(text: str, where: str, what: str) -> None:
    error = refused(text)
    assert what in error.what
    assert where in error.where
    assert error.remedy


def test_a_file_without_its_venue_or_with_a_wrong_name_is_refused() -> None:
    assert "venue" in refused(FEES + "taker_bps = 1.0", venue="").what
    assert refused("", venue='venue = "../nova"').where == "nova.toml: venue"


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("", "", True),
        ('coins = ["BTC", "ETH"]', 'coins = ["ETH", "SOL"]', True),
        ('coins = ["BTC"]', 'coins = ["ETH"]', False),
        ('coins = ["BTC"]', "", False),  # the narrower one speaks
        ('symbols = ["A-USD-PERP"]', 'symbols = ["A-USD-PERP"]', True),
        ('kinds = ["perp"]', 'kinds = ["future"]', False),
        ('kinds = ["perp"]', 'kinds = ["future", "perp"]', True),
        ('contract = "linear"', 'contract = "inverse"', False),
        ('settle = ["USDT"]', 'settle = ["USDC"]', False),
        ('coins = ["BTC"]\nsettle = ["USDT"]', 'coins = ["BTC"]\nsettle = ["USDT"]', True),
    ],
)
def test_the_same_thing_from_the_same_date_twice_is_refused(one: str, other: str, clash: bool) -> None:
    text = f"{FEES}taker_bps = 5.0\n{one}\n{FEES}taker_bps = 4.0\n{other}"
    if not clash:
        assert len(parse('venue = "nova"\n' + text, "nova.toml").records) == 2
        return
    error = refused(text)
    assert error.where == "nova.toml: fees[2]"
    assert "fees[1]" in error.what
    assert "2024-01-01" in error.what


def test_other_keys_or_other_dates_do_not_overlap() -> None:
    other_key = f"{FEES}taker_bps = 5.0\n{FEES}maker_bps = 4.0"
    later = f"{FEES}taker_bps = 5.0\n{FEES.replace('2024', '2025')}taker_bps = 4.0"
    for text in (other_key, later):
        assert len(parse('venue = "nova"\n' + text, "nova.toml").records) == 2


def test_tiers_and_a_margin_that_grows_are_one_claim() -> None:
    grows = "maintenance_base = 0.01\nmaintenance_per_unit = 0.0\ninitial_base = 0.02\ninitial_per_unit = 0.0"
    error = refused(f"{MARGIN}tiers = [[0, inf, 0.01, 0, 9]]\n{MARGIN}{grows}")
    assert "says tiers" in error.what


@pytest.mark.parametrize(
    "tiers",
    [
        [[0, 5, 0.01, 0, 9], [5, 9, 0.02, 0.05, 5]],
        [[0, 5, 0.01, 0, 9], [5, 9, 0.02, 0, 5]],  # the venue deducts nothing
        [[0, float("inf"), 0.02, 0, 25]],
    ],
)
def test_tiers_as_venues_have_them_are_read(tiers: list[list[Any]]) -> None:
    file = parse(f'venue = "nova"\n{MARGIN}tiers = {tiers}', "nova.toml")
    assert [list(tier) for tier in file.records[0].says["tiers"]] == tiers


def test_a_closed_venue_says_when() -> None:
    file = parse('venue = "nova"\nclosed = 2026-09-23', "nova.toml")
    assert file.closed_ns == to_ns(date(2026, 9, 23))
