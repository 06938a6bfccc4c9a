"""Settings of the backup vaults, which only the shared account has."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from components.settings.config_commands import set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.types import AccountId, DnsLabel, Model, entries

MAX_DAYS = 36500
"""AWS Backup's limit for the days of a lock (AWS Backup API, PutBackupVaultLockConfiguration)."""


class VaultOwner(Model):
    """An environment whose backups are copied into a vault of the shared account."""

    environment: DnsLabel
    """Name of the environment; its vault is named pipe-<environment>."""
    account: AccountId
    """The environment's account, the only one that may copy backups into the vault."""


class Vaults(Model):
    """The vaults with the copies of the other accounts' backups."""

    owners: Annotated[list[VaultOwner], entries(1)]
    """The environments with a vault."""
    changeable_for_days: Annotated[int, Field(ge=3, le=MAX_DAYS)] = 14
    """Days until the locks are final. Then nobody can change or remove them, not even the root user."""
    min_retention_days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = 7
    """The shortest retention of a copy, in days; a copy with a shorter one is refused."""
    max_retention_days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = 400
    """The longest retention of a copy, in days; a copy with a longer one is refused."""


def check_retention(key: str, vaults: Vaults) -> Iterator[SettingFault]:
    """Refuse a maximum retention below the minimum."""
    if vaults.max_retention_days < vaults.min_retention_days:
        path = (key, "maxRetentionDays")
        allowed = f"at least {key}.minRetentionDays ({vaults.min_retention_days})"
        yield invalid_value(
            path, vaults.max_retention_days, allowed, set_command(path, vaults.min_retention_days)
        )
