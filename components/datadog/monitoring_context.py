"""The context that all resources of the monitoring component share."""

from dataclasses import dataclass

import pulumi

from components.common.naming import Naming
from components.datadog.alert import Audience, Severity, message
from components.settings.models.monitoring import Monitoring as Settings


@dataclass(frozen=True, kw_only=True)
class MonitoringContext:
    """The settings, names and options that the resources of a stack's monitoring share."""

    settings: Settings
    naming: Naming
    options: pulumi.ResourceOptions
    """Options that set the parent of each resource."""

    def title(self, name: str) -> str:
        """Return the name that Datadog shows, such as "HighErrorRate (prod)"."""
        return f"{name} ({self.naming.environment})"

    def message(
        self, name: str, summary: str, severity: Severity, *, measured: bool = True, no_data: bool = False
    ) -> str:
        """Return a monitor's message, with the stack's runbooks and recipients."""
        audience = Audience(
            environment=self.naming.environment,
            runbook_url=self.settings.runbook_url,
            notify=tuple(self.settings.notify),
            page=tuple(self.settings.page),
        )
        return message(name, summary, audience, severity, measured=measured, no_data=no_data)
