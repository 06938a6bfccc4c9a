"""RDS instances of a stack that is about to be destroyed."""

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.database import kept_instances
from operations.lib.database.instances import Description
from operations.lib.errors import RefusedError


def instances(options: Options) -> list[Description]:
    """Return all instances in the stack's account and region."""
    pages = sandbox_targets.aws(options, "rds").get_paginator("describe_db_instances").paginate()
    return [instance for page in pages for instance in page["DBInstances"]]


def kept(options: Options) -> list[Description]:
    """Return the instances that a recovery or a rehearsal left besides the stack's own."""
    return kept_instances.of_stack(options, instances(options))


def refuse_kept(options: Options) -> None:
    """Raise RefusedError if a kept instance exists.

    RDS deletes no subnet group that an instance uses (RDS API, DeleteDBSubnetGroup), so the destruction would
    fail halfway.
    """
    names = [instance["DBInstanceIdentifier"] for instance in kept(options)]
    if names:
        commands = "\n  ".join(kept_instances.deletion_command(options, name) for name in names)
        raise RefusedError(
            f"these databases use the network of {options.stack}, so it cannot be destroyed:"
            f" {', '.join(names)}\nDelete them first; each leaves a final snapshot:\n  {commands}"
        )


def is_protected(options: Options, identifier: str) -> bool:
    """Return True if the instance exists and RDS protects it from deletion."""
    return any(
        instance["DBInstanceIdentifier"] == identifier and instance["DeletionProtection"]
        for instance in instances(options)
    )


def unprotect(options: Options, identifier: str) -> None:
    """Switch off the deletion protection of an instance."""
    sandbox_targets.aws(options, "rds").modify_db_instance(
        DBInstanceIdentifier=identifier, DeletionProtection=False, ApplyImmediately=True
    )
