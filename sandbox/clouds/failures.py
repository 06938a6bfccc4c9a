"""Simulated failures of an API, for tests: latency, throttling, errors, lost connections and outages.

`PUT /_sandbox/failures` with a body such as {"kind": "outage", "seconds": 10} switches a failure on; the body
{} switches it off. GET returns the switches, and as `failed` the number of requests that have failed since
the last PUT.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.wrappers import Request, Response

PATH = "/_sandbox/failures"

STATUSES = {"throttle": 429, "error": 500, "outage": 503}


class Switches(BaseModel):
    """The settings of a simulated failure; by default, no request fails."""

    model_config = ConfigDict(extra="forbid", strict=True)

    latency: float = Field(default=0, ge=0, le=60)
    """Seconds by which each response is delayed, after the API has performed the request."""
    kind: Literal["throttle", "error", "reset", "outage"] | None = None
    """The failure: status 429 (throttle), status 500 (error), a connection reset, or status 503 (outage)."""
    retry_after: int = Field(default=1, ge=0)
    """Seconds in the Retry-After header of a 429."""
    seconds: float | None = Field(default=None, gt=0)
    """Duration of the failure in seconds; by default, it lasts until the switches are set again."""
    requests: int | None = Field(default=None, gt=0)
    """Number of requests that fail; by default, every request fails."""
    path: str = ""
    """A string that the path of a failing request contains; with a final `$`, the path ends with it."""

    def matches(self, path: str) -> bool:
        """Return True if the failure applies to a path."""
        return path.endswith(self.path[:-1]) if self.path.endswith("$") else self.path in path


class Failures:
    """A WSGI middleware that makes requests fail.

    The application's method `failure`, if there is one, builds the response body. Without this method,
    throttled requests get status 503, which the AWS clients of all services understand.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._failure_body: Callable[[int, str], Any] | None = getattr(app, "failure", None)
        self._lock = threading.Lock()
        self._switches, self._failed, self._until = Switches(), 0, float("inf")

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == PATH:
            return self._switch(Request(environ))(environ, start_response)
        with self._lock:
            switches = self._switches
            fails = self._count_failure(path)
        if not fails or switches.kind is None:
            response = self._app(environ, start_response)
            time.sleep(switches.latency)
            return response
        time.sleep(switches.latency)
        # Unread bytes would remain in the connection, which the client reuses.
        Request(environ).get_data()
        if switches.kind == "reset":
            _reset(environ)
        kind = "outage" if switches.kind == "throttle" and not self._failure_body else switches.kind
        status = STATUSES[kind]
        headers = {"Retry-After": str(switches.retry_after)} if switches.kind == "throttle" else {}
        content = ""
        if self._failure_body:
            content = json.dumps(self._failure_body(status, f"failure on demand: {switches.kind}"))
        return Response(content, status, headers, mimetype="application/json")(environ, start_response)

    def _count_failure(self, path: str) -> bool:
        """Return True, and count the failure, if a request with this path must fail."""
        switches = self._switches
        is_used_up = switches.requests is not None and self._failed >= switches.requests
        if switches.kind is None or is_used_up or time.monotonic() > self._until:
            return False
        if not switches.matches(path):
            return False
        self._failed += 1
        return True

    def _switch(self, request: Request) -> Response:
        """Set the switches if the request is a PUT; return the current switches.

        Invalid switches get status 400 and the list of their faults.
        """
        if request.method == "PUT":
            try:
                switches = Switches.model_validate_json(request.get_data())
            except ValidationError as error:
                return Response(error.json(include_url=False), 400, mimetype="application/json")
            with self._lock:
                self._switches, self._failed = switches, 0
                self._until = time.monotonic() + (switches.seconds or float("inf"))
        content = json.dumps(self._switches.model_dump() | {"failed": self._failed})
        return Response(content, mimetype="application/json")


def _reset(environ: Any) -> None:
    """End the client's connection with a TCP reset, and always raise ConnectionResetError.

    The end of input lets the server close the connection, and a linger time of 0 makes this a reset.
    """
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RD)
    raise ConnectionResetError("failure on demand: reset")
