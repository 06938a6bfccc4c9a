"""What a change means: in place or by replacement, and which of the two is there first."""

from typing import Any

import pytest

from sandbox.providers.diff import Change, changes
from sandbox.wire.values import UNKNOWN, Secret, show_path
from tests.support.sandbox.providers import resources as r
from tests.support.sandbox.providers.resources import VALID, Providers, changed, resource


def replacing(providers: Providers, token: str, new: dict[str, Any], **config: Any) -> list[str]:
    wanted = resource(token, new, **config)
    found = changes(VALID[token], new)
    assert found
    return [
        show_path(change.path)
        for change in found
        if providers.package(token).forces_replacement(wanted, change)
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
    (r.CLUSTER, "accessConfig.bootstrapClusterCreatorAdminPermissions", True,
        ["accessConfig.bootstrapClusterCreatorAdminPermissions"]),
    (r.CLUSTER, "encryptionConfig", {"provider": {"keyArn": "k"}, "resources": ["secrets"]}, []),
    (r.CLUSTER, "outpostConfig", {"outpostArns": ["a"], "controlPlaneInstanceType": "m5.large"},
        ["outpostConfig"]),
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
]  # fmt: skip


@pytest.mark.parametrize(("token", "path", "value", "expected"), CHANGES)
def test_a_change_is_made_in_place_or_replaces(
    providers: Providers, token: str, path: str, value: Any, expected: list[str]
):
    assert replacing(providers, token, changed(token, path, value)) == expected


def test_what_a_cluster_is_encrypted_with_is_not_taken_away_in_place(providers: Providers):
    old = changed(r.CLUSTER, "encryptionConfig", {"provider": {"keyArn": "k"}, "resources": ["secrets"]})
    wanted = resource(r.CLUSTER, VALID[r.CLUSTER])
    [change] = changes(old, VALID[r.CLUSTER])
    assert providers.package(r.CLUSTER).forces_replacement(wanted, change)


def test_a_rule_about_another_kind_of_source_is_replaced(providers: Providers):
    new = {**changed(r.RULE, "cidrIpv4", None), "referencedSecurityGroupId": "sg-2"}
    assert replacing(providers, r.RULE, new) == ["cidrIpv4", "referencedSecurityGroupId"]


def test_data_changes_in_place_where_the_provider_instance_says_so(providers: Providers):
    new = changed(r.CONFIG_MAP, "data.LOG_LEVEL", "debug")
    assert replacing(providers, r.CONFIG_MAP, new, enableConfigMapMutable=True) == []
    immutable = {**new, "immutable": True}
    assert "data.LOG_LEVEL" in replacing(providers, r.CONFIG_MAP, immutable, enableConfigMapMutable=True)


def test_a_secret_that_stays_the_same_is_no_change():
    assert changes({"a": Secret("x"), "b": [1.5, {"c": 2}]}, {"a": "x", "b": [1.5, {"c": 2}]}) == []


def test_the_place_of_each_change_is_named():
    old = {"labels": {"app.kubernetes.io/name": "a"}, "ports": [1, 2], "size": 1}
    new = {"labels": {"app.kubernetes.io/name": "b"}, "ports": [1], "kind": "x", "size": True}
    assert [(show_path(change.path), change.kind) for change in changes(old, new)] == [
        ('labels["app.kubernetes.io/name"]', "update"),
        ("ports[1]", "delete"),
        ("size", "update"),
        ("kind", "add"),
    ]


@pytest.mark.parametrize("token", [r.BUCKET, r.ROLE, r.DEPLOYMENT])
def test_a_name_that_was_chosen_is_free_before_the_new_one_comes(providers: Providers, token: str):
    package = providers.package(token)
    wanted = resource(token, VALID[token])
    other = changes(VALID[token], {**VALID[token], "tags": {"a": "b"}})
    assert package.delete_first(wanted, other)


def test_kubernetes_has_room_for_an_object_of_another_name(providers: Providers):
    new = changed(r.DEPLOYMENT, "metadata.name", "another")
    wanted = resource(r.DEPLOYMENT, new)
    assert not providers.package(r.DEPLOYMENT).delete_first(wanted, changes(VALID[r.DEPLOYMENT], new))


@pytest.mark.parametrize(("token", "path"), [(r.BUCKET, "bucket"), (r.ROLE, "name")])
def test_pulumi_aws_deletes_first_even_when_the_chosen_name_is_another(
    providers: Providers, token: str, path: str
):
    new = changed(token, path, "another")
    assert providers.package(token).delete_first(resource(token, new), changes(VALID[token], new))


def test_an_attachment_goes_first_and_a_provider_with_another_url_does_not(providers: Providers):
    attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    old, new = ({"role": "node", "policyArn": arn} for arn in "ab")
    assert providers.package(attachment).delete_first(resource(attachment, new), changes(old, new))
    issuer = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    old, new = ({"url": f"https://{host}", "clientIdLists": ["a"]} for host in "ab")
    assert not providers.package(issuer).delete_first(resource(issuer, new), changes(old, new))


def test_only_an_objects_own_name_keeps_the_old_one_until_the_new_one_is_there(providers: Providers):
    token = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
    old = {"metadata": {"name": "reads", "namespace": "pipe"}, "roleRef": {"kind": "Role", "name": "read"}}
    new = {**old, "roleRef": {"kind": "Role", "name": "write"}}
    package = providers.package(token)
    assert package.delete_first(resource(token, new), changes(old, new))
    moved = {**old, "metadata": {"name": "reads", "namespace": "other"}}
    assert not package.delete_first(resource(token, moved), changes(old, moved))
    unnamed = {**new, "metadata": {"generateName": "reads-"}}
    assert not package.delete_first(resource(token, unnamed), changes({**unnamed, "roleRef": {}}, unnamed))


@pytest.mark.parametrize(
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
def test_a_property_forces_a_replacement_or_not(providers: Providers, token: str, path: str, forces: bool):
    change = Change(tuple(path.split(".")), "update", "a", "b")
    assert providers.package(token).forces_replacement(resource(token, {}), change) == forces


def test_what_has_no_name_is_made_before_the_old_one_goes(providers: Providers):
    wanted = resource(r.VPC, VALID[r.VPC])
    assert not providers.package(r.VPC).delete_first(
        wanted, changes(VALID[r.VPC], {"cidrBlock": "10.1.0.0/16"})
    )


def test_a_name_that_was_left_out_is_made_up_and_kept(providers: Providers):
    package = providers.package(r.ROLE)
    wanted = resource(r.ROLE, changed(r.ROLE, "name", None), "node")
    first = package.complete(wanted, {}, b"seed")
    assert first["name"].startswith("node-") and len(first["name"]) == len("node-") + 7
    assert package.complete(wanted, first, b"another seed") == first
    assert package.complete(wanted, {}, b"another seed") != first
    assert not package.delete_first(resource(r.ROLE, first), changes(first, {**first, "path": "/pipe/"}))


def test_a_monitors_other_name_of_its_type_is_no_change(providers: Providers):
    package, before = providers.package(r.MONITOR), VALID[r.MONITOR]
    other = resource(r.MONITOR, changed(r.MONITOR, "type", "metric alert"))
    assert package.complete(other, before, b"seed") == before
    assert package.complete(other, {}, b"seed")["type"] == "metric alert"


def test_an_object_without_a_name_gets_one_and_the_namespace_of_its_provider(providers: Providers):
    package = providers.package(r.CONFIG_MAP)
    wanted = resource(r.CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap"}, "settings", namespace="pipe")
    metadata = package.complete(wanted, {}, b"seed")["metadata"]
    assert metadata["name"].startswith("settings-") and len(metadata["name"]) == len("settings-") + 8
    assert (metadata["namespace"], metadata["annotations"]) == ("pipe", {"pulumi.com/autonamed": "true"})
    assert package.complete(wanted, {"metadata": metadata}, b"other")["metadata"] == metadata
