"""Tests of the style rules that no published linter checks."""

import pytest

from tools import check_style


@pytest.mark.parametrize(
    ("file", "source", "messages"),
    [
        ("a.py", '"""Return."""\n', []),
        (
            "a.py",
            '"""What it is."""\n',
            ["a.py:1: the docstring does not open with a verb or a noun: 'What it is.'"],
        ),
        (
            "a.py",
            'def run():\n    """How to run.\n\n    More."""\n',
            ["a.py:1: the docstring does not open with a verb or a noun: 'How to run.'"],
        ),
        ("a.py", "found = 1\n", ["a.py:1: the variable 'found' has a name that does not describe its value"]),
        (
            "a.py",
            "def run(each: int): ...\n",
            ["a.py:1: the variable 'each' has a name that does not describe its value"],
        ),
        (
            "a.py",
            "x = 1  # fmt" + ": skip\n",
            ["a.py:1: `fmt" + ": skip` is not allowed; the formatter decides the layout"],
        ),
        (
            "a.py",
            "# fmt" + ": off\n",
            ["a.py:1: `fmt" + ": off` is not allowed; the formatter decides the layout"],
        ),
        ("__main__.py", "# fmt" + ": off\n", []),
    ],
)
def test_python_follows_the_style(file: str, source: str, messages: list[str]) -> None:
    assert [str(offence) for offence in check_style.python_offences(file, source)] == messages


def test_a_line_has_at_most_110_characters_unless_it_cannot_be_broken() -> None:
    text = "\n".join(["x " * 56, "arn:aws:" + "x" * 120, "x " * 55])
    messages = [str(offence) for offence in check_style.line_offences("file.yaml", text)]
    assert messages == ["file.yaml:1: 112 characters; at most 110 are allowed"]


def test_the_schemas_and_the_recorded_requests_are_exempt() -> None:
    exempt = ("schemas/stack-file.schema.json", "tests/support/sandbox/clouds/aws_sequences.toml")
    assert all(check_style.EXEMPT.fullmatch(file) for file in exempt)
    assert not check_style.EXEMPT.fullmatch("sandbox/cli.toml")


def test_a_folder_has_at_most_15_modules_side_by_side() -> None:
    files = [f"tools/module_{number}.py" for number in range(16)]
    elsewhere = ["tools/iam/model.py", "tools/table.yaml"]
    [offence] = check_style.folder_offences([*files, *elsewhere])
    assert str(offence) == "tools:1: 16 modules side by side; at most 15 are allowed"
    assert list(check_style.folder_offences([*files[1:], *elsewhere])) == []
