"""Tests of waits on the scaled clock, with a plan in place of a control plane."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import cli, waits
from sandbox.errors import CommandError
from sandbox.providers.kubernetes.package import KubernetesPlan
from sandbox.providers.kubernetes.timed import TimedKubernetes, limit
from sandbox.providers.target import NotReadyError, Resource
from sandbox.wire.clock import Clock
from sandbox.wire.targets import Targets
from tests.support.rows import each_row

SERVICE = "kubernetes:core/v1:Service"
BALANCER = Resource(
    f"urn:pulumi:dev::pipe::{SERVICE}::tls-proxy",
    SERVICE,
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "tls-proxy", "namespace": "pipe"},
        "spec": {"type": "LoadBalancer"},
    },
)


def clock_without_sleep() -> Clock:
    """Return a clock 1:60 that advances by each sleep at once."""
    real = [0.0]

    def sleep(seconds: float) -> None:
        real[0] += seconds

    return Clock(60, lambda: real[0], sleep)


def test_a_wait_beyond_the_limit_names_the_resource_the_times_and_the_fix() -> None:
    clock = clock_without_sleep()
    with pytest.raises(NotReadyError) as caught:
        TimedKubernetes(KubernetesPlan(), clock).create(replace(BALANCER, timeout=60.0))
    assert str(caught.value) == (
        "tls-proxy (kubernetes:core/v1:Service) is not ready: waiting for nodes, images or the load balancer"
        " after 1m00s\n"
        "  limit:  1m00s (custom_timeouts, or the provider's default)\n"
        "  needed: about 5m00s (kubernetes-sigs/aws-load-balancer-controller#1834: 3 to 5 minutes to register"
        " a target)\n"
        '  fix:    opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="10m"))'
    )
    assert caught.value.live.id == "pipe/tls-proxy"
    assert [wait.seconds for wait in clock.waits] == [pytest.approx(60, abs=2)]


def test_a_wait_within_the_limit_is_recorded() -> None:
    clock = clock_without_sleep()
    live = TimedKubernetes(KubernetesPlan(), clock).create(BALANCER)
    assert live.outputs["status"]["loadBalancer"]["ingress"]
    assert [(wait.name, wait.seconds, wait.limit) for wait in clock.waits] == [("tls-proxy", 300.0, 600.0)]


def test_an_object_that_needs_no_time_does_not_wait() -> None:
    clock = clock_without_sleep()
    TimedKubernetes(KubernetesPlan(), clock).create(
        replace(BALANCER, inputs={**BALANCER.inputs, "spec": {"type": "ClusterIP"}})
    )
    assert clock.waits == []


def test_a_job_with_a_deadline_has_no_other_limit() -> None:
    kind = "kubernetes:batch/v1:Job"
    job = replace(BALANCER, type=kind, inputs={"spec": {"activeDeadlineSeconds": 60}}, timeout=10.0)
    assert limit(job) == float("inf")
    assert limit(replace(job, inputs={"spec": {}})) == 10.0


@each_row("text", ["60", "1:0", "60:1", "1:10000", "1:6.5"])
def test_a_clock_is_a_ratio(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f'"{text}"; allowed: 1:1 to 1:9999'):
        cli.read_clock(text)


def test_only_a_command_with_a_clock_or_after_one_sets_the_clock(tmp_path: Path) -> None:
    unreachable = Targets(1, "http://127.0.0.1:1", "", "", None, 0.0)
    waits.set_clock(tmp_path, unreachable, None)
    with pytest.raises(CommandError, match="CLOCK needs the APIs: leave TARGETS=none out"):
        waits.set_clock(tmp_path, None, Clock(60))
    (tmp_path / waits.CLOCK_FILE).touch()
    with pytest.raises(CommandError, match="the sandbox's AWS API did not answer: "):
        waits.set_clock(tmp_path, unreachable, None)
