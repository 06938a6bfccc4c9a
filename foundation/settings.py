"""The stack file of foundation as typed, frozen values, with its faults reported like those of the stacks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import pulumi
from pulumi.runtime import config as runtime
from pydantic import ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from components.common.naming import Labels
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
    string(r"^[1-9][0-9]*$", "an id that GitHub gives, digits in quotes: gh api repos/OWNER/NAME", "123456"),
]
"""The id of an account or a repository on GitHub."""


class Account(Model):
    """The account, and who works in it."""

    id: AccountId
    """The AWS account that all environments share."""
    region: Region
    """The AWS region; the same as aws:region."""
    copy_region: Annotated[Region, Field(examples=["ap-northeast-3"])]
    """The second region, for copies."""
    team: DnsLabel
    """The team that is responsible, in tags."""
    github_repository: Annotated[
        str,
        string(r"^[\w.-]+/[\w.-]+$", "a GitHub repository: owner/name", "pipe-dev/infrastructure"),
    ]
    """The repository whose jobs build and deploy."""
    github_owner_id: Annotated[GithubId, Field(examples=["123456"])]
    """Id of its owner: `gh api repos/OWNER/NAME --jq .owner.id`."""
    github_repository_id: Annotated[GithubId, Field(examples=["456789"])]
    """Its own id: `gh api repos/OWNER/NAME --jq .id`."""
    branch: Annotated[str, string(r"^[\w./-]+$", "a branch of it, such as main", "main")]
    """The branch that is built and deployed."""
    operators: Annotated[
        list[Annotated[Arn, Field(examples=["arn:aws:iam::123456789012:user/operator"])]],
        entries(1),
        Distinct,
    ]
    """IAM roles and users of the people who may take the role pipe-operators."""
    protect: bool
    """Whether registry, state bucket and keys refuse to be deleted (Pulumi's protect)."""


class Environment(Model):
    """An environment that is deployed into the account."""

    name: DnsLabel
    """As its stack file has it: pipe:service.environment."""
    buckets: Annotated[list[BucketName], entries(1)]
    """Its backup bucket and that one's copy, as its stack file has them."""


class Registry(Model):
    """The ECR repository."""

    repository: Annotated[
        str, string(r"^[a-z0-9]+([._/-][a-z0-9]+)*$", "a repository of ECR, such as pipe/api", "pipe/api")
    ]
    """Its name, as the deployment guide has it."""
    keep_images: Annotated[int, Field(ge=10, le=10000)]
    """How many images stay, of all stacks together."""
    untagged_days: Annotated[int, Field(ge=1, le=365)]
    """Days until an image without a tag is deleted."""


class State(Model):
    """The state bucket, named pipe-state-<account>."""

    project: DnsLabel
    """The Pulumi project of the stacks: pipe."""
    lock_days: Annotated[int, Field(ge=0, le=365)]
    """Days that no version of a state can be deleted; 0 switches the lock off."""


class Settings(Model):
    """All topics of foundation."""

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
    def labels(self) -> Labels:
        """The names and tags of what belongs to no environment."""
        return self._labels("foundation")

    @property
    def scopes(self) -> list[Scope]:
        """What belongs to each environment."""
        return [
            Scope(
                labels=self._labels(environment.name),
                copy_region=self.account.copy_region,
                buckets=environment.buckets,
            )
            for environment in self.environments
        ]

    def _labels(self, environment: str) -> Labels:
        account = self.account
        return Labels(environment=environment, team=account.team, account=account.id, region=account.region)


def load() -> Settings:
    """The settings of the running stack, or one error with all that is wrong with them."""
    config: dict[str, str] = {**runtime.get_config_env(), **runtime.CONFIG.get()}
    # Pulumi.yaml's empty defaults stand for no value; keys of other namespaces are the providers'.
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
    """The settings, if they are valid, and their faults."""
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        return None, list(_faults(error.errors(include_url=False), values))
    return settings, list(_contradictions(settings))


def _contradictions(settings: Settings) -> Iterator[SettingFault]:
    """What is right by itself and wrong together."""
    account = settings.account
    if settings.aws_region != account.region:
        path = (f"{PROJECT}:account", "region")
        same = f"{settings.aws_region}, as aws:region has it"
        yield invalid_value(path, account.region, same, set_command(path, settings.aws_region))
    for index, allowed_account in enumerate(settings.aws_allowed_account_ids):
        if allowed_account != account.id:
            path = ("aws:allowedAccountIds", index)
            same = f"{account.id}, as {PROJECT}:account.id"
            yield invalid_value(path, allowed_account, same, set_command(path, account.id))
    if account.copy_region == account.region:
        path = (f"{PROJECT}:account", "copyRegion")
        yield invalid_value(
            path, account.copy_region, "another region than region", set_command(path, "ap-northeast-3")
        )
    names = [environment.name for environment in settings.environments]
    for index, name in enumerate(names):
        if name in names[:index]:
            path = (f"{PROJECT}:environments", index, "name")
            yield invalid_value(path, name, "a name that no other entry has", remove_command(path[:2]))


def _faults(errors: Sequence[ErrorDetails], values: Mapping[str, Any]) -> Iterator[SettingFault]:
    """What pydantic found, in the words of the schema."""
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
    """The schema of what belongs at a path; empty where nothing does."""
    root = Settings.model_json_schema()
    found: Schema = root
    for step in path:
        found = found["items"] if isinstance(step, int) else found.get("properties", {}).get(step, {})
        if "$ref" in found:
            found = root["$defs"][found["$ref"].rpartition("/")[2]]
    return found


def _missing(path: KeyPath) -> Iterator[SettingFault]:
    """Each scalar that is missing; of a list, its first entry."""
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
