"""The engine's marks of unknown and secret values, and the conversion of Structs to plain Python values."""

from collections.abc import Mapping
from typing import Any, cast

from google.protobuf.struct_pb2 import Struct
from google.protobuf.struct_pb2 import Value as StructValue

# The engine's marks of special values in a Struct (sdk/go/common/resource/properties.go).
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"

# Start of an output that the providers of a review invent (sandbox/wire/sentinels.py); before an `up`, nobody
# knows the output.
INVENTED = "unknown-to-the-review"

# Markers of unknown values, by type: boolean, number, string, array, asset, archive, object.
SENTINELS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


class _Unknown:
    """The marker of an unknown value."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = _Unknown()


class SecretValue:
    """A value that the engine marked as secret."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def read(struct: Struct) -> dict[str, Any]:
    """Return plain Python values of a Struct; unknown and secret values keep their marks.

    Keys are sorted, since a protobuf map has no order and findings must come in the same order in every run.
    A null member of an object is absent, as for most providers.
    """
    fields = struct.fields
    members = ((key, _read(fields[key])) for key in sorted(fields))
    return {key: member for key, member in members if member is not None}


def _read(value: StructValue) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if len(text) == 36 and text in SENTINELS else text
    if kind == "struct_value":
        return _unmark(read(value.struct_value))
    if kind == "list_value":
        return [_read(item) for item in value.list_value.values]
    if kind == "bool_value":
        return value.bool_value
    if kind == "number_value":
        return integral(value.number_value)
    return None


def integral(number: float) -> int | float:
    """Return an integer if possible: a Struct has floats only, and a message should say 22, not 22.0."""
    return int(number) if number.is_integer() else number


def _unmark(fields: dict[str, Any]) -> Any:
    if fields.get(SIGNATURE) == SECRET:
        return SecretValue(fields.get("value"))
    return fields


def from_plain(value: Any) -> Any:
    """Convert deserialised properties; unknown and secret values get the same marks as in `read`."""
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, Any]", value)
        return _unmark({key: from_plain(mapping[key]) for key in sorted(mapping)})
    if isinstance(value, list | tuple):
        return [from_plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, str):
        return UNKNOWN if value in SENTINELS else value
    if isinstance(value, float):
        return integral(value)
    return value
