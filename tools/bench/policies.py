"""Benchmark of the policy pack: its start, the check of one resource, and stacks of growing size.

The reference for one resource is a single rule in the SDK's own analyzer.
"""

import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pulumi_policy.policy
import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy import EnforcementLevel, ResourceValidationArgs, ResourceValidationPolicy

from policies.engine.analyzer import PolicyAnalyzer
from policies.engine.catalog import RULES
from policies.engine.pack import NAME, policies
from tests.support.policies.fixtures import DEPLOYMENT

ROOT = Path(__file__).parents[2]
Stock: Any = pulumi_policy.policy._PolicyAnalyzerServicer  # pyright: ignore[reportPrivateUsage]
KIND = "kubernetes:apps/v1:Deployment"


def namespace(index: int) -> list[tuple[str, dict[str, Any]]]:
    """Return a Deployment, its disruption budget, its Service, and a NetworkPolicy without any ingress.

    The resources of all namespaces share a label, as the resources of a Helm chart do.
    """
    labels = {
        f"app.kubernetes.io/{key}": value
        for key, value in (("name", f"api-{index}"), ("part-of", "shop"), ("managed-by", "pulumi"))
    }
    metadata = {"metadata": {"name": "api", "namespace": f"shop-{index}", "labels": labels}}
    pod: dict[str, Any] = {**DEPLOYMENT["spec"]["template"], "metadata": {"labels": labels}}
    spec = {**DEPLOYMENT["spec"], "selector": {"matchLabels": labels}, "template": pod}
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    return [
        (KIND, {**metadata, "spec": spec}),
        ("kubernetes:networking.k8s.io/v1:NetworkPolicy", {**metadata, "spec": {"podSelector": {}}}),
        ("kubernetes:policy/v1:PodDisruptionBudget", {**metadata, "spec": budget}),
        (
            "kubernetes:core/v1:Service",
            {**metadata, "spec": {"selector": labels, "ports": [{"port": 8080}]}},
        ),
    ]


def analyze_request(kind: str, props: dict[str, Any], index: int = 0) -> analyzer_pb2.AnalyzeRequest:
    """Return the request with which the engine submits a resource for analysis."""
    urn = f"urn:pulumi:bench::pipe::{kind}::api-{index}"
    struct = json_format.ParseDict(props, Struct())
    package = f"pulumi:providers:{kind.partition(':')[0]}"
    provider = analyzer_pb2.AnalyzerProviderResource(
        type=package, urn=f"urn:pulumi:bench::pipe::{package}::default", name="default"
    )
    return analyzer_pb2.AnalyzeRequest(
        type=kind, urn=urn, name=f"api-{index}", properties=struct, provider=provider
    )


def milliseconds(work: Callable[[], object], times: int) -> float:
    """Return the milliseconds of the fastest of `times` runs, since other processes can only add time."""
    durations: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        durations.append((time.perf_counter() - started) * 1000)
    return min(durations)


def time_resource(servicers: Sequence[Any], rounds: int = 600) -> list[float]:
    """Return each servicer's median milliseconds for the Analyze request of one Deployment over gRPC.

    The servicers take turns, so that other processes slow them all down equally.
    """
    request = analyze_request(*namespace(0)[0])
    with ExitStack() as servers:
        clients = [servers.enter_context(serve(servicer)) for servicer in servicers]
        durations: list[list[float]] = [[] for _ in clients]
        for _ in range(rounds):
            for times, client in zip(durations, clients, strict=True):
                times.append(milliseconds(lambda client=client: client.Analyze(request), 1))
    return [statistics.median(times) for times in durations]


def time_processor(makers: Sequence[Callable[[], Any]], batches: int = 40, rounds: int = 30) -> list[float]:
    """Return the milliseconds of CPU time that each server takes for the Analyze request of one Deployment.

    Each server runs in a process of its own, so the client's time does not count. The servers take turns, so
    that a change of the processor's speed affects all of them, and the median of the batches counts: CPU time
    includes no waiting, but other processes can evict data from the caches.
    """
    request = analyze_request(*namespace(0)[0])
    with ExitStack() as servers:
        connected = [servers.enter_context(_process(make)) for make in makers]
        durations: list[list[float]] = [[] for _ in connected]
        for _ in range(batches):
            for times, (client, connection) in zip(durations, connected, strict=True):
                started = _processor_time(connection)
                for _ in range(rounds):
                    client.Analyze(request)
                times.append((_processor_time(connection) - started) * 1000 / rounds)
    return [statistics.median(times[1:]) for times in durations]  # The first batch fills the caches.


@contextmanager
def _process(make: Callable[[], Any]) -> Generator[tuple[Any, Connection]]:
    """Serve a servicer in a process of its own; yield a client, and a connection for `_processor_time`."""
    context = multiprocessing.get_context("spawn")
    connections: tuple[Any, Any] = context.Pipe()
    ours, theirs = connections
    process = context.Process(target=_serve_until_told, args=(make, theirs), daemon=True)
    process.start()
    with grpc.insecure_channel(f"127.0.0.1:{ours.recv()}") as channel:
        yield analyzer_pb2_grpc.AnalyzerStub(channel), ours
    ours.send(False)
    process.join()


def _processor_time(connection: Connection) -> float:
    connection.send(True)
    return connection.recv()


def _serve_until_told(make: Callable[[], Any], connection: Connection) -> None:
    """Send the port of a server, then this process's CPU seconds for each True; stop the server at False."""
    server, port = _start(make())
    connection.send(port)
    while connection.recv():
        connection.send(time.process_time())
    server.stop(None)


def _start(servicer: Any) -> tuple[Any, int]:
    server = grpc.server(ThreadPoolExecutor(4))
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


@contextmanager
def serve(servicer: Any) -> Generator[Any]:
    """Serve a servicer over gRPC, and yield a client."""
    server, port = _start(servicer)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield analyzer_pb2_grpc.AnalyzerStub(channel)
    server.stop(None)


def time_stack(size: int) -> tuple[float, float]:
    """Return the milliseconds per resource of Analyze and of AnalyzeStack, for a stack of this size."""
    requests = [
        analyze_request(kind, props, index) for index in range(size // 4) for kind, props in namespace(index)
    ]
    whole = analyzer_pb2.AnalyzeStackRequest(
        resources=[
            analyzer_pb2.AnalyzerResource(
                type=request.type,
                urn=request.urn,
                name=request.name,
                properties=request.properties,
                provider=request.provider,
            )
            for request in requests
        ]
    )
    servicer = whole_pack()

    def analyze() -> None:
        for request in requests:
            servicer.Analyze(request, None)

    return milliseconds(analyze, 3) / size, milliseconds(lambda: servicer.AnalyzeStack(whole, None), 3) / size


def whole_pack() -> Any:
    """Return an analyzer with the whole policy pack."""
    return PolicyAnalyzer(NAME, "1", policies(), EnforcementLevel.ADVISORY)


def whole_pack_with_ledger(folder: str) -> Any:
    """Return an analyzer with the whole policy pack that writes a ledger to a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIPE_POLICY_LEDGER", f"{folder}/ledger")
        return whole_pack()


def time_start() -> float:
    """Return the milliseconds from the start of the policy pack's process until it prints its port."""

    def start_once() -> None:
        command = [sys.executable, "-u", str(ROOT / "policies" / "__main__.py")]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.kill()

    return milliseconds(start_once, 5)


def one_rule() -> Any:
    """Return the SDK's own analyzer with a single rule that reads one property."""

    def check(args: ResourceValidationArgs, report: Any) -> None:
        if args.props["spec"]["replicas"] < 1:
            report("too few", None)

    return Stock("one", "1", [ResourceValidationPolicy("one", "One.", check)], EnforcementLevel.ADVISORY)


RATIO = 1.5
"""Largest ratio of the time with all rules to the time with the single rule.

Both times come from the same run, so the ratio is also valid on a busy machine.
"""

PROCESSOR_RATIO = 2.0
"""Largest ratio of the server's CPU time with all rules to its CPU time with the single rule."""

START = 1000
"""Largest number of milliseconds until the policy pack accepts requests from the engine."""

SIZES = (100, 1000, 5000)
GROWTH = 2.0
"""Largest ratio of the times per resource in the largest stack and in the stack with the shortest time."""


def main() -> int:
    """Measure everything and print the results; return 1 if a measurement exceeds its limit, else 0."""
    with TemporaryDirectory() as folder:
        single, whole, with_ledger = time_resource([one_rule(), whole_pack(), whole_pack_with_ledger(folder)])
    own_single, own_whole = time_processor([one_rule, whole_pack])
    start = time_start()
    print(f"policy pack: start                     {start:8.0f} ms")
    print(f"a Deployment, one rule, the SDK's loop {single:8.2f} ms")
    print(f"a Deployment, {len(RULES)} rules, this pack     {whole:8.2f} ms   {whole / single:5.2f} times")
    print(f"its own CPU time, without the client's {own_whole:8.2f} ms   {own_whole / own_single:5.2f} times")
    print(f"that of the SDK's loop                 {own_single:8.2f} ms")
    print(f"the same with a ledger                 {with_ledger:8.2f} ms   {with_ledger / single:5.2f} times")
    totals: list[float] = []
    for size in SIZES:
        by_resource, by_stack = time_stack(size)
        totals.append(by_resource + by_stack)
        print(
            f"a stack of {size:4} resources               {by_resource:8.3f} + {by_stack:.3f} ms a resource"
        )
    growth = totals[-1] / min(totals)
    errors = [
        f"{measurement} is {value:.2f}; at most {limit} is allowed"
        for measurement, value, limit in (
            ("the time of the start in milliseconds", start, START),
            ("the ratio of the time of all rules to that of one rule", whole / single, RATIO),
            (
                "the ratio of the CPU time of all rules to that of one",
                own_whole / own_single,
                PROCESSOR_RATIO,
            ),
            ("the ratio of the largest stack's time per resource to the shortest one", growth, GROWTH),
        )
        if value > limit
    ]
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
