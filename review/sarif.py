"""The report as SARIF 2.1.0, for code scanning: findings at the lines that declare, compose and set."""

import hashlib
import json
from typing import Any
from urllib.parse import quote

from review import phrases
from review.model import EXISTING, FIXED, UNKNOWN, WAIVED, Finding, Place, Report
from review.waivers import DELETED, REPLACED, WEAKER

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
BROKEN = "does-not-evaluate"
OWN = {
    REPLACED: "A resource that holds data is replaced.",
    DELETED: "A resource that holds data is deleted.",
    WEAKER: "prod is weaker than stg.",
    BROKEN: "A stack's program does not evaluate.",
}
"""What the review itself finds."""

STATES = {"new": "new", EXISTING: "unchanged", FIXED: "absent"}

Json = dict[str, Any]


def render(report: Report) -> str:
    """One run with a result a finding."""
    results = [*map(_policy, report.findings), *_risks(report), *_weaker(report), *_errors(report)]
    used = {result["ruleId"] for result in results}
    driver = {
        "name": "pipe-review",
        "informationUri": "https://github.com/pipe-dev/infrastructure/blob/main/docs/review.md",
        "rules": [_rule(name, report.findings) for name in sorted(used)],
    }
    successful = report.code != 2
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": successful, "exitCode": report.code}],
        "columnKind": "unicodeCodePoints",
        "properties": {"compares": phrases.compared(report), "verdict": report.verdict},
        "results": results,
    }
    return (
        json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
        + "\n"
    )


def _rule(name: str, findings: list[Finding]) -> Json:
    if name in OWN:
        return {"id": name, "shortDescription": {"text": OWN[name]}}
    first = next(each for each in findings if each.policy == name)
    rule: Json = {
        "id": name,
        "shortDescription": {"text": name.replace("-", " ").capitalize()},
        "properties": {"tags": first.controls, "severity": first.severity},
    }
    if first.remediation:
        rule["help"] = {"text": first.remediation}
    if first.url:
        rule["helpUri"] = first.url
    return rule


def _policy(each: Finding) -> Json:
    text = f"{phrases.title(each)} in {', '.join(each.stacks)}: {each.message}"
    places = [*each.places, *([each.setting.place] if each.setting else [])]
    result = _result(
        each.policy,
        _level(each.blocks, each.level == "mandatory"),
        text,
        places,
        each.stacks,
        f"{each.type}::{each.name}",
    )
    result["baselineState"] = STATES[each.status]
    if each.verdict == UNKNOWN:
        result |= {"kind": "open", "level": "none"}
    if each.verdict == WAIVED:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": each.waiver}]
    return result


def _risks(report: Report) -> list[Json]:
    found: list[Json] = []
    for each in report.changes:
        if each.risk and each.risk.stateful:
            name = DELETED if each.op == "delete" else REPLACED
            text = "\n".join(
                [
                    f"{each.op} of {phrases.title(each)} in {', '.join(each.stacks)}",
                    *(f"{label}: {said}" for label, said in phrases.why(each)),
                ]
            )
            places = [*each.places, *([each.risk.setting.place] if each.risk.setting else [])]
            result = _result(
                name, _level(each.risk.blocks, True), text, places, each.stacks, f"{each.type}::{each.name}"
            )
            result["baselineState"] = "new"
            if each.risk.waived:
                result["suppressions"] = [
                    {"kind": "external", "status": "accepted", "justification": each.risk.waived}
                ]
            found.append(result)
    return found


def _weaker(report: Report) -> list[Json]:
    return [
        _result(
            WEAKER,
            _level(each.blocks, False),
            f"{each.what}: {phrases.title(each)} {each.path} is {each.weak} in prod and {each.strong} in stg",
            each.places,
            ["prod"],
            f"{each.type}::{each.name}::{each.path}",
        )
        | {"baselineState": STATES[each.status]}
        for each in report.weaker
    ]


def _errors(report: Report) -> list[Json]:
    return [
        _result(BROKEN, "error", f"{stack.name}: {error}", [], [stack.name], error)
        for stack in report.stacks
        for error in stack.errors
    ]


def _level(blocks: bool, serious: bool) -> str:
    return "error" if blocks else "warning" if serious else "note"


def _result(rule: str, level: str, text: str, places: list[Place], stacks: list[str], about: str) -> Json:
    places = places or [Place(f"Pulumi.{stacks[0]}.yaml", 1, "sets")]
    first, *others = (_location(place, index) for index, place in enumerate(places))
    mark = hashlib.sha256(f"{rule} {about} {' '.join(stacks)}".encode()).hexdigest()[:32]
    result: Json = {
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": [first],
        "partialFingerprints": {"resource/v1": mark},
        "properties": {"stacks": stacks},
    }
    if others:
        result["relatedLocations"] = others
    return result


def _location(place: Place, index: int) -> Json:
    file = {"uri": quote(place.file), "uriBaseId": "%SRCROOT%"}
    location: Json = {"physicalLocation": {"artifactLocation": file, "region": {"startLine": place.line}}}
    if index:
        location |= {"id": index, "message": {"text": f"{place.what} it"}}
    return location
