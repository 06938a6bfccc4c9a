"""Resources whose object on an account or in a cluster belongs to another resource as well."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from review.model import Finding, title
from review.plain_data import as_text, is_list, is_map
from review.stacks.engine_run import Step
from review.stacks.resources import PROVIDERS, Resource
from review.stacks.stack import Stack
from sandbox.providers.resource_types import is_described, resource_type

VERSION = re.compile(r"V\d+$")
"""End of a type that is another name of the type without this end (pulumi-aws: BucketVersioningV2)."""

MODULES = {
    "alb": "lb",
    "applicationloadbalancing": "lb",
    "elasticloadbalancingv2": "lb",
    "elasticloadbalancing": "elb",
}
"""Modules of pulumi-aws whose types are other names of those of another module (aliases of the SDK's classes,
such as pulumi_aws/lb/target_group.py).
"""

GLOBAL = frozenset(
    {"account", "budgets", "cloudfront", "costexplorer", "iam", "organizations", "route53", "s3", "shield"}
)
"""Modules of pulumi-aws whose objects are the same in all regions
(https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html).
The names of buckets are global, and those of budgets unique in an account
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/gpbucketnamespaces.html).
"""

INVENTED = re.compile(r"\{(hex|HEX|dec)\d+\}|\{uuid\}")
"""Pattern of a part of an ID that AWS chooses (sandbox/providers/aws/resource_types.toml)."""

SHORTEST_NAME = 4
"""Smallest number of characters of an input that identifies an object; shorter ones occur by chance."""

REMEDY = "Declare the object once, and give a renamed resource an alias of its former name"


@dataclass(frozen=True)
class _Claim:
    """A resource with an object, before or after `up`; `deletes` is True if `up` deletes the object."""

    step: Step
    resource: Resource
    deletes: bool
    place: str

    @property
    def is_new(self) -> bool:
        """True if `up` creates the resource."""
        return not self.deletes and self.step.op in ("create", "replace")


def find_shared(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource with such an object and a finding, which blocks.

    Pulumi deletes resources after it has created and changed others. So if a resource gets another name
    without an alias, the new resource takes over the object, and the deletion of the old one removes it.
    Neither the state nor the policies show that: for them, the new resource exists.
    """
    if not stack.predicted or stack.base_failed:
        return
    kinds: dict[tuple[str, str, str], list[_Claim]] = defaultdict(list)
    for claim in _claims(stack):
        kinds[_kind(claim.resource.type)].append(claim)
    for claims in kinds.values():
        for claim in claims:
            if not claim.deletes and (message := _describe(claim, claims)):
                finding = stack.blocking_finding("object-shared", claim.resource, message, REMEDY)
                yield claim.resource.urn, finding
    yield from _find_moved_inside(stack)


def _claims(stack: Stack) -> Iterator[_Claim]:
    """Yield the claims of all resources; the objects of a replaced provider are in another place."""
    for step in stack.steps.values():
        if step.op != "delete" and _has_object(step.resource):
            yield _Claim(step, step.resource, deletes=False, place=_place(step.resource, stack))
        provider = stack.steps.get(step.old.provider) if step.old else None
        is_deleted = step.op in ("delete", "replace") and not (provider and provider.op == "replace")
        if step.old and is_deleted and _has_object(step.old):
            yield _Claim(step, step.old, deletes=True, place=_place(step.old, stack))


def _has_object(resource: Resource) -> bool:
    is_read = bool(resource.state.get("external"))
    return not resource.is_component and not is_read and not resource.type.startswith(PROVIDERS)


def _place(resource: Resource, stack: Stack) -> str:
    """Return the region or the zone of a resource; empty if only the deployment's environment determines it.

    The ID of a zone's setting is its name (https://developers.cloudflare.com/api, Zones › Settings).
    """
    provider = stack.resources.get(resource.provider)
    own = resource.inputs.get("region") or resource.inputs.get("zoneId")
    return as_text(own or (provider and provider.inputs.get("region"))) or ""


def _kind(type_token: str) -> tuple[str, str, str]:
    """Return the package, the module and the kind of a type; the module of a Kubernetes type is its group."""
    package, _, rest = type_token.partition(":")
    module, _, kind = rest.rpartition(":")
    module = module.partition("/")[0]
    return package, MODULES.get(module, module), VERSION.sub("", kind)


def _describe(claim: _Claim, claims: Sequence[_Claim]) -> str:
    """Describe what happens to the object of a resource; empty if the resource keeps it alone."""
    for other in claims:
        name = title(other.resource)
        if other.step is claim.step:
            if other.deletes and claim.step.created_first and _is_same(claim, other):
                return "the replacement gets the same object, which `up` deletes afterwards"
        elif other.deletes and (_is_same(claim, other) or (claim.is_new and _may_be_same(claim, other))):
            return f"it has the object of {name}, which `up` deletes afterwards, and the object with it"
        elif not other.deletes and claim.is_new and _is_same(claim, other):
            return f"it has the object of {name}, too; the last change of the two determines the object"
    return ""


def _is_same(claim: _Claim, other: _Claim) -> bool:
    """Return True if two resources of a kind have one object: one ID in one place."""
    identifiers = [str(owner.resource.state.get("id") or "") for owner in (claim, other)]
    places = {claim.place, other.place} - {""}
    is_one_place = len(places) < 2 or _kind(claim.resource.type)[1] in GLOBAL
    return bool(identifiers[0]) and identifiers[0] == identifiers[1] and is_one_place


def _may_be_same(claim: _Claim, other: _Claim) -> bool:
    """Return True if a new and a deleted resource of a kind with invented IDs may have one object.

    What identifies the object of a type without a table is not known, so one equal text is enough. With a
    table, all texts that both have must be equal, and only types that connect other resources count: for the
    others, such as a VPC, AWS chooses a new ID.
    """
    kind = claim.resource.type
    if kind.startswith("kubernetes:"):  # The name of an object is its ID.
        return False
    before, after = _texts(other.resource), _texts(claim.resource)
    equal = [name for name in before.keys() & after.keys() if before[name] == after[name]]
    if not is_described(kind):
        return bool(equal)
    is_link = re.search(r"(Attachment|Association|Permission|Subscription)$", kind) is not None
    is_invented = INVENTED.search(resource_type(kind).id) is not None
    return is_link and is_invented and bool(equal) and len(equal) == len(before.keys() & after.keys())


def _texts(resource: Resource) -> dict[str, str]:
    """Return the inputs that may identify an object, by name."""
    return {
        name: value
        for name, value in resource.inputs.items()
        if isinstance(value, str) and len(value) >= SHORTEST_NAME and name not in ("region", "description")
    }


def _find_moved_inside(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource that gets what a deleted resource may have set, and a finding.

    An example is a Bucket with the new property `policy` whose BucketPolicy is deleted, or a new item of a
    Role's `inlinePolicies` beside a deleted RolePolicy.
    """
    deleted = [claim.resource for claim in _claims(stack) if claim.deletes and claim.step.op == "delete"]
    for step in stack.steps.values():
        if step.op != "update" or not step.old:
            continue
        whole, before = step.resource, step.old.inputs
        added = [
            name
            for name, value in whole.inputs.items()
            if not name.startswith(("_", "tags")) and _has_more(before.get(name), value)
        ]
        for part in deleted if added else ():
            if _is_part(part, whole):
                names = f"it adds to {', '.join(sorted(added))}"
                message = f"{names}, and `up` then deletes {title(part)}, which may be the same object"
                yield whole.urn, stack.blocking_finding("object-shared", whole, message, REMEDY)


def _has_more(before: Any, after: Any) -> bool:
    """Return True if a property is new, or is a list or an object with new items."""
    if is_list(after) and is_list(before):
        return any(item not in before for item in after)
    if is_map(after) and is_map(before):
        return any(before.get(key) != item for key, item in after.items())
    return before is None


def _is_part(part: Resource, whole: Resource) -> bool:
    """Return True if a resource has a part of another one: their types begin alike, and it names its ID."""
    *place, kind = _kind(whole.type)
    *part_place, part_kind = _kind(part.type)
    begin_alike = part_kind.startswith(kind) or kind.startswith(part_kind)
    identifier = whole.state.get("id")
    return part_place == place and begin_alike and bool(identifier) and identifier in part.inputs.values()
