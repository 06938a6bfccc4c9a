"""Changed properties of a resource, with the reason for folding a property whose change is noise."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from review.model import Property, SourceLocation, list_first, title
from review.objects.owners import owner_remark
from review.objects.renames import NAME, PARENT, Rename
from review.objects.value_owners import new_value_remarks, owner_remarks
from review.plain_data import as_text, as_texts, is_equal, mark_own, value_at
from review.stacks.engine_run import Step
from review.stacks.existing_objects import find_principals, may_give_access, object_names
from review.stacks.file_contents import (
    compare_new_file,
    files_of,
    readable_inputs,
    split_moved,
)
from review.stacks.plugin_files import SOURCES
from review.stacks.resources import INTERNAL, KUBERNETES_SECRET, PROVIDER, PROVIDERS, SECRET_FORMS, Resource
from review.stacks.stack import Stack, top_name
from review.stacks.value_parts import Part, compact, is_unknown, leaves, show_secrets, split
from review.values.secret_marks import without_marks
from review.values.value_paths import Paths, find_related, locate, place_of, property_path
from sandbox.progress import name_of
from sandbox.providers.target import DEFAULTS
from sandbox.summary import LATER, MASK, masked

CHECKSUM_PATH = re.compile(r'(?:.*[.])?metadata[.]annotations\["checksum/[^"\]]+"\]')
CHECKSUM_VALUE = re.compile(r"[0-9a-f]{8,64}")
"""Patterns of the path and the value of a checksum: an annotation that has no effect if nothing reads it, and
only changes because something else changes. A checksum elsewhere can name an image, an archive or code.
"""

FORMS = "content unknown: data and stringData are two forms of it"
"""Reason for folding a secret in a Secret's content that moves from one of its two forms to the other.

The provider converts one form to the other, and nothing shows whether the content changes.
"""

CHECKSUMS = "checksums"
"""Reason for folding a checksum, which differs between the stacks."""

COMPARED = "new, and compared with a file of the base"
"""Reason for folding the whole text of a new file, whose lines are shown that differ from another file."""

ORDER_ONLY = "order only"
"""Reason for folding a list in which only an insignificant order changes."""

TYPE = "type"
"""Path of the type, which changes if a resource has an alias with its former type."""

READ_ID = "read ID"
"""Path of the ID by which a program reads a resource (`get`)."""

OPTION = "option"
"""First word of the path of a resource option."""

OR_ANOTHER = f"{MASK}, which may be another one"
"""The text for a secret input in the head if nobody can tell whether it differs."""

UNKNOWN_IN_BASE = "unknown in the base, too"
"""Reason for folding a value that is unknown in a preview of the base as well."""

KNOWN_LATER = "known after up"
"""Reason for folding a value that another resource determines during `up`."""

DEFAULT_PROVIDER = re.compile(r"^default(_|$)")
"""Pattern of the names of the engine's default providers (pulumi/pulumi, pkg/resource/deploy/providers)."""

USUAL = re.compile(
    r"tags\b|metadata[.]labels\b|apiVersion$|kind$|option (?:provider$|additionalSecretOutputs\b)"
)
"""Pattern of the paths that nearly all resources have, so that a reader needs them least."""

DELETION_OPTIONS = ("protect", "retainOnDelete", "deletedWith")
"""Options that decide whether Pulumi deletes the object of a deleted resource."""


PENDING = "pending since an earlier deployment"
"""Place of the ID of an old resource that a replacement has left in the state."""


def new_properties(step: Step, stack: Stack) -> list[Property]:
    """Return all inputs and options of a created resource, the most important ones first.

    Short objects and lists are one property. The engine's default provider says nothing, so it is left out.
    """
    if step.new is None:
        return []
    properties = rename_properties(step)
    component = stack.component_of(step.new.urn)
    inputs = {
        property_path(name): value
        for name, value in without_marks(readable_inputs(step)[1]).items()
        if name != DEFAULTS and (value or name != INTERNAL)
    }
    is_elsewhere = stack.is_elsewhere(step.new)
    options = {
        f"{OPTION} {name}": value
        for name, value in step.new.options.items()
        if name != PROVIDER or is_elsewhere or not _has_default_provider(step.new, stack)
    }
    provider_option = f"{OPTION} {PROVIDER}"
    objects, principals = object_names(step.new), dict(find_principals(step.new))
    # An input may have the name of an option. The quotes around it tell them apart.
    for name, content in chain(inputs.items(), options.items()):
        is_setting = name in inputs and step.new.type.startswith(PROVIDERS)
        is_source = name in SOURCES.get(step.new.type, ())
        is_other = name == provider_option and is_elsewhere
        for path, value in compact(name, content, apart={*principals}):
            owner = owner_remark(stack, step.new, name) if name in objects else ""
            is_principal = principals.pop(path, None) is not None
            is_shown = bool(stack.old) and (name in objects or is_principal)
            # SDKs send all settings of a provider as texts.
            text = as_text(value) if is_setting else as_texts(None, value)[1]
            is_open = stack.has_secret(text or "")  # The program does not mark it, so it is not masked yet.
            properties.append(
                Property(
                    path,
                    None,
                    text,
                    forces=False,
                    folded="",
                    setting=_setting_of(path, value, component, stack),
                    sources=new_value_remarks(path, value, step.new, stack, owner=owner),
                    always_shown=is_setting or is_source or is_other or is_shown or is_open,
                )
            )
    properties += [
        Property(path, None, name, forces=False, folded="", setting=None, always_shown=bool(stack.old))
        for path, name in principals.items()
    ]
    properties += _compared_files(step, stack)
    properties += _new_secret_settings(step.new, stack)
    return sorted(properties, key=lambda item: (not item.always_shown, bool(USUAL.match(item.path))))


def _has_default_provider(resource: Resource, stack: Stack) -> bool:
    """Return True if the engine has chosen a resource's provider.

    A program may give such a name to its own provider. But its resources have a parent, which is the stack.
    """
    provider = stack.resources.get(resource.provider)
    is_own = provider is not None and bool(provider.parent)
    return not is_own and bool(DEFAULT_PROVIDER.match(name_of(resource.provider)))


def _setting_of(path: str, value: object, component: str, stack: Stack) -> SourceLocation | None:
    """Return the setting of a value, or the only one of all values in it; None without one."""
    if not stack.file.base and not isinstance(value, str):
        return None  # All settings of a new stack are new, so an equal number or boolean says nothing.
    settings = [
        stack.file.find_setting(inner, None, as_text(leaf), component) for inner, leaf in leaves(path, value)
    ]
    return settings[0] if len({*map(repr, settings)}) == 1 else None


def _compared_files(step: Step, stack: Stack) -> list[Property]:
    """Return the lines in which files of a created resource differ from those of the base."""
    files = [Part(file.paths, None, file.text) for file in files_of(step.new)] if step.new else []
    return [
        Property(part.path, part.before, part.after, forces=False, folded="", setting=None, always_shown=True)
        for file in files
        for part in compare_new_file(file, step, stack)
    ]


def rename_properties(step: Step) -> list[Property]:
    """Return the name and the parent of a resource that an alias connects with another one of the base."""
    rename = step.new.rename if step.old and step.new else Rename()
    return [
        Property(path, *sides, forces=False, folded="", setting=None, always_shown=True)
        for path, sides in ((NAME, rename.name), (PARENT, rename.parent))
        if sides
    ]


def deleted_properties(step: Step) -> list[Property]:
    """Return the options of a deleted resource that decide whether Pulumi deletes its object.

    A former resource whose deletion is pending is told from the present one by its ID.
    """
    options = step.old.options if step.old else {}
    pending = [as_text(step.old.state.get("id"))] if step.old and step.is_pending else []
    properties = [
        Property(PENDING, text, None, forces=False, folded="", setting=None, always_shown=True)
        for text in pending
    ]
    return (
        properties
        + rename_properties(step)
        + [
            Property(f"{OPTION} {name}", as_text(options[name]), None, forces=False, folded="", setting=None)
            for name in DELETION_OPTIONS
            if name in options
        ]
    )


def changed_properties(step: Step, stack: Stack) -> list[Property]:
    """Return the changed properties and options of an update or replacement."""
    if step.old is None or step.new is None:
        return []
    properties: list[Property] = []
    component = stack.component_of(step.resource.urn)
    if step.old.type != step.new.type:
        properties.append(Property(TYPE, step.old.type, step.new.type, forces=False, folded="", setting=None))
    ids = [side.state.get("id") for side in (step.old, step.new) if side.state.get("external")]
    if len({*ids}) == 2:
        shown = map(as_text, masked(ids, mark_own))
        properties.append(Property(READ_ID, *shown, forces=False, folded="", setting=None, always_shown=True))
    for name in _changed_options(step):
        before, after = step.old.options.get(name), step.new.options.get(name)
        whole, forces = Part(Paths.of(name), before, after), name in step.forced_by
        for part in show_secrets(whole, *_mark_secrets(step)):
            folded = _folding_reason(part, step, stack, forces=forces)
            path = f"{OPTION} {name}{part.path.removeprefix(whole.path)}"
            setting = stack.file.find_setting(name, *part.texts, component)
            is_urgent = name == PROVIDER
            properties.append(Property(path, *part.texts, forces, folded, setting, always_shown=is_urgent))
    parts = ((*shown, forces) for part, forces in find_parts(step) for shown in _show(part, step, stack))
    for part, compared, forces in parts:
        folded = compared or _folding_reason(part, step, stack, forces=forces)
        values = as_text(part.before), as_text(part.after)
        setting = stack.file.find_setting(part.paths.position, *values, component)
        sources = [] if folded else owner_remarks(part, step, stack)
        if not sources and not folded and not setting:
            sources = _titles(stack.value_sources(step, *part.paths.places))
        is_urgent = _is_urgent(part, step.new)
        properties.append(Property(part.path, *part.texts, forces, folded, setting, sources, is_urgent))
    sources = [*_source_properties(step, stack, properties), *_secret_settings(step, stack)]
    if not properties and not sources and not step.only_renamed:
        properties += _secrets(step, MASK)
    elif step.resource.is_component and not stack.predicted:  # Only a review knows which secrets are equal.
        shown = {changed.path for changed in properties}
        properties += (secret for secret in _secrets(step, OR_ANOTHER) if secret.path not in shown)
    return rename_properties(step) + properties + sources


def _is_urgent(part: Part, resource: Resource) -> bool:
    """Return True for a change of what every report shows of a created resource, and of who has access."""
    name = top_name(part.paths.position)
    is_source = resource.type.startswith(PROVIDERS) or name in SOURCES.get(resource.type, ())
    is_object = name in object_names(resource)
    return is_source or is_object or may_give_access(part.path, part.before, part.after)


def _source_properties(step: Step, stack: Stack, changes: Sequence[Property]) -> list[Property]:
    """Return the resources from which properties come in one side only, unless `changes` name them all."""
    properties: list[Property] = []
    for path, *changed in stack.changed_sources(step):
        lost, gained = (_names(stack, urns) for urns in changed)
        name = place_of(path)
        named = {
            source
            for change in changes
            if top_name(place_of(change.path)) == name
            for source in change.sources
        }
        if lost or not named.issuperset(gained):
            sides = (", ".join(names) or None for names in (lost, gained))
            properties.append(Property(path, *sides, forces=False, folded="", setting=None))
    return properties


def _secret_settings(step: Step, stack: Stack) -> Iterator[Property]:
    """Yield the secret settings in each changed value, if they differ between base and head.

    That the program does not mark a value as secret only shows in the finished report. How often a value has
    its only setting shows in its text.
    """
    sides = step.old, step.new
    settings = {
        f"{OPTION} {name}": [side.option_settings.get(name, []) if side else [] for side in sides]
        for name in _changed_options(step)
    }
    for paths in sorted({part.paths.places for part, _ in find_parts(step)}, key=str):
        settings[paths[1] or paths[0] or ""] = [
            stack.secret_settings(value_at(side.values, path)) if side and path is not None else []
            for side, path in zip(sides, paths, strict=True)
        ]
    for path, (before, after) in settings.items():
        if before != after and ({*before} != {*after} or len({*before}) > 1):
            yield _secret_setting(path, before, after)


def _new_secret_settings(resource: Resource, stack: Stack) -> Iterator[Property]:
    """Yield the secret settings in each input of a created resource.

    Without them, an exchange of a setting could hide behind a new name of the resource.
    """
    for name, content in resource.values.items():
        for path, value in leaves(property_path(name), content):
            if keys := stack.secret_settings(value):
                yield _secret_setting(path, [], keys)


def _secret_setting(path: str, *sides: Sequence[str]) -> Property:
    """Return the secret settings in the value at a path, in base and head."""
    names = (", ".join(keys) or None for keys in sides)
    return Property(f"{path} › setting", *names, forces=False, folded="", setting=None, always_shown=True)


def _names(stack: Stack, urns: Iterable[str]) -> list[str]:
    return sorted(title(stack.resources[urn]) if urn in stack.resources else name_of(urn) for urn in urns)


def _show(part: Part, step: Step, stack: Stack) -> Iterator[tuple[Part, str]]:
    """Yield a part as a report shows it, with a reason to fold it or an empty string.

    A new file may be compared with another one. Its text is a part nevertheless, which the page shows, since
    the differences alone do not tell what the other file has.
    """
    compared = compare_new_file(part, step, stack)
    if all(other.after != part.after for other in compared):
        yield part, COMPARED if compared else ""
    yield from ((other, "") for other in compared)


def _secrets(step: Step, after: str) -> Iterator[Property]:
    """Yield the secrets among the inputs of an update, any of which may change, with this text for the head.

    If nothing else differs, one of them changes.
    """
    for name, content in step.resource.inputs.items():
        for path, value in leaves(property_path(name), content):
            if value == MASK:
                yield Property(path, MASK, after, forces=False, folded="", setting=None)


def _changed_options(step: Step) -> list[str]:
    """Return the names of the options that differ or, like the provider, replace the resource."""
    old, new = (side.options if side else {} for side in (step.old, step.new))
    replacing = {PROVIDER} & set(step.forced_by) - set(step.resource.inputs)
    return sorted({name for name in old | new if not is_equal(old.get(name), new.get(name))} | replacing)


def find_parts(step: Step) -> list[tuple[Part, bool]]:
    """Return the parts of the inputs that change, each with True if it forces a replacement.

    The engine compares lists by position, so it also names the places from which items move. A provider that
    replaces a resource may name only the inputs that force the replacement, and the engine names none for a
    resource whose provider is replaced. So the names come from a comparison of all inputs. The engine also
    names what looks the same on both sides, such as a secret.
    """
    parts = [*_parts(step)]
    places = [part.paths.steps for part in parts]
    forcing = {
        index for index, part in enumerate(parts) if not {*part.paths.places}.isdisjoint(step.forced_by)
    }
    for path in _named_paths(step):
        related = find_related(path, places)
        if all(parts[index].is_order for index in related) and (part := _equal_part(step, path, parts)):
            parts.append(part)
            places.append(part.paths.steps)
            related = [len(parts) - 1]
        if step.diff.get(path, "").endswith("replace") or path in step.forced_by:
            forcing.update(related or _parts_of(top_name(path), parts))
    changes = [(part, index in forcing) for index, part in enumerate(parts)]
    return sorted(changes, key=lambda item: top_name(item[0].paths.position))


def _named_paths(step: Step) -> list[str]:
    """Return the paths of inputs that the engine names. A path with a backslash is ambiguous."""
    options = _changed_options(step)
    return [path for path in (step.diff or step.forced_by) if path not in options and "\\" not in path]


def _parts(step: Step) -> Iterator[Part]:
    """Yield the parts of all inputs that differ."""
    mark_secrets = _mark_secrets(step)
    for part in _parts_with_marks(step):
        yield from show_secrets(part, *mark_secrets)


def _mark_secrets(step: Step) -> list[Callable[[str], str]]:
    return [side.mark_secrets if side else str for side in (step.old, step.new)]


def _parts_with_marks(step: Step) -> Iterator[Part]:
    """Yield the parts of all inputs that differ, with marks at masked secrets."""
    parts, old, new = split_moved(step, *readable_inputs(step))
    yield from parts
    for name in sorted(old | new):
        if name != DEFAULTS:
            parts = split(Paths.of(name, step.resource.type), old.get(name), new.get(name))
            yield from (part for part in parts if _differs(part, step))


def _differs(part: Part, step: Step) -> bool:
    """Return True for a change; also for values that look the same, unless they are known and equal."""
    if not is_equal(part.before, part.after):
        return True
    old, new = (
        value_at(side.values, place_of(path or "")) if side else None
        for side, path in ((step.old, part.paths.old), (step.new, part.paths.new))
    )
    return not is_equal(old, new) or MASK in str(old)


def _equal_part(step: Step, path: str, parts: Sequence[Part]) -> Part | None:
    """Return a value that the engine names although it looks the same on both sides, or None.

    The result is None at the position of a list item that differs only because another one was there, and for
    a path that the engine writes ambiguously: a value that both sides lack, beside one that changes. Of a map
    that is a mask on both sides, only the engine knows which of its members are new or gone.
    """
    sides = [side.declared if side else {} for side in (step.old, step.new)]
    before, after = (value_at(side, path) for side in sides)
    name = top_name(path)
    if not is_equal(before, after) and name != DEFAULTS:
        return None
    if before is None and after is None and _parts_of(name, parts):
        return None
    kind = step.diff.get(path, "")
    if before == MASK and kind.startswith("add"):
        before = None
    elif after == MASK and kind.startswith("delete"):
        after = None
    paths = locate(path, *sides, kind=step.resource.type)
    return Part(paths, before, after) if paths else None


def _parts_of(name: str, parts: Sequence[Part]) -> list[int]:
    """Return the indexes of the parts of a property."""
    return [
        index
        for index, part in enumerate(parts)
        if any(place is not None and top_name(place) == name for place in part.paths.places)
    ]


def _folding_reason(part: Part, step: Step, stack: Stack, *, forces: bool) -> str:
    """Return the reason why a part of the inputs or an option is noise, or an empty string if it is not."""
    path, new = part.paths.position, part.after
    if source := _source(part, step, stack):
        return f"forces the replacement, {source}" if forces else source
    if not forces and new == LATER and stack.is_unknown_in_base(step, path):
        return UNKNOWN_IN_BASE
    if not forces and new == LATER and part.before is not None and _may_be_unknown(step, stack, path):
        return KNOWN_LATER
    if not stack.predicted and _is_hidden_move(part, step):
        return FORMS
    if not forces and _are_checksums(path, str(part.before), str(new)) and not stack.may_read_annotations:
        return CHECKSUMS
    return ORDER_ONLY if part.is_set and LATER not in str(new) else ""


def _is_hidden_move(part: Part, step: Step) -> bool:
    """Return True for a secret in a Secret's content that is in its other form in the head.

    The part is a masked file, or the content of one form if both are masks as a whole.
    """
    if step.resource.type != KUBERNETES_SECRET:
        return False
    if part.paths.old != part.paths.new:
        return is_equal(part.before, part.after) and MASK in str(part.before)
    if not {*part.paths.places} <= {*SECRET_FORMS}:
        return False
    contents = [
        [(name, side.inputs[name]) for name in SECRET_FORMS if name in side.inputs] if side else []
        for side in (step.old, step.new)
    ]
    hidden = [[(name, MASK)] for name in SECRET_FORMS]
    return contents in (hidden, [*reversed(hidden)])


def _are_checksums(path: str, old: str, new: str) -> bool:
    """Return True for two checksums of one kind: hexadecimal numbers with the same number of digits."""
    are_numbers = CHECKSUM_VALUE.fullmatch(old) and CHECKSUM_VALUE.fullmatch(new) and len(old) == len(new)
    return bool(are_numbers and CHECKSUM_PATH.fullmatch(path))


def _source(part: Part, step: Step, stack: Stack) -> str:
    """Return a reason that names the replaced sources of a part's value, or an empty string.

    A part follows from its sources if it depended on them in the base, and changes just as their values do.
    """
    old, new, path = part.before, part.after, part.paths.position
    if old is None or new is None or MASK in str(old):  # Nothing shows how a real secret changes.
        return ""
    candidates = stack.value_sources(step, *part.paths.places)
    others = stack.new_sources(step, path)
    sources = [source for source in candidates if source.op != "update" and source.resource not in others]
    if is_unknown(new):
        follows = _may_be_unknown(step, stack, path)
    else:
        before, after = as_text(old) or "", as_text(new)
        # Equal texts of different values, such as a string and a boolean, follow from nothing.
        substituted = substitute_renewed(before, sources, stack)
        follows = after == substituted and (before != after or is_equal(old, new))
    return f"follows from {list_first(_titles(sources), 3)}" if sources and follows else ""


def _titles(sources: Sequence[Step]) -> list[str]:
    return [title(source.resource) for source in sources]


def _may_be_unknown(step: Step, stack: Stack, path: str) -> bool:
    """Return True if an unknown value is to be expected: its property has no new source."""
    return not stack.predicted and not stack.has_new_dependency(step, path)


def substitute_renewed(text: str, sources: Sequence[Step], stack: Stack) -> str:
    """Return a text in which the old values of the sources are replaced by their new values.

    Only whole words count, and only values that the review's providers invent: those that a replacement with
    the same inputs would change in the same way. Anything else can be chosen by the program. For example, it
    chooses the ID of a resource that consists of two names, and could rename the resource to change any
    property just as the ID. An updated source has other versions.
    """
    renewed, versions = (side.renewed if side else {} for side in (stack.base, stack.head))
    values: dict[str, str] = {}
    for source in sources:
        if source.op == "update":
            values |= versions.get(source.resource.urn, {})
        elif source.old and source.new:
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
