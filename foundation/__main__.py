"""The resources that the stacks of an AWS account share: GitHub roles, image registry, Pulumi state.

An administrator applies this program before the first stack. The stacks do not read its outputs, since names
and ARNs follow from the settings.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the components of the stacks

import lazy_sdk  # noqa: F401  # pyright: ignore[reportUnusedImport]  isort: skip  (first: SDKs load lazily)

import pulumi

from foundation.github_access import GithubAccess, GithubAccessArgs, GithubRepository
from foundation.operators import Operators, OperatorsArgs
from foundation.registry import Registry, RegistryArgs
from foundation.settings import load
from foundation.state_bucket import StateBucket, StateBucketArgs

settings = load()
account, naming = settings.account, settings.naming

registry = Registry(
    "registry",
    RegistryArgs(
        repository=settings.registry.repository,
        keep_images=settings.registry.keep_images,
        untagged_days=settings.registry.untagged_days,
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
access = GithubAccess(
    "github",
    GithubAccessArgs(
        repository=GithubRepository(
            name=account.github_repository,
            owner_id=account.github_owner_id,
            repository_id=account.github_repository_id,
        ),
        branch=account.branch,
        environments=settings.scopes,
        registry_arn=registry.arn,
        state=state.state,
        naming=naming,
    ),
)
operators = Operators(
    "operators",
    OperatorsArgs(
        principals=account.operators,
        read_policy_arn=access.read_policy_arn,
        state=state.state,
        naming=naming,
    ),
)

pulumi.export("registry", registry.url)
pulumi.export("state_bucket", state.bucket)
pulumi.export("secrets_provider", state.secrets_provider)
pulumi.export("build_role", access.build_role_arn)
pulumi.export("preview_role", access.preview_role_arn)
pulumi.export("deploy_roles", access.deploy_role_arns)
pulumi.export("operators_role", operators.role_arn)
