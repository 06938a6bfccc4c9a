"""Resources as they come from the engine: read once, for all rules."""

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import PolicyResource, ResourceValidationArgs, StackValidationArgs
from pulumi_policy.secret import Secret

from policies.engine.rule import Resource, Stack
from policies.model.property_values import SECRET, SIGNATURE, UNKNOWN, Value, from_plain, read


def of_request(request: analyzer_pb2.AnalyzeRequest) -> Resource:
    """The resource of an Analyze request."""
    return Resource(
        type=request.type,
        urn=request.urn,
        name=request.name,
        props=Value(read(request.properties)),
        protect=request.options.protect,
        parent=request.options.parent,
        provider=request.provider.urn,
        settings=Value(read(request.provider.properties)),
    )


def of_stack(resource: analyzer_pb2.AnalyzerResource, inputs: Mapping[str, Any] | None) -> Resource:
    """The resource of an AnalyzeStack request, with the inputs that Analyze saw of it.

    A preview sends nothing at all for an object of a cluster that is not there yet, and a provider adds
    blocks that the program did not write (a bucket's computed `versioning`): the inputs count, and of the
    outputs only texts such as ids and ARNs.
    """
    props = read(resource.properties)
    if inputs is not None:
        known = {key: value for key, value in inputs.items() if value is not UNKNOWN or key not in props}
        props = {
            key: value for key, value in props.items() if key in inputs or isinstance(value, str)
        } | known
    return Resource(
        type=resource.type,
        urn=resource.urn,
        name=resource.name,
        props=Value(props),
        protect=resource.options.protect,
        parent=resource.parent,
        provider=resource.provider.urn,
        settings=Value(read(resource.provider.properties)),
        dependencies=tuple(resource.dependencies),
        property_dependencies={
            key: tuple(found.urns) for key, found in resource.propertyDependencies.items()
        },
    )


def of_arguments(args: ResourceValidationArgs) -> Resource:
    """The same from what the SDK hands to a rule."""
    return Resource(
        type=args.resource_type,
        urn=args.urn,
        name=args.name,
        props=Value(from_plain(_target(args.props))),
        protect=args.opts.protect,
        parent=args.opts.parent or "",
        provider=args.provider.urn if args.provider else "",
        settings=Value(from_plain(_target(args.provider.props)) if args.provider else None),
    )


def of_stack_arguments(args: StackValidationArgs) -> Stack:
    """The same from what the SDK hands to a rule on stacks."""
    return Stack(tuple(_of_policy_resource(resource) for resource in args.resources))


def _of_policy_resource(resource: PolicyResource) -> Resource:
    return Resource(
        type=resource.resource_type,
        urn=resource.urn,
        name=resource.name,
        props=Value(from_plain(_target(resource.props))),
        protect=resource.opts.protect,
        parent=resource.parent.urn if resource.parent else "",
        provider=resource.provider.urn if resource.provider else "",
        settings=Value(from_plain(_target(resource.provider.props)) if resource.provider else None),
        dependencies=tuple(_urns(resource.dependencies)),
        property_dependencies={
            key: tuple(_urns(found)) for key, found in resource.property_dependencies.items()
        },
    )


def _urns(resources: Iterable[PolicyResource]) -> Iterable[str]:
    return (resource.urn for resource in resources)


def _target(value: Any) -> Any:
    """What is behind the SDK's proxies, which raise at unknown values and unwrap secret ones."""
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "value": _target(value.value)}
    if type(value).__name__ in ("_DictProxy", "_ListProxy", "_DictSecretsProxy", "_ListSecretsProxy"):
        value = value["__target"]
    if isinstance(value, dict):
        return {key: _target(child) for key, child in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_target(child) for child in value]  # pyright: ignore[reportUnknownVariableType]
    return value
