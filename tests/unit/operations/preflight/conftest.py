"""Fixtures of the tests of preflight."""

from tests.support.operations.preflight import stack

__all__ = ["stack"]
