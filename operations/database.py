"""Pending changes of the database, which RDS has not applied yet, and major upgrades of PostgreSQL.

`pending` shows these changes: new settings, parameters that need a reboot, and RDS's maintenance. With --now,
`apply` applies them at once, which interrupts the database for about a minute. Without --now, it reboots only
in the maintenance window, in which RDS applies the rest itself. `upgrade` changes the major version of the
database, or with --rehearse of a copy only.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from operations.lib import command_line
from operations.lib.command_line import Options
from operations.lib.database import settling, upgrade
from operations.lib.database.instances import Description, Instances, identifier
from operations.lib.database.pending import Pending, pending, window
from operations.lib.errors import FailedError, RefusedError
from operations.lib.run_log import RunLog, perform

ACTIONS = ("pending", "apply", "upgrade")


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("database", __doc__ or "")
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help=f"one of: {', '.join(ACTIONS)}")
    parser.add_argument(
        "--now", action="store_true", help="apply: at once, instead of in the maintenance window"
    )
    parser.add_argument("--to", metavar="VERSION", help="upgrade: the new major version, such as 17")
    parser.add_argument(
        "--rehearse", action="store_true", help="upgrade: only a copy, which is deleted afterwards"
    )
    return parser


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    check_arguments(arguments)
    if arguments.action == "pending":
        return perform("database", options, lambda log: show(log, options))
    if arguments.action == "apply":
        return perform("database", options, lambda log: apply(log, options, now=arguments.now))
    work = upgrade.rehearse if arguments.rehearse else upgrade.upgrade
    return perform("database", options, lambda log: work(log, options, arguments.to))


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuse options that the action does not have, and an upgrade without a major version."""
    stack, action = arguments.stack, arguments.action
    if action == "upgrade":
        if not (arguments.to or "").isdecimal():
            raise RefusedError(
                f"--to {arguments.to or 'is missing'}: must be a major version; example:"
                f" scripts/database.sh {stack} upgrade --to 17 --rehearse"
            )
    elif arguments.to or arguments.rehearse:
        raise RefusedError(f"--to and --rehearse are allowed only with upgrade, not with {action}")
    if arguments.now and action != "apply":
        raise RefusedError(f"--now is allowed only with apply, not with {action}")


def show(log: RunLog, options: Options) -> str:
    """Show the pending changes and the next maintenance window; return the final message."""
    waiting, _ = read(log, options)
    return (
        f"changes are pending: scripts/database.sh {options.stack} apply" if waiting else "nothing is pending"
    )


def read(log: RunLog, options: Options) -> tuple[Pending, Description]:
    """Show and return the pending changes of the stack's database; also return the instance."""
    rds = Instances(log, options)
    with log.step(f"pending changes of {identifier(options)}"):
        instance = rds.get(identifier(options))
        waiting = pending(rds, instance)
        for line in waiting.lines() or ["none"]:
            log.line(line)
        start, end = window(instance["PreferredMaintenanceWindow"], datetime.now(UTC))
        log.line(f"maintenance window: {start:%Y-%m-%dT%H:%MZ} to {end:%H:%MZ}")
    log.results["pending"] = waiting.lines()
    return waiting, instance


def apply(log: RunLog, options: Options, *, now: bool) -> str:
    """Apply the pending changes; return the final message.

    Unless `now` is true, do nothing before the maintenance window, and only reboot for parameters in it.
    """
    waiting, instance = read(log, options)
    if not waiting:
        return "nothing is pending"
    start, end = window(instance["PreferredMaintenanceWindow"], moment := datetime.now(UTC))
    if not now and moment < start:
        return (
            f"nothing was applied: the maintenance window is from {start:%Y-%m-%dT%H:%MZ} to {end:%H:%MZ}."
            " RDS applies new values in it, but never reboots for parameters: run this command again in the"
            f" window, or at once: scripts/database.sh {options.stack} apply --now"
        )
    name = identifier(options)
    options.confirm(f"Applying the pending changes of {name}; it may be unavailable for some minutes")
    rds = Instances(log, options)
    if now and waiting.values:
        with log.step("new values"):
            rds.change("modify_db_instance", DBInstanceIdentifier=name, ApplyImmediately=True)
            rds.wait(name, "changed", lambda changed: not changed.get("PendingModifiedValues"))
    if waiting.actions:
        with log.step("maintenance actions"):
            for action in waiting.actions:
                rds.change(
                    "apply_pending_maintenance_action",
                    ResourceIdentifier=instance["DBInstanceArn"],
                    ApplyAction=action["Action"],
                    OptInType="immediate" if now else "next-maintenance",
                )
            rds.wait(name, "available")
    settling.reboot_for_parameters(log, options)
    if options.dry_run:
        return "the pending changes are applied"
    rest = pending(rds, rds.get(name))
    if rest.groups or (now and rest.values):
        raise FailedError(f"still pending after all steps: {'; '.join(rest.lines())}")
    return "the pending changes are applied" if now else "the parameters are applied; RDS applies the rest"


if __name__ == "__main__":
    sys.exit(main())
