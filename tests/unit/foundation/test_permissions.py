"""Tests of the roles' policies with an evaluation that works as IAM's does."""

import json

import pytest
from botocore.session import get_session

from tests.support.components.fixtures import Recorder
from tests.support.components.iam import verdict
from tests.support.foundation.fixtures import Policies, attached_policies
from tests.support.rows import each_row

HERE = "ap-northeast-1:444455556666"
EC2 = f"arn:aws:ec2:{HERE}"
KEY = f"arn:aws:kms:{HERE}:key/1234"
STATE = "arn:aws:mock:::state-bucket"
SECRETS = "arn:aws:mock:::state"
THROUGH_S3 = {"kms:ViaService": "s3.ap-northeast-1.amazonaws.com"}
SECRET = f"arn:aws:secretsmanager:{HERE}:secret:rds!db-1-abcdef"
THROUGH_SECRETS_MANAGER = {"kms:ViaService": "secretsmanager.ap-northeast-1.amazonaws.com"}
ROLE = "arn:aws:iam::444455556666:role"


FOUNDATION = {"aws:ResourceTag/env": "foundation"}
RDS = {"kms:ViaService": "rds.ap-northeast-1.amazonaws.com"}


def secret_of(env: str) -> dict[str, str]:
    return {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": f"arn:aws:rds:{HERE}:db:pipe-{env}-db"}


def passed_to(service: str) -> dict[str, str]:
    return {"iam:PassedToService": f"{service}.amazonaws.com"}


DEPLOY: list[tuple[str, str, dict[str, str], str]] = [
    # The VPC, in this account and region
    ("ec2:CreateVpc", f"{EC2}:vpc/*", {}, "allow"),
    ("ec2:CreateTags", f"{EC2}:vpc/vpc-1", {}, "allow"),
    ("ec2:DeleteVpc", f"{EC2}:vpc/vpc-1", {}, "allow"),
    ("ec2:DeleteVpc", "arn:aws:ec2:us-east-1:444455556666:vpc/vpc-1", {}, "nothing"),
    ("ec2:AuthorizeSecurityGroupIngress", f"{EC2}:security-group/sg-1", {}, "allow"),
    ("ec2:RunInstances", f"{EC2}:instance/*", {}, "nothing"),
    ("ec2:DisableEbsEncryptionByDefault", "*", {}, "nothing"),
    # The cluster, its logs and the CI runner
    ("eks:CreateCluster", "*", {}, "allow"),
    ("eks:UpdateClusterVersion", f"arn:aws:eks:{HERE}:cluster/pipe-stg", {}, "allow"),
    ("eks:UpdateClusterVersion", f"arn:aws:eks:{HERE}:cluster/pipe-prod", {}, "nothing"),
    ("eks:DeleteAccessEntry", f"arn:aws:eks:{HERE}:access-entry/pipe-stg/role/1/x/y", {}, "allow"),
    ("logs:CreateLogGroup", f"arn:aws:logs:{HERE}:log-group:/aws/eks/pipe-stg/cluster", {}, "allow"),
    ("logs:CreateLogGroup", f"arn:aws:logs:{HERE}:log-group:/pipe/stg/vpc-flow-logs", {}, "allow"),
    ("logs:DeleteLogGroup", f"arn:aws:logs:{HERE}:log-group:/pipe/prod/vpc-flow-logs", {}, "nothing"),
    ("logs:GetLogEvents", f"arn:aws:logs:{HERE}:log-group:/pipe/stg/vpc-flow-logs", {}, "nothing"),
    ("codebuild:UpdateProject", f"arn:aws:codebuild:{HERE}:project/pipe-stg-runner", {}, "allow"),
    ("codebuild:StartBuild", f"arn:aws:codebuild:{HERE}:project/pipe-stg-runner", {}, "nothing"),
    # Data: may be created, but not read
    ("rds:ModifyDBInstance", f"arn:aws:rds:{HERE}:db:pipe-stg-db", {}, "allow"),
    ("rds:DeleteDBInstance", f"arn:aws:rds:{HERE}:db:pipe-prod-db", {}, "nothing"),
    ("rds:RestoreDBInstanceToPointInTime", f"arn:aws:rds:{HERE}:db:pipe-stg-db-new-1", {}, "allow"),
    ("rds:RestoreDBInstanceToPointInTime", f"arn:aws:rds:{HERE}:db:pipe-prod-db", {}, "nothing"),
    (
        "rds:RestoreDBInstanceFromDBSnapshot",
        f"arn:aws:rds:{HERE}:snapshot:pipe-stg-db-before-17",
        {},
        "allow",
    ),
    ("rds:ModifyDBInstance", f"arn:aws:rds:{HERE}:pg:default.postgres17", {}, "allow"),
    ("rds:ApplyPendingMaintenanceAction", f"arn:aws:rds:{HERE}:db:pipe-stg-db", {}, "allow"),
    ("s3:PutBucketPolicy", "arn:aws:s3:::pipe-backup-stg", {}, "allow"),
    ("s3:PutBucketPolicy", "arn:aws:s3:::pipe-backup-stg-replica-logs", {}, "allow"),
    ("s3:DeleteBucket", "arn:aws:s3:::pipe-backup", {}, "nothing"),
    ("s3:GetObject", "arn:aws:s3:::pipe-backup-stg/latest.dump", {}, "nothing"),
    ("s3:BypassGovernanceRetention", "arn:aws:s3:::pipe-backup-stg/latest.dump", {}, "nothing"),
    # Only people empty buckets, so that no job can finish a destruction.
    ("s3:DeleteObject", "arn:aws:s3:::pipe-backup-stg-logs/access/1", {}, "nothing"),
    ("s3:DeleteObjectVersion", "arn:aws:s3:::pipe-backup-stg-logs/access/1", {}, "nothing"),
    # Keys: any of the account, but not foundation's
    ("kms:CreateKey", "*", {}, "allow"),
    ("kms:ScheduleKeyDeletion", KEY, {}, "allow"),
    ("kms:ScheduleKeyDeletion", f"arn:aws:kms:ap-northeast-3:{HERE[15:]}:key/1", {}, "allow"),
    ("kms:ScheduleKeyDeletion", KEY, FOUNDATION, "deny LeaveKeys"),
    ("kms:PutKeyPolicy", KEY, FOUNDATION, "deny LeaveKeys"),
    ("kms:UntagResource", KEY, FOUNDATION, "deny LeaveKeys"),
    ("kms:UpdateAlias", KEY, FOUNDATION, "deny LeaveKeys"),
    ("kms:CreateAlias", f"arn:aws:kms:{HERE}:alias/pipe-stg-db", {}, "allow"),
    ("kms:DeleteAlias", f"arn:aws:kms:{HERE}:alias/pipe-state", {}, "nothing"),
    # EKS grants itself the cluster's key without kms:GrantIsForAWSResource (EKS user guide, enable-kms).
    ("kms:CreateGrant", KEY, {}, "allow"),
    ("kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": "true"}, "allow"),
    ("kms:CreateGrant", KEY, FOUNDATION, "deny LeaveKeys"),
    ("kms:Decrypt", KEY, {}, "nothing"),
    ("kms:Decrypt", KEY, RDS, "allow"),
    ("kms:Decrypt", KEY, THROUGH_SECRETS_MANAGER, "allow"),
    # The master password: RDS makes and rotates it for the role, which cannot read it
    ("secretsmanager:CreateSecret", SECRET, {}, "allow"),
    ("secretsmanager:CreateSecret", f"arn:aws:secretsmanager:{HERE}:secret:other-1", {}, "nothing"),
    ("secretsmanager:RotateSecret", SECRET, secret_of("stg"), "allow"),
    ("secretsmanager:RotateSecret", SECRET, secret_of("prod"), "nothing"),
    ("secretsmanager:GetSecretValue", SECRET, secret_of("stg"), "nothing"),
    # Roles: passed, never changed
    ("iam:PassRole", f"{ROLE}/pipe-stg-cluster", passed_to("eks"), "allow"),
    ("iam:PassRole", f"{ROLE}/pipe-stg-cluster", passed_to("ec2"), "nothing"),
    ("iam:PassRole", f"{ROLE}/pipe-stg-deploy", passed_to("ec2"), "nothing"),
    ("iam:PassRole", f"{ROLE}/pipe-prod-cluster", passed_to("eks"), "nothing"),
    ("iam:CreateServiceLinkedRole", f"{ROLE}/aws-service-role/eks.amazonaws.com/x", {}, "allow"),
    ("iam:CreateServiceLinkedRole", f"{ROLE}/aws-service-role/organizations.amazonaws.com/x", {}, "nothing"),
    ("iam:CreateRole", f"{ROLE}/pipe-stg-x", {}, "deny LeaveRoles"),
    ("iam:PutRolePolicy", f"{ROLE}/pipe-stg-backup", {}, "deny LeaveRoles"),
    ("iam:AttachRolePolicy", f"{ROLE}/pipe-stg-backup", {}, "deny LeaveRoles"),
    ("iam:UpdateAssumeRolePolicy", f"{ROLE}/pipe-stg-deploy", {}, "deny LeaveRoles"),
    ("iam:DeleteRole", f"{ROLE}/pipe-stg-backup", {}, "deny LeaveRoles"),
    ("iam:CreatePolicyVersion", "arn:aws:iam::444455556666:policy/pipe-read", {}, "deny LeaveRoles"),
    ("iam:CreateAccessKey", "arn:aws:iam::444455556666:user/operator", {}, "deny LeaveRoles"),
    ("iam:CreateUser", "arn:aws:iam::444455556666:user/x", {}, "deny LeaveRoles"),
    ("iam:UpdateOpenIDConnectProviderThumbprint", "*", {}, "deny LeaveRoles"),
    # The account's guards
    ("cloudtrail:StopLogging", "*", {}, "deny LeaveGuards"),
    ("backup:DeleteRecoveryPoint", "*", {}, "deny LeaveGuards"),
    ("guardduty:DeleteDetector", "*", {}, "deny LeaveGuards"),
    # State and secrets
    ("s3:PutObject", f"{STATE}/.pulumi/stacks/pipe/stg.json", {}, "allow"),
    ("s3:PutObject", f"{STATE}/.pulumi/stacks/pipe/stg.json.bak", {}, "allow"),
    ("s3:DeleteObject", f"{STATE}/.pulumi/locks/organization/pipe/stg/1.json", {}, "allow"),
    ("s3:PutObject", f"{STATE}/.pulumi/history/pipe/stg/stg-1.history.json", {}, "allow"),
    ("s3:PutObject", f"{STATE}/.pulumi/backups/pipe/stg/stg.1.json", {}, "allow"),
    ("s3:GetObject", f"{STATE}/.pulumi/meta.yaml", {}, "allow"),
    ("s3:GetObject", f"{STATE}/.pulumi/stacks/pipe/prod.json", {}, "nothing"),
    ("s3:GetObject", f"{STATE}/.pulumi/stacks/pipe-foundation/stg.json", {}, "deny LeaveOwnState"),
    ("s3:PutBucketPolicy", "arn:aws:s3:::pipe-state-444455556666", {}, "deny LeaveStateBucket"),
    ("s3:DeleteObjectVersion", "arn:aws:s3:::pipe-state-444455556666/x", {}, "deny LeaveStateBucket"),
    ("kms:GenerateDataKey", STATE, THROUGH_S3, "allow"),
    ("kms:Decrypt", SECRETS, {"kms:EncryptionContext:env": "stg"}, "allow"),
    ("kms:Decrypt", SECRETS, {"kms:EncryptionContext:env": "prod"}, "nothing"),
    ("kms:Decrypt", SECRETS, {}, "nothing"),
]


@each_row(("action", "resource", "context", "expected"), DEPLOY)
def test_the_deploy_role_of_stg(
    policies: Policies, action: str, resource: str, context: dict[str, str], expected: str
) -> None:
    assert verdict(policies["pipe-stg-deploy"], action, resource, context) == expected


PREVIEW: list[tuple[str, str, dict[str, str], str]] = [
    ("ec2:DescribeVpcs", "*", {}, "allow"),
    ("s3:GetBucketPolicy", "arn:aws:s3:::pipe-backup", {}, "allow"),
    ("s3:GetObject", "arn:aws:s3:::pipe-backup/latest.dump", {}, "nothing"),
    ("logs:GetLogEvents", "*", {}, "nothing"),
    ("logs:GetQueryResults", "*", {}, "nothing"),
    ("cloudtrail:LookupEvents", "*", {}, "nothing"),
    ("ec2:GetConsoleOutput", f"{EC2}:instance/i-1", {}, "nothing"),
    ("s3:GetObject", f"{STATE}/.pulumi/stacks/pipe/stg.json", {}, "allow"),
    ("s3:PutObject", f"{STATE}/.pulumi/stacks/pipe/stg.json", {}, "nothing"),
    ("s3:GetObject", f"{STATE}/.pulumi/stacks/pipe/prod.json", {}, "nothing"),
    ("s3:GetObject", f"{STATE}/.pulumi/stacks/pipe-foundation/stg.json", {}, "nothing"),
    ("kms:Decrypt", SECRETS, {"kms:EncryptionContext:env": "stg"}, "allow"),
    ("kms:Decrypt", SECRETS, {"kms:EncryptionContext:env": "prod"}, "nothing"),
    ("kms:Decrypt", STATE, THROUGH_S3, "allow"),
    ("kms:GenerateDataKey", STATE, THROUGH_S3, "nothing"),
    ("kms:Decrypt", KEY, {}, "nothing"),
]


@each_row(("action", "resource", "context", "expected"), PREVIEW)
def test_the_preview_role_reads_settings_and_state(
    policies: Policies, action: str, resource: str, context: dict[str, str], expected: str
) -> None:
    assert verdict(policies["pipe-stg-preview"], action, resource, context) == expected


OPERATORS: list[tuple[str, str, dict[str, str], str]] = [
    # The stack may be destroyed, with the access logs.
    ("eks:UpdateClusterConfig", f"arn:aws:eks:{HERE}:cluster/pipe-stg", {}, "allow"),
    ("eks:DeleteCluster", f"arn:aws:eks:{HERE}:cluster/pipe-prod", {}, "nothing"),
    ("rds:DeleteDBInstance", f"arn:aws:rds:{HERE}:db:pipe-stg-db", {}, "allow"),
    ("rds:DeleteDBSnapshot", f"arn:aws:rds:{HERE}:snapshot:pipe-stg-db-final-1", {}, "nothing"),
    ("s3:DeleteObjectVersion", "arn:aws:s3:::pipe-backup-stg-logs/access/1", {}, "allow"),
    ("s3:DeleteObjectVersion", "arn:aws:s3:::pipe-backup-logs/access/1", {}, "nothing"),
    # GuardDuty's endpoint and its security group have IDs that only GuardDuty knows.
    ("ec2:DeleteVpcEndpoints", f"{EC2}:vpc-endpoint/vpce-1", {}, "allow"),
    ("ec2:DeleteSecurityGroup", f"{EC2}:security-group/sg-1", {}, "allow"),
    ("ec2:DescribeVpcEndpoints", "*", {}, "allow"),
    # Locked dumps stay, and no dump is read.
    ("s3:BypassGovernanceRetention", "arn:aws:s3:::pipe-backup-stg/latest.dump", {}, "nothing"),
    ("s3:GetObject", "arn:aws:s3:::pipe-backup-stg/latest.dump", {}, "nothing"),
    ("kms:ScheduleKeyDeletion", KEY, {}, "allow"),
    ("kms:ScheduleKeyDeletion", KEY, FOUNDATION, "deny LeaveKeys"),
    ("s3:PutObject", f"{STATE}/.pulumi/stacks/pipe/stg.json", {}, "allow"),
    ("s3:DeleteObjectVersion", "arn:aws:s3:::pipe-state-444455556666/x", {}, "deny LeaveStateBucket"),
    ("iam:DeleteRole", f"{ROLE}/pipe-stg-backup", {}, "deny LeaveRoles"),
    ("ec2:CreateVpc", f"{EC2}:vpc/*", {}, "nothing"),
    ("eks:CreateCluster", "*", {}, "nothing"),
    # The database may be restored, under its own names.
    ("rds:CreateDBInstance", f"arn:aws:rds:{HERE}:db:pipe-stg-db", {}, "nothing"),
    ("rds:RestoreDBInstanceToPointInTime", f"arn:aws:rds:{HERE}:db:pipe-stg-db-new-1", {}, "allow"),
    ("rds:RestoreDBInstanceToPointInTime", f"arn:aws:rds:{HERE}:db:pipe-prod-db", {}, "nothing"),
    ("rds:RebootDBInstance", f"arn:aws:rds:{HERE}:db:pipe-stg-db", {}, "allow"),
    ("kms:CreateGrant", KEY, RDS, "allow"),
    ("kms:CreateGrant", KEY, {}, "nothing"),
    ("kms:CreateGrant", KEY, {**RDS, **FOUNDATION}, "deny LeaveKeys"),
    ("secretsmanager:CreateSecret", SECRET, {}, "allow"),
    ("secretsmanager:RotateSecret", SECRET, secret_of("stg"), "allow"),
    ("secretsmanager:RotateSecret", SECRET, secret_of("prod"), "nothing"),
    ("secretsmanager:GetSecretValue", SECRET, secret_of("stg"), "nothing"),
    ("iam:PassRole", f"{ROLE}/pipe-stg-db-monitoring", passed_to("monitoring.rds"), "allow"),
    # The environment's evidence of an incident may be read.
    ("ec2:GetConsoleOutput", f"{EC2}:instance/i-1", {}, "allow"),
    ("ec2:GetPasswordData", f"{EC2}:instance/i-1", {}, "nothing"),
    ("logs:FilterLogEvents", f"arn:aws:logs:{HERE}:log-group:/aws/eks/pipe-stg/cluster", {}, "allow"),
    ("logs:StartQuery", f"arn:aws:logs:{HERE}:log-group:/aws/rds/instance/pipe-stg-db/x:*", {}, "allow"),
    ("logs:StartQuery", f"arn:aws:logs:{HERE}:log-group:/aws/eks/pipe-prod/cluster", {}, "nothing"),
    ("logs:GetQueryResults", "*", {}, "allow"),
    ("s3:GetObject", f"arn:aws:s3:::pipe-stg-flow-logs-{HERE[15:]}-ap-northeast-1/AWSLogs/x", {}, "allow"),
    ("pi:GetResourceMetrics", f"arn:aws:pi:{HERE}:metrics/rds/db-1", {}, "allow"),
    ("kms:Decrypt", KEY, RDS, "allow"),
    ("cloudtrail:LookupEvents", "*", {}, "allow"),
    ("backup:ListCopyJobs", "*", {}, "allow"),
    ("backup:DescribeCopyJob", "*", {}, "allow"),
    ("backup:StartRestoreJob", "*", {}, "deny LeaveGuards"),
    ("cloudtrail:StopLogging", "*", {}, "deny LeaveGuards"),
]


@each_row(("action", "resource", "context", "expected"), OPERATORS)
def test_operators_destroy_the_stack_restore_the_database_and_create_nothing_else(
    policies: Policies, action: str, resource: str, context: dict[str, str], expected: str
) -> None:
    assert verdict(policies["pipe-stg-operators"], action, resource, context) == expected


READS = ("Describe", "Get", "List", "Lookup", "Search")


@pytest.mark.parametrize("service", ["backup", "cloudtrail"])
def test_every_change_of_a_guard_is_denied(policies: Policies, service: str) -> None:
    """The denial lists patterns of actions, so a new verb of the service needs a new pattern."""
    operations = get_session().get_service_model(service).operation_names
    changes = [f"{service}:{name}" for name in operations if not name.startswith(READS)]
    assert len(changes) > 20
    for role in ("pipe-stg-deploy", "pipe-stg-operators"):
        verdicts = {action: verdict(policies[role], action, "*", {}) for action in changes}
        assert {action for action, answer in verdicts.items() if answer != "deny LeaveGuards"} == set()


BUILD = [
    ("ecr:GetAuthorizationToken", "*", "allow"),
    ("ecr:PutImage", "arn:aws:mock:::registry", "allow"),
    ("ecr:PutImage", "arn:aws:mock:::other", "nothing"),
    ("ecr:BatchDeleteImage", "arn:aws:mock:::registry", "nothing"),
    ("ecr:PutImageTagMutability", "arn:aws:mock:::registry", "nothing"),
    ("s3:GetObject", f"{STATE}/.pulumi/stacks/pipe/dev.json", "nothing"),
]


@each_row(("action", "resource", "expected"), BUILD)
def test_the_build_role_pushes_images(shared: Recorder, action: str, resource: str, expected: str) -> None:
    assert verdict(attached_policies(shared)["pipe-build"], action, resource, {}) == expected


NOT_OPERATIONS = {
    "codeconnections:PassConnection",
    "codeconnections:UseConnection",
    "codeconnections:GetConnectionToken",
    "iam:PassRole",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
}
"""Permissions for which no operation has the same name."""


MODELS = {"elasticloadbalancing": "elbv2", "servicequotas": "service-quotas"}
"""Name of botocore's model of a service, if it differs from the prefix of the service's actions."""


def test_every_action_exists_in_aws(foundation: Recorder) -> None:
    session = get_session()
    for policy in foundation.of_type("aws:iam/policy:Policy").values():
        for statement in json.loads(policy["policy"])["Statement"]:
            for action in set(statement["Action"]) - NOT_OPERATIONS:
                service, _, operation = action.partition(":")
                # S3's permissions and operations have different names, and a pattern matches several.
                if service in ("s3", "tag") or operation.endswith("*"):
                    continue
                model = session.get_service_model(str(MODELS.get(service, service)))
                assert operation in model.operation_names, action
