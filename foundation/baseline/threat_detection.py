"""The threat detection of GuardDuty, whose serious findings are e-mailed."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.naming import Naming
from foundation.baseline.alert_topic import AlertTopic, EventPattern
from foundation.settings.models.baseline import GuardDuty

AGENT_MANAGEMENT = (
    ("EKS_ADDON_MANAGEMENT", "ENABLED"),
    ("ECS_FARGATE_AGENT_MANAGEMENT", "DISABLED"),
    ("EC2_AGENT_MANAGEMENT", "DISABLED"),
)
"""Management of the agents for runtime monitoring: GuardDuty installs only those on EKS nodes.

The account has no other machines. All three settings are listed, since the API returns all three."""


@dataclass(frozen=True, kw_only=True)
class ThreatDetectionArgs:
    """Arguments of ThreatDetection."""

    settings: GuardDuty
    alerts: AlertTopic
    """Topic to which the findings are published."""
    naming: Naming


class ThreatDetection(pulumi.ComponentResource):
    """A GuardDuty detector with its protection plans, and a rule for its serious findings.

    Each plan with a setting is set explicitly, even if it is disabled: GuardDuty enables most plans in a new
    detector, and deleting the resource of a plan does not change it (terraform-provider-aws,
    guardduty/detector_feature.go). The other plans keep GuardDuty's defaults.
    """

    def __init__(
        self, name: str, args: ThreatDetectionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("pipe:account:ThreatDetection", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings, naming = args.settings, args.naming
        detector_name = f"{naming.service}-guardduty"
        detector = aws.guardduty.Detector(
            name,
            enable=True,
            # An update of a finding reaches EventBridge after this time; a new finding is sent within five
            # minutes (GuardDuty user guide, EventBridge notification frequency).
            finding_publishing_frequency="FIFTEEN_MINUTES",
            tags={**naming.aws(), "Name": detector_name},
            opts=child,
        )
        # Each feature is an UpdateDetector of the same detector, so they follow one another.
        previous: Sequence[pulumi.Resource] = []
        for feature, enabled in features(settings).items():
            previous = [
                aws.guardduty.DetectorFeature(
                    f"{name}-{feature.lower().replace('_', '-')}",
                    detector_id=detector.id,
                    name=feature,
                    status="ENABLED" if enabled else "DISABLED",
                    additional_configurations=(
                        [{"name": agent, "status": status} for agent, status in AGENT_MANAGEMENT]
                        if feature == "RUNTIME_MONITORING" and enabled
                        else None
                    ),
                    opts=pulumi.ResourceOptions(parent=self, depends_on=previous),
                )
            ]
        args.alerts.publish(
            "guardduty-findings",
            f"Findings of GuardDuty with a severity of {settings.alert_severity} or more",
            serious_findings(settings.alert_severity),
        )
        self.register_outputs({})


def features(settings: GuardDuty) -> dict[str, bool]:
    """Return the protection plans by their names in the API; the value is True if the plan is enabled.

    The names are those of the enumeration DetectorFeature (GuardDuty API reference,
    DetectorFeatureConfiguration). RUNTIME_MONITORING replaces EKS_RUNTIME_MONITORING; GuardDuty refuses both
    at once.
    """
    return {
        "EKS_AUDIT_LOGS": settings.eks_audit_logs,
        "RUNTIME_MONITORING": settings.runtime_monitoring,
        "RDS_LOGIN_EVENTS": settings.rds_logins,
        "S3_DATA_EVENTS": settings.s3_data_events,
    }


def serious_findings(severity: int) -> EventPattern:
    """Return the pattern of findings with at least this severity."""
    return {
        "source": ["aws.guardduty"],
        "detail-type": ["GuardDuty Finding"],
        "detail": {"severity": [{"numeric": [">=", severity]}]},
    }
