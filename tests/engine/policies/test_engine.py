"""The pack as the engine calls it: secrets, unknown values, levels, waivers and the ledger."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_cloudflare as cloudflare
import pulumi_datadog as datadog
import pulumi_kubernetes as kubernetes
import pytest

from policies.engine import pack_rules
from policies.engine.pack import ALL
from policies.engine.rule import ANYTHING
from policies.engine.waivers import utc_day
from tests.support.policies.engine import Engine, Run, providers
from tests.support.policies.fixtures import DEPLOYMENT, MONITOR

Program = Callable[[], object]
REDIRECTED = pulumi.ResourceOptions(env_var_mappings={"A": "AWS_ENDPOINT_URL"})
PROD = json.loads((Path(__file__).parents[3] / "policies/config/prod.json").read_text())


@pytest.fixture(scope="module")
def attached() -> Iterator[str]:
    with providers() as addresses:
        yield addresses


@pytest.fixture
def engine(tmp_path: Path, attached: str) -> Engine:
    return Engine(tmp_path, attached)


def zone_setting(version: str = "1.2") -> object:
    return cloudflare.ZoneSetting("tls", zone_id="z", setting_id="min_tls_version", value=version)


def host_setting(version: str = "1.2") -> object:
    return cloudflare.HostnameTlsSetting(
        "tls", zone_id="z", hostname="pipe.dev", setting_id="min_tls_version", value=version
    )


def deployment(**changes: Any) -> object:
    spec = deepcopy(DEPLOYMENT["spec"])
    spec["template"]["spec"]["containers"][0].update(changes)
    return kubernetes.apps.v1.Deployment("api", metadata=DEPLOYMENT["metadata"], spec=spec)


def monitor(name: str = "HighErrorRate") -> object:
    properties = {key: value for key, value in MONITOR.items() if key not in ("name", "monitorThresholds")}
    python_names = {"renotifyInterval": "renotify_interval", "notifyNoData": "notify_no_data"}
    return datadog.Monitor(
        "errors",
        name=name,
        monitor_thresholds=MONITOR["monitorThresholds"],
        **{python_names.get(key, key): value for key, value in properties.items()},
    )


def group(port: int = 443) -> object:
    rule = aws.ec2.SecurityGroupIngressArgs(
        protocol="tcp", from_port=port, to_port=port, cidr_blocks=["0.0.0.0/0"], description="Visitors"
    )
    return aws.ec2.SecurityGroup("lb", description="Load balancer", ingress=[rule], tags={"env": "prod"})


def slo() -> object:
    return datadog.ServiceLevelObjective(
        "slo", name="slo", type="metric", thresholds=[{"timeframe": "30d", "target": 99.9}]
    )


def good() -> None:
    for declare in (zone_setting, deployment, monitor, group, slo):
        declare()


def of_other_provider() -> object:
    provider = kubernetes.Provider("disguised")
    provider.package = "aws"  # The SDK compares the packages, and the engine does not.
    options = pulumi.ResourceOptions(provider=provider)
    return pulumi.CustomResource("aws:s3/bucket:Bucket", "data", {"bucket": "data"}, options)


def of_other_object() -> object:
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", **DEPLOYMENT}
    return pulumi.CustomResource("kubernetes:example.com/v1:Harmless", "api", manifest)


GUARDS = {
    "tls-cloudflare-zone-old-version",
    "workload-memory-limit-missing",
    "workload-image-latest",
    "alert-required-monitor-missing",
    "security-group-ssh-open-to-world",
}
REQUIRED = {"alert-required-monitor-missing": {"monitors": ["HighErrorRate"], "tags": ["env:prod"]}}


@pytest.mark.parametrize(
    ("program", "policy", "expected"),
    [
        (
            lambda: zone_setting("1.1"),
            "tls-cloudflare-zone-old-version",
            "value is '1.1'; set it to '1.2' or '1.3'",
        ),
        (
            lambda: deployment(resources={"limits": {"cpu": "1"}}),
            "workload-memory-limit-missing",
            "spec.template.spec.containers[0].resources.limits.memory is not set; "
            "set it to a quantity above zero, such as 512Mi",
        ),
        (
            lambda: deployment(image="pipe/api:latest"),
            "workload-image-latest",
            "spec.template.spec.containers[0].image is 'pipe/api:latest'; "
            "set it to an image with a version or digest, such as name:1.4.2 or name@sha256:…",
        ),
        (
            lambda: monitor("Renamed"),
            "alert-required-monitor-missing",
            "monitor HighErrorRate is missing; declare a datadog.Monitor whose name contains HighErrorRate "
            "with the tags env:prod",
        ),
        (
            lambda: group(22),
            "security-group-ssh-open-to-world",
            "ingress[0].cidrBlocks[0] is '0.0.0.0/0' for tcp port 22; "
            "set it to the networks that need SSH, or remove the rule",
        ),
        (
            lambda: pulumi.ComponentResource("datadog:index/monitor:Monitor", "errors", MONITOR),
            "type-of-component",
            "type is 'datadog:index/monitor:Monitor' of a component; "
            "use a type outside of the provider's package",
        ),
        (
            of_other_provider,
            "type-of-other-provider",
            "provider is 'pulumi:providers:kubernetes' for type 'aws:s3/bucket:Bucket'; "
            "set it to a 'pulumi:providers:aws'",
        ),
        (
            of_other_object,
            "type-of-other-object",
            "type is 'kubernetes:example.com/v1:Harmless', but apiVersion is 'apps/v1' and kind is "
            "'Deployment'; set it to 'kubernetes:apps/v1:Deployment'",
        ),
        (
            lambda: kubernetes.Provider("files", render_yaml_to_directory="/tmp/manifests"),
            "provider-redirected",
            "renderYamlToDirectory is '/tmp/manifests'; remove it",
        ),
        (
            lambda: aws.Provider("other", region="us-east-1", shared_config_files=["a"]),
            "provider-redirected",
            "sharedConfigFiles is '[\"a\"]'; remove it",
        ),
        (
            lambda: aws.Provider("other", region="us-east-1", opts=REDIRECTED),
            "provider-redirected",
            "__internal.envVarMappings is {'A': 'AWS_ENDPOINT_URL'}; remove it",
        ),
    ],
)
def test_each_guard_stops_the_run_with_the_resource_and_the_remedy(
    engine: Engine, program: Program, policy: str, expected: str
) -> None:
    run = engine.run(program, config=REQUIRED)
    assert run.failed
    assert [text.partition("\n")[0] for text in run.of(policy)] == [expected]
    assert expected in run.text
    assert {violation["level"] for violation in run.violations if violation["policy"] == policy} == {
        "mandatory"
    }


def test_a_good_program_comes_up_without_a_mandatory_violation(engine: Engine) -> None:
    run = engine.run(good, "up", config=PROD)
    assert [
        violation
        for violation in run.violations
        if violation["level"] == "mandatory" and violation["policy"] in GUARDS
    ] == []


def hidden() -> None:
    secret = pulumi.Output.secret("hunter2")
    deployment(env=[{"name": "A", "value": secret}], image=secret)
    cloudflare.ZoneSetting("tls", zone_id="z", setting_id="min_tls_version", value=secret)


def test_a_secret_is_never_quoted(engine: Engine) -> None:
    run = engine.run(hidden)
    assert run.of("tls-cloudflare-zone-old-version")[0].startswith(
        "value is [secret]; set it to '1.2' or '1.3'"
    )
    assert run.of("workload-secret-in-env")[0].startswith(
        "spec.template.spec.containers[0].env[0].value is [secret]"
    )
    assert "hunter2" not in run.text
    assert "hunter2" not in json.dumps(run.violations)
    assert "hunter2" not in engine.ledger.read_text()


def remediated() -> None:
    spec = deepcopy(DEPLOYMENT["spec"])
    pod = spec["template"]["spec"]
    pod["automountServiceAccountToken"] = True
    pod["containers"][0]["env"] = [{"name": "A", "value": pulumi.Output.secret("hunter2")}]
    kubernetes.apps.v1.Deployment("api", metadata=DEPLOYMENT["metadata"], spec=spec)
    zone_setting("1.0")


def test_a_repair_reaches_the_provider_and_keeps_secrets_secret(engine: Engine) -> None:
    repairs = dict.fromkeys(("tls-cloudflare-zone-old-version", "workload-token-mounted"), "remediate")
    run = engine.run(remediated, "up", config={"all": "advisory", **repairs})
    assert not run.failed, run.text
    deployed = {item["urn"].rpartition("::")[2]: item for item in engine.resources()}
    assert deployed["tls"]["inputs"]["value"] == "1.2"
    pod = deployed["api"]["inputs"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["env"][0]["value"]["ciphertext"]
    assert "hunter2" not in run.text + json.dumps(run.violations) + engine.ledger.read_text()
    assert "hunter2" not in json.dumps(engine.resources())


def computed() -> None:
    group = aws.ec2.SecurityGroup("first", description="First", tags={"env": "prod"})
    deployment(image=group.arn)
    aws.ec2.SecurityGroup("second", description="Second", ingress=group.ingress, tags={"env": "prod"})


def test_an_unknown_value_is_counted_and_not_passed(engine: Engine) -> None:
    run = engine.run(computed, config={"all": "advisory"})
    assert run.of("workload-image-latest") == []
    rows = {(row["policy"], row["urn"].rpartition("::")[2]): row for row in engine.rows()}
    assert rows["workload-image-latest", "api"]["verdict"] == "unknown"
    assert rows["workload-image-latest", "api"]["detail"] == (
        "not known in this preview: spec.template.spec.containers[0].image"
    )
    assert rows["security-group-ssh-open-to-world", "second"]["verdict"] == "unknown"
    [message] = run.of("policy-value-unknown")
    assert "wait for values that this preview cannot know" in message


def unreachable() -> None:
    cluster = aws.eks.Cluster("cluster", role_arn="arn:aws:iam::1:role/x", vpc_config={"subnet_ids": []})
    provider = kubernetes.Provider("cluster", kubeconfig=cluster.endpoint)
    bad = deepcopy(DEPLOYMENT["spec"])
    bad["template"]["spec"]["containers"][0]["image"] = "api"
    kubernetes.apps.v1.Deployment(
        "api", metadata=DEPLOYMENT["metadata"], spec=bad, opts=pulumi.ResourceOptions(provider=provider)
    )
    monitor()


def test_objects_of_a_future_cluster_are_checked_by_their_inputs(engine: Engine) -> None:
    run = engine.run(unreachable, config={"all": "advisory"})
    assert len(run.of("workload-image-latest")) == 1
    # The engine sends no properties for a rule on stacks here, so the pack uses those of the Analyze request.
    assert run.of("alert-deployment-uncovered")[0].startswith(
        "metadata.name is 'pipe-api', which no monitor covers"
    )


def test_a_configuration_of_an_unknown_policy_or_setting_is_refused(engine: Engine) -> None:
    config = {
        "workload-image-lates": "advisory",
        "workload-limit-above-ceiling": {"cpu": "much", "disk": "1"},
    }
    run = engine.run(good, config=config)
    assert run.failed
    assert 'there is no policy "workload-image-lates"; did you mean workload-image-latest' in run.text
    assert 'workload-limit-above-ceiling has no setting "disk"; it has cpu, memory' in run.text
    assert (
        "workload-limit-above-ceiling.cpu is 'much'; set it to a Kubernetes quantity above zero" in run.text
    )


def test_a_value_of_the_wrong_type_is_refused_by_its_schema(engine: Engine) -> None:
    run = engine.run(good, config={"workload-limit-above-ceiling": {"cpu": 4}})
    assert run.failed
    assert "workload-limit-above-ceiling: cpu: Invalid type. Expected: string, given: integer" in run.text


def test_a_level_of_the_configuration_holds(engine: Engine) -> None:
    run = engine.run(lambda: host_setting("1.1"), config={"tls-cloudflare-hostname-old-version": "advisory"})
    assert not run.failed
    assert [violation["level"] for violation in run.violations] == ["advisory"]
    run = engine.run(lambda: host_setting("1.1"), config={"tls-cloudflare-hostname-old-version": "disabled"})
    assert run.violations == []


def waiver(expires: date, target: str = "urn:pulumi:*::*::*::*") -> str:
    return f"""
- reason: the old client goes in March
  owner: platform
  ticket: OPS-7
  expires: {expires}
  match:
    - policies: [tls-cloudflare-hostname-old-version]
      targets: ["{target}"]
"""


def weak() -> object:
    return host_setting("1.1")


def test_an_active_waiver_lets_the_run_pass_with_a_notice(engine: Engine) -> None:
    soon = (before := utc_day()) + timedelta(days=12)
    run = engine.run(weak, "up", waivers=waiver(soon, "urn:pulumi:prod::pipe::*::tls"))
    assert not run.failed
    [violation] = run.violations
    assert violation["level"] == "advisory"
    assert any(
        f"waived until {soon} ({(soon - day).days} days left): the old client goes in March (platform, OPS-7)"
        in violation["message"]
        for day in (before, utc_day())  # the day may change during the run
    )
    assert "value is '1.1'" in violation["message"]
    assert {row["verdict"] for row in engine.rows() if row["policy"] == violation["policy"]} == {
        "waived",
        "not applicable",
    }


def test_an_expired_waiver_blocks_again_with_a_notice(engine: Engine) -> None:
    past = utc_day() - timedelta(days=1)
    run = engine.run(weak, waivers=waiver(past))
    assert run.failed
    [message] = run.of("tls-cloudflare-hostname-old-version")
    assert message.endswith(f"its waiver expired on {past}: the old client goes in March (platform, OPS-7)")


def test_an_unused_waiver_is_an_error_of_its_own(engine: Engine) -> None:
    later = utc_day() + timedelta(days=30)
    run = engine.run(host_setting, waivers=waiver(later))
    assert run.failed
    [message] = run.of("policy-waiver-invalid")
    assert message.startswith(
        "the waiver of platform (OPS-7: the old client goes in March) covers no finding; remove the waiver"
    )
    elsewhere = engine.run(host_setting, waivers=waiver(later, "urn:pulumi:dev::pipe::*::*"))
    assert elsewhere.violations == []


def beside() -> None:
    weak()
    aws.s3.Bucket("other")


def test_a_targeted_run_checks_existing_resources_whose_waivers_are_needed(engine: Engine) -> None:
    active = waiver(utc_day() + timedelta(days=9))
    config = {"all": "advisory", "policy-waiver-invalid": "mandatory"}
    engine.run(beside, "up", config=config, waivers=active)
    other = "urn:pulumi:prod::pipe::aws:s3/bucket:Bucket::other"
    run = engine.run(beside, config=config, waivers=active, target=[other])
    assert not run.failed, run.text
    assert len(run.of("tls-cloudflare-hostname-old-version")) == 1
    assert run.of("policy-waiver-invalid") == []


def test_a_broken_waiver_is_an_error_of_its_own(engine: Engine) -> None:
    far = (before := utc_day()) + timedelta(days=182)
    run = engine.run(host_setting, waivers=waiver(far))
    assert run.failed
    [message] = run.of("policy-waiver-invalid")
    assert any(
        f", {(far - day).days} days away; choose a date within 180" in message for day in (before, utc_day())
    )


def head(engine: Engine) -> dict[str, Any]:
    return json.loads(engine.ledger.read_text().splitlines()[0])


def test_the_ledger_is_complete_sorted_and_the_same_every_time(engine: Engine) -> None:
    # After a mandatory violation, the engine may end before it asks about the whole stack.
    engine.run(good, config={"all": "advisory"})
    first = engine.ledger.read_text()
    assert head(engine)["run"] == "complete"
    keys = [(row["urn"], row["policy"]) for row in engine.rows()]
    assert keys == sorted(set(keys))
    engine.run(good, config={"all": "advisory"})
    assert engine.ledger.read_text() == first


@pytest.mark.parametrize("operation", ["preview", "up"])
def test_the_ledger_has_a_row_of_every_policy_for_every_resource(engine: Engine, operation: str) -> None:
    run = engine.run(good, operation, config={"all": "advisory"})
    assert not run.failed, run.text
    assert head(engine)["run"] == "complete"
    root = "urn:pulumi:prod::pipe::pulumi:pulumi:Stack::pipe-prod"
    rows = engine.rows()
    applicable = {(row["urn"], row["policy"]): row["verdict"] != "not applicable" for row in rows}
    kinds = {urn: urn.split("::")[2].rpartition("$")[2] for urn, _ in applicable}
    declared = {urn for urn, kind in kinds.items() if not kind.startswith("pulumi:")}
    assert {urn.rpartition("::")[2] for urn in declared} == {"api", "errors", "lb", "slo", "tls"}
    of_pack = {pack_rules.waiver, pack_rules.unknown}  # this policy concerns the run, not a resource
    everywhere = [rule for rule in ALL if rule not in of_pack]
    assert applicable == {
        (urn, rule.name): kind in rule.types | rule.about or rule.types == ANYTHING
        for urn, kind in kinds.items()
        for rule in everywhere
    } | {(root, rule.name): True for rule in ALL if rule.on_stack}
    assert sum(head(engine)["counts"].values()) == len(rows) == len(applicable)


def test_the_ledger_of_an_aborted_run_is_marked_as_aborted(engine: Engine) -> None:
    run: Run = engine.run(weak, "up")
    assert run.failed
    assert head(engine) == {"run": "aborted"}
    assert [
        row["verdict"] for row in engine.rows() if row["policy"] == "tls-cloudflare-hostname-old-version"
    ][-1:] == ["violation"]
