"""Facts about resource types, from each package's resource_types.toml."""

import functools
import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sandbox.wire.values import Json, map_items


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """The facts about a resource type. Templates contain names of `TemplateVariables` in braces."""

    replaced_by: tuple[str, ...] = ()
    """The paths of properties that cannot be changed in place."""
    id: str = "{hex32}"
    """The template for the ID."""
    name: str = "name"
    """The property with the physical name. If it is optional and not set, the provider generates a name."""
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The outputs that the API adds. Those of the row "*" apply to each type with an output of that name."""


@functools.cache
def table(package: str) -> Json:
    """Return the content of a package's resource_types.toml; empty for a package without one.

    A program chooses the package of a token, which therefore may have the form of a path.
    """
    file = Path(__file__).parent / package / "resource_types.toml"
    return tomllib.loads(file.read_text()) if package.isidentifier() and file.is_file() else {}


def is_described(token: str) -> bool:
    """Return True if a package's table has a row for a type."""
    return token in table(token.partition(":")[0])


@functools.cache
def resource_type(token: str) -> ResourceType:
    """Return the facts about a type, including those in the package's row "*" for every type."""
    rows = table(token.partition(":")[0])
    common, own = (cast(Json, rows.get(name, {})) for name in ("*", token))
    replaced_by = (*common.get("replaced_by", ()), *own.get("replaced_by", ()))
    row: Json = {**common, **own, "replaced_by": replaced_by, "outputs": own.get("outputs", {})}
    return ResourceType(**row)


DIGITS = re.compile(r"uuid|(hex|HEX|dec)(\d+)(_\w+)?")
"""Pattern of the variables that no input sets."""


class TemplateVariables(dict[str, Any]):
    """The variables for templates.

    {hexN}, {HEXN} and {decN} are N digits of the seed's hash. {hexN_word} and so on are digits of another
    hash of the seed, for a second output that an account chooses independently. {uuid} is a UUID made from
    the hash. A template that is only {numberN} is a number, a 1 with N more digits. Any other variable is an
    input that the program does not set: `invent` returns the value that the API chooses for it. Inputs with
    the names of digits, which a custom resource of Kubernetes may have, are no variables.
    """

    def __init__(
        self, values: Mapping[str, Any], seed: str, invent: Callable[[str], str] = lambda name: ""
    ) -> None:
        super().__init__({name: value for name, value in values.items() if not DIGITS.fullmatch(name)})
        self._seed = seed
        self._invent = invent

    def __missing__(self, key: str) -> str:
        if key == "uuid":
            digest = digits(self._seed, 32)
            return "-".join((digest[:8], digest[8:12], f"4{digest[13:16]}", f"a{digest[17:20]}", digest[20:]))
        match = DIGITS.fullmatch(key)
        if match is None:
            return self._invent(key)
        digest = digits(self._seed + (match[3] or ""), int(match[2]))
        if match[1] == "HEX":
            return digest.upper()
        if match[1] == "dec":
            return "".join(str(int(digit, 16) % 10) for digit in digest)
        return digest

    def fill(self, template: Any) -> Any:
        """Fill in a template, or an object or list of templates."""
        if isinstance(template, str):
            if match := re.fullmatch(r"\{number(\d+)\}", template):
                return int(f"1{self[f'dec{match[1]}']}")
            return template.format_map(self)
        return map_items(template, self.fill)


def digits(text: str, length: int) -> str:
    """Return the first `length` hexadecimal digits of a string's SHA-256 hash, at most 64."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]
