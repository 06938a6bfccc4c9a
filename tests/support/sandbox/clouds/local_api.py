"""Local APIs that run in threads of a test, and a client for these APIs."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import urllib3
from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.clouds.failures import Failures


class Handler(WSGIRequestHandler):
    """A request handler that keeps connections open."""

    protocol_version = "HTTP/1.1"


@contextmanager
def serve(app: Any) -> Generator[str]:
    """Serve an application with failure switches; yield the URL."""
    server = make_server("127.0.0.1", 0, Failures(app), threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        server.server_close()


class Client:
    """An HTTP client for one API, which sends the given headers with every request."""

    def __init__(self, url: str, **headers: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(retries=False, headers=headers, timeout=60)

    def __call__(self, verb: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a request; return the status and the parsed body of the response."""
        response = self._http.request(verb, self.url + path, json=body)
        return response.status, response.json() if response.data else None

    def fail(self, **switches: Any) -> None:
        """Set the failure switches of the API."""
        assert self("PUT", "/_sandbox/failures", switches)[0] == 200
