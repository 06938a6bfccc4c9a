"""Tests of the choice of the stacks whose program is not that of the base."""

from pathlib import Path

import pytest

from review.programs.changed_programs import adds_only_stacks, find_changed_programs

STACK = """\
config:
  a:mode: x
  a:password:
    secure: v1:a:b
  a:note: {secure: b, x: 1}
  a:notes:
    b:
      secure: b
      x: 1
notes: |
  secure: b
encryption:
  secure: b
"""
ALL = {"dev", "prod"}
CHANGES: dict[str, tuple[dict[str, str], set[str]]] = {
    "nothing": ({}, set()),
    "a secret": ({"Pulumi.dev.yaml": STACK.replace("v1:a:b", "v1:c:d")}, {"prod"}),
    "a longer secret": ({"Pulumi.dev.yaml": STACK.replace("v1:a:b", "v1:cc:dd")}, {"prod"}),
    "a comment": ({"Pulumi.dev.yaml": f"# a\n{STACK}"}, ALL),
    "a comment beside a secret": ({"Pulumi.dev.yaml": STACK.replace("v1:a:b", "v1:c:d # 1000")}, ALL),
    "a plain setting": ({"Pulumi.dev.yaml": STACK.replace("x", "y")}, ALL),
    "a plain setting that looks like a secret": (
        {"Pulumi.dev.yaml": STACK.replace("x", "|\n    secure: y")},
        ALL,
    ),
    **{
        f"a value outside of the secrets: {text!r}": (
            {"Pulumi.dev.yaml": STACK.replace(text, text.replace(": b", ": c"))},
            ALL,
        )
        for text in ("{secure: b", "      secure: b", "|\n  secure: b", "encryption:\n  secure: b")
    },
    "a secret and line ends": (
        {"Pulumi.dev.yaml": STACK.replace("v1:a:b", "v1:c:d").replace("\n", "\r\n")},
        ALL,
    ),
    "a secret in quotes": ({"Pulumi.dev.yaml": STACK.replace("v1:a:b", '"v1:a:b"')}, ALL),
    "a secret with an anchor": ({"Pulumi.dev.yaml": STACK.replace("v1:a:b", "&a v1:a:b")}, ALL),
    "a secret that is null": ({"Pulumi.dev.yaml": STACK.replace("v1:a:b", "null")}, ALL),
    "a setting's form": ({"Pulumi.dev.yaml": STACK.replace("x", "'x'")}, ALL),
    "a secret and a setting": (
        {"Pulumi.dev.yaml": STACK.replace(": x", ": y").replace("a:b", "c:d")},
        ALL,
    ),
    "two stacks' secrets": (
        {"Pulumi.dev.yaml": STACK.replace("a:b", "c:d"), "Pulumi.prod.yaml": STACK.replace("a:b", "c:d")},
        ALL,
    ),
    "an invalid file": ({"Pulumi.dev.yaml": "config: [\n"}, ALL),
    "a new stack": ({"Pulumi.new.yaml": STACK}, {*ALL, "new"}),
    **{
        file: ({file: "x"}, ALL)
        for file in (
            *("__main__.py", "Pulumi.yaml", "data.txt", "README.md", "LICENSE"),
            *("docs/a.md", "docs/limit.txt", "tests/a.py", "policies/config/new.json", "policies/a.py"),
            "components/Pulumi.data.yaml",
        )
    },
}
"""Changed files, and the stacks whose program may read them."""


@pytest.mark.parametrize("change", CHANGES)
def test_a_program_counts_as_changed_except_for_its_own_secrets(change: str, tmp_path: Path) -> None:
    changed, stacks = CHANGES[change]
    base, head = tmp_path / "base", tmp_path / "head"
    files = {
        "Pulumi.dev.yaml": STACK,
        "Pulumi.prod.yaml": STACK,
        "__main__.py": "import policies.a",
        "README.md": "",
    }
    for tree, content in ((base, files), (head, {**files, **changed})):
        for name, text in content.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
    projects = {name: (base if name in ALL else None, head) for name in {*ALL, *stacks}}
    assert find_changed_programs(projects, (base, head)) == stacks


@pytest.mark.parametrize(
    ("file", "expected"),
    [("Pulumi.new.yaml", True), ("Pulumi.dev.yaml", False), ("docs/a.md", False), ("a/Pulumi.b.yaml", False)],
)
def test_a_new_stack_has_the_program_of_the_base_if_nothing_else_differs(
    file: str, tmp_path: Path, *, expected: bool
) -> None:
    trees = tmp_path / "base", tmp_path / "head"
    for tree in trees:
        for name in ("docs", "a"):
            (tree / name).mkdir(parents=True)
        (tree / "Pulumi.yaml").write_text("name: a\nruntime: python\n")
        (tree / "Pulumi.dev.yaml").write_text(STACK)
    (trees[1] / "Pulumi.new.yaml").write_text(STACK)
    (trees[1] / file).write_text(f"{STACK}#\n")
    assert adds_only_stacks(trees) is expected
