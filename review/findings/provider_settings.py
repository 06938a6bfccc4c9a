"""Changed settings of providers whose effect on the providers' resources is unknown."""

from collections.abc import Iterator

from review.model import Finding
from review.stacks.stack import Stack
from sandbox.progress import name_of


def find_unexplained(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each provider with such settings, and a finding, which blocks.

    A setting can lead to another account, organization or server, which has none of the resources. A review
    knows neither the account nor its credentials. If resources move from one provider to another, the
    settings of the two are compared, and the finding is about the new provider.
    """
    for urn, names in sorted(stack.head.unexplained.items() if stack.head else ()):
        provider = stack.resources.get(urn) or name_of(urn)
        message = (
            f"{', '.join(sorted(names))}: the review does not know what this change means for the "
            "provider's resources, for example whether they stay in the same account"
        )
        remedy = "Undo the change of the provider"
        yield urn, stack.blocking_finding("provider-setting-changed", provider, message, remedy)
