"""Tests of outputs that a resource lacks after a failed `up`."""

from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import set_mocks

from components.common.naming import Naming
from components.common.outputs import MissingOutputError, at_path, require_output
from tests.support.components import workloads
from tests.support.components.fixtures import Monitor, Recorder, Topic, evaluate

WITHOUT_ADDRESS: list[Any] = [
    None,
    {},
    {"load_balancer": None},
    {"load_balancer": {"ingress": []}},
    {"load_balancer": {"ingress": [{"ip": "192.0.2.1"}]}},
    {"load_balancer": {"ingress": [{"hostname": ""}]}},
]


def known_address(status: Any) -> tuple[bool, Any]:
    """Return True and the address in a Service's status, or False and None if the address is unknown."""
    known: list[Any] = []

    def program() -> pulumi.Output[Any]:
        address = require_output(
            pulumi.Output.from_input(status),
            *("load_balancer", "ingress", 0, "hostname"),
            resource="Service web",
            meaning="the address of its load balancer",
        )
        return address.apply(known.append)

    evaluate(program)
    return bool(known), known[0] if known else None


@pytest.fixture
def preview(recorder: Recorder) -> Recorder:
    set_mocks(recorder, project="pipe", stack="test", preview=True, monitor=Monitor(recorder))
    return recorder


@pytest.mark.parametrize("status", WITHOUT_ADDRESS)
def test_a_missing_output_is_unknown_in_a_preview(preview: Recorder, status: Any) -> None:
    assert known_address(status) == (False, None)


@pytest.mark.parametrize(
    ("status", "address"),
    [
        (
            {
                "load_balancer": {"ingress": [{"hostname": "a", "ip": pulumi.UNKNOWN}]},
                "other": pulumi.UNKNOWN,
            },
            "a",
        ),
        ({"load_balancer": {"ingress": [{"hostname": pulumi.UNKNOWN}]}}, None),
        ({"load_balancer": pulumi.UNKNOWN}, None),
        (pulumi.UNKNOWN, None),
    ],
)
def test_only_an_unknown_part_at_the_path_is_unknown(recorder: Recorder, status: Any, address: Any) -> None:
    assert known_address(status) == (address is not None, address)


@pytest.mark.parametrize("status", WITHOUT_ADDRESS)
def test_a_missing_output_in_an_up_is_an_error_that_names_the_next_command(
    recorder: Recorder, status: Any
) -> None:
    with pytest.raises(MissingOutputError) as error:
        known_address(status)
    assert str(error.value).startswith("Service web: the address of its load balancer is missing")
    assert "`pulumi refresh`" in str(error.value)


def test_an_existing_output_is_returned(recorder: Recorder) -> None:
    status = {"load_balancer": {"ingress": [{"hostname": "balancer.example"}]}}
    assert known_address(status) == (True, "balancer.example")


def test_false_and_zero_are_values() -> None:
    assert at_path({"enabled": False, "ports": [0]}, ["enabled"]) is False
    assert at_path({"enabled": False, "ports": [0]}, ["ports", 0]) == 0


def test_the_proxy_is_declared_in_a_preview_while_its_load_balancer_has_no_address(
    preview: Recorder, naming: Naming, topic: Topic
) -> None:
    preview.computed["kubernetes:core/v1:Service"] = {"status": {"loadBalancer": {}}}
    known: list[str] = []

    def program() -> pulumi.Output[None]:
        return workloads.tls_proxy(naming, topic).hostname.apply(known.append)

    evaluate(program)
    assert not known
    assert "tls-proxy" in preview.of_type("kubernetes:core/v1:Service")
