"""Tests of a lost region: prod starts in another region while resources remain outside of the lost region."""

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
from sandbox.wire.kubernetes_api import Api
from sandbox.wire.targets import Targets
from tests.drills.operations.test_deploy_in_sandbox import PARTS
from tests.support.drills import data
from tests.support.drills.aws import bucket
from tests.support.drills.fixtures import Measured
from tests.support.drills.service import Service
from tests.support.operations.environment import checkout

LOST, NEW = "ap-northeast-1", "ap-northeast-3"
NAMESPACES = "/api/v1/namespaces"
CNI = f"{NAMESPACES}/kube-system/configmaps/amazon-vpc-cni"
NODE_CLASS = "/apis/eks.amazonaws.com/v1/nodeclasses/workloads"
NODE_POOL = "/apis/karpenter.sh/v1/nodepools/workloads"
MADE_IN_CLUSTER = (f"{NAMESPACES}/pipe", f"{NAMESPACES}/datadog", CNI, NODE_POOL, NODE_CLASS)


@dataclass
class Sandbox:
    """The stack prod of a copied tree, in its own sandbox."""

    root: Path

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        own = {"TARGET": "sandbox", "NO_COLOR": "1"}
        return subprocess.run(
            command,
            cwd=self.root,
            env=os.environ | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )

    def check_output(self, *command: str) -> str:
        process = self.run(*command)
        assert process.returncode == 0, process.stdout
        return process.stdout

    def up(self) -> "subprocess.CompletedProcess[str]":
        return self.run(".venv/bin/python", "-m", "sandbox", "up", "prod")

    @property
    def folder(self) -> Path:
        return self.root / ".sandbox" / "prod"

    @property
    def targets(self) -> Targets:
        running = process.find_running(self.folder)
        assert running
        return running

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
        """Put an empty dump where a restore looks for a dump, since a sandbox's backups run no commands."""
        self.client("s3", NEW).put_object(Bucket=bucket, Key="latest.dump")

    def lose_region(self) -> None:
        """Hide the state and empty the cluster; all other resources remain."""
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
    # moto stores the replication rule but copies nothing, so copy each object with its metadata here.
    copies = service.bucket.another("pipe-backup-replica", NEW)
    keys = service.bucket.keys()
    for key in keys:
        source = {"Bucket": service.bucket.name, "Key": key}
        copies.s3.copy_object(Bucket=copies.name, Key=key, CopySource=source)
    service.server.stop()
    service.bucket.lose()

    lost_file, settings = stack_file.path("prod").read_text(), options_of("prod")
    new = copies.another("pipe-backup-osaka", NEW)
    start = time.monotonic()
    restored = Service("prod", file=relocate.relocated_text(lost_file, settings, "osaka", NEW), s3=new)
    try:
        [copy] = [line for line in relocate.next_steps("prod", settings, "osaka", NEW) if "aws s3 cp" in line]
        variables = bucket.IDENTITY | {"PATH": f"{restored.bin}:/usr/bin:/bin"}
        subprocess.run(copy.split(), env=variables, check=True)
        for pod in (restored.restore("20240301t000000"), restored.swap("20240301t000000")):
            assert pod.run() == 0, pod.log
        assert data.hashes(restored.server) == before
    finally:
        restored.stop()
    duration = time.monotonic() - start
    measured(f"{rows} rows from the copy, database and roles made anew", duration, "s")


def options_of(stack: str) -> dict[str, Any]:
    return command_line.read_options(argparse.Namespace(stack=stack, dry_run=True, yes=True)).settings


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    checkout(tmp_path, *PARTS)
    stack = Sandbox(tmp_path)
    try:
        assert stack.up().returncode == 0
        yield stack
    finally:
        stack.run(".venv/bin/python", "-m", "sandbox", "clean", "prod")


def test_the_stack_starts_in_another_region_while_remains_of_the_lost_one_exist(
    sandbox: Sandbox, measured: Measured
) -> None:
    sandbox.lose_region()
    output = sandbox.check_output("scripts/relocate.sh", "prod", "--to", NEW, "--as", "osaka")
    assert (
        f"aws s3 cp s3://pipe-backup-replica/latest.dump s3://pipe-backup-osaka/latest.dump --region {NEW}\n"
        in output
    )
    sandbox.check_output(".venv/bin/python", "-m", "components.settings")

    output = sandbox.check_output("scripts/relocate.sh", "prod", "--copy-roles", "prod", "--yes")
    assert "osaka has the roles of prod" in output
    output = sandbox.check_output("scripts/relocate.sh", "prod", "--take-names", "--yes")
    assert "CNAME pipe.dev" in output and "ruleset http_ratelimit" in output
    second_output = sandbox.check_output("scripts/relocate.sh", "prod", "--take-names", "--yes")
    assert "CNAME" not in second_output and "ruleset" not in second_output

    process = sandbox.up()
    assert process.returncode == 0, process.stdout[-5000:]
    assert sandbox.databases(LOST) == ["pipe-prod-db"] and sandbox.databases(NEW) == ["pipe-osaka-db"]
    summary = json.loads((sandbox.folder / "summary.json").read_text())
    assert summary["outputs"]["url"] == "https://pipe.dev"
    measured("prod in another region: pulumi up in the sandbox", summary["seconds"], "s")
    sandbox.keep_dump("pipe-backup-osaka")
    output = sandbox.check_output("scripts/restore.sh", "prod", "--yes")
    assert "the steps of a restore succeeded" in output
    diagnosis = sandbox.check_output("scripts/doctor.sh", "prod")
    assert "no problem from the visitor to the database" in diagnosis
