"""`pulumi up` of a stack, with the policy pack."""

import os
import sys
from collections.abc import Sequence

from operations.lib import secret_masking
from operations.lib.command_line import IN_WORKFLOW, Options
from operations.lib.run_log import RunLog

CLUSTER = "urn:pulumi:{}::pipe::**aws:eks/cluster:Cluster::*"
"""Pattern for the URN of the EKS cluster of a stack, whatever its logical name and its parent are, since a
program can change both with an alias. `**` matches any text, `*` any text without a colon (pulumi/pulumi,
pkg/resource/deploy/target.go: getMatcher).
"""


def up_from_here(log: RunLog, options: Options) -> None:
    """Apply the program as `up` does; outside a workflow, leave the EKS cluster as it is.

    An operator reaches the cluster through the endpoint that scripts/access.sh has opened. The stack file
    keeps the endpoint closed, so `pulumi up --refresh` would close it before it applies the objects in the
    cluster, and could not reach them any more.
    """
    is_workflow = os.environ.get(IN_WORKFLOW) == "true"
    _up(log, options, () if is_workflow else (f"--exclude={CLUSTER.format(options.stack)}",))


def up(log: RunLog, options: Options) -> None:
    """Apply the program with its stack file; the migration Job runs before new pods start."""
    _up(log, options, ())


def _up(log: RunLog, options: Options, flags: Sequence[str]) -> None:
    if options.target == "sandbox":
        command = [sys.executable, "-m", "sandbox", "up", options.stack]
    else:
        if not options.dry_run:
            secret_masking.hide(log.runner, options.stack)
        # --refresh reverts manual changes, which the state alone does not show.
        command = ["pulumi", "up", "--yes", "--refresh", "--non-interactive", "--stack", options.stack]
        command += [
            "--policy-pack",
            "policies",
            "--policy-pack-config",
            f"policies/config/{options.stack}.json",
            *flags,
        ]
    log.follow(*command)
