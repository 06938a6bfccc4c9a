"""Tests of rollbacks between three versions on a real control plane."""

import shlex
from collections.abc import Iterator
from typing import Any, cast

import pytest

from operations.lib import stack_file
from operations.lib.kubernetes.revisions import Revision, missing_objects
from tests.support.drills.fixtures import Measured as Measured
from tests.support.drills.fixtures import measured as measured
from tests.support.operations.api_cluster import DEPLOYMENT, RELEASES, REPLICAS
from tests.support.operations.deploying import EXISTS, NEW, SECRETS, UP_FROM_HERE, deploy
from tests.support.operations.environment import DeployEnvironment, registry
from tests.support.operations.environment import cluster as cluster
from tests.support.operations.environment import world as world

NAME = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/pipe/api"
VERSIONS = {
    "1.0.0": f"{NAME}:1.0.0@sha256:{'a' * 64}",
    "1.1.0": f"{NAME}:1.1.0@sha256:{'b' * 64}",
    "1.2.0": f"{NAME}:1.2.0@sha256:{'c' * 64}",
}
JOBS = "/apis/batch/v1/namespaces/pipe/jobs"


def release(world: DeployEnvironment, version: str, migrations: str | None) -> None:
    """Create what a deployment leaves: pods, the migration Job and the commit."""
    image = VERSIONS[version]
    file = world.root / "Pulumi.dev.yaml"
    # The comment is a change to commit, even if the file already names the image.
    file.write_text(file.read_text().replace(world.file_image(), image) + f"# {version}\n")
    world.git("commit", "--quiet", "--all", "-m", f"Deploy {version} to dev")
    world.git("push", "--quiet")
    if world.cluster.image() != image:
        world.cluster.set_image(image)
    world.cluster.record(image, None if migrations is None else migrations.split(), "good")
    migration(world, image, version.replace(".", "-"))


def migration(world: DeployEnvironment, image: str, name: str) -> None:
    """Create the migration Job of an image."""
    labels = {"app": "pipe-migrate"}
    container = {"name": "migrate", "image": image, "command": ["npm", "run", "migrate:prod"]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    spec = {"activeDeadlineSeconds": 60, "template": {"metadata": {"labels": labels}, "spec": pod}}
    world.cluster.make(JOBS, "batch/v1", "Job", f"pipe-migrate-{name}", {"spec": spec}, labels)


def migrates(world: DeployEnvironment) -> bool:
    return stack_file.migrates((world.root / "Pulumi.dev.yaml").read_text())


def exists(version: str) -> str:
    """Return the command that looks up a version's image in the registry."""
    return EXISTS.format(VERSIONS[version].partition("@")[2])


def verdicts(world: DeployEnvironment) -> dict[str, str]:
    """Return the recorded verdict of each version."""
    return {stack_file.version(entry["image"]): entry["verdict"] for entry in world.cluster.releases()}


def revision(world: DeployEnvironment) -> str:
    deployment = world.cluster.api.call("GET", DEPLOYMENT)
    return deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"]


@pytest.fixture
def three(world: DeployEnvironment) -> Iterator[DeployEnvironment]:
    release(world, "1.0.0", "20240301-first")
    release(world, "1.1.0", "20240301-first 20240402-second")
    release(world, "1.2.0", "20240301-first 20240402-second")
    yield world
    world.cluster.api.call("DELETE", JOBS, propagationPolicy="Foreground")
    world.cluster.wait(lambda: not list(world.cluster.api.items(JOBS)))


def jobs(world: DeployEnvironment, script: str) -> list[list[str]]:
    """Return the commands of the Jobs that a script has started."""
    matches = world.cluster.api.items(JOBS, labelSelector=f"pipe.dev/started-by={script}")
    return [job["spec"]["template"]["spec"]["containers"][0]["command"] for job in matches]


def test_rollbacks_to_the_previous_and_to_a_chosen_revision_keep_every_pod(
    three: DeployEnvironment, measured: Measured
) -> None:
    with three.cluster.watched() as seen:
        done = three.run("rollback.sh", "dev")
        assert done.returncode == 0, done.stdout + done.stderr
        assert three.cluster.image() == three.file_image() == VERSIONS["1.1.0"]
        assert jobs(three, "rollback") == []
        assert three.asked() == [exists("1.1.0"), SECRETS, UP_FROM_HERE]
        assert revision(three) == "4", "pulumi up rolled the pods a second time"
        seconds = three.record()["results"]["seconds until the older version ran"]

        done = three.run("rollback.sh", "dev", "--to-revision", "1")
        assert done.returncode == 0, done.stdout + done.stderr
        assert three.cluster.image() == three.file_image() == VERSIONS["1.0.0"]
        command = ["npm", "run", "migrate:rollback", "--", "--to", "20240301"]
        assert jobs(three, "rollback") == [command]
        assert verdicts(three) == {"1.0.0": "good", "1.1.0": "bad", "1.2.0": "bad"}
    assert min(seen) >= REPLICAS
    subjects = three.git("log", "--format=%s", "origin/main").splitlines()
    assert subjects[:2] == ["Roll dev back to 1.0.0", "Roll dev back to 1.1.0"]
    measured("rollback.sh until the older version ran", seconds, "s")
    measured(f"of {REPLICAS} pods got requests at least", min(seen), f"in {len(seen)} looks")


def test_a_second_rollback_goes_to_an_older_version_and_never_to_a_bad_one(
    three: DeployEnvironment,
) -> None:
    for version in ("1.1.0", "1.0.0"):
        done = three.run("rollback.sh", "dev")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"({version}): its checks passed when it was deployed" in done.stdout
        assert three.cluster.image() == VERSIONS[version]
    done = three.run("rollback.sh", "dev")
    assert done.returncode == 2
    assert "the cluster keeps no good version older than 1.0.0; it keeps" in done.stderr
    assert "(1.1.0, bad)" in done.stderr and "(1.2.0, bad)" in done.stderr
    assert three.cluster.image() == three.file_image() == VERSIONS["1.0.0"]


def test_a_version_whose_checks_failed_is_skipped(three: DeployEnvironment) -> None:
    releases = three.cluster.releases()
    three.cluster.api.call("DELETE", RELEASES)
    for release in releases:
        verdict = "bad" if release["image"] == VERSIONS["1.1.0"] else "good"
        three.cluster.record(release["image"], release["migrations"], verdict)
    done = three.run("rollback.sh", "dev", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "to revision 1 (1.0.0): its checks passed" in done.stdout


def test_without_a_record_the_rollback_goes_to_the_previous_version_and_warns(
    three: DeployEnvironment,
) -> None:
    three.cluster.api.call("DELETE", RELEASES)
    done = three.run("rollback.sh", "dev", "--dry-run", "--keep-schema")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "to revision 2 (1.1.0): its checks have no recorded result" in done.stdout


def test_keeping_the_schema_is_refused_for_a_newer_version(three: DeployEnvironment) -> None:
    done = three.run("rollback.sh", "dev", "--to-version", "1.0.0", "--keep-schema")
    assert done.returncode == 0, done.stdout + done.stderr
    done = three.run("rollback.sh", "dev", "--to-version", "1.2.0", "--keep-schema")
    assert done.returncode == 2
    assert "1.2.0 is newer than 1.0.0, and --keep-schema is only for older versions" in done.stderr
    assert three.cluster.image() == VERSIONS["1.0.0"]
    done = three.run("rollback.sh", "dev", "--to-version", "1.2.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert migrates(three) and three.cluster.image() == VERSIONS["1.2.0"]
    assert verdicts(three)["1.0.0"] == "good", "going forward does not make the older version bad"


def test_an_interrupted_rollback_continues_with_the_named_version(
    three: DeployEnvironment,
) -> None:
    three.cluster.set_image(VERSIONS["1.1.0"])  # `kubectl rollout undo`, then the interruption.
    done = three.run("rollback.sh", "dev", "--to-version", "1.1.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1.1.0 already runs; only the stack file and the state need to change" in done.stdout
    assert three.file_image() == VERSIONS["1.1.0"] and "rollout undo" not in done.stdout
    done = three.run("rollback.sh", "dev", "--to-version", "1.1.0")
    assert done.returncode == 2
    assert (
        "1.1.0 is already running, and the stack file names it. If `pulumi up` of an earlier" in done.stderr
    )


def test_images_and_migrations_in_commit_messages_are_ignored(three: DeployEnvironment) -> None:
    foreign = VERSIONS["1.1.0"].replace("123456789012", "999999999999")
    lines = f"Version: 1.1.0\nImage: {foreign}\nMigrations: 20240301-first"
    file = three.root / "Pulumi.dev.yaml"
    file.write_text(file.read_text() + "# a remark\n")
    three.git("commit", "--quiet", "--all", "-m", "A remark", "-m", lines)
    three.git("push", "--quiet")
    done = three.run("migrate.sh", "dev", "--version", "1.1.0", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert VERSIONS["1.1.0"] in done.stdout and foreign not in done.stdout
    done = three.run("rollback.sh", "dev", "--to-version", "1.0.0", "--dry-run")
    assert "migrations to undo: 20240402-second" in done.stdout


def test_an_image_of_another_registry_is_refused(three: DeployEnvironment) -> None:
    foreign = f"{NAME.replace('123456789012', '999999999999')}:6.6.6@sha256:{'6' * 64}"
    file = three.root / "Pulumi.dev.yaml"
    text = file.read_text()
    file.write_text(text.replace(VERSIONS["1.2.0"], foreign))
    three.git("commit", "--quiet", "--all", "-m", "An image from elsewhere")
    done = deploy(three, "--skip-frontend")
    assert done.returncode == 2
    assert "the registry of the stacks is 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com" in done.stderr
    file.write_text(text)
    three.git("commit", "--quiet", "--all", "-m", "And back")
    three.git("push", "--quiet")
    done = three.run("migrate.sh", "dev", "--version", "6.6.6")
    assert done.returncode == 2
    assert f"{foreign} is not in the stack's own image repository, {NAME}" in done.stderr
    three.cluster.set_image(foreign)
    three.cluster.set_image(VERSIONS["1.2.0"])
    done = three.run("rollback.sh", "dev", "--to-version", "6.6.6")
    assert done.returncode == 2
    assert f"{foreign} is not in the stack's own image repository" in done.stderr
    assert three.cluster.image() == VERSIONS["1.2.0"] and "pulumi" not in " ".join(three.asked())


def test_an_image_that_the_registry_no_longer_has_is_not_rolled_out(three: DeployEnvironment) -> None:
    (three.bin / "gone").touch()
    for command in (("rollback.sh", "dev"), ("migrate.sh", "dev"), ("deploy.sh", "dev", "--skip-frontend")):
        done = three.run(*command)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "the registry does not have 123456789012." in done.stderr
        assert all(line.startswith("aws ecr describe-images") for line in three.asked())
    three.answer("aws", "#!/bin/sh\necho no network >&2\nexit 255\n")
    done = three.run("rollback.sh", "dev")
    assert done.returncode == 0, "an incident does not wait for the registry"
    assert "the registry could not be checked" in done.stdout


def test_a_rollback_to_a_version_by_its_name(three: DeployEnvironment) -> None:
    done = three.run("rollback.sh", "dev", "--to-version", "1.0.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert three.cluster.image() == VERSIONS["1.0.0"]
    assert "migrations to undo: 20240402-second" in done.stdout


@pytest.mark.parametrize("known", ["20240301-first 20240402-second!", None])
def test_irreversible_migrations_stop_a_rollback_unless_it_keeps_the_schema(
    world: DeployEnvironment, known: str | None
) -> None:
    release(world, "1.0.0", "20240301-first")
    release(world, "1.1.0", known)
    done = world.run("rollback.sh", "dev")
    assert done.returncode == 2
    assert "add --keep-schema" in done.stderr
    assert world.cluster.image() == world.file_image() == VERSIONS["1.1.0"]
    done = world.run("rollback.sh", "dev", "--keep-schema")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.cluster.image() == world.file_image() == VERSIONS["1.0.0"]
    assert jobs(world, "rollback") == []
    assert not migrates(world)
    world.cluster.api.call("DELETE", JOBS, propagationPolicy="Foreground")
    world.cluster.wait(lambda: not list(world.cluster.api.items(JOBS)))


def test_a_rollback_between_versions_without_migrations_is_allowed(world: DeployEnvironment) -> None:
    release(world, "1.0.0", "")
    release(world, "1.1.0", "")
    done = world.run("rollback.sh", "dev", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "database: the two versions have the same migrations" in done.stdout
    world.cluster.api.call("DELETE", JOBS, propagationPolicy="Foreground")


def test_after_a_rollback_that_kept_the_schema_migrations_wait_for_the_next_version(
    world: DeployEnvironment,
) -> None:
    release(world, "1.0.0", "1-a")
    release(world, "1.1.0", "1-a")
    release(world, "1.2.0", "1-a 2-b!")
    assert world.run("rollback.sh", "dev", "--keep-schema").returncode == 0
    done = world.run("rollback.sh", "dev", "--to-version", "1.0.0")
    assert done.returncode == 2
    assert "an earlier rollback kept a newer version's schema. If the older version works" in done.stderr
    done = world.run("rollback.sh", "dev", "--to-version", "1.0.0", "--keep-schema")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not migrates(world)
    registry(world, pushed=True)
    done = deploy(world, "--skip-frontend")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not migrates(world)
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 0, done.stdout + done.stderr
    assert migrates(world)
    world.cluster.api.call("DELETE", JOBS, propagationPolicy="Foreground")


@pytest.mark.parametrize("started", [True, False])
def test_after_a_failed_migration_the_old_versions_migration_is_not_run(
    world: DeployEnvironment, started: bool
) -> None:
    registry(world, pushed=True)
    (world.bin / "up-fails").touch()
    if started:
        migration(world, NEW, "new")
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 1
    assert "Rolled back: dev runs 1.0.0 again" in done.stderr
    assert migrates(world) != started
    world.cluster.api.call("DELETE", JOBS, propagationPolicy="Foreground")


def test_an_impossible_target_of_a_rollback_is_refused_with_the_possible_ones(
    three: DeployEnvironment,
) -> None:
    for options, message in (
        (("--to-revision", "9"), "--to-revision 9: no such revision; the cluster keeps 1 (1.0.0), 2 (1.1.0)"),
        (
            ("--to-version", "0.9.0"),
            "To deploy an older version again: scripts/deploy.sh dev --version 0.9.0",
        ),
        (("--to-revision", "3"), "revision 3 (1.2.0) is already running"),
        (("--to-version", "1.2.0"), "1.2.0 is already running"),
    ):
        done = three.run("rollback.sh", "dev", *options)
        assert done.returncode == 2
        assert message in done.stderr
    assert three.cluster.image() == VERSIONS["1.2.0"]
    assert not [line for line in three.asked() if not line.startswith("aws ecr describe-images")]


def test_a_rollback_to_a_version_with_deleted_passwords_uses_the_current_ones(
    world: DeployEnvironment,
) -> None:
    release(world, "1.0.0", "1-a")
    deployment = world.cluster.api.call("GET", DEPLOYMENT)
    volume = {"name": "database", "secret": {"secretName": "database-old"}}
    deployment["spec"]["template"]["spec"]["volumes"] = [volume]
    world.cluster.api.call("PUT", DEPLOYMENT, deployment)
    world.cluster.wait(lambda: world.cluster.settled(VERSIONS["1.0.0"]))
    release(world, "1.1.0", "1-a")
    del deployment["spec"]["template"]["spec"]["volumes"]
    deployment = world.cluster.api.call("GET", DEPLOYMENT)
    deployment["spec"]["template"]["spec"]["volumes"] = []
    world.cluster.api.call("PUT", DEPLOYMENT, deployment)
    world.cluster.wait(lambda: world.cluster.settled(VERSIONS["1.1.0"]))
    with world.cluster.watched() as seen:
        done = world.run("rollback.sh", "dev")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "the older pods cannot start, because secret/database-old is missing (as after a rotation)"
        in done.stdout
    )
    assert "rollout undo" not in done.stdout and world.asked() == [exists("1.0.0"), SECRETS, UP_FROM_HERE]
    assert world.cluster.image() == world.file_image() == VERSIONS["1.0.0"]
    assert world.cluster.api.call("GET", DEPLOYMENT)["spec"]["template"]["spec"].get("volumes", []) == []
    assert min(seen) >= REPLICAS
    world.cluster.api.call("DELETE", JOBS, propagationPolicy="Foreground")


def test_after_new_passwords_a_rollback_skips_revisions_of_the_same_version(three: DeployEnvironment) -> None:
    deployment = three.cluster.api.call("GET", DEPLOYMENT)
    deployment["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "PGUSER", "value": "app_new"}]
    three.cluster.api.call("PUT", DEPLOYMENT, deployment)
    three.cluster.wait(lambda: revision(three) == "4")
    done = three.run("rollback.sh", "dev", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "from revision 4 (1.2.0)" in done.stdout and "to revision 2 (1.1.0)" in done.stdout


@pytest.mark.parametrize(
    "spec",
    [
        {"volumes": [{"secret": {"secretName": "it"}}], "containers": []},
        {"volumes": [{"projected": {"sources": [{"secret": {"name": "it"}}]}}], "containers": []},
        {"containers": [{"envFrom": [{"secretRef": {"name": "it"}}]}]},
        {"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "it", "key": "x"}}}]}]},
        {"initContainers": [{"envFrom": [{"configMapRef": {"name": "it"}}]}], "containers": []},
    ],
)
def test_missing_secrets_and_config_maps_are_reported_for_every_way_to_name_them(
    spec: dict[str, Any],
) -> None:
    class Empty:
        def read(self, *_: str) -> str:
            return ""

    old = Revision(1, "x:1", {"spec": spec})
    assert [name.partition("/")[2] for name in missing_objects(cast(Any, Empty()), old)] == ["it"]


def test_a_rollback_with_uncommitted_changes_is_refused(three: DeployEnvironment) -> None:
    with (three.root / "operations" / "lib" / "pulumi_up.py").open("a") as file:
        file.write("# changed\n")
    done = three.run("rollback.sh", "dev")
    assert done.returncode == 2
    assert "not committed: operations/lib/pulumi_up.py" in done.stderr
    assert three.asked() == [] and three.cluster.image() == VERSIONS["1.2.0"]


def test_a_rollback_succeeds_without_the_upstream_repository(three: DeployEnvironment) -> None:
    three.git("remote", "set-url", "origin", str(three.root / "gone"))
    done = three.run("rollback.sh", "dev")
    assert done.returncode == 1
    assert "only the push of the commit failed" in done.stderr
    assert three.cluster.image() == three.file_image() == VERSIONS["1.1.0"]


def test_a_dry_run_of_a_rollback_shows_the_commands_and_changes_nothing(three: DeployEnvironment) -> None:
    done = three.run("rollback.sh", "dev", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    up = shlex.join(UP_FROM_HERE.split())
    for command in ("rollout undo deployment/pipe-api --to-revision=2", "git commit", up):
        assert command in done.stdout
    assert three.asked() == [] and three.cluster.image() == VERSIONS["1.2.0"]
