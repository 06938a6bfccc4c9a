"""Values in a stack file that commands set: image, migration flag, and PostgreSQL's version."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from components.common.image_reference import parse_image_reference
from operations.lib.command_line import ROOT
from operations.lib.errors import FailedError, RefusedError


def path(stack: str) -> Path:
    return ROOT / f"Pulumi.{stack}.yaml"


def image(text: str) -> str:
    """Return `pipe:api.image` of a stack file's text."""
    return str(_scalar(text, "pipe:api", "image").value)


def migrates(text: str) -> bool:
    """Return `pipe:api.migrate` of a stack file: False while the database keeps a newer version's schema."""
    return _scalar(text, "pipe:api", "migrate").value != "false"


def with_image(text: str, new: str, *, migrate: bool = True) -> str:
    """Return a stack file's text with another image and migration flag, and otherwise unchanged."""
    for key, value in (("image", new), ("migrate", str(migrate).lower())):
        text = _with_scalar(text, "pipe:api", key, value)
    return text


def engine_version(text: str) -> str:
    """Return `pipe:database.engineVersion` of a stack file's text."""
    return str(_scalar(text, "pipe:database", "engineVersion").value)


def with_engine_version(text: str, version: str) -> str:
    """Return a stack file's text with another major version of PostgreSQL, and otherwise unchanged."""
    return _with_scalar(text, "pipe:database", "engineVersion", f'"{version}"')


def _with_scalar(text: str, topic: str, key: str, value: str) -> str:
    """Return the text with another value; refuse a text in which this changes more than the value.

    For example, the rest of the file may refer to an anchor of the former value.
    """
    node = _scalar(text, topic, key)
    new = text[: node.start_mark.index] + value + text[node.end_mark.index :]
    expected = yaml.load(text, yaml.BaseLoader)
    expected["config"][topic][key] = value.strip('"')
    try:
        is_expected = yaml.load(new, yaml.BaseLoader) == expected
    except yaml.YAMLError:
        is_expected = False
    if not is_expected:
        raise RefusedError(
            f"{topic}.{key} of the stack file cannot be replaced: write `{key}: VALUE` in a line of its own,"
            " without an anchor, an alias, or text in several lines"
        )
    return new


def without_set_values(text: str) -> Any:
    """Return a stack file's content without the values that commands set: image, migration flag, secrets."""
    return _without_secrets(yaml.load(with_image(text, "image"), yaml.BaseLoader))


def _without_secrets(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    pairs = cast(dict[str, Any], node)
    return {key: "" if key == "secure" else _without_secrets(value) for key, value in pairs.items()}


def _scalar(text: str, topic: str, last: str) -> yaml.ScalarNode:
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise RefusedError(f"the stack file cannot be read: {error}") from error
    for key in ("config", topic, last):
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        node = next((value for name, value in pairs if name.value == key), None)
    if not isinstance(node, yaml.ScalarNode):
        raise RefusedError(f"the stack file has no {topic}.{last}")
    return node


def repository(image: str) -> str:
    """Return an image's registry and repository name, without tag and digest."""
    return parse_image_reference(image).repository


def own_repository(text: str, settings: Mapping[str, Any]) -> str:
    """Return the repository of a stack file's image; refuse one outside the registry of the stacks.

    Nodes pull images from the registry in the shared account and the stack's region, where images are also
    scanned and signed.
    """
    service, name = settings["service"], repository(image(text))
    registry = f"{service['sharedAccount']}.dkr.ecr.{service['region']}.amazonaws.com"
    if name.partition("/")[0] != registry:
        raise RefusedError(
            f"pipe:api.image is {image(text)}, but the registry of the stacks is {registry}: push the"
            " image there, and set pipe:api.image to the pushed image"
        )
    return name


def version(image: str) -> str:
    """Return an image's tag, or 12 digits of its digest if it has no tag."""
    return parse_image_reference(image).version


def is_version(image: str, text: str) -> bool:
    """Return True if `text` is the image's tag, such as `1.4.0`, or identifies its digest.

    The first 7 hexadecimal digits of a digest, or more, identify it, with or without `sha256:`.
    """
    digits = text.removeprefix("sha256:")
    digest = parse_image_reference(image).digest
    return version(image) == text or (len(digits) >= 7 and digest.startswith(digits))


def checked_version(text: str) -> str:
    """Return the version if registries allow it as a tag; otherwise refuse it."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", text) or text == "latest":
        raise RefusedError(f"--version {text} is not allowed; give a tag such as 1.4.0, but not latest")
    return text


def write(stack: str, new: str, *, migrate: bool) -> None:
    """Write an image and the migration flag into a stack file."""
    file = path(stack)
    text = with_image(file.read_text(), new, migrate=migrate)
    if image(text) != new:
        raise FailedError(f"the image {new!r} could not be written into {file.name}")
    file.write_text(text)
