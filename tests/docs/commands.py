"""The commands that documents name: lines of code blocks, and what a sentence says with its arguments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = r"(?:make|pulumi|kubectl|aws|python|curl|openssl|export|git|npm|docker|vercel|scripts/\w+\.sh)"
LINE = re.compile(rf"(?:[A-Z_]+=\S+ )*{PROGRAM}(?: |$)")
SAID = re.compile(r"`((?:TARGET=sandbox )?(?:kubectl|aws|make|scripts/\w+\.sh) [^`\n]*[^`\s])`")
"""In a sentence. A name alone (`make bench`, `scripts/deploy.sh`) is no command to be run: see `named`."""
TELLS = re.compile(r"/docs/(decisions/|guide-coverage\.md|sandbox\.md|review\.md|policies\.md)")
"""Documents whose sentences tell of commands, and are no steps to be followed."""
NAME = re.compile(r"`(make [a-z-]+|scripts/[\w.]+)`")
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
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
        for line in _lines(file.read_text(), sentences=not TELLS.search(str(file))):
            text = STACK.sub("dev", re.sub(r"\s+#.*", "", line))
            text = re.sub(r"^make sandbox$", "make sandbox STACK=dev", text)
            found.setdefault(text, Command(text, str(file.relative_to(ROOT))))
    return list(found.values())


def named() -> set[str]:
    """Tasks and scripts that a sentence names."""
    return {name for file in documents() for name in NAME.findall(file.read_text())}


def _lines(text: str, *, sentences: bool) -> Iterator[str]:
    prose = FENCE.sub("", text)
    blocks = [found[3] for found in FENCE.finditer(text) if found[2] in ("bash", "sh")]
    # Code that is indented: after an empty line, and also in a list.
    blocks += re.findall(r"(?:^|\n)\n((?: {4,}\S.*\n)+)", prose)
    for block in blocks:
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            if LINE.match(line.strip()):
                yield line.strip()
    if sentences:
        yield from (said for said in SAID.findall(prose) if not re.fullmatch(r"make [a-z-]+", said))
