"""Access to a stack's namespace with kubectl."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes import cluster_identity

Manifest = dict[str, Any]
API = "deployment/pipe-api"
KEPT_REPLICAS = "pipe.dev/replicas-before-restore"
"""Annotation with the API's previous number of pods, which is set while a restore keeps the API stopped."""
SANDBOX_JOBS = "pods of the sandbox run no containers, so no database was changed"
SANDBOX_LOG = "no log: pods of the sandbox run no containers"


class Cluster:
    """A client for the objects of one namespace."""

    def __init__(self, runner: CommandRunner, options: Options, kubectl: str = "kubectl") -> None:
        self.runner = runner
        self.namespace = options.namespace
        self.silent = options.target == "sandbox"
        """True if pods have no logs, as in a sandbox."""
        self._command = (kubectl, "--namespace", options.namespace)

    def get(self, name: str) -> Manifest:
        """Return an object by kind and name, such as `deployment/pipe-api`."""
        return json.loads(self.read("get", name, "--output=json"))

    def list(self, kind: str, labels: str) -> list[Manifest]:
        """Return the objects of a kind that have the labels, oldest first."""
        arguments = ("get", kind, f"--selector={labels}", "--output=json")
        items: list[Manifest] = json.loads(self.read(*arguments))["items"]
        return sorted(items, key=lambda item: item["metadata"]["creationTimestamp"])

    def find(self, name: str) -> Manifest | None:
        """Return an object by kind and name; None if it does not exist."""
        text = self.read("get", name, "--ignore-not-found", "--output=json")
        return json.loads(text) if text.strip() else None

    def read(self, *arguments: str) -> str:
        """Return the output of a kubectl command that changes nothing."""
        return self.runner.read(*self._command, *arguments)

    def undo(self, name: str, revision: int) -> None:
        """Roll a Deployment back to an earlier revision."""
        self.runner.change(*self._command, "rollout", "undo", name, f"--to-revision={revision}")

    def create(self, manifest: Manifest) -> None:
        """Create an object; a dry run only shows the command and the object's name."""
        name = f"{manifest['kind'].lower()}/{manifest['metadata']['name']}"
        if self.runner.dry_run:
            self.runner.change(*self._command, "create", "--filename=-", f"# {name}")
            return
        self.runner.change(*self._command, "create", "--filename=-", stdin=json.dumps(manifest))

    def replace(self, manifest: Manifest) -> Manifest:
        """Replace an object and return it; raise FailedError if its `resourceVersion` is not the current one.

        Not for dry runs, which have no object to return.
        """
        arguments = ("replace", "--filename=-", "--output=json")
        return json.loads(self.runner.change(*self._command, *arguments, stdin=json.dumps(manifest)))

    def apply(self, manifest: Manifest) -> None:
        """Create an object, or change the existing object to match the manifest."""
        name = f"{manifest['kind'].lower()}/{manifest['metadata']['name']}"
        arguments = (
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=pipe-scripts",
            "--filename=-",
        )
        if self.runner.dry_run:
            self.runner.change(*self._command, *arguments, f"# {name}")
            return
        self.runner.change(*self._command, *arguments, stdin=json.dumps(manifest))

    def annotate(self, name: str, key: str, value: str | None) -> None:
        """Set an annotation of an object, or remove it if the value is None."""
        change = f"{key}-" if value is None else f"{key}={value}"
        self.runner.change(*self._command, "annotate", "--overwrite", name, change)

    def delete(self, name: str) -> None:
        """Delete an object by kind and name, without waiting until it is gone; ignore a missing object."""
        self.runner.change(*self._command, "delete", name, "--wait=false", "--ignore-not-found")

    def scale(self, name: str, replicas: int) -> None:
        """Set the number of pods of a Deployment."""
        self.runner.change(*self._command, "scale", name, f"--replicas={replicas}")

    def rollout(self, name: str, show: Callable[[str], None], seconds: int = 600) -> None:
        """Wait until every pod of a Deployment has the newest revision and is available.

        `show` gets the progress. Raises FailedError after `seconds`.
        """
        if self.runner.dry_run:
            return
        for line in self.runner.lines(*self._command, "rollout", "status", name, f"--timeout={seconds}s"):
            show(line)

    def follow(self, pod: str, container: str, show: Callable[[str], None]) -> None:
        """Show a container's log line by line until the container ends."""
        if self.silent:
            show(SANDBOX_LOG)
            return
        for line in self.runner.lines(*self._command, "logs", "--follow", pod, f"--container={container}"):
            show(f"{container}: {line}")


class NamespaceMissing(RefusedError):
    """A refusal because the stack's namespace does not exist in the cluster."""


@contextmanager
def connected(runner: CommandRunner, options: Options) -> Generator[Cluster]:
    """Connect to the stack's cluster.

    Refuse a kubeconfig for another cluster or environment, and a cluster that does not answer or that lacks
    the stack's namespace.
    """
    with _kubeconfig(runner, options) as (path, kubectl):
        runner.variables["KUBECONFIG"] = path
        cluster = Cluster(runner, options, kubectl)
        try:
            namespace = cluster.find(f"namespace/{options.namespace}")
        except FailedError as error:
            remedy = f"\n{sandbox_targets.advice(options)}" if options.target == "sandbox" else ""
            raise RefusedError(f"the cluster of {options.stack} does not answer: {error}{remedy}") from None
        if namespace is None:
            raise NamespaceMissing(
                f"the cluster of {options.stack} has no namespace {options.namespace}. "
                f"To create it again: {sandbox_targets.repair_command(options)}"
            )
        labels = namespace["metadata"].get("labels", {})
        environment = labels.get("tags.datadoghq.com/env")
        expected = options.settings["service"]["environment"]
        if environment != expected:
            raise RefusedError(
                f"{path} leads to the environment {environment!r}, not to {expected!r}; "
                "unset KUBECONFIG to use the stack's own"
            )
        yield cluster


@contextmanager
def _kubeconfig(runner: CommandRunner, options: Options) -> Generator[tuple[str, str]]:
    if options.target == "sandbox":
        yield _sandbox(options)
        return
    try:
        arguments = ("pulumi", "stack", "output", "kubeconfig", "--show-secrets", "--stack", options.stack)
        text = runner.read(*arguments)
    except FailedError as error:
        raise RefusedError(
            f"{error}\nLog in to Pulumi's state, which contains the kubeconfig (README, Real stacks)"
        ) from None
    if own_kubeconfig := os.environ.get("KUBECONFIG"):
        _check_same(own_kubeconfig, text, options)
        yield own_kubeconfig, "kubectl"
    else:
        descriptor, path = tempfile.mkstemp(prefix="kubeconfig-")  # mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
            yield path, "kubectl"
        finally:
            Path(path).unlink(missing_ok=True)


def _check_same(paths: str, text: str, options: Options) -> None:
    """Refuse a KUBECONFIG that does not lead to the cluster in the stack's output `kubeconfig`."""
    actual, expected = cluster_identity.of_files(paths), cluster_identity.of_text(text)
    if actual is None or expected is None or not actual.is_same(expected):
        raise RefusedError(
            f"KUBECONFIG={paths} leads to {actual.server if actual else 'no cluster'}, but the cluster of "
            f"{options.stack} is {expected.server if expected else 'unknown'}: the addresses or certificate "
            "authorities differ. Unset KUBECONFIG to use the stack's own"
        )


def _sandbox(options: Options) -> tuple[str, str]:
    from sandbox.clouds.kubernetes import control_plane

    running = sandbox_targets.running(options)
    if running.kubeconfig is None:
        commands = f"make clean STACK={options.stack}, make control-plane, make sandbox STACK={options.stack}"
        raise RefusedError(f"the sandbox of {options.stack} has no cluster; to create one: {commands}")
    return str(running.kubeconfig), str((control_plane.find() or {}).get("kubectl", "kubectl"))


def replicas_before_restore(deployment: Manifest) -> int:
    """Return the number of pods that the API had when a restore stopped it; 0 if it is not stopped."""
    return int(deployment["metadata"].get("annotations", {}).get(KEPT_REPLICAS, 0))


def wait(condition: str, is_met: Callable[[], bool], seconds: float, every: float = 1.0) -> None:
    """Wait until a condition holds; after `seconds`, raise FailedError with the condition's description."""
    end = time.monotonic() + seconds
    while not is_met():
        if time.monotonic() > end:
            raise FailedError(f"timed out after {seconds:.0f} s; still waiting for: {condition}")
        time.sleep(every)
