"""A study in a notebook: one import, figures that show themselves."""

from pathlib import Path

from narrows import notebook
from narrows.core.config import parse
from narrows.report.figure import Figure

DESK = """
[desk]
name = "cells"
end  = 2024-02-15
[data]
catalog = "demo"
[universe]
instruments = ["ETH-USDT.alpha", "ETH-USDT-PERP.alpha"]
[strategy]
name = "funding_carry"
"""


def test_all_that_is_named_is_there_and_sorted() -> None:
    assert all(hasattr(notebook, name) for name in notebook.__all__)
    assert list(notebook.__all__) == sorted(notebook.__all__)


def test_a_study_and_its_figures(tmp_path: Path) -> None:
    desk = parse(DESK)
    found = notebook.study(desk, notebook.load_panel(desk), "funding_carry")
    figures = notebook.study_figures(found)
    assert [one.name for one in figures][:1] == ["gap"]
    for one in figures:
        assert isinstance(one, Figure)
        assert one._repr_mimebundle_()["application/vnd.plotly.v1+json"]["data"]
    notebook.write_study(found, tmp_path / "study.html")
    assert (tmp_path / "study.html").read_text("utf-8").startswith("<!doctype html>")
