"""The containers of the data jobs: each one command, hardened, with what it reads and writes."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from components.kubernetes import pods
from components.kubernetes.database_client import CA_DIR, SECRET_DIR, DatabaseEndpoint, libpq_variables
from components.kubernetes.database_roles import SCRIPT
from components.settings.backups import Backups

SCRIPTS = "/etc/pipe/scripts"
SCRATCH = "/scratch"
LATEST = "latest.dump"
"""The key of the last good dump, as the deployment guide has it."""


def container(
    name: str,
    image: str,
    settings: Backups,
    command: Sequence[str],
    variables: Mapping[str, pulumi.Input[str]],
    mounts: Sequence[kubernetes.core.v1.VolumeMountArgs],
) -> kubernetes.core.v1.ContainerArgs:
    """A container of a job; its home is /tmp, the one place every container of ours may write to.

    One that mounts the scratch volume requests its room: the scheduler does not count the sizeLimit of an
    emptyDir, so a pod without the request can land on a node whose disk is full, and is evicted there.
    """
    scratch = any(mount.mount_path == SCRATCH for mount in mounts)
    return kubernetes.core.v1.ContainerArgs(
        name=name,
        image=image,
        image_pull_policy="Always",
        command=list(command),
        env=pods.variables({"HOME": pods.TEMPORARY, **variables}),
        resources=pods.resources(settings.resources, settings.disk_gib if scratch else None),
        security_context=pods.container_security(),
        volume_mounts=[*mounts, pods.writable("tmp", pods.TEMPORARY)],
    )


def roles(settings: Backups) -> kubernetes.core.v1.ContainerArgs:
    """Makes the database's roles, as the master user; the only container that has its password."""
    return container(
        "roles",
        settings.image,
        settings,
        [
            "psql",
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            f"--set=passwords={SECRET_DIR}",
            "--single-transaction",
            f"--file={SCRIPTS}/{SCRIPT}",
        ],
        libpq_variables(),
        [pods.mount("roles", SECRET_DIR), pods.mount("scripts", SCRIPTS), pods.mount("ca", CA_DIR)],
    )


def migrate(
    image: str, settings: Backups, database: DatabaseEndpoint, *, run: bool
) -> kubernetes.core.v1.ContainerArgs:
    """Brings the schema to the image's version, as the deployment guide does: npm run migrate:prod.

    Without `run` nothing: the database stays as it is.
    """
    return container(
        "migrate",
        image,
        settings,
        ["npm", "run", "migrate:prod"] if run else ["true"],
        {
            "NODE_ENV": "production",
            # npm writes its cache and logs there, and asks nobody for a newer npm.
            "npm_config_cache": f"{pods.TEMPORARY}/npm",
            "npm_config_update_notifier": "false",
            **database.variables(),
            "PGUSER": "migrate",
        },
        [pods.mount("database", SECRET_DIR), pods.mount("ca", CA_DIR)],
    )


def start(image: str, settings: Backups) -> kubernetes.core.v1.ContainerArgs:
    """Start the image and end at once."""
    return container("start", image, settings, ["true"], {}, [])


def dump(settings: Backups) -> kubernetes.core.v1.ContainerArgs:
    """Dumps the database to the scratch volume and checks the dump."""
    return container(
        "dump",
        settings.image,
        settings,
        ["sh", f"{SCRIPTS}/dump.sh"],
        {"SCRATCH": SCRATCH, **libpq_variables()},
        [
            pods.mount("database", SECRET_DIR),
            pods.mount("scripts", SCRIPTS),
            pods.mount("ca", CA_DIR),
            pods.writable("scratch", SCRATCH),
        ],
    )


def upload(settings: Backups, bucket: pulumi.Input[str], region: str) -> kubernetes.core.v1.ContainerArgs:
    """Uploads the dump with the pod's identity; the database is out of its reach."""
    return container(
        "upload",
        settings.upload_image,
        settings,
        ["sh", f"{SCRIPTS}/upload.sh"],
        {"SCRATCH": SCRATCH, "BUCKET": bucket, "AWS_REGION": region},
        [pods.mount("scripts", SCRIPTS), pods.writable("scratch", SCRATCH)],
    )


def fetch(settings: Backups, bucket: pulumi.Input[str], region: str) -> kubernetes.core.v1.ContainerArgs:
    """Downloads a dump with the pod's identity and checks it; the database is out of its reach."""
    return container(
        "fetch",
        settings.upload_image,
        settings,
        ["sh", f"{SCRIPTS}/fetch.sh"],
        {"SCRATCH": SCRATCH, "BUCKET": bucket, "AWS_REGION": region, "OBJECT": LATEST, "AT": ""},
        [pods.mount("scripts", SCRIPTS), pods.writable("scratch", SCRATCH)],
    )


def restore(settings: Backups, database: DatabaseEndpoint) -> kubernetes.core.v1.ContainerArgs:
    """Restores the dump into a new database, as the master user, who may make one."""
    return container(
        "restore",
        settings.image,
        settings,
        ["sh", f"{SCRIPTS}/restore.sh"],
        {"SCRATCH": SCRATCH, "DATABASE": database.database, "STAMP": "", **libpq_variables()},
        [
            pods.mount("roles", SECRET_DIR),
            pods.mount("scripts", SCRIPTS),
            pods.mount("ca", CA_DIR),
            pods.writable("scratch", SCRATCH),
        ],
    )
