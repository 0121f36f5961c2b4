"""Order books out of the raw recordings of three Binance BTC markets: the snapshot that each begins with."""

import gzip
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from narrows.core.instrument import Instrument, instrument
from narrows.market.depth import Depth, Levels, depth_of

SPOT = instrument("BTC-USDT.binance", tick=0.01, lot=1e-5, min_notional=5.0)
LINEAR = instrument("BTC-USDT-PERP.binance", tick=0.1, lot=0.001, min_notional=100.0)
INVERSE = instrument("BTC-USD-PERP.binance", tick=0.1, multiplier=100.0, lot=100.0)


class Recording(NamedTuple):
    """Where a snapshot lies: the file, and the line that holds it."""

    file: str
    line: int
    instrument: Instrument


RECORDINGS = (
    Recording("spot/btcusdt_20240808.gz", 8, SPOT),
    Recording("usdm/btcusdt_20240808.gz", 55, LINEAR),
    Recording("cm/btcusd_perp_20240808.gz", 37, INVERSE),
)


def raw_snapshot(root: Path, one: Recording) -> dict[str, Any]:
    """The message as the venue sent it, less the recorder's stamp."""
    with gzip.open(root / "hftbacktest" / one.file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if number == one.line:
                found: dict[str, Any] = json.loads(line.partition(" ")[2])
                return found
    raise AssertionError(f"{one.file} has no line {one.line}")


def snapshot(root: Path, one: Recording) -> Depth:
    """The same as a Depth."""
    sent = raw_snapshot(root, one)
    sides: list[Levels] = []
    for name in ("bids", "asks"):
        table = np.array(sent[name], dtype=np.float64)
        sides.append((table[:, 0], table[:, 1]))
    return depth_of(one.instrument, sides[0], sides[1])
