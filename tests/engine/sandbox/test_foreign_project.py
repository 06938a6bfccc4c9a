"""Tests of the sandbox with a project that shares nothing with the programs of this repository."""

from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from sandbox.clouds import process
from sandbox.workspace import state
from tests.support.sandbox.inventory import targets
from tests.support.stacks import Stack

PROGRAM = '''\
"""A tea shop: its orders, the files of its pictures, its address, and an alert."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_cloudflare as cloudflare
import pulumi_datadog as datadog
import pulumi_kubernetes as kubernetes


class Orders(pulumi.ComponentResource):
    """A topic for orders, with the role that publishes them."""

    def __init__(self, name: str, publisher: str) -> None:
        super().__init__("teashop:orders:Orders", name)
        own = pulumi.ResourceOptions(parent=self)
        self.topic = aws.sns.Topic("orders", name=f"{name}-orders", opts=own)
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": publisher}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.role = aws.iam.Role("publisher", name=f"{name}-publisher", assume_role_policy=document, opts=own)
        self.register_outputs({})


config = pulumi.Config("teashop")
shop = config.require("name")
orders = Orders(shop, "lambda.amazonaws.com")
pictures = aws.s3.Bucket("pictures", bucket=f"{shop}-pictures")
zone = cloudflare.get_zone_output(filter={"name": "tea.example"})
cloudflare.DnsRecord("address", zone_id=zone.id, name="www.tea.example", type="A",
    content="203.0.113.7", ttl=300)
datadog.Monitor("load", name="load", type="query alert", message="The shop is slow.",
    query="avg(last_5m):avg:system.load.1{service:teashop} > 4", monitor_thresholds={"critical": "4"})
kubernetes.core.v1.ConfigMap("menu", metadata={"name": "menu"}, data={"tea": config.require("tea")})
pulumi.export("orders", orders.topic.arn)
'''

STACK_FILE = """\
config:
  aws:region: eu-west-1
  aws:allowedAccountIds: ["210987654321"]
  teashop:name: darjeeling
  teashop:tea: {tea}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Generator[Stack]:
    """Return the stack `dev` of the tea shop, in a folder outside this repository."""
    (tmp_path / "Pulumi.yaml").write_text("name: teashop\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "Pulumi.dev.yaml").write_text(STACK_FILE.format(tea="green"))
    (tmp_path / "pyproject.toml").write_text('[tool.sandbox]\nzones = ["tea.example"]\n')
    stack = Stack(tmp_path, "dev", "all")
    yield stack
    process.stop(stack.sandbox)


def changes(stack: Stack, *command: str) -> dict[str, int]:
    """Run a command, which must succeed; return the numbers of its changes."""
    code, output = stack.run(*command, "--no-policies")
    assert code == 0, output
    return stack.summary()["changes"]


def test_a_foreign_project_comes_up_converges_changes_and_goes_away(shop: Stack) -> None:
    assert changes(shop, "up", "--skip-preview") == {"create": 8}
    running = targets(shop)
    sns: Any = cast(Any, boto3).client(
        "sns",
        region_name="eu-west-1",
        endpoint_url=running.aws,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
    topic = "arn:aws:sns:eu-west-1:210987654321:darjeeling-orders"
    assert [row["TopicArn"] for row in sns.list_topics()["Topics"]] == [topic]
    [stack] = [row for row in state.read(shop.located, "resources") if row["type"] == "pulumi:pulumi:Stack"]
    assert stack["outputs"] == {"orders": topic}

    (shop.root / "Pulumi.dev.yaml").write_text(STACK_FILE.format(tea="black"))
    assert changes(shop, "preview") == {"same": 7, "replace": 1}
    code, output = shop.run("down", "--keep-targets")
    assert code == 0, output
    assert sns.list_topics()["Topics"] == []
