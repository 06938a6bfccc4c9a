"""Changed settings of providers, with what is known of their effects on the provider's resources."""

from collections.abc import Collection

from review.stacks.resources import PROVIDERS, Resource
from sandbox.providers.server import known_packages
from sandbox.providers.target import Package


def replaced_settings(old: Resource, new: Resource) -> list[str]:
    """Return the changed settings of a provider that lead to another place, which has none of its resources.

    The resources have the provider `old` in the base and `new` in the head. The URNs may differ.
    """
    package = _package(new)
    return [*package.replaced_settings(old.values, new.values)] if package else []


def unexplained_settings(old: Resource, new: Resource) -> list[str]:
    """Return the changed settings of a provider whose effect on its resources nobody has described."""
    package = _package(new)
    return [*package.unexplained_settings(old.values, new.values)] if package else []


def tagging_settings(provider: Resource | None) -> Collection[str]:
    """Return the settings of a provider that change the tags of its resources, and not where they are."""
    package = _package(provider) if provider else None
    return package.tagging_settings() if package else ()


def _package(provider: Resource) -> Package | None:
    return known_packages().get(provider.type.removeprefix(PROVIDERS))
