"""E-mails about failures that AWS Backup and RDS report, without Datadog."""

from dataclasses import dataclass

import pulumi

from foundation.baseline.alert_topic import AlertTopic, EventPattern

FAILED_BACKUPS: EventPattern = {
    "source": ["aws.backup"],
    "detail-type": ["Backup Job State Change", "Copy Job State Change"],
    "detail": {"state": ["ABORTED", "EXPIRED", "FAILED", "PARTIAL"]},
}
"""Backups and copies that did not complete (AWS Backup developer guide, Monitoring AWS Backup events using
EventBridge; AWS Backup API, BackupJob and CopyJob, State).
"""

DATABASE_FAILURES: EventPattern = {
    "source": ["aws.rds"],
    "detail-type": ["RDS DB Instance Event"],
    "detail": {"EventCategories": ["failure", "low storage"]},
}
"""Database instances that fail or run out of storage (RDS user guide, event categories for DB instances)."""


@dataclass(frozen=True, kw_only=True)
class ServiceFailuresArgs:
    """Arguments of ServiceFailures."""

    alerts: AlertTopic
    """Topic to which the failures are published."""


class ServiceFailures(pulumi.ComponentResource):
    """Rules that publish failed backups and copies, and failures of database instances."""

    def __init__(
        self, name: str, args: ServiceFailuresArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("pipe:account:ServiceFailures", name, None, opts)
        args.alerts.publish("failed-backups", "Backups and copies that did not complete", FAILED_BACKUPS)
        args.alerts.publish("database-failures", "Failures of database instances", DATABASE_FAILURES)
        self.register_outputs({})
