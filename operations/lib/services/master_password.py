"""Rotation of the master password, which RDS manages in Secrets Manager.

The command never sees the password: RDS generates it, and the jobs that need it read it when they start.
"""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.database import instances
from operations.lib.database.instances import Instances
from operations.lib.errors import FailedError
from operations.lib.kubernetes.cluster import wait
from operations.lib.run_log import RunLog

ROTATE_SECONDS = 900
"""Seconds within which RDS must have set the new password."""
CURRENT = "AWSCURRENT"
"""Label of the version that Secrets Manager returns by default (Secrets Manager user guide, versions)."""


def rotate(log: RunLog, options: Options) -> None:
    """Make RDS set a new master password, and wait until the secret contains it.

    Raises FailedError if RDS does not manage the password, refuses or cannot rotate it, or takes too long.
    """
    identifier = instances.identifier(options)
    if options.dry_run:
        log.plan(f"would rotate the master password of the RDS instance {identifier}")
        return
    try:
        rds = sandbox_targets.aws(options, "rds")
        secret = _secret(rds, identifier)
        versions = _Versions(options, secret["SecretArn"])
        before = versions.current()
        _start(log, options, identifier)
        wait(
            f"the secret {secret['SecretArn']} has a new master password",
            lambda: versions.current() != before and _status(rds, identifier) == "active",
            ROTATE_SECONDS,
        )
    except (BotoCoreError, ClientError) as error:
        raise _not_rotated(identifier, error) from None
    log.line(f"{secret['SecretArn']} has a new version")


def _start(log: RunLog, options: Options, identifier: str) -> None:
    """Ask RDS for a new password; repeat the request while a permission for the key is not effective yet."""
    request = {"RotateMasterUserPassword": True, "ApplyImmediately": True}
    try:
        Instances(log, options).change("modify_db_instance", DBInstanceIdentifier=identifier, **request)
    except FailedError as error:
        raise _not_rotated(identifier, error) from None


def _not_rotated(identifier: str, reason: Exception) -> FailedError:
    return FailedError(
        f"the master password of {identifier} was not rotated: {reason}\n"
        "RDS also rotates it by itself every seven days. To try again, run the command again"
    )


class _Versions:
    """The versions of a secret, without their content."""

    def __init__(self, options: Options, arn: str) -> None:
        self._client, self._arn = sandbox_targets.aws(options, "secretsmanager"), arn

    def current(self) -> str:
        """Return the ID of the version that clients get; empty if there is none yet."""
        stages = self._client.describe_secret(SecretId=self._arn).get("VersionIdsToStages", {})
        return next((version for version, labels in stages.items() if CURRENT in labels), "")


def _secret(rds: Any, identifier: str) -> dict[str, str]:
    """Return the secret's description; raise FailedError if RDS does not manage the master password."""
    [instance] = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    if "MasterUserSecret" not in instance:
        raise FailedError(
            f"RDS does not manage the master password of {identifier}, perhaps after a restore from a"
            f" snapshot. To turn it on: aws rds modify-db-instance --db-instance-identifier {identifier}"
            f" --manage-master-user-password --master-user-secret-kms-key-id alias/{identifier}"
            " --apply-immediately"
        )
    return instance["MasterUserSecret"]


def _status(rds: Any, identifier: str) -> str:
    """Return the secret's status; raise FailedError if RDS cannot rotate it (RDS API, MasterUserSecret)."""
    secret = _secret(rds, identifier)
    if secret["SecretStatus"] == "impaired":
        raise FailedError(
            f"RDS cannot rotate {secret['SecretArn']}: its status is impaired. RDS has lost the access to the"
            " secret or to its KMS key; the database's events in the RDS console name the cause"
        )
    return secret["SecretStatus"]
