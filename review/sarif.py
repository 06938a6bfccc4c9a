"""The report as SARIF 2.1.0, for code scanning: findings at the lines that declare, compose and set."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from review import phrases
from review.model import EXISTING, FIXED, NEW, UNKNOWN, Place, Report, Setting
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

STATES = {NEW: "new", EXISTING: "unchanged", FIXED: "absent"}
Json = dict[str, Any]


def render(report: Report) -> str:
    """One run with a result a finding."""
    results = list(_results(report))
    first = {each.policy: each for each in reversed(report.findings)}
    rules: list[Json] = []
    for name in sorted({result["ruleId"] for result in results}):
        rule: Json = {
            "id": name,
            "shortDescription": {"text": OWN.get(name, name.replace("-", " ").capitalize())},
        }
        if name in first:
            found = first[name]
            rule["properties"] = {"tags": found.controls, "severity": found.severity}
            rule |= {"help": {"text": found.remediation}} if found.remediation else {}
            rule |= {"helpUri": found.url} if found.url else {}
        rules.append(rule)
    about = "https://github.com/pipe-dev/infrastructure/blob/main/docs/review.md"
    run = {
        "tool": {"driver": {"name": "pipe-review", "informationUri": about, "rules": rules}},
        "invocations": [{"executionSuccessful": report.code != 2, "exitCode": report.code}],
        "columnKind": "unicodeCodePoints",
        "properties": {"compares": phrases.compared(report), "verdict": report.verdict},
        "results": results,
    }
    return (
        json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
        + "\n"
    )


def _results(report: Report) -> Iterator[Json]:
    for each in report.findings:
        text = f"{phrases.title(each)} in {', '.join(each.stacks)}: {each.message}"
        serious = "error" if each.blocks else "warning" if each.level == "mandatory" else "note"
        result = _result(each, each.policy, serious, text, each.stacks, each.setting, each.waiver)
        unknown = {"kind": "open", "level": "none"} if each.verdict == UNKNOWN else {}
        yield result | {"baselineState": STATES[each.status]} | unknown
    for each in report.changes:
        if each.risk and each.risk.stateful:
            name, risk = DELETED if each.op == "delete" else REPLACED, each.risk
            lines = (f"{label}: {said}" for label, said in phrases.why(each))
            text = "\n".join((f"{each.op} of {phrases.title(each)} in {', '.join(each.stacks)}", *lines))
            level = "error" if risk.blocks else "warning"
            result = _result(each, name, level, text, each.stacks, risk.setting, risk.waived)
            yield result | {"baselineState": "new"}
    for each in report.weaker:
        text = (
            f"{each.what}: {phrases.title(each)} {each.path} is {each.weak} in prod and {each.strong} in stg"
        )
        result = _result(each, WEAKER, "error" if each.blocks else "note", text, ["prod"], None, each.waived)
        yield result | {"baselineState": STATES[each.status]}
    for stack in report.stacks:
        for error in stack.errors:
            yield _result(None, BROKEN, "error", f"{stack.name}: {error}", [stack.name], None, "")


def _result(
    about: Any, rule: str, level: str, text: str, stacks: list[str], setting: Setting | None, waiver: str
) -> Json:
    places: list[Place] = [*(about.places if about else ()), *([setting.place] if setting else ())]
    places = places or [Place(f"Pulumi.{stacks[0]}.yaml", 1, "sets")]
    first, *others = (_location(place, index) for index, place in enumerate(places))
    key = (rule, *((about.type, about.name) if about else (text,)), getattr(about, "path", ""), *stacks)
    mark = hashlib.sha256(" ".join(key).encode()).hexdigest()[:32]
    result: Json = {"ruleId": rule, "level": level, "message": {"text": text}, "locations": [first]}
    result |= {"partialFingerprints": {"resource/v1": mark}, "properties": {"stacks": stacks}}
    if waiver:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": waiver}]
    return result | ({"relatedLocations": others} if others else {})


def _location(place: Place, index: int) -> Json:
    file = {"uri": quote(place.file), "uriBaseId": "%SRCROOT%"}
    location: Json = {"physicalLocation": {"artifactLocation": file, "region": {"startLine": place.line}}}
    return location | ({"id": index, "message": {"text": f"{place.what} it"}} if index else {})
