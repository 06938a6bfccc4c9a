"""Settings of the image registry, which only the shared account has."""

from typing import Annotated

from pydantic import Field

from components.settings.types import AccountId, Distinct, Model, string


class Registry(Model):
    """The ECR repository."""

    repository: Annotated[
        str,
        string(
            r"^[a-z0-9]+([._/-][a-z0-9]+)*$", "the name of an ECR repository, such as pipe/api", "pipe/api"
        ),
    ]
    """Name of the repository, as in the deployment guide."""
    keep_images: Annotated[int, Field(ge=10, le=10000)]
    """Number of images to keep, for all stacks together."""
    untagged_days: Annotated[int, Field(ge=1, le=365)]
    """Days until an image without a tag is deleted."""
    pull_accounts: Annotated[list[AccountId], Distinct] = Field(default_factory=list[AccountId])
    """Accounts whose environments pull images."""
