"""Files in ConfigMaps and Secrets, which pods mount wherever the program declares them."""

import base64
import difflib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from review.model import LONGEST_DIFFERENCE, title
from review.plain_data import decode_bytes, is_map, mark_byte_escapes
from review.stacks.engine_run import Step
from review.stacks.resources import KUBERNETES_SECRET, SECRET_DATA, SECRET_FORMS, SECRET_TEXT, Json, Resource
from review.stacks.stack import Stack
from review.stacks.value_parts import Part, line_differences, show_secrets, split
from review.values.secret_marks import without_marks
from review.values.value_paths import Paths, steps_of

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
OBJECTS = (CONFIG_MAP, KUBERNETES_SECRET)

TEXT, BINARY = "data", "binaryData"
FORMS = (TEXT, BINARY, SECRET_TEXT)
"""Inputs with files by name. A pod sees the same file whichever of them has it
(https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/config-map-v1/).
"""

MOVES = {CONFIG_MAP: (TEXT, BINARY), KUBERNETES_SECRET: SECRET_FORMS}
"""Inputs between which a file of an object can move."""

LEAST_SIMILAR = 0.5
"""Smallest share of equal lines with which a file is taken for a changed copy. The value is a choice: a wrong
one only adds or omits a comparison.
"""


class File(NamedTuple):
    """A file in a ConfigMap or a Secret. Masked secrets in its text have marks."""

    resource: Resource
    form: str
    name: str
    text: str

    @property
    def paths(self) -> Paths:
        """The paths of the file in its resource."""
        return Paths.of(self.form).with_key(self.name)


def decode(text: str) -> str:
    """Return the text in base64, with escapes for bytes that are no text; another text as it is."""
    with suppress(ValueError):
        # Kubernetes ignores line breaks in base64 (Go, encoding/base64: Decode).
        content = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
        return decode_bytes(content)
    return text


def readable_inputs(step: Step) -> tuple[Json, Json]:
    """Return the inputs in base and head with marks, and the texts of the binary files of a ConfigMap."""
    old, new = (side.declared_with_marks if side else Json() for side in (step.old, step.new))
    if step.resource.type != CONFIG_MAP:
        return old, new
    return _decoded(old, new), _decoded(new, old)


def _decoded(inputs: Json, other: Json) -> Json:
    """Return inputs with the texts of their binary files, except where only the base64 differs."""
    files, others = inputs.get(BINARY), other.get(BINARY)
    if not is_map(files):
        return inputs
    texts: Json = {}
    for name, content in files.items():
        counterpart = others.get(name) if is_map(others) else None
        text = decode(content) if isinstance(content, str) else content
        is_hidden = content != counterpart and text == decode(str(counterpart))
        texts[name] = content if is_hidden else text
    return inputs | {BINARY: texts}


def split_moved(step: Step, old: Json, new: Json) -> tuple[list[Part], Json, Json]:
    """Compare files that move between two inputs of an object, and return the inputs without them.

    A secret in a moved file is a part even if it looks the same, since nothing shows whether it changes.
    """
    forms = MOVES.get(step.resource.type, ())
    parts: list[Part] = []
    for form, other in zip(forms, reversed(forms), strict=True):
        names = [name for name in _names(old, form) if name in _names(new, other)]
        for name in names:
            if name in _names(new, form) or name in _names(old, other):
                continue
            before, after = Paths.of(form).with_key(name), Paths.of(other).with_key(name)
            shown = f"{after.shown}, which was {before.shown}"
            paths = Paths(shown, before.old, after.new, other, is_exact=False)
            kind = step.resource.type
            texts = _moved_text(kind, old, form, name), _moved_text(kind, new, other, name)
            if kind == CONFIG_MAP:
                parts += [*split(paths, *texts)] or [Part(paths, *texts)]
            else:  # The provider moves them, so a file with the same text has not changed.
                parts += split(paths, *texts)
            old, new = _without(old, form, name), _without(new, other, name)
    return parts, old, new


def _moved_text(kind: str, inputs: Json, form: str, name: str) -> Any:
    """Return the text of a file, in which an escape of its own differs from that of a byte."""
    text = inputs[form][name]
    if not isinstance(text, str):
        return text
    if kind == KUBERNETES_SECRET:
        return decode(text) if form == SECRET_DATA else mark_byte_escapes(text)
    return mark_byte_escapes(text) if form == TEXT else text


def _names(inputs: Json, form: str) -> list[str]:
    files = inputs.get(form)
    return [*files] if is_map(files) else []


def _without(inputs: Json, form: str, name: str) -> Json:
    files = {other: text for other, text in inputs[form].items() if other != name}
    rest = {other: files if other == form else value for other, value in inputs.items()}
    return rest if files else {other: value for other, value in rest.items() if other != form}


def compare_new_file(part: Part, step: Step, stack: Stack) -> list[Part]:
    """Return the lines in which a long new file differs from the most similar one of the base.

    The result is empty for anything else, and without a similar file. Candidates are files with the same
    name, and all that the resource no longer has, or that a deleted resource had.
    """
    path = part.paths.position
    steps = steps_of(path)
    is_file = step.resource.type in OBJECTS and len(steps) == 2 and steps[0] in FORMS
    if not is_file or part.before is not None or " › " in path or not isinstance(part.after, str):
        return []
    if "\n" not in part.after or len(part.after) <= LONGEST_DIFFERENCE:
        return []
    # The part has no marks, but two files with different secrets are not equal.
    text = next(file.text for file in files_of(step.resource) if steps_of(file.paths.position) == steps)
    lines = text.split("\n")
    similar = [
        (ratio, file)
        for file in _candidates(part, step, stack)
        if (ratio := _similarity(file.text.split("\n"), lines)) >= LEAST_SIMILAR
    ]
    if not similar:
        return []
    nearest = max(similar, key=lambda item: item[0])[1]
    relation = "equal to" if nearest.text == text else "compared with"
    name = f"{part.paths.shown}, {relation} {nearest.paths.shown} of {title(nearest.resource)} in the base"
    paths = Paths(name, None, part.paths.new, part.paths.common, is_exact=False)
    if nearest.text == text:
        return [Part(paths, None, without_marks(text))]
    return [shown for line in line_differences(paths, nearest.text, text) for shown in show_secrets(line)]


def _candidates(part: Part, step: Step, stack: Stack) -> Iterator[File]:
    """Yield the files of the base with which a new file is compared."""
    _, name = steps_of(part.paths.position)
    new = {(form, file) for form in FORMS for file in _names(step.resource.inputs, form)}
    for other in stack.steps.values():
        for file in files_of(other.old) if other.old else ():
            is_removed = other is step and (file.form, file.name) not in new
            is_same_name = steps_of(file.paths.position)[1] == name
            if is_same_name or is_removed or other.op == "delete":
                yield file


def files_of(resource: Resource) -> Iterator[File]:
    """Yield the files of a ConfigMap or a Secret; of another resource, none."""
    for form in FORMS if resource.type in OBJECTS else ():
        for name in _names(resource.inputs, form):
            text = resource.marked[form][name]
            if isinstance(text, str):
                is_encoded = form == BINARY and resource.type == CONFIG_MAP
                yield File(resource, form, name, decode(text) if is_encoded else text)


def _similarity(old: list[str], new: list[str]) -> float:
    """Return the share of equal lines of two texts."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= LEAST_SIMILAR else 0.0
