"""Tests of the tables of types that can share a resource, with the inputs of the installed SDK."""

import re

import pytest

from policies.rules.aws import ecr, vpc
from policies.rules.aws.data import kms, rds, s3_access
from policies.rules.aws.iam import attachments, sharing
from tests.support.policies.sdk_types import aws_arguments, inputs

OLD = "V2:Bucket"
"""Part of the types of buckets that newer versions of the SDK lack."""
SHARES = {token: share.path for token, share in sharing.SHARES.items()}


@pytest.mark.parametrize(
    "table",
    [
        attachments.ATTACHED,
        attachments.ON_ROLE,
        attachments.ON_USER,
        sharing.DOCUMENTS,
        SHARES,
        ecr.POLICIES,
        s3_access.BLOCKS,
        s3_access.POLICIES,
    ],
)
def test_the_types_of_a_table_have_the_property_that_a_rule_reads(table: dict[str, str]) -> None:
    for token, path in table.items():
        if OLD not in token:
            assert path.partition(".")[0] in (inputs(token) or {}), token


def test_the_types_that_share_have_the_properties_that_limit_everybody() -> None:
    for token, share in sharing.SHARES.items():
        assert {path.partition(".")[0] for path in share.limits} <= set(inputs(token) or {}), token


POLICY = re.compile(r"policy|\w*(policy_document|access_policy|access_policies|resource_policy)")
"""The names of arguments with a policy; others, such as `tls_policy`, contain only a name."""

OF_PRINCIPALS = frozenset(
    {
        "aws:eks/podIdentityAssociation:PodIdentityAssociation",
        "aws:iam/groupPolicy:GroupPolicy",
        "aws:iam/policy:Policy",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/userPolicy:UserPolicy",
        "aws:iot/policy:Policy",
        "aws:iot/policyAttachment:PolicyAttachment",
        "aws:transfer/access:Access",
        "aws:transfer/user:User",
    }
)
"""Types whose policies give permissions to a principal, and name none."""

CHECKED_IN_ANOTHER_WAY = frozenset(
    {
        # APIs, domains and services that check requests themselves
        "aws:apigateway/domainName:DomainName",
        "aws:apigateway/restApi:RestApi",
        "aws:apigateway/restApiPolicy:RestApiPolicy",
        "aws:cloudsearch/domainServiceAccessPolicy:DomainServiceAccessPolicy",
        "aws:elasticsearch/domain:Domain",
        "aws:elasticsearch/domainPolicy:DomainPolicy",
        "aws:opensearch/domain:Domain",
        "aws:opensearch/domainPolicy:DomainPolicy",
        "aws:opensearch/serverlessAccessPolicy:ServerlessAccessPolicy",
        "aws:opensearch/serverlessSecurityPolicy:ServerlessSecurityPolicy",
        "aws:verifiedaccess/endpoint:Endpoint",
        "aws:verifiedaccess/group:Group",
        "aws:vpclattice/authPolicy:AuthPolicy",
        # file systems and endpoints of a VPC
        "aws:efs/fileSystemPolicy:FileSystemPolicy",
        "aws:odb/network:Network",
        "aws:s3/filesFileSystemPolicy:FilesFileSystemPolicy",
    }
)
"""Types whose policies name everybody by design."""

WITHOUT_ACCESS = frozenset(
    {
        "aws:cloudwatch/logAccountPolicy:LogAccountPolicy",
        "aws:cloudwatch/logDataProtectionPolicy:LogDataProtectionPolicy",
        "aws:cloudwatch/logIndexPolicy:LogIndexPolicy",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "aws:networkmanager/coreNetwork:CoreNetwork",
        "aws:networkmanager/coreNetworkPolicyAttachment:CoreNetworkPolicyAttachment",
        "aws:opensearch/serverlessLifecyclePolicy:ServerlessLifecyclePolicy",
        "aws:ses/receiptFilter:ReceiptFilter",
        "aws:sns/dataProtectionPolicy:DataProtectionPolicy",
    }
)
"""Types whose policies give nobody access: lifecycles, routes, filters and masks of personal data."""


def test_every_policy_of_the_sdk_is_judged_or_excused() -> None:
    judged = {
        *sharing.DOCUMENTS,
        *ecr.POLICIES,
        *s3_access.POLICIES,
        *kms.POLICIES,
        *vpc.endpoint_policy.types,
    }
    excused = OF_PRINCIPALS | CHECKED_IN_ANOTHER_WAY | WITHOUT_ACCESS
    with_policy = {
        token
        for token, name, annotation in aws_arguments()
        if POLICY.fullmatch(name) and "_builtins.str" in annotation
    }
    assert sorted(with_policy - judged - excused) == []
    assert sorted(excused - with_policy) == []
    assert judged & excused == set()


def test_every_type_with_a_public_address_is_judged() -> None:
    public = {token for token, name, _ in aws_arguments() if name == "publicly_accessible"}
    assert public == set(rds.PUBLIC)
