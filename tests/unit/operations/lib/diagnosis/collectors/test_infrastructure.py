"""Tests of the questions about the load balancer, the certificates and other infrastructure."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.command_runner import CommandRunner
from operations.lib.diagnosis.collectors import infrastructure
from operations.lib.errors import FailedError
from operations.lib.kubernetes.cluster import Cluster
from operations.lib.run_log import RunLog
from operations.lib.services import datadog, load_balancers, release_names
from tests.unit.operations.lib.diagnosis.test_infrastructure import HOST, SOUND, certificate
from tests.unit.operations.lib.diagnosis.test_service_path import SETTINGS


class FakeElb:
    """ELB's API with one load balancer of the cluster, and one of another cluster."""

    def get_paginator(self, _: str) -> "FakeElb":
        return self

    def paginate(self) -> list[Any]:
        names = ("own", "other")
        return [{"LoadBalancers": [{"LoadBalancerArn": name, "DNSName": f"{name}.elb"} for name in names]}]

    def describe_tags(self, ResourceArns: list[str]) -> Any:
        clusters = {"own": "pipe-dev", "other": "pipe-stg"}
        return {
            "TagDescriptions": [
                {"ResourceArn": arn, "Tags": [{"Key": load_balancers.CLUSTER_TAG, "Value": clusters[arn]}]}
                for arn in ResourceArns
            ]
        }

    def describe_target_groups(self, LoadBalancerArn: str) -> Any:
        assert LoadBalancerArn == "own"
        return {"TargetGroups": [{"TargetGroupArn": "group"}]}

    def describe_target_health(self, TargetGroupArn: str) -> Any:
        states = ("healthy", "initial", "draining", "unused", "unhealthy", "unavailable")
        return {
            "TargetHealthDescriptions": [
                {"Target": {"Id": f"10.0.0.{n}", "Port": 8443}, "TargetHealth": {"State": state}}
                for n, state in enumerate(states)
            ]
        }


OPTIONS = Options("dev", "real", False, True, SETTINGS)


def test_only_the_targets_of_the_own_load_balancer_that_get_no_requests_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def client(_: Options, service: str) -> FakeElb:
        assert service == "elbv2"
        return FakeElb()

    monkeypatch.setattr(sandbox_targets, "aws", client)
    assert infrastructure.unhealthy_targets(OPTIONS, "own.elb") == {
        "10.0.0.4:8443": "unhealthy",
        "10.0.0.5:8443": "unavailable",
    }
    assert infrastructure.unhealthy_targets(OPTIONS, "other.elb") == {}
    assert infrastructure.unhealthy_targets(OPTIONS, "") == {}


def test_parts_that_do_not_respond_are_listed_and_the_others_are_still_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Describe")

    def nodes(_: Cluster, kind: str, labels: str) -> list[Any]:
        if kind != "nodes":
            raise FailedError("forbidden\nin the namespace")
        return SOUND["nodes"]

    def read(_: Cluster, *arguments: str) -> str:
        return "nodeclaims.karpenter.sh\nnodepools.karpenter.sh\n"

    monkeypatch.setattr(sandbox_targets, "aws", refuse)
    monkeypatch.setattr(Cluster, "list", nodes)
    monkeypatch.setattr(Cluster, "read", read)
    for name in (*datadog.KEYS, "CLOUDFLARE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    settings = SETTINGS | {"backups": SETTINGS["backups"] | {"replica": REPLICATED}}
    options = Options("dev", "real", False, True, settings)
    log = RunLog("doctor", options)
    cluster = Cluster(CommandRunner(log.line), options)
    state, unanswered = infrastructure.collect_infrastructure(
        log, cluster, options, "own.elb", {"pipe-proxy": certificate(HOST)}
    )
    assert [text.partition(":")[0] for text in unanswered] == [
        "node claims",
        "load balancer",
        "dumps",
        "copies of dumps",
    ]
    assert unanswered[0] == "node claims: forbidden"
    assert state.nodes == SOUND["nodes"] and state.issued is None and state.copies is None


REPLICATED = SETTINGS["backups"]["replica"] | {"enabled": True}


def test_cloudflares_certificates_are_compared_by_their_serial_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pem = certificate(HOST).public_bytes(serialization.Encoding.PEM).decode()

    class Entry:
        def __init__(self, text: str | None) -> None:
            self.certificate = text

    class Certificates:
        def list(self, zone_id: str) -> list[Entry]:
            assert zone_id == "zone"
            return [Entry(pem), Entry(None)]

    class Client:
        origin_ca_certificates = Certificates()

    client: Callable[[Options], Any] = lambda _: Client()  # noqa: E731
    zone: Callable[[Any, str], str] = lambda _client, _name: "zone"  # noqa: E731
    monkeypatch.setattr(release_names, "client", client)
    monkeypatch.setattr(release_names, "find_zone", zone)
    assert infrastructure.issued(OPTIONS) == {0xABC}
