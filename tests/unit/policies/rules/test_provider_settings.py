"""Tests of the settings that providers may have, with the SDKs and with the sandbox's tables."""

import pytest

from policies.rules.provider_settings import ALLOWED
from sandbox.providers.resource_types import table
from sandbox.wire import schema
from tests.support.policies.pytest_fixtures import MessagesOf

PROXY = {"proxy"}
"""The setting of the tls provider that moves no resource, but lets a proxy answer its look-ups."""


@pytest.mark.parametrize("package", ALLOWED)
def test_the_installed_provider_has_each_allowed_setting(package: str) -> None:
    assert ALLOWED[package] <= schema.properties(schema.provider_args(package)).keys()


@pytest.mark.parametrize("package", ALLOWED)
def test_a_setting_whose_change_is_harmless_is_allowed(package: str) -> None:
    assert {*table(package)["settings"]["harmless"]} - PROXY <= ALLOWED[package]


@pytest.mark.parametrize("package", ALLOWED)
def test_each_other_setting_of_the_installed_provider_is_refused(
    package: str, messages_of: MessagesOf
) -> None:
    for name in schema.properties(schema.provider_args(package)).keys() - ALLOWED[package]:
        messages = messages_of("provider-redirected", f"pulumi:providers:{package}", {name: "x"})
        assert messages == [f"{name} is 'x'; remove it"]
