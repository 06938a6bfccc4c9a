"""Tests of the API: Deployment, autoscaling, network access, and configuration of the pods."""

from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pulumi
import pytest

from components.common.naming import Naming
from components.kubernetes.api import PORT
from components.settings.capacity import SURGE_PERCENT
from tests.support.components import workloads
from tests.support.components.fixtures import Recorder, Topic, evaluate
from tests.support.components.workloads import SERVICE_CIDR, SUBNETS, Manifest, Objects

Declare = Callable[..., Objects]
DEPLOYMENT = ("kubernetes:apps/v1:Deployment", "api")
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.fixture
def declare(declare_objects: Callable[..., Objects]) -> Declare:
    return partial(declare_objects, workloads.api)


def pod(objects: Objects) -> Manifest:
    return workloads.deployed_pod(objects, "pipe-api")[0]


def container(objects: Objects) -> Manifest:
    return workloads.deployed_pod(objects, "pipe-api")[1]


@pytest.mark.parametrize("stack", ["dev", "stg", "prod"])
def test_the_deployment_is_that_of_the_guide(declare: Declare, stack: str) -> None:
    objects = declare(stack)
    spec = objects["Deployment/pipe-api"]["spec"]
    assert (spec["replicas"], spec["selector"]) == (3, {"matchLabels": {"app": "pipe-api"}})
    assert spec["template"]["metadata"]["labels"]["app"] == "pipe-api"
    assert container(objects)["name"] == "api"
    assert container(objects)["resources"] == {
        "requests": {"memory": "256Mi", "cpu": "100m"},
        "limits": {"memory": "512Mi", "cpu": "200m"},
    }


@pytest.mark.parametrize(
    ("image", "label", "cause"),
    [
        ("registry/pipe/api:1.4.2", "1-4-2", "version 1.4.2"),
        ("registry:5000/pipe/api:1.4.2@sha256:" + "a" * 64, "aaaaaaaaaaaa", "version 1.4.2"),
        ("registry/pipe/api@sha256:" + "a" * 64, "aaaaaaaaaaaa", "version aaaaaaaaaaaa"),
    ],
)
def test_the_image_of_the_stack_file_names_the_version_of_pods_and_rollouts(
    declare: Declare, image: str, label: str, cause: str
) -> None:
    objects = declare(image=image)
    assert container(objects)["image"] == image
    assert pod(objects)["metadata"]["labels"]["tags.datadoghq.com/version"] == label
    annotations = objects["Deployment/pipe-api"]["metadata"]["annotations"]
    assert annotations["kubernetes.io/change-cause"] == cause


def test_apply_keeps_the_autoscalers_replicas_and_overrides_kubectl(
    declare: Declare, recorder: Recorder
) -> None:
    annotations = declare()["Deployment/pipe-api"]["metadata"]["annotations"]
    assert annotations["pulumi.com/patchForce"] == "true", "a rollback by kubectl owns the image"
    assert recorder.ignored[DEPLOYMENT] == ["spec.replicas"]


def test_a_rollout_adds_pods_before_it_removes_old_ones_within_the_checked_quotas(declare: Declare) -> None:
    spec = declare()["Deployment/pipe-api"]["spec"]
    rolling = {"maxUnavailable": 0, "maxSurge": f"{SURGE_PERCENT}%"}
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": rolling}
    assert (spec["revisionHistoryLimit"], spec["minReadySeconds"]) == (10, 10)
    assert spec["progressDeadlineSeconds"] == 600


def test_new_pods_wait_for_the_migration(recorder: Recorder, naming: Naming, topic: Topic) -> None:
    def program() -> Any:
        jobs = workloads.data_jobs(naming, topic)
        return workloads.api(naming, topic, after=[jobs.migration]).urn

    evaluate(program)
    assert ("kubernetes:batch/v1:Job", "data-jobs-migrate") in recorder.dependencies[DEPLOYMENT]


def test_a_terminating_pod_answers_until_the_service_has_dropped_it(declare: Declare) -> None:
    objects = declare(graceSeconds=45)
    assert container(objects)["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}
    assert pod(objects)["spec"]["terminationGracePeriodSeconds"] == 55


def test_only_readiness_uses_the_path_that_fails_without_a_database(declare: Declare) -> None:
    probed = container(declare(livenessPath="/alive", readinessPath="/serving"))
    assert probed["ports"] == [{"name": "http", "containerPort": PORT}]
    requests = {probe: probed[probe]["httpGet"] for probe in PROBES}
    alive, serving = ({"path": path, "port": "http"} for path in ("/alive", "/serving"))
    assert requests == {"startupProbe": alive, "readinessProbe": serving, "livenessProbe": alive}


def test_pods_of_each_revision_are_spread_over_zones_and_nodes(declare: Declare) -> None:
    constraints = pod(declare())["spec"]["topologySpreadConstraints"]
    topologies = [(constraint["topologyKey"], constraint["whenUnsatisfiable"]) for constraint in constraints]
    assert topologies == [
        ("topology.kubernetes.io/zone", "DoNotSchedule"),
        ("kubernetes.io/hostname", "ScheduleAnyway"),
    ]
    for constraint in constraints:
        assert constraint["maxSkew"] == 1
        assert constraint["labelSelector"] == {"matchLabels": {"app": "pipe-api"}}
        assert constraint["matchLabelKeys"] == ["pod-template-hash"]
        assert constraint["nodeTaintsPolicy"] == "Honor"


def test_the_autoscaler_stays_within_the_bounds_of_the_stack_file(declare: Declare) -> None:
    objects = declare(replicas={"min": 4, "max": 9, "targetCpuPercent": 60})
    spec = objects["HorizontalPodAutoscaler/pipe-api"]["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "pipe-api"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (4, 9)
    target = {"type": "Utilization", "averageUtilization": 60}
    assert spec["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300


def test_a_drain_evicts_one_pod_at_a_time(declare: Declare) -> None:
    assert declare()["PodDisruptionBudget/pipe-api"]["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"app": "pipe-api"}},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def test_the_service_has_the_port_of_the_pods_and_a_name_in_the_cluster(
    declare: Declare, naming: Naming, topic: Topic
) -> None:
    spec = declare()["Service/pipe-api"]["spec"]
    assert (spec["type"], spec["selector"]) == ("ClusterIP", {"app": "pipe-api"})
    assert spec["ports"] == [{"name": "http", "port": PORT, "targetPort": PORT, "protocol": "TCP"}]
    hosts: list[str] = []
    evaluate(lambda: workloads.api(naming, topic).service_host.apply(hosts.append))
    assert hosts == ["pipe-api.pipe.svc.cluster.local"]


INTERNAL = [
    ([SERVICE_CIDR], ["UDP 53", "TCP 53"]),
    (SUBNETS.database, ["TCP 5432"]),
    (SUBNETS.private, ["TCP 8126"]),
    (["169.254.170.23/32"], ["TCP 80"]),
]
"""Access that the API always has: DNS, database, Datadog's agent, and Pod Identity."""

LISTED = ["192.168.10.0/24", "198.51.100.0/24"]


@pytest.mark.parametrize(
    ("egress", "rules"),
    [
        ({"to": "none", "networks": [], "ports": []}, []),
        (
            {"to": "networks", "networks": LISTED, "ports": [443, 587]},
            [(LISTED, ["TCP 443", "TCP 587"])],
        ),
    ],
)
def test_only_the_proxy_reaches_the_api_and_the_api_only_internal_services_and_listed_networks(
    declare: Declare, recorder: Recorder, egress: dict[str, Any], rules: list[Any]
) -> None:
    declare(egress=egress)
    assert workloads.rules(recorder, "pipe-api", "ingress") == [(["pipe-proxy"], ["TCP 3000"])]
    assert workloads.rules(recorder, "pipe-api", "egress") == INTERNAL + rules


def test_https_reaches_the_internet_but_no_internal_address(declare: Declare, recorder: Recorder) -> None:
    declare(egress={"to": "https", "networks": [], "ports": []}, vpc_cidr="11.30.0.0/16")
    [*_, ([peer], ports)] = workloads.rules(recorder, "pipe-api", "egress")
    cidr, _, excepted = peer.partition(" except ")
    closed = [IPv4Network(network) for network in excepted.split(", ")]

    def is_reached(address: str) -> bool:
        return not any(IPv4Address(address) in network for network in closed)

    assert (cidr, ports) == ("0.0.0.0/0", ["TCP 443"])
    assert is_reached("198.51.100.7") and is_reached("8.8.8.8")
    metadata, pod_identity, vpc = "169.254.169.254", "169.254.170.23", "11.30.16.5"
    private = ("10.30.16.5", "172.20.0.10", "192.168.1.1", "100.64.3.4", "127.0.0.1")
    for address in (metadata, pod_identity, vpc, *private):
        assert not is_reached(address), address


def test_the_database_is_reached_by_tls_with_a_verified_certificate(declare: Declare) -> None:
    objects = declare()
    assert objects["ConfigMap/pipe-api"]["data"] == {
        "NODE_ENV": "production",
        "PORT": "3000",
        "LOG_LEVEL": "info",
        "PGHOST": "db.example",
        "PGPORT": "5432",
        "PGDATABASE": "pipe_db",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/pipe/ca/rds-ca.pem",
        "NODE_EXTRA_CA_CERTS": "/etc/pipe/ca/rds-ca.pem",
        "DATABASE_PASSWORD_FILE": "/etc/pipe/database/password",
    }
    [secret] = [name for name in objects if name.startswith("Secret/")]
    assert objects[secret]["stringData"] == {"password": "app-secret"}
    [volume] = [volume for volume in pod(objects)["spec"]["volumes"] if volume["name"] == "database"]
    assert secret == f"Secret/{volume['secret']['secretName']}"
    paths = {"database": "/etc/pipe/database", "ca": "/etc/pipe/ca", "tmp": "/tmp"}
    assert workloads.mounts(container(objects)) == paths


def test_traces_go_to_the_agent_of_the_pods_node(declare: Declare) -> None:
    variables = workloads.variables(container(declare()))
    assert variables.pop("PGUSER").startswith("app_")
    assert variables == {
        "DD_AGENT_HOST": "status.hostIP",
        "DD_TRACE_AGENT_PORT": "8126",
        "DD_LOGS_INJECTION": "true",
        "DD_ENV": "metadata.labels['tags.datadoghq.com/env']",
        "DD_SERVICE": "metadata.labels['tags.datadoghq.com/service']",
        "DD_VERSION": "metadata.labels['tags.datadoghq.com/version']",
    }


def test_a_changed_configuration_rolls_the_pods(declare: Declare) -> None:
    before, after = pod(declare()), pod(declare(logLevel="debug"))
    assert workloads.changed_annotations(before, after) == {"checksum/config"}


def test_a_new_password_has_a_new_user_and_secret_and_leaves_those_of_old_pods(declare: Declare) -> None:
    before, after = declare(), declare(password="another-secret")
    assert {name for name in before if name.startswith("Secret/")}.isdisjoint(after)
    users = {workloads.variables(container(objects))["PGUSER"] for objects in (before, after)}
    assert len(users) == 2
    assert before["ConfigMap/pipe-api"] == after["ConfigMap/pipe-api"]


def test_a_secret_password_leaves_the_users_name_readable(
    recorder: Recorder, naming: Naming, topic: Topic
) -> None:
    password = pulumi.Output.secret("app-secret")
    evaluate(lambda: workloads.api(naming, topic, password=password).urn)
    [container] = recorder.inputs[DEPLOYMENT]["spec"]["template"]["spec"]["containers"]
    assert workloads.variables(container)["PGUSER"].startswith("app_")
