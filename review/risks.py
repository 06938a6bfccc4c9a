"""What goes away, why, and whether data goes with it; how resources hang together."""

from collections.abc import Iterable, Mapping

from review.model import OPS, RULES, Finding, Setting, listed, title
from review.observed import ROOT, Resource, Step
from review.properties import properties, value_at
from review.settings import StackFile

TOP = "(stack)"  # in place of a component where a resource has none


class Graph:
    """The resources of a stack before and after, the head's where it has them, and what is done with each."""

    def __init__(self, before: Mapping[str, Resource], steps: Mapping[str, Step]) -> None:
        self.steps = steps
        self.resources = {**before, **{urn: step.resource for urn, step in steps.items()}}
        self._dependents: dict[str, list[str]] = {}
        for urn, resource in self.resources.items():
            for source in resource.dependencies:
                self._dependents.setdefault(source, []).append(urn)

    @property
    def changed(self) -> list[Step]:
        """All that changes, but for providers and the stack itself."""
        told = (step for step in self.steps.values() if step.op in OPS)
        return [step for step in told if not step.resource.type.startswith("pulumi:")]

    def component(self, urn: str) -> str:
        """The name of the outermost component that a resource is in, or its own."""
        name = TOP
        while urn in self.resources and self.resources[urn].type != ROOT:
            name = self.resources[urn].name if self.resources[urn].component else name
            urn = self.resources[urn].state.get("parent") or ""
        return name

    def reached(self, urn: str) -> Iterable[Resource]:
        """All that depends on a resource, directly or not."""
        seen, waiting = {urn}, [urn]
        while waiting:
            more = {*self._dependents.get(waiting.pop(), ())} - seen
            seen |= more
            waiting += more
        return (self.resources[each] for each in seen - {urn})

    def source(self, step: Step, path: str, *ops: str) -> Step | None:
        """The changed resource that a property's value comes from; one that is replaced before another."""
        name = path.partition(".")[0].partition("[")[0]
        urns = (urn for urn in step.resource.sources.get(name, ()) if urn in self.steps)
        changed = (self.steps[urn] for urn in urns if self.steps[urn].op in ops)
        return min(changed, key=lambda each: (each.op != "replace", each.resource.urn), default=None)


def risk(step: Step, stack: str, graph: Graph, file: StackFile) -> Finding | None:
    """Why a resource is replaced or deleted, and what that means; None if it only follows another."""
    if step.op not in ("replace", "delete"):
        return None
    old = step.old or step.resource
    chain, setting = _chain(step, graph, file)
    loss, kept = RULES["stateful"].get(old.type, ""), bool(old.state.get("retainOnDelete"))
    blocks = bool(loss) and not kept
    if not loss and len(chain) > 1:
        return None
    for rule in RULES["stateful-when"]:
        loss = rule["says"] if rule["type"] == old.type and old.inputs.get(rule["property"]) is True else loss
    if loss and kept:
        loss = "It stays where it is, without Pulumi (retainOnDelete); nothing is lost."
    elif loss and old.state.get("protect"):
        loss += " It is protected: `pulumi up` refuses until the protection is taken off."
    said = [f"Because: {' ← '.join(chain)}"]
    if step.op == "replace" and not setting:
        said.append("Set by: unknown, no value identifies a settings key")
    dependents = {title(each) for each in graph.reached(old.urn) if each.type != ROOT}
    said.append(f"Depends on it: {listed(sorted(dependents)) or 'nothing'}")
    said += [f"Data: {loss}"] if loss else []
    return Finding(
        stacks=[stack], policy=f"{'stateful-' if loss else ''}{step.op}d", message="\n".join(said),
        type=old.type, name=old.name, places=step.places,
        level="mandatory" if blocks else "advisory", setting=setting, blocks=blocks,
    )  # fmt: skip


def _chain(step: Step, graph: Graph, file: StackFile) -> tuple[list[str], Setting | None]:
    """From a resource to where its change began, and the settings key there."""
    if step.op == "delete":
        return _deletion(step, graph.steps), None
    chain: dict[str, str] = {}
    begin: Step | None = step
    while begin and begin.resource.urn not in chain:
        step = begin
        chain[step.resource.urn] = f"{title(step.resource)} {_why(step)}"
        # Without a difference of its own it goes because something that it depends on goes.
        paths = step.forced_by or step.diff or step.resource.sources
        found = (graph.source(step, path, "replace", "create", "update") for path in paths)
        begin = next(filter(None, found), None)
    own = properties(step, lambda _: "", file, graph.component(step.resource.urn))
    settings = (each.setting for each in own if each.setting and (each.forces or not step.forced_by))
    return list(chain.values()), next(settings, None)


def _why(step: Step) -> str:
    if step.op == "create":
        return "is new"
    said: list[str] = []
    for path in step.forced_by or sorted(step.diff):
        old, new = (value_at(each.inputs, path) if each else None for each in (step.old, step.new))
        short = all(isinstance(each, str | int) and len(str(each)) < 80 for each in (old, new))
        said.append(f"{path} {old} → {new}" if short and old != new else path)
    verb = "is replaced" if step.op == "replace" else "is updated"
    return f"{verb}: {', '.join(said) or 'something it depends on is replaced'}"


def _deletion(step: Step, steps: Mapping[str, Step]) -> list[str]:
    gone = step.resource
    said = [f"{title(gone)} is no longer declared"]
    parent = steps.get(gone.state.get("parent") or "")
    if parent and parent.op == "delete" and parent.resource.component:
        said.append(f"its component {parent.resource.name} is gone")
    come = (each.resource for each in steps.values() if each.op == "create")
    if same := next((each for each in come if each.type == gone.type and _alike(gone, each)), None):
        said[0] += f", and {same.name} is new and the same: a rename without an alias?"
    return said


def _alike(old: Resource, new: Resource) -> bool:
    """Whether two resources are one under two names: at least three quarters of the inputs are equal."""
    keys = old.inputs.keys() | new.inputs.keys()
    return sum(old.inputs.get(key) == new.inputs.get(key) for key in keys) >= 0.75 * len(keys)
