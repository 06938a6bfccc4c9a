"""Tests of previews in which a provider predicts the values of an `up`."""

import json
from typing import Any, cast

from pulumi.runtime.proto import provider_pb2 as proto

from sandbox.providers.aws.package import Aws, AwsPlan
from sandbox.providers.kubernetes.package import Kubernetes, KubernetesPlan
from sandbox.providers.provider import Provider
from sandbox.wire.values import UNKNOWN, Json, decode, encode
from tests.support.sandbox.providers.engine_calls import Connection

CLUSTER, SUBNET = "aws:eks/cluster:Cluster", "aws:ec2/subnet:Subnet"
ENGINE = cast(Any, Connection())


def create(provider: Provider, token: str, inputs: Json, *, preview: bool) -> tuple[str, Json]:
    """Return the ID and the outputs of a resource that the engine creates."""
    urn = f"urn:pulumi:dev::pipe::{token}::it"
    answer = provider.Create(
        proto.CreateRequest(urn=urn, type=token, properties=encode(inputs), preview=preview), ENGINE
    )
    return answer.id, decode(answer.properties)


def test_a_predicted_creation_has_another_id_than_the_existing_resource_and_no_unknown_output() -> None:
    inputs: Json = {"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/24"}
    plain, predicting = Provider(Aws("aws"), AwsPlan()), Provider(Aws("aws"), AwsPlan(), predicts=True)
    existing, _ = create(predicting, SUBNET, inputs, preview=False)
    predicted, outputs = create(predicting, SUBNET, inputs, preview=True)
    assert existing.startswith("subnet-") and predicted.startswith("subnet-")
    assert existing != predicted and predicted in outputs["arn"]
    assert UNKNOWN not in outputs.values()
    unknown_id, outputs = create(plain, SUBNET, inputs, preview=True)
    assert not unknown_id and outputs["arn"] is UNKNOWN


def test_a_predicted_replacement_with_the_same_name_has_other_outputs() -> None:
    predicting = Provider(Aws("aws"), AwsPlan(), predicts=True)
    inputs: Json = {"name": "pipe-dev", "roleArn": "arn:aws:iam::1:role/x", "vpcConfig": {"subnetIds": ["a"]}}
    old, new = (create(predicting, CLUSTER, inputs, preview=preview) for preview in (False, True))
    assert old[0] == new[0] == "pipe-dev"
    assert old[1]["endpoint"] != new[1]["endpoint"]


def kubeconfig(server: str, user: str = "deploy") -> Json:
    """Return the settings of a Kubernetes provider."""
    config = {
        "current-context": "main",
        "contexts": [{"name": "main", "context": {"cluster": "pipe", "user": user}}],
        "clusters": [{"name": "pipe", "cluster": {"server": server}}],
    }
    return {"kubeconfig": json.dumps(config)}


def replaced(before: Json, after: Json, *, predicts: bool = True) -> list[str]:
    """Return the settings whose change replaces the provider."""
    provider = Provider(Kubernetes("kubernetes"), KubernetesPlan(), predicts=predicts)
    request = proto.DiffRequest(old_inputs=encode(before), news=encode(after))
    return [*provider.DiffConfig(request, ENGINE).replaces]


def test_another_cluster_replaces_the_provider_and_so_its_resources() -> None:
    old, new = kubeconfig("https://old"), kubeconfig("https://new")
    assert replaced(old, new) == ["kubeconfig"]
    assert replaced(old, kubeconfig("https://old", "operators")) == replaced(old, {"kubeconfig": "x"}) == []
    assert replaced(old, {"kubeconfig": "- ]"}) == replaced({}, new) == []


def test_the_only_control_plane_of_a_sandbox_is_never_another_cluster() -> None:
    assert replaced(kubeconfig("https://old"), kubeconfig("https://new"), predicts=False) == []
