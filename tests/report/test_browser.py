"""The pages in a real browser: they draw, answer the pointer, print, and fit a screen and a phone.

Chromium comes from the operating system (scripts/setup sees to it), Playwright drives it. The
pictures are kept in artefacts/.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from narrows.analytics.study import Study
from narrows.catalog import ingest, load_desk, load_panel
from narrows.core.config import parse
from narrows.core.panel import Panel
from narrows.core.result import Result
from narrows.report import write_comparison, write_report
from narrows.report.study import write_study
from narrows.research.study import study
from narrows.sim.backtest import backtest

REPOSITORY = Path(__file__).parents[2]
ARTEFACTS = REPOSITORY / "artefacts"
SIZES = {1280: 900, 390: 844}
DRAWN = "() => [...document.querySelectorAll('.plot')].every(plot => plot.querySelector('.main-svg'))"
PAPER = "getComputedStyle(document.body).backgroundColor"
# what sticks out of the page, unless it lies in something that scrolls by itself
OVERFLOW = """() => [...document.querySelectorAll('main *')].filter(one => {
  const box = one.getBoundingClientRect();
  return box.width && box.right > innerWidth + 1 && !one.closest('.scroll, pre, svg, .plot');
}).map(one => one.tagName + '.' + one.className)"""


@dataclass
class Shown:
    """A page, and what its console said."""

    page: Page
    said: list[str]


def _browser_path() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        why = "no Chromium; install it, for example with: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = _browser_path()
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def demo() -> tuple[Result, Panel]:
    desk = parse(files("narrows.cli").joinpath("demo.toml").read_text("utf-8"), "demo.toml")
    panel = load_panel(desk)
    return backtest(desk, panel), panel


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Shown]]:
    pages: list[Page] = []

    def show(path: Path, width: int = 1280) -> Shown:
        page = browser.new_page(viewport={"width": width, "height": SIZES[width]}, color_scheme="light")
        pages.append(page)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda sent: said.append(sent.url) if not sent.url.startswith("file:") else None)
        page.goto(path.as_uri())
        page.wait_for_function(DRAWN)
        return Shown(page, said)

    yield show
    for page in pages:
        page.close()


def check(shown: Shown, name: str) -> None:
    """No word on the console, nothing asked of the network, nothing sticks out; a picture is kept."""
    ARTEFACTS.mkdir(exist_ok=True)
    shown.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)
    width = (shown.page.viewport_size or {"width": 0})["width"]
    assert shown.said == []
    assert shown.page.evaluate(OVERFLOW) == []
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", SIZES)
def test_the_demo_report_on_light_and_dark(
    demo: tuple[Result, Panel], tmp_path: Path, opened: Callable[..., Shown], width: int
) -> None:
    write_report(demo[0], tmp_path / "demo.html")
    shown = opened(tmp_path / "demo.html", width)
    assert shown.page.locator(".plot").count() >= 9
    schemes: tuple[tuple[Any, str], ...] = (("light", "rgb(255, 255, 255)"), ("dark", "rgb(15, 18, 22)"))
    for scheme, paper in schemes:
        shown.page.emulate_media(color_scheme=scheme)
        assert shown.page.evaluate(PAPER) == paper
        check(shown, f"demo-{width}-{scheme}")


def test_the_pointer_gets_an_answer_and_the_page_its_other_colours_and_prints(
    demo: tuple[Result, Panel], tmp_path: Path, opened: Callable[..., Shown]
) -> None:
    write_report(demo[0], tmp_path / "demo.html")
    page = opened(tmp_path / "demo.html").page
    for name in ("equity", "heat"):
        plot = page.locator(f'[data-spec="spec-{name}"]')
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"], steps=3)
        page.wait_for_function(
            f"document.querySelector('[data-spec=\"spec-{name}\"] .hoverlayer').textContent.length > 5"
        )
    assert "a year on average" in (page.locator('[data-spec="spec-heat"] .hoverlayer').text_content() or "")
    page.locator("#theme").click()
    assert page.evaluate(PAPER) == "rgb(15, 18, 22)"
    page.locator("figure .why summary").first.click()
    assert page.locator("figure .why p").first.is_visible()
    on_paper(page)


def on_paper(page: Page) -> None:
    """No figure is wider than the page, and the paper is white though the screen was dark."""
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    widths = "[...document.querySelectorAll('.main-svg')].map(one => one.clientWidth)"
    assert max(page.evaluate(widths)) <= 690
    assert page.evaluate(PAPER) == "rgb(255, 255, 255)"
    ARTEFACTS.mkdir(exist_ok=True)
    made = page.pdf(path=ARTEFACTS / "demo.pdf", format="A4", prefer_css_page_size=True)
    assert made.startswith(b"%PDF")


@pytest.mark.parametrize("width", SIZES)
def test_a_comparison(
    demo: tuple[Result, Panel], result: Result, tmp_path: Path, opened: Callable[..., Shown], width: int
) -> None:
    write_comparison([demo[0], result], tmp_path / "comparison.html")
    shown = opened(tmp_path / "comparison.html", width)
    check(shown, f"comparison-{width}")
    assert shown.page.locator(".plot").count() == 2


@pytest.mark.parametrize("width", SIZES)
def test_a_run_without_bars(
    idle_run: Callable[[int], Result], tmp_path: Path, opened: Callable[..., Shown], width: int
) -> None:
    write_report(idle_run(0), tmp_path / "empty.html")
    check(opened(tmp_path / "empty.html", width), f"empty-{width}")


@pytest.mark.parametrize("width", SIZES)
def test_real_data(tmp_path: Path, opened: Callable[..., Shown], width: int, monkeypatch: Any) -> None:
    root = Path(os.environ.get("NARROWS_DATA") or REPOSITORY.parent / "shared" / "data")
    if not root.is_dir():
        pytest.skip(f"no market data at {root}: set NARROWS_DATA")
    ingest([REPOSITORY / "examples" / "sources" / "okx_sol.toml"], root=root, catalog=tmp_path / "catalog")
    monkeypatch.chdir(tmp_path)
    desk = load_desk(REPOSITORY / "examples" / "sol_2022.toml")
    write_report(backtest(desk, load_panel(desk)), tmp_path / "sol.html")
    shown = opened(tmp_path / "sol.html", width)
    check(shown, f"sol-2022-{width}")
    assert "liquidation" in (shown.page.locator("h1").text_content() or "")


STUDIES = {
    "funding-carry": ("funding_carry:BTC-USDT.alpha/BTC-USDT-PERP.alpha", 6),
    "cash-and-carry": ("cash_and_carry:BTC-USDT.alpha/BTC-USDT-20241227.alpha", 4),
}


@pytest.fixture(scope="module")
def studies() -> dict[str, Study]:
    """Both kinds of the demo market; the dated one two weeks before its delivery."""
    text = files("narrows.cli").joinpath("demo.toml").read_text("utf-8")
    dated = [f"BTC-USDT-2024{day}.alpha" for day in ("0329", "0628", "0927", "1227")]
    more = text.replace('"ETH-USDT.alpha", "ETH-USDT-PERP.alpha"', ", ".join(f'"{one}"' for one in dated))
    desk = parse(more.replace('["funding_carry"]', '["funding_carry", "cash_and_carry"]'), "demo.toml")
    panel = load_panel(desk)
    panel = panel.rows(0, len(panel) - 18 * 24)
    return {name: study(desk, panel, wanted) for name, (wanted, _) in STUDIES.items()}


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("name", STUDIES)
def test_a_study_on_light_and_dark(
    studies: dict[str, Study], tmp_path: Path, opened: Callable[..., Shown], name: str, width: int
) -> None:
    write_study(studies[name], tmp_path / "study.html")
    shown = opened(tmp_path / "study.html", width)
    assert shown.page.locator(".plot").count() == STUDIES[name][1]
    assert shown.page.locator(".empty").count() == 0
    for scheme in ("light", "dark"):
        shown.page.emulate_media(color_scheme=scheme)
        check(shown, f"study-{name}-{width}-{scheme}")
    ids = shown.page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    shown.page.locator("figure .why summary").first.click()
    assert shown.page.locator("figure .why p").first.is_visible()
    assert shown.page.evaluate(OVERFLOW) == []
