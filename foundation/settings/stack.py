"""Settings of a stack of foundation, and the checks of settings that must fit together."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from components.common.naming import Naming
from components.settings.config_commands import remove_command, set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.types import AccountId, Distinct, Model, Region, entries
from foundation.permissions.scope import Scope
from foundation.settings.models.account import Account
from foundation.settings.models.baseline import Baseline, conflicts
from foundation.settings.models.datadog import Datadog
from foundation.settings.models.environment import Environment
from foundation.settings.models.github import Github
from foundation.settings.models.registry import Registry
from foundation.settings.models.shared_account import SharedAccount
from foundation.settings.models.state import State
from foundation.settings.models.vaults import Vaults, check_retention

PROJECT = "pipe-foundation"


class Settings(Model):
    """The settings of foundation."""

    model_config = ConfigDict(alias_generator=lambda name: f"{PROJECT}:{to_camel(name)}")

    aws_region: Annotated[Region, Field(alias="aws:region")]
    """The region of the AWS provider; the same as pipe-foundation:account.region."""
    aws_allowed_account_ids: Annotated[
        list[AccountId], Field(alias="aws:allowedAccountIds"), entries(1, 1), Distinct
    ]
    """The account that the AWS provider may work in; the same as pipe-foundation:account.id."""
    datadog_api_url: Annotated[str, Field(alias="datadog:apiUrl")] = ""
    """The API address of the Datadog provider; it must belong to pipe-foundation:datadog.site."""
    account: Account
    github: Github
    environments: list[Environment] = Field(default_factory=list[Environment])
    """The environments in the account; the shared account has none."""
    state: State
    baseline: Baseline
    shared_account: SharedAccount
    registry: Registry | None = None
    """The image registry; only the shared account has one."""
    vaults: Vaults | None = None
    """The vaults for copies of the other accounts' backups; only the shared account has them."""
    datadog: Datadog = Field(default_factory=Datadog)
    """Datadog's access to the account; an account with environments needs it."""

    @property
    def naming(self) -> Naming:
        """Names and tags of resources that belong to no environment."""
        return self._naming("shared" if self.is_shared_account else "foundation")

    @property
    def operated(self) -> list[Naming]:
        """Names of the environments with an operators role; in the shared account, of the account itself."""
        return [scope.naming for scope in self.scopes] or [self.naming]

    @property
    def is_shared_account(self) -> bool:
        """True for the account whose registry the other accounts use."""
        return self.account.id == self.shared_account.id

    @property
    def scopes(self) -> list[Scope]:
        """Names and buckets of each environment."""
        return [
            Scope(
                naming=self._naming(environment.name),
                copy_region=self.account.copy_region,
                buckets=environment.buckets,
                namespace=environment.namespace,
                connection_arn=environment.connection_arn,
            )
            for environment in self.environments
        ]

    def _naming(self, environment: str) -> Naming:
        account = self.account
        return Naming(environment=environment, team=account.team, account=account.id, region=account.region)


def check_consistency(settings: Settings) -> Iterator[SettingFault]:
    """Yield the faults of settings that must fit together."""
    account = settings.account
    if settings.aws_region != account.region:
        path = (f"{PROJECT}:account", "region")
        allowed = f"{settings.aws_region}, as in aws:region"
        yield invalid_value(path, account.region, allowed, set_command(path, settings.aws_region))
    for index, allowed_account in enumerate(settings.aws_allowed_account_ids):
        if allowed_account != account.id:
            path = ("aws:allowedAccountIds", index)
            allowed = f"{account.id}, as in {PROJECT}:account.id"
            yield invalid_value(path, allowed_account, allowed, set_command(path, account.id))
    if account.copy_region == account.region:
        path = (f"{PROJECT}:account", "copyRegion")
        fix = set_command(path, "ap-northeast-3")
        yield invalid_value(path, account.copy_region, "a region other than account.region", fix)
    names = [environment.name for environment in settings.environments]
    for index, name in enumerate(names):
        if name in names[:index]:
            path = (f"{PROJECT}:environments", index, "name")
            yield invalid_value(path, name, "a name that no other entry has", remove_command(path[:2]))
    for steps, value, allowed, example in conflicts(settings.baseline):
        path = (f"{PROJECT}:baseline", *steps)
        yield invalid_value(path, value, allowed, set_command(path, example))
    yield from _check_shared_account(settings)
    yield from _check_copies(settings)


def _check_copies(settings: Settings) -> Iterator[SettingFault]:
    """Refuse copies of the shared account's backups, contradictory retentions, and faults of Datadog."""
    for index, environment in enumerate(settings.environments):
        if environment.copies.enabled and settings.is_shared_account:
            path = (f"{PROJECT}:environments", index, "copies", "enabled")
            allowed = "false in the shared account, since backups and copies would be in the same account"
            yield invalid_value(path, True, allowed, set_command(path, False))
    if settings.vaults:
        yield from check_retention(f"{PROJECT}:vaults", settings.vaults)
    yield from _check_datadog(settings)


def _check_shared_account(settings: Settings) -> Iterator[SettingFault]:
    """Refuse a registry or vaults outside the shared account, and missing parts of an account.

    The shared account needs a registry, and every other account needs an environment.
    """
    for section, value in (("registry", settings.registry), ("vaults", settings.vaults)):
        if value and not settings.is_shared_account:
            path = (f"{PROJECT}:{section}",)
            allowed = f"only in the account {PROJECT}:sharedAccount.id ({settings.shared_account.id})"
            yield SettingFault(
                key=path[0],
                problem="is set outside the shared account",
                allowed=allowed,
                fix=(remove_command(path),),
            )
    if not settings.environments and not settings.is_shared_account:
        path = (f"{PROJECT}:environments", 0, "name")
        yield SettingFault(
            key=f"{PROJECT}:environments[0].name",
            problem="is missing",
            allowed="the name of the account's environment; only the shared account "
            f"({settings.shared_account.id}) has none",
            fix=(set_command(path, "dev"),),
        )
    if settings.registry is None and settings.is_shared_account:
        path = (f"{PROJECT}:registry", "repository")
        yield SettingFault(
            key=f"{PROJECT}:registry.repository",
            problem="is missing",
            allowed="the name of an ECR repository, such as pipe/api; the shared account must have one",
            fix=(set_command(path, "pipe/api"),),
        )


def _check_datadog(settings: Settings) -> Iterator[SettingFault]:
    """Refuse environments without Datadog's integration, and an API address that does not match the site."""
    datadog = settings.datadog
    if settings.environments and not datadog.enabled:
        path = (f"{PROJECT}:datadog", "enabled")
        allowed = "true in an account with environments, since their monitors need its metrics"
        yield invalid_value(path, datadog.enabled, allowed, set_command(path, True))
    url, expected = settings.datadog_api_url, f"https://api.{datadog.site}/"
    if datadog.enabled and url != expected:
        path = ("datadog:apiUrl",)
        allowed = f"{expected}, as in {PROJECT}:datadog.site"
        yield invalid_value(path, url, allowed, set_command(path, expected))
