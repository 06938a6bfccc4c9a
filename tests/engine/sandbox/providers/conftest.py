"""Fixtures for the tests of sandbox/providers in this lane."""

from tests.support.sandbox.providers.fixtures import (
    providers as providers,
)
