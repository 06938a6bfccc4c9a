"""Runs a program against Pulumi's mocks."""

from collections.abc import Callable

import pulumi


def declare(program: Callable[[], object]) -> None:
    """Runs the program until every resource is registered and what it returns is known."""
    pulumi.runtime.test(program)()  # pyright: ignore[reportUnknownMemberType]  the SDK leaves it untyped
