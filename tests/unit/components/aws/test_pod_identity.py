import json
from typing import Any

import pytest

from components.aws.pod_identity import PodIdentity, PodIdentityArgs
from components.common.naming import Naming
from tests.support.components.fixtures import Recorder, evaluate

CLUSTER = "arn:aws:eks:ap-northeast-1:123456789012:cluster/pipe-test"
BUCKET = "arn:aws:s3:::pipe-backup"
KEY = "arn:aws:kms:ap-northeast-1:123456789012:key/1"


@pytest.fixture
def declared(recorder: Recorder, naming: Naming) -> Recorder:
    args = PodIdentityArgs(
        naming=naming,
        cluster_name="pipe-test",
        cluster_arn=CLUSTER,
        namespace="pipe",
        bucket_arn=BUCKET,
        key_arn=KEY,
    )
    evaluate(lambda: PodIdentity("pod-identity", args).urn)
    return recorder


def statements(document: str) -> list[dict[str, Any]]:
    return json.loads(document)["Statement"]


def test_each_service_account_has_a_role_of_its_own(declared: Recorder) -> None:
    associations = declared.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert {a["serviceAccount"]: a["roleArn"] for a in associations.values()} == {
        "pipe-backup": "arn:aws:mock:::pod-identity-backup",
        "pipe-restore": "arn:aws:mock:::pod-identity-restore",
        "pipe-api": "arn:aws:mock:::pod-identity-api",
    }
    assert {(a["clusterName"], a["namespace"]) for a in associations.values()} == {("pipe-test", "pipe")}


@pytest.mark.parametrize(
    ("role", "account"), [("backup", "pipe-backup"), ("restore", "pipe-restore"), ("api", "pipe-api")]
)
def test_only_pods_of_that_account_in_that_cluster_may_assume_a_role(
    declared: Recorder, role: str, account: str
) -> None:
    inputs = declared.inputs["aws:iam/role:Role", f"pod-identity-{role}"]
    assert inputs["name"] == f"pipe-test-{role}"
    assert statements(inputs["assumeRolePolicy"]) == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {
                "StringEquals": {
                    "aws:SourceAccount": "123456789012",
                    "aws:RequestTag/kubernetes-namespace": "pipe",
                    "aws:RequestTag/kubernetes-service-account": account,
                },
                "ArnEquals": {"aws:SourceArn": CLUSTER},
            },
        }
    ]


def test_the_backup_job_reads_and_writes_its_dumps_and_nothing_else(declared: Recorder) -> None:
    policies = declared.of_type("aws:iam/rolePolicy:RolePolicy")
    assert statements(policies["pod-identity-backup"]["policy"]) == [
        {
            "Sid": "ReadAndWriteDumps",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
            "Resource": [f"{BUCKET}/dumps/*", f"{BUCKET}/latest.dump"],
        },
        {
            "Sid": "UseKeyThroughS3",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": [KEY],
            "Condition": {"StringEquals": {"kms:ViaService": "s3.ap-northeast-1.amazonaws.com"}},
        },
    ]


def test_a_restore_finds_and_reads_dumps_and_writes_nothing(declared: Recorder) -> None:
    policies = declared.of_type("aws:iam/rolePolicy:RolePolicy")
    granted = {
        statement["Sid"]: (statement["Action"], statement["Resource"], statement.get("Condition"))
        for statement in statements(policies["pod-identity-restore"]["policy"])
    }
    assert granted == {
        "ReadDumps": (["s3:GetObject"], [f"{BUCKET}/dumps/*", f"{BUCKET}/latest.dump"], None),
        "FindDumps": (["s3:ListBucket"], [BUCKET], {"StringLike": {"s3:prefix": "dumps/*"}}),
        "UseKeyThroughS3": (
            ["kms:Decrypt"],
            [KEY],
            {"StringEquals": {"kms:ViaService": "s3.ap-northeast-1.amazonaws.com"}},
        ),
    }


def test_the_api_may_do_nothing_in_aws(declared: Recorder) -> None:
    policies = declared.of_type("aws:iam/rolePolicy:RolePolicy")
    assert sorted(policies) == ["pod-identity-backup", "pod-identity-restore"]
    assert not declared.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")


def test_no_role_can_be_given_more_than_the_boundary_allows(declared: Recorder) -> None:
    boundaries = {role["permissionsBoundary"] for role in declared.of_type("aws:iam/role:Role").values()}
    assert boundaries == {"arn:aws:iam::123456789012:policy/pipe-test-boundary"}
