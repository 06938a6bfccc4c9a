"""A registry of the functions that correct and extend a cloud's emulator, by operation."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

RequestT = TypeVar("RequestT")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

EVERY = "*"
"""The name under which functions for every operation are registered."""


class Registry(Generic[RequestT]):
    """The functions of a cloud that refuse, perform and complete requests of type `RequestT`.

    The cloud chooses the form of an operation's name, such as `eks:CreateCluster`. Functions of the same
    operation are called in the order of their registration.
    """

    def __init__(self) -> None:
        self._refusals: dict[str, list[Callable[[RequestT], None]]] = defaultdict(list)
        self.emulations: dict[str, Callable[[RequestT], Any]] = {}
        """The function that performs each emulated operation."""
        self._changes: dict[str, list[Callable[[RequestT], None]]] = defaultdict(list)
        self._completions: dict[str, list[Callable[[RequestT, dict[str, Any]], None]]] = defaultdict(list)

    def refuses(self, *operations: str) -> Callable[[FunctionT], FunctionT]:
        """Register a function that raises ErrorResponse for some requests of the operations.

        The function takes the request, and must not change the cloud's objects.
        """

        def register(function: FunctionT) -> FunctionT:
            for operation in operations:
                self._refusals[operation].append(function)
            return function

        return register

    def emulates(self, *operations: str) -> Callable[[FunctionT], FunctionT]:
        """Register a function that performs the operations and returns the response.

        Raise ValueError if another function performs one of them already.
        """

        def register(function: FunctionT) -> FunctionT:
            for operation in operations:
                if operation in self.emulations:
                    raise ValueError(f"{operation} has two emulations: {function.__module__} has the second")
                self.emulations[operation] = function
            return function

        return register

    def follows(self, *operations: str) -> Callable[[FunctionT], FunctionT]:
        """Register a function that runs after the operations have succeeded.

        The function takes the request. It may change the emulator's objects or raise ErrorResponse; otherwise
        the emulator's response stays the same.
        """

        def register(function: FunctionT) -> FunctionT:
            for operation in operations:
                self._changes[operation].append(function)
            return function

        return register

    def completes(self, *operations: str) -> Callable[[FunctionT], FunctionT]:
        """Register a function that adds the side effects and response members that the emulator lacks.

        The function takes the request and the response, which it may change.
        """

        def register(function: FunctionT) -> FunctionT:
            for operation in operations:
                self._completions[operation].append(function)
            return function

        return register

    def refusals(self, operation: str) -> list[Callable[[RequestT], None]]:
        """Return the functions that may refuse an operation, those for every operation first."""
        return self._refusals.get(EVERY, []) + self._refusals.get(operation, [])

    def changes(self, operation: str) -> list[Callable[[RequestT], None]]:
        """Return the functions that follow an operation."""
        return self._changes.get(operation, [])

    def completions(self, operation: str) -> list[Callable[[RequestT, dict[str, Any]], None]]:
        """Return the functions that complete an operation."""
        return self._completions.get(operation, [])

    def completed_operations(self) -> set[str]:
        """Return the operations after which functions change the emulator's objects or its response."""
        return {*self._changes, *self._completions}

    def operations(self) -> dict[str, list[Callable[..., Any]]]:
        """Return the functions of each operation, without those that are registered for every operation."""
        functions: dict[str, list[Callable[..., Any]]] = defaultdict(list)
        for table in (self._refusals, self._changes, self._completions):
            for operation, registered in table.items():
                functions[operation] += registered
        for operation, emulation in self.emulations.items():
            functions[operation].append(emulation)
        functions.pop(EVERY, None)
        return functions
