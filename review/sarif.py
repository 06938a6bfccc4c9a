"""The report as SARIF 2.1.0, for code scanning: findings at the lines that declare, compose and set."""

import hashlib
import json
from typing import Any
from urllib.parse import quote

from review.model import EXISTING, FIXED, NEW, OWN, UNKNOWN, Finding, Place, Report, title

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ABOUT = "https://github.com/pipe-dev/infrastructure/blob/main/docs/review.md"
STATES = {NEW: "new", EXISTING: "unchanged", FIXED: "absent"}
Json = dict[str, Any]


def render(report: Report) -> str:
    """One run with a result a finding."""
    rules = {each.policy: _rule(each) for each in reversed(report.findings)}
    run = {
        "tool": {"driver": {"name": "pipe-review", "informationUri": ABOUT, "rules": [*rules.values()]}},
        "invocations": [{"executionSuccessful": report.code != 2, "exitCode": report.code}],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "compares": f"{report.compares}: {report.base} → {report.head}",
            "verdict": report.verdict,
        },
        "results": [_result(each) for each in report.findings],
    }
    return (
        json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
        + "\n"
    )


def _rule(found: Finding) -> Json:
    said = OWN.get(found.policy) or found.policy.replace("-", " ").capitalize()
    rule: Json = {"id": found.policy, "shortDescription": {"text": said}}
    rule["properties"] = {"tags": found.controls, "severity": found.severity}
    more = {"help": {"text": found.remediation}, "helpUri": found.url}
    return rule | {key: value for key, value in more.items() if value not in ("", {"text": ""})}


def _result(found: Finding) -> Json:
    places = [*found.places, *([found.setting] if found.setting else ())]
    places = places or [Place(f"Pulumi.{found.stacks[0]}.yaml", 1, "sets")]
    first, *others = (_location(place, index) for index, place in enumerate(places))
    key = " ".join((found.policy, found.type, found.name, found.message.partition(" is ")[0], *found.stacks))
    level = "error" if found.blocks else "warning" if found.level == "mandatory" else "note"
    unknown = found.verdict == UNKNOWN
    result: Json = {
        "ruleId": found.policy,
        "kind": "open" if unknown else "fail",
        "level": "none" if unknown else level,
        "message": {"text": f"{title(found)} in {', '.join(found.stacks)}: {found.message}"},
        "locations": [first],
        "relatedLocations": others,
        "partialFingerprints": {"resource/v1": hashlib.sha256(key.encode()).hexdigest()[:32]},
        "baselineState": STATES[found.status],
        "properties": {"stacks": found.stacks},
    }
    if found.waiver:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": found.waiver}]
    return result


def _location(place: Place, index: int) -> Json:
    file = {"uri": quote(place.file), "uriBaseId": "%SRCROOT%"}
    location: Json = {"physicalLocation": {"artifactLocation": file, "region": {"startLine": place.line}}}
    return location | ({"id": index, "message": {"text": f"{place.what} it"}} if index else {})
