"""The secrets of a review: random values of settings, computed outputs, and literals of the program.

The values are not those of an account, so a report may show the part of a secret that the program chose.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from review.plain_data import as_text, build_mask, is_list, is_map, path_of
from review.stacks.resources import Resource
from review.stacks.value_parts import leaves
from sandbox.summary import MASK

Steps = tuple[str, ...]
"""The keys and indexes that lead to a value."""

SECRET = " (secret)"
"""End of a shown secret, in which every random or computed part is masked."""


def reveal(resource: Resource, secrets: Mapping[Steps, Any], sources: Iterable[str]) -> None:
    """Show the secret inputs of a resource as far as the program chose them.

    `secrets` are their values, and `sources` the random and the computed texts of which they may consist. A
    secret without such a part stays masked. It gets into the resource's `literals`, by its path, as does one
    that no provider has recorded.
    """
    values = (value for name, content in resource.inputs.items() for _, value in leaves(name, content))
    if MASK not in values:
        return  # A mask takes time.
    shown = _Shown(secrets, build_mask(sources), resource.literals)
    for name, content in resource.inputs.items():
        resource.inputs[name] = shown.value(content, name, (name,))


@dataclass(frozen=True)
class _Shown:
    secrets: Mapping[Steps, Any]
    mask: Callable[[str], str]
    literals: dict[str, str]
    """Collects the secrets without a masked part, by path."""

    def value(self, value: Any, path: str, steps: Steps) -> Any:
        """Return a value in which each secret is shown."""
        if value == MASK:
            return self._secret(self.secrets.get(steps, MASK), path)
        if is_map(value):
            return {key: self.value(item, path_of(path, key), (*steps, key)) for key, item in value.items()}
        if is_list(value):
            items = enumerate(value)
            return [self.value(item, f"{path}[{index}]", (*steps, str(index))) for index, item in items]
        return value

    def _secret(self, value: Any, path: str) -> Any:
        if is_map(value):
            return {key: self._secret(item, path_of(path, key)) for key, item in value.items()}
        if is_list(value):
            return [self._secret(item, f"{path}[{index}]") for index, item in enumerate(value)]
        text = as_text(value) or ""
        masked = self.mask(text)
        if masked == text and text:
            self.literals[path] = text
        return MASK if masked in (text, MASK) else f"{masked}{SECRET}"
