"""Checks of synthetic API tests (docs.datadoghq.com/api/latest/synthetics)."""

from collections.abc import Iterator

from sandbox.wire.request_bodies.parts import Part
from sandbox.wire.values import Json

HEADER_NAME = r"^(:(authority|method|path|scheme)|[!#$%&'*+.^_`|~0-9A-Za-z-]+)$"
HEADER_VALUE = r"^[^\x00-\x08\x0a-\x1f\x7f-\x9f]*$"
"""The patterns of headers (terraform-provider-datadog, validators.ValidateHttpRequestHeader)."""


def faults(test: Json) -> Iterator[str]:
    """Yield the faults of a synthetic test."""
    whole = Part(test)
    config, options = whole["config"], whole["options"]
    yield from whole["locations"].has_length(1)
    yield from config.needs("assertions")
    yield from config["assertions"].has_length(1)
    yield from options.needs("tick_every")
    yield from options["retry.count"].within(0, 5)
    yield from options["retry.interval"].within(0, 5000)
    if whole["subtype"].may_be("http"):
        yield from config["request"].needs("method", "url")
    elif whole["subtype"].value in ("ssl", "tcp"):
        yield from config["request"].needs("host", "port")
    headers = config["request.headers"]
    for name in headers.members:
        yield from Part(name, headers.path).matches(HEADER_NAME, "invalid name of a header")
    for value in headers.items:
        message = "the value of a header must be one line without control characters"
        yield from value.matches(HEADER_VALUE, message)
