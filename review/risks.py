"""What goes away, why, and whether data goes with it."""

from review.model import RULES, Finding, Place, listed, title
from review.observed import ROOT, Step
from review.properties import properties, value_at
from review.stack import Stack


def risk(step: Step, stack: Stack) -> Finding | None:
    """Why a resource is replaced or deleted, and what that means; None if it follows another such one."""
    if step.op not in ("replace", "delete"):
        return None
    old = step.old or step.resource
    chain, setting = _chain(step, stack) if step.op == "replace" else ([step], None)
    loss, kept = RULES["stateful"].get(old.type, ""), bool(old.state.get("retainOnDelete"))
    blocks = bool(loss) and not kept
    if not loss and ((chain[1:] and chain[1].op == "replace") or stack.gone_with(step)):
        return None
    for rule in RULES["stateful-when"]:
        loss = rule["says"] if rule["type"] == old.type and old.inputs.get(rule["property"]) is True else loss
    if loss and kept:
        loss = "It stays where it is, without Pulumi (retainOnDelete); nothing is lost."
    elif loss and old.state.get("protect"):
        loss += " It is protected: `pulumi up` refuses until the protection is taken off."
    why = _deletion(step, stack) if step.op == "delete" else [_why(each) for each in chain]
    said = [f"Because: {' ← '.join(why)}"]
    if step.op == "replace" and not setting:
        said.append("Set by: unknown, no value identifies a settings key")
    dependents = {title(each) for each in stack.reached(old.urn) if each.type != ROOT}
    said.append(f"Depends on it: {listed(sorted(dependents)) or 'nothing'}")
    said += [f"Data: {loss}"] if loss else []
    return Finding(
        stacks=[stack.name], policy=f"{'stateful-' if loss else ''}{step.op}d", message="\n".join(said),
        type=old.type, name=old.name, places=step.places,
        level="mandatory" if blocks else "advisory", setting=setting, blocks=blocks,
    )  # fmt: skip


def _chain(step: Step, stack: Stack) -> tuple[list[Step], Place | None]:
    """From a replaced resource to where its change began, and the settings key there."""
    chain: dict[str, Step] = {}
    begin, setting = step, None
    while begin and not setting and begin.resource.urn not in chain:
        chain[begin.resource.urn] = begin
        own = properties(begin, lambda _: "", stack.file, stack.component(begin.resource.urn))
        forced = (each.setting for each in own if each.forces or not begin.forced_by)
        setting = next(filter(None, forced), None)
        # Without a difference of its own it goes because something that it depends on goes.
        paths = begin.forced_by or begin.diff or begin.resource.sources
        found = [each for path in paths for each in stack.sources(begin, path)]
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


def _deletion(step: Step, stack: Stack) -> list[str]:
    gone, parent = step.resource, stack.gone_with(step)
    said = [f"{title(gone)} is no longer declared"] + (
        [f"its component {parent.name} is gone"] if parent else []
    )
    for come in (each.resource for each in stack.steps.values() if each.op == "create"):
        keys = gone.inputs.keys() | come.inputs.keys()
        alike = sum(gone.inputs.get(key) == come.inputs.get(key) for key in keys) >= 0.75 * len(keys)
        if come.type == gone.type and alike:
            said[0] += f", and {come.name} is new and the same: a rename without an alias?"
            break
    return said
