"""Tests of deploy.sh on a real cluster; fakes record the commands that would reach other machines."""

import json
import signal
import subprocess
import threading
from dataclasses import asdict

import pytest

from operations import migrate
from operations.delivery.journal import Journal
from operations.lib.command_line import Options
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import RefusedError
from operations.lib.kubernetes.cluster import KEPT_REPLICAS
from operations.lib.repository import Repository
from tests.support.operations.api_cluster import DEPLOYMENT, REPLICAS
from tests.support.operations.deploying import (
    BUILD,
    CHECKS,
    EXISTS,
    FRONTEND,
    LOG_IN,
    NAME,
    NEW,
    SCAN,
    SECRETS,
    SERVED,
    SIGN,
    SIGNED,
    UP,
    UP_FROM_HERE,
    VERCEL,
    commands,
    deploy,
)
from tests.support.operations.environment import DIGEST, KEYS, OLD, DeployEnvironment, registry
from tests.support.operations.environment import cluster as cluster
from tests.support.operations.environment import world as world


def test_a_new_version_is_checked_built_signed_deployed_committed_and_verified(
    world: DeployEnvironment,
) -> None:
    done = deploy(world, "--version", "1.1.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.asked() == commands(world, CHECKS, BUILD, SIGN, FRONTEND, [SERVED, SECRETS, UP])
    assert world.cluster.image() == world.file_image() == NEW
    assert [result for _, result in world.steps()] == ["done"] * len(world.steps())
    message = world.git("log", "-1", "--format=%B")
    assert message == f"Deploy 1.1.0 to dev\n\nVersion: 1.1.0\nImage: {NEW}\n\n[skip ci]"
    [release] = world.cluster.releases()
    assert release["image"] == NEW and release["verdict"] == "good"
    assert release["migrations"] == ["20240301-first"]
    assert world.git("show", "--stat", "--format=", "HEAD").startswith("Pulumi.dev.yaml | 2 +-")
    assert world.git("rev-parse", "HEAD") == world.git("rev-parse", "origin/main")
    assert "✓ no new alert of a monitor" in done.stdout and "1 monitors No Data, 1 monitors OK" in done.stdout
    assert "SiteDown (dev): passed" in done.stdout
    assert {KEYS["DATADOG_API_KEY"], KEYS["DATADOG_APP_KEY"]} <= world.outside.keys
    shown = json.dumps(world.record()) + done.stdout + done.stderr + "".join(world.asked())
    assert "planted" not in shown


def test_a_failing_check_stops_a_deployment_before_the_build(world: DeployEnvironment) -> None:
    world.answer("make", '#!/bin/sh\n[ "$1" != scan ] || { echo "unsafe"; exit 3; }\n')
    done = deploy(world, "--version", "1.1.0")
    assert done.returncode == 1 and "✗ security scan" in done.stdout and "unsafe" in done.stdout
    assert world.asked() == CHECKS[:3]


def test_passed_checks_are_not_repeated_until_a_file_changes(
    world: DeployEnvironment,
) -> None:
    assert world.run("checks.sh", "dev").returncode == 0
    assert world.asked() == CHECKS
    assert world.run("checks.sh", "stg").returncode == 0
    assert world.asked() == []
    world.git("commit", "--quiet", "--allow-empty", "-m", "Nothing")
    assert world.run("checks.sh", "dev").returncode == 0
    assert world.asked() == []
    with (world.root / "operations" / "delivery" / "deploy.py").open("a") as file:
        file.write("# changed\n")
    world.git("commit", "--quiet", "--all", "-m", "Something")
    assert world.run("checks.sh", "dev").returncode == 0
    assert world.asked() == CHECKS


@pytest.mark.parametrize("wrong", ["metrics", "logs", "users", "health"])
def test_a_check_that_fails_after_the_deployment_rolls_back_api_and_frontend(
    world: DeployEnvironment, wrong: str
) -> None:
    registry(world, pushed=True)
    if wrong == "users":
        world.outside.check = ["failed"]
    if wrong == "logs":
        fake = (world.bin / "answers" / "vercel").read_text()
        failing = f"deploy) echo 'ERROR cannot read 17 of undefined' > {world.bin}/logs; "
        world.answer("vercel", fake.replace("deploy) ", failing))
    with world.cluster.watched() as seen:
        if wrong in ("metrics", "health"):
            done = deploy_while(world, wrong)
        else:
            done = deploy(world, "--version", "1.1.0")
    assert done.returncode == 1, done.stdout
    assert "Rolled back: dev runs 1.0.0 again" in done.stderr
    assert {
        "metrics": "alerting since the deployment: HighErrorRate (dev)",
        "logs": "the logs have 1 new kinds of errors",
        "users": "users are affected: SiteDown (dev)",
        "health": ": 503",
    }[wrong] in done.stderr
    expected = [SECRETS, UP, SECRETS, UP_FROM_HERE, f"{VERCEL} rollback dpl_old"]
    assert world.asked()[-5:] == commands(world, expected)
    assert (world.bin / "served").read_text() == "dpl_old\n"
    assert world.cluster.image() == world.file_image() == OLD
    subjects = world.git("log", "--format=%s", "origin/main").splitlines()
    assert subjects[:2] == ["Roll dev back to 1.0.0", "Deploy 1.1.0 to dev"]
    assert min(seen) >= REPLICAS
    assert world.record()["results"]["rolled back to"] == OLD


def test_a_rollback_keeps_the_schema_and_prints_the_command_that_undoes_it(world: DeployEnvironment) -> None:
    registry(world, pushed=True)
    assert deploy(world, "--version", "1.1.0", "--skip-frontend").returncode == 0
    (world.root / "app" / "migrations" / "20240402-second.js").write_text("exports.down = 1\n")
    for arguments in (("add", "--all"), ("commit", "--quiet", "-m", "Second"), ("tag", "v1.2.0")):
        world.git("-C", "app", *arguments)
    newer = f"{NAME}:1.2.0@{DIGEST.replace('b', 'd')}"
    world.answer("aws", (world.bin / "answers" / "aws").read_text().replace(DIGEST, newer.partition("@")[2]))
    world.outside.check = ["failed"]
    done = deploy(world, "--version", "1.2.0", "--skip-frontend")
    assert done.returncode == 1
    assert "Rolled back: dev runs 1.1.0 again" in done.stderr
    assert "scripts/migrate.sh dev rollback --to 20240301 --version 1.2.0" in done.stderr
    assert "undo migrations" not in done.stdout
    assert list(world.cluster.api.items("/apis/batch/v1/namespaces/pipe/jobs")) == []
    # The newer version's image contains the scripts that undo migrations; only its commit names that image.
    service = {"sharedAccount": "123456789012", "region": "ap-northeast-1"}
    chosen = Options("dev", "sandbox", False, True, {"service": service})
    programs = CommandRunner(print)
    programs.variables["GIT_DIR"] = str(world.root / ".git")
    assert migrate.image_of(Repository(programs, chosen), "1.2.0") == newer
    with pytest.raises(RefusedError, match="the stack file has never named this version"):
        migrate.image_of(Repository(programs, chosen), "9.9.9")


def test_vercel_sees_only_its_own_credentials_and_npm_is_not_run(
    world: DeployEnvironment,
) -> None:
    registry(world, pushed=True)
    seen = world.bin / "seen"
    seen.mkdir()
    world.answer("npm", f'#!/bin/sh\nenv > "{seen}/npm-$3"\n')
    fake = (world.bin / "answers" / "vercel").read_text()
    world.answer("vercel", fake.replace("shift 4", f'env > "{seen}/vercel-$5"; shift 4'))
    keys = {"AWS_SECRET_ACCESS_KEY": "planted", "CLOUDFLARE_API_TOKEN": "planted", "GITHUB_TOKEN": "planted"}
    done = world.run("deploy.sh", "dev", "--soak", "0", "--version", "1.1.0", **keys)
    assert done.returncode == 0, done.stdout + done.stderr
    names = {
        file.name: {line.partition("=")[0] for line in file.read_text().splitlines()} - {"PWD", "_", "SHLVL"}
        for file in seen.iterdir()
    }
    harmless = {"PATH", "HOME", "NO_COLOR", "SSL_CERT_FILE"}
    assert not [name for name in names if name.startswith("npm")]
    assert names["vercel-deploy"] - {"LC_CTYPE"} == harmless | {
        "VERCEL_TOKEN",
        "VERCEL_ORG_ID",
        "VERCEL_PROJECT_ID",
    }


def test_a_failed_rollback_of_the_frontend_leaves_the_api_on_the_old_version(
    world: DeployEnvironment,
) -> None:
    registry(world, pushed=True)
    world.outside.check = ["failed"]
    fake = (world.bin / "answers" / "vercel").read_text()
    world.answer("vercel", fake.replace("rollback) ", 'rollback) echo "Error: 500" >&2; exit 1 #'))
    done = deploy(world, "--version", "1.1.0")
    assert done.returncode == 1
    assert "Not rolled back: the new frontend is still served" in done.stderr and "500" in done.stdout
    assert world.cluster.image() == world.file_image() == OLD


def test_a_new_frontend_that_vercel_does_not_serve_fails_the_deployment(world: DeployEnvironment) -> None:
    registry(world, pushed=True)
    fake = (world.bin / "answers" / "vercel").read_text()
    world.answer("vercel", fake.replace("echo dpl_new", "echo dpl_old"))
    done = deploy(world, "--version", "1.1.0")
    assert done.returncode == 1
    assert "Vercel still serves dpl_old; promote the new deployment" in done.stderr
    assert world.cluster.image() == world.file_image() == OLD


def deploy_while(world: DeployEnvironment, wrong: str) -> "subprocess.CompletedProcess[str]":
    """Deploy while an alert or a failing site (`wrong`) lasts until the old pods are back."""
    over = threading.Event()

    def disturb() -> None:
        world.cluster.wait(lambda: world.cluster.image() == NEW or over.is_set(), 150)
        world.outside.monitors["HighErrorRate (dev)"] = "Alert" if wrong == "metrics" else "OK"
        world.outside.site = 503 if wrong == "health" else 200
        world.cluster.wait(lambda: world.cluster.image() == OLD or over.is_set(), 150)
        world.outside.site = 200

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        return deploy(world, "--version", "1.1.0")
    finally:
        over.set()
        thread.join()


def test_a_monitor_that_was_in_alarm_before_the_deployment_is_ignored(world: DeployEnvironment) -> None:
    registry(world, pushed=True)
    world.outside.monitors["BackupFailed (dev)"] = "Alert"
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "already alerting: BackupFailed (dev)" in done.stdout


def test_an_up_that_fails_keeps_the_old_pods_the_file_and_the_repository(world: DeployEnvironment) -> None:
    registry(world, pushed=True)
    (world.bin / "up-fails").touch()
    with world.cluster.watched() as seen:
        done = deploy(world, "--version", "1.1.0")
    assert done.returncode == 1
    assert "the pods of 1.0.0 were never replaced" in done.stdout
    assert "error: no job: [secret]" in done.stdout
    assert (done.stdout + done.stderr).count("no job") == 1, "an error is printed once"
    kept = "".join(file.read_text() for file in (world.root / ".runs").rglob("*") if file.is_file())
    assert "no job" in kept and "planted-password" not in done.stdout + done.stderr + kept
    assert "Rolled back" in done.stderr
    assert world.git("log", "--format=%s") == "Start"
    assert world.file_image() == world.cluster.image() == OLD
    assert set(seen) == {REPLICAS}


def test_an_api_without_pods_is_not_healthy(world: DeployEnvironment) -> None:
    stopped = {"metadata": {"annotations": {KEPT_REPLICAS: "3"}}, "spec": {"replicas": 0}}
    world.cluster.api.call("PATCH", DEPLOYMENT, stopped, "application/merge-patch+json")
    done = deploy(world, "--skip-frontend")
    assert done.returncode == 1
    assert "deployment/pipe-api is stopped; to start it: scripts/restore.sh dev --start-api" in done.stderr


def test_an_interrupted_deployment_continues(world: DeployEnvironment) -> None:
    registry(world, pushed=True)
    mark = f"{world.bin}/again"
    wait = f'#!/bin/sh\n[ "$1" = stack ] || [ -e "{mark}" ] || {{ touch "{mark}"; sleep 60; }}\n'
    real = (world.bin / "answers" / "pulumi").read_text().partition("\n")[2]
    world.answer("pulumi", wait + real)
    process = subprocess.Popen(
        [world.root / "scripts" / "deploy.sh", "dev", "--version", "1.1.0", "--soak", "0"],
        env=world.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    world.cluster.wait(lambda: (world.bin / "again").exists())
    process.send_signal(signal.SIGKILL)
    process.wait()
    file, journal = (world.root / "Pulumi.dev.yaml").read_text(), world.cluster.journal()
    assert json.loads(journal)["before"] == OLD
    for version in ("1.1.0", "1.2.0"):
        done = deploy(world, "--version", version, "--dry-run")
        assert done.returncode == 0, done.stdout + done.stderr
        assert (world.root / "Pulumi.dev.yaml").read_text() == file
        assert world.cluster.journal() == journal
    done = deploy(world, "--version", "1.1.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "continuing the interrupted deployment; previous image: " + OLD in done.stdout
    assert world.asked() == commands(world, BUILD[:1], SIGNED, [SECRETS, UP]), (
        "checks and frontend run only once"
    )
    assert world.cluster.image() == world.file_image() == NEW
    assert world.cluster.journal() == ""


def test_files_that_another_job_hands_over_are_no_journal(world: DeployEnvironment) -> None:
    registry(world, pushed=True)
    (world.bin / "up-fails").touch()
    planted = Journal("0.0.0", "real", before=OLD, migrates=True, has_started_frontend=True)
    planted.previous_frontend = "dpl_planted"
    folder = world.root / ".runs" / "dev"
    folder.mkdir(parents=True)
    for name in ("unfinished.json", "journal.json"):
        (folder / name).write_text(json.dumps(asdict(planted)))
    done = deploy(world, "--version", "1.1.0")
    assert done.returncode == 1 and "Rolled back" in done.stderr
    assert "interrupted deployment" not in done.stdout
    assert not any("dpl_planted" in command for command in world.asked())


def test_ctrl_c_stops_at_once_and_prints_the_state_and_the_next_commands(world: DeployEnvironment) -> None:
    registry(world, pushed=True)
    begun, real = world.bin / "begun", (world.bin / "answers" / "pulumi").read_text().partition("\n")[2]
    halt = "trap 'echo what is under way is done; exit 1' INT\ntouch {}\nwhile true; do sleep 0.1; done\n"
    world.answer("pulumi", f'#!/bin/bash\nif [ "$1" = up ]; then\n{halt.format(begun)}fi\n{real}')
    process = subprocess.Popen(
        [world.root / "scripts" / "deploy.sh", "dev", "--version", "1.1.0", "--soak", "0", "--skip-frontend"],
        env=world.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    world.cluster.wait(begun.exists)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "stopping: pulumi finishes its current operations; Ctrl-C again interrupts them" in out
    assert "what is under way is done" in out and "✗ pulumi up" in out
    assert error == (
        "error: stopped; dev runs 1.0.0 in 3 of 3 pods\n"
        "Pulumi.dev.yaml already names 1.1.0.\n"
        "To continue, run the same command again. To give up the deployment: git checkout Pulumi.dev.yaml\n"
        "If Pulumi reports that the stack is locked: pulumi cancel --stack dev\n"
    )
    world.answer("pulumi", f"#!/bin/sh\n{real}")
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.cluster.image() == NEW


def test_a_dry_run_shows_every_command_and_runs_none(world: DeployEnvironment) -> None:
    done = deploy(world, "--version", "1.1.0", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.asked() == []
    zeros = "sha256:" + "0" * 64
    for line in commands(world, CHECKS, BUILD, SCAN, LOG_IN, SIGN[-1:], FRONTEND, [UP]):
        assert f"would run: {line.replace(DIGEST, zeros)}" in done.stdout
    assert "dry run, nothing was changed; a real run would end with: dev runs 1.1.0" in done.stdout
    assert "would run: git commit" in done.stdout and "would run: git push" in done.stdout
    for step in ("tests", "image of 1.1.0", "pulumi up: migrations, then new pods", "commit the image"):
        assert f"○ {step} (" in done.stdout and f"✓ {step} (" not in done.stdout
    assert world.file_image() == world.cluster.image() == OLD


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("VERCEL_TOKEN", "not set in the environment: VERCEL_TOKEN; Vercel's CLI needs them"),
        ("DATADOG_APP_KEY", "not set in the environment: DATADOG_APP_KEY; the checks after a deployment"),
    ],
)
def test_missing_credentials_are_reported_before_any_command(
    world: DeployEnvironment, missing: str, message: str
) -> None:
    done = world.run("deploy.sh", "dev", "--version", "1.1.0", **{missing: ""})
    assert done.returncode == 2 and message in done.stderr
    assert world.asked() == []


def test_checks_can_be_skipped_only_in_a_sandbox(world: DeployEnvironment) -> None:
    done = world.run("deploy.sh", "dev", "--version", "1.1.0", "--skip-checks")
    assert done.returncode == 2 and "with TARGET=sandbox only" in done.stderr
    assert world.asked() == []


def test_without_a_version_the_stack_files_image_stays_and_nothing_is_built(world: DeployEnvironment) -> None:
    done = deploy(world, "--skip-frontend")
    assert done.returncode == 0, done.stdout + done.stderr
    exists = EXISTS.format(OLD.partition("@")[2])
    assert world.asked() == commands(world, [exists], CHECKS, [SECRETS, UP])
    assert world.git("log", "--format=%s") == "Start"
