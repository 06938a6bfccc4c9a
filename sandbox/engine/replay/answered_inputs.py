"""The inputs of a program in the recorded answers, for inputs that may differ in the second run.

A checksum and the order of a sorted list may differ between the two runs. An answer that still had those of
the first run would tell the program about the former texts: the network of an address in place of a checksum,
or the place of an ID among constants. A decision by this would be the same in both runs, and another one in a
deployment. So the second run gets its own values back.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import Any, NamedTuple, cast

from google.protobuf.struct_pb2 import Struct

from sandbox.engine.replay.recorded_calls import ANSWERS, Failure, Outcome, plain_value
from sandbox.wire.values import Path, part_at

FIELDS = {
    "RegisterResource": ("object", "object"),
    "ReadResource": ("properties", "properties"),
    "Invoke": ("args", "return"),
    "Call": ("args", "return"),
}
"""Fields with the values of a request and of its answer, by the method."""


class Values(NamedTuple):
    """The values of a request, and those of its answer."""

    inputs: Any
    outputs: Any


class AnsweredInputs:
    """The inputs of a call, and the places at which its recorded answer has them.

    `echoes` returns the texts of all recorded answers that are in no request at the same place.
    """

    def __init__(self, name: str, former: Any, outcome: Outcome, echoes: Callable[[], str]) -> None:
        self.accepted: dict[Path, Any] = {}
        """The values of the second run that its answer gets in place of those of the first run."""
        self._call = name, former, outcome
        self._echoes = echoes

    def accept(self, path: Path, value: Any) -> bool:
        """Return True if the second run may send a value at a path, since it gets this one back.

        The answer has the former value at the same path, or it has none. If it has the former value elsewhere
        as well, the value has to be the expected one.
        """
        name, request, outcome = self._call
        if isinstance(outcome, Failure):
            return False
        if name not in FIELDS:  # The method answers nothing.
            return True
        inputs, outputs = _values(name, request, outcome)
        former, answered = part_at(inputs, path), part_at(outputs, path)
        if former is None or answered not in (None, former):
            return False
        if isinstance(former, list):
            lists = (items for items, is_input in _lists(outputs, inputs) if not is_input)
            if any(sorted(items, key=str) == sorted(cast(list[Any], former), key=str) for items in lists):
                return False
        elif str(former) in self._echoes():
            return False
        if answered is not None:
            self.accepted[path] = value
        return True

    def apply_to(self, response: Any) -> None:
        """Put the accepted values into the answer of the second run."""
        for (*outer, last), value in self.accepted.items():
            part = getattr(response, FIELDS[self._call[0]][1])
            for key in outer:
                part = part[key]
            part[last] = value


def echoed_texts(calls: Iterable[tuple[str, Any, Outcome]]) -> Iterator[str]:
    """Yield the texts in the answers to these calls that a request does not have at the same place."""
    for name, message, outcome in calls:
        if isinstance(outcome, Failure):
            yield outcome.details
        elif name in FIELDS:
            values = _values(name, message, outcome)
            yield from _other_texts(values.outputs, values.inputs)


def _values(name: str, message: Any, answer: bytes) -> Values:
    """Return the values of a request of the first run, and those of its answer."""
    of_request, of_answer = FIELDS[name]
    response = ANSWERS[name].FromString(answer)
    inputs, outputs = getattr(message, of_request), cast(Struct, getattr(response, of_answer))
    return Values(plain_value(inputs), plain_value(outputs))


def _other_texts(outputs: Any, inputs: Any) -> Iterator[str]:
    """Yield the keys and the texts of outputs that are no inputs at the same path."""
    if isinstance(outputs, dict):
        before = cast(dict[str, Any], inputs) if isinstance(inputs, dict) else {}
        for key, value in cast(dict[str, Any], outputs).items():
            if key not in before:
                yield key
            yield from _other_texts(value, before.get(key))
    elif isinstance(outputs, list):
        items = cast(list[Any], inputs) if isinstance(inputs, list) else []
        for value, item in zip_longest(cast(list[Any], outputs), items):
            yield from _other_texts(value, item)
    elif outputs != inputs:
        yield f"{outputs:.0f}" if isinstance(outputs, float) else str(outputs)


def _lists(outputs: Any, inputs: Any) -> Iterator[tuple[list[Any], bool]]:
    """Yield each list in outputs, and True if it is an input at the same path."""
    if isinstance(outputs, dict):
        before = cast(dict[str, Any], inputs) if isinstance(inputs, dict) else {}
        for key, value in cast(dict[str, Any], outputs).items():
            yield from _lists(value, before.get(key))
    elif isinstance(outputs, list):
        values = cast(list[Any], outputs)
        yield values, values == inputs
        items = cast(list[Any], inputs) if isinstance(inputs, list) else []
        for value, item in zip_longest(values, items):
            yield from _lists(value, item)
