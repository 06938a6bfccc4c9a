"""Tests of the URN of a stack."""

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


def test_the_pack_and_the_sandbox_know_the_same_type() -> None:
    assert urns.ROOT_TYPE == progress.ROOT_TYPE
