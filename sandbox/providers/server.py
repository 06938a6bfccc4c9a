"""The stand-ins' gRPC servers, which the engine uses in place of plugins (PULUMI_DEBUG_PROVIDERS)."""

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto.provider_pb2_grpc import add_ResourceProviderServicer_to_server

from sandbox.providers.aws.package import Aws, AwsPlan
from sandbox.providers.cloudflare.package import Cloudflare, CloudflarePlan, CloudflareTarget
from sandbox.providers.datadog.package import Datadog, DatadogPlan, DatadogTarget
from sandbox.providers.kubernetes.package import Kubernetes, KubernetesPlan
from sandbox.providers.kubernetes.timed import TimedKubernetes
from sandbox.providers.plan import Plan
from sandbox.providers.provider import Provider, parse_setting
from sandbox.providers.target import Package, Resource, Target
from sandbox.providers.tls.target import TlsTarget
from sandbox.wire.aws_identity import Identity
from sandbox.wire.clock import Clock
from sandbox.wire.targets import Targets
from sandbox.wire.values import decode_value

MESSAGE_BYTES = 400 * 1024 * 1024
"""The engine's size limit for a message."""

LOOKUPS = "lookups.jsonl"
"""File in a stack's folder with a JSON object per look-up: its token (`lookup`) and arguments (`args`)."""

CONCURRENT_CALLS = 16
"""The number of calls that one provider handles at a time; a call that waits uses no processor time."""


def packages(
    targets: Targets | None = None,
    clock: Clock | None = None,
    identity: Identity | None = None,
    *,
    recognizable: bool = False,
    salt: str = "",
) -> list[tuple[Package, Target]]:
    """Return every package with its target.

    Without `targets`, every target is a plan, which stores no resources. The target of Kubernetes is also a
    plan if there is no control plane, and the target of tls always is. With a `clock`, changes of AWS and
    Kubernetes resources take time. `identity` signs the requests to AWS. With `recognizable`, the plans mark
    the outputs that they invent, and all values that they invent depend on the `salt`.
    """
    pairs: dict[Package, Target] = {
        (aws := Aws("aws")): AwsPlan(recognizable=recognizable, salt=salt),
        (kubernetes := Kubernetes("kubernetes")): KubernetesPlan(recognizable=recognizable, salt=salt),
        (cloudflare := Cloudflare("cloudflare")): CloudflarePlan(recognizable=recognizable, salt=salt),
        (datadog := Datadog("datadog")): DatadogPlan(recognizable=recognizable, salt=salt),
        Package("tls"): TlsTarget(recognizable=recognizable, salt=salt),
    }
    if targets is None:
        return list(pairs.items())
    # Imported here, because these imports take longer than an operation with plans.
    from sandbox.providers.aws.target import AwsTarget
    from sandbox.providers.kubernetes.target import KubernetesTarget

    pairs[aws] = AwsTarget(targets.aws, clock, identity)
    pairs[cloudflare] = CloudflareTarget(targets.cloudflare)
    pairs[datadog] = DatadogTarget(targets.datadog)
    if targets.kubeconfig:
        pairs[kubernetes] = KubernetesTarget(targets.kubeconfig)
    if clock:
        pairs[kubernetes] = TimedKubernetes(pairs[kubernetes], clock)
    return list(pairs.items())


@cache
def known_packages() -> dict[str, Package]:
    """Return every package by name."""
    return {package.name: package for package, _ in packages()}


@contextmanager
def serve(
    folder: Path,
    targets: Targets | None = None,
    clock: Clock | None = None,
    identity: Identity | None = None,
    *,
    predicts: bool = False,
    salt: str = "",
) -> Generator[dict[str, int]]:
    """Serve every package on 127.0.0.1 while the body runs; yield the port of each package.

    Without `targets`, the providers can predict (`predicts`) the values of an `up` in a preview. Then they
    also record the look-ups of the program in LOOKUPS, since their answers do not depend on all arguments.
    The values that they invent depend on the `salt`.
    """
    predicts = predicts and targets is None
    lookups = folder / LOOKUPS if predicts else None
    with ExitStack() as stack:
        ports: dict[str, int] = {}
        for package, target in packages(targets, clock, identity, recognizable=predicts, salt=salt):
            pool = stack.enter_context(ThreadPoolExecutor(CONCURRENT_CALLS, f"provider-{package.name}"))
            options = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.so_reuseport", 0)]
            server = grpc.server(pool, options=options)
            add_ResourceProviderServicer_to_server(
                Provider(package, target, predicts=predicts, lookups=lookups), server
            )
            ports[package.name] = server.add_insecure_port("127.0.0.1:0")
            server.start()
            stack.callback(server.wait_for_termination)
            stack.callback(server.stop, grace=None)
        yield ports


def hide_unpredictable(resources: Iterable[dict[str, Any]]) -> None:
    """Make the booleans, maps and missing values that no table describes unknown in a state's outputs.

    A preview on this state then shows each value that depends on such an output as unknown.
    """
    plans = {package.name: target for package, target in packages(recognizable=True)}
    for state in resources:
        target = plans.get(state["type"].partition(":")[0])
        if isinstance(target, Plan) and state.get("custom") and state.get("outputs"):
            inputs = decode_value(state.get("inputs", {}))
            resource = Resource(state["urn"], state["type"], inputs, id=state.get("id", ""))
            state["outputs"] = target.hide_unpredictable(resource, state["outputs"])


def find_unrecorded(
    targets: Targets, creating: Iterable[dict[str, Any]], resources: list[dict[str, Any]]
) -> dict[str, str]:
    """Return the IDs, by URN, of resources that an interrupted run created but did not record in the state.

    `creating` and `resources` are the state's pending creations and its resources.
    """
    targets_by_package = {package.name: target for package, target in packages(targets)}
    settings = {
        f"{resource['urn']}::{resource['id']}": resource["inputs"]
        for resource in resources
        if resource.get("id")
    }
    # A resource with a pending replacement is already deleted, and its replacement may have the same ID.
    recorded = [
        (resource["urn"], resource.get("id", ""))
        for resource in resources
        if not resource.get("pendingReplacement")
    ]
    ids: dict[str, str] = {}
    for creation in creating:
        provider = settings.get(creation.get("provider", ""), {})
        config = {key: parse_setting(value) for key, value in provider.items()}
        resource = Resource(
            creation["urn"], creation["type"], decode_value(creation.get("inputs", {})), config
        )
        if target := targets_by_package.get(resource.type.partition(":")[0]):
            known = {recorded_id for urn, recorded_id in recorded if urn == resource.urn}
            ids.update((resource.urn, live.id) for live in target.find(resource, known))
    return ids
