"""Settings of an environment that is deployed into the account."""

from typing import Annotated

from pydantic import Field

from components.settings.models.ci_runner import ConnectionArn
from components.settings.types import BucketName, DnsLabel, Model, entries


class Copies(Model):
    """Daily backups of the environment by AWS Backup, and their copies in the shared account."""

    enabled: bool = True
    """True if the database and the bucket are backed up and copied to the shared account's vault."""
    keep_days: Annotated[int, Field(ge=1, le=36500)] = 35
    """Days until a backup and its copy are deleted; the shared account's vaults limit the value."""


class Environment(Model):
    """An environment that is deployed into the account."""

    name: DnsLabel
    """Name of the environment; the same as pipe:service.environment in its stack file."""
    buckets: Annotated[list[BucketName], entries(1)]
    """The environment's backup bucket and the bucket's copy, as in its stack file."""
    copies: Copies = Field(default_factory=Copies)
    namespace: DnsLabel = "pipe"
    """The namespace of the pods that get roles; the same as pipe:namespace.name in its stack file."""
    connection_arn: ConnectionArn
    """ARN of the runner's connection to GitHub; the same as pipe:ciRunner.connectionArn in its stack file."""
