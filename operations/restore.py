"""Restore the database from a dump under another name, check it, and swap it with the live one.

The live database is kept under another name. Until the swap, which is one transaction, it is not touched; the
API stands still for the swap alone. A restore that was killed meanwhile leaves the API stopped: the next one
starts it first, and so does --start-api, which restores nothing.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from operations.lib import command_line, sandbox_targets
from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes import jobs
from operations.lib.kubernetes.cluster import (
    API,
    KEPT_REPLICAS,
    SANDBOX_JOBS,
    Cluster,
    connected,
    stopped_with,
    wait,
)
from operations.lib.run_log import RunLog, perform

PATTERN = "cronjob/pipe-restore"
DUMPS = "dumps/"
DENIED = ("AccessDenied", "403")
"""Error codes of S3 for a caller who may not list a bucket."""
OBJECT = r"latest\.dump|dumps/\d{8}T\d{6}Z\.dump"
DATABASE = r"[a-z_][a-z0-9_]{0,39}"
STOP_SECONDS = 300


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("restore", __doc__ or "")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--object",
        default="latest.dump",
        metavar="KEY",
        help="latest.dump (default) or dumps/20240301T170000Z.dump",
    )
    which.add_argument(
        "--at", metavar="TIME", help="the newest dump of that time or before: 2024-03-01T17:00Z"
    )
    which.add_argument("--start-api", action="store_true", help="only start the API that a restore stopped")
    parser.add_argument("--database", default="pipe_db", metavar="NAME", help="default: pipe_db")
    return parser


@command_line.refusable
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    variables = wanted(arguments)
    if arguments.start_api:
        return perform("restore", options, lambda log: resume(log, options))
    return perform("restore", options, lambda log: work(log, options, variables))


def wanted(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the variables of the Job's containers that the command line decides."""
    if not re.fullmatch(OBJECT, arguments.object):
        raise RefusedError(
            f"--object {arguments.object}: latest.dump or dumps/<time>.dump, "
            "as in dumps/20240301T170000Z.dump"
        )
    if not re.fullmatch(DATABASE, arguments.database):
        raise RefusedError(f"--database {arguments.database}: lower-case letters, digits and _, at most 40")
    return {
        "OBJECT": arguments.object,
        "AT": utc(arguments.at) if arguments.at else "",
        "DATABASE": arguments.database,
    }


def utc(text: str) -> str:
    """Return a time in the form of dump names: 2024-03-02T02:00+09:00 becomes 20240301T170000Z."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(f"--at {text}: not a time such as 2024-03-01T17:00Z") from None
    if time.tzinfo is None:
        raise RefusedError(f"--at {text}: of which time zone? Add Z (UTC) or +09:00 (Japan)")
    return time.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def work(log: RunLog, options: Options, variables: dict[str, str]) -> str:
    """Restore, stop, swap, start."""
    database = variables["DATABASE"]
    kept = f"{database}_before_{log.stamp}"
    with connected(log.runner, options) as cluster:
        alone(log, cluster)
        pattern = cluster.get(PATTERN)
        with log.step("the dump is in the bucket"):
            source = dump(log, options, variables)
        options.confirm(
            f"Restoring {database} of {options.stack} from {source}; the API will stop for a moment"
        )
        with log.step(f"restore {source} into a new database and check it"):
            job = jobs.derived(pattern, f"pipe-restore-{log.stamp}", "restore")
            jobs.run(cluster, jobs.with_variables(job, variables | {"STAMP": log.stamp}), log)
        stopped, replicas = log.seconds, int(cluster.get(API)["spec"]["replicas"] or 1)
        try:
            with log.step("stop the API"):
                stop(cluster, replicas)
            with log.step(f"swap: {database} becomes {kept}, the restored one {database}"):
                job = jobs.derived(pattern, f"pipe-restore-swap-{log.stamp}", "restore")
                swap = jobs.alone(job, "restore", ["sh", "/etc/pipe/scripts/swap.sh"])
                jobs.run(
                    cluster,
                    jobs.with_variables(swap, {"DATABASE": database, "STAMP": log.stamp}),
                    log,
                )
        finally:
            with log.step(f"start the API with {replicas} pods"):
                start(cluster, replicas, log)
        log.results |= {
            "database of before": kept,
            "seconds from start to end (RTO)": round(log.seconds, 1),
            "seconds without the API": round(log.seconds - stopped, 1),
        }
    if options.target == "sandbox":
        return f"the steps of a restore went through; {SANDBOX_JOBS}"
    return (
        f"{database} is restored; what it was is {kept}, to be dropped when nobody needs it any more.\n"
        f"If the dump is older than the API's version: scripts/migrate.sh {options.stack}"
    )


def dump(log: RunLog, options: Options, variables: dict[str, str]) -> str:
    """Return the key of the dump that is meant; refuse where the bucket has none.

    Whoever may not list the bucket goes on: the Job that downloads the dump fails before the API is stopped.
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
        log.skip(f"no AWS credentials to list s3://{bucket} with; the Job looks for the dump itself")
        return variables["OBJECT"] if not time else f"the dump of {time} or before"
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code not in DENIED:
            raise RefusedError(f"s3://{bucket} cannot be listed: {error}") from None
        log.skip(f"s3://{bucket} may not be listed ({code}); the Job looks for the dump itself")
        return variables["OBJECT"] if not time else f"the dump of {time} or before"
    except BotoCoreError as error:
        raise RefusedError(f"s3://{bucket} cannot be listed: {error}") from None
    dumps = sorted(key for key in keys if re.fullmatch(OBJECT, key))
    if time:
        dumps = [key for key in dumps if key <= f"{DUMPS}{time}.dump"]
    if not dumps or not (time or variables["OBJECT"] in dumps):
        wanted = f"no dump of {time} or before" if time else f"no {variables['OBJECT']}"
        raise RefusedError(
            f"s3://{bucket} has {wanted}, so nothing was changed. What it has: "
            f"aws s3api list-objects-v2 --bucket {bucket} --query 'Contents[].Key'"
        )
    log.line(f"s3://{bucket}/{dumps[-1] if time else variables['OBJECT']}")
    return dumps[-1] if time else variables["OBJECT"]


def resume(log: RunLog, options: Options) -> str:
    """Start the API if a restore stopped it; return the message for the end."""
    with connected(log.runner, options) as cluster:
        return "the API runs again" if alone(log, cluster) else "the API was not stopped by a restore"


def alone(log: RunLog, cluster: Cluster) -> bool:
    """Refuse while another restore's Job runs; return True if a killed one had left the API stopped."""
    with log.step("no other restore is under way"):
        for job in cluster.list("jobs", "app=pipe-restore"):
            if job.get("status", {}).get("active"):
                raise RefusedError(
                    f"job/{job['metadata']['name']} still runs; when it has ended, run this again"
                )
        kept = stopped_with(cluster.get(API))
    if kept:
        log.line(f"a restore was killed and left the API stopped; it had {kept} pods")
        with log.step(f"start the API with {kept} pods"):
            start(cluster, kept, log)
    return bool(kept)


def stop(cluster: Cluster, replicas: int) -> None:
    """Scale the API to zero, and keep the number of its pods in an annotation."""
    cluster.annotate(API, KEPT_REPLICAS, str(replicas))
    cluster.scale(API, 0)
    if not cluster.runner.dry_run:
        wait("pods of the API are gone", lambda: not cluster.list("pods", "app=pipe-api"), STOP_SECONDS)


def start(cluster: Cluster, replicas: int, log: RunLog) -> None:
    """Scale the API back to its pods; the autoscaler decides from then on."""
    try:
        cluster.scale(API, replicas)
        cluster.rollout(API, log.line)
        cluster.annotate(API, KEPT_REPLICAS, None)
    except FailedError as error:
        stack = log.options.stack
        raise FailedError(f"{error}\nThe API may be down: scripts/restore.sh {stack} --start-api") from None


if __name__ == "__main__":
    sys.exit(main())
