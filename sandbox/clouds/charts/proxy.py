"""An HTTPS proxy for plugins: it passes connections on, and answers for chart repositories out of reach."""

import contextlib
import socket
import socketserver
import ssl
import tempfile
import threading
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, cast

from sandbox.clouds.charts import repository
from sandbox.clouds.charts.authority import Authority

CONNECT_SECONDS = 3.0
"""Seconds after which a host that does not accept a connection counts as out of reach."""

CHUNK = 2**16


@contextmanager
def serve(folder: Path, versions: Collection[str], say: Callable[[str], None]) -> Generator[dict[str, str]]:
    """Serve the proxy on 127.0.0.1 while the body runs; yield the variables with which Go programs use it.

    - `folder`: the folder for the files of the certificates, which are deleted at the end
    - `versions`: the versions that the repository has of each chart
    - `say`: a function that gets a line for each host that is out of reach

    Go reads the proxy and, except on macOS and Windows, the trusted certificates from these variables
    (pkg.go.dev/net/http#ProxyFromEnvironment, pkg.go.dev/crypto/x509#SystemCertPool).
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="charts-") as work:
        server = _Proxy(versions, say, Path(work))
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        bundle = Path(work) / "trusted.pem"
        bundle.write_text(server.authority.bundle())
        try:
            yield {"HTTPS_PROXY": server.url, "SSL_CERT_FILE": str(bundle)}
        finally:
            server.shutdown()
            server.server_close()


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False  # A client may keep its connection open.

    def __init__(self, versions: Collection[str], say: Callable[[str], None], folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.versions, self.say, self.folder = versions, say, folder
        self.authority = Authority()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The proxy's URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def context(self, host: str) -> ssl.SSLContext:
        """Return the TLS settings with which the proxy answers for a host that is out of reach."""
        with self._lock:
            if host not in self._contexts:
                self.say(
                    f"{host} is out of reach: charts come from the sandbox ({', '.join(repository.NAMES)})"
                )
                self._contexts[host] = self.authority.server_context(host, self.folder)
            return self._contexts[host]


class _Tunnel(socketserver.StreamRequestHandler):
    """A connection of a client, which asks for a tunnel to a host (RFC 9110, section 9.3.6)."""

    def handle(self) -> None:
        proxy = cast(_Proxy, self.server)
        method, _, rest = self.rfile.readline(CHUNK).decode("latin-1").partition(" ")
        while self.rfile.readline(CHUNK).strip():
            pass  # The headers
        host, _, port = rest.partition(" ")[0].rpartition(":")
        if method != "CONNECT" or not host or not port.isdecimal():
            self.wfile.write(
                b"HTTP/1.1 405 Method Not Allowed\r\nAllow: CONNECT\r\nContent-Length: 0\r\n\r\n"
            )
            return
        upstream = _connect(host.strip("[]"), int(port))
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        if upstream:
            _pass_on(self.connection, upstream)
            return
        # A client that does not trust the authority ends the handshake.
        with (
            contextlib.suppress(OSError),
            proxy.context(host).wrap_socket(self.connection, server_side=True) as secure,
        ):
            _Repository(secure, self.client_address, proxy)


class _Repository(BaseHTTPRequestHandler):
    """The repository's answers to a client."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the index or with a chart's archive."""
        name = self.path.partition("?")[0].rpartition("/")[2]
        versions = cast(_Proxy, self.server).versions
        content = repository.index(versions) if name == "index.yaml" else repository.archive(name)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def _connect(host: str, port: int) -> socket.socket | None:
    """Return a connection to a host; None if the host is out of reach."""
    try:
        return socket.create_connection((host, port), CONNECT_SECONDS)
    except OSError:
        return None


def _pass_on(client: socket.socket, upstream: socket.socket) -> None:
    """Pass data on in both directions until both ends are closed."""
    upstream.settimeout(None)
    back = threading.Thread(target=_copy, args=(upstream, client), daemon=True)
    back.start()
    _copy(client, upstream)
    back.join()
    upstream.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
