"""Tests of the options with which the engine runs a policy pack."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.engine import policy_pack
from sandbox.errors import CommandError
from sandbox.workspace.stacks import Stack


def levels_of(root: Path, text: str) -> dict[str, Any]:
    """Return the levels that the engine gets for a pack whose file of levels has this text."""
    (root / "policies" / "config").mkdir(parents=True)
    (root / "policies" / "__main__.py").touch()
    (root / "policies" / "config" / "dev.json").write_text(text)
    stack = Stack("dev", root, root, "pipe", root / ".sandbox")
    stack.folder.mkdir(parents=True)
    flags = policy_pack.flags(stack, root, advisory=True)
    return json.loads(Path(flags[flags.index("--policy-pack-config") + 1]).read_text())


def test_each_mandatory_level_becomes_advisory_in_any_spelling(tmp_path: Path) -> None:
    text = """{
        "all": "mandatory",
        "plain": "mandatory",
        "escaped": "mandator\\u0079",
        "with-options": {"enforcementLev\\u0065l": "\\u006dandatory", "texts": ["mandatory"]},
        "options-alone": {"level": "mandatory"},
        "twice": "disabled", "twice": "mandatory",
        "repaired": "remediate",
        "off": "disabled"
    }"""
    assert levels_of(tmp_path, text) == {
        "all": "advisory",
        "plain": "advisory",
        "escaped": "advisory",
        "with-options": {"enforcementLevel": "advisory", "texts": ["mandatory"]},
        "options-alone": {"level": "mandatory"},
        "twice": "advisory",
        "repaired": "remediate",
        "off": "disabled",
    }


def test_an_empty_file_of_levels_has_none(tmp_path: Path) -> None:
    assert levels_of(tmp_path, " \n") == {"all": "advisory"}


@pytest.mark.parametrize("text", ['{"a": ', "[]", '"mandatory"', "[" * 200_000, "\ufeff{}"])
def test_a_file_of_levels_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CommandError, match=r"dev\.json is not (valid JSON|a JSON object)"):
        levels_of(tmp_path, text)
