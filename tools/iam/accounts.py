"""The model of the accounts, built from the recorded programs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, cast

from moto.iam.aws_managed_policies import aws_managed_policies_data

from sandbox.iam.policies import Statement, parse_policy
from tools.iam.model import Pod, Principal, Resource, World
from tools.iam.recording import Program, record_programs
from tools.iam.resources import environment_of, resources_of
from tools.iam.workflows import Github, read_jobs

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
    for resource in resources_of(program):
        if resource.id in known:
            raise ValueError(f"two resources have the ID {resource.id}")
        known[resource.id] = resource
    return replace(
        world,
        principals={**world.principals, **principals},
        resources=known,
        pods=[*world.pods, *_pods(program, known)],
    )


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
            environment=environment_of(program, name),
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
