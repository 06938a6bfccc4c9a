"""Tests of deployments in the sandbox: success, failing check, failing migration, new passwords."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from operations import rotate
from operations.lib import stack_file
from sandbox.clouds import process
from sandbox.clouds.kubernetes import control_plane
from sandbox.wire.kubernetes_api import Api
from sandbox.wire.targets import Targets
from tests.support.drills.fixtures import Measured as Measured
from tests.support.drills.fixtures import measured as measured
from tests.support.operations.api_cluster import DEPLOYMENT, PODS, Cluster
from tests.support.operations.environment import checkout, git_identity
from tests.support.stacks import shorten_settle_time

PARTS = (
    "components",
    "foundation",
    "policies",
    "review",
    "sandbox",
    "schemas",
    "scripts",
    "operations",
    "__main__.py",
    "eks_versions.py",
    "lazy_sdk.py",
    "pyproject.toml",
)
MAKE = """\
#!/bin/sh
echo "make $*"
[ "$1" = current ] && [ -e "{bin}/datadog" ] || exit 0
exec curl --silent --fail --request PUT --data '{{"kind": "error", "path": "/api/v1/monitor$"}}' \\
  "$(cat "{bin}/datadog")/_sandbox/failures"
"""
"""A fake make whose targets pass. If {bin}/datadog exists, the last target makes Datadog refuse to list
monitors.

Each monitor can still be read by its ID, since `up` refreshes the monitors.
"""


@dataclass
class Sandbox:
    root: Path
    bin: Path

    def run(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        own = {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "TARGET": "sandbox", "NO_COLOR": "1"}
        return subprocess.run(
            command,
            cwd=self.root,
            env=os.environ | git_identity() | own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def deploy(self, version: str, *options: str) -> "subprocess.CompletedProcess[str]":
        return self.run("scripts/deploy.sh", "dev", "--version", version, *options)

    def sandbox(self, command: str) -> "subprocess.CompletedProcess[str]":
        done = self.run(".venv/bin/python", "-m", "sandbox", command, "dev")
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def version(self) -> str:
        return stack_file.version(stack_file.image((self.root / "Pulumi.dev.yaml").read_text()))

    @property
    def targets(self) -> Targets:
        running = process.find_running(self.root / ".sandbox" / "dev")
        assert running
        return running

    @property
    def cluster(self) -> Cluster:
        api_cluster = object.__new__(Cluster)
        assert self.targets.kubeconfig
        api_cluster.api = Api(self.targets.kubeconfig)
        return api_cluster

    def secrets(self) -> dict[str, str]:
        """Return the encrypted secrets of the stack's settings; a different string is a different value."""
        file = self.root / ".sandbox" / "dev" / "Pulumi.dev.yaml"
        config = yaml.load(file.read_text(), yaml.BaseLoader)["config"]
        return {key: value["secure"] for key, value in config.items() if "secure" in value}

    def logins(self) -> set[str]:
        """Return the database users of the API's pods (see components/kubernetes/database_roles.py)."""
        pods = self.cluster.api.items(PODS, labelSelector="app=pipe-api")
        variables = [item for pod in pods for item in pod["spec"]["containers"][0]["env"]]
        return {item["value"] for item in variables if item["name"] == "PGUSER"}

    def subjects(self) -> list[str]:
        return self.run("git", "log", "--format=%s").stdout.splitlines()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    stack = Sandbox(folder / "checkout", folder / "bin")
    stack.root.mkdir()
    stack.bin.mkdir()
    (stack.bin / "make").write_text(MAKE.format(bin=stack.bin))
    (stack.bin / "make").chmod(0o755)
    checkout(stack.root, *PARTS)
    shorten_settle_time(stack.root)
    for arguments in (
        ("init", "--quiet", "-b", "main"),
        ("add", "--all"),
        ("commit", "--quiet", "-m", "Start"),
    ):
        assert stack.run("git", *arguments).returncode == 0
    try:
        stack.sandbox("up")
        yield stack
    finally:
        stack.run(".venv/bin/python", "-m", "sandbox", "clean", "dev")


POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
OLDER = 'c.image.contains("/pipe/api:1.4.0@") && "migrate:prod" in c.command'


def newer_schema(cluster: Cluster) -> None:
    """Make the migrations of 1.4.0 fail from now on, as its tool refuses an unknown schema."""
    jobs = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
    policy = {
        "matchConstraints": {"resourceRules": [jobs]},
        "validations": [{"expression": f"!object.spec.template.spec.containers.exists(c, {OLDER})"}],
    }
    bound = {"policyName": "newer-schema", "validationActions": ["Deny"]}
    version = "admissionregistration.k8s.io/v1"
    cluster.make(POLICIES, version, "ValidatingAdmissionPolicy", "newer-schema", {"spec": policy}, {})
    kind = "ValidatingAdmissionPolicyBinding"
    cluster.make(f"{POLICIES[:-8]}policybindings", version, kind, "newer-schema", {"spec": bound}, {})


def test_a_failing_version_is_rolled_back_and_a_failing_migration_changes_nothing(
    sandbox: Sandbox, measured: Measured
) -> None:
    wanted = sandbox.cluster.ready()
    (folder := sandbox.root / "app" / "migrations").mkdir(parents=True)
    (folder / "20240301-first.js").write_text("exports.down = 1\n")
    with sandbox.cluster.watched() as seen:
        done = sandbox.deploy("1.4.0")
        assert done.returncode == 0, done.stdout + done.stderr
        assert sandbox.version() == "1.4.0" and stack_file.version(sandbox.cluster.image()) == "1.4.0"
        for skipped in (
            "image of 1.4.0",
            "frontend",
            "logs without new errors",
            "synthetic checks of the site",
        ):
            assert f"– {skipped}" in done.stdout
        assert "skipped: vercel deploy --prebuilt --prod: a sandbox has no frontend" in done.stdout

        history = ("rollout", "history", "deployment/pipe-api", "--namespace=pipe")
        kubectl = (control_plane.find() or {})["kubectl"]
        shown = sandbox.run(kubectl, f"--kubeconfig={sandbox.targets.kubeconfig}", *history)
        assert shown.stdout.rstrip().endswith("version 1.4.0"), shown.stdout + shown.stderr

        newer_schema(sandbox.cluster)
        (folder / "20240402-second.js").write_text("exports.down = 1\n")
        (sandbox.bin / "datadog").write_text(sandbox.targets.datadog)
        (sandbox.root / ".runs" / "checks.json").unlink()
        done = sandbox.deploy("1.4.1")
        assert done.returncode == 1
        assert "✗ no new alert of a monitor" in done.stdout
        assert "Rolled back: dev runs 1.4.0 again" in done.stderr
        assert "The database keeps the newer schema; migrations to undo: 20240402-second" in done.stderr
        assert sandbox.version() == "1.4.0" and stack_file.version(sandbox.cluster.image()) == "1.4.0"
        assert sandbox.subjects()[:2] == ["Roll dev back to 1.4.0", "Deploy 1.4.1 to dev"]

        (sandbox.bin / "datadog").unlink()
        off = ("curl", "--silent", "--fail", "--request", "PUT", "--data", "{}")
        assert sandbox.run(*off, f"{sandbox.targets.datadog}/_sandbox/failures").returncode == 0
        assert "Changes: 0" in sandbox.sandbox("preview").stdout, "program, cluster and state disagree"
        generation = sandbox.cluster.api.call("GET", DEPLOYMENT)["metadata"]["generation"]
        done = sandbox.deploy("1.5.0-crashing", "--skip-checks")
        assert done.returncode == 1
        assert "make test" not in done.stdout
        assert "the job has failed" in done.stdout and "the pods of 1.4.0 were never replaced" in done.stdout
        assert "Rolled back: dev runs 1.4.0 again" in done.stderr
        assert sandbox.cluster.api.call("GET", DEPLOYMENT)["metadata"]["generation"] == generation
        assert sandbox.version() == "1.4.0" and sandbox.subjects()[0] == "Roll dev back to 1.4.0"
    assert min(seen) >= wanted
    measured("deployments in the sandbox: pods that got requests, at least", min(seen), f"of {wanted}")


def test_new_passwords_reach_the_settings_and_the_pods_while_the_api_runs(
    sandbox: Sandbox, measured: Measured
) -> None:
    wanted, secrets, logins = sandbox.cluster.ready(), sandbox.secrets(), sandbox.logins()
    with sandbox.cluster.watched() as seen:
        done = sandbox.run("scripts/rotate.sh", "dev", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ retire the old logins" in done.stdout
    changed = {key for key, text in sandbox.secrets().items() if secrets[key] != text}
    assert changed == {f"pipe:{key}" for key in rotate.KEYS}
    assert len(sandbox.logins()) == 1 and not sandbox.logins() & logins
    assert min(seen) >= wanted > 0
    measured("new passwords in the sandbox: pods that got requests, at least", min(seen), f"of {wanted}")
    assert "Changes: 0" in sandbox.sandbox("preview").stdout, "program, cluster and state disagree"
