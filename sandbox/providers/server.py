"""Stand-ins for the providers, which the engine attaches to in place of plugins (PULUMI_DEBUG_PROVIDERS)."""

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto.provider_pb2_grpc import add_ResourceProviderServicer_to_server

from sandbox.clouds.process import Targets
from sandbox.providers.aws.package import Aws, AwsPlan
from sandbox.providers.cloudflare.package import Cloudflare, CloudflarePlan, CloudflareTarget
from sandbox.providers.datadog.package import Datadog, DatadogPlan, DatadogTarget
from sandbox.providers.kubernetes.package import Kubernetes, KubernetesPlan
from sandbox.providers.provider import Provider, setting
from sandbox.providers.target import Package, Resource, Target
from sandbox.providers.tls.target import TlsTarget
from sandbox.wire.values import decoded

MESSAGE_BYTES = 400 * 1024 * 1024  # the engine's own limit for a message

CALLS_AT_ONCE = 16
"""Calls that one provider answers at a time; one that waits for a rollout does nothing meanwhile."""


def packages(targets: Targets | None = None) -> list[tuple[Package, Target]]:
    """Every package with what is behind it: without targets, plans that hold nothing."""
    found: dict[Package, Target] = {
        (aws := Aws("aws")): AwsPlan(),
        (kubernetes := Kubernetes("kubernetes")): KubernetesPlan(),
        (cloudflare := Cloudflare("cloudflare")): CloudflarePlan(),
        (datadog := Datadog("datadog")): DatadogPlan(),
        Package("tls"): TlsTarget(),
    }
    if targets is None:
        return list(found.items())
    # Here, since importing their clients takes longer than a plan needs.
    from sandbox.providers.aws.target import AwsTarget
    from sandbox.providers.kubernetes.target import KubernetesTarget

    found[aws] = AwsTarget(targets.aws)
    found[cloudflare] = CloudflareTarget(targets.cloudflare)
    found[datadog] = DatadogTarget(targets.datadog)
    if targets.kubeconfig:
        found[kubernetes] = KubernetesTarget(targets.kubeconfig)
    return list(found.items())


@contextmanager
def serve(folder: Path, targets: Targets | None = None) -> Generator[dict[str, int]]:
    """Serve all packages on 127.0.0.1 while the block runs; the port of each."""
    with ExitStack() as stack:
        ports: dict[str, int] = {}
        for package, target in packages(targets):
            pool = stack.enter_context(ThreadPoolExecutor(CALLS_AT_ONCE, f"provider-{package.name}"))
            options = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.so_reuseport", 0)]
            server = grpc.server(pool, options=options)
            add_ResourceProviderServicer_to_server(Provider(package, target), server)
            ports[package.name] = server.add_insecure_port("127.0.0.1:0")
            server.start()
            stack.callback(server.wait_for_termination)
            stack.callback(server.stop, grace=None)
        yield ports


def find_unrecorded(
    targets: Targets, creating: Iterable[dict[str, Any]], resources: list[dict[str, Any]]
) -> dict[str, str]:
    """What the targets have of creations that were cut off, and `resources`, the state's, do not: by URN."""
    behind = {package.name: target for package, target in packages(targets)}
    settings = {f"{each['urn']}::{each['id']}": each["inputs"] for each in resources if each.get("id")}
    # What is to be replaced after its deletion is gone: what has its id is the new one.
    there = [(each["urn"], each.get("id", "")) for each in resources if not each.get("pendingReplacement")]
    found: dict[str, str] = {}
    for each in creating:
        config = {key: setting(value) for key, value in settings.get(each.get("provider", ""), {}).items()}
        wanted = Resource(each["urn"], each["type"], decoded(each.get("inputs", {})), config)
        if target := behind.get(wanted.type.partition(":")[0]):
            known = {ident for urn, ident in there if urn == wanted.urn}
            found.update((wanted.urn, live.id) for live in target.find(wanted, known))
    return found
