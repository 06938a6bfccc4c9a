"""The resources that exist once per AWS account: roles, guards, Pulumi state, backups, the image registry.

Each account has a stack of this program: dev, stg, prod or shared. An administrator deploys it before the
stack of the account's environment. The environments' stacks do not read its outputs, since they derive names
and ARNs from their settings.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the components of the stacks

import lazy_sdk  # noqa: F401  # pyright: ignore[reportUnusedImport]  isort: skip  (first: SDKs load lazily)

import pulumi

from foundation.backup_plan import BackupPlan, BackupPlanArgs
from foundation.backup_vaults import BackupVaults, BackupVaultsArgs, VaultOwner
from foundation.baseline.baseline import Baseline, BaselineArgs
from foundation.datadog_integration import DatadogIntegration, DatadogIntegrationArgs
from foundation.github_access import GithubAccess, GithubAccessArgs, GithubRepository
from foundation.operators import Operators, OperatorsArgs
from foundation.registry import Registry, RegistryArgs
from foundation.service_roles.environment import ServiceRoles, ServiceRolesArgs
from foundation.settings.load import load
from foundation.state_bucket import StateBucket, StateBucketArgs

settings = load()
account, naming = settings.account, settings.naming

Baseline(
    "baseline",
    BaselineArgs(
        settings=settings.baseline,
        copy_region=account.copy_region,
        naming=naming,
        protect=account.protect,
    ),
)
state = StateBucket(
    "state",
    StateBucketArgs(
        project=settings.state.project,
        copy_region=account.copy_region,
        lock_days=settings.state.lock_days,
        naming=naming,
        protect=account.protect,
    ),
)
registry = None
if settings.registry:
    registry = Registry(
        "registry",
        RegistryArgs(
            repository=settings.registry.repository,
            keep_images=settings.registry.keep_images,
            untagged_days=settings.registry.untagged_days,
            pull_accounts=settings.registry.pull_accounts,
            copy_region=account.copy_region,
            naming=naming,
            protect=account.protect,
        ),
    )
    pulumi.export("registry", registry.url)
access = GithubAccess(
    "github",
    GithubAccessArgs(
        repository=GithubRepository(
            name=settings.github.repository,
            owner_id=settings.github.owner_id,
            repository_id=settings.github.repository_id,
        ),
        branch=settings.github.branch,
        environments=settings.scopes,
        registry_arn=registry.arn if registry else None,
        state=state.state,
        naming=naming,
    ),
)
if settings.vaults:
    BackupVaults(
        "vaults",
        BackupVaultsArgs(
            owners=[
                VaultOwner(environment=owner.environment, account=owner.account)
                for owner in settings.vaults.owners
            ],
            changeable_for_days=settings.vaults.changeable_for_days,
            min_retention_days=settings.vaults.min_retention_days,
            max_retention_days=settings.vaults.max_retention_days,
            naming=naming,
            protect=account.protect,
        ),
    )
for environment, scope in zip(settings.environments, settings.scopes, strict=True):
    if environment.copies.enabled:
        BackupPlan(
            f"{environment.name}-backups",
            BackupPlanArgs(
                bucket=environment.buckets[0],
                shared_account=settings.shared_account.id,
                keep_days=environment.copies.keep_days,
                naming=scope.naming,
                protect=account.protect,
            ),
        )
operator_roles: dict[str, pulumi.Output[str]] = {}
scopes = {scope.naming.environment: scope for scope in settings.scopes}
for operated in settings.operated:
    operators = Operators(
        f"{operated.environment}-operators",
        OperatorsArgs(
            principals=account.operators,
            read_policy_arn=access.read_policy_arn,
            state=state.state,
            scope=scopes.get(operated.environment),
            naming=operated,
        ),
    )
    operator_roles[operated.environment] = operators.role_arn
for scope in settings.scopes:
    ServiceRoles(f"{scope.naming.environment}-services", ServiceRolesArgs(scope=scope))
if settings.datadog.enabled:
    DatadogIntegration(
        "datadog",
        DatadogIntegrationArgs(site=settings.datadog.site, copy_region=account.copy_region, naming=naming),
    )

pulumi.export("state_bucket", state.bucket)
pulumi.export("secrets_provider", state.secrets_provider)
pulumi.export("build_role", access.build_role_arn)
pulumi.export("preview_roles", access.preview_role_arns)
pulumi.export("deploy_roles", access.deploy_role_arns)
pulumi.export("operators_roles", operator_roles)
