"""Fixtures of operations for this lane."""

from tests.support.operations.fixtures import (
    stack as stack,
)
