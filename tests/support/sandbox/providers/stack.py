"""A stack for the real engine with the stand-ins, whose program runs in the process of the tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pulumi import automation

from sandbox.providers.server import serve
from tests.support.policies.engine import command

Operation = Literal["preview", "up", "refresh", "destroy", "cancel"]


@dataclass
class Outcome:
    """The result of an operation."""

    ops: dict[str, str] = field(default_factory=dict[str, str])
    """The operation on each changed resource by name, without the stack and the providers."""
    differences: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """The detailed diff of each changed resource: the kind of each change by path."""
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    fault: str = ""
    """The engine's error message; empty if the operation succeeded."""


class Stack:
    """The stack `dev` of a project `pipe` in a separate folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("home", "state"):
            (folder / name).mkdir(exist_ok=True)
        self._environment = {
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "tests",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        backend = automation.ProjectBackend(f"file://{folder / 'state'}")
        self._stack = automation.create_or_select_stack(
            "dev",
            project_name="pipe",
            program=lambda: None,
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(folder),
                env_vars=self._environment,
                pulumi_command=command(),
                project_settings=automation.ProjectSettings("pipe", "python", backend=backend),
            ),
        )

    def config(self, package: str = "aws", **settings: str) -> None:
        """Change the settings of a package's default provider."""
        for key, value in settings.items():
            self._stack.set_config(f"{package}:{key}", automation.ConfigValue(value))

    def run(self, operation: Operation, program: Callable[[], None] | None = None, **options: Any) -> Outcome:
        """Run an operation with new providers; return the outcome, even if the engine fails."""
        outcome = Outcome()

        def record(event: automation.EngineEvent) -> None:
            step = event.resource_pre_event or event.res_outputs_event
            if step is None or step.metadata.type.startswith("pulumi:"):
                return
            if step.metadata.op in ("same", "refresh", "read"):
                return
            name = step.metadata.urn.rpartition("::")[2]
            outcome.ops[name] = step.metadata.op
            for path, difference in (step.metadata.detailed_diff or {}).items():
                outcome.differences.setdefault(name, {})[path] = str(difference.diff_kind.value)

        workspace = self._stack.workspace
        workspace.program = program
        with serve(self.folder) as ports:
            attached = ",".join(f"{name}:{port}" for name, port in ports.items())
            workspace.env_vars = self._environment | {"PULUMI_DEBUG_PROVIDERS": attached}
            try:
                if operation == "cancel":
                    self._stack.cancel()
                else:
                    result = getattr(self._stack, operation)(on_event=record, **options)
                    outputs: dict[str, Any] = getattr(result, "outputs", None) or {}
                    outcome.outputs = {key: output.value for key, output in outputs.items()}
            except automation.CommandError as fault:
                outcome.fault = str(fault)
        return outcome
