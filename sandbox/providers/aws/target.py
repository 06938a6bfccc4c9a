"""The AWS API as a target: it makes the calls of calls.toml over botocore."""

import functools
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from botocore.model import StructureShape

from sandbox.errors import RefusedError
from sandbox.providers.api_values import aligned, members
from sandbox.providers.aws.package import AwsPlan
from sandbox.providers.diff import changes
from sandbox.providers.resource_types import digits, resource_type, table
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire import aws_requests, schema
from sandbox.wire.aws_account import ACCOUNT, REGION
from sandbox.wire.aws_requests import BARE, Clients, operation, told
from sandbox.wire.templates import fill, fill_text, search
from sandbox.wire.values import Json, plain, project, secret_texts

CREATION_TAG = "sandbox:made-for"
"""The key of a hidden tag, by which a resource without a name of its own is found again."""

GONE = re.compile(r"NotFound|NoSuch|^404$")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of calls.toml: the calls of one resource type; calls.toml explains each key."""

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
    tag: list[Json] = field(default_factory=list[Json])
    find: Json = field(default_factory=dict[str, Any])
    id: str = ""
    tagged: str = ""
    api: str = "moto"
    unchecked: str = ""


@functools.cache
def row(token: str) -> Row:
    """Return a type's row; raise RefusedError if it has none."""
    found = table("aws", "calls").get(token)
    if found is None:
        raise RefusedError(f"the sandbox's AWS has no {token}: add a row to sandbox/providers/aws/calls.toml")
    return Row(**found)


class AwsTarget(AwsPlan):
    """An AWS API on this machine, with an account that has only the resources of every new one."""

    def __init__(self, url: str) -> None:
        self.clients = Clients(url)

    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        talk = AwsCall(self.clients, resource)
        left = [talk.again(one) for one in talk.left_behind() if one not in known]
        return [live for one in left if (live := one.finish())]

    def create(self, resource: Resource) -> LiveResource:
        talk = AwsCall(self.clients, resource)
        step = talk.row.create
        sent = () if step.get("bare") else sorted(resource.inputs.keys() - {*talk.row.local})
        answer, made = talk.call(step, sent), step.get("made")
        ident = search(made, answer) if made else talk.natural_id()
        live = talk.again(str(ident)).finish()
        if live is None:
            raise RefusedError(f"{ident} was created, but {talk.row.read[0]['call']} does not find it")
        return live

    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        talk = AwsCall(self.clients, resource, plain(state))
        return talk.live() if talk.look() else None

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        if (live := AwsCall(self.clients, resource).settle(before)) is None:
            raise RefusedError(f"{resource.id} is not there any more; a refresh takes it out of the state")
        return live

    def delete(self, resource: Resource) -> None:
        talk = AwsCall(self.clients, resource)
        if talk.look():
            for step in talk.row.delete:
                talk.call(step, gone=True)
            if talk.row.delete and not talk.row.stays and talk.look():
                raise RefusedError(f"{resource.id} is still there after {talk.row.delete[-1]['call']}")

    def plan(self, resource: Resource) -> Json:
        return super(AwsPlan, self).plan(resource)

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        asked = table("aws", "calls")["invokes"].get(token.rpartition(":")[2])
        if asked is None:
            return super().invoke(token, args, config)
        words = {**args, "region": args.get("region") or config.get("region") or REGION}
        client = self.clients.get(asked["service"], words["region"])
        answer = told(client, asked["call"], fill(asked.get("with", {}), words))
        return {**words, "id": words["region"], **search(asked["take"], answer, words)}


class AwsCall:
    """The calls for one resource."""

    def __init__(self, clients: Clients, resource: Resource, state: Json | None = None) -> None:
        self._clients, self.resource, self._state = clients, resource, state or {}
        self.row = row(resource.type)
        BARE.set(frozenset(secret_texts(resource.inputs)))
        self._given: Json = {key: item for key, item in resource.known.items() if key != "__defaults"}
        self._region = str(self._given.get("region") or resource.config.get("region") or REGION)
        self._client = clients.get(self.row.service, self._region)
        common = cast(Json, resource.config.get("defaultTags") or {}).get("tags", {})
        self._common = cast(dict[str, str], common)
        self._tags = self._common | self._given.get("tags", {})
        self._named = "made" not in self.row.create
        self._mark = {CREATION_TAG: digits(resource.urn, 32)} if not self._named else {}
        self._raw: Json = {}
        self._changes: Json = {}

    def natural_id(self) -> str:
        """Return the ID that follows from the inputs."""
        words = self._words() | {"host": str(self._given.get("url")).removeprefix("https://")}
        words["crc"] = zlib.crc32(str(self._given.get("destinationCidrBlock")).encode())
        return (
            fill_text(self.row.id, words)
            if self.row.id
            else resource_type(self.resource.type).id.format_map(words)
        )

    def again(self, ident: str) -> "AwsCall":
        """Return the calls for the same resource with an ID."""
        return AwsCall(self._clients, replace(self.resource, id=ident))

    def left_behind(self) -> list[str]:
        """Return the IDs that an interrupted creation may have left."""
        if self._named:
            return [self.natural_id()]
        found = self.row.find or table("aws", "calls")["find"][self.row.service]
        words = self._words() | {"mark": self._mark[CREATION_TAG]}
        take, answers = found["take"], self._answers(found, words)
        return [one for here, answer in answers for one in cast(list[str], search(take, answer, here) or [])]

    # Reading

    def look(self) -> bool:
        """Read the resource; return True if it exists."""
        self._raw = {}
        for number, step in enumerate(self.row.read):
            answer = self.call(step, gone=True)
            found = search(step["take"], answer, self._words())
            if number == 0 and found is None:
                return False
            more: Json = search(step["plus"], found, self._words()) if "plus" in step else {}
            self._raw |= {**(found or {}), **more}
        return True

    def live(self) -> LiveResource:
        """Return the resource in the SDK's properties, with inputs ordered and spelled as in the program."""
        names = {api.lower(): name for name, api in self.row.names.items()}
        raw = {names.get(key.lower(), key): item for key, item in self._raw.items()}
        outputs = members(schema.resource_class(self.resource.type), raw, {}, _find)
        tags = cast(dict[str, str], outputs.get("tags", {})).items()
        seen = {key: item for key, item in tags if key != CREATION_TAG and not key.startswith("aws:")}
        properties = schema.properties(schema.resource_class(self.resource.type))
        if "tagsAll" in properties:
            own = self._given.get("tags", {})
            outputs["tagsAll"] = seen
            common = {key for key in seen if key not in own and self._common.get(key) == seen[key]}
            outputs["tags"] = {key: item for key, item in seen.items() if key not in common}
        outputs |= {"region": self._region} if "region" in properties else {}
        outputs = cast(Json, aligned(outputs, self._given, "", self.row.unread + self.row.local))
        known = schema.properties(schema.args_class(self.resource.type))
        return LiveResource(
            self.resource.id, {name: outputs[name] for name in outputs if name in known}, outputs
        )

    # Writing

    def finish(self) -> LiveResource | None:
        """Make the further calls of a creation; None if the resource does not exist."""
        if not self.look():
            return None
        for step in self.row.finish:
            self.call(step, gone=True)
        return self._settled(self._given) if not self.row.finish or self.look() else None

    def settle(self, before: LiveResource) -> LiveResource | None:
        """Change the resource from `before` to the program's inputs; None if it does not exist."""
        return self._settled(plain(before.inputs)) if self.look() else None

    def _settled(self, old: Json) -> LiveResource:
        live, given = self.live(), self._given
        inputs = schema.properties(schema.args_class(self.resource.type)).keys() - {"tags", "region"}
        taken_out = old.keys() & inputs - given.keys() - {*self.row.local}
        # What cannot be seen, and what is still as it was though the program has taken a part of it out.
        unseen = {name for name in self.row.unread if old.get(name) != given.get(name)}
        parts = old.keys() & given.keys() & inputs
        unseen |= {one for one in parts if project(live.outputs.get(one), old[one]) == old[one] != given[one]}
        differ = self._differences(live) | unseen
        if not differ and not taken_out:
            return live
        self._changes = self._compared(live)
        for step in self.row.update:
            names, absent = differ & set(step["when"]), taken_out & set(step["when"])
            if names or (absent and "if" in step):
                self.call(step, sorted(names & self._given.keys()))
        if "tagsAll" in differ:
            for step in self.row.tag or table("aws", "calls")["tags"][self.row.service]:
                self.call(step)
        self.look()
        live = self.live()
        if left := ", ".join(sorted(self._differences(live))):
            raise RefusedError(f"{left}: the API left it as it was; no call of this type's row changes it")
        return live

    def _differences(self, live: LiveResource) -> set[str]:
        wanted = {**self._given, **({"tagsAll": self._tags} if "tagsAll" in live.outputs else {})}
        wanted.pop("tags", None)
        found = project(live.outputs, wanted) | {"tagsAll": live.outputs.get("tagsAll")}
        return {str(change.path[0]) for change in changes(found, wanted) if change.path[0] in wanted}

    # Calls

    def call(self, step: Json, names: Iterable[str] = (), *, gone: bool = False) -> Any:
        """Make a step's call with these inputs in addition; return its answer."""
        words = self._words()
        if "if" in step and not search(step["if"], words, words):
            return None
        return [None, *(answer for _, answer in self._answers(step, words, list(names), gone=gone))][-1]

    def _answers(
        self, step: Json, words: Json, names: list[str] | None = None, *, gone: bool = False
    ) -> Iterator[tuple[Json, Any]]:
        """Yield the variables and the answer of each call: one for each item of the step's `for`."""
        items: list[Any] = [None]
        if "for" in step:
            among = self._send(step["for"], words, gone=gone) if "call" in step["for"] else words
            items = search(step["for"]["take"], among, words) or []
        for item in items:
            here = words | ({"item": item} if item is not None else {})
            yield here, self._send(step, here, names, gone=gone)

    def _send(self, step: Json, words: Json, names: list[str] | None = None, *, gone: bool = False) -> Any:
        client = self._clients.get(step["service"], self._region) if "service" in step else self._client
        model = operation(client, step["call"])
        shape = cast(StructureShape, model.input_shape)
        sent = {
            api: self._given[name]
            for name in names or []
            if name in self._given and (api := aws_requests.member(shape, self.row.names.get(name, name)))
        }
        tags = words["tags"]
        if tags and names and aws_requests.member(shape, "tags"):
            sent["tags"] = tags
        if tags and names is not None and self.row.tagged and "TagSpecifications" in shape.members:
            sent["TagSpecifications"] = [{"ResourceType": self.row.tagged, "Tags": tags}]
        given = fill(step.get("with", {}), words)
        if given is None:
            return None
        sent = {key: item for key, item in sent.items() if key.lower() not in {one.lower() for one in given}}
        return told(client, step["call"], sent | given, GONE if gone else None)

    def _words(self) -> Json:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(resource_type(self.resource.type).id))
        parts = re.fullmatch(pattern, self.resource.id) if self._named else None
        own = {"id": self.resource.id, "region": self._region, "account": ACCOUNT, "live": self._raw}
        own["tags"] = self._tags | self._mark
        return {**(parts.groupdict() if parts else {}), **self._state, **self._given, **own, **self._changes}

    def _compared(self, live: LiveResource) -> Json:
        """Return the items to add to lists and tags, and those to remove."""
        new: Json = {**self._given, "tags": list(self._tags | self._mark)}
        old: Json = {**live.outputs, "tags": list(live.outputs.get("tagsAll") or {})}
        made: Json = {"added": {}, "removed": {}}
        for name in [name for name, item in (old | new).items() if isinstance(item, list)]:
            now, was = (cast(list[Any], side.get(name) or []) for side in (new, old))
            made["added"][name] = [one for one in now if one not in was] or None
            made["removed"][name] = [one for one in was if one not in now] or None
        return made


def _find(found: Json, name: str) -> Any:
    """Return the value of a property, ignoring case: AWS and the SDK differ in it."""
    return {key.lower(): item for key, item in found.items()}.get(name.lower())
