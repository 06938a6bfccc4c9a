"""Settings of the backup bucket and of the data jobs that fill it."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from components.settings.config_commands import set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.models import workload
from components.settings.models.workload import Resources
from components.settings.types import BucketName, Cron, Days, Image, Model, Region

NODE_DISK_GIB = 71
"""Disk of a node for pods: of the 80 GiB that EKS Auto Mode gives a node (EKS user guide, node class,
ephemeralStorage), the kubelet keeps 1 GiB and evicts pods when less than a tenth is free."""
POD_DISK_GIB = 1
"""Disk that a pod needs besides its scratch volume, for logs and /tmp."""


class BackupReplica(Model):
    """The copy of the backup bucket in a second region."""

    enabled: bool
    """True if there is a copy."""
    region: Annotated[Region, Field(examples=["ap-northeast-3"])]
    """The copy's region; another region than the stack's."""
    bucket: Annotated[BucketName, Field(examples=["pipe-backup-dev-replica"])]
    """The copy's name."""


class Backups(Model):
    """The backup bucket and the job that fills it."""

    bucket: BucketName
    """The bucket's name, unique in all of S3."""
    schedule: Cron
    """Start of the nightly dump; UTC."""
    image: Annotated[Image, Field(examples=["public.ecr.aws/docker/library/postgres:17.7-alpine3.22"])]
    """PostgreSQL client, at least the server's major version."""
    upload_image: Annotated[Image, Field(examples=["public.ecr.aws/aws-cli/aws-cli:2.31.0"])]
    """AWS command line, for the upload."""
    resources: Resources
    """Resources of each container of the data jobs: migration, dump, upload."""
    scratch_gib: Annotated[int, Field(ge=1, le=NODE_DISK_GIB - POD_DISK_GIB, examples=[50])]
    """Disk of a node for one dump, in GiB, at most what a node has for pods; a larger dump fails the job."""
    expire_days: Annotated[Days, Field(examples=[30])]
    """Days after which a dump is deleted."""
    lock_days: Annotated[int, Field(ge=0, le=3650)]
    """Days that governance object lock keeps a version; 0 sets no retention."""
    replica: BackupReplica

    @property
    def disk_gib(self) -> int:
        """Disk of a node that a job with a dump needs, in GiB."""
        return self.scratch_gib + POD_DISK_GIB


def check_lock(backups: Backups) -> Iterator[SettingFault]:
    """Refuse a lock that lasts until a dump expires: a locked dump cannot be deleted."""
    if backups.lock_days >= backups.expire_days:
        path = ("pipe:backups", "lockDays")
        allowed = f"below pipe:backups.expireDays ({backups.expire_days})"
        yield invalid_value(path, backups.lock_days, allowed, set_command(path, backups.expire_days - 1))


def check_replica_bucket(backups: Backups) -> Iterator[SettingFault]:
    """Refuse a copy with the name of the backup bucket."""
    copy = backups.replica.bucket
    if copy == backups.bucket:
        path = ("pipe:backups", "replica", "bucket")
        fix = set_command(path, f"{copy}-replica")
        yield invalid_value(path, copy, "another name than pipe:backups.bucket", fix)


def check_requests(backups: Backups) -> Iterator[SettingFault]:
    """Refuse a request above its limit."""
    return workload.check_requests("pipe:backups", backups.resources)


CHECKS = (check_lock, check_replica_bucket, check_requests)
