"""The stack file as a whole: its settings and its secrets."""

from dataclasses import dataclass, field, fields
from typing import Annotated

import pulumi
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from components.common.database_passwords import Passwords
from components.common.naming import Naming
from components.settings.models.api import Api
from components.settings.models.backups import Backups
from components.settings.models.ci_runner import CiRunner
from components.settings.models.cluster import Cluster
from components.settings.models.database import Database
from components.settings.models.edge import Edge
from components.settings.models.monitoring import Monitoring
from components.settings.models.namespace import Namespace
from components.settings.models.network import Network
from components.settings.models.proxy import Proxy
from components.settings.models.security_groups import SecurityGroups
from components.settings.models.service import Service
from components.settings.types import AccountId, Distinct, Model, Region, entries, string

PROJECT = "pipe"
"""The namespace of this program's keys; other keys, such as aws:ignoreTags, belong to the providers."""


def full_key(name: str) -> str:
    """Return the key of a field: `pipe:appPassword` for `app_password`."""
    return f"{PROJECT}:{to_camel(name)}"


class Settings(Model):
    """The settings of a stack."""

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
        string(
            r"^https://\S+/$",
            "the API address of the Datadog site, with a final slash",
            "https://api.ap1.datadoghq.com/",
        ),
    ]
    """The API address of the Datadog provider; it must belong to pipe:monitoring.site."""
    service: Service
    network: Network
    security_groups: SecurityGroups
    cluster: Cluster
    ci_runner: CiRunner
    database: Database
    backups: Backups
    namespace: Namespace
    api: Api
    proxy: Proxy
    edge: Edge
    monitoring: Monitoring

    @property
    def naming(self) -> Naming:
        """Names and tags of the stack."""
        service = self.service
        return Naming(
            environment=service.environment, team=service.team, account=service.account, region=service.region
        )


_PASSWORD = {
    "pattern": r"[!#-&(-.0-?A-~]{8,128}",
    "allowed": "8 to 128 printable ASCII characters without space, slash, @ and quotes",
}
_TOKEN = {
    "pattern": r"[A-Za-z0-9_-]{16,128}",
    "allowed": "16 to 128 letters, digits, hyphens and underscores",
}


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """The secrets of a stack, which only `pulumi config set --secret` may set."""

    app_password: pulumi.Output[str] = field(
        metadata={**_PASSWORD, "description": "Password of the database role app, which the API uses."}
    )
    migrate_password: pulumi.Output[str] = field(
        metadata={**_PASSWORD, "description": "Password of the database role migrate."}
    )
    backup_password: pulumi.Output[str] = field(
        metadata={**_PASSWORD, "description": "Password of the database role backup."}
    )
    datadog_api_key: pulumi.Output[str] = field(
        metadata={**_TOKEN, "description": "The API key with which the Datadog agent sends its data."}
    )
    synthetic_token: pulumi.Output[str] = field(
        metadata={
            **_TOKEN,
            "description": "The header value by which Cloudflare recognizes synthetic checks.",
        }
    )

    @property
    def passwords(self) -> Passwords:
        """The passwords of the database roles."""
        return Passwords(
            app=self.app_password,
            migrate=self.migrate_password,
            backup=self.backup_password,
        )


SECRETS = {full_key(secret.name): {**secret.metadata, "name": secret.name} for secret in fields(Secrets)}
"""Name, description, pattern and allowed values of each secret, by its key in a stack file."""
