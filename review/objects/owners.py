"""Objects that inputs name: those of the stack's own resources, and foreign ones."""

import re
from collections.abc import Mapping
from itertools import chain

from review.model import title
from review.objects.new_objects import makes_new_object
from review.objects.parts import (
    DEFAULT,
    INVENTED,
    are_in_one_container,
    containers,
    identity,
    noun_of,
    object_inputs,
    own_names,
)
from review.plain_data import as_text
from review.stacks.engine_run import Step
from review.stacks.existing_objects import OBJECT
from review.stacks.object_kinds import kind_of, kinds_named
from review.stacks.resources import PROVIDERS, Json, Resource
from review.stacks.stack import Stack
from sandbox.providers.aws.package import account_settings
from sandbox.providers.kubernetes.package import Kubernetes
from sandbox.providers.resource_types import resource_type
from sandbox.summary import LATER, MASK

NOT_IN_STACK = "no resource of this stack"
"""Remark at the name of an object that another stack, or nobody, has created."""

OF_AWS = "::aws:"
"""Part of the ARN of a policy that AWS manages, in place of an account."""

GLOBAL = frozenset(
    {"account", "budgets", "cloudfront", "costexplorer", "iam", "organizations", "route53", "s3", "shield"}
)
"""Modules of pulumi-aws whose objects are the same in all regions
(https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html).
The names of buckets are global, and those of budgets unique in an account
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/gpbucketnamespaces.html).
"""

REGION = "region"

BUCKET = "bucket"
"""Input that names a bucket or one of its access points."""

ACCESS_POINT = ("aws", "s3", "AccessPoint")

SCALING, SCALING_TARGET = "aws:appautoscaling/", "aws:appautoscaling/target:Target"
"""Types whose `resourceId` names the object of another service."""

SCALED: Mapping[str, str] = {
    "aws:appstream/fleet:Fleet": "fleet/(?P<own>.+)",
    "aws:dynamodb/table:Table": "table/(?P<own>[^/]+)(?:/index/.+)?",
    "aws:ec2/spotFleetRequest:SpotFleetRequest": "spot-fleet-request/(?P<own>.+)",
    "aws:ecs/service:Service": "service/(?P<cluster>[^/]+)/(?P<own>[^/]+)",
    "aws:elasticache/cluster:Cluster": "cache-cluster/(?P<own>.+)",
    "aws:elasticache/replicationGroup:ReplicationGroup": "replication-group/(?P<own>.+)",
    "aws:emr/cluster:Cluster": "instancegroup/(?P<own>[^/]+)/.+",
    "aws:emr/instanceGroup:InstanceGroup": "instancegroup/(?P<clusterId>[^/]+)/(?P<own>.+)",
    "aws:keyspaces/table:Table": "keyspace/(?P<keyspaceName>[^/]+)/table/(?P<own>.+)",
    "aws:lambda/alias:Alias": "function:(?P<functionName>[^:]+):(?P<own>.+)",
    "aws:lambda/function:Function": "function:(?P<own>[^:]+):.+",
    "aws:neptune/cluster:Cluster": "cluster:(?P<own>.+)",
    "aws:rds/cluster:Cluster": "cluster:(?P<own>.+)",
    "aws:sagemaker/endpoint:Endpoint": "endpoint/(?P<own>[^/]+)/variant/.+",
}
"""Types that Application Auto Scaling scales, and the `resourceId` of each: `own` is the ID or the name of
the resource, and another group the input with its container. Other services have an ARN as `resourceId`
(Application Auto Scaling API, RegisterScalableTarget: ResourceId).
"""

DEFAULT_OF_VPC = "Default"
"""Start of the types that take over a default of a VPC."""

CLUSTER = f"{PROVIDERS}kubernetes"
"""Type of the providers whose resources are in a cluster."""


def owner_remark(stack: Stack, resource: Resource, name: str) -> str:
    """Return the title of the own resource whose object an input names, or a remark.

    The result is empty for an unknown value, an object of AWS, and an input that only tells the parts of an
    object apart.
    """
    value = str(resource.values.get(name))
    is_hidden = LATER in value or MASK in value
    if is_hidden or not OBJECT.fullmatch(name) or OF_AWS in value:
        return ""
    if owner := find_owner(stack, resource, name):
        return title(owner)
    namesake = find_owner(stack, resource, name, in_order=False)
    return f"no dependency on the new {title(namesake)}" if namesake else NOT_IN_STACK


def find_owner(
    stack: Stack, resource: Resource, name: str, *, in_base: bool = False, in_order: bool = True
) -> Resource | None:
    """Return the resource of the stack whose object an input of another one names; None for a foreign object.

    Outputs repeat the inputs, which may be any text: a tag may have the name of a foreign bucket, and so may
    a log group, or a bucket of another kind or region. So only the ARN counts, the name of a resource of the
    right kind in the same place and container, and what AWS chooses for a resource on which the input
    depends. With `in_order`, a new resource counts only if the other one depends on it: only then, an object
    of somebody else with its name stops the deployment before it is changed. A kind that takes over such an
    object is a finding itself (`foreign_objects.UPSERTED`). The owner of an object in an access point is the
    bucket. With `in_base`, the resource and its owner are those of the base.
    """
    in_order = in_order and not in_base
    owner = _find_named(stack, resource, name, in_base=in_base, in_order=in_order)
    if not owner or name != BUCKET or kind_of(owner.type) != ACCESS_POINT:
        return owner
    is_access_point = kind_of(resource.type) == ACCESS_POINT
    return None if is_access_point else find_owner(stack, owner, BUCKET, in_base=in_base, in_order=in_order)


def _find_named(
    stack: Stack, resource: Resource, name: str, *, in_base: bool, in_order: bool
) -> Resource | None:
    """Return the resource that an input of another one names, also if it is an access point."""
    value = resource.values.get(name)
    if not isinstance(value, str) or not value:
        return None
    if resource.type.startswith(SCALING):
        return _find_scaled(stack, resource, name, in_base=in_base)
    members, owners = (stack.old, stack.old_owners) if in_base else (stack.new, stack.owners)
    candidates = [owner for owner in owners.get(value, ()) if owner is not resource]
    candidates += (
        owner
        for owner in members.values()
        if owner is not resource
        and _has_object(owner)
        and is_object_kind(owner, resource, name)
        and any(owner.values[own] == value for own in own_names(owner))
    )
    for owner in candidates:
        is_arn = value == _outputs(owner).get("arn") and "arn" not in owner.values
        # In a preview of a real state, AWS has chosen the IDs.
        is_id = not stack.predicted and value == owner.state.get("id")
        is_namesake = is_object_kind(owner, resource, name) and are_in_one_container(owner, resource, name)
        is_own = is_namesake and _is_one_place(owner, resource, stack, in_base=in_base)
        if (is_arn or is_id or is_own) and (not in_order or _exists_before(owner, resource, stack)):
            return owner
    steps = map(stack.step_of if in_base else stack.steps.get, resource.property_dependencies.get(name, ()))
    others = [step.old if in_base else step.resource for step in steps if step]
    return next(
        (
            owner
            for owner in (*candidates, *others)
            if owner and _has_chosen(owner, value, resource, stack, in_base=in_base)
        ),
        None,
    )


def _find_scaled(stack: Stack, resource: Resource, name: str, *, in_base: bool) -> Resource | None:
    """Return the resource that a `resourceId` of Application Auto Scaling names, if the input comes from it.

    A policy or an action can also take the ID from the target.
    """
    value = str(resource.values[name])
    for step in map(
        stack.step_of if in_base else stack.steps.get, resource.property_dependencies.get(name, ())
    ):
        owner = step and (step.old if in_base else step.new)
        if not owner or not _has_object(owner) or not _is_one_place(owner, resource, stack, in_base=in_base):
            continue
        is_target = owner.type == SCALING_TARGET and owner.values.get(name) == value
        is_arn = value == _outputs(owner).get("arn") and "arn" not in owner.values
        is_chosen = value in stack.invented_texts(owner)
        if is_target or is_arn or is_chosen or _is_scaled(owner, value, stack, in_base=in_base):
            return owner
    return None


def _is_scaled(owner: Resource, value: str, stack: Stack, *, in_base: bool) -> bool:
    """Return True if a `resourceId` has the form for the type of a resource, its name and its container."""
    match = re.fullmatch(SCALED.get(owner.type, r"(?!)"), value)
    if not match:
        return False
    for name, text in match.groupdict().items():
        if name == "own":
            texts = _own_texts(owner)
        else:
            # An input can also have the ARN of a cluster or a function.
            named = str(owner.values.get(name) or DEFAULT)
            container = find_owner(stack, owner, name, in_base=in_base)
            texts = {named, re.split("[/:]", named)[-1], *(_own_texts(container) if container else ())}
        if text not in texts:
            return False
    return True


def _own_texts(resource: Resource) -> set[object]:
    """Return the ID and the names of a resource's object."""
    texts = (resource.state.get("id"), *(resource.values[name] for name in own_names(resource)))
    return {text for text in texts if isinstance(text, str)}


def find_default(stack: Stack, resource: Resource) -> str:
    """Return the ID of the default of a VPC that a resource takes over; empty for other resources.

    A DefaultRouteTable names the table itself, and a DefaultSecurityGroup the VPC.
    """
    _, _, kind = kind_of(resource.type)
    if not kind.startswith(DEFAULT_OF_VPC):
        return ""
    output = f"{kind[0].lower()}{kind[1:]}Id"
    owners = (find_owner(stack, resource, name) for name in object_inputs(resource))
    candidates = (resource.values.get(output), *(_outputs(owner).get(output) for owner in owners if owner))
    return next((text for text in candidates if text and isinstance(text, str)), "")


def is_object_kind(owner: Resource, resource: Resource, name: str) -> bool:
    """Return True if a resource is of the kind of object that another one has in an input.

    If AWS has a kind with the name of the input, or whose name ends like that, only this one counts: the
    `role` of a RolePolicy is a Role, and the `rule` of an EventTarget an EventRule. Else the name of its type
    begins like that of the other one, or is a part of the name of the input: a Rule of cfg is the
    `configRuleName` of a RemediationConfiguration. Or its own name is an input of this name: the `domain` of
    a DomainIdentity is that of a DomainDkim.
    """
    package, module, kind = kind_of(resource.type)
    own_package, own_module, own_kind = kind_of(owner.type)
    if (package, module) != (own_package, own_module) or own_kind == kind:
        return False
    noun = noun_of(name)
    if package == "aws" and noun != kind.lower() and (kinds := kinds_named(package, module, noun)):
        return own_kind.lower() in kinds
    if name != "name" and name in owner.values and name in own_names(owner):
        return True
    own_kind, name = own_kind.lower(), name.lower()
    if package == "cloudflare":  # An R2Bucket is the `bucketName` of an R2ManagedDomain.
        name = name.removesuffix("name") or name
    return kind.lower().startswith(own_kind) or own_kind in name or own_kind.endswith(name)


def place_of(resource: Resource, stack: Stack, *, in_base: bool = False) -> str:
    """Return the region or the zone of a resource; empty if only the deployment's environment determines it.

    `in_base` is True for a resource of the base, whose provider may have had other settings. The ID of a
    zone's setting is its name (https://developers.cloudflare.com/api, Zones › Settings).
    """
    own = resource.values.get(REGION) or resource.values.get("zoneId")
    return as_text(own or _settings(resource, stack, in_base=in_base).get(REGION)) or ""


def has_other_cluster(step: Step) -> bool:
    """Return True for a provider of Kubernetes whose settings lead to another cluster than in the base.

    That Pulumi replaces a provider does not show this: a resource option replaces one, too.
    """
    if step.op != "replace" or not step.old or not step.new or step.new.type != CLUSTER:
        return False
    return bool(Kubernetes("kubernetes").replaced_settings(step.old.values, step.new.values))


def has_other_object(step: Step, stack: Stack) -> bool:
    """Return True if a resource changes another object than in the base, or one in another place.

    An input with the name of the object may stay the same meanwhile: the region, the account or another
    container decides as well which object has this name.
    """
    old, new = step.old, step.new
    if not old or not new:
        return False
    is_described_id = not INVENTED.search(resource_type(new.type).id)
    before, after = (
        (side.state.get("id") if is_described_id else "", identity(side), containers(side))
        for side in (old, new)
    )
    return before != after or _has_other_place(step, stack)


def _has_other_place(step: Step, stack: Stack) -> bool:
    """Return True if a resource may be in another region or on another account than in the base."""
    if not step.old or step.resource.package != "aws":
        return stack.has_other_provider(step)
    is_global = kind_of(step.resource.type)[1] in GLOBAL
    is_one_region = is_global or place_of(step.old, stack, in_base=True) == place_of(step.resource, stack)
    return not is_one_region or _account(step.old, stack, in_base=True) != _account(step.resource, stack)


def _has_object(resource: Resource) -> bool:
    return not resource.is_component and not resource.state.get("external")


def _exists_before(owner: Resource, resource: Resource, stack: Stack) -> bool:
    """Return True if an owner has its object before another resource of the head is created or changed."""
    step = stack.steps.get(owner.urn)
    if not step or not makes_new_object(step):
        return True
    seen, waiting = {resource.urn}, [resource]
    while waiting:
        member = waiting.pop()
        named = chain(member.dependencies, *member.property_dependencies.values())
        earlier = {*named, member.parent, member.provider} - seen
        seen |= earlier
        waiting += (stack.resources[urn] for urn in earlier if urn in stack.resources)
    return owner.urn in seen


def _has_chosen(owner: Resource, value: str, resource: Resource, stack: Stack, *, in_base: bool) -> bool:
    """Return True if AWS chooses a value for a resource that is in the same place as another one."""
    is_invented = _has_object(owner) and value in stack.invented_texts(owner)
    return is_invented and _is_one_place(owner, resource, stack, in_base=in_base)


def _is_one_place(owner: Resource, resource: Resource, stack: Stack, *, in_base: bool) -> bool:
    """Return True if two resources are on one account and in one region."""
    if owner.package != "aws" or resource.package != "aws":
        return True
    is_global = kind_of(owner.type)[1] in GLOBAL
    regions = {place_of(member, stack, in_base=in_base) for member in (owner, resource)}
    accounts = [_account(member, stack, in_base=in_base) for member in (owner, resource)]
    return (is_global or len(regions) == 1) and accounts[0] == accounts[1]


def _account(resource: Resource, stack: Stack, *, in_base: bool = False) -> Json:
    """Return the settings of a resource's provider that may lead to another account."""
    return account_settings(_settings(resource, stack, in_base=in_base))


def _settings(resource: Resource, stack: Stack, *, in_base: bool = False) -> Json:
    """Return the settings of a resource's provider."""
    provider = stack.provider_of(resource, in_base=in_base)
    return provider.values if provider else {}


def _outputs(resource: Resource) -> Json:
    return resource.state.get("outputs") or {}
