"""Checks of the style rules that no published linter covers: `python -m tools.check_style [PATH…]`.

docs/contributing/style.md explains the rules. Exit codes: 0 without offences, 1 with offences, 2 for wrong
arguments.
"""

import argparse
import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LINE_LENGTH = 110
"""Largest number of characters in a line of code or data; the formatter does not check data files."""

UNBREAKABLE = re.compile(r"\s*([\w:]+: )?[^\s\"']+")
"""Pattern of a line with a single value that contains no space, such as an ARN or an image reference."""

MODULES = 15
"""Largest number of Python modules side by side in a folder."""

EXEMPT = re.compile(r"schemas/.*|.*/package-lock\.json|tests/support/sandbox/clouds/aws_sequences\.toml")
"""Pattern of paths without a line limit: generated files, and a table with one request in each line."""

FORMATTED_BY_HAND = "__main__.py"
"""The only file in which the formatter may be switched off: the program that composes the components."""

PROSE = (".md", ".sum", ".pem", ".svg", ".txt", ".png", ".lock")
"""File name extensions without a line limit: editors wrap prose, and tools generate lock files."""

QUESTION = re.compile(
    r"(what|how|whether|who|whose|where|when|why|which|that|all|those|whatever|nothing|whoever|so)\b",
    re.IGNORECASE,
)
"""Pattern of the words with which a docstring must not begin; it must begin with a verb or a noun."""

NAMES = frozenset({"found", "said", "made", "told", "given", "asked", "words", "each", "one"})
"""Names that a variable must not have, since participles and pronouns do not describe a value."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Offence:
    """A line that breaks a rule."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def python_offences(file: str, source: str) -> Iterator[Offence]:
    """Yield an offence for each forbidden opening of a docstring, variable name and formatter directive."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function | ast.ClassDef | ast.Module):
            docstring = ast.get_docstring(node)
            if docstring and QUESTION.match(docstring):
                line = getattr(node, "lineno", 1)
                first = docstring.splitlines()[0]
                yield Offence(file, line, f"the docstring does not open with a verb or a noun: {first!r}")
        for name, line in _bound_names(node):
            if name in NAMES:
                yield Offence(
                    file, line, f"the variable {name!r} has a name that does not describe its value"
                )
    for number, line in enumerate(source.splitlines(), 1):
        directive = re.search(r"#\s*fmt:\s*(skip|off)", line)
        if directive and not (directive[1] == "off" and file == FORMATTED_BY_HAND):
            yield Offence(
                file, number, f"`fmt: {directive[1]}` is not allowed; the formatter decides the layout"
            )


def line_offences(file: str, text: str) -> Iterator[Offence]:
    """Yield an offence for each line that is longer than LINE_LENGTH and could be broken."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LINE_LENGTH and not UNBREAKABLE.fullmatch(line):
            yield Offence(file, number, f"{len(line)} characters; at most {LINE_LENGTH} are allowed")


def folder_offences(files: Iterable[str]) -> Iterator[Offence]:
    """Yield an offence for each folder in which more than MODULES of the files are Python modules."""
    modules = Counter(Path(file).parent.as_posix() for file in files if file.endswith(".py"))
    for folder, count in modules.items():
        if count > MODULES:
            yield Offence(folder, 1, f"{count} modules side by side; at most {MODULES} are allowed")


def _bound_names(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id, node.lineno
    elif isinstance(node, ast.arg):
        yield node.arg, node.lineno
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute):
        yield node.target.attr, node.lineno


def offences(files: list[str]) -> list[Offence]:
    """Return the offences in the files and their folders, sorted by file and line.

    Symbolic links, binary files, missing files and files with an extension of PROSE are skipped.
    """
    result = list(folder_offences(file for file in files if Path(file).is_file()))
    for file in files:
        path = Path(file)
        if path.is_symlink() or not path.is_file() or path.suffix in PROSE:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if path.suffix == ".py":
            result += python_offences(file, text)
        if not EXEMPT.fullmatch(file):
            result += line_offences(file, text)
    return sorted(result)


def main(arguments: list[str]) -> int:
    """Check all files below the paths that git does not ignore; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.check_style", description=__doc__)
    parser.add_argument("paths", nargs="*", help="files or folders (default: all that git does not ignore)")
    paths: list[str] = parser.parse_args(arguments).paths
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths],
        capture_output=True,
        text=True,
        check=True,
    )
    broken = offences([file for file in listed.stdout.split("\0") if file])
    for offence in broken:
        print(offence)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
