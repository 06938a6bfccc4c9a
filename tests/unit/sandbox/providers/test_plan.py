"""Without targets: ids and outputs as the real APIs would give them; keys and certificates that are real."""

import base64
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.errors import RefusedError
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire.values import UNKNOWN, Secret, plain
from tests.support.sandbox.providers import resources as r
from tests.support.sandbox.providers.resources import VALID, Providers, changed, resource

ROOT = Path(__file__).parents[4]


def create(
    providers: Providers, token: str, inputs: dict[str, Any] | None = None, name: str = "it"
) -> LiveResource:
    return providers.target(token).create(resource(token, inputs or VALID[token], name))


def live(wanted: Resource, found: LiveResource) -> Resource:
    return replace(wanted, id=found.id)


IDS = [
    (r.VPC, r"vpc-[0-9a-f]{17}", "arn:aws:ec2:ap-northeast-1:123456789012:vpc/{id}"),
    (r.BUCKET, "pipe-backup", "arn:aws:s3:::pipe-backup"),
    (r.ROLE, "pipe-node", "arn:aws:iam::123456789012:role/pipe-node"),
    (r.CLUSTER, "pipe", "arn:aws:eks:ap-northeast-1:123456789012:cluster/pipe"),
    (r.DATABASE, r"db-[0-9A-F]{26}", "arn:aws:rds:ap-northeast-1:123456789012:db:pipe-db"),
    ("aws:sqs/queue:Queue", r"[0-9a-f]{17}", "arn:aws:sqs:ap-northeast-1:123456789012:{id}"),
]


@pytest.mark.parametrize(("token", "ident", "arn"), IDS)
def test_ids_and_arns_look_like_those_of_aws(providers: Providers, token: str, ident: str, arn: str):
    found = create(providers, token, VALID.get(token, {"name": "jobs"}))
    assert re.fullmatch(ident, found.id)
    assert found.outputs["arn"] == arn.format(id=found.id)


def test_a_resource_is_where_its_provider_or_its_own_region_says(providers: Providers):
    target = providers.target(r.VPC)
    elsewhere = target.create(resource(r.VPC, VALID[r.VPC], "a", region="ap-northeast-3"))
    own = target.create(resource(r.VPC, {**VALID[r.VPC], "region": "eu-west-1"}, "b"))
    assert elsewhere.outputs["region"] == "ap-northeast-3" and ":ap-northeast-3:" in elsewhere.outputs["arn"]
    assert ":eu-west-1:" in own.outputs["arn"]


def test_outputs_are_of_the_type_that_the_sdk_says(providers: Providers):
    found = create(providers, r.CLUSTER).outputs
    assert re.fullmatch(r"https://[0-9A-F]{32}\.gr7\.ap-northeast-1\.eks\.amazonaws\.com", found["endpoint"])
    assert found["vpcConfig"]["subnetIds"] == ["subnet-1", "subnet-2"]
    assert re.fullmatch(r"sg-[0-9a-f]{17}", found["vpcConfig"]["clusterSecurityGroupId"])
    assert found["identities"][0]["oidcs"][0]["issuer"].startswith("https://oidc.eks.ap-northeast-1.")
    pem = base64.b64decode(found["certificateAuthority"]["data"])
    assert (
        x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    )
    assert found["tagsAll"] == {} and found["deletionProtection"] is False


def test_tags_of_the_provider_are_on_everything(providers: Providers):
    tags = {"tags": {"team": "platform"}}
    found = providers.target(r.VPC).create(resource(r.VPC, VALID[r.VPC], defaultTags=tags))
    assert found.outputs["tagsAll"] == {"Name": "pipe", "team": "platform"}


def test_a_load_balancer_has_a_host_name_in_the_clusters_region(providers: Providers):
    kubeconfig = '{"clusters": [{"cluster": {"server": "https://A.gr7.ap-northeast-1.eks.amazonaws.com"}}]}'
    wanted = resource(r.SERVICE, VALID[r.SERVICE], kubeconfig=kubeconfig)
    found = providers.target(r.SERVICE).create(wanted).outputs
    [ingress] = found["status"]["loadBalancer"]["ingress"]
    assert re.fullmatch(
        r"k8s-[a-z0-9]+-[0-9a-f]{10}\.elb\.ap-northeast-1\.amazonaws\.com", ingress["hostname"]
    )
    assert found["metadata"]["namespace"] == "default" and found["spec"]["type"] == "LoadBalancer"


@pytest.mark.parametrize("token", [r.VPC, r.CLUSTER, r.SERVICE, r.SETTING, r.ACCOUNT, r.KEY])
def test_a_preview_knows_the_inputs_and_no_more(providers: Providers, token: str):
    planned = providers.target(token).plan(resource(token, VALID[token]))

    def check(found: Any, given: Any) -> None:
        for key, value in cast(dict[str, Any], found).items():
            if key in given and isinstance(value, dict):
                check(value, given[key])
            elif isinstance(value, dict):
                check(value, {})
            else:
                assert value is UNKNOWN or value == given[key]

    check(planned, VALID[token])


def test_the_external_id_of_datadog_is_known_only_later(providers: Providers):
    role = providers.target(r.ACCOUNT).plan(resource(r.ACCOUNT, VALID[r.ACCOUNT]))["authConfig"]
    assert role == {"awsAuthConfigRole": {"roleName": "datadog", "externalId": UNKNOWN}}


def test_a_certificate_is_for_the_key_and_the_hosts_of_the_request(providers: Providers):
    key = create(providers, r.KEY).outputs
    request = create(
        providers, r.REQUEST, {**VALID[r.REQUEST], "privateKeyPem": Secret(key["privateKeyPem"])}
    )
    inputs = {**VALID[r.CERTIFICATE], "csr": request.outputs["certRequestPem"]}
    wanted, target = resource(r.CERTIFICATE, inputs), providers.target(r.CERTIFICATE)
    found = target.create(wanted)
    made = x509.load_pem_x509_certificate(found.outputs["certificate"].encode())
    public = made.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["pipe.dev"]
    assert (made.not_valid_after_utc - made.not_valid_before_utc).days == 365
    assert key["publicKeyPem"] in public_pem(public)
    again = target.update(replace(wanted, id=found.id), found)
    assert again.outputs["certificate"] == found.outputs["certificate"]
    with pytest.raises(
        RefusedError,
        match=r"^csr: origin-rsa does not fit the request's key, or it did not sign the request$",
    ):
        create(providers, r.CERTIFICATE, {**inputs, "requestType": "origin-rsa"}, "other")
    with pytest.raises(RefusedError, match=r"^csr: this is not a certificate signing request in PEM: "):
        create(providers, r.CERTIFICATE, {**inputs, "csr": "x"}, "another")


def public_pem(key: ec.EllipticCurvePublicKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_key_makes_requests(providers: Providers):
    key = create(providers, r.KEY).outputs["privateKeyPem"]
    request = create(providers, r.REQUEST, {**VALID[r.REQUEST], "privateKeyPem": key}).outputs
    assert x509.load_pem_x509_csr(request["certRequestPem"].encode()).is_signature_valid


def test_what_the_sandbox_does_not_make_is_refused(providers: Providers):
    token = "tls:index/selfSignedCert:SelfSignedCert"
    message = f"the sandbox cannot make a {token}; it makes {r.KEY} and {r.REQUEST}"
    with pytest.raises(RefusedError, match=f"^{message}$"):
        providers.target(token).plan(resource(token, {}))


def test_look_ups_are_answered(providers: Providers):
    aws, cloudflare = providers.target(r.VPC), providers.target(r.RECORD)
    here = {"region": "ap-northeast-1"}
    zones = aws.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", {}, here)
    assert zones["names"] == ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]
    assert (
        aws.invoke("aws:index/getCallerIdentity:getCallerIdentity", {}, here)["accountId"] == "123456789012"
    )
    assert aws.invoke("aws:index/getRegion:getRegion", {}, here)["region"] == "ap-northeast-1"
    assert aws.invoke("aws:index/getPartition:getPartition", {}, here)["partition"] == "aws"
    zone = cloudflare.invoke("cloudflare:index/getZone:getZone", {"filter": {"name": "pipe.dev"}}, {})
    found = cloudflare.invoke("cloudflare:index/getZones:getZones", {"name": "pipe.dev"}, {})
    assert (zone["name"], zone["status"], zone["id"]) == ("pipe.dev", "active", found["results"][0]["id"])


UNANSWERED = {
    "aws:index/getArn:getArn": "getAvailabilityZones, getCallerIdentity, getPartition, getRegion",
    "cloudflare:index/getUser:getUser": "getZone, getZones",
    "datadog:index/getMonitor:getMonitor": "no look-up of this provider",
    "tls:index/getPublicKey:getPublicKey": "no look-up of this provider",
}


@pytest.mark.parametrize("token", UNANSWERED)
def test_a_look_up_without_an_answer_is_refused(providers: Providers, token: str):
    message = f"the sandbox has no answer to the look-up {token}; it knows {UNANSWERED[token]}"
    with pytest.raises(RefusedError, match=f"^{message}$"):
        providers.target(token).invoke(token, {}, {})


def test_secrets_of_nested_inputs_come_back_marked(providers: Providers):
    wanted = resource(r.MONITOR, changed(r.MONITOR, "message", Secret("@slack-secret")))
    found = providers.target(r.MONITOR).create(wanted)
    assert found.outputs["message"] == Secret("@slack-secret")
    assert plain(found.inputs) == plain(wanted.inputs)


SECONDS = {"import": 0.5, "150 resources": 3.0}
"""Processor time, so that a busy machine does not count."""


def test_it_costs_little_to_serve(providers: Providers):
    measure = "import time; start = time.process_time(); import sandbox.providers.server; "
    measure += "print(time.process_time() - start)"
    done = subprocess.run(
        [sys.executable, "-c", measure], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert float(done.stdout) < SECONDS["import"]
    start = time.process_time()
    for number in range(50):
        for token in (r.VPC, r.MONITOR, r.DEPLOYMENT):
            path = "metadata.name" if token == r.DEPLOYMENT else "name" if token == r.MONITOR else "tags.Name"
            inputs = changed(token, path, f"it-{number}")
            assert providers.faults(token, inputs) == []
            create(providers, token, inputs, f"it-{number}")
    assert time.process_time() - start < SECONDS["150 resources"]
