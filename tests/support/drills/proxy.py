"""A pod of the TLS proxy, as the program declares it, with a real nginx; connections and requests to it."""

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
    """nginx with one certificate; `rewrite` changes its configuration, to see what a mistake would do."""

    def __init__(
        self,
        objects: Mapping[str, Manifest],
        pair: KeyPair,
        *,
        rewrite: Mapping[str, str] | None = None,
        flags: tuple[str, ...] = (),
    ) -> None:
        [container] = objects["Deployment/pipe-proxy"]["spec"]["template"]["spec"]["containers"]
        mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        text: str = objects["ConfigMap/pipe-proxy"]["data"]["nginx.conf"]
        [upstream] = re.findall(r"upstream api \{\s+server ([\w.-]+):3000;", text)
        for pattern, replacement in (rewrite or {}).items():
            text, count = re.subn(pattern, replacement, text)
            assert count, pattern
        self.configuration = text
        self.ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        given = {
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
        apart = ["--map-root-user"] if given["mapped"] else []
        site = [sys.executable, "-m", "tests.support.drills.site"]
        with theirs:
            self._process = subprocess.Popen(
                [tools.find("unshare"), "--net", "--mount", *apart, *site, str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
            )
        assert self._process.stdin
        self._process.stdin.write(json.dumps(given).encode())
        self._process.stdin.close()

    def ready(self) -> "Proxy":
        """When the probe of the pod succeeds."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if self.plain("/healthz")[0] == 200:
                    return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError(self.log())

    def connect(self, port: int | None = None, source: str = VISITOR) -> socket.socket:
        """A TCP connection to one of its ports, by default the one of TLS."""
        answer, descriptors = self._ask(
            {"do": "connect", "port": port or self.ports["https"], "source": source}
        )
        if "error" in answer:
            raise ConnectionRefusedError(answer["error"])
        connection = socket.socket(fileno=descriptors[0])
        connection.settimeout(60)
        return connection

    def tls(self, context: ssl.SSLContext, name: str | None, source: str = VISITOR) -> ssl.SSLSocket:
        """A handshake; ssl.SSLError if there is none."""
        connection = self.connect(source=source)
        try:
            return context.wrap_socket(connection, server_hostname=name)
        except BaseException:
            connection.close()
            raise

    def plain(self, path: str) -> tuple[int, bytes]:
        """Status and body over plain HTTP, at the port of the probes."""
        status, _, body = ask(self.connect(self.ports["health"]), "GET", path, {"Host": "10.0.0.1"})
        return status, body

    def signal(self, name: str) -> None:
        self._ask({"do": "signal", "name": name})

    def ended(self, seconds: float = 60) -> int:
        """The exit code of nginx, once it has one."""
        end = time.monotonic() + seconds
        while (code := self._ask({"do": "ended"})[0]["code"]) is None:
            assert time.monotonic() < end, "nginx still runs"
            time.sleep(0.05)
        return code

    def log(self) -> str:
        """What nginx has written: errors, and a line of JSON a request."""
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
    """One request over HTTP/1.1 on a connection that stays open."""
    client = http.client.HTTPConnection("unused")
    client.sock = connection
    client.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        client.putheader(name, value)
    if body is not None:
        client.putheader("Content-Length", str(len(body)))
    client.endheaders(body)
    response = client.getresponse()
    read = response.read()
    return response.status, response.headers, read


def trusting(authority: Authority, **versions: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that trusts the authority; `minimum_version` and `maximum_version` as ssl has them."""
    context = ssl.create_default_context(cadata=authority.pem)
    for name, version in versions.items():
        setattr(context, name, version)
    return context
