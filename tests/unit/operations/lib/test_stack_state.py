"""Tests of the resources in a stack's state."""

import pytest

from operations.lib.stack_state import name_of


@pytest.mark.parametrize("name", ["logs", "one::two", "a$b::c::"])
def test_a_name_is_whole_even_if_it_contains_the_separator_of_a_urn(name: str) -> None:
    assert name_of(f"urn:pulumi:dev::pipe::pipe:cluster:Cluster$aws:s3/bucket:Bucket::{name}") == name
