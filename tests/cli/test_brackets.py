"""A name may hold what a terminal library reads as markup: it is printed as it stands."""

from pathlib import Path

import pytest

from narrows.cli.app import main

NAME = "btc [/a] [bold]x"
DESK = f"""
[desk]
name = "{NAME}"
[data]
catalog = "demo"
[universe]
instruments = ["ETH-USDT.alpha", "ETH-USDT-PERP.alpha"]
[strategy]
name = "funding_carry"
"""


@pytest.mark.parametrize("verb", ["backtest", "compare"])
def test_brackets_in_the_name_of_a_desk(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / f"{n}.toml" for n in range(2 if verb == "compare" else 1)]
    for number, path in enumerate(paths):
        path.write_text(DESK.replace(NAME, f"{NAME}{number}"), "utf-8")
    with pytest.raises(SystemExit) as left:
        main([verb, *map(str, paths), "--report", str(tmp_path / "r.html")])
    out, err = capsys.readouterr()
    assert not left.value.code, err
    for number in range(len(paths)):
        assert f"{NAME}{number}" in out
