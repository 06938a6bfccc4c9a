"""Tests of the comment on a pull request: length, order of folding, and markup."""

import dataclasses
import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from review.model import OWN_POLICIES, Change, Property, Report, SettingChange
from review.render import filters, renderings
from tests.support.review import comment_markup, samples

texts = st.text(max_size=300)
marks = st.text("`*_[]()<>&#@~|!\\:/-+=.1 \nahtpsw", max_size=60)
sizes = st.integers(0, 60)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Draw a report of any size with arbitrary strings."""
    value, message, note, name = draw(texts), draw(texts | marks), draw(texts | marks), draw(marks)
    changes = [
        samples.change(
            number, draw(st.sampled_from(("create", "update", "replace", "delete"))), value, f"thing {name}"
        )
        for number in range(draw(sizes))
    ]
    findings = [samples.finding(number, message) for number in range(draw(sizes))]
    return samples.report(changes=changes, findings=findings, notes=[note])


@pytest.mark.engine
@given(report=reports(), limit=st.integers(4000, 20_000))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_comment_fits_and_uses_its_limit_and_names_what_it_folded(report: Report, limit: int) -> None:
    whole = renderings.render_markdown(report, 10**9)
    text = renderings.render_markdown(report, limit)
    assert len(text) <= limit
    assert ("Folded to fit into a comment" in text) == (len(whole) > limit)
    assert text.count("<details>") == text.count("</details>")
    assert len(re.findall("^ *```", text, re.MULTILINE)) % 2 == 0
    if len(whole) > limit:
        longest = max(
            len(item.heading + item.text) for section in _sections(report) for item in section.items
        )
        assert len(text) > limit - renderings.FOLDED_SUMMARY - longest, (
            "an item is folded although there is room for it"
        )


@pytest.mark.engine
@given(report=reports(), limit=st.integers(4000, 20_000))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_comment_has_only_its_own_markup(report: Report, limit: int) -> None:
    assert list(comment_markup.faults(renderings.render_markdown(report, limit))) == []


@pytest.mark.engine
@given(report=reports())
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_line_of_a_folded_comment_is_cut(report: Report) -> None:
    whole = set(renderings.render_markdown(report, 10**9).splitlines())
    short = {
        line for section in _sections(report) for item in section.items for line in item.line.splitlines()
    }
    for line in renderings.render_markdown(report, 4000).splitlines():
        assert line in whole or line in short or "Folded" in line or not line.strip() or MORE.search(line)


MORE = re.compile(r"- and \d+ more lines$")


def _sections(report: Report) -> list[renderings.Section]:
    return renderings.parse_sections(renderings.render_sections(report))


def test_risks_are_folded_last() -> None:
    many = [samples.finding(number, status="existing", message=f"size is {number}") for number in range(400)]
    text = renderings.render_markdown(samples.report(findings=[samples.risk(1), *many]), 9000)
    assert "Policy: existing:" in text.rpartition("**Folded")[2]
    assert "Its data is lost." in text


def test_a_comment_names_three_hundred_risks_and_describes_those_that_fit() -> None:
    text = renderings.render_markdown(
        samples.report(findings=[samples.risk(number) for number in range(300)])
    )
    names = [
        line.codes[0] for line in comment_markup.lines(text) if line.depth == 2 and "thing-" in line.codes[0]
    ]
    assert names[:300] == [f"thing-{number} (aws:ec2:Thing)" for number in range(300)]
    assert 60_000 < len(text) <= renderings.LIMIT
    folded = re.search(r"At risk: (\d+) of 300 findings on one line each\.", text.replace(";", "."))
    assert folded and text.count("Its data is lost.") == 300 - int(folded[1])


def test_a_verdict_that_is_too_long_for_a_heading_folds_nothing_else() -> None:
    verdict = f"Could not run: dev: {'no such thing ' * 6000}"
    text = renderings.render_markdown(samples.report(verdict=verdict, code=2))
    assert text.splitlines()[1].startswith("## ❗ Could not run: dev: no such thing no")
    assert len(text.splitlines()[1]) < 1100
    assert "Verdict: 1 of 1 verdicts on one line each." in text
    assert "Its data is lost." in text


def test_a_long_error_shows_its_first_and_last_lines() -> None:
    error = "\n".join(["panic: no such thing", *["goroutine"] * 1700, "exit status 2"])
    failed = dataclasses.replace(samples.finding(message=error), policy="does-not-evaluate", type="")
    for render in (renderings.render_markdown, renderings.render_terminal):
        text = render(samples.report(findings=[failed]))
        assert "panic: no such thing\n" in text and "exit status 2\n" in text
        assert "… 1,662 more lines …" in text


def test_a_change_has_its_sign_its_lines_and_the_settings_key_of_its_value() -> None:
    text = renderings.render_markdown(
        samples.report(changes=[samples.change(1, "replace"), samples.change(2, "delete")])
    )
    lines = comment_markup.lines(text)
    start = next(index for index, line in enumerate(lines) if line.text == "component-1")
    lines = lines[start : start + 5]
    places = ["components/thing.py:10", "__main__.py:3"]
    assert [(line.depth, line.codes) for line in lines] == [
        (1, []),
        (2, ["± replace", "thing-1 (aws:ec2:Thing)", *places]),
        (3, ["size", "10", "20", "pipe:database.storageGib", "Pulumi.dev.yaml:44"]),
        (1, []),
        (2, ["- delete", "thing-2 (aws:ec2:Thing)", *places]),
    ]
    assert (lines[0].text, lines[3].text) == ("component-1", "component-2")
    assert lines[2].text == ":  →  — forces the replacement ←  (; changed alike)"


def test_equal_changes_are_described_once() -> None:
    alike = [dataclasses.replace(samples.change(number), component="labels") for number in range(3)]
    text = renderings.render_markdown(samples.report(changes=alike))
    assert text.count("`10` → `20`") == 1
    assert text.count(" — the same as `thing-0 (aws:ec2:Thing)`") == 2


@pytest.mark.parametrize("render", [renderings.render_markdown, renderings.render_terminal])
def test_created_resources_are_alike_only_if_their_other_inputs_are(
    render: Callable[[Report], str],
) -> None:
    harmless, harmful = (
        dataclasses.replace(
            samples.change(number, "create"),
            component="nodes",
            properties=[
                Property(
                    "instanceType", None, "t3.small", forces=False, folded="", setting=None, always_shown=True
                ),
                Property("userData", None, script, forces=False, folded="", setting=None),
            ],
        )
        for number, script in enumerate(("harmless", "harmful"))
    )
    text = render(samples.report(changes=[harmless, harmful]))
    assert "the same as" not in text
    assert text.count("t3.small") == 2


def test_a_changed_secret_is_only_called_changed() -> None:
    change = samples.change(1)
    secret = dataclasses.replace(change.properties[0], before="[secret]", after="[secret]")
    text = renderings.render_markdown(
        samples.report(changes=[dataclasses.replace(change, properties=[secret])])
    )
    assert "- `size`: changes (secret) ←" in text
    assert "`[secret]`" not in text


def test_a_location_links_to_its_line_in_its_own_tree() -> None:
    fixed = samples.finding(1, status="fixed")
    old = [dataclasses.replace(fixed.locations[0], role="of the base")]
    trees = ["https://example.com/o/r/blob/head", "https://example.com/o/r/blob/base"]
    report = samples.report(
        findings=[samples.finding(), dataclasses.replace(fixed, locations=old)], trees=trees
    )
    text = renderings.render_markdown(report)
    assert "[`components/thing.py:10`](https://example.com/o/r/blob/head/components/thing.py#L10)" in text
    assert (
        "[`components/thing.py:10 of the base`](https://example.com/o/r/blob/base/components/thing.py#L10)"
        in text
    )
    assert list(comment_markup.faults(text)) == []


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
        "`" * 80 + "<h2>head</h2>",
        "`" * 255 + "\n# head",
        "␝␞␟",
        "- - x",
        "1. x",
        "thanks @octocat, see #12",
        "https://evil.example/x",
        "www.evil.example",
        "$\\phantom{hidden}$",
    ],
)
def test_values_and_names_are_text_without_markup(evil: str) -> None:
    bad = dataclasses.replace(samples.change(1, "replace", evil), name=f"name {evil}", component=evil)
    finding = dataclasses.replace(samples.finding(0, evil), remediation=evil)
    text = renderings.render_markdown(
        samples.report(changes=[bad], notes=[evil], verdict=evil, findings=[finding])
    )
    assert list(comment_markup.faults(text)) == []
    lines = [line.text.replace("\u200b", "") for line in comment_markup.lines(text)]
    expected = filters.show_unseen(evil).replace("\n", " ⏎ ")
    assert len([line for line in lines if expected in line]) > 1, "the text is not shown as it is"


@pytest.mark.parametrize("ticks", [1, 20, 21, 300])
def test_code_shows_all_backticks_of_a_value_in_a_short_fence(ticks: int) -> None:
    text = f"x{'`' * ticks}y"
    [line] = comment_markup.lines(filters.code_span(text))
    assert line.codes[0].replace("\u200b", "") == text
    assert re.findall("`{22,}", filters.code_span(text) + filters.code_block(text)) == []


def test_a_dollar_starts_no_formula() -> None:
    assert filters.escape_markdown("$x$") == "&#36;x&#36;"


def test_spaces_at_which_markdown_shows_nothing_are_visible() -> None:
    change = samples.change(1, value="  all")
    values = dataclasses.replace(change.properties[0], before="\tall", after="  all  at once ")
    changes = [dataclasses.replace(change, properties=[values])]
    assert "`⇥all` → `··all··at once·`" in renderings.render_markdown(samples.report(changes=changes))


@pytest.mark.parametrize("size", [400, renderings.LIMIT])
def test_a_long_name_is_shortened_and_displaces_nothing(size: int) -> None:
    long, other = ("n" * size, f"{'n' * (size - 100)}x{'n' * 99}")
    changes = [dataclasses.replace(samples.change(number), name=long) for number in (1, 1, 2)]
    changes[2] = dataclasses.replace(changes[2], name=other)
    finding = dataclasses.replace(samples.risk(1), name=long, policy="stateful-deleted")
    text = renderings.render_markdown(samples.report(changes=changes, findings=[finding]))
    assert renderings.FOLDED_MARK not in text
    assert max(map(len, text.splitlines())) < 1000
    names = re.findall(rf"`(n+ … n+ \({size:,} characters, \w+\) \(aws:ec2:Thing\))`", text)
    assert len(set(names)) == 2, "two long names look alike"


@pytest.mark.parametrize(
    "render", [renderings.render_terminal, renderings.render_html, renderings.render_sarif]
)
def test_names_types_paths_and_lines_are_shortened_in_each_rendering(render: Callable[[Report], str]) -> None:
    long = "n" * 66_000
    change = dataclasses.replace(samples.change(1), name=long, type=f"aws:ec2/{long}:X", component=long)
    change.properties[0] = dataclasses.replace(change.properties[0], path=long)
    finding = dataclasses.replace(samples.finding(), name=long, message=f"{long}\n{long}", policy=long)
    text = render(samples.report(changes=[change], findings=[finding], notes=[long]))
    assert "66,000 characters" in text
    assert "n" * 601 not in text
    assert long in renderings.render_json(samples.report(notes=[long]))


def padded(size: int) -> Change:
    """Return an update with many properties, whose last one gives somebody access."""
    others = [Property(f"Statement[{n}].Sid", "1" * size, "2" * size, False, "", None) for n in range(150)]
    access = Property("Statement[150]", None, "arn:aws:iam::9:role/ci", False, "", None, always_shown=True)
    return dataclasses.replace(samples.change(1), properties=[*others, access])


def test_no_property_of_a_large_change_is_left_out_if_there_is_room() -> None:
    text = renderings.render_markdown(samples.report(changes=[padded(4)], findings=[]))
    assert text.count("`1111` → `2222`") == 150 and "role/ci" in text and "more lines" not in text


def test_new_access_comes_first_in_a_change_without_room_for_its_properties() -> None:
    changes = [padded(400), dataclasses.replace(padded(399), name="thing-2")]
    text = renderings.render_markdown(samples.report(changes=changes, findings=[]))
    assert len(text) <= renderings.LIMIT
    assert text.count("role/ci") == 2
    assert len(re.findall(r"- and \d+ more lines\n", text)) == 2


def test_a_change_in_part_tells_how_many_urgent_properties_it_lacks() -> None:
    properties = [dataclasses.replace(item, always_shown=True) for item in padded(400).properties]
    change = dataclasses.replace(samples.change(1), properties=properties)
    text = renderings.render_markdown(samples.report(changes=[change], findings=[]))
    [(lines, urgent)] = re.findall(r"- and (\d+) more lines \((\d+) may decide about access, or", text)
    assert lines == urgent and "␜" not in text


def test_no_change_takes_the_room_of_the_first_properties_of_another_one() -> None:
    small = dataclasses.replace(samples.change(2), properties=padded(4).properties[:15])
    text = renderings.render_markdown(samples.report(changes=[padded(400), small], findings=[]))
    assert text.count("`1111` → `2222`") == 15


def test_forty_sources_of_a_value_are_named_and_the_others_counted() -> None:
    sources = [f"group-{number}" for number in range(50)]
    change = samples.change(1)
    change.properties[0] = dataclasses.replace(change.properties[0], sources=sources)
    report = samples.report(changes=[change], findings=[])
    for render in (renderings.render_markdown, renderings.render_terminal):
        text = render(report)
        assert "group-39" in text and "group-40" not in text and "and 10 more" in text
    assert "group-49" in renderings.render_html(report)


def test_a_long_list_in_a_message_is_broken_and_not_cut() -> None:
    names = [f"resource-{number}" for number in range(200)]
    message = f"the rule admits violations in {', '.join(names)}\nlast"
    finding = dataclasses.replace(samples.risk(1), message=message)
    text = renderings.render_terminal(samples.report(findings=[finding]))
    assert all(f"{name}," in text or f"{name}\n" in text for name in names)
    many = dataclasses.replace(finding, message=f"{', '.join(names * 20)}\nlast")
    text = renderings.render_terminal(samples.report(findings=[many]))
    assert "characters, " in text and "last" in text, "so long a list displaces no other line"


def test_no_principal_of_a_created_role_is_cut() -> None:
    path = "assumeRolePolicy › Statement[0].Principal.AWS[{}]"
    shown = [
        Property(path.format(number), None, f"role/{number}", False, "", None, always_shown=True)
        for number in range(30)
    ]
    new = dataclasses.replace(samples.change(1, "create"), properties=shown)
    text = renderings.render_markdown(samples.report(changes=[new], findings=[]))
    assert "`role/29`" in text and "more properties" not in text


def test_a_change_without_room_for_its_properties_shows_some_of_them() -> None:
    values = [Property(f"data.k{number}", "1" * 400, "2" * 400, False, "", None) for number in range(15)]
    change = dataclasses.replace(samples.change(1), properties=values)
    text = renderings.render_markdown(samples.report(changes=[change], findings=[]), 10_000)
    assert "`data.k0`" in text
    assert re.search(r"- and \d+ more lines\n", text)
    assert "Changes: 1 of 1 changes in part" in text


def test_what_blocks_is_described_before_settings_notes_and_other_findings() -> None:
    changes = [SettingChange("dev", f"x:{number}", None, "_" * 300, samples.SETTING) for number in range(300)]
    harmless = [
        dataclasses.replace(samples.risk(number), policy="deleted", blocks=False) for number in range(2, 400)
    ]
    report = samples.report(
        settings=changes, notes=["n" * 500] * 200, findings=[*harmless, samples.risk(1)], verdict="x"
    )
    text = renderings.render_markdown(report)
    assert len(text) <= renderings.LIMIT
    assert "Because: thing-1 is replaced" in text
    assert "`± replace` `thing-1 (aws:ec2:Thing)`" in text
    assert "`size`: `10` → `20`" in text


def test_findings_of_own_policies_displace_nothing() -> None:
    forged = [
        dataclasses.replace(samples.risk(number), name=f"x{number}", policy="aaa", from_head=True)
        for number in range(3000)
    ]
    findings = [
        samples.risk(1, policy="guard-weakened"),
        samples.finding(),
        samples.finding(2, status="existing"),
    ]
    alone, beside = (
        renderings.render_markdown(samples.report(findings=shown, verdict="x"))
        for shown in (findings, [*forged, *findings])
    )
    assert len(beside) <= renderings.LIMIT
    before, own, after = beside.partition(f"\n### {OWN_POLICIES} (3000)\n")
    assert own and alone.startswith(before)
    assert all(text in after for text in ("Policy: existing (1)", "`aaa`"))


def test_each_finding_that_blocks_has_a_line_whatever_the_others_need() -> None:
    long = "\n".join(["&" * 600] * 40)
    findings = [dataclasses.replace(samples.risk(number), message=long) for number in range(30)]
    text = renderings.render_markdown(samples.report(findings=findings))
    for number in range(30):
        assert f"- `thing-{number} (aws:ec2:Thing)`" in text


def test_the_first_shown_item_of_a_group_has_the_heading_of_the_group() -> None:
    # The text of the first item does not fit, so the heading would be missing if it were a part of that item.
    [section] = renderings.parse_sections(
        "␝At risk␟findings"
        f"␞1␟␟- **a**␟  - {'n' * 99}␟  - {'n' * 99}␞1␟␟- **a**␟  - short␟  - short␞2␟␟- **b**␟  - c␟  - c"
    )
    section.fold()
    assert section.unfold(renderings.ONE_LINE, 40) == 40 - len("- **a**\n  - short\n- **b**\n  - c\n")
    assert section.texts == ["- **a**", "  - short", "- **b**", "  - c"]


def test_long_values_show_where_they_differ_and_their_length() -> None:
    text = renderings.render_markdown(
        samples.report(changes=[samples.change(1, value="a" * 500 + "z" * 500)])
    )
    assert "(1,000 characters, 600 more of them differ)" in text
    assert "a" * 401 not in text


def test_long_values_that_begin_alike_show_where_they_differ() -> None:
    change = samples.change(1, value="a" * 500 + "new" + "z" * 500)
    before = dataclasses.replace(change.properties[0], before="a" * 500 + "old" + "z" * 500)
    text = renderings.render_markdown(
        samples.report(changes=[dataclasses.replace(change, properties=[before])])
    )
    assert "aoldz" in text
    assert "anewz" in text
    assert "(1,003 characters)" in text


def test_a_later_difference_of_a_long_value_is_shown_as_well() -> None:
    old, new = (f"{'a' * 200}{first}{'b' * 200}{second}{'c' * 99}" for first, second in ("12", "34"))
    change = samples.change(1, value="")
    values = dataclasses.replace(change.properties[0], before=old, after=new)
    changes = [dataclasses.replace(change, properties=[values])]
    text = renderings.render_markdown(samples.report(changes=changes))
    for part in ("a1b", f"b2{'c' * 25} …", "a3b", f"b4{'c' * 25} …"):
        assert part in text
