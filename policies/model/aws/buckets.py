"""S3 buckets with their sub-resources, matched by name, or by dependency while a name is unknown."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from policies.engine.rule import Finding, Options, Resource, Stack, Unknown, Verdicts, cached, expected
from policies.model.aws.iam_documents import statements
from policies.model.checks import guarded
from policies.model.property_values import UnknownValueError, Value
from policies.model.references import is_determined

BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
_PARTS = (
    "Logging",
    "Versioning",
    "ServerSideEncryptionConfiguration",
    "LifecycleConfiguration",
    "ObjectLockConfiguration",
    "Acl",
    "PublicAccessBlock",
    "OwnershipControls",
    "Policy",
    "ReplicationConfig",
)


def part_types(name: str) -> tuple[str, ...]:
    """Return the two types of a sub-resource, such as BucketLogging and the older BucketLoggingV2."""
    return tuple(f"aws:s3/bucket{name}{version}:Bucket{name}{version}" for version in ("", "V2"))


@dataclass
class Bucket:
    """A bucket, the resources that configure it, and its roles for other buckets."""

    resource: Resource
    parts: dict[str, list[Resource]] = field(default_factory=dict[str, list[Resource]])
    loose: set[str] = field(default_factory=set[str])
    """Kinds with a sub-resource that may belong to any bucket, because its bucket is unknown."""
    logs: bool = False
    """True if the bucket receives access logs; it then supports only SSE-S3 and no object lock."""
    replica: bool = False
    """True if another bucket replicates its objects to this bucket."""
    foreign: bool = False
    """True if another stack declares the bucket; `resource` is then the first of its sub-resources."""

    def values(self, part: str, path: str, *inline: str) -> list[Value]:
        """Return a property of the sub-resources of one kind, and the same setting of the bucket itself.

        `inline` has the names of the setting in Bucket, and in BucketV2, where it is a list.
        """
        values = [resource.at(path) if path else resource.props for resource in self.parts.get(part, ())]
        for own in (self.resource.at(name) for name in inline if not self.foreign):
            if not own.known or not own.absent:
                values += own.items() if own.known and isinstance(own.get(), list) else [own]
        return values

    def expected(self, value: Value, wanted: str) -> Finding:
        """Return the finding that a value of the bucket or of a sub-resource should be `wanted`.

        The finding belongs to the bucket, or to the sub-resource of a bucket of another stack.
        """
        return self.resource.attach(expected(value, wanted))

    def missing(self, part: str, lacking: str, remedy: str) -> Verdicts:
        """Report that the bucket lacks a setting, or that this is unknown.

        If another stack declares the bucket, it may declare the setting too.
        """
        if self.foreign and part not in self.parts:
            return
        if part in self.loose:
            yield Unknown("bucket", self.resource.urn)
        else:
            name = self.resource["bucket"]
            where = name.path if name.known and not name.absent else "the bucket"
            shown = f"{name.shown()} without {lacking}" if where == "bucket" else f"without {lacking}"
            yield Finding(where, shown, remedy, urn=self.resource.urn)


class Retention(NamedTuple):
    """A default retention of a bucket: the mode, the period, and its number of days."""

    mode: Value
    period: Value
    days: int


def default_retentions(bucket: Bucket) -> list[Retention]:
    """Return the default retentions of a bucket with a period; a year counts as 365 days.

    A retention has either days or years (S3 API reference, DefaultRetention). BucketV2 has lists of rules and
    of retentions.
    """
    blocks = [
        *bucket.values("ObjectLockConfiguration", "rule.defaultRetention"),
        *(
            block
            for own in bucket.values("", "", "objectLockConfiguration")
            for rule in (own["rule"], *own["rules"].items())
            for block in (rule["defaultRetention"], *rule["defaultRetentions"].items())
        ),
    ]
    return [
        Retention(block["mode"], block[unit], int(number) * length)
        for block in blocks
        for unit, length in (("days", 1), ("years", 365))
        if (number := block[unit].number())
    ]


@cached
def buckets(stack: Stack) -> list[Bucket]:
    """Return the buckets of a stack."""
    return _match(stack)


def _match(stack: Stack) -> list[Bucket]:
    all_buckets = [Bucket(resource) for resource in stack.of(BUCKETS)]
    by_urn = {bucket.resource.urn: bucket for bucket in all_buckets}
    by_name: dict[str, Bucket] = {}
    for bucket in all_buckets:
        for name in ("bucket", "id", "arn"):
            value = bucket.resource[name]
            if value.known and (text := value.text()):
                by_name[text] = bucket
    for part in _PARTS:
        for resource in stack.of(part_types(part)):
            owner = _owner(resource, "bucket", resource["bucket"], by_urn, by_name)
            if owner is None and resource["bucket"].known:
                owner = Bucket(resource, foreign=True)
                by_name[resource["bucket"].text() or resource.urn] = owner
                all_buckets.append(owner)
            if owner is not None:
                owner.parts.setdefault(part, []).append(resource)
            else:
                for bucket in all_buckets:
                    bucket.loose.add(part)
    _roles(stack, all_buckets, by_urn, by_name)
    return all_buckets


def _owner(
    resource: Resource, name: str, value: Value, by_urn: dict[str, Bucket], by_name: dict[str, Bucket]
) -> Bucket | None:
    """Return the bucket that a property names; if the name is unknown, the only one that it depends on."""
    if is_determined(value):
        return by_name.get(value.text() or "")
    reached = [by_urn[urn] for urn in resource.property_dependencies.get(name, ()) if urn in by_urn]
    return reached[0] if len(reached) == 1 else None


def _roles(
    stack: Stack, all_buckets: list[Bucket], by_urn: dict[str, Bucket], by_name: dict[str, Bucket]
) -> None:
    for resource in stack.of(part_types("Logging")):
        target = _owner(resource, "targetBucket", resource["targetBucket"], by_urn, by_name)
        if target is not None:
            target.logs = True
    for bucket in all_buckets:
        for block in bucket.values("", "", "logging", "loggings"):
            name = block["targetBucket"] if block.known else block
            if name.known and (text := name.text()) in by_name:
                by_name[text or ""].logs = True
        acls = bucket.values("Acl", "acl", "acl")
        # Server access logs cannot be delivered to a bucket with default encryption by SSE-KMS (Amazon S3
        # User Guide, enable-server-access-logging); this canned ACL exists for them (acl-overview).
        if any(acl.known and acl.text() == "log-delivery-write" for acl in acls):
            bucket.logs = True
        if any(_takes_logs(policy) for policy in bucket.parts.get("Policy", ())):
            bucket.logs = True
    for resource in stack.of(part_types("ReplicationConfig")):
        own = set(resource.property_dependencies.get("bucket", ()))
        reached = [urn for urn in resource.property_dependencies.get("rules", ()) if urn not in own]
        rules = resource["rules"].items() if resource["rules"].known else [resource["rules"]]
        for target in (rule.at("destination.bucket") for rule in rules):
            if is_determined(target):
                named = [_by_arn(target.text() or "", by_name)]
            else:
                named = [by_urn.get(urn) for urn in reached]
            for bucket in named:
                if bucket is not None:
                    bucket.replica = True


def _by_arn(text: str, by_name: dict[str, Bucket]) -> Bucket | None:
    return by_name.get(text) or by_name.get(text.rpartition(":")[2])


def _takes_logs(policy: Resource) -> bool:
    """Return True if a bucket policy allows access to a log delivery service of AWS."""
    try:
        services = {
            name
            for statement in statements(policy["policy"])
            for kind, name in (statement.principals if statement.allows else ())
            if kind == "Service"
        }
    except UnknownValueError:
        return False
    return bool(services & {"logging.s3.amazonaws.com", "delivery.logs.amazonaws.com"})


BucketCheck = Callable[[Bucket], Iterator[Finding | Unknown]]


def each_bucket(check: BucketCheck) -> Callable[[Stack, Options], Verdicts]:
    """Turn a check of one bucket into a separate check of every bucket in a stack."""
    return _each(check, foreign=False)


def each_bucket_or_part(check: BucketCheck) -> Callable[[Stack, Options], Verdicts]:
    """Turn a check of one bucket into a separate check of every bucket.

    These include the buckets of other stacks of which this stack declares only sub-resources.
    """
    return _each(check, foreign=True)


def _each(check: BucketCheck, foreign: bool) -> Callable[[Stack, Options], Verdicts]:
    def evaluate(stack: Stack, _: Options) -> Verdicts:
        for bucket in buckets(stack):
            if foreign or not bucket.foreign:
                yield from guarded(check(bucket), bucket.resource.urn)

    evaluate.__doc__ = check.__doc__
    return evaluate
