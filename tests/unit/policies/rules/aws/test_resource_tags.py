from policies.rules.aws.resource_tags import TAGGABLE
from tests.support.policies.sdk_types import taggable


def test_the_taggable_types_are_those_of_the_sdk() -> None:
    assert sorted(TAGGABLE) == sorted(set(taggable()))
