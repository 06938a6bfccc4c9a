"""Values that come from outputs which the review's providers cannot predict, and therefore invent."""

import json
import re
from collections.abc import Iterator, Sequence, Set
from typing import Any

from review.model import list_all, title
from review.objects.changed_sources import own_texts
from review.plain_data import as_text, is_equal, is_map
from review.stacks.engine_run import Step
from review.stacks.properties import substitute_renewed
from review.stacks.resources import KUBERNETES_SECRET, NO_MATCH, OUTPUT_MATCH, SECRET_FORMS, TRIGGER, Resource
from review.stacks.secret_values import decode_base64
from review.stacks.stack import Stack, top_name
from review.stacks.value_parts import leaves
from sandbox.summary import masked
from sandbox.wire.sentinels import INVENTED, INVENTED_NUMBERS

NUMBER = re.compile(r"(?<!\w)\d{16}(?!\w)")
"""Pattern of a number that may be invented, but not of its digits in a longer one, such as a hash."""

OUTPUT = re.compile(r"id|outputs\.\w+(\[\d+])?")
"""Pattern of the path of the ID, of an output, or of an item of a list of texts."""

TRIGGER_PATH = f"option {TRIGGER}"
"""Path under which a report shows the trigger of replacements."""

SHORTEST_NAME = 4
"""Smallest number of characters of a name that identifies a resource; shorter ones occur by chance."""


def describe_invented(step: Step, stack: Stack) -> str:
    """Describe the values of a resource that newly come from invented outputs; empty if there are none.

    An invented output is recognizable, unless it decides about another value. So a property counts as well if
    it depends on another resource than in the base, and its value shows nothing of it. A value that follows
    from a replaced resource is not new. An invented boolean is unknown.
    """
    old_values = _invented_values(step.old) if step.old else {}
    new_values = _invented_values(step.resource)
    paths = [
        path
        for path, text in new_values.items()
        if text != old_values.get(path) and not _follows(path, old_values.get(path), text, step, stack)
    ]
    if paths:
        return f"from outputs that the review cannot predict: {list_all(paths)}"
    names = step.resource.property_dependencies
    if silent := [text for name in names for text in _silent_sources(step, name, stack)]:
        return f"from another resource than before, but the value does not show it: {list_all(silent)}"
    return ""


def _follows(path: str, old: str | None, new: str, step: Step, stack: Stack) -> bool:
    """Return True if a text only has new outputs in place of old ones that the provider has invented.

    These are outputs of a replaced resource, and the versions of an updated one.
    """
    names = _forms(step.resource, top_name(path))
    new_sources = [source for name in names for source in stack.new_sources(step, name)]
    urns = {urn for name in names for urn in step.resource.property_dependencies.get(name, ())}
    if path.startswith(TRIGGER_PATH):
        urns |= stack.steps.keys()  # The SDK does not say from which resources a trigger comes.
    sources = [stack.steps[urn] for urn in urns if urn in stack.steps]
    changed = [
        source
        for source in sources
        if source.op in ("replace", "update") and source.resource not in new_sources
    ]
    return old is not None and substitute_renewed(old, changed, stack) == new


def _invented_values(resource: Resource) -> dict[str, str]:
    """Return the texts of the inputs, secrets included, that contain an invented output, by path.

    The trigger of replacements counts as an input.
    """
    contents = [*_contents(resource).items(), *trigger_of(resource).items()]
    if not _is_invented(json.dumps(contents)):
        return {}
    values = (leaf for name, content in contents for leaf in leaves(name, content))
    texts = ((path, as_text(value) or "") for path, value in values)
    return {path: text for path, text in texts if _is_invented(f"{path} {text}")}


def trigger_of(resource: Resource) -> dict[str, Any]:
    """Return the value that triggers replacements of a resource by its path; empty without one."""
    return {TRIGGER_PATH: resource.options[TRIGGER]} if TRIGGER in resource.options else {}


def _contents(resource: Resource) -> dict[str, Any]:
    """Return the inputs of a resource; a Secret has the texts of both forms as its `data`.

    The provider converts the `stringData` of the program to `data`, which is base64, unless a part of it is
    unknown.
    """
    values = resource.values
    if resource.type != KUBERNETES_SECRET:
        return values
    data, texts = (values.get(name) for name in SECRET_FORMS)
    rest = {name: value for name, value in values.items() if name not in SECRET_FORMS}
    decoded: dict[str, Any] = {}
    for content in (masked(data, decode_base64), texts):
        decoded |= content if is_map(content) else {}
    return {**rest, SECRET_FORMS[0]: decoded}


def _forms(resource: Resource, name: str) -> Sequence[str]:
    """Return the names under which the program may declare an input."""
    return SECRET_FORMS if resource.type == KUBERNETES_SECRET and name in SECRET_FORMS else (name,)


def _is_invented(text: str) -> bool:
    """Return True for a text with an invented output, or an invented number that is no part of a word."""
    return INVENTED in text or any(int(number) in INVENTED_NUMBERS for number in NUMBER.findall(text))


def _silent_sources(step: Step, name: str, stack: Stack) -> Iterator[str]:
    """Yield a property with each of its new sources that the value does not show.

    If the value is new, only sources with invented outputs count, not those with only a member of an object
    that is invented. Another value may show a source by a hash. A value that equals any output shows it,
    unless the value is old and the program has just given it to the source as an input, such as a tag.
    """
    old, new = step.old, step.new
    if not new:
        return
    content = _forms(new, name)[0]
    value = _contents(new).get(content)
    texts = [as_text(value) or "" for _, value in leaves(name, value)]
    is_new = not old or not is_equal(_contents(old).get(content), value)
    for source in stack.new_sources(step, name):
        if is_new and not any(_is_invented(text) for path, text in source.texts if OUTPUT.fullmatch(path)):
            continue
        own = _own_texts(source, stack) if is_new else frozenset[str]()
        equal = _numbers(source) if is_new else frozenset[str]()
        chosen = frozenset[str]() if is_new else _newly_chosen(source, stack)
        shows = (
            text in equal
            or source.match_strength(text) > (OUTPUT_MATCH if text in chosen else NO_MATCH)
            or _contains_any(text, own)
            for text in texts
        )
        if not any(shows):
            yield f"{name}, from {title(source)}"


def _newly_chosen(source: Resource, stack: Stack) -> set[str]:
    """Return the texts of a resource's inputs that the base's inputs of this resource do not have."""
    old = stack.steps[source.urn].old if source.urn in stack.steps else None
    before, after = (
        {as_text(value) or "" for name, content in side.values.items() for _, value in leaves(name, content)}
        if side
        else set[str]()
        for side in (old, source)
    )
    return after - before


def _own_texts(source: Resource, stack: Stack) -> set[str]:
    """Return the texts that tell that a new value comes from a resource: invented ones, and its names.

    Another output, such as `redis` or a region, may be in a value for any other reason.
    """
    texts = own_texts(source, stack.invented_texts(source))
    return {text for text in texts.parts | texts.names if len(text) >= SHORTEST_NAME}


def _numbers(source: Resource) -> set[str]:
    """Return the numbers among the outputs of a resource, such as its port."""
    outputs: dict[str, Any] = source.state.get("outputs") or {}
    texts = {f"{value}" for value in outputs.values() if type(value) in (int, float)}
    return {text.removesuffix(".0") for text in texts if len(text) >= SHORTEST_NAME}


def _contains_any(text: str, own: Set[str]) -> bool:
    return any(name in text for name in own)
