"""Switches that make an API fail, for tests: slow, throttled, broken, cut off, or gone for a while.

`PUT /_sandbox/failures` with {"kind": "outage", "seconds": 10} sets them, {} ends all. GET reads them,
and how many requests have `failed` since.
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
    """The kind of failure of the next requests; by default they do not fail."""

    model_config = ConfigDict(extra="forbid", strict=True)

    latency: float = Field(default=0, ge=0, le=60)  # seconds by which each answer is late
    kind: Literal["throttle", "error", "reset", "outage"] | None = None
    """429, 500, the connection cut off, or 503."""
    retry_after: int = Field(default=1, ge=0)  # seconds in the Retry-After of a 429
    seconds: float | None = Field(default=None, gt=0)  # for how long they fail; None: until told otherwise
    requests: int | None = Field(default=None, gt=0)  # how many fail; None: all
    path: str = ""
    """Only requests with a path that holds this fail; with `$` at the end, only those whose path ends so."""

    def matches(self, path: str) -> bool:
        """Return whether a request of this path fails."""
        return path.endswith(self.path[:-1]) if self.path.endswith("$") else self.path in path


class Failures:
    """WSGI middleware; the application's `failure` tells the body, if it has one.

    Without it, being throttled is a 503, too: AWS's clients understand that of all of its services.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._failure: Callable[[int, str], Any] | None = getattr(app, "failure", None)
        self._lock = threading.Lock()
        self._set, self._failed, self._until = Switches(), 0, float("inf")

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            return self._switch(Request(environ))(environ, start_response)
        with self._lock:
            now = self._set
            fails = self._fails(environ["PATH_INFO"])
        time.sleep(now.latency)
        if not fails or now.kind is None:
            return self._app(environ, start_response)
        Request(environ).get_data()  # the connection is used again: no byte may stay in it
        if now.kind == "reset":
            _reset(environ)
        status = STATUSES["outage" if now.kind == "throttle" and not self._failure else now.kind]
        after = {"Retry-After": str(now.retry_after)} if now.kind == "throttle" else {}
        said = f"the sandbox was told to fail: {now.kind}"
        text = json.dumps(self._failure(status, said)) if self._failure else ""
        return Response(text, status, after, mimetype="application/json")(environ, start_response)

    def _fails(self, path: str) -> bool:
        now = self._set
        over = time.monotonic() > self._until or (now.requests and self._failed >= now.requests)
        if now.kind is None or not now.matches(path) or over:
            return False
        self._failed += 1
        return True

    def _switch(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                wanted = Switches.model_validate_json(request.get_data())
            except ValidationError as error:
                return Response(error.json(include_url=False), 400, mimetype="application/json")
            with self._lock:
                self._set, self._failed = wanted, 0
                self._until = time.monotonic() + (wanted.seconds or float("inf"))
        told = json.dumps(self._set.model_dump() | {"failed": self._failed})
        return Response(told, mimetype="application/json")


def _reset(environ: Any) -> None:
    """Have the connection end with a reset: the server finds nothing more to read in it, and closes it so."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RD)
    raise ConnectionResetError("the sandbox was told to fail: reset")
