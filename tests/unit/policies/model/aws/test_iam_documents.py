"""Tests of conditions that restrict the callers of a statement, or name the owners."""

from typing import Any

from policies.model.aws.iam_documents import statements
from policies.model.networks import is_world
from policies.model.property_marks import from_plain
from policies.model.property_values import Value
from tests.support.rows import each_row


@each_row(
    ("operator", "key", "value", "narrows", "names_owners"),
    [
        ("StringEquals", "kms:CallerAccount", "123456789012", True, True),
        ("StringEquals", "kms:CallerAccount", ["123456789012", "210987654321"], True, True),
        ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-a/*", True, True),
        ("StringLike", "aws:PrincipalOrgPaths", "o-a*/*", True, False),
        ("StringNotEquals", "kms:CallerAccount", "123456789012", False, False),
        ("StringEqualsIfExists", "kms:CallerAccount", "123456789012", False, False),
        ("ForAllValues:StringEquals", "aws:PrincipalOrgID", "o-a", False, False),
        ("Null", "aws:PrincipalOrgID", "false", False, False),
        ("Bool", "aws:SecureTransport", "true", False, False),
        ("StringLike", "aws:PrincipalOrgID", "*", False, False),
        ("StringLike", "aws:PrincipalOrgID", ["o-a", "?*"], False, False),
        ("StringLike", "aws:PrincipalOrgID", "o-*", False, False),
        ("StringEquals", "aws:PrincipalAccount", "${aws:PrincipalAccount}", False, False),
        ("StringEquals", "aws:PrincipalArn", "${aws:principalarn, 'x'}", False, False),
        ("StringEquals", "aws:PrincipalAccount", "${aws:SourceAccount}", False, False),
        ("StringEquals", "accounts.google.com:sub", "${accounts.google.com:sub}", False, False),
        ("StringEquals", "sts:ExternalId", ["pipe", "${sts:ExternalId}"], False, False),
        ("StringEquals", "aws:PrincipalOrgID", "${aws:ResourceOrgID}", True, False),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::${aws:ResourceAccount}:role/a", True, False),
        ("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team}", True, False),
        ("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team, '*'}", False, False),
        ("StringEquals", "aws:ResourceTag/team", "${ec2:ResourceTag/team}", False, False),
        ("StringEquals", "aws:ResourceTag/team", "${aws:UserAgent}", False, False),
        ("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/", False, False),
        ("StringLike", "s3:prefix", "home/${aws:username}/*", True, False),
        ("StringLike", "s3:prefix", "home/${*}", True, False),
        ("StringEquals", "s3:prefix", "${s3:prefix}", False, False),
        ("ArnLike", "iam:PolicyARN", "arn:aws:iam::aws:policy/*", False, False),
        ("ArnLike", "iam:PolicyARN", "arn:aws:iam::aws:policy/A*", False, False),
        ("ArnLike", "iam:PolicyARN", "arn:aws:iam::aws:policy/AmazonS3*", True, False),
        ("ArnEquals", "iam:PolicyARN", "arn:aws:iam::aws:policy/IAMFullAccess", False, False),
        ("ArnLike", "iam:PolicyARN", "arn:aws:iam::${aws:PrincipalAccount}:policy/*", False, False),
        ("StringEquals", "iam:PermissionsBoundary", "arn:aws:iam::1:policy/limit", True, False),
        ("StringEquals", "aws:PrincipalOrgID", [], False, False),
        ("StringEquals", "aws:RequestTag/env", "prod", True, False),
        ("StringEquals", "kms:ViaService", "s3.eu-west-1.amazonaws.com", True, False),
        ("IpAddress", "aws:SourceIp", "203.0.113.0/24", True, True),
        ("IpAddress", "aws:SourceIp", "0.0.0.0/0", False, False),
        ("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "2000::/3"], False, False),
        ("IpAddress", "aws:SourceIp", ["0.0.0.0/2", "64.0.0.0/2"], False, False),
        ("NotIpAddress", "aws:SourceIp", "203.0.113.0/24", False, False),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::123456789012:role/*", True, True),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/deploy", True, False),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*", False, False),
        ("ArnLike", "aws:PrincipalArn", "arn:*", False, False),
        ("ArnLike", "aws:SourceArn", "arn:aws:s3:::bucket", True, True),
        ("ArnLike", "aws:SourceArn", "arn:aws:s3:::b*", True, False),
        ("ArnLike", "aws:SourceArn", "arn:aws:s3:::*", False, False),
        ("StringLike", "aws:SourceVpce", "vpce-*", False, False),
        ("StringLike", "aws:ResourceTag/net", "vpce-*", True, False),
        ("StringLike", "kms:ViaService", "*.eu-west-1.amazonaws.com", True, False),
        ("IpAddress", "aws:VpcSourceIp", "10.0.0.0/8", True, False),
        ("StringEquals", "sts:ExternalId", "pipe", True, False),
        ("StringLike", "aws:UserAgent", "Mozilla/5.0*", False, False),
        ("StringEquals", "aws:Referer", "https://example.com", False, False),
    ],
)
def test_a_condition_counts_by_operator_key_and_values(
    operator: str, key: str, value: Any, narrows: bool, names_owners: bool
) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "*", "Condition": {operator: {key: value}}}
    [parsed] = statements(Value(from_plain({"Statement": [statement]})))
    assert parsed.narrowed is narrows
    assert parsed.open is not names_owners


def test_one_condition_that_names_owners_is_enough() -> None:
    condition = {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceAccount": "1"}}
    statement = {"Effect": "Allow", "Principal": "*", "Action": "*", "Condition": condition}
    [parsed] = statements(Value(from_plain({"Statement": [statement]})))
    assert not parsed.open


@each_row("text", ["0.0.0.0/0", "128.0.0.0/1", "::/0", "::/1", "2000::/3", "2000::/4", "0::/2"])
def test_the_internet_or_half_of_it_is_the_world(text: str) -> None:
    assert is_world(text)


@each_row("text", ["10.0.0.0/8", "0.0.0.0/2", "2001::/16", "2400::/6", "fc00::/7", "fe80::/3", "", "pl-1"])
def test_a_part_of_the_internet_is_not_the_world(text: str) -> None:
    assert not is_world(text)


@each_row(
    ("element", "patterns", "action", "covered"),
    [
        ("Action", "s3:*", "s3:*", True),
        ("Action", ["s3:Get*", "s3:?*"], "s3:*", True),
        ("Action", "*", "s3:*", True),
        ("Action", ["s3:?", "s3:G*", "s3:Put*"], "s3:*", False),
        ("Action", "S3:get*", "s3:GetObject", True),
        ("NotAction", "sts:TagSession", "sts:AssumeRole", True),
        ("NotAction", ["sts:Tag*", "sts:A*"], "sts:AssumeRole", False),
        ("NotAction", "iam:*", "s3:*", True),
        ("NotAction", "s3:GetObject", "s3:*", False),
        ("NotAction", "*:Get*", "s3:*", False),
    ],
)
def test_a_statement_covers_actions_that_it_names_or_does_not_except(
    element: str, patterns: Any, action: str, covered: bool
) -> None:
    [parsed] = statements(Value(from_plain({"Statement": {"Effect": "Allow", element: patterns}})))
    assert parsed.covers(action) is covered
