"""Sample resources, steps and stacks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from review.stacks.engine_run import EngineRun, Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from review.stacks.stack_file import StackFile
from sandbox.progress import ROOT_TYPE

VPC, SUBNET, FUNCTION = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:lambda/function:Function"
JOB, SECRET, KEY = "kubernetes:batch/v1:Job", "kubernetes:core/v1:Secret", "aws:kms/key:Key"


def urn(kind: str, name: str) -> str:
    """Return the URN of a resource in dev."""
    return f"urn:pulumi:dev::pipe::{kind}::{name}"


def resource(kind: str, name: str, inputs: Mapping[str, Any] | None = None, /, **state: Any) -> Resource:
    """Return a resource; `state` contains further fields of the engine's state."""
    return Resource({"urn": urn(kind, name), "type": kind, "custom": True, "inputs": inputs or {}} | state)


def after(*sources: Resource, **properties: Resource) -> dict[str, Any]:
    """Return the state of a resource that depends on other resources, as a whole and by property."""
    by_property = {name: [source.urn] for name, source in properties.items()}
    urns = [source.urn for source in (*sources, *properties.values())]
    return {"dependencies": urns, "propertyDependencies": by_property}


def set_outputs(run: EngineRun | None, outputs: Mapping[str, Any]) -> None:
    """Let a run of a review have these outputs of the stack, in the engine's form."""
    assert run
    run.component_outputs[urn(ROOT_TYPE, "pipe-dev")] = dict(outputs)


def stack(*steps: Step, file: StackFile | None = None, name: str = "dev") -> Stack:
    """Return a stack whose head has these steps, and whose base has the old resources of the steps."""
    head = EngineRun(Path(), {step.resource.urn: step for step in steps})
    return Stack(name, head, None, file or StackFile(f"Pulumi.{name}.yaml", {}, {}))
