"""Settings of the backup bucket and of the data jobs."""

from collections.abc import Iterator
from math import ceil
from typing import Annotated

from pydantic import Field

from components.settings.config_commands import set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.models import workload
from components.settings.models.workload import Resources
from components.settings.types import BucketName, Cron, Days, Image, Model, Region

LEAST_NODE_DISK_GIB = 80
"""Default size of a node's disk, in GiB (EKS user guide, node class, ephemeralStorage)."""
RESERVED_DISK_GIB = 1
"""Disk space of a node that the kubelet reserves for the system, in GiB."""
POD_DISK_GIB = 1
"""Disk space that a pod needs besides its scratch volume, for logs and /tmp, in GiB."""
MOST_SCRATCH_GIB = 1000
"""Largest scratch volume, in GiB. A node's disk could have 59000 GiB (EKS user guide, node class), but every
node of the pool gets a disk of this size."""
DATA_JOB_SECONDS = 4 * 3600
"""Seconds that a backup or a restore may take, retries included."""
AWS_BACKUP_HOUR = 22
"""Hour in UTC at which AWS Backup copies the bucket and the database (foundation/backup_plan.py)."""


class BackupReplica(Model):
    """The copy of the backup bucket in a second region."""

    enabled: bool
    """True if S3 replicates the bucket to a second region."""
    region: Annotated[Region, Field(examples=["ap-northeast-3"])]
    """The region of the copy; it must differ from the stack's region."""
    bucket: Annotated[BucketName, Field(examples=["pipe-backup-dev-replica"])]
    """The name of the bucket that holds the copy."""


class Backups(Model):
    """The backup bucket, and the jobs that fill it and read from it."""

    bucket: BucketName
    """The bucket's globally unique name."""
    schedule: Cron
    """Schedule of the nightly dump, in UTC."""
    image: Annotated[Image, Field(examples=["public.ecr.aws/docker/library/postgres:17.7-alpine3.22"])]
    """Image with the PostgreSQL client; its major version must be at least the server's."""
    upload_image: Annotated[Image, Field(examples=["public.ecr.aws/aws-cli/aws-cli:2.31.0"])]
    """Image with the AWS CLI, for uploads and downloads of dumps."""
    resources: Resources
    """Resources of each container of the data jobs."""
    scratch_gib: Annotated[int, Field(ge=1, le=MOST_SCRATCH_GIB, examples=[50])]
    """Disk space for one dump, in GiB; a larger dump makes the job fail. Above 70, each node gets a larger
    disk."""
    expire_days: Annotated[Days, Field(examples=[30])]
    """Days after which a dump is deleted."""
    lock_days: Annotated[int, Field(ge=0, le=3650)]
    """Days for which S3 Object Lock (governance mode) protects a version; 0 sets no retention."""
    replica: BackupReplica

    @property
    def disk_gib(self) -> int:
        """Disk space that a job with a dump needs on its node, in GiB."""
        return self.scratch_gib + POD_DISK_GIB

    @property
    def node_disk_gib(self) -> int:
        """Disk of a node that has room for a job with a dump, in GiB.

        The kubelet evicts pods when less than a tenth of the disk is free (Kubernetes, node-pressure
        eviction: nodefs.available).
        """
        return max(LEAST_NODE_DISK_GIB, ceil((self.disk_gib + RESERVED_DISK_GIB) * 10 / 9))


def check_lock(backups: Backups) -> Iterator[SettingFault]:
    """Refuse a lock that lasts until a dump expires, since a locked dump cannot be deleted."""
    if backups.lock_days >= backups.expire_days:
        path = ("pipe:backups", "lockDays")
        allowed = f"below pipe:backups.expireDays ({backups.expire_days})"
        yield invalid_value(path, backups.lock_days, allowed, set_command(path, backups.expire_days - 1))


def check_replica_bucket(backups: Backups) -> Iterator[SettingFault]:
    """Refuse a copy whose bucket has the backup bucket's name."""
    copy = backups.replica.bucket
    if copy == backups.bucket:
        path = ("pipe:backups", "replica", "bucket")
        fix = set_command(path, f"{copy}-replica")
        yield invalid_value(path, copy, "a name other than pipe:backups.bucket", fix)


def check_schedule(backups: Backups) -> Iterator[SettingFault]:
    """Refuse a daily dump that could still run when AWS Backup copies the bucket.

    The copy in the shared account would then lack the dump of the day. If a schedule has several minutes or
    hours, an earlier dump of the day is in the bucket.
    """
    minute, hour = backups.schedule.split()[:2]
    if not (minute.isdigit() and hour.isdigit()):
        return
    end, latest = AWS_BACKUP_HOUR * 60, AWS_BACKUP_HOUR * 60 - DATA_JOB_SECONDS // 60
    if latest < int(hour) * 60 + int(minute) < end:
        path = ("pipe:backups", "schedule")
        start = f"{latest // 60}:{latest % 60:02}"
        allowed = (
            f"a start from {AWS_BACKUP_HOUR}:00 to {start} UTC: a dump may take {DATA_JOB_SECONDS // 3600}"
            f" hours, and AWS Backup copies the bucket at {AWS_BACKUP_HOUR}:00 UTC"
        )
        rest = backups.schedule.split(maxsplit=2)[2]
        fix = set_command(path, f"{latest % 60} {latest // 60} {rest}")
        yield invalid_value(path, backups.schedule, allowed, fix)


def check_requests(backups: Backups) -> Iterator[SettingFault]:
    """Refuse a request above its limit."""
    return workload.check_requests("pipe:backups", backups.resources)


CHECKS = (check_lock, check_replica_bucket, check_schedule, check_requests)
