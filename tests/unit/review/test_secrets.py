"""Tests that no rendering shows secrets which the engine marks or whose values are known."""

import base64
import html
import json
import quopri
import re
import shlex
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from policies.model.property_values import Value
from review.build import build
from review.evaluate import NO_BASE_VERDICTS, SHORT_SECRETS, report_preview
from review.model import STATE_TO_HEAD, Report
from review.plain_data import SHORTEST, build_mask, decode_bytes, mark_own, mask_value
from review.render import renderings
from review.stacks.engine_run import EngineRun
from review.stacks.stack import Stack
from review.values.secret_marks import MARK, SecretMarks
from sandbox.summary import MASK, SIGNATURE

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
    "terminal": renderings.render_terminal,
    "markdown": renderings.render_markdown,
    "html": renderings.render_html,
    "json": renderings.render_json,
    "sarif": renderings.render_sarif,
}


def _report(tmp_path: Path) -> Report:
    """Return a report that contains the secret wherever a program's text can enter the report."""
    inside = base64.b64encode(f"user:{PLANTED}!".encode()).decode()
    everywhere = " ".join((*(form for name, form in FORMS.items() if "longer" not in name), inside))
    state = {"urn": URN, "type": "kubernetes:core/v1:Secret", "custom": True, "id": PLANTED}
    old = {**state, "inputs": {"password": SEALED, "note": "x", "text": f"{everywhere}\none"}}
    new = {**state, "inputs": {"password": SEALED, "note": everywhere, "text": f"{everywhere}\ntwo"}}
    kinds = {path: {"kind": "update-replace"} for path in ("password", "note", "text")}
    run = EngineRun(tmp_path)
    step = {
        "op": "replace",
        "oldState": old,
        "newState": new,
        "detailedDiff": kinds,
        "replaceReasons": ["note"],
    }
    run.add({"steps": [step], "diagnostics": [{"severity": "error", "message": f"bad {everywhere}"}]})
    policy = {
        "policyName": "thing",
        "resourceUrn": URN,
        "enforcementLevel": "mandatory",
        "message": f"is {everywhere}",
    }
    run.add([{"policyEvent": policy}])
    stack = Stack("dev", run, trouble=everywhere)
    return build(
        STATE_TO_HEAD,
        ("state", everywhere),
        [stack],
        build_mask([PLANTED]),
        (tmp_path, tmp_path),
        [everywhere],
    )


@pytest.mark.parametrize("rendering", RENDERINGS)
@pytest.mark.parametrize("form", FORMS)
def test_a_planted_secret_is_in_no_rendering(rendering: str, form: str, tmp_path: Path) -> None:
    text = RENDERINGS[rendering](_report(tmp_path))
    assert FORMS[form] not in text
    assert "[secret]" in text or rendering == "markdown"


@pytest.mark.parametrize(
    "form",
    [
        r"p@ss\/w+rd=Zq9!x",
        "p%40ss%2fw%2brd%3dZq9%21x",
        "p@ss%2Fw%2Brd%3DZq9%21x",
        "p%40ss%2Fw+rd=Zq9%21x",
        "p@ss%2Fw+rd=Zq9!x",
        re.escape("p@ss/w+rd=Zq9!x"),
    ],
)
def test_a_secret_is_masked_in_the_forms_of_urls_and_patterns(form: str) -> None:
    assert build_mask(["p@ss/w+rd=Zq9!x"])(f"a {form} b") == "a [secret] b"


def test_a_changed_secret_is_masked_on_both_sides(tmp_path: Path) -> None:
    properties = {changed.path: changed for changed in _report(tmp_path).changes[0].properties}
    password = properties["password"]
    assert (password.before, password.after) == ("[secret]", "[secret]")


def test_a_value_with_a_secret_that_the_program_does_not_mark_has_a_remark(tmp_path: Path) -> None:
    properties = {changed.path: changed for changed in _report(tmp_path).changes[0].properties}
    after = properties["note"].after or ""
    assert after.startswith("[secret] ") and after.endswith(" (not secret)")
    mask = build_mask([PLANTED])
    assert mask_value(PLANTED, mask) == mask_value(f"{PLANTED} (not secret)", mask) == "[secret] (not secret)"
    assert mask_value(f"{PLANTED} (secret)", mask) == "[secret] (secret)"
    assert (mask_value("x", mask), mask_value("[secret]", mask), mask_value(None, mask)) == (
        "x",
        "[secret]",
        None,
    )


def _base64_at(value: str, start: int) -> str:
    """Return the base64 of a string in which the value starts at a byte offset."""
    return base64.b64encode(b"-" * start + value.encode()).decode()


HARD = "päss\"w'or\\d<&>\n?~ÿÿ"
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+o\n"
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
    "base64": lambda value: _base64_at(value, 0),
    "base64 without padding": lambda value: _base64_at(value, 0).rstrip("="),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "base64 for URLs without padding": lambda value: (
        base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")
    ),
    "the end of base64": lambda value: _base64_at(value, 1)[4:],
    "the end of base64 without padding": lambda value: _base64_at(value, 2)[4:].rstrip("="),
    "hexadecimal in upper case": lambda value: value.encode().hex().upper(),
    "upper case": str.upper,
    "a form's field": quote_plus,
    "HTML": html.escape,
    "HTML with numbers": lambda value: str(escape(value)),
    "Python's text beside a quotation mark": lambda value: repr(f"{value}'\"")[1:-4],
    "JSON of Python's text": lambda value: json.dumps(repr(f"{value}'\""), ensure_ascii=False)[2:-7],
    "a text of YAML in single quotes": lambda value: value.replace("'", "''"),
    "a shell's escapes": lambda value: value.replace("'", "'\\''"),
    "a shell's word": lambda value: shlex.quote(value).removeprefix("'").removesuffix("'"),
    "base64 of base64": lambda value: _base64_at(_base64_at(value, 0), 0),
    "wrapped base64": lambda value: textwrap.fill(_base64_at(value, 0), 8),
    "base32": lambda value: base64.b32encode(value.encode()).decode(),
    "base32 in lower case": lambda value: base64.b32encode(value.encode()).decode().lower().rstrip("="),
    "wrapped base64 in JSON": lambda value: textwrap.fill(_base64_at(value, 0), 8).replace("\n", "\\n"),
}


DECODED: dict[str, Callable[[str], str]] = {
    "encodeURIComponent of JavaScript": lambda value: quote(value, safe="!'()*-_.~"),
    "a URL's user in Go": lambda value: quote(value, safe="$&+,;=-_.~"),
    "an XML attribute": lambda value: html.escape(value).replace("&#x27;", "&apos;"),
    "JSON as PHP writes it": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "base64 of JSON": lambda value: _base64_at(json.dumps(value)[1:-1], 0),
    "base64 of a URL's part": lambda value: _base64_at(quote(value, safe=""), 0),
    "base64 of HTML": lambda value: _base64_at(str(escape(value)), 0),
    "base64 of JSON in base64": lambda value: _base64_at(_base64_at(json.dumps(value)[1:-1], 0), 0),
    "quoted-printable": lambda value: quopri.encodestring(value.encode(), quotetabs=True).decode(),
    "hexadecimal with colons": lambda value: value.encode().hex(":"),
    "hexadecimal with spaces": lambda value: value.encode().hex(" "),
    "hexadecimal with dashes": lambda value: value.encode().hex("-").upper(),
    "a list of bytes": lambda value: ", ".join(f"0x{byte:02x}" for byte in value.encode()),
    "hexadecimal JSON with colons": lambda value: json.dumps(value)[1:-1].encode().hex(":"),
    "hexadecimal JSON": lambda value: json.dumps(value)[1:-1].encode().hex(),
    "wrapped base64 of JSON": lambda value: textwrap.fill(_base64_at(json.dumps(value)[1:-1], 0), 8),
}
"""Encodings that the mask finds by decoding: escapes of other libraries, and encodings of escaped texts."""


@pytest.mark.parametrize("value", [HARD, PLANTED, "sesame"], ids=["hard", "usual", "short"])
@pytest.mark.parametrize("encoding", ENCODINGS | DECODED)
def test_a_value_is_masked_in_every_encoding(value: str, encoding: str) -> None:
    form = (ENCODINGS | DECODED)[encoding](value)
    breaks = re.findall(r"\n|\\+n", form)
    masked = "".join(("[secret]", *(f"{line_break}[secret]" for line_break in breaks)))
    assert build_mask([value])(f"before {form} after") == f"before {masked} after"


@pytest.mark.parametrize("value", [HARD.replace("\n", ""), PLANTED])
def test_an_escaped_value_is_masked_within_a_longer_encoded_text(value: str) -> None:
    mask = build_mask([value])
    address = f"postgres://app:{quote(value, safe='')}@db.example/app"
    lower = re.sub("%..", lambda escape: escape[0].lower(), address)
    login = _base64_at(f"app:{value}", 0)
    documents = (
        address,
        lower,
        json.dumps({"auths": {"r.example": {"password": value, "auth": login}}}),
        json.dumps({"url": lower}).replace("/", "\\/"),
        yaml.safe_dump({"password": value, "url": address}),
        yaml.safe_dump({"text": json.dumps({"password": value})}),
    )
    for document in documents:
        for text in (
            document,
            *(_base64_at(document, start) for start in (0, 1, 2)),
            document.encode().hex(),
        ):
            masked = mask(json.dumps({"data": text}))
            rest = [html.unescape(part) for part in masked.split(MASK)]
            assert len(rest) > 1
            bare = re.sub(r"[^a-z]", "", value)[-8:]
            for part in rest:
                for decoded in (part, *(_decoded(part, start) for start in range(4))):
                    assert bare not in re.sub(r"[^a-z]", "", decoded)


def _decoded(text: str, start: int) -> str:
    """Return what base64 from this place on and its own base64 have."""
    text = re.sub(r"[^\w+/]", "", text)[start:]
    content = base64.b64decode(text[: len(text) // 4 * 4]).decode(errors="replace")
    return f"{content} {unquote(content)}"


def test_a_folded_passphrase_is_masked_in_each_line() -> None:
    passphrase = "correct horse battery staple " * 4 + "end"
    folded = yaml.safe_dump({"key": passphrase})
    assert folded.count("\n") == 2
    assert build_mask([passphrase])(folded) == f"key: {MASK}\n  {MASK}\n"
    in_json = build_mask([passphrase])(json.dumps({"file": folded}))
    assert in_json.count(MASK) == 2 and "battery" not in in_json


LONG = f"https://hooks.example.com/{PLANTED}?{HARD}"
SHORTENED: dict[str, tuple[slice, str, str]] = {
    "the beginning": (slice(40), "", "…"),
    "the beginning in a report": (slice(-1), "", " …"),
    "the beginning in JSON": (slice(7), "", "\\u2026"),
    "the end": (slice(40, None), "… ", ""),
    "the middle": (slice(7, -7), "...", "..."),
}
"""What a message shows of a long value, and what is before and after it."""


@pytest.mark.parametrize("shown", SHORTENED)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_shown_part_of_a_shortened_value_is_masked(shown: str, encoding: str) -> None:
    cut, before, after = SHORTENED[shown]
    part = re.sub(r"(\\+n?|\n| )$", "", ENCODINGS[encoding](LONG)[cut])
    breaks = re.findall(r"\n|\\+n", part)
    masked = "".join(("[secret]", *(f"{line_break}[secret]" for line_break in breaks)))
    assert build_mask([LONG])(f"'{before}{part}{after}'") == f"'{before}{masked}{after}'"


@pytest.mark.parametrize("shown", SHORTENED)
@pytest.mark.parametrize("encoding", ["base64 of JSON", "base64 of a URL's part", "hexadecimal JSON"])
def test_a_shortened_encoding_of_an_escaped_value_shows_a_few_characters_at_most(
    shown: str, encoding: str
) -> None:
    cut, before, after = SHORTENED[shown]
    masked = build_mask([LONG])(f"'{before}{DECODED[encoding](LONG)[cut]}{after}'")
    assert re.fullmatch(rf"'{re.escape(before)}.{{0,3}}\[secret\].{{0,3}}{re.escape(after)}'", masked)


def test_both_ends_of_a_shortened_value_are_masked_and_no_other_text() -> None:
    mask = build_mask([LONG, "sesame"])
    assert mask(f"{LONG[:20]}...{LONG[-9:]} …") == f"{MASK}...{MASK}\n{MASK} …"
    assert mask(f"sesame{LONG[:9]} … and sesame…") == f"{MASK}{MASK} … and {MASK}…"
    wrapped = textwrap.fill(_base64_at(LONG, 0), 8).replace("\n", "\\n")
    assert mask(f"{wrapped[:8]}\\n…") == f"{MASK}\\n…"
    assert mask(f"{wrapped[:18]}\\…") == f"{MASK}\\n{MASK}\\…"
    assert mask(f"…{wrapped[8:28]}…") == f"…\\n{MASK}\\n{MASK}…"
    for text in ("https …", f"a hook… {LONG[:20]}", f"{LONG[5:20]}…", f"{LONG[:20]} (…)", f"… {LONG[:-1]}!"):
        assert mask(text) == text


@given(st.integers(1, 300), st.booleans())
def test_no_message_of_a_policy_shows_most_of_a_secret(start: int, in_list: bool) -> None:
    text = f"{'x' * start}: {PLANTED}"
    shown = build_mask([PLANTED])(Value([text] if in_list else text, "path").shown())
    assert PLANTED[:SHORTEST] not in shown


BREAKS = ("\n", "\n    ", "\r\n", "\n\n\t", "\\n", "\\\\n", "\\r\\n")


@st.composite
def _texts(draw: st.DrawFn) -> str:
    """Draw a text around secrets in all encodings, some of them with line breaks in a word."""
    around = st.text("aZ09+/=-_ .#;\\nrt\n\r\t") | st.sampled_from((*BREAKS, "word", "abcdefgh", MASK))
    pieces: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        encode = draw(st.sampled_from([*ENCODINGS.values(), *DECODED.values()]))
        form = encode(draw(st.sampled_from((HARD, PLANTED, PEM))))
        width, line_break = draw(st.integers(8, 80)), draw(st.sampled_from((*BREAKS, "")))
        wrapped = line_break.join(form[start : start + width] for start in range(0, len(form), width))
        pieces += draw(around), wrapped, draw(around)
    return mark_own("".join(pieces))


@given(_texts())
def test_a_mask_covers_only_a_secret_without_its_line_breaks(text: str) -> None:
    marks, covered = SecretMarks(), dict[str, str]()

    def replace(secret: str) -> str:
        mask = marks.mask(secret)
        covered[mask] = secret
        return mask

    masked = build_mask([HARD, PLANTED, PEM], replace)(text)
    # So two different texts are different after the masking, too.
    assert re.sub(re.escape(MASK) + MARK.pattern, lambda mask: covered[mask[0]], masked) == text
    assert [*covered.values()] == [text] or not any(
        re.search(r"[\n\r]", secret) for secret in covered.values()
    )


def test_what_follows_a_secret_is_on_its_own_line() -> None:
    mask = build_mask([PLANTED, PEM])
    word = PLANTED.encode().hex()
    assert mask(f"# {word[:8]}\\n{word[8:]}\nssl_verify_client off;") == (
        "# [secret]\\n[secret]\nssl_verify_client off;"
    )
    assert mask(f"# {PEM}ssl_verify_client off;") == "# [secret]\n[secret]\nssl_verify_client off;"


@pytest.mark.parametrize("value", ["correct (absent) horse", "correct\\xffhorse", "[secret]\\xff(secret)"])
def test_a_secret_with_the_words_of_a_report_is_masked(value: str) -> None:
    marked = decode_bytes(value.encode())
    assert marked != value
    for text in (value, marked, mark_own(value)):
        assert build_mask([value])(f"before {text} after") == f"before {MASK} after"


def test_a_text_that_is_only_a_secret_is_one_mask() -> None:
    assert build_mask([PEM])(PEM) == MASK


@pytest.mark.parametrize(
    ("value", "notes"), [("short", [NO_BASE_VERDICTS, SHORT_SECRETS]), ("longer", [NO_BASE_VERDICTS])]
)
def test_a_note_warns_of_secrets_too_short_for_masking(value: str, notes: list[str], tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({"steps": [], "config": {"urn": URN}}))
    assert report_preview([tmp_path / "plan.json"], tmp_path, [value], "head").notes == notes


@pytest.mark.parametrize("indent", [None, 2])
def test_a_secret_document_is_shown_neither_whole_nor_by_its_members(
    indent: int | None, tmp_path: Path
) -> None:
    document = json.dumps({"type": "account", "password": PLANTED, "pin": 12345678}, indent=indent)
    urn = "urn:pulumi:dev::pipe::kubernetes:core/v1:ConfigMap::conf"
    state = {"urn": urn, "type": "kubernetes:core/v1:ConfigMap", "custom": True, "id": "conf"}
    old, new = ({**state, "inputs": {"data": {"key": text}}} for text in ('{"type": "x"}', document))
    step = {
        "op": "update",
        "oldState": old,
        "newState": new,
        "detailedDiff": {"data.key": {"kind": "update"}},
    }
    (tmp_path / "plan.json").write_text(json.dumps({"steps": [step]}))
    report = report_preview([tmp_path / "plan.json"], tmp_path, [document], "head")
    assert {item.path: item.after for item in report.changes[0].properties} == {
        "data.key › type": "[secret] (not secret)",
        "data.key › password": "[secret] (not secret)",
        "data.key › pin": "[secret] (not secret)",
    }
    for render in RENDERINGS.values():
        assert not re.search(f"{re.escape(PLANTED)}|12345678|account", render(report))


def test_a_secret_with_a_space_at_its_end_is_masked_at_the_end_of_a_message() -> None:
    mask = build_mask([f"{PLANTED} "])
    assert [mask(f"is {PLANTED}"), mask(f"is {PLANTED} or")] == [f"is {MASK}", f"is {MASK}or"]


def test_a_short_value_is_not_masked() -> None:
    assert build_mask(["a", "dev"])("a dev database") == "a dev database"


def test_long_words_and_many_empty_lines_are_searched_in_linear_time() -> None:
    text = (
        "a" * 300_000
        + "\n" * 3000
        + "!"
        + "\\n" * 3000
        + "." * 300_000
        + "\\" * 300_000
        + " word…" * 30_000
        + " " * 300_000
    )
    assert build_mask(["supersecret"])(text) == text


@pytest.mark.parametrize("signs", ["$", "%", "{}", "'", '"'])
def test_a_value_with_doubled_signs_is_masked(signs: str) -> None:
    value = form = "Tr0ub4$dor%and&3{q}'+\"/"
    for sign in signs:
        form = form.replace(sign, sign * 2)
    assert build_mask([value])(f"url: {form}@db") == "url: [secret]@db"


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("p$$w%rd-x9", "p$$w%%rd-x9"),
        ("p$$w%rd-x9", "p$$$$w%%rd-x9"),
        ("p$$w$rd-x9", "p$$w$$rd-x9"),
        ("p$w$rd-x9", "p$$w$rd-x9"),
        ("x{{y$z-Secret1", "x{{y$$z-Secret1"),
        ("x{{y$z-Secret1", "x{{{{y$z-Secret1"),
        ("it''s-100%-$e", "it''s-100%%-$e"),
    ],
)
def test_a_value_with_repeated_signs_is_masked_where_a_part_of_them_is_doubled(value: str, form: str) -> None:
    mask = build_mask([value])
    assert mask(f"url: {form}@db") == "url: [secret]@db"
    assert mask(f"url: {value}@db") == "url: [secret]@db"
    encoded = base64.b64encode(f"url: {form}@db".encode()).decode()
    assert "[secret]" in mask(encoded)


def test_a_value_in_a_command_of_windows_is_masked() -> None:
    encoded = base64.b64encode(f"$p = '{PLANTED}'".encode("utf-16-le")).decode()
    masked = build_mask([PLANTED])(f"powershell -EncodedCommand {encoded}")
    assert "[secret]" in masked
    shown = base64.b64decode(masked.split()[-1].replace("[secret]", "")).decode("utf-16-le", errors="replace")
    assert PLANTED[2:-2] not in shown


def test_a_text_full_of_escapes_is_decoded_in_bounded_time() -> None:
    text = "%41+&amp;\\n''\n  QUJDREVGRw== 4142434445464748 \\u0041" * 8_000
    started = time.process_time()
    assert build_mask([f"{PLANTED}{number}" for number in range(20)])(text) == text
    assert time.process_time() - started < 30
