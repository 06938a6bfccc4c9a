"""A stack in base and head, with the relations between its resources."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

from review.guard import Packs
from review.model import NEW, OPERATIONS, Finding
from review.objects.changed_sources import (
    DEPENDS_ON,
    ChangedSources,
    OwnTexts,
    find_changed_sources,
    own_texts,
)
from review.objects.provider_settings import replaced_settings, tagging_settings, unexplained_settings
from review.plain_data import PATH_STEP, SHORTEST, as_text, build_mask, decode_key, is_equal, value_at
from review.stacks import secret_values
from review.stacks.engine_run import READ, EngineRun, Step
from review.stacks.existing_objects import find_owners
from review.stacks.resources import (
    IGNORED_VALUE,
    NO_MATCH,
    PROVIDER,
    PROVIDERS,
    REPLACED_WITH,
    Json,
    Resource,
    Unignored,
)
from review.stacks.stack_file import StackFile
from review.stacks.value_parts import leaves
from review.values.ignored_changes import find_hidden_changes
from review.values.secret_documents import find_lines
from review.values.secret_marks import SecretMarks
from sandbox.progress import is_root, one_line
from sandbox.summary import LATER, MASK
from sandbox.wire.sentinels import INVENTED as UNDESCRIBED

OTHER_FIELD = re.compile(r"(?:metadata\.(?:name|namespace|uid|labels)|spec\.|status\.).*", re.DOTALL)
"""Pattern of the fields of a pod that a container may get, without the annotations (Kubernetes,
pkg/apis/core/validation: validEnvDownwardAPIFieldPathExpressions and the one of volumes).
"""

FIRST, OTHER = "\ue001\ue002"
"""Marks for the first and the other characters of a secret, for private use as in secret_marks.py."""

KEPT = ("same", "update")
"""Operations after which a resource is the one of the base."""


@dataclass
class Stack:
    """A stack with its runs in the base and the head; a run is None if that side does not have the stack.

    `trouble` is the reason why the report on the stack is incomplete, or an empty string. `packs` are the
    policy packs of base and head on the head's resources, or None without verdicts of the head's pack. If
    that pack failed, `guard_error` has the reason. `predicted` is True if the providers of the preview
    predicted all values of an `up`: if a value is unknown nevertheless, the program hides it. `secrets` has
    the keys of settings by the random values that a review has in place of the secrets of the stack file.
    `control` is a preview of the base on its own state, which a review only has if values of the head are
    unknown. `invented` are the secret settings that no stack file has and for which the review invents
    values. `without_invented` describes the head without them, unless it fails as the base does: then a
    deployment fails, too. `executed` has the numbers of the parts that the second run of the head executed of
    changed files (sandbox/engine/replay/executed_code.py), or is None without this run. `has_base_program` is
    True for a new stack if nothing else differs.
    """

    name: str
    head: EngineRun | None = None
    base: EngineRun | None = None
    file: StackFile = field(default_factory=lambda: StackFile("", {}, {}))
    trouble: str = ""
    packs: Packs | None = None
    guard_error: str = ""
    predicted: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    control: EngineRun | None = None
    invented: Sequence[str] = ()
    without_invented: str = ""
    executed: Mapping[Path, Set[int]] | None = None
    has_base_program: bool = False

    def __post_init__(self) -> None:
        self.base_failed = bool(self.base and self.base.errors)
        self.steps = self.head.steps if self.head else {}
        steps = self.steps.values()
        # An alias gives a resource another URN than in the base. A deletion that an earlier deployment has
        # left may have that URN, too, and is about another object.
        self._urns = {step.old.urn: step.resource.urn for step in steps if step.old and not step.is_pending}
        # By the identity of the resource, since a resource of base and head may have one URN.
        self._invented: dict[int, set[str]] = {}
        self.resources = {urn: step.resource for urn, step in self.steps.items()}
        self.mark_secrets: Callable[[str], str] = str
        """Function that masks the real secrets in any text of the stack, with marks."""
        self._real_secrets: Sequence[str] = ()
        self.outputs: tuple[Json, Json] = ({}, {})
        """The outputs of the stack in base and head; in a real preview, those in the state before and after.

        In a review, they have marks as the outputs of components have.
        """
        if self.predicted:
            self._reveal_secrets()
            self._note_ignored_changes()
            for step in steps:
                if step.op in ("same", READ) and (
                    self._has_other_secrets(step) or self.changed_sources(step)
                ):
                    step.op = "update"  # The engine changes the state only.
        else:
            self._read_event_outputs()
        old_resources = [
            step.old for step in steps if step.old and not self.base_failed and not step.is_pending
        ]
        self.old = {resource.key: resource for resource in old_resources}
        self.new = {step.resource.key: step.resource for step in steps if step.op != "delete"}
        self._providers = {old.urn: old for old in old_resources if old.type.startswith(PROVIDERS)}
        self._used: dict[str, set[str]] = {}
        for resource in old_resources:
            if resource.provider:
                self._used.setdefault(resource.package, set()).add(resource.provider)
        self.changed = [step for step in steps if self._is_change(step)]
        self._dependents: dict[str, set[str]] = {}
        # The head has no dependencies on deleted resources, so the base's dependencies count as well.
        for resource in old_resources:
            for dependency in resource.sources:
                self._dependents.setdefault(self.head_urn(dependency), set()).add(self.head_urn(resource.urn))
        for resource in self.resources.values():
            for dependency in resource.sources:
                self._dependents.setdefault(dependency, set()).add(resource.urn)

    def _note_ignored_changes(self) -> None:
        """Show what the program declares at paths of ignored changes, if it differs from the base.

        The state keeps its value there, but a later replacement has the declared one, and no report on that
        replacement would show a difference. A replacement itself shows the value.
        """
        for step in self.steps.values():
            old, new = step.old, step.new
            if not old or not new or new.unignored is None or step.op == "replace":
                continue
            # Without ignored changes in the base, its state has what its program declares.
            before = old.unignored or Unignored(old.declared_with_marks, old.values)
            values = find_hidden_changes(new.options, before.values, new.unignored.values)
            for path, shown in find_hidden_changes(new.options, before.marked, new.unignored.marked).items():
                name = IGNORED_VALUE.format(path)
                for side, value, secret in zip((old, new), shown, values.get(path, shown), strict=True):
                    side.options[name] = value
                    side.option_settings[name] = self.secret_settings(secret)
                step.op = "update" if step.op == "same" else step.op

    def _reveal_secrets(self) -> None:
        """Show the secret inputs of all resources, except for the parts that are real secrets."""
        generated: dict[str, set[str]] = {}
        marks = SecretMarks()
        for run in filter(None, (self.base, self.head)):
            for urn, texts in run.generated.items():
                generated.setdefault(self._urns.get(urn, urn), set()).update(texts)
        chosen = {*chain.from_iterable(generated.values())}
        renewed = chain.from_iterable(run.renewed.values() for run in (self.base, self.head) if run)
        invented = [text for text in {*chain.from_iterable(renewed)} if len(text) >= SHORTEST]
        self._real_secrets = [*self.secrets, *chosen]
        self.mark_secrets = build_mask([*self._real_secrets, *find_lines(chosen)], marks.mask)
        before, after = (_stack_outputs(run, marks) if run else {} for run in (self.base, self.head))
        self.outputs = before, after
        for step in self.steps.values():
            # A text of the base is masked in the same way, so that only another text is a change.
            masked = self.head.masked if self.head and not self.has_base_program else {}
            computed = masked.get(step.resource.urn)
            for resource, run in ((step.old, self.base), (step.new, self.head)):
                if resource is None or run is None:
                    continue
                resource.mark_secrets = self.mark_secrets
                secrets = run.secrets.get(resource.urn)
                if resource.is_component:
                    registered = {} if is_root(resource.urn) else run.component_outputs.get(resource.urn, {})
                    secret_values.open_outputs(resource, registered, invented, marks)
                    if secrets is None:
                        continue
                names = {
                    *resource.dependencies,
                    *chain.from_iterable(resource.property_dependencies.values()),
                }
                urns = {self._urns.get(urn, urn) for urn in names}
                sources = chain(self.secrets, *(generated.get(urn, ()) for urn in urns))
                outputs = chain.from_iterable(map(self._output_texts, urns))
                if resource.type.startswith(PROVIDERS):
                    secrets = secret_values.find_masked(resource, run.configured.get(resource.urn))
                declared = run.declared.get(resource.urn)
                secret_values.reveal(resource, secrets, sources, outputs, marks, declared, computed)

    def _has_other_secrets(self, step: Step) -> bool:
        """Return True if base and head record secrets at other places of a resource.

        In their plans, a secret looks like a text of the program that equals a mask.
        """
        sides = (step.old, self.base), (step.new, self.head)
        before, after = (run.secrets.get(side.urn) if run and side else None for side, run in sides)
        return before is not None and after is not None and before.keys() != after.keys()

    def _read_event_outputs(self) -> None:
        """Give the stack and the components of a real preview the outputs of its events."""
        if not self.head:
            return
        self.outputs = self.head.phase.former_outputs, self.head.phase.outputs
        for urn, sides in self.head.event_outputs.items():
            step = self.steps.get(urn)
            for resource, outputs in zip((step.old, step.new), sides, strict=True) if step else ():
                if resource and resource.is_component and not is_root(urn):
                    resource.outputs = outputs

    def _output_texts(self, urn: str) -> Iterator[str]:
        """Yield the ID and the output texts of a resource in base and head, without secrets."""
        step = self.steps.get(urn)
        for side in (step.old, step.new) if step else ():
            yield from (text for _, text in side.texts) if side else ()

    @property
    def project(self) -> str:
        """The name of the stack's project, as in the URNs; empty if the head's run has no resource."""
        return next((urn.split("::")[1] for urn in self.steps), "")

    def _is_change(self, step: Step) -> bool:
        """Return True for a change of a resource other than the stack itself, unless the base failed.

        A provider is a resource, too: its settings decide where all resources of the provider are.
        """
        is_resource = not is_root(step.resource.urn)
        return is_resource and step.op in OPERATIONS and not self.base_failed

    def step_of(self, urn: str) -> Step | None:
        """Return the step of a resource with this URN in the base or, if it is new, in the head."""
        return self.steps.get(self.head_urn(urn))

    def head_urn(self, urn: str) -> str:
        """Return the URN in the head of a resource with this URN in the base."""
        return self._urns.get(urn, urn)

    def former_targets(self, target: str) -> list[str]:
        """Return the other URN in the base of the resource with this URN, which a waiver has to name, too.

        A target may also be the name of a resource: then, the result has its former names.
        """
        step = self.steps.get(target) or self.step_of(target)
        if step:
            return sorted({side.urn for side in (step.old, step.new) if side} - {target})
        named = (step for step in self.steps.values() if step.new and step.new.name == target)
        return sorted({step.old.name for step in named if step.old} - {target})

    def is_elsewhere(self, resource: Resource) -> bool:
        """Return True if a resource has another provider than the base's resources of its package.

        A new version of a package has a default provider of its own, with the settings of the old one. Two
        providers with secrets may have different ones, unless a review knows them.
        """
        used, provider = self._used.get(resource.package, set()), self.resources.get(resource.provider)
        if not used or resource.provider in used:
            return False
        known = [_settings(self._providers[urn]) for urn in used if urn in self._providers]
        return provider is None or MASK in str(provider.values) or _settings(provider) not in known

    def has_other_provider(self, step: Step) -> bool:
        """Return True if base and head reach a resource by providers that may lead to different places."""
        if not step.old or not step.new:
            return False
        before, after = self._urns.get(step.old.provider, step.old.provider), step.new.provider
        if before == after:
            provider, changed = self.steps.get(after), self.unexplained.get(after, set[str]())
            leads_elsewhere = bool(changed.difference(tagging_settings(self.resources.get(after))))
            return leads_elsewhere or (provider is not None and provider.op == "replace")
        old, new = self._providers.get(step.old.provider), self.resources.get(after)
        if old is None or new is None or MASK in str((old.values, new.values)):
            return True
        return _settings(old) != _settings(new)

    @cached_property
    def unexplained(self) -> dict[str, set[str]]:
        """The changed settings whose effect on the provider's resources is unknown, by the provider's URN.

        The engine does not compare the settings if a resource option replaces the provider, or if an alias
        gives it another name. So they are compared here, too.
        """
        settings = {urn: {*names} for urn, names in self.head.unexplained.items()} if self.head else {}
        for old, new in self._provider_pairs():
            if names := unexplained_settings(old, new):
                settings.setdefault(new.urn, set()).update(names)
        return settings

    @cached_property
    def diverted(self) -> dict[str, set[str]]:
        """The changed settings that lead to another place, although the engine keeps the resources.

        The result is by the provider's URN. Such a setting replaces the provider and so its resources, unless
        an alias gives the provider another name (pulumi/pulumi, pkg/resource/deploy/step_generator.go:
        providerChanged). What a program only reads (`get`), is never replaced.
        """
        settings: dict[str, set[str]] = {}
        for old, new in self._provider_pairs(kept=True):
            if names := replaced_settings(old, new):
                settings.setdefault(new.urn, set()).update(names)
        return settings

    def _provider_pairs(self, *, kept: bool = False) -> Iterator[tuple[Resource, Resource]]:
        """Yield the providers of each resource in base and head, and those that are one resource, once.

        With `kept`, yield only those of the resources that the engine keeps. Without predictions, secrets and
        other values are not known.
        """
        pairs: dict[tuple[str, str], None] = {}
        for step in self.steps.values() if self.predicted else ():
            if not step.old or not step.new:
                continue
            if not kept and step.new.type.startswith(PROVIDERS):
                pairs[step.old.urn, step.new.urn] = None
            if not kept or (step.op in KEPT and not step.new.state.get("external")):
                pairs[step.old.provider, step.new.provider] = None
        for old_urn, new_urn in pairs:
            old, new = self._providers.get(old_urn), self.resources.get(new_urn)
            if old and new:
                yield old, new

    def provider_of(self, resource: Resource, *, in_base: bool = False) -> Resource | None:
        """Return the provider of a resource with its settings in the head, or in the base for an old one."""
        return (self._providers if in_base else self.resources).get(resource.provider)

    @cached_property
    def owners(self) -> dict[str, list[Resource]]:
        """The head's resources by the names of their objects."""
        return find_owners(self.new.values())

    @cached_property
    def old_owners(self) -> dict[str, list[Resource]]:
        """The base's resources by the names of their objects."""
        return find_owners(self.old.values())

    @cached_property
    def may_read_annotations(self) -> bool:
        """True if a text of base or head names annotations, so that a program may get the values of some."""
        sides = (side for step in self.steps.values() for side in (step.old, step.new) if side)
        texts = chain.from_iterable(leaves("", side.values) for side in sides)
        return any(_names_annotations(path, str(text)) for path, text in texts)

    @cached_property
    def _setting_masks(self) -> dict[str, Callable[[str], str]]:
        """Functions that mark each character of the random values of a secret setting, by its key."""
        values: dict[str, list[str]] = {}
        for secret, key in self.secrets.items():
            values.setdefault(key, []).append(secret)
        return {key: build_mask(secrets, _mark_characters, parts=False) for key, secrets in values.items()}

    def has_secret(self, text: str) -> bool:
        """Return True if a text has a whole real secret, and not only a line of one.

        A line of a private key may have nothing but a part of the public key, which a certificate has, too.
        """
        return self._mask_whole(text) != text

    @cached_property
    def _mask_whole(self) -> Callable[[str], str]:
        return build_mask(self._real_secrets, parts=False)

    def secret_settings(self, value: Any) -> list[str]:
        """Return the keys of the secret settings whose random values are in a value, in their order.

        A key is named at each of its places: whether two of three passwords are equal makes a difference.
        """
        text = as_text(value) or ""
        if not self.has_secret(text):
            return []
        places = (
            (place, key)
            for key, mask in self._setting_masks.items()
            for place, (old, new) in enumerate(zip(text, mask(text), strict=True))
            if new == FIRST and old != FIRST
        )
        return [key for _, key in sorted(places)]

    def changed_sources(self, step: Step) -> list[ChangedSources]:
        """Return the properties that come from other resources than in the base and do not show it.

        The result is empty outside of a review: the state of a stack may have dependencies that no program
        declares any more.
        """
        if not self.predicted or not step.old or not step.new:
            return []
        texts_of = partial(self._own_texts, in_base=True), self._own_texts
        sources = find_changed_sources(step.old, step.new, self._urns, self._present, texts_of)
        # The resources in a component wait for all on which the component depends: the SDK registers it
        # after those, and a resource after its parent (pulumi, runtime/resource.py: prepare_resource).
        is_component = step.new.is_component
        return [source for source in sources if source.path == DEPENDS_ON or not is_component]

    def _own_texts(self, urn: str, *, in_base: bool = False) -> OwnTexts:
        """Return the texts that tell from which resource a value comes; `urn` is the one in the head."""
        step = self.steps.get(urn)
        resource = (step.old if in_base else step.new) if step else None
        return own_texts(resource, self.invented_texts(resource)) if resource else OwnTexts(set(), {urn})

    @cached_property
    def _present(self) -> tuple[Set[str], Set[str]]:
        """The URNs in the head of the resources in base and head."""
        steps = self.steps.items()
        return {urn for urn, step in steps if step.old}, {urn for urn, step in steps if step.new}

    def invented_texts(self, resource: Resource) -> set[str]:
        """Return the texts in the ID and the outputs of a resource that the review's providers invent.

        A replacement with the same inputs would change them, so the program chooses none of them. A value
        that no table describes may be anything, and is another finding (`value-unknown`).
        """
        key = id(resource)
        if key not in self._invented:
            self._invented[key] = self._find_invented(resource)
        return self._invented[key]

    def _find_invented(self, resource: Resource) -> set[str]:
        runs = (self.base, self.head)
        step = self.steps.get(resource.urn)
        urns = {resource.urn, step.old.urn if step and step.old else resource.urn}
        renewed = {text for run in runs if run for urn in urns for text in run.renewed.get(urn, ())}
        return {text for _, text in resource.texts if text in renewed or UNDESCRIBED in text}

    def component_of(self, urn: str) -> str:
        """Return the name of the outermost component of a resource, or `(stack)` if it is in none."""
        resource = self.resources.get(urn)
        if resource is None or is_root(urn):
            return "(stack)"
        outer = self.component_of(resource.parent)
        return resource.name if resource.is_component and outer == "(stack)" else outer

    def dependents(self, urn: str) -> Iterable[Resource]:
        """Return the resources that depend on one, directly or indirectly; `urn` is the one in the head."""
        seen, waiting = {urn}, [urn]
        while waiting:
            more = self._dependents.get(waiting.pop(), set()) - seen
            seen |= more
            waiting += more
        return (self.resources[dependent] for dependent in seen - {urn})

    def deleted_component(self, step: Step) -> Resource | None:
        """Return the parent of the step's resource if it is a component that is deleted, too; else None."""
        parent = self.steps.get(step.resource.parent)
        return parent.resource if parent and parent.op == "delete" and parent.resource.is_component else None

    def value_sources(self, step: Step, old_path: str | None, new_path: str | None) -> list[Step]:
        """Return the steps of the changed resources from which a property's value comes, replacements first.

        The value is at `old_path` in the base, and at `new_path` in the head; None if a side lacks it. The
        engine names candidates for a whole property. The candidates with the strongest match to the old
        or the new value are returned. If no candidate matches, the result is empty, unless the new value is
        secret or not known yet: then it has all candidates that are created, replaced or deleted.

        The paths `provider` and `replaceWith` stand for the resource's provider and for the resources of the
        option, whose replacement replaces the resource.
        """
        path = new_path or old_path or ""
        if path == PROVIDER and path not in step.resource.inputs:
            provider = self.steps.get(step.resource.provider)
            return [provider] if provider and provider.op in OPERATIONS else []
        if path == REPLACED_WITH and path not in step.resource.inputs:
            others = [self.steps[urn] for urn in step.resource.replaced_with if urn in self.steps]
            return [other for other in others if other.is_replaced and other.op in OPERATIONS]
        urns = sorted(step.resource.property_dependencies.get(top_name(path), ()))
        candidates = [self.steps[urn] for urn in urns if urn in self.steps]
        candidates = [candidate for candidate in candidates if candidate.op in OPERATIONS]
        candidates.sort(key=lambda candidate: candidate.op != "replace")
        old, new = (
            _text_at(side.values, path) if side and path is not None else ""
            for side, path in ((step.old, old_path), (step.new, new_path))
        )
        strengths = [
            max(
                candidate.old.match_strength(old) if candidate.old else NO_MATCH,
                candidate.new.match_strength(new) if candidate.new else NO_MATCH,
            )
            for candidate in candidates
        ]
        strongest = max(strengths, default=NO_MATCH)
        if strongest > NO_MATCH:
            return [
                candidate
                for candidate, strength in zip(candidates, strengths, strict=True)
                if strength == strongest
            ]
        shown = _text_at(step.new.inputs, new_path) if step.new and new_path is not None else ""
        is_hidden = LATER in shown or shown == MASK
        return [candidate for candidate in candidates if candidate.op != "update"] if is_hidden else []

    def has_new_dependency(self, step: Step, path: str) -> bool:
        """Return True if a property depends on a resource on which it did not depend in the base."""
        return bool(self._new_dependencies(step, path))

    def is_unknown_in_base(self, step: Step, path: str) -> bool:
        """Return True if a preview of the base has the same property, also with its unknown parts.

        The property depends on the same resources in both. What the program does with a value that is unknown
        may nevertheless differ.
        """
        name = top_name(path)
        control = self.control.steps.get(step.old.urn) if self.control and step.old else None
        if not control or not control.new or LATER not in str(control.new.inputs.get(name)):
            return False
        before, after = self._property_dependencies(step, path)
        return before == after and is_equal(control.new.inputs[name], step.resource.inputs.get(name))

    def new_sources(self, step: Step, path: str) -> list[Resource]:
        """Return the resources, other than components, on which a property did not depend in the base."""
        sources = (self.resources.get(urn) for urn in sorted(self._new_dependencies(step, path)))
        return [source for source in sources if source and not source.is_component]

    def blocking_finding(self, policy: str, subject: Resource | str, message: str, remedy: str) -> Finding:
        """Return a new finding about a resource, or about a thing with this name; it blocks.

        `remedy` is an imperative sentence without a full stop, to which the way to a waiver is added.
        """
        resource = None if isinstance(subject, str) else subject
        details: dict[str, Any] = resource.entry if resource else {"name": f"{subject}"}
        return Finding(
            stacks=[self.name],
            policy=policy,
            **details,
            former_name=resource.rename.former_name if resource else "",
            message=one_line(message),
            level="mandatory",
            status=NEW,
            remediation=f"{remedy}, or add a waiver to review/waivers.yaml for an owner's approval.",
            blocks=True,
        )

    def _new_dependencies(self, step: Step, path: str) -> set[str]:
        before, after = self._property_dependencies(step, path)
        return after - before

    def _property_dependencies(self, step: Step, path: str) -> tuple[set[str], set[str]]:
        """Return the URNs in the head of the resources on which a property depends in base and head."""
        before, after = (
            {self._urns.get(urn, urn) for urn in side.property_dependencies.get(top_name(path), ())}
            if side
            else set[str]()
            for side in (step.old, step.resource)
        )
        return before, after


def _stack_outputs(run: EngineRun, marks: SecretMarks) -> Json:
    """Return the outputs of the stack in a run of a review, with marks.

    A program that registers none keeps those of the state, which the events have.
    """
    if run.stack_outputs is None:
        return run.phase.outputs
    return secret_values.stack_outputs(run.stack_outputs, run.tree, marks)


def top_name(path: str) -> str:
    """Return the name of the property to which a path leads."""
    step = PATH_STEP.match(path)
    key, _, name = step.groups() if step else ("", "", path)
    return name or decode_key(key or "")


def _text_at(values: Json, path: str) -> str:
    return as_text(value_at(values, path)) or ""


def _mark_characters(form: str) -> str:
    """Return a text of the same length as a form of a secret, whose first character has a mark of its own."""
    return f"{FIRST}{OTHER * (len(form) - 1)}"


def _names_annotations(path: str, text: str) -> bool:
    """Return True if the text at a path names annotations, or may name them for a container.

    A container gets annotations as a variable or a file (Kubernetes, pkg/fieldpath/fieldpath.go:
    ExtractFieldPathAsString), or asks the API for them.
    """
    is_field = path.endswith(".fieldPath")
    return "annotations" in text or (is_field and not OTHER_FIELD.fullmatch(text))


def _settings(provider: Resource) -> Json:
    """Return the settings of a provider without the version of its package."""
    return {name: value for name, value in provider.values.items() if name != "version"}
