"""The requests for a resource, with the arguments that the modules in `calls` describe."""

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from botocore.model import StructureShape

from sandbox.errors import ProviderError
from sandbox.providers.aws.calls import CALLS
from sandbox.providers.aws.calls.model import (
    CREATION_TAG,
    Change,
    Context,
    Items,
    ResourceCalls,
    Step,
    without_empty,
)
from sandbox.providers.resource_types import digits, resource_type
from sandbox.providers.target import Resource
from sandbox.wire import aws_requests
from sandbox.wire.aws_account import REGION
from sandbox.wire.aws_requests import SECRETS, Clients, operation, request
from sandbox.wire.values import Json, secret_texts

GONE = re.compile(r"NotFound|NoSuch|^404$|^Unknown(Monitor|Subscription)Exception$")
"""AWS's error codes for a resource that does not exist."""


def calls_for(token: str) -> ResourceCalls:
    """Return the calls for a type; raise ProviderError if there are none."""
    calls = CALLS.get(token)
    if calls is None:
        raise ProviderError(
            f"the sandbox's AWS has no {token}: add its calls to a module in sandbox/providers/aws/calls"
        )
    return calls


class ResourceRequests:
    """The requests for a resource, with the program's inputs as arguments."""

    def __init__(self, clients: Clients, resource: Resource, account: str, state: Json | None = None) -> None:
        self._clients, self.resource, self._state = clients, resource, state or {}
        self._account = account
        self.calls = calls_for(resource.type)
        SECRETS.set(frozenset(secret_texts(resource.inputs)))
        self._inputs: Json = {key: item for key, item in resource.known.items() if key != "__defaults"}
        self._region = str(self._inputs.get("region") or resource.config.get("region") or REGION)
        self._client = clients.get(self.calls.service, self._region)
        defaults = cast(Json, resource.config.get("defaultTags") or {}).get("tags", {})
        self._default_tags = cast(dict[str, str], defaults)
        self._tags = self._default_tags | self._inputs.get("tags", {})
        self._has_natural_id = self.calls.created_id is None
        self._creation_tag = {} if self._has_natural_id else {CREATION_TAG: digits(resource.urn, 32)}
        self._live: Json = {}
        self._added: Json = {}
        self._removed: Json = {}

    def natural_id(self) -> str:
        """Return the ID that can be derived from the inputs."""
        parts = {
            "host": str(self._inputs.get("url")).removeprefix("https://"),
            "crc": zlib.crc32(str(self._inputs.get("destinationCidrBlock")).encode()),
        }
        context = self._context()
        context = replace(context, inputs={**context.inputs, **parts})
        if self.calls.id:
            return self.calls.id(context)
        facts = {"id": context.id, "region": context.region, "account": context.account}
        # IAM's default path is "/".
        return resource_type(self.resource.type).id.format_map({"path": "/", **context.inputs, **facts})

    def run(self, step: Change, names: Iterable[str] = (), *, gone: bool = False) -> Any:
        """Make a step's calls, which also send the inputs in `names`; return the last response.

        With `gone`, a missing resource is not an error, and the response is None.
        """
        context = self._context()
        if step.condition and not step.condition(context):
            return None
        last = None
        for _, response in self._responses(step, context, list(names), gone=gone):
            last = response
        return last

    def _responses(
        self, step: Step, context: Context, names: list[str] | None = None, *, gone: bool = False
    ) -> Iterator[tuple[Context, Any]]:
        """Make one call for each of the step's items; yield each call's context and response."""
        items: Iterable[Any] = [None]
        if isinstance(step.items, Items):
            source = Step(action=step.items.action, arguments=step.items.arguments, service=step.service)
            response = self._send(source, context, gone=gone)
            items = [] if response is None else step.items.take(response)
        elif step.items:
            items = step.items(context) or []
        for item in items:
            item_context = replace(context, item=item)
            yield item_context, self._send(step, item_context, names, gone=gone)

    def _send(
        self, step: Step, context: Context, names: list[str] | None = None, *, gone: bool = False
    ) -> Any:
        """Make a call and return the response.

        A call whose arguments have no values is not made, except a creation. Return None in this case and,
        with `gone`, if the resource is missing.
        """
        client = self._clients.get(step.service, self._region) if step.service else self._client
        shape = cast(StructureShape, operation(client, step.action).input_shape)
        inputs = self._input_arguments(shape, names, context.tags)
        arguments: Json | None = without_empty(step.arguments(context))
        if arguments is None:
            if step is not self.calls.create:
                return None
            arguments = Json()
        explicit = {name.lower() for name in arguments}
        inputs = {name: item for name, item in inputs.items() if name.lower() not in explicit}
        return request(client, step.action, inputs | arguments, GONE if gone else None)

    def _input_arguments(
        self, shape: StructureShape, names: list[str] | None, tags: Mapping[str, str]
    ) -> Json:
        """Return the arguments of a call for the inputs in `names`, and the tags if the call accepts tags."""
        arguments: Json = {}
        for name in names or []:
            api_name = aws_requests.find_member(shape, self.calls.names.get(name, name))
            if name in self._inputs and api_name:
                arguments[api_name] = self._inputs[name]
        if tags and names and aws_requests.find_member(shape, "tags"):
            arguments["tags"] = tags
        if tags and names is not None and self.calls.tagged and "TagSpecifications" in shape.members:
            arguments["TagSpecifications"] = [{"ResourceType": self.calls.tagged, "Tags": tags}]
        return arguments

    def _context(self) -> Context:
        """Return the values that a step's arguments can use."""
        id_parts: Json = {}
        if self._has_natural_id:
            template = re.escape(resource_type(self.resource.type).id)
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", template)
            match = re.fullmatch(pattern, self.resource.id)
            id_parts = match.groupdict() if match else {}
        return Context(
            id=self.resource.id,
            region=self._region,
            account=self._account,
            inputs={**id_parts, **self._state, **self._inputs},
            live=self._live,
            tags=self._tags | self._creation_tag,
            added=self._added,
            removed=self._removed,
        )
