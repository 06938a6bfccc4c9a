"""The choice whether a stack uses targets. It is fixed while the state has resources."""

from sandbox import workspace
from sandbox.clouds import process
from sandbox.clouds.process import Targets
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.workspace import Stack

ALL, NONE = "all", "none"

CHOICE_FILE = "targets-choice"
"""The file in a stack's folder that stores the last choice, ALL or NONE."""

NO_CONTROL_PLANE = (
    "Kubernetes: no control plane is built, so objects are only checked against the published schemas; "
    "`make control-plane` builds one (about 9 minutes, once)"
)
STARTED_WITHOUT_CONTROL_PLANE = (
    "Kubernetes: this sandbox was started before the control plane was built, so it has none; "
    "make clean STACK={0}, and the next up has one"
)


def find(stack: Stack, choice: str | None, progress: Progress) -> Targets | None:
    """Return the stack's targets, and start them if they do not run; return None if the choice is NONE.

    `choice` is ALL, NONE or None, which keeps the previous choice and means ALL for a new stack. Raise
    CommandError if the state has resources and the choice differs or the targets have ended.
    """
    choice_file = stack.folder / CHOICE_FILE
    previous = choice_file.read_text() if choice_file.exists() else None
    count = _resource_count(stack) if previous else 0
    if count and choice not in (None, previous):
        raise CommandError(
            f"the {count} resources of {stack.label} were created with TARGETS={previous}, not {choice}: "
            f"leave TARGETS out, or first make down STACK={stack.label}, or make clean STACK={stack.label}."
        )
    selected = (previous if count else choice or previous) or ALL
    workspace.write_atomically(choice_file, selected)
    if selected == NONE:
        progress.step("TARGETS=none: no API is used; the providers invent their responses")
        process.stop(stack.folder)
        return None
    targets = process.find_running(stack.folder)
    if count and targets is None:
        raise CommandError(advice(stack))
    if targets and targets.kubeconfig:
        return targets
    # The import takes a long time.
    from sandbox.clouds.kubernetes import control_plane

    built = control_plane.find() is not None
    if targets or not built:
        progress.step(STARTED_WITHOUT_CONTROL_PLANE.format(stack.label) if built else NO_CONTROL_PLANE)
    if targets is None:
        targets = process.start(
            stack.folder, progress, control_plane=built, account=stack.account, zones=workspace.zones(stack)
        )
        kubernetes = "a Kubernetes control plane, " if built else ""
        progress.step(f"targets: {kubernetes}AWS, Cloudflare and Datadog APIs; process {targets.pid}")
    return targets


def advice(stack: Stack) -> str:
    """Return a message that tells why a stack's targets do not answer, and what to do.

    Every command and script shows this message.
    """
    count, choice_file = _resource_count(stack), stack.folder / CHOICE_FILE
    restart = f"Start anew: make clean STACK={stack.label}, then make sandbox STACK={stack.label}"
    log = f"{stack.folder / 'targets.log'} may say why."
    if not count:
        return f"the sandbox of {stack.label} does not run. Start it: make sandbox STACK={stack.label}"
    if choice_file.exists() and choice_file.read_text() == NONE:
        return f"{stack.label} was created with TARGETS=none, so its providers use no API. {restart}"
    if process.find_running(stack.folder):
        return f"the targets of {stack.label} run, but one of them does not answer. {log} {restart}"
    return (
        f"the targets of {stack.label} have ended, and their resources are lost, while the state has "
        f"{count} resources. {log} {restart}"
    )


def _resource_count(stack: Stack) -> int:
    """Return the number of resources in the state that exist in a target."""
    without_target = ("pulumi:", "tls:")
    return sum(
        1
        for resource in workspace.state(stack, "resources")
        if resource.get("custom") and not resource["type"].startswith(without_target)
    )
