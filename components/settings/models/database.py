"""Settings of the database."""

from collections.abc import Iterator
from math import ceil
from typing import Annotated, Literal

from pydantic import Field

from components.settings.config_commands import set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.types import LogRetentionDays, Model, string

CA_IDENTIFIER = "rds-ca-rsa2048-g1"
"""Certificate authority of the server's certificate; its root certificate is in
components/kubernetes/assets/rds_ca.pem.
"""


class Database(Model):
    """The RDS PostgreSQL instance."""

    engine_version: Annotated[
        str,
        string(
            r"^1[5-7]$",
            'a major version of PostgreSQL, "15" to "17" in quotes; RDS chooses the minor version',
            "17",
        ),
    ]
    """The major version of PostgreSQL; RDS chooses and upgrades the minor version."""
    instance_class: Annotated[
        str,
        string(r"^db\.[a-z0-9]+\.[a-z0-9]+$", "an RDS instance class, such as db.t4g.small", "db.t4g.small"),
    ]
    """The RDS instance class, which determines CPU and memory."""
    storage_gib: Annotated[int, Field(ge=20, le=65536)]
    """Storage at creation, in GiB (gp3)."""
    max_storage_gib: Annotated[int, Field(ge=20, le=65536, examples=[100])]
    """Limit of storage autoscaling, in GiB."""
    multi_az: bool
    """True if RDS keeps a standby instance in another zone."""
    backup_retention_days: Annotated[int, Field(ge=1, le=35, examples=[7])]
    """Days for which point-in-time recovery is possible (RDS allows at most 35)."""
    deletion_protection: Annotated[bool, Field(examples=[True])]
    """True if RDS refuses to delete the instance."""
    insights_retention_days: Literal[7, 31, 62, 93, 124, 155, 186, 217, 248, 279, 310, 341, 372, 403, 731]
    """Days for which Performance Insights keeps its history (7 days are free)."""
    log_retention_days: LogRetentionDays
    """Days for which CloudWatch keeps the server's logs."""
    apply_immediately: Annotated[bool, Field(examples=[False])]
    """True if RDS applies a new class, storage size or standby at once instead of in the maintenance window.

    A new class interrupts the database for about a minute."""
    max_connections: Annotated[int, Field(ge=50, le=5000, examples=[100])]
    """The server's max_connections; a GiB of memory is enough for about 110 connections (RDS)."""


def check_storage_limit(database: Database) -> Iterator[SettingFault]:
    """Refuse a storage autoscaling limit that is less than 10% above the initial storage (RDS)."""
    least = ceil(database.storage_gib * 11 / 10)
    if database.max_storage_gib < least:
        path = ("pipe:database", "maxStorageGib")
        allowed = (
            f"at least {least}, a tenth more than pipe:database.storageGib ({database.storage_gib}; RDS)"
        )
        yield invalid_value(path, database.max_storage_gib, allowed, set_command(path, least))


CHECKS = (check_storage_limit,)
