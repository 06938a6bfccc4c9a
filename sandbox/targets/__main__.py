"""The targets of one stack, served until SIGTERM: python -m sandbox.targets FOLDER [--control-plane].

Each API is a WSGI application in threads of its own on a free port of 127.0.0.1. FOLDER/targets.json appears
once all of them answer; when it is deleted, they end. The applications keep what they hold in memory.
"""

import argparse
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

from sandbox.fault import Fault
from sandbox.targets import aws_api, cloudflare_api, datadog_api
from sandbox.targets.failures import Failures
from sandbox.targets.process import KUBECONFIG, Targets, written


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
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        cluster = pool.submit(_cluster, folder, stack) if control_plane else None
        apps = {
            "aws": aws_api.app(folder / KUBECONFIG if control_plane else None),
            "cloudflare": cloudflare_api.app(zones),
            "datadog": datadog_api.app(),
        }
        urls = {name: stack.enter_context(_served(app)) for name, app in apps.items()}
        kubeconfig = cluster.result() if cluster else None
        Targets(os.getpid(), **urls, kubeconfig=kubeconfig, since=time.time()).write(folder)
        while not stopped.wait(1.0):
            if (found := written(folder)) is None or found.pid != os.getpid():
                break  # somebody deleted the folder: nobody would find these targets again


def _cluster(folder: Path, stack: ExitStack) -> Path:
    from sandbox.targets import control_plane

    stack.callback(control_plane.stop)
    return control_plane.start(folder)


@contextmanager
def _served(app: Any) -> Generator[str]:
    server = make_server("127.0.0.1", 0, Failures(app), threaded=True, request_handler=_Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.targets", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the stack's folder .sandbox/<stack>")
    parser.add_argument("--control-plane", action="store_true", help="Kubernetes too; it must be built")
    parser.add_argument("--zone", action="append", default=[], help="a Cloudflare zone that is there")
    args = parser.parse_args()
    os.umask(0o077)
    try:
        serve(args.folder, args.zone, control_plane=args.control_plane)
    except Fault as fault:
        sys.exit(str(fault))


if __name__ == "__main__":
    main()
    os._exit(0)  # threads that still answer are not waited for
