"""Versions by their names, images and migrations."""

import pytest

from scripts import migrations, stack_file
from scripts.health import kind
from scripts.options import Refused
from tests.scripts.world import DIGEST, OLD

NAME = OLD.partition(":")[0]
NEW = f"{NAME}:1.1.0@{DIGEST}"


@pytest.mark.parametrize("version", ["latest", "a b", "-1", "x" * 129])
def test_versions_that_are_none_are_refused(version: str) -> None:
    with pytest.raises(Refused):
        stack_file.checked_version(version)


def test_the_image_is_replaced_in_the_stack_file_and_nothing_else() -> None:
    text = stack_file.path("prod").read_text()
    new = stack_file.with_image(text, NEW)
    assert stack_file.image(new) == NEW
    assert new.replace(NEW, stack_file.image(text)) == text


@pytest.mark.parametrize(
    ("image", "version", "repository"),
    [
        (NEW, "1.1.0", NAME),
        (f"{NAME}@{DIGEST}", "b" * 12, NAME),
        ("localhost:5000/api:2", "2", "localhost:5000/api"),
    ],
)
def test_an_image_has_a_version_and_a_repository(image: str, version: str, repository: str) -> None:
    assert (stack_file.version(image), stack_file.repository(image)) == (version, repository)


def test_errors_that_differ_in_numbers_are_of_one_kind() -> None:
    first, second = "ERROR request 17 took 0x1f ms", "ERROR request 4 took 0xff ms"
    assert kind(first) == kind(second) != kind("ERROR other")


@pytest.mark.parametrize(
    ("newer", "older", "keep", "undo"),
    [
        (["1-a", "2-b"], ["1-a", "2-b"], False, None),
        (["20240301-a", "20240402-b"], ["20240301-a"], False, "20240301"),
        (["1-a", "2-b!"], ["1-a"], True, None),
        (None, ["1-a"], True, None),
        (["1-a"], [], True, None),
    ],
)
def test_what_a_rollback_undoes(
    newer: list[str] | None, older: list[str], keep: bool, undo: str | None
) -> None:
    assert migrations.between(newer, older, keep=keep).undo_to == undo


@pytest.mark.parametrize(
    ("newer", "older", "said"),
    [
        (
            ["1-a", "2-b!"],
            ["1-a"],
            "cannot be undone: 2-b. If the older version works on the newer schema, add",
        ),
        (None, ["1-a"], "nobody recorded"),
        (["1-a"], [], "no migration to go back to"),
    ],
)
def test_what_cannot_be_undone_is_refused(newer: list[str] | None, older: list[str], said: str) -> None:
    with pytest.raises(Refused, match=said):
        migrations.between(newer, older, keep=False)
