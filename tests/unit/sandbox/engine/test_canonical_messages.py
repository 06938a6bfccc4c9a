"""Tests of the check that a message has the bytes that a serializer writes."""

from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.wrappers_pb2 import DoubleValue, UInt64Value
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto import engine_pb2, resource_pb2

from sandbox.engine.canonical_messages import DEPTH, find_fault
from sandbox.engine.monitor_proxy import REQUESTS

RESOURCE = resource_pb2.RegisterResourceRequest.DESCRIPTOR
PROPERTIES = Struct.DESCRIPTOR
TEXTS = st.sampled_from(["", "a", "é", "urn:pulumi:dev::it"]) | st.text(max_size=200)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)
SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=5),
    FieldDescriptor.TYPE_ENUM: st.integers(0, 3),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_STRING: TEXTS,
}
EDITS = st.tuples(
    st.integers(0, 2**16),
    st.integers(0, 3),
    st.lists(st.sampled_from(b"\x00\x01\x02\x08\x0a\x12\x20\x80\xff"), max_size=3).map(bytes),
)
"""A position, the number of bytes that are deleted there, and the bytes that are inserted."""


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor) -> Any:
    """Draw a message with any of its fields."""
    message: Any = GetMessageClass(descriptor)()
    if descriptor.full_name == PROPERTIES.full_name:
        message.update(draw(st.dictionaries(TEXTS, JSON, max_size=3)))
    elif descriptor.full_name == Value.DESCRIPTOR.full_name:
        message.list_value.extend([draw(JSON)])
    else:
        for name in draw(st.sets(st.sampled_from(sorted(descriptor.fields_by_name) or [""]))) - {""}:
            _fill(draw, message, descriptor.fields_by_name[name])
    return message


def _fill(draw: st.DrawFn, message: Any, field: Any) -> None:
    """Set a field of a message, or one to three values of a repeated field."""
    values = SCALARS[field.type] if field.message_type is None else messages(field.message_type)
    for _ in range(draw(st.integers(1, 3)) if field.label == FieldDescriptor.LABEL_REPEATED else 1):
        target = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            content = field.message_type.fields_by_name["value"]
            if content.message_type is None:
                target[draw(TEXTS)] = draw(SCALARS[content.type])
            else:
                target[draw(TEXTS)].CopyFrom(draw(messages(content.message_type)))
        elif field.label == FieldDescriptor.LABEL_REPEATED:
            target.append(draw(values))
        elif field.message_type is None:
            setattr(message, field.name, draw(values))
        else:
            target.CopyFrom(draw(values))


REQUEST = st.sampled_from([*REQUESTS.values()]).flatmap(lambda request: messages(request.DESCRIPTOR))


@given(REQUEST)
def test_what_the_classes_of_the_sdk_serialize_is_canonical(message: Any) -> None:
    assert find_fault(message.DESCRIPTOR, message.SerializeToString()) == ""


@pytest.mark.parametrize("path", REQUESTS)
def test_no_field_of_a_request_is_unknown(path: str) -> None:
    """Each field with a value is enough, as in a message that has only this one."""
    for field in REQUESTS[path].DESCRIPTOR.fields:
        is_text = field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
        if is_text or field.message_type is not None:
            content = b"a" if is_text else b""
            if not is_text and field.message_type.GetOptions().map_entry:
                content = entry(b"a", b"" if field.message_type.fields_by_number[2].message_type else b"a")
            data = field_of(field.number, content)
        else:
            data = bytes([*varint(field.number << 3), 1])
        assert find_fault(REQUESTS[path].DESCRIPTOR, data) == "", field.full_name


@given(REQUEST, st.lists(EDITS, min_size=1, max_size=3))
def test_bytes_that_pass_say_no_more_and_no_less_than_the_message(
    message: Any, edits: list[tuple[int, int, bytes]]
) -> None:
    data = bytearray(message.SerializeToString())
    for index, deleted, inserted in edits:
        position = index % (len(data) + 1)
        data[position : position + deleted] = inserted
    if not find_fault(message.DESCRIPTOR, bytes(data)):
        again: Any = GetMessageClass(message.DESCRIPTOR).FromString(bytes(data))
        again.DiscardUnknownFields()
        # Only the order of the entries of a map may differ.
        assert sorted(again.SerializeToString()) == sorted(data)


def varint(number: int) -> bytes:
    content = bytearray()
    while number >= 128:
        content.append(number & 127 | 128)
        number >>= 7
    return bytes([*content, number])


def field_of(number: int, content: bytes) -> bytes:
    """Return a field with a text, bytes or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def entry(key: bytes, value: bytes) -> bytes:
    return field_of(1, key) + field_of(2, value)


NULL, TRUE = b"\x08\x00", b"\x20\x01"
"""Values: `None` and `True`."""


def properties(*entries: bytes) -> bytes:
    return b"".join(field_of(1, content) for content in entries)


FAULTS: dict[str, tuple[Descriptor, str, bytes]] = {
    "of 65 bits": (RESOURCE, "more bytes or bits", b"\x20\x81" + b"\x80" * 8 + b"\x02"),
    "of eleven bytes": (RESOURCE, "more bytes or bits", b"\x20" + b"\x80" * 10 + b"\x01"),
    "padded": (RESOURCE, "more bytes or bits", b"\x20\x81\x00"),
    "in a padded tag": (RESOURCE, "more bytes or bits", b"\xa0\x00\x01"),
    "in a padded length": (RESOURCE, "more bytes or bits", b"\x0a\x81\x00a"),
    "bool of two": (RESOURCE, "too large", b"\x20\x02"),
    "int32 of 33 bits": (engine_pb2.LogRequest.DESCRIPTOR, "too large", b"\x20" + varint(2**32)),
    "unknown field": (RESOURCE, "an unknown field (15000, wire type 2)", field_of(15000, b"a")),
    "unknown field of an entry": (
        PROPERTIES,
        "an unknown field (8, wire type 2)",
        properties(entry(b"a", NULL) + field_of(8, b"")),
    ),
    "unknown field of a value": (PROPERTIES, "unknown field", properties(entry(b"a", field_of(8, b"")))),
    "entry without a key": (PROPERTIES, "without a key", properties(field_of(2, NULL))),
    "entry without anything": (PROPERTIES, "without a key", properties(b"")),
    "entry without a value": (PROPERTIES, "without a value", properties(field_of(1, b"a"))),
    "value before the key": (PROPERTIES, "without a key", properties(field_of(2, NULL) + field_of(1, b"a"))),
    "two keys of an entry": (PROPERTIES, "unknown field", properties(field_of(1, b"a") + entry(b"a", NULL))),
    "two values of an entry": (PROPERTIES, "second value", properties(entry(b"a", NULL) + field_of(2, TRUE))),
    "repeated key": (
        PROPERTIES,
        "a key that occurs twice",
        properties(entry(b"a", NULL), entry(b"b", NULL), entry(b"a", TRUE)),
    ),
    "key that leaves its entry": (
        PROPERTIES,
        "longer than its message",
        field_of(1, b"\x0a\x05a") + bytes(9),
    ),
    "key without its length": (PROPERTIES, "longer than its message", field_of(1, b"\x0a") + bytes(9)),
    "group": (RESOURCE, "an unknown field (5, wire type 3)", b"\x2b\x2c"),
    "end of a group": (RESOURCE, "an unknown field (5, wire type 4)", b"\x2c"),
    "32 bits in place of 64": (Value.DESCRIPTOR, "unknown field (2, wire type 5)", b"\x15" + bytes(4)),
    "text as a number": (RESOURCE, "unknown field (4, wire type 2)", field_of(4, b"\1")),
    "number as a text": (RESOURCE, "unknown field (1, wire type 0)", b"\x08\x01"),
    "field 0": (RESOURCE, "unknown field", b"\x02\x00"),
    "reserved wire type": (RESOURCE, "unknown field (1, wire type 7)", b"\x0f"),
    "repeated singular field": (RESOURCE, "second value", field_of(1, b"a") * 2),
    "repeated message": (RESOURCE, "second value", field_of(5, b"") * 2),
    "two members of a oneof": (Value.DESCRIPTOR, "second value", NULL + TRUE),
    "other order": (RESOURCE, "not in the order", field_of(2, b"a") + field_of(1, b"a")),
    "empty text": (RESOURCE, "an empty value", field_of(1, b"")),
    "false": (RESOURCE, "an empty value", b"\x20\x00"),
    "zero": (DoubleValue.DESCRIPTOR, "an empty value", b"\x09" + bytes(8)),
    "bytes that are no text": (RESOURCE, "not UTF-8", field_of(1, b"\xed\xa0\x80")),
    "key that is no text": (PROPERTIES, "not UTF-8", properties(entry(b"\xff", NULL))),
    "truncated text": (RESOURCE, "longer than its message", b"\x0a\x02a"),
    "truncated double": (Value.DESCRIPTOR, "longer than its message", b"\x11" + bytes(7)),
    "truncated number": (RESOURCE, "without an end", b"\x20\x80"),
    "missing number": (RESOURCE, "without an end", b"\x20"),
    "number that leaves its message": (PROPERTIES, "longer", properties(entry(b"a", b"\x20")) + b"\x01"),
    "message that leaves its message": (
        PROPERTIES,
        "longer",
        properties(entry(b"a", b"\x2a\x05")) + bytes(5),
    ),
    "field of a type without a check": (UInt64Value.DESCRIPTOR, "unknown field", b"\x08\x01"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_no_serializer_writes_is_a_fault(name: str) -> None:
    descriptor, fault, data = FAULTS[name]
    assert fault in find_fault(descriptor, data)


@pytest.mark.parametrize(
    ("descriptor", "data"),
    [
        (PROPERTIES, b""),
        (PROPERTIES, properties(entry(b"b", NULL), entry(b"", TRUE), entry(b"a", b""))),
        (Value.DESCRIPTOR, b"\x11" + bytes(8)),
        (Value.DESCRIPTOR, b"\x20\x00"),
        (Value.DESCRIPTOR, field_of(3, b"")),
        (DoubleValue.DESCRIPTOR, b"\x09" + bytes(7) + b"\x80"),
        (engine_pb2.LogRequest.DESCRIPTOR, b"\x20" + varint(2**64 - 1)),
    ],
)
def test_maps_have_any_order_and_values_that_exclude_each_other_may_be_empty(
    descriptor: Descriptor, data: bytes
) -> None:
    assert find_fault(descriptor, data) == ""
    assert sorted(GetMessageClass(descriptor).FromString(data).SerializeToString()) == sorted(data)


def test_messages_in_each_other_have_the_limit_of_the_parser() -> None:
    deepest = b""
    for _ in range(DEPTH // 2 - 1):  # A list has values, and a value may have a list.
        deepest = field_of(1, field_of(6, deepest))
    assert find_fault(ListValue.DESCRIPTOR, deepest) == ""
    ListValue.FromString(deepest)
    for _ in range(1000):
        deepest = field_of(1, field_of(6, deepest))
    assert find_fault(ListValue.DESCRIPTOR, deepest) == f"more than {DEPTH} messages in each other"
