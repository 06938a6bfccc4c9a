"""docs/image-contract.md names what the program gives to the API's image and asks of it, and nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest

from components.common.naming import Naming
from tests.support.components import workloads
from tests.support.components.fixtures import Recorder
from tests.support.components.fixtures import naming as naming
from tests.support.components.fixtures import recorder as recorder
from tests.support.components.fixtures import topic as topic
from tests.support.components.workloads import Manifest, Topic

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "image-contract.md"
STACKS = ("dev", "stg", "prod")
CONTAINERS = ("api", "migrate", "start")

Row = list[str]


def section(heading: str) -> str:
    """The text below a heading of the page, up to the next one."""
    return PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def table(text: str) -> list[Row]:
    """The rows of the table in a text, without its head: the cells, trimmed."""
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def code(cell: str) -> str:
    """The first piece of code in a cell."""
    return cell.split("`")[1]


def documented(heading: str) -> dict[str, set[str]]:
    """What a table says each container gets: names by container."""
    rows = table(section(heading))
    return {
        container: {code(row[0]) for row in rows if row[1 + column] == "yes"}
        for column, container in enumerate(CONTAINERS)
    }


@pytest.fixture(params=STACKS)
def manifests(request: pytest.FixtureRequest, recorder: Recorder, naming: Naming, topic: Topic) -> Any:
    declared = workloads.declare_all(recorder, naming, topic, request.param)
    return workloads.manifests(declared)


def pod_spec(manifests: dict[str, Manifest], container: str) -> Manifest:
    """The pod in which a container of the image runs."""
    kind = {"api": "Deployment/pipe-api", "migrate": "Job/pipe-migrate-", "start": "Job/pipe-image-"}
    [manifest] = [each for name, each in manifests.items() if name.startswith(kind[container])]
    return manifest["spec"]["template"]["spec"]


def container_of(manifests: dict[str, Manifest], name: str) -> Manifest:
    [container] = pod_spec(manifests, name)["containers"]
    assert container["name"] == name
    return container


def test_variables(manifests: dict[str, Manifest]) -> None:
    """Every variable that a container gets is in the table, and every one in the table is given."""
    declared: dict[str, set[str]] = {}
    for name in CONTAINERS:
        container = container_of(manifests, name)
        declared[name] = {each["name"] for each in container.get("env", [])}
        for source in container.get("envFrom", []):
            declared[name] |= manifests[f"ConfigMap/{source['configMapRef']['name']}"]["data"].keys()
    assert documented("Variables") == declared


def test_files(manifests: dict[str, Manifest]) -> None:
    """Every volume that a container mounts is in the table, with the files that are read from it."""
    declared: dict[str, set[str]] = {}
    for name in CONTAINERS:
        volumes = {each["name"]: each for each in pod_spec(manifests, name)["volumes"]}
        declared[name] = set()
        for mount in container_of(manifests, name)["volumeMounts"]:
            volume, path = volumes[mount["name"]], mount["mountPath"]
            if "secret" in volume:
                content = manifests[f"Secret/{volume['secret']['secretName']}"]["stringData"]
                declared[name] |= {f"{path}/{file}" for file in content}
            elif "configMap" in volume:
                content = manifests[f"ConfigMap/{volume['configMap']['name']}"]["data"]
                declared[name] |= {f"{path}/{file}" for file in content}
            else:
                declared[name].add(path)
    assert documented("Files") == declared


def test_ports(manifests: dict[str, Manifest]) -> None:
    container = container_of(manifests, "api")
    ports = {f"{each['containerPort']:.0f}" for each in container["ports"]}
    assert {code(row[0]) for row in table(section("Ports"))} == ports
    variables = manifests["ConfigMap/pipe-api"]["data"]
    assert ports == {variables["PORT"]}


def test_health_paths(manifests: dict[str, Manifest]) -> None:
    container = container_of(manifests, "api")
    probes = [container[f"{probe}Probe"] for probe in ("startup", "liveness", "readiness")]
    assert {code(row[0]) for row in table(section("Health"))} == {each["httpGet"]["path"] for each in probes}
    assert {each["timeoutSeconds"] for each in probes} == {2}
    startup, liveness, readiness = (each["periodSeconds"] * each["failureThreshold"] for each in probes)
    assert (startup, liveness, readiness) == (120, 60, 15)  # two minutes, a minute, 15 seconds


def test_seconds_before_and_after_the_signal(manifests: dict[str, Manifest]) -> None:
    leave, finish = (int(each) for each in re.findall(r"`(\d+)` seconds", section("Signals")))
    assert container_of(manifests, "api")["lifecycle"]["preStop"] == {"sleep": {"seconds": leave}}
    assert pod_spec(manifests, "api")["terminationGracePeriodSeconds"] == leave + finish


def test_commands(manifests: dict[str, Manifest]) -> None:
    rows = table(PAGE.read_text().split("\n## ")[0])
    commands = {code(row[0]): row[1] for row in rows}
    assert commands.keys() == set(CONTAINERS)
    assert commands["api"] == "the image's own" and "command" not in container_of(manifests, "api")
    for name in ("migrate", "start"):
        assert code(commands[name]) == " ".join(container_of(manifests, name)["command"])


def test_the_user(manifests: dict[str, Manifest]) -> None:
    for name in CONTAINERS:
        security = pod_spec(manifests, name)["securityContext"]
        assert f"User and group {security['runAsUser']:.0f}," in section("Platform")


def test_the_readme_links_to_the_page() -> None:
    assert "(docs/image-contract.md)" in (ROOT / "README.md").read_text()
