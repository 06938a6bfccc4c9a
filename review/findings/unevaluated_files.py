"""Findings about parts of project files that a deployment reads and the review does not evaluate."""

import codecs
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path

import yaml

from review.findings.guard_findings import weakened
from review.guard import PACK
from review.jail.regular_files import link_target
from review.model import Finding, quote_name
from review.programs.encodings import (
    IGNORABLE,
    INDENTED_FORM_FEED,
    LONE_BACKSLASH,
    LONE_RETURN,
    PRESENTATION,
    find_line,
    find_names,
    find_unseen,
    find_unseen_in_module,
    find_unseen_in_script,
    is_text,
    is_utf8,
)
from review.programs.file_states import find_differing
from sandbox.errors import CommandError
from sandbox.workspace import yaml_tree
from sandbox.workspace.canonical_lines import line_objection
from sandbox.workspace.stack_files import SCHEMA, secret_settings, setting_name
from sandbox.workspace.stacks import projects

OTHER_PROJECT_FILES = ("Pulumi.json", "Pulumi.yml")
"""Names of project files that the engine may read instead of Pulumi.yaml; it prefers Pulumi.json
(pulumi/pulumi, sdk/go/common/encoding/marshal.go: Exts; workspace/paths.go: findProjectInDir).
"""

PROJECT_FILES = ("Pulumi.yaml", *OTHER_PROJECT_FILES)
"""Names of all project files. The review evaluates the projects at the top of a tree and directly below it,
if they have a stack file beside Pulumi.yaml.
"""

WITHOUT_PROJECTS = ("docs", "tests")
"""Folders at the top of a tree whose projects are examples."""

PROJECT_KEYS = frozenset({"name", "description", "config"})
"""Keys of Pulumi.yaml that the review evaluates. For every `runtime`, it evaluates `__main__.py` with its own
packages, and the copy that it evaluates lacks the other keys (sandbox/workspace/stack_files.py: COPIED).
"""

STACK_KEYS = frozenset({"config"})
"""Keys of a stack file that the review evaluates. Others name a source of further settings (`environment`) or
the key of the secrets.
"""

OF_THE_ENGINE = "pulumi:"
"""Start of the settings of the engine, such as `pulumi:autonaming`, which names the resources without a name
(https://www.pulumi.com/docs/iac/concepts/resources/names/#configuring-auto-naming). The simulated providers
ignore them.
"""

PACK_FILE = Path("policies/PulumiPolicy.yaml")
"""File of the policy pack. Each change of it counts, since no command shows what the engine reads there."""

LOCK_FILES = ("uv.lock", "poetry.lock")
"""Names for whose presence in a folder of the program, or above, the engine takes another package manager if
no `toolchain` is set (pulumi/pulumi v3.259.0, sdk/python/toolchain/toolchain.go: ResolveToolchain). That one
installs what the folder's pyproject.toml demands before it runs the program or the policy pack.
"""

REQUIREMENTS = "requirements.txt"
"""Name of the file in the folder of a project or of the policy pack whose packages the engine installs if the
virtual environment is missing (pulumi/pulumi, sdk/python/toolchain/pip.go: EnsureVenv, InstallDependencies).
"""

ENVIRONMENT = ".venv"
"""Name of the folder of a virtual environment, whose Python `make` and the scripts run."""

COMPILED = (".pyc", ".so", ".pyd", ".dylib")
"""Endings of compiled modules, which Python takes in place of their source (importlib.machinery.FileFinder;
PEP 552: unchecked hash). The review sees no effect of those for another processor or version of Python.
"""

ATTRIBUTES = ".gitattributes"
"""Name of the files with which git changes the content of others in a checkout (gitattributes(5))."""

OF_FILES = {
    ATTRIBUTES: "this file, which may change files in a checkout",
    **dict.fromkeys(COMPILED, "this compiled module, which may take the place of its source"),
}
"""What the lower-case names and endings of files say about a change of the file, also about its removal."""

HEAD_OF_REPOSITORY = "head"
"""Lower-case name of a file that each Git repository has. Git takes every folder with HEAD, objects/ and
refs/ for one (git/git, setup.c: is_git_directory). Then its file `config` may name programs for git to run.
"""

NOT_UTF_8 = "whose encoding is not UTF-8", "save it as UTF-8"
"""The fault of a module in another encoding, and its remedy."""

FAULTS = {
    LONE_RETURN: (
        "which has a carriage return without a line feed in line {}",
        "put a line feed in its place",
    ),
    INDENTED_FORM_FEED: ("where line {} starts with white space and a form feed", "remove the form feed"),
    LONE_BACKSLASH: ("where line {} has only a backslash", "join it with the next line"),
}
"""Patterns of faults in the text of a module, each with the fault and its remedy. The words are true in a
string, too.
"""

TOO_DEEP = "whose names, or those of its base, no review can read", "write shorter expressions"
"""The fault of a module with code in so many levels that Python may parse it only where it runs it."""

WITH_UNSEEN = "which has an invisible character {}", "write it as an escape, or remove it"
"""The fault of a text with an invisible character, and its remedy."""

NEW_FAULTS: dict[Callable[[bytes], Mapping[str, str]], tuple[str, str]] = {
    find_unseen: WITH_UNSEEN,
    find_unseen_in_module: WITH_UNSEEN,
    find_unseen_in_script: WITH_UNSEEN,
    find_names: ("which has a name that is not ASCII {}", "rename it"),
}
"""Functions that find such faults, which count if the base's module lacks them."""

OF_YAML = ".yaml", ".yml"
"""Lower-case endings of YAML, which may begin with a byte order mark."""

SCRIPTS = ("gnumakefile", "makefile", ".mk", ".sh", ".bash", *OF_YAML)
"""Lower-case names and endings of other files with commands. A file that begins with `#!` is one, too.

Invisible characters count in these also if some bytes are no text.
"""


def find_unevaluated(stacks: Sequence[str], base: Path, head: Path) -> Iterator[Finding]:
    """Yield a finding for each change of the head's project files that the review does not evaluate."""
    of_trees = [projects(tree) for tree in (base, head)]
    folders = [
        {project.relative_to(tree) for project in of_tree.values()}
        for tree, of_tree in zip((base, head), of_trees, strict=True)
    ]
    stack_files = {
        f"{Path(stack).parent / f'Pulumi.{Path(stack).name}.yaml'}".casefold() for stack in chain(*of_trees)
    }
    for folder in sorted(folders[0] | folders[1]):
        own = [name for name in stacks if f"{folder}" == (name.rpartition("/")[0] or ".")] or stacks
        for path in sorted((head / folder).glob("*")):
            file = folder / path.name
            if _is_one_of(OTHER_PROJECT_FILES, path) and _content(path) not in (None, _content(base / file)):
                yield from _findings(own, file, "this file, which may take the place of Pulumi.yaml")
            is_stack_file = fnmatchcase(path.name.casefold(), "pulumi.*.yaml")
            if (
                is_stack_file
                and f"{file}".casefold() not in stack_files
                and _content(path) not in (None, _content(base / file))
            ):
                part = "this file, which is the one of a stack if a file system ignores case"
                yield from _findings(own, file, part)
        yield from _changed_keys(own, folder / "Pulumi.yaml", PROJECT_KEYS, base, head)
    for stack in sorted(of_trees[0].keys() | of_trees[1].keys()):
        folder, _, label = stack.rpartition("/")
        own = [stack] if stack in stacks else stacks
        file = Path(folder, f"Pulumi.{label}.yaml")
        yield from _changed_keys(own, file, STACK_KEYS, base, head)
        yield from _changed_form(own, file, base, head)
    if _content(base / PACK_FILE) != _content(head / PACK_FILE):
        yield from _findings(stacks, PACK_FILE, "this file, which says how the engine runs the policies")
    for path in sorted(base.rglob("*")):
        part = _part_of(path)
        file = path.relative_to(base)
        # Without a file in this folder, Python takes the module's source, which the review evaluates.
        is_cache = path.parent.name == "__pycache__"
        if part and not is_cache and not path.is_dir() and not os.path.lexists(head / file):
            yield from _findings(stacks, file, part)
    paths = sorted(head.rglob("*"))
    installing = folders[1] | {PACK}
    for path in paths:
        part = _part_of(path)
        file = path.relative_to(head)
        if path.is_symlink() and _link(path) != _link(base / file):
            message = (
                f"the pull request makes this path a link to {link_target(path)!r}; whatever reads or writes "
                "this path reads or writes the link's target, and the review does not evaluate this"
            )
            yield from (weakened(stack, f"{file}", message) for stack in stacks)
            continue
        is_project = _is_one_of(PROJECT_FILES, path) and file.parent not in folders[0] | folders[1]
        if is_project and file.parts[0] not in WITHOUT_PROJECTS:
            part = "this file of a project of which the review knows no stack"
        is_outside = file.parts[0] in WITHOUT_PROJECTS or os.path.lexists(base / file)
        locks = (*LOCK_FILES, REQUIREMENTS) if file.parent in installing else LOCK_FILES
        if _is_one_of(locks, path) and not is_outside:
            yield from _findings(stacks, file, "this file, with which the engine may install other packages")
        elif _is_one_of([ENVIRONMENT], path) and not is_outside:
            yield from _findings(
                stacks, file, "this virtual environment, whose programs a deployment may run"
            )
        elif part and not path.is_dir() and _content(path) != _content(base / file):
            yield from _findings(stacks, file, part)
    yield from _misleading_names(stacks, base, head, paths)
    yield from _misleading_texts(stacks, base, head)


def _part_of(path: Path) -> str | None:
    """Return the text of OF_FILES for a file."""
    return OF_FILES.get(path.name.casefold()) or OF_FILES.get(path.suffix.casefold())


def _misleading_names(
    stacks: Sequence[str], base: Path, head: Path, paths: Iterable[Path]
) -> Iterator[Finding]:
    """Yield a finding for each of the head's files whose name git or a file system may take for another.

    A link has a finding of its own.
    """
    similar = _similar(path.relative_to(head) for path in paths)
    for path in paths:
        file = path.relative_to(head)
        verb = "changes" if os.path.lexists(base / file) else "adds"
        fault = _fault_of_name(file, similar) if verb == "adds" else ""
        if file.name.casefold() == HEAD_OF_REPOSITORY and _content(path) != _content(base / file):
            fault = "which makes git take its folder for a repository if objects/ and refs/ are beside it"
        if fault and not path.is_dir() and not path.is_symlink():
            message = f"the pull request {verb} this file, {fault}; rename it"
            yield from (weakened(stack, f"{file}", message) for stack in stacks)


def _misleading_texts(stacks: Sequence[str], base: Path, head: Path) -> Iterator[Finding]:
    """Yield a finding for each changed text of the head that is read in another way than it is shown.

    Tests and checks run the commands of documents and read files of any ending, so each text counts.
    """
    for file in sorted(find_differing(base, head)):
        content = _content(head / file) or b""
        is_module = file.suffix.casefold() == ".py"
        is_script = _is_one_of(SCRIPTS, file) or file.suffix.casefold() in SCRIPTS
        is_script = is_script or content.startswith((b"#!", codecs.BOM_UTF8 + b"#!"))
        if not (is_module or is_script or is_text(content)):
            continue
        before = _content(base / file) or b""
        if file.suffix.casefold() in OF_YAML:
            content, before = (side.removeprefix(codecs.BOM_UTF8) for side in (content, before))
        find = find_unseen_in_script if is_script else find_unseen
        faults = _faults(content, before) if is_module else _new_faults(find, content, before)
        kind, reader = ("module", "Python") if is_module else ("file", "a command")
        for fault, remedy in faults:
            message = (
                f"the pull request changes this {kind}, {fault}; {reader} may read it differently from what "
                f"editors and GitHub show; {remedy}"
            )
            yield from (weakened(stack, f"{file}", message) for stack in stacks)


def _faults(content: bytes, before: bytes) -> Iterator[tuple[str, str]]:
    """Yield the faults in the content of a module that had another one before, each with its remedy."""
    if not is_utf8(content):
        yield NOT_UTF_8
        return
    for pattern, (fault, remedy) in FAULTS.items():
        if line := find_line(pattern, content):
            yield fault.format(line), remedy
    # A lone carriage return is a fault of its own in a module.
    yield from _new_faults(find_unseen_in_module, content.replace(b"\r", b""), before.replace(b"\r", b""))
    try:
        yield from _new_faults(find_names, content, before)
    except (MemoryError, RecursionError):
        yield TOO_DEEP


def _new_faults(
    find: Callable[[bytes], Mapping[str, str]], content: bytes, before: bytes
) -> Iterator[tuple[str, str]]:
    """Yield the first of the faults that a function finds, and that the content before lacks."""
    fault, remedy = NEW_FAULTS[find]
    known = find(before)
    if places := [place for text, place in find(content).items() if text not in known]:
        yield fault.format(places[0]), remedy


def _is_one_of(names: Iterable[str], path: Path) -> bool:
    """Return True if a file has one of these names, or has one where the file system ignores case."""
    return path.name.casefold() in map(str.casefold, names)


def _fault_of_name(file: Path, similar: Mapping[Path, Path]) -> str:
    """Return what a file system may ignore in the path of a new file; empty if there is nothing."""
    for path in (file, *file.parents):
        if path in similar:
            subject = "whose path" if path == file else f"whose folder {quote_name(f'{path}')}"
            other = quote_name(f"{similar[path]}")
            return (
                f"{subject} differs from {other} only in case, in the form of a letter (NFC, NFD) or "
                "in invisible characters, so a checkout may have only one of the two"
            )
    if unseen := IGNORABLE.search(PRESENTATION.sub("", f"{file}")):
        return f"whose path has an invisible character (U+{ord(unseen[0]):04X}) that a file system may ignore"
    return ""


def _similar(paths: Iterable[Path]) -> dict[Path, Path]:
    """Return the paths that differ from another one only in what a file system may ignore, with that one.

    That is case, the form of a letter (NFC, NFD) and, on HFS+ and in folders of Linux that ignore case,
    invisible characters. A checkout there has only one of the files.
    """
    groups: dict[str, set[Path]] = {}
    for path in paths:
        name = IGNORABLE.sub("", f"{path}").casefold()
        groups.setdefault(unicodedata.normalize("NFC", name), set()).add(path)
    return {path: min(group - {path}) for group in groups.values() if len(group) > 1 for path in group}


def find_omitted(stacks: Sequence[str], files: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each changed file that the review omits; its name is quoted already.

    A checkout has these files, so a deployment can read them, for example a link as Pulumi.json.
    """
    message = "the pull request changes this file; a deployment may read it, and the review omits it"
    for file in files:
        for stack in stacks:
            yield weakened(stack, file, message, shown=file)


def find_new_secrets(stacks: Sequence[str], base: Path, head: Path) -> Iterator[Finding]:
    """Yield a finding for each setting that the schema of the head declares as a secret, and not the base's.

    A review may invent a value for a secret of the base's schema that a stack file lacks, and a program could
    behave well only if the setting has a value.
    """
    if _content(head / SCHEMA) in (None, _content(base / SCHEMA)):
        return
    try:
        names = sorted(secret_settings(head) - secret_settings(base))
        changes = [f"makes {name} a secret setting; later reviews may invent its value" for name in names]
    except CommandError as error:
        changes = [f"leaves no schema that a review can read: {error}"]
    for change in changes:
        for stack in stacks:
            yield weakened(stack, f"{SCHEMA}", f"the pull request {change}")


def _changed_keys(
    stacks: Sequence[str], file: Path, evaluated: frozenset[str], base: Path, head: Path
) -> Iterator[Finding]:
    if _content(base / file) == _content(head / file):
        return
    before, after = _values(base / file), _values(head / file)
    for key in sorted(before.keys() | after.keys()):
        if key not in evaluated and before.get(key) != after.get(key):
            quoted = ":".join(map(quote_name, key.split(":")))
            yield from _findings(stacks, file, f"`{quoted}`")


def _changed_form(stacks: Sequence[str], file: Path, base: Path, head: Path) -> Iterator[Finding]:
    """Yield findings if a stack file is no longer canonical: the report compares values, not lines.

    A file that cannot be read has a finding of its own (does-not-evaluate).
    """
    before, after = _content(base / file), _content(head / file)
    if after in (None, before) or line_objection((before or b"").decode(errors="replace")):
        return
    try:
        yaml_tree.read(head / file)
    except CommandError:
        return
    if reason := line_objection(after.decode(errors="replace")):
        yield from _findings(stacks, file, f"the form of this file, whose lines commands replace ({reason})")


def _findings(stacks: Sequence[str], file: Path, part: str) -> Iterator[Finding]:
    message = f"the pull request changes {part}; a deployment reads it, and the review does not evaluate it"
    for stack in stacks:
        yield weakened(stack, f"{file}", message)


def _values(file: Path) -> Mapping[str, str]:
    """Return each top-level value of a YAML file as YAML, and each setting of the engine.

    The result is empty for a file that no one can evaluate.

    A `config` that is a text has the key of which it is the old form (pulumi/pulumi,
    sdk/go/common/workspace/project.go: RewriteConfigPathIntoStackConfigDir). Which scalars are texts depends
    on the parser, so all but null count.
    """
    with suppress(CommandError, OSError):
        tree = yaml_tree.read(file)
        settings = yaml_tree.members(tree["config"]) if "config" in tree else {}
        project = yaml_tree.read(file.with_name("Pulumi.yaml")).get("name")
        names = {key: setting_name(project.value if project else "", key) for key in settings}
        of_the_engine = {
            names[key]: value for key, value in settings.items() if names[key].startswith(OF_THE_ENGINE)
        }
        return {
            "stackConfigDir" if key == "config" and _is_scalar(node) else key: f"{_text(node)}"
            for key, node in (tree | of_the_engine).items()
        }
    return {}


def _link(path: Path) -> tuple[str, bool] | None:
    """Return the target of a link, and whether it exists; None for anything else."""
    return (link_target(path), path.exists()) if path.is_symlink() else None


def _is_scalar(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag != yaml_tree.NULL


def _text(node: yaml.Node) -> str:
    return yaml.serialize(node)  # pyright: ignore[reportUnknownMemberType]


def _content(file: Path) -> bytes | None:
    """Return the content of a file, or None if there is no such file."""
    with suppress(OSError):
        return file.read_bytes()
    return None
