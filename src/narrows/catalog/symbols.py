"""Symbols as sources write them → symbols of the catalogue, by the rules that the mapping declares."""

import re
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from narrows.catalog.source import Source, SymbolRule
from narrows.core.errors import DataError


def _group(rule: SymbolRule, group: int, text: str, where: str) -> str:
    key = str(group)
    if key in rule.names:
        if text not in rule.names[key]:
            raise DataError(
                f"{text!r} has no name", f"{where}: {rule.column}", f"add it to symbol.names.{key}"
            )
        text = rule.names[key][text]
    if key in rule.dates:
        try:
            text = datetime.strptime(text, rule.dates[key]).strftime("%Y%m%d")
        except ValueError:
            what = f"{text!r} is not a date like {rule.dates[key]}"
            raise DataError(what, f"{where}: {rule.column}", f"check symbol.dates.{key}") from None
    return text


def _built(rule: SymbolRule, match: re.Match[str], where: str) -> str:
    """The template of a rule filled with what its pattern found."""
    groups = [_group(rule, n, text or "", where) for n, text in enumerate(match.groups(), start=1)]

    def fill(place: re.Match[str]) -> str:
        if place[1] == "0":
            raise IndexError
        return groups[int(place[1]) - 1]

    try:
        return re.sub(r"\\(\d)", fill, rule.symbol)
    except IndexError:
        what = f"cannot build a symbol: {rule.symbol!r} asks for a group that is not in the pattern"
        raise DataError(what, where, "check symbol.symbol") from None


def _symbol(rules: Sequence[SymbolRule], text: str, where: str) -> str | None:
    for rule in rules:
        match = re.fullmatch(rule.pattern, text)
        if match:
            return _built(rule, match, where)
    if any(rule.unmatched == "drop" for rule in rules):
        return None
    patterns = " or ".join(repr(rule.pattern) for rule in rules)
    what = f"{rules[0].column} {text!r} does not match {patterns}"
    raise DataError(
        what, where, 'widen symbol.pattern, select rows with filter, or say unmatched = "drop" there'
    )


def with_symbols(source: Source, frame: pl.DataFrame, where: str) -> tuple[pl.DataFrame, int]:
    """The column `symbol` as the catalogue writes it, and how many rows were left out as unmatched.

    Raises
    ------
    DataError
        If a symbol matches no rule, and no rule says that such rows are left out.
    """
    if not source.rules:
        return frame.with_columns(symbol=pl.lit(source.symbol)), 0
    written = frame["symbol"].cast(pl.String).fill_null("")
    found = {text: _symbol(source.rules, text, where) for text in written.unique(maintain_order=True)}
    old, new = list(found), pl.Series(list(found.values()), dtype=pl.String)
    named = frame.with_columns(symbol=written.replace_strict(old, new, return_dtype=pl.String))
    known = named.filter(pl.col("symbol").is_not_null())
    return known, frame.height - known.height
