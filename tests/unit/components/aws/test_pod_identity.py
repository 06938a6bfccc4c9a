"""Tests of the IAM roles of pods."""

import pytest

from tests.support.components import aws
from tests.support.components.aws import BUCKET_ARN, CLUSTER_ARN, KEY_ARN
from tests.support.components.fixtures import Declare, Recorder
from tests.support.components.iam import statements, trust


@pytest.fixture
def declared(declare_component: Declare) -> Recorder:
    return declare_component(aws.pod_identity)


def test_each_service_account_has_its_own_role(declared: Recorder) -> None:
    associations = declared.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    roles = {association["serviceAccount"]: association["roleArn"] for association in associations.values()}
    assert roles == {
        "pipe-backup": "arn:aws:mock:::pod-identity-backup",
        "pipe-restore": "arn:aws:mock:::pod-identity-restore",
        "pipe-api": "arn:aws:mock:::pod-identity-api",
    }
    for association in associations.values():
        assert (association["clusterName"], association["namespace"]) == ("pipe-test", "pipe")


@pytest.mark.parametrize(
    ("role", "account"), [("backup", "pipe-backup"), ("restore", "pipe-restore"), ("api", "pipe-api")]
)
def test_only_pods_of_one_service_account_in_one_cluster_may_assume_a_role(
    declared: Recorder, role: str, account: str
) -> None:
    inputs = declared.inputs["aws:iam/role:Role", f"pod-identity-{role}"]
    assert inputs["name"] == f"pipe-test-{role}"
    assert trust(inputs) == {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "aws:SourceAccount": "123456789012",
                "aws:RequestTag/kubernetes-namespace": "pipe",
                "aws:RequestTag/kubernetes-service-account": account,
            },
            "ArnEquals": {"aws:SourceArn": CLUSTER_ARN},
        },
    }


THROUGH_S3 = {"StringEquals": {"kms:ViaService": "s3.ap-northeast-1.amazonaws.com"}}
DUMPS = [f"{BUCKET_ARN}/dumps/*", f"{BUCKET_ARN}/latest.dump"]
GRANTS = {
    "pod-identity-backup": {
        "ReadAndWriteDumps": (["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], DUMPS, None),
        "UseKeyThroughS3": (["kms:Decrypt", "kms:GenerateDataKey"], [KEY_ARN], THROUGH_S3),
    },
    "pod-identity-restore": {
        "ReadDumps": (["s3:GetObject"], DUMPS, None),
        "FindDumps": (["s3:ListBucket"], [BUCKET_ARN], {"StringLike": {"s3:prefix": "dumps/*"}}),
        "UseKeyThroughS3": (["kms:Decrypt"], [KEY_ARN], THROUGH_S3),
    },
}
"""Actions, resources and condition of each statement, by role and Sid; the API's role has no policy."""


def test_a_backup_reads_and_writes_dumps_a_restore_reads_them_and_the_api_does_nothing(
    declared: Recorder,
) -> None:
    policies = declared.of_type("aws:iam/rolePolicy:RolePolicy")
    assert {
        role: {
            sid: (statement["Action"], statement["Resource"], statement.get("Condition"))
            for sid, statement in statements(policy["policy"]).items()
        }
        for role, policy in policies.items()
    } == GRANTS
    assert not declared.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
