"""Tests of URNs: of a stack, of a type and of a project."""

import pytest

from policies.model import urns
from sandbox import progress

ROOT = "urn:pulumi:dev::pipe::pulumi:pulumi:Stack::pipe-dev"


@pytest.mark.parametrize(
    ("urn", "expected"),
    [
        (ROOT, True),
        (ROOT.replace("pipe-dev", "other"), False),
        (ROOT.replace("::pipe-dev", "::pipe-dev::pipe-dev"), False),
        (ROOT.replace("pulumi:pulumi", "pipe:a:B$pulumi:pulumi"), False),
        ("", False),
    ],
)
def test_only_the_urn_of_the_stack_is_that_of_the_stack(urn: str, expected: bool) -> None:
    assert urns.is_root(urn) is progress.is_root(urn) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aws:ec2/a:A::web", "aws:ec2/a:A"),
        ("aws:ec2/a:A:::web", "aws:ec2/a:A"),
        ("aws:ec2/a:A::b:::web::x$y:z", "aws:ec2/a:A"),
        ("pipe:a:B$pipe:c:D$aws:ec2/a:A::web", "aws:ec2/a:A"),
        ("aws:ec2/a:A", ""),
    ],
)
def test_the_type_in_a_urn_is_that_of_the_engine(text: str, expected: str) -> None:
    assert urns.type_of(f"urn:pulumi:dev::pipe::{text}") == expected


@pytest.mark.parametrize(("text", "expected"), [(ROOT, "pipe"), ("urn:pulumi:dev::pipe", ""), ("", "")])
def test_the_project_in_a_urn_is_its_second_part(text: str, expected: str) -> None:
    assert urns.project_of(text) == expected


def test_the_pack_and_the_sandbox_know_the_same_type() -> None:
    assert urns.ROOT_TYPE == progress.ROOT_TYPE
