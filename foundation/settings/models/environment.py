"""Settings of an environment that is deployed into the account."""

from typing import Annotated

from components.settings.types import BucketName, DnsLabel, Model, entries


class Environment(Model):
    """An environment that is deployed into the account."""

    name: DnsLabel
    """Name of the environment; the same as pipe:service.environment in its stack file."""
    buckets: Annotated[list[BucketName], entries(1)]
    """The environment's backup bucket and the bucket's copy, as in its stack file."""
