"""Which rule was in force: by date, by scope, by whose record it is."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.errors import ConfigError
from narrows.core.instrument import instrument
from narrows.core.time import DAY_NS, to_ns
from narrows.rulebook import Rulebook, at, load

PERP = instrument("BTC-USDT-PERP.nova")
SPOT = instrument("BTC-USDT.nova")
NOVA = """
venue = "nova"
[[funding]]
effective_from = 2023-01-01
source = "s"
confidence = "low"
interest = 0.0001
clamp = 0.0005
cap = 0.02
floor = -0.02
interval_h = 8.0
scale = "rate"
sample = "impact"
sample_s = 60.0
weights = "linear"
style = "stamped"
pays_on = "mark"
[[margin]]
effective_from = 2023-01-01
source = "s"
confidence = "low"
judged_on = "mark"
tiers = [[0, 100, 0.01, 0, 50], [100, 1000, 0.02, 1, 25]]
[[fees]]
effective_from = 2023-01-01
source = "s"
confidence = "low"
maker_bps = 2.0
taker_bps = 5.0
"""


def ns(year: int, month: int = 1, day: int = 1, hour: int = 0) -> int:
    return to_ns(datetime(year, month, day, hour, tzinfo=UTC))


def fees(taker: float, since: str, scope: str = "", venue: str = "nova") -> str:
    return f"""
    venue = "{venue}"
    [[fees]]
    effective_from = {since}
    source = "s"
    confidence = "low"
    taker_bps = {taker}
    {scope}
    """


def taker(book: Rulebook, time_ns: int) -> float:
    rule = book.at(PERP, time_ns).fees
    assert rule is not None
    return rule.taker * 1e4


def refused(book: Rulebook, id_: str, time_ns: int) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        book.at(instrument(id_), time_ns)
    return caught.value


def test_a_new_venue_is_one_toml() -> None:
    rules = load([NOVA]).at(PERP, ns(2024))
    assert rules.funding is not None
    assert rules.margin is not None
    assert (rules.funding.cap, rules.funding.applies, rules.funding.per_h) == (0.02, "current", 8.0)
    floors, rates, deductions = rules.margin.arrays()
    np.testing.assert_array_equal([floors, rates, deductions], [[0, 100], [0.01, 0.02], [0, 1]])
    assert not floors.flags.writeable
    assert rules.settlement is None  # a perpetual has none


@pytest.mark.parametrize(("scale", "formula_h", "interest"), [("rate", 8.0, 1e-4), ("interest", 4.0, 0.5e-4)])
def test_a_shorter_interval_scales_the_whole_rate_or_the_interest_only(
    scale: str, formula_h: float, interest: float
) -> None:
    text = NOVA.replace('scale = "rate"', f'scale = "{scale}"').replace(
        "interval_h = 8.0", "interval_h = 4.0"
    )
    rule = load([text]).funding(PERP, ns(2024))
    assert (rule.formula_h, rule.formula_interest) == (formula_h, interest)
    calm, wide = (
        np.clip(rule.formula_interest, premium - rule.clamp, premium + rule.clamp)
        * rule.interval_h
        / formula_h
        for premium in (0.0, 0.01)
    )
    assert calm == 0.5e-4  # the pinned rate is the same in both
    assert wide == pytest.approx(0.0095 / 2 if scale == "rate" else 0.0095, abs=1e-15)


def test_spot_needs_fees_only() -> None:
    rules = load([NOVA]).at(SPOT, ns(2024))
    assert (rules.funding, rules.margin, rules.settlement) == (None, None, None)
    assert rules.fees is not None


def test_a_rule_holds_from_its_first_nanosecond_on() -> None:
    book = load([NOVA, fees(4.0, "2024-03-01T08:00:00Z")])
    change = ns(2024, 3, 1, 8)
    assert taker(book, change - 1) == 5.0
    assert taker(book, change) == 4.0


def test_a_date_before_the_first_record_is_an_error_that_says_so() -> None:
    error = refused(load([NOVA]), PERP.id, ns(2022, 5))
    assert "no funding of it before 2023-01-01" in error.what
    assert "asked for 2022-05-01" in error.what
    assert error.where == "instrument BTC-USDT-PERP.nova"
    assert 'venue = "nova" and [[funding]]' in error.remedy


def test_an_instrument_that_no_record_covers_is_an_error_with_what_to_add() -> None:
    book = load([NOVA.replace("[[fees]]", '[[fees]]\nkinds = ["spot"]')])
    error = refused(book, PERP.id, ns(2024))
    assert "no record of nova covers its fees (missing: maker, taker)" in error.what
    assert 'symbols = ["BTC-USDT-PERP"]' in error.remedy
    assert book.margin(PERP, ns(2024)).judged_on == "mark"  # what is covered can be asked for
    unknown = refused(book, "BTC-USDT-PERP.nowhere", ns(2024))
    assert "does not know the venue nowhere" in unknown.what
    assert "binance" in unknown.remedy


def test_a_half_known_rule_is_no_rule() -> None:
    error = refused(load([NOVA.replace('scale = "rate"\n', "")]), PERP.id, ns(2024))
    assert "funding (missing: scale)" in error.what


def test_what_an_instrument_has_not_cannot_be_asked_for() -> None:
    with pytest.raises(ConfigError, match="spot has no funding"):
        load([NOVA]).funding(SPOT, ns(2024))


def test_a_closed_venue_has_no_rules_from_then_on() -> None:
    book = load([NOVA.replace('"nova"', '"nova"\nclosed = 2024-06-01', 1)])
    book.at(PERP, ns(2024, 6) - 1)
    assert "closed on 2024-06-01" in refused(book, PERP.id, ns(2024, 6)).what


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ([fees(4.0, "2023-01-01")], 4.0),  # equally narrow, equally late: the later file
        ([fees(4.0, "2022-01-01")], 5.0),  # the later date
        ([fees(4.0, "2022-01-01", 'coins = ["BTC"]')], 4.0),  # the narrower scope
        ([fees(4.0, "2022-01-01", 'coins = ["ETH"]')], 5.0),  # meant for others
        ([fees(4.0, "2022-01-01", 'contract = "inverse"')], 5.0),
        ([fees(4.0, "2022-01-01", 'settle = ["USDT"]'), fees(3.0, "2023-06-01")], 4.0),
        ([fees(4.0, "2022-01-01", 'symbols = ["BTC-*"]'), fees(3.0, "2023-06-01", 'coins = ["BTC"]')], 4.0),
        (
            [
                fees(4.0, "2022-01-01", 'symbols = ["BTC-USDT-PERP"]'),
                fees(3.0, "2023-06-01", 'symbols = ["BTC-*"]'),
            ],
            4.0,
        ),
        ([fees(4.0, "2022-01-01", 'kinds = ["perp"]')], 4.0),
        ([fees(4.0, "2023-06-01", venue="other")], 5.0),
    ],
)
def test_the_narrowest_then_the_latest_then_the_last_file_speaks(extra: list[str], expected: float) -> None:
    assert taker(load([NOVA, *extra]), ns(2024)) == expected


def test_ones_own_record_wins_over_a_packaged_one_and_leaves_its_other_keys() -> None:
    perp, time_ns = instrument("BTC-USDT-PERP.binance"), ns(2024)
    packaged, own = (
        at(perp, time_ns),
        load([fees(3.0, "2019-09-10", 'contract = "linear"\n    kinds = ["perp", "future"]', "binance")]).at(
            perp, time_ns
        ),
    )
    assert packaged.fees is not None
    assert own.fees is not None
    assert (packaged.fees.taker, own.fees.taker) == (5e-4, 3e-4)
    assert own.fees.maker == packaged.fees.maker
    assert own.margin == packaged.margin


def test_a_margin_that_grows_replaces_tiers_and_the_other_way_round() -> None:
    grows = """
    venue = "nova"
    [[margin]]
    effective_from = 2024-01-01
    source = "s"
    confidence = "low"
    maintenance_base = 0.01
    maintenance_per_unit = 0.00005
    initial_base = 0.02
    initial_per_unit = 0.00005
    """
    book = load([NOVA, grows, NOVA.replace("2023-01-01", "2025-01-01")])
    rules = [book.margin(PERP, ns(year)) for year in (2023, 2024, 2025)]
    assert [rule.is_tiered for rule in rules] == [True, False, True]
    assert rules[1].maintenance_base == 0.01
    assert rules[2] == rules[0]
    with pytest.raises(ConfigError, match="grows with size"):
        rules[1].arrays()


def test_patterns_that_meet_on_one_instrument_are_refused_when_they_do() -> None:
    one, other = (fees(4.0, "2024-01-01", f'symbols = ["{each}"]') for each in ("BTC-*", "*-PERP"))
    book = load([NOVA, one + other.replace('venue = "nova"', "")])
    with pytest.raises(ConfigError, match="keep one of them"):
        book.at(PERP, ns(2024))
    assert book.fees(SPOT, ns(2024)).taker == 4e-4


def test_changes_are_the_dates_within_a_window_at_which_a_rule_differs() -> None:
    same = fees(5.0, "2023-06-01")
    book = load([NOVA, same, fees(4.0, "2024-01-01"), fees(3.0, "2025-01-01")])
    assert book.changes(PERP, ns(2023), ns(2026)) == [ns(2024), ns(2025)]
    assert book.changes(PERP, ns(2024), ns(2025)) == []  # both ends belong to others
    assert book.changes(PERP, ns(2024) - 1, ns(2024) + 1) == [ns(2024)]


def test_vip_fees() -> None:
    rule = load([NOVA + "vip_bps = [[1.0, 4.0], [0.0, 3.0]]"]).fees(PERP, ns(2024))
    assert rule.at_vip(0) is rule
    assert rule.at_vip(2).taker == 3e-4
    for tier in (3, -1):
        with pytest.raises(ConfigError, match="known are 0 … 2"):
            rule.at_vip(tier)


def test_origins_tell_who_says_what() -> None:
    origins = load([NOVA, fees(4.0, "2024-01-01")]).origins(PERP, ns(2024))
    by = {(one.where, key) for one in origins for key in one.says if one.part == "fees"}
    assert by == {("rules 1: fees[1]", "maker"), ("rules 2: fees[1]", "taker")}


def test_origins_of_two_files_of_one_name_stay_apart() -> None:
    texts = [NOVA, fees(4.0, "2024-01-01"), fees(3.0, "2024-02-01")]
    origins = load(texts, where=["mine.toml"] * 3).origins(PERP, ns(2024, 1, 15))
    assert {key: one.since for one in origins for key in one.says if one.part == "fees"} == {
        "maker": "2023-01-01T00:00:00Z",
        "taker": "2024-01-01T00:00:00Z",
    }


def test_an_instrument_of_the_same_id_but_another_contract_has_its_own_rules() -> None:
    book = load([NOVA, fees(1.0, "2023-01-01", 'contract = "inverse"')])
    inverse = instrument(PERP.id, contract="inverse", settle="BTC")
    assert (taker(book, ns(2024)), book.fees(inverse, ns(2024)).taker) == (5.0, 1e-4)


days = st.integers(0, 2000)


@given(
    st.lists(st.tuples(days, st.floats(0.0, 99.0)), unique_by=lambda one: one[0], max_size=6), days, days,
    st.sampled_from(["", 'coins = ["BTC"]', 'symbols = ["*-PERP"]']),
)  # fmt: skip
def test_a_later_record_changes_no_answer_before_it(
    records: list[tuple[int, float]], added: int, asked: int, scope: str
) -> None:
    start = to_ns(date(2023, 1, 1))

    def dated(day: int, value: float, scope: str = "") -> str:
        stamp = datetime.fromtimestamp((start + day * DAY_NS) / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return fees(value, stamp, scope)

    before = [NOVA, *(dated(day, value) for day, value in records)]
    time_ns = start + asked * DAY_NS
    answers = [load(texts).at(PERP, time_ns) for texts in (before, [*before, dated(added, 77.0, scope)])]
    if asked < added:
        assert answers[0] == answers[1]
    else:
        assert answers[1].fees is not None
        own = [day for day, _ in records if day > added and day <= asked]
        assert (answers[1].fees.taker == 77.0e-4) == (bool(scope) or not own)
