"""Values that the program hides from a preview whose providers predict every value.

A resource that the program only reads (`get`) has the values that the program names, since nothing exists in
a review. On an account, the values of the real resource take their place.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from review.findings.invented_values import describe_invented, trigger_of
from review.findings.risks import data_behind, find_replaced_data
from review.model import OPERATIONS, SETS, UNKNOWN, Finding, SourceLocation, list_all, title
from review.plain_data import NULL, as_text, is_equal, is_list, path_of
from review.programs.file_states import find_texts
from review.stacks.engine_run import Step
from review.stacks.plugin_files import find_plugin_files
from review.stacks.resources import KUBERNETES_SECRET, PROVIDERS, REPLACED_BY, SECRET_FORMS, TRIGGER, Resource
from review.stacks.secret_values import output_path
from review.stacks.setting_changes import SECRET
from review.stacks.stack import Stack, top_name
from review.stacks.value_parts import leaves
from review.values.ignored_changes import ALL, IGNORED, ignored_paths, join_parts, option_paths, select
from sandbox.stateful import data_loss
from sandbox.summary import LATER, MASK
from sandbox.wire import schema
from sandbox.wire.values import part_at
from sandbox.workspace.stack_files import secret_settings

RULE = "value-unknown"
"""Name of the findings of this module."""

BUILT_IN = ("pulumi:index:Stash", "pulumi:pulumi:StackReference", f"{PROVIDERS}pulumi")
"""Types of the engine's built-in provider, which the project does not use (pulumi/pulumi,
pkg/resource/deploy/builtins.go). The output of a stash or of a declared reference stays what it was at the
creation, and look-ups read the outputs of stacks. The base of a review is created anew, so a value of the
real state may be another one.
"""

READ_THE_CODE = "Only the code shows from what the program derives these values."
"""Advice on the content of a Kubernetes Secret, and on a value that is unknown in the base, too."""

SHOW_THE_TEXT = "Take the value from a secret setting, or do not mark it as secret"
"""Remedy for a literal that is secret."""

MAKE_KNOWN = "Make the value known in previews"

DECLARE_OUTSIDE = (
    "Pass whole outputs on: do not compute with one, decide by one, or declare anything in an `apply`"
)
"""Remedy for what a program declares otherwise if outputs have other values."""

PASS_SECRETS_ON = (
    "Pass secrets on as they are, or put what is computed from one into the content of a Kubernetes Secret. "
    "If a secret setting changes, change it in a pull request of its own"
)
"""Remedy for what a program declares otherwise if secret settings have other values."""

PLUGIN_FILES = "files that only the plugin reads, so no review shows their changes"
SECRET_FILES = "files that are secret, so no report shows their changes"
FOLDERS = "archives of folders, which in a deployment also have the files that git ignores or does not track"
"""Descriptions of files that the program hides."""

IMPORT = "importID"
"""Option with the ID of an existing object of which a resource takes charge (`import_`)."""

NULLS = "null, perhaps from an output that a deployment knows"
"""Description of nulls in inputs that come from resources."""

UNSEEN_REPLACEMENT = "options with which another change may replace the resource, and no report shows it"
"""Description of options that replace a resource when something changes that a review cannot predict."""

UNASKED = (
    "unknown settings, with which the engine does not ask this provider: its look-ups, and whether its "
    "resources are replaced, are not in the report"
)
"""Description of unknown settings of a provider (pulumi/pulumi, pkg/resource/plugin/provider_plugin.go:
Configure, and each method that returns if `!pcfg.known`).
"""

KUBERNETES = "kubernetes"
"""Package whose provider deletes an object before it creates one of the same name (pulumi-kubernetes,
provider/pkg/provider/provider.go: Diff), so an unseen replacement takes over no object.
"""

REMEDIES = {
    PLUGIN_FILES: "Write the content into the program, or take a chart from an https:// repository",
    SECRET_FILES: "Do not mark the file as secret",
    NULLS: "Write the value, or leave the key out",
    FOLDERS: "Name each file, in an `AssetArchive` of `FileAsset`s",
    UNSEEN_REPLACEMENT: f"Leave out {TRIGGER}, and name only inputs of the program in {REPLACED_BY}",
    f"option {IGNORED} hides": "Change the value before, in a pull request of its own",
    f"option {IMPORT}": "Leave the option out: the command `pulumi import` takes charge of an object",
}
"""Remedies for other values than unknown ones, by description."""

ALWAYS_SECRET = {
    (
        "aws:ssm/parameter:Parameter",
        "value",
    ): "Take the value from a secret setting, or use `insecure_value`, "
    "since pulumi-aws marks every `value` as secret",
    **{
        (f"{PROVIDERS}{package}", name): "Take the value from a secret setting"
        for package, names in {
            "aws": ("accessKey", "secretKey", "token"),
            "cloudflare": ("apiKey", "apiToken", "apiUserServiceKey"),
            "datadog": (
                *("apiKey", "appKey", "bearerToken"),
                *("awsAccessKeyId", "awsSecretAccessKey", "awsSessionToken"),
            ),
        }.items()
        for name in names
    },
}
"""Remedies for inputs that a provider's SDK marks as secret, by type and name
(pulumi-aws, pulumi_aws/ssm/parameter.py and provider.py: _internal_init; provider.py of the other SDKs).
"""

AUTOSCALED = "spec.replicas"
"""Path of the number of pods, which an autoscaler of Kubernetes sets, so a program may begin to ignore it."""


def find_unknown(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource of the head with such a value, and a finding.

    Neither the policies nor a reader can judge such a value, so it blocks. A value that is unknown in the
    base, too, blocks only if a policy has to judge it, or if it is a setting of a provider.
    """
    if not stack.predicted or not stack.head:
        return
    undecided: dict[str, list[str]] = {}
    for row in stack.head.phase.violations:
        if row["level"] == UNKNOWN:
            undecided.setdefault(row["urn"], []).append(row["message"])
    for step in stack.steps.values():
        if not step.new:
            continue
        overwritten = step.resource.urn in stack.head.overwritten
        paths = _unknown_paths(step.new)
        new = [path for path in paths if not stack.is_unknown_in_base(step, path)]
        values = new or undecided.get(step.new.urn, [])
        files = find_plugin_files(step.new, stack.head.tree)
        hidden = _hidden(step, stack, values, files, overwritten=overwritten) or describe_invented(
            step, stack
        )
        if hidden or paths:
            message = hidden or f"unknown, as in the base: {list_all(paths)}"
            remedy = next(
                (remedy for text, remedy in REMEDIES.items() if message.startswith(text)), MAKE_KNOWN
            )
            finding = stack.blocking_finding(RULE, step.new, message, remedy)
            if not hidden:
                finding = replace(finding, level="advisory", blocks=False, remediation=READ_THE_CODE)
            yield step.new.urn, finding


def find_hidden_literals(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource with new values that the program itself marks as secret, and a finding.

    It blocks, except for the content of a Kubernetes Secret: what a program derives from a password, such as
    its hash, looks like any other text, and a Secret is the place for it.
    """
    for step in stack.steps.values():
        before, after = (side.literals if side else {} for side in (step.old, step.new))
        hidden = [path for path, value in after.items() if _is_new_literal(value, path, before)]
        if step.new and hidden:
            message = f"secret, but neither from a secret setting nor computed: {list_all(hidden)}"
            remedies = {ALWAYS_SECRET.get((step.new.type, top_name(path)), SHOW_THE_TEXT) for path in hidden}
            remedy = remedies.pop() if len(remedies) == 1 else SHOW_THE_TEXT
            finding = stack.blocking_finding(RULE, step.new, message, remedy)
            if step.new.type == KUBERNETES_SECRET and {top_name(path) for path in hidden} <= {*SECRET_FORMS}:
                finding = replace(finding, level="advisory", blocks=False, remediation=READ_THE_CODE)
            yield step.new.urn, finding


def find_unknown_settings(stack: Stack, base: Path) -> Iterator[Finding]:
    """Yield a finding for each new secret setting that the schema of the base's tree lacks.

    A review has random values in place of secrets, so neither a policy nor a reader can judge what follows
    from this one. A setting of the schema is for a known purpose.
    """
    declared = secret_settings(base)
    for key, (_, line) in stack.file.head.items():
        name = key.removesuffix(SECRET)
        if key.endswith(SECRET) and key not in stack.file.base and name not in declared:
            message = "a new secret setting, which the schema of the base does not have"
            remedy = "First add the setting to the schema"
            finding = stack.blocking_finding(RULE, f"setting {name}", message, remedy)
            yield replace(finding, locations=[SourceLocation(stack.file.name, line, SETS, name)])


def find_copied_secrets(stack: Stack) -> Iterator[Finding]:
    """Yield a finding for each setting that gets the encrypted text of another one.

    Pulumi does not encrypt the name of a setting, so whoever reads the file can give it the value of another
    one. Both sides have a random value, so it looks like a new secret, wherever the program sends it.
    """
    settings = stack.file.base, stack.file.head
    texts = [
        {key: _cipher(value) for key, (value, _) in side.items() if key.endswith(SECRET)} for side in settings
    ]
    before, after = texts
    for key, text in after.items():
        others = sorted({other for side in texts for other in side if other != key and side[other] == text})
        if others and before.get(key) != text:
            name = key.removesuffix(SECRET)
            message = (
                f"it has the encrypted text of {list_all(other.removesuffix(SECRET) for other in others)}"
            )
            remedy = "Encrypt a value of its own with `pulumi config set --secret`"
            finding = stack.blocking_finding(RULE, f"setting {name}", f"{name}: {message}", remedy)
            location = SourceLocation(stack.file.name, stack.file.head[key][1], SETS, name)
            yield replace(finding, locations=[location])


def _cipher(text: str) -> tuple[str, ...]:
    """Return the parts of an encrypted text, `v1:NONCE:CONTENT`, without differences that Pulumi ignores.

    Its decoder ignores line breaks, and the last bits of a text in base64 (pulumi/pulumi,
    sdk/go/common/resource/config/crypt.go: DecryptValue; Go, encoding/base64: StdEncoding is not strict).
    """
    parts: list[str] = []
    for part in text.replace("\n", "").replace("\r", "").split(":"):
        with suppress(ValueError):
            parts.append(base64.b64decode(part, validate=True).hex())
            continue
        parts.append(part)
    return tuple(parts)


def find_unneeded_secrets(stack: Stack) -> Iterator[Finding]:
    """Yield a finding for each invented secret setting that the head may not need.

    A deployment has no value for it, and the program can decide by that what it declares, so it blocks. If
    the base or the head does not evaluate, the report says so, and has nothing to hide.
    """
    is_evaluated = stack.head and not stack.head.errors and not stack.base_failed
    if not stack.without_invented or not is_evaluated:
        return
    for name in stack.invented:
        message = (
            f"{stack.file.name} lacks this secret setting, and what a deployment then does is hidden, since "
            f"the review invents a value: {stack.without_invented}"
        )
        remedy = (
            "Set the secret in the stack file, or let the program fail without it before it declares anything"
        )
        yield stack.blocking_finding(RULE, f"setting {name}", message, remedy)


def find_undecided(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield a finding for each thing that the head declares otherwise with other values, and its URN.

    Further runs of the program show them (sandbox/engine/replay). No policy has judged what a deployment
    would declare in its place, so it blocks. The URN is empty for a call. That of a new resource is only what
    the program says. The hash of a secret that the base has at the same place is left out, and that of a new
    stack with the program of the base. What a file of the base has is no hash of a random value, but an ID or
    a number that looks alike, such as that of an account.
    """
    if not stack.head:
        return
    computed = sorted(stack.head.computed, key=str)
    texts = {text for *_, hashes in computed for text in hashes}
    literals = find_texts(stack.base.tree, texts) if stack.base and texts else set[str]()
    rows = [(*row, DECLARE_OUTSIDE) for row in sorted(stack.head.undecided)]
    for urn, name, message, keys, hashes in computed:
        is_same = _is_same_input(stack.steps.get(urn), keys) and literals.isdisjoint(hashes)
        if not keys or not (stack.has_base_program or is_same):
            rows.append((urn, name, message, PASS_SECRETS_ON))
    for urn, name, message, remedy in rows:
        step = stack.steps.get(urn)
        kind = "resource" if urn else "call"
        subject = step.new if step and step.new else f"{kind} {name}" if name else stack.name
        yield urn, stack.blocking_finding(RULE, subject, message, remedy)


def _is_same_input(step: Step | None, keys: Sequence[str | int]) -> bool:
    """Return True if base and head have the same input where these keys lead."""
    if not step or not step.old or not step.new:
        return False
    before, after = (part_at(side.values, keys) for side in (step.old, step.new))
    return before not in (None, MASK) and is_equal(before, after)


def find_hidden_outputs(stack: Stack) -> Iterator[Finding]:
    """Yield a finding for each output of the stack that is secret or unknown, which blocks.

    Scripts use the outputs, and no review knows a secret one. An unknown one blocks also if the base has it:
    the engine does not say from which resources an output comes, so the program may make another value of it.
    """
    if not stack.predicted:
        return
    for name, content in sorted(stack.outputs[1].items()):
        texts = [str(value) for _, value in leaves(name, content)]
        if any(MASK in text for text in texts) or stack.has_secret(as_text({name: content}) or ""):
            message = "an output that is secret, so that no review shows whether it changes"
            remedy = "Export the value without a secret"
        elif any(LATER in text for text in texts):
            message = "an output that is unknown, so that no review shows what a deployment makes of it"
            remedy = f"{MAKE_KNOWN}, or do not export it"
        else:
            continue
        yield stack.blocking_finding(RULE, f"output {name}", message, remedy)


def find_component_outputs(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each component with outputs that no review can judge, and a finding, which blocks.

    They are unknown, as those of the stack, or newly have a real secret that the program does not mark. In a
    real preview, some outputs are known after `up` only, and no secret is known.
    """
    if not stack.predicted:
        return
    for urn, step in stack.steps.items():
        before, after = (side.outputs if side else {} for side in (step.old, step.new))
        unknown, plain = list[str](), list[str]()
        for name, content in after.items():
            text, path = as_text({name: content}) or "", output_path(path_of("", name))
            if LATER in text:
                unknown.append(path)
            former = as_text({name: before[name]} if name in before else {}) or ""
            if stack.has_secret(text) and not stack.has_secret(former):
                plain.append(path)
        if unknown:
            message = f"unknown, so that no review shows what a deployment makes of it: {list_all(unknown)}"
            remedy = f"{MAKE_KNOWN}, or do not register it"
            yield urn, stack.blocking_finding(RULE, step.resource, message, remedy)
        if plain:
            message = f"a secret in plain text, which a deployment writes to its state: {list_all(plain)}"
            remedy = "Mark the value as secret, or do not register it"
            yield urn, stack.blocking_finding(RULE, step.resource, message, remedy)


def _hidden(step: Step, stack: Stack, unknown: list[str], files: list[str], *, overwritten: bool) -> str:
    """Describe the values that the program hides; empty if it hides none."""
    resource = step.resource
    if settings := _unknown_settings(resource):
        return f"{UNASKED}: {list_all(settings)}"
    if unknown:
        return (
            "unknown, though the review's providers know all but undescribed booleans and maps: "
            f"{list_all(unknown)}"
        )
    if nulls := _new_nulls(step):
        return f"{NULLS}: {list_all(nulls)}"
    if resource.assets.foreign:
        return f"files that are not in the tree under review: {list_all(resource.assets.foreign)}"
    if resource.assets.secret:
        return f"{SECRET_FILES}: {list_all(resource.assets.secret)}"
    if folders := _new_folders(step):
        return f"{FOLDERS}: {list_all(folders)}"
    if files:
        return f"{PLUGIN_FILES}: {list_all(files)}"
    if step.new and _is_new_read(step, stack):
        return f"reads {resource.state.get('id')} (get): the review has only values that the program names"
    if step.old and step.old.type != resource.type:
        return f"its type was {step.old.type}: how a provider compares a state of this type is unknown"
    if resource.type in BUILT_IN:
        return "its values come from the real state of this or another stack, which a review does not have"
    if _newly_imports(step):
        return (
            f"option {IMPORT}: the ID of the real resource, which a review does not have, decides whether "
            "Pulumi deletes its object and takes charge of another one"
        )
    if restored := _no_longer_ignored(step):
        return f"option {IGNORED} ends for {list_all(restored)}, whose values in the real state may differ"
    if begun := _newly_ignored(step):
        return (
            f"option {IGNORED} begins for {list_all(begun)}: the policies no longer judge what the "
            "program declares there, and a later replacement has it"
        )
    if renewed := _unjudged(step):
        return (
            f"option {IGNORED} hides {list_all(renewed)} from the policies, which judge the value of the "
            "state; the replacement has another one"
        )
    if unseen := _unseen_replacements(step, stack):
        data = sorted(title(stack.resources[urn]) for urn in data_behind(step.resource, stack))
        return f"{UNSEEN_REPLACEMENT}: {list_all(unseen)}{f'; also {list_all(data)}' if data else ''}"
    if overwritten:
        return "the program replaces its outputs, so a state would not have the values of the real resource"
    return ""


def _new_nulls(step: Step) -> list[str]:
    """Return the paths at which the head, but not the base, has a null in an input that comes from resources.

    The SDK sends a null alike for a literal and for an output that has no value (pulumi,
    runtime/rpc.py: serialize_property); it leaves out an input that is null as a whole. On an account, the
    output may have one, such as what a controller of Kubernetes writes. Only outputs of an object of
    Kubernetes and of a type without a class can be missing in a review: the others are unknown.
    """
    if not step.new:
        return []
    before = {*_nulls(step.old)} if step.old else set[str]()
    return [path for path in _nulls(step.new) if path not in before]


def _nulls(resource: Resource) -> Iterator[str]:
    """Yield the path of each null in an input that comes from resources."""
    for name, content in resource.declared.items():
        if any(map(_may_lack_outputs, resource.property_dependencies.get(name, ()))):
            yield from (path for path, value in leaves(name, content) if value is NULL)


def _may_lack_outputs(urn: str) -> bool:
    token = urn.split("::", 3)[2].rpartition("$")[2]
    with suppress(schema.UnknownTypeError, ValueError):
        return token.startswith(f"{KUBERNETES}:") or not schema.resource_class(token)
    return True


def _new_folders(step: Step) -> list[str]:
    """Return the folders that the head archives and the base does not."""
    before = step.old.assets.folders if step.old else []
    return [folder for folder in step.resource.assets.folders if folder not in before]


def _newly_imports(step: Step) -> bool:
    """Return True if the head, but not the base, imports this object for a resource.

    The engine keeps an existing resource only if its state has the same ID. Else it reads the object, and
    deletes the one in the state, which may be the same (pulumi/pulumi, pkg/resource/deploy/step_generator.go:
    isImport; step.go: ImportStep.Apply). So the option may have no effect with the ID of a review, and delete
    an object on an account.
    """
    before = step.old.options.get(IMPORT) if step.old else None
    return bool(step.new) and step.resource.options.get(IMPORT) not in (None, before)


def _no_longer_ignored(step: Step) -> list[str]:
    """Return the paths at which the head changes values of the state again that the base ignores."""
    before, after = (_ignored(side) if side else set[str]() for side in (step.old, step.new))
    return sorted(before - after) if step.new else []


def _newly_ignored(step: Step) -> list[str]:
    """Return the paths at which the head, but not the base, keeps the values of the state."""
    if not step.old or not step.new:
        return []
    return sorted(_ignored(step.new) - _ignored(step.old) - {AUTOSCALED})


def _unjudged(step: Step) -> list[str]:
    """Return the inputs of a replacement that differ from the base at a path of ignored changes.

    The engine asks the policies about the value of the state, and then creates the replacement with the
    program's, also in a deployment (pulumi/pulumi, pkg/resource/deploy/step_generator.go:
    continueStepsFromImport and continueStepsFromDiff).
    """
    old, new = step.old, step.new
    if step.op != "replace" or not old or not new:
        return []
    differing = (
        parts
        for parts in ignored_paths(new.options)
        if not is_equal(select(old.values, parts), select(new.values, parts))
    )
    return sorted({*map(join_parts, differing)})


def _unseen_replacements(step: Step, stack: Stack) -> list[str]:
    """Return the options with which a deployment may replace the resource, although the review does not.

    New options count, and all options if further data could be replaced with the resource. The others count
    if something changes, and the resource has data or could replace data. Components and objects of
    Kubernetes without data count only if they could replace data of others.
    """
    if not step.new:
        return []
    new = _replacing_options(step.new)
    old = _replacing_options(step.old) if step.old else set[str]()
    if new:
        data = data_behind(step.new, stack)
        if step.old and not data <= data_behind(step.old, stack, in_base=True):
            old = set[str]()
        if (step.new.is_component or step.new.package == KUBERNETES) and not (data or _has_data(step.new)):
            new = set[str]()
    provider = stack.steps.get(step.new.provider)
    changes = step.op == "update" or (step.op == "same" and provider and provider.op in OPERATIONS)
    risks = _replacing_outputs(step.new) if changes else set[str]()
    if risks and not _has_data(step.new) and not find_replaced_data(step, stack):
        risks = set[str]()
    return sorted((new - old) | risks)


def _replacing_options(resource: Resource) -> set[str]:
    """Return the options of a resource that may depend on values of an account.

    The SDK does not say from which resources a trigger comes, so every trigger counts (pulumi,
    runtime/resource.py: `replacement_trigger` is serialized without dependencies).
    """
    dependent = resource.property_dependencies
    inputs = {parts[0] for parts in option_paths(resource.options, REPLACED_BY) if parts}
    options = {f"{REPLACED_BY} of {name}" for name in inputs if dependent.get(name)}
    trigger = {TRIGGER} if TRIGGER in resource.options else set[str]()
    return options | trigger | _replacing_outputs(resource)


def _replacing_outputs(resource: Resource) -> set[str]:
    """Return the paths of replaceOnChanges that are no inputs of the program.

    A provider also answers with changed outputs, such as `tagsAll` of AWS after a change of `tags`, and the
    engine takes them as well (pulumi/pulumi, pkg/resource/deploy/step_generator.go: applyReplaceOnChanges).
    """
    paths = option_paths(resource.options, REPLACED_BY)
    outputs = (parts for parts in paths if not parts or parts[0] == ALL or not select(resource.values, parts))
    return {f"{REPLACED_BY} of {join_parts(parts) or ALL}" for parts in outputs}


def _has_data(resource: Resource) -> bool:
    return bool(data_loss(resource.type, resource.values))


def _ignored(resource: Resource) -> set[str]:
    paths = resource.options.get(IGNORED)
    return {as_text(path) or "" for path in paths} if is_list(paths) else set()


def _values(resource: Resource) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each scalar in the inputs of a resource, and in its trigger."""
    for name, content in chain(resource.inputs.items(), trigger_of(resource).items()):
        yield from leaves(name, content)


def _is_new_literal(value: Any, path: str, before: Mapping[str, Any]) -> bool:
    """Return True if the base has another literal, or none. One that no provider has recorded is masked."""
    return value == MASK or path not in before or not is_equal(before[path], value)


def _is_new_read(step: Step, stack: Stack) -> bool:
    """Return True if the head reads a resource that the base does not read, or reads it in another way.

    Other values or another provider may lead to another resource.
    """
    old, new = step.old, step.resource
    # The operation is another one if the base manages the resource (`read-replacement` for another ID).
    if not new.state.get("external"):
        return False
    same = old and is_equal([old.state.get("id"), old.values], [new.state.get("id"), new.values])
    return not same or stack.has_other_provider(step)


def _unknown_settings(resource: Resource) -> list[str]:
    """Return the paths of a provider's settings that are unknown."""
    is_provider = resource.type.startswith(PROVIDERS)
    return [path for path in _unknown_paths(resource) if is_provider and top_name(path) in resource.inputs]


def _unknown_paths(resource: Resource) -> list[str]:
    return [path for path, value in _values(resource) if LATER in str(value)]
