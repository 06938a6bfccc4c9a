"""Locks of data that are lifted, shortened, or easier to remove than in the base."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from review.findings.locks.measures import (
    Measure,
    date,
    delay,
    delay_with_unit,
    mode,
    period,
    period_with_unit,
    prefix_rules,
    switch,
)
from review.left_objects import find_left_object, may_be_left
from review.model import Finding, SourceLocation, list_all
from review.objects.owners import has_other_object
from review.plain_data import as_text, as_texts, value_at
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack

NONE = "absent"
"""Text for a value that is not there."""

OFF = "OFF", "NONE"
"""Values of a root that mean that there is no lock."""


class Lock(NamedTuple):
    """A lock that a resource is or has, and the inputs from which its strength follows.

    `subjects` are the inputs that name what the lock protects; there are none if that is the resource itself.
    Without a value at one of the `roots`, there is no lock; without roots, there always is one. Each measure
    is compared alone. `scopes` has the paths of what limits a lock to some objects: another limit than in the
    base may leave objects without a lock. With `stays`, the lock stays if its resource is deleted. All paths
    begin at the resource.
    """

    effect: str
    subjects: Sequence[str] = ()
    roots: Sequence[str] = ()
    measures: Sequence[Measure] = ()
    scopes: Sequence[str] = ()
    stays: bool = False

    @property
    def paths(self) -> list[str]:
        """The paths of all compared inputs."""
        return [path for measure in self.measures for path in measure.paths]


def _default_retention(root: str, *subjects: str) -> Lock:
    """Return the lock of a bucket with a default retention, at a path.

    It has either days or years, and counts for new objects. In the mode GOVERNANCE, whoever has
    s3:BypassGovernanceRetention may delete them (Amazon S3 User Guide, "Locking objects with Object Lock";
    S3 API reference, DefaultRetention). A year counts as 365 days.
    """
    return Lock(
        "new objects can be deleted earlier, or by more users",
        subjects,
        (root,),
        (
            mode(f"{root}.mode", "GOVERNANCE", "COMPLIANCE"),
            period({f"{root}.days": 1, f"{root}.years": 365}),
        ),
    )


OF_BUCKET = _default_retention("rule.defaultRetention", "bucket")
"""The lock of a resource beside the bucket."""

OF_OBJECT = Lock(
    "the object can be deleted earlier, or by more users",
    ("bucket", "key"),
    ("objectLockLegalHoldStatus", "objectLockMode"),
    (
        mode("objectLockLegalHoldStatus", "OFF", "ON", default="OFF"),
        mode("objectLockMode", "GOVERNANCE", "COMPLIANCE"),
        date("objectLockRetainUntilDate"),
        # The provider then removes the legal hold before it deletes the object, and bypasses GOVERNANCE. It
        # also bypasses it for an earlier date (hashicorp/terraform-provider-aws,
        # internal/service/s3/object.go: resourceObjectUpdate, resourceObjectDelete; delete.go).
        switch("forceDestroy"),
    ),
)
"""The lock of an object: a legal hold, which has no end, or a retention until a date (Amazon S3 User Guide,
"Locking objects with Object Lock").
"""

_SNAPLOCK = "snaplockConfiguration"

LOCKS: Mapping[str, Lock] = {
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": OF_BUCKET,
    "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2": OF_BUCKET,
    "aws:s3/bucket:Bucket": _default_retention("objectLockConfiguration.rule.defaultRetention"),
    "aws:s3/bucketV2:BucketV2": _default_retention("objectLockConfiguration.rules[0].defaultRetentions[0]"),
    "aws:s3/bucketObject:BucketObject": OF_OBJECT,
    "aws:s3/bucketObjectv2:BucketObjectv2": OF_OBJECT,
    "aws:s3/objectCopy:ObjectCopy": OF_OBJECT,
    # In the mode GOVERNANCE, whoever has the permission may remove the lock (Storage Gateway API reference,
    # CreateTapePool).
    "aws:storagegateway/tapePool:TapePool": Lock(
        "archived tapes can be deleted earlier, or by more users",
        ("poolName",),
        ("retentionLockType",),
        (
            mode("retentionLockType", "NONE", "GOVERNANCE", "COMPLIANCE", default="NONE"),
            period({"retentionLockTimeInDays": 1}),
        ),
    ),
    # Without a number of days, anybody with the permission may remove the lock at any time. Nobody can change
    # it after these days (AWS Backup API reference, PutBackupVaultLockConfiguration).
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": Lock(
        "recovery points can be deleted earlier, or by more users",
        ("backupVaultName",),
        measures=(period({"minRetentionDays": 1}), delay("changeableForDays")),
    ),
    # DAYS is the only unit of both periods (Recycle Bin API reference, RetentionPeriod, UnlockDelay). Nobody
    # can change or delete a rule that is locked before the delay after its unlocking has passed.
    "aws:rbin/rule:Rule": Lock(
        "deleted snapshots and images can be restored for a shorter time, or not at all",
        ("resourceType",),
        measures=(
            period({"retentionPeriod.retentionPeriodValue": 1}),
            period({"lockConfiguration.unlockDelay.unlockDelayValue": 1}),
        ),
        # A rule with tags keeps only what has them (Recycle Bin API reference, CreateRule).
        scopes=("resourceTags", "excludeResourceTags"),
    ),
    # Privileged delete removes files before their time; it is off by default. Without an autocommit, a client
    # has to lock each file itself (Amazon FSx API reference, UpdateSnaplockConfiguration, AutocommitPeriod).
    "aws:fsx/ontapVolume:OntapVolume": Lock(
        "files can be deleted earlier, or by more users",
        roots=(_SNAPLOCK,),
        measures=(
            mode(f"{_SNAPLOCK}.snaplockType", "ENTERPRISE", "COMPLIANCE"),
            mode(
                f"{_SNAPLOCK}.privilegedDelete",
                "ENABLED",
                "DISABLED",
                "PERMANENTLY_DISABLED",
                default="DISABLED",
            ),
            period_with_unit(f"{_SNAPLOCK}.retentionPeriod.minimumRetention"),
            period_with_unit(f"{_SNAPLOCK}.retentionPeriod.defaultRetention"),
            delay_with_unit(f"{_SNAPLOCK}.autocommitPeriod"),
            # With it, an administrator can delete a volume with files that are still locked (Amazon FSx API
            # reference, DeleteVolumeOntapConfiguration).
            switch("bypassSnaplockEnterpriseRetention"),
        ),
    ),
    # The provider leaves the rules in place when the resource is deleted (cloudflare/
    # terraform-provider-cloudflare, internal/services/r2_bucket_lock/resource.go: Delete).
    "cloudflare:index/r2BucketLock:R2BucketLock": Lock(
        "objects can be deleted or overwritten earlier",
        ("bucketName",),
        ("rules",),
        (prefix_rules("rules"),),
        stays=True,
    ),
}
"""The locks by type of resource. A bucket's own deletion is another finding, about its data.

Nobody can remove the lock of a Glacier vault, once it is complete, or change its policy (Amazon S3 Glacier
API reference, AbortVaultLock), so it has no row.
"""


def find_weaker_locks(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource whose lock is lifted or gets weaker, with a finding that blocks.

    No policy sees this: the data without a lock is as valid as data that never had one.
    """
    for step in stack.changed:
        old = step.old
        lock = LOCKS.get(old.type) if old and not old.is_component else None
        if not old or not lock or old.state.get("external") or not _is_locked(old, lock):
            continue
        if not lock.subjects and step.op != "update":
            continue  # Whoever has a lock without subjects holds the data: another finding is about that.
        if _is_lifted(step, old, lock, stack):
            values = [f"{path} {as_text(value_at(old.inputs, path))}" for path in _set_paths(old, lock)]
            change = f"the lock is lifted ({list_all(values) or 'without a time'}): {lock.effect}"
            yield step.resource.urn, _finding(step, stack, change)
        elif step.new and (paths := [*_weaker_paths(old, step.new, lock)]):
            differences = [_difference(path, old, step.new) for path in paths]
            change = f"the lock is weaker ({list_all(differences)}): {lock.effect}"
            yield step.resource.urn, _finding(step, stack, change, _setting(paths, step, stack))


def _is_locked(resource: Resource, lock: Lock) -> bool:
    values = [value_at(resource.values, root) for root in lock.roots]
    return not lock.roots or any(value and value not in OFF for value in values)


def _is_lifted(step: Step, old: Resource, lock: Lock, stack: Stack) -> bool:
    """Return True if what the lock protects in the base has no lock any more.

    A lock that another object gets in place of the former one is lifted, too.
    """
    if step.op == "delete":
        return not lock.stays and (not find_left_object(step, stack) or may_be_left(step, stack))
    other = LOCKS.get(step.new.type) if step.new else None
    if not step.new or not other or other.effect != lock.effect or not _is_locked(step.new, other):
        return True
    if lock.stays or not lock.subjects or find_left_object(step, stack):
        return False
    paths = [*lock.subjects, *(("region",) if step.op == "replace" else ())]
    is_same = all(value_at(old.values, path) == value_at(step.new.values, path) for path in paths)
    # A real preview does not know the new ID, and the IDs of two types differ.
    has_ids = stack.predicted and old.type == step.new.type
    return not is_same or (has_ids and has_other_object(step, stack))


def _weaker_paths(old: Resource, new: Resource, lock: Lock) -> Iterator[str]:
    """Yield the paths of the inputs with which the lock is weaker, or may be so, than in the base."""
    for measure, other in zip(lock.measures, LOCKS[new.type].measures, strict=True):
        before = [value_at(old.values, path) for path in measure.paths]
        after = [value_at(new.values, path) for path in other.paths]
        if measure.is_weaker(before, after):
            yield from (
                path for path in measure.paths if value_at(old.values, path) != value_at(new.values, path)
            )
    for path in lock.scopes:
        limit = value_at(new.values, path)
        if limit and limit != value_at(old.values, path):
            yield path


def _set_paths(resource: Resource, lock: Lock) -> list[str]:
    return [path for path in lock.paths if value_at(resource.inputs, path) is not None]


def _difference(path: str, old: Resource, new: Resource) -> str:
    before, after = as_texts(value_at(old.inputs, path), value_at(new.inputs, path))
    return f"{path} {before or NONE} → {after or NONE}"


def _setting(paths: Sequence[str], step: Step, stack: Stack) -> SourceLocation | None:
    """Return the first setting that explains a changed input."""
    sides, component = (step.old, step.new), stack.component_of(step.resource.urn)
    for path in paths:
        before, after = (as_text(value_at(side.inputs, path)) if side else None for side in sides)
        if setting := stack.file.find_setting(path, before, after, component):
            return setting
    return None


def _finding(step: Step, stack: Stack, change: str, setting: SourceLocation | None = None) -> Finding:
    subject = step.old if step.old and step.op == "delete" else step.resource
    finding = stack.blocking_finding("lock-weakened", subject, change, "Keep the lock")
    return replace(finding, setting=setting)
