"""Kubernetes objects that the program declares for a stack, evaluated in another process.

`python -m tests.support.drills.program STACK` prints the manifests by kind and name. Standard input is a JSON
object with `computed` (outputs that only a provider can compute, by type), `secrets` (by key) and `file` (the
text of a stack file that replaces the stack's own).
"""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import yaml

ROOT = Path(__file__).parents[3]
Manifest = dict[str, Any]
INSTANCE = "aws:rds/instance:Instance"
MASTER_SECRET = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:rds!db-example-AbCdEf"


def manifests(
    stack: str,
    *,
    host: str = "db.example",
    port: int = 5432,
    master_secret: str = MASTER_SECRET,
    secrets: dict[str, str] | None = None,
    file: str | None = None,
) -> dict[str, Manifest]:
    """Return every Kubernetes object of a stack, such as `CronJob/pipe-backup`, for a database at `host`.

    `master_secret` is the ARN of the secret with the master password. `file` is a text that replaces the
    stack file.
    """
    outputs = {"address": host, "port": port, "masterUserSecrets": [{"secretArn": master_secret}]}
    request = {
        "computed": {INSTANCE: outputs},
        "secrets": secrets or {},
        "file": file,
    }
    process = subprocess.run(
        [sys.executable, "-m", "tests.support.drills.program", stack],
        cwd=ROOT,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    # Numbers pass through protobuf, which has only floats.
    return json.loads(process.stdout, parse_float=lambda text: int(float(text)))


def main(stack: str) -> None:
    """Evaluate the program for a stack with mocks, and print its Kubernetes objects."""
    import pulumi

    from tests.support.components.workloads import revealed
    from tools.bench import evaluation

    request = json.load(sys.stdin)
    manifests: dict[str, Manifest] = {}

    class Answers(evaluation.Answers):
        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
            inputs = cast(dict[str, Any], args.inputs)
            if args.typ.startswith("kubernetes:") and "kind" in inputs:
                manifest = revealed(inputs)
                manifests[f"{manifest['kind']}/{manifest['metadata']['name']}"] = manifest
            resource_id, outputs = super().new_resource(args)
            return resource_id, outputs | request["computed"].get(args.typ, {})

    config, secrets = evaluation.configuration(stack)
    if request["file"]:
        values: dict[str, Any] = yaml.safe_load(request["file"])["config"]
        config |= {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()
        }
    config |= {f"pipe:{key}": value for key, value in request["secrets"].items()}
    pulumi.runtime.set_mocks(Answers(), project="pipe", stack=stack)
    pulumi.runtime.set_all_config(config, secrets)
    sys.path.insert(0, str(ROOT))

    @cast(Any, pulumi.runtime).test
    def evaluate() -> None:
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    evaluate()
    print(json.dumps(manifests))


if __name__ == "__main__":
    main(sys.argv[1])
