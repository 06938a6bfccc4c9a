"""An engine that answers the calls of a program, and keeps what the program logs and declares."""

from collections.abc import Generator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc


class FakeEngine(engine_pb2_grpc.EngineServicer, resource_pb2_grpc.ResourceMonitorServicer):
    """A log and a resource monitor.

    `messages` has the logged messages without those for debugging, and `names` the names of the resources.
    The paths of their inputs `source` are messages, too. `is_complete` is True after the last resource. The
    outputs of the resources are unknown unless `is_known` is True.
    """

    is_known = True

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.names: list[str] = []
        self.is_complete = False

    def Log(self, request: engine_pb2.LogRequest, context: Any) -> Empty:
        if request.severity != engine_pb2.DEBUG:
            self.messages.append(request.message)
        return Empty()

    def GetRootResource(self, request: Any, context: Any) -> engine_pb2.GetRootResourceResponse:
        return engine_pb2.GetRootResourceResponse()

    def SetRootResource(self, request: Any, context: Any) -> engine_pb2.SetRootResourceResponse:
        return engine_pb2.SetRootResourceResponse()

    def GetDeploymentInfo(self, request: Any, context: Any) -> resource_pb2.DeploymentInfo:
        return resource_pb2.DeploymentInfo()

    def SupportsFeature(self, request: Any, context: Any) -> resource_pb2.SupportsFeatureResponse:
        return resource_pb2.SupportsFeatureResponse(hasSupport=False)

    def RegisterResource(self, request: Any, context: Any) -> resource_pb2.RegisterResourceResponse:
        self.names.append(request.name)
        if "source" in request.object:
            self.messages.append(request.object["source"]["path"])
        urn = f"urn:pulumi:dev::attack::{request.type}::{request.name}"
        return resource_pb2.RegisterResourceResponse(urn=urn, unknown=not self.is_known)

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Empty:
        return Empty()

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Empty:
        self.is_complete = True
        return Empty()


@contextmanager
def serve(engine: FakeEngine) -> Generator[str]:
    """Serve an engine on this machine, and provide its address."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(engine, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield address
    finally:
        server.stop(0).wait()
