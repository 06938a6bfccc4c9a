"""Runs of the engine on a stack, read from `--json` plans, event logs and the policy pack's ledgers."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Self, cast

from review.jail.regular_files import read_text
from review.model import OF_THE_BASE, OPERATIONS, UNKNOWN, WAIVED, list_first
from review.objects.renames import find_rename
from review.plain_data import is_equal, is_list, is_map, mark_own
from review.stacks.assets import Assets
from review.stacks.resources import PROVIDERS, Json, Resource
from review.stacks.value_parts import leaves
from review.values.value_paths import property_path
from sandbox.progress import is_root, name_of
from sandbox.summary import MASK, PROGRAM_FAILED, REMOVED, UNINFORMATIVE_ERRORS, Phase, masked

ENGINE_OPERATIONS = {"import": "create", "discard": "delete", REMOVED: "delete"}
"""The report's names for operations of the engine that it counts under another name
(pulumi/pulumi, sdk/go/common/display and pkg/resource/deploy/step.go).
"""

CREATED_FIRST, DELETED_FIRST = "create-replacement", "delete-replaced"
"""The engine's two operations of most replacements, in either order."""

DELETIONS_OF_REPLACED = (DELETED_FIRST, "discard-replaced")

PARTS = (CREATED_FIRST, *DELETIONS_OF_REPLACED, "import-replacement", "read-replacement")
"""Operations of the engine beside a `replace` of the same resource, which has the reasons
(pkg/resource/deploy/step_generator.go). A replacement without a new resource has REMOVED in its place.
"""

READ = "read"
"""The engine's operation for a resource that the program only reads (`get`)."""

KNOWN = {*OPERATIONS, "same", READ}
"""The operations of steps that the report understands."""

UNCHECKED_POLICY = "policy-value-unknown"
"""Policy that counts the values that a preview cannot know. A ledger lists each of these values."""

PLAN_KEYS = {"steps", "changeSummary"}
"""Keys of a `--json` plan; a summary.json has other keys."""

ROW_KEYS = {
    "sequence",
    "run",
    "lookup",
    "refused",
    "undecided",
    "computed",
    "masked",
    "unexplained",
    "secrets",
    "configured",
    "generated",
    "renewed",
    "declared",
    "registered",
}
"""Keys of which a row of an event log, a ledger or a file of calls has one."""

LEDGER_ROW, NOT_APPLICABLE = '{"urn": ', '"verdict": "not applicable"'
"""Start of a ledger's rows, and text in the most common ones, which the report does not need."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m|<\{%.*?%\}>")
"""Pattern of a terminal's colour codes and of the engine's own colour tags."""

ERROR_PREFIX = re.compile(r"\A(python inline source runtime error|an unhandled error occurred|RPC error): ")
"""Start of a message of the engine or of Pulumi's SDK, which may both report the same error."""

TRACEBACK_FRAME = re.compile(r'^ *File "([^"]*)", line \d+.*\n(?:^ {4,}(?!File ).*\n)*', re.MULTILINE)


@dataclass
class Step:
    """An operation that a preview plans for a resource.

    `diff` maps the path of each change to its kind. `forced_by` contains the paths that force a replacement.
    `created_first` is True for a replacement whose new resource is created before the old one is deleted, and
    `deleted_first` for one in the other order; neither is known without an event log.
    `only_renamed` is True for an update in which only the name or the parent differs. `is_replaced` is True
    if the engine replaces the resource, or may do so, whatever the report calls it: then it also replaces
    what depends on it. `is_pending` is True for a deletion that an earlier deployment did not get to.
    """

    op: str
    old: Resource | None
    new: Resource | None
    diff: Mapping[str, str] = field(default_factory=dict[str, str])
    forced_by: tuple[str, ...] = ()
    created_first: bool = False
    deleted_first: bool = False
    only_renamed: bool = False
    is_replaced: bool = False
    is_pending: bool = False

    def __post_init__(self) -> None:
        self.is_replaced |= self.op == "replace"

    @property
    def resource(self) -> Resource:
        """The new resource, or the old resource if it is deleted."""
        return self.new or cast(Resource, self.old)

    @property
    def entry(self) -> dict[str, Any]:
        """The fields of a report's entry about the resource; a deleted one may become a component."""
        subject = self.old if self.old and self.op == "delete" else self.resource
        return {**self.resource.entry, "is_component": subject.is_component}


@dataclass
class EngineRun:
    """A run of the engine on a stack: the steps by URN, including those of unchanged resources.

    `tree` contains the program's files. `has_plan` is True if a `--json` plan has been recorded. A plan lacks
    the IDs and outputs of the new states; `added` has those of the event log, by URN. `overwritten` has the
    URNs of resources other than components whose outputs the program replaced afterwards. `lookups` has the
    arguments of the program's look-ups as JSON, with a hash of the provider's settings, by token;
    `answers` has them by token, and by the path and a hash of each value that they found. `failed_lookups`
    has the errors of look-ups that failed, by token and arguments, and `failed_settings` the hashes of the
    settings of the providers through which they went.
    `unexplained` has the names of changed settings of providers whose effect is unknown, by the provider's
    URN. `secrets` has the secret inputs of each resource by the keys that lead to them, and `generated` the
    secrets among its outputs that the provider chose. `configured` has all inputs of each provider, in which
    secrets are not marked. `renewed` has the texts that a replacement without any change would renew, or the
    versions that an update changes, with their new texts. `declared` has the program's inputs of each
    resource with ignored changes, and `component_outputs` the outputs that the program registers for each
    component and for the stack, both in the engine's form. All six are by URN and in a review only.
    `event_outputs` has the outputs of each component in the state before and after, with the masks of events.
    `creations` and `deletions` have the positions in the engine's order of both operations of replacements:
    of creations by the URN in the head, and of deletions by that in the base. `replaced` has the former
    states of resources that a replacement deletes, by URN in the base. `planned` has the URNs in the base of
    all resources with a step, and `registered` those of the resources that the engine's events have in the
    new state.
    `finished` has the URN and the operation of each finished step on a resource other than a component.
    `waived_levels` has the level that a waived violation has without its waiver, by policy and URN.
    `read_types` has, by policy on whole stacks, the groups of types that the policy has read, each at once.
    `undecided` has the URN, the name and the text of each thing that the program declares otherwise if
    outputs have other values; some have no URN. `computed` has the same for other values of secret settings,
    with the keys that lead to the input if only hashes in it differ, and these hashes. `masked` has the keys
    of what a program computes from a secret setting and puts into a Kubernetes Secret, by the Secret's URN,
    with the hashes in such a text if it computes nothing else.
    `old_tree` contains the files to which the assets in old states lead; None stands for `tree`.
    """

    tree: Path
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    phase: Phase = field(default_factory=lambda: Phase(preview=True))
    has_plan: bool = False
    added: dict[str, Json] = field(default_factory=dict[str, Json])
    overwritten: set[str] = field(default_factory=set[str])
    lookups: dict[str, set[tuple[str, str]]] = field(default_factory=dict[str, set[tuple[str, str]]])
    answers: dict[tuple[str, str, str], set[tuple[str, str]]] = field(
        default_factory=dict[tuple[str, str, str], set[tuple[str, str]]]
    )
    failed_lookups: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    failed_settings: dict[tuple[str, str], set[str]] = field(default_factory=dict[tuple[str, str], set[str]])
    unexplained: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    secrets: dict[str, dict[tuple[str, ...], Any]] = field(
        default_factory=dict[str, dict[tuple[str, ...], Any]]
    )
    configured: dict[str, Json] = field(default_factory=dict[str, Json])
    generated: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    renewed: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    declared: dict[str, Json] = field(default_factory=dict[str, Json])
    component_outputs: dict[str, Json] = field(default_factory=dict[str, Json])
    event_outputs: dict[str, tuple[Json, Json]] = field(default_factory=dict[str, tuple[Json, Json]])
    creations: dict[str, int] = field(default_factory=dict[str, int])
    deletions: dict[str, int] = field(default_factory=dict[str, int])
    replaced: dict[str, Json] = field(default_factory=dict[str, Json])
    planned: set[str] = field(default_factory=set[str])
    registered: set[str] = field(default_factory=set[str])
    finished: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    waived_levels: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    read_types: dict[str, set[frozenset[str]]] = field(default_factory=dict[str, set[frozenset[str]]])
    undecided: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])
    computed: set[tuple[str, str, str, tuple[str | int, ...], tuple[str, ...]]] = field(
        default_factory=set[tuple[str, str, str, tuple[str | int, ...], tuple[str, ...]]]
    )
    masked: dict[str, dict[str, list[str]]] = field(default_factory=dict[str, dict[str, list[str]]])
    old_tree: Path | None = None

    def __post_init__(self) -> None:
        self.phase.show = self._show_output

    def add(self, *contents: Any) -> Self:
        """Record `--json` plans, event logs and ledgers.

        Only the plans contain the steps, except those of default providers and REMOVED, which only the event
        logs contain.
        """
        deleted: list[Json] = []
        for plan in filter(is_map, contents):
            self.has_plan |= bool(PLAN_KEYS & plan.keys())
            self.add([{"diagnosticEvent": diagnostic} for diagnostic in plan.get("diagnostics") or ()])
            for step in plan.get("steps") or ():
                if step["op"] == DELETED_FIRST:
                    self.replaced[step["urn"]] = step["oldState"]
                if step["op"] in DELETIONS_OF_REPLACED:
                    deleted.append(step["oldState"])
                self._add_step(step)
        for row in chain.from_iterable(filter(is_list, contents)):
            self._add_row(row)
        self._add_pending(deleted)
        for step in self.steps.values():
            self._note_order(step)
            if step.old and step.new and step.old.is_component != step.new.is_component:
                # Pulumi calls this a replacement, but a component exists only in the state.
                step.op = "delete" if step.new.is_component else "create"
            self._note_rename(step)
        for urn, state in self.added.items():
            if (step := self.steps.get(urn)) and step.new:
                step.new.state.update(state)
        return self

    @property
    def stack_outputs(self) -> Json | None:
        """The outputs that the program registers for the stack, in the engine's form; None if it does not.

        If a resource violates a mandatory policy, the engine's events also have the outputs that the program
        removes (pulumi/pulumi, pkg/resource/deploy/step_executor.go: executeRegisterResourceOutputs).
        """
        return self.component_outputs.get(next(filter(is_root, self.component_outputs), ""))

    def lookups_of(self, answer: str) -> list[tuple[str, str]]:
        """Return the tokens and the arguments of the look-ups that have found the value with this hash."""
        return self._lookups_by_answer.get(answer, [])

    @cached_property
    def _lookups_by_answer(self) -> dict[str, list[tuple[str, str]]]:
        lookups: dict[str, list[tuple[str, str]]] = {}
        for (token, _, answer), sources in self.answers.items():
            lookups.setdefault(answer, []).extend((token, arguments) for arguments, _ in sorted(sources))
        return lookups

    def find_missing(self, base: Self | None) -> str:
        """Return an error if the plan or a step is missing or not understood, or an empty string.

        A report on an incomplete plan would not show all changes. The engine plans a step for each resource
        in a state, and its events have all resources of the program. So this finds what the reader of its
        plans does not know.
        """
        if not self.has_plan:
            return "the preview's plan (engine.log) cannot be read; run the review again"
        missing = set(base.phase.resources) - self.planned if base and not base.errors else set[str]()
        missing |= self.registered - {urn for urn, step in self.steps.items() if step.new}
        missing |= {urn for urn, step in self.steps.items() if step.op not in KNOWN}
        names = list_first([*map(name_of, sorted(missing))])
        return f"the preview has no step for {names}; run the review again" if missing else ""

    @property
    def errors(self) -> list[str]:
        """The distinct errors. Tracebacks contain only the program's frames, with paths below the tree."""
        errors = dict.fromkeys(map(self._clean, self.phase.errors))
        informative = [error for error in errors if error not in UNINFORMATIVE_ERRORS]
        # A program that fails logs its error, unless it wants to hide that it fails.
        own = [error for error in informative if not error.endswith(PROGRAM_FAILED)]
        return own or informative

    def _add_pending(self, deleted: Iterable[Json]) -> None:
        """Record the deletions that belong to no replacement of this run.

        The state has the old resource of a replacement that an earlier deployment did not complete, beside
        the new one of the same URN (pkg/resource/deploy/step_generator.go: GenerateDeletes).
        """
        ended = {
            (step.old.urn, step.old.state.get("id"))
            for step in self.steps.values()
            if step.old and (step.is_replaced or step.op == "delete")
        }
        for state in deleted:
            place = state["urn"], state.get("id")
            if place not in ended:
                old = self._resource(state, self.old_tree)
                self.steps[" ".join(map(str, place))] = Step("delete", old, None, is_pending=True)

    def _note_order(self, step: Step) -> None:
        """Record whether the engine creates the new resource of a replacement first, or deletes the old one.

        With an alias, the two operations have different URNs (pulumi/pulumi, pkg/resource/deploy/step.go:
        CreateStep has that of the new state, and DeleteStep that of the old one).
        """
        created = self.creations.get(step.new.urn) if step.new else None
        deleted = self.deletions.get(step.old.urn) if step.old else None
        is_deleted_first = deleted is not None and (created is None or deleted < created)
        step.created_first = created is not None and not is_deleted_first
        step.deleted_first = step.is_replaced and is_deleted_first

    def _note_rename(self, step: Step) -> None:
        """Record that a resource has another name or parent than in the base, which is a change."""
        old, new = step.old, step.new
        if not old or not new:
            return
        parent = self.steps.get(new.parent)
        former_parent = parent.old.urn if parent and parent.old else ""
        new.rename = find_rename((old.urn, new.urn), (old.parent, new.parent), former_parent)
        if new.rename.is_own and step.op in ("same", READ):
            step.op, step.only_renamed = "update", True

    def _clean(self, text: str) -> str:
        def keep_own_frame(frame: re.Match[str]) -> str:
            return frame[0] if frame[1].startswith(f"{self.tree}/") else ""

        text = COLOURS.sub("", text).strip().removeprefix("error: ").strip()
        text = TRACEBACK_FRAME.sub(keep_own_frame, text)
        return ERROR_PREFIX.sub("", text.replace(f"{self.tree}/", ""))

    def _add_row(self, row: Json) -> None:
        if "lookup" in row:
            arguments = json.dumps(row["args"], ensure_ascii=False, sort_keys=True)
            if "error" in row:
                self.failed_lookups[row["lookup"], arguments] = self._clean(row["error"])
            elif "failed" in row:
                self.failed_settings.setdefault((row["lookup"], arguments), set()).add(row["settings"])
            else:
                lookup = arguments, row.get("settings", "")
                self.lookups.setdefault(row["lookup"], set()).add(lookup)
                for path, digest in row.get("answer", ()):
                    self.answers.setdefault((row["lookup"], path, digest), set()).add(lookup)
        if "secrets" in row:
            self.secrets[row["secrets"]] = {tuple(keys): value for keys, value in row["values"]}
        if "configured" in row:
            self.configured[row["configured"]] = row["inputs"]
        if "generated" in row:
            self.generated.setdefault(row["generated"], set()).update(row["texts"])
        if "declared" in row:
            self.declared[row["declared"]] = row["inputs"]
        if "registered" in row:
            self.component_outputs[row["registered"]] = row["outputs"]
        if "renewed" in row:
            self.renewed[row["renewed"]] = row["texts"]
        if "unexplained" in row:
            self.unexplained.setdefault(row["provider"], set()).update(row["unexplained"])
        if "undecided" in row:
            self.undecided.add((row["urn"], row["undecided"], self._clean(row["reason"])))
        if "computed" in row:
            keys, hashes = tuple(row.get("hash", ())), tuple(row.get("hashes", ()))
            self.computed.add((row["urn"], row["computed"], self._clean(row["reason"]), keys, hashes))
        if "masked" in row:
            self.masked.setdefault(row["masked"], {})[row["key"]] = row["hashes"]
        if row.get("verdict") == WAIVED:
            self.waived_levels[row["policy"], row["urn"]] = row["level"]
        if "read" in row:
            self.read_types[row["policy"]] = {*map(frozenset, row["read"])}
        if event := row.get("resourcePreEvent"):
            metadata = event["metadata"]
            positions = {CREATED_FIRST: self.creations, DELETED_FIRST: self.deletions}.get(metadata["op"])
            if positions is not None:
                positions.setdefault(metadata["urn"], len(self.creations) + len(self.deletions))
            if metadata["op"] == REMOVED:
                # The plan has the whole state, and an event a part of it.
                old = self.replaced.get(metadata["urn"]) or metadata["old"]
                self._add_step({"op": REMOVED, "oldState": old})
            else:
                self._add_provider(metadata)
        if (unknown := _undecided(row)) and row["policy"] != UNCHECKED_POLICY:
            violation = {"level": UNKNOWN, "severity": "", "message": unknown}
            self.phase.violations.append(row | violation)
        elif {"policyEvent", "diagnosticEvent", "resOutputsEvent"} & row.keys():
            self.phase.record(row)
        if "preludeEvent" in row:
            self.finished.clear()  # An `up` reports each step in its preview and again afterwards.
        if event := row.get("resOutputsEvent"):
            self._add_state(event["metadata"])

    def _add_state(self, metadata: Json) -> None:
        """Record the ID and the outputs of a new state, and whether the program replaces its outputs.

        A program should set the outputs of its components only, but the engine accepts all, and none as well:
        the state then has no outputs. The engine reports a finished step on another resource once, and once
        more if the program replaces the outputs. The events do not tell whether these differ, since they mask
        secrets (pulumi/pulumi, pkg/resource/deploy/step_executor.go: ExecuteRegisterResourceOutputs).
        """
        state: Json = metadata.get("new") or {}
        if state:
            self.registered.add(state["urn"])
        if state and not state.get("custom"):  # The last event has what the program registers.
            sides: list[Json] = [metadata.get("old") or {}, state]
            before, after = (masked(side.get("outputs") or {}, _mark_own) for side in sides)
            self.event_outputs[state["urn"]] = before, after
        if state.get("outputs"):
            content = {key: state[key] for key in ("id", "outputs") if state.get(key)}
            self.added.setdefault(state["urn"], content)
        if state.get("custom"):
            step = state["urn"], metadata["op"]
            if step in self.finished:
                self.overwritten.add(state["urn"])
            self.finished.add(step)

    def _add_provider(self, metadata: Json) -> None:
        """Record the step of a default provider, which a plan leaves out.

        The engine creates one for each package, version and address of a plugin that the program uses
        (pulumi/pulumi, pkg/backend/display/json.go: shouldShow). Also left out is a provider of the program
        whose name starts like those (sdk/go/common/providers/reference.go: IsDefaultProvider). A review
        refuses it, since an event lacks its options.
        """
        if metadata["type"].startswith(PROVIDERS) and metadata["urn"] not in self.steps:
            sides = {"oldState": metadata.get("old"), "newState": metadata.get("new")}
            self._add_step({"op": metadata["op"], **sides})

    def _add_step(self, content: Json) -> None:
        """Record a step of a plan, or one in its form, unless it is a part of another one."""
        if content["op"] in PARTS:
            return
        details: Json = content.get("detailedDiff") or {}
        diff = {path: str(detail["kind"]) for path, detail in details.items()}
        old = self._resource(content.get("oldState"), self.old_tree)
        new = self._resource(content.get("newState"))
        op = ENGINE_OPERATIONS.get(content["op"]) or str(content["op"])
        is_given_up = op == READ and old is not None and not _is_only_read(old)
        if is_given_up:
            op = "delete"  # The program gives the resource up. With another ID, this is a replacement.
        elif op in ("same", READ) and old and new and _differ_in_the_state(old, new):
            op = "update"  # The engine changes the state only.
        if old and op == "delete" and not new:
            old.locations = [replace(location, role=OF_THE_BASE) for location in old.locations]
        if old:
            self.planned.add(old.urn)
        if old and new and _is_only_read(old) and not (_is_only_read(new) or new.is_component):
            # Pulumi calls this a replacement, but it leaves the object alone that the base reads, or takes it
            # over (pulumi/pulumi, pkg/resource/deploy/step_generator.go: wasExternal).
            step = Step("create", None, new, is_replaced=True)
        else:
            reasons = tuple(sorted(content.get("replaceReasons") or ()))
            step = Step(op, old, new, diff, reasons, is_replaced=is_given_up)
        urn = step.resource.urn
        if urn not in self.steps or step.op != "same":
            self.steps[urn] = step

    def _show_output(self, value: Any) -> Any:
        return masked(Assets(self.tree).collect(value), _mark_own)

    def _resource(self, state: Json | None, files: Path | None = None) -> Resource | None:
        return Resource(state, self.tree, files, self.old_tree) if state else None


def _mark_own(text: str) -> str:
    """Mark the text of an output as the program's own, except for masks: events have one for each secret."""
    return MASK.join(map(mark_own, text.split(MASK)))


def _undecided(row: Json) -> str:
    """Return why a rule could not judge all of a resource; empty if it could, or for no row of a ledger.

    The rule may have reported violations beside that. Earlier packs only say so if there are none.
    """
    return str(row.get("unknown") or (row["detail"] if row.get("verdict") == UNKNOWN else ""))


def _differ_in_the_state(old: Resource, new: Resource) -> bool:
    """Return True if types or options differ, or which inputs are secret.

    Unknown settings of a provider count, too, and so do the ID and each value by which a resource is read.
    A resource keeps its state under another type if it has an alias with the former one.
    """
    is_read = _is_only_read(new)
    compares_inputs = is_read or new.type.startswith(PROVIDERS)
    return (
        old.type != new.type
        or not is_equal(old.options, new.options)
        or (compares_inputs and not is_equal(old.declared, new.declared))
        or (is_read and old.state.get("id") != new.state.get("id"))
        or _secrets(old.inputs) != _secrets(new.inputs)
    )


def _is_only_read(resource: Resource) -> bool:
    return bool(resource.state.get("external"))


def _secrets(inputs: Json) -> set[str]:
    """Return the paths of the secrets in inputs."""
    parts = (part for name, content in inputs.items() for part in leaves(property_path(name), content))
    return {path for path, value in parts if value == MASK}


def read(file: Path) -> Any:
    """Return a `--json` plan as an object, or an event log or a ledger as a list of objects.

    An event log and a ledger have one object per line. The result is None if the file is missing or invalid.
    A line ends only at a line feed: the names and values of a program may have other line breaks.
    """
    text = read_text(file).strip() if os.path.lexists(file) else ""
    with suppress(ValueError):
        content = json.loads(text)
        # The file is an event log or a ledger with a single row.
        return [content] if is_map(content) and ROW_KEYS & content.keys() else content
    rows = (line for line in text.split("\n") if line.strip() and not _is_not_applicable(line))
    with suppress(ValueError):
        return json.loads(f"[{','.join(rows)}]")
    return None


def _is_not_applicable(line: str) -> bool:
    """Return True for a row of a ledger with this verdict; look-ups may have such arguments."""
    return line.startswith(LEDGER_ROW) and NOT_APPLICABLE in line
