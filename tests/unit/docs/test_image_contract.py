"""Tests that docs/image-contract.md lists exactly the program's variables, files, ports and probes."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.components import workloads
from tests.support.components.fixtures import naming as naming
from tests.support.components.fixtures import recorder as recorder
from tests.support.components.fixtures import topic as topic
from tests.support.components.workloads import Manifest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "image-contract.md"
STACKS = ("dev", "stg", "prod")
CONTAINERS = ("api", "migrate", "start")

Row = list[str]


def section(heading: str) -> str:
    """Return the text between a heading of the page and the next heading."""
    return PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def table(text: str) -> list[Row]:
    """Return the trimmed cells of each row of the table in a text, except its header."""
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def code(cell: str) -> str:
    """Return the first piece of code in a cell."""
    return cell.split("`")[1]


def documented(heading: str) -> dict[str, set[str]]:
    """Return the names that a table lists for each container."""
    rows = table(section(heading))
    return {
        container: {code(row[0]) for row in rows if row[1 + column] == "yes"}
        for column, container in enumerate(CONTAINERS)
    }


@pytest.fixture(params=STACKS)
def manifests(request: pytest.FixtureRequest) -> Any:
    return workloads.manifests(workloads.declare_all(request.param))


def pod_spec(manifests: dict[str, Manifest], container: str) -> Manifest:
    """Return the spec of the pod that a container of the image belongs to."""
    kind = {"api": "Deployment/pipe-api", "migrate": "Job/pipe-migrate-", "start": "Job/pipe-image-"}
    [manifest] = [manifest for name, manifest in manifests.items() if name.startswith(kind[container])]
    return manifest["spec"]["template"]["spec"]


def container_of(manifests: dict[str, Manifest], name: str) -> Manifest:
    [container] = pod_spec(manifests, name)["containers"]
    assert container["name"] == name
    return container


def test_variables_are_those_of_the_table(manifests: dict[str, Manifest]) -> None:
    """Compare each container's variables with the table."""
    declared: dict[str, set[str]] = {}
    for name in CONTAINERS:
        container = container_of(manifests, name)
        declared[name] = {variable["name"] for variable in container.get("env", [])}
        for source in container.get("envFrom", []):
            declared[name] |= manifests[f"ConfigMap/{source['configMapRef']['name']}"]["data"].keys()
    assert documented("Variables") == declared


def test_files_are_those_of_the_table(manifests: dict[str, Manifest]) -> None:
    """Compare each container's mounted volumes and their files with the table."""
    declared: dict[str, set[str]] = {}
    for name in CONTAINERS:
        volumes = {volume["name"]: volume for volume in pod_spec(manifests, name)["volumes"]}
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


def test_the_port_is_that_of_the_table(manifests: dict[str, Manifest]) -> None:
    container = container_of(manifests, "api")
    ports = {f"{port['containerPort']:.0f}" for port in container["ports"]}
    assert {code(row[0]) for row in table(section("Ports"))} == ports
    variables = manifests["ConfigMap/pipe-api"]["data"]
    assert ports == {variables["PORT"]}


def test_probes_are_those_of_the_table(manifests: dict[str, Manifest]) -> None:
    container = container_of(manifests, "api")
    probes = [container[f"{probe}Probe"] for probe in ("startup", "liveness", "readiness")]
    assert {code(row[0]) for row in table(section("Health"))} == {
        probe["httpGet"]["path"] for probe in probes
    }
    assert {probe["timeoutSeconds"] for probe in probes} == {2}
    startup, liveness, readiness = (probe["periodSeconds"] * probe["failureThreshold"] for probe in probes)
    assert (startup, liveness, readiness) == (120, 60, 15)  # Number of seconds until a probe fails.


def test_the_seconds_before_and_after_the_signal_are_documented(manifests: dict[str, Manifest]) -> None:
    leave, finish = (int(seconds) for seconds in re.findall(r"`(\d+)` seconds", section("Signals")))
    assert container_of(manifests, "api")["lifecycle"]["preStop"] == {"sleep": {"seconds": leave}}
    assert pod_spec(manifests, "api")["terminationGracePeriodSeconds"] == leave + finish


def test_commands_are_those_of_the_table(manifests: dict[str, Manifest]) -> None:
    rows = table(PAGE.read_text().split("\n## ")[0])
    commands = {code(row[0]): row[1] for row in rows}
    assert commands.keys() == set(CONTAINERS)
    assert commands["api"] == "the image's default" and "command" not in container_of(manifests, "api")
    for name in ("migrate", "start"):
        assert code(commands[name]) == " ".join(container_of(manifests, name)["command"])


def test_the_user_is_documented(manifests: dict[str, Manifest]) -> None:
    for name in CONTAINERS:
        security = pod_spec(manifests, name)["securityContext"]
        assert f"User and group {security['runAsUser']:.0f}," in section("Platform")


def test_the_readme_links_to_the_page() -> None:
    assert "(docs/image-contract.md)" in (ROOT / "README.md").read_text()
