"""Properties of resources, with their paths; a value may be unknown or secret."""

import json
from collections.abc import Iterable
from functools import lru_cache
from math import isfinite
from typing import Any, cast

from policies.model.property_marks import UNKNOWN, SecretValue, integral

DEEPEST = 64
"""The maximum number of nested lists and objects in a JSON document. An IAM policy has five levels and a
dashboard about ten; Python's parser fails at about a thousand."""

_TOO_DEEP = (f"a document of more than {DEEPEST} levels", "write it flatter, so that it can be checked")

LONGEST_INTEGER = 400
"""The maximum number of digits of an integer that is read exactly; Python refuses more than 4,300 digits."""

SHOWN = 120
"""The maximum number of characters of a value that a message quotes."""


class UnknownValueError(Exception):
    """A rule needed a value that this preview cannot know."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class UnreadableValueError(Exception):
    """A rule needed a value that the pack refuses to read, since its shape could exhaust the reader."""

    def __init__(self, path: str, reason: str, remedy: str) -> None:
        super().__init__(path)
        self.path = path
        self.reason = reason
        self.remedy = remedy


_NONE: "dict[str, Value]" = {}
_OBJECT: Any = dict
"""The type `dict` as Any: with `dict` itself, the type checker would require casts, which are slow."""


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


class Value:
    """One property: its value, its path, and the marks of unknown and secret values."""

    __slots__ = ("_children", "_items", "_json", "_keys", "_parent", "_path", "_places", "_raw", "secret")

    def __init__(
        self,
        raw: Any,
        path: str = "",
        secret: bool = False,
        parent: "Value | None" = None,
        keys: "tuple[str | int, ...]" = (),
    ) -> None:
        if type(raw) is SecretValue:
            raw, secret = raw.value, True
        self._raw = raw
        self._path = path
        self._parent = parent
        self._keys = keys
        self._children = self._places = _NONE
        self._items: list[Value] | None = None
        self._json: Value | None = None
        self.secret = secret

    @property
    def path(self) -> str:
        """The path, such as `spec.containers[0].image`; computed on demand, because few paths are needed."""
        if self._parent is None:
            return self._path
        path = self._parent.path
        for key in self._keys:
            if isinstance(key, int):
                path = f"{path}[{key}]"
            elif not path:
                path = key
            else:
                path = f'{path}["{key}"]' if "." in key or "/" in key else f"{path}.{key}"
        return path

    # Children are cached, since dozens of rules read the same properties.

    def __getitem__(self, key: str) -> "Value":
        """Return the property with this key; absent if there is none. An unknown value returns itself."""
        child = self._children.get(key)
        if child is None:
            raw = self._raw
            if raw is UNKNOWN:
                return self
            below = raw.get(key) if type(raw) is _OBJECT else None
            child = Value(below, "", self.secret, self, (key,))
            if self._children is _NONE:
                self._children = {}
            self._children[key] = child
        return child

    def at(self, path: str) -> "Value":
        """Return the property at a dotted path: `at("spec.template.spec")`."""
        child = self._places.get(path)
        if child is None:
            child = self._walk(_steps(path))
            if self._places is _NONE:
                self._places = {}
            self._places[path] = child
        return child

    def _walk(self, steps: tuple[str, ...]) -> "Value":
        raw, secret = self._raw, self.secret
        for index, step in enumerate(steps):
            if raw is UNKNOWN:
                return Value(raw, "", secret, self, steps[:index])
            below: Any = raw
            raw = below.get(step) if type(below) is _OBJECT else None
            if type(raw) is SecretValue:
                raw, secret = raw.value, True
        return Value(raw, "", secret, self, steps)

    @property
    def known(self) -> bool:
        """True if this value itself is known; its parts may be unknown."""
        return self._raw is not UNKNOWN

    @property
    def absent(self) -> bool:
        """True if the property is not set; raise UnknownValueError if the value is unknown."""
        return self.get() is None

    def get(self) -> Any:
        """Return the value; raise UnknownValueError if it is unknown."""
        if self._raw is UNKNOWN:
            raise UnknownValueError(self.path)
        return self._raw

    def text(self) -> str | None:
        """Return the value if it is a string, else None."""
        value = self.get()
        return value if isinstance(value, str) else None

    def flag(self) -> bool | None:
        """Return the value if it is a boolean or a string that contains one, else None."""
        value = self.get()
        if isinstance(value, str):
            return {"true": True, "false": False}.get(value.lower())
        return value if isinstance(value, bool) else None

    def number(self) -> int | float | None:
        """Return the value if it is a finite number or a string that contains one, else None."""
        value = self.get()
        if isinstance(value, str):
            try:
                value = integral(float(value))
            except ValueError:
                return None
        number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
        return value if number else None

    def items(self) -> list["Value"]:
        """Return the elements of a list; an empty list if the value is not a list."""
        if self._items is None:
            value = self.get()
            elements = cast("list[Any]", value) if isinstance(value, list) else []
            self._items = [
                Value(item, "", self.secret, self, (index,)) for index, item in enumerate(elements)
            ]
        return self._items

    def entries(self) -> dict[str, "Value"]:
        """Return the properties of an object; an empty mapping if the value is not an object.

        The keys of a secret object are secret too, so its properties have the path of the object.
        """
        value = self.get()
        if not isinstance(value, dict):
            return {}
        fields = cast("dict[str, Any]", value)
        return {key: Value(fields[key], "", True, self) if self.secret else self[key] for key in fields}

    def texts(self) -> list[str]:
        """Return the strings of a list, or a single string as a list."""
        value = self.get()
        if isinstance(value, str):
            return [value]
        return [text for item in self.items() if (text := item.text()) is not None]

    def json(self) -> "Value":
        """Return the JSON document in a string, with the same path; absent if the string is not JSON.

        The engine's marks have no meaning in a text: a provider sends them to its API as they are.
        """
        value = self.get()
        if not isinstance(value, str):
            return self
        if self._json is None:
            try:
                document = _normalize(self._read_json(value))
            except ValueError:
                document = None
            self._json = Value(document, self.path, self.secret)
        return self._json

    def _read_json(self, text: str) -> Any:
        """Read a JSON document; raise UnreadableValueError if it is nested too deeply."""
        try:
            document = json.loads(text, parse_int=_integer)
        except RecursionError:
            document = UNKNOWN
        if document is UNKNOWN or _is_deeper(document, DEEPEST):
            raise UnreadableValueError(self.path, *_TOO_DEEP)
        return document

    def plain(self) -> Any:
        """Return the whole value as plain data; raise UnknownValueError if a part of it is unknown."""
        value = self.get()
        if isinstance(value, dict):
            return {key: child.plain() for key, child in self.entries().items()}
        if isinstance(value, list):
            return [child.plain() for child in self.items()]
        return value

    def shown(self) -> str:
        """Return the value as a message shows it: shortened, and never a secret."""
        if self._raw is None:
            return "not set"
        if self.secret or _has_secret(self._raw):
            return "[secret]"
        try:
            text = repr(self._raw)
        except RecursionError:
            return _TOO_DEEP[0]
        return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_INTEGER else float(digits)


def _normalize(document: Any) -> Any:
    """Return a JSON document with the integers and the order of keys that the values of a Struct have."""
    if isinstance(document, dict):
        members = cast("dict[str, Any]", document)
        return {key: _normalize(members[key]) for key in sorted(members)}
    if isinstance(document, list):
        return [_normalize(item) for item in cast("list[Any]", document)]
    return integral(document) if isinstance(document, float) else document


def _is_deeper(document: Any, levels: int) -> bool:
    """Return True if a document has more than `levels` levels of lists and objects; uses no recursion."""
    level = [document]
    for _ in range(levels):
        level = [child for value in level for child in _children(value) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()


def _has_secret(raw: Any) -> bool:
    """Return True if a value or a part of it is secret; uses no recursion."""
    values = [raw]
    while values:
        value = values.pop()
        if type(value) is SecretValue:
            return True
        values += _children(value)
    return False
