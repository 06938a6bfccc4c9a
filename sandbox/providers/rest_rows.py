"""How JSON APIs keep resources: what to send and what comes back follows from the SDK's types and tables."""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from sandbox.providers import schema
from sandbox.providers.kinds import table
from sandbox.providers.target import Refused, Resource
from sandbox.providers.values import Json, merge


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
    """The path that lists them, where it is another."""
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
