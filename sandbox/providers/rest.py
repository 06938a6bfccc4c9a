"""A target with a JSON API; requests and answers are converted by the SDK's types and the tables."""

import contextlib
import functools
import json
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast, get_args
from urllib.parse import quote

import urllib3

from sandbox.errors import RefusedError
from sandbox.providers.api_values import number, received
from sandbox.providers.resource_types import resource_type, table
from sandbox.providers.target import LiveResource, Package, Resource, Target
from sandbox.wire import schema
from sandbox.wire.values import Json, map_items, merge, plain

RETRY = urllib3.Retry(
    total=8,
    backoff_factor=0.5,
    backoff_max=4,
    allowed_methods=None,
    raise_on_status=False,
    status_forcelist=(429, 500, 502, 503, 504),
)
"""Like the providers' own clients, whatever the verb; the waits add up to about 20 s."""

WAITS = (0, 1, 2, 4, 4, 4, 4, 4)  # seconds after each but the last attempt to create something, as with RETRY

CREATING = RETRY.new(read=False, status_forcelist=(429, 503))  # only what certainly created nothing


class UnconfirmedError(RefusedError):
    """A request without an answer, or with one that does not tell if it was carried out."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the `api` table; cloudflare/resource_types.toml explains each key."""

    kind: str
    path: str
    single: bool = False
    update: str = "PUT"
    delete: str = "DELETE"
    key: str = "id"
    list: str = ""
    match: Sequence[str] = ()
    local: Sequence[str] = ()
    inside: str = ""
    at: Mapping[str, str] = field(default_factory=dict[str, str])
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    numbers: Sequence[str] = ()
    counted: Sequence[str] = ()
    enough: Sequence[str] = ()
    json: str = ""
    wrap: str = ""
    ident: str = ""
    fixed: Sequence[str] = ()

    def place(self, name: str) -> str:
        """Return the path of an input in the body."""
        return self.at.get(name, self.inside + self.name(name))

    def name(self, name: str) -> str:
        """Return a property's name in the API."""
        return self.names.get(name, re.sub(r"(?<=.)(?=[A-Z])", "_", name).lower())

    def sent(self, value: Any, hint: Any, name: str = "") -> Any:
        """Convert a value for the API; only objects of the SDK have names to translate."""
        if isinstance(value, list):
            inner = _inner(hint)
            return map_items(value, lambda item: self.sent(item, inner, name))
        objects = [option for option in schema.value_hints(hint) if schema.is_object(option)]
        if isinstance(value, dict) and objects:
            members, made = schema.properties(objects[0]), dict[str, Any]()
            for key, item in cast(Json, value).items():
                part = self.sent(item, members[key].hint if key in members else Any, key)
                made |= {self.name(key): part} if self.name(key) else part
            return made
        return cast(Any, number(value) if name in self.numbers else value)

    def find(self, found: Json, name: str) -> Any:
        """Return the value of an API's object for a property of the SDK."""
        return found.get(self.name(name)) if self.name(name) else found


def _inner(hint: Any) -> Any:
    return next((get_args(one)[0] for one in schema.value_hints(hint) if schema.noun(one) == "a list"), Any)


@functools.cache
def row(token: str) -> Row:
    """Return the table's row of a type."""
    rows = table(token.partition(":")[0])["api"]
    if token not in rows:
        raise RefusedError(f"the sandbox has no API for {token}; it has one for {', '.join(sorted(rows))}")
    return Row(**rows[token])


def body(resource: Resource, *, update: bool = False) -> Json:
    """Return the request body that creates or changes a resource."""
    at, given = row(resource.type), resource.known
    if at.json:
        try:
            return json.loads(given[at.json])
        except ValueError as error:
            raise RefusedError(f"{at.json}: is no JSON: {error}") from error
    members = schema.properties(schema.args_class(resource.type))
    made: Json = {}
    left_out = {*at.local, at.ident, *(at.fixed if update else ())}
    for name in given.keys() - left_out:
        part = at.sent(given[name], members[name].hint, name)
        for step in reversed(at.place(name).split(".")):
            part = {step: part}
        made = merge(made, part)
    for one in made.get("config", {}).get("assertions", ()):
        if one.get("type") in at.counted and one.get("operator") not in ("matches", "doesNotMatch"):
            one["target"] = number(one.get("target"))
    if not at.wrap:
        return made
    ident = {"id": given[at.ident]} if at.ident in given and not update else {}
    return {"data": {"type": at.wrap, **ident, "attributes": made}}


class RestPackage(Package):
    """A package that checks a request body against the API's models before it is sent."""

    def faults(self, resource: Resource) -> Iterator[str]:
        found = list(super().faults(resource))
        yield from found
        given, known = resource.inputs, resource.known
        if found or resource.type not in table(self.name)["api"] or plain(given) != given:
            return  # what is wrong with a secret could not be said
        at = row(resource.type)
        if known == given or (at.enough and known.keys() >= {*at.enough}):
            from sandbox.clouds import client_models

            try:
                yield from client_models.check(at.kind, body(resource))
            except RefusedError as refused:
                yield str(refused)


class RestTarget(Target):
    """The resources of one package."""

    computed: Sequence[str] = ()  # members of a body in JSON that are the API's own
    wrapped = ""  # where in an answer the object or the list is, where it is not all of it

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._http = urllib3.PoolManager(maxsize=8, retries=RETRY, headers=headers, timeout=60)

    def call(self, verb: str, path: str, sent: Any = None, retries: urllib3.Retry = RETRY) -> Any:
        """Send a request and return its answer; None if it is empty, or if the object does not exist."""
        try:
            found = self._http.request(verb, self._url + path, json=sent, retries=retries)
        except urllib3.exceptions.HTTPError as error:
            said = f"no answer after {RETRY.total} retries ({type(error).__name__})"
            raise UnconfirmedError(f"{verb} {path}: {said}") from error
        answer = json.loads(found.data) if found.data else None
        if found.status < 400:
            return answer
        if found.status == 404 and verb != "POST":
            return None
        errors = cast("list[Any]", answer["errors"] if answer else [found.reason])
        faults = [one if isinstance(one, str) else f"{one['code']}: {one['message']}" for one in errors]
        kind = UnconfirmedError if found.status in (500, 502, 504) else RefusedError
        raise kind(f"{verb} {path}: {found.status}: {'; '.join(faults)}")

    def result(self, answer: Any) -> Json:
        """Return the object in an answer."""
        found: Any = answer.get(self.wrapped, answer)
        return cast(Json, found[0] if isinstance(found, list) else found)

    def listed(self, resource: Resource) -> list[Json]:
        """Return the API's objects that may be the resource."""
        return self.many(self._fill(row(resource.type).list, resource) or self._path(resource))

    def many(self, path: str) -> list[Json]:
        """Return the objects of a list; empty if the list does not exist."""
        answer: Any = self.call("GET", path) or []
        if isinstance(answer, list):
            return cast("list[Json]", answer)
        parts = (answer.get(self.wrapped), *answer.values())
        return next(cast("list[Json]", part) for part in parts if isinstance(part, list))

    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        there = (replace(resource, id=one) for one in self._same(resource) if one not in known)
        return [live for one in there if (live := self.read(one, {}))]

    def create(self, resource: Resource) -> LiveResource:
        """Create the resource; after a lost answer, look for it before a retry creates a second one."""
        path = self._path(resource)
        if row(resource.type).single:
            return self._live(resource, self._send("PATCH", path, resource))
        before = self._same(resource)
        for seconds in WAITS:
            with contextlib.suppress(UnconfirmedError):
                return self._live(resource, self._send("POST", path, resource, CREATING))
            made = [one for one in self._same(resource) if one not in before]
            if made and (live := self.read(replace(resource, id=made[0]), {})):
                return live
            time.sleep(seconds)
        return self._live(resource, self._send("POST", path, resource, CREATING))

    def _same(self, resource: Resource) -> list[str]:
        """Return the IDs of objects that may be this resource; empty if a retry makes no duplicate."""
        at = row(resource.type)
        if at.ident:
            rows = self.listed(resource)
            return [str(one[at.key]) for one in rows if one[at.key] == resource.known[at.ident]]
        if not at.match:
            return []
        sent = body(resource)["data"]["attributes"] if at.wrap else body(resource)
        wanted = {key: value for key, value in sent.items() if key in at.match}
        rows = self.listed(resource)
        same = [one for one in rows if wanted.items() <= (one["attributes"] if at.wrap else one).items()]
        return [str(one[at.key]) for one in same]

    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        found = self.call("GET", self._item(resource))
        if found is None:
            return None
        at, result = row(resource.type), self.result(found)
        live = self._live(resource, result)
        inputs = self._properties(schema.args_class(resource.type), at, result, resource.known)
        return replace(live, inputs=inputs, outputs=live.outputs | inputs)

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        verb, path = row(resource.type).update, self._item(resource)
        return self._live(resource, self._send(verb, path, resource, update=True))

    def delete(self, resource: Resource) -> None:
        if verb := row(resource.type).delete:
            forced = "?force=true" if resource.known.get("forceDelete") else ""
            self.call(verb, self._item(resource) + forced)

    def _send(
        self,
        verb: str,
        path: str,
        resource: Resource,
        retries: urllib3.Retry = RETRY,
        *,
        update: bool = False,
    ) -> Json:
        found = self.call(verb, path, body(resource, update=update), retries)
        if found is None:
            raise RefusedError(f"{resource.id} is not there any more; a refresh takes it out of the state")
        return self.result(found)

    def _live(self, resource: Resource, result: Json) -> LiveResource:
        at, known = row(resource.type), resource.known
        outputs = self._properties(schema.resource_class(resource.type), at, result, known)
        ident = resource_type(resource.type).id.format_map(known) if at.single else str(result[at.key])
        return LiveResource(ident, resource.inputs, merge(outputs, resource.inputs))

    def _properties(self, cls: type[Any], at: Row, result: Json, given: Json) -> Json:
        """Return a resource's inputs or outputs from an answer."""
        attributes = result["attributes"] if at.wrap else result
        found: Json = {}
        for name, prop in schema.properties(cls).items():
            value: Any = {at.name(name): result[at.key]} if name == at.ident else attributes
            for step in at.place(name).split("."):
                value = cast(Json, value).get(step) if isinstance(value, dict) else None
            seen = received(value, prop.hint, given.get(name), at.find)
            found[name] = given.get(name) if name in at.local else seen
        if at.json:
            same = given.get(at.json) and self._bare(json.loads(given[at.json])) == self._bare(result)
            found[at.json] = given[at.json] if same else json.dumps(self._bare(result))
        return {name: value for name, value in found.items() if value is not None}

    def _bare(self, value: Any) -> Any:
        """Return a document without the members that the API adds, and without empty ones."""
        if isinstance(value, dict):
            items = cast(Json, value).items()
            said = {key: item for key, item in items if item not in (None, [], False)}
            value = {key: item for key, item in said.items() if key not in self.computed}
        return map_items(value, self._bare)

    def _path(self, resource: Resource) -> str:
        return self._fill(row(resource.type).path, resource)

    def _item(self, resource: Resource) -> str:
        path = self._path(resource)
        return path if row(resource.type).single else f"{path}/{resource.id}"

    def _fill(self, template: str, resource: Resource) -> str:
        return template.format_map({key: quote(str(value), safe="") for key, value in resource.known.items()})
