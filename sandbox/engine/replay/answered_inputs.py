"""The inputs of a program in the recorded answers, for inputs that may differ in the second run.

A checksum and the order of a sorted list may differ between the two runs. An answer that still had those of
the first run would tell the program about the former texts: the network of an address in place of a checksum,
or the place of an ID among constants. A decision by this would be the same in both runs, and another one in a
deployment. So the second run gets its own values back. So does the third run, with what the program computes
from a secret and puts into a Kubernetes Secret.
"""

import base64
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import Any, NamedTuple, cast

from google.protobuf.struct_pb2 import Struct

from sandbox.engine.replay.echoes import Echoes
from sandbox.engine.replay.recorded_calls import ANSWERS, DECLARING, OUTPUTS, Failure, Outcome, plain_value
from sandbox.providers.kubernetes.package import SECRET, SECRET_FIELDS
from sandbox.wire import sentinels
from sandbox.wire.sentinels import OUTPUT, SIGNATURE
from sandbox.wire.values import Path, map_items, part_at

FIELDS = {
    "RegisterResource": ("object", "object"),
    "ReadResource": ("properties", "properties"),
    "Invoke": ("args", "return"),
    "Call": ("args", "return"),
}
"""Fields with the values of a request and of its answer, by the method."""


DATA, TEXTS = SECRET_FIELDS
"""Inputs with the content of a Kubernetes Secret. The answer has its texts also as data, in base64."""


class Values(NamedTuple):
    """The values of a request in the form of its answer, and those of the answer, both without marks."""

    inputs: Any
    outputs: Any


class AnsweredInputs:
    """The inputs of a call, and the places at which its recorded answer has them.

    `echoes` returns the texts of all recorded answers that are in no request at the same place.
    """

    def __init__(self, name: str, former: Any, outcome: Outcome, echoes: Callable[[], Echoes]) -> None:
        self.accepted: dict[Path, Any] = {}
        """The values of the second run that its answer gets in place of those of the first run, by path."""
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
        place = self._place(path)
        former, answered = part_at(inputs, place), part_at(outputs, place)
        if former is None or answered not in (None, former):
            return False
        if isinstance(former, list):
            lists = (items for items, is_input in _lists(outputs, inputs) if not is_input)
            if any(sorted(items, key=str) == sorted(cast(list[Any], former), key=str) for items in lists):
                return False
        elif self._echoes().have(str(former)):
            return False
        if answered is not None:
            self.accepted[place] = value
        return True

    def accept_secret(self, path: Path, text: Any) -> bool:
        """Return True if the third run may send another text at a path in the content of a Kubernetes Secret.

        The provider marks the content as secret, so the report masks it. The answer has it at no other place.
        An output that the program marks as secret has no answer.
        """
        name, request, outcome = self._call
        place = self._place(path)
        former = self.former(path)
        if not isinstance(former, str) or not isinstance(text, str) or self._echoes().have(former):
            return False
        if name == OUTPUTS:
            return True
        if isinstance(outcome, Failure) or not self.secret_key(path):
            return False
        inputs, outputs = _values(name, request, outcome)
        texts: dict[Path, str] = {place: text}
        if place[0] == TEXTS:
            texts[DATA, place[1]] = _in_base64(text)
        for path_of_text in texts:
            stored, answered = part_at(inputs, path_of_text), part_at(outputs, path_of_text)
            if answered not in (None, stored) or self._echoes().have(stored):
                return False
        self.accepted |= {key: text for key, text in texts.items() if part_at(outputs, key) is not None}
        return True

    def former(self, path: Path) -> Any:
        """Return the value of the first run at a path."""
        name, request, _ = self._call
        return part_at(_inputs(name, request), self._place(path))

    def secret_key(self, path: Path) -> str:
        """Return the key in a Kubernetes Secret to whose content a path leads; empty if it does not."""
        name, request, _ = self._call
        place = self._place(path)
        is_content = len(place) == 2 and place[0] in SECRET_FIELDS
        return str(place[1]) if name == DECLARING[0] and request.type == SECRET and is_content else ""

    def _place(self, path: Path) -> Path:
        """Return a path in the request without marks of secrets; empty if it leads to a part of a mark."""
        name, request, _ = self._call
        value, place = _marked_inputs(name, request), list[str | int]()
        for part in path:
            if not _is_mark(value):
                place.append(part)
            elif part != "value":
                return ()
            value = part_at(value, (part,))
        return tuple(place)

    def apply_to(self, response: Any) -> None:
        """Put the accepted values into the answer of the second run."""
        for (*outer, last), value in self.accepted.items():
            part = _content(getattr(response, FIELDS[self._call[0]][1]))
            for key in outer:
                part = _content(part[key])
            while _is_mark_message(part[last]):
                part, last = part[last], "value"
            part[last] = value


def echoed_texts(calls: Iterable[tuple[str, Any, Outcome]]) -> Iterator[str]:
    """Yield the texts in the answers to these calls that a request does not have at the same place.

    The ID of a resource counts as well.
    """
    for name, message, outcome in calls:
        if isinstance(outcome, Failure):
            yield outcome.details
        elif name in FIELDS:
            yield getattr(ANSWERS[name].FromString(outcome), "id", "")
            values = _values(name, message, outcome)
            yield from _other_texts(values.outputs, values.inputs)


def _values(name: str, message: Any, answer: bytes) -> Values:
    """Return the values of a request of the first run, and those of its answer."""
    response = ANSWERS[name].FromString(answer)
    inputs, outputs = _inputs(name, message), _unmarked(plain_value(getattr(response, FIELDS[name][1])))
    if name == DECLARING[0] and message.type == SECRET:
        texts, data = (_members(inputs.get(name)) for name in (TEXTS, DATA))
        encoded = {key: _in_base64(text) for key, text in texts.items() if isinstance(text, str)}
        inputs[DATA] = {**data, **encoded}
    return Values(inputs, outputs)


def _inputs(name: str, message: Any) -> Any:
    """Return the values of a request without marks of secrets."""
    return _unmarked(_marked_inputs(name, message))


def _marked_inputs(name: str, message: Any) -> Any:
    field = message.DESCRIPTOR.fields_by_name.get(FIELDS[name][0] if name in FIELDS else "outputs")
    return plain_value(getattr(message, field.name)) if field else {}


def _is_mark(value: Any) -> bool:
    """Return True for an object that marks a value as secret or as an output."""
    return isinstance(value, dict) and cast(dict[str, Any], value).get(SIGNATURE) in (
        sentinels.SECRET,
        OUTPUT,
    )


def _unmarked(value: Any) -> Any:
    """Return a value without marks of secrets and of outputs."""
    if _is_mark(value):
        return _unmarked(value.get("value"))
    return map_items(value, _unmarked)


def _content(part: Any) -> Any:
    """Return the content of a part of a message without the mark of a secret around it."""
    return _content(part["value"]) if _is_mark_message(part) else part


def _is_mark_message(part: Any) -> bool:
    return isinstance(part, Struct) and _is_mark(plain_value(part))


def _members(content: Any) -> dict[str, Any]:
    """Return the texts of a Kubernetes Secret by key; none if they are missing or unknown as a whole."""
    return cast(dict[str, Any], content) if isinstance(content, dict) else {}


def _in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


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
