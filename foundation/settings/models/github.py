"""Settings of the GitHub repository whose jobs deploy into the account."""

from typing import Annotated

from pydantic import Field

from components.settings.types import Model, string

GithubId = Annotated[
    str,
    string(r"^[1-9][0-9]*$", "a GitHub ID, digits in quotes (shown by gh api repos/OWNER/NAME)", "123456"),
]
"""The ID of an account or a repository on GitHub."""


class Github(Model):
    """The GitHub repository that deploys into the account."""

    repository: Annotated[
        str,
        string(r"^[\w.-]+/[\w.-]+$", "a GitHub repository: owner/name", "pipe-dev/infrastructure"),
    ]
    """The repository whose jobs build and deploy."""
    owner_id: Annotated[GithubId, Field(examples=["123456"])]
    """ID of the repository's owner: `gh api repos/OWNER/NAME --jq .owner.id`."""
    repository_id: Annotated[GithubId, Field(examples=["456789"])]
    """ID of the repository: `gh api repos/OWNER/NAME --jq .id`."""
    branch: Annotated[str, string(r"^[\w./-]+$", "a branch of the repository, such as main", "main")]
    """The branch that is built and deployed."""
