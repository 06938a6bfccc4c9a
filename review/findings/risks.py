"""Risks of replaced and deleted resources: the cause, the dependents, and the loss of data."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from review.left_objects import find_left_object
from review.model import Finding, SourceLocation, list_all, list_first, title
from review.objects.new_objects import makes_new_object, may_be_replacement
from review.plain_data import as_texts, is_equal, value_at
from review.stacks.engine_run import Step
from review.stacks.object_kinds import kinds_of
from review.stacks.properties import OPTION, changed_properties, find_parts
from review.stacks.resources import (
    DELETED_WITH,
    PROVIDERS,
    REPLACED_BY,
    REPLACED_WITH,
    TRIGGER,
    Resource,
)
from review.stacks.stack import Stack
from review.values.ignored_changes import ALL, option_paths
from review.values.value_paths import find_related
from sandbox.progress import one_line
from sandbox.providers.server import known_packages
from sandbox.providers.target import Package
from sandbox.providers.target import Resource as DeclaredResource
from sandbox.stateful import data_loss

RENAME_MIN_EQUAL_INPUTS = 0.75
"""Smallest share of equal inputs for which a new resource is taken for a renamed deleted resource.

A rename usually changes the name and the tags, few of a resource's inputs, so a quarter may differ. The value
is a choice, not a measurement. A wrong choice only adds or omits a hint in the message.
"""

LIST_ITEM = re.compile(r"\[\d+\]")
"""Pattern of the position of a list item in a path."""

FEW = 3
"""Number of dependents that a message names; a report has all of them."""

SHORT_VALUE = 80
"""Number of characters below which the description of a cause shows a value."""

PAST_TENSE = {"update": "updated", "replace": "replaced", "delete": "deleted"}
"""Past tense of each operation, for the text of a cause."""

POLICIES = {"replace": "replaced", "delete": "deleted"}
STATEFUL_POLICIES = {"replace": "stateful-replaced", "delete": "stateful-deleted"}
"""Names of findings in rules.toml, by operation; the stateful ones are for resources with data."""


def find_risk(step: Step, stack: Stack, broken: Collection[str] = ()) -> Finding | None:
    """Return a finding with the cause and effect of a replacement or deletion, or None.

    The result is None for other changes, for a provider, which exists only in the state, and for a resource
    without data that is replaced or deleted because of another resource, unless its object stays. `broken`
    has the policies that an object which stays may break: this is the last report with them.
    """
    old = step.old or step.resource
    if may_be_replacement(step, stack):
        return _possible_replacement(step, stack)
    if step.op not in POLICIES or old.type.startswith(PROVIDERS):
        return None
    links, setting = _cause_chain(step, stack) if step.op == "replace" else ([step], None)
    loss = data_loss(old.type, old.inputs)
    data = _data_deleted_with(step, stack)
    retained = bool(old.state.get("retainOnDelete"))
    left = find_left_object(step, stack)
    # The program uses a new object without the data, even if the old one stays.
    loses_data = bool(loss) and not (retained and step.op == "delete" and not _new_of_kind(old, stack))
    breaks = sorted(broken) if left else []
    blocks = loses_data or bool(data) or bool(breaks)
    follows_another = len(links) > 1 and links[1].op == "replace"
    if not loss and not data and not left and (follows_another or stack.deleted_component(step)):
        return None
    causes = _deletion_causes(step, stack) if step.op == "delete" else [_cause(link) for link in links]
    lines = [f"Because: {' ← '.join(causes)}"]
    if step.op == "replace" and not setting:
        lines.append("Set by: unknown, because no value identifies a settings key")
    dependents = _dependents(step, stack)
    lines.append(f"Depends on it: {list_first(dependents, FEW) or 'nothing'}")
    if left and (breaks or not (loss and retained)):  # The fate of the data says the same.
        still = f" It may still break {list_all(breaks)}." if breaks else ""
        lines.append(f"Object: it {left}{still}")
    if loss:
        lines.append(f"Data: {_fate_of_data(step, old, loss, stack)}")
    if data:
        lines.append(f"Data: with it goes {list_all(data)}, as the option {DELETED_WITH} says")
    details: dict[str, Any] = {**step.entry, "type": old.type}
    return Finding(
        stacks=[stack.name],
        policy=(STATEFUL_POLICIES if loss or data else POLICIES)[step.op],
        message="\n".join(map(one_line, lines)),
        **details,
        former_name=step.resource.rename.former_name,
        level="mandatory" if blocks else "advisory",
        setting=setting,
        blocks=blocks,
        dependents=dependents,
    )


def _possible_replacement(step: Step, stack: Stack) -> Finding:
    dependents = _dependents(step, stack)
    lines = [
        f"Because: {_cause(step)}",
        "Replacement: possible, since no table in sandbox/providers describes this type",
        f"Depends on it: {list_first(dependents, FEW) or 'nothing'}",
    ]
    data = find_replaced_data(step, stack)
    if data:
        lines.append(f"Data: a replacement could replace {list_all(data)}, too, without the data")
    return Finding(
        stacks=[stack.name],
        policy="possibly-replaced",
        message="\n".join(map(one_line, lines)),
        **step.entry,
        former_name=step.resource.rename.former_name,
        level="mandatory" if data else "advisory",
        blocks=bool(data),
        dependents=dependents,
    )


def find_replaced_data(step: Step, stack: Stack) -> list[str]:
    """Return the titles of the resources with data that a replacement of a resource could replace, too.

    Another ID of it could change their inputs that cannot be changed in place, and a trigger, whose source
    the SDK does not send. The option replaceWith replaces a resource without an input, and the object of one
    with deletedWith goes with the other object.
    """
    starts = [step.old.urn] if step.old else []
    starts += [
        old.urn for old, new in _managed(stack) if any(TRIGGER in side.options for side in (old, new) if side)
    ]
    by_option = _dependents_by_option(stack, REPLACED_WITH), _dependents_by_option(stack, DELETED_WITH)
    return _kept_data(_reach(starts, _dependents_by_input(stack, in_head=True), *by_option), step, stack)


def _data_deleted_with(step: Step, stack: Stack) -> list[str]:
    """Return the titles of the resources with data whose object goes with that of a resource.

    The program says so with the option deletedWith, also if it keeps the resource.
    """
    old = step.old
    # The resource of the same URN has a new object, which stays.
    if not old or step.is_pending or old.is_component or old.state.get("retainOnDelete"):
        return []
    return _kept_data(_reach([old.urn], _dependents_by_option(stack, DELETED_WITH)), step, stack)


def data_behind(resource: Resource, stack: Stack, *, in_base: bool = False) -> set[str]:
    """Return the URNs in the head of the resources with data that a replacement of a resource could replace.

    Those count that lead from it on one side, the base or the head, by inputs, providers and options.
    """
    sides = ((step.old if in_base else step.new) for step in stack.steps.values())
    others = [side for side in sides if side and not side.state.get("external")]
    dependents: dict[str, list[str]] = {}
    for other in others:
        by_input = () if other.is_component else _replacing_dependencies(other)
        for urn in {*by_input, *other.replaced_with, other.deleted_with}:
            dependents.setdefault(urn, []).append(other.urn)
    reached = _reach([resource.urn], dependents) - {resource.urn}
    urns = {other.urn for other in others if other.urn in reached and data_loss(other.type, other.inputs)}
    return {stack.head_urn(urn) for urn in urns} if in_base else urns


def _reach(starts: Iterable[str], *relations: Mapping[str, Sequence[str]]) -> set[str]:
    """Return URNs, and those to which relations lead from them, directly or indirectly."""
    reached, queue = {*starts}, [*starts]
    while queue:
        urn = queue.pop()
        new = {*chain.from_iterable(relation.get(urn, ()) for relation in relations)} - reached
        reached |= new
        queue += new
    return reached


def _kept_data(urns: Collection[str], step: Step, stack: Stack) -> list[str]:
    """Return the titles of the resources with data, by URN in the base, that no other finding is about."""
    others = [other for other in stack.steps.values() if other is not step and other.op not in POLICIES]
    olds = [other.old for other in others if other.old and other.old.urn in urns]
    return sorted(title(old) for old in olds if data_loss(old.type, old.inputs))


def find_possibly_deleted(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource that a deployment may delete with a replaced one, with a finding.

    Before the engine deletes a resource that is replaced and deleted first, it deletes what depends on it: by
    an input that replaces, by the provider, or by the option replaceWith. It spares what it has registered
    before. If the head does not order the two any more, time decides, and the preview shows one outcome only
    (pulumi/pulumi, pkg/resource/deploy/step_generator.go: calculateDependentReplacements). With replaceWith,
    it even deletes what it has registered, and does not create that again (findResourcesReplacedWith). It
    does not spare what an alias has renamed either, so it may delete a resource that the preview replaces.
    """
    replaced = {step.old.urn: step for step in stack.steps.values() if step.is_replaced and step.old}
    causes = _possible_causes(replaced, stack) if replaced else {}
    for step in stack.steps.values():
        old, new = step.old, step.new
        if not old or not new or old.is_component or old.urn not in causes:
            continue
        if step.op not in POLICIES or (_is_renamed(step) and causes[old.urn]):
            yield new.urn, _possible_deletion(step, replaced.get(causes[old.urn]), stack)


def _is_renamed(step: Step) -> bool:
    return bool(step.old and step.new and step.old.urn != step.new.urn)


def _possible_causes(replaced: Mapping[str, Step], stack: Stack) -> dict[str, str]:
    """Return the URN of the replaced resource with which each resource of the base may be deleted.

    If the head still depends on a replaced resource, the program waits for it, and the plan has the outcome.
    What may be deleted is created again, which replaces what has the option replaceWith for it.
    """
    deletions = stack.head.deletions if stack.head else {}
    causes = {old.urn: "" for old, _ in _managed(stack) if old.urn in deletions}
    by_input, by_option = _dependents_by_input(stack), _dependents_by_option(stack, REPLACED_WITH)
    queue = [(urn, urn, step.deleted_first) for urn, step in replaced.items()]
    while queue:
        urn, cause, is_deleted_first = queue.pop()
        dependents = [
            dependent
            for dependent in by_option.get(urn, ())
            if dependent not in replaced or _is_renamed(replaced[dependent])
        ]
        for dependent in by_input.get(urn, ()) if is_deleted_first else ():
            is_decided = urn in replaced and _depends_on(stack.step_of(dependent), stack.head_urn(urn))
            dependents += [] if is_decided else [dependent]
        for dependent in dependents:
            if not causes.get(dependent):
                causes[dependent] = cause
                queue.append((dependent, cause, True))
    return causes


def _managed(stack: Stack) -> list[tuple[Resource, Resource | None]]:
    """Return the resources of the base without those that it only reads, with those of the head."""
    sides = [(step.old, step.new) for step in stack.steps.values()]
    return [(old, new) for old, new in sides if old and not old.state.get("external")]


def _dependents_by_input(stack: Stack, *, in_head: bool = False) -> dict[str, list[str]]:
    """Return, by URN in the base, the resources that an input or the provider may replace with a resource.

    These are the ones of the base, which the engine asks for before it deletes a resource. `in_head` adds
    those of the head, whose inputs change if a resource gets another ID.
    """
    former_urns = _former_urns(stack)
    dependents: dict[str, list[str]] = {}
    for old, new in _managed(stack):
        urns = {*_replacing_dependencies(old)}
        if in_head and new:
            urns |= {former_urns.get(urn, urn) for urn in _replacing_dependencies(new)}
        for urn in urns:
            dependents.setdefault(urn, []).append(old.urn)
    return dependents


def _dependents_by_option(stack: Stack, option: str) -> dict[str, list[str]]:
    """Return, by URN in the base, the resources with an option for a resource, in the base or in the head.

    The engine compares the URNs of an option in the base with those of the head
    (pulumi/pulumi, pkg/resource/deploy/step_generator.go: findResourcesReplacedWith), so both meanings count.
    """
    former_urns = _former_urns(stack)
    dependents: dict[str, list[str]] = {}
    for old, new in _managed(stack):
        for side in filter(None, (old, new)):
            urns = side.replaced_with if option == REPLACED_WITH else [side.deleted_with]
            for urn in {*urns, *(former_urns.get(urn, urn) for urn in urns)}:
                dependents.setdefault(urn, []).append(old.urn)
    return dependents


def _former_urns(stack: Stack) -> dict[str, str]:
    """Return the URNs in the base of the resources of both sides, by those in the head."""
    return {step.new.urn: step.old.urn for step in stack.steps.values() if step.old and step.new}


def _depends_on(step: Step | None, urn: str) -> bool:
    """Return True if a resource of the head depends on another one, so that the program waits for it."""
    new = step.new if step else None
    return new is not None and urn in new.sources


def _replacing_dependencies(resource: Resource) -> Iterator[str]:
    """Yield the provider of a resource, and the resources of inputs whose change could replace it.

    These are all inputs but tags if the tables do not describe the type. The settings of a provider count as
    if they let no more be changed in place. The option replaceOnChanges adds the inputs that it names. If it
    names an output, any input may change that.
    """
    if resource.provider:
        yield resource.provider
    package = known_packages().get(resource.package) or Package(resource.package)
    declared = DeclaredResource(resource.urn, resource.type, resource.values)
    names = {name for name in resource.property_dependencies if package.could_replace(declared, name)}
    tops = {parts[0] if parts else ALL for parts in option_paths(resource.options, REPLACED_BY)}
    names |= tops if tops <= resource.values.keys() else resource.property_dependencies.keys()
    for name in names - {*resource.options.get("ignoreChanges", ())}:
        yield from resource.property_dependencies.get(name, ())


def _possible_deletion(step: Step, replaced: Step | None, stack: Stack) -> Finding:
    """Return the finding about a resource that may be deleted with a replaced one, if that one is known."""
    name = title(step.resource)
    cause = title(replaced.resource) if replaced else "a resource that is replaced"
    loss = data_loss(step.resource.type, (step.old or step.resource).inputs)
    dependents = _dependents(step, stack)
    has_option = any(side and side.replaced_with for side in (step.old, step.new))
    change = f"set no replace_with of {name}" if has_option else f"let {name} depend on {cause}"
    lines = [
        f"Because: {cause} is replaced, and the engine may delete {name} with it: time decides",
        f"Instead: {change}, or change them in two pull requests",
        f"Depends on it: {list_first(dependents, FEW) or 'nothing'}",
    ]
    if loss:
        lines.append(f"Data: {loss}")
    return Finding(
        stacks=[stack.name],
        policy="possibly-deleted",
        message="\n".join(map(one_line, lines)),
        **step.entry,
        former_name=step.resource.rename.former_name,
        level="mandatory",
        blocks=True,
        dependents=dependents,
    )


def _dependents(step: Step, stack: Stack) -> list[str]:
    """Return the titles of the resources that depend on the one of a step, without components."""
    dependents = stack.dependents(step.resource.urn)
    return sorted({title(dependent) for dependent in dependents if not dependent.is_component})


def _fate_of_data(step: Step, old: Resource, loss: str, stack: Stack) -> str:
    """Return the loss of a resource's data with the effect of its options."""
    if old.state.get("retainOnDelete"):
        if step.op == "replace":
            return (
                "It stays in the old resource (retainOnDelete), and the program uses the new one without it."
            )
        if names := _new_of_kind(old, stack):
            new = list_all(names)
            return f"It stays in the old resource (retainOnDelete), but the program may use {new} without it."
        return "Pulumi leaves the resource in place (retainOnDelete), so nothing is lost."
    if old.state.get("protect"):
        # The engine lets one `up` remove the protection and replace the resource, but not delete it
        # (pulumi/pulumi, pkg/resource/deploy/step_generator.go: `new.Protect && old.Protect`).
        if step.op == "replace" and step.new and not step.new.state.get("protect"):
            return f"{loss} The change removes the protection, so `pulumi up` replaces the resource."
        return f"{loss} The resource is protected: `pulumi up` fails until the protection is removed."
    return loss


def _cause_chain(step: Step, stack: Stack) -> tuple[list[Step], SourceLocation | None]:
    """Return the steps from a replacement back to its first cause, and the setting behind that cause."""
    links: dict[str, Step] = {}
    current: Step | None = step
    setting: SourceLocation | None = None
    while current and not setting and current.resource.urn not in links:
        links[current.resource.urn] = current
        setting = _forcing_setting(current, stack)
        # A resource without differences is replaced because a resource on which it depends is replaced.
        paths = current.forced_by or current.diff or current.resource.property_dependencies
        sources = [source for path in paths for source in stack.value_sources(current, path, path)]
        current = min(sources, key=lambda source: source.op != "replace", default=None)
    return [*links.values()], setting


def _forcing_setting(step: Step, stack: Stack) -> SourceLocation | None:
    """Return the first setting of a property that forces a replacement, else of any changed property.

    A resource for which the engine names no property is replaced because of another resource.
    """
    if not step.forced_by and not step.diff:
        return None
    for changed in changed_properties(step, stack):
        if changed.setting and (changed.forces or not step.forced_by):
            return changed.setting
    return None


def _cause(step: Step) -> str:
    """Describe a step as the cause of another step."""
    if step.op == "create":
        return f"{title(step.resource)} is new"
    differences = dict.fromkeys(_differences(step))
    reason = ", ".join(differences) or "something it depends on is replaced"
    return f"{title(step.resource)} is {PAST_TENSE[step.op]}: {reason}"


def _differences(step: Step) -> Iterator[str]:
    """Yield what the engine names as the reason. Items of lists are named by what they are.

    It names no path for a trigger that replaces the resource, which is an option and not an input.
    """
    options = [side.options.get(TRIGGER) if side else None for side in (step.old, step.new)]
    if step.op == "replace" and not is_equal(*options):
        yield _difference(f"{OPTION} {TRIGGER}", *options)
    paths = step.forced_by or sorted(step.diff)
    parts = [part for part, _ in find_parts(step)] if any(map(LIST_ITEM.search, paths)) else []
    places = [part.paths.steps for part in parts]
    for path in paths:
        related = find_related(path, places) if LIST_ITEM.search(path) else []
        for index in related:
            part = parts[index]
            yield _difference(part.path, part.before, part.after)
        if not related:
            yield _difference(
                path, *(value_at(side.inputs, path) if side else None for side in (step.old, step.new))
            )


def _difference(path: str, old: Any, new: Any) -> str:
    """Return a property's path, followed by the old and the new value if both are short."""
    texts = as_texts(old, new)
    short = all(isinstance(value, str | int) and len(str(value)) < SHORT_VALUE for value in (old, new))
    return f"{path} {' → '.join(map(str, texts))}" if short and not is_equal(old, new) else path


def _deletion_causes(step: Step, stack: Stack) -> list[str]:
    deleted = step.resource
    if step.is_pending:
        return ["an earlier deployment replaced it, and did not get to the deletion of the old object"]
    if step.new and step.new.is_component:
        return [f"{title(step.old or deleted)} becomes a component, which no provider creates"]
    if step.new:
        return [
            f"{title(deleted)} is only read (get), so Pulumi gives it up, or deletes it if its ID is not the "
            "one that is read; the review's IDs are invented"
        ]
    cause = f"{title(deleted)} is no longer declared"
    if replacement := _similar_new_resource(deleted, stack):
        cause += f", and {replacement.name} is new and similar: is this a rename without an alias?"
    component = stack.deleted_component(step)
    return [cause, f"its component {component.name} is gone"] if component else [cause]


def _similar_new_resource(deleted: Resource, stack: Stack) -> Resource | None:
    """Return the created resource of the same type with the most equal inputs; None if too few are equal."""
    created = [step.resource for step in stack.steps.values() if step.op == "create"]
    same_type = [new for new in created if new.type == deleted.type]
    best = max(same_type, key=lambda new: _equal_inputs(deleted, new), default=None)
    return best if best and _equal_inputs(deleted, best) >= RENAME_MIN_EQUAL_INPUTS else None


def _new_of_kind(deleted: Resource, stack: Stack) -> list[str]:
    """Return the titles of the resources of the same kind as a deleted one that get a new object."""
    created = [step.resource for step in stack.steps.values() if makes_new_object(step)]
    kinds = kinds_of({deleted.type, *(new.type for new in created)})
    return sorted(title(new) for new in created if kinds[new.type] == kinds[deleted.type])


def _equal_inputs(old: Resource, new: Resource) -> float:
    """Return the share of equal inputs, from 0 to 1; 0 for two resources without inputs."""
    keys = old.values.keys() | new.values.keys()
    equal = sum(old.values.get(key) == new.values.get(key) for key in keys)
    return equal / len(keys) if keys else 0.0
