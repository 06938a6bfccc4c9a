"""Tests of the paths through the accounts as the programs and the workflows declare them.

The first tests fail when a start reaches resources that it must not reach. The others change a policy of the
real model, and expect the path that the change opens, so that an empty result is no accident of the search.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from sandbox.iam.evaluation import CHOSEN
from sandbox.iam.policies import parse_policy
from tools.iam.model import Hold, Principal, Resource, Step, World
from tools.iam.report import (
    COLUMNS,
    ENVIRONMENTS,
    HIDDEN,
    NO_RESOURCE,
    Start,
    environment_of,
    outside_starts,
    role_starts,
    search_from,
    world_steps,
)
from tools.iam.search import format_path, path, reach
from tools.iam.steps import all_steps
from tools.iam.workflows import BRANCH, FORK, PULL_REQUEST


@pytest.fixture(scope="module")
def world() -> World:
    return world_steps()[0]


@pytest.fixture(scope="module")
def steps() -> Sequence[Step]:
    return world_steps()[1]


def offences(world: World, steps: Sequence[Step], start: Start, environments: Iterable[str]) -> list[str]:
    """Return the paths from a start to powers in the environments, without approvals of reviewers."""
    reached = search_from(world, steps, start, approved=False)
    return [
        f"{start.name} reaches {hold}:\n{format_path(path(reached, hold))}"
        for hold in reached
        if hold.verb not in HIDDEN
        and hold.target not in NO_RESOURCE
        and environment_of(world, hold) in environments
    ]


def starts_of(world: World) -> list[Start]:
    return [*outside_starts(world), *role_starts(world)]


def test_outsiders_and_packages_reach_nothing_of_stg_and_prod(world: World, steps: Sequence[Step]) -> None:
    outsiders = outside_starts(world)[:4]
    assert [start.powers for start in outsiders[:3]] == [
        (Hold("run", name),) for name in (FORK, PULL_REQUEST, BRANCH)
    ]
    assert len(outsiders[3].powers) > 1
    paths = [offence for start in outsiders for offence in offences(world, steps, start, ("stg", "prod"))]
    assert not paths, "\n\n".join(paths)


def test_forks_pull_requests_and_branches_reach_nothing_without_an_approval(
    world: World, steps: Sequence[Step]
) -> None:
    """Check the column `shared` too, which has the GitHub secrets; with an approval, a preview reads dev."""
    outsiders = outside_starts(world)[:3]
    paths = [offence for start in outsiders for offence in offences(world, steps, start, COLUMNS)]
    assert not paths, "\n\n".join(paths)
    admitted = search_from(world, steps, outsiders[1], approved=True)
    assert Hold("read", "GitHub secret READ_CLOUDFLARE_API_TOKEN of preview") in admitted
    environments = {
        environment_of(world, hold)
        for hold in admitted
        if hold.verb not in HIDDEN and hold.target not in NO_RESOURCE
    }
    assert environments == {"dev", "shared"}


def test_no_environment_reaches_a_higher_one(world: World, steps: Sequence[Step]) -> None:
    """Check one direction only: commits of prod's deployment may also reach dev."""
    starts = [start for start in starts_of(world) if start.environment in ENVIRONMENTS]
    assert {start.environment for start in starts} == set(ENVIRONMENTS)
    paths = [
        offence
        for start in starts
        for offence in offences(
            world, steps, start, ENVIRONMENTS[ENVIRONMENTS.index(start.environment) + 1 :]
        )
    ]
    assert not paths, "\n\n".join(paths)


def test_a_fork_reaches_nothing_at_all(world: World, steps: Sequence[Step]) -> None:
    assert list(reach([Hold("run", FORK)], steps)) == [Hold("run", FORK)]


def test_only_the_workflows_of_an_environment_reach_its_deploy_role(
    world: World, steps: Sequence[Step]
) -> None:
    for environment in ENVIRONMENTS:
        [role] = [item for item in world.roles() if item.name == f"pipe-{environment}-deploy"]
        target = Hold("act as", role.arn)
        # In dev nobody approves what the earlier jobs of the same workflow hand to the deployment.
        packed = (
            {"Main's deploy and operate workflows, jobs of no stack"}
            if environment not in world.reviewed
            else set[str]()
        )
        admitted = {
            start.name
            for start in starts_of(world)
            if target in search_from(world, steps, start, approved=False) and target not in start.powers
        }
        # Whoever may destroy a stack writes its state, which the next deployment reads.
        people = administrators(world, environment) | holders(world, f"pipe-{environment}-operators")
        assert admitted - people == {
            f"Main's deploy and operate workflows, {environment}",
            *packed,
            "A package that the program imports, pinned by hash",
        }


def test_a_deploy_role_changes_nothing_that_foundation_declares(world: World, steps: Sequence[Step]) -> None:
    for role in world.roles():
        if not role.name.endswith("-deploy"):
            continue
        reached = reach([Hold("act as", role.arn)], steps)
        actors = {world.principals[hold.target].name for hold in reached if hold.verb == "act as"}
        assert not {name for name in actors if name.endswith(("-preview", "-operators", "-break-glass"))}
        assert not [hold for hold in reached if hold.verb in ("administer", "rewrite")]
        changed = {hold.target for hold in reached if hold.verb in ("write", "control", "destroy")}
        guarded = {item.id for item in world.of_kind("trail", "vault") if item.account != role.account}
        guarded |= {item.id for item in world.of_kind("state") if not item.role}
        guarded |= {item.id for item in world.of_kind("key") if "alias/pipe-state" in item.aliases}
        assert not changed & guarded - _own_vaults(world, role)


def _own_vaults(world: World, role: Principal) -> set[str]:
    """Return the vaults into which an environment may copy its backups."""
    return {item.id for item in world.of_kind("vault") if item.environment == role.environment}


def administrators(world: World, environment: str) -> set[str]:
    """Return the starts that administer an environment's account by design: break glass and its people."""
    return holders(world, "pipe-break-glass", environment)


def holders(world: World, role: str, environment: str | None = None) -> set[str]:
    """Return the starts that are a role, in one environment or in all, and the people whom it trusts."""
    roles = [item for item in world.roles() if item.name == role and environment in (None, item.environment)]
    people = {name for item in roles for _, name in _trusted(item) if ":user/" in name}
    arns = people | {item.arn for item in roles}
    return {start.name for start in starts_of(world) if start.powers[0].target in arns}


def _trusted(role: Principal) -> Iterable[tuple[str, str]]:
    return [principal for statement in role.trust or () for principal in statement.principals]


def few(world: World, *roles: str) -> World:
    """Return the world with few roles and without databases and clusters, so that steps are found quickly."""
    principals = {arn: item for arn, item in world.principals.items() if item.name in roles}
    resources = {
        name: item for name, item in world.resources.items() if item.kind in ("state", "key", "stack secrets")
    }
    jobs = {name: replace(job, machines=()) for name, job in world.jobs.items()}
    return replace(world, principals=principals, resources=resources, pods=(), jobs=jobs, _by_action={})


def arn_of(world: World, name: str) -> str:
    [arn] = [arn for arn, principal in world.principals.items() if principal.name == name]
    return arn


def with_statement(world: World, role: str, actions: Any, resources: Any = "*") -> World:
    """Return the world with another Allow statement of a role."""
    arn = arn_of(world, role)
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    principal = world.principals[arn]
    changed = replace(principal, identity=principal.identity + parse_policy({"Statement": statement}))
    return replace(world, principals={**world.principals, arn: changed}, _by_action={})


def opened(world: World, kind: str, environment: str, account: str, actions: str) -> World:
    """Return the world in which the policies of some resources let another account perform actions."""
    statement = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": actions, "Resource": "*"}

    def change(resource: Resource) -> Resource:
        if resource.kind != kind or world.accounts[resource.account] != environment:
            return resource
        return replace(resource, policy=(resource.policy or ()) + parse_policy({"Statement": statement}))

    resources = {name: change(resource) for name, resource in world.resources.items()}
    return replace(world, resources=resources, _by_action={})


def reached_by(world: World, start: Hold) -> Mapping[Hold, Any]:
    return reach([start], all_steps(world))


@pytest.fixture
def deploys(world: World) -> World:
    return few(world, "pipe-dev-deploy", "pipe-prod-deploy", "pipe-dev-preview", "pipe-prod-preview")


def dev(world: World) -> Hold:
    return Hold("act as", arn_of(world, "pipe-dev-deploy"))


def prod(world: World) -> Hold:
    return Hold("act as", arn_of(world, "pipe-prod-deploy"))


def account_of(world: World, environment: str) -> str:
    [account] = [number for number, name in world.accounts.items() if name == environment]
    return account


@pytest.mark.parametrize("action", ["iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:CreatePolicyVersion"])
def test_a_role_that_may_extend_itself_has_the_whole_account(deploys: World, action: str) -> None:
    preview = Hold("act as", arn_of(deploys, "pipe-dev-preview"))
    administers = Hold("administer", account_of(deploys, "dev"))
    assert administers not in reached_by(deploys, preview)
    changed = with_statement(deploys, "pipe-dev-preview", action)
    assert administers in reached_by(changed, preview)


def test_a_role_that_may_change_a_trust_has_the_other_role(deploys: World) -> None:
    preview = Hold("act as", arn_of(deploys, "pipe-dev-preview"))
    changed = with_statement(deploys, "pipe-dev-preview", "iam:UpdateAssumeRolePolicy")
    assert dev(deploys) not in reached_by(deploys, preview)
    assert dev(deploys) in reached_by(changed, preview)


@pytest.mark.parametrize("start", [PULL_REQUEST, BRANCH])
def test_a_trust_without_its_conditions_admits_outsiders(deploys: World, start: str) -> None:
    arn = arn_of(deploys, "pipe-prod-deploy")
    role = deploys.principals[arn]
    assert role.trust is not None
    loose = tuple(
        replace(
            statement,
            conditions=tuple(condition for condition in statement.conditions if "_id" in condition.key),
        )
        for statement in role.trust
    )
    changed = replace(deploys, principals={**deploys.principals, arn: replace(role, trust=loose)})
    assert prod(deploys) not in reached_by(deploys, Hold("run", start))
    assert prod(deploys) in reached_by(changed, Hold("run", start))


def test_each_condition_of_a_deploy_role_keeps_somebody_out(deploys: World) -> None:
    """Check one condition each: against a stolen environment, a branch, and another workflow of main."""
    arn = arn_of(deploys, "pipe-prod-deploy")
    role = deploys.principals[arn]
    assert role.trust is not None
    deploy = next(job for job in deploys.jobs.values() if job.environment == "prod" and job.tokens)
    escapes = {
        "sub": {"sub": "repo:pipe-dev/infrastructure:ref:refs/heads/main"},
        "ref": {"ref": "refs/heads/attack"},
        "job_workflow_ref": {
            "job_workflow_ref": "pipe-dev/infrastructure/.github/workflows/x.yml@refs/heads/main"
        },
        "repository_id": {"repository_id": "1"},
    }
    for claim, change in escapes.items():
        job = replace(deploy, id="escape", tokens=tuple({**token, **change} for token in deploy.tokens))
        changed = replace(deploys, jobs={**deploys.jobs, "escape": job})
        assert prod(deploys) not in reached_by(changed, Hold("run", "escape")), claim
        loose = tuple(
            replace(
                statement,
                conditions=tuple(item for item in statement.conditions if not item.key.endswith(f":{claim}")),
            )
            for statement in role.trust
        )
        opened_role = replace(role, trust=loose)
        without = replace(changed, principals={**changed.principals, arn: opened_role})
        assert prod(deploys) in reached_by(without, Hold("run", "escape")), claim


def test_prods_state_is_open_to_dev_only_with_rights_on_both_sides(deploys: World) -> None:
    account = account_of(deploys, "dev")
    writes = Hold("write", "state of prod")
    rights = with_statement(deploys, "pipe-dev-deploy", ["s3:PutObject", "kms:GenerateDataKey"])
    bucket = opened(rights, "state", "prod", account, "s3:PutObject")
    both = opened(bucket, "key", "prod", account, "kms:GenerateDataKey")
    for changed, expected in ((rights, False), (bucket, False), (both, True)):
        reached = reached_by(changed, dev(changed))
        assert (writes in reached) == expected
        # The state names the plugins that the next deployment runs.
        assert (prod(changed) in reached) == expected


def test_a_key_policy_that_is_open_to_an_account_opens_the_secrets(deploys: World) -> None:
    changed = opened(deploys, "key", "prod", account_of(deploys, "dev"), "kms:Decrypt")
    secrets = Hold("read", "secret settings of prod")
    assert secrets not in reached_by(changed, dev(changed))
    allowed = with_statement(changed, "pipe-dev-deploy", "kms:Decrypt")
    assert secrets in reached_by(allowed, dev(allowed))


def test_the_names_of_the_model_are_those_of_the_programs(world: World) -> None:
    for environment in ENVIRONMENTS:
        kinds = {
            resource.kind for resource in world.resources.values() if resource.environment == environment
        }
        assert {"bucket", "cluster", "database", "key", "runner", "stack secrets", "state"} <= kinds
        assert any(pod.role.endswith(f"pipe-{environment}-api") and pod.registry for pod in world.pods)
    keys = {resource.key for resource in world.resources.values()} - {""}
    assert keys <= set(world.resources)


def test_jobs_have_the_rights_that_the_workflows_give_them(world: World) -> None:
    deploy = world.jobs["deploy.yml: prod/deploy"]
    assert deploy.environment == "prod" and deploy.pushes and deploy.imports and not deploy.builds
    assert deploy.machines == ("runner pipe-prod-runner",)
    assert "GitHub secret CLOUDFLARE_API_TOKEN of prod" in deploy.secrets
    subjects = {token["sub"] for token in deploy.tokens}
    assert "repo:pipe-dev/infrastructure:environment:prod" in subjects
    workflow = "pipe-dev/infrastructure/.github/workflows/deploy-stack.yml@refs/heads/main"
    assert {token["job_workflow_ref"] for token in deploy.tokens} == {workflow}
    branch = world.jobs[BRANCH]
    assert {token["ref"] for token in branch.tokens} == {"refs/heads/attack"}
    assert all(token["job_workflow_ref"] is CHOSEN for token in branch.tokens)
    assert json.dumps(world.jobs[FORK].tokens) == "[]"
    assert {job.id for job in world.jobs.values() if job.builds and job.tokens} == set()
