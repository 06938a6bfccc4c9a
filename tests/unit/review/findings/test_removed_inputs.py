"""Tests of findings about physical names and other inputs that the program no longer sets."""

from pathlib import Path
from typing import Any

import pytest

from review.build import build
from review.findings import policy_findings
from review.findings.removed_inputs import (
    find_kept_inputs,
    find_removed_names,
    kept_inputs,
    maybe_kept_inputs,
)
from review.model import BASE_TO_HEAD, EXISTING, FIXED, UNKNOWN, WAIVED, Finding, Report
from review.plain_data import build_mask
from review.stacks.engine_run import EngineRun, Step
from sandbox.providers.aws.package import Aws
from sandbox.providers.kubernetes.package import AUTONAMED, RELEASE, Kubernetes
from sandbox.wire.values import Secret
from tests.support.review.stacks import resource, stack
from tests.support.sandbox.providers import resources as sandbox_resources

BUCKET, ROLE, INSTANCE = "aws:s3/bucket:Bucket", "aws:iam/role:Role", "aws:rds/instance:Instance"
NAMED = {"bucket": "pipe-backup"}
UNNAMED = {"bucket": "pipe-backup", "__defaults": ["bucket"]}


def findings(
    old: dict[str, Any] | None,
    new: dict[str, Any],
    kind: str = BUCKET,
    *,
    op: str = "same",
    predicted: bool = True,
) -> list[Finding]:
    before = old if old is None else resource(kind, "it", old)
    reviewed = stack(Step(op, before, resource(kind, "it", new)))
    reviewed.predicted = predicted
    return [finding for _, finding in find_removed_names(reviewed)]


def test_a_removed_name_of_a_resource_with_data_blocks() -> None:
    for op in ("same", "replace"):
        [finding] = findings(NAMED, UNNAMED, op=op)
        assert finding.blocks
        assert finding.message.startswith("bucket: the program no longer sets pipe-backup; ")


def test_a_removed_name_of_another_resource_is_shown() -> None:
    [finding] = findings({"name": "a"}, {"name": "a", "__defaults": ["name"]}, ROLE)
    assert (finding.blocks, finding.level) == (False, "advisory")


def test_a_name_of_a_resource_with_data_that_becomes_a_prefix_blocks() -> None:
    named, prefixed = {"identifier": "prod-db"}, {"identifierPrefix": "prod-db-"}
    [finding] = findings(named, prefixed, INSTANCE, op="update")
    assert finding.blocks and finding.message.startswith("identifier: the program no longer sets prod-db; ")
    assert findings(named, prefixed, INSTANCE, op="replace") == []
    assert findings(named, named | {"tags": {}}, INSTANCE, op="update") == []
    assert findings(named | {"__defaults": ["identifier"]}, prefixed, INSTANCE, op="update") == []


def test_other_names_are_no_finding() -> None:
    renamed = {"bucket": "pipe-backup-1a2b3c4", "__defaults": ["bucket"]}
    for old, new in ((UNNAMED, UNNAMED), (UNNAMED, NAMED), (NAMED, NAMED), (NAMED, renamed), (None, UNNAMED)):
        assert findings(old, new) == []
    assert findings(NAMED, UNNAMED, predicted=False) == []


def test_an_input_that_is_secret_counts_with_its_value() -> None:
    old, new = resource(GROUP, "it", OPEN), resource(GROUP, "it", OPEN)
    new.values = OPEN | {"ingress": None}
    assert kept_inputs(Step("update", old, new)) == ["ingress"]


def test_the_provider_marks_a_name_that_it_keeps() -> None:
    declared = sandbox_resources.resource(BUCKET, {})
    [finding] = findings(NAMED, Aws("aws").complete(declared, NAMED, b"seed"))
    assert finding.blocks


@pytest.mark.parametrize("name", ["", Secret("")], ids=["text", "secret"])
def test_an_empty_name_is_no_longer_set(name: Any) -> None:
    named = {"identifier": "prod-db"}
    for more in ({}, {"identifierPrefix": "prod-db-"}):
        declared = sandbox_resources.resource(INSTANCE, {"identifier": name, **more})
        completed = Aws("aws").complete(declared, named, b"seed")
        [finding] = findings(named, completed, INSTANCE, op="update")
        assert finding.blocks and finding.message.startswith("identifier: the program no longer sets prod-db")


def test_a_release_whose_name_its_provider_keeps_blocks() -> None:
    named = {"chart": "postgresql", "name": "pg", "namespace": "data"}
    declared = sandbox_resources.resource(RELEASE, {"chart": "postgresql", "namespace": "data"})
    kept = Kubernetes("kubernetes").complete(declared, named, b"seed")
    [finding] = findings(named, kept, RELEASE)
    assert finding.blocks and finding.message.startswith("name: the program no longer sets pg; ")


CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"


@pytest.mark.parametrize(
    ("kind", "inputs", "before", "after", "path"),
    [
        (BUCKET, NAMED, [], ["bucket"], "bucket"),
        (BUCKET, NAMED, ["tags"], ["tags", '["bucket"]'], "bucket"),
        (BUCKET, NAMED, [], ["*"], "bucket"),
        (BUCKET, NAMED, ["bucket"], ["bucket"], ""),
        (BUCKET, NAMED, [], ["tags"], ""),
        (BUCKET, UNNAMED, [], ["bucket"], ""),
        (ROLE, {"name": "a"}, [], ["name"], ""),
        (CLAIM, {"metadata": {"name": "data"}}, [], ["metadata"], "metadata.name"),
        (CLAIM, {"metadata": {"name": "data"}}, [], ["metadata[*]"], "metadata.name"),
        (CLAIM, {"metadata": {"name": "data"}}, [], ['metadata["*"]'], "metadata.name"),
        (CLAIM, {"metadata": {"name": "data"}}, [], ["metadata.*"], "metadata.name"),
        (CLAIM, {"metadata": {"name": "data"}}, [], ["metadata..name"], "metadata.name"),
        (CLAIM, {"metadata": {"name": "data"}}, [], ['["metadata"].["name"]'], "metadata.name"),
        (CLAIM, {"metadata": {"name": "data"}}, [], ["*.name"], "metadata.name"),
        (CLAIM, {"metadata": {"name": "data"}}, ["metadata.*"], ["metadata.name"], ""),
        (CLAIM, {"metadata": {"name": "data"}}, [], ["metadata.labels"], ""),
        (CLAIM, {"metadata": {"name": "data"}}, [], ["metadata.labels[*]"], ""),
        (CLAIM, {"metadata": {"name": "data"}}, [], ['["metadata.name"]'], ""),
        (CLAIM, {"metadata": {"name": "a", "annotations": {AUTONAMED: "true"}}}, [], ["metadata"], ""),
        (RELEASE, {"name": "pg"}, [], ["name"], "name"),
    ],
)
def test_a_name_of_a_resource_with_data_whose_changes_are_newly_ignored_blocks(
    kind: str, inputs: dict[str, Any], before: list[str], after: list[str], path: str
) -> None:
    old, new = (resource(kind, "it", inputs, ignoreChanges=paths) for paths in (before, after))
    reviewed = stack(Step("update", old, new))
    reviewed.predicted = True
    shown = [finding for _, finding in find_removed_names(reviewed)]
    assert [finding.message.partition(":")[0] for finding in shown] == ([path] if path else [])
    assert all(finding.blocks for finding in shown)


GROUP, CLUSTER, DEPLOYMENT = (
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:eks/cluster:Cluster",
    "kubernetes:apps/v1:Deployment",
)
ACL = "aws:s3/bucketAclV2:BucketAclV2"
OPEN: dict[str, Any] = {"ingress": [{"fromPort": 22, "cidrBlocks": ["0.0.0.0/0"]}], "tags": {"team": "a"}}


@pytest.mark.parametrize(
    ("kind", "old", "new", "op", "paths"),
    [
        (GROUP, OPEN, {}, "update", ["ingress"]),
        (GROUP, OPEN, {"ingress": None}, "update", ["ingress"]),
        (GROUP, OPEN, {"ingress": []}, "update", []),
        (GROUP, {"ingress": []}, {}, "update", []),
        (BUCKET, {"grants": [{"uri": "x"}]}, {"grants": []}, "update", ["grants"]),
        (GROUP, OPEN, {"ingress": [], "egress": []}, "update", []),
        (INSTANCE, {"vpcSecurityGroupIds": ["sg-1"]}, {"vpcSecurityGroupIds": []}, "update", []),
        (INSTANCE, {"parameterGroupName": "a"}, {"parameterGroupName": ""}, "update", ["parameterGroupName"]),
        (INSTANCE, {"parameterGroupName": ""}, {"parameterGroupName": ""}, "update", []),
        (INSTANCE, {"backupRetentionPeriod": 7}, {"backupRetentionPeriod": 0}, "update", []),
        ("cloudflare:index/zone:Zone", {"type": "full"}, {"type": ""}, "update", []),
        (GROUP, OPEN, {}, "replace", []),
        ("aws:kms/key:Key", {"policy": "{}", "keyUsage": "x"}, {}, "update", ["policy"]),
        (
            CLUSTER,
            {"vpcConfig": {"publicAccessCidrs": ["10.0.0.0/8"], "endpointPublicAccess": True}},
            {"vpcConfig": {}},
            "update",
            ["vpcConfig.publicAccessCidrs"],
        ),
        (CLUSTER, {"accessConfig": {"authenticationMode": "API"}}, {}, "update", ["accessConfig"]),
        (DEPLOYMENT, {"spec": {"replicas": 2}}, {}, "update", []),
        ("aws:x:Unknown", {"a": 1}, {}, "update", []),
        ("aws:no-token", {"a": 1}, {}, "update", []),
        (BUCKET, {"grants": [{"uri": "x"}]}, {"acl": "private"}, "update", ["grants"]),
        (BUCKET, {"acl": "public-read"}, {"grants": [{"uri": "x"}]}, "update", []),
        (ACL, {"accessControlPolicy": {"owner": {"id": "x"}}}, {"acl": "private"}, "update", []),
    ],
    ids=[
        "removed",
        "null",
        "emptied",
        "empty before",
        "empty blocks",
        "emptied rules",
        "emptied texts",
        "empty text",
        "empty text before",
        "zero",
        "empty text that is sent",
        "replaced",
        "not computed",
        "inside",
        "whole",
        "Kubernetes",
        "unknown",
        "no token",
        "grants in place",
        "ACL in place",
        "ACL in place of a policy",
    ],
)
def test_computed_inputs_are_kept_if_the_program_no_longer_sets_them(
    kind: str, old: dict[str, Any], new: dict[str, Any], op: str, paths: list[str]
) -> None:
    assert kept_inputs(Step(op, resource(kind, "it", old), resource(kind, "it", new))) == paths


def test_an_input_is_kept_under_another_name_of_the_type() -> None:
    old = resource(
        "aws:s3/bucketV2:BucketV2", "it", {"acl": "public-read", "versioning": {"mfaDelete": True}}
    )
    for kind, kept, maybe_kept in ((BUCKET, ["acl"], ["versioning.mfaDelete"]), (ACL, [], [])):
        step = Step("update", old, resource(kind, "it", {"versioning": {"enabled": True}}))
        assert (kept_inputs(step), maybe_kept_inputs(step)) == (kept, maybe_kept)


def test_a_kept_input_is_shown_and_blocks_with_a_violation() -> None:
    step = Step("update", resource(GROUP, "it", OPEN), resource(GROUP, "it", {}))
    [(_, shown)] = find_kept_inputs(stack(step), [])
    assert (shown.blocks, shown.level) == (False, "advisory")
    urn = step.resource.urn
    for of in (urn, "another"):
        violation = {"policy": "ssh-open", "urn": of, "message": "ingress[0] is open"}
        [(_, finding)] = find_kept_inputs(stack(step), [(violation, [(urn, "ingress")])])
        assert finding.blocks and finding.message == (
            "ingress: the program no longer sets it, so the existing resource keeps its value or gets the "
            "provider's default, and may still break ssh-open"
        )


TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
FUNCTION = "aws:lambda/function:Function"
ZONE = "cloudflare:index/zone:Zone"
LIMIT, ENDPOINT = "httpPutResponseHopLimit", "httpEndpoint"
WITH_PASSWORD, WITH_SECRET_ARN = ({"variables": {name: "x"}} for name in ("PASSWORD", "SECRET_ARN"))

INPUTS_INSIDE: dict[str, tuple[str, str, Any, Any, list[str]]] = {
    "removed": (TEMPLATE, "metadataOptions", {LIMIT: 2, "a": 1}, {"a": 2}, [LIMIT]),
    "null": (TEMPLATE, "metadataOptions", {LIMIT: 2}, {LIMIT: None}, [LIMIT]),
    "changed": (TEMPLATE, "metadataOptions", {LIMIT: 2}, {LIMIT: 1}, []),
    "zero": (TEMPLATE, "metadataOptions", {LIMIT: 2}, {LIMIT: 0}, []),
    "empty before": (TEMPLATE, "metadataOptions", {LIMIT: 2, ENDPOINT: ""}, {LIMIT: 1}, []),
    "empty text": (TEMPLATE, "metadataOptions", {ENDPOINT: "enabled"}, {ENDPOINT: ""}, [ENDPOINT]),
    "empty text that is sent": (ZONE, "account", {"id": "a"}, {"id": ""}, []),
    "deeper": (CLUSTER, "storageConfig", {"blockStorage": {"enabled": True}}, {}, ["blockStorage"]),
    "in a list": (GROUP, "ingress", [{"protocol": "tcp"}, {"self": True}], [{"self": True}], []),
    "in a map": (FUNCTION, "environment", WITH_PASSWORD, WITH_SECRET_ARN, []),
    "Kubernetes": (DEPLOYMENT, "spec", {"replicas": 2}, {}, []),
    "no property": (TEMPLATE, "unknown", {"a": 2}, {}, []),
    "no type": ("aws:x:Unknown", "metadataOptions", {LIMIT: 2}, {}, []),
    "no token": ("aws:no-token", "metadataOptions", {LIMIT: 2}, {}, []),
}
"""A type, an input, its values in base and head, and the properties in it that may be kept."""


@pytest.mark.parametrize("case", INPUTS_INSIDE)
def test_inputs_inside_objects_may_be_kept(case: str) -> None:
    kind, name, *sides, inside = INPUTS_INSIDE[case]
    old, new = (resource(kind, "it", {name: value}) for value in sides)
    assert maybe_kept_inputs(Step("update", old, new)) == [f"{name}.{path}" for path in inside]


def test_an_input_that_may_be_kept_is_shown_without_a_violation() -> None:
    old, new = ({"metadataOptions": {"httpTokens": "required", **limit}} for limit in ({LIMIT: 2}, {}))
    step = Step("update", resource(TEMPLATE, "it", old), resource(TEMPLATE, "it", new))
    [(_, finding)] = find_kept_inputs(stack(step), [])
    assert (finding.blocks, finding.level) == (False, "advisory")
    assert finding.message == (
        f"metadataOptions.{LIMIT}: the program no longer sets it, so the existing resource may keep its "
        "value or get the provider's default"
    )


def test_an_input_that_is_certainly_kept_is_not_one_that_may_be() -> None:
    old, new = ({"vpcConfig": cidrs} for cidrs in ({"publicAccessCidrs": ["10.0.0.0/8"]}, {}))
    step = Step("update", resource(CLUSTER, "it", old), resource(CLUSTER, "it", new))
    assert kept_inputs(step) == ["vpcConfig.publicAccessCidrs"]
    assert maybe_kept_inputs(step) == []


def _report_without(step: Step, message: str, folder: Path) -> Report:
    """Return the report on a step with which a violation with this message disappears."""
    reviewed = stack(step)
    reviewed.base = EngineRun(folder)
    row = {"policy": "a-rule", "urn": step.resource.urn, "level": "mandatory", "severity": ""}
    reviewed.base.phase.violations.append({**row, "message": message})
    return build(BASE_TO_HEAD, ("base", "head"), [reviewed], build_mask([]), (folder, folder))


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (f"metadataOptions.{LIMIT} is 2", EXISTING),
        (f"containers reach the role: {LIMIT} is above 1", EXISTING),
        ("metadataOptions.httpTokens is 'optional'", EXISTING),
        ("description is 'x'", FIXED),
        ("everybody may use it", EXISTING),
        ("metadataOptions is {'httpTokens': 'optional', 'http…", EXISTING),
    ],
)
def test_a_violation_of_an_input_that_may_be_kept_is_not_fixed(
    message: str, status: str, tmp_path: Path
) -> None:
    old, new = (
        {"metadataOptions": {"httpTokens": "optional", **limit}, "description": text}
        for limit, text in (({LIMIT: 2}, "x"), ({}, "y"))
    )
    step = Step("update", resource(TEMPLATE, "it", old), resource(TEMPLATE, "it", new))
    report = _report_without(step, message, tmp_path)
    assert [finding.status for finding in report.findings if finding.policy == "a-rule"] == [status]
    expected = [
        f"metadataOptions.{LIMIT}: the program no longer sets it, so the existing resource may keep its "
        "value or get the provider's default, and may still break a-rule"
    ]
    assert [finding.message for finding in report.findings if finding.blocks] == (
        expected if status == EXISTING else []
    )


def test_a_violation_that_names_one_kept_input_says_nothing_about_another_one(tmp_path: Path) -> None:
    options = {"metadataOptions": {"httpTokens": "optional", LIMIT: 2}, "description": "x"}
    old, new = resource(TEMPLATE, "it", options), resource(TEMPLATE, "it", {"metadataOptions": {"a": 1}})
    step = Step("update", old, new)
    report = _report_without(step, f"metadataOptions.{LIMIT} is 2", tmp_path)
    assert [item.message.partition(":")[0] for item in report.findings if item.blocks] == [
        f"metadataOptions.{LIMIT}"
    ]
    [kept] = [item.message for item in report.findings if item.policy == "a-rule"]
    assert f"The program no longer sets metadataOptions.{LIMIT}: see value-no-longer-set." in kept


POLICY = "policy.Statement[0].Principal is '*'"
DENIED = '{"Statement": [{"Effect": "Deny", "Principal": "*"}]}'
NOBODY = '{"Statement": [{"Effect": "Deny", "Principal": "a"}]}'


@pytest.mark.parametrize(
    ("message", "head", "status"),
    [
        ("bucket is 'orders' without a rule for uploads", {}, EXISTING),
        (POLICY, {"policy": DENIED}, EXISTING),
        (POLICY, {"policy": NOBODY}, FIXED),
        ("forceDestroy is true", {}, FIXED),
        ("objectLockEnabled is missing", {"objectLockEnabled": True}, FIXED),
        ("objectLockEnabled is missing", {}, EXISTING),
    ],
)
def test_a_violation_whose_condition_is_a_kept_input_is_not_fixed(
    tmp_path: Path, message: str, head: dict[str, Any], status: str
) -> None:
    old = {"bucket": "orders", "lifecycleRules": [{"enabled": True}], "policy": DENIED, "forceDestroy": True}
    new = {"bucket": "orders", "policy": DENIED, **head}
    step = Step("update", resource(BUCKET, "it", old), resource(BUCKET, "it", new))
    report = _report_without(step, message, tmp_path)
    assert [finding.status for finding in report.findings if finding.policy == "a-rule"] == [status]
    assert [finding.policy for finding in report.findings if finding.blocks] == (
        ["value-no-longer-set"] if status == EXISTING else []
    )


RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


@pytest.mark.parametrize(
    ("read", "after", "status"),
    [
        ({GROUP, RULE}, {}, EXISTING),
        ({RULE}, {}, FIXED),
        ({GROUP, RULE}, {"description": "x"}, EXISTING),
        ({GROUP, RULE}, {"toPort": 22}, FIXED),
    ],
    ids=["read beside", "not read", "described", "changed itself"],
)
def test_a_violation_stays_if_an_input_of_a_resource_beside_it_is_kept(
    tmp_path: Path, read: set[str], after: dict[str, Any], status: str
) -> None:
    group = Step("update", resource(GROUP, "group", OPEN), resource(GROUP, "group", {"tags": OPEN["tags"]}))
    rule = Step(
        "update", resource(RULE, "rule", {"fromPort": 22}), resource(RULE, "rule", {"fromPort": 22, **after})
    )
    reviewed = stack(group, rule)
    reviewed.base = EngineRun(tmp_path)
    reviewed.base.read_types["a-rule"] = {frozenset(read)}
    row = {"policy": "a-rule", "urn": rule.resource.urn, "level": "mandatory", "severity": ""}
    reviewed.base.phase.violations.append({**row, "message": "fromPort is open to everybody in parts"})
    report = build(BASE_TO_HEAD, ("base", "head"), [reviewed], build_mask([]), (tmp_path, tmp_path))
    assert [finding.status for finding in report.findings if finding.policy == "a-rule"] == [status]
    assert [(finding.policy, finding.name) for finding in report.findings if finding.blocks] == (
        [("value-no-longer-set", "group")] if status == EXISTING else []
    )


CONTROLS = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
OWNED = {"rule": {"objectOwnership": "ObjectWriter"}}
BEFORE, WITHOUT_ACL = ({"bucket": "it", **acl} for acl in ({"acl": "private"}, {}))

OF_NAMED = {"dependencies": [resource(BUCKET, "named", {}).urn]}
KEPT = "value-no-longer-set"
OTHERS: dict[
    str, tuple[dict[str, Any] | None, dict[str, Any] | None, dict[str, Any], list[str], list[str]]
] = {
    "created": (None, OWNED, OF_NAMED, [], []),
    "deleted": (OWNED, None, OF_NAMED, [], []),
    "changed": (OWNED, {"rule": {"objectOwnership": "BucketOwnerEnforced"}}, OF_NAMED, [], []),
    "described": (OWNED, OWNED | {"description": "x"}, OF_NAMED, [KEPT], [KEPT]),
    "left": (OWNED, None, OF_NAMED | {"retainOnDelete": True}, [KEPT], ["deleted"]),
    "of another bucket": (None, OWNED, {}, [KEPT], [KEPT]),
    "without the property": (None, {"bucket": "it"}, OF_NAMED, [KEPT], []),
}
"""Inputs of another resource in base and head, fields of its state, and what blocks because of a violation if
the named bucket drops its ACL, or a bucket beside it.
"""


@pytest.mark.parametrize("dropped", ["named", "beside"])
@pytest.mark.parametrize("case", OTHERS)
def test_another_resource_that_changes_explains_why_a_violation_vanishes(
    tmp_path: Path, case: str, dropped: str
) -> None:
    before, after, state, *blocks = OTHERS[case]
    expected = blocks[0] if dropped == "named" else blocks[1]
    old, new = (resource(CONTROLS, "it", side, **state) if side else None for side in (before, after))
    steps = [
        Step(
            "update",
            resource(BUCKET, name, BEFORE),
            resource(BUCKET, name, WITHOUT_ACL if name == dropped else BEFORE),
        )
        for name in ("named", "beside")
    ]
    reviewed = stack(*steps, Step("update" if old and new else "create" if new else "delete", old, new))
    reviewed.base = EngineRun(tmp_path)
    reviewed.base.read_types["a-rule"] = {frozenset({BUCKET}), frozenset({CONTROLS})}
    row = {"policy": "a-rule", "urn": steps[0].resource.urn, "level": "mandatory", "severity": ""}
    reviewed.base.phase.violations.append({**row, "message": "rule.objectOwnership is 'ObjectWriter'"})
    report = build(BASE_TO_HEAD, ("base", "head"), [reviewed], build_mask([]), (tmp_path, tmp_path))
    [status] = [finding.status for finding in report.findings if finding.policy == "a-rule"]
    assert status == (EXISTING if expected else FIXED)
    blocking = [finding for finding in report.findings if finding.blocks]
    assert sorted(finding.policy for finding in blocking) == expected
    assert all("may still break a-rule" in finding.message for finding in blocking)


def test_a_named_input_stays_whatever_else_changes(tmp_path: Path) -> None:
    step = Step("update", resource(BUCKET, "it", BEFORE), resource(BUCKET, "it", WITHOUT_ACL))
    reviewed = stack(step, Step("create", None, resource(BUCKET, "another", BEFORE)))
    reviewed.base = EngineRun(tmp_path)
    reviewed.base.read_types["a-rule"] = {frozenset({BUCKET})}
    row = {"policy": "a-rule", "urn": step.resource.urn, "level": "mandatory", "severity": ""}
    reviewed.base.phase.violations.append({**row, "message": "acl is 'private'"})
    [(_, kept)] = policy_findings.find_kept(reviewed, reviewed.base)
    assert kept == [(step.resource.urn, "acl")]


def test_what_stays_of_another_resource_is_named(tmp_path: Path) -> None:
    named, controls = resource(BUCKET, "a", WITHOUT_ACL), resource(CONTROLS, "b", OWNED, retainOnDelete=True)
    beside = Step("update", resource(BUCKET, "c", BEFORE), resource(BUCKET, "c", WITHOUT_ACL))
    reviewed = stack(Step("same", named, named), Step("delete", controls, None), beside)
    reviewed.base = EngineRun(tmp_path)
    reviewed.base.read_types["a-rule"] = {frozenset({BUCKET, CONTROLS})}
    row = {"policy": "a-rule", "urn": named.urn, "level": "mandatory", "severity": "", "message": "open"}
    reviewed.base.phase.violations.append(row)
    [finding] = policy_findings.find(reviewed, reviewed.base)
    assert finding.message == (
        "open\nThe object of b (aws:s3:BucketOwnershipControls) stays, because Pulumi only forgets it "
        "(retainOnDelete).\nThe program no longer sets acl of c (aws:s3:Bucket): see value-no-longer-set."
    )


def test_no_kept_input_stands_for_a_crash(tmp_path: Path) -> None:
    step = Step("update", resource(BUCKET, "it", BEFORE), resource(BUCKET, "it", WITHOUT_ACL))
    reviewed = stack(step)
    reviewed.base = EngineRun(tmp_path)
    row = {"policy": "policy-rule-crashed", "urn": step.resource.urn, "level": "mandatory", "severity": ""}
    reviewed.base.phase.violations.append({**row, "message": "acl: KeyError"})
    assert list(policy_findings.find_kept(reviewed, reviewed.base)) == []


def test_a_violation_that_is_unknown_in_the_head_is_not_fixed(tmp_path: Path) -> None:
    it = resource(BUCKET, "it", BEFORE)
    reviewed = stack(Step("same", it, it))
    reviewed.base = EngineRun(tmp_path)
    row = {"policy": "a-rule", "urn": it.urn, "severity": ""}
    reviewed.base.phase.violations.append({**row, "level": "mandatory", "message": "policy is open"})
    assert reviewed.head
    reviewed.head.phase.violations.append({**row, "level": UNKNOWN, "message": "policy is unknown"})
    assert [item.verdict for item in policy_findings.find(reviewed, reviewed.base)] == [UNKNOWN]


def test_inputs_are_compared_once_for_many_violations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Step] = []
    for i in range(9):
        same = resource(BUCKET, f"same {i}", BEFORE)
        old, new = (resource(BUCKET, f"other {i}", inputs) for inputs in (BEFORE, WITHOUT_ACL))
        steps += [Step("same", same, same), Step("update", old, new)]
    reviewed = stack(*steps)
    reviewed.base = EngineRun(tmp_path)
    reviewed.base.read_types["a-rule"] = {frozenset({BUCKET})}
    row = {"policy": "a-rule", "level": "mandatory", "severity": "", "message": "open"}
    reviewed.base.phase.violations += [{**row, "urn": step.resource.urn} for step in steps]
    compared: list[Step] = []

    def compare(step: Step) -> list[str]:
        compared.append(step)
        return []

    monkeypatch.setattr(policy_findings, "maybe_kept_inputs", compare)
    assert len(list(policy_findings.find_kept(reviewed, reviewed.base))) == len(steps)
    assert len(compared) == len(steps)


@pytest.mark.parametrize(
    ("message", "head", "statuses"),
    [
        ("ingress[0].cidrBlocks[0] is '0.0.0.0/0'", {}, [EXISTING]),
        ("waived until 2030-01-01 (9 days left): why\ningress[0] is open", {}, [EXISTING]),
        ("port 22 of everybody", {}, [EXISTING]),
        ("tags is without team", {}, [FIXED]),
        ("ingress[0].cidrBlocks[0] is '0.0.0.0/0'", {"ingress": []}, [FIXED]),
    ],
)
def test_a_violation_of_a_kept_input_is_not_fixed(
    tmp_path: Path, message: str, head: dict[str, Any], statuses: list[str]
) -> None:
    step = Step("update", resource(GROUP, "it", OPEN), resource(GROUP, "it", head))
    reviewed = stack(step)
    level = "advisory" if message.startswith("waived") else "mandatory"
    row = {"policy": "a-rule", "urn": step.resource.urn, "level": level, "severity": ""}
    reviewed.base = EngineRun(tmp_path)
    reviewed.base.phase.violations.append({**row, "message": message})
    sides = tmp_path, tmp_path
    report = build(BASE_TO_HEAD, ("base", "head"), [reviewed], build_mask([]), sides)
    of_the_rule = [finding for finding in report.findings if finding.policy == "a-rule"]
    assert [finding.status for finding in of_the_rule] == statuses
    assert (of_the_rule[0].verdict == WAIVED) == message.startswith("waived")
    blocks = [finding.policy for finding in report.findings if finding.blocks]
    assert blocks == (["value-no-longer-set"] if statuses == [EXISTING] else [])
