from datetime import date

import pytest

from components.settings.models.cluster import Cluster as ClusterSettings
from policies.rules.aws import eks
from policies.rules.aws.eks import STANDARD_SUPPORT, supported
from tests.support.policies.fixtures import CLUSTER
from tests.support.policies.pytest_fixtures import MessagesOf

EKS = "aws:eks/cluster:Cluster"


def test_a_version_leaves_with_its_standard_support(
    messages_of: MessagesOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert supported(date(2026, 12, 2)) == ["1.34", "1.35", "1.36"]
    assert supported(date(2026, 12, 3)) == ["1.35", "1.36"]
    monkeypatch.setattr(eks, "utc_day", lambda: date(2026, 12, 3))
    policy = "eks-version-unsupported"
    assert messages_of(policy, EKS, CLUSTER) == ["version is '1.34'; set it to 1.35 or 1.36"]
    assert messages_of(policy, EKS, CLUSTER, versions=["1.34"]) == []
    monkeypatch.setattr(eks, "utc_day", lambda: date(2030, 1, 1))
    assert messages_of(policy, EKS, CLUSTER) == ["version is '1.34'; set it to a version in standard support"]


def test_stack_files_accept_what_the_policy_accepts() -> None:
    accepted = ClusterSettings.model_json_schema()["properties"]["version"]["enum"]
    assert accepted == list(STANDARD_SUPPORT)
