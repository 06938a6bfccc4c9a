"""A provider whose resources, of type test:index:Thing, are files.

Run as a program, this module is `python -m sandbox` with this provider. Tests start and kill the program.
"""

import json
import time
from collections.abc import Generator
from concurrent import futures
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from sandbox.cli import end_process, main
from sandbox.wire.targets import Targets


class FileProvider(provider_pb2_grpc.ResourceProviderServicer):
    """A provider that names each file after the URN, so that it can adopt files from before a kill."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def Handshake(self, request: Any, context: Any) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version="1.0.0")

    def CheckConfig(self, request: provider_pb2.CheckRequest, context: Any) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        return provider_pb2.DiffResponse()

    def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)

    def Check(self, request: provider_pb2.CheckRequest, context: Any) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: provider_pb2.DiffRequest, context: Any) -> provider_pb2.DiffResponse:
        old, new = plain(request.old_inputs), plain(request.news)
        replaces = ["shape"] if old.get("shape") != new.get("shape") else []
        changes = provider_pb2.DiffResponse.DIFF_NONE if old == new else provider_pb2.DiffResponse.DIFF_SOME
        return provider_pb2.DiffResponse(changes=changes, replaces=replaces)

    def Create(self, request: provider_pb2.CreateRequest, context: Any) -> provider_pb2.CreateResponse:
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        props = plain(request.properties)
        if "fail" in props:
            time.sleep(props.get("seconds", 0))
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, props["fail"])
        file = self.directory / f"{sha256(request.urn.encode()).hexdigest()[:12]}.json"
        adopted = file.exists()
        file.write_text(json.dumps({key: value for key, value in props.items() if key != "password"}))
        with (self.directory / "creations").open("a") as log:
            log.write(f"{request.urn.rpartition('::')[2]} {'adopted' if adopted else 'created'}\n")
        time.sleep(0 if adopted else props.get("seconds", 0))
        return provider_pb2.CreateResponse(id=file.stem, properties=request.properties)

    def Read(self, request: provider_pb2.ReadRequest, context: Any) -> provider_pb2.ReadResponse:
        file = self.directory / f"{request.id}.json"
        if not file.exists():
            return provider_pb2.ReadResponse()
        live = struct_pb2.Struct()
        live.CopyFrom(request.inputs)
        live.update(json.loads(file.read_text()))
        return provider_pb2.ReadResponse(id=request.id, properties=live, inputs=live)

    def Update(self, request: provider_pb2.UpdateRequest, context: Any) -> provider_pb2.UpdateResponse:
        if not request.preview:
            props = {key: value for key, value in plain(request.news).items() if key != "password"}
            (self.directory / f"{request.id}.json").write_text(json.dumps(props))
        return provider_pb2.UpdateResponse(properties=request.news)

    def Delete(self, request: provider_pb2.DeleteRequest, context: Any) -> empty_pb2.Empty:
        (self.directory / f"{request.id}.json").unlink(missing_ok=True)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Attach(self, request: Any, context: Any) -> empty_pb2.Empty:
        return empty_pb2.Empty()


def plain(properties: struct_pb2.Struct) -> dict[str, Any]:
    """Return the properties of a message as a dict."""
    return json_format.MessageToDict(properties)


@contextmanager
def serve(folder: Path, targets: Targets | None = None) -> Generator[dict[str, int]]:
    """Serve the provider with its files in `folder`/targets; yield its port by the package's name."""
    directory = folder / "targets"
    directory.mkdir(exist_ok=True)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(FileProvider(directory), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield {"test": port}
    finally:
        server.stop(grace=None).wait()


if __name__ == "__main__":
    end_process(main(serve=serve))
