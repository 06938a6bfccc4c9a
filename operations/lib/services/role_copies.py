"""Copies of a lost environment's IAM roles, under the names of the environment that replaces it.

IAM belongs to no region, so the roles and policies of the lost environment can still be read. The foundation,
which declares them, cannot run: the KMS key of its stack's secrets is lost with the region.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.errors import FailedError
from operations.lib.run_log import RunLog

MANAGED_BY_AWS = "arn:aws:iam::aws:policy/"


@dataclass(frozen=True)
class Renaming:
    """The names of the lost environment and those of the environment that replaces it."""

    old: str
    """Name of the lost environment: prod."""
    new: str
    """Name of the new environment: osaka."""
    old_region: str
    new_region: str
    old_bucket: str
    """Backup bucket of the lost environment; the names of its replica and log buckets begin with it."""
    new_bucket: str

    def apply(self, text: str) -> str:
        """Return a name, or a policy document as JSON, with the new region, backup bucket and environment.

        The name of the environment is replaced only after a hyphen, a slash or a quotation mark. So the
        subject of a GitHub token does not change, since the GitHub environment keeps its name. The ARN of the
        connection to GitHub keeps the region where the connection was created (operations/relocate.py).
        """
        text = re.sub(rf"(?<!:codeconnections:){re.escape(self.old_region)}", self.new_region, text)
        text = text.replace(f":::{self.old_bucket}", f":::{self.new_bucket}")
        return re.sub(rf'(?<=[-/"]){re.escape(self.old)}\b', self.new, text)


def renaming(settings: dict[str, Any], old: str) -> Renaming:
    """Return the renaming from the lost environment `old` to the stack, whose file has the new names."""
    service, backups = settings["service"], settings["backups"]
    return Renaming(
        old=old,
        new=service["environment"],
        # relocate.sh has swapped the two regions and put the environment's name into the bucket's.
        old_region=backups["replica"]["region"],
        new_region=service["region"],
        old_bucket=backups["bucket"].removesuffix(f"-{service['environment']}"),
        new_bucket=backups["bucket"],
    )


def copy_roles(log: RunLog, options: Options, old: str) -> str:
    """Copy every role of the environment `old`, with its policies; return the final message.

    A copy that exists already is updated. Raises FailedError if the account has no role of this environment.
    """
    iam, names = sandbox_targets.aws(options, "iam"), renaming(options.settings, old)
    roles = [role for role in _pages(iam, "list_roles", "Roles") if _is_of(role["RoleName"], old)]
    if not roles:
        raise FailedError(f"the account has no role whose name begins with pipe-{old}-")
    options.confirm(f"Copying {len(roles)} roles of {old} to {names.new}")
    for role in roles:
        with log.step(names.apply(role["RoleName"])):
            if options.dry_run:
                log.plan(f"would copy {role['RoleName']}")
            else:
                _copy_role(iam, role, names)
    return f"{names.new} has the roles of {old}"


def _copy_role(iam: Any, role: dict[str, Any], names: Renaming) -> None:
    name, new = role["RoleName"], names.apply(role["RoleName"])
    trust = names.apply(json.dumps(role["AssumeRolePolicyDocument"]))
    try:
        iam.create_role(
            RoleName=new,
            AssumeRolePolicyDocument=trust,
            Description=names.apply(role.get("Description", "")),
            MaxSessionDuration=role["MaxSessionDuration"],
        )
    except iam.exceptions.EntityAlreadyExistsException:
        iam.update_assume_role_policy(RoleName=new, PolicyDocument=trust)
    tags = [
        {"Key": tag["Key"], "Value": names.new if tag["Key"] == "env" else names.apply(tag["Value"])}
        for tag in iam.list_role_tags(RoleName=name)["Tags"]
    ]
    if tags:
        iam.tag_role(RoleName=new, Tags=tags)
    for attached in _pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name):
        iam.attach_role_policy(RoleName=new, PolicyArn=_copy_policy(iam, attached["PolicyArn"], names))
    for policy in _pages(iam, "list_role_policies", "PolicyNames", RoleName=name):
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        iam.put_role_policy(
            RoleName=new, PolicyName=names.apply(policy), PolicyDocument=names.apply(json.dumps(document))
        )


def _copy_policy(iam: Any, arn: str, names: Renaming) -> str:
    """Copy a policy of the lost environment, and return the copy's ARN.

    A policy that AWS manages or that does not belong to the environment is not copied; its own ARN is
    returned.
    """
    new_arn = names.apply(arn)
    if arn.startswith(MANAGED_BY_AWS) or new_arn == arn:
        return arn
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    # A policy that exists is the copy of an earlier run.
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_policy(
            PolicyName=new_arn.rpartition("/")[2], PolicyDocument=names.apply(json.dumps(document))
        )
    return new_arn


def _is_of(role: str, environment: str) -> bool:
    return role.startswith(f"pipe-{environment}-")


def _pages(iam: Any, operation: str, member: str, **arguments: str) -> Iterator[Any]:
    for page in iam.get_paginator(operation).paginate(**arguments):
        yield from page[member]
