"""Settings of Datadog's access to the AWS account."""

from components.settings.models.monitoring import DatadogSite
from components.settings.types import Model


class Datadog(Model):
    """Datadog's integration with the AWS account."""

    enabled: bool = False
    """True if Datadog reads the account's metrics. Otherwise, the monitors of the database have no data."""
    site: DatadogSite = "datadoghq.com"
    """The Datadog site that holds the account; the same as pipe:monitoring.site in the stack files."""
