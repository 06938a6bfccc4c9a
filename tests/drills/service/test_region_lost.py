"""The region of prod is lost: its stack comes up in another, beside what the lost one still has elsewhere."""

import argparse
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from operations import relocate
from operations.lib import command_line, stack_file
from sandbox.clouds import process
from sandbox.clouds.kubernetes.api import Api
from tests.drills.operations.test_deploy_in_sandbox import PARTS
from tests.support.drills import bucket, data
from tests.support.drills.fixtures import Measured
from tests.support.drills.service import Service
from tests.support.operations.environment import checkout

LOST, NEW = "ap-northeast-1", "ap-northeast-3"
NAMESPACES = "/api/v1/namespaces"
CNI = f"{NAMESPACES}/kube-system/configmaps/amazon-vpc-cni"
MADE_IN_CLUSTER = (f"{NAMESPACES}/pipe", f"{NAMESPACES}/datadog", CNI)


@dataclass
class Sandbox:
    """The stack prod of a copied tree, in a sandbox of its own."""

    root: Path

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        own = {"TARGET": "sandbox", "NO_COLOR": "1"}
        return subprocess.run(
            words, cwd=self.root, env=os.environ | own, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False,
        )  # fmt: skip

    def done(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def up(self) -> "subprocess.CompletedProcess[str]":
        return self.run(".venv/bin/python", "-m", "sandbox", "up", "prod")

    @property
    def folder(self) -> Path:
        return self.root / ".sandbox" / "prod"

    @property
    def targets(self) -> process.Targets:
        found = process.running(self.folder)
        assert found
        return found

    def client(self, service: str, region: str) -> Any:
        return cast(Any, boto3).client(
            service,
            endpoint_url=self.targets.aws,
            region_name=region,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    def databases(self, region: str) -> list[str]:
        instances = self.client("rds", region).describe_db_instances()["DBInstances"]
        return [instance["DBInstanceIdentifier"] for instance in instances]

    def keep_dump(self, bucket: str) -> None:
        """Put an empty dump where a restore looks for it: backups of a sandbox run nothing."""
        self.client("s3", NEW).put_object(Bucket=bucket, Key="latest.dump")

    def lose_region(self) -> None:
        """The state is out of reach, and the cluster is another, empty one. All else that was made stays."""
        shutil.move(self.folder / "state", self.root / "lost-state")
        kubeconfig = self.targets.kubeconfig
        assert kubeconfig
        api = Api(kubeconfig)
        for path in MADE_IN_CLUSTER:
            api.call("DELETE", path)
        end = time.monotonic() + 120
        while any(api.get(path) for path in MADE_IN_CLUSTER):
            assert time.monotonic() < end
            time.sleep(0.2)


def test_the_copied_dump_restores_into_a_new_database_in_the_other_region(
    service: Service, measured: Measured
) -> None:
    rows = data.fill(service.server, 100_000)
    before = data.hashes(service.server)
    backup = service.backup()
    assert backup.run() == 0, backup.log
    # What S3 does: each object with its metadata. moto keeps the rule and copies nothing.
    copies = service.bucket.another("pipe-backup-replica", NEW)
    kept = service.bucket.keys()
    for key in kept:
        source = {"Bucket": service.bucket.name, "Key": key}
        copies.s3.copy_object(Bucket=copies.name, Key=key, CopySource=source)
    service.server.stop()
    service.bucket.lose()

    lost, settings = stack_file.path("prod").read_text(), options_of("prod")
    new = copies.another("pipe-backup-osaka", NEW)
    begun = time.monotonic()
    again = Service("prod", file=relocate.moved(lost, settings, "osaka", NEW), s3=new)
    try:
        [copy] = [line for line in relocate.next_steps("prod", settings, "osaka", NEW) if "aws s3 cp" in line]
        subprocess.run(copy.split(), env=bucket.IDENTITY | {"PATH": f"{again.bin}:/usr/bin:/bin"}, check=True)
        for pod in (again.restore("20240301t000000"), again.swap("20240301t000000")):
            assert pod.run() == 0, pod.log
        assert data.hashes(again.server) == before
    finally:
        again.stop()
    took = time.monotonic() - begun
    measured(f"{rows} rows from the copy, database and roles made anew", took, "s")


def options_of(stack: str) -> dict[str, Any]:
    return command_line.read_options(argparse.Namespace(stack=stack, dry_run=True, yes=True)).settings


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    checkout(tmp_path, *PARTS)
    made = Sandbox(tmp_path)
    try:
        assert made.up().returncode == 0
        yield made
    finally:
        made.run(".venv/bin/python", "-m", "sandbox", "clean", "prod")


def test_the_stack_comes_up_in_another_region_beside_what_the_lost_one_left(
    sandbox: Sandbox, measured: Measured
) -> None:
    sandbox.lose_region()
    said = sandbox.done("scripts/relocate.sh", "prod", "--to", NEW, "--as", "osaka")
    assert (
        f"aws s3 cp s3://pipe-backup-replica/latest.dump s3://pipe-backup-osaka/latest.dump --region {NEW}\n"
        in said
    )
    sandbox.done(".venv/bin/python", "-m", "components.settings")

    said = sandbox.done("scripts/relocate.sh", "prod", "--take-names", "--yes")
    assert "CNAME pipe.dev" in said and "ruleset http_ratelimit" in said and "AWS account" in said
    again = sandbox.done("scripts/relocate.sh", "prod", "--take-names", "--yes")
    assert "CNAME" not in again and "ruleset" not in again

    done = sandbox.up()
    assert done.returncode == 0, done.stdout[-5000:]
    assert sandbox.databases(LOST) == ["pipe-prod-db"] and sandbox.databases(NEW) == ["pipe-osaka-db"]
    summary = json.loads((sandbox.folder / "summary.json").read_text())
    assert summary["outputs"]["url"] == "https://pipe.dev"
    measured("prod in another region: pulumi up in the sandbox", summary["seconds"], "s")
    sandbox.keep_dump("pipe-backup-osaka")
    assert "the steps of a restore went through" in sandbox.done("scripts/restore.sh", "prod", "--yes")
    assert "nothing is wrong from the visitor to the database" in sandbox.done("scripts/doctor.sh", "prod")
