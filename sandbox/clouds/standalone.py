"""One cloud by itself, for ordinary clients: python -m sandbox.clouds aws --port 4566."""

import argparse
import errno
import os
import shlex
import signal
import tempfile
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox.clouds.process import KUBECONFIG
from sandbox.clouds.servers import serve_app
from sandbox.errors import CommandError
from sandbox.wire.aws_account import ACCOUNT, REGION
from sandbox.workspace.environment import VARIABLES

CLOUDS = ("aws", "cloudflare", "datadog", "kubernetes")
"""The clouds that this command can start."""

CLIENT_VARIABLES = {
    "aws": (
        "AWS_ENDPOINT_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_EC2_METADATA_DISABLED",
    ),
    "cloudflare": ("CLOUDFLARE_BASE_URL", "CLOUDFLARE_API_TOKEN"),
    "datadog": ("DD_HOST", "DD_API_KEY", "DD_APP_KEY"),
}
"""The variables that the clients of each cloud need, of those in the table `clients` of environment.toml."""


def main(arguments: Sequence[str]) -> None:
    """Serve the cloud that the arguments name until Ctrl-C or SIGTERM; print the variables for clients.

    Raise CommandError if the port is in use or the control plane cannot start.
    """
    options = _parse(arguments)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stopped.set())
    with _served(options) as variables:
        exports = "\n".join(f"export {name}={shlex.quote(text)}" for name, text in variables.items())
        print(f"# The {options.cloud} API is ready; Ctrl-C ends it and deletes its data. For clients:")
        print(exports, flush=True)
        stopped.wait()


@contextmanager
def _served(options: argparse.Namespace) -> Generator[dict[str, str]]:
    """Serve the cloud while the body runs; yield the variables of its clients."""
    if options.cloud == "kubernetes":
        with _served_control_plane() as kubeconfig:
            yield {"KUBECONFIG": str(kubeconfig)}
        return
    # Each import takes a second, and only one of them is needed.
    if options.cloud == "aws":
        from sandbox.clouds.aws.api import AwsApi

        app = AwsApi(None, options.account, options.entity)
    elif options.cloud == "cloudflare":
        from sandbox.clouds.cloudflare.api import CloudflareApi

        app = CloudflareApi(options.zone)
    else:
        from sandbox.clouds.datadog.api import DatadogApi

        app = DatadogApi()
    try:
        with serve_app(app, options.port) as url:
            templates = {name: VARIABLES["clients"][name] for name in CLIENT_VARIABLES[options.cloud]}
            variables = {name: text.format_map({options.cloud: url}) for name, text in templates.items()}
            yield variables | ({"AWS_DEFAULT_REGION": REGION} if options.cloud == "aws" else {})
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise CommandError(
            f"port {options.port} of 127.0.0.1 cannot be used: {os.strerror(error.errno)}. Name another "
            "--port, or leave it out for a free one."
        ) from error


@contextmanager
def _served_control_plane() -> Generator[Path]:
    from sandbox.clouds.kubernetes import control_plane

    with tempfile.TemporaryDirectory(prefix="control-plane-") as folder:
        try:
            control_plane.start(Path(folder))
            yield Path(folder) / KUBECONFIG
        finally:
            control_plane.stop()


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.clouds", description=__doc__)
    clouds = parser.add_subparsers(dest="cloud", metavar="CLOUD", required=True)
    helps = {
        "aws": "the AWS API: moto, with the sandbox's checks",
        "cloudflare": "the Cloudflare API",
        "datadog": "the Datadog API",
        "kubernetes": "a Kubernetes control plane with simulated nodes, on a free port",
    }
    parsers = {name: clouds.add_parser(name, help=text, description=text) for name, text in helps.items()}
    for name in CLIENT_VARIABLES:
        parsers[name].add_argument(
            "--port", type=int, default=0, metavar="N", help="the port on 127.0.0.1 (default: a free one)"
        )
    parsers["aws"].add_argument(
        "--account", default=ACCOUNT, metavar="ID", help=f"the account's ID (default: {ACCOUNT})"
    )
    parsers["aws"].add_argument(
        "--entity",
        action="append",
        default=[],
        metavar="NAME",
        help="a user or role that the account has, such as role/admin; may be repeated",
    )
    parsers["cloudflare"].add_argument(
        "--zone",
        action="append",
        default=[],
        metavar="NAME",
        help="a zone of the account, such as example.com; may be repeated",
    )
    options = parser.parse_args(arguments)
    os.umask(0o077)
    return options
