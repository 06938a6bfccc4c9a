"""The registry of the AWS behaviour that moto lacks: refusals, emulations, completions and side effects."""

from collections.abc import Callable
from typing import TypeVar

from werkzeug.wrappers import Response

from sandbox.clouds.aws.records import Family
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.registry import Registry
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

Emulation = TypeVar("Emulation", bound=Callable[[AwsRequest], Json | Response])

REGISTRY: Registry[AwsRequest] = Registry()
refuses = REGISTRY.refuses
completes = REGISTRY.completes
follows = REGISTRY.follows

PRECONDITIONS: dict[str, Callable[[AwsRequest], None]] = {}
"""The check of the existing records that precedes the refusals, by emulated operation."""


def emulates(
    *operations: str, creates: Family | None = None, needs: Family | None = None, within: Family | None = None
) -> Callable[[Emulation], Emulation]:
    """Register a function that performs the operations and returns the response.

    Before the refusals of the operation are tried, a request is refused:

    - `creates`: if the record exists, or a parent record does not
    - `needs`: if the record or a parent record does not exist; the record is the request's `record`
    - `within`: if a parent record does not exist; the request's `record` is empty if there is no record
    """

    def check(request: AwsRequest) -> None:
        for family in filter(None, (creates, needs, within)):
            for parent in family.parents:
                name = parent.key(request)
                if name not in request.records.of(request.region, parent):
                    raise parent.not_found(f"name: {name}")
            key = family.key(request)
            record = request.records.of(request.region, family).get(key)
            if family is needs and record is None:
                raise family.not_found(key)
            if family is creates and record is not None:
                raise ErrorResponse(409, f"{family.name} already exists: {key}", family.taken)
            request.record = record or {}

    def register(function: Emulation) -> Emulation:
        PRECONDITIONS.update(dict.fromkeys(operations, check))
        return REGISTRY.emulates(*operations)(function)

    return register
