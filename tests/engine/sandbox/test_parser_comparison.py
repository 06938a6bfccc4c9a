"""Tests of the comparison of the engine's YAML parser with Python's."""

import random
import re
from unittest.mock import MagicMock

import pytest

from sandbox.commands import parser_comparison
from sandbox.engine.process import Session
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import pulumi_cli
from sandbox.workspace import stack_files, yaml_tree
from sandbox.workspace.stacks import find_stack

PROJECT = """\
name: pipe
runtime: python
backend: {url: "s3://nowhere.example"}
plugins: {providers: [{name: aws, path: ./nowhere}]}
config:
  size: {type: integer, default: 3}
  tags: {default: {a: b}}
"""
HEADER = "secretsprovider: awskms://alias/nowhere\nencryptedkey: AQICAHhw\n"
SECRET = "  pipe:password: {secure: AQICAHhw0123456789012345+/==}\n"

SCALARS = (
    *("1", "-1", "1.0", "0o17", "0x1f", "1_000", "1e3", "true", "yes", "null", "~", "18:30", "2026-01-01"),
    *(
        "a",
        "0.0.0.0/0",
        "a:b",
        "a#b",
        "a b",
        "日本 é",
        "http://a.example/b=c&d=e",
        "a@b",
        "v1.2.3",
        "=",
        "=a",
    ),
    *(
        "'1'",
        '"1"',
        "'it''s: #'",
        '"\\u2028\\ufeff\\t\\n"',
        '"a\\\n      b"',
        "'a\n      b'",
        '""',
        "a\n      b",
    ),
)

LINE_SCALARS = [scalar for scalar in SCALARS if "\n" not in scalar]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Provide a session on a stack `dev`."""
    root = tmp_path_factory.mktemp("project")
    (root / "Pulumi.yaml").write_text(PROJECT)
    (root / "Pulumi.dev.yaml").write_text("config: {}\n")
    progress = Progress()
    session = Session(pulumi_cli.find(progress), find_stack(root, "dev"), progress, lock=-1)
    stack_files.prepare(session.stack)
    session.call("stack", "init")
    return session


def compare(session: Session, settings: str, header: str = HEADER, project: str = PROJECT) -> None:
    """Compare what both parsers read in a stack file and a project file."""
    root = session.stack.root
    (root / "Pulumi.yaml").write_text(project)
    (root / "Pulumi.dev.yaml").write_text(f"{header}config:\n{SECRET}{settings}")
    before = {file: file.read_bytes() for file in root.glob("*.yaml")}
    try:
        parser_comparison.require_equal(session)
    finally:
        assert {file: file.read_bytes() for file in root.glob("*.yaml")} == before
        assert not [*session.stack.folder.glob("tmp*")]


def random_value(choose: random.Random, depth: int = 0) -> str:
    """Return a value as a person may write it: a scalar, or a list or mapping in braces or on lines."""
    if depth > 2 or choose.random() < 0.5:
        comment = choose.choice(["", " # comment: ", " # 日本"])
        return f" {choose.choice(LINE_SCALARS if depth else SCALARS)}{comment}"
    if depth == 0 and choose.random() < 0.2:
        return f" {choose.choice('|>')}{choose.choice(['', '-', '+'])}\n      a: #b\n\n      c\n"
    count = choose.randrange(4)
    if choose.random() < 0.5:
        items = [choose.choice(LINE_SCALARS) for _ in range(count)]
        pairs = ", ".join(f"key{index}: {item}" for index, item in enumerate(items))
        return f" [{', '.join(items)}]" if choose.random() < 0.5 else f" {{{pairs}}}"
    indent = "\n" + "  " * (depth + 2)
    marks = ["-"] * count if choose.random() < 0.5 else [f"key{index}:" for index in range(count)]
    return "".join(f"{indent}{mark}{random_value(choose, depth + 1)}" for mark in marks) or " {}"


def test_both_parsers_read_ordinary_values_alike(session: Session) -> None:
    choose = random.Random(0)
    values = [random_value(choose) for _ in range(200)]
    compare(session, "".join(f"  pipe:key{index}:{value}\n" for index, value in enumerate(values)))


def hidden_line(start: str) -> str:
    """Return settings with a comment that the engine takes for an item, if U+FEFF is at byte 512."""
    filler = "  # " + "x" * (508 - len(f"{start}config:\n{SECRET}"))
    return f"{filler}\ufeff\n  pipe:ranges:\n    - 10.0.0.0/8\n#   - 0.0.0.0/0\n"


@pytest.mark.parametrize("header", [HEADER, HEADER + "environment: [org/env]\n"])
def test_a_comment_that_the_engine_takes_for_a_setting_is_found(
    header: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_tree, "AMBIGUOUS", re.compile("(?!)"))
    with pytest.raises(CommandError, match=r"Pulumi\.dev\.yaml: .* reads `pipe:ranges` differently"):
        compare(session, hidden_line(header), header)


def test_a_key_that_the_engine_reads_differently_is_found(session: Session) -> None:
    with pytest.raises(CommandError, match=r"Pulumi\.dev\.yaml: .* reads `pipe:map` differently"):
        compare(session, "  pipe:map: {key::}\n")
    with pytest.raises(CommandError, match=r"Pulumi\.yaml: .* reads `pipe:tags` differently"):
        compare(session, "", project=PROJECT.replace("{a: b}", "{a::}"))


def test_a_file_that_only_the_engine_cannot_read_is_refused(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_tree, "_check", MagicMock(return_value=0))
    message = re.escape("Pulumi cannot read Pulumi.yaml or Pulumi.dev.yaml: ") + '.*\n.*key "pipe:a" already'
    with pytest.raises(CommandError, match=message):
        compare(session, "  pipe:a: 1\n  pipe:a: 2\n")
