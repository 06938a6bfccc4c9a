"""Pod of the TLS proxy with its own network and file system, and an upstream API.

proxy.py runs this module under `unshare`. Configuration, ports and paths are as the program renders them.
This module adds the cluster's part: files of the volumes, the name of the API's Service, and the addresses of
two visitors on loopback. The parent process sends JSON requests over a socket pair and gets JSON responses;
the response to `connect` carries the connected socket.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

POD_USER = 10001
CLOUDFLARE, VISITOR = "173.245.48.9", "198.51.100.7"
"""An address of Cloudflare, and an address of another visitor."""
LOG = Path("/tmp/log")


class Api(BaseHTTPRequestHandler):
    """An API that responds with the request as JSON; /slow takes half a second."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        if self.path.startswith("/slow"):
            time.sleep(0.5)
        body = json.dumps(
            {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}
        ).encode()
        self.send_response(404 if self.path == "/missing" else 200)
        for name, value in (("X-Powered-By", "Express"), ("X-Frame-Options", "ALLOW"), ("X-Own", "kept")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


def prepare(request: dict[str, Any]) -> None:
    """Prepare the file system and the network of the pod."""
    for folder in ("/etc", "/tmp"):
        run("mount", "-t", "tmpfs", "-o", "mode=1777", "none", folder)
    files = {
        "/etc/hosts": f"127.0.0.1 localhost {request['upstream']}\n",
        "/etc/nsswitch.conf": "hosts: files\npasswd: files\n",
        "/etc/passwd": f"pod:x:{POD_USER}:{POD_USER}::/tmp:/bin/false\n",
        **request["files"],
    }
    for path, text in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    run("ip", "link", "set", "lo", "up")
    for address in (CLOUDFLARE, VISITOR):
        run("ip", "address", "add", f"{address}/32", "dev", "lo")


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def start(command: list[str], mapped: bool) -> "subprocess.Popen[Any]":
    """Start nginx as the pod's user; if root does not run the tests, map the current user to that user ID."""
    user: dict[str, Any] = {"user": POD_USER, "group": POD_USER, "extra_groups": []}
    if mapped:
        command, user = ["unshare", f"--map-user={POD_USER}", f"--map-group={POD_USER}", *command], {}
    LOG.touch(0o666)
    LOG.chmod(0o666)
    with LOG.open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, **user)


def answer(request: dict[str, Any], nginx: "subprocess.Popen[Any]") -> tuple[dict[str, Any], list[int]]:
    if request["do"] == "connect":
        connection = socket.create_connection(
            ("127.0.0.1", request["port"]), timeout=30, source_address=(request["source"], 0)
        )
        return {}, [connection.detach()]
    if request["do"] == "signal":
        nginx.send_signal(signal.Signals[request["name"]])
        return {}, []
    if request["do"] == "ended":
        return {"code": nginx.poll()}, []
    return {"log": LOG.read_text()}, []


def main(descriptor: int) -> None:
    parent = socket.socket(fileno=descriptor)
    request = json.loads(sys.stdin.read())
    prepare(request)
    api = ThreadingHTTPServer(("127.0.0.1", 3000), Api)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    nginx = start(request["command"], request["mapped"])
    while message := parent.recv(65536):
        try:
            reply, descriptors = answer(json.loads(message), nginx)
        except OSError as error:
            reply, descriptors = {"error": str(error)}, []
        socket.send_fds(parent, [json.dumps(reply).encode()], descriptors)
        for connection in descriptors:
            os.close(connection)
    nginx.kill()


if __name__ == "__main__":
    main(int(sys.argv[1]))
