"""Serve the targets of one sandbox until SIGTERM: python -m sandbox.clouds FOLDER SETTINGS

SETTINGS is a JSON object with the keyword arguments of `serve`. `python -m sandbox.clouds aws` serves a
single cloud instead; see standalone.py.

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
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from sandbox.clouds import standalone
from sandbox.clouds.process import KUBECONFIG, read_record, write_record
from sandbox.clouds.servers import serve_app
from sandbox.errors import CommandError
from sandbox.wire.targets import Targets


def serve(folder: Path, *, control_plane: bool, account: str, entities: list[str], zones: list[str]) -> None:
    """Serve the targets until SIGTERM, or until targets.json in `folder` no longer names this process.

    - `control_plane`: True to start a Kubernetes control plane, whose programs must be built already
    - the other parameters: as in `process.start`

    Raise CommandError if the control plane does not start.
    """
    from sandbox.clouds.aws.api import AwsApi
    from sandbox.clouds.cloudflare.api import CloudflareApi
    from sandbox.clouds.datadog.api import DatadogApi

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
        urls = {name: stack.enter_context(serve_app(app)) for name, app in apps.items()}
        if cluster:
            cluster.result()
        write_record(folder, Targets(os.getpid(), **urls, kubeconfig=kubeconfig, since=time.time()))
        while not stopped.wait(1.0):
            record = read_record(folder)
            if record is None or record.pid != os.getpid():
                # Without the record, no command would find these targets again.
                break


def _start_cluster(folder: Path, stack: ExitStack) -> None:
    from sandbox.clouds.kubernetes import control_plane

    stack.callback(control_plane.stop)
    control_plane.start(folder)


def main(arguments: list[str]) -> None:
    """Serve the targets of a sandbox, or one cloud if the first argument names one or is an option."""
    # With Python's defaults, garbage collection of moto's models takes a fifth of the time of this process.
    gc.set_threshold(50_000, 50, 50)
    if not arguments or arguments[0] in standalone.CLOUDS or arguments[0].startswith("-"):
        standalone.main(arguments)
        return
    folder, settings = arguments
    os.umask(0o077)
    serve(Path(folder), **json.loads(settings))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    os._exit(0)  # Ends the process without waiting for threads that still handle a request.
