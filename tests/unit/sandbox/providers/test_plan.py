"""Tests that simulated IDs and outputs have the form of the real APIs, and that certificates are valid."""

import base64
import re
from dataclasses import replace
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.errors import ProviderError
from sandbox.providers.aws.package import AwsPlan
from sandbox.providers.kubernetes.package import KubernetesPlan
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire.sentinels import INVENTED, INVENTED_NUMBERS
from sandbox.wire.values import UNKNOWN, Secret, plain
from tests.support.sandbox.providers import resources as r
from tests.support.sandbox.providers.resources import VALID, Providers, changed, resource


def create(
    providers: Providers, token: str, inputs: dict[str, Any] | None = None, name: str = "it"
) -> LiveResource:
    return providers.target(token).create(resource(token, inputs or VALID[token], name))


def test_the_name_of_a_resource_is_the_whole_fourth_part_of_its_urn() -> None:
    urn = "urn:pulumi:dev::pipe::aws:ec2/securityGroup:SecurityGroup::database::jump"
    assert Resource(urn, "aws:ec2/securityGroup:SecurityGroup", {}).name == "database::jump"


REGION_LOOK_UP = "aws:index/getRegion:getRegion"

IDS = [
    (r.VPC, r"vpc-[0-9a-f]{17}", "arn:aws:ec2:ap-northeast-1:123456789012:vpc/{id}"),
    (r.BUCKET, "pipe-backup", "arn:aws:s3:::pipe-backup"),
    (r.ROLE, "pipe-node", "arn:aws:iam::123456789012:role/pipe-node"),
    (r.CLUSTER, "pipe", "arn:aws:eks:ap-northeast-1:123456789012:cluster/pipe"),
    (r.DATABASE, r"db-[0-9A-F]{26}", "arn:aws:rds:ap-northeast-1:123456789012:db:pipe-db"),
    ("aws:sqs/queue:Queue", r"[0-9a-f]{17}", "arn:aws:sqs:ap-northeast-1:123456789012:{id}"),
]


@pytest.mark.parametrize(("token", "pattern", "arn"), IDS)
def test_ids_and_arns_have_the_form_of_aws(providers: Providers, token: str, pattern: str, arn: str):
    live = create(providers, token, VALID.get(token, {"name": "jobs"}))
    assert re.fullmatch(pattern, live.id)
    assert live.outputs["arn"] == arn.format(id=live.id)


@pytest.mark.parametrize(
    ("kind", "identifier"),
    [
        ("rbac.authorization.k8s.io/v1:ClusterRole", "it"),
        ("rbac.authorization.k8s.io/v1:ClusterRolePatch", "it"),
        ("admissionregistration.k8s.io/v1beta1:MutatingAdmissionPolicy", "it"),
        ("kyverno.io/v1:ClusterPolicy", "it"),
        ("core/v1:ConfigMapPatch", "pipe/it"),
        ("example.com/v1:Guard", "pipe/it"),
    ],
)
def test_the_id_of_an_object_has_its_namespace_if_its_kind_has_one(
    providers: Providers, kind: str, identifier: str
):
    inputs = {"metadata": {"name": "it", "namespace": "pipe"}}
    assert create(providers, f"kubernetes:{kind}", inputs).id == identifier


def test_the_arn_of_a_role_and_a_policy_contains_its_path(providers: Providers):
    policy = {"name": "read", "policy": '{"Version": "2012-10-17", "Statement": []}'}
    for path, in_arn in (({}, "/"), ({"path": "/pipe/"}, "/pipe/")):
        role = create(providers, r.ROLE, VALID[r.ROLE] | path)
        assert role.outputs["arn"] == f"arn:aws:iam::123456789012:role{in_arn}pipe-node"
        live = create(providers, "aws:iam/policy:Policy", policy | path)
        assert live.id == live.outputs["arn"] == f"arn:aws:iam::123456789012:policy{in_arn}read"


def test_the_region_is_the_resources_own_or_its_providers(providers: Providers):
    target = providers.target(r.VPC)
    elsewhere = target.create(resource(r.VPC, VALID[r.VPC], "a", region="ap-northeast-3"))
    own = target.create(resource(r.VPC, {**VALID[r.VPC], "region": "eu-west-1"}, "b"))
    assert elsewhere.outputs["region"] == "ap-northeast-3" and ":ap-northeast-3:" in elsewhere.outputs["arn"]
    assert ":eu-west-1:" in own.outputs["arn"]


def test_outputs_have_the_types_of_the_sdk(providers: Providers):
    outputs = create(providers, r.CLUSTER).outputs
    assert re.fullmatch(
        r"https://[0-9A-F]{32}\.gr7\.ap-northeast-1\.eks\.amazonaws\.com", outputs["endpoint"]
    )
    assert outputs["vpcConfig"]["subnetIds"] == ["subnet-1", "subnet-2"]
    assert re.fullmatch(r"sg-[0-9a-f]{17}", outputs["vpcConfig"]["clusterSecurityGroupId"])
    assert outputs["identities"][0]["oidcs"][0]["issuer"].startswith("https://oidc.eks.ap-northeast-1.")
    pem = base64.b64decode(outputs["certificateAuthority"]["data"])
    extensions = x509.load_pem_x509_certificate(pem).extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert outputs["tagsAll"] == {} and outputs["deletionProtection"] is False


def test_outputs_without_a_description_are_recognizable_in_a_review():
    target = AwsPlan(recognizable=True)
    endpoint = {"vpcId": "vpc-1", "serviceName": "com.amazonaws.ap-northeast-1.s3"}
    outputs = target.create(resource("aws:ec2/vpcEndpoint:VpcEndpoint", endpoint)).outputs
    for block in outputs["cidrBlocks"]:
        assert block.startswith(f"{INVENTED}-") and block.endswith("-cidrBlocks")
    assert outputs["policy"].startswith(f"{INVENTED}-") and outputs["policy"].endswith("-policy")
    assert outputs["requesterManaged"] is UNKNOWN  # A boolean has no recognizable value.
    assert outputs["arn"].startswith("arn:aws:ec2:") and outputs["tagsAll"] == {}
    policy = {"policy": '{"Version": "2012-10-17", "Statement": []}'}
    count = target.create(resource("aws:iam/policy:Policy", policy)).outputs["attachmentCount"]
    assert count in INVENTED_NUMBERS


def test_the_id_of_a_type_without_a_description_is_recognizable_in_a_review():
    target = AwsPlan(recognizable=True)
    first, second = (target.create(resource("aws:ec2/keyPair:KeyPair", {}, name)) for name in ("a", "b"))
    for live in (first, second):
        assert live.id.startswith(f"{INVENTED}-") and live.outputs["arn"].endswith(live.id)
    assert first.id != second.id
    assert INVENTED not in target.create(resource("aws:ec2/eip:Eip", {})).id


def test_each_unpredictable_output_is_recognizable_in_a_review() -> None:
    target = AwsPlan(recognizable=True)
    template = "aws:ec2/launchTemplate:LaunchTemplate"
    customers, scratch = (target.create(resource(template, {}, name)) for name in ("customers", "scratch"))
    versions = {
        live.outputs[name] for live in (customers, scratch) for name in ("defaultVersion", "latestVersion")
    }
    assert len(versions) == 4 and all(version in INVENTED_NUMBERS for version in versions)
    renamed = target.update(resource(template, {}, "renamed"), customers)
    assert renamed.outputs == customers.outputs
    customers.outputs["latestVersion"] = 0.5  # A program may name it for a resource that it only reads.
    assert target.update(resource(template, {}, "renamed"), customers).outputs["latestVersion"] != 0.5


PARTS = {
    "aws:elasticache/cluster:Cluster": ({"engine": "redis"}, "cacheNodes"),
    "aws:elasticache/serverlessCache:ServerlessCache": ({"engine": "redis", "name": "it"}, "endpoints"),
    "aws:mq/broker:Broker": ({"engineType": "RabbitMQ"}, "instances"),
    "aws:acm/certificate:Certificate": ({"domainName": "pipe.dev"}, "domainValidationOptions"),
    "aws:rds/cluster:Cluster": ({"engine": "a", "manageMasterUserPassword": True}, "masterUserSecrets"),
    "aws:ec2/instance:Instance": ({"rootBlockDevice": {"volumeSize": 8}}, "rootBlockDevice"),
    "aws:autoscaling/group:Group": ({"launchTemplate": {"version": "1"}}, "launchTemplate"),
    "aws:ec2/networkInterface:NetworkInterface": ({"attachments": [{"deviceIndex": 1}] * 2}, "attachments"),
}
"""Inputs for types of AWS, and an output with objects whose members an account chooses."""


def texts(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        items = (
            cast("dict[str, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value)
        )
        return [text for item in items for text in texts(item)]
    return [value] if INVENTED in str(value) else []


@pytest.mark.parametrize("token", PARTS)
def test_each_text_in_the_objects_of_outputs_differs_in_a_review(token: str):
    target, (inputs, name) = AwsPlan(recognizable=True), PARTS[token]
    created = [target.create(resource(token, inputs, urn)).outputs[name] for urn in ("a", "b")]
    read = [target.read(resource(token, {}, urn), {"id": urn}) for urn in ("a", "b")]
    for values in (created, [live.outputs[name] for live in read if live]):
        assert len(texts(values)) == len(set(texts(values))) >= 2
    assert not texts(AwsPlan().create(resource(token, inputs)).outputs)


def test_an_object_of_kubernetes_that_is_only_read_is_recognizable_apart_from_its_name():
    target = KubernetesPlan(recognizable=True)
    read = [replace(resource(r.SERVICE, {}), id=f"pipe/{name}") for name in ("a", "b")]
    a, b = (target.read(declared, {"kind": "Service"}) for declared in read)
    assert a and b and a.outputs["kind"] == "Service"
    assert (a.outputs["metadata"]["name"], a.outputs["metadata"]["namespace"]) == ("a", "pipe")
    assert INVENTED in a.outputs["spec"]["clusterIP"] != b.outputs["spec"]["clusterIP"]
    assert a.outputs["spec"]["ports"][0]["nodePort"] in INVENTED_NUMBERS
    for kind in ("apiextensions.k8s.io/v1:CustomResourceDefinition", "core/v1:Pod", "example.com/v1:Guard"):
        declared = replace(resource(f"kubernetes:{kind}", {}), id="it")
        live = target.read(declared, {"kind": "it"})
        assert live and live.outputs["metadata"]["name"] == "it"


def test_the_api_adds_to_objects_of_a_program_what_this_lacks_in_a_review():
    target, token = AwsPlan(recognizable=True), "aws:ec2/instance:Instance"
    live = target.create(resource(token, {"rootBlockDevice": {"volumeSize": 8, "tags": {"a": "b"}}}))
    device = live.outputs["rootBlockDevice"]
    assert device["volumeSize"] == 8 and device["tags"] == {"a": "b"}
    assert INVENTED in device["volumeId"] and device["throughput"] in INVENTED_NUMBERS
    assert device["encrypted"] is UNKNOWN  # A boolean has no recognizable value.
    assert live.outputs["sourceDestCheck"] is UNKNOWN
    renamed = target.update(resource(token, live.inputs, "renamed"), live)
    assert renamed.outputs == live.outputs


def test_what_an_api_server_may_set_is_unknown_in_a_review():
    """The server has defaults, such as `enableServiceLinks`, and a program may pass them on."""
    target = KubernetesPlan(recognizable=True)
    spec = {"replicas": 2, "template": {"spec": {"hostPID": False, "containers": [{"name": "api"}]}}}
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"}, "spec": spec}
    live = target.create(resource("kubernetes:apps/v1:Deployment", manifest))
    pod = live.outputs["spec"]["template"]["spec"]
    assert pod["enableServiceLinks"] is pod["dnsPolicy"] is pod["securityContext"] is UNKNOWN
    assert pod["hostPID"] is False and pod["containers"][0]["name"] == "api"
    assert pod["containers"][0]["tty"] is live.outputs["spec"]["strategy"] is UNKNOWN
    assert live.outputs["status"] is UNKNOWN, "since an autoscaler may have changed the number of pods"
    assert UNKNOWN not in live.outputs["metadata"].values()
    assert "strategy" not in KubernetesPlan().create(resource(r.SERVICE, manifest)).outputs["spec"]
    service = target.create(resource(r.SERVICE, VALID[r.SERVICE])).outputs
    assert service["spec"]["clusterIPs"] is UNKNOWN and service["spec"]["clusterIP"].startswith("172.")
    account = target.create(resource("kubernetes:core/v1:ServiceAccount", {"metadata": {"name": "it"}}))
    assert account.outputs["automountServiceAccountToken"] is UNKNOWN
    guard = {"apiVersion": "example.com/v1", "kind": "Guard", "metadata": {"name": "it"}, "spec": {"a": 1}}
    assert target.create(resource("kubernetes:example.com/v1:Guard", guard)).outputs["spec"] == {"a": 1}


def test_an_object_in_an_undescribed_output_does_not_have_the_arn_of_the_resource():
    target, token = AwsPlan(recognizable=True), "aws:verifiedaccess/instance:Instance"
    outputs = target.create(resource(token, {})).outputs
    assert all(INVENTED in text for text in texts(outputs["verifiedAccessTrustProviders"]))


def test_every_resource_has_the_default_tags_of_its_provider(providers: Providers):
    tags = {"tags": {"team": "platform"}}
    live = providers.target(r.VPC).create(resource(r.VPC, VALID[r.VPC], defaultTags=tags))
    assert live.outputs["tagsAll"] == {"Name": "pipe", "team": "platform"}


def test_the_host_name_of_a_load_balancer_has_the_clusters_region(providers: Providers):
    kubeconfig = '{"clusters": [{"cluster": {"server": "https://A.gr7.ap-northeast-1.eks.amazonaws.com"}}]}'
    service = resource(r.SERVICE, VALID[r.SERVICE], kubeconfig=kubeconfig)
    outputs = providers.target(r.SERVICE).create(service).outputs
    [ingress] = outputs["status"]["loadBalancer"]["ingress"]
    assert re.fullmatch(
        r"k8s-[a-z0-9]+-[0-9a-f]{10}\.elb\.ap-northeast-1\.amazonaws\.com", ingress["hostname"]
    )
    assert outputs["metadata"]["namespace"] == "default" and outputs["spec"]["type"] == "LoadBalancer"


@pytest.mark.parametrize("token", [r.VPC, r.CLUSTER, r.SERVICE, r.SETTING, r.ACCOUNT, r.KEY])
def test_a_preview_knows_only_the_inputs(providers: Providers, token: str):
    planned = providers.target(token).plan(resource(token, VALID[token]))

    def check(outputs: Any, inputs: dict[str, Any]) -> None:
        for key, value in cast(dict[str, Any], outputs).items():
            if isinstance(value, dict):
                check(value, inputs.get(key, {}))
            else:
                assert value is UNKNOWN or value == inputs[key]

    check(planned, VALID[token])


def test_the_external_id_of_datadog_is_unknown_in_a_preview(providers: Providers):
    role = providers.target(r.ACCOUNT).plan(resource(r.ACCOUNT, VALID[r.ACCOUNT]))["authConfig"]
    assert role == {"awsAuthConfigRole": {"roleName": "datadog", "externalId": UNKNOWN}}


def test_a_certificate_has_the_key_and_the_hosts_of_its_request(providers: Providers):
    key = create(providers, r.KEY).outputs
    request = create(
        providers, r.REQUEST, {**VALID[r.REQUEST], "privateKeyPem": Secret(key["privateKeyPem"])}
    )
    inputs = {**VALID[r.CERTIFICATE], "csr": request.outputs["certRequestPem"]}
    declared, target = resource(r.CERTIFICATE, inputs), providers.target(r.CERTIFICATE)
    live = target.create(declared)
    certificate = x509.load_pem_x509_certificate(live.outputs["certificate"].encode())
    public = certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["pipe.dev"]
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 365
    assert key["publicKeyPem"] in public_pem(public)
    again = target.update(replace(declared, id=live.id), live)
    assert again.outputs["certificate"] == live.outputs["certificate"]
    with pytest.raises(
        ProviderError,
        match=r"^csr: the request's key does not fit origin-rsa, or the request's signature is invalid$",
    ):
        create(providers, r.CERTIFICATE, {**inputs, "requestType": "origin-rsa"}, "other")
    with pytest.raises(ProviderError, match=r"^csr: this is not a certificate signing request in PEM: "):
        create(providers, r.CERTIFICATE, {**inputs, "csr": "x"}, "another")


def public_pem(key: ec.EllipticCurvePublicKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_an_unsupported_type_of_tls_is_refused(providers: Providers):
    token = "tls:index/selfSignedCert:SelfSignedCert"
    message = f"the sandbox cannot generate {token}, only {r.KEY} and {r.REQUEST}"
    with pytest.raises(ProviderError, match=f"^{message}$"):
        providers.target(token).plan(resource(token, {}))


def test_look_ups_are_answered(providers: Providers):
    aws, cloudflare = providers.target(r.VPC), providers.target(r.RECORD)
    here = {"region": "ap-northeast-1"}
    answer = aws.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", {}, here)
    assert answer["names"] == ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]
    assert (
        aws.invoke("aws:index/getCallerIdentity:getCallerIdentity", {}, here)["accountId"] == "123456789012"
    )
    assert aws.invoke("aws:index/getPartition:getPartition", {}, here)["partition"] == "aws"
    zone = cloudflare.invoke("cloudflare:index/getZone:getZone", {"filter": {"name": "pipe.dev"}}, {})
    zones = cloudflare.invoke("cloudflare:index/getZones:getZones", {"name": "pipe.dev"}, {})["results"]
    assert (zone["name"], zone["id"]) == ("pipe.dev", zones[0]["id"])


@pytest.mark.parametrize(
    ("arguments", "region", "description"),
    [
        ({}, "ap-northeast-1", "Asia Pacific (Tokyo)"),
        ({"id": "eu-west-1"}, "ap-northeast-1", "Asia Pacific (Tokyo)"),
        ({"region": "us-east-1"}, "us-east-1", "US East (N. Virginia)"),
        ({"name": "us-east-1"}, "us-east-1", "US East (N. Virginia)"),
        ({"endpoint": "ec2.us-east-1.amazonaws.com"}, "us-east-1", "US East (N. Virginia)"),
        ({"endpoint": "ec2.cn-north-1.amazonaws.com.cn"}, "cn-north-1", "China (Beijing)"),
        ({"region": "xx-new-1"}, "xx-new-1", None),
    ],
)
def test_a_region_is_the_one_that_the_provider_finds(
    providers: Providers, arguments: dict[str, Any], region: str, description: str | None
):
    answer = providers.target(r.VPC).invoke(REGION_LOOK_UP, arguments, {"region": "ap-northeast-1"})
    assert [answer[name] for name in ("id", "name", "region")] == [region] * 3
    assert answer.get("description") == description
    assert answer["endpoint"].startswith(f"ec2.{region}.amazonaws.com")


@pytest.mark.parametrize(
    "arguments",
    [
        {"endpoint": "ec2.example.com"},
        {"endpoint": "ec2.us-east-1.amazonaws.com", "name": "us-west-2"},
        {"name": "us-east-1", "region": "us-east-1"},
    ],
)
def test_a_look_up_of_no_region_or_of_several_is_refused(providers: Providers, arguments: dict[str, Any]):
    with pytest.raises(ProviderError, match=r"^getRegion: "):
        providers.target(r.VPC).invoke(REGION_LOOK_UP, arguments, {})


UNANSWERED = {
    "aws:index/getArn:getArn": "getAvailabilityZones, getCallerIdentity, getPartition, getRegion",
    "cloudflare:index/getUser:getUser": "getZone, getZones",
    "datadog:index/getMonitor:getMonitor": "no look-up of this provider",
    "tls:index/getPublicKey:getPublicKey": "no look-up of this provider",
}


@pytest.mark.parametrize("token", UNANSWERED)
def test_a_look_up_without_an_answer_is_refused(providers: Providers, token: str):
    message = f"the sandbox cannot answer the look-up {token}; it answers {UNANSWERED[token]}"
    with pytest.raises(ProviderError, match=f"^{message}$"):
        providers.target(token).invoke(token, {}, {})


@pytest.mark.parametrize("token", [r.MONITOR, r.DATABASE])
def test_nothing_exists_that_a_program_could_import(providers: Providers, token: str) -> None:
    """The review relies on this: it does not know whether the imported object is as the program says."""
    with pytest.raises(ProviderError, match=r"no resource exists$"):
        providers.target(token).read(replace(resource(token, {}), id="it"), {})


def test_secret_inputs_are_secret_outputs(providers: Providers):
    monitor = resource(r.MONITOR, changed(r.MONITOR, "message", Secret("@slack-secret")))
    live = providers.target(r.MONITOR).create(monitor)
    assert live.outputs["message"] == Secret("@slack-secret")
    assert plain(live.inputs) == plain(monitor.inputs)
