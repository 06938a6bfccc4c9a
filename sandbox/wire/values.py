"""Property values in the engine's protocol: JSON in which values can also be unknown or secret."""

import enum
import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeAlias, cast

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from sandbox.wire import sentinels

Json: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]


class Unknown(enum.Enum):
    """The type of a value that is known only after an update."""

    UNKNOWN = sentinels.UNKNOWN


UNKNOWN = Unknown.UNKNOWN


@dataclass(frozen=True)
class Secret:
    """A value that the engine stores encrypted. No message shows it."""

    value: Any


def decode(struct: Struct) -> Json:
    """Return the properties in a message. Whole numbers become int; objects are without null members."""
    return cast(Json, decode_value(MessageToDict(struct)))


def decode_inputs(struct: Struct) -> Json:
    """Return the inputs in a message, with the null members of the objects in them.

    The SDK leaves out inputs that are null themselves (pulumi/runtime/rpc.py: serialize_properties), but no
    members of objects. The engine and pulumi-kubernetes keep these, too: a null in the values of a release
    deletes a default of the chart (https://github.com/pulumi/pulumi-kubernetes/pull/4293).
    """
    inputs = cast(Json, _decode(MessageToDict(struct)))
    return {name: value for name, value in inputs.items() if value is not None}


def decode_value(value: Any) -> Any:
    """Return a value from a message or the engine's state, in which unknown values and secrets are marked.

    Objects are without null members.
    """
    return without_nulls(_decode(value))


def _decode(value: Any) -> Any:
    if isinstance(value, str):
        return UNKNOWN if value in sentinels.UNKNOWNS else value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return _decode_object(cast(Json, value))
    return map_items(value, _decode)


def _decode_object(encoded: Json) -> Any:
    signature = encoded.get(sentinels.SIGNATURE)
    if signature not in (sentinels.SECRET, sentinels.OUTPUT):
        return map_items(encoded, _decode)
    # In the state, secrets are encrypted and have a key other than "value".
    value = _decode(encoded["value"]) if "value" in encoded else UNKNOWN
    if signature == sentinels.SECRET:
        return Secret(value) if "value" in encoded else UNKNOWN
    return Secret(value) if encoded.get("secret") else value


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; raise ValueError if it is not JSON or has a repeated key.

    Which value of a repeated key counts depends on the reader.
    """
    return json.loads(text, object_pairs_hook=unique_members, parse_constant=_refuse_constant)


def unique_members(pairs: list[tuple[str, Any]]) -> Json:
    """Return an object with these members; raise ValueError if a key is repeated."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key is repeated")
    return members


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")  # Only Python reads NaN and Infinity.


def digest(value: Any) -> str:
    """Return a short hash of a value, such as a provider's settings or a part of an answer."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]


def encode(properties: Mapping[str, Any]) -> Struct:
    """Return a message with these properties."""
    struct = Struct()
    struct.update(_encode(properties))
    return struct


def _encode(value: Any) -> Any:
    if isinstance(value, Secret):
        return {sentinels.SIGNATURE: sentinels.SECRET, "value": _encode(value.value)}
    return UNKNOWN.value if value is UNKNOWN else map_items(value, _encode)


def map_items(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a list or object with `change` applied to its items; return other values unchanged."""
    if isinstance(value, dict):
        return {key: change(item) for key, item in cast(Json, value).items()}
    if isinstance(value, list):
        return [change(item) for item in cast(list[Any], value)]
    return value


def map_pairs(value: Any, other: Any, change: Callable[[Any, Any], Any]) -> Any:
    """Return a list or object with `change` applied to pairs of items; return other values unchanged.

    A pair has an item and the item of `other` with the same key or index, or None if there is none.
    """
    if isinstance(value, dict):
        other_object = cast(Json, other) if isinstance(other, dict) else {}
        return {key: change(item, other_object.get(key)) for key, item in cast(Json, value).items()}
    if isinstance(value, list):
        items = cast(list[Any], value)
        other_items = cast(list[Any], other) if isinstance(other, list) else []
        return [change(*pair) for pair in zip_longest(items, other_items[: len(items)])]
    return value


def without_nulls(value: Any) -> Any:
    """Return the value with objects that have no null members."""
    if isinstance(value, Secret):
        return Secret(without_nulls(value.value))
    if isinstance(value, dict):
        members = cast(Json, value).items()
        return {key: without_nulls(item) for key, item in members if item is not None}
    return map_items(value, without_nulls)


def with_nulls(value: Any, like: Any) -> Any:
    """Return the value with the null members of the objects in `like`, unless it has members of these names.

    An object that the value lacks is added if it has null members, so that none of them is lost.
    """
    if isinstance(value, Secret):
        return Secret(with_nulls(value.value, like))
    if isinstance(like, Secret):
        return with_nulls(value, like.value)
    if isinstance(value, dict) and isinstance(like, dict):
        members, like_members = cast(Json, value), cast(Json, like)
        lost = {key: _only_nulls(item) for key, item in like_members.items() if key not in members}
        nulls = {key: item for key, item in lost.items() if item is None or item}
        return map_pairs(cast(Any, value), like, with_nulls) | nulls
    if are_lists_of_same_length(value, like):
        return map_pairs(value, like, with_nulls)
    return cast(Any, value)


def _only_nulls(value: Any) -> Any:
    """Return None for null, and an object with nothing but its null members for anything else."""
    if isinstance(value, Secret):
        return _only_nulls(value.value)
    if value is None or not isinstance(value, dict):
        return {} if value is not None else None
    members = {key: _only_nulls(item) for key, item in cast(Json, value).items()}
    return {key: item for key, item in members.items() if item is None or item}


def plain(value: Any) -> Any:
    """Return the value without secret marks."""
    return plain(value.value) if isinstance(value, Secret) else map_items(value, plain)


def known(value: Any) -> Any:
    """Return the value without secret marks and without unknown values."""
    if isinstance(value, dict):
        return {key: known(item) for key, item in cast(Json, value).items() if plain(item) is not UNKNOWN}
    if isinstance(value, list):
        return [known(item) for item in cast(list[Any], value) if plain(item) is not UNKNOWN]
    return known(value.value) if isinstance(value, Secret) else value


def secret_texts(value: Any, *, secret: bool = False) -> Iterator[str]:
    """Yield the secret strings in a value. With `secret`, all strings count as secret."""
    if isinstance(value, Secret):
        yield from secret_texts(value.value, secret=True)
    elif isinstance(value, dict | list):
        items = cast(Json, value).values() if isinstance(value, dict) else cast(list[Any], value)
        for item in items:
            yield from secret_texts(item, secret=secret)
    elif isinstance(value, str) and value and secret:
        yield value


def paired_texts(value: Any, other: Any) -> Iterator[tuple[str, str]]:
    """Yield each string in a value with the string at the same place in another value, except secrets."""
    if isinstance(value, dict) and isinstance(other, dict):
        other_object = cast(Json, other)
        for key, item in cast(Json, value).items():
            yield from paired_texts(item, other_object.get(key))
    elif are_lists_of_same_length(value, other):
        for item, other_item in zip(cast(list[Any], value), cast(list[Any], other), strict=True):
            yield from paired_texts(item, other_item)
    elif isinstance(value, str) and isinstance(other, str):
        yield value, other


def secrets_of(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the keys and indexes that lead to each secret in a value, and the secret itself."""
    if isinstance(value, Secret):
        yield path, plain(value.value)
    elif isinstance(value, dict):
        for key, item in cast(Json, value).items():
            yield from secrets_of(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast(list[Any], value)):
            yield from secrets_of(item, (*path, str(index)))


def unknown_leaves(value: Any) -> Any:
    """Return the value with its non-empty objects, in which every other value is unknown."""
    return map_items(value, unknown_leaves) if isinstance(value, dict) and value else UNKNOWN


def merge(base: Any, override: Any) -> Any:
    """Return `base` merged with `override`: objects by key, and lists of the same length item by item."""
    if isinstance(base, dict) and isinstance(override, dict):
        base_object, override_object = cast(Json, base), cast(Json, override)
        merged = {
            key: merge(base_object[key], item) if key in base_object else item
            for key, item in override_object.items()
        }
        return base_object | merged
    if are_lists_of_same_length(base, override):
        return map_pairs(override, base, lambda item, base_item: merge(base_item, item))
    return override


def added_properties(outputs: Any, inputs: Any) -> Any:
    """Return the properties that a target added, which are the outputs without the inputs."""
    if isinstance(outputs, dict) and isinstance(inputs, dict):
        rest: Json = map_pairs(cast(Any, outputs), inputs, added_properties)
        return {key: rest[key] for key in rest if key not in inputs or isinstance(rest[key], dict | list)}
    if are_lists_of_same_length(outputs, inputs):
        return map_pairs(outputs, inputs, added_properties)
    return cast(Any, outputs)


def mark_secrets(value: Any, like: Any) -> Any:
    """Return the value with secret marks at each path at which `like` has a secret mark."""
    if isinstance(like, Secret):
        return value if isinstance(value, Secret) else Secret(value)
    return map_pairs(value, like, mark_secrets)


def project(live: Any, managed: Any, maps: Collection[str] = ()) -> Any:
    """Return the live values of the keys that a program manages, so that drift of other keys is ignored.

    The program manages every key of the objects named in `maps`, even if it sets no keys.
    """
    managed = managed.value if isinstance(managed, Secret) else managed
    if isinstance(live, dict) and isinstance(managed, dict):
        live_object, managed_object = cast(Json, live), cast(Json, managed)
        owned = {
            key: live_object[key]
            for key in maps
            if key in live_object and (key in managed_object or live_object[key])
        }
        managed_keys = [key for key in managed_object if key in live_object]
        return {key: project(live_object[key], managed_object[key]) for key in managed_keys} | owned
    if are_lists_of_same_length(live, managed):
        return map_pairs(live, managed, project)
    return cast(Any, live)


def are_lists_of_same_length(left: Any, right: Any) -> bool:
    """Return True if two values are lists with as many items as each other."""
    if not isinstance(left, list) or not isinstance(right, list):
        return False
    return len(cast(list[Any], left)) == len(cast(list[Any], right))


def value_at(value: Any, path: Path) -> Any:
    """Return the value at a path; a value inside a secret is marked as secret."""
    secret = False
    for part in path:
        secret = secret or isinstance(value, Secret)
        value = (value.value if isinstance(value, Secret) else value)[part]
    return Secret(plain(value)) if secret else value


def part_at(value: Any, path: Sequence[str | int]) -> Any:
    """Return the part of a value at a path; None if there is none."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def show_path(path: Sequence[str | int]) -> str:
    """Return a path in Pulumi's notation: `spec.ports[0].name` or `labels["app.kubernetes.io/name"]`."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        else:
            shown += f".{part}" if re.fullmatch(r"[\w$]+", part) else f'["{part}"]'
    return shown.removeprefix(".")


def show(value: Any) -> str:
    """Return a description of a value for a message: its type and, for a scalar, the value.

    A long value is cut after 77 characters. A secret value is not shown.
    """
    if isinstance(value, Secret):
        return f"(a secret) {kind(value.value)}"
    if isinstance(value, dict | list):
        return kind(cast(Any, value))
    text = f'"{value}"' if isinstance(value, str) else str(value).lower()
    return f"{text if len(text) <= 80 else text[:77] + '…'}, {kind(value)}"


def kind(value: Any) -> str:
    """Return the JSON type of a value with its article, such as "a string"; "nothing" for null."""
    names: dict[Any, str] = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        dict: "an object",
        list: "a list",
    }
    return names.get(cast(Any, type(value)), "nothing")
