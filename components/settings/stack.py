"""A stack file as a whole: its topics and its secrets."""

from dataclasses import dataclass, field, fields
from typing import Annotated

import pulumi
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from components.common.naming import Labels
from components.kubernetes.database_roles import Passwords
from components.settings.aws import Backups, Cluster, Database, Firewall, Network, Runner, Service
from components.settings.edge import Edge
from components.settings.kubernetes import Api, Kubernetes, Proxy
from components.settings.monitoring import Monitoring
from components.settings.types import AccountId, Distinct, Model, Region, entries, string

PROJECT = "pipe"
"""The namespace of our keys; what providers read (aws:profile) is theirs to judge."""


def full_key(name: str) -> str:
    """The key of a field: `pipe:databasePassword` of `database_password`."""
    return f"{PROJECT}:{to_camel(name)}"


class Settings(Model):
    """All topics of a stack."""

    model_config = ConfigDict(alias_generator=full_key)

    aws_region: Annotated[Region, Field(alias="aws:region")]
    """The region of the AWS provider; the same as pipe:service.region."""
    aws_allowed_account_ids: Annotated[
        list[AccountId], Field(alias="aws:allowedAccountIds"), entries(1, 1), Distinct
    ]
    """The account that the AWS provider may work in; the same as pipe:service.account."""
    datadog_api_url: Annotated[
        str,
        Field(alias="datadog:apiUrl"),
        string(r"^https://\S+/$", "Datadog's address of the site", "https://api.ap1.datadoghq.com/"),
    ]
    """The address of the Datadog provider; belongs to pipe:monitoring.site."""
    service: Service
    network: Network
    firewall: Firewall
    cluster: Cluster
    runner: Runner
    database: Database
    backups: Backups
    kubernetes: Kubernetes
    api: Api
    proxy: Proxy
    edge: Edge
    monitoring: Monitoring

    @property
    def labels(self) -> Labels:
        """The stack's names and tags."""
        service = self.service
        return Labels(
            environment=service.environment, team=service.team, account=service.account, region=service.region
        )


_PASSWORD = {
    "pattern": r"[!#-&(-.0-?A-~]{8,128}",
    "allowed": "8 to 128 printable ASCII characters without space, slash, @ and quotes (RDS)",
}
_TOKEN = {
    "pattern": r"[A-Za-z0-9_-]{16,128}",
    "allowed": "16 to 128 letters, digits, hyphens and underscores",
}


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What only `pulumi config set --secret` may hold."""

    database_password: pulumi.Output[str] = field(
        metadata={**_PASSWORD, "description": "Password of the database's master user."}
    )
    app_password: pulumi.Output[str] = field(
        metadata={**_PASSWORD, "description": "Password of the database role app, the API's."}
    )
    migrate_password: pulumi.Output[str] = field(
        metadata={**_PASSWORD, "description": "Password of the database role migrate."}
    )
    backup_password: pulumi.Output[str] = field(
        metadata={**_PASSWORD, "description": "Password of the database role backup."}
    )
    datadog_api_key: pulumi.Output[str] = field(
        metadata={**_TOKEN, "description": "The API key with which the Datadog agent sends."}
    )
    synthetic_token: pulumi.Output[str] = field(
        metadata={**_TOKEN, "description": "The header value by which Cloudflare knows the synthetic check."}
    )

    @property
    def passwords(self) -> Passwords:
        """Those of the database, all together."""
        return Passwords(
            master=self.database_password,
            app=self.app_password,
            migrate=self.migrate_password,
            backup=self.backup_password,
        )


SECRETS = {full_key(secret.name): {**secret.metadata, "name": secret.name} for secret in fields(Secrets)}
"""What is known of each secret, by its key in a stack file: name, description, pattern, allowed."""
