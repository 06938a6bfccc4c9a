"""Settings of the service: the source of every name and tag."""

from typing import Annotated

from pydantic import Field

from components.settings.types import AccountId, DnsLabel, Model, Region, string


class Service(Model):
    """The identity of the stack: the source of every name and tag."""

    environment: DnsLabel
    """The environment's name in resource names and tags: dev, stg or prod."""
    account: AccountId
    """The AWS account of the stack."""
    shared_account: AccountId
    """The AWS account with the image registry, which all stacks use."""
    region: Region
    """The AWS region of the stack; the same as aws:region."""
    team: Annotated[DnsLabel, Field(examples=["platform"])]
    """The responsible team, as named in tags and notifications."""
    repository: Annotated[
        str,
        string(
            r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$",
            "a GitHub repository as owner/name",
            "pipe-dev/infrastructure",
        ),
    ]
    """The GitHub repository that deploys the stack: owner/name."""
    protect: Annotated[bool, Field(examples=[True])]
    """True if Pulumi refuses to delete stateful resources (option protect)."""
