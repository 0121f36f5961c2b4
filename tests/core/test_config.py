"""The desk file: what is wrong comes as one line with its path, and the examples are never stale."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from narrows.core import config
from narrows.core.config import Desk, parse
from narrows.core.errors import ConfigError
from narrows.core.time import HOUR_NS
from narrows.strategy.registry import strategy

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALLEST = '[desk]\nname = "d"\n[universe]\n[strategy]\nname = "funding_carry"\n'


def with_key(section: str, line: str) -> str:
    if f"[{section}]" not in SMALLEST:
        return f"{SMALLEST}[{section}]\n{line}\n"
    return SMALLEST.replace(f"[{section}]\n", f"[{section}]\n{line}\n")


def complaint(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse(text, "my.toml")
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("my.toml")
    return message


def test_three_sections_are_enough_and_the_rest_are_defaults() -> None:
    desk = parse(SMALLEST)
    assert (desk.capital, desk.bar_ns, desk.start_ns, desk.end_ns) == (1e6, HOUR_NS, 0, 0)
    assert (desk.risk, desk.hurdle, desk.venues) == (config.Risk(), config.Hurdle(), {})


@pytest.mark.parametrize("section", ["desk", "data", "universe", "venues.okx", "risk", "hurdle"])
def test_an_unknown_key_is_named_with_its_path_and_the_known_ones(section: str) -> None:
    message = complaint(with_key(section, "nonsense = 1"))
    assert message.startswith(f"my.toml: {section}.nonsense: unknown key; known keys are ")


@pytest.mark.parametrize(
    ("section", "line", "path"),
    [
        ("desk", "capital = 'much'", "desk.capital"),
        ("desk", "seed = 1.5", "desk.seed"),
        ("desk", "start = 'yesterday'", "desk.start"),
        ("data", "catalog = 3", "data.catalog"),
        ("universe", "instruments = 'BTC-USDT.okx'", "universe.instruments"),
        ("universe", "kinds = ['swap']", "universe.kinds"),
        ("venues.okx", "taker_bps = '5'", "venues.okx.taker_bps"),
        ("venues.okx", "account = 'joint'", "venues.okx.account"),
        ("risk", "survive = [1]", "risk.survive"),
        ("hurdle", "apr = true", "hurdle.apr"),
    ],
)
def test_a_wrong_type_is_named_with_its_path(section: str, line: str, path: str) -> None:
    assert complaint(with_key(section, line)).startswith(f"my.toml: {path}")


@pytest.mark.parametrize(
    ("section", "line", "path", "what"),
    [
        ("desk", "capital = 0", "desk.capital", "capital 0.0 is not positive and finite"),
        ("desk", "capital = -5", "desk.capital", "is not positive"),
        ("desk", "capital = nan", "desk.capital", "is not positive"),
        ("desk", "capital = inf", "desk.capital", "capital inf"),
        ("desk", "bar = '90'", "desk.bar", "'90' is not a duration"),
        ("desk", "start = 2024-02-01\nend = 2024-01-01", "desk.end", "is not after start"),
        ("desk", "start = 2024-02-01\nend = 2024-02-01", "desk.end", "is not after start"),
        ("risk", "max_leverage = 0", "risk.max_leverage", "not positive"),
        ("risk", "horizon_h = 0", "risk.horizon_h", "not positive"),
        ("hurdle", "apr = 4.5", "hurdle.apr", "an apr of 4.5 is 450 % a year; give a fraction"),
        ("hurdle", "apr = 1", "hurdle.apr", "100 % a year"),
        ("hurdle", "apr = -1.0", "hurdle.apr", "-100 % a year"),
        ("hurdle", "apr = nan", "hurdle.apr", "give a fraction"),
        ("hurdle", "series = 'tbill'", "hurdle.series", "not built yet"),
        ("venues.okx", "max_leverage = -1", "venues.okx.max_leverage", "-1.0 is not positive"),
        ("venues.okx", "max_leverage = nan", "venues.okx.max_leverage", "nan is not positive"),
        ("venues.okx", "capital_share = 1.5", "venues.okx.capital_share", "1.5 leaves [0, 1]"),
        ("venues.okx", "derivatives_share = -0.1", "venues.okx.derivatives_share", "-0.1 leaves [0, 1]"),
        ("venues.okx", "maintenance = 0", "venues.okx.maintenance", "0.0 is not positive"),
        ("venues.okx", "depth_usd = 0", "venues.okx.depth_usd", "0.0 is not positive"),
        ("venues.okx", "half_spread_bps = -1", "venues.okx.half_spread_bps", "-1.0 is negative"),
        ("venues.okx", "liquidation_fee_bps = -1", "venues.okx.liquidation_fee_bps", "-1.0 is negative"),
        ("venues.okx", "borrow_apr = nan", "venues.okx.borrow_apr", "nan is negative or not finite"),
        ("venues.okx", "cash_borrow_apr = nan", "venues.okx.cash_borrow_apr", "nan is negative"),
        ("venues.okx", "cash_apr = -0.01", "venues.okx.cash_apr", "-0.01 is negative"),
        ("venues.okx", "latency_ms = -1", "venues.okx.latency_ms", "-1.0 is negative"),
        ("venues.okx", "latency_ms = 3_600_000", "venues.okx.latency_ms", "not shorter than a bar"),
        # the smaller of both leverages counts: 3 of [risk] × 0.34 > 1
        (
            "venues.okx",
            "maintenance = 0.34",
            "venues.okx.max_leverage",
            "leverage 3 with a maintenance of 0.34",
        ),
        (
            "venues.okx",
            "max_leverage = 2.5\nmaintenance = 0.4",
            "venues.okx.max_leverage",
            "leverage 2.5 with a maintenance of 0.4 is liquidated at once",
        ),
        ("venues.okx", "margin = 'portfolio'\naccount = 'separate'", "venues.okx.margin", "in one account"),
        ("venues.okx", "top_up = 'restore'\nmargin = 'isolated'", "venues.okx.top_up", "not topped up"),
        ("venues.okx", "top_up = 'restore'\ntransfer_delay_h = 'never'", "venues.okx.top_up", "never arrive"),
        ("venues.okx", "top_up_at = 1.0", "venues.okx.top_up_at", "at 1 it is liquidated"),
        ("venues.okx", "haircut = 1.1", "venues.okx.haircut", "leaves [0, 1]"),
        ("venues.okx", "debt_limit = -1.0", "venues.okx.debt_limit", "negative"),
        ("venues.okx", "transfer_fee = -1.0", "venues.okx.transfer_fee", "negative"),
        ("venues.okx", "coin_apr = { ETH = 30.0 }", "venues.okx.coin_apr.ETH", "give a fraction"),
        ("venues.okx", "price_band = 0.0", "venues.okx.price_band", "not positive"),
    ],
)
def test_a_value_that_makes_no_sense_is_named_with_its_path(
    section: str, line: str, path: str, what: str
) -> None:
    message = complaint(with_key(section, line))
    assert message.startswith(f"my.toml: {path}: ")
    assert what in message


@pytest.mark.parametrize("section", ["desk", "universe", "strategy"])
def test_a_missing_section_is_named(section: str) -> None:
    tables = {"desk": '[desk]\nname = "d"', "universe": "[universe]", "strategy": '[strategy]\nname = "s"'}
    del tables[section]
    assert f"section [{section}] is missing" in complaint("\n".join(tables.values()))


def test_an_unknown_section_is_named() -> None:
    assert complaint(SMALLEST + "[venue]\n").startswith("my.toml: venue: unknown section; known sections")


@pytest.mark.parametrize("key", ["desk", "universe", "strategy", "venues", "risk", "hurdle", "data"])
def test_a_section_that_is_no_table_is_refused(key: str) -> None:
    whole = {"desk": {"name": "d"}, "universe": {}, "strategy": {"name": "s"}} | {key: 3}
    lines = [f"{name} = {value}" for name, value in whole.items() if value == 3]
    for name, value in whole.items():
        if isinstance(value, dict):
            lines += [f"[{name}]", *(f'{key_} = "{text}"' for key_, text in value.items())]
    assert key in complaint("\n".join(lines))


def test_text_that_is_not_toml_is_refused() -> None:
    assert "not TOML" in complaint("capital: 3")


def test_a_strategy_needs_a_name() -> None:
    assert complaint(SMALLEST.replace('name = "funding_carry"', "entry_apr = 1.0")).startswith(
        "my.toml: strategy.name: no name"
    )


def test_a_name_is_needed() -> None:
    assert "name" in complaint(SMALLEST.replace('name = "d"', ""))


VALUES: dict[str, dict[str, str]] = {
    "desk": {
        "name": "'e'",
        "currency": "'USDC'",
        "capital": "5",
        "bar": "'1d'",
        "start": "2020-01-01",
        "end": "2031-01-01",
        "seed": "8",
    },
    "data": {"catalog": "'demo'"},
    "universe": {
        "instruments": "['A']",
        "venues": "['a']",
        "coins": "['A']",
        "kinds": "['spot']",
        "spreads": "['calendar']",
    },
    "strategy": {"name": "'other'", "entry_apr": "0.2"},
    "venues.okx": {},
    "risk": {"survive": "['2020-03-12']"},
    "hurdle": {},
}


SMALLEST_NAMES = {"desk": 'name = "d"', "strategy": 'name = "funding_carry"'}


def test_the_config_hash_changes_with_any_value() -> None:
    structs: dict[str, type[msgspec.Struct]] = {
        "venues.okx": config.Venue,
        "risk": config.Risk,
        "hurdle": config.Hurdle,
    }
    texts = [SMALLEST, SMALLEST + "[venues.okx]\n"]
    for section, values in VALUES.items():
        for key, value in values.items():
            named = SMALLEST_NAMES[section] if key == "name" else ""
            texts.append(with_key(section, f"{key} = {value}").replace(named, ""))
    for section, kind in structs.items():
        for field in msgspec.structs.fields(kind):
            if isinstance(field.default, float) or field.name in ("capital_share", "taker_bps", "maker_bps"):
                texts.append(with_key(section, f"{field.name} = 0.015625"))
    texts.append(with_key("venues.okx", "account = 'separate'"))
    texts.append(with_key("venues.okx", "collateral = []"))
    hashes = {parse(text).config_hash for text in texts}
    assert len(hashes) == len(texts) > 35
    assert parse(SMALLEST + "# a comment").config_hash == parse(SMALLEST).config_hash


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_every_example_is_a_desk_with_a_known_strategy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    desk = parse(path.read_text("utf-8"), path.name)
    assert isinstance(desk, Desk)
    strategy(desk.strategy, desk.parameters)


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("hurdle", "apr = 0.99"),
        ("hurdle", "apr = -0.99"),
        ("venues.okx", "maintenance = 0.333"),
        ("venues.okx", "max_leverage = 50\nmaintenance = 0.3"),  # [risk] allows 3
        ("venues.okx", "latency_ms = 3_599_999"),
    ],
)
def test_just_inside_the_limits_is_accepted(section: str, line: str) -> None:
    assert parse(with_key(section, line)).name == "d"


def test_the_full_example_names_every_key_and_no_other() -> None:
    text = (EXAMPLES / "desk.toml").read_text("utf-8")
    uncommented = re.sub(r"^# (?=\w+ *= |\[\[)", "", text, flags=re.MULTILINE)
    tables: dict[str, Any] = tomllib.loads(uncommented)
    tables["venues"] = tables["venues"]["binance"]
    built = {
        "desk": config._DeskTable,
        "data": config.Data,
        "universe": config.Universe,
        "venues": config.Venue,
        "risk": config.Risk,
    }
    (event,) = tables.pop("events")
    assert set(event) == set(config.Happening.__struct_fields__)
    assert set(tables) == {*built, "strategy", "fx", "hurdle"}
    for section, kind in built.items():
        assert set(tables[section]) == set(kind.__struct_fields__), section
    assert set(tables["hurdle"]) == {"apr"}  # a series is not built yet
    known = type(strategy(tables["strategy"].pop("name"), {}))
    assert set(tables["strategy"]) == {field.name for field in msgspec.structs.fields(known)}  # type: ignore[arg-type]
