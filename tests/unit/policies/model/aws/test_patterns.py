"""Tests of patterns that match what nobody has."""

from policies.model.aws.patterns import is_any_value, is_every_arn, is_every_resource
from tests.support.rows import each_row


@each_row(
    ("pattern", "every_arn", "every_resource"),
    [
        ("*", True, True),
        ("?*", True, True),
        ("arn:*", True, True),
        ("a*", True, True),
        ("arn:aws-cn:s3:::*", True, True),
        ("arn:*:iam::*:role/?*", True, True),
        ("arn:aws:iam::111122223333:role/*", False, True),
        ("arn:aws:iam::111122223333:role*", False, True),
        ("arn:aws:iam::111122223333:*", False, True),
        ("arn:aws:iam::*:role/pipe-*", False, False),
        ("arn:aws:iam::*:role/pipe", False, False),
        ("arn:aws:s3:::role/*", False, False),
        ("arn:aws:eks:eu-west-1:111122223333:addon/pipe/*", False, False),
        ("arn:aws:iam::111122223333:role/team/*", False, True),
        ("arn:aws:s3:::acme*", False, False),
        ("arn:aws:lambda:*:*:function:*", True, True),
        ("arn:aws:lambda:*:*:function:pipe*", False, False),
        ("arn:aws:codeartifact:*:*:package-group/*", True, True),
        ("arn:aws:iam::*:role/${aws:UserAgent}", True, True),
        ("arn:aws:iam::${aws:ResourceAccount}:role/*", True, True),
        ("arn:aws:lambda:*:${aws:PrincipalAccount}:function:*", False, True),
        ("arn:aws:iam::*:role/${aws:username}", False, False),
        ("arn:aws:iam::*:role/${aws:PrincipalTag/a, '*'}", True, True),
        ("arn:aws:iam::*:role/${*}", False, False),
        ("arn:aws:ec2:*:*:instance/i-*", True, True),
        ("arn:aws:ec2:*:*:instance/i-0*", True, True),
        ("arn:aws:ec2:eu-west-1:111122223333:instance/i-0a?4*", False, True),
        ("arn:aws:ec2:*:*:instance/i-0abcdef1234567890", False, False),
        ("arn:aws:s3:::instance/i-0*", False, False),
        ("world", False, False),
        ("", False, False),
    ],
)
def test_a_pattern_of_arns_is_everything_if_it_matches_a_resource_that_nobody_has(
    pattern: str, every_arn: bool, every_resource: bool
) -> None:
    assert is_every_arn(pattern) is every_arn
    assert is_every_resource(pattern) is every_resource


@each_row(
    ("pattern", "every_resource"),
    [
        ("arn:aws:iam::*:role/pipe-*", True),
        ("arn:aws:iam::*:role/p*-*", True),
        ("arn:aws:lambda:*:*:function:pipe*", True),
        ("arn:aws:iam::*:role/pipe-prod-*", False),
        ("arn:aws:iam::*:role/pipe-?", False),
        ("arn:aws:s3:::pipe-*", False),
    ],
)
def test_a_pattern_of_arns_is_everything_in_a_project_if_it_matches_a_name_of_the_project(
    pattern: str, every_resource: bool
) -> None:
    assert is_every_resource(pattern, "pipe") is every_resource
    assert is_every_resource(pattern) is False


@each_row(
    ("pattern", "expected"),
    [
        ("*", True),
        ("A*", True),
        ("AROA*:*", True),
        ("AROAEXAMPLEID:*", False),
        ("vpc-*", True),
        ("vpc-0*", True),
        ("vpc-0a*", False),
        ("o-*/*", True),
        ("o-a/*", False),
        ("*.amazonaws.com", True),
        ("s3.*.amazonaws.com", False),
        ("eu-*", False),
        ("arn:aws:sns:*:*:*", True),
        ("arn:aws:sns:*:111122223333:*", False),
        ("repo:*:ref", False),
        ("pipe", False),
    ],
)
def test_a_pattern_of_values_is_everything_if_it_matches_a_value_that_nobody_has(
    pattern: str, expected: bool
) -> None:
    assert is_any_value(pattern) is expected
