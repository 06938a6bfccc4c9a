from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pulumi
import pytest

from components.common.naming import Naming
from components.kubernetes.api import PORT
from components.settings.capacity import SURGE_PERCENT
from tests.support.components import workloads
from tests.support.components.fixtures import Recorder, evaluate
from tests.support.components.workloads import SERVICE_CIDR, SUBNETS, Manifest, Topic

Objects = Callable[..., dict[str, Manifest]]
DEPLOYMENT = ("kubernetes:apps/v1:Deployment", "api")
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.fixture
def objects(recorder: Recorder, naming: Naming, topic: Topic) -> Objects:
    def run(stack: str = "prod", **changes: Any) -> dict[str, Manifest]:
        return workloads.manifests(
            workloads.declare(recorder, workloads.api, naming, topic, stack, **changes)
        )

    return run


def pod(found: dict[str, Manifest]) -> Manifest:
    return found["Deployment/pipe-api"]["spec"]["template"]


def container(found: dict[str, Manifest]) -> Manifest:
    [only] = pod(found)["spec"]["containers"]
    return only


def user(found: dict[str, Manifest]) -> str:
    return next(each["value"] for each in container(found)["env"] if each["name"] == "PGUSER")


@pytest.mark.parametrize("stack", ["dev", "stg", "prod"])
def test_the_deployment_is_the_deployment_guides(objects: Objects, stack: str) -> None:
    found = objects(stack)
    spec = found["Deployment/pipe-api"]["spec"]
    assert spec["replicas"] == 3
    assert spec["selector"] == {"matchLabels": {"app": "pipe-api"}}
    assert spec["template"]["metadata"]["labels"]["app"] == "pipe-api"
    assert container(found)["name"] == "api"
    assert container(found)["resources"] == {
        "requests": {"memory": "256Mi", "cpu": "100m"},
        "limits": {"memory": "512Mi", "cpu": "200m"},
    }


def test_the_image_is_the_stack_files_and_versions_the_pods(objects: Objects) -> None:
    found = objects(image="registry/pipe/api:1.4.2")
    assert container(found)["image"] == "registry/pipe/api:1.4.2"
    assert pod(found)["metadata"]["labels"]["tags.datadoghq.com/version"] == "1-4-2"


def test_apply_leaves_the_number_of_pods_to_the_autoscaler(objects: Objects, recorder: Recorder) -> None:
    objects()
    assert recorder.ignored[DEPLOYMENT] == ["spec.replicas"]


def test_apply_takes_back_what_a_rollback_by_kubectl_owns(objects: Objects) -> None:
    annotations = objects()["Deployment/pipe-api"]["metadata"]["annotations"]
    assert annotations["pulumi.com/patchForce"] == "true"


@pytest.mark.parametrize(
    ("image", "cause"),
    [
        ("registry:5000/pipe/api:1.4.2@sha256:" + "a" * 64, "version 1.4.2"),
        ("registry/pipe/api@sha256:" + "a" * 64, "version aaaaaaaaaaaa"),
    ],
)
def test_the_history_of_rollouts_names_versions(objects: Objects, image: str, cause: str) -> None:
    annotations = objects(image=image)["Deployment/pipe-api"]["metadata"]["annotations"]
    assert annotations["kubernetes.io/change-cause"] == cause


def test_new_pods_come_before_old_ones_go_and_revisions_are_kept(objects: Objects) -> None:
    spec = objects()["Deployment/pipe-api"]["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"},
    }
    assert spec["revisionHistoryLimit"] == 10
    assert spec["progressDeadlineSeconds"] == 600
    assert spec["minReadySeconds"] == 10


def test_new_pods_wait_for_the_migration(recorder: Recorder, naming: Naming, topic: Topic) -> None:
    def program() -> Any:
        jobs = workloads.data_jobs(naming, topic)
        return workloads.api(naming, topic, after=[jobs.migration]).urn

    evaluate(program)
    assert ("kubernetes:batch/v1:Job", "data-jobs-migrate") in recorder.dependencies[DEPLOYMENT]


def test_a_leaving_pod_answers_until_it_is_out_of_the_service(objects: Objects) -> None:
    found = objects(graceSeconds=45)
    assert container(found)["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}
    assert pod(found)["spec"]["terminationGracePeriodSeconds"] == 55


def test_only_readiness_asks_the_path_that_fails_without_a_database(objects: Objects) -> None:
    probed = container(objects(livenessPath="/alive", readinessPath="/serving"))
    paths = {probe: probed[probe]["httpGet"]["path"] for probe in PROBES}
    assert paths == {"startupProbe": "/alive", "readinessProbe": "/serving", "livenessProbe": "/alive"}


def test_probes_ask_at_the_apis_port(objects: Objects) -> None:
    probed = container(objects())
    assert probed["ports"] == [{"name": "http", "containerPort": PORT}]
    assert {probed[probe]["httpGet"]["port"] for probe in PROBES} == {"http"}


def test_pods_are_spread_over_zones_and_nodes_a_revision_at_a_time(objects: Objects) -> None:
    constraints = pod(objects())["spec"]["topologySpreadConstraints"]
    assert [(each["topologyKey"], each["whenUnsatisfiable"]) for each in constraints] == [
        ("topology.kubernetes.io/zone", "DoNotSchedule"),
        ("kubernetes.io/hostname", "ScheduleAnyway"),
    ]
    for each in constraints:
        assert each["maxSkew"] == 1
        assert each["labelSelector"] == {"matchLabels": {"app": "pipe-api"}}
        assert each["matchLabelKeys"] == ["pod-template-hash"]
        assert each["nodeTaintsPolicy"] == "Honor"


def test_the_autoscaler_moves_between_the_stack_files_bounds(objects: Objects) -> None:
    spec = objects(replicas={"min": 4, "max": 9, "targetCpuPercent": 60})["HorizontalPodAutoscaler/pipe-api"][
        "spec"
    ]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "pipe-api"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (4, 9)
    assert spec["metrics"] == [
        {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
        }
    ]
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300


def test_a_drain_takes_one_pod_at_a_time(objects: Objects) -> None:
    assert objects()["PodDisruptionBudget/pipe-api"]["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"app": "pipe-api"}},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def test_the_service_has_the_pods_own_port(objects: Objects) -> None:
    spec = objects()["Service/pipe-api"]["spec"]
    assert spec["type"] == "ClusterIP"
    assert spec["selector"] == {"app": "pipe-api"}
    assert spec["ports"] == [{"name": "http", "port": PORT, "targetPort": PORT, "protocol": "TCP"}]


def test_the_service_is_known_by_its_name_in_the_cluster(
    recorder: Recorder, naming: Naming, topic: Topic
) -> None:
    hosts: list[str] = []

    def program() -> Any:
        made = workloads.api(naming, topic)
        assert made.service_port == 3000
        return made.service_host.apply(hosts.append)

    evaluate(program)
    assert hosts == ["pipe-api.pipe.svc.cluster.local"]


def test_only_the_proxy_reaches_the_api_and_the_api_only_what_it_needs(
    objects: Objects, recorder: Recorder
) -> None:
    objects()
    assert workloads.rules(recorder, "pipe-api", "ingress") == [(["pipe-proxy"], ["TCP 3000"])]
    assert workloads.rules(recorder, "pipe-api", "egress") == [
        ([SERVICE_CIDR], ["UDP 53", "TCP 53"]),
        (SUBNETS.database, ["TCP 5432"]),
        (SUBNETS.private, ["TCP 8126"]),
        (["169.254.170.23/32"], ["TCP 80"]),
    ]


def outward(recorder: Recorder) -> list[tuple[list[Any], list[Any]]]:
    """What the API may call besides DNS, database, agent and its identity."""
    return workloads.rules(recorder, "pipe-api", "egress")[4:]


def test_https_reaches_the_internet_and_nothing_inside(objects: Objects, recorder: Recorder) -> None:
    objects(egress={"to": "https", "networks": [], "ports": []})
    [([peer], ports)] = outward(recorder)
    cidr, _, excepted = peer.partition(" except ")
    closed = [IPv4Network(each) for each in excepted.split(", ")]

    def reached(address: str) -> bool:
        return not any(IPv4Address(address) in network for network in closed)

    assert (cidr, ports) == ("0.0.0.0/0", ["TCP 443"])
    assert reached("198.51.100.7") and reached("8.8.8.8")
    inside = ("10.30.16.5", "172.20.0.10", "192.168.1.1", "100.64.3.4", "127.0.0.1")
    for address in (
        "169.254.169.254",
        "169.254.170.23",
        *inside,
    ):  # metadata, pod identity, and all that is ours
        assert not reached(address), address


def test_https_reaches_no_vpc_even_one_of_public_addresses(objects: Objects, recorder: Recorder) -> None:
    objects(egress={"to": "https", "networks": [], "ports": []}, vpc_cidr="11.30.0.0/16")
    [([peer], _)] = outward(recorder)
    assert peer.endswith(", 11.30.0.0/16")


def test_listed_networks_are_reached_at_the_listed_ports(objects: Objects, recorder: Recorder) -> None:
    listed = {"to": "networks", "networks": ["192.168.10.0/24", "198.51.100.0/24"], "ports": [443, 587]}
    objects(egress=listed)
    assert outward(recorder) == [(["192.168.10.0/24", "198.51.100.0/24"], ["TCP 443", "TCP 587"])]


def test_nothing_outside_is_called_unless_the_stack_file_says_so(
    objects: Objects, recorder: Recorder
) -> None:
    objects(egress={"to": "none", "networks": [], "ports": []})
    assert outward(recorder) == []


def test_the_database_is_reached_by_tls_with_a_verified_certificate(objects: Objects) -> None:
    found = objects()
    assert found["ConfigMap/pipe-api"]["data"] == {
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
    [(name, secret)] = [(name, each) for name, each in found.items() if name.startswith("Secret/")]
    assert secret["stringData"] == {"password": "app-secret"}
    [volume] = [each for each in pod(found)["spec"]["volumes"] if each["name"] == "database"]
    assert name == f"Secret/{volume['secret']['secretName']}"
    mounts = {mount["name"]: mount["mountPath"] for mount in container(found)["volumeMounts"]}
    assert mounts == {"database": "/etc/pipe/database", "ca": "/etc/pipe/ca", "tmp": "/tmp"}


def test_traces_go_to_the_agent_of_the_pods_node(objects: Objects) -> None:
    variables = {
        each["name"]: each.get("value") or each["valueFrom"]["fieldRef"]["fieldPath"]
        for each in container(objects())["env"]
    }
    assert variables == {
        "DD_AGENT_HOST": "status.hostIP",
        "DD_TRACE_AGENT_PORT": "8126",
        "DD_LOGS_INJECTION": "true",
        "PGUSER": user(objects()),
        "DD_ENV": "metadata.labels['tags.datadoghq.com/env']",
        "DD_SERVICE": "metadata.labels['tags.datadoghq.com/service']",
        "DD_VERSION": "metadata.labels['tags.datadoghq.com/version']",
    }


def test_a_changed_configuration_rolls_the_pods(objects: Objects) -> None:
    before = pod(objects())["metadata"]["annotations"]
    after = pod(objects(logLevel="debug"))["metadata"]["annotations"]
    assert {key for key in before if before[key] != after[key]} == {"checksum/config"}


def test_a_new_password_comes_with_a_new_user_in_a_new_secret_and_the_old_pods_keep_theirs(
    objects: Objects, recorder: Recorder
) -> None:
    users, secrets, configs = set[str](), set[str](), list[Any]()
    for password in ("app-secret", "another-secret"):
        recorder.inputs.clear()
        found = objects(password=password)
        users.add(user(found))
        secrets |= {name for name in found if name.startswith("Secret/")}
        configs.append(found["ConfigMap/pipe-api"])
    assert len(users) == len(secrets) == 2
    assert configs[0] == configs[1]


def test_a_secret_password_leaves_the_users_name_readable(
    recorder: Recorder, naming: Naming, topic: Topic
) -> None:
    password = pulumi.Output.secret("app-secret")
    evaluate(lambda: workloads.api(naming, topic, password=password).urn)
    [api] = recorder.inputs[DEPLOYMENT]["spec"]["template"]["spec"]["containers"]
    assert [each["value"][:4] for each in api["env"] if each["name"] == "PGUSER"] == ["app_"]


def test_a_rollout_adds_as_many_pods_as_the_quotas_were_checked_for(objects: Objects) -> None:
    strategy = objects()["Deployment/pipe-api"]["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": f"{SURGE_PERCENT}%", "maxUnavailable": 0}
