"""Tests of changes in place, their effect on outputs, changes by replacement, and its order."""

import json
import re
from pathlib import Path
from typing import Any, cast

import yaml
from pulumi.runtime.proto import provider_pb2 as proto

from sandbox.providers.diff import Change, changes
from sandbox.providers.provider import Provider, parse_setting
from sandbox.providers.resource_types import table
from sandbox.providers.server import packages
from sandbox.providers.versions import VERSION, changed_versions, member_at
from sandbox.wire import schema
from sandbox.wire.sentinels import INVENTED, INVENTED_NUMBERS
from sandbox.wire.values import UNKNOWN, Secret, decode, encode, show_path
from tests.support.rows import each_row
from tests.support.sandbox.providers import resources as r
from tests.support.sandbox.providers.engine_calls import Connection, engine_calls
from tests.support.sandbox.providers.resources import VALID, Providers, changed, resource


def replacing_paths(providers: Providers, token: str, new: dict[str, Any], **config: Any) -> list[str]:
    """Return the paths at which a change of the valid inputs to `new` causes a replacement."""
    new_resource = resource(token, new, **config)
    all_changes = changes(VALID[token], new)
    assert all_changes
    return [
        show_path(change.path)
        for change in all_changes
        if providers.package(token).forces_replacement(new_resource, change)
    ]


CHANGES: list[tuple[str, str, Any, list[str]]] = [
    (r.VPC, "enableDnsSupport", False, []),
    (r.VPC, "cidrBlock", "10.1.0.0/16", ["cidrBlock"]),
    (r.VPC, "cidrBlock", UNKNOWN, ["cidrBlock"]),
    (r.VPC, "region", "eu-west-1", ["region"]),
    (r.BUCKET, "bucket", "another", ["bucket"]),
    (r.DATABASE, "identifier", "another", []),
    (r.DATABASE, "identifierPrefix", "another", []),
    (r.DATABASE, "storageEncrypted", True, ["storageEncrypted"]),
    (r.RULE, "cidrIpv4", "10.0.0.0/8", []),
    (r.CLUSTER, "vpcConfig.endpointPublicAccess", True, []),
    (
        r.CLUSTER,
        "accessConfig.bootstrapClusterCreatorAdminPermissions",
        True,
        ["accessConfig.bootstrapClusterCreatorAdminPermissions"],
    ),
    (r.CLUSTER, "encryptionConfig", {"provider": {"keyArn": "k"}, "resources": ["secrets"]}, []),
    (
        r.CLUSTER,
        "outpostConfig",
        {"outpostArns": ["a"], "controlPlaneInstanceType": "m5.large"},
        ["outpostConfig"],
    ),
    (r.CLUSTER, "outpostConfig", {"outpostArns": ["a"]}, []),
    (r.CLUSTER, "kubernetesNetworkConfig", {"ipFamily": "ipv6"}, ["kubernetesNetworkConfig"]),
    (r.CLUSTER, "kubernetesNetworkConfig", {"elasticLoadBalancing": {"enabled": True}}, []),
    (r.DEPLOYMENT, "spec.replicas", 4, []),
    (r.DEPLOYMENT, "spec", UNKNOWN, []),
    (r.DEPLOYMENT, "spec.selector.matchLabels.tier", "web", ["spec.selector.matchLabels.tier"]),
    (r.DEPLOYMENT, "metadata.namespace", "pipe", ["metadata.namespace"]),
    (r.DEPLOYMENT, "apiVersion", "extensions/v1beta1", []),
    (r.SERVICE, "spec.ports.0.port", 8443, []),
    (r.SERVICE, "spec.clusterIP", "None", ["spec.clusterIP"]),
    (r.CONFIG_MAP, "data.LOG_LEVEL", "debug", ["data.LOG_LEVEL"]),
    (r.SECRET, "type", "kubernetes.io/tls", ["type"]),
    (r.RELEASE, "namespace", "pipe", ["namespace"]),
    (r.RELEASE, "version", "3.300.0", []),
    (r.SECRET, "stringData.password", Secret("new"), ["stringData.password"]),
    (r.RECORD, "content", "other.example.com", []),
    (r.RECORD, "zoneId", "y", ["zoneId"]),
    (r.RECORD, "type", "TXT", []),
    (r.SETTING, "settingId", "ssl", ["settingId"]),
    (r.SETTING, "value", "1.3", []),
    (r.RULESET, "phase", "http_request_sbfm", ["phase"]),
    (r.RULESET, "kind", "custom", ["kind"]),
    (r.RULESET, "name", "another", ["name"]),
    (r.RULESET, "description", "another", []),
    (r.CERTIFICATE, "hostnames.0", "stg.pipe.dev", ["hostnames[0]"]),
    (r.CERTIFICATE, "requestedValidity", 90, ["requestedValidity"]),
    (r.MONITOR, "message", "@slack-other", []),
    (r.MONITOR, "type", "service check", ["type"]),
    (r.ACCOUNT, "awsAccountId", "210987654321", []),
    (r.KEY, "ecdsaCurve", "P384", ["ecdsaCurve"]),
    (r.REQUEST, "privateKeyPemWoVersion", 2, ["privateKeyPemWoVersion"]),
    (r.REQUEST, "dnsNames.0", "stg.pipe.dev", ["dnsNames[0]"]),
]


@each_row(("token", "path", "value", "expected"), CHANGES)
def test_a_change_is_in_place_or_replaces_the_resource(
    providers: Providers, token: str, path: str, value: Any, expected: list[str]
):
    assert replacing_paths(providers, token, changed(token, path, value)) == expected


def test_removing_the_encryption_of_a_cluster_replaces_it(providers: Providers):
    old = changed(r.CLUSTER, "encryptionConfig", {"provider": {"keyArn": "k"}, "resources": ["secrets"]})
    new_resource = resource(r.CLUSTER, VALID[r.CLUSTER])
    [change] = changes(old, VALID[r.CLUSTER])
    assert providers.package(r.CLUSTER).forces_replacement(new_resource, change)


def test_another_kind_of_source_replaces_a_security_group_rule(providers: Providers):
    new = {**changed(r.RULE, "cidrIpv4", None), "referencedSecurityGroupId": "sg-2"}
    assert replacing_paths(providers, r.RULE, new) == ["cidrIpv4", "referencedSecurityGroupId"]


def test_config_map_data_changes_in_place_if_the_provider_allows_it(providers: Providers):
    new = changed(r.CONFIG_MAP, "data.LOG_LEVEL", "debug")
    assert replacing_paths(providers, r.CONFIG_MAP, new, enableConfigMapMutable=True) == []
    assert "data.LOG_LEVEL" in replacing_paths(providers, r.CONFIG_MAP, new, enableConfigMapMutable='"true"')
    immutable = {**new, "immutable": True}
    assert "data.LOG_LEVEL" in replacing_paths(
        providers, r.CONFIG_MAP, immutable, enableConfigMapMutable=True
    )


def test_only_the_inputs_themselves_have_notes_of_the_provider():
    assert changes({"__defaults": ["a"]}, {"__defaults": ["b"]}) == []
    [change] = changes({"data": {"__defaults": "a"}}, {"data": {"__defaults": "b"}})
    assert change == Change(("data", "__defaults"), "update", "a", "b")


def test_the_same_value_as_a_secret_is_not_a_change():
    assert changes({"a": Secret("x"), "b": [1.5, {"c": 2}]}, {"a": "x", "b": [1.5, {"c": 2}]}) == []


def test_each_change_has_its_path_and_kind():
    old = {"labels": {"app.kubernetes.io/name": "a"}, "ports": [1, 2], "size": 1}
    new = {"labels": {"app.kubernetes.io/name": "b"}, "ports": [1], "kind": "x", "size": True}
    assert [(show_path(change.path), change.kind) for change in changes(old, new)] == [
        ('labels["app.kubernetes.io/name"]', "update"),
        ("ports[1]", "delete"),
        ("size", "update"),
        ("kind", "add"),
    ]


def test_null_is_neither_absent_nor_a_text():
    old: dict[str, Any] = {"values": {"added": {}, "security": {"a": 1}, "text": "null", "same": None}}
    new = {"values": {"added": {"b": None}, "security": None, "text": None, "same": None}}
    assert [(show_path(change.path), change.kind) for change in changes(old, new)] == [
        ("values.added.b", "add"),
        ("values.security", "update"),
        ("values.text", "update"),
    ]
    assert [change.kind for change in changes(new, old)] == ["delete", "update", "update"]


@each_row("token", [r.BUCKET, r.ROLE, r.DEPLOYMENT])
def test_a_resource_with_a_chosen_name_is_deleted_before_its_replacement(providers: Providers, token: str):
    package = providers.package(token)
    new_resource = resource(token, VALID[token])
    other = changes(VALID[token], {**VALID[token], "tags": {"a": "b"}})
    assert package.delete_first(new_resource, other)


def test_a_renamed_object_is_deleted_after_its_replacement(providers: Providers):
    new = changed(r.DEPLOYMENT, "metadata.name", "another")
    new_resource = resource(r.DEPLOYMENT, new)
    assert not providers.package(r.DEPLOYMENT).delete_first(new_resource, changes(VALID[r.DEPLOYMENT], new))


@each_row(("token", "path"), [(r.BUCKET, "bucket"), (r.ROLE, "name")])
def test_aws_resources_are_deleted_first_even_if_the_chosen_name_changes(
    providers: Providers, token: str, path: str
):
    new = changed(token, path, "another")
    assert providers.package(token).delete_first(resource(token, new), changes(VALID[token], new))


def test_an_attachment_is_deleted_first_and_an_identity_provider_last(providers: Providers):
    attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    old, new = ({"role": "node", "policyArn": arn} for arn in "ab")
    assert providers.package(attachment).delete_first(resource(attachment, new), changes(old, new))
    issuer = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    old, new = ({"url": f"https://{host}", "clientIdLists": ["a"]} for host in "ab")
    assert not providers.package(issuer).delete_first(resource(issuer, new), changes(old, new))


def test_an_object_is_deleted_first_only_if_its_own_name_stays(providers: Providers):
    token = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
    old = {"metadata": {"name": "reads", "namespace": "pipe"}, "roleRef": {"kind": "Role", "name": "read"}}
    new = {**old, "roleRef": {"kind": "Role", "name": "write"}}
    package = providers.package(token)
    assert package.delete_first(resource(token, new), changes(old, new))
    moved = {**old, "metadata": {"name": "reads", "namespace": "other"}}
    assert not package.delete_first(resource(token, moved), changes(old, moved))
    unnamed = {**new, "metadata": {"generateName": "reads-"}}
    assert not package.delete_first(resource(token, unnamed), changes({**unnamed, "roleRef": {}}, unnamed))


@each_row(
    ("token", "path", "forces"),
    [
        ("kubernetes:core/v1:Pod", "spec.containers.image", True),
        ("kubernetes:core/v1:Pod", "spec.tolerations", False),
        ("kubernetes:core/v1:PersistentVolume", "spec.csi.driver", True),
        ("kubernetes:core/v1:PersistentVolume", "spec.capacity.storage", False),
        ("kubernetes:core/v1:PersistentVolumeClaim", "spec.resources.requests.storage", False),
        ("datadog:index/syntheticsTest:SyntheticsTest", "type", False),
        ("datadog:index/serviceLevelObjective:ServiceLevelObjective", "type", True),
        ("cloudflare:index/zoneDnssec:ZoneDnssec", "status", False),
    ],
)
def test_the_tables_name_the_nested_properties_that_replace(
    providers: Providers, token: str, path: str, forces: bool
):
    change = Change(tuple(path.split(".")), "update", "a", "b")
    assert providers.package(token).forces_replacement(resource(token, {}), change) == forces


def test_a_resource_without_a_name_is_deleted_after_its_replacement(providers: Providers):
    new_resource = resource(r.VPC, VALID[r.VPC])
    assert not providers.package(r.VPC).delete_first(
        new_resource, changes(VALID[r.VPC], {"cidrBlock": "10.1.0.0/16"})
    )


def test_an_omitted_name_is_made_up_once(providers: Providers):
    package = providers.package(r.ROLE)
    new_resource = resource(r.ROLE, changed(r.ROLE, "name", None), "node")
    first = package.complete(new_resource, {}, b"seed")
    assert first["name"].startswith("node-") and len(first["name"]) == len("node-") + 7
    assert package.complete(new_resource, first, b"another seed") == first
    assert package.complete(new_resource, {}, b"another seed") != first
    empty = resource(r.ROLE, changed(r.ROLE, "name", ""), "node")
    assert package.complete(empty, {}, b"seed") == first
    assert not package.delete_first(resource(r.ROLE, first), changes(first, {**first, "path": "/pipe/"}))


@each_row(
    ("token", "inputs", "pattern"),
    [
        (r.BUCKET, {}, "bucket=orders-data-[0-9a-f]{7}"),
        ("aws:s3/bucketObjectv2:BucketObjectv2", {"bucket": "a"}, "key=Orders-Data"),
        ("aws:kms/alias:Alias", {"targetKeyId": "a"}, "name=alias/Orders-Data-[0-9a-f]{7}"),
        ("aws:sns/topic:Topic", {}, "name=Orders-Data-[0-9a-f]{7}"),
        ("aws:sns/topic:Topic", {"fifoTopic": True}, r"name=Orders-Data-[0-9a-f]{7}\.fifo"),
        ("aws:sqs/queue:Queue", {"fifoQueue": True}, r"name=Orders-Data-[0-9a-f]{7}\.fifo"),
        ("aws:sqs/queue:Queue", {"fifoQueue": False}, "name=Orders-Data-[0-9a-f]{7}"),
        (r.DATABASE, {"engine": "postgres"}, "identifier=Orders-Data[0-9a-f]{7}"),
        (r.DATABASE, {"engine": "sqlserver-ex"}, "identifier=Orders-Data[0-9a-f]{3}"),
        ("aws:elasticache/cluster:Cluster", {}, "clusterId=orders-data-[0-9a-f]{7}"),
        ("aws:glue/catalogDatabase:CatalogDatabase", {}, "name=orders-data_[a-z]{8}"),
        ("aws:iot/topicRule:TopicRule", {}, "name=Orders-Data"),
    ],
)
def test_a_generated_name_has_the_form_of_its_type(
    providers: Providers, token: str, inputs: dict[str, Any], pattern: str
) -> None:
    completed = providers.package(token).complete(resource(token, inputs, "Orders-Data"), {}, b"seed")
    [name] = completed["__defaults"]
    assert re.fullmatch(pattern, f"{name}={completed[name]}")
    assert completed == {**inputs, name: completed[name], "__defaults": [name]}


def test_a_generated_alias_has_its_beginning_once(providers: Providers) -> None:
    declared = resource("aws:kms/alias:Alias", {"targetKeyId": "a"}, "alias/app")
    assert providers.package(r.VPC).complete(declared, {}, b"seed")["name"].startswith("alias/app-")


def test_the_other_name_of_a_monitor_type_is_not_a_change(providers: Providers):
    package, before = providers.package(r.MONITOR), VALID[r.MONITOR]
    other = resource(r.MONITOR, changed(r.MONITOR, "type", "metric alert"))
    assert package.complete(other, before, b"seed") == before
    assert package.complete(other, {}, b"seed")["type"] == "metric alert"


def test_the_engine_sees_nulls_and_the_cloud_does_not(providers: Providers):
    inputs = {**VALID[r.VPC], "tags": {"Name": "pipe", "owner": None}}
    package, target = providers.package(r.VPC), providers.target(r.VPC)
    live = target.create(resource(r.VPC, VALID[r.VPC]))
    calls = engine_calls(package, target, resource(r.VPC, VALID[r.VPC]), live)
    calls.resource = resource(r.VPC, inputs)
    assert calls.differences() == {"tags.owner": "add"}
    calls.update()
    assert calls.state.outputs["tags"] == {"Name": "pipe"}
    assert calls.refresh() == inputs
    assert calls.differences() == {}


def test_an_object_without_a_name_gets_a_name_and_the_namespace_of_its_provider(providers: Providers):
    package = providers.package(r.CONFIG_MAP)
    new_resource = resource(
        r.CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap"}, "settings", namespace="pipe"
    )
    metadata = package.complete(new_resource, {}, b"seed")["metadata"]
    assert metadata["name"].startswith("settings-") and len(metadata["name"]) == len("settings-") + 8
    assert (metadata["namespace"], metadata["annotations"]) == ("pipe", {"pulumi.com/autonamed": "true"})
    assert package.complete(new_resource, {"metadata": metadata}, b"other")["metadata"] == metadata


def test_an_object_whose_annotation_is_not_true_gets_another_name(providers: Providers):
    package = providers.package(r.CONFIG_MAP)
    metadata = {"name": "settings", "annotations": {"pulumi.com/autonamed": "false"}}
    before = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    unnamed = before | {"metadata": {"annotations": metadata["annotations"]}}
    completed = package.complete(resource(r.CONFIG_MAP, unnamed, "settings"), before, b"seed")["metadata"]
    assert completed["name"] != "settings"
    assert completed["annotations"] == {"pulumi.com/autonamed": "true"}


def kubeconfig(namespace: str | None) -> str:
    """Return a kubeconfig with two contexts of one cluster, of which the first is current."""
    contexts = {"main": {"namespace": namespace} if namespace else {}, "spare": {"namespace": "other"}}
    return json.dumps(
        {
            "clusters": [{"name": "it", "cluster": {"server": "https://a"}}],
            "contexts": [
                {"name": name, "context": {"cluster": "it"} | own} for name, own in contexts.items()
            ],
            "current-context": "main",
        }
    )


@each_row(
    ("settings", "namespace"),
    [
        ({"kubeconfig": kubeconfig("apps")}, "apps"),
        ({"kubeconfig": yaml.safe_dump(json.loads(kubeconfig("apps")))}, "apps"),
        ({"kubeconfig": kubeconfig("apps"), "context": "spare"}, "other"),
        ({"kubeconfig": kubeconfig("apps"), "context": "missing"}, None),
        ({"kubeconfig": kubeconfig("apps"), "namespace": "pipe"}, "pipe"),
        ({"kubeconfig": kubeconfig(None)}, None),
        ({"kubeconfig": "- ]"}, None),
        ({"namespace": "null"}, "null"),
        ({"namespace": "true"}, "true"),
        ({"namespace": UNKNOWN}, UNKNOWN),
        ({"kubeconfig": UNKNOWN}, None),
    ],
)
def test_an_object_without_a_namespace_gets_that_of_the_settings(
    providers: Providers, settings: dict[str, Any], namespace: Any
):
    package = providers.package(r.CONFIG_MAP)
    config = {name: parse_setting(value) for name, value in settings.items()}
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}}
    completed = package.complete(resource(r.CONFIG_MAP, inputs, **config), {}, b"seed")
    assert completed["metadata"].get("namespace") == namespace
    release = package.complete(resource(r.RELEASE, {"name": "it"}, **config), {}, b"seed")
    assert release["namespace"] == (namespace or "default")
    own = changed(r.CONFIG_MAP, "metadata.namespace", "own")
    assert package.complete(resource(r.CONFIG_MAP, own, **config), {}, b"seed") == own


def test_an_existing_release_keeps_the_name_that_the_program_no_longer_sets(providers: Providers):
    package, named = (
        providers.package(r.RELEASE),
        {"chart": "datadog", "name": "datadog", "namespace": "agent"},
    )
    unnamed = resource(r.RELEASE, {"chart": "datadog", "namespace": "agent"}, "agent")
    kept = package.complete(unnamed, named, b"seed")
    assert kept == named | {"__defaults": ["name"]} and changes(named, kept) == []
    created = package.complete(unnamed, {}, b"seed")
    assert created["name"].startswith("agent-") and created["__defaults"] == ["name"]
    assert package.complete(resource(r.RELEASE, named), {}, b"seed") == named


PARAMETER, FUNCTION = "aws:ssm/parameter:Parameter", "aws:lambda/function:Function"
TEMPLATE, OBJECT = "aws:ec2/launchTemplate:LaunchTemplate", "aws:s3/bucketObjectv2:BucketObjectv2"
RULESET, PLAN = "cloudflare:index/ruleset:Ruleset", "aws:backup/plan:Plan"

ENGINE = cast(Any, Connection())


@each_row(
    ("token", "before", "after", "changed"),
    [
        (PARAMETER, {"insecureValue": "a"}, {"insecureValue": "b"}, {"version"}),
        (PARAMETER, {"insecureValue": "a"}, {"insecureValue": "a", "tags": {"a": "b"}}, set()),
        (PARAMETER, {"insecureValue": "a"}, {"insecureValue": "a", "__defaults": ["name"]}, set()),
        (FUNCTION, {"imageUri": "a"}, {"imageUri": "b"}, {"codeSha256", "lastModified"}),
        (FUNCTION, {"timeout": 3}, {"timeout": 4}, {"lastModified"}),
        (
            FUNCTION,
            {"timeout": 3, "publish": True},
            {"timeout": 4, "publish": True},
            {"lastModified", "qualifiedArn", "qualifiedInvokeArn", "version"},
        ),
        (TEMPLATE, {"imageId": "a"}, {"imageId": "b"}, {"latestVersion"}),
        (TEMPLATE, {}, {"imageId": "b", "updateDefaultVersion": True}, {"defaultVersion", "latestVersion"}),
        (TEMPLATE, {}, {"updateDefaultVersion": True, "defaultVersion": 2}, {"latestVersion"}),
        (OBJECT, {"contentType": "a"}, {"contentType": "b"}, {"versionId"}),
        (OBJECT, {"acl": "private"}, {"acl": "public-read"}, set()),
        ("aws:eks/cluster:Cluster", {"version": "1.32"}, {"version": "1.33"}, set()),
        ("aws:rds/snapshot:Snapshot", {"sharedAccounts": []}, {"sharedAccounts": ["1"]}, set()),
        (RULESET, {"description": "a"}, {"description": "b"}, {"lastUpdated", "version"}),
        (r.RELEASE, {"values": {}}, {"values": {"a": 1}}, {"status.revision"}),
        (
            r.RELEASE,
            {"version": "1"},
            {"version": "2"},
            {"status.revision", "status.appVersion", "status.version"},
        ),
        ("kubernetes:example.com/v1:Custom", {"spec": 1}, {"spec": 2}, set()),
    ],
)
def test_an_update_changes_the_versions_of_an_object(
    token: str, before: dict[str, Any], after: dict[str, Any], changed: set[str]
) -> None:
    assert changed_versions(token, before, after) == changed


def test_each_row_names_outputs_and_inputs() -> None:
    for package in ("aws", "cloudflare", "datadog", "kubernetes"):
        for token, row in table(package).get("versions", {}).items():
            outputs, inputs = (
                schema.properties(cls(token)) for cls in (schema.resource_class, schema.args_class)
            )
            for path, names in row.items():
                assert path.partition(".")[0] in outputs, path
                assert {names} if isinstance(names, str) else {*names} - {"*"} <= inputs.keys(), (token, path)
                # A row for an output that the pattern does not find has an effect only with inputs.
                assert names or VERSION.fullmatch(path), (token, path)


@each_row(
    ("token", "inputs", "name"),
    [
        (PARAMETER, {"type": "String", "insecureValue": "a"}, "version"),
        (TEMPLATE, {"imageId": "a"}, "latestVersion"),
        (OBJECT, {"bucket": "a", "content": "a"}, "versionId"),
        (PLAN, {"name": "a", "rules": [{"ruleName": "a", "targetVaultName": "b"}]}, "version"),
        (r.RELEASE, {"chart": "a", "name": "a", "namespace": "b"}, "status.revision"),
    ],
)
def test_an_update_has_another_version_and_the_other_outputs_as_before(
    token: str, inputs: dict[str, Any], name: str, tmp_path: Path
) -> None:
    """A stack has the values of another one, as all invented values."""
    file, [source] = (
        tmp_path / "lookups",
        inputs.keys() & {"insecureValue", "imageId", "content", "rules", "chart"},
    )
    targets = {
        package.name: (package, target) for package, target in packages(recognizable=True, salt="salt")
    }
    provider = Provider(*targets[token.partition(":")[0]], predicts=True, lookups=file)
    created = proto.CreateRequest(
        urn=f"urn:pulumi:dev::pipe::{token}::it", type=token, properties=encode(inputs)
    )
    live, updates = provider.Create(created, ENGINE), list[Any]()
    for stack in ("dev", "prod"):
        request = proto.UpdateRequest(
            urn=f"urn:pulumi:{stack}::pipe::{token}::it",
            type=token,
            id=live.id,
            preview=True,
            olds=live.properties,
            old_inputs=encode(inputs),
            news=encode({**inputs, source: f"other {source}"}),
        )
        updates.append(decode(provider.Update(request, ENGINE).properties))
    outputs = decode(live.properties)
    before, after, other = (member_at(side, name.split(".")) for side in (outputs, *updates))
    assert before != after == other
    if isinstance(before, int | float):
        assert int(before) in INVENTED_NUMBERS and after == before + 1
    else:
        assert len(after) == len(before) and (INVENTED in after) == (INVENTED in before)
    [*_, renewed] = (row["texts"] for line in file.open() if "renewed" in (row := json.loads(line)))
    assert renewed[f"{before}".removesuffix(".0")] == f"{after}".removesuffix(".0")
    assert [updates[0].get(path) for path in ("arn", "name", "bucket")] == [
        outputs.get(path) for path in ("arn", "name", "bucket")
    ]
