"""Tests of migrate.sh, restore.sh and rotate.sh on a real control plane.

The control plane's Jobs run the program's own scripts on a real PostgreSQL and an S3 API.
"""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from operations.lib import stack_file
from operations.lib.kubernetes.cluster import KEPT_REPLICAS
from tests.support.drills import data, watch
from tests.support.drills.fixtures import Measured as Measured
from tests.support.drills.fixtures import measured as measured
from tests.support.drills.kubelet import PATHS
from tests.support.operations.fixtures import Stack


def record(stack: Stack, done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """Return the record that a script's last line names."""
    path = stack.root / done.stdout.strip().rpartition("record: ")[2]
    assert path.read_text().startswith("# ")
    return json.loads(path.with_suffix(".json").read_text())


def jobs(stack: Stack) -> list[str]:
    return [job["metadata"]["name"] for job in stack.get("Job")]


def test_migrate_runs_the_guides_command_and_shows_its_log(stack: Stack) -> None:
    done = stack.run("migrate.sh", "prod")
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'migrate: migrating ["up"] as migrate' in done.stdout
    assert "✓ npm run migrate:prod" in done.stdout
    assert record(stack, done)["exitCode"] == 0


def test_migrate_rollback_hands_the_version_to_the_migrations_and_not_to_npm(stack: Stack) -> None:
    done = stack.run("migrate.sh", "prod", "rollback", "--to", "20240301", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'migrating ["down","--to","20240301"] as migrate' in done.stdout


def test_migrate_fails_when_the_migration_fails(stack: Stack) -> None:
    done = stack.run("migrate.sh", "prod", "rollback", "--to", "19990101", "--yes")
    assert done.returncode == 1
    assert "migrate: no such migration" in done.stdout
    assert "✗ npm run migrate:rollback -- --to 19990101" in done.stdout
    assert "BackoffLimitExceeded" in done.stderr


@pytest.mark.parametrize(
    "command", [("restore.sh", "prod"), ("migrate.sh", "prod", "rollback"), ("rotate.sh", "prod")]
)
def test_a_protected_stack_is_not_changed_without_a_yes(stack: Stack, command: tuple[str, ...]) -> None:
    before = jobs(stack)
    done = stack.run(*command)
    assert done.returncode == 2
    assert "there is no terminal to ask for it: add --yes" in done.stderr
    assert jobs(stack) == before


def test_another_environments_cluster_is_refused(stack: Stack) -> None:
    before = jobs(stack)
    done = stack.run("restore.sh", "dev")
    assert done.returncode == 2
    assert "leads to the environment 'prod', not to 'dev'" in done.stderr
    assert jobs(stack) == before


def test_a_dry_run_shows_every_command_and_changes_nothing(stack: Stack) -> None:
    before = (
        jobs(stack),
        stack.get("Deployment", "pipe-api")["metadata"]["resourceVersion"],
        len(stack.pulumi_commands),
    )
    for script, shown in (
        ("restore.sh", ["create --filename=-", "scale deployment/pipe-api --replicas=0", "--replicas=3"]),
        ("rotate.sh", ["pulumi config set --secret pipe:appPassword --stack prod", "pulumi up --yes"]),
        ("migrate.sh", ["create --filename=-"]),
    ):
        done = stack.run(script, "prod", "--dry-run")
        assert done.returncode == 0, done.stdout + done.stderr
        for command in shown:
            assert command in done.stdout
    after = (
        jobs(stack),
        stack.get("Deployment", "pipe-api")["metadata"]["resourceVersion"],
        len(stack.pulumi_commands),
    )
    assert after == before


def backed_up(stack: Stack) -> None:
    pod = stack.service.backup()
    assert pod.run() == 0, pod.log


def test_restore_recovers_the_data_and_only_one_run_at_a_time_stops_the_api(
    stack: Stack, measured: Measured
) -> None:
    server = stack.service.server
    before = data.hashes(server)
    backed_up(stack)
    server.sql("TRUNCATE customers CASCADE; DROP TABLE notes")
    lost = data.hashes(server)
    with watch.arguments(stack.service.known_secrets()) as exposed:
        process = begun(stack)
        second = stack.run("restore.sh", "prod", "--start-api")
        output, errors = process.communicate()
    assert second.returncode == 2, second.stdout + second.stderr
    assert "holds lease/pipe-restore: wait until that run has ended" in second.stderr
    done = subprocess.CompletedProcess(process.args, process.returncode, output, errors)
    assert done.returncode == 0, done.stdout + done.stderr
    assert data.hashes(server) == before
    results = record(stack, done)["results"]
    assert data.hashes(server, results["previous database"]) == lost
    deployment = stack.get("Deployment", "pipe-api")
    assert deployment["spec"]["replicas"] == deployment["status"]["availableReplicas"] == 3
    assert KEPT_REPLICAS not in deployment["metadata"]["annotations"]
    assert not exposed
    assert not [secret for secret in stack.service.secrets.values() if secret in done.stdout + done.stderr]
    measured("restore.sh in a cluster, start to end", results["seconds from start to end (RTO)"], "s")
    measured("of that without the API, 10 s of them minReadySeconds", results["seconds without the API"], "s")


@pytest.mark.parametrize(
    ("option", "lacking"),
    [
        (("--object", "dumps/19990101T000000Z.dump"), "no dumps/19990101T000000Z.dump"),
        (("--at", "1999-01-01T00:00Z"), "no dump of 19990101T000000Z or before"),
    ],
)
@pytest.mark.parametrize("rehearsal", ["--yes", "--dry-run"])
def test_a_dump_that_is_not_in_the_bucket_is_refused_before_anything_is_changed(
    stack: Stack, option: tuple[str, str], lacking: str, rehearsal: str
) -> None:
    before = jobs(stack)
    done = stack.run("restore.sh", "prod", rehearsal, *option)
    assert done.returncode == 2, done.stdout
    assert f"s3://pipe-backup has {lacking}, so nothing was changed" in done.stderr
    assert "✗ the dump is in the bucket" in done.stdout
    assert jobs(stack) == before


def test_a_restore_whose_download_fails_never_stops_the_api(stack: Stack) -> None:
    """Check the Job's own message: without permission to list the bucket, the earlier check is skipped."""
    before = data.hashes(stack.service.server)
    generation = stack.get("Deployment", "pipe-api")["metadata"]["generation"]
    no_credentials = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")
    options = ("--yes", "--object", "dumps/19990101T000000Z.dump")
    done = stack.run("restore.sh", "prod", *options, **no_credentials)
    assert done.returncode == 1
    assert "– the dump is in the bucket" in done.stdout
    assert "fetch: " in done.stdout and "NoSuchKey" in done.stdout
    assert stack.get("Deployment", "pipe-api")["metadata"]["generation"] == generation
    assert data.hashes(stack.service.server) == before


def begun(stack: Stack) -> "subprocess.Popen[str]":
    """Start a restore of an earlier backup, and return once it has stopped the API."""
    process = subprocess.Popen(
        # As from a terminal; children of background jobs and of nohup would ignore signals.
        ["env", "--default-signal=HUP,INT", stack.root / "scripts" / "restore.sh", "prod", "--yes"],
        env=stack.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 300
    while stack.get("Deployment", "pipe-api")["spec"]["replicas"] != 0:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    return process


def ended(stack: Stack) -> bool:
    """Return True if all Jobs have ended."""
    return not any(job["status"].get("active") for job in stack.get("Job"))


def test_doctor_names_a_restore_that_was_killed_and_the_next_restore_starts_the_api(
    stack: Stack,
) -> None:
    before = data.hashes(stack.service.server)
    process = begun(stack)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    diagnosis = stack.run("doctor.sh", "prod")
    output = diagnosis.stdout
    assert diagnosis.returncode == 1
    assert (
        "Likely cause: stopped by a restore\n  deployment/pipe-api\n  no pods; 3 before the restore\n"
        in output
    )
    assert "scripts/restore.sh prod --start-api" in output
    while not ended(stack):
        time.sleep(0.2)
    done = stack.run("restore.sh", "prod", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    output = done.stdout
    notice = "a restore was killed and left the API stopped; the API had 3 pods"
    assert output.index(notice) < output.index("✓ start the API with 3 pods") < output.index("fetch:")
    assert stack.get("Deployment", "pipe-api")["spec"]["replicas"] == 3
    assert data.hashes(stack.service.server) == before


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_restore_that_is_interrupted_or_loses_its_terminal_starts_the_api_before_it_ends(
    stack: Stack, how: signal.Signals
) -> None:
    process = begun(stack)
    assert process.stdout
    process.stdout.close()  # From now on, output fails, as it does after a terminal has closed.
    process.send_signal(how)
    assert process.wait(120) == 130
    deployment = stack.get("Deployment", "pipe-api")
    assert deployment["spec"]["replicas"] == deployment["status"]["availableReplicas"] == 3
    assert KEPT_REPLICAS not in deployment["metadata"]["annotations"]
    while not ended(stack):
        time.sleep(0.2)


def test_the_api_can_be_started_again_without_another_restore(stack: Stack) -> None:
    path = f"{PATHS['Deployment']}/pipe-api"
    stopped = {"metadata": {"annotations": {KEPT_REPLICAS: "3"}}, "spec": {"replicas": 0}}
    stack.cluster.api.call("PATCH", path, stopped, "application/merge-patch+json")
    before = jobs(stack)
    done = stack.run("restore.sh", "prod", "--start-api")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the API runs again" in done.stdout and jobs(stack) == before
    deployment = stack.get("Deployment", "pipe-api")
    assert deployment["spec"]["replicas"] == deployment["status"]["availableReplicas"] == 3
    assert "was not stopped by a restore" in stack.run("restore.sh", "prod", "--start-api").stdout


def logins(stack: Stack) -> set[str]:
    query = "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname ~ '^(app|backup)_'"
    return set(stack.service.server.sql(query).splitlines())


def test_rotate_gives_every_role_a_new_password_and_retires_the_old_ones(
    stack: Stack, tmp_path: Path
) -> None:
    before, passwords, master = logins(stack), dict(stack.service.secrets), stack.service.instance.password
    stack.pulumi_commands.clear()
    with watch.arguments(stack.service.known_secrets()) as exposed:
        done = stack.run("rotate.sh", "prod", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "retired 2 logins" in done.stdout
    assert "✓ commit the new passwords, encrypted" in done.stdout
    assert logins(stack).isdisjoint(before) and len(logins(stack)) == 2
    new = stack.service.secrets
    assert "✓ RDS sets a new master password" in done.stdout
    new_master = stack.service.instance.password
    assert new_master != master
    changed = {key for key in new if new[key] != passwords[key]}
    assert changed == {"appPassword", "migratePassword", "backupPassword"}
    assert len({new[key] for key in changed}) == 3 and all(len(new[key]) >= 43 for key in changed)
    assert [arguments[0] for arguments in stack.pulumi_commands] == [*["config"] * 4, "up"]
    seen = json.dumps(stack.pulumi_commands) + done.stdout + done.stderr + json.dumps(record(stack, done))
    known = (*new.values(), *passwords.values(), master, new_master)
    assert not [secret for secret in known if secret in seen]
    assert not exposed
    backed_up(stack)


def test_rotate_refuses_to_deploy_other_changes_than_new_passwords(stack: Stack) -> None:
    file, commands = stack.root / "Pulumi.prod.yaml", list(stack.pulumi_commands)
    text = file.read_text()
    try:
        file.write_text(text.replace("logLevel: ", "logLevel: x"))
        done = stack.run("rotate.sh", "prod", "--yes")
        assert done.returncode == 2
        assert "not committed: Pulumi.prod.yaml" in done.stderr
        image = stack_file.image(text)
        file.write_text(stack_file.with_image(text, image.partition("@")[0] + "@sha256:" + "0" * 64))
        done = stack.run("rotate.sh", "prod", "--yes")
        assert done.returncode == 2
        assert f"but {image} is deployed. Run git pull, then repeat the command." in done.stderr
    finally:
        file.write_text(text)
    assert stack.pulumi_commands == commands


def test_rotate_fails_when_the_deployment_did_not_bring_the_new_passwords(
    stack: Stack, tmp_path: Path
) -> None:
    before = logins(stack)
    idle = tmp_path / "pulumi"
    # This fake pulumi returns the stack's cluster, but neither sets nor deploys anything.
    cluster = f'[ "$1 $2 $3" = "stack output kubeconfig" ] && exec cat "{stack.cluster.kubeconfig}"'
    idle.write_text(f"#!/bin/sh\n{cluster}\ncat > /dev/null\necho {{}}\n")
    idle.chmod(0o755)
    path = f"{tmp_path}:{stack.environment()['PATH']}"
    done = stack.run("rotate.sh", "prod", "--yes", PATH=path)
    assert done.returncode == 1
    assert "the new passwords were not deployed" in done.stderr
    assert logins(stack) == before
