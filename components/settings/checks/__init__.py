"""What no single value can say: which values of a stack file do not go together."""

from collections.abc import Iterator

from components.settings.checks import aws, edge, kubernetes, monitoring, network
from components.settings.errors import Fault
from components.settings.stack import Settings

CHECKS = (*network.CHECKS, *aws.CHECKS, *kubernetes.CHECKS, *edge.CHECKS, *monitoring.CHECKS)


def check(settings: Settings, *, partial: bool) -> Iterator[Fault]:
    """The faults that the checks find; of partial settings, as far as they go.

    A value that is faulty itself is absent from partial settings, so reading it raises AttributeError: then
    that check ends, and no other.
    """
    for each in CHECKS:
        try:
            yield from each(settings)
        except AttributeError:
            if not partial:
                raise
