"""Tests that a program's strings start no command of a workflow, mention nobody, and forge no line."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from review.model import Report
from review.render import filters, renderings
from review.stacks.engine_run import EngineRun
from review.status import Status
from tests.support.review import comment_markup, samples
from tools import comment

COMMANDS = (
    "::warning::pwned",
    "  ::add-mask::x",
    "##[error]pwned",
    "x ##[group]pwned",
    "\r\n::stop-commands::x",
)
STARTS = re.compile(r"^\s*::|##\[", re.MULTILINE)


def hostile(text: str) -> Report:
    """Return a report that has a text wherever a program's strings can enter a report."""
    change = samples.change(name=text, value=f"{text}\n{text}")
    finding = replace(samples.finding(message=f"{text}\n{text}"), name=text, waiver=text)
    parts = {"changes": [change], "findings": [finding, samples.risk(name=text)], "notes": [text]}
    return replace(samples.report(**parts), verdict=text, base=text, head=text)


@pytest.mark.parametrize("text", COMMANDS)
def test_no_line_of_a_log_is_a_command_of_a_workflow(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not STARTS.search(renderings.render_terminal(hostile(text)))
    renderings.print_message(f"error: x\n{text}")
    with Status() as status:
        status.line(f"x\n{text}")
    assert not STARTS.search(capsys.readouterr().err)


def test_a_log_with_many_empty_lines_is_searched_in_linear_time() -> None:
    assert filters.neutralize_commands("\n" * 300_000 + "::x") == "\n" * 300_000 + ":\u200b:x"


def test_a_name_with_line_breaks_forges_no_line() -> None:
    text = "thing\n✅ Nothing blocks\nbase to head: a → b"
    report = samples.report(
        changes=[samples.change(name=text)], findings=[replace(samples.finding(), name=text)]
    )
    lines = renderings.render_terminal(report).splitlines()
    assert not [line for line in lines if line.strip().startswith(("✅", "base to head: a"))]


MENTIONS = (
    "@octocat",
    "&#64;octocat",
    "&commat;octocat",
    "@\u200boctocat",
    "x\u00a0@octocat",
    "\ufeff@octocat",
    "@\u00adoctocat",
    "@\U000e0061octocat",
)


@pytest.mark.parametrize("text", MENTIONS)
def test_a_comment_mentions_nobody(text: str) -> None:
    comment = renderings.render_markdown(hostile(text))
    outside_of_code = re.sub(r"(`+)[^`].*?\1", "", comment, flags=re.DOTALL)
    assert not re.search(
        r"@[a-z]", html.unescape(outside_of_code).replace("&#64;", "").replace("&commat;", "")
    )


@pytest.mark.parametrize("text", [":tada:", ":white_check_mark:", "a:+1:b", ":one-two:"])
def test_a_comment_has_no_emoji_of_a_program(text: str) -> None:
    assert not re.search(r":[\w\\+-]+:", filters.escape_markdown(text))


@pytest.mark.parametrize(
    "url", ["https://x <img src=y>", "https://x)y", "https://@octocat", "http://x", "https://" + "x" * 400]
)
def test_an_address_of_a_policy_that_is_no_plain_address_is_no_link(url: str) -> None:
    report = samples.report(findings=[replace(samples.finding(), url=url)])
    assert url not in renderings.render_markdown(report)


REFERENCES = (
    "#12",
    "GH-12",
    "チームGH-12",
    "_gh-12",
    "²GH-12",
    "ſGH-12",
    "org/repo#12",
    "https://github.com/o/r/issues/1",
    "www.example.com",
)


@pytest.mark.parametrize("text", REFERENCES)
def test_a_comment_refers_to_no_issue_and_links_to_no_page(text: str) -> None:
    assert not re.search(r"(?i)#\d|GH-\d|://|www\.", filters.escape_markdown(text))


@pytest.mark.parametrize("text", [*REFERENCES, "gh-1-GH-2", "fa:fa-trash", "fab:fa-github"])
def test_the_drawing_of_a_comment_has_no_reference_and_no_icon(text: str) -> None:
    label = filters.mermaid_label(text)
    assert comment.neutral(label) == label
    assert not re.search("fa[bklrs]?:fa-", label)
    assert re.sub("#([0-9]+);", lambda code: chr(int(code[1])), label) == text


@pytest.mark.parametrize(
    "text",
    ["![x](https://e.example/x)", "[x](javascript:1)", "<img src=x>", "<!-- pipe-review -->", "[^1]: x"],
)
def test_a_comment_has_no_image_link_or_html_of_a_program(text: str) -> None:
    assert list(comment_markup.faults(renderings.render_markdown(hostile(text)))) == []
    assert not re.search(r"(?<!\\)[\[<]", filters.escape_markdown(text))


RENDERINGS: tuple[Callable[[Report], str], ...] = (
    renderings.render_terminal,
    renderings.render_markdown,
    renderings.render_html,
    renderings.render_sarif,
    renderings.render_json,
)


@pytest.mark.parametrize("render", RENDERINGS[:-1])
def test_invisible_characters_are_replaced(render: Callable[[Report], str]) -> None:
    hidden = "\u202e\u2066\u200d\ufeff\U000e0041\x1b[31m\x07"
    assert not set(hidden) & set(render(hostile(f"a{hidden}b"))) - {"["} - set("31m")


def _resource(tmp_path: Path, *positions: str) -> list[tuple[str, int]]:
    """Return the locations of a resource whose program sends these positions."""
    (tmp_path / "app.py").write_text("one\ntwo\n")
    trace = [{"sourcePosition": position} for position in positions]
    state = {"urn": "urn:pulumi:dev::p::a:b:C::x", "type": "a:b:C", "custom": True, "stackTrace": trace}
    run = EngineRun(tmp_path).add({"steps": [{"op": "create", "newState": state}]})
    [step] = run.steps.values()
    return [(location.file, location.line) for location in step.resource.locations]


def test_a_location_is_a_line_of_a_file_of_the_tree(tmp_path: Path) -> None:
    assert _resource(tmp_path, "project:///app.py#2,1") == [("app.py", 2)]
    forged = (
        "app.py#3",
        "app.py#0",
        "app.py#-1",
        "app.py#x",
        "app.py#" + "9" * 5000,
        "app.py#00000000199",
        "app.py#0000000001",
        "app.py#1#3",
        "app.py%231,1",
        "app.py#٢",
        "none.py#1",
    )
    outside = ("../../etc/passwd#1", "/etc/passwd#1", "%2e%2e/%2e%2e/etc/passwd#1", "https://e.example/x#1")
    assert _resource(tmp_path, *(f"project:///{position}" for position in (*forged, *outside))) == []


def test_a_report_as_sarif_is_json_whatever_a_program_names_its_resources() -> None:
    text = '"}], "results": [], "x": "\\'
    [run] = json.loads(renderings.render_sarif(hostile(text)))["runs"]
    assert len(run["results"]) == 2
