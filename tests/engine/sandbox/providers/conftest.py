"""Fixtures of sandbox/providers for this lane."""

from tests.support.sandbox.providers.fixtures import (
    providers as providers,
)
