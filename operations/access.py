"""Temporary access to the cluster and the database for an operator while GitHub or the runner is down.

Nodes of EKS Auto Mode accept neither SSH nor Session Manager, so operators use the cluster's API. The command
opens the API's endpoint to the caller's address. With --database, it also starts a pod in which psql connects
as the master user. After --minutes, or at Ctrl-C, it deletes the pod and closes the endpoint. If the command
is killed, the pod still ends at its deadline; --close closes the endpoint.

CloudTrail records each change of the endpoint. The cluster's audit log records each request and each session
in a pod. The database's log records each connection.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operations.lib import command_line
from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes import endpoint, jobs
from operations.lib.kubernetes.cluster import SANDBOX_JOBS, Cluster, connected, wait
from operations.lib.run_log import RunLog, perform

MINUTES = 60
"""Default minutes until the access ends."""
LONGEST = 480
"""Largest number of minutes: the longest session of the operator role (foundation/operators.py)."""
START_SECONDS = 300.0
"""Seconds within which the pod must run; it may need a new node."""
POLL_SECONDS = 5.0
CONTAINER = "roles"
"""Container with psql in the Job of the database roles, whose init container reads the master password."""


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("access", __doc__ or "")
    parser.add_argument(
        "--minutes",
        type=int,
        default=MINUTES,
        help=f"minutes until the access ends, 1 to {LONGEST} (default: {MINUTES})",
    )
    parser.add_argument("--database", action="store_true", help="also start a pod with psql")
    endpoint.add_caller_option(parser)
    parser.add_argument(
        "--close", action="store_true", help="only close the endpoint, after a run that was killed"
    )
    return parser


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    if not 1 <= arguments.minutes <= LONGEST:
        raise RefusedError(f"--minutes {arguments.minutes}: must be 1 to {LONGEST}")
    if arguments.caller:
        endpoint.block(arguments.caller)
    if arguments.close:
        return perform("access", options, lambda log: close(log, options))
    return perform("access", options, lambda log: work(log, options, arguments))


def work(log: RunLog, options: Options, arguments: argparse.Namespace) -> str:
    """Open the endpoint and wait; then close the endpoint. With --database, also start and delete the pod.

    Return the final message.
    """
    options.confirm(f"Opening the cluster of {options.stack} for {arguments.minutes} minutes")
    try:
        with log.step("the cluster accepts connections from here"):
            if options.target == "sandbox":
                log.skip("the cluster of a sandbox always accepts connections from this machine")
            else:
                endpoint.reach(log, options, name(options), arguments.caller)
        with connected(log.runner, options) as cluster:
            job = start_psql(log, cluster, options, 60 * arguments.minutes) if arguments.database else None
            show(log, options, job)
            with log.step(f"access for {arguments.minutes} minutes; Ctrl-C ends it"):
                hold(log, options, 60.0 * arguments.minutes)
            if job:
                with log.step("delete the pod"):
                    cluster.delete(f"job/{job}")
    finally:
        if options.target == "real":
            close(log, options)
    return "the access has ended" if options.target == "real" else f"the access has ended; {SANDBOX_JOBS}"


def name(options: Options) -> str:
    """Return the name of the stack's cluster."""
    return f"pipe-{options.settings['service']['environment']}"


def close(log: RunLog, options: Options) -> str:
    """Restore the endpoint's settings from the stack file; return the final message."""
    settings = options.settings["cluster"]["endpoint"]
    change: dict[str, Any] = {"endpointPublicAccess": settings["public"]}
    if settings["public"]:
        change["publicAccessCidrs"] = settings["allowedCidrs"]
    with log.step("the endpoint is as in the stack file"):
        if options.dry_run:
            log.plan(f"would set the endpoint of {name(options)} to {change}")
        elif endpoint.differs(options, name(options), change):
            try:
                endpoint.update(options, name(options), resourcesVpcConfig=change)
            except (BotoCoreError, ClientError) as error:
                raise FailedError(
                    f"the endpoint of {name(options)} was not closed: {error}\n"
                    f"To close it: scripts/access.sh {options.stack} --close"
                ) from None
    return "the endpoint is as in the stack file"


def start_psql(log: RunLog, cluster: Cluster, options: Options, seconds: int) -> str:
    """Start a pod with psql that ends after `seconds`; return the name of its Job."""
    with log.step("start a pod with psql"):
        pattern = jobs.last_of_deployment(cluster, "pipe-database-roles")
        if pattern is None:
            raise FailedError("the cluster has no Job pipe-database-roles to copy: run pulumi up")
        job = psql_job(pattern, f"pipe-access-{log.stamp}", seconds)
        cluster.create(job)
        name = str(job["metadata"]["name"])
        if not options.dry_run:
            wait(f"the pod of job/{name} runs", lambda: _runs(cluster, name), START_SECONDS)
        return name


def psql_job(pattern: jobs.Manifest, name: str, seconds: int) -> jobs.Manifest:
    """Return a Job whose container has psql and the master user's connection, and ends after `seconds`."""
    job = jobs.copy_job(pattern, name, "access")
    job["spec"]["activeDeadlineSeconds"] = seconds
    return jobs.with_only_container(job, CONTAINER, ["sleep", str(seconds)], init=["master"])


def _runs(cluster: Cluster, name: str) -> bool:
    """Return True if the Job's pod runs or has succeeded; the pods of a sandbox succeed at once.

    Raise FailedError if the pod has failed.
    """
    pods = cluster.list("pods", f"batch.kubernetes.io/job-name={name}")
    phases = {pod.get("status", {}).get("phase") for pod in pods}
    if "Failed" in phases:
        raise FailedError(f"the pod of job/{name} has failed; its log: kubectl -n pipe logs job/{name}")
    return bool(phases & {"Running", "Succeeded"})


def show(log: RunLog, options: Options, job: str | None) -> None:
    """Show the commands with which an operator uses kubectl and psql."""
    with log.step("commands"):
        region, namespace = options.settings["service"]["region"], options.namespace
        if options.target == "real":
            log.line(f"aws eks update-kubeconfig --name {name(options)} --region {region}")
        log.line(f"kubectl -n {namespace} get pods")
        if job:
            log.line(f"kubectl -n {namespace} exec -it job/{job} --container={CONTAINER} -- psql")


def hold(log: RunLog, options: Options, seconds: float) -> None:
    """Wait until the access ends, by time or by Ctrl-C."""
    if options.dry_run:
        log.plan(f"would wait {seconds:.0f} s")
        return
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            time.sleep(min(POLL_SECONDS, seconds))
    except KeyboardInterrupt:
        log.line("stopped")


if __name__ == "__main__":
    sys.exit(main())
