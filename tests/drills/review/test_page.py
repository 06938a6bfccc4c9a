"""Tests of the HTML page in a real browser: offline, by keyboard, on small screens, in both colour themes."""

import dataclasses
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, ViewportSize

from review.model import COUNTS, Change, Report, SettingChange, StackReport
from review.render import renderings
from tests.support.review import samples
from tests.support.review.browser import launch

Scheme = Literal["light", "dark"]

FAULTS: list[str] = []
"""Console messages, errors and network requests of the page under test."""

CONTRAST = (Path(__file__).parents[2] / "support" / "review" / "contrast.js").read_text()
"""JavaScript function that returns texts with less contrast than WCAG 2.2 AA requires."""

UNLABELLED = (Path(__file__).parents[2] / "support" / "review" / "unlabelled.js").read_text()
"""JavaScript function that returns controls and tables without an accessible name."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch() as chromium:
        yield chromium


def _record_request(request: Request) -> None:
    if not request.url.startswith("file:"):
        FAULTS.append(request.url)


def _open(
    browser: Browser, tmp_path: Path, report: Report, width: int = 1440, scheme: Scheme = "light"
) -> Page:
    file = tmp_path / "review.html"
    file.write_text(renderings.render_html(report))
    viewport: ViewportSize = {"width": width, "height": 900}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, offline=True)
    page = context.new_page()
    page.on("console", lambda message: FAULTS.append(message.text))
    page.on("pageerror", lambda error: FAULTS.append(str(error)))
    page.on("request", _record_request)
    FAULTS.clear()
    page.goto(file.as_uri())
    return page


def _whole_report() -> Report:
    """Return a report with every part of the page."""
    dependents = [f"thing-{number} (aws:ec2:Thing)" for number in range(14)]
    findings = samples.report().findings
    return samples.report(
        changes=[*samples.report().changes, _created()],
        findings=[dataclasses.replace(findings[0], dependents=dependents), *findings[1:]],
        settings=[
            SettingChange("dev", "pipe:api.replicas.min", "3", "2", samples.SETTING),
            SettingChange("prod", "pipe:api.replicas.min", "3", "2", samples.SETTING),
            SettingChange("dev", "pipe:cluster.serviceCidr", "172.20.0.0/16", None, samples.SETTING),
        ],
        seconds={"copying": 1.2, "total": 33.0},
    )


def _created() -> Change:
    """Return a created resource with an input whose lines look like further inputs, and with a new file."""
    change = samples.change(7, "create")
    [size] = change.properties
    note = dataclasses.replace(
        size,
        path="note",
        before=None,
        after="For the proxy.\n• spec: {}\n\n\n",
        sources=["web (aws:ec2:Eip)"],
    )
    file = dataclasses.replace(
        size, path="file", before="    deny all;", after="    # OPS-12:\n    allow all;"
    )
    return dataclasses.replace(change, properties=[note, file])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1440])
def test_it_can_be_read_on_any_screen(browser: Browser, tmp_path: Path, width: int, scheme: Scheme) -> None:
    page = _open(browser, tmp_path, _whole_report(), width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"
    hidden = "(table) => table.scrollWidth - table.clientWidth"
    assert page.locator(".scroll").first.evaluate(hidden) == 0, "a column of the table is out of sight"
    page.evaluate("document.querySelectorAll('details').forEach((part) => part.open = true)")
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(UNLABELLED) == []
    axe: Any = Axe()  # The package has no types for its results.
    violations: list[dict[str, Any]] = axe.run(page).response["violations"]
    assert [(violation["id"], violation["nodes"]) for violation in violations] == []
    assert FAULTS == []


def test_it_has_the_landmarks_and_headings_that_a_screen_reader_needs(
    browser: Browser, tmp_path: Path
) -> None:
    page = _open(browser, tmp_path, samples.report())
    assert page.locator("html[lang=en] main").count() == page.locator("h1").count() == 1
    tags: list[str] = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((e) => e.tagName)")
    levels = [int(tag[1]) for tag in tags]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.get_by_role("columnheader", name="replace").count() == 1
    assert page.get_by_role("rowheader", name="dev").count() == 1
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


def test_the_first_screen_has_the_verdict_the_stacks_and_the_riskiest_change(
    browser: Browser, tmp_path: Path
) -> None:
    page = _open(browser, tmp_path, _whole_report())
    card = page.get_by_role("region", name="Riskiest change")
    assert [line for line in card.inner_text().splitlines() if line] == [
        "Riskiest change",
        "thing-1 (aws:ec2:Thing) dev stg stateful-replaced blocks",
        "Because: thing-1 is replaced",
        "Data: Its data is lost.",
        "14 resources depend on it.",
        "set by pipe:database.storageGib Pulumi.dev.yaml:44",
    ]
    box = card.bounding_box()
    assert box and box["y"] + box["height"] < 900


def test_the_resources_that_depend_on_one_at_risk_are_folded(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, _whole_report())
    folded = page.locator(".dependents")
    assert folded.inner_text() == "Depends on it: 14 resources"
    folded.locator("summary").click()
    assert folded.locator("li:visible").count() == 14


def test_the_changed_settings_are_a_table_of_stacks(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, _whole_report())
    rows = page.get_by_role("table", name="Settings that changed").get_by_role("row").all()
    cells = [[" ".join(cell.inner_text().split()) for cell in row.get_by_role("cell").all()] for row in rows]
    assert cells == [
        [],
        ["3 → becomes 2 Pulumi.dev.yaml:44"] * 2,
        ["172.20.0.0/16 → becomes (absent) Pulumi.dev.yaml:44", "unchanged"],
    ]


def test_the_search_finds_texts_of_items_and_settings(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, _whole_report())
    page.get_by_role("searchbox", name="Search").fill("Too-Small-0")
    assert page.locator(".item:visible h3 code").all_inner_texts() == ["thing-too-small-0"]
    assert page.locator("#shown").inner_text() == "1 shown"
    assert page.locator(".setting-row:visible").count() == 0
    page.get_by_role("searchbox", name="Search").fill("servicecidr")
    assert page.locator(".setting-row:visible").count() == 1


def test_a_policy_links_to_its_page(browser: Browser, tmp_path: Path) -> None:
    report = _whole_report()
    page = _open(browser, tmp_path, report)
    rule = page.get_by_role("link", name="thing-too-small-0").first
    assert rule.get_attribute("href") == "https://example.com/rule"
    trees = ["https://example.com/o/r/blob/head", "https://example.com/o/r/blob/base"]
    page = _open(browser, tmp_path, dataclasses.replace(report, trees=trees))
    rule = page.get_by_role("link", name="thing-too-small-0").first
    assert rule.get_attribute("href") == f"{trees[1]}/docs/policies/thing-too-small-0.md"
    own = page.get_by_role("link", name="stateful-deleted").first
    assert own.get_attribute("href") == f"{trees[1]}/docs/review/findings.md#stateful-deleted"


def test_a_component_of_the_overview_opens_its_changes(browser: Browser, tmp_path: Path) -> None:
    changes = [samples.change(number) for number in range(70)]
    page = _open(browser, tmp_path, samples.report(changes=changes))
    assert page.locator(".overview .link").count() == 40
    assert page.locator(".component[open]").count() == 0
    page.get_by_role("link", name="component-7 ").first.focus()
    page.keyboard.press("Enter")
    assert page.locator(".component[open] h3").all_inner_texts() == ["component-7 2 update"]


def test_the_cost_is_a_table_of_each_stack(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, _whole_report())
    page.evaluate("document.querySelectorAll('details').forEach((part) => part.open = true)")
    table = page.get_by_role("table", name="Estimate of dev")
    assert table.locator(".changed").inner_text().split("\t") == [
        "a",
        "b",
        "1.00",
        "2.50",
        "2.5 × 1 USD per month",
        "natGb 30: GB through all NAT gateways",
    ]
    assert page.get_by_text("Not included, since there is no price: d.").count() == 1


def test_the_filter_works_by_keyboard_and_counts_the_items_left(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, samples.report())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_label("Kind").focus()
    page.keyboard.press("d")  # delete
    assert {item.get_attribute("data-op") for item in page.locator(".item:visible").all()} == {"delete"}
    assert re.fullmatch(r"\d+ shown", page.locator("#shown").inner_text())
    assert page.locator("#canvas .node.dim").count() == page.locator("#canvas .node:not(.delete)").count() > 0


def test_the_filter_knows_stacks(browser: Browser, tmp_path: Path) -> None:
    stacks = [StackReport(name, dict.fromkeys(COUNTS, 1)) for name in ("dev", "prod")]
    page = _open(browser, tmp_path, samples.report(stacks=stacks))
    page.get_by_role("combobox", name="Stack").select_option("prod")
    assert page.locator(".item:visible").count() == 1
    assert page.locator(".item:visible").inner_text().startswith("prod-weaker-than-stg")
    assert page.locator("#shown").inner_text() == "1 shown"
    page.get_by_role("combobox", name="Stack").select_option("")
    assert page.locator(".item[hidden]").count() == 0


def test_the_filter_by_severity_finds_items_of_a_severity_and_blocking_ones(
    browser: Browser, tmp_path: Path
) -> None:
    page = _open(browser, tmp_path, samples.report())
    page.get_by_label("Severity").select_option("high")
    first_words = [item.inner_text().split()[0] for item in page.locator(".item:visible").all()]
    assert first_words == ["thing-too-small-0", "±", "thing-too-small-2", "thing-too-small-1"]
    page.get_by_label("Severity").select_option("blocks")
    assert page.locator(".item:visible").count() > 0
    assert page.locator(".item:visible:not([data-levels*=blocks])").count() == 0


def test_filtered_items_are_visible_and_counted_in_the_headings(browser: Browser, tmp_path: Path) -> None:
    same = [samples.finding(0, status="existing"), samples.finding(7, status="existing")]
    changes = [samples.change(number) for number in (1, 41, 2)] + [samples.change(3, "create")]
    page = _open(browser, tmp_path, samples.report(changes=changes, findings=same))
    page.get_by_role("combobox", name="Stack").select_option("dev")
    heads = {summary.inner_text() for summary in page.locator("summary:visible").all()}
    assert {"Policy: existing 2 of 2", "Changes 4 of 4", "Drawing 4 of 4"} <= heads
    assert page.locator(".item").count() == page.locator(".item:visible").count()
    assert page.locator("#shown").inner_text() == "6 shown", "a closed section is opened"
    page.get_by_label("Kind").select_option("update")
    heads = [summary.inner_text() for summary in page.locator("summary:visible").all()]
    filtered = ["Changes 3 of 4", "component-1 2 of 2", "component-2 1 of 1", "Drawing 3 of 4"]
    assert heads == ["Notes 1", *filtered, "Cost 1"]
    page.get_by_label("Kind").select_option("")
    page.get_by_role("combobox", name="Stack").select_option("")
    heads = [summary.inner_text() for summary in page.locator("summary:visible").all()]
    assert "component-1 2 update" in heads


def test_a_zero_is_not_as_bold_as_a_number(browser: Browser, tmp_path: Path) -> None:
    stacks = [StackReport("dev", {**dict.fromkeys(COUNTS, 0), "update": 1})]
    page = _open(browser, tmp_path, samples.report(stacks=stacks))
    weight = "(cell) => getComputedStyle(cell).fontWeight"
    assert page.get_by_role("cell", name="1").evaluate(weight) == "600"
    assert page.get_by_role("cell", name="0").first.evaluate(weight) == "400"


def test_the_focused_element_is_not_under_the_filter(browser: Browser, tmp_path: Path) -> None:
    changes = [samples.change(number) for number in range(50)]
    page = _open(browser, tmp_path, samples.report(changes=changes))
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    summaries = page.locator("summary:visible")
    summaries.nth(summaries.count() - 1).focus()
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        top = page.evaluate("document.activeElement.getBoundingClientRect().top")
        assert top >= page.locator("#filter").evaluate("(form) => form.getBoundingClientRect().bottom")


def test_a_small_screen_scrolls_past_the_drawing(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, samples.report(), 375)
    page.get_by_text("Drawing").first.click()
    canvas = page.locator("#canvas")
    assert canvas.evaluate("(canvas) => getComputedStyle(canvas).touchAction") == "pan-y"
    box = canvas.bounding_box()
    assert box and box["height"] <= 320
    view = "document.querySelector('#canvas svg').getAttribute('viewBox')"
    before = page.evaluate(view)
    page.get_by_role("button", name="Down").click()
    assert page.evaluate(view) != before


def test_the_drawing_distinguishes_equal_names_and_shows_directions(browser: Browser, tmp_path: Path) -> None:
    changes = [samples.change(1), dataclasses.replace(samples.change(1), stacks=["prod"]), samples.change(2)]
    page = _open(browser, tmp_path, samples.report(changes=changes))
    page.get_by_text("Drawing").first.click()
    texts = [node.text_content() for node in page.locator("#canvas .node").all()]
    assert len(texts) == len(set(texts)) == 3
    assert [text for text in texts if text and text.endswith("dev, stg")]
    edge = page.locator(".edge").first
    assert edge.evaluate("(edge) => getComputedStyle(edge).markerEnd") == 'url("#arrow")'


def test_a_location_links_to_its_line(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, samples.report(trees=["https://example.com/o/r/blob/head", ""]))
    link = page.get_by_role("link", name="components/thing.py:10").first
    assert link.get_attribute("href") == "https://example.com/o/r/blob/head/components/thing.py#L10"


STYLE = (
    "(part) => (({fontFamily, backgroundColor}) => ({fontFamily, backgroundColor}))(getComputedStyle(part))"
)


def test_no_line_of_a_value_looks_like_a_part_of_the_page(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, samples.report(changes=[_created()]))
    page.get_by_text("2 inputs").click()
    note = page.locator(".properties .value")
    assert note.inner_text().splitlines() == ["For the proxy. ⏎", r"\u2022 spec: {} ⏎", "⏎", "⏎"]
    style = note.evaluate(STYLE)
    for part in (
        page.locator(".properties li").first,
        page.locator(".item").first,
        page.locator(".setting").last,
    ):
        assert not style.items() & part.evaluate(STYLE).items()
    assert note.evaluate("(value) => getComputedStyle(value).borderTopWidth") == "1px"
    file = page.locator(".properties ins")
    assert file.inner_text().splitlines() == ["····# OPS-12: ⏎", "····allow all;"]
    line, lines = page.locator(".properties del").bounding_box(), file.bounding_box()
    assert line and lines and lines["height"] > 1.5 * line["height"], "the line break is a break on the page"


def test_a_changed_secret_is_only_called_changed(browser: Browser, tmp_path: Path) -> None:
    change = samples.change(1)
    secret = dataclasses.replace(change.properties[0], before="[secret]", after="[secret]")
    page = _open(
        browser, tmp_path, samples.report(changes=[dataclasses.replace(change, properties=[secret])])
    )
    assert page.locator(".values").inner_text() == "changes (secret)"


def test_the_drawing_moves_and_zooms_by_keyboard_and_by_mouse(browser: Browser, tmp_path: Path) -> None:
    page = _open(browser, tmp_path, samples.report())
    page.get_by_text("Drawing").first.click()
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
    report = samples.report(
        verdict=evil,
        notes=[evil],
        changes=[samples.change(1, "replace", evil, evil)],
        findings=[samples.finding(0, evil)],
    )
    page = _open(browser, tmp_path, report)
    assert page.locator("main img, main script").count() == 0
    assert page.title().startswith("Review: </script>")
    assert FAULTS == []


def test_two_thousand_changes_stay_readable(browser: Browser, tmp_path: Path) -> None:
    changes = [samples.change(number, ("update", "create", "replace")[number % 3]) for number in range(2000)]
    page = _open(browser, tmp_path, samples.report(changes=changes))
    assert page.locator(".component[open]").count() == 0, "components are closed at first"
    assert page.locator(".component").count() == 40
    assert page.locator("#canvas .node").count() <= 300
    assert page.get_by_text("Not drawn: 1700 more").count() == 1
