"""Checks of inputs against the installed SDK: its classes, their type hints and its documented values."""

import difflib
import enum
import functools
import importlib
import re
import sys
import threading
import types
import typing
from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pulumi

import lazy_sdk  # noqa: F401  # pyright: ignore[reportUnusedImport]  (SDKs load what is asked for)
from sandbox.wire.values import UNKNOWN, Json, Path, Secret, kind, map_items, show, show_path

ALLOWED_SHOWN = 24
"""The number of names or values that a message lists."""

LOADING = threading.RLock()
"""Held while a part of an SDK is loaded. A refresh reads hundreds of resources at once. Of two threads
that import modules which import each other, Python gives one a part of a module (importlib: _DeadlockError).
"""

QUOTED = r"[`\"]([^`\"\n]+)[`\"](?: \(default\))?"
ENUMERATION = re.compile(
    rf"\b(?:Valid|Allowed|Available|Possible|Accepted) values(?: are|:| are:)?\s+({QUOTED}"
    rf"(?:(?:,? (?:and|or) |, ?){QUOTED})*)\.?(?=\s*$|\s*\n|(?<=\.)\s)"
)
"""The documentation's lists of values: "Valid values are `a`, `b`." and its like. One that goes on in another
way ("`1` to `7`", "`a` for engines that …") is no list of all values, and does not match."""


@dataclass(frozen=True)
class Property:
    """A property of a class of the SDK."""

    hint: Any
    required: bool
    values: tuple[str, ...]  # the only values that the documentation allows; empty: it names none


class UnknownTypeError(Exception):
    """The SDK has no class for a type token."""


@functools.cache
def resource_class(token: str) -> type[Any]:
    """Return the SDK's class of a type token: aws:ec2/vpc:Vpc → pulumi_aws.ec2.vpc.Vpc."""
    package, module, name = token.split(":")
    parts = [part for part in module.split("/") if part != "index"]
    if package == "kubernetes":
        parts = [part.partition(".")[0] for part in parts] + [name]
    else:
        parts[-1] = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", parts[-1]).lower()
    path = ".".join((f"pulumi_{package}", *parts))
    with LOADING:
        try:
            # Whole, before a part of it: the program, importing it in its thread, would get that part empty.
            importlib.import_module(f"pulumi_{package}")
            return cast(type[Any], getattr(importlib.import_module(path), name))
        except (ImportError, AttributeError) as error:
            raise UnknownTypeError(f"pulumi-{package} has no resource type {token}") from error


@functools.cache
def args_class(token: str) -> type[Any]:
    """Return the class of a resource's inputs: InitArgs where a nested type has the name Args."""
    resource = resource_class(token)
    module = sys.modules[resource.__module__]
    found = vars(module).get(f"{resource.__name__}InitArgs") or vars(module).get(f"{resource.__name__}Args")
    if found is None:
        raise UnknownTypeError(f"the SDK declares no inputs for {token}")
    return found


def provider_args(package: str) -> type[Any]:
    """Return the class of a provider's own settings."""
    with LOADING:
        return cast(type[Any], importlib.import_module(f"pulumi_{package}").ProviderArgs)


@functools.cache
def properties(cls: type[Any]) -> Mapping[str, Property]:
    """Return the properties of an input, output or resource class by their wire names."""
    # Input mentions Output and a type variable by their names.
    namespace = {**vars(sys.modules[cls.__module__]), "Output": pulumi.Output, "T": Any}
    found: dict[str, Property] = {}
    for member in vars(cls).values():
        getter = getattr(member, "fget", None)
        name = getattr(getter, "_pulumi_name", None)
        if getter is not None and name is not None:
            with LOADING:
                hint = typing.get_type_hints(getter, globalns=namespace).get("return", Any)
            required = hint is Any or type(None) not in alternatives(hint)
            found[name] = Property(hint, required, documented_values(getter.__doc__ or ""))
    return found


@functools.cache
def maps(token: str) -> Collection[str]:
    """Return the inputs of a type that are objects with arbitrary keys, such as tags."""
    try:
        inputs = properties(args_class(token)).items()
    except UnknownTypeError:  # a custom resource's
        return ()
    objects = {name: value_hints(prop.hint) for name, prop in inputs if nouns(prop.hint) == "an object"}
    return {name for name, options in objects.items() if not any(map(is_object, options))}


def documented_values(doc: str) -> tuple[str, ...]:
    """Return the values that a docstring lists as the only ones."""
    match = ENUMERATION.search(doc)
    found: list[str] = re.findall(QUOTED, match[1]) if match else []
    # Where Markdown took underscores for emphasis, the generator wrote stars: http*request*firewall*custom.
    return tuple(re.sub(r"(?<=\w)\*(?=\w)", "_", one) for one in found)


def alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the alternatives of a hint: X and None for Output[X | None], as for Input[X | None]."""
    if typing.get_origin(hint) is pulumi.Output:
        return alternatives(typing.get_args(hint)[0])
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return (hint,)
    awaited = (pulumi.Output, Awaitable)  # Input[X] is X, Awaitable[X] or Output[X]; these say nothing more
    parts = [part for part in typing.get_args(hint) if typing.get_origin(part) not in awaited]
    return tuple(one for part in parts for one in alternatives(part))


def value_hints(hint: Any) -> list[Any]:
    """Return the alternatives other than None, without duplicates."""
    return list(dict.fromkeys(one for one in alternatives(hint) if one is not type(None)))


def faults(token: str, inputs: Json) -> Iterator[str]:
    """Yield the faults of a resource's inputs, each with its path."""
    yield from _object(args_class(token), inputs, ())


def _object(cls: type[Any], value: Json, path: Path) -> Iterator[str]:
    expected = properties(cls)
    for name in sorted(value.keys() - expected.keys()):
        yield f"{show_path((*path, name))}: there is no such property; {suggest(name, expected)}"
    for name, prop in expected.items():
        if name in value:
            yield from _value(prop.hint, prop.values, value[name], (*path, name))
        elif prop.required:
            yield f"{show_path((*path, name))}: missing; {nouns(prop.hint)} is required"


def _value(hint: Any, allowed: Sequence[str], value: Any, path: Path) -> Iterator[str]:
    bare = value
    while isinstance(bare, Secret):
        bare = map_items(bare.value, Secret)  # what is in a secret is one
    if bare is UNKNOWN:
        return
    fitting = [option for option in value_hints(hint) if _fits(option, bare)]
    if not fitting:
        yield f"{show_path(path)}: {show(value)}; {nouns(hint)} is required"
    elif isinstance(bare, str) and allowed and bare not in allowed:
        said = suggest(bare, allowed, quote=True) if bare is value else f"allowed: {', '.join(allowed)}"
        yield f"{show_path(path)}: {show(value)}, is not a value of it; {said}"
    else:
        # Of several alternatives of a kind, the one with the fewest faults is the one that was meant.
        yield from min((list(_inner(option, allowed, bare, path)) for option in fitting), key=len)


def _inner(option: Any, allowed: Sequence[str], value: Any, path: Path) -> Iterator[str]:
    inner = typing.get_args(option)
    if isinstance(value, list) and inner:
        for index, item in enumerate(cast(list[Any], value)):
            yield from _value(inner[0], allowed, item, (*path, index))
    elif isinstance(value, dict) and is_object(option):
        yield from _object(option, cast(Json, value), path)
    elif isinstance(value, dict) and len(inner) == 2:
        for key, item in cast(Json, value).items():
            yield from _value(inner[1], (), item, (*path, key))


def is_object(hint: Any) -> bool:
    """Return True if a hint is a class of the SDK with properties."""
    return hasattr(hint, "_pulumi_input_type") or hasattr(hint, "_pulumi_output_type")


def nouns(hint: Any) -> str:
    """Return the types that a hint allows, as text."""
    return " or ".join(dict.fromkeys(map(noun, value_hints(hint))))


def noun(option: Any) -> str:
    """Return the type that a hint allows, as text; "a value" is any type."""
    origin: Any = typing.get_origin(option) or option
    if is_object(origin):
        return "an object"
    bases: dict[Any, str] = {bool: "a boolean", int: "a whole number", float: "a number", str: "a string"}
    bases |= {enum.Enum: "a string", Mapping: "an object", Sequence: "a list"}
    words = (word for base, word in bases.items() if isinstance(origin, type) and issubclass(origin, base))
    return next(words, "a value")


def _fits(option: Any, value: Any) -> bool:
    wanted = noun(option)
    whole = wanted == "a whole number" and isinstance(value, int) and not isinstance(value, bool)
    return whole or wanted in ("a value", kind(value))


def suggest(found: str, allowed: Mapping[str, Any] | Sequence[str], *, quote: bool = False) -> str:
    """Return the closest names and the allowed ones, as text."""
    names = list(allowed)
    mark = '"' if quote else ""
    close = difflib.get_close_matches(found, names, n=3)
    listed = sorted(names)[:ALLOWED_SHOWN]
    more = f" … ({len(names)} in all)" if len(names) > len(listed) else ""
    said = "allowed: " + ", ".join(f"{mark}{name}{mark}" for name in listed) + more
    return f"closest: {', '.join(f'{mark}{name}{mark}' for name in close)}; {said}" if close else said
