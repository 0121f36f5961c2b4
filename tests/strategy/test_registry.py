"""A strategy is found by its name, or by the path of one's own."""

from pathlib import Path

import pytest

from narrows.core.errors import ConfigError
from narrows.strategy.funding_carry import FundingCarry
from narrows.strategy.registry import STRATEGIES, strategy

MINE = """
import msgspec
from narrows.strategy.funding_carry import FundingCarry

class Mine(FundingCarry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    twist: float = 1.0

NOT_A_CLASS = 3
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_strategy.py").write_text(MINE, "utf-8")
    (tmp_path / "broken_strategy.py").write_text("1 / 0", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "my_strategy"


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_name_gives_its_strategy_with_defaults(name: str) -> None:
    assert repr(strategy(name, {})) == repr(STRATEGIES[name]())


def test_leaving_where_one_enters_is_allowed() -> None:
    assert repr(strategy("funding_carry", {"exit_apr": 0.1})) == repr(FundingCarry(exit_apr=0.1))


def test_parameters_are_filled_in() -> None:
    assert strategy("funding_carry", {"entry_apr": 1, "direction": "long"}) == FundingCarry(
        entry_apr=1.0, direction="long"
    )


def test_a_path_loads_a_strategy_of_ones_own(own_module: str) -> None:
    mine = strategy(f"{own_module}:Mine", {"twist": 2.0, "entry_apr": 0.5})
    assert (type(mine).__name__, mine.twist, mine.entry_apr) == ("Mine", 2.0, 0.5)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("carry", {}, "no strategy 'carry'; choose from funding_carry, cash_and_carry, or name your own"),
        ("funding_carry", {"entry": 0.1}, r"entry: unknown key; known keys are entry_apr, exit_apr"),
        ("funding_carry", {"entry_apr": "high"}, r"strategy funding_carry\.entry_apr: Expected `float`"),
        ("funding_carry", {"exit_apr": 0.2}, "exit_apr 0.2 is above entry_apr 0.1: it would trade every bar"),
        ("cash_and_carry", {"entry_apr": 0.1, "exit_apr": 0.11}, r"exit_apr 0\.11 is above entry_apr 0\.1"),
        (
            "funding_carry",
            {"entry_apr": 10},
            r"entry_apr 10 is 1000% a year: give a fraction, 0\.10 for 10 %",
        ),
        ("cash_and_carry", {"entry_apr": 5.01}, "give a fraction"),
        ("funding_carry", {"size": 0}, "size 0 is not positive"),
        ("cash_and_carry", {"size": -1.0}, "size -1 is not positive"),
        ("funding_carry", {"lookback_h": 0.0}, "lookback_h and max_hold_h must be positive"),
        ("funding_carry", {"max_hold_h": -1.0}, "lookback_h and max_hold_h must be positive"),
        ("funding_carry", {"borrow_apr": 0.1}, "borrow_apr: unknown key"),
        (
            "broken_strategy:Mine",
            {},
            "cannot load 'broken_strategy:Mine': ZeroDivisionError: division by zero",
        ),
        ("funding_carry", {"direction": "up"}, r"strategy funding_carry\.direction: Invalid enum value 'up'"),
        ("no_such_module:Mine", {}, "cannot load 'no_such_module:Mine'.*is it on PYTHONPATH"),
        ("my_strategy:Nobody", {}, "cannot load 'my_strategy:Nobody'"),
        ("my_strategy:", {}, "cannot load 'my_strategy:'"),
        ("my_strategy:NOT_A_CLASS", {}, r"is not a msgspec\.Struct"),
    ],
)
def test_what_cannot_be_found_or_filled_is_refused_in_one_line(
    own_module: str, name: str, parameters: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        strategy(name, parameters)
    assert "\n" not in str(error.value)


def test_a_threshold_that_always_holds_is_no_percentage() -> None:
    assert strategy("funding_carry", {"entry_apr": -100.0, "exit_apr": -1000.0})
    assert strategy("funding_carry", {"entry_apr": 5.0})
