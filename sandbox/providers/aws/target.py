"""The AWS API as a target, on which botocore makes the calls that the modules in `calls` describe."""

import functools
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from botocore.model import StructureShape

from sandbox.errors import ProviderError
from sandbox.providers.api_values import align, to_properties
from sandbox.providers.aws.calls import CALLS
from sandbox.providers.aws.calls.model import Change, Context, Items, Read, ResourceCalls, Step, without_empty
from sandbox.providers.aws.lookups import LOOKUPS
from sandbox.providers.aws.package import AwsPlan
from sandbox.providers.aws.tags import CREATION_TAG, FINDS, TAGS
from sandbox.providers.aws.waits import CREATION_WAITS, repeat_until_known, status_of
from sandbox.providers.diff import changes
from sandbox.providers.resource_types import digits, resource_type
from sandbox.providers.target import LiveResource, Resource
from sandbox.providers.waits import wait
from sandbox.wire import aws_requests, schema
from sandbox.wire.aws_account import REGION
from sandbox.wire.aws_requests import SECRETS, Clients, operation, request
from sandbox.wire.clock import Clock
from sandbox.wire.durations import DURATIONS
from sandbox.wire.values import Json, plain, project, secret_texts

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


class AwsTarget(AwsPlan):
    """A local AWS API. Its account starts with the resources that every new account has."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self.clients = Clients(url)
        self._clock = clock

    @functools.cached_property
    def account(self) -> str:
        """The account of the API's credentials."""
        identity = cast(Json, request(self.clients.get("sts", REGION), "GetCallerIdentity", {}))
        return str(identity["Account"])

    def configure(self, config: Mapping[str, Any]) -> None:
        # terraform-provider-aws reads the account before the first resource, and refuses another one with
        # this message (internal/conns/config.go: ConfigureProvider calls VerifyAccountIDAllowed).
        allowed = config.get("allowedAccountIds")
        if allowed and self.account not in allowed:
            raise ProviderError(f"AWS account ID not allowed: {self.account}")

    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        call = self._call(resource)
        ids = [aws_id for aws_id in call.find_ids() if aws_id not in known]
        candidates = [call.with_id(aws_id).finish() for aws_id in ids]
        return [live for live in candidates if live]

    def create(self, resource: Resource) -> LiveResource:
        call = self._call(resource)
        step, created_id = call.calls.create, call.calls.created_id
        names = () if step.bare else sorted(resource.inputs.keys() - {*call.calls.local})
        response = repeat_until_known(self._clock, lambda: call.run(step, names))
        aws_id = str(created_id(response) if created_id else call.natural_id())
        created = call.with_id(aws_id)
        self._wait(created)
        live = repeat_until_known(self._clock, created.finish)
        if live is None:
            raise ProviderError(f"{aws_id} was created, but {call.calls.read[0].action} does not find it")
        return live

    def _wait(self, call: "AwsCall") -> None:
        """Wait on the clock, if there is one, until a new resource is ready."""
        creation_wait = CREATION_WAITS.get(call.resource.type)
        if self._clock is None or creation_wait is None:
            return

        def unready() -> str:
            return status_of(call.properties, creation_wait) if call.load() else "not found"

        duration = DURATIONS[f"{call.calls.service}:{call.calls.create.action}"]
        limit = call.resource.timeout or creation_wait.limit
        wait(self._clock, call.resource, limit, unready, call.live, duration)

    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        call = self._call(resource, plain(state))
        return call.live() if call.load() else None

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        call = self._call(resource)
        live = repeat_until_known(self._clock, lambda: call.change_from(before))
        if live is None:
            raise ProviderError(f"{resource.id} does not exist any more; a refresh removes it from the state")
        return live

    def delete(self, resource: Resource) -> None:
        call = self._call(resource)
        if not call.load():
            return
        for step in call.calls.delete:
            call.run(step, gone=True)
        if call.calls.delete and not call.calls.stays and call.load():
            raise ProviderError(f"{resource.id} still exists after {call.calls.delete[-1].action}")

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        lookup = LOOKUPS.get(token.rpartition(":")[2])
        if lookup is None:
            return super().invoke(token, args, config)
        region = args.get("region") or config.get("region") or REGION
        arguments: Json = {**args, "region": region}
        client = self.clients.get(lookup.service, region)
        response = cast(
            Json, request(client, lookup.action, without_empty(lookup.arguments(arguments)) or {})
        )
        return {**arguments, "id": region, **lookup.take(response, arguments)}

    def _call(self, resource: Resource, state: Json | None = None) -> "AwsCall":
        return AwsCall(self.clients, resource, self.account, state)


class AwsCall:
    """The calls for a resource, as defined for its type."""

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
        return resource_type(self.resource.type).id.format_map({**context.inputs, **facts})

    def with_id(self, aws_id: str) -> "AwsCall":
        """Return the calls for the same resource, but with an ID."""
        return AwsCall(self._clients, replace(self.resource, id=aws_id), self._account)

    def find_ids(self) -> list[str]:
        """Return the IDs of resources that an interrupted creation may have left."""
        if self._has_natural_id:
            return [self.natural_id()]
        step = self.calls.find or FINDS[self.calls.service]
        context = replace(self._context(), mark=self._creation_tag[CREATION_TAG])
        ids: list[str] = []
        for item_context, response in self._responses(step, context):
            ids += step.take(response, item_context) if response is not None else ()
        return ids

    # Reading

    def load(self) -> bool:
        """Read the resource; return True if it exists."""
        self._live = {}
        for number, step in enumerate(self.calls.read):
            if step.as_list:
                self._live[step.as_list] = self._read_list(step)
                continue
            response = self._send(step, self._context(), gone=True)
            part = None if response is None else step.take(response, self._context())
            if number == 0 and part is None:
                return False
            self._live |= part or {}
        return True

    def _read_list(self, step: Read) -> list[Json | None]:
        responses = self._responses(step, self._context(), gone=True)
        return [None if response is None else step.take(response, context) for context, response in responses]

    @property
    def properties(self) -> Json:
        """The properties in the responses to the last `load`, by the API's names."""
        return self._live

    def live(self) -> LiveResource:
        """Return the resource with the SDK's properties, in the order and notation of the program."""
        sdk_names = {api_name.lower(): name for name, api_name in self.calls.names.items()}
        answer = {sdk_names.get(key.lower(), key): item for key, item in self._live.items()}
        outputs = to_properties(self._resource_class, answer, {}, _find)
        properties = schema.properties(self._resource_class)
        if "tagsAll" in properties:
            outputs |= self._split_tags(outputs.get("tags", {}))
        if "region" in properties:
            outputs["region"] = self._region
        outputs = cast(Json, align(outputs, self._inputs, "", [*self.calls.unread, *self.calls.local]))
        input_names = schema.properties(schema.args_class(self.resource.type))
        inputs = {name: outputs[name] for name in outputs if name in input_names}
        return LiveResource(self.resource.id, inputs, outputs)

    @property
    def _resource_class(self) -> type[Any]:
        return schema.resource_class(self.resource.type)

    def _split_tags(self, tags: Mapping[str, str]) -> Json:
        """Return `tagsAll`, and `tags` without the provider's default tags.

        Both leave out the creation tag and the tags that AWS itself sets.
        """
        all_tags = {
            key: value for key, value in tags.items() if key != CREATION_TAG and not key.startswith("aws:")
        }
        program_tags = self._inputs.get("tags", {})
        own_tags = {
            key: value
            for key, value in all_tags.items()
            if key in program_tags or self._default_tags.get(key) != value
        }
        return {"tagsAll": all_tags, "tags": own_tags}

    # Writing

    def finish(self) -> LiveResource | None:
        """Make the remaining calls of a creation; return the resource, or None if it does not exist."""
        if not self.load():
            return None
        for step in self.calls.finish:
            self.run(step, gone=True)
        if self.calls.finish and not self.load():
            return None
        return self._change(self._inputs)

    def change_from(self, before: LiveResource) -> LiveResource | None:
        """Change the resource from `before` to the program's inputs; return None if it does not exist."""
        return self._change(plain(before.inputs)) if self.load() else None

    def _change(self, old: Json) -> LiveResource:
        live = self.live()
        names = schema.properties(schema.args_class(self.resource.type)).keys() - {"tags", "region"}
        removed = old.keys() & names - self._inputs.keys() - {*self.calls.local}
        differing = self._differences(live) | self._invisible_changes(live, old, names)
        if not differing and not removed:
            return live
        self._compare_items(live)
        for step in self.calls.update:
            step_differing, step_removed = differing & {*step.when}, removed & {*step.when}
            if step_differing or (step_removed and step.condition):
                self.run(step, sorted(step_differing & self._inputs.keys()))
        if "tagsAll" in differing:
            for step in self.calls.tag or TAGS[self.calls.service]:
                self.run(step)
        self.load()
        live = self.live()
        if unchanged := ", ".join(sorted(self._differences(live) - self._deferred())):
            raise ProviderError(
                f"{unchanged}: the API did not change it; {self.resource.type} needs another call in "
                "sandbox/providers/aws/calls"
            )
        return live

    def _deferred(self) -> set[str]:
        """Return the names of the inputs whose new values the API has accepted, and applies later."""
        if not self.calls.deferred:
            return set()
        waiting = {name.lower() for name in self.calls.deferred(self._live)}
        return {name for name in self._inputs if self.calls.names.get(name, name).lower() in waiting}

    def _invisible_changes(self, live: LiveResource, old: Json, names: Collection[str]) -> set[str]:
        """Return the names of changed inputs that a comparison with the live resource does not show.

        The API does not return some inputs. In others, the program no longer sets a part: the comparison
        ignores this part although the live resource still has it.
        """
        unread = {name for name in self.calls.unread if old.get(name) != self._inputs.get(name)}
        partly_removed = {
            name
            for name in old.keys() & self._inputs.keys() & set(names)
            if project(live.outputs.get(name), old[name]) == old[name] != self._inputs[name]
        }
        return unread | partly_removed

    def _differences(self, live: LiveResource) -> set[str]:
        """Return the names of the properties (inputs and `tagsAll`) in which the live resource differs."""
        wanted = {**self._inputs, **({"tagsAll": self._tags} if "tagsAll" in live.outputs else {})}
        wanted.pop("tags", None)
        actual = project(live.outputs, wanted) | {"tagsAll": live.outputs.get("tagsAll")}
        return {str(change.path[0]) for change in changes(actual, wanted) if change.path[0] in wanted}

    # Calls

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

    def _compare_items(self, live: LiveResource) -> None:
        """Record which items to add to each list and to the tags, and which to remove."""
        new: Json = {**self._inputs, "tags": list(self._tags | self._creation_tag)}
        old: Json = {**live.outputs, "tags": list(live.outputs.get("tagsAll") or {})}
        for name in [name for name, value in (old | new).items() if isinstance(value, list)]:
            new_items, old_items = cast(list[Any], new.get(name) or []), cast(list[Any], old.get(name) or [])
            self._added[name] = [item for item in new_items if item not in old_items] or None
            self._removed[name] = [item for item in old_items if item not in new_items] or None


def _find(api_object: Json, name: str) -> Any:
    """Return the value of a property; its name is case-insensitive, since AWS and the SDK differ in case."""
    return {key.lower(): item for key, item in api_object.items()}.get(name.lower())
