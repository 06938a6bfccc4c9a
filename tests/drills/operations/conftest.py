"""Fixtures for the drills of operations."""

from tests.support.operations.fixtures import (
    stack as stack,
)
