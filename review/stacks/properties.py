"""Changed properties of a resource, with the reason for folding a property whose change is noise."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from review.model import Property, list_first, title
from review.plain_data import PATH_STEP, as_text, as_texts, is_equal, is_list, path_of, value_at
from review.stacks.engine_run import Step
from review.stacks.plugin_files import SOURCES
from review.stacks.resources import INTERNAL, KUBERNETES_SECRET, PROVIDER, PROVIDERS
from review.stacks.stack import Stack
from review.stacks.value_parts import Part, leaves, split
from sandbox.summary import LATER, MASK

UNORDERED = frozenset(
    {"publicAccessCidrs", "enabledClusterLogTypes", "enabledCloudwatchLogsExports", "nodePools"}
    | {"cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "securityGroups", "securityGroupIds"}
    | {"vpcSecurityGroupIds", "securityGroupSelectorTerms", "subnetSelectorTerms", "subnetIds", "subnets"}
    | {"routeTableIds", "availabilityZones"}
    | {"Action", "NotAction", "Resource", "NotResource", "AWS", "Service", "Federated"}
)
"""Names of lists that are sets: inputs that the AWS provider declares as sets, selectors of EKS node
classes, and elements of policies (the grammar of the IAM policy language). The order of other lists can have
a meaning.
"""

CHECKSUM_PATH = re.compile(r'.*[.]annotations\["checksum/[^"\]]+"\]')
CHECKSUM_VALUE = re.compile(r"[0-9a-f]{8,64}")
"""Patterns of the path and the value of a checksum: an annotation that has no effect, and only changes
because something else changes. A checksum elsewhere can name an image, an archive or code.
"""

FORMS = "data and stringData are two forms of one content"
"""Reason for folding a Secret's content that moves from one of its two forms to the other."""

CHECKSUMS = "checksums"
"""Reason for folding a checksum, which differs between the stacks."""

ORDER_ONLY = "order only"
"""Reason for folding a list in which only an insignificant order changes."""

TYPE = "type"
"""Path of the type, which changes if a resource has an alias with its former type."""

OPTION = "option"
"""First word of the path of a resource option."""

UNKNOWN_IN_BASE = "unknown in the base, too"
"""Reason for folding a value that is unknown in a preview of the base as well."""

KNOWN_LATER = "known after up"
"""Reason for folding a value that another resource determines during `up`."""

DELETION_OPTIONS = ("protect", "retainOnDelete", "deletedWith")
"""Options that decide whether Pulumi deletes the object of a deleted resource."""

SECRET_FORMS = ("data", "stringData")
"""Inputs of a Secret that the provider converts: a state has `data` where the program has `stringData`."""


def new_properties(step: Step, stack: Stack) -> list[Property]:
    """Return all inputs and options of a created resource."""
    if step.new is None:
        return []
    properties: list[Property] = []
    component = stack.component_of(step.new.urn)
    inputs = {
        name: value
        for name, value in step.new.inputs.items()
        if not _is_note(name) and (value or name != INTERNAL)
    }
    options = {f"{OPTION} {name}": value for name, value in step.new.options.items()}
    provider_option = f"{OPTION} {PROVIDER}"
    for name, content in (inputs | options).items():
        for path, value in leaves(name, content):
            text = as_text(value)
            setting = stack.file.find_setting(path, None, text, component)
            is_setting = name in inputs and step.new.type.startswith(PROVIDERS)
            is_source = name in SOURCES.get(step.new.type, ())
            is_elsewhere = name == provider_option and stack.is_elsewhere(step.new)
            properties.append(
                Property(
                    path,
                    None,
                    text,
                    forces=False,
                    folded="",
                    setting=setting,
                    always_shown=is_setting or is_source or is_elsewhere,
                )
            )
    return properties


def deleted_properties(step: Step) -> list[Property]:
    """Return the options of a deleted resource that decide whether Pulumi deletes its object."""
    options = step.old.options if step.old else {}
    return [
        Property(f"{OPTION} {name}", as_text(options[name]), None, forces=False, folded="", setting=None)
        for name in DELETION_OPTIONS
        if name in options
    ]


def changed_properties(step: Step, stack: Stack) -> list[Property]:
    """Return the changed properties and options of an update or replacement."""
    if step.old is None or step.new is None:
        return []
    properties: dict[str, Property] = {}
    if step.old.type != step.new.type:
        properties[TYPE] = Property(TYPE, step.old.type, step.new.type, forces=False, folded="", setting=None)
    for name in _changed_options(step):
        before, after = step.old.options.get(name), step.new.options.get(name)
        part = f"{OPTION} {name}", before, after
        folded = _folding_reason(part, step, stack, name, forces=name in step.forced_by)
        texts = as_texts(before, after)
        setting = stack.file.find_setting(name, *texts, stack.component_of(step.resource.urn))
        properties[part[0]] = Property(part[0], *texts, name in step.forced_by, folded, setting)
    for path in _changed_paths(step):
        forces = step.diff.get(path, "").endswith("replace") or path in step.forced_by
        before, after = value_at(step.old.inputs, path), value_at(step.new.inputs, path)
        for part in [*split(path, before, after)] or [(path, before, after)]:
            part_path, old_value, new_value = part
            folded = _folding_reason(part, step, stack, path, forces=forces)
            if folded == ORDER_ONLY:
                part_path = part_path.rpartition("[")[0]
            old, new = as_texts(old_value, new_value)
            setting = stack.file.find_setting(part_path, old, new, stack.component_of(step.resource.urn))
            sources = [] if folded or setting else _titles(stack.value_sources(step, path))
            properties[part_path] = Property(part_path, old, new, forces, folded, setting, sources)
    return [*properties.values()] or [*_secrets(step)]


def _secrets(step: Step) -> Iterator[Property]:
    """Yield the secrets among the inputs of an update in which nothing else differs: one of them changes."""
    for name, content in step.resource.inputs.items():
        for path, value in leaves(name, content):
            if value == MASK:
                yield Property(path, MASK, MASK, forces=False, folded="", setting=None)


def _changed_options(step: Step) -> list[str]:
    """Return the names of the options that differ or, like the provider, replace the resource."""
    old, new = (side.options if side else {} for side in (step.old, step.new))
    replacing = {PROVIDER} & set(step.forced_by) - set(step.resource.inputs)
    return sorted({name for name in old | new if not is_equal(old.get(name), new.get(name))} | replacing)


def _changed_paths(step: Step) -> list[str]:
    """Return the paths that the engine names, and those of all further inputs that differ.

    A provider that replaces a resource may name only the inputs that force the replacement, and the engine
    names none for a resource whose provider is replaced. A path of the engine with a backslash is ambiguous.
    """
    options = _changed_options(step)
    named = [path for path in (step.diff or step.forced_by) if path not in options and "\\" not in path]
    covered = {_path_steps(path) for path in named}
    old, new = (side.inputs if side else {} for side in (step.old, step.new))
    for name in old | new:
        if _is_note(name) or is_equal(old.get(name), new.get(name)):
            continue
        for path, _, _ in split(path_of("", name), old.get(name), new.get(name)):
            steps = _path_steps(path)
            prefixes = {steps[:length] for length in range(1, len(steps) + 1)}
            if prefixes.isdisjoint(covered) and not _contains(steps, covered):
                named.append(path.partition(" › ")[0])
                covered.add(steps)
    return named


def _is_note(name: str) -> bool:
    """Return True for a note of the provider among the inputs, such as its default values.

    The engine's own settings of a provider are no notes: the address of its plugin, and the names of its
    environment variables.
    """
    return name.startswith("__") and name != INTERNAL


def _path_steps(path: str) -> tuple[str, ...]:
    """Return the steps of a path, which are equal for all notations of the path."""
    return tuple(index or name or key for key, index, name in PATH_STEP.findall(path.partition(" › ")[0]))


def _contains(steps: tuple[str, ...], paths: set[tuple[str, ...]]) -> bool:
    """Return True if one of the paths leads into the value at `steps`."""
    return any(path[: len(steps)] == steps for path in paths)


def _folding_reason(part: Part, step: Step, stack: Stack, property_path: str, *, forces: bool) -> str:
    """Return the reason why a part of the property is noise, or an empty string if it is not."""
    path, old, new = part
    if source := _source(part, step, stack, property_path):
        return f"forces the replacement, {source}" if forces else source
    if not forces and new == LATER and stack.is_unknown_in_base(step, property_path):
        return UNKNOWN_IN_BASE
    if not forces and new == LATER and old is not None and _may_be_unknown(step, stack, property_path):
        return KNOWN_LATER
    if path in SECRET_FORMS and not stack.predicted and _is_other_form(step):
        return FORMS
    if not forces and _are_checksums(path, str(old), str(new)):
        return CHECKSUMS
    return ORDER_ONLY if _is_reordered(path, step) else ""


def _is_other_form(step: Step) -> bool:
    """Return True for a Secret whose content is in one form in the base, and in the other in the head."""
    if step.resource.type != KUBERNETES_SECRET:
        return False
    before, after = ({*SECRET_FORMS} & side.inputs.keys() for side in (step.old, step.new) if side)
    return len(before) == len(after) == 1 and before != after


def _are_checksums(path: str, old: str, new: str) -> bool:
    """Return True for two checksums of one kind: hexadecimal numbers with the same number of digits."""
    are_numbers = CHECKSUM_VALUE.fullmatch(old) and CHECKSUM_VALUE.fullmatch(new) and len(old) == len(new)
    return bool(are_numbers and CHECKSUM_PATH.fullmatch(path))


def _source(part: Part, step: Step, stack: Stack, property_path: str) -> str:
    """Return a reason that names the replaced sources of a part's value, or an empty string.

    A part follows from its sources if it depended on them in the base, and changes just as their values do.
    """
    _, old, new = part
    if old is None or new is None or MASK in str(old):  # Nothing shows how a real secret changes.
        return ""
    candidates = stack.value_sources(step, property_path)
    others = stack.new_sources(step, property_path)
    sources = [source for source in candidates if source.op != "update" and source.resource not in others]
    if _is_later(new):
        follows = _may_be_unknown(step, stack, property_path)
    else:
        before, after = as_text(old) or "", as_text(new)
        # Equal texts of different values, such as a string and a boolean, follow from nothing.
        substituted = _substitute(before, sources, stack)
        follows = after == substituted and (before != after or is_equal(old, new))
    return f"follows from {list_first(_titles(sources), 3)}" if sources and follows else ""


def _is_later(value: Any) -> bool:
    """Return True for an unknown value, or a list of them; the rest of another value may be the program's."""
    items: list[Any] = value if is_list(value) else [value]
    return bool(items) and all(item == LATER for item in items)


def _titles(sources: Sequence[Step]) -> list[str]:
    return [title(source.resource) for source in sources]


def _may_be_unknown(step: Step, stack: Stack, path: str) -> bool:
    """Return True if an unknown value is to be expected: its property has no new source."""
    return not stack.predicted and not stack.has_new_dependency(step, path)


def _substitute(text: str, sources: Sequence[Step], stack: Stack) -> str:
    """Return a text in which the old values of the sources are replaced by their new values.

    Only whole words count, and only values that the review's providers invent: those that a replacement with
    the same inputs would change in the same way. Anything else can be chosen by the program. For example, it
    chooses the ID of a resource that consists of two names, and could rename the resource to change any
    property just as the ID.
    """
    renewed = stack.base.renewed if stack.base else {}
    values: dict[str, str] = {}
    for source in sources:
        if source.old and source.new:
            after, invented = dict(source.new.texts), renewed.get(source.old.urn, {})
            values |= {
                old: after[path]
                for path, old in source.old.texts
                if old in invented and invented[old] == after.get(path)
            }
    if not values:
        return text
    alternatives = "|".join(map(re.escape, sorted(values, key=len, reverse=True)))
    return re.sub(rf"(?<![\w-])(?:{alternatives})(?![\w-])", lambda match: values[match[0]], text)


def _is_reordered(path: str, step: Step) -> bool:
    """Return True for an item of a list in which only an insignificant order changes."""
    if step.old is None or step.new is None or not path.endswith("]"):
        return False
    list_path = path.rpartition("[")[0]
    before, after = value_at(step.old.inputs, list_path), value_at(step.new.inputs, list_path)
    if not is_list(before) or not is_list(after) or list_path.rpartition(".")[2] not in UNORDERED:
        return False
    sorted_before = sorted(json.dumps(item, sort_keys=True) for item in before)
    sorted_after = sorted(json.dumps(item, sort_keys=True) for item in after)
    return sorted_before == sorted_after and LATER not in str(after)
