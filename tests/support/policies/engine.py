"""The real engine, with the pack as an executable and with providers that accept every request."""

import atexit
import json
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi import automation
from pulumi.automation import PulumiCommand
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from sandbox.progress import Progress
from sandbox.toolchain.pulumi_cli import find

ROOT = Path(__file__).parents[3]


class Yes(provider_pb2_grpc.ResourceProviderServicer):
    """A provider that accepts every request and returns its inputs."""

    def Handshake(self, request: Any, context: Any) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_outputs=True)

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version="99.0.0")

    def CheckConfig(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        return provider_pb2.DiffResponse()

    def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptOutputs=False, acceptResources=False
        )

    def Check(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        same = request.olds == request.news
        changes = provider_pb2.DiffResponse.DIFF_NONE if same else provider_pb2.DiffResponse.DIFF_SOME
        return provider_pb2.DiffResponse(changes=changes)

    def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:
        return provider_pb2.CreateResponse(id="" if request.preview else "id", properties=request.properties)

    def Update(self, request: Any, context: Any) -> provider_pb2.UpdateResponse:
        return provider_pb2.UpdateResponse(properties=request.news)

    def Delete(self, request: Any, context: Any) -> Empty:
        return Empty()

    def Invoke(self, request: Any, context: Any) -> provider_pb2.InvokeResponse:
        return provider_pb2.InvokeResponse()

    def Cancel(self, request: Any, context: Any) -> Empty:
        return Empty()

    def Attach(self, request: Any, context: Any) -> Empty:
        return Empty()


@contextmanager
def providers() -> Generator[str]:
    """Serve all packages on one port, and yield the value of PULUMI_DEBUG_PROVIDERS."""
    server = grpc.server(ThreadPoolExecutor(4))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Yes(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield ",".join(f"{name}:{port}" for name in ("aws", "kubernetes", "cloudflare", "datadog", "tls"))
    finally:
        server.stop(None)


@dataclass
class Run:
    """The result of one engine run."""

    failed: bool = False
    text: str = ""
    violations: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def of(self, policy: str) -> list[str]:
        """Return the messages of one policy, without the policy's description."""
        return [
            violation["message"].partition("\n")[2].strip()
            for violation in self.violations
            if violation["policy"] == policy
        ]


class Engine:
    """One stack with a file backend in a separate folder."""

    def __init__(self, folder: Path, attached: str, stack: str = "prod", project: str = "pipe") -> None:
        self.folder = folder
        self.stack = stack
        self.project = project
        self.ledger = folder / "ledger.jsonl"
        # The committed waivers apply to the committed stacks, so the pack has the waivers of this folder.
        self.waivers = folder / "waivers.yaml"
        pack = folder / "pack.py"
        pack.write_text(
            "import sys\n"
            f"sys.path.insert(0, {str(ROOT)!r})\n"
            "from policies.program import run\n"
            f"run({str(self.waivers)!r})\n"
        )
        self.launcher = folder / "pipe-policies"
        self.launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -u "{pack}" "$@"\n')
        self.launcher.chmod(0o755)
        (folder / "home").mkdir()
        (folder / "state").mkdir()
        self.environment = {
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "tests",
            "PULUMI_DEBUG_PROVIDERS": attached,
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PIPE_POLICY_LEDGER": str(self.ledger),
        }

    def run(
        self,
        program: Callable[[], object],
        operation: str = "preview",
        config: Mapping[str, Any] | None = None,
        waivers: str | None = None,
        environment: Mapping[str, str] | None = None,
        **flags: Any,
    ) -> Run:
        """Run an operation with the pack; `flags` are arguments of the Automation API."""
        environment = {**self.environment, **(environment or {})}
        if waivers is None:
            self.waivers.unlink(missing_ok=True)
        else:
            self.waivers.write_text(waivers)

        def quiet() -> None:
            program()

        stack = automation.create_or_select_stack(
            self.stack,
            project_name=self.project,
            program=quiet,
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(self.folder),
                env_vars=environment,
                pulumi_command=command(),
                project_settings=automation.ProjectSettings(
                    self.project,
                    "python",
                    backend=automation.ProjectBackend(f"file://{self.folder / 'state'}"),
                ),
            ),
        )
        options: dict[str, Any] = {"policy_packs": [str(self.launcher)], **flags}
        if config is not None:
            file = self.folder / "config.json"
            file.write_text(json.dumps(config))
            options["policy_pack_configs"] = [str(file)]
        run = Run()

        def record(event: automation.EngineEvent) -> None:
            if policy := event.policy_event:
                level, name = policy.enforcement_level, policy.policy_name
                run.violations.append(
                    {
                        "policy": name,
                        "level": level,
                        "urn": policy.resource_urn or "",
                        "message": policy.message,
                    }
                )

        try:
            result = getattr(stack, operation)(on_event=record, **options)
            run.text = result.stdout + result.stderr
        except automation.CommandError as fault:
            run.failed, run.text = True, str(fault)
        run.violations.sort(
            key=lambda violation: (violation["urn"], violation["policy"], violation["message"])
        )
        return run

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources in the state, with encrypted secrets."""
        [file] = (self.folder / "state").rglob(f"stacks/{self.project}/{self.stack}.json")
        return json.loads(file.read_text())["checkpoint"]["latest"]["resources"]

    def rows(self) -> list[dict[str, str]]:
        """Return the ledger without its first line."""
        return [json.loads(line) for line in self.ledger.read_text().splitlines()[1:]]


@cache
def command() -> PulumiCommand:
    """Return the engine that the sandbox uses, by its path, because each lane of tests sets another PATH."""
    root = tempfile.TemporaryDirectory(prefix="pulumi-")
    atexit.register(root.cleanup)
    program = Path(root.name) / "bin" / "pulumi"
    program.parent.mkdir()
    program.symlink_to(find(Progress()).resolve())
    return PulumiCommand(root.name)
