"""Tests of findings on locks of data that are lifted or get weaker."""

import re
from pathlib import Path
from typing import Any

import pulumi_aws
import pytest

from review.findings.locks.weaker_locks import LOCKS, find_weaker_locks
from review.model import Finding
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from tests.support.review.stacks import resource, stack

LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
LOCK_V2 = "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2"
BUCKET, BUCKET_V2 = "aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"
VAULT = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
BIN = "aws:rbin/rule:Rule"
VOLUME = "aws:fsx/ontapVolume:OntapVolume"
OBJECT, COPY = "aws:s3/bucketObjectv2:BucketObjectv2", "aws:s3/objectCopy:ObjectCopy"
OLD_OBJECT = "aws:s3/bucketObject:BucketObject"
TAPES = "aws:storagegateway/tapePool:TapePool"
R2 = "cloudflare:index/r2BucketLock:R2BucketLock"

NAMED_LIKE_A_LOCK = re.compile(
    r"^(snap)?lock(?!_token|ed)|_lock(ed)?(_|$)|_hold(_|$)|retain_until|^min_retention"
)
"""Pattern of the optional inputs of AWS that sound like a lock, as Python spells them."""

WITHOUT_A_ROW = {
    "aws:backup/logicallyAirGappedVault:LogicallyAirGappedVault",  # holds data: each update is a replacement
    "aws:glacier/vaultLock:VaultLock",
    "aws:odb/autonomousDatabase:AutonomousDatabase",  # holds data, too
    "aws:route53domains/domain:Domain",  # its transferLock keeps a domain and no data
    "aws:route53domains/registeredDomain:RegisteredDomain",
}
"""Types with such an input that need no row in the table."""

Inputs = dict[str, Any]


def retention(mode: str = "COMPLIANCE", **period: Any) -> Inputs:
    """Return the inputs of a default retention."""
    return {"bucket": "records", "rule": {"defaultRetention": {"mode": mode, **period}}}


def of_bucket(*path: Any, **period: Any) -> Inputs:
    """Return the inputs of a bucket with a default retention at a path of keys and places."""
    value: Any = {"mode": "COMPLIANCE", **period}
    for key in reversed(path):
        value = [value] if key == 0 else {key: value}
    return {"objectLockConfiguration": value}


def in_bucket(**period: Any) -> Inputs:
    return of_bucket("rule", "defaultRetention", **period)


def in_bucket_v2(**period: Any) -> Inputs:
    return of_bucket("rules", 0, "defaultRetentions", 0, **period)


def held(hold: str | None = "ON", mode: str | None = None, until: str | None = None, **inputs: Any) -> Inputs:
    """Return the inputs of an object in a bucket with a legal hold, a retention, or both."""
    lock = {
        "objectLockLegalHoldStatus": hold,
        "objectLockMode": mode,
        "objectLockRetainUntilDate": until,
        **inputs,
    }
    return {"bucket": "records", "key": "a"} | {name: value for name, value in lock.items() if value}


def tapes(kind: str | None = None, days: int | None = None) -> Inputs:
    """Return the inputs of a pool of tapes, which may lock them."""
    lock = {"retentionLockType": kind, "retentionLockTimeInDays": days}
    return {"poolName": "a"} | {name: value for name, value in lock.items() if value}


def bin_with(days: int, delay: int | None = None) -> Inputs:
    """Return the inputs of a rule of the Recycle Bin, which may be locked itself."""
    lock = {"lockConfiguration": {"unlockDelay": {"unlockDelayValue": delay}}} if delay else {}
    return {"retentionPeriod": {"retentionPeriodValue": days}, **lock}


def snaplock(**inputs: Any) -> Inputs:
    """Return the inputs of a volume with SnapLock."""
    return {"snaplockConfiguration": {"snaplockType": "ENTERPRISE", **inputs}}


def minimum(unit: str, value: int | None = None) -> Inputs:
    return snaplock(retentionPeriod={"minimumRetention": {"type": unit, "value": value}})


def r2_rule(prefix: str | None = None, enabled: bool = True, **condition: Any) -> Inputs:
    return {"id": "it", "prefix": prefix, "enabled": enabled, "condition": condition}


def r2(*rules: Inputs) -> Inputs:
    return {"bucketName": "records", "rules": [*rules]}


WEEK: Inputs = {"type": "Age", "maxAgeSeconds": 604800}
DAY: Inputs = {"type": "Age", "maxAgeSeconds": 86400}
FOREVER: Inputs = {"type": "Indefinite"}


def until(date: str) -> Inputs:
    return {"type": "Date", "date": date}


def findings(op: str, kind: str, before: Inputs, after: Inputs | None, **state: Any) -> list[Finding]:
    """Return the findings on a step with a resource of a type."""
    old = resource(kind, "it", before, **state)
    new = resource(kind, "it", after) if after is not None else None
    step = Step(op, old, new)
    rows = [*find_weaker_locks(stack(step))]
    assert all(urn == step.resource.urn for urn, _ in rows)
    return [finding for _, finding in rows]


@pytest.mark.parametrize(
    ("kind", "inputs", "values"),
    [
        (LOCK, retention(days=30), "rule.defaultRetention.mode COMPLIANCE, rule.defaultRetention.days 30"),
        (LOCK_V2, retention(years=1), "rule.defaultRetention.mode COMPLIANCE, rule.defaultRetention.years 1"),
        (VAULT, {"minRetentionDays": 7, "changeableForDays": 3}, "minRetentionDays 7, changeableForDays 3"),
        (VAULT, {"backupVaultName": "a"}, "without a time"),
        (BIN, {"retentionPeriod": {"retentionPeriodValue": 9}}, "retentionPeriod.retentionPeriodValue 9"),
    ],
)
def test_a_deleted_lock_blocks(kind: str, inputs: Inputs, values: str) -> None:
    (finding,) = findings("delete", kind, inputs, None)
    assert (finding.policy, finding.level, finding.blocks) == ("lock-weakened", "mandatory", True)
    assert finding.message == f"the lock is lifted ({values}): {LOCKS[kind].effect}"
    assert finding.type == kind
    assert findings("delete", kind, inputs, None, retainOnDelete=True) == []
    assert findings("delete", kind, inputs, None, external=True) == []


@pytest.mark.parametrize(
    ("op", "kind", "before", "after", "change"),
    [
        ("update", LOCK, retention(days=365), retention(days=1), "rule.defaultRetention.days 365 → 1"),
        ("update", LOCK, retention(years=2), retention(years=1), "rule.defaultRetention.years 2 → 1"),
        (
            "update",
            LOCK,
            retention(years=1),
            retention(days=364),
            "rule.defaultRetention.days absent → 364, rule.defaultRetention.years 1 → absent",
        ),
        (
            "update",
            LOCK,
            retention("COMPLIANCE", days=7),
            retention("GOVERNANCE", days=9),
            "rule.defaultRetention.mode COMPLIANCE → GOVERNANCE",
        ),
        ("update", LOCK, retention(days=7), retention(days="any"), 'rule.defaultRetention.days 7 → "any"'),
        (
            "update",
            BUCKET,
            in_bucket(days=7),
            in_bucket(days=6),
            "objectLockConfiguration.rule.defaultRetention.days 7 → 6",
        ),
        (
            "update",
            BUCKET_V2,
            in_bucket_v2(days=7),
            in_bucket_v2(days=6),
            "objectLockConfiguration.rules[0].defaultRetentions[0].days 7 → 6",
        ),
        ("replace", VAULT, {"minRetentionDays": 7}, {"minRetentionDays": 1}, "minRetentionDays 7 → 1"),
        ("replace", VAULT, {"minRetentionDays": 7}, {}, "minRetentionDays 7 → absent"),
        ("replace", VAULT, {"changeableForDays": 3}, {}, "changeableForDays 3 → absent"),
        ("replace", VAULT, {"changeableForDays": 3}, {"changeableForDays": 90}, "changeableForDays 3 → 90"),
    ],
)
def test_a_weaker_lock_blocks(op: str, kind: str, before: Inputs, after: Inputs, change: str) -> None:
    (finding,) = findings(op, kind, before, after)
    assert finding.blocks
    assert finding.message.startswith(f"the lock is weaker ({change}")
    assert findings(op, kind, before, before) == []


@pytest.mark.parametrize(
    ("op", "kind", "before", "after"),
    [
        ("update", LOCK, retention(days=1), retention(days=365)),
        ("update", LOCK, retention(days=365), retention(years=1)),
        ("update", LOCK, retention("GOVERNANCE", days=7), retention("COMPLIANCE", days=7)),
        ("update", LOCK, {"bucket": "records"}, retention(days=7)),
        ("delete", LOCK, {"bucket": "records"}, None),
        ("update", BUCKET, {"bucket": "a"}, {"bucket": "b"}),
        ("replace", VAULT, {"minRetentionDays": 7}, {"minRetentionDays": 9, "changeableForDays": 3}),
        ("replace", VAULT, {"maxRetentionDays": 7}, {"maxRetentionDays": 9}),
        ("replace", VAULT, {"changeableForDays": 9}, {"changeableForDays": 3}),
        ("update", "aws:s3/bucketVersioning:BucketVersioning", retention(days=7), retention(days=1)),
    ],
)
def test_other_changes_of_locks_are_no_findings(
    op: str, kind: str, before: Inputs, after: Inputs | None
) -> None:
    assert findings(op, kind, before, after) == []


@pytest.mark.parametrize("name", ["resourceTags", "excludeResourceTags"])
def test_a_lock_of_fewer_objects_is_weaker(name: str) -> None:
    all_objects: Inputs = {"retentionPeriod": {"retentionPeriodValue": 9}}
    some_objects: Inputs = all_objects | {name: [{"resourceTagKey": "a"}]}
    (finding,) = findings("update", BIN, all_objects, some_objects)
    assert finding.message.startswith(f"the lock is weaker ({name} absent → ")
    assert findings("update", BIN, some_objects, all_objects) == []
    assert findings("update", BIN, some_objects, some_objects) == []


def test_a_deleted_lock_blocks_unless_its_holder_is_replaced_for_certain() -> None:
    holder = resource(BUCKET, "holder", {"bucket": "records"})
    triggered = resource(BUCKET, "holder", {"bucket": "records"}, replaceOnChanges=["bucket"])
    lock = resource(LOCK, "it", retention(days=9), deletedWith=holder.urn)
    reviewed = stack(Step("delete", lock, None), Step("same", holder, triggered))
    reviewed.predicted = True
    ((_, finding),) = find_weaker_locks(reviewed)
    assert finding.message.startswith("the lock is lifted")
    reviewed = stack(Step("delete", lock, None), Step("delete", holder, None))
    assert [*find_weaker_locks(reviewed)] == [], "another finding is about the data of the bucket"


@pytest.mark.parametrize("after", [{"bucket": "records"}, {"bucket": "records", "rule": {}}])
def test_a_lock_is_lifted_without_its_period(after: Inputs) -> None:
    (finding,) = findings("update", LOCK, retention(days=7), after)
    assert finding.message.startswith("the lock is lifted (rule.defaultRetention.mode COMPLIANCE, ")


def test_a_lock_that_moves_to_another_object_is_lifted() -> None:
    before, after = {"backupVaultName": "a", "minRetentionDays": 7}, {"backupVaultName": "b"}
    (finding,) = findings("replace", VAULT, before, before | after)
    assert finding.message.startswith("the lock is lifted (minRetentionDays 7)")
    assert findings("replace", VAULT, before, before | {"maxRetentionDays": 9}) == []


def test_a_lock_that_moves_to_another_region_is_lifted_there() -> None:
    old, new = (resource(VAULT, "it", {"minRetentionDays": 7, "region": region}) for region in ("eu", "us"))
    for predicted in (True, False):
        reviewed = stack(Step("replace", old, new))
        reviewed.predicted = predicted
        assert [*find_weaker_locks(reviewed)]


@pytest.mark.parametrize("kind", [OBJECT, OLD_OBJECT, COPY])
def test_a_lock_of_an_object_that_moves_to_another_bucket_or_key_is_lifted(kind: str) -> None:
    for change in ({"bucket": "others"}, {"key": "others"}):
        (finding,) = findings("replace", kind, held(), held() | change)
        assert finding.message.startswith("the lock is lifted")


def test_a_deleted_bucket_has_only_the_finding_on_its_data() -> None:
    assert findings("delete", BUCKET, in_bucket(days=7), None) == []
    assert findings("replace", BUCKET, in_bucket(days=7), {}) == []
    (finding,) = findings("update", BUCKET, in_bucket(days=7), {})
    assert finding.message.startswith("the lock is lifted")


def test_an_alias_of_another_type_keeps_the_lock() -> None:
    old, same, shorter = (
        resource(LOCK_V2, "it", retention(days=7)),
        resource(LOCK, "it", retention(days=7)),
        resource(LOCK, "it", retention(days=6)),
    )
    for predicted in (True, False):
        kept, weaker = stack(Step("update", old, same)), stack(Step("update", old, shorter))
        kept.predicted = weaker.predicted = predicted
        assert [*find_weaker_locks(kept)] == []
        (finding,) = [finding for _, finding in find_weaker_locks(weaker)]
        assert finding.message.startswith("the lock is weaker")


def test_a_component_is_no_lock() -> None:
    old = Resource(
        {"urn": f"urn:pulumi:dev::pipe::{LOCK}::it", "type": LOCK, "inputs": retention(days=7)}, Path()
    )
    assert [*find_weaker_locks(stack(Step("delete", old, None)))] == []


@pytest.mark.parametrize(
    ("kind", "before", "after", "change"),
    [
        (BIN, bin_with(9, 30), bin_with(9), "lockConfiguration.unlockDelay.unlockDelayValue 30 → absent"),
        (BIN, bin_with(9, 30), bin_with(20, 7), "lockConfiguration.unlockDelay.unlockDelayValue 30 → 7"),
        (BIN, bin_with(9), bin_with(8, 30), "retentionPeriod.retentionPeriodValue 9 → 8"),
        (VOLUME, snaplock(), snaplock(privilegedDelete="ENABLED"), "snaplockConfiguration.privilegedDelete "),
        (
            VOLUME,
            snaplock(privilegedDelete="PERMANENTLY_DISABLED"),
            snaplock(),
            "snaplockConfiguration.privilegedDelete PERMANENTLY_DISABLED → absent",
        ),
        (VOLUME, minimum("YEARS", 1), minimum("MONTHS", 11), "snaplockConfiguration.retentionPeriod."),
        (VOLUME, minimum("INFINITE"), minimum("YEARS", 100), "snaplockConfiguration.retentionPeriod."),
        (VOLUME, minimum("INFINITE"), minimum("UNSPECIFIED"), "snaplockConfiguration.retentionPeriod."),
        (VOLUME, minimum("DAYS", 1), minimum("AGES", 1), "snaplockConfiguration.retentionPeriod."),
        (VOLUME, minimum("DAYS", 1), snaplock(), "snaplockConfiguration.retentionPeriod."),
        (
            VOLUME,
            snaplock(autocommitPeriod={"type": "DAYS", "value": 1}),
            snaplock(autocommitPeriod={"type": "NONE"}),
            "snaplockConfiguration.autocommitPeriod.type DAYS → NONE",
        ),
        (
            VOLUME,
            snaplock(),
            {**snaplock(), "bypassSnaplockEnterpriseRetention": True},
            "bypassSnaplockEnterpriseRetention absent → true",
        ),
        (
            OBJECT,
            held("ON", "COMPLIANCE", "2030-01-01T00:00:00Z"),
            held("OFF", "COMPLIANCE", "2027-01-02T00:00:00Z"),
            "objectLockLegalHoldStatus ON → OFF, objectLockRetainUntilDate 2030-01-01T00:00:00Z → "
            "2027-01-02T00:00:00Z",
        ),
        (
            OLD_OBJECT,
            held(None, "COMPLIANCE", "2030-01-01T00:00:00Z"),
            held(None, "GOVERNANCE", "2031-01-01T00:00:00Z"),
            "objectLockMode COMPLIANCE → GOVERNANCE",
        ),
        (
            OBJECT,
            held(None, "GOVERNANCE", "2030-01-01T00:00:00Z"),
            held(None, "GOVERNANCE"),
            "objectLockRetainUntilDate 2030-01-01T00:00:00Z → absent",
        ),
        (
            COPY,
            held(None, "GOVERNANCE", "2030-01-01T00:00:00Z"),
            held(None, "GOVERNANCE", "2030-01-01T00:00:00+01:00"),
            "objectLockRetainUntilDate ",
        ),
        (COPY, held(), held(forceDestroy=True), "forceDestroy absent → true"),
        (TAPES, tapes("COMPLIANCE", 9), tapes("GOVERNANCE", 9), "retentionLockType COMPLIANCE → GOVERNANCE"),
        (TAPES, tapes("GOVERNANCE", 9), tapes("GOVERNANCE", 8), "retentionLockTimeInDays 9 → 8"),
        (R2, r2(r2_rule(**WEEK)), r2(r2_rule(**DAY)), "rules "),
        (R2, r2(r2_rule(**WEEK)), r2(r2_rule("logs/", **WEEK)), "rules "),
        (R2, r2(r2_rule(**WEEK)), r2(r2_rule(enabled=False, **WEEK)), "rules "),
        (R2, r2(r2_rule("a", **WEEK), r2_rule("b", **WEEK)), r2(r2_rule("a", **WEEK)), "rules "),
        (R2, r2(r2_rule(**FOREVER)), r2(r2_rule(**WEEK)), "rules "),
        (R2, r2(r2_rule(**WEEK)), r2(r2_rule(**until("2050-01-01"))), "rules "),
        (R2, r2(r2_rule(**until("2050-01-02"))), r2(r2_rule(**until("2050-01-01T23:59:59Z"))), "rules "),
        (R2, r2(r2_rule(**until("2050-01-02"))), r2(r2_rule(**until("someday"))), "rules "),
    ],
)
def test_a_weaker_lock_of_another_kind_blocks(kind: str, before: Inputs, after: Inputs, change: str) -> None:
    (finding,) = findings("update", kind, before, after)
    assert finding.message.startswith(f"the lock is weaker ({change}")
    assert findings("update", kind, before, before) == []


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (BIN, bin_with(9, 7), bin_with(9, 30)),
        (BIN, bin_with(9), bin_with(9, 7)),
        (VOLUME, {}, snaplock()),
        (OBJECT, held("OFF"), held(None, forceDestroy=True)),
        (OBJECT, held("OFF"), held("OFF", "GOVERNANCE", "2030-01-01T00:00:00Z")),
        (
            OBJECT,
            held(None, "GOVERNANCE", "2030-01-01T00:00:00Z"),
            held("OFF", "COMPLIANCE", "2030-01-02T00:00:00Z"),
        ),
        (OBJECT, held(forceDestroy=True), held("ON", "GOVERNANCE", "2030-01-01T00:00:00Z")),
        (TAPES, tapes("NONE"), tapes()),
        (TAPES, tapes(), tapes("GOVERNANCE", 9)),
        (VOLUME, snaplock(), snaplock(privilegedDelete="DISABLED")),
        (VOLUME, snaplock(privilegedDelete="ENABLED"), snaplock()),
        (VOLUME, minimum("MONTHS", 12), minimum("YEARS", 1)),
        (VOLUME, minimum("UNSPECIFIED"), minimum("INFINITE")),
        (VOLUME, snaplock(), snaplock(autocommitPeriod={"type": "HOURS", "value": 5})),
        (R2, r2(r2_rule(**DAY)), r2(r2_rule(**WEEK))),
        (R2, r2(r2_rule("logs/", **DAY)), r2(r2_rule("other/", **DAY), r2_rule("", **FOREVER))),
        (R2, r2(r2_rule(enabled=False, **WEEK)), r2(r2_rule(**DAY))),
        (R2, r2(r2_rule(**until("2050-01-01"))), r2(r2_rule(**until("2050-01-01T01:00:00+01:00")))),
    ],
)
def test_an_equal_or_stronger_lock_is_no_finding(kind: str, before: Inputs, after: Inputs) -> None:
    assert findings("update", kind, before, after) == []


@pytest.mark.parametrize("kind", [OBJECT, OLD_OBJECT, COPY])
@pytest.mark.parametrize("after", [held("OFF"), held(None)])
def test_a_lifted_hold_of_an_object_blocks(kind: str, after: Inputs) -> None:
    (finding,) = findings("update", kind, held(), after)
    assert finding.message.startswith("the lock is lifted (objectLockLegalHoldStatus ON): the object ")
    assert findings("delete", kind, held(), None)
    assert findings("delete", kind, held("OFF"), None) == []


def test_a_locked_object_with_another_key_has_no_lock_under_the_former_one() -> None:
    (finding,) = findings("update", OBJECT, held(), held() | {"key": "b"})
    assert finding.message.startswith("the lock is lifted (objectLockLegalHoldStatus ON)")
    assert findings("update", OBJECT, held("OFF"), held("OFF") | {"key": "b"}) == []


def test_every_type_with_the_input_of_a_lock_has_a_row() -> None:
    named: set[str] = set()
    for file in Path(pulumi_aws.__file__).parent.glob("*/*.py"):
        text = file.read_text()
        if any(map(NAMED_LIKE_A_LOCK.search, re.findall(r" (\w+): pulumi\.Input\[Optional", text))):
            named |= {*re.findall(r"__init__\(\s*'(aws:[^']+)'", text)}
    assert named - LOCKS.keys() == WITHOUT_A_ROW


def test_the_lock_of_a_bucket_of_r2_outlives_its_resource() -> None:
    before, after = r2(r2_rule(**WEEK)), r2()
    (finding,) = findings("update", R2, before, after)
    assert finding.message.startswith("the lock is lifted (rules ")
    assert findings("delete", R2, before, None) == []
    assert findings("replace", R2, before, before | {"bucketName": "other"}) == []


def test_a_lock_is_lifted_if_its_resource_becomes_one_of_another_kind() -> None:
    old = resource(VAULT, "it", {"backupVaultName": "a", "minRetentionDays": 7})
    reviewed = stack(Step("update", old, resource(LOCK, "it", retention(days=9))))
    ((_, finding),) = find_weaker_locks(reviewed)
    assert finding.message.startswith("the lock is lifted")
