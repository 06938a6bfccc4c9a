"""Tests of the migration Job, and of the CronJobs for backup and restore."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from components.common.naming import Naming
from components.kubernetes.database_roles import salt, scram_verifier
from components.kubernetes.network_policies import NOT_PUBLIC
from tests.support.components import aws, workloads
from tests.support.components.fixtures import Recorder, Topic
from tests.support.components.workloads import SERVICE_CIDR, SUBNETS, Manifest, Objects, mounts, variables

Declare = Callable[..., Objects]
DIGEST = "sha256:05e27da35aec3ef50260332a6aa98138c3e90d9259886f8630a37bb0638a29dd"
JOB = "Job/pipe-migrate-05e27da35aec"
ROLES_JOB = "Job/pipe-database-roles-05e27da35aec"
JOB_TYPE = "kubernetes:batch/v1:Job"
IMAGE, ROLES, MIGRATE = ((JOB_TYPE, f"data-jobs-{job}") for job in ("image", "roles", "migrate"))


@pytest.fixture
def declare(declare_objects: Callable[..., Objects]) -> Declare:
    return partial(declare_objects, workloads.data_jobs)


def migration(objects: Objects) -> Manifest:
    return objects[JOB]["spec"]["template"]


def roles(objects: Objects) -> Manifest:
    return objects[ROLES_JOB]["spec"]["template"]


def cron(objects: Objects, name: str) -> tuple[Manifest, Manifest, Manifest]:
    """Return the pod spec of a CronJob, its first init container and its only container."""
    spec = objects[f"CronJob/{name}"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    [first, *_], [second] = spec["initContainers"], spec["containers"]
    return spec, first, second


@pytest.mark.parametrize(
    ("image", "name"),
    [(f"pipe/api@{DIGEST}", "pipe-migrate-05e27da35aec"), ("pipe/api:1.4.2", "pipe-migrate-1-4-2")],
)
def test_a_new_image_is_a_new_migration(declare: Declare, image: str, name: str) -> None:
    [migrate] = declare(image=image)[f"Job/{name}"]["spec"]["template"]["spec"]["containers"]
    assert (migrate["image"], migrate["command"]) == (image, ["npm", "run", "migrate:prod"])


def test_with_a_kept_schema_the_jobs_create_roles_and_migrate_nothing(declare: Declare) -> None:
    kept = declare(migrate=False)
    assert [container["command"] for container in migration(kept)["spec"]["containers"]] == [["true"]]
    assert kept[ROLES_JOB] == declare()[ROLES_JOB]


@pytest.mark.parametrize(("name", "resource"), [(ROLES_JOB, ROLES), (JOB, MIGRATE)])
def test_a_failed_or_older_job_is_deleted_first_and_a_finished_one_stays(
    declare: Declare, recorder: Recorder, name: str, resource: tuple[str, str]
) -> None:
    job = declare()[name]
    assert job["metadata"]["annotations"] == {"pulumi.com/replaceUnready": "true"}
    assert "ttlSecondsAfterFinished" not in job["spec"]
    assert job["spec"]["backoffLimit"] == 1
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert resource in recorder.deleted_first, "an older image must be able to come back"


def test_an_image_that_does_not_start_in_time_fails_before_roles_and_migration(
    declare: Declare, recorder: Recorder
) -> None:
    objects = declare()
    start = objects["Job/pipe-image-05e27da35aec"]
    [container] = start["spec"]["template"]["spec"]["containers"]
    [migrate] = migration(objects)["spec"]["containers"]
    assert (container["image"], container["command"]) == (migrate["image"], ["true"])
    assert start["spec"]["activeDeadlineSeconds"] == 300
    assert start["metadata"]["annotations"] == {"pulumi.com/replaceUnready": "true"}
    assert IMAGE in recorder.dependencies[ROLES] and ROLES in recorder.dependencies[MIGRATE]
    waits_for = recorder.dependencies[IMAGE]
    assert {name for _, name in waits_for} == {"data-jobs-image"}, "neither the database nor its roles"


def test_pulumi_waits_longer_than_each_job_may_take(declare: Declare, recorder: Recorder) -> None:
    objects = declare()
    seconds = [objects[name]["spec"]["activeDeadlineSeconds"] for name in (ROLES_JOB, JOB)]
    assert seconds == [600, 1800]
    timeouts = [recorder.create_timeouts[job] for job in (IMAGE, ROLES, MIGRATE)]
    assert timeouts == ["600s", "900s", "2100s"]


def test_the_job_that_creates_roles_reads_the_master_password_into_memory(declare: Declare) -> None:
    template = roles(declare())
    [master], [container] = template["spec"]["initContainers"], template["spec"]["containers"]
    assert (master["image"], master["command"]) == (
        "public.ecr.aws/aws-cli/aws-cli:2.31.0",
        ["sh", "/etc/pipe/scripts/master.sh"],
    )
    assert variables(master) == {
        "HOME": "/tmp",
        "SECRET_ARN": workloads.MASTER_SECRET,
        "DATABASE_HOST": "db.example",
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": "pipe_db",
        "DATABASE_USER": "pipe_admin",
        "PGSERVICEFILE": "/etc/pipe/master/pg_service.conf",
        "PGSERVICE": "pipe",
        "AWS_REGION": "ap-northeast-1",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://vpce-1.example",
    }
    assert mounts(master) == {"scripts": "/etc/pipe/scripts", "master": "/etc/pipe/master", "tmp": "/tmp"}
    assert variables(container) == {
        "HOME": "/tmp",
        "PGSERVICEFILE": "/etc/pipe/master/pg_service.conf",
        "PGSERVICE": "pipe",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/pipe/ca/rds-ca.pem",
    }
    assert mounts(container)["master"] == "/etc/pipe/master"
    [volume] = [volume for volume in template["spec"]["volumes"] if volume["name"] == "master"]
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Mi"}


def test_the_job_that_creates_roles_gets_verifiers_and_no_passwords(declare: Declare) -> None:
    objects = declare()
    [container] = roles(objects)["spec"]["containers"]
    assert " ".join(container["command"]) == (
        "psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=passwords=/etc/pipe/database"
        " --single-transaction --file=/etc/pipe/scripts/roles.sql"
    )
    assert mounts(container)["roles"] == "/etc/pipe/database"
    secret = objects["Secret/pipe-database-roles-verifiers"]["stringData"]
    for role in ("app", "migrate", "backup"):
        password = f"{role}-secret"
        assert secret[role] == scram_verifier(password, salt(role, password))
    assert secret.keys() == {"app", "migrate", "backup", "app_login", "backup_login"}
    assert re.fullmatch("app_[0-9a-f]{8}", secret["app_login"])


def test_no_pod_of_the_apis_image_can_read_the_master_password(
    declare: Declare, recorder: Recorder, naming: Naming, topic: Topic
) -> None:
    declare()
    workloads.declare(recorder, workloads.api, naming, topic)
    workloads.declare(recorder, aws.pod_identity, naming, topic)
    associations = recorder.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation").values()
    roles_by_account = {
        association["serviceAccount"]: association["roleArn"].rpartition("/")[2]
        for association in associations
    }
    accounts_of_image = {
        template["spec"]["serviceAccountName"]
        for _, template in workloads.pod_templates(recorder)
        if any("/pipe/api" in container["image"] for container in workloads.containers(template))
    }
    assert accounts_of_image == {"pipe-image", "pipe-migrate", "pipe-api"}
    assert roles_by_account.keys() & accounts_of_image == {"pipe-api"}
    # The tests of foundation's roles check that these two roles, and not the API's, read the password.
    assert roles_by_account["pipe-database-roles"] == "pipe-test-database-roles"
    assert roles_by_account["pipe-restore"] == "pipe-test-restore"


def test_the_migration_connects_as_its_own_role(declare: Declare) -> None:
    objects = declare()
    [migrate] = migration(objects)["spec"]["containers"]
    environment = variables(migrate)
    assert (environment["PGUSER"], environment["PGSSLMODE"]) == ("migrate", "verify-full")
    assert environment["NODE_EXTRA_CA_CERTS"] == "/etc/pipe/ca/rds-ca.pem"
    assert mounts(migrate) == {"database": "/etc/pipe/database", "ca": "/etc/pipe/ca", "tmp": "/tmp"}
    assert objects["Secret/pipe-migrate-database"]["stringData"] == {"password": "migrate-secret"}


def test_a_new_password_of_a_role_is_a_new_job(declare: Declare) -> None:
    before, after = declare(), declare(app_password="another-secret")
    assert workloads.changed_annotations(roles(before), roles(after)) == {"checksum/roles"}
    assert migration(before) == migration(after), "the migration connects as another role"


def test_jobs_keep_their_node(declare: Declare, recorder: Recorder) -> None:
    declare()
    for name, template in workloads.pod_templates(recorder):
        if not name.startswith("Job/pipe-image"):
            assert template["metadata"]["annotations"]["karpenter.sh/do-not-disrupt"] == "true", name


def test_the_backup_runs_once_on_time_in_utc(declare: Declare) -> None:
    spec = declare(schedule="5 1 * * *")["CronJob/pipe-backup"]["spec"]
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


def test_a_backup_dumps_with_a_password_and_uploads_without_one(declare: Declare, recorder: Recorder) -> None:
    objects = declare()
    spec, dump, upload = cron(objects, "pipe-backup")
    assert spec["serviceAccountName"] == "pipe-backup"
    assert dump["command"] == ["sh", "/etc/pipe/scripts/dump.sh"]
    assert upload["command"] == ["sh", "/etc/pipe/scripts/upload.sh"]
    assert "/postgres:" in dump["image"] and "/aws-cli:" in upload["image"]
    assert mounts(dump)["scratch"] == mounts(upload)["scratch"] == "/scratch"
    assert mounts(dump)["database"] == "/etc/pipe/database"
    assert "database" not in mounts(upload)
    assert variables(upload) == {
        "HOME": "/tmp",
        "SCRATCH": "/scratch",
        "BUCKET": "pipe-backup",
        "AWS_REGION": "ap-northeast-1",
    }
    [scratch] = [volume for volume in spec["volumes"] if volume["name"] == "scratch"]
    assert scratch["emptyDir"] == {"sizeLimit": "50Gi"}
    login = objects["Secret/pipe-database-roles-verifiers"]["stringData"]["backup_login"]
    service = objects["Secret/pipe-backup-database"]["stringData"]["pg_service.conf"]
    assert login.startswith("backup_") and f"user={login}\n" in service
    secret = ("kubernetes:core/v1:Secret", "data-jobs-backup-database")
    assert MIGRATE in recorder.dependencies[secret], "the migration creates the new user"


def test_jobs_reach_only_their_services_and_nothing_reaches_them(
    declare: Declare, recorder: Recorder
) -> None:
    declare()
    common: list[Any] = [([SERVICE_CIDR], ["UDP 53", "TCP 53"]), (SUBNETS.database, ["TCP 5432"])]
    public = f"0.0.0.0/0 except {', '.join(NOT_PUBLIC)}"
    to_s3 = [*common, (["169.254.170.23/32"], ["TCP 80"]), ([public], ["TCP 443"])]
    to_secrets = (SUBNETS.database, ["TCP 443"])
    for policy, egress in {
        "pipe-database-roles": [*to_s3[:-1], to_secrets],
        "pipe-migrate": common,
        "pipe-backup": to_s3,
        "pipe-restore": [*to_s3, to_secrets],
    }.items():
        assert workloads.rules(recorder, policy, "egress") == egress
        assert workloads.rules(recorder, policy, "ingress") == []


def test_a_restore_fetches_without_a_password_and_restores_as_the_master(declare: Declare) -> None:
    objects = declare()
    spec, fetch, container = cron(objects, "pipe-restore")
    [_, master] = spec["initContainers"]
    assert master == roles(objects)["spec"]["initContainers"][0]
    assert spec["serviceAccountName"] == "pipe-restore"
    assert fetch["command"] == ["sh", "/etc/pipe/scripts/fetch.sh"]
    assert container["command"] == ["sh", "/etc/pipe/scripts/restore.sh"]
    assert "/aws-cli:" in fetch["image"] and "/postgres:" in container["image"]
    assert mounts(fetch) == {"scripts": "/etc/pipe/scripts", "scratch": "/scratch", "tmp": "/tmp"}
    assert variables(roles(objects)["spec"]["containers"][0]).items() < variables(container).items()
    assert mounts(container)["roles"] == variables(container)["PASSWORDS"] == "/etc/pipe/database"
    assert variables(fetch)["OBJECT"] == "latest.dump"
    assert variables(container)["DATABASE"] == "pipe_db"
    cron_job = objects["CronJob/pipe-restore"]["spec"]
    assert cron_job["suspend"] is True, "a restore never starts by itself"
    assert cron_job["jobTemplate"]["spec"]["backoffLimit"] == 0
