"""Tests that a version's image is built from its commit, scanned, pushed once and signed."""

import pytest

from tests.support.operations.deploying import (
    BUILD,
    CHECKS,
    NAME,
    SCAN,
    SECRETS,
    SIGN,
    SIGNED,
    UP,
    commands,
    deploy,
)
from tests.support.operations.environment import DIGEST, OLD, DeployEnvironment, registry
from tests.support.operations.environment import cluster as cluster
from tests.support.operations.environment import world as world


def test_a_version_in_the_registry_is_not_rebuilt_and_passed_checks_are_not_repeated(
    world: DeployEnvironment,
) -> None:
    registry(world, pushed=True)
    assert deploy(world, "--version", "1.1.0", "--skip-frontend").returncode == 0
    assert world.asked() == commands(world, CHECKS, BUILD[:1], SIGNED, [SECRETS, UP])
    assert deploy(world, "--version", "1.1.0", "--skip-frontend").returncode == 0
    assert world.asked() == commands(world, BUILD[:1], SIGNED, [SECRETS, UP])
    assert world.git("log", "--format=%s").splitlines() == ["Deploy 1.1.0 to dev", "Start"]


def test_an_image_that_was_pushed_without_a_signature_is_signed_by_the_next_run(
    world: DeployEnvironment,
) -> None:
    registry(world, pushed=True, signed=False)
    assert world.run("build.sh", "dev", "--version", "1.1.0").returncode == 0
    assert world.asked() == commands(world, BUILD[:1], SIGN)


def test_a_signature_that_cannot_be_checked_stops_the_build(world: DeployEnvironment) -> None:
    registry(world, pushed=True)
    world.answer("cosign", "#!/bin/sh\necho 'no such log' >&2\nexit 1\n")
    done = world.run("build.sh", "dev", "--version", "1.1.0")
    assert done.returncode == 1 and "no such log" in done.stderr
    assert world.asked() == commands(world, BUILD[:1], SIGNED)


def test_an_image_with_findings_of_the_local_scanner_is_not_pushed(world: DeployEnvironment) -> None:
    world.answer("trivy", "#!/bin/sh\necho 'Total: 1 (CRITICAL: 1)'\nexit 1\n")
    done = world.run("build.sh", "dev", "--version", "1.1.0")
    assert done.returncode == 1 and "CRITICAL: 1" in done.stdout
    assert world.asked() == commands(world, BUILD[:3])


@pytest.mark.parametrize("other", ["commit", "change"])
def test_a_checkout_that_differs_from_the_version_is_not_built(world: DeployEnvironment, other: str) -> None:
    (world.root / "app" / "Dockerfile").write_text("FROM scratch\n")
    if other == "commit":
        world.git("-C", "app", "commit", "--quiet", "--all", "-m", "Later")
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 2
    assert (
        f"{world.root}/app is at another version or has changes: git -C {world.root}/app checkout"
        in done.stderr
    )
    assert world.asked() == commands(world, CHECKS, BUILD[:1])
    registry(world, pushed=True)
    assert deploy(world, "--version", "1.1.0", "--skip-frontend").returncode == 0
    assert world.cluster.releases()[-1]["migrations"] is None, "another commit's"


def test_severe_findings_of_the_registrys_scan_stop_a_deployment_before_any_change(
    world: DeployEnvironment,
) -> None:
    registry(world, pushed=True, findings='{"CRITICAL": 1, "LOW": 3}')
    done = deploy(world, "--version", "1.1.0")
    assert done.returncode == 1
    assert "1 CRITICAL findings" in done.stderr
    assert not [line for line in world.asked() if line.startswith(("pulumi", "npm", "vercel"))]
    assert world.file_image() == world.cluster.image() == OLD


STATES = {
    "PENDING": '{"imageScanStatus": {"status": "PENDING"}}',
    "UNSUPPORTED": '{"imageScanStatus": {"status": "UNSUPPORTED_IMAGE", "description": "an OCI index"}}',
}


def scans(world: DeployEnvironment, *answers: str) -> None:
    """Set the registry's successive responses about its scan; after these, the scan is complete."""
    folder = world.bin / "scans"
    folder.mkdir()
    for number, text in enumerate(answers):
        (folder / str(number)).write_text(text)
    fake = (world.bin / "answers" / "aws").read_text()
    case = "*describe-image-scan-findings*)"
    first = f"""{case}
    next=$(ls "{folder}" | head -n 1)
    if [ -n "$next" ]; then
      answer=$(cat "{folder}/$next"); rm "{folder}/$next"
      case "$answer" in Scan*) echo "$answer" >&2; exit 254 ;; *) echo "$answer"; exit 0 ;; esac
    fi"""
    world.answer("aws", fake.replace(case, first, 1))


def test_a_deployment_waits_for_a_scan_that_has_not_started(
    world: DeployEnvironment,
) -> None:
    registry(world, pushed=True)
    scans(world, "ScanNotFoundException: no scan", STATES["PENDING"])
    done = world.run("build.sh", "dev", "--version", "1.1.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.asked() == commands(world, BUILD[:1], SCAN, SCAN, SIGNED)
    assert "2 low" in done.stdout


def test_an_image_that_the_registry_cannot_scan_is_reported_at_once(world: DeployEnvironment) -> None:
    registry(world, pushed=True)
    scans(world, STATES["UNSUPPORTED"])
    done = world.run("build.sh", "dev", "--version", "1.1.0")
    assert done.returncode == 1
    message = f"error: the registry cannot scan {NAME}@{DIGEST}: UNSUPPORTED_IMAGE an OCI index\n"
    assert done.stderr == message
    assert world.asked() == commands(world, BUILD[:1], SCAN)


def test_without_the_services_repository_nothing_is_built(world: DeployEnvironment) -> None:
    done = world.run("build.sh", "dev", APP_REPOSITORY="")
    assert done.returncode == 2
    assert done.stderr == (
        "error: APP_REPOSITORY is empty, so app/ contains this repository, not the service's. Set the"
        " repository variable APP_REPOSITORY (see README.md, section GitHub)\n"
    )
    assert world.asked() == []


def test_build_names_the_services_commit_for_the_next_jobs(world: DeployEnvironment) -> None:
    version = world.git("-C", "app", "rev-parse", "--short=12", "HEAD")
    registry(world, pushed=True)
    output = world.bin / "output"
    done = world.run("build.sh", "dev", GITHUB_OUTPUT=str(output))
    assert done.returncode == 0, done.stdout + done.stderr
    assert output.read_text() == f"version={version}\nimage={NAME}:{version}@{DIGEST}\n"
