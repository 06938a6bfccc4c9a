"""AWS Backup's vaults, with their locks and policies, which are emulated (AWS Backup API)."""

from sandbox.clouds.aws.records import Family
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

VAULT = Family(
    "Vault",
    lambda request: str(request.params.get("BackupVaultName", "")),
    taken="AlreadyExistsException",
)
VAULT_POLICY = Family("VaultPolicy", lambda request: f"{request.params['BackupVaultName']} policy", (VAULT,))

LONGEST_RETENTION = 36500
"""The longest retention, and the longest grace time of a lock, in days.

Source: AWS Backup API, PutBackupVaultLockConfiguration.
"""


def invalid(message: str) -> ErrorResponse:
    """Return the error for a value that AWS Backup does not allow."""
    return ErrorResponse(400, message, "InvalidParameterValueException")


@refuses("backup:PutBackupVaultLockConfiguration")
def invalid_retention(request: AwsRequest) -> None:
    """Refuse retention times that AWS Backup does not allow for a lock."""
    shortest, longest = (request.params.get(name) for name in ("MinRetentionDays", "MaxRetentionDays"))
    low, high = 1 if shortest is None else shortest, LONGEST_RETENTION if longest is None else longest
    if not 1 <= low <= high <= LONGEST_RETENTION:
        raise invalid(
            f"MinRetentionDays is {shortest} and MaxRetentionDays is {longest}: 1 to {LONGEST_RETENTION} are"
            " allowed, and the minimum must not exceed the maximum"
        )


@refuses("backup:PutBackupVaultLockConfiguration")
def invalid_grace_time(request: AwsRequest) -> None:
    """Refuse a grace time that AWS Backup does not allow for a lock."""
    days = request.params.get("ChangeableForDays")
    if days is not None and not 3 <= days <= LONGEST_RETENTION:
        raise invalid(
            f"ChangeableForDays is {days}: 3 to {LONGEST_RETENTION} are allowed, since a lock takes effect"
            " after at least 72 hours"
        )


def _vault_arn(request: AwsRequest) -> str:
    return request.arn(f"backup-vault:{request.params['BackupVaultName']}")


@emulates("backup:CreateBackupVault", creates=VAULT)
def create_backup_vault(request: AwsRequest) -> Json:
    """Create a vault."""
    vault: Json = {
        "EncryptionKeyArn": request.arn("alias/aws/backup", "kms"),
        "NumberOfRecoveryPoints": 0,
        "Locked": False,
        "VaultType": "BACKUP_VAULT",
        "VaultState": "AVAILABLE",
        **request.sent("BackupVaultTags", "CreatorRequestId"),
        "BackupVaultArn": _vault_arn(request),
        "CreationDate": request.now,
        "tags": request.params.get("BackupVaultTags") or {},
    }
    request.store(VAULT, vault)
    return {name: vault[name] for name in ("BackupVaultName", "BackupVaultArn", "CreationDate")}


@emulates("backup:DescribeBackupVault", needs=VAULT)
def describe_backup_vault(request: AwsRequest) -> Json:
    """Return a vault."""
    return request.record


@emulates("backup:ListBackupVaults")
def list_backup_vaults(request: AwsRequest) -> Json:
    """Return the vaults in the region."""
    return {"BackupVaultList": request.existing(VAULT)}


@emulates("backup:DeleteBackupVault", needs=VAULT)
def delete_backup_vault(request: AwsRequest) -> Json:
    """Delete a vault with its policy."""
    request.remove(VAULT)
    return {}


@emulates("backup:PutBackupVaultLockConfiguration", needs=VAULT)
def put_backup_vault_lock_configuration(request: AwsRequest) -> Json:
    """Lock a vault. In the sandbox the grace time never ends, so the lock can always be removed."""
    request.change("BackupVaultName", "ChangeableForDays", Locked=True)
    return {}


@emulates("backup:DeleteBackupVaultLockConfiguration", needs=VAULT)
def delete_backup_vault_lock_configuration(request: AwsRequest) -> Json:
    """Unlock a vault."""
    request.record["Locked"] = False
    for name in ("MinRetentionDays", "MaxRetentionDays"):
        request.record.pop(name, None)
    return {}


@emulates("backup:PutBackupVaultAccessPolicy", within=VAULT_POLICY)
def put_backup_vault_access_policy(request: AwsRequest) -> Json:
    """Set the policy of a vault."""
    request.store(VAULT_POLICY, {**request.sent(), "BackupVaultArn": _vault_arn(request)})
    return {}


@emulates("backup:GetBackupVaultAccessPolicy", needs=VAULT_POLICY)
def get_backup_vault_access_policy(request: AwsRequest) -> Json:
    """Return the policy of a vault."""
    return request.record


@emulates("backup:DeleteBackupVaultAccessPolicy", needs=VAULT_POLICY)
def delete_backup_vault_access_policy(request: AwsRequest) -> Json:
    """Delete the policy of a vault."""
    request.remove(VAULT_POLICY)
    return {}
