"""The commands that documents name: lines of code blocks, and what a sentence says with its arguments."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = r"(?:make|pulumi|kubectl|aws|python|curl|openssl|export|gh|git|npm|docker|vercel|scripts/\w+\.sh)"
LINE = re.compile(rf"(?:[A-Z_]+=\S+ )*{PROGRAM}(?: |$)")
SAID = re.compile(r"`((?:TARGET=sandbox )?(?:kubectl|aws|make|scripts/\w+\.sh) [^`\n]*[^`\s])`")
"""In a sentence. A name alone (`make bench`, `scripts/deploy.sh`) is no command to be run: see `named`."""
TELLS = re.compile(r"/docs/(decisions/|guide-coverage\.md|sandbox\.md|review\.md|policies\.md)")
"""Documents whose sentences tell of commands, and are no steps to be followed."""
NAME = re.compile(r"`(make [a-z-]+|scripts/[\w.]+)`")
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"(?:^|\n)\n((?:\n* {4,}\S.*\n)+)")
"""Code that is indented: after an empty line, and also in a list."""
OUTPUT = re.compile(r"\s*(Resources by component|\d+ findings? blocks?:|base to head:|- reason:)")
"""How indented code begins that is no command: what a command prints, or a file's content."""
STACK = re.compile(r"(?<=STACK=)(?:\w+|…)|(?<=--stack )\w+|(?<=\.sh )(?:STACK|dev|stg|prod)\b")
"""Where a command names its stack."""


@dataclass(frozen=True)
class Command:
    """A command line, and the first place that has it."""

    text: str
    """As it is typed, for the stack dev, without remarks."""
    where: str


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands() -> list[Command]:
    """Those of all documents; the same for another stack, or in another language, is the same."""
    found: dict[str, Command] = {}
    for file in documents():
        for line in [*of(file), *_said(file)]:
            text = STACK.sub("dev", re.sub(r"\s+#.*", "", line))
            text = re.sub(r"^make sandbox$", "make sandbox STACK=dev", text)
            found.setdefault(text, Command(text, str(file.relative_to(ROOT))))
    return list(found.values())


def strange() -> list[str]:
    """Lines in code blocks that begin with no program that is known."""
    return [
        f"{file.relative_to(ROOT)}: {line}"
        for file in documents()
        for line in of(file)
        if not LINE.match(line)
    ]


def named() -> set[str]:
    """Tasks and scripts that a sentence names."""
    return {name for file in documents() for name in NAME.findall(file.read_text())}


def of(file: Path) -> list[str]:
    """The commands of a document's code blocks."""
    text = file.read_text()
    blocks = [found[3] for found in FENCE.finditer(text) if found[2] in ("bash", "sh")]
    blocks += [block for block in INDENTED.findall(FENCE.sub("", text)) if not OUTPUT.match(block)]
    lines = [line.strip() for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _said(file: Path) -> list[str]:
    """The commands of its sentences."""
    if TELLS.search(str(file)):
        return []
    said = SAID.findall(FENCE.sub("", file.read_text()))
    return [each for each in said if not re.fullmatch(r"make [a-z-]+", each)]
