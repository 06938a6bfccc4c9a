"""Error responses, JSON bodies and values that the local APIs share."""

import random
from datetime import UTC, datetime
from typing import Any, cast

from werkzeug.wrappers import Request

from sandbox.wire.values import Json, map_items


class ErrorResponse(Exception):
    """An error response of an API. `code` is the API's own code; 0 if the API has no codes."""

    def __init__(self, status: int, message: str, code: int | str = 0) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


def random_number(digits: int) -> int:
    """Return a random number with that many digits."""
    return random.randrange(10 ** (digits - 1), 10**digits)


def read_body(request: Request) -> Json:
    """Return the JSON object in a request, without null members, since null means absent.

    Raise ErrorResponse if the body is not a JSON object.
    """
    content: Any = request.get_json(force=True, silent=True)
    if not isinstance(content, dict):
        raise ErrorResponse(400, "the body is not a JSON object", 9207)
    return without_null(content)


def without_null(value: Any) -> Any:
    """Return the value without null members, at any depth."""
    if isinstance(value, dict):
        value = {key: item for key, item in cast(Json, value).items() if item is not None}
    return map_items(value, without_null)


def timestamp() -> str:
    """Return the current time in UTC in ISO 8601, such as `2026-01-31T09:00:00.000000Z`."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
