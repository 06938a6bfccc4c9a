"""Settings of the CI runner."""

from typing import Annotated, Literal

from pydantic import Field

from components.settings.types import Distinct, Model, entries, string

ConnectionArn = Annotated[
    str,
    string(
        r"^arn:aws:codeconnections:[a-z0-9-]+:[0-9]{12}:connection/[0-9a-f-]{36}$",
        "the ARN of a CodeConnections connection, approved in the console",
        "arn:aws:codeconnections:ap-northeast-1:123456789012:connection/3f6d1c1e-8f0a-4c58-9d5b-2a7c0e1b4d96",
    ),
]
"""The ARN of a connection to GitHub."""


class CiRunner(Model):
    """The GitHub runner in the VPC (CodeBuild)."""

    enabled: bool
    """True if CI jobs run in the VPC; jobs elsewhere cannot reach a private cluster endpoint."""
    connection_arn: ConnectionArn
    """ARN of the CodeConnections connection to GitHub, which is approved once by hand in the console."""
    actors: Annotated[
        list[Annotated[str, string(r"^[0-9]+$", "the ID of a GitHub account, digits in quotes", "583231")]],
        entries(1),
        Distinct,
    ]
    """IDs of the GitHub accounts whose jobs the runner accepts (`gh api users/NAME --jq .id`)."""
    compute: Literal["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"]
    """Size of the build machine, as CodeBuild names it."""
    runner_group: Annotated[int, Field(ge=1, examples=[2])]
    """ID of the organization's runner group, which admits only workflows of the branch main
    (`gh api orgs/OWNER/actions/runner-groups`). 1 is the default group, which admits every workflow.
    """
