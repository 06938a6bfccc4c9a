"""Tests of the SARIF 2.1.0 report: validity, locations and rules."""

import dataclasses
import json
import re
from typing import Any

import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from review.model import Report
from review.policy_rules import POLICY_RULES
from review.render import renderings
from tests.support.review import samples

URI = re.compile(r"([\w.~/@!$&'()*+,;=-]|%[0-9A-F]{2})+")


def _run(report: Report) -> dict[str, Any]:
    text = renderings.render_sarif(report)
    Sarif.model_validate_json(text)  # generated from the published schema
    run = json.loads(text)["runs"][0]
    # The models check neither uniqueItems nor the format of URIs.
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    for result in run["results"]:
        related = [json.dumps(location, sort_keys=True) for location in result["relatedLocations"]]
        assert len({*related}) == len(related)
        assert all(URI.fullmatch(uri) for uri, _ in _lines(result, "locations", "relatedLocations"))
    return run


def test_a_report_with_every_kind_of_entry_is_valid() -> None:
    results = _run(samples.report())["results"]
    rules = {result["ruleId"] for result in results}
    assert rules >= {"stateful-replaced", "stateful-deleted", "prod-weaker-than-stg"}


def test_an_empty_report_is_valid() -> None:
    assert _run(samples.report(changes=[], findings=[], code=0))["results"] == []


def _lines(result: dict[str, Any], *keys: str) -> list[tuple[str, int]]:
    locations = [location["physicalLocation"] for key in keys for location in result[key]]
    return [(location["artifactLocation"]["uri"], location["region"]["startLine"]) for location in locations]


def test_the_first_location_is_the_setting_that_changed() -> None:
    [result] = _run(samples.report(findings=[samples.risk(1)]))["results"]
    assert _lines(result, "locations", "relatedLocations") == [
        ("Pulumi.dev.yaml", 44),
        ("components/thing.py", 10),
        ("__main__.py", 3),
    ]
    related = [location["message"]["text"] for location in result["relatedLocations"]]
    assert related == ["declares it", "composes it"]


def test_own_policies_of_the_pull_request_have_rules_of_their_own() -> None:
    finding = samples.finding()
    forged = dataclasses.replace(finding, remediation="All is well.", severity="low", from_head=True)
    run = _run(samples.report(findings=[forged, finding]))
    assert [result["ruleId"] for result in run["results"]] == [
        f"pull-request/{finding.policy}",
        finding.policy,
    ]
    [alone] = _run(samples.report(findings=[finding]))["tool"]["driver"]["rules"]
    assert alone in run["tool"]["driver"]["rules"]


def test_without_a_changed_setting_the_first_location_is_the_declaration() -> None:
    same = dataclasses.replace(samples.SETTING, matched_by="same name and value")
    [result] = _run(samples.report(findings=[dataclasses.replace(samples.risk(1), setting=same)]))["results"]
    assert _lines(result, "locations", "relatedLocations") == [
        ("components/thing.py", 10),
        ("__main__.py", 3),
        ("Pulumi.dev.yaml", 44),
    ]


def test_a_finding_without_a_location_is_in_the_stack_file() -> None:
    finding = dataclasses.replace(samples.finding(1), locations=[], setting=None, stacks=["foundation/dev"])
    [result] = _run(samples.report(findings=[finding]))["results"]
    assert _lines(result, "locations") == [("foundation/Pulumi.dev.yaml", 1)]


def test_a_line_of_the_base_is_in_the_message_only() -> None:
    old = [dataclasses.replace(location, role="of the base") for location in samples.LOCATIONS]
    deleted = dataclasses.replace(samples.risk(1), locations=old, setting=None, message="It goes.")
    [result] = _run(samples.report(findings=[deleted]))["results"]
    assert _lines(result, "locations", "relatedLocations") == [("components/thing.py", 1)]
    where = "components/thing.py:10 of the base, __main__.py:3 of the base"
    assert result["message"]["text"] == f"thing-1 (aws:ec2:Thing) ({where}) in dev, stg: It goes."


def test_a_rule_has_the_texts_that_code_scanning_needs() -> None:
    finding = dataclasses.replace(samples.finding(), policy="rds-single-zone", remediation="")
    first, second = _run(samples.report(findings=[finding, samples.risk(1)]))["tool"]["driver"]["rules"]
    assert first["shortDescription"]["text"] == "Rds single zone"
    rule = POLICY_RULES["rds-single-zone"]
    assert (first["fullDescription"]["text"], first["help"]["text"]) == (rule.description, rule.remediation)
    assert second["fullDescription"]["text"] == "At risk: stateful replaced."
    assert second["help"]["text"] == (
        "See docs/review/findings.md#stateful-replaced, and docs/review.md for how to waive it."
    )


def test_a_finding_keeps_its_fingerprint_when_its_line_moves() -> None:
    moved = [dataclasses.replace(location, line=location.line + 7) for location in samples.LOCATIONS]
    before, after = (
        _run(samples.report(findings=[finding]))["results"][0]["partialFingerprints"]
        for finding in (samples.risk(1), dataclasses.replace(samples.risk(1), locations=moved))
    )
    assert before == after
    assert set(before) == {"primaryLocationLineHash"}, "GitHub reads this one"


def test_a_finding_keeps_its_fingerprint_when_the_next_review_invents_other_values() -> None:
    messages = (
        "getZone: arguments vpc-0123456789abcdef0, 111122223333, 240.1.2.3, AROA{0} → none",
        "getZone: arguments vpc-fedcba98765432100, 444455556666, 251.3.2.1, AROA{1} → none",
        "getZone: arguments vpc-fedcba98765432100, 444455556666, 251.3.2.1, AROA{1} → other",
    )
    digits = "00FFEE1122334455A", "A0FF001122334455B"
    first, second, other = (
        _run(samples.report(findings=[dataclasses.replace(samples.risk(1), message=text.format(*digits))]))
        for text in messages
    )
    first, second, other = (
        run["results"][0]["partialFingerprints"]["primaryLocationLineHash"] for run in (first, second, other)
    )
    assert first == second != other


def test_a_text_of_a_program_is_no_link() -> None:
    evil = "[Approved](1) [more](https://e.example/x)"
    finding = dataclasses.replace(samples.finding(message=evil), name=evil, remediation=evil)
    run = _run(samples.report(findings=[finding]))
    assert "](" not in json.dumps(run)
    assert "[Approved]\u200b(1)" in run["results"][0]["message"]["text"]


def test_long_messages_do_not_make_the_file_too_large() -> None:
    long = dataclasses.replace(samples.finding(message="\n".join(["m" * 600] * 40)), name="n" * 66_000)
    assert len(renderings.render_sarif(samples.report(findings=[long] * 100))) < 500_000


def test_a_waived_finding_is_suppressed() -> None:
    waived = dataclasses.replace(samples.finding(), waiver="waived until 2027-01-31", verdict="waived")
    [result] = _run(samples.report(findings=[waived]))["results"]
    assert result["suppressions"] == [{"kind": "external", "justification": "waived until 2027-01-31"}]


@pytest.mark.parametrize(
    ("status", "state"), [("new", "new"), ("existing", "unchanged"), ("fixed", "absent")]
)
def test_a_result_has_its_state_against_the_base(status: str, state: str) -> None:
    run = _run(samples.report(changes=[], findings=[samples.finding(status=status)]))
    assert [result["baselineState"] for result in run["results"]] == [state]
