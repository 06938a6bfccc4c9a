"""Deletion protection of a stack's resources."""

from collections.abc import Callable, Sequence

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.kubernetes import endpoint
from operations.lib.run_log import RunLog
from operations.lib.stack_state import Resource
from operations.lib.teardown import databases, plan


def allow_deletion(log: RunLog, options: Options, name: str, resources: Sequence[Resource]) -> None:
    """Switch off the deletion protection of Pulumi, RDS and EKS; `name` is the name of the cluster."""
    if options.target == "real" and any(resource.get("protect") for resource in resources):
        log.runner.change("pulumi", "state", "unprotect", "--all", "--yes", "--stack", options.stack)
        log.line("Pulumi protects no resource of the stack")
    if plan.find(resources, plan.DATABASE):
        identifier = f"{name}-db"
        if databases.is_protected(options, identifier):
            _change(
                log, options, f"the database {identifier}", lambda: databases.unprotect(options, identifier)
            )
    if plan.find(resources, plan.CLUSTER) and endpoint.status(options, name):
        eks = sandbox_targets.aws(options, "eks")
        if eks.describe_cluster(name=name)["cluster"].get("deletionProtection"):
            _change(
                log,
                options,
                f"the cluster {name}",
                lambda: endpoint.update(options, name, deletionProtection=False),
            )


def _change(log: RunLog, options: Options, subject: str, change: Callable[[], object]) -> None:
    """Run `change`, which switches off the deletion protection of a resource; a dry run only says so."""
    if options.dry_run:
        log.plan(f"would switch the deletion protection of {subject} off")
        return
    change()
    log.line(f"the deletion protection of {subject} is off")
