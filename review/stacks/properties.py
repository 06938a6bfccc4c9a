"""Changed properties of a resource, with the reason for folding a property whose change is noise."""

import difflib
import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from review.model import Property, list_first, title
from review.plain_data import PATH_STEP, as_text, is_list, is_map, path_of, value_at
from review.stacks.engine_run import Step
from review.stacks.resources import PROVIDER
from review.stacks.stack import Stack
from sandbox.summary import LATER, MASK

ORDERED = frozenset(
    {"command", "commands", "args", "entryPoints", "containers", "initContainers", "rules", "env"}
    | {"searches", "nameservers"}
)
"""Names of lists whose order is significant."""

CHECKSUM_NAME = re.compile(r"(?<![A-Za-z])(checksum|hash|sha)(?![a-z])", re.IGNORECASE)
CHECKSUM_ANNOTATION = re.compile(r'.*[.]annotations\["checksum/[^"\]]+"\]')
CHECKSUM_VALUE = re.compile(r"[0-9a-f]{8,64}")
"""Patterns of the paths and the value of a checksum, which only changes because something else changes."""

SHORTEST_CHECKSUM = 32
"""Smallest number of digits of a checksum outside of annotations for checksums, which have no effect."""

SHORTEST_VALUE = 4
"""Smallest number of characters of an output that identifies a resource; shorter ones occur by chance."""

FORMS = "data and stringData are two forms of one content"
"""Reason for folding a Secret's content that moves from one of its two forms to the other."""

CHECKSUMS = "checksums"
"""Reason for folding a checksum, which differs between the stacks."""

ORDER_ONLY = "order only"
"""Reason for folding a list in which only an insignificant order changes."""

OPTION = "option"
"""First word of the path of a resource option."""

KNOWN_LATER = "known after up"
"""Reason for folding a value that another resource determines during `up`."""

SECRET, SECRET_FORMS = "kubernetes:core/v1:Secret", ("data", "stringData")
"""Type whose inputs the provider converts: a state has `data` where the program declares `stringData`."""

ALL_TAGS = "outputs.tagsAll"
"""Path of the output with the tags that the program gives a resource and, maybe as a secret, its provider."""

INTERNAL = "__internal"
"""Key of the engine's own settings in the inputs of a provider."""

Part = tuple[str, Any, Any]
"""Path with its old and new value."""


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
    for name, content in (inputs | options).items():
        for path, value in leaves(name, content):
            text = as_text(value)
            setting = stack.file.find_setting(path, None, text, component)
            properties.append(Property(path, None, text, forces=False, folded="", setting=setting))
    return properties


def leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each scalar, empty object or empty list in a value."""
    if is_map(value) and value:
        for key, member in value.items():
            yield from leaves(path_of(path, key), member)
    elif is_list(value) and value:
        for index, item in enumerate(value):
            yield from leaves(f"{path}[{index}]", item)
    else:
        yield path, value


def changed_properties(step: Step, stack: Stack) -> list[Property]:
    """Return the changed properties and options of an update or replacement."""
    if step.old is None or step.new is None:
        return []
    properties: dict[str, Property] = {}
    for name in _changed_options(step):
        before, after = step.old.options.get(name), step.new.options.get(name)
        part = f"{OPTION} {name}", before, after
        folded = _folding_reason(part, step, stack, name, forces=name in step.forced_by)
        texts = as_text(before), as_text(after)
        setting = stack.file.find_setting(name, *texts, stack.component_of(step.resource.urn))
        properties[part[0]] = Property(part[0], *texts, name in step.forced_by, folded, setting)
    for path in _changed_paths(step):
        forces = step.diff.get(path, "").endswith("replace") or path in step.forced_by
        before, after = value_at(step.old.inputs, path), value_at(step.new.inputs, path)
        for part in [*_parts(path, before, after)] or [(path, before, after)]:
            part_path, old_value, new_value = part
            folded = _folding_reason(part, step, stack, path, forces=forces)
            if folded == ORDER_ONLY:
                part_path = part_path.rpartition("[")[0]
            old, new = as_text(old_value), as_text(new_value)
            setting = stack.file.find_setting(part_path, old, new, stack.component_of(step.resource.urn))
            sources = [] if folded or setting else _titles(stack.value_sources(step, path))
            properties[part_path] = Property(part_path, old, new, forces, folded, setting, sources)
    return list(properties.values())


def _changed_options(step: Step) -> list[str]:
    """Return the names of the options that differ or, like the provider, replace the resource."""
    old, new = (side.options if side else {} for side in (step.old, step.new))
    replacing = {PROVIDER} & set(step.forced_by) - set(step.resource.inputs)
    return sorted({name for name in old | new if old.get(name) != new.get(name)} | replacing)


def _changed_paths(step: Step) -> list[str]:
    """Return the paths that the engine names, and those of all further inputs that differ.

    A provider that replaces a resource may name only the inputs that force the replacement, and the engine
    names none for a resource whose provider is replaced.
    """
    options = _changed_options(step)
    named = [path for path in (step.diff or step.forced_by) if path not in options]
    covered = {_path_steps(path) for path in named}
    old, new = (side.inputs if side else {} for side in (step.old, step.new))
    for name in old | new:
        if _is_note(name) or old.get(name) == new.get(name):
            continue
        for path, _, _ in _parts(name, old.get(name), new.get(name)):
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
    if not forces and new == LATER and old is not None and _may_be_unknown(step, stack, property_path):
        return KNOWN_LATER
    if path in SECRET_FORMS and not stack.predicted and _is_other_form(step):
        return FORMS
    if not forces and _are_checksums(path, str(old), str(new)):
        return CHECKSUMS
    return ORDER_ONLY if _is_reordered(path, step) else ""


def _is_other_form(step: Step) -> bool:
    """Return True for a Secret whose content is in one form in the base, and in the other in the head."""
    if step.resource.type != SECRET:
        return False
    before, after = ({*SECRET_FORMS} & side.inputs.keys() for side in (step.old, step.new) if side)
    return len(before) == len(after) == 1 and before != after


def _are_checksums(path: str, old: str, new: str) -> bool:
    """Return True for two checksums of one kind: hexadecimal numbers with the same number of digits."""
    if not (CHECKSUM_VALUE.fullmatch(old) and CHECKSUM_VALUE.fullmatch(new) and len(old) == len(new)):
        return False
    # Charts name the digest of an image so, too, such as `image.sha`.
    named = CHECKSUM_NAME.search(path) and "image" not in path.lower() and len(old) >= SHORTEST_CHECKSUM
    return bool(named or CHECKSUM_ANNOTATION.fullmatch(path))


def _source(part: Part, step: Step, stack: Stack, property_path: str) -> str:
    """Return a reason that names the replaced sources of a part's value, or an empty string.

    A part follows from its sources if it changes just as their values do.
    """
    _, old, new = part
    if old is None or new is None or old == MASK:
        return ""
    sources = [source for source in stack.value_sources(step, property_path) if source.op != "update"]
    if LATER in str(new):
        follows = _may_be_unknown(step, stack, property_path)
    else:
        follows = _substitute(as_text(old) or "", sources, stack) == as_text(new)
    return f"follows from {list_first(_titles(sources), 3)}" if sources and follows else ""


def _titles(sources: Sequence[Step]) -> list[str]:
    return [title(source.resource) for source in sources]


def _may_be_unknown(step: Step, stack: Stack, path: str) -> bool:
    """Return True if an unknown value is to be expected: its property has no new source."""
    return not stack.predicted and not stack.has_new_dependency(step, path)


def _substitute(text: str, sources: Sequence[Step], stack: Stack) -> str:
    """Return a text in which the old values of the sources are replaced by their new values.

    Only whole words count, and only values that a provider computes. A program chooses the inputs, the
    settings of the provider and the outputs of components, so it could make "true" and "false" the old and
    the new tag of a resource, and change any property from one to the other.
    """
    values: dict[str, str] = {}
    for source in sources:
        if source.old and source.new and not source.new.is_component:
            chosen = {value for side in (source.old, source.new) for value in side.input_texts}
            if MASK in chosen:  # Any output may be a copy of the secret.
                continue
            chosen |= _settings_texts(source, stack)
            after = dict(source.new.texts)
            for path, value in source.old.texts:
                new = after.get(path)
                if not new or new == MASK or path.startswith(ALL_TAGS):
                    continue
                if len(value) >= SHORTEST_VALUE and chosen.isdisjoint((value, new)):
                    values.setdefault(value, new)
    if not values:
        return text
    alternatives = "|".join(map(re.escape, sorted(values, key=len, reverse=True)))
    return re.sub(rf"(?<![A-Za-z0-9])(?:{alternatives})(?![A-Za-z0-9])", lambda match: values[match[0]], text)


def _settings_texts(step: Step, stack: Stack) -> set[str]:
    """Return the strings in the settings of a resource's provider, which are JSON or strings."""
    texts: set[str] = set()
    for side in (step.old, step.new):
        provider = stack.steps.get(side.provider) if side else None
        for settings in (provider.old, provider.new) if provider else ():
            for value in settings.inputs.values() if settings else ():
                document = _parse_json(value)
                texts.update(text for _, text in leaves("", document or value) if isinstance(text, str))
    return texts


def _parts(path: str, before: Any, after: Any) -> Iterator[Part]:
    """Split a changed value into small parts: JSON by key, lists by item, text by line."""
    before_document, after_document = _parse_json(before), _parse_json(after)
    if before_document and after_document:
        yield from _parts(f"{path} › ", before_document, after_document)
    elif is_map(before) and is_map(after):
        for key in before | after:
            key_path = path_of(path, key).replace(" › .", " › ")
            yield from _parts(key_path, before.get(key), after.get(key))
    elif is_list(before) and is_list(after) and len(before) == len(after):
        for index, (old_item, new_item) in enumerate(zip(before, after, strict=True)):
            yield from _parts(f"{path}[{index}]", old_item, new_item)
    elif is_list(before) and is_list(after) and _is_flat(before) and _is_flat(after):
        removed = [item for item in before if item not in after]
        added = [item for item in after if item not in before]
        if removed or added:
            yield path, removed or None, added or None
        else:
            yield path, before, after
    elif "\n" in str(before) and "\n" in str(after):
        yield _line_difference(path, str(before), str(after))
    elif before != after:
        yield path, before, after


def _is_flat(items: list[Any]) -> bool:
    return not any(isinstance(item, dict | list) for item in items)


def _line_difference(path: str, before: str, after: str) -> Part:
    """Return a part with the removed and the added lines of a text, without their common indentation."""
    difference = [*difflib.unified_diff(before.split("\n"), after.split("\n"), n=0)]
    # The first two lines name the files, and others the line numbers.
    changed = [(line[0], line[1:]) for line in difference[2:] if line[0] in "-+"]
    texts = textwrap.dedent("\n".join(text for _, text in changed)).split("\n")
    signed = [(sign, text) for (sign, _), text in zip(changed, texts, strict=True)]
    removed, added = ([text for sign, text in signed if sign == wanted] for wanted in "-+")
    if not any(removed + added):  # only empty lines differ
        return path, before, after
    return f"{path} › lines", "\n".join(removed) or None, "\n".join(added) or None


def _parse_json(text: Any) -> Any:
    """Return the JSON document in a string, or None if the string is not JSON."""
    if not isinstance(text, str) or text[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_reordered(path: str, step: Step) -> bool:
    """Return True for an item of a list in which only an insignificant order changes."""
    if step.old is None or step.new is None or not path.endswith("]"):
        return False
    list_path = path.rpartition("[")[0]
    before, after = value_at(step.old.inputs, list_path), value_at(step.new.inputs, list_path)
    if not is_list(before) or not is_list(after) or list_path.rpartition(".")[2] in ORDERED:
        return False
    sorted_before = sorted(json.dumps(item, sort_keys=True) for item in before)
    sorted_after = sorted(json.dumps(item, sort_keys=True) for item in after)
    return sorted_before == sorted_after and LATER not in str(after)
