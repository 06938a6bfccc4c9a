"""Destruction of a stack in the right order, with a list of what stays and its cost.

The command switches deletion protection off, reaches the cluster's endpoint, destroys the objects in the
cluster, and waits until their load balancers and network interfaces are gone. If GuardDuty monitors the
nodes, it then destroys the cluster and deletes GuardDuty's endpoint. Then it stops and deletes the logs in
the log buckets, and destroys the rest. It keeps the final snapshot of the database, the dumps, and
the keys of both. The foundation stays, too. A stopped run can be repeated: each step handles only the rest.

The operator role pipe-ENVIRONMENT-operators has the permissions for this; the deploy role does not.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from operations.lib import command_line, sandbox_targets, stack_state
from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes import endpoint
from operations.lib.run_log import RunLog, perform
from operations.lib.services import buckets
from operations.lib.services.buckets import Contents
from operations.lib.stack_state import Resource
from operations.lib.teardown import cluster, databases, guard_duty, plan, protection, pulumi_destroy, remains
from sandbox.wire.bucket_contents import LogDelivery

TRIES = 3
"""Attempts to destroy the rest, since S3 may deliver access logs while the buckets are deleted."""


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("teardown", __doc__ or "")
    parser.add_argument(
        "--confirm",
        metavar="NAME",
        help="the stack's name, which a protected stack needs; without it, the terminal asks",
    )
    endpoint.add_caller_option(parser)
    parser.add_argument(
        "--delete-dumps", action="store_true", help="also delete the dumps, unless Object Lock protects them"
    )
    return parser


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    if arguments.caller:
        endpoint.block(arguments.caller)  # Refuses an invalid block before any change.
    return perform("teardown", options, lambda log: _Teardown(log, options, arguments).run())


class _Teardown:
    """One run of the command."""

    def __init__(self, log: RunLog, options: Options, arguments: argparse.Namespace) -> None:
        self._log, self._options, self._arguments = log, options, arguments
        self._name = f"pipe-{options.settings['service']['environment']}"

    def run(self) -> str:
        """Destroy the stack; return the final message."""
        try:
            return self._run()
        except (BotoCoreError, ClientError) as error:
            raise FailedError(f"AWS refused a request: {error}\nTo continue, run the command again") from None

    def _run(self) -> str:
        log, options = self._log, self._options
        with log.step("the account and the state"):
            self._check_account()
            resources = stack_state.resources(log.runner, options)
            contents = self._contents(resources)
            kept = self._kept(resources, contents)
            for line in self._plan(resources, contents, kept):
                log.line(line)
        if not options.dry_run:
            databases.refuse_kept(options)
        self._confirm()
        if resources:
            with log.step("deletion protection is off"):
                protection.allow_deletion(log, options, self._name, resources)
            if options.target == "real" and plan.cluster_urns(resources):
                cluster.empty(log, options, self._name, resources, self._arguments.caller)
            if options.target == "real":
                guard_duty.delete(log, options, resources)
            if self._arguments.delete_dumps and not kept:
                with log.step("delete the dumps"):
                    self._delete_dumps(resources)
            with log.step("destroy the rest"):
                self._destroy_rest(kept)
        with log.step("what stays"):
            return self._report(resources if options.dry_run else None)

    def _check_account(self) -> None:
        """Refuse credentials of another account."""
        expected = self._options.settings["service"]["account"]
        identity = sandbox_targets.aws(self._options, "sts").get_caller_identity()
        if identity["Account"] != expected:
            raise RefusedError(
                f"the credentials belong to the account {identity['Account']}, but {self._options.stack} is"
                f" in {expected}; assume the role {self._name}-operators there"
            )
        self._log.line(f"account {expected}, as {identity['Arn']}")

    def _contents(self, resources: Sequence[Resource]) -> dict[str, Contents]:
        return {
            bucket.name: buckets.contents(self._options, bucket.name, bucket.region)
            for bucket in plan.dump_buckets(resources)
        }

    def _kept(self, resources: Sequence[Resource], contents: Mapping[str, Contents]) -> list[str]:
        """Return the URNs of the dump buckets, their keys and their settings if they are kept.

        Refuse to delete locked dumps.
        """
        if not any(entry.versions for entry in contents.values()):
            return []
        if not self._arguments.delete_dumps:
            return plan.dump_urns(resources)
        for bucket, entry in contents.items():
            if entry.locked_until:
                raise RefusedError(
                    f"--delete-dumps: Object Lock protects dumps in {bucket} until"
                    f" {entry.locked_until:%Y-%m-%d}. Run the command without the option now, or again"
                    " after that day"
                )
        return []

    def _deliveries(self, resources: Sequence[Resource]) -> list[LogDelivery]:
        """Return the deliveries of logs. Refuse a log bucket with other objects, which might be dumps."""
        deliveries = plan.log_deliveries(resources)
        for delivery in deliveries:
            others = buckets.other_objects(self._options, delivery.log_bucket, delivery.region)
            if others:
                raise RefusedError(
                    f"{delivery.log_bucket} has objects that are not logs, such as {others[0]}; the command"
                    " deletes only logs. Move the objects to another bucket, or delete them"
                )
        return deliveries

    def _plan(
        self, resources: Sequence[Resource], contents: Mapping[str, Contents], kept: Sequence[str]
    ) -> Iterator[str]:
        """Yield the plan, which a run and a dry run show before the confirmation."""
        in_cluster = len(plan.cluster_urns(resources))
        rest = sum(1 for resource in resources if resource.get("custom")) - in_cluster - len(kept)
        yield f"destroys {in_cluster} objects in the cluster, then {rest} other resources"
        for delivery in self._deliveries(resources):
            yield f"deletes the logs in {delivery.log_bucket}"
        verb = "keeps" if kept else "deletes"
        for bucket, entry in contents.items():
            yield f"{verb} {bucket}: {entry}"
        if plan.find(resources, plan.DATABASE):
            yield f"deletes the database {self._name}-db; keeps its final snapshot and its key"

    def _confirm(self) -> None:
        """Require the stack's name for a protected stack; --yes is enough for others."""
        options, name = self._options, self._arguments.confirm
        if options.dry_run:
            return
        if name is None:
            if options.yes and not options.settings["service"]["protect"]:
                return
            if not sys.stdin.isatty():
                flag = f"--confirm {options.stack}" if options.settings["service"]["protect"] else "--yes"
                raise RefusedError(
                    f"the destruction of {options.stack} needs a confirmation, and there is no terminal to"
                    f" ask: add {flag}"
                )
            name = input(f"Destroy {options.stack}. Type {options.stack} to continue: ").strip()
        if name != options.stack:
            raise RefusedError(f"not confirmed: {name!r} is not {options.stack}")

    def _delete_dumps(self, resources: Sequence[Resource]) -> None:
        for bucket in plan.dump_buckets(resources):
            if self._options.dry_run:
                self._log.plan(f"would delete every version in {bucket.name}")
                continue
            number = buckets.empty(self._options, bucket.name, bucket.region)
            self._log.line(f"{bucket.name}: {number} versions deleted")

    def _destroy_rest(self, kept: Sequence[str]) -> None:
        """Delete the logs and destroy the rest; try again if new logs were delivered meanwhile."""
        for left in reversed(range(TRIES)):
            deliveries = self._deliveries(stack_state.resources(self._log.runner, self._options))
            self._delete_logs(deliveries)
            try:
                pulumi_destroy.destroy(self._log, self._options, *(f"--exclude={urn}" for urn in kept))
                return
            except FailedError:
                if not left or not self._has_logs(deliveries):
                    raise
                self._log.line("logs have arrived meanwhile: trying again")

    def _delete_logs(self, deliveries: Sequence[LogDelivery]) -> None:
        if self._options.dry_run:
            for delivery in deliveries:
                self._log.plan(f"would delete the logs in {delivery.log_bucket}")
            return
        for bucket, number in buckets.end_logs(self._options, deliveries).items():
            self._log.line(f"{bucket}: {number} versions deleted")

    def _has_logs(self, deliveries: Sequence[LogDelivery]) -> bool:
        return any(
            buckets.contents(self._options, delivery.log_bucket, delivery.region).versions
            for delivery in deliveries
        )

    def _report(self, planned: Sequence[Resource] | None) -> str:
        """Show the resources that stay and their cost; return the final message.

        In a dry run, which destroys nothing, `planned` is the state's resources; otherwise it is None.
        """
        log, options = self._log, self._options
        resources = stack_state.resources(log.runner, options) if planned is None else planned
        contents = self._contents(resources)
        is_kept = self._kept(resources, contents) or planned is None
        kept = [*remains.of_state(resources, contents)] if is_kept else []
        kept += remains.of_account(options, plan.find(resources, plan.DATABASE))
        if planned is None:
            kept += remains.log_groups(options)
        for remain in kept:
            log.line(str(remain))
        for line in remains.FREE:
            log.line(line)
        log.results |= {remain.name: str(remain) for remain in kept}
        return f"{options.stack} is destroyed; what stays costs {remains.total(kept)}"


if __name__ == "__main__":
    sys.exit(main())
