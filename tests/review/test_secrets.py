"""No rendering shows a secret, marked by the engine or known by its value."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from review import render
from review.build import Looked, build
from review.masks import SIGNATURE, masks
from review.model import STATE_TO_HEAD, Report
from review.observed import Observed

PLANTED = "correct-horse/battery+staple"
SEALED = {
    SIGNATURE: "1b47061264138c4ac30d75fd1eb44270",
    "ciphertext": "v1:abc",
    "plaintext": json.dumps(PLANTED),
}
URN = "urn:pulumi:dev::pipe::kubernetes:core/v1:Secret::database"
FORMS = {
    "as it is": PLANTED,
    "quoted for a URL": quote(PLANTED, safe=""),
    "base64": base64.b64encode(PLANTED.encode()).decode(),
    "base64 in a longer text": base64.b64encode(f"user:{PLANTED}!".encode()).decode()[12:36],
    "hexadecimal": PLANTED.encode().hex(),
}
RENDERINGS: dict[str, Callable[[Report], str]] = {
    "terminal": render.terminal,
    "markdown": render.markdown,
    "html": render.html,
    "json": render.as_json,
    "sarif": render.sarif,
}


def _report(tmp_path: Path) -> Report:
    """A report with the secret wherever something of a program's can get into it."""
    inside = base64.b64encode(f"user:{PLANTED}!".encode()).decode()
    everywhere = " ".join((*(form for name, form in FORMS.items() if "longer" not in name), inside))
    state = {"urn": URN, "type": "kubernetes:core/v1:Secret", "custom": True, "id": PLANTED}
    old = {**state, "inputs": {"password": SEALED, "note": "x", "text": f"{everywhere}\none"}}
    new = {**state, "inputs": {"password": SEALED, "note": everywhere, "text": f"{everywhere}\ntwo"}}
    kinds = {path: {"kind": "update-replace"} for path in ("password", "note", "text")}
    seen = Observed("dev", tmp_path)
    step = {
        "op": "replace",
        "oldState": old,
        "newState": new,
        "detailedDiff": kinds,
        "replaceReasons": ["note"],
    }
    seen.add({"steps": [step], "diagnostics": [{"severity": "error", "message": f"bad {everywhere}"}]})
    policy = {
        "policyName": "thing",
        "resourceUrn": URN,
        "enforcementLevel": "mandatory",
        "message": f"is {everywhere}",
    }
    seen.add([{"policyEvent": policy}])
    looked = Looked("dev", seen, None, {URN: seen.steps[URN].resource}, trouble=everywhere)
    return build(STATE_TO_HEAD, ("state", everywhere), [looked], masks([PLANTED]), tmp_path, [everywhere])


@pytest.mark.parametrize("rendering", RENDERINGS)
@pytest.mark.parametrize("form", FORMS)
def test_a_planted_secret_is_in_no_rendering(rendering: str, form: str, tmp_path: Path) -> None:
    text = RENDERINGS[rendering](_report(tmp_path))
    assert FORMS[form] not in text
    assert "[secret]" in text or rendering == "markdown"


def test_a_secret_that_changes_is_said_to_change(tmp_path: Path) -> None:
    found = _report(tmp_path).changes[0].properties
    assert [(each.before, each.after) for each in found if each.path == "password"] == [
        ("[secret]", "[secret]")
    ]


def test_a_short_value_hides_no_common_word() -> None:
    assert masks(["a", "dev"])("a dev database") == "a dev database"
