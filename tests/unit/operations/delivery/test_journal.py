"""Tests of the journal of an interrupted deployment."""

import json
from dataclasses import asdict

import pytest

from operations.delivery import journal
from operations.delivery.journal import delete_journal, read_journal
from operations.lib.errors import RefusedError
from operations.lib.kubernetes.cluster import Manifest
from tests.support.operations.deploying import ConfigMaps, new_journal

CONFIG_MAP = f"configmap/{journal.NAME}"


def test_a_journal_is_read_from_the_cluster_as_it_was_saved_until_it_is_deleted() -> None:
    cluster = ConfigMaps()
    assert read_journal(cluster, "dev") is None
    new_journal().save(cluster)
    assert read_journal(cluster, "dev") == new_journal()
    delete_journal(cluster)
    assert read_journal(cluster, "dev") is None


def test_a_dry_run_keeps_the_journal() -> None:
    cluster = ConfigMaps(dry_run=True)
    new_journal().save(cluster)
    assert cluster.objects == {}
    cluster.objects[CONFIG_MAP] = {"data": {}}
    delete_journal(cluster)
    assert cluster.objects == {CONFIG_MAP: {"data": {}}}


ENTRIES = asdict(new_journal())
"""Entries of a journal."""


NOT_JOURNALS: list[tuple[Manifest, str]] = [
    ({"data": {journal.KEY: json.dumps(ENTRIES)[:-20]}}, "JSONDecodeError"),
    ({"data": {journal.KEY: ""}}, "JSONDecodeError"),
    ({"data": {journal.KEY: "[]"}}, "KeyError"),
    ({"data": {journal.KEY: json.dumps({"version": "1.1.0", "before": "x"})}}, "KeyError"),
    ({"data": {journal.KEY: json.dumps(ENTRIES | {"unknown": 1})}}, "TypeError"),
    ({"data": {"other": "{}"}}, "KeyError"),
    ({}, "KeyError"),
]


@pytest.mark.parametrize(
    ("content", "error"),
    NOT_JOURNALS,
    ids=["truncated", "empty", "list", "older", "newer", "another-key", "no-data"],
)
def test_a_config_map_that_is_not_a_journal_is_refused_and_kept(content: Manifest, error: str) -> None:
    cluster = ConfigMaps()
    cluster.objects[CONFIG_MAP] = content
    with pytest.raises(RefusedError) as raised:
        read_journal(cluster, "dev")
    assert str(raised.value) == (
        f"configmap/pipe-deployment is not a journal of a deployment ({error}); to start a new deployment:"
        " git checkout Pulumi.dev.yaml && kubectl --namespace pipe delete configmap pipe-deployment"
    )
    assert cluster.objects == {CONFIG_MAP: content}
