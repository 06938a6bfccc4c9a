"""Restore the database, check the result, and swap it with the live database.

By default, a dump is restored into a new database of the same instance. The live database does not change
until the swap, which is a single transaction, and is then kept under another name. The API is stopped only
for the swap. If a restore is killed during the swap, the API stays stopped. The next restore starts it first;
--start-api starts it without a restore.

With --from rds, RDS creates a new instance from its log, which is at most about five minutes behind, or from
a snapshot. The new instance gets the name of the old one. After a run was killed, the same command continues.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from operations.lib import command_line, sandbox_targets
from operations.lib.command_line import Options
from operations.lib.database import recovery
from operations.lib.database.recovery import Source
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes import jobs
from operations.lib.kubernetes.cluster import (
    API,
    KEPT_REPLICAS,
    SANDBOX_JOBS,
    Cluster,
    connected,
    replicas_before_restore,
    wait,
)
from operations.lib.run_log import RunLog, perform

PATTERN = "cronjob/pipe-restore"
"""CronJob whose pod template the Jobs of a restore copy."""
DUMPS = "dumps/"
"""Prefix of the dumps' keys in the bucket."""
DENIED = ("AccessDenied", "403")
"""Error codes of S3 for a caller who may not list a bucket."""
OBJECT = r"latest\.dump|dumps/\d{8}T\d{6}Z\.dump"
DATABASE = r"[a-z_][a-z0-9_]{0,39}"
STOP_SECONDS = 300
"""Seconds within which the API's pods must end."""


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("restore", __doc__ or "")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--object",
        default="latest.dump",
        metavar="KEY",
        help="key of the dump, such as dumps/20240301T170000Z.dump; default: latest.dump",
    )
    which.add_argument(
        "--at",
        metavar="TIME",
        help="restore the newest dump of this time or earlier, or with --from rds the state at this time,"
        " such as 2024-03-01T17:00Z",
    )
    which.add_argument("--snapshot", metavar="NAME", help="restore this snapshot; only with --from rds")
    which.add_argument(
        "--start-api", action="store_true", help="only start the API, if a killed restore stopped it"
    )
    parser.add_argument(
        "--from",
        dest="origin",
        choices=("dump", "rds"),
        default="dump",
        help="dump (default): into a new database; rds: into a new instance, from RDS's log or a snapshot",
    )
    parser.add_argument(
        "--no-swap", action="store_true", help="with --from rds: stop after the check of the new instance"
    )
    parser.add_argument(
        "--database", default="pipe_db", metavar="NAME", help="database to restore (default: pipe_db)"
    )
    return parser


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    if arguments.origin == "rds":
        source = rds_source(arguments)
        swap = not arguments.no_swap
        return perform("restore", options, lambda log: recovery.recover(log, options, source, swap=swap))
    if arguments.snapshot or arguments.no_swap:
        raise RefusedError("--snapshot and --no-swap are allowed only with --from rds")
    variables = job_variables(arguments)
    if arguments.start_api:
        return perform("restore", options, lambda log: resume(log, options))
    return perform("restore", options, lambda log: work(log, options, variables))


def rds_source(arguments: argparse.Namespace) -> Source:
    """Return the backup of RDS that the arguments name; refuse missing or invalid arguments."""
    if arguments.snapshot:
        return Source(snapshot=recovery.checked_snapshot(arguments.snapshot))
    if not arguments.at:
        raise RefusedError(
            f"--from rds: needs --at TIME or --snapshot NAME; example: scripts/restore.sh {arguments.stack}"
            " --from rds --at 2024-03-01T17:00Z"
        )
    return Source(time=moment(arguments.at))


def job_variables(arguments: argparse.Namespace) -> dict[str, str]:
    """Convert the arguments to the Job's environment variables; refuse invalid arguments."""
    if not re.fullmatch(OBJECT, arguments.object):
        raise RefusedError(
            f"--object {arguments.object}: must be latest.dump or dumps/<time>.dump, "
            "such as dumps/20240301T170000Z.dump"
        )
    if not re.fullmatch(DATABASE, arguments.database):
        raise RefusedError(
            f"--database {arguments.database}: must be at most 40 lower-case letters, digits and _, and must"
            " not begin with a digit"
        )
    return {
        "OBJECT": arguments.object,
        "AT": utc(arguments.at) if arguments.at else "",
        "DATABASE": arguments.database,
    }


def utc(text: str) -> str:
    """Return a time in the format of the dumps' names: 2024-03-02T02:00+09:00 becomes 20240301T170000Z."""
    return moment(text).strftime("%Y%m%dT%H%M%SZ")


def moment(text: str) -> datetime:
    """Return a time in UTC; refuse a text that is not a time, or that has no time zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(f"--at {text}: must be a time such as 2024-03-01T17:00Z") from None
    if time.tzinfo is None:
        raise RefusedError(f"--at {text}: the time zone is missing; add Z (UTC) or +09:00 (Japan)")
    return time.astimezone(UTC).replace(microsecond=0)


def work(log: RunLog, options: Options, variables: dict[str, str]) -> str:
    """Restore the dump, stop the API, swap the databases, start the API; return the final message."""
    database = variables["DATABASE"]
    previous = f"{database}_before_{log.stamp}"
    with connected(log.runner, options) as cluster:
        recover_from_killed_restore(log, cluster)
        pattern = cluster.get(PATTERN)
        with log.step("the dump is in the bucket"):
            source = dump(log, options, variables)
        options.confirm(f"Restoring {database} of {options.stack} from {source} (the API stops for a moment)")
        with log.step(f"restore {source} into a new database and check it"):
            job = jobs.copy_job(pattern, f"pipe-restore-{log.stamp}", "restore")
            jobs.run(cluster, jobs.with_variables(job, variables | {"STAMP": log.stamp}), log)
        stopped, replicas = log.seconds, int(cluster.get(API)["spec"]["replicas"] or 1)
        try:
            with log.step("stop the API"):
                stop(cluster, replicas)
            with log.step(f"swap: rename {database} to {previous}, and the restored database to {database}"):
                job = jobs.copy_job(pattern, f"pipe-restore-swap-{log.stamp}", "restore")
                command = ["sh", "/etc/pipe/scripts/swap.sh"]
                swap = jobs.with_only_container(job, "restore", command, init=["master"])
                jobs.run(
                    cluster,
                    jobs.with_variables(swap, {"DATABASE": database, "STAMP": log.stamp}),
                    log,
                )
        finally:
            with log.step(f"start the API with {replicas} pods"):
                start(cluster, replicas, log)
        log.results |= {
            "previous database": previous,
            "seconds from start to end (RTO)": round(log.seconds, 1),
            "seconds without the API": round(log.seconds - stopped, 1),
        }
    if options.target == "sandbox":
        return f"the steps of a restore succeeded; {SANDBOX_JOBS}"
    return (
        f"{database} is restored. The previous database is {previous}; drop it when nobody needs it any"
        f" more.\nIf the dump is older than the API's version, run the migrations: scripts/migrate.sh"
        f" {options.stack}"
    )


def dump(log: RunLog, options: Options, variables: dict[str, str]) -> str:
    """Return the key of the dump to restore, or a description of the dump if listing is not permitted.

    Without credentials or permission to list the bucket, the restore continues unchecked: if the dump does
    not exist, the Job that downloads it fails before the API is stopped. Refuse if the bucket does not have
    the dump, or cannot be listed for another reason.
    """
    bucket, time = options.settings["backups"]["bucket"], variables["AT"]
    prefix = DUMPS if time else variables["OBJECT"]
    try:
        pages = (
            sandbox_targets.aws(options, "s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=bucket, Prefix=prefix)
        )
        keys = [str(entry["Key"]) for page in pages for entry in page.get("Contents", ())]
    except NoCredentialsError:
        log.skip(f"no AWS credentials to list s3://{bucket}; the Job looks for the dump itself")
        return variables["OBJECT"] if not time else f"the dump of {time} or before"
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code not in DENIED:
            raise RefusedError(f"s3://{bucket} cannot be listed: {error}") from None
        log.skip(f"no permission to list s3://{bucket} ({code}); the Job looks for the dump itself")
        return variables["OBJECT"] if not time else f"the dump of {time} or before"
    except BotoCoreError as error:
        raise RefusedError(f"s3://{bucket} cannot be listed: {error}") from None
    dumps = sorted(key for key in keys if re.fullmatch(OBJECT, key))
    if time:
        dumps = [key for key in dumps if key <= f"{DUMPS}{time}.dump"]
    if not dumps or not (time or variables["OBJECT"] in dumps):
        missing = f"no dump of {time} or before" if time else f"no {variables['OBJECT']}"
        raise RefusedError(
            f"s3://{bucket} has {missing}, so nothing was changed. To list its dumps: "
            f"aws s3api list-objects-v2 --bucket {bucket} --query 'Contents[].Key'"
        )
    log.line(f"s3://{bucket}/{dumps[-1] if time else variables['OBJECT']}")
    return dumps[-1] if time else variables["OBJECT"]


def resume(log: RunLog, options: Options) -> str:
    """Start the API if a restore stopped it; return the final message."""
    with connected(log.runner, options) as cluster:
        if recover_from_killed_restore(log, cluster):
            return "the API runs again"
        return "the API was not stopped by a restore"


def recover_from_killed_restore(log: RunLog, cluster: Cluster) -> bool:
    """Start the API if a killed restore left it stopped; return True if it was started.

    Refuses if a restore is running.
    """
    with log.step("no other restore is running"):
        for job in cluster.list("jobs", "app=pipe-restore"):
            if job.get("status", {}).get("active"):
                raise RefusedError(
                    f"another restore is running: wait until job/{job['metadata']['name']} has ended, then"
                    " run this again"
                )
        replicas = replicas_before_restore(cluster.get(API))
    if replicas:
        log.line(f"a restore was killed and left the API stopped; the API had {replicas} pods")
        with log.step(f"start the API with {replicas} pods"):
            start(cluster, replicas, log)
    return bool(replicas)


def stop(cluster: Cluster, replicas: int) -> None:
    """Record the API's number of pods in an annotation, scale it to zero, and wait until no pod is left."""
    cluster.annotate(API, KEPT_REPLICAS, str(replicas))
    cluster.scale(API, 0)
    if not cluster.runner.dry_run:
        wait("pods of the API are gone", lambda: not cluster.list("pods", "app=pipe-api"), STOP_SECONDS)


def start(cluster: Cluster, replicas: int, log: RunLog) -> None:
    """Scale the API to its previous number of pods, wait for them, and remove the annotation.

    From then on, the autoscaler controls the number.
    """
    try:
        cluster.scale(API, replicas)
        cluster.rollout(API, log.line)
        cluster.annotate(API, KEPT_REPLICAS, None)
    except FailedError as error:
        stack = log.options.stack
        raise FailedError(
            f"{error}\nThe API may be stopped. To start it: scripts/restore.sh {stack} --start-api"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
