"""The HTML page in a real browser: offline, by keyboard, on small screens, in both colour schemes."""

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from review import render
from review.model import Report
from tests.review import made

FAULTS: list[str] = []
"""What the page under test complained of, or asked the network for."""

REMEDY = "no chromium on this machine; install it: apt-get install chromium (or brew install chromium)"
CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
"""Texts whose contrast is less than WCAG 2.2 AA asks for."""

NAMELESS = (Path(__file__).parent / "nameless.js").read_text()
"""Things to click and tables that have no name."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    assert program, REMEDY
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


def _ask(request: Request) -> None:
    if not request.url.startswith("file:"):
        FAULTS.append(request.url)


def _open(browser: Browser, tmp_path: Path, report: Report, width: int = 1440, scheme: str = "light") -> Page:
    file = tmp_path / "review.html"
    file.write_text(render.html(report))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)  # pyright: ignore[reportArgumentType]
    page = context.new_page()
    page.on("console", lambda said: FAULTS.append(said.text))
    page.on("pageerror", lambda error: FAULTS.append(str(error)))
    page.on("request", _ask)
    FAULTS.clear()
    page.goto(file.as_uri())
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1440])
def test_it_can_be_read(browser: Browser, tmp_path: Path, width: int, scheme: str) -> None:
    page = _open(browser, tmp_path, made.report(), width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"
    page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(NAMELESS) == []
    assert FAULTS == []


def test_it_has_the_landmarks_and_headings_that_a_screen_reader_goes_by(
    browser: Browser, tmp_path: Path
) -> None:
    page = _open(browser, tmp_path, made.report())
    assert page.locator("html[lang=en] main").count() == page.locator("h1").count() == 1
    levels = [
        int(each[1])
        for each in page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((e) => e.tagName)")
    ]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert (
        page.get_by_role("columnheader", name="replace").count()
        == page.get_by_role("rowheader", name="dev").count()
        == 1
    )
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


def test_the_filter_works_by_keyboard_and_says_how_much_is_left(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, made.report())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_label("Kind").focus()
    page.keyboard.press("d")  # delete
    assert {each.get_attribute("data-op") for each in page.locator(".item:visible").all()} == {"delete"}
    assert re.fullmatch(r"\d+ shown", page.locator("#shown").inner_text())
    assert page.locator(".node.dim").count() == page.locator(".node:not(.delete)").count() > 0


def test_the_filter_knows_stacks_and_severities(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, made.report())
    page.get_by_label("Severity").select_option("blocks")
    assert page.locator(".item:visible").count() > 0
    assert page.locator(".item:visible:not([data-severity=blocks])").count() == 0
    page.get_by_label("Severity").select_option("")
    assert page.locator(".item[hidden]").count() == 0


def test_the_drawing_moves_and_zooms_by_keyboard_and_by_mouse(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, made.report())
    view = "document.querySelector('#canvas svg').getAttribute('viewBox').split(' ').map(Number)"
    whole = page.evaluate(view)
    page.locator("#canvas").focus()
    page.keyboard.press("+")
    zoomed = page.evaluate(view)
    page.keyboard.press("ArrowRight")
    moved = page.evaluate(view)
    assert zoomed[2] < whole[2]
    assert moved[0] > zoomed[0]
    box = page.locator("#canvas").bounding_box()
    assert box
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 200)
    page.mouse.up()
    assert page.evaluate(view)[0] > moved[0]
    page.get_by_role("button", name="Whole").click()
    assert page.evaluate(view) == whole


def test_text_of_the_program_is_never_markup(browser: Browser, tmp_path: Path) -> None:
    evil = "</script><script>document.title = 'taken'</script><img src=x onerror=alert(1)>\"'>"
    report = made.report(
        verdict=evil,
        notes=[evil],
        changes=[made.change(1, "replace", evil, evil)],
        findings=[made.finding(0, evil)],
    )
    page = _open(browser, tmp_path, report)
    assert page.locator("main img, main script").count() == 0
    assert page.title().startswith("Review: </script>")
    assert FAULTS == []


def test_two_thousand_changes_stay_readable(browser: Browser, tmp_path: Path) -> None:
    changes = [made.change(number, ("update", "create", "replace")[number % 3]) for number in range(2000)]
    page = _open(browser, tmp_path, made.report(changes=changes))
    assert page.locator(".component[open]").count() == 0, (
        "components are closed until somebody looks into one"
    )
    assert page.locator(".component").count() == 40
    assert page.locator(".node").count() <= 300
    assert page.get_by_text("Not drawn: 1700 more").count() == 1
