import json
from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf

BUCKET = "aws:s3/bucketPolicy:BucketPolicy"


NAMES = ["arn:aws:s3:::pipe-backup", "arn:aws:s3:::pipe-backup/*"]


PLAIN = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": NAMES,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


OLD = {**PLAIN, "Principal": {"AWS": "*"}, "Condition": {"NumericLessThan": {"s3:TlsVersion": 1.2}}}


NO_PLAIN = (
    "policy is without a denial of plain HTTP; deny s3:* on the bucket and its objects under "
    '{"Bool": {"aws:SecureTransport": "false"}}'
)


NO_OLD = (
    "policy is without a denial of TLS below 1.2; deny s3:* on the bucket and its objects under "
    '{"NumericLessThan": {"s3:TlsVersion": "1.2"}}'
)


def document(*statements: dict[str, Any]) -> dict[str, str]:
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": list(statements)})}


def test_a_bucket_policy_with_both_denials_passes(messages_of: MessagesOf) -> None:
    assert messages_of("tls-bucket-policy-missing-denial", BUCKET, document(PLAIN, OLD)) == []


@pytest.mark.parametrize(
    "weak",
    [
        {"Effect": "Allow"},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Action": "s3:GetObject"},
        {"Resource": NAMES[:1]},
        {"Resource": NAMES[1:]},
        {"Resource": [NAMES[0], f"{NAMES[0]}/private/*"]},
        {"Resource": [NAMES[0], f"{NAMES[0]}-other/*"]},
        {"Resource": f"{NAMES[0]}*"},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Condition": {"StringEquals": {"aws:SecureTransport": "false"}}},
        {"Condition": {"Bool": {"aws:ViaAWSService": "false"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "false", "aws:ViaAWSService": "false"}}},
        {"NotPrincipal": "*", "Principal": "*"},
        {"Condition": {}},
    ],
)
def test_a_denial_of_plain_http_that_leaves_something_out_does_not_count(
    messages_of: MessagesOf, weak: dict[str, Any]
) -> None:
    assert messages_of("tls-bucket-policy-missing-denial", BUCKET, document(PLAIN | weak, OLD)) == [NO_PLAIN]


@pytest.mark.parametrize(
    "weak",
    [
        {"Condition": {"NumericLessThan": {"s3:TlsVersion": "1.1"}}},
        {"Condition": {"NumericGreaterThan": {"s3:TlsVersion": "1.2"}}},
        {"Condition": {"NumericLessThan": {"s3:signatureAge": "1.2"}}},
        {
            "Condition": {
                "NumericLessThan": {"s3:TlsVersion": "1.2"},
                "Bool": {"aws:SecureTransport": "false"},
            }
        },
    ],
)
def test_a_denial_of_old_tls_that_leaves_something_out_does_not_count(
    messages_of: MessagesOf, weak: dict[str, Any]
) -> None:
    assert messages_of("tls-bucket-policy-missing-denial", BUCKET, document(PLAIN, OLD | weak)) == [NO_OLD]


def test_a_policy_of_one_statement_and_wildcards_is_read(messages_of: MessagesOf) -> None:
    policy = {"policy": json.dumps({"Statement": PLAIN | {"Action": "*", "Resource": "*"}})}
    assert messages_of("tls-bucket-policy-missing-denial", BUCKET, policy) == [NO_OLD]


def test_a_policy_that_is_not_known_is_counted(messages_of: MessagesOf) -> None:
    assert messages_of("tls-bucket-policy-missing-denial", BUCKET, {"policy": UNKNOWN}) == ["unknown: policy"]


def test_a_policy_of_the_bucket_itself_counts(messages_of: MessagesOf) -> None:
    policy, kind = "tls-bucket-policy-missing-denial", "aws:s3/bucket:Bucket"
    assert messages_of(policy, kind, {}) == []
    assert messages_of(policy, kind, document(PLAIN, OLD)) == []
    assert messages_of(policy, kind, document(PLAIN)) == [NO_OLD]
