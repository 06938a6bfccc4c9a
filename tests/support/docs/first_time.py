"""The operations that README's section about the first time names, in its order."""

import re

from tests.support.docs.commands import ROOT

SECTION = re.compile(r"\*\*The first time\*\*, in this order:\n(.*?)\n### ", re.DOTALL)
LINE = re.compile(
    r"^ +(pulumi (?:--cwd (?P<folder>\w+) )?(?P<command>.*))$|Repeat these commands for (?P<more>[^.]+)\.",
    re.M,
)
SELECTION = re.compile(r"stack (?:init|select) (\w+)$")
OPERATION = re.compile(r"(preview|up)\b")


def operations() -> list[tuple[str, str]]:
    """Return each operation with the name of its stack: `[("foundation/shared", "up"), …, ("dev", "up")]`.

    `pulumi stack init` or `select` names the stack of the next operations. After `Repeat these commands for`,
    the same operations follow for the stacks in backquotes.
    """
    section = SECTION.search((ROOT / "README.md").read_text())
    assert section, "README has no section about the first time"
    result: list[tuple[str, str]] = []
    stack, prefix, group = "", "", list[str]()
    for line in LINE.finditer(section[1]):
        if line["more"]:
            for name in re.findall(r"`(\w+)`", line["more"]):
                result += [(f"{prefix}{name}", operation) for operation in group]
        elif selection := SELECTION.match(line["command"]):
            prefix, group = f"{line['folder']}/" if line["folder"] else "", []
            stack = f"{prefix}{selection[1]}"
        elif operation := OPERATION.match(line["command"]):
            group.append(operation[1])
            result.append((stack, operation[1]))
    return result
