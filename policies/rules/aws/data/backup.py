"""AWS Backup rules: locks of vaults, and copies in another account."""

from collections.abc import Iterator

from pulumi_policy import Severity

from policies.engine.rule import Finding, Option, Options, Resource, Stack, Topic, Verdicts, expected
from policies.model.checks import guarded
from policies.model.references import referents

VAULT = ("aws:backup/vault:Vault",)
LOCK = ("aws:backup/vaultLockConfiguration:VaultLockConfiguration",)
POLICY = ("aws:backup/vaultPolicy:VaultPolicy",)
PLAN = ("aws:backup/plan:Plan",)
SELECTION = ("aws:backup/selection:Selection",)
ROLE = ("aws:iam/role:Role",)
BACKUP = Topic(
    framework="Project design",
    tags=("aws", "backup"),
    url="https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html",
    about=VAULT,
)


@BACKUP.stack_rule(
    "backup-vault-unlocked",
    severity=Severity.HIGH,
    controls=("Design: copies out of reach",),
    remediation=(
        "Add an aws.backup.VaultLockConfiguration; set changeableForDays if other accounts copy backups into "
        "the vault."
    ),
    options={
        "minRetentionDays": Option(
            default=0,
            schema={
                "type": "integer",
                "minimum": 0,
                "description": (
                    "The minimum of a lock's minRetentionDays; 0 also accepts locks without it, which keep "
                    "backups for as long as their plan says."
                ),
            },
        )
    },
)
def lock(stack: Stack, options: Options) -> Verdicts:
    """Require a lock for every backup vault, in compliance mode if other accounts copy backups into it."""
    for vault in stack.of(VAULT):
        locks = [*_of_vault(stack, LOCK, vault)]
        if not locks:
            remedy = "add an aws.backup.VaultLockConfiguration"
            yield Finding("the vault", "without a lock", remedy, urn=vault.urn)
        for own_lock in locks:
            yield from guarded(_short(own_lock, options["minRetentionDays"]), own_lock.urn)
        if any(_of_vault(stack, POLICY, vault)):
            for own_lock in locks:
                days = own_lock["changeableForDays"]
                if days.absent:
                    yield own_lock.attach(expected(days, "3 or more, after which nobody can remove the lock"))


def _short(own_lock: Resource, least: int) -> Verdicts:
    """Report a lock that enforces fewer days; without minRetentionDays, it enforces none."""
    days = own_lock["minRetentionDays"]
    if least and (days.number() or 0) < least:
        yield own_lock.attach(expected(days, f"{least} or more"))


@BACKUP.stack_rule(
    "backup-copy-missing",
    severity=Severity.HIGH,
    controls=("Design: copies out of reach",),
    remediation="Add an aws.backup.Plan whose copyActions name a vault in another account.",
    url="https://docs.aws.amazon.com/aws-backup/latest/devguide/create-cross-account-backup.html",
    options={
        "environments": Option(
            default=["prod"],
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "The environments whose backups must be copied to another account.",
            },
        )
    },
)
def copy(stack: Stack, options: Options) -> Verdicts:
    """Require copies in another account for backups of the configured environments with a deploy role."""
    copied = {plan["tags"]["env"].text() for plan in stack.of(PLAN) if _leaves_account(stack, plan)}
    for role in stack.of(ROLE):
        for environment in options["environments"]:
            name = role["name"]
            deploys = name.known and (name.text() or "").endswith(f"-{environment}-deploy")
            if deploys and environment not in copied:
                remedy = "add an aws.backup.Plan with a copy"
                yield Finding(
                    f"the backup of {environment}", "without a copy in another account", remedy, urn=role.urn
                )


def _of_vault(stack: Stack, types: tuple[str, ...], vault: Resource) -> Iterator[Resource]:
    """Yield the resources of these types that belong to a vault."""
    for resource in stack.of(types):
        if referents(resource, resource["backupVaultName"], (vault,), "name", "id"):
            yield resource


def _leaves_account(stack: Stack, plan: Resource) -> bool:
    """Return True if a plan copies backups to an account other than that of its selections' roles."""
    selections = [
        selection
        for selection in stack.of(SELECTION)
        if referents(selection, selection["planId"], (plan,), "id")
    ]
    accounts = {_account(selection["iamRoleArn"].text()) for selection in selections}
    targets = {
        _account(action["destinationVaultArn"].text())
        for rule in plan["rules"].items()
        for action in rule["copyActions"].items()
    }
    return bool(accounts) and bool(targets - accounts)


def _account(arn: str | None) -> str:
    """Return the account in an ARN; empty if there is none."""
    parts = (arn or "").split(":")
    return parts[4] if len(parts) > 4 else ""
