"""Proof that a difference between two trees cannot reach a program, by the names that its code uses."""

import ast
import re
import sys
from collections.abc import Iterator, Set
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, PathFinder
from pathlib import Path

from review.programs.file_states import find_differing, folders_differ, read_state
from review.programs.imports import CODE, parse, program_files

LAZY_SDK = Path("lazy_sdk.py")
"""Module at the top of a tree that loads packages in a computed way. It loads nothing of the tree, but only
the review's own copy is known to be so.
"""

OWN_TREE = Path(__file__).parents[2]
"""Folder with the review's own code."""


def _names(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


KNOWN_PACKAGES = _names(
    "__future__ abc base64 bisect collections contextlib copy dataclasses datetime decimal difflib enum",
    "fractions functools hashlib hmac ipaddress itertools json math re shlex textwrap types typing uuid",
    "annotated_types pulumi pulumi_aws pulumi_cloudflare pulumi_datadog pydantic pydantic_core",
    "typing_extensions yaml",
)
"""Packages whose own names, except for POWERS, neither read a file nor import a module that a text names."""

POWERS = _names(
    # Modules that these packages import, too, so that one is an attribute of the other.
    "builtins codecs ctypes gc glob importlib inspect io linecache marshal mmap ntpath os pathlib pickle",
    "pkgutil posix posixpath runpy shutil subprocess sys tempfile tokenize warnings weakref zipfile",
    "zipimport",
    # Functions and classes that run a text, return whatever a text names, or read files.
    "attrgetter breakpoint create_model delattr dir eval evaluate_forward_ref exec get_annotations",
    "get_type_hints getattr_static globals input lazy_import load_module locals methodcaller open setattr",
    "validate_call vars CodeType DirectoryPath FilePath ForwardRef FunctionType ImportString ModuleType",
    "NewPath Path PosixPath PurePath TypeAdapter",
    # Frames, which have the names of other modules.
    "ag_frame cr_frame f_back f_builtins f_globals f_locals gi_frame tb_frame",
    # YAML that names Python's functions.
    "CFullLoader CLoader CUnsafeLoader Constructor FullConstructor FullLoader Loader UnsafeConstructor",
    "UnsafeLoader full_load full_load_all unsafe_load unsafe_load_all",
    # Parts of Pulumi's SDK that read files, run programs, or read the outputs of another stack.
    "FileArchive FileAsset RemoteArchive RemoteAsset StackReference automation dynamic experimental",
    "provider_server",
    # Parts of pydantic that read files, or the modules and types that a text names.
    "deprecated getattr_migration import_string mypy parse_file parse_file_as v1",
    # Inner parts of these packages.
    "_eval_type _internal _migration _types _utilities _utils",
    # The class in the module of the same name can read further files.
    "shlex",
)
"""Names with which a program can read a file, or import a module, that its import statements do not name."""

SPECIAL_NAMES = _names(
    "__all__ __call__ __class__ __contains__ __doc__ __enter__ __eq__ __exit__ __ge__ __getitem__ __gt__",
    "__hash__ __init__ __iter__ __le__ __len__ __lt__ __name__ __ne__ __post_init__ __repr__ __str__",
)
"""Names with two underscores that lead neither to a module nor to the names in one."""

SEARCH_TOP = "sys.path.insert(0, str(Path(__file__).parents[1]))"
"""Statement with which a program in a folder of the tree also searches the tree's top folder."""

WORD = re.compile(r"[^\W\d]\w*")

COMPILED = (*EXTENSION_SUFFIXES, *BYTECODE_SUFFIXES)
"""Endings of compiled modules."""

METADATA = (".dist-info", ".egg-info")
"""Ends of the names of folders with the metadata of packages."""

Projects = tuple[Path | None, Path | None]


def may_differ(projects: Projects, trees: tuple[Path, Path]) -> bool:
    """Return False only if no difference between base and head can reach the program of a project.

    The program of the base decides what it reads: if the files with its code are the same in the head, then
    so is what they read. A program whose code could read any file differs if any file does.
    """
    base, head = projects
    if base is None or head is None:
        return True
    differing = find_differing(*trees)
    if not differing:
        return False
    if base == trees[0] or folders_differ(base, head):
        return True
    files = program_files(trees[0], base)
    if any(read_state(trees[0] / file) != read_state(trees[1] / file) for file in files):
        return True
    # A program can list the data beside its modules, also what is new in the head.
    modules = (file for file in files if file.suffix == ".py" and (trees[0] / file).is_file())
    folders = {module.parent for module in modules} - {Path()}
    return any(
        _may_hide_a_module(file, trees[0])
        or (file.suffix not in CODE and not folders.isdisjoint(file.parents))
        for file in differing
    ) or reads_any_file(trees[0], base, files)


def reads_any_file(tree: Path, project: Path, files: Set[Path]) -> bool:
    """Return True unless the code among a program's files reads only the modules that it imports."""
    names = {path.name.partition(".")[0] for folder in {tree, project} for path in folder.iterdir()}
    packages = KNOWN_PACKAGES | {name for name in names if not is_known(name)}
    code = (tree / file for file in files if file.suffix in CODE)
    return any(_has_power(file, tree, project, packages) for file in code if file.is_file())


def is_known(name: str) -> bool:
    """Return True for the name of a module of Python or of an installed package."""
    packages = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    return name in sys.stdlib_module_names or PathFinder.find_spec(name, packages) is not None


def _may_hide_a_module(path: Path, base: Path) -> bool:
    """Return True for a file that Python or an installed package may import in place of a module.

    Both may look for a module that does not exist, so each module at the top counts, and each new folder. A
    compiled module may replace any source. Metadata names modules that packages import.
    """
    top = path.parts[0]
    if path.name.endswith(COMPILED) or top.lower().endswith(METADATA):
        return True
    if len(path.parts) == 1:
        return path.suffix == ".py" and path.name != "__main__.py"
    return top.isidentifier() and (not (base / top).exists() or is_known(top))


def _has_power(file: Path, tree: Path, project: Path, packages: Set[str]) -> bool:
    """Return True if the code in a file could read any file of a tree, or cannot be read itself."""
    path = file.relative_to(tree)
    if path == LAZY_SDK and read_state(file) == read_state(OWN_TREE / LAZY_SDK):
        return False
    module = parse(file)
    if module is None:
        return True
    if path == project.relative_to(tree) / "__main__.py" and len(path.parts) == 2:
        module.body = [node for node in module.body if ast.unparse(node) != SEARCH_TOP]
    return any(_is_power(node, packages) for node in _walk(module))


def _walk(module: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a syntax tree that a program may evaluate to a value with power.

    A plain type of a function's argument or result does not count, and neither does the name `getattr` in a
    call with the name of an attribute.
    """
    pending = [module]
    while pending:
        node = pending.pop()
        yield node
        without: ast.AST | None = None
        match node:
            case (
                ast.arg(annotation=annotation)
                | ast.FunctionDef(returns=annotation)
                | ast.AsyncFunctionDef(returns=annotation)
            ) if annotation and _is_plain_type(annotation):
                without = annotation
            case ast.Call(func=ast.Name(id="getattr") as function, args=[_, ast.Constant(value=str()), *_]):
                without = function
            case _:
                pass
        pending += [child for child in ast.iter_child_nodes(node) if child is not without]


def _is_plain_type(annotation: ast.AST) -> bool:
    """Return True for names and `|`: no code of the program gets these values."""
    plain = (ast.Name, ast.Constant, ast.BinOp, ast.BitOr, ast.Load)
    return all(isinstance(node, plain) for node in ast.walk(annotation))


def _is_power(node: ast.AST, packages: Set[str]) -> bool:
    """Return True for a name in POWERS, and for other code that may reach what it does not name.

    `packages` has the names of the modules that may be imported. An import of `sys` or `Path` is no power as
    long as nothing uses the name.
    """
    match node:
        case ast.Import(names=[ast.alias(name="sys", asname=None)]):
            return False
        case ast.ImportFrom(module="pathlib", names=[ast.alias(name="Path", asname=None)], level=0):
            return False
        case ast.Import(names=names):
            return not all(_is_harmless_import(alias.name, packages) for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            members = [alias.name for alias in names]
            is_harmless = level or _is_harmless_import(f"{module}", packages)
            return not is_harmless or "*" in members or any(map(_is_power_name, members))
        case ast.Name(id=name):
            return name in ("compile", "getattr") or (name != "shlex" and _is_power_name(name))
        case (
            ast.Attribute(attr=name)
            | ast.ClassDef(name=name)
            | ast.FunctionDef(name=name)
            | ast.AsyncFunctionDef(name=name)
        ):
            return _is_power_name(name)
        case ast.MatchClass(kwd_attrs=names):
            return any(map(_is_power_name, names))
        case ast.Constant(value=str(text)):
            return _is_code_with_power(text, packages)
        case _:
            return False


def _is_harmless_import(name: str, packages: Set[str]) -> bool:
    first, *others = name.split(".")
    return first in packages and not any(map(_is_power_name, others))


def _is_power_name(name: str) -> bool:
    if name.startswith("__") and name.endswith("__"):
        return name not in SPECIAL_NAMES
    return name in POWERS or name.lstrip("_") in POWERS


def _is_code_with_power(text: str, packages: Set[str]) -> bool:
    """Return True for a text that has power as an expression: the name of an attribute, or a type in quotes.

    A text with `/` or `-` and without a call is neither, but a label such as `kubernetes.io/name`.
    """
    if ("(" not in text and re.search("[/-]", text)) or not any(map(_is_power_name, WORD.findall(text))):
        return False
    try:
        return any(_is_power(node, packages) for node in _walk(ast.parse(text.strip(), mode="eval")))
    except (MemoryError, RecursionError, SyntaxError, ValueError):
        return False
