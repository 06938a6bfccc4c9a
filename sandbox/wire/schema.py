"""Checks of inputs against the type hints and documented values of the installed SDK's classes."""

import difflib
import enum
import functools
import importlib
import importlib.util
import inspect
import json
import keyword
import pathlib
import re
import sys
import threading
import types
import typing
from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pulumi

import lazy_sdk  # noqa: F401  # pyright: ignore[reportUnusedImport]  (It makes SDKs load their parts on use.)
from sandbox.wire import sentinels
from sandbox.wire.values import UNKNOWN, Json, Path, Secret, kind, map_items, show, show_path

ALLOWED_SHOWN = 24
"""The maximum number of names or values that a message lists."""

LOADING = threading.RLock()
"""The lock for loading a part of an SDK.

A refresh reads hundreds of resources at once. If two threads import modules that import each other, one of
the threads gets an incomplete module (importlib: _DeadlockError).
"""

NOUNS: Mapping[type[Any], str] = {
    bool: "a boolean",  # bool is a subclass of int, so it comes first.
    int: "a whole number",
    float: "a number",
    str: "a string",
    enum.Enum: "a string",
    Mapping: "an object",
    Sequence: "a list",
}
"""The noun in messages for each base class of a hint; the first match counts."""

QUOTED = r"[`\"]([^`\"\n]+)[`\"](?: \(default\))?"
ENUMERATION = re.compile(
    rf"\b(?:Valid|Allowed|Available|Possible|Accepted) values(?: are|:| are:)?\s+({QUOTED}"
    rf"(?:(?:,? (?:and|or) |, ?){QUOTED})*)\.?(?=\s*$|\s*\n|(?<=\.)\s)"
)
"""A complete list of values in the SDK's documentation, such as "Valid values are `a`, `b`."

It does not match an incomplete list in a sentence that continues differently, such as "`1` to `7`" or "`a`
for engines that …".
"""

DOCUMENTED_DEFAULT = re.compile(
    r"\b[Dd]efaults?(?: value)?(?: to| is)?:? (?:`([^`\n]+)`|(true|false|\d+(?:\.\d+)?))"
    r"(?=\.?\s*$|\.?\s*\n|\.\s|, which\b)"
)
"""A default in the SDK's documentation without a condition, such as "Defaults to `a`.", but not "Defaults to
`a` for engines that …".
"""

ALIAS = re.compile(r'\bAlias\(type_="([^"]+)"\)')
"""A former name of the type in the source of a class of the SDK
(pulumi/pulumi, pkg/codegen/python/gen.go: alias_opts).
"""

DOCUMENTED_ID = re.compile(r"\$ pulumi import \S+ \S+ '([^'\n]+)'")
"""The form of an ID in the documentation of a class of the SDK, such as `<zone_id>/<setting_id>`."""

DOCUMENTED_ADOPTION = re.compile(r"behaves differently from normal\s+resources")
"""The words with which pulumi-aws documents a type that takes over an existing object."""

DOCUMENTED_PART = re.compile(
    r":param pulumi\.Input\[.*\] (\w+): .*?(?:in favor of|[Uu]se the(?: resource)?) "
    r"`\w+\.([A-Z]\w+)`(?: resources?\.| (?:resource )?instead)"
)
"""A property in the documentation of pulumi-aws, and the type that the documentation recommends instead."""

SECRET_OUTPUTS = re.compile(r"additional_secret_outputs=(\[[^]]*])")
"""The secret outputs in the source of a class of the SDK."""


@dataclass(frozen=True)
class Property:
    """A property of a class of the SDK."""

    hint: Any
    required: bool
    values: tuple[str, ...]
    """The values that the documentation allows; empty if the documentation lists no values."""


class UnknownTypeError(Exception):
    """An error: the SDK has no class for a type token."""


_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""The place before a word in a name such as UserPoolUICustomization, where the SDK's modules have a _."""


@functools.cache
def resource_class(token: str) -> type[Any]:
    """Return the SDK's class for a type token: pulumi_aws.ec2.vpc.Vpc for aws:ec2/vpc:Vpc."""
    package, parts, name = _module_of(token)
    path = ".".join((f"pulumi_{package}", *parts))
    with LOADING:
        try:
            # The package is imported before the part. Otherwise, the program, which imports the package in
            # another thread, would get an empty part.
            importlib.import_module(f"pulumi_{package}")
            cls = cast(type[Any], getattr(importlib.import_module(path), name))
        except (ImportError, AttributeError) as error:
            raise UnknownTypeError(f"pulumi-{package} has no resource type {token}") from error
    # The module of aws:ec2:Vpc has the class, but the provider knows a single token for each type.
    if (known := pulumi.get_type_token(cls)) != token:
        raise UnknownTypeError(f"pulumi-{package} has no resource type {token}; closest: {known}")
    return cls


@functools.cache
def answer_class(token: str) -> type[Any]:
    """Return the SDK's class for the answers of a look-up, such as GetZoneResult for a getZone."""
    package, parts, name = _module_of(token)
    class_name = f"{name[:1].upper()}{name[1:]}Result"
    with LOADING:
        try:
            importlib.import_module(f"pulumi_{package}")
            module = importlib.import_module(".".join((f"pulumi_{package}", *parts)))
            return cast(type[Any], getattr(module, class_name))
        except (ImportError, AttributeError) as error:
            raise UnknownTypeError(f"pulumi-{package} has no look-up {token}") from error


@functools.cache
def type_tokens(package: str) -> Collection[str]:
    """Return the tokens of all types of a package, which its SDK lists in its source."""
    sdk = importlib.util.find_spec(f"pulumi_{package}")
    text = pathlib.Path(sdk.origin).read_text() if sdk and sdk.origin else ""
    return {*re.findall(rf'"({re.escape(package)}:[^":]+:\w+)"', text)}


@functools.cache
def aliases(token: str) -> Collection[str]:
    """Return the former names of a type, under which the engine finds a resource's state as well.

    The SDK's source is read without an import. A type without a class in the SDK has no such names.
    """
    return {*ALIAS.findall(_source(token))}


@functools.cache
def documented_id(token: str) -> str:
    """Return the form of a type's ID that the SDK's source documents; empty if it documents none."""
    match = DOCUMENTED_ID.search(_source(token))
    return match[1] if match else ""


@functools.cache
def is_documented_to_adopt(token: str) -> bool:
    """Return True if the SDK's source documents that a type takes over an existing object."""
    return bool(DOCUMENTED_ADOPTION.search(_source(token)))


@functools.cache
def documented_parts(token: str) -> Mapping[str, str]:
    """Return the properties of a type in place of which the SDK's source recommends another type.

    An example is the property `datasources` of a Detector, in favor of the type DetectorFeature.
    """
    parts = DOCUMENTED_PART.findall(_source(token))
    return {re.sub(r"_(\w)", lambda match: match[1].upper(), name): kind for name, kind in parts}


def _source(token: str) -> str:
    """Return the source of a type's class in the SDK; empty for a type without a class in the SDK."""
    package, parts, _ = _module_of(token) if token.count(":") == 2 else ("", [], "")
    if not all(map(str.isidentifier, (package, *parts))):
        return ""
    sdk = importlib.util.find_spec(f"pulumi_{package}")
    if sdk is None or sdk.origin is None:
        return ""
    try:
        return pathlib.Path(sdk.origin).parent.joinpath(*parts).with_suffix(".py").read_text()
    except OSError:
        return ""


def _module_of(token: str) -> tuple[str, list[str], str]:
    """Return the package, the path of the SDK's module below it, and the class of a type token."""
    package, module, name = token.split(":")
    parts = [part for part in module.split("/") if part != "index"] or [name]
    if package == "kubernetes":
        parts = [part.partition(".")[0] for part in parts] + [name]
    else:
        parts[-1] = _WORD.sub("_", name if parts[-1].lower() == name.lower() else parts[-1]).lower()
        parts = [f"{part}_" if keyword.iskeyword(part) else part for part in parts]
    return package, parts, name


@functools.cache
def args_class(token: str) -> type[Any]:
    """Return the class of a resource's inputs; raise UnknownTypeError if the SDK has no such class.

    The class is called `<Resource>Args`, or `<Resource>InitArgs` if a nested type already has that name.
    """
    resource = resource_class(token)
    members, name = vars(sys.modules[resource.__module__]), resource.__name__
    cls = members.get(f"{name}InitArgs") or members.get(f"{name}Args")
    if cls is None:
        raise UnknownTypeError(f"the SDK declares no inputs for {token}")
    return cls


@functools.cache
def generated_secrets(token: str) -> Collection[str]:
    """Return the outputs of a type that are secrets which only the provider chooses, such as a private key.

    The SDK names the secret outputs of the provider's schema (pulumi/pulumi, pkg/codegen/python/gen.go:
    additional_secret_outputs). The program can set those of them that are inputs as well.
    """
    try:
        cls, inputs = resource_class(token), properties(args_class(token))
    except UnknownTypeError:  # The SDK has no class for a custom resource.
        return ()
    names = SECRET_OUTPUTS.search(inspect.getsource(vars(cls)["_internal_init"]))
    return {*json.loads(names[1])} - inputs.keys() if names else ()


@functools.cache
def computed_inputs(token: str) -> Collection[str]:
    """Return the optional inputs of a Terraform provider's type that have a value even if none is set.

    The generator of the SDK makes an output optional only if the provider does not compute it
    (pulumi/pulumi-terraform-bridge, pkg/tfgen/generate.go: variable.optional). It does not tell so for the
    properties inside of objects.
    """
    try:
        inputs, outputs = properties(args_class(token)), properties(resource_class(token))
    except (UnknownTypeError, ValueError):  # No type of the SDK, or not the form of a token.
        return ()
    return {
        name
        for name, prop in inputs.items()
        if not prop.required and name in outputs and outputs[name].required
    }


def provider_args(package: str) -> type[Any]:
    """Return the class of a provider's settings."""
    with LOADING:
        return cast(type[Any], importlib.import_module(f"pulumi_{package}").ProviderArgs)


@functools.cache
def properties(cls: type[Any]) -> Mapping[str, Property]:
    """Return the properties of an input, output or resource class, by their names in the engine."""
    # The hint `Input` refers to Output and to a type variable by name.
    namespace = {**vars(sys.modules[cls.__module__]), "Output": pulumi.Output, "T": Any}
    result: dict[str, Property] = {}
    for member in vars(cls).values():
        getter = getattr(member, "fget", None)
        name = getattr(getter, "_pulumi_name", None)
        if getter is not None and name is not None:
            with LOADING:
                hint = typing.get_type_hints(getter, globalns=namespace).get("return", Any)
            required = hint is Any or type(None) not in alternatives(hint)
            result[name] = Property(hint, required, documented_values(getter.__doc__ or ""))
    return result


@functools.cache
def maps(token: str) -> Collection[str]:
    """Return the inputs of a type that are objects with arbitrary keys, such as tags."""
    try:
        inputs = properties(args_class(token))
    except UnknownTypeError:  # The SDK has no class for a custom resource.
        return ()
    return {name for name, prop in inputs.items() if _is_map(prop.hint)}


def _is_map(hint: Any) -> bool:
    return nouns(hint) == "an object" and not any(map(is_object, value_hints(hint)))


def documented_values(doc: str) -> tuple[str, ...]:
    """Return the values that a docstring lists as the only allowed values."""
    if (
        "also valid" in doc
    ):  # The documentation of a topic subscription's protocol names further values later.
        return ()
    match = ENUMERATION.search(doc)
    values: list[str] = re.findall(QUOTED, match[1]) if match else []
    # The SDK's generator mistakes underscores for Markdown and writes stars: http*request*firewall*custom.
    return tuple(re.sub(r"(?<=\w)\*(?=\w)", "_", value) for value in values)


@functools.cache
def documented_defaults(token: str) -> Mapping[str, bool | float | str]:
    """Return the outputs of a type that may be missing, with their only default in the documentation.

    Such an output is not computed (see `computed_inputs`): if the program sets none, it has the provider's
    default. The documentation also has defaults of the API, with which the output is missing, such as the
    `deletionWindowInDays` of a KMS key (terraform-provider-aws, internal/service/kms/key.go). It does not
    tell the two apart. A default that does not fit the type is left out, as are those of lists and objects.
    """
    cls = resource_class(token)
    defaults: dict[str, bool | float | str] = {}
    for member in vars(cls).values():
        getter = getattr(member, "fget", None)
        name = str(getattr(getter, "_pulumi_name", ""))
        prop = properties(cls).get(name)
        if prop is None or prop.required:
            continue
        texts = {quoted or bare for quoted, bare in DOCUMENTED_DEFAULT.findall(getter.__doc__ or "")}
        value = _documented(texts.pop(), nouns(prop.hint)) if len(texts) == 1 else None
        if value is not None:
            defaults[name] = value
    return defaults


def _documented(text: str, kind: str) -> bool | float | str | None:
    """Return a value in the documentation as one of a type, by the noun for the type; None if it is none."""
    if kind == "a boolean":
        return {"true": True, "false": False}.get(text)
    if kind in ("a whole number", "a number"):
        return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None
    return text.strip('"') if kind == "a string" else None


def alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the alternatives of a hint; for Output[X | None] or Input[X | None], these are X and None."""
    if typing.get_origin(hint) is pulumi.Output:
        return alternatives(typing.get_args(hint)[0])
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return (hint,)
    # Input[X] is a union of X, Awaitable[X] and Output[X]; the latter two add no alternative.
    parts = [
        part for part in typing.get_args(hint) if typing.get_origin(part) not in (pulumi.Output, Awaitable)
    ]
    return tuple(alternative for part in parts for alternative in alternatives(part))


def value_hints(hint: Any) -> list[Any]:
    """Return the alternatives of a hint, without None and without duplicates."""
    return list(dict.fromkeys(option for option in alternatives(hint) if option is not type(None)))


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
    content = value
    while isinstance(content, Secret):
        content = map_items(content.value, Secret)  # The items of a secret are secret, too.
    # A review has a text in place of a boolean that only an account knows.
    if content is UNKNOWN or is_invented(content):
        return
    options = [option for option in value_hints(hint) if _fits(option, content)]
    if not options:
        yield f"{show_path(path)}: {show(value)}; {nouns(hint)} is required"
    elif isinstance(content, str) and allowed and content not in allowed:
        # A suggestion of similar values could reveal a secret value.
        is_secret = content is not value
        advice = f"allowed: {', '.join(allowed)}" if is_secret else suggest(content, allowed, quote=True)
        yield f"{show_path(path)}: {show(value)}, is not an allowed value; {advice}"
    else:
        # If several alternatives have the same type, the one with the fewest faults is probably intended.
        yield from min((list(_inner(option, allowed, content, path)) for option in options), key=len)


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


def is_invented(value: Any) -> bool:
    """Return True for a text that a review has in place of a value that no table describes."""
    return isinstance(value, str) and value.startswith(sentinels.INVENTED)


def is_object(hint: Any) -> bool:
    """Return True if a hint is a class of the SDK with properties."""
    return hasattr(hint, "_pulumi_input_type") or hasattr(hint, "_pulumi_output_type")


def nouns(hint: Any) -> str:
    """Return the nouns for the types that a hint allows, joined by "or"."""
    return " or ".join(dict.fromkeys(map(noun, value_hints(hint))))


def noun(option: Any) -> str:
    """Return the noun for the type that an alternative allows; "a value" means any type."""
    origin: Any = typing.get_origin(option) or option
    if is_object(origin):
        return "an object"
    if isinstance(origin, type):
        for base, text in NOUNS.items():
            if issubclass(origin, base):
                return text
    return "a value"


def _fits(option: Any, value: Any) -> bool:
    expected = noun(option)
    if expected == "a whole number":
        return isinstance(value, int) and not isinstance(value, bool)
    return expected in ("a value", kind(value))


def suggest(name: str, allowed: Mapping[str, Any] | Sequence[str], *, quote: bool = False) -> str:
    """Return a list of the allowed names for a message, preceded by the names most similar to `name`.

    At most ALLOWED_SHOWN allowed names are listed.
    """

    def listing(names: Sequence[str]) -> str:
        return ", ".join(f'"{name}"' if quote else name for name in names)

    names = sorted(allowed)
    closest = difflib.get_close_matches(name, list(allowed), n=3)
    more = f" … ({len(names)} in all)" if len(names) > ALLOWED_SHOWN else ""
    advice = f"allowed: {listing(names[:ALLOWED_SHOWN])}{more}"
    return f"closest: {listing(closest)}; {advice}" if closest else advice
