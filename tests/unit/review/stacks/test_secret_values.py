"""Tests of the parts of secrets that a report shows."""

from pathlib import Path
from typing import Any

from review.stacks.engine_run import EngineRun, Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.summary import MASK
from tests.support.review.stacks import KEY, SECRET, after, resource

RANDOM, COMPUTED = "0123456789abcdef", "computed-key"


def revealed(value: Any, inputs: Any = MASK, *sources: Resource) -> tuple[Any, dict[str, str]]:
    """Return an input with a secret as the report shows it, and the literals of the program."""
    secret = resource(SECRET, "it", {"data": inputs}, **after(*sources))
    steps = ("data", "a.b") if isinstance(inputs, dict) else ("data",)
    head = EngineRun(Path(), {secret.urn: Step("create", None, secret)})
    head.secrets[secret.urn] = {steps: value}
    head.computed = {source.urn: {COMPUTED} for source in sources}
    Stack("dev", head, predicted=True, secrets=[RANDOM])
    return secret.inputs["data"], secret.literals


def test_a_secret_setting_and_a_computed_secret_stay_masked() -> None:
    assert revealed(RANDOM) == revealed("") == (MASK, {})
    assert revealed(COMPUTED, MASK, resource(KEY, "key")) == (MASK, {})


def test_the_parts_of_a_secret_that_the_program_chose_are_shown() -> None:
    assert revealed(f"postgres://evil.example/{RANDOM}") == ("postgres://evil.example/[secret] (secret)", {})


def test_a_literal_that_the_program_marks_as_secret_stays_masked_and_counts() -> None:
    assert revealed("registry.example/image") == (MASK, {"data": "registry.example/image"})
    assert revealed("x", {"a.b": MASK, "c": 1}) == ({"a.b": MASK, "c": 1}, {'data["a.b"]': "x"})
    # The output of another resource is no source of this one.
    assert revealed(COMPUTED) == (MASK, {"data": COMPUTED})


def test_a_secret_map_is_shown_by_its_members() -> None:
    assert revealed({"key": RANDOM, "list": [1, f"a {RANDOM}"]}) == (
        {"key": MASK, "list": [MASK, "a [secret] (secret)"]},
        {"data.list[0]": "1"},
    )


def test_a_secret_that_no_provider_has_recorded_counts_as_a_literal() -> None:
    secret = resource(SECRET, "it", {"data": MASK})
    Stack("dev", EngineRun(Path(), {secret.urn: Step("create", None, secret)}), predicted=True)
    assert secret.literals == {"data": MASK}
