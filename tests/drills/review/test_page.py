"""The HTML page in a real browser: offline, by keyboard, on small screens, in both colour schemes."""

import dataclasses
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from review.model import COUNTS, Report, StackReport
from review.render import renderings
from tests.support.review import made

FAULTS: list[str] = []
"""What the page under test complained of, or asked the network for."""

REMEDY = "no chromium on this machine; install it: apt-get install chromium (or brew install chromium)"
CONTRAST = (Path(__file__).parents[2] / "support" / "review" / "contrast.js").read_text()
"""Texts whose contrast is less than WCAG 2.2 AA asks for."""

NAMELESS = (Path(__file__).parents[2] / "support" / "review" / "nameless.js").read_text()
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
    file.write_text(renderings.html(report))
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
    hidden = "(each) => each.scrollWidth - each.clientWidth"
    assert page.locator(".scroll").evaluate(hidden) == 0, "a column of the table is out of sight"
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


def test_the_filter_knows_stacks(browser: Browser, tmp_path: Path) -> None:
    stacks = [StackReport(name, dict.fromkeys(COUNTS, 1)) for name in ("dev", "prod")]
    page = _open(browser, tmp_path, made.report(stacks=stacks))
    page.get_by_role("combobox", name="Stack").select_option("prod")
    assert page.locator(".item:visible").count() == 1
    assert page.locator(".item:visible").inner_text().startswith("prod-weaker-than-stg")
    assert page.locator("#shown").inner_text() == "1 shown"
    page.get_by_role("combobox", name="Stack").select_option("")
    assert page.locator(".item[hidden]").count() == 0


def test_the_filter_by_severity_finds_what_has_it_and_blocks(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, made.report())
    page.get_by_label("Severity").select_option("high")
    assert [each.inner_text().split()[0] for each in page.locator(".item:visible").all()] == [
        "thing-too-small-0", "±", "thing-too-small-2", "thing-too-small-1",
    ]  # fmt: skip
    page.get_by_label("Severity").select_option("blocks")
    assert page.locator(".item:visible").count() > 0
    assert page.locator(".item:visible:not([data-levels*=blocks])").count() == 0


def test_what_the_filter_counts_can_be_seen_and_headings_say_it(browser: Browser, tmp_path: Path) -> None:
    same = [made.finding(0, status="existing"), made.finding(7, status="existing")]
    changes = [made.change(number) for number in (1, 41, 2)] + [made.change(3, "create")]
    page = _open(browser, tmp_path, made.report(changes=changes, findings=same))
    page.get_by_role("combobox", name="Stack").select_option("dev")
    heads = {each.inner_text() for each in page.locator("summary:visible").all()}
    assert {"Policy: existing 2 of 2", "Changes 4 of 4", "Drawing 4 of 4"} <= heads
    assert page.locator(".item").count() == page.locator(".item:visible").count()
    assert page.locator("#shown").inner_text() == "6 shown", "a closed section is opened"
    page.get_by_label("Kind").select_option("update")
    heads = [each.inner_text() for each in page.locator("summary:visible").all()]
    told = ["Drawing 3 of 4", "Changes 3 of 4", "component-1 2 of 2", "component-2 1 of 1"]
    assert heads == ["Notes 1", *told, "Cost 3"]
    page.get_by_label("Kind").select_option("")
    page.get_by_role("combobox", name="Stack").select_option("")
    heads = [each.inner_text() for each in page.locator("summary:visible").all()]
    assert "component-1 2 update" in heads


def test_a_zero_is_not_as_bold_as_a_number(browser: Browser, tmp_path: Path) -> None:
    stacks = [StackReport("dev", {**dict.fromkeys(COUNTS, 0), "update": 1})]
    page = _open(browser, tmp_path, made.report(stacks=stacks))
    weight = "(each) => getComputedStyle(each).fontWeight"
    assert page.get_by_role("cell", name="1").evaluate(weight) == "600"
    assert page.get_by_role("cell", name="0").first.evaluate(weight) == "400"


def test_what_gets_the_focus_is_not_under_the_filter(browser: Browser, tmp_path: Path) -> None:
    changes = [made.change(number) for number in range(50)]
    page = _open(browser, tmp_path, made.report(changes=changes))
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    summaries = page.locator("summary:visible")
    summaries.nth(summaries.count() - 1).focus()
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        top = page.evaluate("document.activeElement.getBoundingClientRect().top")
        assert top >= page.locator("#filter").evaluate("(each) => each.getBoundingClientRect().bottom")


def test_a_small_screen_scrolls_past_the_drawing(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, made.report(), 375)
    canvas = page.locator("#canvas")
    assert canvas.evaluate("(each) => getComputedStyle(each).touchAction") == "pan-y"
    box = canvas.bounding_box()
    assert box and box["height"] <= 320
    view = "document.querySelector('#canvas svg').getAttribute('viewBox')"
    before = page.evaluate(view)
    page.get_by_role("button", name="Down").click()
    assert page.evaluate(view) != before


def test_the_drawing_tells_apart_what_has_the_same_name_and_shows_which_way(
    browser: Browser, tmp_path: Path
) -> None:
    changes = [made.change(1), dataclasses.replace(made.change(1), stacks=["prod"]), made.change(2)]
    page = _open(browser, tmp_path, made.report(changes=changes))
    texts = [each.text_content() for each in page.locator(".node").all()]
    assert len(texts) == len(set(texts)) == 3
    assert [text for text in texts if text and text.endswith("dev, stg")]
    edge = page.locator(".edge").first
    assert edge.evaluate("(each) => getComputedStyle(each).markerEnd") == 'url("#arrow")'


def test_a_place_leads_to_its_line(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, made.report(trees=["https://example.com/o/r/blob/head", ""]))
    link = page.get_by_role("link", name="components/thing.py:10").first
    assert link.get_attribute("href") == "https://example.com/o/r/blob/head/components/thing.py#L10"


def test_a_secret_that_changes_is_said_to_change(browser: Browser, tmp_path: Path) -> None:
    change = made.change(1)
    secret = dataclasses.replace(change.properties[0], before="[secret]", after="[secret]")
    page = _open(browser, tmp_path, made.report(changes=[dataclasses.replace(change, properties=[secret])]))
    assert page.locator(".values").inner_text() == "changes (secret)"


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
