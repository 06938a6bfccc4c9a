"""The settings of an account's guards: section `pipe-foundation:baseline`.

All settings except the e-mail addresses have defaults, which are the safe values.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from components.settings.types import Distinct, Model, entries, string

Email = Annotated[
    str,
    string(
        r"^[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}$",
        "an e-mail address, such as platform@pipe.dev",
        "platform@pipe.dev",
        longest=254,
    ),
]
"""An e-mail address of at most 254 characters (RFC 3696, erratum 1690)."""

UserArn = Annotated[
    str,
    string(
        r"^arn:aws:iam::[0-9]{12}:user/.+$",
        "the ARN of an IAM user",
        "arn:aws:iam::123456789012:user/operator",
    ),
]
"""The ARN of an IAM user. Sessions of a federation, such as those of IAM Identity Center, lack the key
aws:MultiFactorAuthPresent, so they cannot prove MFA (IAM user guide, AWS global condition context keys)."""

Percent = Annotated[int, Field(ge=1, le=1000)]
"""A share of the budget in percent; more than 100 is allowed."""


class GuardDuty(Model):
    """GuardDuty's threat detection: protection plans, and the findings that are reported by e-mail."""

    enabled: bool = True
    """True to enable the detector, which reads CloudTrail events, VPC flow logs and DNS queries."""
    eks_audit_logs: bool = True
    """True to read the audit logs of EKS clusters (EKS_AUDIT_LOGS)."""
    runtime_monitoring: bool = True
    """True to run GuardDuty's agent on the nodes of EKS clusters (RUNTIME_MONITORING). GuardDuty itself adds
    the agent to each cluster, and a VPC endpoint with a security group, which no stack manages (GuardDuty
    user guide, how Runtime Monitoring works with EKS)."""
    rds_logins: bool = True
    """True to read logins to databases (RDS_LOGIN_EVENTS)."""
    s3_data_events: bool = True
    """True to read accesses to objects in S3 (S3_DATA_EVENTS)."""
    alert_severity: Annotated[int, Field(ge=1, le=10)] = 7
    """Lowest severity of a finding that is e-mailed: 4 is medium, 7 high, 9 critical (GuardDuty user guide,
    severity levels)."""


class Trail(Model):
    """The trail of API calls in all regions, and the lock of its bucket pipe-trail-<account>."""

    enabled: bool = True
    """True to record the management events of the account."""
    lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = "COMPLIANCE"
    """COMPLIANCE to keep everybody, even the root user, from deleting a record; GOVERNANCE to let
    administrators delete it."""
    lock_days: Annotated[int, Field(ge=1, le=3650)] = 365
    """Days for which no record can be deleted. In compliance mode, the bucket cannot be deleted earlier."""
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 400
    """Days until a record is deleted; at least lockDays."""


class Budget(Model):
    """The monthly budget of the account, whose alarms AWS e-mails without Datadog."""

    enabled: bool = True
    """True to declare the budget with its alarms."""
    monthly_usd: Annotated[int, Field(ge=1, le=10_000_000)] = 500
    """Planned costs of a month in US dollars, with tax; docs/cost.md has the minimum."""
    actual_percents: Annotated[list[Percent], entries(1, 4), Distinct] = Field(
        default_factory=lambda: [80, 100]
    )
    """Percentages of the budget at which the costs so far raise an alarm."""
    forecast_percent: Percent = 100
    """Percentage of the budget at which the forecast for the month raises an alarm. AWS makes forecasts after
    about five weeks of use (AWS Cost Management user guide, best practices for budgets)."""


class Anomalies(Model):
    """The detection of unusual costs, whose reports AWS e-mails once a day."""

    enabled: bool = True
    """True to report anomalies."""
    minimum_usd: Annotated[int, Field(ge=1, le=10_000_000)] = 20
    """Lowest total impact of an anomaly that is reported, in US dollars."""
    monitor_arn: Annotated[
        str,
        string(
            r"^(arn:aws:ce::[0-9]{12}:anomalymonitor/[0-9a-f-]{36})?$",
            "the ARN of a cost anomaly monitor, or an empty string to declare one",
            "arn:aws:ce::123456789012:anomalymonitor/4a50f8e5-5b2e-4a0c-9a0e-1f4f3f8a9b1c",
        ),
    ] = ""
    """ARN of the account's monitor of AWS services, if it has one (`aws ce get-anomaly-monitors`). An empty
    string declares one. An account can have only one, and Cost Explorer may have created it
    (aws-cloudformation/cloudformation-coverage-roadmap#2515)."""


class BreakGlass(Model):
    """The administrators' role for emergencies, pipe-break-glass; each use is reported by e-mail."""

    principals: Annotated[list[UserArn], entries(0, 10), Distinct] = Field(default_factory=list[str])
    """ARNs of the IAM users that may assume the role with MFA; an empty list declares no role."""
    session_hours: Annotated[int, Field(ge=1, le=12)] = 1
    """Longest session in hours; IAM allows 1 to 12 (CreateRole, MaxSessionDuration)."""


class PasswordPolicy(Model):
    """The rules for passwords of IAM users in the console."""

    enabled: bool = True
    """True to replace IAM's default policy, which requires eight characters."""
    minimum_length: Annotated[int, Field(ge=14, le=128)] = 14
    """Smallest number of characters: 14 in CIS AWS Foundations 1.8, and IAM allows up to 128."""
    remembered: Annotated[int, Field(ge=1, le=24)] = 24
    """Number of previous passwords that cannot be reused: 24 in CIS AWS Foundations 1.9, IAM's maximum."""


class Baseline(Model):
    """The guards that exist once per account; each can be disabled."""

    emails: Annotated[list[Email], entries(1, 10), Distinct]
    """Addresses that are notified of costs, findings and uses of the emergency role; at most ten (AWS Budgets
    API, NotificationWithSubscribers). SNS asks each address for a confirmation."""
    public_access_block: bool = True
    """True to refuse public access to all buckets of the account."""
    ebs_encryption: bool = True
    """True to encrypt new EBS volumes in the region, by default with the key aws/ebs."""
    access_analyzer: bool = True
    """True to report resources that principals outside the account can use."""
    guard_duty: GuardDuty = GuardDuty()
    trail: Trail = Trail()
    budget: Budget = Budget()
    anomalies: Anomalies = Anomalies()
    break_glass: BreakGlass = BreakGlass()
    password_policy: PasswordPolicy = PasswordPolicy()
    service_failures: bool = True
    """True to report by e-mail incomplete backups and copies, and failures of database instances."""


def conflicts(baseline: Baseline) -> Iterator[tuple[tuple[str, ...], object, str, str | float]]:
    """Yield path, value, allowed values and an example for each setting that contradicts another."""
    trail = baseline.trail
    if trail.retention_days < trail.lock_days:
        allowed = f"at least {trail.lock_days}, as in trail.lockDays"
        yield ("trail", "retentionDays"), trail.retention_days, allowed, trail.lock_days
    if baseline.break_glass.principals and not trail.enabled:
        allowed = (
            "true while breakGlass names principals, since the alarm on the role reads the events of a trail"
        )
        yield ("trail", "enabled"), trail.enabled, allowed, True
