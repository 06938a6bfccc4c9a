"""Pod of the TLS proxy as the program declares it, with a real nginx, and requests to this pod."""

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.drills import tools
from tests.support.drills.certificates import Authority, KeyPair
from tests.support.drills.site import VISITOR

ROOT = Path(__file__).parents[3]
Manifest = dict[str, Any]


class Proxy:
    """An nginx with one certificate; `rewrite` adds a mistake to the configuration."""

    def __init__(
        self,
        objects: Mapping[str, Manifest],
        pair: KeyPair,
        *,
        rewrite: Mapping[str, str] | None = None,
        flags: tuple[str, ...] = (),
    ) -> None:
        [container] = objects["Deployment/pipe-proxy"]["spec"]["template"]["spec"]["containers"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        text: str = objects["ConfigMap/pipe-proxy"]["data"]["nginx.conf"]
        [upstream] = re.findall(r"upstream api \{\s+server ([\w.-]+):3000;", text)
        for pattern, replacement in (rewrite or {}).items():
            text, count = re.subn(pattern, replacement, text)
            assert count, pattern
        self.configuration = text
        self.ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        request = {
            "command": [tools.find("nginx"), *container["command"][1:], *flags],
            "files": {
                f"{mounts['config']}/nginx.conf": text,
                f"{mounts['certificate']}/tls.crt": pair.certificate,
                f"{mounts['certificate']}/tls.key": pair.key,
            },
            "upstream": upstream,
            "mapped": os.geteuid() != 0,
        }
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._turn = threading.Lock()
        user_namespace = ["--map-root-user"] if request["mapped"] else []
        site = [sys.executable, "-m", "tests.support.drills.site"]
        with theirs:
            self._process = subprocess.Popen(
                [tools.find("unshare"), "--net", "--mount", *user_namespace, *site, str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
            )
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request).encode())
        self._process.stdin.close()

    def ready(self) -> "Proxy":
        """Wait until the pod's probe succeeds; return this proxy."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if self.plain("/healthz")[0] == 200:
                    return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError(self.log())

    def connect(self, port: int | None = None, source: str = VISITOR) -> socket.socket:
        """Open a TCP connection to a port, by default the TLS port."""
        answer, descriptors = self._ask(
            {"do": "connect", "port": port or self.ports["https"], "source": source}
        )
        if "error" in answer:
            raise ConnectionRefusedError(answer["error"])
        connection = socket.socket(fileno=descriptors[0])
        connection.settimeout(60)
        return connection

    def tls(self, context: ssl.SSLContext, name: str | None, source: str = VISITOR) -> ssl.SSLSocket:
        """Open a TLS connection; raise ssl.SSLError if the handshake fails."""
        connection = self.connect(source=source)
        try:
            return context.wrap_socket(connection, server_hostname=name)
        except BaseException:
            connection.close()
            raise

    def plain(self, path: str) -> tuple[int, bytes]:
        """Return the status and body of a plain HTTP request to the port of the probes."""
        status, _, body = ask(self.connect(self.ports["health"]), "GET", path, {"Host": "10.0.0.1"})
        return status, body

    def signal(self, name: str) -> None:
        self._ask({"do": "signal", "name": name})

    def ended(self, seconds: float = 60) -> int:
        """Wait up to `seconds` until nginx ends, and return its exit code."""
        end = time.monotonic() + seconds
        while (code := self._ask({"do": "ended"})[0]["code"]) is None:
            assert time.monotonic() < end, "nginx still runs"
            time.sleep(0.05)
        return code

    def log(self) -> str:
        """Return nginx's output: errors, and one line of JSON per request."""
        return self._ask({"do": "log"})[0]["log"]

    def stop(self) -> None:
        self._channel.close()
        self._process.wait(10)

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        with self._turn:
            self._channel.send(json.dumps(request).encode())
            reply, descriptors, _, _ = socket.recv_fds(self._channel, 1 << 20, 1)
        assert reply, "the pod is gone"
        return json.loads(reply), descriptors


def ask(
    connection: socket.socket, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Send a request over HTTP/1.1 on an open connection; return status, headers and body."""
    client = http.client.HTTPConnection("unused")
    client.sock = connection
    client.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        client.putheader(name, value)
    if body is not None:
        client.putheader("Content-Length", str(len(body)))
    client.endheaders(body)
    response = client.getresponse()
    content = response.read()
    return response.status, response.headers, content


def trusting(authority: Authority, **versions: ssl.TLSVersion) -> ssl.SSLContext:
    """Return a client's context that trusts the authority; `versions` are attributes of SSLContext."""
    context = ssl.create_default_context(cadata=authority.pem)
    for name, version in versions.items():
        setattr(context, name, version)
    return context
