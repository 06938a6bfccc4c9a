"""Tests of the parts of secrets that a report shows."""

import base64
from pathlib import Path
from typing import Any

from review.plain_data import mark_own
from review.stacks.engine_run import EngineRun, Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.summary import LATER, MASK
from sandbox.wire import sentinels
from tests.support.review.stacks import KEY, SECRET, after, resource
from tests.support.rows import each_row

RANDOM, GENERATED, ARN = "0123456789abcdef", "generated-key", "arn:aws:kms:key/1"


def revealed(value: Any, inputs: Any = MASK, *sources: Resource) -> tuple[Any, dict[str, Any]]:
    """Return an input with a secret as the report shows it, and the literals of the program."""
    secret = resource(SECRET, "it", {"data": inputs}, **after(*sources))
    keys = ["data", "a.b"] if isinstance(inputs, dict) else ["data"]
    steps = {side.urn: Step("create", None, side) for side in (secret, *sources)}
    head = EngineRun(Path(), steps).add([{"secrets": secret.urn, "values": [[keys, value]]}])
    head.generated = {source.urn: {GENERATED} for source in sources}
    Stack("dev", head, predicted=True, secrets=[RANDOM])
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


def test_a_secret_that_no_provider_has_recorded_counts_as_a_literal() -> None:
    secret = resource(SECRET, "it", {"data": MASK})
    Stack("dev", EngineRun(Path(), {secret.urn: Step("create", None, secret)}), predicted=True)
    assert secret.literals == {"data": MASK}


def test_no_text_of_the_program_equals_a_mask_or_a_remark() -> None:
    texts = [MASK, f"a {MASK}", f"a {LATER}", "a (secret)", "a (not secret)", "(absent)"]
    it = resource(SECRET, "it", {"data": texts})
    head = EngineRun(Path(), {it.urn: Step("create", None, it)}, secrets={it.urn: {}})
    Stack("dev", head, predicted=True)
    assert (it.inputs["data"], it.literals) == ([*map(mark_own, texts)], {})
    assert not {*texts} & {*it.inputs["data"]}
    [chosen] = revealed(f"{MASK} {RANDOM}")[:1]
    assert chosen == f"{mark_own(MASK)} {MASK} (secret)"


def test_marked_texts_stay_distinct() -> None:
    marked = mark_own(MASK)
    assert len({MASK, marked, mark_own(marked)}) == 3
    assert mark_own("a (secret) b, secret and known after up") == "a (secret) b, secret and known after up"


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
