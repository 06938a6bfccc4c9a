"""The HTTP servers of the clouds on 127.0.0.1."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.clouds.failures import Failures

HOST = "127.0.0.1"

POLL = 3600.0
"""Seconds between a server's checks for a shutdown request."""


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # Clients reuse their connections.
    timeout = 600

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing, since the path or the query of a request may contain a secret."""


@contextmanager
def serve_app(app: Any, port: int = 0) -> Generator[str]:
    """Serve a WSGI application, with failures on demand; yield its URL.

    Port 0 is any free port. Raise OSError if the port is in use.
    """
    if port:
        # If the port is in use, Werkzeug would end the process.
        socket.create_server((HOST, port)).close()
    server = make_server(HOST, port, Failures(app), threaded=True, request_handler=_Handler)
    # A server polls for shutdown requests, but nothing sends one: its thread ends with the process.
    threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True).start()
    try:
        yield f"http://{HOST}:{server.port}"
    finally:
        server.server_close()
