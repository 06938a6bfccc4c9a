"""Steps that lead from an identity to a resource and its data, and from one resource to another."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sandbox.iam.evaluation import CHOSEN, ContextValue
from tools.iam.model import Hold, Kind, Resource, Step, Verb, World
from tools.iam.permissions import Need, is_allowed, premises

REFERENCE = "service authorization reference"


@dataclass(frozen=True)
class Use:
    """A way to gain a power over a resource of certain kinds, by performing all of some actions."""

    kinds: tuple[Kind, ...]
    verb: Verb
    actions: tuple[str, ...]
    on_contents: bool = False
    """True if the actions apply to the contents, such as objects."""
    source: str = REFERENCE
    context: Mapping[str, ContextValue] = field(default_factory=dict[str, ContextValue])


USES: tuple[Use, ...] = (
    Use(("bucket", "state"), "control", ("s3:PutBucketPolicy",)),
    Use(("bucket", "state"), "destroy", ("s3:DeleteObjectVersion",), on_contents=True),
    Use(("bucket", "state"), "destroy", ("s3:PutLifecycleConfiguration",)),
    Use(("key",), "control", ("kms:PutKeyPolicy",), source="KMS developer guide, key policies"),
    Use(("key",), "read", ("kms:Decrypt",)),
    Use(("key",), "read", ("kms:ReEncryptFrom",)),
    Use(
        ("key",),
        "read",
        ("kms:CreateGrant",),
        source="KMS developer guide, grants",
        # A grant that only an AWS service may make does not help the attacker.
        context={"kms:grantisforawsresource": "false"},
    ),
    Use(("key",), "destroy", ("kms:ScheduleKeyDeletion",)),
    Use(("secret",), "control", ("secretsmanager:PutResourcePolicy",)),
    Use(("secret",), "write", ("secretsmanager:PutSecretValue",)),
    Use(("database",), "read", ("rds:ModifyDBSnapshotAttribute",), on_contents=True),
    Use(("database",), "read", ("rds:RestoreDBInstanceFromDBSnapshot",), on_contents=True),
    Use(("database",), "read", ("rds:RestoreDBInstanceToPointInTime",)),
    Use(("database",), "read", ("rds:StartExportTask",), on_contents=True),
    Use(("database",), "write", ("rds:ModifyDBInstance",)),
    Use(("database",), "destroy", ("rds:DeleteDBInstance",)),
    Use(("registry",), "control", ("ecr:SetRepositoryPolicy",)),
    Use(("registry",), "write", ("ecr:PutImage",)),
    Use(("vault",), "control", ("backup:PutBackupVaultAccessPolicy",)),
    Use(("vault",), "read", ("backup:StartRestoreJob",), on_contents=True),
    Use(("vault",), "read", ("backup:StartCopyJob",), on_contents=True),
    Use(("vault",), "write", ("backup:CopyIntoBackupVault",)),
    Use(("vault",), "destroy", ("backup:DeleteRecoveryPoint",), on_contents=True),
    Use(("vault",), "destroy", ("backup:DeleteBackupVault",)),
    Use(("vault",), "destroy", ("backup:UpdateRecoveryPointLifecycle",), on_contents=True),
    Use(("trail",), "destroy", ("cloudtrail:StopLogging",)),
    Use(("trail",), "destroy", ("cloudtrail:DeleteTrail",)),
    Use(("trail",), "destroy", ("cloudtrail:PutEventSelectors",)),
    Use(("trail",), "destroy", ("cloudtrail:UpdateTrail",)),
)
"""Ways to use a resource that do not need the key of its contents."""

ENCRYPTED: tuple[tuple[tuple[Kind, ...], Verb, str, str, str], ...] = (
    (("bucket", "state"), "read", "s3:GetObject", "kms:Decrypt", "s3"),
    (("bucket", "state"), "write", "s3:PutObject", "kms:GenerateDataKey", "s3"),
    (("secret",), "read", "secretsmanager:GetSecretValue", "kms:Decrypt", "secretsmanager"),
)
"""Kinds, power, action, action on the contents' key, and the service through which the key is used."""

TAGGING: Mapping[Kind, tuple[str, ...]] = {
    "bucket": ("s3:PutBucketTagging", "s3:TagResource"),
    "state": ("s3:PutBucketTagging", "s3:TagResource"),
    "cluster": ("eks:TagResource",),
    "database": ("rds:AddTagsToResource",),
    "key": ("kms:TagResource", "kms:CreateAlias", "kms:UpdateAlias"),
    "registry": ("ecr:TagResource",),
    "secret": ("secretsmanager:TagResource",),
    "vault": ("backup:TagResource",),
}
"""Actions that change tags, or a key's aliases, on which conditions of policies may depend."""


def retag(world: World) -> Iterator[Step]:
    """Yield a step for each resource whose tags or aliases a principal may change."""
    for resource in world.resources.values():
        for principal in world.principals.values():
            for action in TAGGING.get(resource.kind, ()):
                if is_allowed(world, principal, Need(action=action, resource=resource)):
                    premise = frozenset((Hold("act as", principal.arn),))
                    yield Step(premise, Hold("retag", resource.id), action, REFERENCE)
                    break


def use_actions(world: World) -> Iterator[Step]:
    """Yield the steps of USES: a principal reads, writes, destroys or controls a resource."""
    for use in USES:
        for resource in world.of_kind(*use.kinds):
            if use.verb == "destroy" and resource.locked:
                continue
            gain = Hold(use.verb, resource.id)
            for principal in world.principals.values():
                needs = [_need(action, resource, use) for action in use.actions]
                for needed in premises(world, principal, needs):
                    yield Step(needed, gain, ", ".join(use.actions), use.source)


def replace_policies(world: World) -> Iterator[Step]:
    """Yield the steps of an attacker who replaces a resource's policy with one that grants everything.

    The attacker then uses the resource from an account of its own. Encrypted contents need their key too.
    """
    for resource in world.resources.values():
        controlled = frozenset((Hold("control", resource.id),))
        verbs = ("read", "write", "destroy") if resource.kind in REPLACEABLE else ()
        for verb in verbs:
            if verb == "destroy" and resource.locked:
                continue
            key = {Hold("read", resource.key)} if resource.key and verb != "destroy" else set[Hold]()
            yield Step(controlled | key, Hold(verb, resource.id), "a new resource policy", REFERENCE)


REPLACEABLE: tuple[Kind, ...] = ("bucket", "key", "registry", "secret", "state", "vault")
"""Kinds of resources with a resource policy."""


def _need(action: str, resource: Resource, use: Use) -> Need:
    arn = resource.contents if use.on_contents else ""
    return Need(action=action, resource=resource, arn=arn, context=use.context)


def open_databases(world: World) -> Iterator[Step]:
    """Yield the steps to the data of a database, with its master password or with a new one."""
    source = "RDS user guide, password management with Secrets Manager"
    for database in world.of_kind("database"):
        written = frozenset((Hold("write", database.id),))
        yield Step(written, Hold("read", database.id), "a new master password", source)
    for secret in world.of_kind("secret"):
        if secret.opens:
            known = frozenset((Hold("read", secret.id),))
            yield Step(known, Hold("read", secret.opens), "the master password", source)


def read_encrypted_contents(world: World) -> Iterator[Step]:
    """Yield the steps of ENCRYPTED: a principal that may use the key reads or writes the contents."""
    for kinds, verb, action, key_action, service in ENCRYPTED:
        for resource in world.of_kind(*kinds):
            key = world.resources.get(resource.key)
            region = key.arn.split(":")[3] if key else ""
            via: dict[str, ContextValue] = {
                "kms:viaservice": f"{service}.{region}.amazonaws.com",
                "kms:encryptioncontext:*": CHOSEN,
            }
            contents = Need(action=action, resource=resource, arn=resource.contents)
            gain = Hold(verb, resource.id)
            for principal in world.principals.values():
                ways = list(premises(world, principal, [contents]))
                if key is None:
                    yield from (Step(needed, gain, action, REFERENCE) for needed in ways)
                    continue
                acting = Hold("act as", principal.arn)
                ways.append(frozenset((acting, Hold("control", resource.id))))
                key_need = Need(action=key_action, resource=key, context=via)
                for with_key in premises(world, principal, [key_need]):
                    for needed in ways:
                        yield Step(needed | with_key, gain, f"{action}, {key_action}", REFERENCE)
                for needed in ways[:-1]:
                    yield Step(needed | {Hold("read", key.id)}, gain, action, REFERENCE)
