"""Providers whose plugin comes from an address from which the base has no plugin of this package."""

from collections.abc import Iterator

from review.model import Finding
from review.plain_data import as_text, is_map
from review.stacks.resources import INTERNAL, PROVIDERS, Resource
from review.stacks.stack import Stack

DOWNLOAD_URL = "pluginDownloadURL"
"""Key of the address among the engine's own settings of a provider; before, it was an input itself."""


def find_new_addresses(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each such provider with a finding, which blocks: a plugin is a program.

    The deployment starts the plugin with the credentials of the stack. If the base does not evaluate, no
    address is known.
    """
    known = {(old.type, _address(old)) for old in stack.old.values() if old.type.startswith(PROVIDERS)}
    for step in stack.steps.values():
        provider = step.new
        if not provider or not provider.type.startswith(PROVIDERS):
            continue
        address, before = _address(provider), _address(step.old) if step.old else ""
        # A new version of a package has a default provider of its own, with the address of the old one.
        if address and (provider.type, address) not in known:
            message = f"pluginDownloadURL is {address}; before: {before or 'that of the package'}"
            remedy = "Remove plugin_download_url, so that Pulumi downloads the plugin from its publisher"
            yield (
                provider.urn,
                stack.blocking_finding("plugin-from-new-address", provider, message, remedy),
            )


def _address(provider: Resource) -> str:
    """Return the address of a provider's plugin, or an empty string for that of the package."""
    internal = provider.inputs.get(INTERNAL)
    settings = provider.inputs | (internal if is_map(internal) else {})
    return as_text(settings.get(DOWNLOAD_URL)) or ""
