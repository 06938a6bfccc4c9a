"""Foundation's stack file as frozen models; its faults have the same form as those of the stacks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import pulumi
from pulumi.runtime import config as runtime
from pydantic import ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from components.common.naming import Naming
from components.settings.config_commands import KeyPath, format_path, remove_command, set_command
from components.settings.errors import SettingFault, SettingsError, invalid_value
from components.settings.json_schema import Schema, describe_allowed, example_value
from components.settings.types import (
    AccountId,
    Arn,
    BucketName,
    Distinct,
    DnsLabel,
    Model,
    Region,
    entries,
    string,
)
from foundation.permissions.scope import Scope

PROJECT = "pipe-foundation"

GithubId = Annotated[
    str,
    string(r"^[1-9][0-9]*$", "a GitHub id, digits in quotes: gh api repos/OWNER/NAME", "123456"),
]
"""The ID of an account or a repository on GitHub."""


class Account(Model):
    """The AWS account, the GitHub repository that deploys into it, and its operators."""

    id: AccountId
    """The AWS account that all environments share."""
    region: Region
    """The AWS region of the account; the same as aws:region."""
    copy_region: Annotated[Region, Field(examples=["ap-northeast-3"])]
    """The second region, to which buckets are copied."""
    team: DnsLabel
    """The responsible team, as named in tags."""
    github_repository: Annotated[
        str,
        string(r"^[\w.-]+/[\w.-]+$", "a GitHub repository: owner/name", "pipe-dev/infrastructure"),
    ]
    """The repository whose jobs build and deploy."""
    github_owner_id: Annotated[GithubId, Field(examples=["123456"])]
    """ID of the repository's owner: `gh api repos/OWNER/NAME --jq .owner.id`."""
    github_repository_id: Annotated[GithubId, Field(examples=["456789"])]
    """ID of the repository: `gh api repos/OWNER/NAME --jq .id`."""
    branch: Annotated[str, string(r"^[\w./-]+$", "a branch of the repository, such as main", "main")]
    """The branch that is built and deployed."""
    operators: Annotated[
        list[Annotated[Arn, Field(examples=["arn:aws:iam::123456789012:user/operator"])]],
        entries(1),
        Distinct,
    ]
    """ARNs of the IAM roles and users that may assume the role pipe-operators."""
    protect: bool
    """True if Pulumi refuses to delete the registry, the state bucket and the keys (option protect)."""


class Environment(Model):
    """An environment that is deployed into the account."""

    name: DnsLabel
    """Name of the environment; the same as pipe:service.environment in its stack file."""
    buckets: Annotated[list[BucketName], entries(1)]
    """The environment's backup bucket and the bucket's copy, as in its stack file."""


class Registry(Model):
    """The ECR repository."""

    repository: Annotated[
        str, string(r"^[a-z0-9]+([._/-][a-z0-9]+)*$", "a repository of ECR, such as pipe/api", "pipe/api")
    ]
    """Name of the repository, as in the deployment guide."""
    keep_images: Annotated[int, Field(ge=10, le=10000)]
    """Number of images to keep, for all stacks together."""
    untagged_days: Annotated[int, Field(ge=1, le=365)]
    """Days until an image without a tag is deleted."""


class State(Model):
    """The state bucket, named pipe-state-<account>."""

    project: DnsLabel
    """The Pulumi project of the stacks: pipe."""
    lock_days: Annotated[int, Field(ge=0, le=365)]
    """Days for which no version of a stack's state can be deleted; 0 sets no retention."""


class Settings(Model):
    """The settings of foundation."""

    model_config = ConfigDict(alias_generator=lambda name: f"{PROJECT}:{to_camel(name)}")

    aws_region: Annotated[Region, Field(alias="aws:region")]
    """The region of the AWS provider; the same as pipe-foundation:account.region."""
    aws_allowed_account_ids: Annotated[
        list[AccountId], Field(alias="aws:allowedAccountIds"), entries(1, 1), Distinct
    ]
    """The account that the AWS provider may work in; the same as pipe-foundation:account.id."""
    account: Account
    environments: Annotated[list[Environment], entries(1)]
    registry: Registry
    state: State

    @property
    def naming(self) -> Naming:
        """Names and tags of resources that belong to no environment."""
        return self._naming("foundation")

    @property
    def scopes(self) -> list[Scope]:
        """Names and buckets of each environment."""
        return [
            Scope(
                naming=self._naming(environment.name),
                copy_region=self.account.copy_region,
                buckets=environment.buckets,
            )
            for environment in self.environments
        ]

    def _naming(self, environment: str) -> Naming:
        account = self.account
        return Naming(environment=environment, team=account.team, account=account.id, region=account.region)


def load() -> Settings:
    """Return the settings of the running stack; raise SettingsError with all faults."""
    config: dict[str, str] = {**runtime.get_config_env(), **runtime.CONFIG.get()}
    # The empty defaults in Pulumi.yaml mean that a value is missing; keys of other namespaces belong to
    # providers.
    values = {
        key: json.loads(text) if text.startswith(("{", "[")) else text
        for key, text in config.items()
        if (key in ("aws:region", "aws:allowedAccountIds") or key.startswith(f"{PROJECT}:"))
        and text not in ("", "{}", "[]")
    }
    settings, faults = read(values)
    if settings is None or faults:
        raise SettingsError(pulumi.get_stack(), faults)
    return settings


def read(values: Mapping[str, Any]) -> tuple[Settings | None, list[SettingFault]]:
    """Return the settings, or None if a value is invalid, and the faults."""
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        return None, list(_faults(error.errors(include_url=False), values))
    return settings, list(_check_consistency(settings))


def _check_consistency(settings: Settings) -> Iterator[SettingFault]:
    """Yield the faults of settings that must fit together."""
    account = settings.account
    if settings.aws_region != account.region:
        path = (f"{PROJECT}:account", "region")
        allowed = f"{settings.aws_region}, as aws:region"
        yield invalid_value(path, account.region, allowed, set_command(path, settings.aws_region))
    for index, allowed_account in enumerate(settings.aws_allowed_account_ids):
        if allowed_account != account.id:
            path = ("aws:allowedAccountIds", index)
            allowed = f"{account.id}, as {PROJECT}:account.id"
            yield invalid_value(path, allowed_account, allowed, set_command(path, account.id))
    if account.copy_region == account.region:
        path = (f"{PROJECT}:account", "copyRegion")
        fix = set_command(path, "ap-northeast-3")
        yield invalid_value(path, account.copy_region, "another region than account.region", fix)
    names = [environment.name for environment in settings.environments]
    for index, name in enumerate(names):
        if name in names[:index]:
            path = (f"{PROJECT}:environments", index, "name")
            yield invalid_value(path, name, "a name that no other entry has", remove_command(path[:2]))


def _faults(errors: Sequence[ErrorDetails], values: Mapping[str, Any]) -> Iterator[SettingFault]:
    """Yield the faults for pydantic's errors, with the schema's descriptions."""
    for error in errors:
        path = error["loc"]
        schema = _node(path)
        if error["type"] == "missing":
            yield from _missing(path)
        elif error["type"] == "extra_forbidden":
            known = ", ".join(_node(path[:-1])["properties"])
            yield SettingFault(
                key=format_path(path), problem="is not a setting", allowed=known, fix=(remove_command(path),)
            )
        else:
            value: Any = values
            for step in path:
                value = value[step]
            compound = schema["type"] in ("object", "array")
            fix = remove_command(path) if compound else set_command(path, example_value(schema))
            yield invalid_value(path, value, describe_allowed(schema), fix)


def _node(path: KeyPath) -> Schema:
    """Return the JSON Schema of the value at a path; empty if there is no such setting."""
    root = Settings.model_json_schema()
    node: Schema = root
    for step in path:
        node = node["items"] if isinstance(step, int) else node.get("properties", {}).get(step, {})
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def _missing(path: KeyPath) -> Iterator[SettingFault]:
    """Yield a fault for each missing scalar; a missing list is reported by its first entry."""
    schema = _node(path)
    match schema["type"]:
        case "object":
            for key in schema["properties"]:
                yield from _missing((*path, key))
        case "array":
            yield from _missing((*path, 0))
        case _:
            fix = set_command(path, example_value(schema))
            yield SettingFault(
                key=format_path(path), problem="is missing", allowed=describe_allowed(schema), fix=(fix,)
            )
