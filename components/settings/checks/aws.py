"""AWS settings that contradict each other."""

import re
from collections.abc import Iterator
from math import ceil

from components.settings.errors import Fault, set_to, wrong
from components.settings.stack import Settings
from components.settings.types import version


def region(s: Settings) -> Iterator[Fault]:
    """The provider works where the names say."""
    if s.aws_region != s.service.region:
        path = ("aws:region",)
        allowed = f"{s.service.region}, as pipe:service.region"
        yield wrong(path, s.aws_region, allowed, set_to(path, s.service.region))


def allowed_accounts(s: Settings) -> Iterator[Fault]:
    """Keep the provider in the account that the names and ARNs speak of."""
    for index, account in enumerate(s.aws_allowed_account_ids):
        if account != s.service.account:
            path = ("aws:allowedAccountIds", index)
            allowed = f"{s.service.account}, as pipe:service.account"
            yield wrong(path, account, allowed, set_to(path, s.service.account))


def operators(s: Settings) -> Iterator[Fault]:
    """Refuse a cluster that nobody can enter while there is no pipeline.

    The cluster makes no administrator of its creator (bootstrapClusterCreatorAdminPermissions is false), and
    the deploy role has access, but only jobs on GitHub can take it.
    """
    if not s.cluster.operators:
        path = ("pipe:cluster", "operators")
        allowed = (
            "the role pipe-operators of foundation, and the IAM role or user that runs the first `up`: "
            "the creator of a cluster gets no access by itself"
        )
        role = f"arn:aws:iam::{s.service.account}:role/pipe-operators"
        yield wrong(path, [], allowed, set_to((*path, 0), role))


def connection(s: Settings) -> Iterator[Fault]:
    """CodeBuild reads a connection of its own account."""
    account = s.runner.connection_arn.split(":")[4]
    if account != s.service.account:
        path = ("pipe:runner", "connectionArn")
        allowed = f"a connection of pipe:service.account ({s.service.account})"
        own = s.runner.connection_arn.replace(account, s.service.account, 1)
        yield wrong(path, s.runner.connection_arn, allowed, set_to(path, own))


def storage(s: Settings) -> Iterator[Fault]:
    """RDS: the limit of storage autoscaling is at least a tenth above the storage."""
    least = ceil(s.database.storage_gib * 11 / 10)
    if s.database.max_storage_gib < least:
        path = ("pipe:database", "maxStorageGib")
        allowed = (
            f"at least {least}, a tenth more than pipe:database.storageGib ({s.database.storage_gib}; RDS)"
        )
        yield wrong(path, s.database.max_storage_gib, allowed, set_to(path, least))


def dump_client(s: Settings) -> Iterator[Fault]:
    """pg_dump refuses a server of a later major version (PostgreSQL, pg_dump)."""
    server = int(s.database.engine_version)
    client = re.match(r"\d+", version(s.backups.image))
    if client and int(client[0]) < server:
        path = ("pipe:backups", "image")
        allowed = f"PostgreSQL {server} or later, as pipe:database.engineVersion ({server})"
        name = s.backups.image.partition("@")[0].removesuffix(f":{version(s.backups.image)}")
        yield wrong(path, s.backups.image, allowed, set_to(path, f"{name}:{server}"))


def lock(s: Settings) -> Iterator[Fault]:
    """A dump that is still locked cannot expire."""
    if s.backups.lock_days >= s.backups.expire_days:
        path = ("pipe:backups", "lockDays")
        allowed = f"below pipe:backups.expireDays ({s.backups.expire_days})"
        yield wrong(path, s.backups.lock_days, allowed, set_to(path, s.backups.expire_days - 1))


def replica(s: Settings) -> Iterator[Fault]:
    """The copy survives the region, and has a name of its own."""
    copy = s.backups.replica
    if copy.region == s.service.region:
        path = ("pipe:backups", "replica", "region")
        other = "ap-northeast-1" if copy.region == "ap-northeast-3" else "ap-northeast-3"
        yield wrong(path, copy.region, "another region than pipe:service.region", set_to(path, other))
    if copy.bucket == s.backups.bucket:
        path = ("pipe:backups", "replica", "bucket")
        yield wrong(
            path, copy.bucket, "another name than pipe:backups.bucket", set_to(path, f"{copy.bucket}-replica")
        )


CHECKS = (region, allowed_accounts, operators, connection, storage, dump_client, lock, replica)
