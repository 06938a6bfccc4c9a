"""Targets of a command: the real stack, or the stack's sandbox if TARGET is sandbox."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from operations.lib.command_line import ROOT, Options
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes import cluster_identity

if TYPE_CHECKING:
    from sandbox.wire.targets import Targets

SANDBOXES = ROOT / ".sandbox"
ADDRESSES = {
    "AWS_ENDPOINT_URL": "aws",
    "CLOUDFLARE_BASE_URL": "cloudflare",
    "DATADOG_HOST": "datadog",
    "DD_HOST": "datadog",
}
"""Name, in targets.json, of the API whose address each environment variable of the console contains."""


def running(options: Options) -> "Targets":
    """Return the targets of the stack's sandbox; refuse a sandbox that is not running."""
    from sandbox.clouds import process  # Imported here, since a real stack does not need the sandbox.

    targets = process.find_running(SANDBOXES / options.stack)
    if targets is None:
        raise RefusedError(advice(options))
    return targets


def advice(options: Options) -> str:
    """Return the message for a sandbox that does not respond, with the remedy."""
    from sandbox import target_selection
    from sandbox.workspace.stacks import find_stack

    return target_selection.advice(find_stack(ROOT, options.stack))


def repair_command(options: Options) -> str:
    """Return the command that reverts manual changes and deletions."""
    if options.target == "sandbox":
        return f"make sandbox STACK={options.stack}"
    pack = f"--policy-pack policies --policy-pack-config policies/config/{options.stack}.json"
    return f"pulumi up --refresh --stack {options.stack} {pack}"


def check(options: Options) -> None:
    """Refuse a real stack if environment variables lead to a sandbox, as in the shell of `make console`.

    TARGET=sandbox needs no check, since the commands take the addresses from the sandbox itself.
    """
    if options.target == "sandbox":
        return
    kubeconfig = os.environ.get("KUBECONFIG", "")
    identity = cluster_identity.of_files(kubeconfig) if kubeconfig else None
    for folder in _sandbox_folders():
        names = [name for name, url in _addresses(folder) if os.environ.get(name, "").startswith(url)]
        file = folder / "control-plane" / "admin.kubeconfig"
        own = cluster_identity.of_files(str(file)) if file.is_file() else None
        if identity and own and identity.is_same(own):
            names.append("KUBECONFIG")
        if names:
            raise RefusedError(
                f"TARGET is real, but variables of this shell lead to the sandbox of {folder.name}: "
                f"{', '.join(names)}.\n"
                f"For the sandbox: export TARGET=sandbox. For the real {options.stack}: use a shell without "
                "these variables (exit leaves the console)"
            )


def _sandbox_folders() -> Iterator[Path]:
    """Yield the folders of this checkout's sandboxes and of the sandbox whose console runs the command."""
    yield from sorted(folder for folder in SANDBOXES.glob("*") if folder.is_dir())
    for path in os.environ.get("KUBECONFIG", "").split(os.pathsep):
        folder = Path(path).parent.parent
        if folder.parent.name == SANDBOXES.name and folder.parent != SANDBOXES and folder.is_dir():
            yield folder


def _addresses(folder: Path) -> list[tuple[str, str]]:
    """Return the environment variables that lead to a sandbox's APIs, each with the API's address."""
    from sandbox.clouds import process

    targets = process.read_record(folder) if (folder / "targets.json").is_file() else None
    return [(name, getattr(targets, part)) for name, part in ADDRESSES.items()] if targets else []


def outputs(runner: CommandRunner, options: Options) -> dict[str, Any]:
    """Return the program's outputs with masked secrets; raise FailedError if the outputs cannot be read."""
    if options.target == "sandbox":
        from sandbox.progress import is_root
        from sandbox.summary import masked
        from sandbox.workspace import state
        from sandbox.workspace.stacks import find_stack

        resources = state.read(find_stack(ROOT, options.stack), "resources")
        stacks = [resource for resource in resources if is_root(resource["urn"])]
        return {name: masked(value) for stack in stacks for name, value in stack.get("outputs", {}).items()}
    text = runner.read("pulumi", "stack", "output", "--json", "--stack", options.stack)
    try:
        return json.loads(text)
    except ValueError:
        raise FailedError(f"pulumi stack output --stack {options.stack} printed no JSON") from None


def aws(options: Options, service: str, region: str = "") -> Any:
    """Return a client of an AWS service, by default in the stack's region.

    For a real stack, the credentials come from the environment; a sandbox accepts any credentials.
    """
    import boto3  # Imported here, since it is slow to import and few commands need it.
    from botocore.config import Config

    region = region or options.settings["service"]["region"]
    arguments: dict[str, Any] = {
        "config": Config(connect_timeout=5, read_timeout=15, retries={"max_attempts": 3})
    }
    if options.target == "sandbox":
        arguments |= {"endpoint_url": running(options).aws}
        arguments |= {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
    return cast(Any, boto3).client(service, region_name=region, **arguments)
