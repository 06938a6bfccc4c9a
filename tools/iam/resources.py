"""The resources of the model, from the recorded programs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from sandbox.iam.policies import Statement, parse_policy
from tools.iam.model import Kind, Resource
from tools.iam.recording import Program, Recorded

ENVIRONMENTS = ("dev", "stg", "prod")

PART = r"-(dev|stg|prod|[0-9]{12})\b"
"""Pattern of the part of a name that differs between environments."""

RUNNER_GROUP = "CODEBUILD_CONFIG_GITHUB_ACTIONS_RUNNER_GROUP_ID"
"""Environment variable of a runner in a runner group, which admits only main's workflows (README.md)."""


def environment_of(program: Program, name: str) -> str:
    """Return the environment to which a name such as pipe-dev-deploy belongs.

    A name of the foundation without an environment belongs to the account, whose name is returned.
    """
    if not program.is_foundation:
        return program.stack
    return next((env for env in ENVIRONMENTS if re.match(rf"pipe-{env}(-|$)", name)), program.stack)


def resources_of(program: Program) -> Iterator[Resource]:
    """Yield the resources of a program that an attacker may want, or that lead to others."""
    yield from _keys(program)
    yield from _buckets(program)
    yield from _databases(program)
    yield from _clusters(program)
    yield from _others(program)


def _resource(
    program: Program, recorded: Recorded, kind: Kind, name: str, identifier: str, label: str = ""
) -> Resource:
    """Return a resource of the model; its environment follows from `name`."""
    return Resource(
        id=identifier,
        kind=kind,
        label=label,
        arn=recorded.arn,
        account=program.account,
        environment=environment_of(program, name),
        tags=cast(dict[str, str], recorded.inputs.get("tags", {})),
    )


def _keys(program: Program) -> Iterator[Resource]:
    aliases: dict[tuple[str, str], list[str]] = {}
    for alias in program.of_type("aws:kms/alias:Alias"):
        key = (alias.region, alias.inputs["targetKeyId"])
        aliases.setdefault(key, []).append(alias.inputs["name"])
    for key in program.of_type("aws:kms/key:Key"):
        names = tuple(aliases.get((key.region, f"{key.name}-id"), ()))
        name = names[0].removeprefix("alias/") if names else key.name
        document = key.inputs.get("policy")
        yield replace(
            _resource(program, key, "key", name, _key_id(key.arn)),
            policy=parse_policy(document) if document else _default_key_policy(program),
            aliases=names,
        )


def _default_key_policy(program: Program) -> tuple[Statement, ...]:
    """Return the policy that KMS gives to a key without one (KMS developer guide, default key policy)."""
    root = f"arn:aws:iam::{program.account}:root"
    statement = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}
    return parse_policy({"Statement": statement})


def _key_id(arn: str) -> str:
    return f"key {arn}" if arn else ""


def _buckets(program: Program) -> Iterator[Resource]:
    policies = _by_bucket(program, "aws:s3/bucketPolicy:BucketPolicy")
    encryption = _by_bucket(
        program, "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    )
    locks = _by_bucket(program, "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")
    for bucket in program.of_type("aws:s3/bucket:Bucket"):
        name = bucket.inputs["bucket"]
        rules: list[Any] = _path(encryption, bucket.name, "rules") or [{}]
        key = _path(rules[0], "applyServerSideEncryptionByDefault", "kmsMasterKeyId") or ""
        policy = _path(policies, bucket.name, "policy")
        mode = _path(locks, bucket.name, "rule", "defaultRetention", "mode")
        label = f"bucket {re.sub(PART, '', name)}"
        resource = replace(
            _resource(program, bucket, "bucket", name, f"bucket {name}", label),
            contents=f"{bucket.arn}/*",
            policy=parse_policy(policy) if policy else None,
            key=_key_id(key),
            locked=mode == "COMPLIANCE",
        )
        if program.is_foundation and name.startswith("pipe-state-") and not name.endswith("-logs"):
            yield from _states(program, resource)
        else:
            yield resource


def _path(value: Any, *keys: str) -> Any:
    """Return the value at a path of keys, or None if a key is missing."""
    for key in keys:
        value = cast(Mapping[str, Any], value).get(key)
        if value is None:
            return None
    return value


def _by_bucket(program: Program, type_: str) -> dict[str, Mapping[str, Any]]:
    """Return the inputs of resources that configure a bucket, by the bucket's logical name."""
    return {str(item.inputs["bucket"]).removesuffix("-id"): item.inputs for item in program.of_type(type_)}


def _states(program: Program, bucket: Resource) -> Iterator[Resource]:
    """Yield the Pulumi states in a state bucket: of each environment's stack, and of the foundation."""
    name = bucket.arn.rpartition(":")[2]
    copy = " (copy)" if name.endswith("-copy") else ""
    for environment in _environments(program):
        yield replace(
            bucket,
            id=f"state of {environment}{copy}",
            label=f"state{copy}",
            kind="state",
            contents=f"{bucket.arn}/.pulumi/stacks/pipe/{environment}.json",
            environment=environment,
            role=f"arn:aws:iam::{program.account}:role/pipe-{environment}-deploy",
        )
    yield replace(
        bucket,
        id=f"state of foundation/{program.stack}{copy}",
        label=f"state of the foundation{copy}",
        kind="state",
        contents=f"{bucket.arn}/.pulumi/stacks/pipe-foundation/{program.stack}.json",
    )


def _environments(program: Program) -> list[str]:
    entries = cast(list[dict[str, Any]], program.config.get("pipe-foundation:environments") or [])
    return [entry["name"] for entry in entries]


def _databases(program: Program) -> Iterator[Resource]:
    for database in program.of_type("aws:rds/instance:Instance"):
        name = database.inputs["identifier"]
        resource = _resource(program, database, "database", name, f"database {name}", "database")
        yield replace(resource, contents=database.arn.replace(":db:", ":snapshot:") + "-*")
        if database.inputs.get("manageMasterUserPassword"):
            yield replace(
                resource,
                id=f"master password of {name}",
                kind="secret",
                label="master password",
                opens=resource.id,
                arn=database.arn.replace(":rds:", ":secretsmanager:").replace(":db:", ":secret:rds!db-"),
                key=_key_id(database.inputs.get("masterUserSecretKmsKeyId", "")),
                tags={**resource.tags, "aws:rds:primaryDBInstanceArn": database.arn},
            )


def _clusters(program: Program) -> Iterator[Resource]:
    associations = program.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    for cluster in program.of_type("aws:eks/cluster:Cluster"):
        name = cluster.inputs["name"]
        by_policy: dict[bool, set[str]] = {True: set(), False: set()}
        for item in associations:
            views = item.inputs["policyArn"].endswith("ViewPolicy")
            by_policy[views].add(str(item.inputs["principalArn"]))
        yield replace(
            _resource(program, cluster, "cluster", name, f"cluster {name}", "cluster"),
            admins=tuple(sorted(by_policy[False])),
            viewers=tuple(sorted(by_policy[True])),
        )


def _others(program: Program) -> Iterator[Resource]:
    policies = {
        (item.region, item.inputs["repository"]): item.inputs["policy"]
        for item in program.of_type("aws:ecr/repositoryPolicy:RepositoryPolicy")
    }
    for repository in program.of_type("aws:ecr/repository:Repository"):
        name = repository.inputs["name"]
        copy = "" if repository.region == program.region else " (copy)"
        resource = _resource(program, repository, "registry", name, f"registry {name}{copy}")
        policy = policies.get((repository.region, name))
        yield replace(resource, policy=parse_policy(policy) if policy else None)
    for trail in program.of_type("aws:cloudtrail/trail:Trail"):
        name = trail.inputs["name"]
        yield _resource(program, trail, "trail", name, f"trail {name} of {program.stack}", "trail")
    for project in program.of_type("aws:codebuild/project:Project"):
        name = project.inputs["name"]
        runner = _resource(program, project, "runner", name, f"runner {name}", "runner")
        entries: list[dict[str, str]] = _path(project.inputs, "environment", "environmentVariables") or []
        variables = [item["name"] for item in entries]
        yield replace(runner, role=project.inputs["serviceRole"], locked=RUNNER_GROUP in variables)
        connection = _path(project.inputs, "source", "auth", "resource")
        if connection:
            yield replace(
                runner, id=f"connection of {name}", kind="connection", label="connection", arn=connection
            )
    yield from _vaults(program)


def _vaults(program: Program) -> Iterator[Resource]:
    policies = {
        item.inputs["backupVaultName"]: item.inputs["policy"]
        for item in program.of_type("aws:backup/vaultPolicy:VaultPolicy")
    }
    # Without changeableForDays the lock is in governance mode, which an administrator may remove.
    locked = {
        item.inputs["backupVaultName"]
        for item in program.of_type("aws:backup/vaultLockConfiguration:VaultLockConfiguration")
        if "changeableForDays" in item.inputs
    }
    for vault in program.of_type("aws:backup/vault:Vault"):
        name = vault.inputs["name"]
        label = f"vault {re.sub(PART, '', name)}"
        yield replace(
            _resource(program, vault, "vault", name, f"vault {name} of {program.stack}", label),
            contents=f"arn:aws:backup:{vault.region}:{program.account}:recovery-point:*",
            policy=parse_policy(policies[name]) if name in policies else None,
            key=_key_id(vault.inputs.get("kmsKeyArn", "")),
            locked=name in locked,
        )
