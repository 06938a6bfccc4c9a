"""Resources of the program and the foundation, recorded with mocks instead of an engine."""

import json
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import pulumi
import yaml

from tools.bench.evaluation import Answers, RegistrationRecorder, configuration

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Recorded:
    """A resource that a program registers, with its inputs as plain values."""

    type: str
    name: str
    arn: str
    region: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """The evaluation of the program, or of the foundation, for a stack."""

    stack: str
    """Name of the stack: dev, stg, prod or shared."""
    is_foundation: bool
    account: str
    region: str
    config: Mapping[str, Any]
    """Values of the stack file by key."""
    resources: tuple[Recorded, ...]
    registrations: tuple[bytes, ...]
    """Requests that register the resources (`RegisterResourceRequest` of Pulumi's protocol), serialized."""

    def of_type(self, type_: str) -> list[Recorded]:
        """Return the resources of a type such as `aws:iam/role:Role`."""
        return [resource for resource in self.resources if resource.type == type_]


ARNS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "aws:backup/vault:Vault": lambda inputs: f"backup:{{region}}:{{account}}:backup-vault:{inputs['name']}",
    "aws:cloudtrail/trail:Trail": lambda inputs: f"cloudtrail:{{region}}:{{account}}:trail/{inputs['name']}",
    "aws:codebuild/project:Project": lambda inputs: (
        f"codebuild:{{region}}:{{account}}:project/{inputs['name']}"
    ),
    "aws:ecr/repository:Repository": lambda inputs: f"ecr:{{region}}:{{account}}:repository/{inputs['name']}",
    "aws:eks/cluster:Cluster": lambda inputs: f"eks:{{region}}:{{account}}:cluster/{inputs['name']}",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": lambda inputs: (
        f"iam::{{account}}:oidc-provider/{inputs['url'].removeprefix('https://')}"
    ),
    "aws:iam/policy:Policy": lambda inputs: f"iam::{{account}}:policy/{inputs['name']}",
    "aws:iam/role:Role": lambda inputs: f"iam::{{account}}:role/{inputs['name']}",
    "aws:kms/key:Key": lambda inputs: f"kms:{{region}}:{{account}}:key/{inputs['description']}",
    "aws:rds/instance:Instance": lambda inputs: f"rds:{{region}}:{{account}}:db:{inputs['identifier']}",
    "aws:s3/bucket:Bucket": lambda inputs: f"s3:::{inputs['bucket']}",
}
"""Function by resource type that returns the pattern of the ARN (service authorization reference).

The pattern lacks `arn:aws:`. A key's pattern has the description in place of the ID, which mocks do not have.
"""


class _Recorder(Answers):
    """Mocks that give resources their ARNs, and record all resources."""

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self._region = region
        self._provider_regions: dict[str, str] = {}
        self.resources: list[Recorded] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        inputs = cast(dict[str, Any], _plain(cast(Any, args).inputs))
        identifier, outputs = super().new_resource(args)
        if args.typ == "pulumi:providers:aws" and "region" in inputs:
            self._provider_regions[f"{args.name}-id"] = inputs["region"]
        provider = (args.provider or "").rpartition("::")[2]
        region = inputs.get("region") or self._provider_regions.get(provider, self._region)
        if args.typ in ARNS:
            arn = "arn:aws:" + ARNS[args.typ](inputs).format(account=self._account, region=region)
            outputs |= {"arn": arn}
        if args.typ == "aws:kms/key:Key":
            outputs |= {"keyId": identifier}
        if args.typ == "aws:rds/instance:Instance":
            name = f"rds!db-{inputs['identifier']}"
            secret = f"arn:aws:secretsmanager:{region}:{self._account}:secret:{name}"
            key = inputs.get("masterUserSecretKmsKeyId", "")
            outputs |= {
                "masterUserSecrets": [{"secretArn": secret, "kmsKeyId": key, "secretStatus": "active"}]
            }
        self.resources.append(Recorded(args.typ, args.name, str(outputs["arn"]), region, inputs))
        return identifier, outputs


def _plain(value: Any) -> Any:
    """Return a value in which each secret is replaced by its plain value."""
    if isinstance(value, dict):
        items = cast(dict[str, Any], value)
        if "4dabf18193072939515e22adb298388d" in items:  # Pulumi's signature of special values.
            return _plain(items.get("value"))
        return {key: _plain(inner) for key, inner in items.items()}
    return [_plain(inner) for inner in cast(list[Any], value)] if isinstance(value, list) else value


def record_programs() -> tuple[Program, ...]:
    """Evaluate the foundation, then the program, with each of their committed stack files."""
    foundation = [file.name.split(".")[1] for file in sorted((ROOT / "foundation").glob("Pulumi.*.yaml"))]
    return tuple(
        [record_program(stack, is_foundation=True) for stack in foundation]
        + [record_program(stack) for stack in ("dev", "stg", "prod")]
    )


@cache
def record_program(stack: str, *, is_foundation: bool = False) -> Program:
    """Evaluate the program, or the foundation, with a committed stack file; cached for the process."""
    file = ROOT / ("foundation" if is_foundation else "") / f"Pulumi.{stack}.yaml"
    config: dict[str, Any] = yaml.safe_load(file.read_text())["config"]
    account = _list(config["aws:allowedAccountIds"])[0]
    recorder = _Recorder(account, config["aws:region"])
    if is_foundation:
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
        secrets: list[str] = []
    else:
        texts, secrets = configuration(stack)
    project = "pipe-foundation" if is_foundation else "pipe"
    program = ROOT / "foundation/__main__.py" if is_foundation else ROOT / "__main__.py"
    monitor = RegistrationRecorder(recorder)
    pulumi.runtime.set_mocks(recorder, project=project, stack=stack, monitor=monitor)
    pulumi.runtime.set_all_config(texts, secrets)
    try:

        @cast(Any, pulumi.runtime).test
        def evaluate() -> None:
            runpy.run_path(str(program), run_name="__main__")

        evaluate()
    finally:
        pulumi.runtime.set_all_config({})
    return Program(
        stack=stack,
        is_foundation=is_foundation,
        account=account,
        region=config["aws:region"],
        config=config,
        resources=tuple(recorder.resources),
        registrations=tuple(monitor.requests),
    )


def _list(value: Any) -> list[str]:
    return cast(list[str], json.loads(value) if isinstance(value, str) else value)
