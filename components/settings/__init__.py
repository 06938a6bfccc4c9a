"""The stack file as typed, frozen values: the only reader of pulumi.Config."""

from components.settings.aws import Backups, Cluster, Database, Firewall, Network, Runner, Service
from components.settings.edge import Edge
from components.settings.kubernetes import Api, Kubernetes, Proxy
from components.settings.load import load
from components.settings.monitoring import Monitoring
from components.settings.stack import Secrets, Settings

__all__ = [
    "Api",
    "Backups",
    "Cluster",
    "Database",
    "Edge",
    "Firewall",
    "Kubernetes",
    "Monitoring",
    "Network",
    "Proxy",
    "Runner",
    "Secrets",
    "Service",
    "Settings",
    "load",
]
