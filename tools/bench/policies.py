"""The policy pack: its start, a resource, a growing stack; against one rule in the SDK's own loop."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
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
    """What a namespace holds: a Deployment, its budget and Service, and a policy that denies all traffic.

    All of them share a label with those of every other namespace, as tools that install a whole product do.
    """
    labels = {
        f"app.kubernetes.io/{key}": value
        for key, value in (("name", f"api-{index}"), ("part-of", "shop"), ("managed-by", "pulumi"))
    }
    about = {"metadata": {"name": "api", "namespace": f"shop-{index}", "labels": labels}}
    pod: dict[str, Any] = {**DEPLOYMENT["spec"]["template"], "metadata": {"labels": labels}}
    spec = {**DEPLOYMENT["spec"], "selector": {"matchLabels": labels}, "template": pod}
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    return [
        (KIND, {**about, "spec": spec}),
        ("kubernetes:networking.k8s.io/v1:NetworkPolicy", {**about, "spec": {"podSelector": {}}}),
        ("kubernetes:policy/v1:PodDisruptionBudget", {**about, "spec": budget}),
        (
            "kubernetes:core/v1:Service",
            {**about, "spec": {"selector": labels, "ports": [{"port": 8080}]}},
        ),
    ]


def asked(kind: str, props: dict[str, Any], index: int = 0) -> analyzer_pb2.AnalyzeRequest:
    """A resource as the engine sends it."""
    urn = f"urn:pulumi:bench::pipe::{kind}::api-{index}"
    struct = json_format.ParseDict(props, Struct())
    return analyzer_pb2.AnalyzeRequest(type=kind, urn=urn, name=f"api-{index}", properties=struct)


def milliseconds(work: Callable[[], object], times: int) -> float:
    """One piece of work: the quickest of several times, since whatever else the machine does only adds."""
    found: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append((time.perf_counter() - started) * 1000)
    return min(found)


def resource(servicers: Sequence[Any], rounds: int = 600) -> list[float]:
    """One Deployment through Analyze, as the engine pays for it: over gRPC, in milliseconds.

    The servicers take turns, so that whatever else the machine does slows them alike.
    """
    request = asked(*namespace(0)[0])
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
    """Analyze of each of many resources, then AnalyzeStack: both in milliseconds a resource."""
    requests = [asked(*each, index) for index in range(size // 4) for each in namespace(index)]
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
    return PolicyAnalyzer(NAME, "1", policies(), EnforcementLevel.ADVISORY)


def recorded(folder: str) -> Any:
    """The same with a ledger."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIPE_POLICY_LEDGER", f"{folder}/ledger")
        return ours()


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


RATIO = 1.5
"""Times what one rule costs, at most; measured in one run, so that it holds on a busy machine too."""

START = 1000
"""Milliseconds until the engine can ask."""

SIZES = (100, 1000, 5000)
GROWTH = 2.0
"""Times what a resource of the cheapest stack costs in the largest, at most."""


def main() -> int:
    with TemporaryDirectory() as folder:
        single, whole, kept = resource([one_rule(), ours(), recorded(folder)])
    began = start()
    print(f"policy pack: start                     {began:8.0f} ms")
    print(f"a Deployment, one rule, the SDK's loop {single:8.2f} ms")
    print(f"a Deployment, {len(RULES)} rules, our loop      {whole:8.2f} ms   {whole / single:5.2f} times")
    print(f"the same with a ledger                 {kept:8.2f} ms   {kept / single:5.2f} times")
    together: list[float] = []
    for size in SIZES:
        each, stacked = stack(size)
        together.append(each + stacked)
        print(f"a stack of {size:4} resources               {each:8.3f} + {stacked:.3f} ms a resource")
    growth = together[-1] / min(together)
    broken = [
        f"{what} is {found:.2f}; promised {most}"
        for what, found, most in (
            ("the start in ms", began, START),
            ("all rules by one rule", whole / single, RATIO),
            ("a resource of a large stack by one of a small", growth, GROWTH),
        )
        if found > most
    ]
    for each in broken:
        print(f"error: {each}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
