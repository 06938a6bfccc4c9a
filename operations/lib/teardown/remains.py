"""Resources that stay after a stack's destruction, with their cost per month."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.database import kept_instances
from operations.lib.services.buckets import Contents
from operations.lib.stack_state import Resource, name_of
from operations.lib.teardown import databases, plan
from review.cost import price_table

LOG_GROUPS = ("/aws/eks/{}/", "/aws/rds/instance/{}-")
"""Prefixes of log groups that EKS or RDS creates again for a late log (docs/sandbox-details.md)."""
FREE = (
    "free: KMS keys that end in 30 days (no charge while they wait: aws.amazon.com/kms/pricing), Cloudflare's"
    " zone with its settings, an empty instance profile eks-…",
    "the account's foundation stays, with roles, state and backup vaults: docs/cost.md",
)
"""Lines about other things that stay."""


@dataclass(frozen=True, kw_only=True)
class Remain:
    """A resource that stays, with the reason and the price."""

    name: str
    reason: str
    month: float | None
    """US dollars a month without tax; None if the price depends on use."""

    def __str__(self) -> str:
        price = "cost depends on use" if self.month is None else f"{self.month:.2f} USD a month"
        return f"{self.name}: {price}; {self.reason}"


def of_state(resources: Sequence[Resource], contents: Mapping[str, Contents]) -> Iterator[Remain]:
    """Yield the buckets with dumps and their keys, if the state has them; `contents` is by bucket name."""
    kept = set(plan.dump_urns(resources))
    for resource in resources:
        if resource["urn"] not in kept:
            continue
        if resource["type"] in plan.BUCKETS:
            bucket = str(resource["outputs"]["bucket"])
            yield Remain(name=f"bucket {bucket}", reason=f"dumps: {contents[bucket]}", month=None)
        elif resource["type"] == plan.KEY:
            reason = "the dumps cannot be read without it"
            yield Remain(name=f"KMS key {name_of(resource['urn'])}", reason=reason, month=key_month())


def of_account(options: Options, database: Resource | None) -> Iterator[Remain]:
    """Yield instances that a recovery kept, the database's snapshots, and the keys of the snapshots.

    The snapshots' names follow from the environment, so that a repeated run also lists them. `database` is
    the database in the state if it is not destroyed yet; its final snapshot does not exist then, and is
    listed anyway.
    """
    identifier = f"pipe-{options.settings['service']['environment']}-db"
    rds = sandbox_targets.aws(options, "rds")
    keys = dict[str, None]()
    for instance in databases.kept(options):
        name = instance["DBInstanceIdentifier"]
        reason = f"{kept_instances.size(instance)}; {kept_instances.deletion_command(options, name)}"
        yield Remain(name=f"database {name}", reason=reason, month=kept_instances.month(instance))
    if database:
        keys.setdefault(str(database["outputs"]["kmsKeyId"]))
        name = database["inputs"]["finalSnapshotIdentifier"]
        yield Remain(name=f"snapshot {name}", reason="the final one, taken by RDS", month=None)
    for page in rds.get_paginator("describe_db_snapshots").paginate(DBInstanceIdentifier=identifier):
        for snapshot in page["DBSnapshots"]:
            keys.setdefault(snapshot["KmsKeyId"])
            yield Remain(
                name=f"snapshot {snapshot['DBSnapshotIdentifier']}",
                reason=f"{snapshot['SnapshotType']}, of {snapshot['AllocatedStorage']} GiB",
                month=None,
            )
    for key in keys:
        reason = "the snapshots cannot be restored without it"
        yield Remain(name=f"KMS key {key.rpartition('/')[2]}", reason=reason, month=key_month())


def log_groups(options: Options) -> Iterator[Remain]:
    """Yield the log groups that EKS and RDS have created again, each with the command that deletes it."""
    name = f"pipe-{options.settings['service']['environment']}"
    logs = sandbox_targets.aws(options, "logs")
    for prefix in LOG_GROUPS:
        pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix.format(name))
        for group in (group["logGroupName"] for page in pages for group in page["logGroups"]):
            reason = f"a late delivery; aws logs delete-log-group --log-group-name {group}"
            yield Remain(name=f"log group {group}", reason=reason, month=None)


def key_month() -> float:
    """Return the price of a KMS key per month, from review/cost/prices.yaml."""
    return price_table.key_month()


def total(remains: Sequence[Remain]) -> str:
    """Return the sum of the known costs per month, with the source of the prices, as a text."""
    known = sum(remain.month or 0.0 for remain in remains)
    more = ", without costs that depend on use" if any(remain.month is None for remain in remains) else ""
    return f"{known:.2f} USD a month{more} ({price_table.SOURCE})"
