"""Conversion of the engine's requests and of the SDK's arguments to resources."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import PolicyResource, ResourceValidationArgs, StackValidationArgs
from pulumi_policy.secret import Secret

from policies.engine.rule import Resource, Stack
from policies.model.property_marks import INVENTED, SECRET, SIGNATURE, from_plain, read
from policies.model.property_values import Value
from policies.model.providers import PROVIDERS


def of_request(request: analyzer_pb2.AnalyzeRequest) -> Resource:
    """Return the resource of an Analyze request."""
    return Resource(
        type=request.type,
        urn=request.urn,
        name=request.name,
        props=Value(read(request.properties)),
        protect=request.options.protect,
        ignored=tuple(request.options.ignoreChanges),
        parent=request.options.parent,
        component=_is_component(request.type, request.provider.urn),
        provider=request.provider.urn,
        settings=Value(read(request.provider.properties)),
        provider_type=request.provider.type,
    )


def _is_component(kind: str, provider: str) -> bool:
    """Return True for a resource without a provider, other than a provider itself.

    The engine tells the pack the provider of each custom resource (pulumi/pulumi,
    pkg/resource/deploy/step_generator.go: getProviderResource), but not whether a resource is custom.
    """
    return not provider and not kind.startswith(PROVIDERS)


def of_stack(resource: analyzer_pb2.AnalyzerResource, inputs: Mapping[str, Any] | None) -> Resource:
    """Return the resource of an AnalyzeStack request, with its inputs from the Analyze request.

    A preview sends no properties for an object of a cluster that does not exist yet. A provider adds blocks
    that the program did not write, such as the computed `versioning` of a bucket. Therefore the result has
    all inputs, and only those outputs that are strings, such as ids and ARNs. Invented outputs are left out.
    Outputs that the program marks as secret (`additional_secret_outputs`) stay, with their mark.
    """
    props = read(resource.properties)
    if inputs is not None:
        known = {key: value for key, value in inputs.items() if Value(value).known or key not in props}
        props = {
            key: value for key, value in props.items() if key in inputs or _is_text(Value(value))
        } | known
    return Resource(
        type=resource.type,
        urn=resource.urn,
        name=resource.name,
        props=Value(props),
        protect=resource.options.protect,
        ignored=tuple(resource.options.ignoreChanges),
        parent=resource.parent,
        component=_is_component(resource.type, resource.provider.urn),
        provider=resource.provider.urn,
        settings=Value(read(resource.provider.properties)),
        provider_type=resource.provider.type,
        dependencies=tuple(resource.dependencies),
        property_dependencies={
            key: tuple(dependencies.urns) for key, dependencies in resource.propertyDependencies.items()
        },
    )


def _is_text(output: Value) -> bool:
    """Return True for an output that is a string which a provider, not a review, has given."""
    text = output.text() if output.known else None
    return text is not None and not text.startswith(INVENTED)


def of_arguments(args: ResourceValidationArgs) -> Resource:
    """Return the resource in the arguments that the SDK passes to a rule on resources."""
    provider = args.provider
    return Resource(
        type=args.resource_type,
        urn=args.urn,
        name=args.name,
        props=Value(from_plain(_target(args.props))),
        protect=args.opts.protect,
        ignored=tuple(args.opts.ignore_changes),
        parent=args.opts.parent or "",
        component=_is_component(args.resource_type, provider.urn if provider else ""),
        provider=provider.urn if provider else "",
        settings=Value(from_plain(_target(provider.props)) if provider else None),
        provider_type=provider.resource_type if provider else "",
    )


def of_stack_arguments(args: StackValidationArgs) -> Stack:
    """Return the stack in the arguments that the SDK passes to a rule on stacks."""
    return Stack(tuple(_of_policy_resource(resource) for resource in args.resources))


def _of_policy_resource(resource: PolicyResource) -> Resource:
    provider = resource.provider
    return Resource(
        type=resource.resource_type,
        urn=resource.urn,
        name=resource.name,
        props=Value(from_plain(_target(resource.props))),
        protect=resource.opts.protect,
        ignored=tuple(resource.opts.ignore_changes),
        parent=resource.parent.urn if resource.parent else "",
        component=_is_component(resource.resource_type, provider.urn if provider else ""),
        provider=provider.urn if provider else "",
        settings=Value(from_plain(_target(provider.props)) if provider else None),
        provider_type=provider.resource_type if provider else "",
        dependencies=tuple(_urns(resource.dependencies)),
        property_dependencies={
            key: tuple(_urns(resources)) for key, resources in resource.property_dependencies.items()
        },
    )


def _urns(resources: Iterable[PolicyResource]) -> Iterable[str]:
    return (resource.urn for resource in resources)


def _target(value: Any) -> Any:
    """Return the data behind the SDK's proxies, which raise on unknown values and unwrap secrets.

    Objects are without null members, as in the engine's requests.
    """
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "value": _target(value.value)}
    if type(value).__name__ in ("_DictProxy", "_ListProxy", "_DictSecretsProxy", "_ListSecretsProxy"):
        value = value["__target"]
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {key: _target(child) for key, child in fields.items() if child is not None}
    if isinstance(value, list):
        return [_target(child) for child in cast("list[Any]", value)]
    return value
