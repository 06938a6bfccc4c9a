"""Containers of the data jobs, each with one command and its mounts."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from components.kubernetes import pods
from components.kubernetes.database_client import (
    CA_DIR,
    MASTER_DIR,
    SECRET_DIR,
    DatabaseEndpoint,
    libpq_variables,
    master_client_variables,
)
from components.kubernetes.database_roles import SCRIPT
from components.settings.models.backups import Backups

SCRIPTS = "/etc/pipe/scripts"
SCRATCH = "/scratch"
LATEST = "latest.dump"
"""Object key of the last verified dump, from the deployment guide."""


def container(
    name: str,
    image: str,
    settings: Backups,
    command: Sequence[str],
    variables: Mapping[str, pulumi.Input[str]],
    mounts: Sequence[kubernetes.core.v1.VolumeMountArgs],
) -> kubernetes.core.v1.ContainerArgs:
    """Build a container of a job; its home directory is /tmp, which every container may write to.

    A container that mounts the scratch volume requests disk space: the scheduler ignores the sizeLimit of an
    emptyDir, so a pod without the request can start on a node with a full disk and be evicted.
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


def master(
    settings: Backups, database: DatabaseEndpoint, region: str, secrets_url: pulumi.Input[str]
) -> kubernetes.core.v1.ContainerArgs:
    """Build the container that reads the master password with the pod's AWS identity.

    It writes the master user's connection to a volume in memory (assets/master.sh).
    """
    return container(
        "master",
        settings.upload_image,
        settings,
        ["sh", f"{SCRIPTS}/master.sh"],
        {
            **database.master_variables(),
            "AWS_REGION": region,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets_url,
        },
        [pods.mount("scripts", SCRIPTS), pods.writable("master", MASTER_DIR)],
    )


def roles(settings: Backups) -> kubernetes.core.v1.ContainerArgs:
    """Build the container that creates or updates the database roles, as the master user."""
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
        master_client_variables(),
        [
            pods.mount("master", MASTER_DIR),
            pods.mount("roles", SECRET_DIR),
            pods.mount("scripts", SCRIPTS),
            pods.mount("ca", CA_DIR),
        ],
    )


def migrate(
    image: str, settings: Backups, database: DatabaseEndpoint, *, run: bool
) -> kubernetes.core.v1.ContainerArgs:
    """Build the container that migrates the schema with the deployment guide's command: npm run migrate:prod.

    If `run` is false, the container exits at once.
    """
    return container(
        "migrate",
        image,
        settings,
        ["npm", "run", "migrate:prod"] if run else ["true"],
        {
            "NODE_ENV": "production",
            # npm writes its cache and logs to /tmp, and does not check for its own updates.
            "npm_config_cache": f"{pods.TEMPORARY}/npm",
            "npm_config_update_notifier": "false",
            **database.variables(),
            "PGUSER": "migrate",
        },
        [pods.mount("database", SECRET_DIR), pods.mount("ca", CA_DIR)],
    )


def start(image: str, settings: Backups) -> kubernetes.core.v1.ContainerArgs:
    """Build the container that runs `true` in the API's image, which proves that the image starts."""
    return container("start", image, settings, ["true"], {}, [])


def dump(settings: Backups) -> kubernetes.core.v1.ContainerArgs:
    """Build the container that dumps the database to the scratch volume and checks the dump."""
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
    """Build the container that uploads the dump with the pod's AWS identity, without database credentials."""
    return container(
        "upload",
        settings.upload_image,
        settings,
        ["sh", f"{SCRIPTS}/upload.sh"],
        {"SCRATCH": SCRATCH, "BUCKET": bucket, "AWS_REGION": region},
        [pods.mount("scripts", SCRIPTS), pods.writable("scratch", SCRATCH)],
    )


def fetch(settings: Backups, bucket: pulumi.Input[str], region: str) -> kubernetes.core.v1.ContainerArgs:
    """Build the container that downloads and verifies a dump, without database credentials."""
    return container(
        "fetch",
        settings.upload_image,
        settings,
        ["sh", f"{SCRIPTS}/fetch.sh"],
        {"SCRATCH": SCRATCH, "BUCKET": bucket, "AWS_REGION": region, "OBJECT": LATEST, "AT": ""},
        [pods.mount("scripts", SCRIPTS), pods.writable("scratch", SCRATCH)],
    )


def restore(settings: Backups, database: DatabaseEndpoint) -> kubernetes.core.v1.ContainerArgs:
    """Build the container that restores the dump into a new database and checks it, as the master user."""
    return container(
        "restore",
        settings.image,
        settings,
        ["sh", f"{SCRIPTS}/restore.sh"],
        {
            "SCRATCH": SCRATCH,
            "DATABASE": database.database,
            "STAMP": "",
            "PASSWORDS": SECRET_DIR,
            **master_client_variables(),
        },
        [
            pods.mount("master", MASTER_DIR),
            pods.mount("roles", SECRET_DIR),
            pods.mount("scripts", SCRIPTS),
            pods.mount("ca", CA_DIR),
            pods.writable("scratch", SCRATCH),
        ],
    )
