from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from components.settings.models.cluster import Cluster as ClusterSettings
from policies.rules.aws import eks
from policies.rules.aws.eks import STANDARD_SUPPORT, supported
from tests.support.policies.pytest_fixtures import UNKNOWN, AssertChangeIsReported, Case, MessagesOf

EKS = "aws:eks/cluster:Cluster"


@pytest.fixture(autouse=True)
def day(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A day on which all versions that are named here are in standard support."""
    monkeypatch.setattr(eks, "utc_day", lambda: date(2026, 11, 25))
    yield


LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]


CLUSTER: dict[str, Any] = {
    "version": "1.34",
    "enabledClusterLogTypes": LOGS,
    "vpcConfig": {"endpointPublicAccess": False, "endpointPrivateAccess": True},
    "encryptionConfig": {"provider": {"keyArn": "arn:x"}, "resources": ["secrets"]},
    "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
}


PUBLIC = "set it to the networks of the operators, or set vpcConfig.endpointPublicAccess to false"


CASES: list[Case] = [
    (
        "eks-logs-missing",
        EKS,
        CLUSTER,
        {"enabledClusterLogTypes": LOGS[:4]},
        [f"enabledClusterLogTypes is {LOGS[:4]}; set it to {LOGS}"],
    ),
    (
        "eks-logs-missing",
        EKS,
        CLUSTER,
        {"enabledClusterLogTypes": None},
        [f"enabledClusterLogTypes is not set; set it to {LOGS}"],
    ),
    (
        "eks-endpoint-open-to-world",
        EKS,
        CLUSTER,
        {"vpcConfig__endpointPublicAccess": None},
        [f"vpcConfig.publicAccessCidrs is not set; {PUBLIC}"],
    ),
    (
        "eks-endpoint-open-to-world",
        EKS,
        CLUSTER,
        {"vpcConfig": {"endpointPublicAccess": True, "publicAccessCidrs": []}},
        [f"vpcConfig.publicAccessCidrs is []; {PUBLIC}"],
    ),
    (
        "eks-endpoint-open-to-world",
        EKS,
        CLUSTER,
        {"vpcConfig": {"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24", "0.0.0.0/0"]}},
        [f"vpcConfig.publicAccessCidrs[1] is '0.0.0.0/0'; {PUBLIC}"],
    ),
    (
        "eks-endpoint-open-to-world",
        EKS,
        CLUSTER,
        {"vpcConfig": {"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]}},
        [],
    ),
    (
        "eks-endpoint-not-private",
        EKS,
        CLUSTER,
        {"vpcConfig__endpointPrivateAccess": None},
        ["vpcConfig.endpointPrivateAccess is not set; set it to true"],
    ),
    (
        "eks-secrets-unencrypted",
        EKS,
        CLUSTER,
        {"encryptionConfig": None},
        [
            "encryptionConfig.resources is not set; "
            "set it to ['secrets'], with a key in encryptionConfig.provider.keyArn"
        ],
    ),
    (
        "eks-version-unsupported",
        EKS,
        CLUSTER,
        {"version": "1.28"},
        ["version is '1.28'; set it to 1.34 or 1.35 or 1.36"],
    ),
    (
        "eks-access-by-config-map",
        EKS,
        CLUSTER,
        {"accessConfig": None},
        [
            "accessConfig.authenticationMode is not set; set it to 'API'",
            "accessConfig.bootstrapClusterCreatorAdminPermissions is not set; set it to false",
        ],
    ),
    (
        "eks-access-by-config-map",
        EKS,
        CLUSTER,
        {"accessConfig__authenticationMode": "API_AND_CONFIG_MAP"},
        ["accessConfig.authenticationMode is 'API_AND_CONFIG_MAP'; set it to 'API'"],
    ),
    (
        "eks-nodes-open-to-ssh",
        "aws:eks/nodeGroup:NodeGroup",
        {"remoteAccess": {"ec2SshKey": "k", "sourceSecurityGroupIds": ["sg-1"]}},
        {"remoteAccess__sourceSecurityGroupIds": None},
        [
            "remoteAccess.sourceSecurityGroupIds is not set; "
            "set it to the groups that may use SSH, or remove remoteAccess"
        ],
    ),
    ("eks-nodes-open-to-ssh", "aws:eks/nodeGroup:NodeGroup", {}, {}, []),
]


@pytest.mark.parametrize("case", CASES)
def test_one_change_is_named(assert_change_is_reported: AssertChangeIsReported, case: Case) -> None:
    assert_change_is_reported(*case)


@pytest.mark.parametrize(
    ("policy", "kind", "path"),
    [
        ("eks-logs-missing", EKS, "enabledClusterLogTypes"),
        ("eks-endpoint-not-private", EKS, "vpcConfig"),
    ],
)
def test_an_unknown_value_is_counted(messages_of: MessagesOf, policy: str, kind: str, path: str) -> None:
    assert messages_of(policy, kind, {path: UNKNOWN}) == [f"unknown: {path}"]


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
