"""Resources in a state, with the lines that declare them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from review.jail.regular_files import read_text
from review.model import COMPOSES, DECLARES, SourceLocation
from review.objects.renames import Rename
from review.plain_data import build_mask, is_list, is_map, mark_nulls, mark_own, path_of
from review.stacks.assets import Assets
from review.values.ignored_changes import IGNORED
from sandbox.progress import name_of
from sandbox.summary import LATER, MASK, masked
from sandbox.wire.values import with_nulls, without_nulls

Json = dict[str, Any]

LINE_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
"""Pattern of the number of a line; a program may send any text."""

PROVIDERS = "pulumi:providers:"
"""Start of the types of providers."""

KUBERNETES_SECRET = "kubernetes:core/v1:Secret"
SECRET_FORMS = (SECRET_DATA, SECRET_TEXT) = ("data", "stringData")
"""Inputs of a Secret that the provider converts: a state has `data`, which is base64, where the program has
`stringData`.
"""

INTERNAL = "__internal"
"""Key of the engine's own settings in the inputs of a provider
(pulumi/pulumi, pkg/resource/deploy/providers/registry.go).
"""

PROVIDER = "provider"
"""The option that names a resource's provider, and the engine's reason for a replacement together with it."""

REPLACED_WITH, DELETED_WITH = "replaceWith", "deletedWith"
"""Options that name resources whose replacement replaces this one, and the one with which its object goes."""

TRIGGER = "replacementTrigger"
"""Option with a value whose changes replace the resource."""

REPLACED_BY = "replaceOnChanges"
"""Option with the paths at which a change in the provider's answer replaces the resource."""

OPTIONS = (
    "protect",
    "retainOnDelete",
    IGNORED,
    DELETED_WITH,
    REPLACED_WITH,
    REPLACED_BY,
    TRIGGER,
    "customTimeouts",
    "additionalSecretOutputs",
    "hideDiff",
    "refreshBeforeUpdate",
    "resourceHooks",
    "importID",
)
"""The resource options in a state that decide what the engine does with the resource
(pulumi/pulumi, sdk/go/common/apitype/core.go: ResourceV3).
"""

IGNORED_VALUE = "ignoreChanges ({} of a later replacement)"
"""Name under which a report shows a value that the engine ignores, beside the options."""

ID_MATCH, OUTPUT_MATCH, NO_MATCH = 2, 1, 0
"""Strengths of the evidence that a value comes from a resource."""


class Unignored(NamedTuple):
    """The inputs that the program declares, which a later replacement has.

    `marked` are those of a report, with marks as in `Resource.marked`, and `values` those for comparisons.
    """

    marked: Json
    values: Json


class Resource:
    """A resource in the state of base or head, with the lines in that side's tree that declare it.

    `files` is the tree with the files of its assets, if it is another one than `tree`. `base` is that of the
    base, whose assets the engine keeps at paths of ignored changes.
    """

    def __init__(
        self, state: Json, tree: Path | None = None, files: Path | None = None, base: Path | None = None
    ) -> None:
        self.state = state
        self.urn = str(state["urn"])
        self.type = str(state["type"])
        self.name = name_of(self.urn)
        self.key = self.type, self.urn.split("::", 2)[-1]
        """The type, and the URN without stack and project: the resource's identity in all stacks."""
        self.parents = ""
        """The components in which the resource is, if another one has the same name and type."""
        self.is_component = not state.get("custom")
        self.assets = Assets(files or tree, base if state.get(IGNORED) else None)
        self._declared: Json = _shown(self.assets.collect(state.get("inputs") or {}))
        self.inputs: Json = without_nulls(self._declared)
        """The inputs, in which a null member of an object counts as absent."""
        self.marked = self.inputs
        """The inputs as a report shows them; in a review, with a mark at each mask (`secret_marks`)."""
        self.values = self.inputs
        """The inputs for comparisons; in a review, with the values of secrets, which no report shows."""
        self.literals: Json = {}
        """The secret inputs that the program chose, by path; empty outside of a review.

        At the paths of ignored changes, they are those that a later replacement has.
        """
        self.outputs: Json = {}
        """The outputs that a component registers; in a review, with marks as in `marked`."""
        self.unignored: Unignored | None = None
        """The inputs without ignored changes, or None if the program ignores none."""
        self.mark_secrets: Callable[[str], str] = str
        """Function that masks the real secrets in a text of the values, with marks."""
        self.parent = str(state.get("parent") or "")
        # The engine refers to a provider by its URN and its ID.
        self.provider = str(state.get("provider") or "").rpartition("::")[0]
        self.options: Json = _shown({name: state[name] for name in OPTIONS if _is_set(state.get(name), name)})
        if self.provider:
            self.options[PROVIDER] = self.provider.split("::", 2)[-1]
        self.option_settings: dict[str, list[str]] = {}
        """The keys of the secret settings whose values are in an option, by its name."""
        self.rename = Rename()
        """The difference to the name and the parent in the base, which an alias connects."""
        self.dependencies: list[str] = sorted(state.get("dependencies") or ())
        self.property_dependencies: Mapping[str, list[str]] = state.get("propertyDependencies") or {}
        self.locations = [*_locations(state, tree)] if tree else []

    @property
    def replaced_with(self) -> list[str]:
        """The URNs of the resources whose replacement replaces this one, as its option says."""
        return [*map(str, self.state.get(REPLACED_WITH) or ())]

    @property
    def deleted_with(self) -> str:
        """The URN of the resource whose deletion deletes the object of this one, or an empty string."""
        return str(self.state.get(DELETED_WITH) or "")

    @property
    def sources(self) -> set[str]:
        """The URNs of all resources on which this one depends, other than its parent.

        A registration has the sources of its inputs twice, but need not (pulumi/pulumi,
        pkg/resource/state.go: GetAllDependencies).
        """
        by_input = chain.from_iterable(self.property_dependencies.values())
        options = *self.replaced_with, self.deleted_with, self.provider
        return {*self.dependencies, *by_input, *options} - {""}

    @property
    def entry(self) -> dict[str, Any]:
        """The fields of a report's entry about the resource."""
        return {
            "type": self.type,
            "name": self.name,
            "key": self.key[1],
            "parents": self.parents,
            "is_component": self.is_component,
            "locations": self.locations,
        }

    @property
    def package(self) -> str:
        """The package of the type: `aws` for `aws:s3/bucket:Bucket`."""
        return self.type.partition(":")[0]

    @property
    def declared(self) -> Json:
        """The inputs as the program declares them, with NULL for each null."""
        return mark_nulls(with_nulls(self.inputs, self._declared))

    @property
    def declared_with_marks(self) -> Json:
        """The inputs as the program declares them, with a mark at each mask, by which secrets differ."""
        return mark_nulls(with_nulls(self.marked, self._declared))

    @property
    def texts(self) -> Iterator[tuple[str, str]]:
        """The path and the value of the ID and of every string in the outputs that is shown and known."""
        yield "id", str(self.state.get("id") or "")
        outputs = _texts("outputs", _shown(self.state.get("outputs") or {}))
        yield from ((path, text) for path, text in outputs if text not in (MASK, LATER))

    def hide_literals(self, text: str) -> str:
        """Return a text with a mask in place of the secret texts that the program chose."""
        texts = [value for value in self.literals.values() if isinstance(value, str)]
        return build_mask(texts)(text) if texts else text

    def match_strength(self, value: str) -> int:
        """Return ID_MATCH if a value contains the ID or ARN, else OUTPUT_MATCH if it equals an output."""
        outputs: Json = self.state.get("outputs") or {}
        for identifier in (self.state.get("id"), outputs.get("arn")):
            if identifier and str(identifier) in value:
                return ID_MATCH
        is_output = len(value) > 3 and json.dumps(value) in json.dumps(outputs)
        return OUTPUT_MATCH if is_output else NO_MATCH


def _is_set(value: Any, option: str) -> bool:
    """Return True if a program sets an option. A trigger may be any value other than null."""
    return value is not None if option == TRIGGER else bool(value)


def _shown(value: Any) -> Any:
    """Return a value as a report shows it. In a plan, a secret is a text that equals the mask."""
    return masked(value, lambda text: text if text == MASK else mark_own(text))


def _texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the path and the value of every string in a value."""
    if isinstance(value, str):
        yield path, value
    elif is_map(value):
        for key, member in value.items():
            yield from _texts(path_of(path, key), member)
    elif is_list(value):
        for index, item in enumerate(value):
            yield from _texts(f"{path}[{index}]", item)


def _locations(state: Json, tree: Path) -> Iterator[SourceLocation]:
    """Yield the line that declares a resource and the line in `__main__`, from the engine's stack trace."""
    frames: list[tuple[str, int]] = []
    for frame in state.get("stackTrace") or ():
        path, _, line_and_column = (frame.get("sourcePosition") or "").rpartition("#")
        path, line = unquote(path).removeprefix("project://"), line_and_column.partition(",")[0]
        if (file := _file_in_tree(path, tree)) and _is_line(line, file, tree):
            frames.append((file, int(line)))
    if not frames:
        return
    innermost, *others = frames
    yield SourceLocation(*innermost, DECLARES)
    main_frames = [frame for frame in others if frame[0].endswith("__main__.py") and frame != innermost]
    if main_frames:
        yield SourceLocation(*main_frames[-1], COMPOSES)


@cache
def _file_in_tree(path: str, tree: Path) -> str:
    """Return the file in the tree to which a path belongs, or an empty string if the tree has no such file.

    Paths are relative to the folder in which the engine ran, so the longest ending of the path that names a
    file of the tree is returned.
    """
    parts = [part for part in path.split("/") if part not in ("", "..")]
    if "site-packages" in parts or "sandbox" in parts:
        return ""
    for start in range(len(parts)):
        ending = "/".join(parts[start:])
        with suppress(OSError):  # A program may send a name that is too long.
            if (tree / ending).is_file():
                return ending
    return ""


def _is_line(number: str, file: str, tree: Path) -> bool:
    """Return True if the text is the number of a line of a file."""
    return LINE_NUMBER.fullmatch(number) is not None and int(number) <= _count_lines(file, tree)


@cache
def _count_lines(file: str, tree: Path) -> int:
    return len(read_text(tree / file, follow_links=True).splitlines())
