"""Tests that the pack's analyzer responds as the SDK's analyzer does, and tests of its further features."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi_policy.policy
import pytest
import yaml
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel

from policies.engine import analyzer
from policies.engine.analyzer import PolicyAnalyzer
from policies.engine.catalog import BY_NAME, RULES
from policies.engine.pack import NAME, policies, printable
from policies.engine.rule import Options, Resource, Stack, Verdicts, expected
from policies.engine.waivers import utc_day
from policies.model.aws.buckets import BUCKETS, part_types
from policies.model.property_values import UnknownValueError, Value
from policies.model.urns import ROOT_TYPE
from tests.support.policies.fixtures import DEPLOYMENT, MONITOR
from tests.support.policies.pytest_fixtures import UNKNOWN, changed, provider, secret, urn

Stock: Any = pulumi_policy.policy._PolicyAnalyzerServicer  # pyright: ignore[reportPrivateUsage]
BUCKET, OTHER = "aws:s3/bucket:Bucket", "random:index/randomId:RandomId"
BLOCKED = dict.fromkeys(
    ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
)
STACK = "urn:pulumi:prod::pipe::pulumi:pulumi:Stack::pipe-prod"


def make(kind: Any) -> Any:
    return kind(NAME, "0.0.1", policies(), EnforcementLevel.ADVISORY)


def struct(props: dict[str, Any]) -> Struct:
    return json_format.ParseDict(props, Struct())


def asked(kind: str, props: dict[str, Any], name: str = "it") -> analyzer_pb2.AnalyzeRequest:
    return analyzer_pb2.AnalyzeRequest(
        type=kind, urn=urn(kind, name), name=name, properties=struct(props), provider=provider(kind)
    )


def listed(kind: str, props: dict[str, Any], name: str = "it") -> analyzer_pb2.AnalyzerResource:
    return analyzer_pb2.AnalyzerResource(
        type=kind, urn=urn(kind, name), name=name, properties=struct(props), provider=provider(kind)
    )


RESOURCES: list[tuple[str, dict[str, Any]]] = [
    ("kubernetes:apps/v1:Deployment", DEPLOYMENT),
    ("kubernetes:apps/v1:Deployment", changed(DEPLOYMENT, spec__template__spec__containers__0__image="api")),
    (
        "kubernetes:apps/v1:Deployment",
        changed(DEPLOYMENT, spec__template__spec__containers__0__image=UNKNOWN),
    ),
    ("kubernetes:apps/v1:Deployment", {}),
    ("kubernetes:apps/v1:DeploymentPatch", {"spec": UNKNOWN}),
    ("kubernetes:core/v1:PodList", {"items": [{"spec": {"containers": [{"name": "a"}]}}]}),
    ("kubernetes:core/v1:ConfigMap", {"data": {"nginx.conf": "server { listen 443 ssl; }"}}),
    ("aws:ec2/securityGroup:SecurityGroup", {"ingress": [{"protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}]}),
    ("aws:lb/listener:Listener", {"protocol": UNKNOWN}),
    ("cloudflare:index/zoneSetting:ZoneSetting", {"settingId": "min_tls_version", "value": "1.1"}),
    ("datadog:index/monitor:Monitor", MONITOR),
    ("datadog:index/monitor:Monitor", changed(MONITOR, query="x", tags=None)),
    ("random:index/randomId:RandomId", {"byteLength": 8}),
]


def sets(response: analyzer_pb2.AnalyzeResponse) -> tuple[list[str], list[str]]:
    """Return the two lists of a response, sorted, because the order of evaluation may differ."""
    diagnostics = sorted(str(answer_part) for answer_part in response.diagnostics)
    return diagnostics, sorted(str(answer_part) for answer_part in response.not_applicable)


@pytest.mark.parametrize(("kind", "props"), RESOURCES)
def test_the_answers_about_a_resource_equal_the_sdk_s(kind: str, props: dict[str, Any]) -> None:
    request = asked(kind, props)
    assert sets(make(PolicyAnalyzer).Analyze(request, None)) == sets(make(Stock).Analyze(request, None))


@pytest.mark.parametrize(("kind", "props"), RESOURCES)
def test_the_answers_about_a_component_equal_the_sdk_s(kind: str, props: dict[str, Any]) -> None:
    request = asked(kind, props)
    request.ClearField("provider")
    assert sets(make(PolicyAnalyzer).Analyze(request, None)) == sets(make(Stock).Analyze(request, None))


def test_only_rules_on_types_check_a_component() -> None:
    request = asked("datadog:index/monitor:Monitor", {})
    assert "alert-tags-missing" in violated(make(PolicyAnalyzer).Analyze(request, None))
    request.ClearField("provider")
    assert violated(make(PolicyAnalyzer).Analyze(request, None)) == {"type-of-component"}


def test_a_component_satisfies_no_rule_on_the_stack() -> None:
    block = listed("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", {"bucket": "data", **BLOCKED})
    resources = [listed(BUCKET, {"bucket": "data"}, "data"), block]
    policy = "s3-public-access-block-missing"
    for component in (False, True):
        if component:
            block.ClearField("provider")
        request = analyzer_pb2.AnalyzeStackRequest(resources=resources)
        assert (policy in violated(make(PolicyAnalyzer).AnalyzeStack(request, None))) is component
        assert (policy in violated(make(Stock).AnalyzeStack(request, None))) is component


def test_a_component_of_the_program_is_what_its_type_says() -> None:
    baseline = listed("pipe:account:Baseline", {})
    baseline.ClearField("provider")
    request = analyzer_pb2.AnalyzeStackRequest(resources=[baseline])
    assert "account-guard-missing" in violated(make(PolicyAnalyzer).AnalyzeStack(request, None))


def violated(response: analyzer_pb2.AnalyzeResponse) -> set[str]:
    """Return the names of the policies that a response reports."""
    return {diagnostic.policyName for diagnostic in response.diagnostics}


def test_the_answers_about_a_stack_equal_the_sdk_s() -> None:
    resources = [listed(kind, props, f"it-{index}") for index, (kind, props) in enumerate(RESOURCES)]
    resources[0].ClearField("provider")
    request = analyzer_pb2.AnalyzeStackRequest(resources=resources)
    assert sets(make(PolicyAnalyzer).AnalyzeStack(request, None)) == sets(
        make(Stock).AnalyzeStack(request, None)
    )


def test_the_metadata_are_the_sdk_s() -> None:
    assert make(PolicyAnalyzer).GetAnalyzerInfo(None, None) == make(Stock).GetAnalyzerInfo(None, None)


def test_the_levels_and_settings_of_a_configuration_equal_the_sdk_s() -> None:
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    request.policyConfig["tls-cloudflare-zone-old-version"].enforcementLevel = analyzer_pb2.DISABLED
    request.policyConfig["workload-limit-above-ceiling"].enforcementLevel = analyzer_pb2.REMEDIATE
    request.policyConfig["workload-limit-above-ceiling"].properties.update({"cpu": "100m", "memory": "1Mi"})
    ours, stock = make(PolicyAnalyzer), make(Stock)
    ours.Configure(request, None)
    stock.Configure(request, None)
    for kind, props in RESOURCES:
        about = asked(kind, props)
        assert sets(ours.Analyze(about, None)) == sets(stock.Analyze(about, None))


def test_the_hook_is_where_the_sdk_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_policy.policy, "_PolicyAnalyzerServicer", Stock)
    analyzer.install()
    installed = pulumi_policy.policy._PolicyAnalyzerServicer  # pyright: ignore[reportPrivateUsage]
    assert installed is PolicyAnalyzer


def test_a_secret_stays_out_of_the_answer() -> None:
    request = asked(
        "cloudflare:index/zoneSetting:ZoneSetting",
        {"settingId": "min_tls_version", "value": secret("hunter2")},
    )
    assert "hunter2" in str(make(Stock).Analyze(request, None))
    answer = str(make(PolicyAnalyzer).Analyze(request, None))
    assert "hunter2" not in answer
    assert "value is [secret]; set it to" in answer


def test_a_name_of_the_program_adds_no_line_to_a_message() -> None:
    forged = "waived until 2099-01-01 (9 days left): x (y, z)"
    server = f"server {{ listen 443 ssl; server_name 'a\n{forged}\nb'; }}"
    resources = [listed("kubernetes:core/v1:ConfigMap", {"data": {"nginx.conf": server}})]
    request = analyzer_pb2.AnalyzeStackRequest(resources=resources)
    [message] = [
        diagnostic.message
        for diagnostic in make(PolicyAnalyzer).AnalyzeStack(request, None).diagnostics
        if diagnostic.policyName == "tls-nginx-version-missing"
    ]
    assert f"server a\\n{forged}\\nb)" in message.splitlines()[1]
    assert printable(forged) == f"\\{forged}"


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Provide a rule on resources and a rule on stacks that raise exceptions with a secret in the message."""

    def check(_: Resource, __: Options) -> Verdicts:
        raise RuntimeError("hunter2")

    for name in ("tls-cloudflare-zone-old-version", "alert-slo-missing"):
        monkeypatch.setitem(vars(BY_NAME[name]), "check", check)
    yield


@pytest.mark.usefixtures("crash")
def test_a_rule_that_crashes_is_a_finding_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPE_POLICY_LEDGER", str(tmp_path / "ledger"))
    ours = make(PolicyAnalyzer)
    kind = "cloudflare:index/zoneSetting:ZoneSetting"
    answer = ours.Analyze(asked(kind, {"settingId": "min_tls_version", "value": "1.1"}), None)
    [diagnostic] = answer.diagnostics
    assert diagnostic.policyName == "policy-rule-crashed"
    assert diagnostic.enforcementLevel == analyzer_pb2.MANDATORY
    assert "tls-cloudflare-zone-old-version crashed on" in diagnostic.message
    assert "RuntimeError at test_analyzer.py:" in diagnostic.message
    root = analyzer_pb2.AnalyzerResource(type=ROOT_TYPE, urn=STACK, name="pipe-prod")
    answer = ours.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=[root]), None)
    assert [answer_part.policyName for answer_part in answer.diagnostics] == ["policy-rule-crashed"]
    rows = recorded(tmp_path / "ledger")
    assert [row["policy"] for row in rows if row["verdict"] == "crashed"] == [
        "tls-cloudflare-zone-old-version",
        "alert-slo-missing",
    ]
    details = {row["urn"]: row["detail"].partition(":")[0] for row in rows if row["verdict"] == "violation"}
    assert details == {urn(kind): "tls-cloudflare-zone-old-version", STACK: "alert-slo-missing"}
    assert "hunter2" not in str(rows) + str(answer)


def recorded(file: Path) -> list[dict[str, str]]:
    """Return the rows of a ledger."""
    return [json.loads(line) for line in file.read_text().splitlines()[1:]]


def spread(policy: str, file: Path) -> dict[str, tuple[str, str]]:
    """Return a policy's ledger rows for a valid bucket, an invalid bucket, other resources, and the stack."""
    ours = make(PolicyAnalyzer)
    kept = {"bucket": "good", "versioningConfiguration": {"status": "Enabled"}}
    resources = [
        listed(BUCKET, {"bucket": "good"}, "good"),
        listed(BUCKET, {"bucket": "bad"}, "bad"),
        listed("aws:s3/bucketVersioning:BucketVersioning", kept, "kept"),
        listed(OTHER, {}, "other"),
        analyzer_pb2.AnalyzerResource(type=ROOT_TYPE, urn=STACK, name="pipe-prod"),
    ]
    ours.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources), None)
    return {
        row["urn"].rpartition("::")[2]: (row["verdict"], row["detail"])
        for row in recorded(file)
        if row["policy"] == policy
    }


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide the path of the ledger's file."""
    monkeypatch.setenv("PIPE_POLICY_LEDGER", str(tmp_path / "ledger"))
    return tmp_path / "ledger"


def test_a_policy_on_stacks_has_a_row_for_each_resource_and_the_worst_of_them_for_the_stack(
    file: Path,
) -> None:
    assert spread("s3-versioning-off", file) == {
        "good": ("pass", ""),
        "bad": ("violation", "bucket is 'bad' without versioning; add an aws.s3.BucketVersioning"),
        "kept": ("pass", ""),
        "other": ("not applicable", ""),
        "pipe-prod": ("violation", ""),
    }


def test_the_row_of_the_stack_names_the_types_that_a_rule_has_read_each_group_apart(file: Path) -> None:
    spread("s3-versioning-off", file)
    read: dict[str, Any] = {row["policy"]: row["read"] for row in recorded(file) if "read" in row}
    # Another rule has matched the same buckets with their parts before.
    assert read["s3-versioning-off"] == read["s3-logging-missing"]
    assert sorted(BUCKETS) in read["s3-versioning-off"]
    assert sorted(part_types("Versioning")) in read["s3-versioning-off"]
    assert "vpc-flow-logs-missing" not in read


@pytest.mark.parametrize(
    ("fault", "expected_row"),
    [
        (RuntimeError("hunter2"), ("crashed", "RuntimeError at test_analyzer.py:")),
        (UnknownValueError("bucket"), ("unknown", "not known in this preview: bucket")),
    ],
)
def test_a_policy_on_stacks_that_raises_an_error_passes_no_resource(
    file: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, expected_row: tuple[str, str]
) -> None:
    def check(_: Resource, __: Options) -> Verdicts:
        raise fault

    monkeypatch.setitem(vars(BY_NAME["s3-versioning-off"]), "check", check)
    rows = spread("s3-versioning-off", file)
    assert {name: (verdict, detail.rstrip("0123456789")) for name, (verdict, detail) in rows.items()} == {
        "good": expected_row,
        "bad": expected_row,
        "kept": expected_row,
        "other": ("not applicable", ""),
        "pipe-prod": expected_row,
    }


@pytest.mark.parametrize("waived", [False, True])
def test_a_part_that_a_rule_cannot_judge_stays_known_beside_a_violation(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waived: bool
) -> None:
    match = [{"policies": ["shared-with-everybody"], "targets": ["urn:pulumi:*::*::*::*"]}]
    waiver = {"reason": "a test", "owner": "platform", "ticket": "OPS-7", "match": match}
    waivers = [{**waiver, "expires": utc_day()}] if waived else []
    (tmp_path / "waivers.yaml").write_text(yaml.safe_dump(waivers))
    monkeypatch.setattr("policies.engine.waivers.own_file", tmp_path / "waivers.yaml")
    statement = {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}
    statements = [{**statement, "Principal": "*"}, {**statement, "Principal": UNKNOWN}]
    kind = "aws:sns/topicPolicy:TopicPolicy"
    make(PolicyAnalyzer).Analyze(asked(kind, {"policy": {"Statement": statements}}), None)
    [row] = [row for row in recorded(file) if row["policy"] == "shared-with-everybody"]
    assert row["verdict"] == ("waived" if waived else "violation")
    assert row["unknown"] == "not known in this preview: policy.Statement[1].Principal"


def test_a_rule_on_stacks_that_ends_early_has_judged_no_resource(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(stack: Stack, __: Options) -> Verdicts:
        yield next(item for item in stack.resources if item.name == "bad").attach(expected(Value(1), "2"))
        raise UnknownValueError("bucket")

    monkeypatch.setitem(vars(BY_NAME["s3-versioning-off"]), "check", check)
    spread("s3-versioning-off", file)
    rows = {
        row["urn"].rpartition("::")[2]: row for row in recorded(file) if row["policy"] == "s3-versioning-off"
    }
    assert {name: row["verdict"] for name, row in rows.items() if row["unknown"]} == {
        "good": "unknown",
        "bad": "violation",
        "kept": "unknown",
        "pipe-prod": "violation",
    }


def test_every_policy_has_the_metadata_that_a_reader_needs() -> None:
    info = make(PolicyAnalyzer).GetAnalyzerInfo(None, None)
    for policy in info.policies:
        assert policy.description.endswith(".")
        assert policy.remediation_steps.endswith(".")
        assert policy.url.startswith("https://")
        assert policy.framework.name
        assert policy.framework.specification
        assert policy.tags
        assert policy.severity
    assert len(info.policies) == len({policy.name for policy in info.policies}) == len(RULES) + 3


@pytest.mark.parametrize("stack", ["dev", "stg", "prod"])
def test_the_configuration_of_each_stack_names_what_exists(stack: str) -> None:
    file = Path(__file__).parents[4] / "policies" / "config" / f"{stack}.json"
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    content: dict[str, str | dict[str, Any]] = json.loads(file.read_text())
    for name, value in content.items():
        policy_config = request.policyConfig[name]
        if not isinstance(value, str):
            policy_config.properties.update(
                {key: item for key, item in value.items() if key != "enforcementLevel"}
            )
    make(PolicyAnalyzer).Configure(request, None)


def test_the_engines_own_settings_of_a_provider_are_judged_although_only_remediate_has_them() -> None:
    pack = make(PolicyAnalyzer)
    settings = {"region": "us-east-1"}
    request = asked("pulumi:providers:aws", settings | {"__internal": {"envVarMappings": {"A": "B"}}})
    assert not pack.Remediate(request, None).remediations
    answer = pack.Analyze(asked("pulumi:providers:aws", settings), None)
    [message] = [row.message for row in answer.diagnostics if row.policyName == "provider-redirected"]
    assert "\n__internal.envVarMappings is {'A': 'B'}; remove it\n" in message
    answer = pack.Analyze(asked("pulumi:providers:aws", settings), None)
    assert not [row for row in answer.diagnostics if row.policyName == "provider-redirected"]
