"""A stack with only the database and what it needs, in a sandbox without a control plane."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import boto3
import yaml

from sandbox.clouds import process
from sandbox.progress import Progress
from sandbox.workspace import stacks, state
from sandbox.workspace.stacks import Stack, find_stack
from tests.support.operations.environment import checkout, git_identity
from tests.support.sandbox.project import PACK
from tests.support.stacks import ROOT

PROGRAM = """\
import lazy_sdk
import json
import pulumi
import pulumi_aws as aws
from components.aws.database import Database, DatabaseArgs
from components.settings import load

settings, secrets = load()
naming = settings.naming
network = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16")
subnets = [aws.ec2.Subnet(f"subnet-{number}", vpc_id=network.id, cidr_block=f"10.0.{number}.0/24",
    availability_zone=f"ap-northeast-1{zone}").id for number, zone in enumerate("ac")]
group = aws.ec2.SecurityGroup("group", name="database", description="For tests", vpc_id=network.id)
trust = {"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": "monitoring.rds.amazonaws.com"}}
role = aws.iam.Role("monitoring", name=naming.name("db-monitoring"),
    assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
database = Database("database", DatabaseArgs(settings=settings.database, naming=naming,
    protect=settings.service.protect, subnet_ids=subnets, shared_account=naming.account,
    security_group_id=role.name.apply(lambda _: group.id)))
pulumi.export("secret", database.endpoint.master_secret_arn)
"""

RUN = """\
import os, signal, sys
sys.path.insert(0, os.getcwd())
from operations.lib.database import instances
instances.EVERY_SECONDS = 0.05
changes = int(os.environ.get("CHANGES_BEFORE_KILL", "-1"))
change = instances.Instances.change
def change_and_die(self, operation, **arguments):
    global changes
    answer = change(self, operation, **arguments)
    changes -= 1
    if changes == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
instances.Instances.change = change_and_die
from operations.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
"""The command line of operations, which looks more often, and which SIGKILL can end after some changes."""


@dataclass(frozen=True)
class DatabaseStack:
    """The stack dev of a copied tree."""

    root: Path

    def sandbox(self, command: str, *flags: str) -> tuple[int, str]:
        """Run a command of the sandbox; return the exit code and the output of both streams."""
        return self._run("-m", "sandbox", command, "dev", *flags)

    def operate(self, *arguments: str, kill_after: int = -1) -> tuple[int, str]:
        """Run an operation; return its exit code and its output. SIGKILL ends it after some changes."""
        return self._run("-c", RUN, *arguments, CHANGES_BEFORE_KILL=str(kill_after))

    def _run(self, *arguments: str, **variables: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=os.environ | git_identity() | {"TARGET": "sandbox", "NO_COLOR": "1"} | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=240,
        )
        return done.returncode, done.stdout

    def change(self, key: str, value: object) -> None:
        """Set a key of pipe:database in the stack file, and commit it."""
        file = self.root / "Pulumi.dev.yaml"
        content = yaml.safe_load(file.read_text())
        content["config"]["pipe:database"][key] = value
        file.write_text(yaml.safe_dump(content))
        self.git("commit", "--quiet", "--all", "--message", "Settings")

    def setting(self, key: str) -> object:
        """Return a key of pipe:database in the stack file."""
        content = yaml.safe_load((self.root / "Pulumi.dev.yaml").read_text())
        return content["config"]["pipe:database"][key]

    def git(self, *arguments: str) -> None:
        subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=os.environ | git_identity(),
            check=True,
            capture_output=True,
        )

    @property
    def located(self) -> Stack:
        """The stack with its folders."""
        return find_stack(self.root, "dev")

    def client(self, service: str) -> Any:
        """Return a client of the sandbox's AWS API."""
        targets = process.find_running(self.located.sandbox)
        assert targets
        return cast(Any, boto3).client(
            service,
            endpoint_url=targets.aws,
            region_name="ap-northeast-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def instances(self) -> dict[str, dict[str, Any]]:
        """Return the RDS instances by name."""
        listed = self.client("rds").describe_db_instances()["DBInstances"]
        return {instance["DBInstanceIdentifier"]: instance for instance in listed}

    def managed(self) -> dict[str, Any]:
        """Return the database in the program's state."""
        resources = state.read(self.located, "resources")
        [database] = [resource for resource in resources if resource["type"] == "aws:rds/instance:Instance"]
        return database

    def changes(self) -> set[str]:
        """Return the kinds of changes that a preview with a refresh shows, such as same or replace."""
        code, output = self.sandbox("preview")
        assert code == 0, output
        summary = json.loads((self.located.folder / "summary.json").read_text())
        return set(summary["changes"])


def start(root: Path) -> DatabaseStack:
    """Bring the stack up in an empty folder."""
    checkout(root, "scripts", "operations", "components", "review", "sandbox")
    for name in ("lazy_sdk.py", "eks_versions.py", "Pulumi.yaml"):
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "schemas", root / "schemas")
    (root / "policies" / "config").mkdir(parents=True)
    (root / "policies" / "__main__.py").write_text(PACK)
    (root / "pyproject.toml").write_text("")
    (root / "__main__.py").write_text(PROGRAM)
    file = root / "Pulumi.dev.yaml"
    # An older version than the newest that a stack file allows, so that it can be upgraded.
    file.write_text(file.read_text().replace('engineVersion: "17"', 'engineVersion: "16"'))
    stack = DatabaseStack(root)
    stack.git("init", "--quiet", "--initial-branch", "main")
    stack.git("add", "--all")
    stack.git("commit", "--quiet", "--message", "Start")
    located = stack.located
    located.sandbox.mkdir(parents=True)
    process.start(
        located.sandbox,
        Progress(),
        control_plane=False,
        account=located.account,
        entities=stacks.entities(root),
        zones=stacks.zones(located),
    )
    code, output = stack.sandbox("up")
    assert code == 0, output
    return stack


def stop(stack: DatabaseStack) -> None:
    """End the sandbox's targets."""
    process.stop(stack.located.sandbox)
