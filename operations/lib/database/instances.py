"""RDS instances of a stack: look-ups, changes, and waits until a change has taken effect."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.errors import FailedError
from operations.lib.run_log import RunLog

Description = dict[str, Any]
"""An instance as DescribeDBInstances returns it."""
Answer = TypeVar("Answer")

READY = ("available", "storage-optimization")
"""Statuses of an instance that accepts connections and changes; RDS optimizes new storage in the background
for hours (RDS user guide, viewing DB instance status)."""
LOST = ("failed", "inaccessible-encryption-credentials", "incompatible-parameters", "incompatible-restore")
"""Statuses from which an instance does not recover by itself (RDS user guide, viewing DB instance status)."""
WAIT_SECONDS = 2.5 * 3600
"""Seconds within which a change or a restore must end; a run of the workflow Operate has 175 minutes."""
EVERY_SECONDS = 10.0
"""Seconds between two queries about an instance."""
DENIED = ("AccessDenied", "AccessDeniedException", "KMSKeyNotAccessibleFault")
"""Error codes for a caller whose permission for a KMS key may not have taken effect yet."""
LAG_SECONDS = 360
"""Seconds for which a denied request is repeated. A new tag or alias of a key affects permissions after up to
five minutes (KMS developer guide, ABAC for AWS KMS)."""
LAG_EVERY_SECONDS = 20.0


def identifier(options: Options) -> str:
    """Return the name of the stack's instance, such as pipe-prod-db."""
    return f"pipe-{options.settings['service']['environment']}-db"


class Instances:
    """Client of RDS in the stack's region.

    Methods that send a request raise FailedError if RDS refuses the request or cannot be reached.
    """

    def __init__(self, log: RunLog, options: Options) -> None:
        self._log, self._options = log, options
        self._client: Any = None

    def call(self, operation: str, **arguments: Any) -> Any:
        """Send a request, such as `describe_db_snapshots`; return the response."""
        try:
            self._client = self._client or sandbox_targets.aws(self._options, "rds")
            return getattr(self._client, operation)(**arguments)
        except (BotoCoreError, ClientError) as error:
            raise FailedError(f"RDS: {error}") from error

    def change(self, operation: str, **arguments: Any) -> Any:
        """Send a request that changes something; return the response, in a dry run an empty one.

        A dry run only shows the request. A denied request is repeated, as `repeat_denied` does.
        """
        if self._options.dry_run:
            shown = ", ".join(f"{name}={value}" for name, value in arguments.items())
            self._log.plan(f"would call rds {operation}: {shown}")
            return {}
        return repeat_denied(self._log, operation, lambda: self.call(operation, **arguments))

    def find(self, name: str) -> Description | None:
        """Return an instance; None if there is none with this name."""
        try:
            return self.call("describe_db_instances", DBInstanceIdentifier=name)["DBInstances"][0]
        except FailedError as error:
            if error_code(error) in ("DBInstanceNotFound", "DBInstanceNotFoundFault"):
                return None
            raise

    def get(self, name: str) -> Description:
        """Return an instance; raise FailedError if it does not exist."""
        if (instance := self.find(name)) is None:
            raise FailedError(f"there is no RDS instance {name} in the stack's account and region")
        return instance

    def family(self, group: str) -> str:
        """Return the family of a parameter group, such as postgres17."""
        groups = self.call("describe_db_parameter_groups", DBParameterGroupName=group)["DBParameterGroups"]
        return groups[0]["DBParameterGroupFamily"]

    def wait(
        self, name: str, aim: str, is_met: Callable[[Description], bool] = lambda _: True
    ) -> Description:
        """Wait until an instance is ready and meets a condition; return it.

        `aim` describes the condition in messages, such as `available`. Each new status is shown. Raises
        FailedError after WAIT_SECONDS, or if the instance has a status of LOST.
        """
        if self._options.dry_run:
            self._log.plan(f"would wait until {name} is {aim}")
            return {}
        end, shown = time.monotonic() + WAIT_SECONDS, ""
        while True:
            instance = self.find(name)
            status = instance["DBInstanceStatus"] if instance else "does not exist yet"
            if status != shown:
                self._log.line(f"{name}: {status}")
                shown = status
            if instance and status in READY and is_met(instance):
                return instance
            if status in LOST:
                raise FailedError(
                    f"{name} has the status {status}; to see the cause: aws rds describe-events"
                    f" --source-type db-instance --source-identifier {name}"
                )
            if time.monotonic() > end:
                raise FailedError(f"{name} was not {aim} after {WAIT_SECONDS:.0f} s: its status is {status}")
            time.sleep(EVERY_SECONDS)


def repeat_denied(log: RunLog, operation: str, send: Callable[[], Answer]) -> Answer:
    """Send a request, and repeat it for up to LAG_SECONDS while it is denied; return the response.

    Raises the last FailedError if the request is still denied, and any other FailedError at once.
    """
    begun = time.monotonic()
    while True:
        try:
            return send()
        except FailedError as error:
            waited = time.monotonic() - begun
            if error_code(error) not in DENIED or waited >= LAG_SECONDS:
                raise
            log.line(
                f"{operation} was denied ({error_code(error)}); permissions by tag or alias of a key take up"
                f" to five minutes: {waited:.0f} s so far"
            )
        time.sleep(LAG_EVERY_SECONDS)


def error_code(error: FailedError) -> str:
    """Return the AWS error code behind an error; empty if the error has another cause."""
    if isinstance(error.__cause__, ClientError):
        response: Mapping[str, Any] = error.__cause__.response
        return str(response.get("Error", {}).get("Code", ""))
    return ""
