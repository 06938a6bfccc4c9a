"""Tests of a policy pack in its isolation, which the evaluation asks over a Unix socket."""

import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import analyzer_pb2_grpc

from review.comparison import OWN_CODE
from review.jail import snapshot
from review.jail.guard import ANALYZER
from review.jail.processes import Processes
from review.jail.supervisor import running
from review.jail.system_calls.filter import LOWEST_PRIORITY

pytestmark = [
    pytest.mark.drill,
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's"),
]
ROOT = Path(__file__).parents[4]

POLICIES = """
import os, socket
from pulumi_policy import PolicyPack, ResourceValidationPolicy
rule = ResourceValidationPolicy("rule", "A rule.", lambda resource, report: None)
try:
    socket.socket(socket.AF_INET)
except OSError as error:
    priority = os.getpriority(os.PRIO_PROCESS, 0)
    PolicyPack(f"{error.strerror.replace(' ', '-')}-{priority}", policies=[rule])
"""


@pytest.mark.parametrize("length", [10, 120])
def test_the_pack_answers_without_tcp_whatever_the_length_of_the_folder(length: int) -> None:
    with ExitStack() as stack:
        root = Path(stack.enter_context(TemporaryDirectory(prefix="review-"))).resolve() / ("r" * length)
        tree = root / "head"
        (tree / "policies").mkdir(parents=True)
        (tree / "policies" / "__main__.py").write_text(POLICIES)
        code = snapshot.copy_code(ROOT, root / "code", OWN_CODE).folder
        processes = stack.enter_context(Processes(root, code, Path("/usr/bin/pulumi"), isolated=True))
        processes.add("dev", "head", tree, tree, policies=True)
        for command in processes.commands:
            stack.enter_context(running(command))
        socket = processes.sockets["dev"]["head"] / ANALYZER
        channel = stack.enter_context(grpc.insecure_channel(f"unix:{socket}"))
        analyzer: Any = analyzer_pb2_grpc.AnalyzerStub(channel)
        about = analyzer.GetAnalyzerInfo(Empty(), timeout=60)
        assert about.name == f"Operation-not-permitted-{LOWEST_PRIORITY}"
