"""What goes away, why, and whether data goes with it; how resources hang together."""

from collections.abc import Iterable, Mapping

from review.masks import UNKNOWN_TEXT
from review.model import OPS, RULES, Finding, Setting, listed, title
from review.observed import ROOT, Resource, Step
from review.properties import properties, value_at
from review.settings import StackFile, plain

TOP = "(stack)"  # in place of a component where a resource has none


class Graph:
    """The resources of a stack before and after, the head's where it has them, and what is done with each."""

    def __init__(self, before: Mapping[str, Resource], steps: Mapping[str, Step]) -> None:
        self.steps = steps
        self.resources = {**before, **{urn: step.resource for urn, step in steps.items()}}
        self._dependents: dict[str, set[str]] = {}
        # The head no longer depends on what it has deleted; the base says who did.
        for resource in (*before.values(), *self.resources.values()):
            for source in resource.dependencies:
                self._dependents.setdefault(source, set()).add(resource.urn)

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
            more = self._dependents.get(waiting.pop(), set()) - seen
            seen |= more
            waiting += more
        return (self.resources[each] for each in seen - {urn})

    def sources(self, step: Step, path: str) -> list[Step]:
        """The changed resources that a property's value comes from, those that are replaced first.

        The engine names them for a whole property. Those count that gave the old value; where nobody is known
        to have, and the new value is not known either, all that are new.
        """
        name = path.partition(".")[0].partition("[")[0]
        near = [self.steps[urn] for urn in sorted(step.resource.sources.get(name, ())) if urn in self.steps]
        near = sorted((each for each in near if each.op in OPS), key=lambda each: each.op != "replace")
        old, new = (plain(value_at(side.inputs, path)) or "" if side else "" for side in (step.old, step.new))
        gave = [each.old.gave(old) if each.old else 0 for each in near]
        sure = [each for each, much in zip(near, gave, strict=True) if 0 < much == max(gave)]
        return sure or [each for each in near if each.op != "update" and UNKNOWN_TEXT in new]


def risk(step: Step, stack: str, graph: Graph, file: StackFile) -> Finding | None:
    """Why a resource is replaced or deleted, and what that means; None if it follows another such one."""
    if step.op not in ("replace", "delete"):
        return None
    old = step.old or step.resource
    chain, setting = _chain(step, graph, file) if step.op == "replace" else ([step], None)
    loss, kept = RULES["stateful"].get(old.type, ""), bool(old.state.get("retainOnDelete"))
    blocks = bool(loss) and not kept
    if not loss and ((chain[1:] and chain[1].op == "replace") or _parent(step, graph)):
        return None
    for rule in RULES["stateful-when"]:
        loss = rule["says"] if rule["type"] == old.type and old.inputs.get(rule["property"]) is True else loss
    if loss and kept:
        loss = "It stays where it is, without Pulumi (retainOnDelete); nothing is lost."
    elif loss and old.state.get("protect"):
        loss += " It is protected: `pulumi up` refuses until the protection is taken off."
    why = _deletion(step, graph) if step.op == "delete" else [_why(each) for each in chain]
    said = [f"Because: {' ← '.join(why)}"]
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


def _chain(step: Step, graph: Graph, file: StackFile) -> tuple[list[Step], Setting | None]:
    """From a replaced resource to where its change began, and the settings key there."""
    chain: dict[str, Step] = {}
    begin, setting = step, None
    while begin and not setting and begin.resource.urn not in chain:
        chain[begin.resource.urn] = begin
        own = properties(begin, lambda _: "", file, graph.component(begin.resource.urn))
        forced = (each.setting for each in own if each.forces or not begin.forced_by)
        setting = next(filter(None, forced), None)
        # Without a difference of its own it goes because something that it depends on goes.
        paths = begin.forced_by or begin.diff or begin.resource.sources
        found = [each for path in paths for each in graph.sources(begin, path)]
        begin = min(found, key=lambda each: each.op != "replace", default=None)
    return [*chain.values()], setting


def _why(step: Step) -> str:
    if step.op == "create":
        return f"{title(step.resource)} is new"
    said: list[str] = []
    for path in step.forced_by or sorted(step.diff):
        old, new = (value_at(each.inputs, path) if each else None for each in (step.old, step.new))
        short = all(isinstance(each, str | int) and len(str(each)) < 80 for each in (old, new))
        said.append(f"{path} {old} → {new}" if short and old != new else path)
    return f"{title(step.resource)} is {step.op}d: {', '.join(said) or 'something it depends on is replaced'}"


def _parent(step: Step, graph: Graph) -> Resource | None:
    """The component that is deleted with a resource of it."""
    parent = graph.steps.get(step.resource.state.get("parent") or "")
    return parent.resource if parent and parent.op == "delete" and parent.resource.component else None


def _deletion(step: Step, graph: Graph) -> list[str]:
    gone, parent = step.resource, _parent(step, graph)
    said = [f"{title(gone)} is no longer declared"]
    said += [f"its component {parent.name} is gone"] if parent else []
    come = (each.resource for each in graph.steps.values() if each.op == "create")
    if same := next((each for each in come if each.type == gone.type and _alike(gone, each)), None):
        said[0] += f", and {same.name} is new and the same: a rename without an alias?"
    return said


def _alike(old: Resource, new: Resource) -> bool:
    """Whether two resources are one under two names: at least three quarters of the inputs are equal."""
    keys = old.inputs.keys() | new.inputs.keys()
    return sum(old.inputs.get(key) == new.inputs.get(key) for key in keys) >= 0.75 * len(keys)
