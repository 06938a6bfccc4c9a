"""Tests of the values that operations mask in Pulumi's output."""

import json

import pytest

from operations.lib.command_runner import CommandRunner
from operations.lib.secret_masking import hide


def test_the_members_of_secret_documents_are_masked_beside_their_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = json.dumps({"password": "correct-horse", "keys": ["first-line\nsecond-line"]}, indent=2)
    settings = {
        "pipe:document": {"value": document, "secret": True},
        "pipe:object": {"value": "{}", "objectValue": {"pin": 12345678, "inner": document}, "secret": True},
        "pipe:breaks": {"value": "one\u2028two\r\nand-three", "secret": True},
        "pipe:open": {"value": "battery-staple", "secret": False},
    }
    runner = CommandRunner(print)

    def read(*_command: str) -> str:
        return json.dumps(settings)

    monkeypatch.setattr(runner, "read", read)
    lines = hide(runner, "dev")
    assert {"correct-horse", "first-line", "second-line", "12345678", "one\u2028two", "and-three"} <= lines
    assert lines >= {*document.splitlines()}
    text = "correct-horse second-line 12345678 battery-staple"
    assert runner.hide(text) == "[secret] [secret] [secret] battery-staple"
