"""Commands in documents: lines of code blocks, and commands with arguments in sentences."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = r"(?:make|pulumi|kubectl|aws|python|curl|openssl|export|gh|git|npm|docker|vercel|scripts/\w+\.sh)"
LINE = re.compile(rf"(?:[A-Z_]+=\S+ )*{PROGRAM}(?: |$)")
INLINE = re.compile(r"`((?:TARGET=sandbox )?(?:kubectl|aws|make|scripts/\w+\.sh) [^`\n]*[^`\s])`")
"""Pattern of commands in sentences. A name without arguments (`make bench`, `scripts/deploy.sh`) is not run:
see `named`.
"""
DESCRIPTIVE = re.compile(r"/docs/(decisions/|guide-coverage\.md|sandbox\.md|review\.md|review/|policies\.md)")
"""Pattern of documents whose sentences describe commands instead of steps to follow."""
NAME = re.compile(r"`(make [a-z-]+|scripts/[\w.]+)`")
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"(?:^|\n)\n((?:\n* {4,}\S.*\n)+)")
"""Pattern of indented code after an empty line, also in a list."""
OUTPUT = re.compile(r"\s*(Resources by component|\d+ findings? blocks?:|base to head:|- reason:)")
"""Pattern of the start of indented code without commands: output, or the content of a file."""
STACK = re.compile(r"(?<=STACK=)(?!foundation/)(?:\w+|…)|(?<=--stack )\w+|(?<=\.sh )(?:STACK|dev|stg|prod)\b")
"""Pattern of the stack's name in a command."""


@dataclass(frozen=True)
class Command:
    """Command line, and the first document that contains it."""

    text: str
    """Command as typed for the stack dev, without comments."""
    where: str


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands() -> list[Command]:
    """Return the distinct commands of all documents; stacks and languages make no difference."""
    unique: dict[str, Command] = {}
    for file in documents():
        for line in [*in_blocks(file), *_in_sentences(file)]:
            text = STACK.sub("dev", re.sub(r"\s+#.*", "", line))
            text = re.sub(r"^make sandbox$", "make sandbox STACK=dev", text)
            unique.setdefault(text, Command(text, str(file.relative_to(ROOT))))
    return list(unique.values())


def unknown_programs() -> list[str]:
    """Return the lines of code blocks that start with an unknown program."""
    return [
        f"{file.relative_to(ROOT)}: {line}"
        for file in documents()
        for line in in_blocks(file)
        if not LINE.match(line)
    ]


def named() -> set[str]:
    """Return the names of Makefile targets and scripts in sentences."""
    return {name for file in documents() for name in NAME.findall(file.read_text())}


def in_blocks(file: Path) -> list[str]:
    """Return the commands in a document's code blocks."""
    text = file.read_text()
    blocks = [block[3] for block in FENCE.finditer(text) if block[2] in ("bash", "sh")]
    blocks += [block for block in INDENTED.findall(FENCE.sub("", text)) if not OUTPUT.match(block)]
    lines = [line.strip() for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _in_sentences(file: Path) -> list[str]:
    """Return the commands in a document's sentences."""
    if DESCRIPTIVE.search(str(file)):
        return []
    spans = INLINE.findall(FENCE.sub("", file.read_text()))
    return [span for span in spans if not re.fullmatch(r"make [a-z-]+", span)]
