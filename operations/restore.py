"""Restore the database, check the result, and swap it with the live database.

By default, a dump is restored into a new database of the same instance. The live database does not change
until the swap, which is a single transaction, and is then kept under another name. The API is stopped only
for the swap. If a restore is killed during the swap, the API stays stopped. The next restore starts it first;
--start-api starts it without a restore. A second run is refused while the first one holds its Lease.

With --from rds, RDS creates a new instance from its log, which is at most about five minutes behind, or from
a snapshot. The new instance gets the name of the old one. After a run was killed, the same command continues.
"""

import argparse
import re
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from operations.lib import command_line, sandbox_targets
from operations.lib.command_line import Options
from operations.lib.database import recovery
from operations.lib.database.recovery import Source
from operations.lib.errors import RefusedError
from operations.lib.kubernetes import jobs, lease
from operations.lib.kubernetes.api_stop import recover_from_killed_restore, stopped_api
from operations.lib.kubernetes.cluster import API, SANDBOX_JOBS, Cluster, connected
from operations.lib.run_log import RunLog, perform

RESTORE_CRONJOB = "cronjob/pipe-restore"
"""CronJob whose pod template the Jobs of a restore copy."""
DUMPS = "dumps/"
"""Prefix of the dumps' keys in the bucket."""
DENIED = ("AccessDenied", "403")
"""Error codes of S3 for a caller who may not list a bucket."""
LEASE = "pipe-restore"
"""Lease that a run holds, so that no other run starts the API or drops the restored database."""
DEFAULT_OBJECT = "latest.dump"
"""Default of --object."""
DEFAULT_DATABASE = "pipe_db"
"""Default of --database."""
OBJECT_PATTERN = r"latest\.dump|dumps/\d{8}T\d{6}Z\.dump"
DATABASE_PATTERN = r"[a-z_][a-z0-9_]{0,39}"


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("restore", __doc__ or "")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--object",
        metavar="KEY",
        help=f"key of the dump, such as dumps/20240301T170000Z.dump; default: {DEFAULT_OBJECT}",
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
        "--database",
        metavar="NAME",
        help=f"database to restore from a dump (default: {DEFAULT_DATABASE}); RDS restores all databases",
    )
    return parser


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    refuse_unusable_pairs(arguments)
    if arguments.origin == "rds":
        source = rds_source(arguments)
        swap = not arguments.no_swap
        return perform("restore", options, lambda log: recovery.recover(log, options, source, swap=swap))
    variables = job_variables(arguments)
    if arguments.start_api:
        return perform("restore", options, lambda log: resume(log, options))
    return perform("restore", options, lambda log: restore_dump(log, options, variables))


def refuse_unusable_pairs(arguments: argparse.Namespace) -> None:
    """Refuse options that the chosen kind of restore does not use."""
    if arguments.origin == "dump" and (arguments.snapshot or arguments.no_swap):
        raise RefusedError("--snapshot and --no-swap are allowed only with --from rds")
    if arguments.origin == "rds" and arguments.start_api:
        raise RefusedError(
            "--start-api only starts the API after a restore of a dump, which --from rds is not; to start it:"
            f" scripts/restore.sh {arguments.stack} --start-api"
        )
    if arguments.origin == "rds" and (arguments.object or arguments.database):
        option = "--object" if arguments.object else "--database"
        raise RefusedError(
            f"{option} is allowed only without --from rds, since RDS restores an instance with all databases"
        )
    if arguments.start_api and arguments.database:
        raise RefusedError("--database is not allowed with --start-api, which restores no database")


def rds_source(arguments: argparse.Namespace) -> Source:
    """Return the backup of RDS that the arguments name; refuse missing or invalid arguments."""
    if arguments.snapshot:
        return Source(snapshot=recovery.checked_snapshot(arguments.snapshot))
    if not arguments.at:
        raise RefusedError(
            f"--from rds: needs --at TIME or --snapshot NAME; example: scripts/restore.sh {arguments.stack}"
            " --from rds --at 2024-03-01T17:00Z"
        )
    return Source(time=parse_time(arguments.at))


def job_variables(arguments: argparse.Namespace) -> dict[str, str]:
    """Convert the arguments to the Job's environment variables; refuse invalid arguments."""
    key, database = arguments.object or DEFAULT_OBJECT, arguments.database or DEFAULT_DATABASE
    if not re.fullmatch(OBJECT_PATTERN, key):
        raise RefusedError(
            f"--object {key}: must be latest.dump or dumps/<time>.dump, such as dumps/20240301T170000Z.dump"
        )
    if not re.fullmatch(DATABASE_PATTERN, database):
        raise RefusedError(
            f"--database {database}: must be at most 40 lower-case letters, digits and _, and must"
            " not begin with a digit"
        )
    return {
        "OBJECT": key,
        "AT": format_time(arguments.at) if arguments.at else "",
        "DATABASE": database,
    }


def format_time(text: str) -> str:
    """Return a time in the format of the dumps' names: 2024-03-02T02:00+09:00 becomes 20240301T170000Z."""
    return parse_time(text).strftime("%Y%m%dT%H%M%SZ")


def parse_time(text: str) -> datetime:
    """Return a time in UTC; refuse a text that is not a time, or that has no time zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(f"--at {text}: must be a time such as 2024-03-01T17:00Z") from None
    if time.tzinfo is None:
        raise RefusedError(f"--at {text}: the time zone is missing; add Z (UTC) or +09:00 (Japan)")
    return time.astimezone(UTC).replace(microsecond=0)


def restore_dump(log: RunLog, options: Options, variables: dict[str, str]) -> str:
    """Restore the dump, stop the API, swap the databases, start the API; return the final message."""
    database = variables["DATABASE"]
    previous = f"{database}_before_{log.stamp}"
    with running_alone(log, options) as (cluster, held):
        recover_from_killed_restore(log, cluster)
        pattern = cluster.get(RESTORE_CRONJOB)
        with log.step("the dump is in the bucket"):
            source = find_dump(log, options, variables)
        options.confirm(f"Restoring {database} of {options.stack} from {source} (the API stops for a moment)")
        with log.step(f"restore {source} into a new database and check it"):
            job = jobs.copy_job(pattern, f"pipe-restore-{log.stamp}", "restore")
            jobs.run(cluster, jobs.with_variables(job, variables | {"STAMP": log.stamp}), log)
        stopped, replicas = log.seconds, int(cluster.get(API)["spec"]["replicas"] or 1)
        if held:
            held.renew()  # Without the Lease, another run may have started.
        title = f"swap: rename {database} to {previous}, and the restored database to {database}"
        with stopped_api(log, cluster, replicas), log.step(title):
            job = jobs.copy_job(pattern, f"pipe-restore-swap-{log.stamp}", "restore")
            command = ["sh", "/etc/pipe/scripts/swap.sh"]
            swap = jobs.with_only_container(job, "restore", command, init=["master"])
            jobs.run(cluster, jobs.with_variables(swap, {"DATABASE": database, "STAMP": log.stamp}), log)
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


def find_dump(log: RunLog, options: Options, variables: dict[str, str]) -> str:
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
    dumps = sorted(key for key in keys if re.fullmatch(OBJECT_PATTERN, key))
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
    with running_alone(log, options) as (cluster, _):
        if recover_from_killed_restore(log, cluster):
            return "the API runs again"
        return "the API was not stopped by a restore"


@contextmanager
def running_alone(log: RunLog, options: Options) -> Generator[tuple[Cluster, lease.Lease | None]]:
    """Connect to the cluster and hold the Lease of restores; refuse if another restore is running.

    A dry run holds no Lease, since it changes nothing.
    """
    with connected(log.runner, options) as cluster, ExitStack() as stack:
        with log.step("no other restore is running"):
            held = stack.enter_context(lease.hold(log, cluster, LEASE))
        yield cluster, held


if __name__ == "__main__":
    sys.exit(main())
