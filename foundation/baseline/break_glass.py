"""The administrators' role for emergencies, and the alarm on its use."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import Statement, allow, document
from components.common.naming import Naming
from foundation.baseline.alert_topic import AlertTopic, EventPattern, declare_rule
from foundation.settings.models.baseline import BreakGlass as BreakGlassSettings

GLOBAL_REGION = "us-east-1"
"""Region in which CloudTrail records the requests to STS's global endpoint, whichever region serves them (IAM
user guide, AWS STS global endpoint changes)."""


@dataclass(frozen=True, kw_only=True)
class BreakGlassArgs:
    """Arguments of BreakGlass."""

    settings: BreakGlassSettings
    trail_arn: str
    """ARN of the trail, which the role cannot stop."""
    trail_bucket: str
    """Bucket of the trail, whose settings the role cannot change."""
    alerts: AlertTopic
    """Topic to which each use of the role is published."""
    naming: Naming


class BreakGlass(pulumi.ComponentResource):
    """The role pipe-break-glass, with which named IAM users with MFA administer the account for a short time.

    STS records AssumeRole in the region of its endpoint, and EventBridge rules see the events of their own
    region only. The trust policy therefore admits the account's region and us-east-1, and both have a rule;
    the rule in us-east-1 sends its events to the account's region.
    """

    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: BreakGlassArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:account:BreakGlass", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        naming = args.naming
        role_name = f"{naming.service}-break-glass"
        regions = list(dict.fromkeys((naming.region, GLOBAL_REGION)))
        role = aws.iam.Role(
            name,
            name=role_name,
            description="Administers the account in an emergency; each use is e-mailed",
            assume_role_policy=document(trust(args.settings.principals, regions)),
            max_session_duration=args.settings.session_hours * 3600,
            tags={**naming.aws(), "Name": role_name},
            opts=child,
        )
        aws.iam.RolePolicyAttachment(
            name,
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/AdministratorAccess",
            opts=child,
        )
        aws.iam.RolePolicy(
            name,
            role=role.name,
            name="keep-records",
            policy=document(keep_records(args.trail_arn, args.trail_bucket)),
            opts=child,
        )
        pattern = use(f"arn:aws:iam::{naming.account}:role/{role_name}")
        args.alerts.publish(f"{name}-use", f"Each use of the role {role_name}", pattern)
        if naming.region != GLOBAL_REGION:
            self._forward(name, pattern, naming)
        self.role_arn = role.arn
        self.register_outputs({"role_arn": self.role_arn})

    def _forward(self, name: str, pattern: EventPattern, naming: Naming) -> None:
        """Declare the rule in us-east-1, which sends its events to the event bus of the account's region.

        A rule's target is in the rule's region, except for event buses (EventBridge user guide, sending
        events between regions).
        """
        child = pulumi.ResourceOptions(parent=self)
        bus = f"arn:aws:events:{naming.region}:{naming.account}:event-bus/default"
        role_name = f"{naming.service}-{name}-forward"
        rule_arn = f"arn:aws:events:{GLOBAL_REGION}:{naming.account}:rule/{naming.service}-{name}-forward"
        role = aws.iam.Role(
            f"{name}-forward",
            name=role_name,
            description=f"Sends events from {GLOBAL_REGION} to {naming.region}",
            assume_role_policy=document(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": {
                        "StringEquals": {
                            "aws:SourceAccount": naming.account,
                            "aws:SourceArn": rule_arn,
                        }
                    },
                }
            ),
            tags={**naming.aws(), "Name": role_name},
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-forward",
            role=role.name,
            name="put-events",
            policy=document(allow("PutEvents", ["events:PutEvents"], [bus])),
            opts=child,
        )
        provider = aws.Provider(
            f"{name}-global", region=GLOBAL_REGION, allowed_account_ids=[naming.account], opts=child
        )
        there = pulumi.ResourceOptions(parent=self, provider=provider)
        rule = declare_rule(
            f"{name}-forward",
            f"Sends uses of {naming.service}-{name} to {naming.region}",
            pattern,
            naming,
            there,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-forward",
            rule=rule.name,
            target_id="region",
            arn=bus,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, provider=provider, depends_on=[policy]),
        )


def trust(principals: Sequence[str], regions: Sequence[str]) -> Statement:
    """Return a statement that trusts these IAM users with MFA, through STS in these regions.

    A request to STS's global endpoint has us-east-1 as its requested region. `Bool` fails if the key is
    absent, as it is with access keys alone.
    """
    return {
        "Sid": "NamedUsersWithMfa",
        "Effect": "Allow",
        "Principal": {"AWS": list(principals)},
        "Action": "sts:AssumeRole",
        "Condition": {
            "Bool": {"aws:MultiFactorAuthPresent": "true"},
            "StringEquals": {"aws:RequestedRegion": list(regions)},
        },
    }


def keep_records(trail_arn: str, trail_bucket: str) -> Statement:
    """Return a statement that denies stopping the trail, weakening its buckets and deleting records.

    An administrator can remove the statement, but the trail records that.
    """
    return {
        "Sid": "KeepRecords",
        "Effect": "Deny",
        "Action": [
            "cloudtrail:DeleteTrail",
            "cloudtrail:PutEventSelectors",
            "cloudtrail:StopLogging",
            "cloudtrail:UpdateTrail",
            "s3:BypassGovernanceRetention",
            "s3:DeleteBucket",
            "s3:DeleteBucketPolicy",
            "s3:DeleteObjectVersion",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketPolicy",
            "s3:PutLifecycleConfiguration",
        ],
        "Resource": [
            trail_arn,
            *(
                f"arn:aws:s3:::{bucket}{objects}"
                for bucket in _copies(trail_bucket)
                for objects in ("", "/*")
            ),
        ],
    }


def _copies(bucket: str) -> tuple[str, str]:
    return bucket, f"{bucket}-copy"


def use(role_arn: str) -> EventPattern:
    """Return the event pattern of a role's uses: AssumeRole, and SwitchRole in the console."""
    account, _, role = role_arn.removeprefix("arn:aws:iam::").partition(":role/")
    session = f"arn:aws:sts::{account}:assumed-role/{role}/"
    return {
        "source": ["aws.sts", "aws.signin"],
        "detail-type": ["AWS API Call via CloudTrail", "AWS Console Sign In via CloudTrail"],
        "detail": {
            "$or": [
                {"eventName": ["AssumeRole"], "requestParameters": {"roleArn": [role_arn]}},
                {"eventName": ["SwitchRole"], "userIdentity": {"arn": [{"prefix": session}]}},
            ]
        },
    }
