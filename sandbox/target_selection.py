"""What is behind a stack's providers: real targets or none. It stays so while the state has resources."""

from sandbox import workspace
from sandbox.clouds import process
from sandbox.clouds.process import Targets
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.workspace import Stack

ALL, NONE = "all", "none"

PLANNED = (
    "Kubernetes: no control plane is built, so objects are only checked against the published schemas; "
    "`make control-plane` builds one (about 9 minutes, once)"
)
OLDER = (
    "Kubernetes: this sandbox was begun without the control plane that is built now, and goes on so; "
    "make clean STACK={0}, and the next up has it"
)


def find(stack: Stack, wanted: str | None, progress: Progress) -> Targets | None:
    """The targets, started now if need be; None: none are `wanted` (of `all`, `none`, or None: as before)."""
    note = stack.folder / "behind"
    before = note.read_text() if note.exists() else None
    held = _held(stack) if before else 0
    if held and wanted not in (None, before):
        raise CommandError(
            f"the {held} resources of {stack.name} were made with TARGETS={before}, not {wanted}: "
            f"leave TARGETS out, or first make down STACK={stack.name}, or make clean STACK={stack.name}."
        )
    choice = before if held else wanted or before or ALL
    workspace.write_atomically(note, choice or ALL)
    if choice == NONE:
        progress.step("TARGETS=none: nothing is behind the providers; what they answer is made up")
        process.stop(stack.folder)
        return None
    targets = process.running(stack.folder)
    if held and targets is None:
        raise CommandError(advice(stack))
    if targets and targets.kubeconfig:
        return targets
    from sandbox.clouds.kubernetes import control_plane  # takes long to import

    built = control_plane.find() is not None
    if targets or not built:
        progress.step(OLDER.format(stack.name) if built else PLANNED)
    if targets is None:
        targets = process.start(stack.folder, progress, control_plane=built, zones=workspace.zones(stack))
        kubernetes = "a Kubernetes control plane, " if built else ""
        progress.step(f"targets: {kubernetes}AWS, Cloudflare and Datadog APIs; process {targets.pid}")
    return targets


def advice(stack: Stack) -> str:
    """Say why nothing answers for a stack, and what to do: the same for every command and script."""
    held, note = _held(stack), stack.folder / "behind"
    anew = f"Start anew: make clean STACK={stack.name}, then make sandbox STACK={stack.name}"
    log = f"{stack.folder / 'targets.log'} may say why."
    if not held:
        return f"the sandbox of {stack.name} does not run. Start it: make sandbox STACK={stack.name}"
    if note.exists() and note.read_text() == NONE:
        return f"{stack.name} was made with TARGETS=none, so nothing is behind its providers. {anew}"
    if process.running(stack.folder):
        return f"the targets of {stack.name} run, but one of them does not answer. {log} {anew}"
    return (
        f"the targets of {stack.name} have ended, and what was in them is gone, while the state has "
        f"{held} resources. {log} {anew}"
    )


def _held(stack: Stack) -> int:
    """How many resources the state has that a target holds."""
    resources, own = workspace.state(stack, "resources"), ("pulumi:", "tls:")
    return sum(1 for each in resources if each.get("custom") and not each["type"].startswith(own))
