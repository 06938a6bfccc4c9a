"""An `up` that stops for good once the target has created `slow`, before the engine hears of it."""

import sys
import time
from pathlib import Path

import pulumi_aws as aws

from sandbox.providers.store import Store
from sandbox.providers.target import Live, Resource
from tests.sandbox.providers.stack import Stack

CREATED = "created"
"""The file that says so."""


def vpc(cidr: str = "10.0.0.0/16", **tags: str) -> None:
    aws.ec2.Vpc("slow", cidr_block=cidr, tags=tags)


def main(folder: Path) -> None:
    create = Store.create

    def create_and_stop(self: Store, resource: Resource) -> Live:
        create(self, resource)
        (folder / CREATED).touch()
        time.sleep(600)
        raise AssertionError("nobody killed it")

    Store.create = create_and_stop
    Stack(folder).run("up", vpc)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
