"""Construction of the report on all stacks from the engine's runs on these stacks."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from policies.engine.waivers import URN_PREFIX, Waivers
from review import changed_files, model
from review.code_not_run import unexecuted_changes
from review.cost import estimate, price_table
from review.findings import (
    changed_lookups,
    foreign_objects,
    guard_findings,
    policy_findings,
    prod_strength,
    provider_changes,
    removed_inputs,
    risks,
    shadowing_modules,
    shared_objects,
    stack_divergence,
    unevaluated_files,
    unknown_values,
)
from review.findings.locks import weaker_locks
from review.left_objects import left_resources
from review.merging import Merging
from review.model import Change, Finding, Property, Report, SettingChange, StackReport, list_all, list_first
from review.objects.titles import tell_apart
from review.objects.waiver_files import NOT_COVERED, WaiverFiles
from review.plain_data import map_texts, mask_value
from review.programs.stack_states import BOTH, GIVES, TAKES, Share, StackStates
from review.project_selection import Accounts, find_accounts, may_be_on_one_account
from review.render import renderings
from review.render.file_notes import list_files
from review.render.shown_inputs import show_inputs
from review.stacks import outputs, setting_changes
from review.stacks.engine_run import Step
from review.stacks.properties import CHECKSUMS, changed_properties, deleted_properties, new_properties
from review.stacks.resources import PROVIDERS, Resource
from review.stacks.stack import Stack
from sandbox.progress import name_of, one_line, short
from sandbox.stateful import data_loss
from sandbox.workspace.stacks import projects

WAIVERS = "review/waivers.yaml"
"""File with the waivers of the review's own findings, in the format of the policy pack's waivers."""

KEEP_STACK = "Destroy the stack first, and ask an owner for the removal of its file"
OTHER_NAME = "Give the new project a name of its own"
OWN_STATE = "Give the project a name of its own; if the stack moves with its resources, read a real preview"
KEEP_PROJECT = "Keep the project's name, or move the stack first (`pulumi stack rename`) and ask an owner"

FEW_FILES = 3
"""Number of changed files that the verdict names."""

SEVERITIES = ("critical", "high", "medium", "low", "")


@dataclass
class _Draft:
    """The parts of a report while the report is built. `caveats` are facts that the verdict must mention."""

    rows: list[StackReport] = field(default_factory=list[StackReport])
    changes: list[Change] = field(default_factory=list[Change])
    findings: list[Finding] = field(default_factory=list[Finding])
    settings: list[SettingChange] = field(default_factory=list[SettingChange])
    notes: list[str] = field(default_factory=list[str])
    caveats: list[str] = field(default_factory=list[str])


def build(
    compares: str,
    names: tuple[str, str],
    stacks: Sequence[Stack],
    mask: Callable[[str], str],
    trees: tuple[Path, Path],
    notes: Iterable[str] = (),
    approved_by: str = "",
    omitted: Sequence[str] = (),
    neighbours: Sequence[Stack] = (),
) -> Report:
    """Build the report on all stacks.

    `names` are readable descriptions of base and head, and `trees` their folders. `mask` masks secrets in a
    string. The waivers of the base apply or, if an owner has approved those of the head (`approved_by`), the
    waivers of the head. `omitted` has the changed files that the trees lack. `neighbours` are further stacks
    on the accounts of the others; they are not under review, and their heads are previews of the base.
    """
    tell_apart([*stacks, *neighbours])
    base, head = trees
    accounts = find_accounts(trees)
    states, by_name = StackStates.read(base, head), {stack.name: stack for stack in stacks}
    of_policies, of_review = (
        WaiverFiles.read(policies, file, trees, approved=bool(approved_by))
        for file, policies in guard_findings.WAIVER_FILES.items()
    )
    draft = _Draft(notes=[*notes, *(f"review/{fault}" for fault in of_review.applied.faults)])
    draft.caveats += [_caveat(note) for note in draft.notes if note.startswith("Not comparable")]
    for stack in stacks:
        _add_stack(draft, stack, of_policies, of_review, trees, approved_by)
        if compares == model.BASE_TO_HEAD:
            identity = _add_identity(draft, stack, states, by_name, base)
            draft.findings += [_apply_waiver(finding, of_review, stack) for finding in identity]
        draft.findings += _unknown_objects(stack, neighbours, accounts)
    draft.notes += _invented_secrets(stacks)
    if compares == model.BASE_TO_HEAD:
        reviewed = [stack.name for stack in stacks]
        changed = changed_files.find_changed(trees)
        run = changed_files.find_run(changed, trees)
        draft.findings += changed_files.find_changed_commands(reviewed, run, base)
        outside = changed_files.find_outside(reviewed, changed - run.keys(), trees)
        _add_files_outside(draft, outside, base)
        _add_tests(draft, changed_files.find_tests(changed, trees), base)
        _add_documents(draft, changed_files.find_documents(changed, trees), base)
        if files := changed_files.find_without_effect(changed, trees):
            count = "1 changed file is" if len(files) == 1 else f"{len(files)} changed files are"
            limit = "a program can read and run any file without an import"
            draft.notes += list_files(f"{count} without a known effect ({limit})", files, base)
        if policies := sorted(f"{file}" for file in changed - run.keys() if changed_files.is_policy(file)):
            draft.caveats.append(f"the policies differ in {model.list_first_files(policies, FEW_FILES)}")
        draft.findings += guard_findings.find_wider_waivers(reviewed, base, head)
        draft.notes += guard_findings.list_changed_waivers(base, head)
        draft.findings += guard_findings.find_new_levels(reviewed, base, head)
        draft.findings += unevaluated_files.find_unevaluated(reviewed, base, head)
        draft.findings += unevaluated_files.find_new_secrets(reviewed, base, head)
        draft.findings += unevaluated_files.find_omitted(reviewed, omitted)
        draft.findings += shadowing_modules.find_shadowing(reviewed, base, head)
    draft.findings = [guard_findings.apply_approval(finding, approved_by) for finding in draft.findings]
    of_stacks = draft.findings
    mask = functools.cache(mask)
    merging = Merging(stacks, mask)
    changes = [_mask_values(change, mask) for change in draft.changes]
    draft.changes, draft.findings = [*merging.merge(changes)], [*merging.merge(draft.findings)]
    evaluated = {stack.name: stack for stack in stacks if stack.head and not stack.head.errors}
    compared = [*_comparisons(evaluated, neighbours, of_review, merging, trees, accounts)]
    draft.findings += compared
    if compares == model.BASE_TO_HEAD:  # These have lines of code, in which no name of a stack is replaced.
        draft.findings += (not_run := unexecuted_changes.find_not_run(stacks, trees))
        if files := [*dict.fromkeys(finding.locations[0].file for finding in not_run)]:
            draft.caveats.append(f"changed code did not run ({model.list_first_files(files, FEW_FILES)})")
    waiver_lines = {line for finding in [*of_stacks, *compared] for line in _lines(finding)}
    draft.notes += _unneeded_waivers(of_review.applied, waiver_lines, evaluated)
    blocks = any(finding.blocks for finding in draft.findings)
    # The pull request's own policies do not decide what a reader sees first.
    trusted = [finding for finding in draft.findings if not finding.from_head]
    blocked = {finding.key for finding in trusted if finding.blocks}
    report = Report(
        compares,
        *names,
        verdict="",
        code=_exit_code([*stacks, *neighbours], blocks=blocks),
        stacks=draft.rows,
        changes=show_inputs(
            sorted(draft.changes, key=lambda change: _change_urgency(change, blocked)), trusted
        ),
        findings=sorted(draft.findings, key=_finding_urgency),
        notes=draft.notes,
        prices=price_table.SOURCE,
        settings=draft.settings,
    )
    masked: Report = map_texts(report, mask)
    return replace(masked, verdict=renderings.render_verdict(masked, caveats=draft.caveats).strip())


def _mask_values(change: Change, mask: Callable[[str], str]) -> Change:
    """Return a change with a remark at each value with a secret that the program does not mark.

    A secret may have the form of a checksum, and everybody who may list pods reads their annotations.
    """
    properties: list[Property] = []
    for item in change.properties:
        before, after = mask_value(item.before, mask), mask_value(item.after, mask)
        has_secret = (before, after) != (item.before, item.after)
        folded = "" if has_secret and item.folded == CHECKSUMS else item.folded
        properties.append(replace(item, before=before, after=after, folded=folded))
    return replace(change, properties=properties)


def _invented_secrets(stacks: Sequence[Stack]) -> Iterator[str]:
    """Yield a note for each list of invented secrets, with the stacks that have this list."""
    names_of = {
        stack.name: ", ".join(stack.invented) for stack in stacks if stack.invented and not stack.base_failed
    }
    for names in dict.fromkeys(names_of.values()):
        same = ", ".join(stack for stack, others in names_of.items() if others == names)
        yield (
            f"{same}: no value in the stack file for {names}. The review invents secrets without which the "
            "program does not evaluate; a deployment does not."
        )


def _caveat(note: str) -> str:
    """Return the last part of a note, which the verdict shows."""
    return note.rpartition("; ")[2].rstrip(".")


def _add_files_outside(draft: _Draft, files: Sequence[str], base: Path) -> None:
    """Add notes and a caveat on changed files that the review does not evaluate."""
    if files:
        outside = "1 changed file is" if len(files) == 1 else f"{len(files)} changed files are"
        outside += " not part of the evaluated programs"
        draft.caveats.append(f"{outside} ({model.list_first_files(files, FEW_FILES)})")
        draft.notes += list_files(f"{outside}, so the report may not show the effects", files, base)


def _add_tests(draft: _Draft, files: Sequence[str], base: Path) -> None:
    """Add notes and a caveat on changed tests, which run without isolation where somebody deploys."""
    if files:
        names = model.list_first_files(files, FEW_FILES)
        draft.caveats.append(f"the checks before a deployment run the changed tests ({names})")
        tests = "1 changed file is a test" if len(files) == 1 else f"{len(files)} changed files are tests"
        way = "which the checks before a deployment run without isolation"
        draft.notes += list_files(f"{tests}, {way}", files, base)


def _add_documents(draft: _Draft, files: Sequence[str], base: Path) -> None:
    """Add notes and a caveat on changed documents, whose commands run without isolation like tests."""
    if files:
        content = "the commands and examples in"
        names = model.list_first_files(files, FEW_FILES)
        draft.caveats.append(f"the checks before a deployment run {content} the changed documents ({names})")
        documents = (
            "1 changed file is a document" if len(files) == 1 else f"{len(files)} changed files are documents"
        )
        way = f"and the checks before a deployment run {content} documents without isolation"
        draft.notes += list_files(f"{documents}, {way}", files, base)


def _add_stack(
    draft: _Draft,
    stack: Stack,
    of_policies: WaiverFiles,
    of_review: WaiverFiles,
    trees: tuple[Path, Path],
    approved_by: str,
) -> None:
    """Add a stack's changes, findings, costs and notes to the draft."""
    changes = [*(_change(step, stack) for step in stack.changed), *outputs.find_changes(stack)]
    findings = [*_errors(stack)]
    base = None if stack.base_failed else stack.base
    broken = policy_findings.find_broken(stack, base)
    for step in stack.changed:
        if risk := risks.find_risk(step, stack, broken.get(step.resource.urn, ())):
            findings.append(_apply_waiver(risk, of_review, stack, step.resource.urn))
    findings += changed_lookups.find_indistinct_lookups(stack)
    addresses = provider_changes.find_new_addresses(stack)
    versions = provider_changes.find_new_versions(stack)
    settings = chain(provider_changes.find_unexplained(stack), provider_changes.find_new_logins(stack))
    output = provider_changes.find_new_output_login(stack)
    names = removed_inputs.find_removed_names(stack)
    shared = shared_objects.find_shared(stack)
    unknown = unknown_values.find_unknown(stack)
    hidden = unknown_values.find_unknown_settings(stack, trees[0])
    copied = unknown_values.find_copied_secrets(stack)
    unneeded = unknown_values.find_unneeded_secrets(stack)
    secret = unknown_values.find_hidden_outputs(stack)
    undecided = unknown_values.find_undecided(stack)
    literals = unknown_values.find_hidden_literals(stack)
    of_components = unknown_values.find_component_outputs(stack)
    kept = removed_inputs.find_kept_inputs(stack, policy_findings.find_kept(stack, base))
    lookups = chain(
        changed_lookups.find_changed_lookups(stack),
        changed_lookups.find_failed_lookups(stack),
        changed_lookups.find_long_lookups(stack),
    )
    deleted, locks = risks.find_possibly_deleted(stack), weaker_locks.find_weaker_locks(stack)
    resources = chain(deleted, locks, addresses, versions, settings, names, kept, shared, unknown, literals)
    rows = chain(resources, undecided, of_components)
    findings += [_apply_waiver(finding, of_review, stack, urn) for urn, finding in rows]
    named = chain(output, hidden, copied, unneeded, secret, lookups)
    findings += [_apply_waiver(finding, of_review, stack) for finding in named]
    admitted = guard_findings.admitted(stack.packs)
    findings += policy_findings.find(stack, base, admitted, approved_by, of_policies)
    findings += guard_findings.find_ended_duties(stack)
    if stack.packs:
        packs = guard_findings.without_new_levels(stack.name, stack.packs, *trees)
        findings += guard_findings.find_weakened(stack.name, packs)
        findings += guard_findings.find_changed_options(stack.name, packs)
        findings += policy_findings.find_new(stack, guard_findings.find_new(stack.packs))
    costs = estimate.compare(stack.name, *_sides(stack))
    draft.rows.append(StackReport(stack.name, _counts(stack, changes, findings), costs))
    draft.settings += setting_changes.find_changes(stack.name, stack.file)
    draft.changes += changes
    draft.findings += findings


def _add_identity(
    draft: _Draft, stack: Stack, states: StackStates, stacks: Mapping[str, Stack], base: Path
) -> Iterator[Finding]:
    """Yield the findings about the state of a stack, and add notes and caveats, also on a new stack.

    A deployment may leave the stack's resources to themselves, or take a stack for another one.
    """
    shares = [*states.find_shares(stack.name)]
    for share in shares:
        if share.way != BOTH:
            giver, taker = _giver_and_taker(stack.name, share)
            caveat = f"{taker} {_gets(share)} the state of {giver}"
            draft.caveats += [caveat] if caveat not in draft.caveats else []
        yield _shared_state(stack, share, stacks)
    if not stack.trouble and not stack.base:
        draft.notes.append(_describe_new(stack.name, shares, base))
    elif not stack.trouble:
        yield from _removals(draft, stack, states, shares)


def _describe_new(stack: str, shares: Sequence[Share], base: Path) -> str:
    """Return a note on a stack that the base lacks, with the levels that the base has for it."""
    note = f"{stack}: the base has no such stack; everything in it is new"
    if taken := _taken_states(shares):
        note += f" in this report, although it {list_all(taken)}"
    if not (base / (file := guard_findings.levels_file(stack))).exists():
        return f"{note}. The base lacks {file}, too, so each rule has its own level."
    return (
        f"{note}. Its levels are those in {file} of the base{guard_findings.summarize_levels(base / file)}."
    )


def _shared_state(stack: Stack, share: Share, stacks: Mapping[str, Stack]) -> Finding:
    """Return the finding about a state that a stack newly shares with another one.

    No waiver of `stack-removed` covers it: who lets a stack go, since its resources stay, does not let
    another one delete them.
    """
    names = "the same names of project and stack"
    names += "" if share.is_exact else " except for case, which some backends ignore"
    if share.way == BOTH:
        have = "have" if share.is_exact else "may have"
        message = f"{share.other} has {names}, so both {have} one state, in which a deployment of one "
        message += "deletes the resources of the other"
        return stack.blocking_finding("state-shared", stack.name, message, OTHER_NAME)
    giver, taker = _giver_and_taker(stack.name, share)
    reason = f"{giver} has {names} in the base" if share.way == TAKES else f"{taker} newly has {names}"
    effect = _effect(giver, taker, stacks)
    message = f"{reason}, so {taker} {_gets(share)} the state of {giver}; {effect}"
    return stack.blocking_finding("state-shared", stack.name, message, OWN_STATE)


def _effect(giver: str, taker: str, stacks: Mapping[str, Stack]) -> str:
    """Describe what a deployment of a stack of the head does with the state of another one of the base."""
    before = stacks[giver].base if giver in stacks else None
    after = stacks[taker].head if taker in stacks else None
    unseen = "which this report does not show"
    if not before or before.errors or not after or after.errors:
        return f"a deployment of {taker} changes and deletes the resources of {giver}, {unseen}"
    objects = {
        urn: row["type"]
        for urn, row in before.phase.resources.items()
        if urn not in before.phase.components and not row["type"].startswith(PROVIDERS)
    }
    kept = {step.new.urn for step in after.steps.values() if step.new}
    titles = {urn: f"{name_of(urn)} ({one_line(short(kind))})" for urn, kind in objects.items()}
    lost = sorted(objects.keys() - kept, key=lambda urn: titles[urn])
    if not lost:
        return f"a deployment of {taker} may change the {len(objects)} resources of {giver}, {unseen}"
    effect = f"a deployment of {taker} may delete {len(lost)} of {len(objects)} resources of {giver}"
    if data := [titles[urn] for urn in lost if data_loss(objects[urn], {})]:
        return f"{effect}, with the data of {list_all(data)}, {unseen}"
    return f"{effect} ({list_first([titles[urn] for urn in lost])}), {unseen}"


def _giver_and_taker(stack: str, share: Share) -> tuple[str, str]:
    """Return the stack of the base whose state another one gets, and the other one."""
    return (share.other, stack) if share.way == TAKES else (stack, share.other)


def _taken_states(shares: Iterable[Share]) -> list[str]:
    """Return the part of a sentence about a stack for each state that it newly has."""
    return [f"{_gets(share)} the state of {share.other}" for share in shares if share.way != GIVES]


def _gets(share: Share) -> str:
    return "gets" if share.is_exact else "may get"


def _removals(draft: _Draft, stack: Stack, states: StackStates, shares: Sequence[Share]) -> Iterator[Finding]:
    """Yield a finding if the deployment does not continue the state of the stack, with a note and a caveat.

    A renamed project has new, empty stacks, unless another stack has had the names.
    """
    count = f"{len(stack.base.phase.resources) if stack.base else 0} resources"
    heirs = [
        f"{share.other} {_gets(share)} the state of the {count}" for share in shares if share.way == GIVES
    ]
    before, after = (side.get(stack.name) for side in (states.before, states.after))
    if not stack.head:
        caveat = f"{stack.name} has no stack file any more"
        message, whose, remedy = "the pull request removes the stack file", "", KEEP_STACK
    elif before and after and before.project != after.project:
        caveat = f"{stack.name} is in another project ({before.project} is now {after.project})"
        effect = list_all(_taken_states(shares)) or "creates a new stack with everything in it"
        renaming = f"the pull request renames the project {before.project} to {after.project}"
        message = f"{renaming}; a deployment {effect}"
        whose, remedy = "the old one's ", KEEP_PROJECT
    else:
        return
    message += f", and {list_all(heirs) if heirs else f'{whose}{count} stay'}"
    if not stack.head and (prod := _compared_prod(stack.name, states)):
        message += f"; {prod} is compared with no stg any more"
    if not heirs:
        caveat += f", and its {count} stay"
        draft.notes.append(f"{caveat} until somebody destroys them.")
    draft.caveats.append(caveat)
    yield stack.blocking_finding("stack-removed", stack.name, message, remedy)


def _compared_prod(stg: str, states: StackStates) -> str:
    """Return the stack of the head that would be compared with a stack called stg; empty without one."""
    folder, slash, name = stg.rpartition("/")
    prod = f"{folder}{slash}prod"
    return prod if name == "stg" and prod in states.after else ""


def _sides(stack: Stack) -> tuple[list[Resource] | None, list[Resource] | None]:
    """Return the resources with a bill in base and head; None for a side that did not evaluate.

    The head has those, too, whose objects stay although the program no longer has them.
    """
    failed = not stack.head or stack.head.errors or stack.trouble
    before = None if stack.base_failed or failed else [*stack.old.values()]
    return before, None if failed else [*stack.new.values(), *left_resources(stack)]


def _comparisons(
    stacks: Mapping[str, Stack],
    neighbours: Sequence[Stack],
    waivers: WaiverFiles,
    merging: Merging,
    trees: tuple[Path, Path],
    accounts: Accounts,
) -> Iterator[Finding]:
    """Yield the findings from comparisons between stacks."""
    for name, prod in stacks.items():
        project, slash, stack = name.rpartition("/")
        if stack == "prod" and (stg := stacks.get(f"{project}{slash}stg")):
            for finding in prod_strength.find_weaker(prod, stg):
                yield _apply_waiver(finding, waivers, prod)
    yield from stack_divergence.find_divergence([*stacks.values()], merging.without_stack)
    evaluated = dict(stacks) | {stack.name: stack for stack in neighbours if not _missing(stack)}
    known = {name for tree in trees for name in projects(tree)} | evaluated.keys()
    for name, stack in stacks.items():
        others = [other for member, other in evaluated.items() if member != name]
        shared = dict(shared_objects.find_shared_with(stack, others, accounts))
        unevaluated = sorted(
            other for other in known - evaluated.keys() if may_be_on_one_account(other, name, accounts)
        )
        # What another stack declares says more than that the own stack does not declare it.
        findings = dict(foreign_objects.find_foreign_objects(stack, unevaluated)) | shared
        findings |= provider_changes.find_foreign_places(stack, accounts)
        for urn, finding in findings.items():
            yield _apply_waiver(finding, waivers, stack, urn)


def _lines(finding: Finding) -> list[str]:
    """Return the lines of a finding that may name a waiver; the head's pack may write any line."""
    return [] if finding.from_head else [finding.waiver, *finding.message.splitlines()]


def _unneeded_waivers(waivers: Waivers, lines: set[str], stacks: Iterable[str]) -> list[str]:
    """Return a note for each waiver that no line of the findings names."""
    notes: set[str] = set()
    for waiver in waivers.waivers:
        if not {waiver.notice(waivers.today), waiver.lapsed()} & lines:
            for stack in stacks:
                notes.update(waiver.unneeded(f"urn:pulumi:{stack}::", set()))
    return [f"{WAIVERS}: {note}" for note in sorted(notes)]


def _exit_code(stacks: Iterable[Stack], *, blocks: bool) -> int:
    if any(stack.trouble for stack in stacks):
        return 2
    return 1 if blocks else 0


def _finding_urgency(finding: Finding) -> tuple[Any, ...]:
    """Return a sort key that puts blocking findings first, then sorts by level and severity.

    Those of the pull request's own policies come last.
    """
    severity = SEVERITIES.index(finding.severity)
    level = finding.level != "mandatory"
    identity = finding.name, finding.type, finding.key
    urgency = finding.from_head, not finding.blocks, level, severity
    return *urgency, finding.policy, *identity, finding.stacks


def _change_urgency(change: Change, blocked: set[str]) -> tuple[Any, ...]:
    """Return a sort key that puts resources with a blocking finding first, then deletions."""
    harmless = not change.key or change.key not in blocked
    operation = model.OPERATIONS.index(change.op)
    return harmless, operation, change.component, change.type, change.name, change.key, change.stacks


def _change(step: Step, stack: Stack) -> Change:
    resource = step.resource
    sources = [stack.resources[urn] for urn in resource.dependencies if urn in stack.resources]
    return Change(
        stacks=[stack.name],
        **step.entry,
        op=step.op,
        deleted_first=step.op == "replace" and step.deleted_first,
        component=stack.component_of(resource.urn),
        upstream=sorted({model.title(source) for source in sources}),
        properties=_properties(step, stack),
    )


def _properties(step: Step, stack: Stack) -> list[Property]:
    of_component = outputs.find_properties(step, stack)
    if step.op == "delete":
        return deleted_properties(step) + of_component
    properties = new_properties if step.op == "create" else changed_properties
    return properties(step, stack) + of_component


def _errors(stack: Stack) -> Iterator[Finding]:
    """Yield the errors of the head and of the base, which both block.

    Nobody can judge a change whose extent is unknown, so an owner has to approve the head of a base that does
    not evaluate, even if it mends the base.
    """
    details: dict[str, Any] = {
        "stacks": [stack.name],
        "policy": guard_findings.FAILED,
        "level": "mandatory",
        "blocks": True,
    }
    head_errors = stack.head.errors if stack.head else []
    for text in [*head_errors, stack.trouble] if stack.trouble else head_errors:
        yield Finding(name="the program", message=text, **details)
    if stack.guard_error:
        yield Finding(name="the policies", message=stack.guard_error, **details)
    for text in stack.base.errors if stack.base else ():
        message = f"The changes are unknown, because the base does not evaluate: {text}"
        yield Finding(name="the base's program", message=message, status=model.EXISTING, **details)


def _unknown_objects(stack: Stack, neighbours: Iterable[Stack], accounts: Accounts) -> Iterator[Finding]:
    """Yield a finding for each neighbour whose objects are unknown, if the head creates some on its account.

    Each of them may be an object of the neighbour.
    """
    steps = stack.steps.values()
    for neighbour in neighbours:
        reason = _missing(neighbour)
        if reason and shared_objects.creates_object_of(neighbour.name, stack.name, steps, accounts):
            yield Finding(
                stacks=[stack.name],
                policy=guard_findings.FAILED,
                name=neighbour.name,
                message=f"{neighbour.name} may have the new objects, but its base is unknown: {reason}",
                level="mandatory",
                status=model.EXISTING,
                blocks=True,
            )


def _missing(neighbour: Stack) -> str:
    """Return why the objects of a neighbour are unknown; empty if they are known."""
    if neighbour.trouble or not neighbour.head:
        return neighbour.trouble or "the review did not evaluate it"
    return "\n".join(neighbour.head.errors)


def _apply_waiver(finding: Finding, files: WaiverFiles, stack: Stack, urn: str = "") -> Finding:
    """Return the finding, changed if it blocks and a waiver covers the resource with this URN in the stack.

    Without such a resource, the waiver covers the finding's name. One that begins like a URN has no waiver: a
    program gives names to outputs and resources, and one of them could take over the waiver of a resource.
    For the same reason, names of other things than resources begin with their kind, such as `output url`.

    A valid waiver makes the finding waived. An expired waiver is added to the finding's message, and so are
    the names in the base that a waiver does not cover, if an alias has given the resource another name.
    """
    target = urn if stack.steps.get(urn) or stack.step_of(urn) else finding.name
    if target != urn and target.startswith(URN_PREFIX):
        return finding
    waivers = files.applied
    waiver = waivers.of(finding.policy, target) if finding.blocks else None
    if waiver is None:
        return finding
    if waiver.expired(waivers.today):
        return replace(finding, message=f"{finding.message}\n{waiver.lapsed()}")
    if uncovered := files.uncovered(finding.policy, target, stack.former_targets(target)):
        line = one_line(NOT_COVERED.format(list_all(uncovered)))
        return replace(finding, message=f"{finding.message}\n{line}")
    return replace(finding, waiver=waiver.notice(waivers.today), verdict=model.WAIVED, blocks=False)


def _counts(stack: Stack, changes: Sequence[Change], findings: Iterable[Finding]) -> dict[str, int]:
    """Return the counts for a stack's row, without the counts that are unknown."""
    if stack.trouble or (stack.head and stack.head.errors):
        return {}
    operations = [change.op for change in changes]
    verdicts = [
        finding.verdict
        for finding in findings
        if not (finding.from_head or finding.policy in model.SECTIONS or finding.status == model.FIXED)
    ]
    counts = {
        "violations": verdicts.count(model.VIOLATION),
        model.WAIVED: verdicts.count(model.WAIVED),
        model.UNKNOWN: verdicts.count(model.UNKNOWN),
    }
    if stack.base_failed:
        return counts
    return {op: operations.count(op) for op in reversed(model.OPERATIONS)} | counts
