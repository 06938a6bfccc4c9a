"""Tests of the diagnosis of the path from a visitor to the database."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from operations.lib import stack_file
from operations.lib.diagnosis import service_path
from operations.lib.diagnosis.findings import ORDER, Facts, Finding
from operations.lib.diagnosis.findings import findings as sort
from operations.lib.diagnosis.service_path import OBJECTS, Observation, Record
from operations.lib.kubernetes.cluster import KEPT_REPLICAS

FILE = yaml.safe_load(stack_file.path("dev").read_text())["config"]
SETTINGS: dict[str, Any] = {key.removeprefix("pipe:"): value for key, value in FILE.items()}
BALANCER = "pipe-proxy.elb.ap-northeast-1.amazonaws.com"
DATABASE = "pipe-dev-db.c1.ap-northeast-1.rds.amazonaws.com"


def deployment(name: str, replicas: int) -> dict[str, Any]:
    image = SETTINGS[service_path.WORKLOADS[name]]["image"]
    return {
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"image": image}]}}},
        "status": {"availableReplicas": replicas},
    }


def healthy() -> dict[str, Any]:
    """Return the observation of a healthy service."""
    objects: dict[str, Any] = {name: {"metadata": {"name": name.partition("/")[2]}} for name in OBJECTS}
    objects["deployment/pipe-proxy"] = deployment("pipe-proxy", 2)
    objects["deployment/pipe-api"] = deployment("pipe-api", 3)
    objects["service/pipe-proxy"] |= {"status": {"loadBalancer": {"ingress": [{"hostname": BALANCER}]}}}
    edge = SETTINGS["edge"]
    return {
        "outputs": {"loadBalancer": BALANCER, "databaseHost": DATABASE},
        "visit": "200",
        "records": {
            edge["host"]: [Record(type="CNAME", content=BALANCER)],
            edge["frontendHost"]: [Record(type="CNAME", content=edge["frontendTarget"])],
        },
        "objects": objects,
        "endpoints": {"pipe-proxy": 2, "pipe-api": 3},
        "databases": {"other.rds.amazonaws.com": "failed", DATABASE: "available"},
    }


def problems(parts: dict[str, Any]) -> list[Finding]:
    findings = service_path.findings(
        SETTINGS, Observation(**parts), repair_command="pulumi up", stack="dev", namespace="pipe"
    )
    return sort(Facts(), findings)


def test_a_healthy_service_has_no_problems() -> None:
    assert problems(healthy()) == []
    lines = list(service_path.lines(Observation(**healthy())))
    assert "deployment/pipe-api: 3 of 3 pods available, 3 get requests" in lines
    assert f"load balancer: {BALANCER}" in lines and f"database {DATABASE}: available" in lines


@pytest.mark.parametrize("name", OBJECTS)
def test_each_missing_object_is_reported(name: str) -> None:
    parts = healthy()
    parts["objects"][name] = None
    first, *_ = problems(parts)
    assert (first.cause, first.objects, first.remedy) == ("missing", name, "pulumi up")


Change = Callable[[dict[str, Any]], None]


def scaled(name: str, replicas: int, available: int = 0) -> Change:
    def change(parts: dict[str, Any]) -> None:
        manifest = parts["objects"][f"deployment/{name}"]
        manifest["spec"]["replicas"], manifest["status"] = replicas, {"availableReplicas": available}

    return change


def no_endpoints(parts: dict[str, Any]) -> None:
    parts["endpoints"]["pipe-api"] = 0


def no_visit(parts: dict[str, Any]) -> None:
    parts["visit"] = "503"


def no_database(parts: dict[str, Any]) -> None:
    del parts["databases"][DATABASE]


def database(state: str) -> Change:
    return lambda parts: parts["databases"].update({DATABASE: state})


def record(*contents: str) -> Callable[[dict[str, Any]], None]:
    records = [Record(type="CNAME", content=content) for content in contents]
    return lambda parts: parts["records"].update({SETTINGS["edge"]["host"]: records})


def no_address(parts: dict[str, Any]) -> None:
    parts["objects"]["service/pipe-proxy"].pop("status")


def other_image(parts: dict[str, Any]) -> None:
    [container] = parts["objects"]["deployment/pipe-api"]["spec"]["template"]["spec"]["containers"]
    container["image"] = "elsewhere/api:9"


@pytest.mark.parametrize(
    ("change", "cause", "what"),
    [
        (scaled("pipe-api", 0), "scaled to zero", "deployment/pipe-api"),
        (scaled("pipe-proxy", 0), "scaled to zero", "deployment/pipe-proxy"),
        (scaled("pipe-api", 3), "no pods", "deployment/pipe-api"),
        (scaled("pipe-api", 2, 2), "too few pods", "deployment/pipe-api"),
        (no_endpoints, "no endpoints", "service/pipe-api"),
        (no_database, "database", f"database/{DATABASE}"),
        (database("stopped"), "database", f"database/{DATABASE}"),
        (database("storage-full"), "database storage full", f"database/{DATABASE}"),
        (record(), "DNS", "dev.pipe.dev"),
        (record("old.elb.amazonaws.com"), "DNS", "dev.pipe.dev"),
        (no_address, "load balancer", "service/pipe-proxy"),
        (no_visit, "site", "dev.pipe.dev"),
        (other_image, "another image", "deployment/pipe-api"),
    ],
)
def test_each_difference_from_the_declaration_is_named(change: Change, cause: str, what: str) -> None:
    parts = copy.deepcopy(healthy())
    change(parts)
    [problem] = problems(parts)
    assert (problem.cause, problem.objects) == (cause, what)
    assert problem.remedy and cause in ORDER


@pytest.mark.parametrize("state", ["backing-up", "modifying", "storage-optimization"])
def test_a_database_that_accepts_connections_while_it_changes_is_healthy(state: str) -> None:
    parts = healthy()
    parts["databases"][DATABASE] = state
    assert problems(parts) == []


def test_an_api_that_a_restore_stopped_has_no_second_finding() -> None:
    parts = healthy()
    scaled("pipe-api", 0)(parts)
    parts["objects"]["deployment/pipe-api"]["metadata"]["annotations"] = {KEPT_REPLICAS: "3"}
    assert problems(parts) == []


def test_a_service_that_cannot_be_asked_is_no_finding() -> None:
    parts = healthy() | {"outputs": None, "visit": None, "records": None, "databases": None}
    assert problems(parts) == []
