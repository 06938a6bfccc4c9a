"""Rotation of the database's passwords, without downtime of the API.

Each new password of a role gets a login of its own (components/kubernetes/database_roles.py). `pulumi up`
creates the new logins and replaces the API's pods, while the old logins stay valid. The old logins are
retired once no pod uses them. Finally, RDS sets a new master password, as it does by itself every seven days.
After an interruption, run the command again.
"""

import argparse
import secrets
import sys
from collections.abc import Sequence

import yaml

from operations.lib import command_line, pulumi_up, stack_file
from operations.lib.command_line import ROOT, Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes import jobs, revisions
from operations.lib.kubernetes.cluster import API, SANDBOX_JOBS, Cluster, connected, wait
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog, perform
from operations.lib.services import master_password

KEYS = ("appPassword", "migratePassword", "backupPassword")
"""Secret settings that contain the passwords, without the prefix `pipe:`."""
LEAVE_SECONDS = 900
"""Seconds within which the pods that use the old login must end."""


def build_parser() -> argparse.ArgumentParser:
    return command_line.parser("rotate", __doc__ or "")


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    return perform("rotate", options, lambda log: work(log, options))


def work(log: RunLog, options: Options) -> str:
    """Set and deploy new passwords, retire the old logins, and rotate the master password.

    Returns the final message.
    """
    with connected(log.runner, options) as cluster:
        repository = Repository(log.runner, options)
        with log.step("the API is up"):
            repository.check(log.line)
            repository.check_committer()
            repository.check_upstream()
            check_image(cluster, options)
            before = user(cluster)
            log.line(f"pods connect as {before}")
        options.confirm(f"Setting new passwords for the database roles of {options.stack}")
        with log.step("new passwords in the stack's settings"):
            set_passwords(log, options)
        with log.step("deploy: new logins, then new pods"):
            pulumi_up.up_from_here(log, options)
        if options.target == "real":
            with log.step("commit the new passwords, encrypted"):
                commit(log, repository, options)
        with log.step("no pod uses the old login"):
            cluster.rollout(API, log.line)
            if not options.dry_run:
                if (after := user(cluster)) == before:
                    raise FailedError(f"pods still connect as {before}: the new passwords were not deployed")
                wait(f"pods of {before} are gone", lambda: users(cluster) == {after}, LEAVE_SECONDS)
                log.line(f"pods connect as {after}")
        with log.step("retire the old logins"):
            pattern = jobs.last_of_deployment(cluster, "pipe-database-roles")
            if pattern is None:
                raise FailedError("the cluster has no Job pipe-database-roles to copy: run pulumi up")
            job = jobs.copy_job(pattern, f"pipe-retire-{log.stamp}", "rotate")
            jobs.run(cluster, retiring(job), log)
        with log.step("RDS sets a new master password"):
            master_password.rotate(log, options)
    if options.target == "sandbox":
        return f"the stack's settings have new passwords; {SANDBOX_JOBS}"
    return "the database roles and the master user have new passwords"


def commit(log: RunLog, repository: Repository, options: Options) -> None:
    """Commit the stack file; raise FailedError if others have changed it at the upstream meanwhile.

    Without the commit, the next deployment would restore the old passwords, which still work at this point.
    """
    file = stack_file.path(options.stack)
    text = file.read_text()
    image, migrate = stack_file.image(text), stack_file.migrates(text)
    subject = f"New passwords in {options.stack}"
    log.line(repository.commit(subject, image, migrate=migrate))
    if not options.dry_run and repository.text() != text:
        raise FailedError(
            f"others have changed {file.name} meanwhile, so the new passwords are not committed: git pull"
            " --rebase, and rotate again"
        )


def check_image(cluster: Cluster, options: Options) -> None:
    """Refuse to rotate if the stack file of a real stack does not name the running image."""
    running, file = revisions.history(cluster)[-1].image, stack_file.path(options.stack)
    if options.target == "real" and (image := stack_file.image(file.read_text())) != running:
        raise RefusedError(
            f"{file.name} names {image}, but {running} is deployed. Run git pull, then repeat the command."
        )


def user(cluster: Cluster) -> str:
    """Return the login that new pods of the API use."""
    return _user(cluster.get(API)["spec"]["template"])


def users(cluster: Cluster) -> set[str]:
    """Return the logins of all pods of the API, including terminating pods."""
    return {_user(pod) for pod in cluster.list("pods", "app=pipe-api")}


def _user(pod: jobs.Manifest) -> str:
    [container] = [container for container in pod["spec"]["containers"] if container["name"] == "api"]
    return next(variable["value"] for variable in container["env"] if variable["name"] == "PGUSER")


def set_passwords(log: RunLog, options: Options) -> None:
    """Set random passwords in the stack's settings.

    Pulumi reads them from standard input, since every user of the machine can read arguments. In a sandbox,
    the old passwords are only deleted: the next `up` sets random ones.
    """
    if options.target == "sandbox":
        delete_passwords(log, options)
        return
    for key in KEYS:
        password = secrets.token_urlsafe(32)
        log.runner.keep_secret(password)
        command = ("pulumi", "config", "set", "--secret", f"pipe:{key}", "--stack", options.stack)
        log.runner.change(*command, stdin=password)


def delete_passwords(log: RunLog, options: Options) -> None:
    """Delete the passwords from the sandbox's stack file; the next `make sandbox` sets random ones."""
    from sandbox.workspace import yaml_tree
    from sandbox.workspace.files import write_atomically

    file = ROOT / ".sandbox" / options.stack / f"Pulumi.{options.stack}.yaml"
    tree = yaml_tree.read(file)
    keys = [f"pipe:{key}" for key in KEYS]
    if options.dry_run:
        log.plan(f"would delete {', '.join(keys)} from {file.relative_to(ROOT)}")
        return
    tree["config"].value = [pair for pair in tree["config"].value if pair[0].value not in keys]
    pairs = [(yaml.ScalarNode("tag:yaml.org,2002:str", key), value) for key, value in tree.items()]
    node = yaml.MappingNode("tag:yaml.org,2002:map", pairs)
    text = yaml.serialize(node, allow_unicode=True)  # pyright: ignore[reportUnknownMemberType]
    write_atomically(file, text)


def retiring(job: jobs.Manifest) -> jobs.Manifest:
    """Return the Job with a container `roles` that runs the script that retires former logins."""
    [roles] = job["spec"]["template"]["spec"]["containers"]
    # This is not one transaction, since sessions can only be ended after logins have been disabled.
    command = [argument for argument in roles["command"] if argument != "--single-transaction"]
    command = [argument.replace("roles.sql", "retire.sql") for argument in command]
    return jobs.with_only_container(job, "roles", command, init=["master"])


if __name__ == "__main__":
    sys.exit(main())
