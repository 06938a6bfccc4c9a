"""The comment on a pull request: it fits, folds what is least urgent, and is nobody's markup."""

import dataclasses
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from review import render
from review.model import Report
from tests.review import made

texts = st.text(max_size=300)
sizes = st.integers(0, 60)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Reports of any size with any text in them."""
    value, message, note = draw(texts), draw(texts), draw(texts)
    changes = [made.change(number, draw(st.sampled_from(("create", "update", "replace", "delete"))), value)
               for number in range(draw(sizes))]  # fmt: skip
    findings = [made.finding(number, message) for number in range(draw(sizes))]
    return made.report(changes=changes, findings=findings, notes=[note])


@given(report=reports(), limit=st.integers(1500, 20_000))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_comment_never_passes_its_limit_and_says_what_it_folded(report: Report, limit: int) -> None:
    whole = render.markdown(report, 10**9)
    text = render.markdown(report, limit)
    assert len(text) <= limit
    assert ("Folded to fit into a comment" in text) == (len(whole) > limit)
    assert text.count("<details>") == text.count("</details>")
    assert len(re.findall("^ *```", text, re.MULTILINE)) % 2 == 0


@given(report=reports())
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_line_of_a_folded_comment_is_a_line_of_the_whole_one_or_a_short_form(report: Report) -> None:
    """Nothing is cut: what is told is told in full, as it would be without a limit."""
    whole = set(render.markdown(report, 10**9).splitlines())
    short = {line for section in _sections(report) for item in section.items for line in item[1].splitlines()}
    for line in render.markdown(report, 4000).splitlines():
        assert line in whole or line in short or "Folded" in line or not line.strip()


def _sections(report: Report) -> list[render.Section]:
    rendered = render._render("markdown.j2", report, render.COMMENT)  # pyright: ignore[reportPrivateUsage]
    return [render.Section.read(part) for part in rendered.split("␝")[1:]]


def test_risks_are_folded_last() -> None:
    many = [made.finding(number, status="existing", message=f"size is {number}") for number in range(400)]
    text = render.markdown(made.report(findings=[made.risk(1), *many]), 9000)
    assert "Policy: existing:" in text.rpartition("**Folded")[2]
    assert "Its data is lost." in text


@pytest.mark.parametrize(
    "evil",
    [
        "@everyone",
        "<img src=x>",
        "[a](https://evil.example)",
        "| x |",
        "**bold**",
        "`tick`",
        "```\n# head",
        "␝␞␟",
    ],
)
def test_values_and_names_are_text_and_nothing_else(evil: str) -> None:
    bad = dataclasses.replace(made.change(1, "replace", evil), name=f"name {evil}", component=evil)
    text = render.markdown(
        made.report(changes=[bad], notes=[evil], verdict=evil, findings=[made.finding(0, evil)])
    )
    outside = re.sub(
        r"(`+)(?!`).*?(?<!`)\1(?!`)", "", re.sub(r"```mermaid.*?\n```", "", text, flags=re.DOTALL)
    )
    for mark in ("@everyone", "<img", "[a](https", "**bold**", "| x |"):
        assert mark not in outside
    assert "␝" not in text.replace("\\␝", "")


def test_long_values_show_where_they_differ_and_their_length() -> None:
    text = render.markdown(made.report(changes=[made.change(1, value="a" * 500 + "z" * 500)]))
    assert "(1,000 characters)" in text
    assert "a" * 200 not in text


def test_long_values_that_begin_alike_show_where_they_differ() -> None:
    change = made.change(1, value="a" * 500 + "new" + "z" * 500)
    before = dataclasses.replace(change.properties[0], before="a" * 500 + "old" + "z" * 500)
    text = render.markdown(made.report(changes=[dataclasses.replace(change, properties=[before])]))
    assert "aoldz" in text
    assert "anewz" in text
