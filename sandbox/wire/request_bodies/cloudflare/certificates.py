"""Checks of requests for certificates (developers.cloudflare.com/ssl/origin-configuration/origin-ca)."""

from collections.abc import Iterator

from sandbox.wire.request_bodies.parts import Part
from sandbox.wire.values import Json

HOST = r"^(\*\.)?([\w-]{1,63}\.)+[a-zA-Z][\w-]{0,62}$"


def faults(certificate: Json) -> Iterator[str]:
    """Yield the faults of the host names of a certificate."""
    hostnames = Part(certificate)["hostnames"]
    yield from hostnames.has_length(1, 200)
    for host in hostnames.items:
        yield from host.matches(
            HOST, "must be a host name of two or more labels, or a wildcard such as *.example.com"
        )
