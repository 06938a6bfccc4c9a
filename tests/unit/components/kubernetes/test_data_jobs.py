import re
from collections.abc import Callable
from typing import Any

import pytest

from components.common.naming import Naming
from components.kubernetes.database_roles import salt, scram_verifier
from components.kubernetes.network_policies import NOT_PUBLIC
from tests.support.components import workloads
from tests.support.components.fixtures import Recorder
from tests.support.components.workloads import SERVICE_CIDR, SUBNETS, Manifest, Topic

Objects = Callable[..., dict[str, Manifest]]
DIGEST = "sha256:05e27da35aec3ef50260332a6aa98138c3e90d9259886f8630a37bb0638a29dd"
JOB = "Job/pipe-migrate-05e27da35aec"


@pytest.fixture
def objects(recorder: Recorder, naming: Naming, topic: Topic) -> Objects:
    def run(stack: str = "prod", **changes: Any) -> dict[str, Manifest]:
        recorder.inputs.clear()
        return workloads.manifests(
            workloads.declare(recorder, workloads.data_jobs, naming, topic, stack, **changes)
        )

    return run


def migration(found: dict[str, Manifest]) -> Manifest:
    return found[JOB]["spec"]["template"]


def backup(found: dict[str, Manifest]) -> Manifest:
    return found["CronJob/pipe-backup"]["spec"]["jobTemplate"]["spec"]["template"]


def restore(found: dict[str, Manifest]) -> Manifest:
    return found["CronJob/pipe-restore"]["spec"]["jobTemplate"]["spec"]["template"]


def found_service(found: dict[str, Manifest]) -> str:
    return found["Secret/pipe-backup-database"]["stringData"]["pg_service.conf"]


def variables(container: Manifest) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["env"]}


def mounts(container: Manifest) -> dict[str, str]:
    return {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}


@pytest.mark.parametrize(
    ("image", "name"),
    [
        (f"pipe/api@{DIGEST}", "pipe-migrate-05e27da35aec"),
        ("pipe/api:1.4.2", "pipe-migrate-1-4-2"),
    ],
)
def test_a_new_image_is_a_new_migration(objects: Objects, image: str, name: str) -> None:
    found = objects(image=image)[f"Job/{name}"]["spec"]["template"]["spec"]
    [migrate] = found["containers"]
    assert migrate["image"] == image
    assert migrate["command"] == ["npm", "run", "migrate:prod"]


def test_where_the_database_keeps_a_newer_schema_roles_are_made_and_nothing_is_migrated(
    objects: Objects,
) -> None:
    pod = migration(objects(migrate=False))["spec"]
    assert [each["command"] for each in pod["containers"]] == [["true"]]
    assert pod["initContainers"] == migration(objects())["spec"]["initContainers"]


def test_a_failed_migration_is_replaced_and_a_finished_one_is_kept(objects: Objects) -> None:
    job = objects()[JOB]
    assert job["metadata"]["annotations"] == {"pulumi.com/replaceUnready": "true"}
    assert "ttlSecondsAfterFinished" not in job["spec"]
    assert job["spec"]["backoffLimit"] == 1
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_the_job_of_before_goes_first_so_that_its_image_can_come_back(
    objects: Objects, recorder: Recorder
) -> None:
    objects()
    assert ("kubernetes:batch/v1:Job", "data-jobs-migrate") in recorder.deleted_first


def test_an_image_that_does_not_start_within_its_deadline_fails_before_its_migration(
    objects: Objects, recorder: Recorder
) -> None:
    found = objects()
    start = found["Job/pipe-image-05e27da35aec"]
    [container] = start["spec"]["template"]["spec"]["containers"]
    [migrate] = migration(found)["spec"]["containers"]
    assert (container["image"], container["command"]) == (migrate["image"], ["true"])
    assert start["spec"]["activeDeadlineSeconds"] == 300
    assert start["metadata"]["annotations"] == {"pulumi.com/replaceUnready": "true"}
    job = "kubernetes:batch/v1:Job"
    assert (job, "data-jobs-image") in recorder.dependencies[job, "data-jobs-migrate"]
    assert recorder.create_timeouts[job, "data-jobs-image"] == "600s"


def test_the_start_of_an_image_waits_neither_for_the_database_nor_for_its_roles(
    objects: Objects, recorder: Recorder
) -> None:
    objects()
    before = recorder.dependencies["kubernetes:batch/v1:Job", "data-jobs-image"]
    assert {name for _, name in before} == {"data-jobs-image"}


def test_pulumi_waits_longer_than_a_migration_may_take(objects: Objects, recorder: Recorder) -> None:
    assert objects()[JOB]["spec"]["activeDeadlineSeconds"] == 1800
    timeout = recorder.create_timeouts["kubernetes:batch/v1:Job", "data-jobs-migrate"]
    assert timeout == "2100s"


def test_roles_are_made_by_the_master_before_the_migration_and_by_nobody_else(objects: Objects) -> None:
    found = objects()
    [roles] = migration(found)["spec"]["initContainers"]
    assert roles["command"] == [
        "psql",
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--set=passwords=/etc/pipe/database",
        "--single-transaction",
        "--file=/etc/pipe/scripts/roles.sql",
    ]
    assert variables(roles)["PGSERVICEFILE"] == "/etc/pipe/database/pg_service.conf"
    assert mounts(roles)["roles"] == "/etc/pipe/database"
    secret = found["Secret/pipe-migrate-roles"]["stringData"]
    assert secret["pg_service.conf"].splitlines() == [
        "[pipe]",
        "host=db.example",
        "port=5432",
        "dbname=pipe_db",
        "user=pipe_admin",
        "password=master-secret",
        "sslmode=verify-full",
        "sslrootcert=/etc/pipe/ca/rds-ca.pem",
    ]
    assert [name for name, manifest in found.items() if "master-secret" in str(manifest)] == [
        "Secret/pipe-migrate-roles"
    ]


def test_the_job_gets_verifiers_and_no_password_of_another_role(objects: Objects) -> None:
    secret = objects()["Secret/pipe-migrate-roles"]["stringData"]
    for role in ("app", "migrate", "backup"):
        password = f"{role}-secret"
        assert secret[role] == scram_verifier(password, salt(role, password))
    assert secret.keys() == {"pg_service.conf", "app", "migrate", "backup", "app_login", "backup_login"}
    assert re.fullmatch("app_[0-9a-f]{8}", secret["app_login"])
    assert f"user={secret['backup_login']}\n" in found_service(objects())


def test_the_migration_connects_as_its_own_role(objects: Objects) -> None:
    found = objects()
    [migrate] = migration(found)["spec"]["containers"]
    assert variables(migrate)["PGUSER"] == "migrate"
    assert variables(migrate)["PGSSLMODE"] == "verify-full"
    assert variables(migrate)["NODE_EXTRA_CA_CERTS"] == "/etc/pipe/ca/rds-ca.pem"
    assert mounts(migrate) == {"database": "/etc/pipe/database", "ca": "/etc/pipe/ca", "tmp": "/tmp"}
    assert found["Secret/pipe-migrate-database"]["stringData"] == {"password": "migrate-secret"}


def test_a_new_password_of_a_role_is_a_new_job(objects: Objects) -> None:
    before = migration(objects())["metadata"]["annotations"]
    after = migration(objects(app_password="another-secret"))["metadata"]["annotations"]
    assert {key for key in before if before[key] != after[key]} == {"checksum/roles"}


def test_jobs_keep_their_node(objects: Objects) -> None:
    found = objects()
    for template in (migration(found), backup(found), restore(found)):
        assert template["metadata"]["annotations"]["karpenter.sh/do-not-disrupt"] == "true"


def test_the_backup_runs_once_on_time_in_utc(objects: Objects) -> None:
    spec = objects(schedule="5 1 * * *")["CronJob/pipe-backup"]["spec"]
    job = spec.pop("jobTemplate")["spec"]
    assert spec == {
        "schedule": "5 1 * * *",
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 3600,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
    }
    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (2, 14400)
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_the_dump_is_made_and_checked_before_it_is_uploaded(objects: Objects, topic: Topic) -> None:
    found = objects()
    spec = backup(found)["spec"]
    [dump], [upload] = spec["initContainers"], spec["containers"]
    assert dump["command"] == ["sh", "/etc/pipe/scripts/dump.sh"]
    assert upload["command"] == ["sh", "/etc/pipe/scripts/upload.sh"]
    assert "/postgres:" in dump["image"]
    assert "/aws-cli:" in upload["image"]
    assert mounts(dump)["scratch"] == mounts(upload)["scratch"] == variables(upload)["SCRATCH"] == "/scratch"
    [scratch] = [volume for volume in spec["volumes"] if volume["name"] == "scratch"]
    assert scratch["emptyDir"] == {"sizeLimit": "50Gi"}


def test_what_talks_to_the_database_has_no_identity_to_speak_of_and_the_upload_no_password(
    objects: Objects,
) -> None:
    found = objects()
    spec = backup(found)["spec"]
    [dump], [upload] = spec["initContainers"], spec["containers"]
    assert "user=backup_" in found_service(found)
    assert mounts(dump)["database"] == "/etc/pipe/database"
    assert "database" not in mounts(upload)
    assert variables(upload) == {
        "HOME": "/tmp",
        "SCRATCH": "/scratch",
        "BUCKET": "pipe-backup",
        "AWS_REGION": "ap-northeast-1",
    }
    assert spec["serviceAccountName"] == "pipe-backup"


def test_jobs_reach_what_they_need_and_nothing_reaches_them(objects: Objects, recorder: Recorder) -> None:
    objects()
    common: list[Any] = [([SERVICE_CIDR], ["UDP 53", "TCP 53"]), (SUBNETS.database, ["TCP 5432"])]
    public = f"0.0.0.0/0 except {', '.join(NOT_PUBLIC)}"
    assert workloads.rules(recorder, "pipe-migrate", "egress") == common
    assert workloads.rules(recorder, "pipe-backup", "egress") == [
        *common,
        (["169.254.170.23/32"], ["TCP 80"]),
        ([public], ["TCP 443"]),
    ]
    assert workloads.rules(recorder, "pipe-restore", "egress") == workloads.rules(
        recorder, "pipe-backup", "egress"
    )
    for policy in ("pipe-migrate", "pipe-backup", "pipe-restore"):
        assert workloads.rules(recorder, policy, "ingress") == []


def test_a_restore_never_starts_by_itself_and_is_tried_once(objects: Objects) -> None:
    spec = objects()["CronJob/pipe-restore"]["spec"]
    assert spec["suspend"] is True
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0


def test_what_downloads_a_dump_has_no_password_and_what_restores_it_is_the_master(objects: Objects) -> None:
    spec = restore(objects())["spec"]
    [fetch], [container] = spec["initContainers"], spec["containers"]
    assert spec["serviceAccountName"] == "pipe-restore"
    assert fetch["command"] == ["sh", "/etc/pipe/scripts/fetch.sh"]
    assert container["command"] == ["sh", "/etc/pipe/scripts/restore.sh"]
    assert "/aws-cli:" in fetch["image"]
    assert "/postgres:" in container["image"]
    assert mounts(fetch) == {"scripts": "/etc/pipe/scripts", "scratch": "/scratch", "tmp": "/tmp"}
    assert mounts(container)["roles"] == "/etc/pipe/database"
    assert variables(fetch)["OBJECT"] == "latest.dump"
    assert variables(container)["DATABASE"] == "pipe_db"


def test_the_backup_gets_its_new_user_after_it_exists(objects: Objects, recorder: Recorder) -> None:
    objects()
    secret = ("kubernetes:core/v1:Secret", "data-jobs-backup-database")
    assert ("kubernetes:batch/v1:Job", "data-jobs-migrate") in recorder.dependencies[secret]
