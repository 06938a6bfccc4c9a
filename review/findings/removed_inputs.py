"""Physical names and other inputs that the program no longer sets, and that the resource keeps."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from review.model import Finding, list_all
from review.plain_data import as_text, is_empty, is_list, is_map, value_at
from review.stacks.engine_run import Step
from review.stacks.object_kinds import Kind, kind_of
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from review.values.ignored_changes import IGNORED, is_ignored
from sandbox.providers.kubernetes.package import RELEASE, is_autonamed
from sandbox.providers.resource_types import is_described, resource_type
from sandbox.providers.target import DEFAULTS
from sandbox.stateful import data_loss
from sandbox.summary import Row
from sandbox.wire import schema

METADATA_NAME, ANNOTATIONS = "metadata.name", "metadata.annotations"
"""Paths of the name and the annotations of an object of Kubernetes."""

OF_TERRAFORM = frozenset({"aws", "cloudflare", "datadog", "tls"})
"""Packages of Terraform providers. Kubernetes removes the fields that the program no longer has (server-side
apply).
"""

WITHOUT_EMPTY_TEXTS = frozenset({"aws", "datadog"})
"""Packages for which an empty text is no value of a computed input (hashicorp/terraform-plugin-sdk,
helper/schema/schema.go, finalizeDiff: "a computed value with an old value set already, just let it go"). The
other providers are made with terraform-plugin-framework, which sends it.
"""

KEPT_INSIDE: Mapping[str, Sequence[str]] = {
    "aws:eks/cluster:Cluster": (
        "accessConfig.authenticationMode",
        "upgradePolicy.supportType",
        "vpcConfig.publicAccessCidrs",
    )
}
"""Paths of computed inputs inside objects, by type (hashicorp/terraform-provider-aws,
internal/service/eks/cluster.go: Optional and Computed).
"""

EMPTIED = frozenset(
    {
        ("aws:ec2/securityGroup:SecurityGroup", "ingress"),
        ("aws:ec2/securityGroup:SecurityGroup", "egress"),
        ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "ingress"),
        ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "egress"),
        ("aws:ec2/managedPrefixList:ManagedPrefixList", "entries"),
        ("aws:ec2/routeTable:RouteTable", "routes"),
        ("aws:ec2/defaultRouteTable:DefaultRouteTable", "routes"),
        ("aws:ec2/networkAcl:NetworkAcl", "ingress"),
        ("aws:ec2/networkAcl:NetworkAcl", "egress"),
    }
)
"""Types, and computed lists of objects that an empty list removes
(hashicorp/terraform-provider-aws: SchemaConfigModeAttr, pull request 8187). Any other empty list of nested
blocks counts as missing (https://developer.hashicorp.com/terraform/language/attr-as-blocks).
"""

IN_PLACE: Mapping[tuple[Kind, str], str] = {
    (("aws", "s3", "Bucket"), "acl"): "grants",
    (("aws", "s3", "BucketAcl"), "accessControlPolicy"): "acl",
}
"""Computed inputs by kind, and the input that takes the place of each: a program cannot set both, and a value
of the other one sets the whole ACL of the bucket (the SDK's documentation of Bucket: "Conflicts with";
hashicorp/terraform-provider-aws, internal/service/s3/bucket_acl.go: ExactlyOneOf and CustomizeDiff). An `acl`
does not replace a Bucket's `grants` for sure: the state may have the same one since earlier (bucket.go).
"""


def find_removed_names(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource whose name is no longer set, and a finding; it blocks for one with data.

    pulumi-terraform-bridge keeps the name of an existing resource (pkg/tfbridge/info/autonaming.go,
    ComputeAutoNameDefault: "Reuse the value from prior state if available"), so no input differs. Only the
    mark in `__defaults` does. The simulated providers mark names only; real ones have other defaults as well.
    A name whose changes the head starts to ignore counts as well.
    """
    if not stack.predicted:
        return
    for step in stack.steps.values():
        resource = step.resource
        if (name := _ignored_name(step)) and data_loss(resource.type, resource.values):
            message = f"{name}: changes of it are ignored now, so nothing shows if the program still sets it"
            remedy = f"Leave {name} out of {IGNORED}"
            yield resource.urn, stack.blocking_finding("name-no-longer-set", resource, message, remedy)
        for name, value in _removed_names(step):
            message = (
                f"{name}: the program no longer sets {value}; the existing resource keeps this name, "
                "but one that is created again, such as in a restored stack, gets a generated name"
            )
            finding = stack.blocking_finding("name-no-longer-set", resource, message, f"Set {name} again")
            if not data_loss(resource.type, resource.values):
                finding = replace(finding, level="advisory", blocks=False, remediation=f"Set {name} again.")
            yield resource.urn, finding


def _removed_names(step: Step) -> Iterator[tuple[str, str]]:
    """Yield each name that the program set in the base, and the provider in the head, with its value.

    The provider also keeps a name in whose place the program sets its beginning, such as `identifierPrefix`,
    unless that replaces the resource.
    """
    old, new = step.old, step.new
    if not old or not new:
        return
    removed = generated_names(new) - generated_names(old)
    name = resource_type(new.type).name
    is_prefix = is_described(new.type) and new.values.get(f"{name}Prefix") and name not in new.values
    if is_prefix and step.op != "replace":
        removed |= {name} - generated_names(old)
    for name in sorted(removed):
        value = as_text(old.values.get(name))
        if value and new.values.get(name, value) == value:
            yield name, as_text(old.inputs.get(name)) or ""


def _ignored_name(step: Step) -> str:
    """Return the path of a name that the base sets, and whose changes only the head ignores; else empty.

    The engine puts the name of the state in the place of the program's (pulumi/pulumi, pkg/resource/deploy/
    step_generator.go: processIgnoreChanges), so a state is the same with and without a name in the program.
    """
    old, new = step.old, step.new
    if not old or not new:
        return ""
    is_object = new.package == "kubernetes" and new.type != RELEASE
    path = METADATA_NAME if is_object else resource_type(new.type).name
    metadata: Any = {"annotations": value_at(old.values, ANNOTATIONS)}
    if path in generated_names(old) or is_autonamed(metadata) or not value_at(old.values, path):
        return ""
    before, after = (is_ignored(side.options, path.split(".")) for side in (old, new))
    return path if after and not before else ""


def generated_names(resource: Resource) -> set[str]:
    """Return the inputs with a name that the provider has generated, since the program sets none."""
    names = resource.values.get(DEFAULTS)
    return {as_text(name) or "" for name in names} if is_list(names) else set()


def kept_inputs(step: Step) -> list[str]:
    """Return the paths of inputs that the program no longer sets, although the existing resource keeps them.

    If an input is both optional and computed, Terraform takes the value of the state for a missing one
    (hashicorp/terraform, internal/plans/objchange/objchange.go: proposedNewAttributes). For example, a
    SecurityGroup without `ingress` keeps its rules, and only `ingress=[]` removes them. An empty list is the
    same as a missing one for most lists of objects, such as a bucket's `grants`, and so is an empty text.

    The resource gets the provider's default instead, if there is one. In terraform-plugin-framework, an
    attribute with a default has to be computed (hashicorp/terraform-plugin-framework,
    internal/fwserver/server_planresourcechange.go), and the SDK does not tell which types are made with it.
    An example is `enabled` of a ZeroTrustGatewayPolicy, with the default false
    (cloudflare/terraform-provider-cloudflare, internal/services/zero_trust_gateway_policy/schema.go).
    """
    sides = _updated_sides(step)
    if not sides:
        return []
    old, new = sides
    removed = {name for name in old.values if _is_missing(name, old, new)}
    # The classes of the SDK take a moment to load, and most changes remove no input.
    computed = schema.computed_inputs(new.type) if removed else ()
    names = sorted(removed.intersection(computed))
    return [path for path in (*names, *KEPT_INSIDE.get(new.type, ())) if _is_removed(path, old, new)]


def maybe_kept_inputs(step: Step) -> list[str]:
    """Return the paths of other inputs that the program no longer sets, and that the resource may keep.

    They are inside objects, where nothing tells which inputs are computed: `metadataOptions.
    httpPutResponseHopLimit` of a launch template is, for example.
    """
    sides = _updated_sides(step)
    if not sides:
        return []
    old, new = sides
    # The classes of the SDK take a moment to load.
    if not any(is_map(value) and new.values.get(name, value) != value for name, value in old.values.items()):
        return []
    try:
        properties = schema.properties(schema.resource_class(new.type))
    except (schema.UnknownTypeError, ValueError):  # No type of the SDK, or not the form of a token.
        return []
    inside = (
        path for name, prop in properties.items() for path in _removed_inside(name, prop.hint, old, new)
    )
    return sorted({*inside} - {*kept_inputs(step)})


def _updated_sides(step: Step) -> tuple[Resource, Resource] | None:
    """Return the resource in base and head if a Terraform provider keeps it, and may update it.

    By an alias, its type may be another name of the same kind of object, such as BucketV2 for Bucket.
    """
    old, new = step.old, step.new
    if not old or not new or step.op not in ("same", "update") or kind_of(old.type) != kind_of(new.type):
        return None
    return (old, new) if new.package in OF_TERRAFORM else None


def _removed_inside(path: str, hint: Any, old: Resource, new: Resource) -> Iterator[str]:
    """Yield the paths of properties inside the object at `path` that only the base sets.

    Items of lists are left out: most lists are sets for a provider, which replaces an item as a whole. So are
    the keys of a map whose keys the program chooses, such as environment variables.
    """
    kind = next(iter(schema.value_hints(hint)), None)
    if not is_map(value_at(old.values, path)) or not schema.is_object(kind):
        return
    for name, prop in schema.properties(kind).items():
        inner = f"{path}.{name}"
        if _is_removed(inner, old, new):
            yield inner
        yield from _removed_inside(inner, prop.hint, old, new)


def _is_missing(path: str, old: Resource, new: Resource) -> bool:
    """Return True if the head has no value for an input, or an empty list or text that counts as none."""
    before, after = (value_at(side.values, path) for side in (old, new))
    had_objects = is_list(before) and any(map(is_map, before))
    is_emptied = had_objects and after == [] and new.package == "aws" and (new.type, path) not in EMPTIED
    is_emptied |= after == "" != before and new.package in WITHOUT_EMPTY_TEXTS
    return after is None or is_emptied


def _is_removed(path: str, old: Resource, new: Resource) -> bool:
    """Return True if only the base sets an input; inside an object, if that is still set.

    An input with another one in its place counts as set.
    """
    outer = path.rpartition(".")[0]
    is_inside = not outer or value_at(new.values, outer) is not None
    is_removed = is_inside and not is_empty(value_at(old.values, path)) and _is_missing(path, old, new)
    return is_removed and is_empty(new.values.get(IN_PLACE.get((kind_of(new.type), path), "")))


def names_input(message: str, path: str) -> bool:
    """Return True if a message has the last name in the path of an input as a word."""
    return re.search(rf"\b{re.escape(path.rpartition('.')[2])}\b", message) is not None


def find_kept_inputs(
    stack: Stack, kept: Iterable[tuple[Row, Sequence[tuple[str, str]]]]
) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource with such inputs, and a finding for each input.

    `kept` has the violations that only seem to be fixed, each with the URNs and paths of the inputs that it
    may be about. The finding blocks if there are some: this is the last report with them, since neither a
    later base nor the state's inputs have the value.
    """
    broken: dict[tuple[str, str], set[str]] = {}
    for violation, inputs in kept:
        for entry in inputs:
            broken.setdefault(entry, set()).add(violation["policy"])
    for step in stack.steps.values():
        urn, certain = step.resource.urn, kept_inputs(step)
        for path in (*certain, *maybe_kept_inputs(step)):
            policies = sorted(broken.get((urn, path), ()))
            keeps = "keeps its value or gets" if path in certain else "may keep its value or get"
            message = f"{path}: the program no longer sets it, so the existing resource {keeps} the "
            message += "provider's default"
            message += f", and may still break {list_all(policies)}" if policies else ""
            yield urn, _kept(stack, step, path, message, blocks=bool(policies))


def _kept(stack: Stack, step: Step, path: str, message: str, *, blocks: bool) -> Finding:
    remedy = f"Set {path} to the intended value"
    remedy += ", such as an empty list" if (step.resource.type, path) in EMPTIED else ""
    finding = stack.blocking_finding("value-no-longer-set", step.resource, message, remedy)
    return finding if blocks else replace(finding, level="advisory", blocks=False, remediation=f"{remedy}.")
