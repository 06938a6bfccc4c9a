"""Tests of the tables of calls and fields that a review passes on."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import alias_pb2, engine_pb2, resource_pb2, source_pb2

from sandbox.engine.monitor_messages import (
    NO_CALLBACKS,
    NOT_OF_PYTHON,
    PASSED_FIELDS,
    PASSED_METHODS,
    REFUSED_FIELDS,
    REFUSED_METHODS,
    reason_to_refuse,
)

SERVICES: list[Any] = [
    resource_pb2.DESCRIPTOR.services_by_name["ResourceMonitor"],
    engine_pb2.DESCRIPTOR.services_by_name["Engine"],
]
METHODS: dict[str, Any] = {method.name: method for service in SERVICES for method in service.methods}
Register: Any = resource_pb2.RegisterResourceRequest


def messages(descriptor: Any) -> Iterator[Any]:
    """Yield a message's descriptor, and those of Pulumi's messages in its fields."""
    if descriptor is None or descriptor.full_name.startswith("google.protobuf."):
        return
    if not descriptor.GetOptions().map_entry:
        yield descriptor
    for field in descriptor.fields:
        yield from messages(field.message_type)


MESSAGES: dict[str, Any] = {
    item.full_name: item for name in PASSED_METHODS for item in messages(METHODS[name].input_type)
}


def test_each_method_of_the_pinned_sdk_is_passed_or_refused() -> None:
    assert PASSED_METHODS | REFUSED_METHODS.keys() == METHODS.keys()
    assert not PASSED_METHODS & REFUSED_METHODS.keys()


def test_each_message_of_a_passed_method_has_a_table() -> None:
    passed, messages = set(PASSED_FIELDS), {name for name, item in MESSAGES.items() if item.fields}
    # The messages of the refused fields need no table.
    assert passed <= messages
    assert messages - passed == {"pulumirpc.Callback"}
    assert REFUSED_FIELDS.keys() <= passed


@pytest.mark.parametrize("name", PASSED_FIELDS)
def test_each_field_of_the_pinned_sdk_is_passed_or_refused(name: str) -> None:
    passed, refused = PASSED_FIELDS[name], REFUSED_FIELDS.get(name, {})
    assert passed | refused.keys() == {field.name for field in MESSAGES[name].fields}
    assert not passed & refused.keys()


@pytest.mark.parametrize("name", REFUSED_METHODS)
def test_a_refused_method_has_a_reason(name: str) -> None:
    request = GetMessageClass(METHODS[name].input_type)()
    assert reason_to_refuse(name, request, "it") == REFUSED_METHODS[name].format("it")


def test_a_method_or_message_without_a_table_is_refused() -> None:
    assert reason_to_refuse("New", Struct(), "New") == NOT_OF_PYTHON.format("New")
    package = resource_pb2.RegisterPackageRequest(name="a")
    assert reason_to_refuse("Log", package, "Log") == NOT_OF_PYTHON.format("Log with name")


def test_fields_are_refused_in_every_part_of_a_request() -> None:
    request = Register(hooks=Register.ResourceHooksBinding(before_create=["a"]))
    assert reason_to_refuse("RegisterResource", request, "it") == NO_CALLBACKS


def test_a_field_that_no_report_shows_is_refused() -> None:
    request = resource_pb2.ResourceInvokeRequest(parent="urn:a")
    assert reason_to_refuse("Invoke", request, "Invoke a") == NOT_OF_PYTHON.format("Invoke a with parent")


def test_a_request_of_the_sdk_is_passed_on() -> None:
    frame = source_pb2.StackFrame(pc=source_pb2.SourcePosition(uri="project:///a.py", line=1))
    request = Register(
        type="aws:s3/bucket:Bucket",
        object=Struct(),
        protect=False,
        hooks=Register.ResourceHooksBinding(),
        propertyDependencies={"a": Register.PropertyDependencies(urns=["urn:a"])},
        aliases=[alias_pb2.Alias(spec=alias_pb2.Alias.Spec(noParent=True))],
        customTimeouts=Register.CustomTimeouts(create="5m"),
        stackTrace=source_pb2.StackTrace(frames=[frame]),
    )
    assert reason_to_refuse("RegisterResource", request, "it") == ""
