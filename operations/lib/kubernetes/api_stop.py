"""The stop of the API during a restore, and its start after the restore or after a killed one."""

from collections.abc import Generator
from contextlib import contextmanager

from operations.lib.errors import CommandStopped, FailedError, RefusedError
from operations.lib.kubernetes.cluster import API, KEPT_REPLICAS, Cluster, replicas_before_restore, wait
from operations.lib.run_log import RunLog

STOP_SECONDS = 300
"""Seconds within which the API's pods must end."""


@contextmanager
def stopped_api(log: RunLog, cluster: Cluster, replicas: int) -> Generator[None]:
    """Stop the API, and start it with `replicas` pods at the end, also after a failure or Ctrl-C.

    If the start fails after a failure, the error has both messages.
    """
    try:
        with log.step("stop the API"):
            stop(cluster, replicas)
        yield
    except BaseException as error:
        try:
            start(log, cluster, replicas)
        except (FailedError, CommandStopped) as second:
            message = "\n".join(filter(None, (str(error), str(second))))
            kind = CommandStopped if isinstance(error, KeyboardInterrupt) else type(second)
            raise kind(message) from error
        raise
    start(log, cluster, replicas)


def recover_from_killed_restore(log: RunLog, cluster: Cluster) -> bool:
    """Start the API if a killed restore left it stopped; return True if it was started.

    Refuses if the Job of a restore is running, also that of a killed one.
    """
    with log.step("no Job of another restore is running"):
        for job in cluster.list("jobs", "app=pipe-restore"):
            if job.get("status", {}).get("active"):
                raise RefusedError(
                    f"another restore is running: wait until job/{job['metadata']['name']} has ended, then"
                    " run this again"
                )
        replicas = replicas_before_restore(cluster.get(API))
    if replicas:
        log.line(f"a restore was killed and left the API stopped; the API had {replicas} pods")
        start(log, cluster, replicas)
    return bool(replicas)


def stop(cluster: Cluster, replicas: int) -> None:
    """Record the API's number of pods in an annotation, scale it to zero, and wait until no pod is left."""
    cluster.annotate(API, KEPT_REPLICAS, str(replicas))
    cluster.scale(API, 0)
    if not cluster.runner.dry_run:
        wait("pods of the API are gone", lambda: not cluster.list("pods", "app=pipe-api"), STOP_SECONDS)


def start(log: RunLog, cluster: Cluster, replicas: int) -> None:
    """Scale the API to its previous number of pods, wait for them, and remove the annotation.

    From then on, the autoscaler controls the number. Raises FailedError or, after Ctrl-C, CommandStopped;
    both name the command that starts the API.
    """
    remedy = f"The API may be stopped. To start it: scripts/restore.sh {log.options.stack} --start-api"
    try:
        with log.step(f"start the API with {replicas} pods"):
            cluster.scale(API, replicas)
            cluster.rollout(API, log.line)
            cluster.annotate(API, KEPT_REPLICAS, None)
    except FailedError as error:
        raise FailedError(f"{error}\n{remedy}") from None
    except KeyboardInterrupt:
        raise CommandStopped(f"stopped. {remedy}") from None
