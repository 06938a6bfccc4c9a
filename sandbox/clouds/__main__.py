"""The targets of one stack, served until SIGTERM: python -m sandbox.clouds FOLDER 1|0 ZONE…

Each API is a WSGI application in threads of its own on a free port of 127.0.0.1. FOLDER/targets.json appears
once all of them answer; when it is deleted, they end. The applications keep what they hold in memory. 1: with
a Kubernetes control plane, which must be built. ZONE: a Cloudflare zone that is there.
"""

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
from sandbox.clouds.process import KUBECONFIG, Targets, written
from sandbox.errors import CommandError


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # so that clients keep their connections
    timeout = 600

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests are not logged: a path or a query may hold what is nobody's business."""


def serve(folder: Path, zones: list[str], *, control_plane: bool) -> None:
    """Serve until SIGTERM; what goes wrong at the start ends the process."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopped.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    kubeconfig = folder / KUBECONFIG if control_plane else None
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        cluster = pool.submit(_start_cluster, folder, stack) if control_plane else None
        apps = {
            "aws": AwsApi(kubeconfig),
            "cloudflare": CloudflareApi(zones),
            "datadog": DatadogApi(),
        }
        urls = {name: stack.enter_context(_served(app)) for name, app in apps.items()}
        if cluster:
            cluster.result()
        Targets(os.getpid(), **urls, kubeconfig=kubeconfig, since=time.time()).write(folder)
        while not stopped.wait(1.0):
            if (found := written(folder)) is None or found.pid != os.getpid():
                break  # somebody deleted the folder: nobody would find these targets again


def _start_cluster(folder: Path, stack: ExitStack) -> None:
    from sandbox.clouds.kubernetes import control_plane

    stack.callback(control_plane.stop)
    control_plane.start(folder)


@contextmanager
def _served(app: Any) -> Generator[str]:
    server = make_server("127.0.0.1", 0, Failures(app), threaded=True, request_handler=_Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()


if __name__ == "__main__":
    place, with_control_plane, *names = sys.argv[1:]
    os.umask(0o077)
    try:
        serve(Path(place), names, control_plane=with_control_plane == "1")
    except CommandError as fault:
        sys.exit(str(fault))
    os._exit(0)  # threads that still answer are not waited for
