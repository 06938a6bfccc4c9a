"""The policy pack: its start, a resource, a growing stack; against one rule in the SDK's own loop."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pulumi_policy.policy
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy import EnforcementLevel, ResourceValidationArgs, ResourceValidationPolicy

from policies.catalog import RULES
from policies.pack import NAME, policies
from policies.servicer import Servicer
from tests.policies.fixtures import DEPLOYMENT

ROOT = Path(__file__).parents[1]
Stock: Any = pulumi_policy.policy._PolicyAnalyzerServicer  # pyright: ignore[reportPrivateUsage]
KIND = "kubernetes:apps/v1:Deployment"


def urn(index: int) -> str:
    return f"urn:pulumi:bench::pipe::{KIND}::api-{index}"


def deployment(index: int) -> Struct:
    """A Deployment of its own name and labels, as the engine sends it."""
    name = f"api-{index}"
    labels = {"app": name}
    pod: dict[str, Any] = {**DEPLOYMENT["spec"]["template"], "metadata": {"labels": labels}}
    spec = {**DEPLOYMENT["spec"], "selector": {"matchLabels": labels}, "template": pod}
    props = {"metadata": {"name": name, "namespace": "pipe", "labels": labels}, "spec": spec}
    return json_format.ParseDict(props, Struct())


def milliseconds(work: Callable[[], object], times: int) -> float:
    """The median of one piece of work."""
    found: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append((time.perf_counter() - started) * 1000)
    return statistics.median(found)


def resource(servicers: Sequence[Any], rounds: int = 600) -> list[float]:
    """One Deployment through Analyze, as the engine pays for it: over gRPC, in milliseconds.

    The servicers take turns, so that whatever else the machine does slows them alike.
    """
    request = analyzer_pb2.AnalyzeRequest(type=KIND, urn=urn(0), name="api-0", properties=deployment(0))
    with ExitStack() as open_now:
        clients = [open_now.enter_context(served(servicer)) for servicer in servicers]
        found: list[list[float]] = [[] for _ in clients]
        for _ in range(rounds):
            for times, client in zip(found, clients, strict=True):
                times.append(milliseconds(lambda client=client: client.Analyze(request), 1))
    return [statistics.median(times) for times in found]


@contextmanager
def served(servicer: Any) -> Generator[Any]:
    """A client of the servicer, behind a server of its own."""
    server = grpc.server(ThreadPoolExecutor(4))
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield analyzer_pb2_grpc.AnalyzerStub(channel)
    server.stop(None)


def stack(size: int) -> tuple[float, float]:
    """Analyze of each of many Deployments, then AnalyzeStack: both in milliseconds a resource."""
    requests = [
        analyzer_pb2.AnalyzeRequest(
            type=KIND, urn=urn(index), name=f"api-{index}", properties=deployment(index)
        )
        for index in range(size)
    ]
    whole = analyzer_pb2.AnalyzeStackRequest(
        resources=[
            analyzer_pb2.AnalyzerResource(
                type=each.type, urn=each.urn, name=each.name, properties=each.properties
            )
            for each in requests
        ]
    )
    servicer = ours()

    def analyze() -> None:
        for request in requests:
            servicer.Analyze(request, None)

    return milliseconds(analyze, 3) / size, milliseconds(lambda: servicer.AnalyzeStack(whole, None), 3) / size


def ours() -> Any:
    """The whole pack behind our hook."""
    return Servicer(NAME, "1", policies(), EnforcementLevel.ADVISORY)


def start() -> float:
    """From the process's start to the port that the engine waits for, in milliseconds."""

    def once() -> None:
        command = [sys.executable, "-u", str(ROOT / "policies" / "__main__.py")]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.kill()

    return milliseconds(once, 5)


def one_rule() -> Any:
    """The SDK's own loop with a single rule that reads one property."""

    def check(args: ResourceValidationArgs, report: Any) -> None:
        if args.props["spec"]["replicas"] < 1:
            report("too few", None)

    return Stock("one", "1", [ResourceValidationPolicy("one", "One.", check)], EnforcementLevel.ADVISORY)


PROMISED = 1.5
"""Times what one rule costs, at most; measured in one run, so that it holds on a busy machine too."""


def main() -> int:
    single, whole = resource([one_rule(), ours()])
    ratio = whole / single
    print(f"policy pack: start                     {start():8.0f} ms")
    print(f"a Deployment, one rule, the SDK's loop {single:8.2f} ms")
    print(f"a Deployment, {len(RULES)} rules, our loop      {whole:8.2f} ms   {ratio:5.2f} times")
    for size in (100, 1000, 5000):
        each, together = stack(size)
        print(f"a stack of {size:4} resources               {each:8.3f} + {together:.3f} ms a resource")
    if ratio > PROMISED:
        print(f"error: all rules cost {ratio:.2f} times one rule; promised {PROMISED}", file=sys.stderr)
    return 0 if ratio <= PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
