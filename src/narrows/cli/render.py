"""What the verbs share in print: tables for people, JSON for tools, progress on standard error."""

import math
import sys
import threading
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

PATIENCE_S = 1.0  # a progress bar for less than this would only flicker

_PIPE = None if sys.stdout.isatty() else 160  # columns where no terminal says how wide it is


class _Output(Console):
    """A console that leaves a reader who has enough to `main`."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


# no markup: a name that a user chose may hold brackets
out = _Output(highlight=False, markup=False, soft_wrap=True, width=_PIPE)
err = Console(stderr=True, highlight=False, markup=False)


def print_json(value: Any) -> None:
    """One JSON object on standard output and nothing else; numbers that are not finite are null."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int] = ()
) -> None:
    """A table for people; columns in `numbers` are aligned to the right, the last one may wrap."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        if place in numbers:
            table.add_column(column, justify="right", style="cyan", no_wrap=True)
        else:
            table.add_column(column, overflow="fold", no_wrap=place < len(columns) - 1)
    for row in rows:
        table.add_row(*row)
    out.print(table)
    out.print()


class Bars:
    """A progress bar on standard error, if it is a terminal and the work lasts."""

    def __init__(self, title: str) -> None:
        self._progress = Progress(
            TextColumn(title),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
            console=err,
            transient=True,
        )
        self._task = self._progress.add_task(title)
        self._shown = False
        self._timer = threading.Timer(PATIENCE_S, self._show)
        self._timer.daemon = True

    def __enter__(self) -> "Bars":
        if err.is_terminal:
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._shown:
            self._progress.stop()

    def _show(self) -> None:
        self._shown = True
        self._progress.start()

    def __call__(self, done: int, total: int) -> None:
        """Say how far the work is."""
        self._progress.update(self._task, completed=done, total=total)


def money(amount: float, digits: int = 0) -> str:
    """Units with thin separators: 1 234 567."""
    return f"{amount:,.{digits}f}".replace(",", " ")


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction as percent; a dash where it is not known."""
    return "–" if fraction is None or not math.isfinite(fraction) else f"{fraction * 100:.{digits}f} %"


def number(value: float | None, digits: int = 1) -> str:
    """A plain number; a dash where it is not known."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
