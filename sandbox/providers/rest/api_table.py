"""The `api` tables of packages, and the conversion of resources to request bodies by their rows."""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from sandbox.errors import ProviderError
from sandbox.providers.api_values import number
from sandbox.providers.resource_types import table
from sandbox.providers.target import Resource
from sandbox.wire import schema
from sandbox.wire.values import Json, map_items, merge


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a package's `api` table; cloudflare/resource_types.toml explains each key."""

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

    def body_path(self, name: str) -> str:
        """Return the path of an input in the request body."""
        return self.at.get(name, self.inside + self.api_name(name))

    def api_name(self, name: str) -> str:
        """Return a property's name in the API; empty if the property's members belong to its parent there."""
        return self.names.get(name, re.sub(r"(?<=.)(?=[A-Z])", "_", name).lower())

    def to_api(self, value: Any, hint: Any, name: str = "") -> Any:
        """Convert a value for the API. Names are translated only in objects with a class in the SDK."""
        if isinstance(value, list):
            inner = _item_hint(hint)
            return map_items(value, lambda item: self.to_api(item, inner, name))
        classes = [option for option in schema.value_hints(hint) if schema.is_object(option)]
        if isinstance(value, dict) and classes:
            return self._object_to_api(cast(Json, value), classes[0])
        return cast(Any, number(value) if name in self.numbers else value)

    def _object_to_api(self, value: Json, cls: type[Any]) -> Json:
        members = schema.properties(cls)
        result: Json = {}
        for key, item in value.items():
            api_value = self.to_api(item, members[key].hint if key in members else Any, key)
            if api_name := self.api_name(key):
                result[api_name] = api_value
            else:
                result |= api_value
        return result

    def find(self, api_object: Json, name: str) -> Any:
        """Return the value that an API's object has for a property of the SDK."""
        api_name = self.api_name(name)
        return api_object.get(api_name) if api_name else api_object

    def attributes(self, api_object: Json) -> Json:
        """Return an object's attributes; an API in the style of JSON:API wraps them in another object."""
        return api_object["attributes"] if self.wrap else api_object


def _item_hint(hint: Any) -> Any:
    """Return the type hint for the items of a list."""
    for option in schema.value_hints(hint):
        if schema.noun(option) == "a list":
            return get_args(option)[0]
    return Any


@functools.cache
def row(token: str) -> Row:
    """Return the row of a type in the `api` table; raise ProviderError if there is no such row."""
    rows = table(token.partition(":")[0])["api"]
    if token not in rows:
        raise ProviderError(f"the sandbox has no API for {token}; it has one for {', '.join(sorted(rows))}")
    return Row(**rows[token])


def body(resource: Resource, *, update: bool = False) -> Json:
    """Return the body of the request that creates or changes a resource."""
    api, inputs = row(resource.type), resource.known
    if api.json:
        try:
            return json.loads(inputs[api.json])
        except ValueError as error:
            raise ProviderError(f"{api.json}: is not JSON: {error}") from error
    properties = schema.properties(schema.args_class(resource.type))
    attributes: Json = {}
    omitted = {*api.local, api.ident, *(api.fixed if update else ())}
    for name in inputs.keys() - omitted:
        api_value = api.to_api(inputs[name], properties[name].hint, name)
        for key in reversed(api.body_path(name).split(".")):
            api_value = {key: api_value}
        attributes = merge(attributes, api_value)
    for assertion in attributes.get("config", {}).get("assertions", ()):
        is_pattern = assertion.get("operator") in ("matches", "doesNotMatch")
        if assertion.get("type") in api.counted and not is_pattern:
            assertion["target"] = number(assertion.get("target"))
    if not api.wrap:
        return attributes
    api_id = {"id": inputs[api.ident]} if api.ident in inputs and not update else {}
    return {"data": {"type": api.wrap, **api_id, "attributes": attributes}}


def api_value(api: Row, result: Json, name: str) -> Any:
    """Return the value of a property in an API's object; it has the same path as in the request body."""
    value: Any = {api.api_name(name): result[api.key]} if name == api.ident else api.attributes(result)
    for key in api.body_path(name).split("."):
        value = cast(Json, value).get(key) if isinstance(value, dict) else None
    return value
