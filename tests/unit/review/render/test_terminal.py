"""Tests of the report's lines on the terminal, and of the same ones on the page."""

import dataclasses
import html
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review.model import Property, Report, SettingChange, escape_character, shorten
from review.plain_data import mark_own, path_of
from review.render import renderings
from review.render.filters import LINE, NAME, SARIF_TEXT, clip, show_value
from tests.support.review import samples
from tests.support.rows import each_row


@pytest.mark.parametrize(
    ("evil", "shown"),
    [
        ("a\x1b[31mred\x1b[0m", r"a\x1b[31mred\x1b[0m"),
        ("a\x1b]52;c;never ended", r"a\x1b]52;c;never ended"),
        ("a\x9b2Jb\rc\x08d\x00", r"a\u009b2Jb\x0dc\x08d\x00"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("a\u05d0\u0661b", r"a\u05d0\u0661b"),
        ("a\u200bb\U000e0041c", r"a\u200bb\U000e0041c"),
        ("a\u3164b\ufe0fc", r"a\u3164b\ufe0fc"),
        ("[secret\u180b]", r"[secret\u180b]"),
        ("a\ufffcb\U0001d159c", r"a\ufffcb\U0001d159c"),
        ("a\u0336b\u20ddc", r"a\u0336b\u20ddc"),
        ("1\u0301e\u0301が", r"1\u0301e\u0301が"),
        ("a" + "\u0301" * 4, "a" + r"\u0301" * 4),
        ("a\nb", "a ⏎ b"),
    ],
    ids=[
        "colour",
        "title",
        "control characters",
        "turned around",
        "written from right to left",
        "no width",
        "blank",
        "selector",
        "object",
        "struck through",
        "mark with and without a letter",
        "many marks",
        "line break",
    ],
)
def test_no_text_of_a_program_controls_the_terminal_or_is_left_out(evil: str, shown: str) -> None:
    bad = dataclasses.replace(samples.change(1, "replace", evil), name=evil, component=evil)
    finding = dataclasses.replace(samples.finding(0, evil), name=evil)
    text = renderings.render_terminal(
        samples.report(changes=[bad], notes=[evil], verdict=evil, findings=[finding])
    )
    assert not [char for char in text if char != "\n" and not char.isprintable()]
    lines = text.splitlines()
    assert lines[0] == shown
    assert f"    ± replace {shown} (aws:ec2:Thing) [dev, stg]  components/thing.py:10, __main__.py:3" in lines


def test_names_that_differ_in_the_case_of_a_letter_are_two_names() -> None:
    names = ("data", "Data")
    findings = [dataclasses.replace(samples.finding(0), name=name, blocks=True) for name in names]
    verdict = renderings.render_verdict(samples.report(findings=findings), caveats=[])
    assert "(data, Data)" in verdict


def test_findings_waived_before_are_a_count_with_names_and_the_waiver() -> None:
    waiver = "waived until 2027-01-31 (67 days left): it may be small (platform, OPS-1)"
    waived = [
        dataclasses.replace(
            samples.finding(number * 7, f"size {number}", "existing"), waiver=waiver, verdict="waived"
        )
        for number in range(3)
    ]
    text = renderings.render_terminal(samples.report(findings=[waived[0], *waived]))
    assert text.partition("Policy: existing\n")[2].partition("\n\n")[0].splitlines() == [
        "  thing-too-small-0 (mandatory, high, waived) [dev]: 4 in thing-0, thing-7, thing-14",
        f"      {waiver}",
    ]


def test_equal_changes_are_described_once() -> None:
    alike = [dataclasses.replace(samples.change(number), component="labels") for number in range(2)]
    text = renderings.render_terminal(samples.report(changes=alike))
    where = "[dev, stg]  components/thing.py:10, __main__.py:3"
    assert text.partition("  labels\n")[2].partition("\n\n")[0].splitlines() == [
        f"    ~ update thing-0 (aws:ec2:Thing) {where}",
        f"    ~ update thing-1 (aws:ec2:Thing) {where}",
        "        size: 10 → 20 ← pipe:database.storageGib (Pulumi.dev.yaml:44; changed alike)",
    ]


@each_row(
    ("value", "shown"),
    [
        ("key=[secret]", "changes (secret)"),
        ("key=[secret] (secret)", "changes (secret)"),
        ("key=[secret] (not secret)", "changes (not secret)"),
    ],
)
def test_a_changed_secret_is_only_called_changed(value: str, shown: str) -> None:
    change = samples.change(1)
    secret = dataclasses.replace(change.properties[0], before=value, after=value, setting=None)
    text = renderings.render_terminal(
        samples.report(changes=[dataclasses.replace(change, properties=[secret])])
    )
    assert f"        size: {shown}\n" in text


def test_new_and_newly_waived_findings_have_headings_of_their_own() -> None:
    waived = dataclasses.replace(samples.finding(1), waiver="waived until 2027-01-31", verdict="waived")
    text = renderings.render_terminal(samples.report(findings=[samples.finding(), waived]))
    heads = [line for line in text.splitlines() if line.startswith("Policy: ")]
    assert heads == ["Policy: new or no longer waived", "Policy: newly waived"]


def test_own_policies_of_the_pull_request_change_nothing_that_is_shown_of_the_bases_rules() -> None:
    base = dataclasses.replace(samples.finding(1), remediation="Close the port.", severity="high")
    copied = dataclasses.replace(
        base, name="other", message="fine", severity="critical", remediation="By the head.", from_head=True
    )
    alone, beside = (
        renderings.render_terminal(samples.report(findings=findings)) for findings in ([base], [copied, base])
    )
    section = alone.partition("Policy: new or no longer waived\n")[2].partition("\n\n")[0]
    assert "Close the port." in section and "high" in section
    assert f"Policy: new or no longer waived\n{section}\n\nThe pull request's own policies\n" in beside


def test_each_remedy_of_alike_findings_is_shown_once() -> None:
    findings = [
        dataclasses.replace(samples.finding(), name=f"{number}", remediation=remedy)
        for number, remedy in enumerate(("Close port 22.", "Close port 80.", "Close port 22."))
    ]
    report = samples.report(findings=findings)
    texts = [
        renderings.render_terminal(report),
        renderings.render_html(report),
        renderings.render_markdown(report),
    ]
    assert [[text.count(f"Close port {port}.") for port in (22, 80)] for text in texts] == [[1, 1]] * 3


def test_each_line_of_a_remedy_is_indented() -> None:
    finding = dataclasses.replace(samples.finding(), remediation="Close it.\nVerdict", controls=["CIS 5.2"])
    text = renderings.render_terminal(samples.report(findings=[finding]))
    assert "\n      Close it.\n      Verdict (CIS 5.2)\n" in text


def test_an_approval_of_a_base_that_fails_hides_no_caveat() -> None:
    failed = dataclasses.replace(samples.finding(), policy="does-not-evaluate", blocks=False)
    report = samples.report(findings=[failed], code=0)
    verdict = "Nothing blocks with the approval, but the changes are unknown: the base of dev fails"
    assert renderings.render_verdict(report, caveats=[]).strip() == f"{verdict}."
    assert renderings.render_verdict(report, caveats=["a", "b"]).strip() == f"{verdict}; a; b."


def test_a_finding_whose_name_is_a_part_of_its_message_has_a_line() -> None:
    message = "an output that is secret, so that the review does not know its value"
    outputs = [
        dataclasses.replace(samples.finding(), type="", name=name, message=message)
        for name in ("output that", "output url", "an output")
    ]
    guard = dataclasses.replace(samples.finding(), type="", name="rules.py", message="rules.py: it changes")
    report = samples.report(findings=[*outputs, guard])
    terminal, page = renderings.render_terminal(report), renderings.render_html(report)
    for name in ("output that", "output url", "an output"):
        assert f"      - {name}" in terminal and f"<li>{name} " in page
    assert "- rules.py" not in terminal and "<li>rules.py" not in page


def test_what_decides_where_a_created_resource_is_has_a_line_in_every_report() -> None:
    change = samples.change(op="create")
    setting = dataclasses.replace(
        change.properties[0], path="profile", before=None, after="other", setting=None, always_shown=True
    )
    report = samples.report(changes=[dataclasses.replace(change, properties=[*change.properties, setting])])
    assert "\n        profile: other\n" in renderings.render_terminal(report)
    assert "\n    - `profile`: `other`\n" in renderings.render_markdown(report)
    assert renderings.render_html(report).count("<code>profile</code>") == 1
    assert "20" not in renderings.render_terminal(report).partition("Changes")[2].partition("\n\n")[0]


def test_inputs_of_a_created_resource_that_are_left_out_are_counted_and_on_the_page() -> None:
    change = samples.change(op="create", value="4711")
    new = dataclasses.replace(change.properties[0], before=None)
    report = samples.report(changes=[dataclasses.replace(change, properties=[new])])
    remark = "1 more inputs of created resources are only in the HTML and JSON reports."
    for text in (renderings.render_terminal(report), renderings.render_markdown(report)):
        assert "4711" not in text and remark in text and "and 1 more" not in text
    other = dataclasses.replace(new, path="other", after="42", setting=None, always_shown=True)
    some = samples.report(changes=[dataclasses.replace(change, properties=[other, new])])
    assert "\n        other: 42\n        and 1 more inputs\n" in renderings.render_terminal(some)
    assert "\n    - `other`: `42`\n    - and 1 more properties\n" in renderings.render_markdown(some)
    assert "<summary>1 inputs</summary>" in renderings.render_html(report)
    assert '<code>size</code>:\n<code class="value">4711</code>' in renderings.render_html(report)
    assert '"after": "4711"' in renderings.render_json(report)


def test_a_created_file_that_is_compared_with_another_one_has_both_values() -> None:
    change = samples.change(op="create", value="4711")
    compared = dataclasses.replace(change.properties[0], before="4242", always_shown=True, setting=None)
    report = samples.report(changes=[dataclasses.replace(change, properties=[compared])])
    assert "size: 4242 → 4711\n" in renderings.render_terminal(report)
    assert "`size`: `4242` → `4711`\n" in renderings.render_markdown(report)
    assert "<del>4242</del>" in renderings.render_html(report)


def test_the_indentation_of_a_line_is_seen_in_every_rendering() -> None:
    old, new = "    return True\n (secret)", "\treturn  True\n\n  ·\n"
    change = samples.change()
    changed = dataclasses.replace(change.properties[0], before=old, after=new)
    report = samples.report(changes=[dataclasses.replace(change, properties=[changed])])
    shown = ("····return True ⏎ (secret)", "⇥return··True ⏎ ⏎ ··\\u00b7 ⏎")
    assert " → ".join(shown) in renderings.render_terminal(report)
    assert "`{}` → `{}`".format(*shown) in renderings.render_markdown(report)
    page = renderings.render_html(report)
    assert "<del>····return True ⏎\n(secret)</del>" in page
    assert "<ins>⇥return··True ⏎\n⏎\n··\\u00b7 ⏎\n</ins>" in page


def test_a_value_on_the_page_has_its_own_box_with_a_sign_at_each_line_break() -> None:
    change = samples.change(op="create")
    text = "only the proxy\n•  spec: {}⏎\n\n"
    forged = dataclasses.replace(change.properties[0], path="note", before=None, after=text)
    compared = dataclasses.replace(forged, path="file", before="deny all;", after="# see OPS-12:\nallow all;")
    empty = dataclasses.replace(forged, path="empty", after="")
    report = samples.report(
        changes=[dataclasses.replace(change, properties=[forged, compared, empty])],
        settings=[SettingChange("dev", "a", None, text, samples.SETTING)],
    )
    page = renderings.render_html(report)
    assert '<code class="value">only the proxy ⏎\n\\u2022··spec: {}\\u23ce ⏎\n⏎\n</code>' in page
    assert '<div class="values"><del>deny all;</del>' in page
    assert "<ins># see OPS-12: ⏎\nallow all;</ins>" in page
    assert '<code>empty</code>:\n<code class="value">(empty)</code>' in page
    assert page.count('<div class="values">') == page.count("<del>") == page.count("<ins>") == 2
    assert '<div class="values"><del>(absent)</del>' in page


def test_a_long_value_keeps_its_remark_about_a_secret() -> None:
    for remark in (" (secret)", " (not secret)"):
        shown = shorten("a" * 6000 + remark, "b")
        assert shown.endswith(remark) and "(6,000 characters" in shown
    assert not shorten(show_value(mark_own("a" * 6000 + " (secret)")), None).endswith("(secret)")


def test_every_rendering_names_a_finding_without_a_resource() -> None:
    finding = dataclasses.replace(samples.finding(message="is secret"), type="", name="output o")
    report = samples.report(findings=[finding])
    for render in (renderings.render_terminal, renderings.render_markdown, renderings.render_html):
        assert "output o" in render(report).partition("is secret")[0]


def test_every_rendering_marks_a_replacement_that_deletes_the_old_object_first() -> None:
    for first in (True, False):
        change = dataclasses.replace(samples.change(op="replace"), deleted_first=first)
        report = samples.report(changes=[change])
        for render in (renderings.render_terminal, renderings.render_markdown, renderings.render_html):
            assert ("deleted first" in render(report)) is first


def test_signs_of_the_program_do_not_look_like_those_of_the_report() -> None:
    assert shorten("# admin\ndeny all;", None) == "# admin ⏎ deny all;"
    assert shorten("# admin ⏎ deny all;", None) == "# admin \\u23ce deny all;"
    assert shorten("a⇥b", None) == "a\\u21e5b"
    assert shorten("\n", None) == "⏎"
    assert shorten("1 → 2 ← pipe:a", None) == "1 \\u2192 2 \\u2190 pipe:a"


def test_an_escape_of_the_program_does_not_look_like_one_of_the_report() -> None:
    texts = ["a\u200b", "a\\u200b", "a\\\u200b", "a\\\\u200b", "a\\\u200bu200b", "a→", "a\\u2192"]
    shown = [shorten(show_value(text), None) for text in texts]
    assert shown[:2] == ["a\\u200b", "a\\\\u200bu200b"]
    assert len({*shown}) == len(texts)
    for text in ('"\\u30b5\\u001b"', "C:\\users", "\\U00110000"):
        assert show_value(text) == text
    old, new = ("a\u200b", "a\\u200b")
    change = samples.change()
    changed = dataclasses.replace(change.properties[0], before=old, after=new)
    report = samples.report(changes=[dataclasses.replace(change, properties=[changed])])
    assert "a\\u200b → a\\\\u200bu200b" in renderings.render_terminal(report)


def test_a_text_that_ends_like_a_shortened_one_does_not_look_like_it() -> None:
    long = "a" * 6000
    for text in (shorten(f"{long}b", long), "a (1,000 characters, 600 more of them differ)"):
        start, _, note = text.rpartition(" (")
        assert shorten(show_value(text), None) == f"{start} (\\u200b{note}"
        assert shorten(show_value(f"{start} (\u200b{note}"), None) == f"{start} (\\u200b\\u200b{note}"
    for text in ("a (6,001 characters) b", "6 characters", "(at most 63 characters)"):
        assert shorten(show_value(text), None) == text


def test_a_text_that_ends_like_a_shortened_name_is_never_shown_like_one() -> None:
    for most in (NAME, LINE, SARIF_TEXT):
        assert len(clip("n" * (most + 1), most)) > most


def _assigned_characters() -> Iterator[str]:
    """Yield each assigned character, and some of the others, which are all alike."""
    for char in map(chr, range(sys.maxunicode + 1)):
        if unicodedata.category(char) not in ("Cn", "Co") or ord(char) % 97 == 0:
            yield char


def test_no_character_is_shown_like_the_text_of_its_escape() -> None:
    for char in _assigned_characters():
        shown = shorten(show_value(char), None)
        for form in (escape_character(char), char.encode("unicode_escape").decode()):
            assert form == char or shorten(show_value(form), None) != shown, form


PIECES = (
    *("(6 characters)", "(6,1 characters, 2 more of them differ)"),
    *("\\\\", r"\r", r"\x0d", r"\x85", r"\u0085", r"\u00b7", r"\u200b", r"\u23ce", r"\U0010fffd"),
    *"\\rxau \r\n\t\x00\x85\xad\u200b\u0301\U0010fffd·⏎→⇥",
)


@given(*[st.lists(st.sampled_from(PIECES), max_size=6).map("".join)] * 2)
def test_different_texts_are_never_shown_as_the_same_one(first: str, second: str) -> None:
    for escaped in (second, show_value(first), shorten(first, None), shorten(show_value(first), None)):
        if escaped != first:
            assert shorten(show_value(first), None) != shorten(show_value(escaped), None)


@pytest.mark.parametrize("text", [r"printf '%s\r\n'", r"caf\xe9", r"C:\users", r"\d+\.\t", r'"\u30b5"'])
def test_escapes_that_a_report_never_writes_stay_as_they_are(text: str) -> None:
    assert shorten(show_value(text), None) == text


def test_the_whole_text_of_a_new_file_is_folded_on_the_page() -> None:
    change = samples.change()
    new = dataclasses.replace(change.properties[0], before=None, after="<whole>", folded="compared")
    report = samples.report(changes=[dataclasses.replace(change, properties=[new])])
    assert "<ins>&lt;whole&gt;</ins>" in renderings.render_html(report)
    assert "whole" not in renderings.render_terminal(report)


def test_the_page_has_every_folded_change_with_its_values() -> None:
    change = samples.change()
    folded = [
        dataclasses.replace(change.properties[0], path=f"p{number}", before=f"<{number}", folded="checksums")
        for number in range(12)
    ]
    report = samples.report(changes=[dataclasses.replace(change, properties=folded)])
    page = renderings.render_html(report)
    for number in range(12):
        assert f"<code>p{number}</code>" in page and f"&lt;{number}</del>" in page
    assert "p7 and 4 more (checksums)" in renderings.render_terminal(report)


def test_findings_about_things_without_a_type_have_their_names() -> None:
    outputs = [dataclasses.replace(samples.finding(), type="", name=f"output {name}") for name in "ab"]
    text = renderings.render_terminal(samples.report(findings=outputs))
    assert text.count("      - output a") == text.count("      - output b") == 1


@pytest.mark.parametrize("key", ["verify ", "verify\t", " verify", "a  verify", "verify (before name)"])
def test_a_key_with_other_spaces_or_a_remark_does_not_look_like_another_one(key: str) -> None:
    """A page leaves out spaces, so a key that a program no longer reads would look as if it only moved."""

    def shown(name: str, render: Callable[[Report], str]) -> str:
        paths = [path_of(parent, name) for parent in ("data › tls", "output ")]
        properties = [Property(path, None, "x", forces=False, folded="", setting=None) for path in paths]
        text = render(samples.report(changes=[dataclasses.replace(samples.change(), properties=properties)]))
        return re.sub(r"\s+(?=[\s<:(])", "", text)

    for render in (renderings.render_terminal, renderings.render_html, renderings.render_markdown):
        assert shown(key, render) != shown(key.strip().replace("  ", " "), render) or "(" in key
        assert html.unescape(shown(key, render)).count('["') >= 2


def test_a_path_has_no_sign_of_a_report_that_a_key_contains() -> None:
    properties = [Property("output a → b·c\td", None, "x", forces=False, folded="", setting=None)]
    text = renderings.render_terminal(
        samples.report(changes=[dataclasses.replace(samples.change(), properties=properties)])
    )
    assert r"output a \u2192 b\u00b7c⇥d" in text


@pytest.mark.parametrize("seconds", [{}, {"total": 12.0, "building": 10.0}])
def test_the_report_ends_with_one_line_break(seconds: dict[str, float]) -> None:
    text = renderings.render_terminal(dataclasses.replace(samples.report(), seconds=seconds))
    assert text.endswith("\n") and not text.endswith("\n\n")
