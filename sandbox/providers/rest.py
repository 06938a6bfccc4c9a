"""A target behind a JSON API: what to send and what comes back follows from the SDK's types and a table."""

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast, get_args
from urllib.parse import quote

import urllib3

from sandbox.providers import schema
from sandbox.providers.kinds import kind, table
from sandbox.providers.target import Live, Package, Refused, Resource, Target
from sandbox.providers.values import Json, merge, plain

RETRY = urllib3.Retry(
    total=8, backoff_factor=0.5, backoff_max=4, allowed_methods=None, raise_on_status=False,
    status_forcelist=(429, 500, 502, 503, 504),
)  # fmt: skip
"""Like the providers' own clients, whatever the verb; the waits add up to about 20 s."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """How a type is kept by the API; the paths are templates with its inputs."""

    kind: str
    """What sandbox/targets/rules.toml calls its body."""
    path: str
    """Of all of them; POST creates one."""
    single: bool = False
    """The path is of the one there is; PATCH creates it."""
    update: str = "PUT"
    delete: str = "DELETE"
    """Empty: it cannot be deleted, and stays as it is."""
    key: str = "id"
    list: str = ""
    """The query, after the path, that lists them."""
    match: Sequence[str] = ()
    """Members of the body that tell whether one in the list is it."""
    local: Sequence[str] = ()
    """Inputs that are not part of the body."""
    inside: str = ""
    """Where in the body an input is that `at` does not name; with a full stop at the end."""
    at: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where in the body an input is."""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the API calls a property if not its name in snake case; "": its members are its parent's."""
    numbers: Sequence[str] = ()
    """Properties that are strings to Pulumi and numbers to the API."""
    json: str = ""
    """The input that is the whole body."""
    wrap: str = ""
    """The body is the attributes of an object of this type (JSON:API)."""

    def place(self, name: str) -> str:
        """Where in the body an input is."""
        return self.at.get(name, self.inside + self.name(name))

    def name(self, name: str) -> str:
        """A property's name in the API."""
        return self.names.get(name, re.sub(r"(?<=.)(?=[A-Z])", "_", name).lower())

    def sent(self, value: Any, hint: Any, name: str = "") -> Any:
        """A value as the API has it; only the SDK's own objects have names to translate."""
        if isinstance(value, list):
            inner = _inner(hint)
            return [self.sent(item, inner, name) for item in cast("list[Any]", value)]
        if isinstance(value, dict) and (members := _members(hint)):
            made: Json = {}
            for key, item in cast(Json, value).items():
                part = self.sent(item, members[key].hint if key in members else Any, key)
                made |= {self.name(key): part} if self.name(key) else part
            return made
        return cast(Any, number(value) if name in self.numbers else value)

    def received(self, value: Any, hint: Any, given: Any) -> Any:
        """A value of the API as Pulumi has it; what says the same as `given` is spelled as that."""
        if isinstance(value, list):
            old = cast("list[Any]", given) if isinstance(given, list) else []
            pairs = enumerate(cast("list[Any]", value))
            return [
                self.received(item, _inner(hint), old[at] if at < len(old) else None) for at, item in pairs
            ]
        if isinstance(value, dict) and (members := _members(hint)):
            old = cast(Json, given) if isinstance(given, dict) else {}
            made: Json = {}
            for key, prop in members.items():
                name = self.name(key)
                inner = cast(Json, value).get(name) if name else cast(Json, value)
                part = self.received(inner, prop.hint, old.get(key))
                if part is not None and (name or part):
                    made[key] = part
            return made
        if isinstance(value, dict) and schema.nouns(hint) == "a string":
            return json.dumps(value, sort_keys=True)
        text = type(cast(object, value)) in (int, float) and schema.nouns(hint) == "a string"
        return given if text and number(given) == value else f"{value:.15g}" if text else cast(Any, value)


def _members(hint: Any) -> Mapping[str, schema.Property]:
    found = [option for option in schema.value_hints(hint) if schema.is_object(option)]
    return schema.properties(found[0]) if found else {}


def _inner(hint: Any) -> Any:
    return next((get_args(one)[0] for one in schema.value_hints(hint) if schema.noun(one) == "a list"), Any)


def number(value: Any) -> Any:
    """The number in a string; anything else as it is."""
    try:
        return int(value) if float(value).is_integer() else float(value)
    except (TypeError, ValueError):
        return value


@functools.cache
def row(token: str) -> Row:
    """The table's row of a type."""
    rows = table(token.partition(":")[0])["api"]
    if token not in rows:
        raise Refused(f"the sandbox has no API for {token}; it has one for {', '.join(sorted(rows))}")
    return Row(**rows[token])


def body(resource: Resource) -> Json:
    """What is sent to create or change a resource."""
    at, given = row(resource.type), resource.known
    if at.json:
        try:
            return json.loads(given[at.json])
        except ValueError as error:
            raise Refused(f"{at.json}: is no JSON: {error}") from error
    members = schema.properties(schema.args_class(resource.type))
    made: Json = {}
    for name in given.keys() - {*at.local}:
        part = at.sent(given[name], members[name].hint, name)
        for step in reversed(at.place(name).split(".")):
            part = {step: part}
        made = merge(made, part)
    return {"data": {"type": at.wrap, "attributes": made}} if at.wrap else made


class RestPackage(Package):
    """A package whose API is known: what that would refuse is refused before it is asked."""

    def faults(self, resource: Resource) -> Iterator[str]:
        found = list(super().faults(resource))
        yield from found
        given, rows = resource.inputs, table(self.name)["api"]
        if found or resource.type not in rows or plain(given) != given:
            return  # what is wrong with a secret could not be said
        if resource.known == given or self.enough(resource):
            from sandbox.targets import client_models

            try:
                yield from client_models.check(row(resource.type).kind, body(resource))
            except Refused as refused:
                yield str(refused)

    def enough(self, resource: Resource) -> bool:
        """Whether enough is known to judge by, though not all."""
        return False


class RestTarget(Target):
    """The resources of one package."""

    computed: Sequence[str] = ()
    """Members of a body in JSON that are the API's own."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._http = urllib3.PoolManager(maxsize=8, retries=RETRY, headers=headers, timeout=60)

    def call(self, verb: str, path: str, sent: Any = None) -> Any:
        """The answer; None: there is none, or nothing is there."""
        try:
            found = self._http.request(verb, self._url + path, json=sent)
        except urllib3.exceptions.HTTPError as error:
            raise Refused(
                f"{verb} {path}: no answer after {RETRY.total} retries ({type(error).__name__})"
            ) from error
        answer = json.loads(found.data) if found.data else None
        if found.status < 400:
            return answer
        if found.status == 404 and verb != "POST":
            return None
        errors = cast("list[Any]", answer["errors"] if answer else [found.reason])
        faults = [one if isinstance(one, str) else f"{one['code']}: {one['message']}" for one in errors]
        raise Refused(f"{verb} {path}: {found.status}: {'; '.join(faults)}")

    def result(self, answer: Any) -> Json:
        """The object in an answer."""
        return answer

    def many(self, answer: Any) -> list[Json]:
        """The objects in the answer to a list."""
        parts = [*cast(Json, answer).values()] if isinstance(answer, dict) else [answer]
        return next(cast("list[Json]", part) for part in parts if isinstance(part, list))

    def listed(self, resource: Resource) -> list[Json]:
        """Those among which a resource may be."""
        return self.many(
            self.call("GET", self._path(resource) + self._fill(row(resource.type).list, resource))
        )

    def find(self, resource: Resource) -> list[Live]:
        at = row(resource.type)
        if not at.match:
            return []  # creating it once more makes no second one
        sent = body(resource)["data"]["attributes"] if at.wrap else body(resource)
        wanted = {key: value for key, value in sent.items() if key in at.match}
        rows = self.listed(resource)
        same = [one for one in rows if wanted.items() <= (one["attributes"] if at.wrap else one).items()]
        lives = [self.read(replace(resource, id=str(one[at.key])), {}) for one in same]
        return [live for live in lives if live]

    def create(self, resource: Resource) -> Live:
        at = row(resource.type)
        return self._live(
            resource, self._send("PATCH" if at.single else "POST", self._path(resource), resource)
        )

    def read(self, resource: Resource, state: Json) -> Live | None:
        found = self.call("GET", self._item(resource))
        if found is None:
            return None
        at, result = row(resource.type), self.result(found)
        live = self._live(resource, result)
        inputs = self._properties(schema.args_class(resource.type), at, result, resource.known)
        return replace(live, inputs=inputs, outputs=live.outputs | inputs)

    def update(self, resource: Resource, before: Live) -> Live:
        return self._live(resource, self._send(row(resource.type).update, self._item(resource), resource))

    def delete(self, resource: Resource) -> None:
        if verb := row(resource.type).delete:
            self.call(
                verb, self._item(resource) + ("?force=true" if resource.known.get("forceDelete") else "")
            )

    def _send(self, verb: str, path: str, resource: Resource) -> Json:
        found = self.call(verb, path, self.body(resource))
        if found is None:
            raise Refused(f"{resource.id} is not there any more; a refresh takes it out of the state")
        return self.result(found)

    def body(self, resource: Resource) -> Json:
        """What is sent."""
        return body(resource)

    def _live(self, resource: Resource, result: Json) -> Live:
        at, known = row(resource.type), resource.known
        outputs = self._properties(schema.resource_class(resource.type), at, result, known)
        ident = kind(resource.type).id.format_map(known) if at.single else str(result[at.key])
        return Live(ident, resource.inputs, merge(outputs, resource.inputs))

    def _properties(self, cls: type[Any], at: Row, result: Json, given: Json) -> Json:
        """A resource's inputs or outputs as an answer has them."""
        attributes = result["attributes"] if at.wrap else result
        found: Json = {}
        for name, prop in schema.properties(cls).items():
            value: Any = attributes
            for step in at.place(name).split("."):
                value = cast(Json, value).get(step) if isinstance(value, dict) else None
            found[name] = (
                given.get(name) if name in at.local else at.received(value, prop.hint, given.get(name))
            )
        if at.json:
            same = given.get(at.json) and self._bare(json.loads(given[at.json])) == self._bare(result)
            found[at.json] = given[at.json] if same else json.dumps(self._bare(result))
        return {name: value for name, value in found.items() if value is not None}

    def _bare(self, value: Any) -> Any:
        """What a person wrote: without what the API added, or has when nothing is said."""
        if isinstance(value, list):
            return [self._bare(item) for item in cast("list[Any]", value)]
        if isinstance(value, dict):
            items = cast(Json, value).items()
            return {
                key: self._bare(item)
                for key, item in items
                if key not in self.computed and item not in (None, [], False)
            }
        return value

    def _path(self, resource: Resource) -> str:
        return self._fill(row(resource.type).path, resource)

    def _item(self, resource: Resource) -> str:
        path = self._path(resource)
        return path if row(resource.type).single else f"{path}/{resource.id}"

    def _fill(self, template: str, resource: Resource) -> str:
        return template.format_map({key: quote(str(value), safe="") for key, value in resource.known.items()})
