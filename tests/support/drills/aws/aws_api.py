"""AWS API on loopback, which moto serves in this process."""

import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moto.server import ThreadedMotoServer


def start() -> "tuple[ThreadedMotoServer, str]":
    """Start an API without any resource and return it with its URL; the caller stops it."""
    from moto.server import ThreadedMotoServer  # Imported here, since moto takes over a second.

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # moto's state belongs to the process, so a new server still has the resources of an earlier one.
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).close()
    return server, url
