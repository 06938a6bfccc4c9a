import pytest

from policies.model.property_values import Value, from_plain
from policies.rules.tags import LABELLED, TAGGABLE
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


LABELS = ("app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by")


@pytest.mark.parametrize("kind", sorted(kind for kind in LABELLED if not kind.endswith("List")))
def test_every_object_is_labelled(messages_of: MessagesOf, kind: str) -> None:
    policy, labels = "labels-missing", dict.fromkeys(LABELS, "x")
    assert messages_of(policy, kind, {"metadata": {"labels": labels}}) == []
    assert messages_of(policy, kind, {"metadata": {"labels": {LABELS[0]: "x"}}}) == [
        f"metadata.labels is without {', '.join(LABELS[1:])}; add {', '.join(LABELS[1:])}"
    ]
    assert messages_of(policy, kind, {}) == [f"metadata.labels is not set; add {', '.join(LABELS)}"]
    assert messages_of(policy, kind, {"metadata": UNKNOWN}) == ["unknown: metadata"]
    assert messages_of(policy, kind, {}, keys=[]) == []


def test_each_object_of_a_list_is_labelled(messages_of: MessagesOf) -> None:
    good = {"kind": "ConfigMap", "metadata": {"labels": {"team": "x"}}}
    items = [good, {"metadata": UNKNOWN}, {"metadata": {"labels": {"a": "b"}}}]
    assert messages_of(
        "labels-missing", "kubernetes:core/v1:ConfigMapList", {"items": items}, keys=["team"]
    ) == [
        "items[2].metadata.labels is without team; add team",
        "unknown: items[1].metadata",
    ]


@pytest.mark.parametrize(
    "name", ["serviceLevelObjective:ServiceLevelObjective", "syntheticsTest:SyntheticsTest"]
)
def test_objectives_and_tests_are_tagged(messages_of: MessagesOf, name: str) -> None:
    policy, kind = "datadog-tags-missing", f"datadog:index/{name}"
    assert messages_of(policy, kind, {"tags": ["env:prod", "service:web", "team:a"]}) == []
    assert messages_of(policy, kind, {"tags": ["env:prod", "service", "team:a"]}) == [
        "tags is without service; add service:…"
    ]
    assert messages_of(policy, kind, {}) == ["tags is not set; add env:…, service:…, team:…"]
    assert messages_of(policy, kind, {"tags": UNKNOWN}) == ["unknown: tags"]
    assert messages_of(policy, kind, {"tags": []}, keys=["owner"]) == ["tags is without owner; add owner:…"]
