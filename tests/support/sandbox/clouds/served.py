"""Local APIs in threads of a test."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import urllib3
from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.clouds.failures import Failures


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"


@contextmanager
def served(app: Any) -> Generator[str]:
    """The URL of an application, with its failure switches, while the block runs."""
    server = make_server("127.0.0.1", 0, Failures(app), threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        server.server_close()


class Client:
    """Plain requests to an API, as anybody could send them."""

    def __init__(self, url: str, **headers: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(retries=False, headers=headers, timeout=60)

    def __call__(self, verb: str, path: str, sent: Any = None) -> tuple[int, Any]:
        """The status and the body of the answer."""
        found = self._http.request(verb, self.url + path, json=sent)
        return found.status, found.json() if found.data else None

    def fail(self, **switches: Any) -> None:
        """Set the failure switches."""
        assert self("PUT", "/_sandbox/failures", switches)[0] == 200
