"""Settings of the database."""

from collections.abc import Iterator
from math import ceil
from typing import Annotated, Literal

from pydantic import Field

from components.settings.config_commands import set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.types import LogRetentionDays, Model, string


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
    """The major version; RDS chooses the minor one and upgrades it."""
    instance_class: Annotated[
        str,
        string(r"^db\.[a-z0-9]+\.[a-z0-9]+$", "an RDS instance class, such as db.t4g.small", "db.t4g.small"),
    ]
    """Processor and memory, as RDS names them."""
    storage_gib: Annotated[int, Field(ge=20, le=65536)]
    """Storage at creation, in GiB (gp3)."""
    max_storage_gib: Annotated[int, Field(ge=20, le=65536, examples=[100])]
    """Limit of storage autoscaling, in GiB."""
    multi_az: bool
    """True if a standby waits in another zone."""
    backup_retention_days: Annotated[int, Field(ge=1, le=35, examples=[7])]
    """Days of point-in-time recovery (RDS allows 35)."""
    deletion_protection: Annotated[bool, Field(examples=[True])]
    """True if RDS refuses to delete the instance."""
    insights_retention_days: Literal[7, 31, 62, 93, 124, 155, 186, 217, 248, 279, 310, 341, 372, 403, 731]
    """Days of Performance Insights history (7 is free)."""
    log_retention_days: LogRetentionDays
    """Days that CloudWatch keeps the server's logs."""
    max_connections: Annotated[int, Field(ge=50, le=5000, examples=[100])]
    """max_connections of the server; about 110 fit into a GiB of memory (RDS)."""


def check_storage_limit(database: Database) -> Iterator[SettingFault]:
    """Refuse a limit of storage autoscaling less than a tenth above the storage (RDS)."""
    least = ceil(database.storage_gib * 11 / 10)
    if database.max_storage_gib < least:
        path = ("pipe:database", "maxStorageGib")
        allowed = (
            f"at least {least}, a tenth more than pipe:database.storageGib ({database.storage_gib}; RDS)"
        )
        yield invalid_value(path, database.max_storage_gib, allowed, set_command(path, least))


CHECKS = (check_storage_limit,)
