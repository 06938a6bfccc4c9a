"""The waits of terraform-provider-aws for new resources, and its retries until new roles are known."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sandbox.errors import ProviderError
from sandbox.wire.clock import Clock, minutes

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class CreationWait:
    """The wait for a new resource of a type."""

    limit: float
    """The provider's default limit in seconds, from `Timeouts` of the resource in its source."""
    ready: str = ""
    """The status at the end of the wait; empty if the wait ends as soon as the resource is found."""
    status: str = "status"
    """The member of the resource with the status, in lower case."""


PROPAGATION_SECONDS = 120.0
"""The time for which the provider repeats a request because of a new role or key (`propagationTimeout`)."""

CREATION_WAITS: Mapping[str, CreationWait] = {
    "aws:eks/cluster:Cluster": CreationWait(30 * 60, "ACTIVE"),
    "aws:eks/addon:Addon": CreationWait(20 * 60, "ACTIVE"),
    "aws:rds/instance:Instance": CreationWait(40 * 60, "available"),
    "aws:ec2/natGateway:NatGateway": CreationWait(10 * 60, "available", "state"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": CreationWait(10 * 60, "available", "state"),
    # internal/service/kms/key.go reads a new key again until it is found.
    "aws:kms/key:Key": CreationWait(PROPAGATION_SECONDS),
}

UNKNOWN_ROLE = re.compile(
    "MalformedPolicy.*(Invalid principal in policy|invalid principals)"
    "|InvalidParameterException.*(does not exist|invalid principal|could not be assumed)"
    "|InvalidParameterValue.*IAM role ARN value is invalid"
    "|InvalidParameter: Unable to assume given IAM role"
    "|InvalidInputException.*not authorized to perform: sts:AssumeRole"
    "|IAM Role .* cannot be assumed by AWS Backup",
    re.DOTALL,
)
"""The errors after which the provider repeats a request, since a new role may not be known yet.

Sources: internal/service in terraform-provider-aws (eks/cluster.go, iam/role.go, kms/key.go,
s3/bucket_policy.go, rds/instance.go, codebuild/project.go, backup/selection.go, ec2/vpc_flow_log.go).
"""


def status_of(live: Mapping[str, Any], wait: CreationWait) -> str:
    """Return the status of a resource that is not ready; empty if it is ready."""
    if not wait.ready:
        return ""
    status = str({name.lower(): value for name, value in live.items()}.get(wait.status))
    return "" if status == wait.ready else status


def repeat_until_known(clock: Clock | None, send: Callable[[], ResultT]) -> ResultT:
    """Return the result of `send`, which is repeated while it names a role that is not known yet.

    Without a clock, every role is known at once. Raise the last ProviderError after PROPAGATION_SECONDS.
    """
    start = clock.now() if clock else 0.0
    while True:
        try:
            return send()
        except ProviderError as error:
            if clock is None or not UNKNOWN_ROLE.search(str(error)):
                raise
            if clock.now() - start > PROPAGATION_SECONDS:
                message = f"{error} (repeated for {minutes(PROPAGATION_SECONDS)})"
                raise ProviderError(message) from error
            clock.sleep(1)
