"""Tests of the shell completion of `python -m operations` and of the scripts that run this command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stacks import ROOT


@pytest.mark.parametrize(
    ("line", "words_before", "arguments", "completions"),
    [
        pytest.param("scripts/deploy.sh st", "1", ["deploy"], {"stg "}, marks=pytest.mark.engine),
        ("scripts/rollback.sh dev --to-", "1", ["rollback"], {"--to-revision", "--to-version"}),
        pytest.param("python -m operations ro", "3", [], {"rollback", "rotate"}, marks=pytest.mark.engine),
        pytest.param("python -m operations migrate d", "3", [], {"dev "}, marks=pytest.mark.engine),
        ("python -m operations restore dev --start", "3", [], {"--start-api "}),
    ],
)
def test_a_shell_completes_commands_stacks_and_options(
    tmp_path: Path, line: str, words_before: str, arguments: list[str], completions: set[str]
) -> None:
    answer = tmp_path / "answer"
    shell = {
        "_ARGCOMPLETE": words_before,
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    subprocess.run(
        [sys.executable, "-m", "operations", *arguments], cwd=ROOT, env=os.environ | shell, check=True
    )
    assert set(answer.read_text().split("\n")) == completions
