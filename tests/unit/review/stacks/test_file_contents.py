"""Tests of the files in ConfigMaps and Secrets, as a report shows their changes."""

import base64
from pathlib import Path
from typing import Any

from review.stacks.engine_run import EngineRun, Step
from review.stacks.properties import changed_properties, new_properties
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from tests.support.review.stacks import SECRET, resource

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"

SERVER = "".join(f"directive_{number} on;\n" for number in range(40))
OLD, NEW = f"tls 1.2;\n{SERVER}", f"tls 1.0;\n{SERVER}"


def encode(text: str) -> str:
    """Return a text in base64, with a byte that is no text before it."""
    return base64.b64encode(b"# caf\xe9\n" + text.encode()).decode()


def shown(*steps: Step, is_folded: bool = False) -> list[tuple[str, str | None, str | None]]:
    """Return the path and the values of each change in the first step that is folded, or that is not."""
    stack = Stack("dev", EngineRun(Path(), {step.resource.urn: step for step in steps}))
    changes = changed_properties(steps[0], stack)
    return [(item.path, item.before, item.after) for item in changes if bool(item.folded) == is_folded]


def update(old: dict[str, Any], new: dict[str, Any], kind: str = CONFIG_MAP, name: str = "it") -> Step:
    """Return the update of an object with files."""
    return Step("update", resource(kind, name, old), resource(kind, name, new))


def unchanged(kept: Resource) -> Step:
    """Return the step of a resource that stays as it is."""
    return Step("same", kept, kept)


def test_a_binary_file_is_shown_as_text() -> None:
    step = update({"binaryData": {"a": encode(OLD)}}, {"binaryData": {"a": encode(NEW)}})
    assert shown(step) == [("binaryData.a › line 2", "tls 1.2;", "tls 1.0;")]
    added = update({}, {"binaryData": {"a": encode("x")}})
    assert shown(added) == [("binaryData", None, '{"a": "# caf\\\\xe9\\nx"}')]


def test_a_byte_differs_from_the_text_of_its_escape() -> None:
    old, new = (
        {"binaryData": {"a": base64.b64encode(text + b"\n").decode()}} for text in (b"\xe9", rb"\xe9")
    )
    assert shown(update(old, new)) == [("binaryData.a › line 1", "\\xe9", "\\x\u200be9")]


def test_a_byte_differs_from_the_text_of_its_escape_in_a_file_that_becomes_binary() -> None:
    binary = base64.b64encode(b"\xe9\nb\n").decode()
    step = update({"data": {"a": "\\xe9\na\n"}}, {"binaryData": {"a": binary}})
    path = "binaryData.a, which was data.a › line 1"
    assert shown(step) == [(path, "\\x\u200be9\na", "\\xe9\nb")]


def test_binary_files_with_the_same_text_are_shown_as_they_are() -> None:
    old, new = "eA==", "eA==\n"
    assert shown(update({"binaryData": {"a": old}}, {"binaryData": {"a": new}})) == [
        ("binaryData.a", old, new)
    ]
    assert shown(update({"binaryData": {"a": "é"}}, {"binaryData": {"a": "è"}})) == [
        ("binaryData.a", "é", "è")
    ]


def test_a_file_that_becomes_binary_is_the_same_file() -> None:
    step = update({"data": {"nginx.conf": OLD}, "x": 1}, {"binaryData": {"nginx.conf": encode(NEW)}, "x": 1})
    path = 'binaryData["nginx.conf"], which was data["nginx.conf"]'
    assert shown(step) == [(f"{path} › line 1", "tls 1.2;", "# caf\\xe9\ntls 1.0;")]
    same = base64.b64encode(OLD.encode()).decode()
    [whole] = shown(update({"data": {"nginx.conf": OLD}}, {"binaryData": {"nginx.conf": same}}))
    assert whole == (path, OLD, OLD)


def test_a_decoy_beside_the_file_does_not_hide_it() -> None:
    step = update({"data": {"a": OLD}}, {"data": {"b": OLD}, "binaryData": {"a": encode(NEW)}})
    assert shown(step) == [
        ("binaryData.a, which was data.a › line 1", "tls 1.2;", "# caf\\xe9\ntls 1.0;"),
        ("data.b, equal to data.a of it (kubernetes:core:ConfigMap) in the base", None, OLD),
    ]


def test_a_new_file_is_compared_with_the_nearest_one_of_the_base() -> None:
    step = update({"data": {"key": "k"}}, {"data": {"key": "k", "a": NEW}}, SECRET, "certificate")
    mounted = unchanged(resource(CONFIG_MAP, "proxy", {"data": {"a": OLD}}))
    other = unchanged(resource(CONFIG_MAP, "other", {"data": {"a": "x\ny"}}))
    [line] = shown(step, other, mounted)
    path = "data.a, compared with data.a of proxy (kubernetes:core:ConfigMap) in the base › line 1"
    assert line == (path, "tls 1.2;", "tls 1.0;")
    # The page has the whole text, too.
    assert shown(step, other, mounted, is_folded=True) == [("data.a", None, NEW)]
    # Without a similar file, the whole text is shown.
    assert shown(step, other) == [("data.a", None, NEW)]
    assert shown(step, other, is_folded=True) == []


def test_a_file_of_a_deleted_object_may_get_another_name() -> None:
    step = update({"data": {"key": "k"}}, {"data": {"key": "k", "b": NEW}})
    deleted = Step("delete", resource(CONFIG_MAP, "old", {"binaryData": {"a": encode(OLD)}}), None)
    paths = [path for path, *_ in shown(step, deleted)]
    place = "data.b, compared with binaryData.a of old (kubernetes:core:ConfigMap) in the base"
    assert paths == [f"{place} › line 1"]
    kept = unchanged(deleted.resource)
    assert [path for path, *_ in shown(step, kept)] == ["data.b"]


def test_the_files_of_a_new_object_are_compared_with_those_of_a_deleted_one() -> None:
    created = Step("create", None, resource(CONFIG_MAP, "b", {"data": {"roles.sql": NEW}}))
    deleted = Step("delete", resource(CONFIG_MAP, "a", {"data": {"roles.sql": OLD}}), None)
    stack = Stack("dev", EngineRun(Path(), {step.resource.urn: step for step in (created, deleted)}))
    [line] = [item for item in new_properties(created, stack) if item.always_shown]
    place = 'data["roles.sql"], compared with data["roles.sql"] of a (kubernetes:core:ConfigMap) in the base'
    assert (line.path, line.before, line.after) == (f"{place} › line 1", "tls 1.2;", "tls 1.0;")


def test_short_texts_and_other_objects_are_not_compared() -> None:
    kept = resource(CONFIG_MAP, "proxy", {"data": {"a": "x\ny"}})
    assert shown(
        update({"data": {"b": "1"}}, {"data": {"b": "1", "a": "x\nz"}}), Step("same", kept, kept)
    ) == [("data.a", None, "x\nz")]
