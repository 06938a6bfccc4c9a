"""Serve the targets of one sandbox until SIGTERM: python -m sandbox.clouds FOLDER SETTINGS

SETTINGS is a JSON object with the keyword arguments of `serve`.

The AWS, Cloudflare and Datadog APIs are WSGI applications on free ports of 127.0.0.1, and keep their objects
in memory. FOLDER/targets.json is written once all targets are ready. The process ends when this file is
deleted.
"""

import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.clouds.aws.api import AwsApi
from sandbox.clouds.cloudflare.api import CloudflareApi
from sandbox.clouds.datadog.api import DatadogApi
from sandbox.clouds.failures import Failures
from sandbox.clouds.process import KUBECONFIG, Targets, read_record
from sandbox.errors import CommandError

POLL = 3600.0
"""Seconds between a server's checks for a shutdown request."""


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # Clients reuse their connections.
    timeout = 600

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing, since the path or the query of a request may contain a secret."""


def serve(folder: Path, *, control_plane: bool, account: str, entities: list[str], zones: list[str]) -> None:
    """Serve the targets until SIGTERM, or until targets.json in `folder` no longer names this process.

    - `control_plane`: True to start a Kubernetes control plane, whose programs must be built already
    - the other parameters: as in `process.start`

    Raise CommandError if the control plane does not start.
    """
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopped.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    kubeconfig = folder / KUBECONFIG if control_plane else None
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        cluster = pool.submit(_start_cluster, folder, stack) if control_plane else None
        apps = {
            "aws": AwsApi(kubeconfig, account, entities),
            "cloudflare": CloudflareApi(zones),
            "datadog": DatadogApi(),
        }
        urls = {name: stack.enter_context(_serve_app(app)) for name, app in apps.items()}
        if cluster:
            cluster.result()
        Targets(os.getpid(), **urls, kubeconfig=kubeconfig, since=time.time()).write(folder)
        while not stopped.wait(1.0):
            record = read_record(folder)
            if record is None or record.pid != os.getpid():
                # Without the record, no command would find these targets again.
                break


def _start_cluster(folder: Path, stack: ExitStack) -> None:
    from sandbox.clouds.kubernetes import control_plane

    stack.callback(control_plane.stop)
    control_plane.start(folder)


@contextmanager
def _serve_app(app: Any) -> Generator[str]:
    server = make_server("127.0.0.1", 0, Failures(app), threaded=True, request_handler=_Handler)
    # A server polls for shutdown requests, but nothing sends one: its thread ends with the process.
    threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.server_close()


if __name__ == "__main__":
    folder_argument, settings_argument = sys.argv[1:]
    os.umask(0o077)
    # With Python's defaults, garbage collection of moto's models takes a fifth of the time of this process.
    gc.set_threshold(50_000, 50, 50)
    try:
        serve(Path(folder_argument), **json.loads(settings_argument))
    except CommandError as error:
        sys.exit(str(error))
    os._exit(0)  # Ends the process without waiting for threads that still handle a request.
