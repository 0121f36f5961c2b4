"""Recordings of what venues sent, read message by message, whatever tool wrote them."""

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import polars as pl

from narrows.core.errors import DataError
from narrows.core.time import seconds_ns

_NANOSECONDS = re.compile(rb"([0-9]{16,19}) (.*)", re.DOTALL)
_SECONDS = re.compile(rb"(?:(\S+) (->|<-|<->) )?([0-9]{1,10}(?:\.[0-9]+)?)(?:: (.*))?", re.DOTALL)
_ONE = (".json", ".json.gz", ".json.zst")  # a payload that may have many lines
_OURS = b"configuration: "  # of the program that recorded


class Received(NamedTuple):
    """A message of a recording.

    Attributes
    ----------
    time_ns : int
        When the recorder received or sent it, by the recorder's clock; 0 = the file does not say.
    payload : bytes
        As it was sent.
    source : str
        The address that answered or was written to; "" for a message of the stream.
    sent : bool
        Whether it is our side's: a subscription.
    line : int
        Of the file, from 1.
    """

    time_ns: int
    payload: bytes
    source: str
    sent: bool
    line: int


def _message(line: bytes, number: int) -> Received | None:
    """What a line holds. One in no known form is taken for a payload, which its reader will not know."""
    if not line or line.startswith(_OURS):
        return None
    if found := _NANOSECONDS.fullmatch(line):
        return Received(int(found[1]), found[2], "", False, number)
    if found := _SECONDS.fullmatch(line):
        address, way, time, payload = found.groups()
        if way == b"<->":  # connected
            return None
        source = (address or b"").decode(errors="replace")
        return Received(seconds_ns(time.decode()), payload or b"", source, way == b"<-", number)
    return Received(0, line, "", False, number)


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[bytes]]:
    if path.suffix == ".gz":
        with gzip.open(path) as unpacked:
            yield unpacked
        return
    if path.suffix != ".zip":
        with path.open("rb") as plain:
            yield plain
        return
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if len(names) != 1:
            raise DataError(f"holds {len(names)} files", str(path), "give a zip of one recording")
        with archive.open(names[0]) as file:
            yield file


def _lines(path: Path) -> Iterator[bytes]:
    """Lines of a file, packed or not; only .zst is unpacked in memory, because polars does it."""
    if path.suffix == ".zst":
        yield from (line.encode() for line in pl.read_lines(path).to_series())
        return
    with _opened(path) as file:
        for line in file:
            yield line.rstrip(b"\r\n")


def read_recording(path: str | Path) -> Iterator[Received]:
    """Messages of a recording in the order of the file, in constant memory (.zst excepted).

    Known are lines of a receive time in nanoseconds and a payload, lines of cryptofeed (``address ->
    seconds: payload``, ``<-`` for what was sent), lines of bare payloads, each also as .gz, .zst or a
    .zip of one file; and .json (.json.gz, .json.zst), which is one payload.

    Raises
    ------
    DataError
        If the file cannot be opened, or ends too early for its packing: after the messages before
        the break, unless it is a .zst.
    """
    place, count = Path(path), 0
    try:
        if place.name.endswith(_ONE):
            yield Received(0, b"\n".join(_lines(place)), "", False, 1)
            return
        for count, line in enumerate(_lines(place), 1):
            if message := _message(line, count):
                yield message
    except FileNotFoundError:
        raise DataError("no such file", str(place), "check the path") from None
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, pl.exceptions.PolarsError) as error:
        what = f"broken or truncated after line {count}: {str(error).partition(chr(10))[0]}"
        raise DataError(what, str(place), "fetch the file again, or keep what was read") from None
