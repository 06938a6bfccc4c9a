"""SARIF 2.1.0: valid, with the lines that people look at."""

import dataclasses
import json
import re
from typing import Any

import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from review.model import Report
from review.render import renderings
from tests.support.review import made

URI = re.compile(r"([\w.~/@!$&'()*+,;=-]|%[0-9A-F]{2})+")


def _run(report: Report) -> dict[str, Any]:
    text = renderings.sarif(report)
    Sarif.model_validate_json(text)  # made from the published schema; refuses what that does not know
    run = json.loads(text)["runs"][0]
    # What its models leave out: uniqueItems, and that a URI is one.
    assert len({rule["id"] for rule in run["tool"]["driver"]["rules"]}) == len(run["tool"]["driver"]["rules"])
    for result in run["results"]:
        related = [json.dumps(each, sort_keys=True) for each in result["relatedLocations"]]
        assert len({*related}) == len(related)
        assert all(URI.fullmatch(uri) for uri, _ in _lines(result, "locations", "relatedLocations"))
    return run


def test_a_report_with_everything_is_valid() -> None:
    results = _run(made.report())["results"]
    assert {each["ruleId"] for each in results} >= {
        "stateful-replaced",
        "stateful-deleted",
        "prod-weaker-than-stg",
    }


def test_a_report_with_nothing_is_valid() -> None:
    assert _run(made.report(changes=[], findings=[], code=0))["results"] == []


def _lines(result: dict[str, Any], *keys: str) -> list[tuple[str, int]]:
    places = [each["physicalLocation"] for key in keys for each in result[key]]
    return [(each["artifactLocation"]["uri"], each["region"]["startLine"]) for each in places]


def test_the_first_location_is_the_setting_that_changed() -> None:
    [result] = _run(made.report(findings=[made.risk(1)]))["results"]
    assert _lines(result, "locations", "relatedLocations") == [
        ("Pulumi.dev.yaml", 44),
        ("components/thing.py", 10),
        ("__main__.py", 3),
    ]
    related = [each["message"]["text"] for each in result["relatedLocations"]]
    assert related == ["declares it", "composes it"]


def test_where_no_setting_changed_the_first_location_is_the_declaration() -> None:
    same = dataclasses.replace(made.SETTING, by="same name and value")
    [result] = _run(made.report(findings=[dataclasses.replace(made.risk(1), setting=same)]))["results"]
    assert _lines(result, "locations", "relatedLocations") == [
        ("components/thing.py", 10),
        ("__main__.py", 3),
        ("Pulumi.dev.yaml", 44),
    ]


def test_a_line_of_the_base_is_said_and_is_no_line_of_the_head() -> None:
    old = [dataclasses.replace(each, what="of the base") for each in made.PLACES]
    gone = dataclasses.replace(made.risk(1), places=old, setting=None, message="It goes.")
    [result] = _run(made.report(findings=[gone]))["results"]
    assert _lines(result, "locations", "relatedLocations") == [("components/thing.py", 1)]
    where = "components/thing.py:10 of the base, __main__.py:3 of the base"
    assert result["message"]["text"] == f"thing-1 (aws:ec2:Thing) ({where}) in dev, stg: It goes."


def test_a_rule_has_what_code_scanning_asks_for() -> None:
    found = dataclasses.replace(made.finding(), policy="rds-single-zone", remediation="")
    first, second = _run(made.report(findings=[found, made.risk(1)]))["tool"]["driver"]["rules"]
    assert first["shortDescription"]["text"] == "Rds single zone"
    rule = renderings.RULES["rds-single-zone"]
    assert (first["fullDescription"]["text"], first["help"]["text"]) == (rule.description, rule.remediation)
    assert second["fullDescription"]["text"] == "At risk: stateful replaced."
    assert second["help"]["text"] == "docs/review.md says what blocks, and how it is waived."


def test_a_finding_keeps_its_fingerprint_when_its_line_moves() -> None:
    moved = [dataclasses.replace(each, line=each.line + 7) for each in made.PLACES]
    one, other = (
        _run(made.report(findings=[each]))["results"][0]["partialFingerprints"]
        for each in (made.risk(1), dataclasses.replace(made.risk(1), places=moved))
    )
    assert one == other
    assert set(one) == {"primaryLocationLineHash"}, "the one that GitHub goes by"


def test_what_is_waived_is_suppressed() -> None:
    waived = dataclasses.replace(made.finding(), waiver="waived until 2027-01-31", verdict="waived")
    [result] = _run(made.report(findings=[waived]))["results"]
    assert result["suppressions"] == [{"kind": "external", "justification": "waived until 2027-01-31"}]


@pytest.mark.parametrize(
    ("status", "state"), [("new", "new"), ("existing", "unchanged"), ("fixed", "absent")]
)
def test_the_state_against_the_base_is_told(status: str, state: str) -> None:
    run = _run(made.report(changes=[], findings=[made.finding(status=status)]))
    assert [each["baselineState"] for each in run["results"]] == [state]
