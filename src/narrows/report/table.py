"""What a Table is: text in rows, which the report prints as HTML."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Text in rows; the first `words` columns are words, the rest numbers.

    `styles` has a word for each row that is not like the others: "group" heads the rows after it,
    "part" is one of them, "faint" matters little.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    note: str = ""
    styles: tuple[str, ...] = ()
