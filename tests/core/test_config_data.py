"""The lists of [data] in a desk file: what is refused, and with which words."""

import pytest

from narrows.core.config import parse
from narrows.core.errors import ConfigError
from narrows.core.time import iso, to_ns

HEAD = """
[desk]
name = "d"
[universe]
instruments = ["BTC-USDT.binance"]
[strategy]
name = "funding_carry"
"""
EDIT = {
    "instrument": '"BTC-USDT.binance"',
    "start": "2024-10-28",
    "end": "2024-10-28T22:00:00Z",
    "reason": '"they stop early"',
}


def text(key: str, **changes: str | None) -> str:
    lines = [f"{name} = {value}" for name, value in (EDIT | changes).items() if value is not None]
    return "\n".join([HEAD, f"[[data.{key}]]", *lines])


def test_dates_are_midnights_and_defaults_are_filled_in() -> None:
    (exclude,) = parse(text("exclude", fields='["low", "high"]')).data.exclude
    assert (iso(to_ns(exclude.start)), iso(to_ns(exclude.end))) == (
        "2024-10-28T00:00:00Z",
        "2024-10-28T22:00:00Z",
    )
    assert exclude.fields == ("low", "high")
    (repair,) = parse(text("repair", how='"premium"')).data.repair
    assert (repair.instrument, repair.how) == ("BTC-USDT.binance", "premium")
    assert parse(HEAD).data.exclude == ()
    assert parse(HEAD).data.repair == ()


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (text("exclude", end="2024-10-27"), r"data.exclude\[0\].end: end 2024-10-27 .+ is before start"),
        (text("exclude", reason='" "'), r"data.exclude\[0\].reason: no reason; say why"),
        (text("exclude", reason=None), r"data.exclude\[0\]: .+required field `reason`"),
        (
            text("exclude", how='"premium"'),
            r"data.exclude\[0\].how: unknown key; known keys are instrument, start",
        ),
        (text("repair"), r"data.repair\[0\]: .+required field `how`"),
        (text("repair", how='"guess"'), r"data.repair\[0\].how: Invalid enum value 'guess'"),
        (text("exclude", start='"soon"'), r"data.exclude\[0\].start: "),
        (HEAD + "[data]\nexclude = 3", r"data.exclude: not a list of tables; write \[\[data.exclude\]\]"),
        (
            HEAD + "[data]\nrepairs = []",
            r"data.repairs: unknown key; known keys are catalog, rules, exclude, repair",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_path(written: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(written, "desk.toml")
