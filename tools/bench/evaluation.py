"""Evaluation of the program without an engine, with a monitor that records the registrations.

`python -m tools.bench.evaluation STACK` prints one line of JSON: `seconds` (from before `import pulumi` until
every resource is registered), `resources` (their number) and `digest` (SHA-256 of all registration requests,
sorted).
"""

import time

START = time.perf_counter()

import hashlib  # noqa: E402
import json  # noqa: E402
import runpy  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, cast  # noqa: E402

import pulumi  # noqa: E402
import yaml  # noqa: E402
from pulumi.runtime.mocks import MockMonitor  # noqa: E402

ROOT = Path(__file__).parents[2]


COMPUTED: dict[str, dict[str, Any]] = {
    "aws:eks/cluster:Cluster": {
        "endpoint": "https://cluster.example",
        "certificateAuthority": {"data": "Q0E="},
        "vpcConfig": {"subnetIds": [], "clusterSecurityGroupId": "sg-cluster"},
    },
    "aws:rds/instance:Instance": {
        "address": "db.example",
        "masterUserSecrets": [{"secretArn": "arn:aws:secretsmanager:::secret:rds!db-1"}],
    },
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"dnsEntries": [{"dnsName": "vpce-1.example"}]},
    "kubernetes:core/v1:Service": {
        "status": {"loadBalancer": {"ingress": [{"hostname": "balancer.example"}]}}
    },
    "datadog:index/dashboardJson:DashboardJson": {"url": "/dashboard/abc"},
    "datadog:aws/integrationAccount:IntegrationAccount": {
        "authConfig": {"awsAuthConfigRole": {"roleName": "datadog", "externalId": "chosen"}}
    },
    "tls:index/privateKey:PrivateKey": {"privateKeyPem": "key"},
    "tls:index/certRequest:CertRequest": {"certRequestPem": "request"},
    "cloudflare:index/originCaCertificate:OriginCaCertificate": {"certificate": "certificate"},
}
"""Outputs that only a provider can compute, by resource type."""


class Answers(pulumi.runtime.Mocks):
    """Mocks that return a resource's inputs, an ARN and COMPUTED as its outputs, and answer look-ups."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        outputs = {"arn": f"arn:aws:mock:::{args.name}", "name": args.name}
        outputs |= cast(dict[str, Any], args.inputs) | COMPUTED.get(args.typ, {})
        return f"{args.name}-id", outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        zones = ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]
        ids = {"zoneId": "0" * 32, "id": "0" * 32, "accountId": "0" * 12}
        return {"names": zones, "zoneIds": zones} | ids, []


class RegistrationRecorder(MockMonitor):
    """Monitor that records every registration without source positions, since these contain local paths."""

    def __init__(self, mocks: Answers | None = None) -> None:
        super().__init__(mocks or Answers())
        self.requests: list[bytes] = []

    def RegisterResource(self, request: Any) -> Any:
        copy = type(request)()
        copy.CopyFrom(request)
        for field in ("sourcePosition", "stackTrace"):
            copy.ClearField(field)
        # Pulumi collects these values in sets, whose order differs from run to run.
        copy.dependencies.sort()
        for dependencies in copy.propertyDependencies.values():
            dependencies.urns.sort()
        self.requests.append(copy.SerializeToString(deterministic=True))
        return cast(Any, super()).RegisterResource(request)


def configuration(stack: str) -> tuple[dict[str, str], list[str]]:
    """Return a stack file's settings as the engine passes them, and the keys of the secret settings.

    Each secret setting gets a made-up value.
    """
    schema = json.loads((ROOT / "schemas/stack-file.schema.json").read_text())
    keys = schema["properties"]["config"]["properties"]
    secrets = [key for key, schema_of_key in keys.items() if schema_of_key.get("writeOnly")]
    values = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    return config | {key: f"value-of-{key.partition(':')[2]}-0123456789" for key in secrets}, secrets


def main(stack: str) -> None:
    """Evaluate the program for a stack; print the seconds, the number of resources and the digest."""
    recorder = RegistrationRecorder()
    pulumi.runtime.set_mocks(recorder.mocks, project="pipe", stack=stack, monitor=recorder)
    pulumi.runtime.set_all_config(*configuration(stack))
    sys.path.insert(0, str(ROOT))

    @cast(Any, pulumi.runtime).test
    def evaluate() -> None:
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    evaluate()
    seconds = time.perf_counter() - START
    digest = hashlib.sha256(b"\0".join(sorted(recorder.requests))).hexdigest()
    print(json.dumps({"seconds": round(seconds, 3), "resources": len(recorder.requests), "digest": digest}))


if __name__ == "__main__":
    main(sys.argv[1])
