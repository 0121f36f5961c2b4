"""docs/venues/payloads.md: what our readers make of every recorded payload, file by file."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pages import DATA, put

from narrows.live.recording import Received, read_recording
from narrows.venue.feed.messages import Delta, Ignored, Quote, Reference, Snapshot, Trade, Unknown, Why
from narrows.venue.feed.registry import FEEDS

PAGE = Path("docs") / "venues" / "payloads.md"
KINDS = (Snapshot, Delta, Trade, Quote, Reference)

# First match wins. A venue of "" is not read, and the text says why.
PLACES = (
    ("exchange_payloads/cryptofeed/BINANCE.*", "binance"),
    ("exchange_payloads/cryptofeed/BINANCE_FUTURES.*", "binance-usdm"),
    ("exchange_payloads/cryptofeed/BYBIT.*", "bybit"),
    ("exchange_payloads/cryptofeed/COINBASE.*", "coinbase"),
    ("exchange_payloads/cryptofeed/DERIBIT.*", "deribit"),
    ("exchange_payloads/cryptofeed/KRAKEN.*", "kraken"),
    ("exchange_payloads/cryptofeed/OKX.*", "okx"),
    ("exchange_payloads/binance_rest_2026/binance_fapi_*", "binance-usdm"),
    ("exchange_payloads/binance_rest_2026/*", "binance"),
    ("exchange_payloads/nautilus/binance/futures/*/*.json", "binance-usdm"),
    ("exchange_payloads/nautilus/binance/spot/user_data_sbe/*/*.json", ""),
    ("exchange_payloads/nautilus/binance/spot/*/*.json", "binance"),
    ("exchange_payloads/nautilus/bybit/*.json", "bybit"),
    ("exchange_payloads/nautilus/deribit/*.json", "deribit"),
    ("exchange_payloads/nautilus/hyperliquid/*.json", "hyperliquid"),
    ("exchange_payloads/nautilus/okx/common_optional_string_to_u64.json", ""),
    ("exchange_payloads/nautilus/okx/*.json", "okx"),
    ("exchange_payloads/nautilus/bitmex/*.json", ""),
    ("exchange_payloads/nautilus/tardis/*.json", ""),
    ("hftbacktest/spot/*.gz", "binance"),
    ("hftbacktest/usdm/*.gz", "binance-usdm"),
    ("hftbacktest/cm/*.gz", "binance-coinm"),
    ("hftbacktest/hyperliquid/*.gz", "hyperliquid"),
    ("nautilus/*.data.zip", "bybit"),
)  # fmt: skip
_ASKED = re.compile(r"[?&]symbol=(\w+)")

TEXT = """# What we read of recorded payloads

Each payload of the public recordings, read by the feed of its venue (`venue/feed`). A payload gives messages that we
use (a ticker may give a quote and a reference, an answer many trades), one that is known and not used, for a reason
of a closed list (`Why`), or one that is unknown; nothing is dropped without being counted. Subscriptions of the
recorder are "sent". An answer without entries gives nothing: "empty".

```sh
.venv/bin/python scripts/studies/payloads.py
```

{summary}

Not read: {unread}

{tables}
"""


class Read(NamedTuple):
    """What one file holds: counts of kinds of messages, of reasons and of what is unknown."""

    file: str
    payloads: int
    kinds: Counter[str]
    ignored: Counter[str]
    unknown: Counter[str]


def recorded() -> Iterator[tuple[Path, str]]:
    """Every recorded file and its venue, "" where we read none."""
    seen: set[Path] = set()
    for pattern, venue in PLACES:
        for path in sorted(DATA.glob(pattern)):
            if path not in seen:
                seen.add(path)
                yield path, venue


def symbol_of(path: Path, received: Received) -> str:
    """The instrument of an answer that does not name it: by the question, or by the file's name."""
    if asked := _ASKED.search(received.source):
        return asked[1]
    return path.stem.rpartition("_")[0].upper() if path.suffix == ".gz" else ""


def counted(path: Path, venue: str) -> Read:
    """All payloads of a file read."""
    payloads, kinds, ignored, unknown = 0, Counter[str](), Counter[str](), Counter[str]()
    for received in read_recording(path):
        payloads += 1
        if received.sent:
            ignored[Why.SENT] += 1
            continue
        messages = FEEDS[venue].parse(received.payload, symbol_of(path, received))
        kinds["empty"] += not messages
        for message in messages:
            if isinstance(message, Ignored):
                ignored[message.why] += 1
            elif isinstance(message, Unknown):
                unknown[message.what] += 1
            else:
                kinds[type(message).__name__] += 1
    return Read(path.relative_to(DATA).as_posix(), payloads, kinds, ignored, unknown)


def cells(name: str, read: Read) -> str:
    """A row of a table."""
    kinds = [f"{read.kinds[kind.__name__]:,}" if read.kinds[kind.__name__] else "" for kind in KINDS]
    ignored = ", ".join(f"{count:,} {why}" for why, count in sorted(read.ignored.items()))
    unknown = ", ".join(f"{count:,} {what}" for what, count in sorted(read.unknown.items())) or "0"
    empty = f"{read.kinds['empty']:,}" if read.kinds["empty"] else ""
    return "| " + " | ".join((name, f"{read.payloads:,}", *kinds, ignored, empty, unknown)) + " |"


def table(first: str, rows: list[str]) -> str:
    """Rows below their head."""
    names = (
        first,
        "payloads",
        *(f"{kind.__name__.lower()}s" for kind in KINDS),
        "known, not used",
        "empty",
        "unknown",
    )
    rule = "|---|" + "---:|" * (1 + len(KINDS)) + "---|---:|---|"
    return "\n".join(("| " + " | ".join(names) + " |", rule, *rows))


def added(name: str, reads: list[Read]) -> Read:
    """The sum of files."""
    return Read(
        name,
        sum(read.payloads for read in reads),
        *(
            sum((getattr(read, part) for read in reads), Counter())
            for part in ("kinds", "ignored", "unknown")
        ),
    )


def main() -> None:
    """Write the page; with --check only say whether it is as it would be written."""
    found: dict[str, list[Read]] = {}
    unread: Counter[str] = Counter()
    for path, venue in recorded():
        if venue:
            found.setdefault(venue, []).append(counted(path, venue))
        else:
            unread[path.relative_to(DATA).parts[2]] += 1
    summary = [
        cells(f"{venue} ({len(reads)} files)", added(venue, reads)) for venue, reads in sorted(found.items())
    ]
    tables = [
        f"## {venue}\n\n" + table("file", [cells(f"`{read.file}`", read) for read in reads])
        for venue, reads in sorted(found.items())
    ]
    why = (
        f"{unread['bitmex']} files of BitMEX and {unread['tardis']} of the data vendor Tardis, for which we have no feed; "
        f"{unread['binance']} descriptions of binary captures of Binance, without the captures; "
        f"{unread['okx']} of OKX's, which is a test's own and no payload."
    )
    put({PAGE: TEXT.format(summary=table("venue", summary), unread=why, tables="\n\n".join(tables))})


if __name__ == "__main__":
    main()
