"""Rule files are read here, and the how-to page that explains them is run as it stands."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from narrows.catalog.rules import load_rules
from narrows.core.errors import ConfigError
from narrows.core.instrument import instrument
from narrows.core.time import to_ns

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "add-a-venue.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_the_how_to_page_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (venue, *more), (use, bring) = blocks("toml"), blocks("python")
    parts = [block.replace('venue = "nova"\n', "", 1) for block in more]
    Path("nova.toml").write_text("\n".join([venue, *parts]), "utf-8")
    Path("tiers.json").write_text(
        json.dumps({"data": [{"minSz": "0", "maxSz": "50", "mmr": "0.03", "maxLever": "10"}]}), "utf-8"
    )
    exec(use, {})
    exec(bring, {})
    book = load_rules(["okx_tiers.toml"])
    assert book.margin(instrument("BTC-USDT-PERP.okx"), to_ns(date(2026, 8, 1))).tiers[0].cap == 0.5
    future = load_rules(["nova.toml"]).at(instrument("BTC-USDT-20270326.nova"), to_ns(date(2027, 1, 1)))
    assert future.settlement is not None


def test_paths_start_beside_the_desk_file_and_errors_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('venue = "nova"\n[[fees]]\ntaker_bps = 1.0', "utf-8")
    with pytest.raises(ConfigError, match=r"bad\.toml: fees\[1\]"):
        load_rules(["bad.toml"], beside=tmp_path)
    with pytest.raises(ConfigError, match="cannot read"):
        load_rules(["bad.toml"], beside=tmp_path / "elsewhere")
    assert load_rules([]).fees(instrument("BTC-USDT.binance"), to_ns(date(2024, 1, 1))).taker == 0.001
