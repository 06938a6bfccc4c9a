"""The rollback drill: three versions on a real control plane, and the way back from each to another."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from operations.lib import stack_file
from operations.lib.kubernetes.revisions import Revision, gone
from tests.support.drills.fixtures import Measured as Measured
from tests.support.drills.fixtures import measured as measured
from tests.support.operations.api_cluster import DEPLOYMENT, RELEASES, REPLICAS
from tests.support.operations.deploying import EXISTS, NEW, SECRETS, UP, deploy
from tests.support.operations.environment import DeployEnvironment, registry
from tests.support.operations.environment import cluster as cluster
from tests.support.operations.environment import world as world

NAME = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/pipe/api"
VERSIONS = {version: f"{NAME}:{version}@sha256:{digit * 64}" for version, digit in
            (("1.0.0", "a"), ("1.1.0", "b"), ("1.2.0", "c"))}  # fmt: skip
JOBS = "/apis/batch/v1/namespaces/pipe/jobs"


def release(world: DeployEnvironment, version: str, migrations: str | None) -> None:
    """What a deployment leaves behind: pods, the migration Job, the commit."""
    image = VERSIONS[version]
    file = world.root / "Pulumi.dev.yaml"
    # With a remark, so that there is something to commit for the image that is there from the beginning.
    file.write_text(file.read_text().replace(world.file_image(), image) + f"# {version}\n")
    world.git("commit", "--quiet", "--all", "-m", f"Deploy {version} to dev")
    world.git("push", "--quiet")
    if world.cluster.image() != image:
        world.cluster.set_image(image)
    world.cluster.record(image, None if migrations is None else migrations.split(), "good")
    migration(world, image, version.replace(".", "-"))


def migration(world: DeployEnvironment, image: str, name: str) -> None:
    """The migration Job of an image."""
    labels = {"app": "pipe-migrate"}
    container = {"name": "migrate", "image": image, "command": ["npm", "run", "migrate:prod"]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    spec = {"activeDeadlineSeconds": 60, "template": {"metadata": {"labels": labels}, "spec": pod}}
    world.cluster.make(JOBS, "batch/v1", "Job", f"pipe-migrate-{name}", {"spec": spec}, labels)


def migrates(world: DeployEnvironment) -> bool:
    return stack_file.migrates((world.root / "Pulumi.dev.yaml").read_text())


def exists(version: str) -> str:
    """The registry's being asked for a version's image."""
    return EXISTS.format(VERSIONS[version].partition("@")[2])


def verdicts(world: DeployEnvironment) -> dict[str, str]:
    """The verdicts on the versions that are recorded."""
    return {stack_file.version(each["image"]): each["verdict"] for each in world.cluster.releases()}


def revision(world: DeployEnvironment) -> str:
    found = world.cluster.api.call("GET", DEPLOYMENT)
    return found["metadata"]["annotations"]["deployment.kubernetes.io/revision"]


@pytest.fixture
def three(world: DeployEnvironment) -> Iterator[DeployEnvironment]:
    release(world, "1.0.0", "20240301-first")
    release(world, "1.1.0", "20240301-first 20240402-second")
    release(world, "1.2.0", "20240301-first 20240402-second")
    yield world
    world.cluster.api.call("DELETE", JOBS, propagationPolicy="Foreground")
    world.cluster.wait(lambda: not list(world.cluster.api.items(JOBS)))


def jobs(world: DeployEnvironment, script: str) -> list[list[str]]:
    """The commands of the Jobs that a script has started."""
    found = world.cluster.api.items(JOBS, labelSelector=f"pipe.dev/started-by={script}")
    return [each["spec"]["template"]["spec"]["containers"][0]["command"] for each in found]


def test_undo_and_undo_to_a_revision_with_every_pod_there_throughout(
    three: DeployEnvironment, measured: Measured
) -> None:
    with three.cluster.watched() as seen:
        done = three.run("rollback.sh", "dev")
        assert done.returncode == 0, done.stdout + done.stderr
        assert three.cluster.image() == three.file_image() == VERSIONS["1.1.0"]
        assert jobs(three, "rollback") == []
        assert three.asked() == [exists("1.1.0"), SECRETS, UP]
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


def test_a_second_rollback_goes_further_back_and_never_to_a_version_that_was_gone_back_from(
    three: DeployEnvironment,
) -> None:
    for version in ("1.1.0", "1.0.0"):
        done = three.run("rollback.sh", "dev")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"({version}): its checks passed when it was deployed" in done.stdout
        assert three.cluster.image() == VERSIONS[version]
    done = three.run("rollback.sh", "dev")
    assert done.returncode == 2
    assert "no version older than 1.0.0 is kept that was good: the cluster keeps" in done.stderr
    assert "(1.1.0, bad)" in done.stderr and "(1.2.0, bad)" in done.stderr
    assert three.cluster.image() == three.file_image() == VERSIONS["1.0.0"]


def test_a_version_whose_checks_failed_is_passed_over(three: DeployEnvironment) -> None:
    releases = three.cluster.releases()
    three.cluster.api.call("DELETE", RELEASES)
    for release in releases:
        verdict = "bad" if release["image"] == VERSIONS["1.1.0"] else "good"
        three.cluster.record(release["image"], release["migrations"], verdict)
    done = three.run("rollback.sh", "dev", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "to revision 1 (1.0.0): its checks passed" in done.stdout


def test_without_a_record_the_version_before_is_gone_back_to_and_is_said_to_be_unjudged(
    three: DeployEnvironment,
) -> None:
    three.cluster.api.call("DELETE", RELEASES)
    done = three.run("rollback.sh", "dev", "--dry-run", "--keep-schema")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "to revision 2 (1.1.0): nobody recorded that it was good" in done.stdout


def test_keeping_the_schema_never_goes_forward(three: DeployEnvironment) -> None:
    done = three.run("rollback.sh", "dev", "--to-version", "1.0.0", "--keep-schema")
    assert done.returncode == 0, done.stdout + done.stderr
    done = three.run("rollback.sh", "dev", "--to-version", "1.2.0", "--keep-schema")
    assert done.returncode == 2
    assert "1.2.0 is newer than 1.0.0, and --keep-schema only goes back" in done.stderr
    assert three.cluster.image() == VERSIONS["1.0.0"]
    done = three.run("rollback.sh", "dev", "--to-version", "1.2.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert migrates(three) and three.cluster.image() == VERSIONS["1.2.0"]
    assert verdicts(three)["1.0.0"] == "good", "whoever goes forward says nothing against what was left"


def test_an_interrupted_rollback_is_gone_on_with_by_the_version_that_it_names(
    three: DeployEnvironment,
) -> None:
    three.cluster.set_image(VERSIONS["1.1.0"])  # kubectl rollout undo, and then nothing more
    done = three.run("rollback.sh", "dev", "--to-version", "1.1.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1.1.0 runs already; what is left is the stack file and the state" in done.stdout
    assert three.file_image() == VERSIONS["1.1.0"] and "rollout undo" not in done.stdout
    done = three.run("rollback.sh", "dev", "--to-version", "1.1.0")
    assert done.returncode == 2 and "1.1.0 is what runs now" in done.stderr


def test_messages_of_commits_name_neither_images_nor_migrations(three: DeployEnvironment) -> None:
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
    assert "to be undone: 20240402-second" in done.stdout


def test_an_image_of_another_registry_is_refused(three: DeployEnvironment) -> None:
    foreign = f"{NAME.replace('123456789012', '999999999999')}:6.6.6@sha256:{'6' * 64}"
    file = three.root / "Pulumi.dev.yaml"
    text = file.read_text()
    file.write_text(text.replace(VERSIONS["1.2.0"], foreign))
    three.git("commit", "--quiet", "--all", "-m", "An image from elsewhere")
    done = deploy(three, "--skip-frontend")
    assert done.returncode == 2
    assert "the stack's own registry is 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com" in done.stderr
    file.write_text(text)
    three.git("commit", "--quiet", "--all", "-m", "And back")
    three.git("push", "--quiet")
    done = three.run("migrate.sh", "dev", "--version", "6.6.6")
    assert done.returncode == 2
    assert f"{foreign} is not in the stack's own registry and repository, {NAME}" in done.stderr
    three.cluster.set_image(foreign)
    three.cluster.set_image(VERSIONS["1.2.0"])
    done = three.run("rollback.sh", "dev", "--to-version", "6.6.6")
    assert done.returncode == 2
    assert f"{foreign} is not in the stack's own registry" in done.stderr
    assert three.cluster.image() == VERSIONS["1.2.0"] and "pulumi" not in " ".join(three.asked())


def test_an_image_that_the_registry_has_lost_is_not_rolled_out(three: DeployEnvironment) -> None:
    (three.bin / "gone").touch()
    for words in (("rollback.sh", "dev"), ("migrate.sh", "dev"), ("deploy.sh", "dev", "--skip-frontend")):
        done = three.run(*words)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "the registry does not have 123456789012." in done.stderr
        assert all(each.startswith("aws ecr describe-images") for each in three.asked())
    three.answer("aws", "#!/bin/sh\necho no network >&2\nexit 255\n")
    done = three.run("rollback.sh", "dev")
    assert done.returncode == 0, "an incident does not wait for the registry"
    assert "the registry cannot be asked" in done.stdout


def test_back_to_a_version_by_its_name(three: DeployEnvironment) -> None:
    done = three.run("rollback.sh", "dev", "--to-version", "1.0.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert three.cluster.image() == VERSIONS["1.0.0"]
    assert "to be undone: 20240402-second" in done.stdout


@pytest.mark.parametrize("known", ["20240301-first 20240402-second!", None])
def test_migrations_that_cannot_be_undone_stop_it_unless_the_schema_is_to_stay(
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


def test_versions_that_are_recorded_to_have_no_migrations_are_gone_back_to(world: DeployEnvironment) -> None:
    release(world, "1.0.0", "")
    release(world, "1.1.0", "")
    done = world.run("rollback.sh", "dev", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "database: no migration lies between the two versions" in done.stdout
    world.cluster.api.call("DELETE", JOBS, propagationPolicy="Foreground")


def test_after_a_kept_schema_no_way_back_runs_migrations_until_the_next_version_is_deployed(
    world: DeployEnvironment,
) -> None:
    release(world, "1.0.0", "1-a")
    release(world, "1.1.0", "1-a")
    release(world, "1.2.0", "1-a 2-b!")
    assert world.run("rollback.sh", "dev", "--keep-schema").returncode == 0
    done = world.run("rollback.sh", "dev", "--to-version", "1.0.0")
    assert done.returncode == 2
    assert "an earlier rollback has kept a newer version's schema. If the older version works" in done.stderr
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
def test_a_migration_that_failed_may_have_changed_the_schema_so_the_one_of_before_is_not_run(
    world: DeployEnvironment, started: bool
) -> None:
    registry(world, pushed=True)
    (world.bin / "up-fails").touch()
    if started:
        migration(world, NEW, "new")
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 1
    assert "Rolled back: dev runs 1.0.0 again, as before" in done.stderr
    assert migrates(world) != started
    world.cluster.api.call("DELETE", JOBS, propagationPolicy="Foreground")


def test_what_cannot_be_gone_back_to_is_refused_with_what_can(three: DeployEnvironment) -> None:
    for words, said in (
        (("--to-revision", "9"), "--to-revision 9: the cluster keeps 1 (1.0.0), 2 (1.1.0)"),
        (("--to-version", "0.9.0"), "An older one is deployed anew: scripts/deploy.sh dev --version 0.9.0"),
        (("--to-revision", "3"), "revision 3 (1.2.0) is what runs now"),
        (("--to-version", "1.2.0"), "1.2.0 is what runs now"),
    ):
        done = three.run("rollback.sh", "dev", *words)
        assert done.returncode == 2
        assert said in done.stderr
    assert three.cluster.image() == VERSIONS["1.2.0"]
    assert not [each for each in three.asked() if not each.startswith("aws ecr describe-images")]


def test_a_version_whose_passwords_are_gone_is_rolled_back_to_with_those_of_now(
    world: DeployEnvironment,
) -> None:
    release(world, "1.0.0", "1-a")
    found = world.cluster.api.call("GET", DEPLOYMENT)
    volume = {"name": "database", "secret": {"secretName": "database-old"}}
    found["spec"]["template"]["spec"]["volumes"] = [volume]
    world.cluster.api.call("PUT", DEPLOYMENT, found)
    world.cluster.wait(lambda: world.cluster.settled(VERSIONS["1.0.0"]))
    release(world, "1.1.0", "1-a")
    del found["spec"]["template"]["spec"]["volumes"]
    found = world.cluster.api.call("GET", DEPLOYMENT)
    found["spec"]["template"]["spec"]["volumes"] = []
    world.cluster.api.call("PUT", DEPLOYMENT, found)
    world.cluster.wait(lambda: world.cluster.settled(VERSIONS["1.1.0"]))
    with world.cluster.watched() as seen:
        done = world.run("rollback.sh", "dev")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "its pods cannot start: secret/database-old is gone, as after new passwords" in done.stdout
    assert "rollout undo" not in done.stdout and world.asked() == [exists("1.0.0"), SECRETS, UP]
    assert world.cluster.image() == world.file_image() == VERSIONS["1.0.0"]
    assert world.cluster.api.call("GET", DEPLOYMENT)["spec"]["template"]["spec"].get("volumes", []) == []
    assert min(seen) >= REPLICAS
    world.cluster.api.call("DELETE", JOBS, propagationPolicy="Foreground")


def test_after_new_passwords_the_version_before_is_not_the_pods_before(three: DeployEnvironment) -> None:
    found = three.cluster.api.call("GET", DEPLOYMENT)
    found["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "PGUSER", "value": "app_new"}]
    three.cluster.api.call("PUT", DEPLOYMENT, found)
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
def test_what_pods_cannot_start_without_is_found_wherever_they_name_it(spec: dict[str, Any]) -> None:
    class Empty:
        def read(self, *_: str) -> str:
            return ""

    old = Revision(1, "x:1", {"spec": spec})
    assert [each.partition("/")[2] for each in gone(cast(Any, Empty()), old)] == ["it"]


def test_a_rollback_does_not_deploy_what_is_not_committed(three: DeployEnvironment) -> None:
    with (three.root / "operations" / "lib" / "pulumi_up.py").open("a") as file:
        file.write("# changed\n")
    done = three.run("rollback.sh", "dev")
    assert done.returncode == 2
    assert "not committed: operations/lib/pulumi_up.py" in done.stderr
    assert three.asked() == [] and three.cluster.image() == VERSIONS["1.2.0"]


def test_a_rollback_does_not_wait_for_the_repository_of_the_others(three: DeployEnvironment) -> None:
    three.git("remote", "set-url", "origin", str(three.root / "gone"))
    done = three.run("rollback.sh", "dev")
    assert done.returncode == 1
    assert "all is done, but the commit could not be pushed" in done.stderr
    assert three.cluster.image() == three.file_image() == VERSIONS["1.1.0"]


def test_a_dry_run_of_a_rollback_shows_the_commands_and_changes_nothing(three: DeployEnvironment) -> None:
    done = three.run("rollback.sh", "dev", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    for command in ("rollout undo deployment/pipe-api --to-revision=2", "git commit", UP):
        assert command in done.stdout
    assert three.asked() == [] and three.cluster.image() == VERSIONS["1.2.0"]
