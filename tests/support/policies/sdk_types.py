"""Types of the installed SDKs: the inputs of every type, and the AWS types with tags."""

import importlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pulumi_aws
import pulumi_cloudflare
import pulumi_datadog
import pulumi_kubernetes
from pulumi import CustomResource
from pulumi._types import input_type_types, resource_types

SDK = Path(pulumi_aws.__file__).parent
_PACKAGES = (pulumi_aws, pulumi_kubernetes, pulumi_cloudflare, pulumi_datadog)
_TOKEN = re.compile(r"super\(\w+, __self__\)\.__init__\(\s*'([\w.-]+:[^']*:\w+)'")
_ARGUMENT = re.compile(r"^                 (\w+): (pulumi\.Input\[.*)$", re.MULTILINE)
_TAGS = re.compile(r"^                 tags: pulumi\.Input\[Optional\[Mapping\[str", re.MULTILINE)


def taggable() -> Iterator[str]:
    """Yield the AWS types with a map of tags."""
    for file in sorted(SDK.rglob("*.py")):
        text = file.read_text()
        match = _TOKEN.search(text)
        if match and _TAGS.search(text):
            yield match[1]


def aws_arguments() -> Iterator[tuple[str, str, str]]:
    """Yield the AWS types with the names and annotations of their arguments, without an import."""
    for file in sorted(SDK.rglob("[!_]*.py")):
        text = file.read_text()
        if match := _TOKEN.search(text):
            signature = text.partition("resource_name: str,")[2].partition("__props__=None")[0]
            for name, annotation in _ARGUMENT.findall(signature):
                yield match[1], name, annotation


_BOOLEAN = re.compile(r"^ +:param pulumi\.Input\[_builtins\.bool\] (\w+): (.*)$", re.MULTILINE)
_DEFAULT = re.compile(r"\bdefaults?(?: value)?(?: is| to|:)? `?(true|false)\b", re.IGNORECASE)
_DEFAULT_OF_CLASS = re.compile(r"The default value for `(\w+)` is `(true|false)`")


def documented_defaults(tokens: Collection[str]) -> Iterator[tuple[str, str, frozenset[bool]]]:
    """Yield the boolean arguments of these AWS types, with the defaults that their documentation states."""
    for file in sorted(SDK.rglob("[!_]*.py")):
        text = file.read_text()
        match = _TOKEN.search(text)
        if match is None or match[1] not in tokens:
            continue
        defaults = defaultdict[str, set[bool]](set)
        signature = text.partition("resource_name: str,")[2].partition("__props__=None")[0]
        for name, annotation in _ARGUMENT.findall(signature):
            if "bool" in annotation:
                defaults[name] = set()
        for name, description in [*_BOOLEAN.findall(text), *_DEFAULT_OF_CLASS.findall(text)]:
            stated = [description] if description in ("true", "false") else _DEFAULT.findall(description)
            if name in defaults:
                defaults[name].update(value.lower() == "true" for value in stated)
        for name, values in defaults.items():
            yield match[1], re.sub(r"_(\w)", lambda part: part[1].upper(), name), frozenset(values)


@cache
def _modules() -> dict[str, str]:
    """Return the name of the module with each type's class, by type."""
    modules: dict[str, str] = {}
    for package in _PACKAGES:
        root = Path(str(package.__file__)).parent
        for file in root.rglob("[!_]*.py"):
            if match := _TOKEN.search(file.read_text()):
                place = file.relative_to(root).with_suffix("").parts
                modules[match[1]] = ".".join((package.__name__, *place))
    return modules


@cache
def inputs(token: str) -> Mapping[str, Any] | None:
    """Return the input types of a resource type, by name in Pulumi; None if the SDK lacks the type."""
    kinds = [kind for name, kind in _classes(token).items() if name.endswith("Args")]
    return properties(*kinds) if kinds else None


@cache
def outputs(token: str) -> frozenset[str]:
    """Return the names of the outputs of a resource type in Pulumi; none if the SDK lacks the type."""
    kinds = [kind for kind in _classes(token).values() if issubclass(kind, CustomResource)]
    return frozenset(name for kind in kinds for name in ("id", "urn", *resource_types(kind)))


def _classes(token: str) -> dict[str, type]:
    """Return the classes of the module with a resource type, by name."""
    name = _modules().get(token)
    members = vars(importlib.import_module(name)) if name else {}
    return {
        key: member
        for key, member in members.items()
        if isinstance(member, type) and member.__module__ == name
    }


@cache
def properties(kind: type) -> Mapping[str, Any]:
    """Return the property types of an input type of the SDK, by property name in Pulumi."""
    return input_type_types(kind)
