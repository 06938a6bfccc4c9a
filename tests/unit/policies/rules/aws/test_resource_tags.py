import pytest

from policies.model.property_values import Value, from_plain
from policies.rules.aws.resource_tags import TAGGABLE
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, resource, verdicts
from tests.support.policies.sdk_types import taggable

TAGS = {"env": "prod", "service": "pipe", "team": "platform"}


def test_every_resource_is_tagged(messages_of: MessagesOf) -> None:
    kind = "aws:s3/bucket:Bucket"
    assert messages_of("tags-missing", kind, {"tags": TAGS}) == []
    assert messages_of("tags-missing", kind, {"tags": {"env": "prod"}}) == [
        "tags is without service, team; add service, team"
    ]
    assert messages_of("tags-missing", kind, {}) == ["tags is not set; add env, service, team"]
    assert messages_of("tags-missing", kind, {"tags": UNKNOWN}) == ["unknown: tags"]
    assert messages_of("tags-missing", kind, {"tags": {}}, keys=[]) == []


@pytest.mark.parametrize("default", [{"tags": TAGS}, '{"tags": {"env": "p", "service": "s", "team": "t"}}'])
def test_default_tags_of_the_provider_count(default: object) -> None:
    settings = Value(from_plain({"defaultTags": default}))
    subject = resource("aws:s3/bucket:Bucket", {}, settings=settings)
    assert verdicts("tags-missing", subject, {}) == []


def test_the_list_of_taggable_types_is_the_sdk_s() -> None:
    assert sorted(TAGGABLE) == sorted(set(taggable()))
