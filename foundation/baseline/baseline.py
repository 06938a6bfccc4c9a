"""The guards that exist once per account."""

from dataclasses import dataclass

import pulumi

from components.common.naming import Naming
from foundation.baseline.account_guards import AccountGuards, AccountGuardsArgs
from foundation.baseline.alert_topic import AlertTopic, AlertTopicArgs
from foundation.baseline.break_glass import BreakGlass, BreakGlassArgs
from foundation.baseline.costs import CostAlarms, CostAlarmsArgs
from foundation.baseline.service_failures import ServiceFailures, ServiceFailuresArgs
from foundation.baseline.threat_detection import ThreatDetection, ThreatDetectionArgs
from foundation.baseline.trail import Trail, TrailArgs
from foundation.settings.models.baseline import Baseline as BaselineSettings


@dataclass(frozen=True, kw_only=True)
class BaselineArgs:
    """Arguments of Baseline."""

    settings: BaselineSettings
    copy_region: str
    """Region of the copy of the trail."""
    naming: Naming
    protect: bool
    """True to make Pulumi refuse to delete the trail's buckets and the keys."""


class Baseline(pulumi.ComponentResource):
    """The guards of an account; the policy account-guard-missing lists those that must be enabled."""

    def __init__(self, name: str, args: BaselineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:account:Baseline", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings, naming = args.settings, args.naming
        AccountGuards("account", AccountGuardsArgs(settings=settings, naming=naming), child)
        CostAlarms(
            "costs",
            CostAlarmsArgs(
                budget=settings.budget, anomalies=settings.anomalies, emails=settings.emails, naming=naming
            ),
            child,
        )
        trail = None
        if settings.trail.enabled:
            trail = Trail(
                "trail",
                TrailArgs(
                    settings=settings.trail,
                    copy_region=args.copy_region,
                    naming=naming,
                    protect=args.protect,
                ),
                child,
            )
        if not (settings.guard_duty.enabled or settings.break_glass.principals or settings.service_failures):
            self.register_outputs({})
            return
        alerts = AlertTopic(
            "alerts", AlertTopicArgs(emails=settings.emails, naming=naming, protect=args.protect), child
        )
        if settings.guard_duty.enabled:
            ThreatDetection(
                "guardduty",
                ThreatDetectionArgs(settings=settings.guard_duty, alerts=alerts, naming=naming),
                child,
            )
        if settings.service_failures:
            ServiceFailures("service-failures", ServiceFailuresArgs(alerts=alerts), child)
        # Settings without a trail have no emergency role (see conflicts in the model).
        if settings.break_glass.principals and trail:
            BreakGlass(
                "break-glass",
                BreakGlassArgs(
                    settings=settings.break_glass,
                    trail_arn=trail.arn,
                    trail_bucket=trail.bucket,
                    alerts=alerts,
                    naming=naming,
                ),
                child,
            )
        self.register_outputs({})
