"""Tests of resources from the engine's requests and from the SDK's arguments."""

from types import SimpleNamespace
from typing import Any, cast

from google.protobuf import json_format
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import ResourceValidationArgs
from pulumi_policy.proxy import unknown_checking_proxy
from pulumi_policy.secret import Secret, secrets_preserving_proxy

from policies.model import resources
from policies.model.property_marks import INVENTED, UNKNOWN, SecretValue
from sandbox.wire import sentinels
from tests.support.policies.pytest_fixtures import UNKNOWN as SENTINEL
from tests.support.policies.pytest_fixtures import secret


def analyzed(**properties: Any) -> analyzer_pb2.AnalyzerResource:
    resource = analyzer_pb2.AnalyzerResource(type="a:b:C", urn="urn:c", name="c")
    json_format.ParseDict(properties, resource.properties)
    return resource


def test_a_stacks_resource_has_all_inputs_and_the_outputs_that_are_text() -> None:
    outputs = analyzed(id="i-1", arn="arn", versioning={"enabled": False}, size=3, zone=SENTINEL)
    inputs = {"size": 2, "name": "new", "zone": UNKNOWN, "later": UNKNOWN}
    resource = resources.of_stack(outputs, inputs)
    assert resource["id"].text() == "i-1"
    assert resource["versioning"].absent
    assert (resource["size"].get(), resource["name"].get()) == (2, "new")
    assert not resource["zone"].known
    assert not resource["later"].known


def test_an_output_that_a_review_invents_is_left_out() -> None:
    assert INVENTED == sentinels.INVENTED
    outputs = analyzed(parameterGroupName=f"{INVENTED}-parameterGroupName", name=f"{INVENTED}-x")
    resource = resources.of_stack(outputs, {"name": f"{INVENTED}-x"})
    assert resource["parameterGroupName"].absent
    assert resource["name"].text() == f"{INVENTED}-x"


def test_an_output_that_the_program_marks_as_secret_stays_and_is_not_shown() -> None:
    hidden = analyzed(
        arn=secret("arn:1"),
        later=secret(SENTINEL),
        invented=secret(f"{INVENTED}-x"),
        block=secret({"enabled": False}),
    )
    resource = resources.of_stack(hidden, {})
    assert (resource["arn"].text(), resource["arn"].shown()) == ("arn:1", "[secret]")
    assert all(resource[name].absent for name in ("later", "invented", "block"))


def test_an_output_replaces_an_unknown_input() -> None:
    for unknown in (UNKNOWN, SecretValue(UNKNOWN)):
        resource = resources.of_stack(analyzed(bucket="backups"), {"bucket": unknown})
        assert resource["bucket"].text() == "backups"


def test_without_inputs_a_stacks_resource_has_all_outputs() -> None:
    assert resources.of_stack(analyzed(size=3), None)["size"].get() == 3


def arguments(props: Any, parent: str | None = None) -> ResourceValidationArgs:
    options = cast(Any, SimpleNamespace(protect=True, ignore_changes=[], parent=parent))
    return ResourceValidationArgs("a:b:C", props, "urn:c", "c", options, None)


def test_values_behind_the_proxies_of_the_sdk_keep_their_marks() -> None:
    props = {"list": [SENTINEL, {"name": "x"}], "map": {"key": SENTINEL}}
    resource = resources.of_arguments(arguments(unknown_checking_proxy(props)))
    [first, second] = resource["list"].items()
    assert not first.known
    assert second["name"].text() == "x"
    assert not resource.at("map.key").known
    assert resource.protect


def test_secrets_behind_the_proxies_of_the_sdk_stay_secret() -> None:
    props = {"list": [Secret("hunter2"), "x"], "map": {"key": Secret({"a": 1})}}
    resource = resources.of_arguments(arguments(secrets_preserving_proxy(props)))
    [first, second] = resource["list"].items()
    assert (first.secret, first.text(), second.secret) == (True, "hunter2", False)
    assert resource.at("map.key").secret
    assert resource.at("map.key.a").get() == 1


def test_a_null_member_of_an_object_is_absent() -> None:
    props: dict[str, Any] = {"map": {"key": None, "inner": {"key": None}}, "list": [None, {"key": None}]}
    for resource in (
        resources.of_stack(analyzed(**props), None),
        resources.of_arguments(arguments(unknown_checking_proxy(props))),
    ):
        assert resource["map"].plain() == {"inner": {}}
        assert resource["list"].plain() == [None, {}]


def test_a_resource_without_a_parent_has_an_empty_one() -> None:
    assert resources.of_arguments(arguments({})).parent == ""
    assert resources.of_arguments(arguments({}, "urn:p")).parent == "urn:p"
