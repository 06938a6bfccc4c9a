"""Tests of the guards of an account that are one switch each."""

import pytest

from tests.support.foundation.baseline import DeclareBaseline, only

BLOCK = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
EBS = "aws:ebs/encryptionByDefault:EncryptionByDefault"
ANALYZER = "aws:accessanalyzer/analyzer:Analyzer"
PASSWORDS = "aws:iam/accountPasswordPolicy:AccountPasswordPolicy"


def test_no_bucket_of_the_account_can_be_public(declare_baseline: DeclareBaseline) -> None:
    block = only(declare_baseline(), BLOCK)
    assert block.pop("accountId") == "123456789012"
    assert block == {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }


def test_new_volumes_are_encrypted(declare_baseline: DeclareBaseline) -> None:
    assert only(declare_baseline(), EBS) == {"enabled": True}


def test_access_from_outside_the_account_is_reported(declare_baseline: DeclareBaseline) -> None:
    analyzer = only(declare_baseline(), ANALYZER)
    assert (analyzer["analyzerName"], analyzer["type"]) == ("pipe-external-access", "ACCOUNT")


def test_passwords_are_long_and_not_reused(declare_baseline: DeclareBaseline) -> None:
    policy = only(declare_baseline(passwordPolicy={"minimumLength": 20, "remembered": 12}), PASSWORDS)
    assert (policy["minimumPasswordLength"], policy["passwordReusePrevention"]) == (20, 12)
    assert policy["allowUsersToChangePassword"] is True
    # Regular changes make people choose weaker passwords (NIST SP 800-63B), so passwords do not expire.
    assert "maxPasswordAge" not in policy


@pytest.mark.parametrize(
    ("typ", "changes"),
    [
        (BLOCK, {"publicAccessBlock": False}),
        (EBS, {"ebsEncryption": False}),
        (ANALYZER, {"accessAnalyzer": False}),
        (PASSWORDS, {"passwordPolicy": {"enabled": False}}),
    ],
)
def test_a_guard_that_is_off_is_not_declared(
    declare_baseline: DeclareBaseline, typ: str, changes: dict[str, object]
) -> None:
    assert declare_baseline(**changes).of_type(typ) == {}
