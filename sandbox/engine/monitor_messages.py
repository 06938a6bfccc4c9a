"""The calls of a program to the engine, and the fields of their messages, that a review passes on.

Each method and each field of the pinned SDK is in one of two tables: passed on, or refused with a reason.
What is in neither is refused as well, so a newer SDK brings nothing that no report shows.
"""

from collections.abc import Iterator

from google.protobuf.message import Message

NO_CALLBACKS = (
    "as in every review, the program is behind a socket, so the engine cannot call its functions: "
    "transforms (register_resource_transform, register_invoke_transform, the option transforms) and hooks. "
    "Use register_stack_transformation or the option transformations"
)
"""Refusal of transforms and hooks. Transformations run in the program, before it calls the engine."""

NO_DEBUGGER = "{}: a program cannot start a debugger; remove the call"
"""Refusal of a call whose message of any form the engine would pass on in its events."""

NO_PARAMETERS = (
    "{}: an SDK of a parameterized plugin, such as one that `pulumi package add` generates for a Terraform "
    "provider: the engine keeps one plugin for each name and version, so time would decide which plugin "
    "serves all resources of the package. Use the SDK of a plugin of its own"
)
"""Refusal of a registered package, and of what names it. The engine's key of default providers leaves out the
parameters and the checksums (pulumi/pulumi, pkg/resource/deploy/providers/provider.go:
ProviderRequest.String, and pkg/resource/deploy/default_providers.go: handleRequest).
"""

NOT_OF_PYTHON = "{}: Pulumi's SDK for Python never sends it, and no report shows what the engine does with it"
"""Refusal of what only other SDKs, other versions or the engine's own processes send."""

PASSED_METHODS = frozenset(
    {"GetDeploymentInfo", "SupportsFeature", "Invoke", "Call", "ReadResource", "RegisterResource"}
    | {"RegisterResourceOutputs", "SignalAndWaitForShutdown", "Log", "RequirePulumiVersion"}
)
"""The methods of both services that the engine answers."""

REFUSED_METHODS = {
    "RegisterStackTransform": NO_CALLBACKS,
    "RegisterStackInvokeTransform": NO_CALLBACKS,
    "RegisterResourceHook": NO_CALLBACKS,
    "RegisterErrorHook": NO_CALLBACKS,
    "RegisterPackage": NO_PARAMETERS,
    "StartDebugging": NO_DEBUGGER,
    "GetRootResource": NOT_OF_PYTHON,
    "SetRootResource": NOT_OF_PYTHON,
}
"""The other methods, with the reasons."""

_PLUGIN = frozenset({"provider", "version", "pluginDownloadURL"})
_OF_A_CALL = _PLUGIN | {"tok", "args", "sourcePosition", "stackTrace"}
_OF_A_RESOURCE = _PLUGIN | {
    *("type", "name", "parent", "dependencies", "additionalSecretOutputs", "acceptSecrets"),
    *("acceptResources", "sourcePosition", "stackTrace"),
}

PASSED_FIELDS = {
    "pulumirpc.SupportsFeatureRequest": frozenset({"id"}),
    "pulumirpc.ResourceInvokeRequest": _OF_A_CALL | {"acceptResources", "dependsOn"},
    "pulumirpc.ResourceCallRequest": _OF_A_CALL | {"argDependencies"},
    "pulumirpc.ResourceCallRequest.ArgumentDependencies": frozenset({"urns"}),
    "pulumirpc.ReadResourceRequest": _OF_A_RESOURCE | {"id", "properties"},
    "pulumirpc.RegisterResourceRequest": _OF_A_RESOURCE
    | {
        *("custom", "object", "protect", "propertyDependencies", "deleteBeforeReplace"),
        *("deleteBeforeReplaceDefined", "ignoreChanges", "importId", "customTimeouts", "remote", "providers"),
        *("supportsPartialValues", "supportsResultReporting", "replaceOnChanges", "retainOnDelete"),
        *("aliases", "deletedWith", "replace_with", "replacement_trigger", "hideDiffs", "envVarMappings"),
        "hooks",  # The SDK always sends this message, without a field if there are no hooks.
    },
    "pulumirpc.RegisterResourceRequest.PropertyDependencies": frozenset({"urns"}),
    "pulumirpc.RegisterResourceRequest.CustomTimeouts": frozenset({"create", "update", "delete", "read"}),
    "pulumirpc.RegisterResourceRequest.ResourceHooksBinding": frozenset[str](),
    "pulumirpc.RegisterResourceOutputsRequest": frozenset({"urn", "outputs"}),
    "pulumirpc.Alias": frozenset({"urn", "spec"}),
    "pulumirpc.Alias.Spec": frozenset({"name", "type", "stack", "project", "parentUrn", "noParent"}),
    "pulumirpc.SourcePosition": frozenset({"uri", "line", "column"}),
    "pulumirpc.StackTrace": frozenset({"frames"}),
    "pulumirpc.StackFrame": frozenset({"pc"}),
    "pulumirpc.LogRequest": frozenset({"severity", "message", "urn", "streamId", "ephemeral"}),
    "pulumirpc.RequirePulumiVersionRequest": frozenset({"pulumi_version_range"}),
}
"""The fields that may be set in each message of the passed methods, by its full name.

The review judges them, or they say how the engine answers the program. Of the engine's own types, such as
Struct, all fields are passed on.
"""

_REFUSED = {
    "packageRef": NO_PARAMETERS,
    "pluginChecksums": NO_PARAMETERS,
    "parentStackTraceHandle": NOT_OF_PYTHON,
    "accepts_byte_string": NOT_OF_PYTHON,
}

REFUSED_FIELDS: dict[str, dict[str, str]] = {
    # A look-up would get the provider of this resource if that is ready by then (pkg/resource/deploy/
    # source_eval.go: resolveProvider). The SDK sends that provider itself.
    "pulumirpc.ResourceInvokeRequest": _REFUSED | {"parent": NOT_OF_PYTHON},
    "pulumirpc.ResourceCallRequest": _REFUSED,
    "pulumirpc.ReadResourceRequest": _REFUSED,
    "pulumirpc.RegisterResourceRequest": _REFUSED
    | {
        "transforms": NO_CALLBACKS,
        # The SDK sends `aliases` to an engine that knows them.
        "aliasURNs": NOT_OF_PYTHON,
        "aliasSpecs": NOT_OF_PYTHON,
        "snippetId": NOT_OF_PYTHON,
    },
    "pulumirpc.RegisterResourceRequest.ResourceHooksBinding": dict.fromkeys(
        (
            *("before_create", "after_create", "before_update", "after_update", "before_delete"),
            *("after_delete", "on_error"),
        ),
        NO_CALLBACKS,
    ),
}
"""The other fields of these messages, with the reasons."""


def reason_to_refuse(method: str, request: Message, subject: str) -> str:
    """Return why a call is not passed on, or an empty text if it is; `subject` names the call."""
    if method not in PASSED_METHODS:
        return REFUSED_METHODS.get(method, NOT_OF_PYTHON).format(subject)
    return next(_refusals(request, subject), "")


def _refusals(message: Message, subject: str) -> Iterator[str]:
    name = message.DESCRIPTOR.full_name
    if name.startswith("google.protobuf."):
        return
    passed, refused = PASSED_FIELDS.get(name, frozenset[str]()), REFUSED_FIELDS.get(name, {})
    for field, _ in message.ListFields():
        if field.name not in passed:
            yield refused.get(field.name, NOT_OF_PYTHON).format(f"{subject} with {field.name}")
    for part in parts(message):
        yield from _refusals(part, subject)


def parts(message: Message) -> Iterator[Message]:
    """Yield the messages in the fields of a message."""
    for field, content in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            yield from (item for item in content.values() if isinstance(item, Message))
        elif isinstance(content, Message):
            yield content
        else:
            yield from content
