"""Message about a deployment that Ctrl-C stopped."""

from operations.delivery.journal import Journal
from operations.lib import stack_file
from operations.lib.command_line import Options
from operations.lib.errors import FailedError
from operations.lib.kubernetes import revisions
from operations.lib.kubernetes.cluster import API, Cluster
from operations.lib.run_log import RunLog


def message(log: RunLog, cluster: Cluster, options: Options, journal: Journal) -> str:
    """Return the message after Ctrl-C, with the running version and the next command."""
    again = "To continue, run the same command again"
    file = stack_file.path(options.stack).name
    if options.dry_run:
        return "stopped; a dry run changes nothing"
    try:
        deployment = cluster.get(API)
    except FailedError as error:
        reason = f"stopped; the cluster did not report which version runs: {error}"
        return "\n".join([reason, *frontend_lines(journal), f"{again}."])
    running, status = revisions.image_of(deployment["spec"]["template"]), deployment.get("status", {})
    pods = f"{status.get('updatedReplicas', 0)} of {deployment['spec']['replicas']} pods"
    lines = [f"stopped; {options.stack} runs {stack_file.version(running)} in {pods}"]
    lines += frontend_lines(journal)
    before = stack_file.version(journal.before)
    file_image = stack_file.image(stack_file.path(options.stack).read_text())
    if running != journal.before:
        lines.append(f"{again}. To go back: scripts/rollback.sh {options.stack} --to-version {before}")
    elif file_image != journal.before:
        lines.append(f"{file} already names {stack_file.version(file_image)}.")
        lines.append(f"{again}. To give up the deployment: git checkout {file}")
    else:
        is_restorable = journal.has_started_frontend and journal.previous_frontend
        remedy = "restore the previous frontend" if is_restorable else "do nothing"
        lines.append(f"{again}. To give up the deployment, {remedy}.")
    if log.steps[-1].title.startswith("pulumi up"):
        lines.append(f"If Pulumi reports that the stack is locked: pulumi cancel --stack {options.stack}")
    return "\n".join(lines)


def frontend_lines(journal: Journal) -> list[str]:
    """Return the line about a new frontend for the message after Ctrl-C; empty without a new frontend."""
    if not journal.has_started_frontend:
        return []
    state = f"The new frontend {'is' if journal.frontend else 'may be'} served."
    if not journal.previous_frontend:
        return [f"{state} No frontend was served before."]
    return [f"{state} To restore the previous frontend: vercel rollback {journal.previous_frontend}"]
