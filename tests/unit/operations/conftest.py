"""Fixtures for the unit tests of operations."""

from tests.support.operations.fixtures import (
    stack as stack,
)
