"""How JSON APIs keep resources: what to send and what comes back follows from the SDK's types and tables."""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from sandbox.providers import schema
from sandbox.providers.answers import number
from sandbox.providers.kinds import table
from sandbox.providers.target import Refused, Resource
from sandbox.providers.values import Json, each, merge


@dataclass(frozen=True, kw_only=True)
class Row:
    """How a type is kept by the API; cloudflare.toml tells the meaning of each word."""

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
    json: str = ""
    wrap: str = ""

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
            return each(value, lambda item: self.sent(item, inner, name))
        if isinstance(value, dict) and (members := _members(hint)):
            made: Json = {}
            for key, item in cast(Json, value).items():
                part = self.sent(item, members[key].hint if key in members else Any, key)
                made |= {self.name(key): part} if self.name(key) else part
            return made
        return cast(Any, number(value) if name in self.numbers else value)

    def find(self, found: Json, name: str) -> Any:
        """What an object of the API has for a property of the SDK."""
        return found.get(self.name(name)) if self.name(name) else found


def _members(hint: Any) -> Mapping[str, schema.Property]:
    found = [option for option in schema.value_hints(hint) if schema.is_object(option)]
    return schema.properties(found[0]) if found else {}


def _inner(hint: Any) -> Any:
    return next((get_args(one)[0] for one in schema.value_hints(hint) if schema.noun(one) == "a list"), Any)


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
