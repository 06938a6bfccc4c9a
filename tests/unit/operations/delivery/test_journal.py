"""Tests of the journal of an interrupted deployment."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from operations.delivery.journal import journal_file, read_journal
from operations.lib.command_line import Options
from operations.lib.errors import RefusedError
from tests.support.operations.deploying import new_journal

pytestmark = pytest.mark.usefixtures("root")
REAL = Options("dev", "real", False, True, {})


def test_a_journal_is_read_as_it_was_saved() -> None:
    assert read_journal("dev") is None
    new_journal().save(REAL)
    assert read_journal("dev") == new_journal()


ENTRIES = asdict(new_journal())
"""Entries in the file of a journal."""


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (json.dumps(ENTRIES)[:-20], "JSONDecodeError"),
        ("", "JSONDecodeError"),
        ("[]", "KeyError"),
        (
            json.dumps({name: ENTRIES[name] for name in ("version", "target", "before", "migrates")}),
            "KeyError",
        ),
        (json.dumps(ENTRIES | {"unknown": 1}), "TypeError"),
    ],
    ids=["truncated", "empty", "list", "older", "newer"],
)
def test_a_file_that_is_not_a_journal_is_refused_and_kept(text: str, error: str) -> None:
    file = journal_file("dev")
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(RefusedError) as raised:
        read_journal("dev")
    assert str(raised.value) == (
        f".runs/dev/unfinished.json is not a journal of a deployment ({error}); to start a new deployment:"
        " git checkout Pulumi.dev.yaml && rm .runs/dev/unfinished.json"
    )
    assert file.read_text() == text


def test_a_journal_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(file: Path) -> str:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "read_text", forbid)
    with pytest.raises(RefusedError) as raised:
        read_journal("dev")
    assert str(raised.value) == (
        ".runs/dev/unfinished.json, the journal of an interrupted deployment, cannot be read (Permission"
        " denied); to make it readable: sudo chown -R $USER .runs/dev"
    )
