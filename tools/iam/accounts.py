"""The model of the accounts, built from the recorded programs."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, cast

from moto.iam.aws_managed_policies import aws_managed_policies_data

from tools.iam.model import Kind, Pod, Principal, Resource, World
from tools.iam.policies import Statement, parse_policy
from tools.iam.recording import Program, Recorded, record_programs
from tools.iam.workflows import Github, read_jobs

ENVIRONMENTS = ("dev", "stg", "prod")

PART = r"-(dev|stg|prod|[0-9]{12})\b"
"""Pattern of the part of a name that differs between environments."""

RUNNER_GROUP = "CODEBUILD_CONFIG_GITHUB_ACTIONS_RUNNER_GROUP_ID"
"""Environment variable of a runner in a runner group, which admits only main's workflows (README.md)."""

REVIEWED = frozenset({"stg", "prod", "preview"})
"""GitHub environments with required reviewers (README.md, GitHub)."""

EVERYTHING = parse_policy({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
"""Assumed statements of a policy that another program declares: it allows everything."""


@cache
def build_world() -> World:
    """Return the model of all accounts and of GitHub's jobs, from the committed files."""
    programs = record_programs()
    accounts = {program.account: program.stack for program in programs if program.is_foundation}
    world = World(accounts=accounts, reviewed=REVIEWED, limits_pushes=True)
    for program in programs:
        world = _add(world, program)
    world = replace(world, principals={**world.principals, **_people(world)})
    world = replace(world, resources={**world.resources, **_stack_secrets(world)})
    return replace(world, jobs={job.id: job for job in read_jobs(_github(programs), world)})


def _add(world: World, program: Program) -> World:
    principals = {role.arn: role for role in _roles(program)}
    known = dict(world.resources)
    for resource in _resources(program):
        if resource.id in known:
            raise ValueError(f"two resources have the ID {resource.id}")
        known[resource.id] = resource
    return replace(
        world,
        principals={**world.principals, **principals},
        resources=known,
        pods=[*world.pods, *_pods(program, known)],
    )


def _environment(program: Program, name: str) -> str:
    """Return the environment to which a name such as pipe-dev-deploy belongs.

    A name of the foundation without an environment belongs to the account, whose name is returned.
    """
    if not program.is_foundation:
        return program.stack
    return next((env for env in ENVIRONMENTS if re.match(rf"pipe-{env}(-|$)", name)), program.stack)


def _roles(program: Program) -> Iterator[Principal]:
    documents = {policy.arn: policy.inputs["policy"] for policy in program.of_type("aws:iam/policy:Policy")}
    attached: dict[str, list[str]] = {}
    for attachment in program.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment"):
        attached.setdefault(attachment.inputs["role"], []).append(attachment.inputs["policyArn"])
    inline: dict[str, list[str]] = {}
    for policy in program.of_type("aws:iam/rolePolicy:RolePolicy"):
        inline.setdefault(policy.inputs["role"], []).append(policy.inputs["policy"])
    for role in program.of_type("aws:iam/role:Role"):
        name = role.inputs["name"]
        arns = [*attached.get(name, []), *role.inputs.get("managedPolicyArns", [])]
        own = [
            *inline.get(name, []),
            *(policy["policy"] for policy in role.inputs.get("inlinePolicies", [])),
        ]
        statements = [
            *(statement for arn in arns for statement in _managed(arn, documents)),
            *(statement for document in own for statement in parse_policy(document)),
        ]
        boundary = role.inputs.get("permissionsBoundary")
        yield Principal(
            arn=role.arn,
            account=program.account,
            environment=_environment(program, name),
            identity=tuple(statements),
            boundary=None if boundary is None else _managed(boundary, documents),
            trust=parse_policy(role.inputs["assumeRolePolicy"]),
            policies=tuple(arn for arn in arns if ":iam::aws:" not in arn),
        )


def _managed(arn: str, documents: Mapping[str, str]) -> tuple[Statement, ...]:
    """Return the statements of a managed policy, of the project or of AWS.

    The documents of AWS's policies come from moto, which copies them from AWS. A policy of another program,
    such as a boundary of the foundation, counts as allowing everything.
    """
    if ":iam::aws:" in arn:
        return parse_policy(_aws_policies()[arn.rpartition("/")[2]]["Document"])
    return parse_policy(documents[arn]) if arn in documents else EVERYTHING


@cache
def _aws_policies() -> dict[str, Any]:
    return json.loads(aws_managed_policies_data)


def _people(world: World) -> dict[str, Principal]:
    """Return the users and roles outside the project, such as people, that trust policies name."""
    people: dict[str, Principal] = {}
    names = world.accounts
    for role in world.roles():
        for statement in role.trust or ():
            for kind, arn in statement.principals:
                account = arn.split(":")[4] if arn.startswith("arn:aws:iam::") else ""
                # An account's root stands for its administrators, who need no attack path.
                is_known = arn in world.principals or arn.endswith(":root")
                if kind == "AWS" and account in names and not is_known:
                    people[arn] = Principal(
                        arn=arn, account=account, environment=names[account], identity=ASSUMES
                    )
    return people


ASSUMES = parse_policy({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}})
"""Assumed policy of the people that a role trusts; the project does not manage their other permissions."""


def _resources(program: Program) -> Iterator[Resource]:
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
        environment=_environment(program, name),
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


def _pods(program: Program, resources: Mapping[str, Resource]) -> Iterator[Pod]:
    """Yield the service accounts with a role; only the API's pods run an image of the project's registry."""
    image = cast(dict[str, Any], program.config.get("pipe:api", {})).get("image", "")
    own = next(
        (
            item.id
            for item in resources.values()
            if item.kind == "registry" and f"/{item.id.removeprefix('registry ')}@" in image
        ),
        "",
    )
    for item in program.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation"):
        role = item.inputs["roleArn"]
        # Of the pods with a role, only the API's run the image that the service's repository builds.
        runs_own = role.endswith("-api")
        yield Pod(
            cluster=f"cluster {item.inputs['clusterName']}", role=role, registry=own if runs_own else ""
        )


def _stack_secrets(world: World) -> dict[str, Resource]:
    """Return the secret settings of each stack as resources that the state's KMS key encrypts."""
    secrets: dict[str, Resource] = {}
    for state in world.of_kind("state"):
        if state.role and not state.id.endswith("(copy)"):
            key = next(
                item.id
                for item in world.of_kind("key")
                if item.account == state.account and "alias/pipe-state" in item.aliases
            )
            identifier = f"secret settings of {state.environment}"
            secrets[identifier] = replace(
                state,
                id=identifier,
                label="secret settings",
                kind="stack secrets",
                key=key,
                policy=None,
                contents="",
                role="",
            )
    return secrets


def _github(programs: tuple[Program, ...]) -> Github:
    """Return the GitHub repository that the foundation's settings name."""
    config = next(program.config for program in programs if program.is_foundation)
    section = config.get("pipe-foundation:github") or config["pipe-foundation:account"]
    return Github(
        repository=section.get("repository") or section["githubRepository"],
        owner_id=section.get("ownerId") or section["githubOwnerId"],
        repository_id=section.get("repositoryId") or section["githubRepositoryId"],
    )
