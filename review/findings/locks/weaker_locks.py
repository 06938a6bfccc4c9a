"""Locks of data that are lifted, shortened, or easier to remove than in the base."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from review.left_objects import find_left_object, may_be_left
from review.model import Finding, SourceLocation, list_all
from review.objects.owners import has_other_object
from review.plain_data import as_text, as_texts, value_at
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack

NUMBER = re.compile(r"\d+(?:\.\d+)?")

NONE = "absent"
"""Text for a value that is not there."""


class Lock(NamedTuple):
    """A lock that a resource is or has, and the inputs from which its strength follows.

    `subject` is the input that names what the lock protects; it is empty if that is the resource itself.
    Without a value at `root`, there is no lock; an empty one stands for the whole resource. `periods` has the
    paths of the time for which the lock keeps data, with their units in days, and `modes` those of its mode,
    with the modes from the weakest to the strongest. `delays` has the paths of the days in which a lock can
    still be removed; without them, it can be removed at any time. `scopes` has the paths of what limits a
    lock to some objects: another limit than in the base may leave objects without a lock. All paths begin at
    the resource.
    """

    effect: str
    subject: str = ""
    root: str = ""
    periods: Mapping[str, int] = MappingProxyType({})
    modes: Mapping[str, Sequence[str]] = MappingProxyType({})
    delays: Sequence[str] = ()
    scopes: Sequence[str] = ()

    @property
    def paths(self) -> list[str]:
        """The paths of all compared inputs."""
        return [*self.modes, *self.periods, *self.delays]


def _default_retention(root: str, subject: str = "") -> Lock:
    """Return the lock of a bucket with a default retention, at a path.

    It has either days or years, and counts for new objects. In the mode GOVERNANCE, whoever has
    s3:BypassGovernanceRetention may delete them (Amazon S3 User Guide, "Locking objects with Object Lock";
    S3 API reference, DefaultRetention). A year counts as 365 days.
    """
    return Lock(
        "new objects can be deleted earlier, or by more users",
        subject,
        root,
        {f"{root}.days": 1, f"{root}.years": 365},
        {f"{root}.mode": ("GOVERNANCE", "COMPLIANCE")},
    )


OF_BUCKET = _default_retention("rule.defaultRetention", "bucket")
"""The lock of a resource beside the bucket."""

LOCKS: Mapping[str, Lock] = {
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": OF_BUCKET,
    "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2": OF_BUCKET,
    "aws:s3/bucket:Bucket": _default_retention("objectLockConfiguration.rule.defaultRetention"),
    "aws:s3/bucketV2:BucketV2": _default_retention("objectLockConfiguration.rules[0].defaultRetentions[0]"),
    # Without a number of days, anybody with the permission may remove the lock at any time. Nobody can change
    # it after these days (AWS Backup API reference, PutBackupVaultLockConfiguration).
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": Lock(
        "recovery points can be deleted earlier, or by more users",
        "backupVaultName",
        periods={"minRetentionDays": 1},
        delays=("changeableForDays",),
    ),
    # DAYS is the only unit (Recycle Bin API reference, RetentionPeriod).
    "aws:rbin/rule:Rule": Lock(
        "deleted snapshots and images can be restored for a shorter time, or not at all",
        "resourceType",
        periods={"retentionPeriod.retentionPeriodValue": 1},
        # A rule with tags keeps only what has them (Recycle Bin API reference, CreateRule).
        scopes=("resourceTags", "excludeResourceTags"),
    ),
}
"""The locks by type of resource. A bucket's own deletion is another finding, about its data."""


def find_weaker_locks(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource whose lock is lifted or gets weaker, with a finding that blocks.

    No policy sees this: the data without a lock is as valid as data that never had one.
    """
    for step in stack.changed:
        old = step.old
        lock = LOCKS.get(old.type) if old and not old.is_component else None
        if not old or not lock or old.state.get("external") or not _is_locked(old, lock):
            continue
        if not lock.subject and step.op != "update":
            continue  # Whoever has a lock without a subject holds the data: another finding is about that.
        if _is_lifted(step, old, lock, stack):
            values = [f"{path} {as_text(value_at(old.inputs, path))}" for path in _set_paths(old, lock)]
            change = f"the lock is lifted ({list_all(values) or 'without a time'}): {lock.effect}"
            yield step.resource.urn, _finding(step, stack, change)
        elif step.new and (paths := [*_weaker_paths(old, step.new, lock)]):
            differences = [_difference(path, old, step.new) for path in paths]
            change = f"the lock is weaker ({list_all(differences)}): {lock.effect}"
            yield step.resource.urn, _finding(step, stack, change, _setting(paths, step, stack))


def _is_locked(resource: Resource, lock: Lock) -> bool:
    return not lock.root or bool(value_at(resource.values, lock.root))


def _is_lifted(step: Step, old: Resource, lock: Lock, stack: Stack) -> bool:
    """Return True if what the lock protects in the base has no lock any more.

    A lock that another object gets in place of the former one is lifted, too.
    """
    if step.op == "delete":
        return not find_left_object(step, stack) or may_be_left(step, stack)
    if not step.new or step.new.type not in LOCKS or not _is_locked(step.new, LOCKS[step.new.type]):
        return True
    if step.op != "replace" or find_left_object(step, stack):
        return False
    is_same = value_at(old.values, lock.subject) == value_at(step.new.values, lock.subject)
    # A real preview does not know the new ID.
    return not is_same or (stack.predicted and has_other_object(step, stack))


def _weaker_paths(old: Resource, new: Resource, lock: Lock) -> Iterator[str]:
    """Yield the paths of the inputs with which the lock is weaker, or may be so, than in the base."""
    before, after = (_strengths(side, LOCKS[side.type]) for side in (old, new))
    for paths, strength, other in zip(
        ([*lock.modes], [*lock.periods], [*lock.delays]), before, after, strict=True
    ):
        if strength is not None and (other is None or other < strength):
            yield from (path for path in paths if value_at(old.values, path) != value_at(new.values, path))
    for path in lock.scopes:
        limit = value_at(new.values, path)
        if limit and limit != value_at(old.values, path):
            yield path


def _strengths(resource: Resource, lock: Lock) -> tuple[float | None, ...]:
    """Return the strength of the mode, of the period and of the delay; None for what cannot be compared."""
    modes = [_rank(value_at(resource.values, path), order) for path, order in lock.modes.items()]
    periods = [_days(value_at(resource.values, path), unit) for path, unit in lock.periods.items()]
    delays = [_days(value_at(resource.values, path), 1) for path in lock.delays]
    return (
        _strongest(modes),
        _strongest(periods),
        # The longer a lock can be removed, the weaker it is. Without days, this is possible for ever.
        _strongest([None if days is None else 1 / days if days else 0.0 for days in delays]),
    )


def _strongest(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known, default=0.0) if len(known) == len(values) else None


def _rank(value: Any, order: Sequence[str]) -> float | None:
    if value is None:
        return 0.0
    return order.index(value) + 1.0 if value in order else None


def _days(value: Any, unit: int) -> float | None:
    if value is None:
        return 0.0
    return float(value) * unit if NUMBER.fullmatch(str(value)) else None


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
