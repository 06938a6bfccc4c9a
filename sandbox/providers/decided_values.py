"""Values in place of those that the answers of a review leave unknown (sandbox/providers/plan.py)."""

import enum
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import zip_longest
from typing import Any, cast

from google.protobuf.struct_pb2 import ListValue, Struct, Value

from sandbox.wire import schema
from sandbox.wire.sentinels import INVENTED, SIGNATURE, UNKNOWNS

CONTENT = "value"
"""Member of a special value, such as a secret, with its content."""

NUMBER = 7
"""Number in place of an unknown one. A program may declare so many resources."""

DEPTH = 3
"""Number of objects in each other in place of an unknown one. Some classes of Kubernetes have a hundred."""


def decide(outputs: Struct, token: str, declared: Struct) -> None:
    """Replace each unknown value in the outputs of a resource with this type by one that an API may answer.

    An unknown value that the program declares itself becomes the declared one. A boolean becomes true, a
    list, a map or an object has a content, and a number is not 0: the program may have got None in place of
    the unknown value (`Output.future`), and it may treat this like false, 0, or an empty value. An output
    that the program leaves out and that is not computed has the default of the SDK's documentation, if any.
    """
    hints = _hints(schema.resource_class, token)
    defaults = schema.documented_defaults(token) if hints else dict[str, Any]()
    for name, value in outputs.fields.items():
        if value.string_value in UNKNOWNS and name in defaults and name not in declared.fields:
            outputs.update({name: defaults[name]})
    _decide_members(outputs, lambda name: hints.get(name, Any), declared)


def boolean_texts(answer: Struct, token: str, *, is_look_up: bool) -> Iterator[str]:
    """Yield the texts that stand for a boolean in the answer to a look-up, or to a read of a resource."""
    hints = _hints(schema.answer_class if is_look_up else schema.resource_class, token)
    for name, value in answer.fields.items():
        yield from _boolean_texts(value, hints.get(name, Any))


def _hints(class_of: Callable[[str], type[Any]], token: str) -> Mapping[str, Any]:
    """Return the hints for the members of a class of the SDK; none if there is no class."""
    try:
        return {name: item.hint for name, item in schema.properties(class_of(token)).items()}
    except (schema.UnknownTypeError, ValueError):  # No type of an SDK, or not the form of a token.
        return {}


def _decide_members(members: Struct, hint_of: Callable[[str], Any], declared: Struct | None) -> None:
    for name, value in members.fields.items():
        other = declared.fields[name] if declared and name in declared.fields else None
        _decide(value, hint_of(name), other)


def _decide(value: Value, hint: Any, declared: Value | None) -> None:
    """Replace the unknown parts of a value with this type hint."""
    option = next(iter(schema.value_hints(hint)), Any)
    inner = typing.get_args(option)
    kind = value.WhichOneof("kind")
    if value.string_value in UNKNOWNS:
        is_known = declared is not None and not any(text in str(declared) for text in UNKNOWNS)
        value.CopyFrom(declared if declared is not None and is_known else _invent(option))
    elif kind == "list_value":
        items = value.list_value.values
        others = [*declared.list_value.values][: len(items)] if declared else []
        for item, other in zip_longest(items, others):
            _decide(item, inner[0] if inner else Any, other)
    elif kind == "struct_value":
        hint_of = partial(_hint_of_member, value.struct_value, hint)
        _decide_members(value.struct_value, hint_of, declared.struct_value if declared else None)


def _hint_of_member(members: Struct, hint: Any, name: str) -> Any:
    """Return the hint for a member of a value with a hint."""
    option = next(iter(schema.value_hints(hint)), Any)
    inner = typing.get_args(option)
    if SIGNATURE in members.fields:
        return hint if name == CONTENT else Any
    if schema.is_object(option):
        properties = schema.properties(option)
        return properties[name].hint if name in properties else Any
    return inner[1] if len(inner) == 2 else Any


def _boolean_texts(value: Value, hint: Any) -> Iterator[str]:
    option = next(iter(schema.value_hints(hint)), Any)
    inner = typing.get_args(option)
    if value.string_value.startswith(INVENTED) and schema.noun(option) == "a boolean":
        yield value.string_value
    for item in value.list_value.values:
        yield from _boolean_texts(item, inner[0] if inner else Any)
    for name, member in value.struct_value.fields.items():
        yield from _boolean_texts(member, _hint_of_member(value.struct_value, hint, name))


@cache
def _invent(hint: Any, depth: int = DEPTH) -> Value:
    """Return a value for a type hint; an object has all members, except for deeper objects."""
    option = next(iter(schema.value_hints(hint)), Any)
    noun, inner = schema.noun(option), typing.get_args(option)
    if noun == "an object":
        if schema.is_object(option):
            content = {name: item.hint for name, item in schema.properties(option).items()} if depth else {}
        else:
            content = {INVENTED: inner[1] if len(inner) == 2 else Any}
        fields = {name: _invent(member, depth - 1) for name, member in content.items()}
        return Value(struct_value=Struct(fields=fields))
    if noun == "a list":
        return Value(list_value=ListValue(values=[_invent(inner[0] if inner else Any, depth)]))
    if noun == "a boolean":
        return Value(bool_value=True)
    if noun in ("a number", "a whole number"):
        return Value(number_value=NUMBER)
    if isinstance(option, enum.EnumType):  # The SDK takes no other text.
        return Value(string_value=str(next(iter(cast("type[enum.Enum]", option))).value))
    return Value(string_value=INVENTED)
