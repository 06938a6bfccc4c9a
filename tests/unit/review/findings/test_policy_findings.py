"""Tests of policy findings and their comparison with the base."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.engine.catalog import BY_NAME, RULES
from policies.engine.evaluation import evaluate
from policies.engine.pack import ALL
from policies.engine.rule import Resource as PolicyResource
from policies.engine.rule import Rule
from policies.engine.rule import Stack as PolicyStack
from policies.model.cloudflare.zones import SETTING
from policies.model.datadog_monitors import MONITOR
from policies.model.property_marks import UNKNOWN as UNKNOWN_VALUE
from policies.model.property_marks import SecretValue, from_plain
from policies.model.property_values import Value
from policies.rules.cloudflare.zones import RULESET
from review.build import build
from review.findings import policy_findings
from review.model import (
    EXISTING,
    FIXED,
    NEW,
    OWN_POLICIES,
    STATE_TO_HEAD,
    UNKNOWN,
    VIOLATION,
    WAIVED,
    Finding,
)
from review.plain_data import build_mask, is_list, is_map, path_of
from review.render import renderings
from review.stacks.engine_run import EngineRun, Step
from review.stacks.resources import Json, Resource
from review.stacks.stack import Stack
from review.stacks.stack_file import StackFile
from review.stacks.value_parts import parse_json
from tests.support.policies.truth import cases
from tests.support.review.stacks import KEY, resource, urn

ROOT = "urn:pulumi:dev::pipe::pulumi:pulumi:Stack::pipe-dev"
RULE = next(rule for rule in ALL if rule.remediation and rule.controls)
WAIVED_UNTIL = "waived until 2030-01-01 (9 days left): why\n"
FILE = StackFile("Pulumi.dev.yaml", {"pipe:key.days": ("5", 7)}, {"pipe:key.days": ("5", 7)})


def side(*messages: str, level: str = "mandatory") -> EngineRun:
    """Return a run with one violation per message, all on the same key."""
    row = {"policy": RULE.name, "urn": urn(KEY, "disk"), "level": level, "severity": ""}
    run = EngineRun(Path())
    run.phase.violations += [{**row, "message": message} for message in messages]
    return run


def findings(head: EngineRun, base: EngineRun | None) -> list[Finding]:
    """Return the findings on a key, by the messages of head and base."""
    disk = resource(KEY, "disk", {"days": 5})
    head.steps[disk.urn] = Step("same", disk, disk)
    return [*policy_findings.find(Stack("dev", head, base, FILE), base)]


@pytest.mark.parametrize(
    ("head", "base", "status", "blocks"),
    [
        (side("days is 5"), side(), NEW, True),
        (side("days is 5"), side("days is 5"), EXISTING, False),
        (side(), side("days is 5"), FIXED, False),
        (side("days is 5"), side(f"{WAIVED_UNTIL}days is 5", level="advisory"), NEW, True),
        (side(f"{WAIVED_UNTIL}days is 5", level="advisory"), side("days is 5"), NEW, False),
        (side("days is 5", level="advisory"), side(), NEW, False),
        (side("days is 5"), None, NEW, True),
        (side(f"{WAIVED_UNTIL}days is 5", level="advisory"), None, EXISTING, False),
        (side("days", level=UNKNOWN), side(), EXISTING, False),
    ],
    ids=[
        "new",
        "existing",
        "fixed",
        "no longer waived",
        "newly waived",
        "advisory",
        "without a base",
        "waived without a base",
        "unknown",
    ],
)
def test_only_a_new_mandatory_violation_blocks(
    head: EngineRun, base: EngineRun | None, status: str, blocks: bool
) -> None:
    assert [(finding.status, finding.blocks) for finding in findings(head, base)] == [(status, blocks)]


def test_a_violation_of_an_object_that_stays_is_not_simply_fixed() -> None:
    old = resource(KEY, "disk", {"days": 5}, retainOnDelete=True)
    for step, status, lines in (
        (Step("delete", old, None), EXISTING, 2),
        (Step("update", old, old), FIXED, 1),
    ):
        head, base = side(), side("days is 5")
        head.steps[old.urn] = step
        reviewed = Stack("dev", head, base, FILE)
        [finding] = policy_findings.find(reviewed, base)
        assert (finding.status, len(finding.message.splitlines())) == (status, lines)
        assert finding.message.startswith("days is 5")
        broken = {old.urn: {RULE.name}} if status == EXISTING else {}
        assert policy_findings.find_broken(reviewed, base) == broken


def test_a_violation_of_an_object_that_pulumi_leaves_to_another_deletion_is_not_fixed() -> None:
    holder = resource(KEY, "holder")
    old = resource(KEY, "disk", {"days": 5}, deletedWith=holder.urn)
    head, base = side(), side("days is 5")
    head.steps |= {item.urn: Step("delete", item, None) for item in (old, holder)}
    [finding] = policy_findings.find(Stack("dev", head, base, FILE), base)
    assert finding.status == EXISTING and "stays unless it vanishes with" in finding.message


def test_a_further_violation_of_a_rule_in_a_resource_is_new() -> None:
    further, single = side("rule 0 opens port 22", "rule 1 opens port 3306"), side("rule 0 opens port 22")
    described = [(finding.message, finding.status, finding.blocks) for finding in findings(further, single)]
    assert described == [("rule 0 opens port 22", EXISTING, False), ("rule 1 opens port 3306", NEW, True)]
    other_order = side("rule 1 opens port 3306", "rule 0 opens port 22")
    assert [finding.status for finding in findings(other_order, single)] == [NEW, EXISTING]
    assert [(finding.message, finding.status) for finding in findings(single, further)] == [
        ("rule 0 opens port 22", EXISTING),
        ("rule 1 opens port 3306", FIXED),
    ]


def test_a_violation_with_other_values_is_new() -> None:
    worse, earlier = side("days is 0"), side("days is 4")
    described = [(finding.message, finding.status, finding.blocks) for finding in findings(worse, earlier)]
    assert described == [("days is 0", NEW, True), ("days is 4", FIXED, False)]


def statement(*principals: str, action: str = "sns:Publish") -> str:
    return json.dumps({"Statement": [{"Principal": {"AWS": principals}, "Action": action}]})


API, SIDECAR = {"name": "api", "image": "api", "args": ["a"]}, {"name": "sidecar", "image": "b"}
POD = {"containers": [API], "ports": [{"port": 22, "to": "all"}]}


@pytest.mark.parametrize(
    ("message", "before", "after", "status"),
    [
        ("policy.Statement[0].Principal is {'AWS': ['a…", statement("a", "b"), statement("a", "c"), NEW),
        ("policy.Statement[0].Principal is 'a'", statement("a"), statement("a", action="sns:*"), NEW),
        ("policy.Statement[0].Principal is 'a'", statement("a"), statement("a"), EXISTING),
        ("policy is '{…", statement("a"), statement("b"), NEW),
        ("policy.ports[0].to is 'all'", POD, POD | {"ports": [{"port": 443, "to": "all"}]}, NEW),
        ("policy.containers[0].image is 'api'", POD, POD | {"ports": []}, EXISTING),
        ("policy.containers[0].image is 'api'", POD, POD | {"containers": [API, SIDECAR]}, EXISTING),
        ("policy.containers[0].image is 'api'", POD, POD | {"containers": [API | {"name": "b"}]}, NEW),
        ("policy.containers[0].image is 'api'", POD, POD | {"containers": [API | {"args": []}]}, NEW),
        ("policy.containers[0].image is 'api'", POD, POD | {"hostNetwork": True}, NEW),
        ("policy.Statement[0].Action[0] is '*'", statement("a"), statement("b"), NEW),
        ("the bucket is without versioning", statement("a"), statement("b"), NEW),
        ("the bucket is without versioning", statement("a"), statement("a"), EXISTING),
    ],
)
def test_a_violation_is_new_if_more_differs_than_its_message_says(
    message: str, before: object, after: object, status: str
) -> None:
    head, base = side(message), side(message)
    old, new = (resource(KEY, "disk", {"policy": policy}) for policy in (before, after))
    head.steps[new.urn] = Step("update", old, new)
    [finding] = policy_findings.find(Stack("dev", head, base, FILE), base)
    assert (finding.status, finding.blocks) == (status, status == NEW)
    waived = [side(f"{WAIVED_UNTIL}{message}", level="advisory") for _ in range(2)]
    waived[0].steps |= head.steps
    [finding] = policy_findings.find(Stack("dev", waived[0], waived[1], FILE), waived[1])
    assert finding.status == EXISTING


@pytest.mark.parametrize(
    ("op", "paths", "status"),
    [
        ("replace", ["days"], NEW),
        ("update", ["days"], EXISTING),
        ("replace", [], EXISTING),
    ],
)
def test_a_violation_of_a_replacement_is_new_if_the_real_resource_may_have_ignored_the_value(
    op: str, paths: list[str], status: str
) -> None:
    head, base = side("days is 6"), side("days is 6")
    disk = resource(KEY, "disk", {"days": 6}, ignoreChanges=paths)
    head.steps[disk.urn] = Step(op, disk, disk)
    [finding] = policy_findings.find(Stack("dev", head, base, FILE), base)
    assert (finding.status, finding.blocks) == (status, status == NEW)


NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


@pytest.mark.parametrize(
    ("kind", "before", "after", "status"),
    [
        (NETWORK_POLICY, {"spec": {"podSelector": "a"}}, {"spec": {"podSelector": "b"}}, NEW),
        (NETWORK_POLICY, None, {"spec": {}}, NEW),
        (NETWORK_POLICY, {"spec": {}}, None, NEW),
        (NETWORK_POLICY, {"metadata": {}}, {"metadata": {"labels": {"a": "b"}}}, EXISTING),
        ("aws:sns/topic:Topic", {"name": "a"}, {"name": "b"}, EXISTING),
        (KEY, {"days": 6}, {"days": 7}, EXISTING),
        ("aws:kms/replicaKey:ReplicaKey", {"days": 6}, None, EXISTING),
    ],
    ids=["changed", "created", "deleted", "label", "other type", "own type", "read with its own type"],
)
def test_a_violation_on_the_stack_is_new_if_another_resource_differs_that_its_rule_has_judged(
    kind: str, before: Json | None, after: Json | None, status: str
) -> None:
    head, base = side("days is 5"), side("days is 5")
    read = [[KEY, "aws:kms/replicaKey:ReplicaKey"], [NETWORK_POLICY]]
    head.add([{"policy": RULE.name, "urn": "stack", "verdict": "violation", "read": read}])
    disk = resource(KEY, "disk", {"days": 5})
    old, new = (resource(kind, "it", inputs) if inputs is not None else None for inputs in (before, after))
    for step in (Step("same", disk, disk), Step("update", old, new)):
        head.steps[step.resource.urn] = step
    [finding] = policy_findings.find(Stack("dev", head, base, FILE), base)
    assert (finding.status, finding.blocks) == (status, status == NEW)


def test_a_violation_of_a_resource_that_the_base_only_reads_is_new() -> None:
    head, base = side("days is 5"), side("days is 5")
    disk = resource(KEY, "disk", {"days": 5})
    head.steps[disk.urn] = Step("create", None, disk)
    [finding] = policy_findings.find(Stack("dev", head, base, FILE), base)
    assert (finding.status, finding.blocks) == (NEW, True)


@pytest.mark.parametrize(
    ("crashed_on", "changed", "op", "status"),
    [
        (ROOT, "other", "create", NEW),
        (ROOT, "other", "update", NEW),
        (ROOT, "other", "same", EXISTING),
        (urn(KEY, "disk"), "disk", "update", NEW),
        (urn(KEY, "disk"), "disk", "same", EXISTING),
        # A rule on resources judges each of them alone.
        (urn(KEY, "disk"), "other", "create", EXISTING),
    ],
)
def test_a_crash_is_new_if_anything_changes_that_the_rule_would_have_judged(
    crashed_on: str, changed: str, op: str, status: str
) -> None:
    row = {"policy": "policy-rule-crashed", "urn": crashed_on, "level": "mandatory", "severity": ""}
    head, base = EngineRun(Path()), EngineRun(Path())
    for run in (head, base):
        run.phase.violations.append({**row, "message": "s3-versioning-off crashed: KeyError: 'x'"})
    disk = resource(KEY, "disk")
    head.steps[disk.urn] = Step("same", disk, disk)
    # Tags are left out of other violations, but the crashed rule may be about them.
    before, after = resource(KEY, changed, {"tags": {"a": "b"}}), resource(KEY, changed)
    head.steps[after.urn] = Step(op, None if op == "create" else before, after)
    [finding] = policy_findings.find(Stack("dev", head, base, FILE), base)
    assert (finding.status, finding.blocks) == (status, status == NEW)


def with_rows(run: EngineRun, rule: Rule, resources: dict[str, Json]) -> EngineRun:
    """Return a run with the verdicts of a rule on a stack of these resources, and the rows of its ledger."""
    parts = [
        PolicyResource(kind, urn(kind, kind), kind, Value(from_plain(inputs)))
        for kind, inputs in resources.items()
    ]
    evaluation = evaluate(rule, PolicyStack(tuple(parts)), {"monitors": ["HighCpu"], "tags": ["service:api"]})
    run.phase.violations += [
        {
            "policy": rule.name,
            "urn": item.urn or ROOT,
            "level": "mandatory",
            "severity": "",
            "message": f"{item}",
        }
        for item in evaluation.findings
    ]
    row = {"policy": rule.name, "urn": ROOT, "verdict": "violation", "read": evaluation.read_types}
    return run.add([json.loads(json.dumps(row))])


@pytest.mark.parametrize(
    ("rule", "named", "judged", "before", "after"),
    [
        (
            "cloudflare-managed-rules-off",
            {SETTING: {"zoneId": "z", "settingId": "ssl"}},
            RULESET,
            {"zoneId": "z", "rules": [{"expression": 'http.request.uri.path ne "/health"'}]},
            {"zoneId": "z", "rules": [{"expression": 'http.request.uri.path eq "/nothing"'}]},
        ),
        ("alert-required-monitor-missing", {}, MONITOR, {"name": "HighCpu", "query": "cpu"}, None),
    ],
    ids=["a resource that has verdicts of its own", "the stack"],
)
def test_a_violation_is_new_if_what_its_rule_judged_differs_whatever_the_rule_is_about(
    rule: str, named: dict[str, Json], judged: str, before: Json, after: Json | None
) -> None:
    policy = BY_NAME[rule]
    assert judged in policy.about
    base = with_rows(EngineRun(Path()), policy, named | {judged: before})
    head = with_rows(EngineRun(Path()), policy, named | ({judged: after} if after else {}))
    same = [resource(kind, kind, inputs) for kind, inputs in named.items()]
    steps = [Step("same", item, item) for item in same]
    old, new = (resource(judged, judged, inputs) if inputs else None for inputs in (before, after))
    head.steps |= {step.resource.urn: step for step in [*steps, Step("update", old, new)]}
    [finding] = policy_findings.find(Stack("dev", head, base, FILE), base)
    assert (finding.status, finding.blocks) == (NEW, True)
    head.steps[resource(judged, judged).urn] = Step("same", old, old)
    [finding] = policy_findings.find(Stack("dev", head, base, FILE), base)
    assert finding.status == EXISTING


def plain(value: Any) -> Any:
    """Return a value as the inputs of a review have it."""
    if value is UNKNOWN_VALUE:
        return "unknown"
    if isinstance(value, SecretValue):
        return plain(value.value)
    if is_map(value):
        return {key: plain(child) for key, child in value.items()}
    return [plain(child) for child in value] if is_list(value) else value


def changes(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path of each leaf of a value, and a copy with another one; an empty object gets a member."""
    document = parse_json(value)
    if document is not None:
        yield from ((inner, json.dumps(other)) for inner, other in changes(document, path))
    elif is_map(value) and value:
        for key, child in value.items():
            for inner, other in changes(child, path_of(path, key)):
                yield inner, value | {key: other}
    elif is_list(value) and value:
        for index, child in enumerate(value):
            for inner, other in changes(child, f"{path}[{index}]"):
                yield inner, [*value[:index], other, *value[index + 1 :]]
    elif is_map(value):
        yield path_of(path, "x"), {"x": 1}
    else:
        yield path, ["x"] if is_list(value) else f"other than {value}"


def is_apart(leaf: str, path: str, leaves: Iterable[str]) -> bool:
    """Return True if a leaf decides nothing about a violation at a path, so that the violation stays old."""
    irrelevant = (".".join(map(str, keys)) for keys in policy_findings.IRRELEVANT)
    if any(leaf.startswith(name) and not path.startswith(name) for name in irrelevant):
        return re.match(r"tags\[\d", leaf) is None
    item = re.match(r"(?P<list>(?P<holder>(?:[^\[]*\.)?)[^.\[]+)\[\d+\]", path)
    if not item or not any(other.startswith(f"{item[0]}.") for other in leaves):
        return False
    beside = re.match(rf"{re.escape(item['holder'])}[^.\[]+\[\d+\]\.", leaf)
    return (leaf.startswith(f"{item['list']}[") or bool(beside)) and not leaf.startswith(f"{item[0]}.")


def violations() -> Iterator[tuple[Rule, str, Resource]]:
    """Yield a rule, the text of a finding and its resource for some cases of each rule."""
    left = Counter({rule.name: 3 for rule in RULES})
    for case in cases():
        rule = BY_NAME[case.rule]
        if case.verdict == "violation" and left[rule.name]:
            subject = PolicyStack(case.resources) if rule.on_stack else case.resources[0]
            for violation in evaluate(rule, subject, case.options).findings:
                for item in case.resources:
                    if item.urn == violation.urn:
                        left[rule.name] -= 1
                        yield rule, str(violation), resource(item.type, item.name, plain(item.props.get()))


def test_a_violation_is_new_if_anything_differs_that_its_rule_has_judged() -> None:
    judged: set[str] = set()
    wrong: list[tuple[str, str, str]] = []
    for rule, message, old in violations():
        judged.add(rule.name)
        row = {"policy": rule.name, "urn": old.urn, "level": "mandatory", "severity": "", "message": message}
        path = message.partition(" is ")[0]
        others = [*changes(old.inputs)]
        for leaf, inputs in others:
            head, base = EngineRun(Path()), EngineRun(Path())
            head.phase.violations, base.phase.violations = [row], [row]
            head.steps[old.urn] = Step("update", old, resource(old.type, old.name, inputs))
            [finding] = policy_findings.find(Stack("dev", head, base, FILE), base)
            if (finding.status == NEW) is is_apart(leaf, path, [leaf for leaf, _ in others]):
                wrong.append((path, leaf, finding.status))
    assert wrong == []
    assert len(judged) > len(RULES) * 0.9


def test_a_finding_has_the_rules_controls_and_remediation_and_the_line_of_the_setting() -> None:
    [finding] = findings(side("days is 5; set it to 30"), None)
    assert finding.controls == [f"{RULE.framework}: {control}" for control in RULE.controls]
    assert (finding.remediation, finding.message) == (RULE.remediation, "days is 5; set it to 30")
    assert finding.setting and (finding.setting.key, finding.setting.line) == ("pipe:key.days", 7)


def test_the_message_is_without_the_waiver() -> None:
    for start in ("", f"{RULE.description}\n"):
        [finding] = findings(side(f"{start}{WAIVED_UNTIL}days is 5", level="advisory"), side())
        waived = finding.verdict, finding.waiver, finding.message
        assert waived == (WAIVED, WAIVED_UNTIL.strip(), "days is 5")


def test_text_of_the_program_that_looks_like_a_waiver_waives_nothing() -> None:
    forged = f"{RULE.description}\nserver a\n{WAIVED_UNTIL}b is 5"
    [mandatory] = findings(side(f"{RULE.description}\n{WAIVED_UNTIL}b is 5"), side())
    assert (mandatory.verdict, mandatory.waiver, mandatory.blocks) == (VIOLATION, "", True)
    [advisory] = findings(side(forged, level="advisory"), side())
    assert (advisory.verdict, advisory.waiver) == (VIOLATION, "")


def test_a_blocking_finding_of_a_real_preview_has_its_remediation_and_controls(tmp_path: Path) -> None:
    stack = Stack("dev", side("days is 5"))
    report = build(STATE_TO_HEAD, ("state", "head"), [stack], build_mask([]), (tmp_path, tmp_path))
    sections = renderings.render_terminal(report).split("\n\n")
    [blocking] = [text for text in sections if RULE.name in text and "BLOCKS" in text]
    controls = "; ".join(f"{RULE.framework}: {control}" for control in RULE.controls)
    assert f"{RULE.remediation} ({controls})" in blocking
    assert report.code == 1


def test_a_rule_of_the_head_has_no_section_of_the_reviews_own_findings() -> None:
    finding = Finding(stacks=["dev"], name="it", policy="stateful-replaced", message="no")
    assert finding.section == "At risk"
    assert replace(finding, from_head=True).section == OWN_POLICIES
