"""The secrets of a review: random values of settings, generated outputs, and literals of the program.

The values are not those of an account, so a report may show the part of a secret that the program chose.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from review.plain_data import (
    PATH_STEP,
    SECRET,
    as_text,
    build_mask,
    decode_bytes,
    decode_key,
    is_list,
    is_map,
    mark_own,
    path_of,
)
from review.stacks.assets import Assets
from review.stacks.resources import KUBERNETES_SECRET, SECRET_FORMS, Json, Resource, Unignored
from review.values.ignored_changes import is_ignored
from review.values.secret_marks import SecretMarks, without_marks
from sandbox.summary import LATER, MASK, masked
from sandbox.wire import sentinels
from sandbox.wire.values import without_nulls

Steps = tuple[str, ...]
"""The keys and indexes that lead to a value."""

OUTPUT = "output"
"""First word of the path of an output."""

LEAST_TEXT = 0.75
"""Smallest share of ASCII in a text. Of the bytes that a random text encodes, 97 of 256 are."""


def reveal(
    resource: Resource,
    secrets: Mapping[Steps, Any] | None,
    sources: Iterable[str],
    outputs: Iterable[str],
    marks: SecretMarks,
    declared: Json | None = None,
    computed: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Show the secret inputs of a resource, except for the parts that are real secrets.

    `secrets` are their values, or None if no provider has recorded the inputs. `sources` are the real
    secrets, random or generated, and `outputs` the other texts of the resources on which this one depends. A
    secret that contains neither as a whole stays masked. It gets into the resource's `literals`, by its path.
    `marks`, which are those of the stack, tell masked secrets apart. `declared` are the program's inputs in
    the form of the engine, if it ignores changes. `computed` has the keys of a Kubernetes Secret whose texts
    the program computes from a secret. These stay masked, or only the hashes in them if there are any.
    """
    if secrets is not None:
        secrets = {
            steps: masked(resource.assets.collect(value, is_secret=True), mark_own)
            for steps, value in secrets.items()
        }
    hashes = {path_of(form, key): texts for form in SECRET_FORMS for key, texts in (computed or {}).items()}
    shown = _Shown(sources, outputs, marks, hashes)

    def find(steps: Steps) -> Any:
        # A text of the program may equal the mask. Only a provider knows which of them are secrets.
        return MASK if secrets is None else secrets.get(steps, mark_own(MASK))

    def show(path: str, steps: Steps) -> Any:
        value = find(steps)
        if secrets is not None and steps not in secrets:
            return value
        return shown.secret(_content(resource, steps[0], value), path, resource.literals)

    inputs = resource.inputs.items()
    values = {name: _unmask(value, name, (name,), lambda _, steps: find(steps)) for name, value in inputs}
    resource.values = without_nulls(values)
    resource.marked = {name: _unmask(value, name, (name,), show) for name, value in inputs}
    resource.inputs = without_marks(resource.marked)
    if declared is not None:
        _open_declared(resource, declared, shown)


def open_outputs(component: Resource, outputs: Json, invented: Iterable[str], marks: SecretMarks) -> None:
    """Give a component the outputs that it registers, in the engine's form, with masks in place of secrets.

    A secret with neither a real secret nor a text that the review has `invented` gets into its `literals`.
    """

    def show(secret: Any, path: str) -> Any:
        if secret == LATER:
            return secret
        text = as_text(secret) or ""
        if component.mark_secrets(text) == text and not any(other in text for other in invented):
            component.literals[output_path(path)] = secret
        return marks.mask(secret)

    component.outputs = _open(outputs, "", component.assets, show)


def stack_outputs(outputs: Json, tree: Path, marks: SecretMarks) -> Json:
    """Return the outputs that the stack registers, in the engine's form, with masks in place of secrets."""

    def show(secret: Any, _path: str) -> Any:
        return secret if secret == LATER else marks.mask(secret)

    return _open(outputs, "", Assets(tree), show)


def output_path(path: str) -> str:
    """Return the path at which a report shows an output of a stack or a component."""
    return f"{OUTPUT} {path}"


def _open_declared(resource: Resource, declared: Json, shown: "_Shown") -> None:
    """Give a resource the inputs without ignored changes, and its literals those among them."""
    literals: Json = {}

    def show(secret: Any, path: str) -> Any:
        return shown.secret(_content(resource, _names(path)[0], secret), path, literals)

    marked = _open(declared, "", resource.assets, show)
    values = _open(declared, "", resource.assets, lambda secret, _: secret)
    resource.unignored = Unignored(marked, values)
    resource.literals |= {
        path: value for path, value in literals.items() if is_ignored(resource.options, _names(path))
    }


def _content(resource: Resource, name: str, secret: Any) -> Any:
    """Return a secret in an input with this name, without the base64 of a Kubernetes Secret."""
    is_encoded = resource.type == KUBERNETES_SECRET and name == "data"
    return masked(secret, decode_base64) if is_encoded else secret


def _open(value: Any, path: str, assets: Assets, show: Callable[[Any, str], Any]) -> Any:
    """Return a value in the engine's form as a report has it, with the result of `show` for each secret."""
    if is_map(value) and value.get(sentinels.SIGNATURE) == sentinels.SECRET:
        secret = assets.collect_declared(value.get("value"), is_secret=True)
        return show(masked(secret, mark_own), path)
    if is_map(value) and sentinels.SIGNATURE not in value:
        return {key: _open(item, path_of(path, key), assets, show) for key, item in value.items()}
    if is_list(value):
        return [_open(item, f"{path}[{index}]", assets, show) for index, item in enumerate(value)]
    return masked(assets.collect_declared(value), mark_own)


def _names(path: str) -> list[str]:
    """Return the names and indices in a path of `path_of`."""
    return [index or name or decode_key(key) for key, index, name in PATH_STEP.findall(path)]


def find_masked(provider: Resource, configured: Json | None) -> dict[Steps, Any] | None:
    """Return the secret inputs of a provider by the keys that lead to them; None if nobody recorded any.

    The `configured` inputs are those without marks, so the masks of the state tell which of them are secret.
    What the record lacks stays masked.
    """
    if configured is None:
        return None
    secrets: dict[Steps, Any] = {}

    def collect(_path: str, steps: Steps) -> str:
        secrets[steps] = _value_at(configured, steps)
        return MASK

    _unmask(provider.inputs, "", (), collect)
    return secrets


def _value_at(inputs: Json, steps: Steps) -> Any:
    """Return the value to which keys and indexes lead, or MASK if there is none."""
    value: Any = inputs
    for step in steps:
        if is_map(value) and step in value:
            value = value[step]
        elif is_list(value) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MASK
    return value


def decode_base64(text: str) -> str:
    """Return the text that a base64 text encodes; the text itself if that could be the base64 of another."""
    with suppress(ValueError):
        content = base64.b64decode(text, validate=True)
        decoded = decode_bytes(content)
        is_canonical = base64.b64encode(content).decode() == text
        if is_canonical and _is_text(content) and not _is_base64(decoded):
            return decoded
    return text


def _is_text(content: bytes) -> bool:
    """Return True for UTF-8, and for a text in which a few bytes are none: they must not hide the others."""
    with suppress(UnicodeDecodeError):
        content.decode()
        return True
    count = sum(byte < 128 and (chr(byte).isprintable() or chr(byte).isspace()) for byte in content)
    return count >= LEAST_TEXT * len(content)


def _is_base64(text: str) -> bool:
    """Return True for base64. Kubernetes ignores line breaks in it (Go, encoding/base64: Decode)."""
    with suppress(ValueError):
        base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
        return True
    return False


def _unmask(value: Any, path: str, steps: Steps, show: Callable[[str, Steps], Any]) -> Any:
    """Return a value with the result of `show` in place of each mask."""
    if value == MASK:
        return show(path, steps)
    if is_map(value):
        return {key: _unmask(item, path_of(path, key), (*steps, key), show) for key, item in value.items()}
    if is_list(value):
        items = enumerate(value)
        return [_unmask(item, f"{path}[{index}]", (*steps, str(index)), show) for index, item in items]
    return value


@dataclass(frozen=True)
class _Shown:
    sources: Iterable[str]
    outputs: Iterable[str]
    marks: SecretMarks
    hashes: Mapping[str, Sequence[str]]

    @cached_property
    def mask(self) -> Callable[[str], str]:
        """The function that masks the real secrets in a text, with marks."""
        return build_mask(self._secrets, self.marks.mask)

    @cached_property
    def _mask_whole(self) -> Callable[[str], str]:
        """The function that masks the real secrets and the other outputs, but no parts of them."""
        return build_mask([*self._secrets, *self.outputs], parts=False)

    @cached_property
    def _secrets(self) -> Sequence[str]:
        return [*self.sources]

    def secret(self, value: Any, path: str, literals: Json) -> Any:
        """Return a secret as the report shows it, with marks.

        `literals` get the secrets without a masked or computed part, by path, and those that the program
        computes from a secret.
        """
        if is_map(value) and value:
            return {key: self.secret(item, path_of(path, key), literals) for key, item in value.items()}
        if is_list(value) and value:
            return [self.secret(item, f"{path}[{index}]", literals) for index, item in enumerate(value)]
        hashes = self.hashes.get(path)
        if isinstance(value, str) and hashes != []:
            shown = (
                build_mask([*self._secrets, *hashes], self.marks.mask)(value) if hashes else self.mask(value)
            )
            if value == LATER or without_marks(shown) == MASK != value:
                return shown
            if self._mask_whole(value) != value:
                return f"{shown}{SECRET}"
        literals[path] = value
        return self.marks.mask(value)
