"""Stand-ins for the providers, which the engine attaches to in place of plugins (PULUMI_DEBUG_PROVIDERS)."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
from pulumi.runtime.proto.provider_pb2_grpc import add_ResourceProviderServicer_to_server

from sandbox.providers.aws import Aws, AwsStore
from sandbox.providers.cloudflare import Cloudflare, CloudflareStore
from sandbox.providers.datadog import Datadog, DatadogStore
from sandbox.providers.kubernetes import Kubernetes, KubernetesStore
from sandbox.providers.provider import Provider
from sandbox.providers.target import Package, Target
from sandbox.providers.tls import TlsTarget

MESSAGE_BYTES = 400 * 1024 * 1024
"""The engine's own limit for a message."""

CALLS_AT_ONCE = 4
"""Calls that one provider answers at a time."""


def packages(directory: Path) -> list[tuple[Package, Target]]:
    """Every package with what is behind it."""
    return [
        (Aws("aws"), AwsStore(directory / "aws.json")),
        (Kubernetes("kubernetes"), KubernetesStore(directory / "kubernetes.json")),
        (Cloudflare("cloudflare"), CloudflareStore(directory / "cloudflare.json")),
        (Datadog("datadog"), DatadogStore(directory / "datadog.json")),
        (Package("tls"), TlsTarget()),
    ]


@contextmanager
def serve(directory: Path) -> Generator[dict[str, int]]:
    """Serve all packages on 127.0.0.1 while the block runs, with data in `directory`; the port of each."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        ports: dict[str, int] = {}
        for package, target in packages(directory):
            pool = stack.enter_context(ThreadPoolExecutor(CALLS_AT_ONCE, f"provider-{package.name}"))
            options = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.so_reuseport", 0)]
            server = grpc.server(pool, options=options)
            add_ResourceProviderServicer_to_server(Provider(package, target), server)
            ports[package.name] = server.add_insecure_port("127.0.0.1:0")
            server.start()
            stack.callback(_stop, server)
        yield ports


def _stop(server: grpc.Server) -> None:
    server.stop(grace=None).wait()
