"""The AWS API as a target, which makes the calls in calls.toml with botocore."""

import functools
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from botocore.model import StructureShape

from sandbox.errors import ProviderError
from sandbox.providers.api_values import align, to_properties
from sandbox.providers.aws.package import AwsPlan
from sandbox.providers.diff import changes
from sandbox.providers.resource_types import digits, resource_type, table
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire import aws_requests, schema
from sandbox.wire.aws_account import REGION
from sandbox.wire.aws_requests import SECRETS, Clients, operation, request
from sandbox.wire.templates import fill, fill_text, search
from sandbox.wire.values import Json, plain, project, secret_texts

CREATION_TAG = "sandbox:made-for"
"""The key of the tag that identifies a resource without a physical name after an interrupted run."""

GONE = re.compile(r"NotFound|NoSuch|^404$|^Unknown(Monitor|Subscription)Exception$")
"""AWS's error codes for a resource that does not exist."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of calls.toml with the calls for one resource type; calls.toml explains each key."""

    service: str
    create: Json
    read: list[Json]
    update: list[Json] = field(default_factory=list[Json])
    finish: list[Json] = field(default_factory=list[Json])
    delete: list[Json] = field(default_factory=list[Json])
    stays: bool = False
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    local: list[str] = field(default_factory=list[str])
    unread: list[str] = field(default_factory=list[str])
    deferred: str = ""
    tag: list[Json] = field(default_factory=list[Json])
    find: Json = field(default_factory=dict[str, Any])
    id: str = ""
    tagged: str = ""
    api: str = "moto"
    unchecked: str = ""


@functools.cache
def row(token: str) -> Row:
    """Return the row of a type; raise ProviderError if there is no such row."""
    calls = table("aws", "calls").get(token)
    if calls is None:
        raise ProviderError(
            f"the sandbox's AWS has no {token}: add a row to sandbox/providers/aws/calls.toml"
        )
    return Row(**calls)


class AwsTarget(AwsPlan):
    """A local AWS API, whose account at first has only the resources of every new account."""

    def __init__(self, url: str) -> None:
        self.clients = Clients(url)

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
        step = call.row.create
        names = () if step.get("bare") else sorted(resource.inputs.keys() - {*call.row.local})
        answer = call.run(step, names)
        aws_id = str(search(step["made"], answer) if step.get("made") else call.natural_id())
        live = call.with_id(aws_id).finish()
        if live is None:
            raise ProviderError(f"{aws_id} was created, but {call.row.read[0]['call']} does not find it")
        return live

    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        call = self._call(resource, plain(state))
        return call.live() if call.load() else None

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        live = self._call(resource).change_from(before)
        if live is None:
            raise ProviderError(f"{resource.id} does not exist any more; a refresh removes it from the state")
        return live

    def delete(self, resource: Resource) -> None:
        call = self._call(resource)
        if not call.load():
            return
        for step in call.row.delete:
            call.run(step, gone=True)
        if call.row.delete and not call.row.stays and call.load():
            raise ProviderError(f"{resource.id} still exists after {call.row.delete[-1]['call']}")

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        lookup = table("aws", "calls")["invokes"].get(token.rpartition(":")[2])
        if lookup is None:
            return super().invoke(token, args, config)
        region = args.get("region") or config.get("region") or REGION
        variables = {**args, "region": region}
        client = self.clients.get(lookup["service"], region)
        answer = request(client, lookup["call"], fill(lookup.get("with", {}), variables))
        return {**variables, "id": region, **search(lookup["take"], answer, variables)}

    def _call(self, resource: Resource, state: Json | None = None) -> "AwsCall":
        return AwsCall(self.clients, resource, self.account, state)


class AwsCall:
    """The calls for a resource, as defined by the row of its type."""

    def __init__(self, clients: Clients, resource: Resource, account: str, state: Json | None = None) -> None:
        self._clients, self.resource, self._state = clients, resource, state or {}
        self._account = account
        self.row = row(resource.type)
        SECRETS.set(frozenset(secret_texts(resource.inputs)))
        self._inputs: Json = {key: item for key, item in resource.known.items() if key != "__defaults"}
        self._region = str(self._inputs.get("region") or resource.config.get("region") or REGION)
        self._client = clients.get(self.row.service, self._region)
        defaults = cast(Json, resource.config.get("defaultTags") or {}).get("tags", {})
        self._default_tags = cast(dict[str, str], defaults)
        self._tags = self._default_tags | self._inputs.get("tags", {})
        self._has_natural_id = "made" not in self.row.create
        self._creation_tag = {} if self._has_natural_id else {CREATION_TAG: digits(resource.urn, 32)}
        self._answer: Json = {}
        self._item_changes: Json = {}

    def natural_id(self) -> str:
        """Return the ID that can be derived from the inputs."""
        variables = self._variables() | {
            "host": str(self._inputs.get("url")).removeprefix("https://"),
            "crc": zlib.crc32(str(self._inputs.get("destinationCidrBlock")).encode()),
        }
        if self.row.id:
            return fill_text(self.row.id, variables)
        return resource_type(self.resource.type).id.format_map(variables)

    def with_id(self, aws_id: str) -> "AwsCall":
        """Return the calls for the same resource, but with an ID."""
        return AwsCall(self._clients, replace(self.resource, id=aws_id), self._account)

    def find_ids(self) -> list[str]:
        """Return the IDs of resources that an interrupted creation may have left."""
        if self._has_natural_id:
            return [self.natural_id()]
        step = self.row.find or table("aws", "calls")["find"][self.row.service]
        variables = self._variables() | {"mark": self._creation_tag[CREATION_TAG]}
        ids: list[str] = []
        for step_variables, answer in self._answers(step, variables):
            ids += search(step["take"], answer, step_variables) or []
        return ids

    # Reading

    def load(self) -> bool:
        """Read the resource; return True if it exists."""
        self._answer = {}
        for number, step in enumerate(self.row.read):
            if "as" in step:
                answers = self._answers(step, self._variables(), gone=True)
                self._answer[step["as"]] = [
                    search(step["take"], answer, item_variables) for item_variables, answer in answers
                ]
                continue
            answer = self.run(step, gone=True)
            part = search(step["take"], answer, self._variables())
            if number == 0 and part is None:
                return False
            more: Json = search(step["plus"], part, self._variables()) if "plus" in step else {}
            self._answer |= {**(part or {}), **more}
        return True

    def live(self) -> LiveResource:
        """Return the resource with the SDK's properties; inputs are ordered and spelled as in the program."""
        sdk_names = {api_name.lower(): name for name, api_name in self.row.names.items()}
        answer = {sdk_names.get(key.lower(), key): item for key, item in self._answer.items()}
        outputs = to_properties(self._resource_class, answer, {}, _find)
        properties = schema.properties(self._resource_class)
        if "tagsAll" in properties:
            outputs |= self._split_tags(outputs.get("tags", {}))
        if "region" in properties:
            outputs["region"] = self._region
        outputs = cast(Json, align(outputs, self._inputs, "", self.row.unread + self.row.local))
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
        """Make the remaining calls of a creation; return None if the resource does not exist."""
        if not self.load():
            return None
        for step in self.row.finish:
            self.run(step, gone=True)
        if self.row.finish and not self.load():
            return None
        return self._change(self._inputs)

    def change_from(self, before: LiveResource) -> LiveResource | None:
        """Change the resource from `before` to the program's inputs; return None if it is missing."""
        return self._change(plain(before.inputs)) if self.load() else None

    def _change(self, old: Json) -> LiveResource:
        live = self.live()
        names = schema.properties(schema.args_class(self.resource.type)).keys() - {"tags", "region"}
        removed = old.keys() & names - self._inputs.keys() - {*self.row.local}
        differing = self._differences(live) | self._invisible_changes(live, old, names)
        if not differing and not removed:
            return live
        self._item_changes = self._compare_items(live)
        for step in self.row.update:
            step_differing, step_removed = differing & set(step["when"]), removed & set(step["when"])
            if step_differing or (step_removed and "if" in step):
                self.run(step, sorted(step_differing & self._inputs.keys()))
        if "tagsAll" in differing:
            for step in self.row.tag or table("aws", "calls")["tags"][self.row.service]:
                self.run(step)
        self.load()
        live = self.live()
        if unchanged := ", ".join(sorted(self._differences(live) - self._deferred())):
            raise ProviderError(
                f"{unchanged}: the API did not change it; this type's row in calls.toml has no call for it"
            )
        return live

    def _deferred(self) -> set[str]:
        """Return the names of the inputs whose new values the API has accepted, and applies later."""
        if not self.row.deferred:
            return set()
        waiting = {name.lower() for name in search(self.row.deferred, self._answer)}
        return {name for name in self._inputs if self.row.names.get(name, name).lower() in waiting}

    def _invisible_changes(self, live: LiveResource, old: Json, names: Collection[str]) -> set[str]:
        """Return the names of changed inputs that a comparison with the live resource does not show.

        Some inputs are not returned by the API. Of other inputs, the program has removed a part, which the
        comparison ignores although the live resource still has it.
        """
        unread = {name for name in self.row.unread if old.get(name) != self._inputs.get(name)}
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

    def run(self, step: Json, names: Iterable[str] = (), *, gone: bool = False) -> Any:
        """Make a step's calls, which also send the inputs in `names`; return the last response.

        With `gone`, a missing resource is not an error, and the response is None.
        """
        variables = self._variables()
        if "if" in step and not search(step["if"], variables, variables):
            return None
        last = None
        for _, answer in self._answers(step, variables, list(names), gone=gone):
            last = answer
        return last

    def _answers(
        self, step: Json, variables: Json, names: list[str] | None = None, *, gone: bool = False
    ) -> Iterator[tuple[Json, Any]]:
        """Make one call for each item of the step's `for`; yield each call's variables and response."""
        items: list[Any] = [None]
        if "for" in step:
            source = self._send(step["for"], variables, gone=gone) if "call" in step["for"] else variables
            items = search(step["for"]["take"], source, variables) or []
        for item in items:
            step_variables = variables | ({"item": item} if item is not None else {})
            yield step_variables, self._send(step, step_variables, names, gone=gone)

    def _send(
        self, step: Json, variables: Json, names: list[str] | None = None, *, gone: bool = False
    ) -> Any:
        client = self._clients.get(step["service"], self._region) if "service" in step else self._client
        shape = cast(StructureShape, operation(client, step["call"]).input_shape)
        inputs = self._input_arguments(shape, names, variables["tags"])
        arguments = fill(step.get("with", {}), variables)
        if arguments is None:
            return None
        explicit = {name.lower() for name in arguments}
        inputs = {name: item for name, item in inputs.items() if name.lower() not in explicit}
        return request(client, step["call"], inputs | arguments, GONE if gone else None)

    def _input_arguments(self, shape: StructureShape, names: list[str] | None, tags: dict[str, str]) -> Json:
        """Return the arguments of a call for the inputs in `names`, and the tags if the call accepts tags."""
        arguments: Json = {}
        for name in names or []:
            api_name = aws_requests.find_member(shape, self.row.names.get(name, name))
            if name in self._inputs and api_name:
                arguments[api_name] = self._inputs[name]
        if tags and names and aws_requests.find_member(shape, "tags"):
            arguments["tags"] = tags
        if tags and names is not None and self.row.tagged and "TagSpecifications" in shape.members:
            arguments["TagSpecifications"] = [{"ResourceType": self.row.tagged, "Tags": tags}]
        return arguments

    def _variables(self) -> Json:
        """Return the variables for a step's templates, which calls.toml explains."""
        id_parts: Json = {}
        if self._has_natural_id:
            template = re.escape(resource_type(self.resource.type).id)
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", template)
            match = re.fullmatch(pattern, self.resource.id)
            id_parts = match.groupdict() if match else {}
        facts = {
            "id": self.resource.id,
            "region": self._region,
            "account": self._account,
            "live": self._answer,
            "tags": self._tags | self._creation_tag,
        }
        return {**id_parts, **self._state, **self._inputs, **facts, **self._item_changes}

    def _compare_items(self, live: LiveResource) -> Json:
        """Return the items to add to each list and to the tags, and the items to remove."""
        new: Json = {**self._inputs, "tags": list(self._tags | self._creation_tag)}
        old: Json = {**live.outputs, "tags": list(live.outputs.get("tagsAll") or {})}
        result: Json = {"added": {}, "removed": {}}
        lists = [name for name, value in (old | new).items() if isinstance(value, list)]
        for name in lists:
            new_items, old_items = cast(list[Any], new.get(name) or []), cast(list[Any], old.get(name) or [])
            result["added"][name] = [item for item in new_items if item not in old_items] or None
            result["removed"][name] = [item for item in old_items if item not in new_items] or None
        return result


def _find(api_object: Json, name: str) -> Any:
    """Return the value of a property; its name is case-insensitive, since AWS and the SDK differ in case."""
    return {key.lower(): item for key, item in api_object.items()}.get(name.lower())
