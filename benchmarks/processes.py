"""Whole processes, as a user meets them: `narrows --help` and a second backtest of 15,000 hourly bars.

Each command is run several times as a process of its own; the median and the least are printed,
beside the same figures for a process that imports nothing, and one that only imports numba. With
--json, one JSON object.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from narrows.catalog import ingest
from narrows.core.time import HOUR_NS, SECOND_NS
from narrows.market.synthetic import synthetic_market

REPEATS = 5
BARS = 15_000
MAPPING = """
[[source]]
file = "{file}"
table = "{table}"
venue = "alpha"
symbol = "{symbol}"
time = {{ format = "ns" }}
columns = {{ {columns} }}
"""
DESK = """
[desk]
name = "bench"
[data]
catalog = "{catalog}"
[universe]
instruments = ["BTC-USDT.alpha", "BTC-USDT-PERP.alpha"]
[strategy]
name = "funding_carry"
[venues.alpha]
taker_bps = 5.0
"""


def prepare(folder: Path) -> Path:
    """A catalogue of 15,000 synthetic bars and a desk file for it."""
    panel, _ = synthetic_market(7, BARS)
    mapping = ""
    for symbol in ("BTC-USDT", "BTC-USDT-PERP"):
        column = panel.column(f"{symbol}.alpha")
        names = ("open", "high", "low", "close", "volume")
        frame = pl.DataFrame({"time": panel.time_ns} | {n: panel.fields[n][:, column] for n in names})
        frame.write_parquet(folder / f"{symbol}.parquet")
        mapping += (
            MAPPING.format(
                file=f"{symbol}.parquet",
                table="bars",
                symbol=symbol,
                columns=", ".join(f'{n} = "{n}"' for n in ("time", *names)),
            )
            + 'bar = "1h"\nstamp = "close"\n'
        )
    rates = pl.DataFrame({"time": panel.time_ns, "rate": panel.funding[:, column]}).filter(
        pl.col("rate").is_not_nan()
    )
    rates.write_parquet(folder / "funding.parquet")
    mapping += (
        MAPPING.format(
            file="funding.parquet",
            table="funding",
            symbol="BTC-USDT-PERP",
            columns='time = "time", rate = "rate"',
        )
        + "interval_h = 8\n"
    )
    (folder / "mapping.toml").write_text(mapping)
    ingest([folder / "mapping.toml"], root=folder, catalog=folder / "catalog")
    desk = folder / "desk.toml"
    desk.write_text(DESK.format(catalog=folder / "catalog"))
    assert int(panel.time_ns[-1] - panel.time_ns[0]) == (BARS - 1) * HOUR_NS
    return desk


def seconds(command: list[str]) -> tuple[float, float]:
    """Median and least wall time of a command, after one run that may fill caches."""
    subprocess.run(command, check=True, capture_output=True)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter_ns()
        subprocess.run(command, check=True, capture_output=True)
        times.append((time.perf_counter_ns() - start) / SECOND_NS)
    return statistics.median(times), min(times)


def main() -> None:
    python, narrows = sys.executable, str(Path(sys.executable).with_name("narrows"))
    with tempfile.TemporaryDirectory() as name:
        desk = prepare(Path(name))
        report = str(Path(name) / "report.html")
        commands = {
            "python, nothing": [python, "-c", "pass"],
            "python, import numba and polars": [python, "-c", "import numba, polars"],
            "narrows --help": [narrows, "--help"],
            "narrows backtest, 15,000 bars, report": [narrows, "backtest", str(desk), "--report", report],
        }
        measured = {what: seconds(command) for what, command in commands.items()}
    if "--json" in sys.argv:
        rows = [
            {"what": what, "median_s": median, "least_s": least} for what, (median, least) in measured.items()
        ]
        print(json.dumps({"processes": rows}))
        return
    nothing = measured["python, nothing"][0]
    print(f"{'whole process, ' + str(REPEATS) + ' runs':46}{'median s':>10}{'least s':>10}{'× nothing':>18}")
    for what, (median, least) in measured.items():
        print(f"{what:46}{median:10.2f}{least:10.2f}{median / nothing:18.1f}")


if __name__ == "__main__":
    main()
