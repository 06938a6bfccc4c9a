"""Tests of the destruction of a stack in the sandbox, whose S3 delivers access logs as AWS does."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.clouds import process
from sandbox.workspace import state
from tests.support.sandbox.inventory import client, targets
from tests.support.stacks import ROOT, Stack, copy

PARTS = ("operations", "review", "sandbox")
NOT_IN_THE_PROGRAM = r"\nfrom components\.(aws\.(ci|pod|secrets)|cloudflare|datadog|kubernetes)\S* import .*"
"""Imports of components that the shortened program does not declare."""


@dataclass(frozen=True)
class Teardown:
    """A stack in the sandbox, and the commands of its checkout."""

    stack: Stack

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run the command on the stack; return the exit code and the output of both streams."""
        done = subprocess.run(
            [sys.executable, "-m", "operations", "teardown", self.stack.name, *arguments],
            cwd=self.stack.root,
            env=os.environ | {"TARGET": "sandbox", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    @property
    def types(self) -> set[str]:
        """Types of the resources in the state, without components and providers."""
        resources = state.read(self.stack.located, "resources")
        return {resource["type"] for resource in resources if resource["type"].startswith("aws:")}

    @property
    def buckets(self) -> set[str]:
        """Names of the stack's buckets that exist."""
        listed = client(targets(self.stack), "s3").list_buckets()["Buckets"]
        return {bucket["Name"] for bucket in listed if bucket["Name"].startswith("pipe-backup")}


@pytest.fixture(scope="module")
def teardown(tmp_path_factory: pytest.TempPathFactory) -> Generator[Teardown]:
    """Provide prod with its network, cluster, database and buckets; one dump is in its bucket."""
    root = tmp_path_factory.mktemp("prod")
    stack = copy(root, "prod", targets="all")
    for part in PARTS:
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    shorten(root / "__main__.py")
    try:
        code, output = stack.run("up", "--no-policies", "--skip-preview")
        assert code == 0, output
        client(targets(stack), "s3").put_object(Bucket="pipe-backup", Key="latest.dump", Body=b"PGDMP")
        yield Teardown(stack)
    finally:
        process.stop(stack.sandbox)


def shorten(program: Path) -> None:
    """Leave out what is above the database: the runner, the endpoint of Secrets Manager, and the service."""
    text = re.sub(NOT_IN_THE_PROGRAM, "", program.read_text().partition("\nin_cluster = ")[0])
    for start, end in (("Runner(", "backups = "), ("secrets_endpoint = ", "\nin_cluster = ")):
        before, marker, rest = text.partition(f"\n{start}")
        assert marker, start
        text = before + "\n" + (end + rest.partition(end)[2] if end in rest else "")
    program.write_text(text)


def test_a_protected_stack_goes_with_its_logs_and_its_dumps_stay(teardown: Teardown) -> None:
    every_type, every_bucket = teardown.types, teardown.buckets
    code, output = teardown.run("--yes")
    assert code == 2 and "no terminal to ask: add --confirm prod" in output, output
    code, output = teardown.run("--confirm", "prod", "--delete-dumps")
    assert code == 2 and "Object Lock protects dumps in pipe-backup until " in output, output
    code, output = teardown.run("--dry-run")
    assert code == 0 and "would switch the deletion protection of the cluster pipe-prod off" in output, output
    assert (teardown.types, teardown.buckets) == (every_type, every_bucket)
    assert every_bucket == {f"pipe-backup{copy}{logs}" for copy in ("", "-replica") for logs in ("", "-logs")}

    code, output = teardown.run("--confirm", "prod")
    assert code == 0, output
    deleted = dict(re.findall(r"(pipe-backup\S*-logs): (\d+) versions deleted", output))
    assert deleted.keys() == {"pipe-backup-logs", "pipe-backup-replica-logs"}
    assert all(int(number) for number in deleted.values()), "the sandbox delivers no access logs"
    assert teardown.buckets == {"pipe-backup", "pipe-backup-replica"}
    assert {kind.partition("/")[0] for kind in teardown.types} == {"aws:s3", "aws:kms"}
    s3 = client(targets(teardown.stack), "s3")
    assert s3.get_object(Bucket="pipe-backup", Key="latest.dump")["Body"].read() == b"PGDMP"
    assert "prod is destroyed; what stays costs 3.00 USD a month" in output
    rds = client(targets(teardown.stack), "rds")
    assert rds.describe_db_instances()["DBInstances"] == []

    code, again = teardown.run("--confirm", "prod")
    assert code == 0 and "destroys 0 objects in the cluster, then 2 other resources" in again, again
    assert again.splitlines()[-2] == output.splitlines()[-2]
