"""Settings of the account's state bucket."""

from typing import Annotated

from pydantic import Field

from components.settings.types import DnsLabel, Model


class State(Model):
    """The state bucket, named pipe-state-<account>."""

    project: DnsLabel
    """The Pulumi project of the stacks: pipe."""
    lock_days: Annotated[int, Field(ge=0, le=365)]
    """Days for which no version of a stack's state can be deleted; 0 sets no retention."""
