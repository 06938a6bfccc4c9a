"""Resources whose object on an account or in a cluster belongs to another resource as well."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import Any

from review.model import Finding, title
from review.objects.custom_resources import may_be_one_object
from review.objects.new_objects import makes_new_object
from review.objects.object_names import ObjectName, are_one_object, identify_object
from review.objects.owners import DEFAULT_OF_VPC, GLOBAL, find_default, has_other_cluster, place_of
from review.objects.parts import INVENTED, SETTING, list_inputs, may_share_container, own_names
from review.objects.records import (
    BALANCER,
    is_address,
    is_one_name,
    is_one_type,
    is_routed,
    record_name,
    takes_precedence,
    zone_of,
)
from review.plain_data import is_list, is_map
from review.project_selection import Accounts, may_be_on_one_account
from review.stacks.engine_run import Step
from review.stacks.object_kinds import Kind, is_patch, kind_of, kinds_of
from review.stacks.resources import PROVIDERS, Json, Resource
from review.stacks.stack import Stack
from review.stacks.value_parts import leaves
from sandbox.providers.resource_types import is_described, resource_type
from sandbox.wire import schema

SHORTEST_NAME = 4
"""Smallest number of characters of an input that identifies an object; shorter ones occur by chance."""

NOT_IDENTIFYING = ("region", "description")
"""Inputs that do not identify an object."""

INSIDE: Mapping[tuple[str, str], str] = {
    ("Domain", "accessPolicies"): "DomainPolicy",
    ("NatGateway", "secondaryAllocationIds"): "NatGatewayEipAssociation",
    ("Role", "inlinePolicies"): "RolePolicy",
    ("Role", "managedPolicyArns"): "RolePolicyAttachment",
    ("RouteTable", "routes"): "Route",
    ("VpcEndpoint", "securityGroupIds"): "SecurityGroupAssociation",
    ("WebAcl", "rules"): "WebAclRule",
}
"""Types of the parts that a property declares, if the names do not tell (pulumi-aws, notes on the types)."""

ONE_OF_AN_OBJECT = re.compile(rf"{SETTING.pattern}|Config$")
"""Ends of the types of which an object has one."""

REFERENCE_END = re.compile(r"(Arn|Id|Identifier|Name|Url)$")
"""Ends of the names of inputs that name an object by its kind."""

LISTED_ID = re.compile(r"(Arn|Id|Identifier|Name|Url)s$")
"""Ends of the names of lists of such inputs, as the `subnetIds` of a VpcEndpoint."""

REMEDY = "Declare the object once, and give a renamed resource an alias of its former name"


@dataclass(frozen=True)
class _Claim:
    """A resource with an object, before or after `up`; `deletes` is True if `up` deletes the object.

    `names` identify the object of a type without a table. `changes_cluster` is True if the resource's
    provider leads to another cluster after `up` than before.
    """

    step: Step
    resource: Resource
    deletes: bool
    place: str
    names: Sequence[ObjectName]
    changes_cluster: bool
    stack: str

    @property
    def is_new(self) -> bool:
        """True if `up` creates the resource, or the provider, since its object is another one."""
        return not self.deletes and makes_new_object(self.step)


def find_shared(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource with such an object and a finding, which blocks.

    Pulumi deletes resources after it has created and changed others. So if a resource gets another name
    without an alias, the new resource takes over the object, and the deletion of the old one removes it.
    Neither the state nor the policies show that: for them, the new resource exists.
    """
    if not stack.predicted or stack.base_failed:
        return
    claims = [*_claims(stack)]
    of_kind = _by_kind(claims, kinds_of(claim.resource.type for claim in claims))
    zones = _zones(claims)
    for alike in of_kind.values():
        for claim in alike:
            if not claim.deletes and (message := _describe(claim, alike, zones)):
                finding = stack.blocking_finding("object-shared", claim.resource, message, REMEDY)
                yield claim.resource.urn, finding
    yield from _find_moved_inside(stack, claims)
    yield from _find_declared_twice(stack, claims)
    yield from _find_preceded_records(stack, claims, claims)


def find_shared_with(
    stack: Stack, others: Sequence[Stack], accounts: Accounts
) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource with an object of another stack, and a finding, which blocks.

    `accounts` has those of AWS. For other providers, such as Cloudflare, all stacks may be on one account.
    The head of another stack counts also if its base failed.
    """
    if stack.base_failed:
        return
    comparable = (member for member in (stack, *others) if member.predicted)
    claims = [claim for member in comparable for claim in _claims(member) if is_on_account(claim.resource)]
    of_kind = _by_kind(claims, kinds_of(claim.resource.type for claim in claims))
    zones = _zones(claims)
    for alike in of_kind.values():
        for claim in alike:
            foreign = [
                other
                for other in alike
                if other.stack != stack.name
                and _may_be_one_account(other.resource, other.stack, stack.name, accounts)
            ]
            if (
                claim.stack == stack.name
                and not claim.deletes
                and (message := _describe_foreign(claim, foreign, zones))
            ):
                yield (
                    claim.resource.urn,
                    stack.blocking_finding("object-shared", claim.resource, message, REMEDY),
                )
    yield from _find_preceded_records(stack, claims, [claim for claim in claims if claim.stack != stack.name])


def _find_preceded_records(
    stack: Stack, claims: Sequence[_Claim], others: Sequence[_Claim]
) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each new load balancer in place of one of the other records, and a finding."""
    zones = _zones(claims)
    for claim in claims:
        if claim.stack != stack.name or not claim.is_new or kind_of(claim.resource.type) != BALANCER:
            continue
        known = [side.resource for side in claims if not side.is_new or side.stack != claim.stack]
        for other in others:
            if not other.deletes and takes_precedence(claim.resource, other.resource, known, zones):
                owner = "" if other.stack == stack.name else f" of {other.stack}"
                message = f"it gets the requests to {title(other.resource)}{owner}, which has its name"
                yield (
                    claim.resource.urn,
                    stack.blocking_finding("object-shared", claim.resource, message, REMEDY),
                )


def _zones(claims: Iterable[_Claim]) -> set[str]:
    """Return the IDs of the zones of DNS that resources declare, or in which there are records already."""
    return {zone_of(claim.resource, is_new=claim.is_new) for claim in claims} - {""}


def _by_kind(claims: Sequence[_Claim], kinds: Mapping[str, Kind]) -> Mapping[Kind, Sequence[_Claim]]:
    of_kind: dict[Kind, list[_Claim]] = defaultdict(list)
    for claim in claims:
        of_kind[kinds[claim.resource.type]].append(claim)
    return of_kind


def _claims(stack: Stack) -> Iterator[_Claim]:
    """Yield the claims of all resources."""
    moved = {urn for urn, step in stack.steps.items() if has_other_cluster(step)}
    for step in stack.steps.values():
        if step.op != "delete" and _has_object(step.resource):
            yield _claim(stack, step, step.resource, moved, deletes=False)
        is_deleted = step.op == "delete" or (step.op != "create" and makes_new_object(step))
        if step.old and is_deleted and _has_object(step.old) and _deletes_object(step.old):
            yield _claim(stack, step, step.old, moved, deletes=True)


def _claim(stack: Stack, step: Step, resource: Resource, moved: Collection[str], *, deletes: bool) -> _Claim:
    """Return the claim of a resource; `moved` has the URNs of the providers that lead to another cluster."""
    place, provider = place_of(resource, stack, in_base=deletes), stack.step_of(resource.provider)
    names = identify_object(resource, stack, in_base=deletes)
    changes_cluster = provider is not None and provider.resource.urn in moved
    return _Claim(step, resource, deletes, place, names, changes_cluster, stack.name)


def is_on_account(resource: Resource) -> bool:
    """Return True for a resource with an object on an account.

    Objects of Kubernetes are in a cluster, and the stacks of two projects usually have two clusters.
    """
    return _has_object(resource) and resource.package != "kubernetes"


def creates_object_of(other: str, stack: str, steps: Iterable[Step], accounts: Accounts) -> bool:
    """Return True if steps of a stack may create objects of another one, or change others than before."""
    return any(
        makes_new_object(step)
        and is_on_account(step.resource)
        and _may_be_one_account(step.resource, stack, other, accounts)
        for step in steps
    )


def _may_be_one_account(resource: Resource, stack: str, other: str, accounts: Accounts) -> bool:
    """Return True if another stack may have objects on the account of a stack's resource."""
    return resource.package != "aws" or may_be_on_one_account(stack, other, accounts)


def _has_object(resource: Resource) -> bool:
    is_read = bool(resource.state.get("external"))
    return not resource.is_component and not is_read and not resource.type.startswith(PROVIDERS)


def _deletes_object(resource: Resource) -> bool:
    """Return True if the object is deleted with a resource."""
    return not resource.state.get("retainOnDelete") and not is_patch(resource.type)


def _describe(claim: _Claim, claims: Sequence[_Claim], zones: Collection[str]) -> str:
    """Describe what happens to the object of a resource; empty if the resource keeps it alone."""
    for other in claims:
        name = title(other.resource)
        if other.step is claim.step:
            if other.deletes and claim.step.op == "update":
                if _has_other_name(claim, other) and are_one_object(claim.names, other.names):
                    return "the replacement gets the same object, which `up` deletes afterwards"
            elif other.deletes and claim.step.created_first:
                if _is_same(claim, other):
                    return "the replacement gets the same object, which `up` deletes afterwards"
                if _keeps_name(claim, other) and _may_be_same(claim, other):
                    return "the replacement may get the same object, which `up` deletes afterwards"
        elif other.deletes and _gets_deleted(claim, other):
            return f"it has the object of {name}, which `up` deletes afterwards, and the object with it"
        elif not other.deletes and claim.is_new and _is_same(claim, other):
            return f"it has the object of {name}, too; the last change of the two determines the object"
        elif not other.deletes and claim.is_new and _may_be_same_in_cluster(claim, other):
            return f"it has the object of {name}, too, if objects of this kind have no namespace"
        elif not other.deletes and (shared := _describe_records(claim, other, claims, zones)):
            return f"it has {shared} of {name}, too; requests reach either of the two"
    return ""


def _describe_foreign(claim: _Claim, others: Sequence[_Claim], zones: Collection[str]) -> str:
    """Describe what other stacks do to the object of a resource, in whatever order they are deployed."""
    for other in others:
        name = f"{title(other.resource)} of {other.stack}"
        if other.deletes and _gets_deleted(claim, other):
            return f"it has the object of {name}, which a deployment of that stack deletes"
        if not other.deletes and claim.is_new and _is_same(claim, other):
            return f"it has the object of {name}, too; the last change of the two determines the object"
        if not other.deletes and (shared := _describe_records(claim, other, others, zones)):
            return f"it has {shared} of {name}, too; whoever reads them gets both"
    return ""


def _gets_deleted(claim: _Claim, other: _Claim) -> bool:
    """Return True if the object of a resource may be one that is deleted with another resource."""
    is_similar = claim.is_new and other.step.op != "update" and _may_be_same(claim, other)
    return _is_same(claim, other) or is_similar


def _describe_records(claim: _Claim, other: _Claim, claims: Sequence[_Claim], zones: Collection[str]) -> str:
    """Describe what a new DNS record shares with another one; empty if nothing.

    A name may have several records of most types, such as TXT, and a new name may have an A and an AAAA
    record, or several between which Route 53 chooses, if one program declares them.
    """
    if not claim.is_new or not record_name(claim.resource):
        return ""
    # The new records of a program are no evidence of the zone's name.
    known = [side.resource for side in claims if not side.is_new or side.stack != claim.stack]
    if not is_one_name(claim.resource, other.resource, known, zones):
        return ""
    are_addresses = is_address(claim.resource) and is_address(other.resource)
    is_foreign = claim.stack != other.stack
    if is_one_type(claim.resource, other.resource):
        are_new = other.is_new and is_routed(claim.resource, other.resource)
        return "the name and the type" if is_foreign or (are_addresses and not are_new) else ""
    return "the name" if are_addresses and (is_foreign or not other.is_new) else ""


def _has_other_name(claim: _Claim, other: _Claim) -> bool:
    """Return True if an update changes what identifies an object: a provider replaces such a resource."""
    before, after = other.resource.values, claim.resource.values
    return any(before.get(name.input_name) != after.get(name.input_name) for name in claim.names)


def _keeps_name(claim: _Claim, other: _Claim) -> bool:
    """Return True if two resources of a type have the same physical name, or none."""
    name = resource_type(claim.resource.type).name
    return claim.resource.values.get(name) == other.resource.values.get(name)


def _is_same(claim: _Claim, other: _Claim) -> bool:
    """Return True if two resources of a kind have one object: one ID in one place.

    The ID of a type without a table is invented, so what identifies the object is compared as well.
    """
    if not _is_one_place(claim, other):
        return False
    identifiers = [str(owner.resource.state.get("id") or "") for owner in (claim, other)]
    if bool(identifiers[0]) and identifiers[0] == identifiers[1]:
        return True
    return are_one_object(claim.names, other.names)


def _is_one_place(claim: _Claim, other: _Claim) -> bool:
    """Return True if two resources of a kind may be in one region, zone, cluster or other container."""
    if claim.resource.package == "aws" and not may_share_container(claim.resource, other.resource):
        return False
    if claim.changes_cluster and other.changes_cluster and claim.deletes != other.deletes:
        return False
    is_global = kind_of(claim.resource.type)[1] in GLOBAL
    return is_global or len({claim.place, other.place} - {""}) < 2


def _may_be_same(claim: _Claim, other: _Claim) -> bool:
    """Return True if a new and a deleted resource of a kind with invented IDs may have one object.

    What identifies the object of a type without a table is not known, so one equal text is enough. With a
    table, all texts that both have must be equal, and only types that connect other resources count: for the
    others, such as a VPC, AWS chooses a new ID.
    """
    kind = claim.resource.type
    if kind.startswith("kubernetes:"):
        return _may_be_same_in_cluster(claim, other)
    if not _is_one_place(claim, other):
        return False
    before, after = _texts(other.resource), _texts(claim.resource)
    equal = [name for name in before.keys() & after.keys() if before[name] == after[name]]
    if not is_described(kind):
        return bool(equal)
    is_link = re.search(r"(Attachment|Association|Permission|Subscription)$", kind) is not None
    is_invented = INVENTED.search(resource_type(kind).id) is not None
    return is_link and is_invented and bool(equal) and len(equal) == len(before.keys() & after.keys())


def _may_be_same_in_cluster(claim: _Claim, other: _Claim) -> bool:
    """Return True if two objects with different IDs may be one; an ID has the namespace and the name."""
    return _is_one_place(claim, other) and may_be_one_object(claim.resource, other.resource)


def _texts(resource: Resource) -> dict[str, str]:
    """Return the inputs that may identify an object, by name."""
    return {
        name: value
        for name, value in resource.values.items()
        if isinstance(value, str) and len(value) >= SHORTEST_NAME and name not in NOT_IDENTIFYING
    }


def _find_moved_inside(stack: Stack, claims: Sequence[_Claim]) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource that gets what a deleted resource has set, and a finding.

    An example is a Bucket with the new property `policy` whose BucketPolicy is deleted, or a new item of a
    Role's `inlinePolicies` beside a deleted RolePolicy.
    """
    deleted = [claim.resource for claim in claims if claim.deletes and claim.step.op == "delete"]
    for step in stack.steps.values() if deleted else ():
        if step.op != "update" or not _has_object(step.resource):
            continue
        whole, before = step.resource, step.old.values if step.old else {}
        added = {
            name: value for name, value in _settings(whole).items() if _has_more(before.get(name), value)
        }
        for part in deleted if added else ():
            if _is_part(part, whole, added):
                names = f"it adds to {', '.join(sorted(added))}"
                message = f"{names}, and `up` then deletes {title(part)}, which may be the same object"
                yield whole.urn, stack.blocking_finding("object-shared", whole, message, REMEDY)


def _find_declared_twice(stack: Stack, claims: Sequence[_Claim]) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource that sets what another resource that stays sets, too, and a finding.

    The object has what was set last: if a BucketPolicy is new, it takes the place of the `policy` of its
    Bucket, and the state and the policies still see that one; and the same the other way round. An empty
    list, such as `ingress=[]`, removes what the other resource declares. Of a list in a whole, the next
    change removes what the part has added. So this is a conflict, whichever of the two changes.
    """
    modules: dict[tuple[str, str], list[tuple[Resource, set[str], set[str]]]] = defaultdict(list)
    for claim in claims:
        resource = claim.resource
        if not claim.deletes and resource.package != "kubernetes":
            identifiers = _identifiers(resource) | {find_default(stack, resource)} - {""}
            modules[kind_of(resource.type)[:2]].append((resource, _changed_names(claim), identifiers))
    pairs = chain(*(product(kept, kept) for kept in modules.values()))
    for (whole, changed, identifiers), (part, changed_part, _) in pairs:
        candidates = _declared(whole).keys() if changed_part else changed
        names = sorted(name for name in candidates if _declares(part, whole, name, identifiers))
        if names:
            is_whole = bool(changed & {*names})
            subject, other = (whole, part) if is_whole else (part, whole)
            verb = "removes" if is_whole and whole.values.keys().isdisjoint(names) else "sets"
            message = (
                f"it {verb} {', '.join(names)}, which {title(other)} declares as well; the last change of "
                "the two determines the object"
            )
            yield subject.urn, stack.blocking_finding("object-shared", subject, message, REMEDY)


def _declared(resource: Resource) -> Json:
    """Return the inputs of a resource that have a value, and the empty lists of a default of a VPC.

    Such a resource removes all rules or routes that it does not list.
    """
    settings = _settings(resource)
    if not kind_of(resource.type)[-1].startswith(DEFAULT_OF_VPC):
        return settings
    return {**{name: [] for name in list_inputs(resource.type)}, **settings}


def _settings(resource: Resource) -> Json:
    """Return the inputs of a resource that have a value, without tags and notes of the provider."""
    return {
        name: value
        for name, value in resource.values.items()
        if value is not None and not name.startswith(("_", "tags"))
    }


def _changed_names(claim: _Claim) -> set[str]:
    """Return the inputs that `up` sets: all of a new resource, and those of an update that differ."""
    step, inputs = claim.step, _settings(claim.resource)
    if step.op in ("create", "replace"):
        return {*_declared(claim.resource)}
    before = step.old.values if step.old else {}
    return {name for name, value in inputs.items() if step.op == "update" and before.get(name) != value}


def _has_more(before: Any, after: Any) -> bool:
    """Return True if a property is new, or is a list or an object with new items."""
    if is_list(after) and is_list(before):
        return any(item not in before for item in after)
    if is_map(after) and is_map(before):
        return any(before.get(key) != item for key, item in after.items())
    return before is None


def _is_part(part: Resource, whole: Resource, added: Json) -> bool:
    """Return True if a resource has a part of another one, to which `added` is added.

    It names the ID, the ARN or the name of the other one. Their types begin alike, or everything else that it
    names is in what is added: an Attachment names a Group and a target group, which the Group now lists.
    """
    identifiers, named = _identifiers(whole), {*_names(part.values)}
    *place, kind = kind_of(whole.type)
    *part_place, part_kind = kind_of(part.type)
    if part_place[0] != place[0] or identifiers.isdisjoint(named):
        return False
    if part_place == place and (part_kind.startswith(kind) or kind.startswith(part_kind)):
        return True
    others = {name for name in named - identifiers if len(name) >= SHORTEST_NAME}
    return bool(others) and others <= {*_names(added)}


def _identifiers(whole: Resource) -> set[str]:
    """Return the ID, the ARN and the names of a resource."""
    outputs: Json = whole.state.get("outputs") or {}
    names = (whole.values[name] for name in own_names(whole))
    candidates = (whole.state.get("id"), outputs.get("arn"), whole.values.get("name"), *names)
    return {value for value in candidates if value and isinstance(value, str)}


def _declares(part: Resource, whole: Resource, name: str, identifiers: Collection[str]) -> bool:
    """Return True if a resource declares a property of another one: a BucketPolicy the `policy` of a Bucket.

    `identifiers` are those of the other one.
    """
    *place, kind = kind_of(whole.type)
    *part_place, part_kind = kind_of(part.type)
    kind = kind.removeprefix(DEFAULT_OF_VPC)
    if place != part_place or kind == part_kind or not _is_alternative(part, whole, name):
        return False
    return not {*identifiers}.isdisjoint(_object_names(part, kind))


def _is_alternative(part: Resource, whole: Resource, name: str) -> bool:
    """Return True if a type declares what a property of another type declares, too.

    The SDK recommends it in place of the property, as DetectorFeature, or the rest of its name has all words
    of the property's name, such as `lifecycleRules` and BucketLifecycleConfiguration, or `subnetIds` and
    VpcEndpointSubnetAssociation. By its name alone, it counts for a property other than a list only if an
    object has one of them: a VpcIpv4CidrBlockAssociation adds to the `cidrBlock` of a Vpc.
    """
    kind, part_kind = kind_of(whole.type)[-1].removeprefix(DEFAULT_OF_VPC), kind_of(part.type)[-1]
    if schema.documented_parts(whole.type).get(name) == part_kind:
        return True
    if (kind, name) in INSIDE:
        return INSIDE[kind, name] == part_kind
    if not is_list(whole.values.get(name, [])) and not ONE_OF_AN_OBJECT.search(part_kind):
        return False
    own_words, rest = _words(LISTED_ID.sub("", name)), _words(part_kind.removeprefix(kind)) | _direction(part)
    return part_kind.startswith(kind) and bool(own_words) and own_words <= rest


def _object_names(part: Resource, kind: str) -> set[str]:
    """Return the texts that may name the object of this kind to which a part belongs.

    If an input has the name of the kind, it alone decides: the `bucket` of a BucketLogging, and not its
    `targetBucket`.
    """
    inputs = {
        name: value
        for name, value in part.values.items()
        if kind.lower().endswith(REFERENCE_END.sub("", name).lower())
    }
    return {*_names(inputs or part.values)}


def _direction(rule: Resource) -> set[str]:
    """Return the word for the direction of a rule of a security group or a network ACL."""
    if not rule.type.endswith("Rule"):
        return set()
    kind, is_egress = rule.values.get("type"), rule.values.get("egress")
    return _words(kind if isinstance(kind, str) else "egress" if is_egress else "ingress")


def _words(name: str) -> set[str]:
    """Return the words of a name in camel case in their singular, without those that tell nothing."""
    plural = (word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name))
    singular = {f"{word[:-3]}y" if word.endswith("ies") else word.removesuffix("s") for word in plural}
    return singular - {"arn", "config", "configuration", "rule"}


def _names(inputs: Json) -> Iterator[str]:
    """Yield the texts in inputs that may name another object."""
    for name, content in inputs.items():
        if name not in NOT_IDENTIFYING:
            yield from (value for _, value in leaves(name, content) if isinstance(value, str))
