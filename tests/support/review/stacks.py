"""Resources and steps made up for tests of what is concluded from them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from review.engine_run import Observed, Resource, Stack, Step
from review.locate import StackFile

VPC, SUBNET, FUNCTION = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:lambda/function:Function"
JOB, SECRET, KEY = "kubernetes:batch/v1:Job", "kubernetes:core/v1:Secret", "aws:kms/key:Key"


def urn(kind: str, name: str) -> str:
    """The address of a resource in dev."""
    return f"urn:pulumi:dev::pipe::{kind}::{name}"


def resource(kind: str, name: str, inputs: Mapping[str, Any] | None = None, /, **state: Any) -> Resource:
    """A resource; `state` as the engine has it."""
    return Resource({"urn": urn(kind, name), "type": kind, "custom": True, "inputs": inputs or {}, **state})


def after(*sources: Resource, **properties: Resource) -> dict[str, Any]:
    """What the engine says of what a resource depends on, as a whole and by property."""
    known = {name: [source.urn] for name, source in properties.items()}
    urns = [*(each.urn for each in sources), *(each.urn for each in properties.values())]
    return {"dependencies": urns, "propertyDependencies": known}


def stack(
    *steps: Step,
    file: StackFile | None = None,
    name: str = "dev",
) -> Stack:
    """Steps, on a base that has their old resources."""
    head = Observed(Path(), {each.resource.urn: each for each in steps})
    return Stack(name, head, None, file or StackFile(f"Pulumi.{name}.yaml", {}, {}))
