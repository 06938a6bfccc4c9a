"""Tests of the choice of the stacks whose program is not that of the base."""

from pathlib import Path

import pytest

from review.programs.changed_programs import find_changed_programs

STACK = "config:\n  a:mode: x\n  a:password:\n    secure: v1:a:b\n"
CHANGES: dict[str, tuple[dict[str, str], set[str]]] = {
    "nothing": ({}, set()),
    "a secret": ({"Pulumi.dev.yaml": STACK.replace("v1:a:b", "v1:c:d")}, set()),
    "a comment": ({"Pulumi.dev.yaml": f"# a\n{STACK}"}, set()),
    "a plain setting": ({"Pulumi.dev.yaml": STACK.replace("x", "y")}, {"dev"}),
    "a setting's type": ({"Pulumi.dev.yaml": STACK.replace("x", "'x'")}, set()),
    "a number's type": ({"Pulumi.prod.yaml": STACK.replace("x", "'1'")}, {"prod"}),
    "a secret and a setting": (
        {"Pulumi.dev.yaml": STACK.replace(": x", ": y").replace("a:b", "c:d")},
        {"dev"},
    ),
    "a new setting": ({"Pulumi.dev.yaml": f"{STACK}  a:new: z\n"}, {"dev"}),
    "an invalid file": ({"Pulumi.dev.yaml": "config: [\n"}, {"dev"}),
    "the program": ({"__main__.py": "x"}, {"dev", "prod", "new"}),
    "the project": ({"Pulumi.yaml": "x"}, {"dev", "prod", "new"}),
    "another file": ({"data.txt": "x"}, {"dev", "prod", "new"}),
    "a document": ({"docs/a.md": "x", "README.md": "x", "tests/a.py": "x"}, set()),
    "policies": ({"policies/config/new.json": "{}", "policies/waivers.yaml": "[]"}, set()),
    "a module of the policies that the program imports": (
        {"policies/a.py": "x = 1"},
        {"dev", "prod", "new"},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_program_counts_as_changed_except_for_secrets_and_new_stacks(change: str, tmp_path: Path) -> None:
    changed, stacks = CHANGES[change]
    base, head = tmp_path / "base", tmp_path / "head"
    files = {
        "Pulumi.dev.yaml": STACK,
        "Pulumi.prod.yaml": STACK.replace("x", "1"),
        "__main__.py": "import policies.a",
        "README.md": "",
    }
    for tree, content in ((base, files), (head, {**files, "Pulumi.new.yaml": STACK, **changed})):
        for name, text in content.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
    projects = {"dev": (base, head), "prod": (base, head), "new": (None, head)}
    assert find_changed_programs(projects, (base, head)) == stacks
