"""Last steps after a change of the instance: update the stack file, the program and the parameters."""

from operations.lib import pulumi_up, stack_commit, stack_file
from operations.lib.command_line import Options
from operations.lib.database.instances import Instances, identifier
from operations.lib.database.pending import pending
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog


def settle(log: RunLog, options: Options, repository: Repository, version: str) -> None:
    """Set the major version in the stack file, commit it, run `pulumi up`, and reboot for parameters.

    If only the push of the commit fails, go on: the jobs need the new secret of the database. The caller ends
    with `stack_commit.check_pushed`.
    """
    file = stack_file.path(options.stack)
    text = file.read_text()
    changed = stack_file.with_engine_version(text, version)
    with log.step(f"pipe:database.engineVersion is {version}"):
        if changed == text:
            log.skip("the stack file already has it")
        elif options.dry_run:
            log.plan(f"would write {file.name}")
        else:
            file.write_text(changed)
    # The commit comes first, so that the next run starts from a clean checkout if this one is killed later.
    if options.target == "real" and changed != text:
        with log.step("commit the stack file"):
            image, migrate = stack_file.image(changed), stack_file.migrates(changed)
            subject = f"PostgreSQL {version} in {options.stack}"
            stack_commit.commit(log, repository, subject, image, migrate=migrate)
    with log.step("pulumi up: the parameter group, the jobs and their secrets"):
        pulumi_up.up_from_here(log, options)
    reboot_for_parameters(log, options)


def reboot_for_parameters(log: RunLog, options: Options) -> None:
    """Reboot the database without failover if parameters wait for a reboot.

    Parameters of a new group apply only after a reboot "without failover" (RDS API, ModifyDBInstance,
    DBParameterGroupName).
    """
    rds, live = Instances(log, options), identifier(options)
    with log.step(f"parameters of {live}"):
        instance = rds.get(live)
        groups = pending(rds, instance).groups
        if not groups:
            log.skip("no parameter waits for a reboot")
            return
        rds.change("reboot_db_instance", DBInstanceIdentifier=live, ForceFailover=False)
        rds.wait(
            live,
            "available with its parameters",
            lambda instance: (
                {group["ParameterApplyStatus"] for group in instance["DBParameterGroups"]} == {"in-sync"}
            ),
        )
        log.line(f"{', '.join(groups)}: in use")
