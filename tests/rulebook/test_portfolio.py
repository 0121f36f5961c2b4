"""Records of portfolio margin: what is refused, what holds when, and what nobody has to have."""

from datetime import date

import pytest

from narrows.core.errors import ConfigError
from narrows.core.instrument import instrument
from narrows.core.time import to_ns
from narrows.rulebook import PACKAGED, Far, PortfolioRule, load
from narrows.rulebook.records import parse

HEAD = """
[[portfolio]]
effective_from = 2024-01-01
source = "a page"
confidence = "high"
"""
GRID = HEAD + 'method = "grid"\nmoves = [-0.16, 0.0, 0.16]\n'
PERP = instrument("BTC-USDT-PERP.nova")


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse('venue = "nova"\n' + text, "nova.toml")
    assert str(caught.value).startswith("nova.toml")
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("missing", ["effective_from", "source", "confidence"])
def test_a_record_without_date_source_or_confidence_is_refused(missing: str) -> None:
    error = refused("\n".join(line for line in GRID.splitlines() if not line.startswith(missing)))
    assert missing in error.what
    assert error.where == "nova.toml: portfolio[1]"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (HEAD + 'method = "grid"\nmoves = [-0.16, -0.08, 0.08, 0.16]', "moves", "in which nothing moves"),
        (HEAD + 'method = "grid"\nmoves = [0.16, 0.0, -0.16]', "moves", "do not rise"),
        (HEAD + 'method = "grid"\nmoves = [0.0, 0.0]', "moves", "do not rise"),
        (HEAD + 'method = "grid"\nmoves = [-1.0, 0.0]', "moves", "-1.0 is no move"),
        (HEAD + 'method = "grid"\nmoves = [0.0, nan]', "moves", "nan is no move"),
        (HEAD + 'method = "grid"\nmoves = []', "moves", "no scenario"),
        (HEAD + 'method = "grid"', "moves", "moves is missing"),
        (HEAD + 'method = "var"', "method", "Invalid enum"),
        (HEAD, "portfolio[1]", "says nothing"),
        (GRID + "extended = [[1.0, 0.5], [-0.66, 0.5]]", "extended", "do not rise"),
        (GRID + "extended = [[1.0, 0.0]]", "extended[1]", "damping 0.0 leaves (0, 1]"),
        (GRID + "extended = [[-0.5, 0.5], [1.0, 1.01]]", "extended[2]", "damping 1.01 leaves (0, 1]"),
        (GRID + "extended = [[1.0, nan]]", "extended[1]", "damping nan"),
        (GRID + "extended = [[0.0, 0.5]]", "extended[1]", "far move of 0"),
        (GRID + "extended = [[1.0]]", "extended[0]", "Expected"),
        (GRID + "dampener = -1.0", "dampener", "-1.0 is negative"),
        (GRID + "delta_threshold = -20e6", "delta_threshold", "is negative"),
        (GRID + "delta_max = -0.1", "delta_max", "is negative"),
        (GRID + "minimum = -0.0045", "minimum", "is negative"),
        (GRID + "basis_min = 1.2", "basis_min", "1.2 is 120 %"),
        (GRID + "stable_move = 50.0", "stable_move", "5000 %"),
        (GRID + "volatility_up = 0.5", "volatility_up", "go together"),
        (GRID + "volatility_up = nan\nvolatility_down = 0.2", "volatility_up", "not a number"),
        (GRID + "maintenance_factor = 0.0", "maintenance_factor", "not positive"),
        (GRID + 'basis = "all"', "basis", "Invalid enum"),
        (GRID + "delta = 1.0", "delta", "unknown key"),
        (HEAD + "warn_at = 1.05\nliquidated_at = 1.2", "warn_at", "levels 1.2, 1.05 fall"),
        (GRID + GRID, "portfolio[2]", "already does"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(text: str, where: str, what: str) -> None:
    error = refused(text)
    assert what in error.what
    assert where in error.where


def test_a_rule_is_put_together_from_its_records() -> None:
    later = HEAD.replace("2024-01-01", "2024-06-01") + 'coins = ["BTC"]\nmoves = [-0.12, 0.0, 0.12]'
    book = load(['venue = "nova"\n' + GRID + "minimum = 0.01" + later])
    before = book.portfolio(PERP, to_ns(date(2024, 3, 1)))
    after = book.portfolio(PERP, to_ns(date(2024, 7, 1)))
    assert before == PortfolioRule(method="grid", moves=(-0.16, 0.0, 0.16), minimum=0.01)
    assert after == PortfolioRule(method="grid", moves=(-0.12, 0.0, 0.12), minimum=0.01)
    assert book.changes(PERP, 0, 2**62) == [to_ns(date(2024, 1, 1)), to_ns(date(2024, 6, 1))]
    with pytest.raises(ConfigError, match="no portfolio of it before 2024-01-01"):
        book.portfolio(PERP, to_ns(date(2023, 1, 1)))


def test_nobody_has_to_have_portfolio_margin() -> None:
    """Without a record an instrument's other rules are whole, and only who asks for it is told."""
    perp = instrument("BTC-USDT-PERP.alpha")
    now = to_ns(date(2024, 6, 1))
    assert PACKAGED.at(perp, now).portfolio is None
    assert PACKAGED.lacking(perp, now) == {}
    with pytest.raises(ConfigError, match=r"no record of alpha covers its portfolio \(missing: method\)"):
        PACKAGED.portfolio(perp, now)


def test_a_grid_without_volatility_moves_prices_only() -> None:
    rule = PortfolioRule(method="grid", moves=(-0.1, 0.0, 0.1), extended=(Far(0.5, 0.2),), dampener=100.0)
    assert [one.volatility for one in rule.scenarios()] == [0, 0, 0, 0]
    assert rule.scenarios()[-1].relief == pytest.approx(400.0)
    assert not rule.prices_options


@pytest.mark.parametrize(
    ("id_", "day", "end", "far", "annual", "least"),
    [
        ("BTC-USDT-PERP.okx", date(2024, 3, 1), 0.15, 0.30, 0.0, 0.0),
        ("BTC-USDT-PERP.okx", date(2025, 1, 10), 0.12, 0.24, 0.0, 0.012),
        ("ETH-USDC-PERP.okx", date(2025, 3, 1), 0.12, 0.24, 0.05, 0.012),
        ("XRP-USDT-PERP.okx", date(2024, 3, 1), 0.20, 0.40, 0.0, 0.0),
        ("XRP-USDT-PERP.okx", date(2025, 3, 1), 0.18, 0.36, 0.15, 0.012),
        ("LINK-USDT-PERP.okx", date(2025, 3, 1), 0.18, 0.50, 0.30, 0.012),
        ("SOL-USDT-PERP.okx", date(2025, 3, 1), 0.25, 0.36, 0.15, 0.012),
        ("AVAX-USDT-PERP.okx", date(2025, 3, 1), 0.25, 0.50, 0.30, 0.012),
    ],
)
def test_okx_before_and_after_its_notice_of_january_2025(
    id_: str, day: date, end: float, far: float, annual: float, least: float
) -> None:
    """OKX notice of 2025-01-02: MR1, MR6 and MR4 by coin."""
    rule = PACKAGED.portfolio(instrument(id_), to_ns(day))
    assert (rule.moves[0], rule.moves[-1]) == (-end, end)
    assert rule.extended == ((-far, 0.5), (far, 0.5))
    assert (rule.basis_annual, rule.basis_min) == (annual, least)
    assert not rule.prices_options


@pytest.mark.parametrize("id_", ["BTC-USD-PERP.deribit", "ETH-USD-20240927.deribit", "SOL-USDC-PERP.deribit"])
def test_deribit_has_a_grid_of_every_coin_that_prices_options(id_: str) -> None:
    rule = PACKAGED.portfolio(instrument(id_), to_ns(date(2024, 6, 18)))
    assert (rule.method, rule.prices_options, len(rule.scenarios())) == ("grid", True, 35)
    assert rule.valued_in == ("quote" if "USDC" in id_ else "coin")


def test_who_says_so_is_told() -> None:
    told = PACKAGED.origins(instrument("BTC-USD-PERP.deribit"), to_ns(date(2024, 7, 1)))
    by = {key: one for one in told if one.part == "portfolio" for key in one.says}
    assert by["moves"].confidence == "high"
    assert by["delta_increment"].confidence == "low"
    assert "not confirmed" in by["delta_increment"].source
