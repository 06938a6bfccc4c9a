"""SARIF 2.1.0: valid, with the lines that people look at."""

import json
from typing import Any

import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from review import render
from review.model import Report
from tests.review import made


def _run(report: Report) -> dict[str, Any]:
    text = render.sarif(report)
    Sarif.model_validate_json(text)  # made from the published schema; refuses what that does not know
    return json.loads(text)["runs"][0]


def test_a_report_with_everything_is_valid() -> None:
    results = _run(made.report())["results"]
    assert {each["ruleId"] for each in results} >= {
        "stateful-replaced",
        "stateful-deleted",
        "prod-weaker-than-stg",
    }


def test_a_report_with_nothing_is_valid() -> None:
    assert _run(made.report(changes=[], findings=[], code=0))["results"] == []


def test_a_location_is_the_declaration_and_the_others_are_related() -> None:
    result = next(each for each in _run(made.report())["results"] if each["ruleId"] == "stateful-replaced")
    lines = [each["physicalLocation"] for each in (*result["locations"], *result["relatedLocations"])]
    assert [(each["artifactLocation"]["uri"], each["region"]["startLine"]) for each in lines] == [
        ("components/thing.py", 10),
        ("__main__.py", 3),
        ("Pulumi.dev.yaml", 44),
    ]


@pytest.mark.parametrize(
    ("status", "state"), [("new", "new"), ("existing", "unchanged"), ("fixed", "absent")]
)
def test_the_state_against_the_base_is_told(status: str, state: str) -> None:
    run = _run(made.report(changes=[], findings=[made.finding(status=status)]))
    assert [each["baselineState"] for each in run["results"]] == [state]
