"""Tests of the parts of secrets that a report shows."""

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from review.plain_data import as_texts, decode_bytes, mark_own
from review.stacks.engine_run import EngineRun, Step
from review.stacks.properties import changed_properties, new_properties
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from review.values.secret_marks import SIGN
from sandbox.summary import LATER, MASK
from sandbox.wire import sentinels
from tests.support.review.stacks import KEY, SECRET, after, resource
from tests.support.rows import each_row

RANDOM, OTHER = "0123456789abcdef", "fedcba9876543210"
GENERATED, ARN = "generated-key", "arn:aws:kms:key/1"
KEY_LINES = "MHcCAQEEINonuxOr", "AwEHoUQDQgAEw2=="
PEM = "\n".join(("-----BEGIN EC PRIVATE KEY-----", *KEY_LINES, "-----END EC PRIVATE KEY-----", ""))
"""The start and the end of a private key of the provider tls, whose lines a report may show apart."""


def revealed(value: Any, inputs: Any = MASK, *sources: Resource) -> tuple[Any, dict[str, Any]]:
    """Return an input with a secret as the report shows it, and the literals of the program."""
    secret = resource(SECRET, "it", {"data": inputs}, **after(*sources))
    keys = ["data", "a.b"] if isinstance(inputs, dict) else ["data"]
    steps = {side.urn: Step("create", None, side) for side in (secret, *sources)}
    head = EngineRun(Path(), steps).add([{"secrets": secret.urn, "values": [[keys, value]]}])
    head.generated = {source.urn: {GENERATED} for source in sources}
    Stack("dev", head, predicted=True, secrets={RANDOM: "pipe:token"})
    return secret.inputs["data"], secret.literals


def test_a_secret_setting_and_a_generated_secret_stay_masked() -> None:
    assert revealed(RANDOM) == (MASK, {})
    assert revealed(GENERATED, MASK, resource(KEY, "key")) == (MASK, {})


def test_the_parts_of_a_secret_that_the_program_chose_are_shown() -> None:
    assert revealed(f"postgres://evil.example/{RANDOM}") == ("postgres://evil.example/[secret] (secret)", {})


def test_an_output_that_the_program_marks_as_secret_is_shown() -> None:
    key = resource(KEY, "key", id="key-id-1", outputs={"arn": ARN})
    for text in (ARN, "key-id-1", f"in {ARN}"):
        assert revealed(text, MASK, key) == (f"{text} (secret)", {})
        # The output of another resource is no source of this one.
        assert revealed(text) == (MASK, {"data": text})


@each_row("text", [f"{RANDOM[:6]}...", f"…{RANDOM[8:20]}…", f"{ARN[:12]}..."])
def test_a_part_of_a_secret_beside_an_ellipsis_is_a_literal(text: str) -> None:
    assert revealed(text, MASK, resource(KEY, "key")) == (MASK, {"data": text})
    assert revealed(f"{RANDOM} {text}")[1] == {}


@each_row("value", ["registry.example/image", "", None, 0, 1, False, [], {}])
def test_a_literal_that_the_program_marks_as_secret_stays_masked_and_counts(value: Any) -> None:
    assert revealed(value) == (MASK, {"data": value})
    assert revealed(value, {"a.b": MASK, "c": 1}) == ({"a.b": MASK, "c": 1}, {'data["a.b"]': value})


def test_a_secret_map_is_shown_by_its_members() -> None:
    assert revealed({"key": RANDOM, "list": [1, f"a {RANDOM}", []]}) == (
        {"key": MASK, "list": [MASK, "a [secret] (secret)", MASK]},
        {"data.list[0]": 1, "data.list[2]": []},
    )


def test_an_unknown_secret_is_shown_as_unknown() -> None:
    assert revealed({"key": sentinels.UNKNOWN}) == ({"key": LATER}, {})
    text = f"a {sentinels.UNKNOWN}"  # The engine does not take it as unknown.
    assert revealed(text) == (MASK, {"data": text})


def test_a_secret_input_of_a_component_is_shown_like_that_of_another_resource() -> None:
    component = resource("pipe:index:Api", "it", {"a": MASK, "b": MASK}, custom=False)
    head = EngineRun(Path(), {component.urn: Step("create", None, component)})
    head.add([{"secrets": component.urn, "values": [[["a"], "x"], [["b"], f"x {RANDOM}"]]}])
    Stack("dev", head, predicted=True, secrets={RANDOM: "pipe:token"})
    assert component.inputs == {"a": MASK, "b": f"x {MASK} (secret)"}
    assert component.literals == {"a": "x"}


def test_a_secret_that_no_provider_has_recorded_counts_as_a_literal() -> None:
    secret = resource(SECRET, "it", {"data": MASK})
    Stack("dev", EngineRun(Path(), {secret.urn: Step("create", None, secret)}), predicted=True)
    assert secret.literals == {"data": MASK}


PROVIDER = "pulumi:providers:aws"


def configured(inputs: Mapping[str, Any], settings: Mapping[str, Any] | None, *sources: Resource) -> Resource:
    """Return a provider with masked inputs, of which a review has recorded these settings."""
    provider = resource(PROVIDER, "it", inputs, **after(*sources))
    steps = {side.urn: Step("create", None, side) for side in (provider, *sources)}
    rows = [] if settings is None else [{"configured": provider.urn, "inputs": settings}]
    Stack("dev", EngineRun(Path(), steps).add(rows), predicted=True, secrets={RANDOM: "pipe:token"})
    return provider


def test_a_setting_that_the_program_marks_as_secret_is_compared_by_its_value_and_counts_as_a_literal() -> (
    None
):
    inputs = {"region": MASK, "profile": "a", "tags": {"it": MASK, "list": [MASK]}}
    settings = {"region": "x", "profile": "a", "tags": {"it": ["y"], "list": ["z"]}}
    provider = configured(inputs, settings)
    assert provider.values == settings
    assert provider.inputs == {**inputs, "tags": {"it": [MASK], "list": [MASK]}}
    assert provider.literals == {"region": "x", "tags.it[0]": "y", "tags.list[0]": "z"}


def test_a_setting_of_a_provider_from_a_secret_or_an_output_is_no_literal() -> None:
    provider = configured({"token": MASK}, {"token": RANDOM})
    assert (provider.values, provider.inputs, provider.literals) == ({"token": RANDOM}, {"token": MASK}, {})
    provider = configured({"region": MASK}, {"region": ARN}, resource(KEY, "key", outputs={"arn": ARN}))
    assert (provider.inputs, provider.literals) == ({"region": f"{ARN} (secret)"}, {})


@each_row("settings", [None, {}, {"list": []}, {"list": "x"}])
def test_a_secret_setting_that_nobody_has_recorded_counts_as_a_literal(settings: Any) -> None:
    provider = configured({"list": [MASK]}, settings)
    assert (provider.inputs, [*provider.literals]) == ({"list": [MASK]}, ["list[0]"])


def test_no_text_of_the_program_equals_a_mask_or_a_remark() -> None:
    texts = [MASK, f"a {MASK}", f"a {LATER}", "a (secret)", "a (not secret)", "(absent)"]
    it = resource(SECRET, "it", {"data": texts})
    head = EngineRun(Path(), {it.urn: Step("create", None, it)}, secrets={it.urn: {}})
    Stack("dev", head, predicted=True)
    assert (it.inputs["data"], it.literals) == ([*map(mark_own, texts)], {})
    assert not {*texts} & {*it.inputs["data"]}
    [chosen] = revealed(f"{MASK} {RANDOM}")[:1]
    assert chosen == f"{mark_own(MASK)} {MASK} (secret)"


@each_row("op", ["same", "update"])
def test_a_secret_text_that_equals_a_mask_and_becomes_plain_is_shown(op: str) -> None:
    def changes(*marked: bool) -> list[tuple[str, str | None, str | None]]:
        old, new = (resource(KEY, "it", {"spec": {"a": MASK}}) for _ in marked)
        step = Step(op, old, new)
        base, head = (
            EngineRun(Path(), {new.urn: step}, secrets={new.urn: {("spec", "a"): MASK} if is_marked else {}})
            for is_marked in marked
        )
        reviewed = Stack("dev", head, base, predicted=True)
        return [
            (item.path, item.before, item.after)
            for changed in reviewed.changed
            for item in changed_properties(changed, reviewed)
        ]

    plain = mark_own(MASK)
    assert changes(True, False) == [("spec.a", MASK, f"{plain} (not secret)")]
    assert changes(False, True) == [("spec.a", f"{plain} (not secret)", MASK)]
    if op == "same":
        assert changes(True, True) == changes(False, False) == []


def test_marked_texts_stay_distinct() -> None:
    marked = mark_own(MASK)
    assert len({MASK, marked, mark_own(marked)}) == 3
    assert mark_own("a (secret) b, secret and known after up") == "a (secret) b, secret and known after up"
    assert mark_own("a (secret)\nb (not secret)\n") == "a (secret\u200b)\nb (not secret\u200b)\n"
    assert mark_own("a (secret) \t\nb") == "a (secret\u200b) \t\nb"


@given(st.lists(st.sampled_from([b"\\", b"x", b"ff", b"\xff", "\u200b".encode(), "é".encode()]), max_size=6))
def test_decoded_bytes_stay_distinct(pieces: list[bytes]) -> None:
    text = decode_bytes(b"".join(pieces))
    encoded = re.sub(r"\\x([89a-f][0-9a-f])", lambda byte: chr(0xDC00 + int(byte[1], 16)), text)
    own = re.sub(r"(\\x\u200b*)\u200b(?=[89a-f][0-9a-f])", r"\1", encoded)
    assert own.encode(errors="surrogateescape") == b"".join(pieces)


def test_the_content_of_a_kubernetes_secret_is_shown_as_text() -> None:
    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    def shown(text: str) -> Any:
        return revealed({"a": text})[0]["a"]

    assert (
        shown(encoded(f"host=a.example\npassword={RANDOM}")) == "host=a.example\npassword=[secret] (secret)"
    )
    # A text that is base64 as well could stand for itself.
    twice = encoded(encoded(f"host=a.example\n{RANDOM}"))
    assert shown(twice) not in (twice, encoded(f"host=a.example\n{RANDOM}"))
    # A byte that is no text does not hide the others.
    mixed = base64.b64encode(b"# caf\xe9\nhost=a.example\n" + RANDOM.encode()).decode()
    assert shown(mixed) == "# caf\\xe9\nhost=a.example\n[secret] (secret)"
    for text in (f"{encoded('a.example')}=", "gA=="):
        assert revealed({"a": text})[1] == {"data.a": text}


def changes(
    old: Any, new: Any, *keys: str, is_secret: bool = True
) -> list[tuple[str, str | None, str | None]]:
    """Return the changes of the secrets in an object; a text stands for an object with nothing else."""
    contents: list[dict[str, Any]] = [
        value if isinstance(value, dict) else {"a": value} for value in (old, new)
    ]
    before, after = (
        resource(SECRET, "it", {"data": dict.fromkeys(content, MASK) if is_secret else content})
        for content in contents
    )
    step = Step("update", before, after)
    base, head = (
        EngineRun(Path(), {after.urn: step}).add(
            [{"secrets": after.urn, "values": [[["data", key], value] for key, value in content.items()]}]
        )
        for content in contents
    )
    first, second = keys or ("pipe:token", "pipe:token")
    secrets: dict[str, str] = {RANDOM: first, OTHER: second}
    stack = Stack("dev", head, base, predicted=True, secrets=secrets)
    return [(item.path, item.before, item.after) for item in changed_properties(step, stack)]


SECRET_CHANGES = MASK, MASK


def test_another_secret_is_shown_beside_another_difference() -> None:
    assert changes(f"host: h1\nuser: a\npassword: {RANDOM}\n", f"host: h2\nuser: a\npassword: {OTHER}\n") == [
        ("data.a › line 1", "host: h1", "host: h2"),
        ("data.a › line 3", "password: [secret]", "password: [secret]"),
    ]
    assert changes(f"host: h1\npassword: {RANDOM}\n", f"host: h2\npassword: {OTHER}\n") == [
        ("data.a › line 1", "host: h1\npassword: [secret]", "host: h2\npassword: [secret]"),
        ("data.a › line 1 › secret", *SECRET_CHANGES),
    ]
    assert changes(f"h1 {RANDOM} {RANDOM}", f"h2 {RANDOM} {OTHER}") == [
        ("data.a", "h1 [secret] [secret] (secret)", "h2 [secret] [secret] (secret)"),
        ("data.a › secret 2 of 2", *SECRET_CHANGES),
    ]
    assert changes(f"h1 {RANDOM}", f"h1 {OTHER} {RANDOM}")[1:] == [("data.a › secrets", *SECRET_CHANGES)]


def test_the_settings_of_a_secret_are_shown_if_they_differ() -> None:
    """Beside a rotation of its own secret, a value with another one would look like its consequence."""
    keys = "pipe:app", "pipe:admin"
    path = "data.a › setting"
    assert changes(RANDOM, OTHER)[1:] == []
    assert changes(RANDOM, OTHER, *keys)[1:] == [(path, *keys)]
    encoded = base64.b64encode(f"user:{OTHER}".encode()).decode()
    assert changes(f"u:{RANDOM}", encoded, *keys)[-1:] == [(path, *keys)]
    assert changes("x", OTHER, *keys)[-1:] == [(path, None, "pipe:admin")]
    swapped = changes(f"h {RANDOM} {OTHER}", f"h {OTHER} {RANDOM}", *keys)
    assert swapped[-1:] == [(path, "pipe:app, pipe:admin", "pipe:admin, pipe:app")]


def test_the_setting_of_each_secret_in_a_text_counts() -> None:
    keys = "pipe:app", "pipe:admin"
    texts = f"a {RANDOM}\nb {OTHER}\nc {RANDOM}", f"a {RANDOM}\nb {OTHER}\nc {OTHER}"
    path, setting = "data.a › setting", ("pipe:app, pipe:admin, pipe:app", "pipe:app, pipe:admin, pipe:admin")
    assert changes(*texts, *keys)[-1] == (path, *setting)
    encoded = (base64.b64encode(text.encode()).decode() for text in texts)
    assert changes(*encoded, *keys, is_secret=False)[-1] == (path, *setting)
    commented = changes(f"a {RANDOM}\nb {OTHER}", f"# {RANDOM}\na {OTHER}\nb {OTHER}", *keys)
    assert commented[-1] == (path, "pipe:app, pipe:admin", "pipe:app, pipe:admin, pipe:admin")
    beside = changes(f"{RANDOM}{RANDOM}{OTHER}", f"{RANDOM}{OTHER}{OTHER}", *keys)
    assert beside[-1] == (path, "pipe:app, pipe:app, pipe:admin", "pipe:app, pipe:admin, pipe:admin")
    assert changes(f"h1 {RANDOM} {OTHER}", f"h2 {RANDOM} {OTHER}", *keys)[1:] == []
    # A text of the program is no mark of the review.
    forged = changes(f"\ue001 {RANDOM}", f"\ue001\ue001 {RANDOM}", *keys)
    assert [item for item in forged if "setting" in item[0]] == []


def test_the_settings_of_a_secret_that_the_program_does_not_mark_are_shown_if_they_differ() -> None:
    keys = "pipe:app", "pipe:admin"
    path = "data.a › setting"
    for old, new, names in (
        (RANDOM, OTHER, keys),
        (f"host: h\n{RANDOM}\n", f"host: h\n{OTHER}\n", keys),
        ("x", OTHER, (None, "pipe:admin")),
        (RANDOM, "x", ("pipe:app", None)),
    ):
        assert changes(old, new, *keys, is_secret=False)[-1] == (path, *names)
    assert changes(f"h1 {RANDOM}", f"h2 {RANDOM}", *keys, is_secret=False)[1:] == []


def test_the_settings_of_the_secrets_in_a_created_resource_are_shown() -> None:
    """An exchange of a secret setting could else have a new name for the resource."""
    inputs = {"data": {"a": MASK, "b.c": MASK, "d": MASK}, "type": RANDOM}
    created = resource(SECRET, "it", inputs)
    values = {"a": OTHER, "b.c": f"{RANDOM} {OTHER}", "d": "chosen"}
    head = EngineRun(Path(), {created.urn: Step("create", None, created)})
    head.add([{"secrets": created.urn, "values": [[["data", key], value] for key, value in values.items()]}])
    stack = Stack("dev", head, predicted=True, secrets={RANDOM: "pipe:app", OTHER: "pipe:admin"})
    shown = {
        item.path: (item.before, item.after)
        for item in new_properties(head.steps[created.urn], stack)
        if item.always_shown
    }
    assert shown == {
        "type": (None, RANDOM),  # The whole report is masked later.
        "data.a › setting": (None, "pipe:admin"),
        'data["b.c"] › setting': (None, "pipe:app, pipe:admin"),
        "type › setting": (None, "pipe:app"),
    }


def test_a_line_break_in_a_secret_is_shown() -> None:
    broken = f"requirepass {RANDOM[:8]}\n\t{RANDOM[8:]}\nnotice\n"
    assert changes(f"requirepass {RANDOM}\nwarning\n", broken)[0] == (
        "data.a › line 1",
        "requirepass [secret]\nwarning",
        "requirepass [secret]\n\t[secret]\nnotice",
    )


def test_two_secrets_that_change_places_are_shown() -> None:
    assert changes(f"h1 {RANDOM} {OTHER}", f"h2 {OTHER} {RANDOM}")[1:] == [
        ("data.a › secret 1 of 2", *SECRET_CHANGES),
        ("data.a › secret 2 of 2", *SECRET_CHANGES),
    ]


def test_the_same_secret_is_not_shown_beside_another_difference() -> None:
    assert changes(f"h1 {RANDOM}", f"h2 {RANDOM}") == [
        ("data.a", "h1 [secret] (secret)", "h2 [secret] (secret)")
    ]
    assert changes(f"h1\n\n{RANDOM}", f"h2\n\n{RANDOM}") == [("data.a › line 1", "h1", "h2")]


def test_another_secret_below_a_key_with_a_backslash_is_shown() -> None:
    for old, new in ((RANDOM, OTHER), ("chosen", "other")):
        changed = changes({"b\\c": old, "n": f"1 {RANDOM}"}, {"b\\c": new, "n": f"2 {RANDOM}"})
        assert ('data["b\\\\c"]', *SECRET_CHANGES) in changed


def test_another_secret_in_a_text_that_is_no_secret_for_the_program_is_shown() -> None:
    path, *texts = changes(f"h1 {RANDOM}", f"h2 {OTHER}", is_secret=False)[0]
    assert (path, *texts) == (
        "data.a",
        f"h1 {RANDOM}",
        f"h2 {OTHER}",
    )  # The whole report is masked later.
    assert changes(f"h1 {RANDOM}", f"h2 {OTHER}", is_secret=False)[1:] == [
        ("data.a › secret", *SECRET_CHANGES)
    ]
    assert len(changes(RANDOM, OTHER, is_secret=False)) == 1


def test_another_generated_secret_is_shown_in_an_input_that_an_apply_declares() -> None:
    """The SDK sends such an input without a mark, and without the dependency."""
    key = resource(KEY, "key")
    texts = [f"h{number}\n{KEY_LINES[number]}" for number in (0, 1)]
    before, after = (resource(SECRET, "it", {"data": {"a": text}}) for text in texts)
    step = Step("update", before, after)
    base, head = (
        EngineRun(Path(), {after.urn: step, key.urn: Step("same", key, key)}, generated={key.urn: {PEM}})
        for _ in (0, 1)
    )
    stack = Stack("dev", head, base, predicted=True)
    assert [(item.path, item.before, item.after) for item in changed_properties(step, stack)][1:] == [
        ("data.a › line 1 › secret", *SECRET_CHANGES)
    ]


def test_a_text_of_the_program_is_not_a_mark() -> None:
    forged = f"{RANDOM}{SIGN}1{SIGN}"
    assert changes(f"h1 {RANDOM}", f"h1 {forged}") == [
        ("data.a", "h1 [secret] (secret)", f"h1 [secret]{SIGN}1{SIGN} (secret)")
    ]


def test_a_text_with_a_secret_is_not_called_open_beside_one_that_is_all_secret() -> None:
    [(_, *texts), _] = changes(OTHER, f"h1 {RANDOM}")
    assert texts == [MASK, "h1 [secret] (secret)"]


def test_a_list_of_secrets_is_not_called_open_beside_a_secret() -> None:
    assert as_texts([MASK, "a (secret)"], MASK) == ('["[secret]", "a (secret)"]', MASK)
    assert as_texts(MASK, {"a": [LATER]}) == (MASK, '{"a": ["[known after up]"]}')
    rows: list[tuple[Any, str]] = [([MASK, "x"], '["[secret]", "x"]'), ([], "[]"), ({}, "{}"), (1, "1")]
    for value, text in rows:
        assert as_texts(value, MASK) == (f"{text} (not secret)", MASK)


def test_a_new_file_with_another_secret_is_not_equal_to_the_former_one() -> None:
    lines = "".join(f"directive_{number} on;\n" for number in range(40))

    def compared(secret: str) -> list[tuple[str, str | None, str | None]]:
        sides = [resource(SECRET, name, {"stringData": {"a": MASK}}) for name in ("old", "new")]
        runs = [
            EngineRun(Path()).add([{"secrets": side.urn, "values": [[["stringData", "a"], lines + text]]}])
            for side, text in zip(sides, (RANDOM, secret), strict=True)
        ]
        steps = Step("delete", sides[0], None), Step("create", None, sides[1])
        runs[1].steps = {step.resource.urn: step for step in steps}
        stack = Stack(
            "dev", runs[1], runs[0], predicted=True, secrets=dict.fromkeys((RANDOM, OTHER), "pipe:token")
        )
        properties = new_properties(steps[1], stack)
        return [(item.path, item.before, item.after) for item in properties if "old" in item.path]

    place = "stringData.a, {} stringData.a of old (kubernetes:core:Secret) in the base"
    whole = f"{lines}[secret] (secret)"
    assert compared(RANDOM) == [(place.format("equal to"), None, whole)]
    line = "[secret] (secret)"
    assert compared(OTHER) == [(f"{place.format('compared with')} › line 41", line, line)]


def test_what_a_program_computes_from_a_secret_stays_masked_in_base_and_head() -> None:
    """The text has an output beside the secret in reverse order, which looks like any other text.

    If nothing but hashes is computed, the rest of the text is shown.
    """
    key = resource(KEY, "key", outputs={"arn": ARN})
    old, new = (
        resource(SECRET, "it", {"data": dict.fromkeys(("a.b", "c", "d"), MASK)}, **after(key))
        for _ in range(2)
    )
    text = f"{ARN}-{RANDOM[::-1]}"
    rows = [{"secrets": new.urn, "values": [[["data", name], text] for name in ("a.b", "c", "d")]}]
    steps = {new.urn: Step("update", old, new), key.urn: Step("same", key, key)}
    base, head = (EngineRun(Path(), steps).add(rows) for _ in range(2))
    head.add([{"masked": new.urn, "key": "a.b", "hashes": []}])
    head.add([{"masked": new.urn, "key": "d", "hashes": [RANDOM[::-1]]}])
    Stack("dev", head, base, predicted=True, secrets={RANDOM: "pipe:token"})
    for side in (old, new):
        assert side.inputs["data"] == {"a.b": MASK, "c": f"{text} (secret)", "d": f"{ARN}-{MASK} (secret)"}
        assert side.literals == {'data["a.b"]': text}
        assert ARN not in side.hide_literals(f"{text} is wrong")
