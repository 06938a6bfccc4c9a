"""A check that the bytes of a message are those that a serializer writes, so that all parsers agree on them.

Parsers of Protocol Buffers read other bytes differently. For example, upb, the parser behind Python's
classes, takes a map's entry as unknown if a field in it is unknown, and it cuts a number off after 64 bits.
Go's parser, and so the engine, uses this entry, and rejects this number. Serializers write neither. So the
check accepts only what they write (https://protobuf.dev/programming-guides/encoding), with the entries of a
map in any order.
"""

from functools import cache
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor

DEPTH = 100
"""Largest number of messages in each other, which is upb's (upb/wire/decode.h)."""

VARINT_BYTES, VARINT_LIMIT = 10, 2**64
"""Length of the longest number, and the first number that has too many bits."""

INT32_LIMIT, DOUBLE_BYTES = 2**31, 8

BOOL, INT32, DOUBLE, TEXT, BYTES, MESSAGE, MAP = range(7)
"""Kinds of fields."""

KINDS = {
    FieldDescriptor.TYPE_BOOL: (BOOL, 0),
    FieldDescriptor.TYPE_INT32: (INT32, 0),
    FieldDescriptor.TYPE_ENUM: (INT32, 0),
    FieldDescriptor.TYPE_DOUBLE: (DOUBLE, 1),
    FieldDescriptor.TYPE_STRING: (TEXT, 2),
    FieldDescriptor.TYPE_BYTES: (BYTES, 2),
    FieldDescriptor.TYPE_MESSAGE: (MESSAGE, 2),
}
"""The kind and the wire type of a field by its type. The messages of Pulumi's services have no others."""

PACKED = (BOOL, INT32, DOUBLE)
"""Kinds whose repeated fields have another form. Pulumi's services have no such fields."""

KEY_TAG = 1 << 3 | 2
"""Tag of the key in an entry of a map. All maps in Pulumi's services have texts as keys."""

REPEATED = 0
"""Place of a field that may have several values."""

Shape: TypeAlias = dict[int, tuple[int, int, bool, "Shape"]]
"""The fields of a message by tag: the number of the field and, in the last three bits, the wire type.

A field has its kind, its place, whether a serializer writes an empty value, and the shape of its message. The
place is a bit; fields that exclude each other have the same. The shape of a map is that of its values.
"""


class _FaultError(ValueError):
    """Bytes that no serializer writes."""


def find_fault(descriptor: Descriptor, data: bytes) -> str:
    """Return the reason why no serializer writes these bytes for a message; empty if one does."""
    try:
        _check_message(data, 0, len(data), _shape(descriptor), DEPTH)
    except _FaultError as error:
        return str(error)
    except UnicodeDecodeError:
        return "a text that is not UTF-8"
    except IndexError:
        return "a field without an end"
    return ""


@cache
def _shape(descriptor: Descriptor) -> Shape:
    return _build_shape(descriptor, {})


def _build_shape(descriptor: Descriptor, shapes: dict[str, Shape]) -> Shape:
    """Return the shape of a message; `shapes` has those of the messages around it.

    A field of another kind is missing, so it counts as unknown.
    """
    if (shape := shapes.get(descriptor.full_name)) is not None:
        return shape
    shape = shapes[descriptor.full_name] = {}
    places: dict[str, int] = {}
    fields: list[Any] = [*descriptor.fields]
    for field in fields:
        kind, wire_type = KINDS.get(field.type, (None, 0))
        is_repeated = field.label == FieldDescriptor.LABEL_REPEATED
        if kind is None or (is_repeated and kind in PACKED):
            continue
        is_explicit = is_repeated or field.has_presence or descriptor.GetOptions().map_entry
        group = field.containing_oneof or field
        place = REPEATED if is_repeated else places.setdefault(group.full_name, 1 << len(places))
        content: Shape = {}
        if kind == MESSAGE:
            content = _build_shape(field.message_type, shapes)
            if field.message_type.GetOptions().map_entry:
                kind, content = MAP, content.copy()
                if content.pop(KEY_TAG, (None,))[0] != TEXT:
                    continue
        shape[field.number << 3 | wire_type] = (kind, place, is_explicit, content)
    return shape


def _check_message(data: bytes, position: int, end: int, shape: Shape, depth: int) -> int:
    """Check the message at a position, and return the places of its fields."""
    if not depth:
        raise _FaultError(f"more than {DEPTH} messages in each other")
    last = places = 0
    keys: dict[int, set[bytes]] = {}
    while position < end:
        tag, position = _read_varint(data, position)
        if tag not in shape:
            raise _FaultError(f"an unknown field ({tag >> 3}, wire type {tag & 7})")
        kind, place, is_explicit, content = shape[tag]
        if tag < last:
            raise _FaultError("fields that are not in the order of their numbers")
        if places & place:
            raise _FaultError("a field with a second value")
        last, places = tag, places | place
        if kind <= INT32:
            size, position = _read_varint(data, position)
            if size > 1 and (kind == BOOL or INT32_LIMIT <= size < VARINT_LIMIT - INT32_LIMIT):
                raise _FaultError("a number that is too large")
        elif kind == DOUBLE:
            size = len(data[position : position + DOUBLE_BYTES].strip(b"\0"))
            position += DOUBLE_BYTES
        else:
            size, start = _read_varint(data, position)
            position = start + size
            if position > end:
                raise _FaultError("a field that is longer than its message")
            if kind == TEXT:
                data[start:position].decode()
            elif kind == MESSAGE:
                _check_message(data, start, position, content, depth - 1)
            elif kind == MAP:
                start, key = _read_key(data, start, position)
                if key in keys.setdefault(tag, set()):
                    raise _FaultError("a map with a key that occurs twice")
                keys[tag].add(key)
                if not _check_message(data, start, position, content, depth - 1):
                    raise _FaultError("an entry of a map without a value")
        if not size and not is_explicit:
            raise _FaultError("a field with an empty value")
    if position > end:
        raise _FaultError("a field that is longer than its message")
    return places


def _read_key(data: bytes, position: int, end: int) -> tuple[int, bytes]:
    """Return the position after the key at the start of a map's entry, and the key."""
    if position == end or data[position] != KEY_TAG:
        raise _FaultError("an entry of a map without a key at its start")
    size, start = _read_varint(data, position + 1)
    key = data[start : start + size]
    key.decode()
    return start + size, key


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the number at a position, and the position after it."""
    number = data[position]
    if number < 128:
        return number, position + 1
    number &= 127
    for index in range(1, VARINT_BYTES):
        byte = data[position + index]
        number |= (byte & 127) << 7 * index
        if byte < 128:
            if not byte or number >= VARINT_LIMIT:
                break
            return number, position + index + 1
    raise _FaultError("a number with more bytes or bits than it needs")
