"""AWS access of a workflow's job: python -m tools.stack_access STACK ROLE.

The step's outputs are `role`, the ARN of the role to assume; `region`; and `state`, the URL for
PULUMI_BACKEND_URL. ROLE is deploy, preview or build. The outputs follow from the stack file of the checkout,
so GitHub stores no ARN. The roles' trust policies decide which jobs may assume them
(foundation/github_access.py).
"""

import os
import sys
from pathlib import Path
from typing import Any

import yaml

from components.common.naming import Naming

ROLES = ("deploy", "preview", "build")
"""Roles that jobs of workflows assume."""


def main(arguments: list[str]) -> int:
    """Print the outputs and set them for the step; return 2 for wrong arguments, else 0."""
    if len(arguments) != 2 or arguments[1] not in ROLES:
        print(f"usage: python -m tools.stack_access STACK {'|'.join(ROLES)}", file=sys.stderr)
        return 2
    lines = [f"{name}={value}\n" for name, value in access(*arguments).items()]
    print("".join(lines), end="")
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a") as file:
            file.writelines(lines)
    return 0


def access(stack: str, role: str) -> dict[str, str]:
    """Return the role's ARN, the region, and the URL of the stack's state.

    The role `build` is in the shared account, whose registry has the images.
    """
    config: dict[str, Any] = yaml.safe_load(Path(f"Pulumi.{stack}.yaml").read_text())["config"]
    service = config["pipe:service"]
    naming = Naming(
        environment=service["environment"],
        team=service["team"],
        account=service["account"],
        region=service["region"],
    )
    state = f"s3://{naming.service}-state-{naming.account}?region={naming.region}"
    arn = naming.role_arn(role)
    if role == "build":
        arn = f"arn:aws:iam::{service['sharedAccount']}:role/{naming.service}-build"
    return {"role": arn, "region": naming.region, "state": state}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
