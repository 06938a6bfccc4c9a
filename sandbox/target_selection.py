"""The choice of a sandbox between targets and none. It cannot change while a state has resources."""

from collections.abc import Iterable

from sandbox.clouds import process
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.wire.targets import Targets
from sandbox.workspace import stacks, state
from sandbox.workspace.files import write_atomically
from sandbox.workspace.stacks import Stack, stacks_in

ALL, NONE = "all", "none"

CHOICE_FILE = "targets-choice"
"""The file in a sandbox's folder that stores the last choice, ALL or NONE."""

NO_CONTROL_PLANE = (
    "Kubernetes: no control plane is built, so objects are only checked against the published schemas; "
    "`make control-plane` builds one (about 9 minutes, once)"
)
STARTED_WITHOUT_CONTROL_PLANE = (
    "Kubernetes: this sandbox was started before the control plane was built, so it has none; "
    "`make clean STACK={0}` deletes this sandbox, and the next up starts a control plane"
)


def find(stack: Stack, choice: str | None, progress: Progress) -> Targets | None:
    """Return the targets of a stack's sandbox, and start them if they do not run; None if the choice is NONE.

    `choice` is ALL, NONE or None, which keeps the previous choice and means ALL for a new sandbox. Raise
    CommandError if a state has resources and the choice differs or the targets have ended.
    """
    choice_file = stack.sandbox / CHOICE_FILE
    previous = choice_file.read_text() if choice_file.exists() else None
    counts = _resource_counts(stack) if previous else {}
    count = sum(counts.values())
    if count and choice not in (None, previous):
        commands = " and ".join(f"`make down STACK={name}`" for name in counts)
        raise CommandError(
            f"the resources of {_and(counts)} ({count}) were created with TARGETS={previous}, not {choice}. "
            f"Omit TARGETS, or delete the resources first: {commands} (or `make clean STACK={stack.label}`)."
        )
    selected = (previous if count else choice or previous) or ALL
    write_atomically(choice_file, selected)
    if selected == NONE:
        progress.step("TARGETS=none: no API is used; the providers invent their responses")
        process.stop(stack.sandbox)
        return None
    targets = process.find_running(stack.sandbox)
    if count and targets is None:
        raise CommandError(advice(stack))
    if targets and targets.kubeconfig:
        return targets
    # Imported here, because the import takes a long time.
    from sandbox.clouds.kubernetes import control_plane

    built = control_plane.find() is not None
    if targets or not built:
        progress.step(STARTED_WITHOUT_CONTROL_PLANE.format(stack.label) if built else NO_CONTROL_PLANE)
    if targets is None:
        targets = process.start(
            stack.sandbox,
            progress,
            control_plane=built,
            account=stack.account,
            entities=stacks.entities(stack.root),
            zones=stacks.zones(stack),
        )
        kubernetes = "a Kubernetes control plane, " if built else ""
        progress.step(f"targets: {kubernetes}AWS, Cloudflare and Datadog APIs; process {targets.pid}")
    return targets


def advice(stack: Stack) -> str:
    """Return a message with the reason why a stack's targets do not answer, and the remedy.

    Every command and script shows this message.
    """
    name, counts, choice_file = stack.label, _resource_counts(stack), stack.sandbox / CHOICE_FILE
    restart = f"Start anew: `make clean STACK={name}`, then `make sandbox STACK={name}`"
    log = f"{stack.sandbox / 'targets.log'} may contain the reason."
    if not counts:
        return f"the sandbox of {name} does not run. Start it: `make sandbox STACK={name}`"
    if choice_file.exists() and choice_file.read_text() == NONE:
        return f"{name} was created with TARGETS=none, so its providers use no API. {restart}"
    if process.find_running(stack.sandbox):
        return f"the targets of {name} run, but one of them does not answer. {log} {restart}"
    return (
        f"the targets of {name} have ended, and their resources are lost, while the state of {_and(counts)} "
        f"has {sum(counts.values())} resources. {log} {restart}"
    )


def _resource_counts(stack: Stack) -> dict[str, int]:
    """Return the number of resources in the targets for each stack of the sandbox that has any."""
    without_target = ("pulumi:", "tls:")
    counts = {
        shared.label: sum(
            1
            for resource in state.read(shared, "resources")
            if resource.get("custom") and not resource["type"].startswith(without_target)
        )
        for shared in stacks_in(stack)
    }
    return {name: count for name, count in counts.items() if count}


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)
