from policies.rules.kubernetes.labels import LABELLED
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf
from tests.support.rows import each_row

LABELS = ("app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by")


@each_row("kind", sorted(kind for kind in LABELLED if not kind.endswith("List")))
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
