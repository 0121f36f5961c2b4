"""Records of a coin: what it counts as collateral, what owing it costs, and what is refused."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from narrows.core.errors import ConfigError, DataError
from narrows.core.time import to_ns
from narrows.rulebook import PACKAGED, Rulebook, load
from narrows.rulebook.book import packaged, packaged_venues
from narrows.rulebook.importers import Said, binance_cross_margin_data
from narrows.rulebook.records import parse

HEAD = """
effective_from = 2024-01-01
source = "a page"
confidence = "high"
"""
COLLATERAL = f'[[collateral]]{HEAD}coins = ["BTC"]\n'
BORROW = f"[[borrow]]{HEAD}"
SLICES = 'floors_in = "usd"\nhaircuts = [[0, 0.02], [1_000_000, 0.05], [5_000_000, 1]]\n'
SAID = Said(date(2026, 7, 4), "the payload", "high")


def ns(text: str) -> int:
    return to_ns(datetime.fromisoformat(text).replace(tzinfo=UTC))


def book(*texts: str) -> Rulebook:
    return load([f'venue = "nova"\n{text}' for text in texts])


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse('venue = "nova"\n' + text, "nova.toml")
    assert "\n" not in str(caught.value)
    return caught.value


def test_haircuts_become_floors_and_weights() -> None:
    rule = book(COLLATERAL + SLICES + "conversion_bps = 50").collateral("nova", "BTC", ns("2024-06-01"))
    floors, weights = rule.arrays()
    np.testing.assert_array_equal([floors, weights], [[0.0, 1e6, 5e6], [0.98, 0.95, 0.0]])
    assert not weights.flags.writeable
    assert (rule.floors_in, rule.conversion) == ("usd", 0.005)


@pytest.mark.parametrize("haircut", [0.0001, 0.011, 0.0225, 0.075, 0.1, 0.15, 0.3])
def test_a_weight_is_exactly_what_the_haircut_leaves(haircut: float) -> None:
    text = f'{COLLATERAL}floors_in = "usd"\nhaircuts = [[0, {haircut}]]'
    weight = book(text).collateral("nova", "BTC", ns("2024-06-01")).arrays()[1][0]
    assert repr(float(weight)) == f"{1 - haircut:.10g}"


def sliced(rows: str) -> str:
    return f'{COLLATERAL}floors_in = "usd"\nhaircuts = {rows}'


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (sliced("[[0, 1.5]]"), "collateral[1].haircuts[1]", "1.5 leaves [0, 1]"),
        (sliced("[[0, -0.1]]"), "collateral[1].haircuts[1]", "-0.1 leaves [0, 1]"),
        (sliced("[[0, nan]]"), "collateral[1].haircuts[1]", "nan leaves [0, 1]"),
        (sliced("[[0, 0.1], [9, 0.05]]"), "collateral[1].haircuts[2]", "0.05 after 0.1"),
        (sliced("[[0, 0.1], [9, 0.2], [9, 0.3]]"), "collateral[1].haircuts[3]", "from 9 after one from 9"),
        (sliced("[[0, 0.1], [9, 0.2], [5, 0.3]]"), "collateral[1].haircuts[3]", "from 5 after one from 9"),
        (sliced("[[0, 0.1], [inf, 0.2]]"), "collateral[1].haircuts[2]", "from inf"),
        (sliced("[[0, 0.1], [nan, 0.2]]"), "collateral[1].haircuts[2]", "from nan"),
        (sliced("[[1, 0.1]]"), "collateral[1].haircuts[1]", "a slice from 1"),
        (sliced("[]"), "collateral[1].haircuts", "no haircuts"),
        (sliced("[[0, 0.1, 3]]"), "collateral[1].haircuts[0]", "Expected"),
        (COLLATERAL + "haircuts = [[0, 0.1]]", "collateral[1]", "go together"),
        (COLLATERAL + 'floors_in = "usd"', "collateral[1]", "go together"),
        (COLLATERAL + 'floors_in = "eur"\nhaircuts = [[0, 0.1]]', "collateral[1].floors_in", "Invalid enum"),
        (COLLATERAL + "conversion_bps = -1", "collateral[1].conversion_bps", "leaves [0, 10000)"),
        (COLLATERAL + "conversion_bps = nan", "collateral[1].conversion_bps", "not a number"),
        (COLLATERAL, "collateral[1]", "says nothing"),
        (COLLATERAL + 'symbols = ["BTC-USDT"]', "collateral[1].symbols", "unknown key"),
        (f"[[collateral]]{HEAD}{SLICES}", "collateral[1].coins", "no coins"),
        (f'[[collateral]]{HEAD}coins = ["btc"]\n{SLICES}', "collateral[1].coins", "'btc' is no coin"),
        (f'[[collateral]]{HEAD}coins = ["BTC-USDT"]\n{SLICES}', "collateral[1].coins", "is no coin"),
        (BORROW + 'charged = "daily"', "borrow[1].charged", "Invalid enum"),
        (BORROW + 'charged = "begun"\nkinds = ["spot"]', "borrow[1].kinds", "unknown key"),
        (BORROW + "overdraft_limit = -1", "borrow[1].overdraft_limit", "negative"),
        (BORROW + "loan_limit = -0.5", "borrow[1].loan_limit", "negative"),
        (BORROW + "loan_limit = inf", "borrow[1].loan_limit", "not a number"),
        (BORROW + "apr = 150.0", "borrow[1].apr", "15000 %"),
        (BORROW + "apr = -0.1", "borrow[1].apr", "negative"),
        (BORROW + "every_h = 0.0", "borrow[1].every_h", "does not divide a day"),
        (BORROW + "every_h = 5.0", "borrow[1].every_h", "does not divide a day"),
        (BORROW + "minute = 60.0", "borrow[1].minute", "beyond the next strike"),
        (BORROW + "minute = -5.0", "borrow[1].minute", "beyond the next strike"),
        (BORROW + "repaid_to = 1.1", "borrow[1].repaid_to", "leaves [0, 1]"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(text: str, where: str, what: str) -> None:
    error = refused(text)
    assert what in error.what
    assert error.where.removeprefix("nova.toml: ") == where
    assert error.remedy


def test_the_same_coin_twice_from_the_same_date_is_refused() -> None:
    both = COLLATERAL + SLICES + COLLATERAL.replace('"BTC"', '"ETH", "BTC"') + SLICES
    error = refused(both)
    assert error.where == "nova.toml: collateral[2]"
    assert "collateral[1]" in error.what


def test_for_each_key_the_coin_speaks_before_the_venue_and_the_later_before_the_earlier() -> None:
    general = BORROW + 'charged = "struck"\nminute = 5.0\noverdraft_limit = 1.0'
    narrow = BORROW + 'coins = ["USDT"]\noverdraft_limit = 10_000.0'
    later = BORROW.replace("2024", "2025") + 'charged = "begun"'
    found = book(general + "\n" + narrow, later)
    rule = found.borrow("nova", "USDT", ns("2025-06-01"))
    assert (rule.charged, rule.minute, rule.overdraft_limit) == ("begun", 5.0, 10_000.0)
    assert found.borrow("nova", "USDT", ns("2024-06-01")).charged == "struck"
    assert found.borrow("nova", "BTC", ns("2024-06-01")).overdraft_limit == 1.0
    assert found.coin_changes("nova", "USDT", 0, ns("2026-01-01")) == [ns("2024-01-01"), ns("2025-01-01")]
    assert found.coin_changes("nova", "USDT", ns("2024-01-01"), ns("2025-01-01")) == []
    told = found.coin_origins("nova", "USDT", ns("2025-06-01"))
    assert [(one.part, one.says) for one in told] == [
        ("borrow", {"charged": "begun"}),
        ("borrow", {"minute": 5.0}),
        ("borrow", {"overdraft_limit": 10_000.0}),
    ]


def test_haircuts_of_ones_own_go_over_the_packaged_ones() -> None:
    own = f'venue = "binance"\n[[collateral]]{HEAD}coins = ["BTC"]\nfloors_in = "coin"\nhaircuts = [[0, 0.3]]'
    found = load([own])
    rule = found.collateral("binance", "BTC", ns("2024-06-01"))
    assert (rule.floors_in, rule.haircuts) == ("coin", ((0.0, 0.3),))
    assert rule.conversion == 0.025  # which it says nothing of
    assert found.collateral("binance", "BTC", ns("2023-06-01")).haircuts == ((0.0, 0.05),)


@pytest.mark.parametrize(
    ("venue", "coin", "when", "what", "remedy"),
    [
        ("binance", "WIF", "2024-06-01", "covers WIF as collateral", 'coins = ["WIF"]'),
        ("binance", "BTC", "2020-01-01", "before 2021-05-28", "start later"),
        ("gate", "BTC", "2024-06-01", "covers BTC as collateral", "[[collateral]]"),
        ("nowhere", "BTC", "2024-06-01", "does not know the venue", "add-a-venue"),
        ("bitmex", "BTC", "2026-10-01", "closed on 2026-09-23", "end before"),
    ],
)
def test_a_coin_without_record_is_an_error_and_never_a_default(
    venue: str, coin: str, when: str, what: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        PACKAGED.collateral(venue, coin, ns(when))
    assert what in caught.value.what
    assert remedy in caught.value.remedy
    assert caught.value.where == f"{coin} on {venue}"


def test_a_dollar_counts_whole_only_where_a_record_says_so() -> None:
    at = ns("2024-06-01")
    weights = {venue: PACKAGED.collateral(venue, "USDT", at).arrays()[1][0]
               for venue in ("binance", "okx", "bybit", "kraken_futures")}  # fmt: skip
    assert weights == {"binance": 0.9999, "okx": 1.0, "bybit": 1.0, "kraken_futures": 0.99}
    assert PACKAGED.known_of_coin("deribit", "USDC", at) == (None, None)
    known, _ = PACKAGED.known_of_coin("deribit", "USDC", ns("2025-07-15"))
    assert known is not None
    assert known.arrays()[1][0] == 1.0


def test_packaged_haircuts_by_date() -> None:
    def first(venue: str, coin: str, when: str) -> float:
        return PACKAGED.collateral(venue, coin, ns(when)).haircuts[0].haircut

    assert [first("deribit", "STETH", when) for when in ("2026-01-12", "2026-01-13")] == [0.15, 0.075]
    assert [first("hyperliquid", "HYPE", when) for when in ("2025-12-22", "2025-12-23")] == [1.0, 0.5]
    assert first("okx", "BETH", "2024-07-18") == 0.05


@pytest.mark.parametrize(
    ("venue", "coin", "charged", "minute"),
    [
        ("binance", "SOL", "begun", 0.0),
        ("okx", "SOL", "struck", 0.0),
        ("bybit", "SOL", "struck", 5.0),
        ("hyperliquid", "USDC", "continuous", 0.0),
    ],
)
def test_packaged_hour_rules(venue: str, coin: str, charged: str, minute: float) -> None:
    rule = PACKAGED.borrow(venue, coin, ns("2026-06-01"))
    assert (rule.charged, rule.every_h, rule.minute) == (charged, 1.0, minute)


def test_every_packaged_coin_is_found_at_its_own_date() -> None:
    seen = 0
    for venue in packaged_venues():
        file = packaged(venue)
        assert file is not None
        for record in file.records:
            for coin in record.coins if record.part == "collateral" else ():
                rule = PACKAGED.collateral(venue, coin, record.since_ns)
                assert rule.haircuts == record.says["haircuts"], record.where
                seen += 1
    assert seen > 30


def test_binances_borrow_rates_become_records() -> None:
    def coin(name: str, **more: object) -> dict[str, object]:
        row = {"vipLevel": 0, "borrowable": True, "dailyInterest": "0.0002", "borrowLimit": "7"}
        return row | {"coin": name} | more

    staked = coin("WBETH", borrowable=False, borrowLimit="9")
    table = [coin("SOL"), staked, coin("SOL", vipLevel=1, borrowLimit="8"), coin("币安人生")]
    made = binance_cross_margin_data(table, SAID)
    assert made.left_out == ("币安人生",)
    rule = load([made.text]).borrow("binance", "SOL", ns("2026-08-01"))
    assert (rule.apr, rule.loan_limit, rule.charged) == (0.073, 7.0, "begun")
    assert load([made.text]).borrow("binance", "WBETH", ns("2026-08-01")).loan_limit == 0.0
    dearer = load([binance_cross_margin_data(table, SAID, vip=1).text])
    assert dearer.borrow("binance", "SOL", ns("2026-08-01")).loan_limit == 8.0
    with pytest.raises(DataError, match="no rows of VIP 3"):
        binance_cross_margin_data(table, SAID, vip=3)
    with pytest.raises(DataError, match="crossMarginData: no 'coin'"):
        binance_cross_margin_data([{}], SAID)
