"""Tests of the checks of parts of a request body."""

from collections.abc import Iterator

from sandbox.wire.request_bodies.parts import Part

BODY = Part({"ttl": 5, "names": ["a", "b"], "data": {"port": True, "tag": "issue"}, "text": ""})

CHECKS: list[tuple[Iterator[str], list[str]]] = [
    (BODY["ttl"].within(6), ["/ttl: minimum: 6"]),
    (BODY["ttl"].within(0, 4.5), ["/ttl: maximum: 4.5"]),
    (BODY["ttl"].within(5, 5), []),
    (BODY["ttl"].within(5, 5, exclusive=True), ["/ttl: exclusiveMinimum: 5", "/ttl: exclusiveMaximum: 5"]),
    (BODY["data.port"].within(2), []),
    (BODY["missing.port"].within(2), []),
    (BODY.needs("ttl", "id"), ["/: required: ['ttl', 'id']"]),
    (BODY["missing"].needs("id"), []),
    (BODY["data.tag"].is_one_of(["iodef"]), ["/data/tag: enum: ['iodef']"]),
    (BODY["data.tag"].is_one_of(["iodef"], "no such tag"), ["/data/tag: no such tag"]),
    (BODY["data.other"].is_one_of(["iodef"]), []),
    (BODY["names"].items[1].matches("^a"), ["/names/1: pattern: ^a"]),
    (BODY["ttl"].matches("a"), []),
    (BODY["names"].has_length(3), ["/names: minItems: 3"]),
    (BODY["names"].has_length(0, 1), ["/names: maxItems: 1"]),
    (BODY["text"].has_length(1), ["/text: minLength: 1"]),
    (BODY["data"].has_length(3), ["/data: minProperties: 3"]),
    (BODY["ttl"].has_length(1), []),
]


def test_a_check_of_a_part_names_its_path_and_the_constraint() -> None:
    assert [list(faults) for faults, _ in CHECKS] == [expected for _, expected in CHECKS]


def test_a_part_that_is_missing_has_any_member() -> None:
    assert BODY["missing"].has_any("a") and BODY["data"].has_any("tag", "a")
    assert not BODY["data"].has_any("a")
    assert BODY["missing"].may_be("a") and BODY["data.tag"].may_be("issue") and not BODY["text"].may_be("a")
