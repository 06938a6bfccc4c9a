"""No rendering shows a secret, marked by the engine or known by its value."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from review.build import build
from review.engine_run import Observed, Stack
from review.evaluate import SHORT, UNJUDGED, events
from review.model import STATE_TO_HEAD, Report
from review.plain_data import masks
from review.render import renderings
from sandbox.summary import SIGNATURE

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
    "terminal": renderings.terminal,
    "markdown": renderings.markdown,
    "html": renderings.html,
    "json": renderings.as_json,
    "sarif": renderings.sarif,
}


def _report(tmp_path: Path) -> Report:
    """A report with the secret wherever something of a program's can get into it."""
    inside = base64.b64encode(f"user:{PLANTED}!".encode()).decode()
    everywhere = " ".join((*(form for name, form in FORMS.items() if "longer" not in name), inside))
    state = {"urn": URN, "type": "kubernetes:core/v1:Secret", "custom": True, "id": PLANTED}
    old = {**state, "inputs": {"password": SEALED, "note": "x", "text": f"{everywhere}\none"}}
    new = {**state, "inputs": {"password": SEALED, "note": everywhere, "text": f"{everywhere}\ntwo"}}
    kinds = {path: {"kind": "update-replace"} for path in ("password", "note", "text")}
    seen = Observed(tmp_path)
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
    looked = Stack("dev", seen, trouble=everywhere)
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


def _in(value: str, start: int) -> str:
    """Base64 of a text that has the value from a byte on."""
    return base64.b64encode(b"-" * start + value.encode()).decode()


HARD = "päss\"w'or\\d<&>\n?~ÿÿ"
ENCODINGS: dict[str, Callable[[str], str]] = {
    "JSON": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "JSON in ASCII": lambda value: json.dumps(value)[1:-1],
    "JSON as Go writes it": lambda value: (
        json.dumps(value, ensure_ascii=False)[1:-1]
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
    ),
    "JSON in JSON": lambda value: json.dumps(json.dumps(value))[3:-3],
    "Python's text": lambda value: repr(value)[1:-1],
    "Python's bytes": lambda value: repr(value.encode())[2:-1],
    "a URL's part": lambda value: quote(value, safe=""),
    "a URL's path": quote,
    "hexadecimal": lambda value: value.encode().hex(),
    "base64": lambda value: _in(value, 0),
    "base64 without padding": lambda value: _in(value, 0).rstrip("="),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "base64 for URLs without padding": lambda value: (
        base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")
    ),
    "the end of base64": lambda value: _in(value, 1)[4:],
    "the end of base64 without padding": lambda value: _in(value, 2)[4:].rstrip("="),
}


@pytest.mark.parametrize("value", [HARD, PLANTED, "sesame"], ids=["hard", "usual", "short"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_value_is_hidden_in_each_encoding(value: str, encoding: str) -> None:
    assert masks([value])(f"before {ENCODINGS[encoding](value)} after") == "before [secret] after"


@pytest.mark.parametrize(("value", "notes"), [("short", [UNJUDGED, SHORT]), ("longer", [UNJUDGED])])
def test_a_secret_too_short_to_be_hidden_is_said(value: str, notes: list[str], tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({"steps": [], "config": {"urn": URN}}))
    assert events([tmp_path / "plan.json"], tmp_path, [value], "head").notes == notes


def test_a_short_value_hides_no_common_word() -> None:
    assert masks(["a", "dev"])("a dev database") == "a dev database"
