"""Tests of the steps and the search on small accounts, each with one mistake that must yield a path."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.iam.evaluation import CHOSEN, ContextValue
from sandbox.iam.policies import parse_policy
from tests.support.rows import each_row
from tools.iam.model import Hold, Job, Pod, Principal, Resource, World
from tools.iam.search import format_path, path, reach
from tools.iam.steps import all_steps

DEV, PROD = "111122223333", "777788889999"
REGION = "ap-northeast-1"
ISSUER = "token.actions.githubusercontent.com"
MAIN = "repo:pipe-dev/infrastructure:ref:refs/heads/main"


def allow(actions: str | list[str], resources: str | list[str] = "*", **condition: Any) -> dict[str, Any]:
    statement = {"Sid": "A", "Effect": "Allow", "Action": actions, "Resource": resources}
    return statement | ({"Condition": condition} if condition else {})


def trust(*principals: Any, **condition: Any) -> list[dict[str, Any]]:
    action = ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:TagSession"]
    statements = [{"Effect": "Allow", "Principal": principal, "Action": action} for principal in principals]
    return [statement | ({"Condition": condition} if condition else {}) for statement in statements]


def role_arn(name: str) -> str:
    return f"arn:aws:iam::{PROD if 'prod' in name else DEV}:role/{name}"


def role(name: str, *statements: dict[str, Any], trust: Any = (), **more: Any) -> Principal:
    return Principal(
        arn=role_arn(name),
        account=PROD if "prod" in name else DEV,
        environment="prod" if "prod" in name else "dev",
        identity=parse_policy({"Statement": list(statements)}),
        trust=parse_policy({"Statement": list(trust)}),
        **more,
    )


def environment_of(account: str) -> str:
    return {DEV: "dev", PROD: "prod"}[account]


def key(account: str, *policy: dict[str, Any], name: str = "state", **more: Any) -> Resource:
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return Resource(
        id=f"key {name} of {environment_of(account)}",
        kind="key",
        arn=f"arn:aws:kms:{REGION}:{account}:key/{name}",
        account=account,
        environment=environment_of(account),
        policy=parse_policy({"Statement": [*(policy or [root])]}),
        **more,
    )


def state(account: str, *policy: dict[str, Any]) -> Resource:
    name = environment_of(account)
    bucket = f"arn:aws:s3:::pipe-state-{account}"
    return Resource(
        id=f"state of {name}",
        kind="state",
        arn=bucket,
        contents=f"{bucket}/.pulumi/stacks/pipe/{name}.json",
        account=account,
        environment=name,
        key=f"key state of {name}",
        role=role_arn(f"{name}-deploy"),
        policy=parse_policy({"Statement": list(policy)}),
    )


def build(
    *principals: Principal, resources: tuple[Resource, ...] = (), jobs: tuple[Job, ...] = (), **more: Any
) -> World:
    return World(
        principals={principal.arn: principal for principal in principals},
        resources={resource.id: resource for resource in resources},
        jobs={job.id: job for job in jobs},
        **more,
    )


def act(name: str) -> Hold:
    return Hold("act as", role_arn(name))


def way(world: World, start: Hold, target: Hold) -> str | None:
    """Return the shortest path as text, or None."""
    reached = reach([start], all_steps(world))
    return format_path(path(reached, target)) if target in reached else None


def token(subject: str = MAIN, **claims: ContextValue) -> Mapping[str, ContextValue]:
    return {"sub": subject, "aud": CHOSEN, "ref": "refs/heads/main"} | claims


def federated(account: str) -> dict[str, str]:
    return {"Federated": f"arn:aws:iam::{account}:oidc-provider/{ISSUER}"}


def test_a_role_that_may_do_nothing_reaches_nothing() -> None:
    world = build(role("dev-a"), role("dev-b"), resources=(key(DEV), state(DEV)))
    assert set(reach([act("dev-a")], all_steps(world))) == {act("dev-a")}


@each_row(
    ("identity", "trusted", "expected"),
    [
        (allow("sts:AssumeRole", role_arn("prod-b")), {"AWS": role_arn("dev-a")}, True),
        (allow("sts:AssumeRole", role_arn("prod-b")), {"AWS": DEV}, True),
        (allow("sts:AssumeRole", role_arn("prod-b")), {"AWS": PROD}, False),
        (allow("sts:AssumeRole", role_arn("prod-c")), {"AWS": DEV}, False),
        (allow("s3:GetObject"), {"AWS": role_arn("dev-a")}, False),
    ],
)
def test_a_role_of_another_account_needs_both_sides(identity: Any, trusted: Any, expected: bool) -> None:
    world = build(role("dev-a", identity), role("prod-b", trust=trust(trusted)))
    assert (way(world, act("dev-a"), act("prod-b")) is not None) == expected


def test_a_role_without_mfa_cannot_assume_a_role_that_requires_it() -> None:
    requires = trust({"AWS": DEV}, Bool={"aws:MultiFactorAuthPresent": "true"})
    person = Principal(
        arn=f"arn:aws:iam::{DEV}:user/person",
        account=DEV,
        environment="dev",
        identity=parse_policy({"Statement": allow("sts:AssumeRole")}),
    )
    world = build(person, role("dev-a", allow("sts:AssumeRole")), role("dev-b", trust=requires))
    assert way(world, act("dev-a"), act("dev-b")) is None
    assert way(world, Hold("act as", person.arn), act("dev-b")) is not None


@each_row(
    "statement",
    [
        allow("iam:PutRolePolicy"),
        allow("iam:AttachRolePolicy", ArnEquals={"iam:PolicyARN": "arn:aws:iam::aws:policy/Any"}),
        allow("iam:CreatePolicyVersion"),
        allow("iam:SetDefaultPolicyVersion", f"arn:aws:iam::{DEV}:policy/mine"),
        allow(["iam:CreateRole", "iam:PutRolePolicy"], f"arn:aws:iam::{DEV}:role/fresh-*"),
        allow(["iam:CreateUser", "iam:CreateAccessKey", "iam:AttachUserPolicy"]),
        {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
    ],
)
def test_whoever_may_extend_permissions_administers_the_account(statement: dict[str, Any]) -> None:
    own = role("dev-a", statement, policies=(f"arn:aws:iam::{DEV}:policy/mine",))
    world = build(own, role("dev-b"), resources=(key(DEV), state(DEV)))
    reached = reach([act("dev-a")], all_steps(world))
    assert {act("dev-b"), Hold("read", "state of dev"), Hold("administer", DEV)} <= set(reached)
    assert Hold("administer", PROD) not in reached


@each_row(
    "statement",
    [
        allow("iam:PutRolePolicy", f"arn:aws:iam::{DEV}:role/none-*"),
        allow("iam:CreateRole"),
        allow("iam:CreatePolicyVersion", f"arn:aws:iam::{DEV}:policy/other"),
        allow("iam:Get*"),
    ],
)
def test_a_right_that_extends_no_existing_role_gives_no_account(statement: dict[str, Any]) -> None:
    own = role("dev-a", statement, policies=(f"arn:aws:iam::{DEV}:policy/mine",))
    assert way(build(own, role("dev-b")), act("dev-a"), Hold("administer", DEV)) is None


def test_permissions_of_another_role_help_only_with_this_role() -> None:
    rewrites = allow("iam:PutRolePolicy", role_arn("dev-b"))
    stranger = build(role("dev-a", rewrites), role("dev-b"))
    assert way(stranger, act("dev-a"), Hold("administer", DEV)) is None
    trusted = build(role("dev-a", rewrites), role("dev-b", trust=trust({"AWS": role_arn("dev-a")})))
    assert way(trusted, act("dev-a"), Hold("administer", DEV)) is not None


def test_an_explicit_deny_closes_the_path() -> None:
    denied = {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}
    world = build(role("dev-a", allow("*"), denied), role("dev-b"))
    assert way(world, act("dev-a"), Hold("administer", DEV)) is None


def test_a_changed_trust_gives_the_role() -> None:
    world = build(role("dev-a", allow("iam:UpdateAssumeRolePolicy")), role("dev-b"), role("prod-b"))
    assert way(world, act("dev-a"), act("dev-b")) is not None
    assert way(world, act("dev-a"), act("prod-b")) is None


def test_a_new_access_key_gives_the_user() -> None:
    user = Principal(arn=f"arn:aws:iam::{DEV}:user/person", account=DEV, environment="dev", identity=())
    world = build(role("dev-a", allow("iam:CreateAccessKey")), user)
    assert way(world, act("dev-a"), Hold("act as", user.arn)) is not None


PASS = allow("iam:PassRole", StringEquals={"iam:PassedToService": "lambda.amazonaws.com"})


@each_row(
    ("statements", "service", "expected"),
    [
        ([PASS, allow("lambda:CreateFunction")], "lambda", True),
        ([PASS, allow("lambda:InvokeFunction")], "lambda", False),
        ([PASS, allow("lambda:CreateFunction")], "ec2", False),
        ([PASS, allow("ec2:RunInstances")], "ec2", False),
        ([allow("iam:PassRole"), allow("ec2:RunInstances", f"arn:aws:ec2:*:{DEV}:instance/*")], "ec2", True),
        ([allow("iam:PassRole"), allow("ecs:RunTask")], "ecs-tasks", False),
        ([allow("iam:PassRole"), allow(["ecs:RunTask", "ecs:RegisterTaskDefinition"])], "ecs-tasks", True),
    ],
)
def test_a_passed_role_needs_a_service_that_the_principal_may_start(
    statements: list[dict[str, Any]], service: str, expected: bool
) -> None:
    trusting = trust({"Service": f"{service}.amazonaws.com"})
    world = build(role("dev-a", *statements), role("dev-b", trust=trusting))
    assert (way(world, act("dev-a"), act("dev-b")) is not None) == expected


def test_a_service_without_known_start_actions_counts_as_started() -> None:
    trusting = trust({"Service": "quantum.amazonaws.com"})
    world = build(role("dev-a", allow("iam:PassRole")), role("dev-b", trust=trusting))
    assert way(world, act("dev-a"), act("dev-b")) is not None


OPEN_KEY = {"Effect": "Allow", "Principal": {"AWS": DEV}, "Action": "kms:*", "Resource": "*"}
OWN_KEY = {"Effect": "Allow", "Principal": {"AWS": PROD}, "Action": "kms:*", "Resource": "*"}
OPEN_BUCKET = {"Effect": "Allow", "Principal": {"AWS": DEV}, "Action": "s3:*", "Resource": "*"}


@each_row(
    ("key_policy", "bucket_policy", "expected"),
    [
        ([OWN_KEY], [], False),
        ([OWN_KEY, OPEN_KEY], [], False),
        ([OWN_KEY], [OPEN_BUCKET], True),  # A bucket policy that allows everything can be replaced, ...
        ([OWN_KEY, OPEN_KEY], [OPEN_BUCKET], True),
    ],
)
def test_a_dev_role_that_may_write_prods_state_reaches_prods_deploy_role(
    key_policy: list[dict[str, Any]], bucket_policy: list[dict[str, Any]], expected: bool
) -> None:
    world = build(
        role("dev-a", allow(["s3:*", "kms:*"])),
        role("prod-deploy"),
        resources=(key(PROD, *key_policy), state(PROD, *bucket_policy)),
    )
    reached = reach([act("dev-a")], all_steps(world))
    assert (Hold("control", "state of prod") in reached) == expected
    # ... but its objects can be read and written only with the key.
    with_key = expected and OPEN_KEY in key_policy
    assert (Hold("write", "state of prod") in reached) == with_key
    assert (Hold("read", "state of prod") in reached) == with_key
    assert (act("prod-deploy") in reached) == with_key


def test_whoever_may_replace_a_key_policy_reads_what_the_key_encrypts() -> None:
    reader = role("dev-a", allow(["s3:GetObject", "kms:PutKeyPolicy"]))
    world = build(reader, resources=(key(DEV), state(DEV)))
    lines = way(world, act("dev-a"), Hold("read", "state of dev"))
    assert lines is not None and "kms:PutKeyPolicy" in lines
    only_named = {"Effect": "Allow", "Principal": {"AWS": role_arn("dev-b")}, "Action": "*", "Resource": "*"}
    closed = build(reader, resources=(key(DEV, only_named), state(DEV)))
    assert way(closed, act("dev-a"), Hold("read", "state of dev")) is None


def test_a_grant_for_an_aws_service_gives_no_key() -> None:
    condition: dict[str, Any] = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    world = build(role("dev-a", allow("kms:CreateGrant", **condition)), resources=(key(DEV),))
    assert way(world, act("dev-a"), Hold("read", "key state of dev")) is None
    unbound = build(role("dev-a", allow("kms:CreateGrant")), resources=(key(DEV),))
    assert way(unbound, act("dev-a"), Hold("read", "key state of dev")) is not None


def test_a_key_that_works_only_through_a_service_is_not_read_directly() -> None:
    through: dict[str, Any] = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
    reader = role("dev-a", allow("kms:Decrypt", **through), allow("s3:GetObject"))
    world = build(reader, resources=(key(DEV), state(DEV)))
    assert way(world, act("dev-a"), Hold("read", "key state of dev")) is None
    assert way(world, act("dev-a"), Hold("read", "state of dev")) is not None


@each_row("change", ["kms:TagResource", "kms:CreateAlias"])
def test_a_tag_or_alias_that_the_principal_sets_itself_satisfies_conditions(change: str) -> None:
    conditions: dict[str, dict[str, Any]] = {
        "kms:TagResource": {"StringEquals": {"aws:ResourceTag/env": "dev"}},
        "kms:CreateAlias": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/dev"}},
    }
    decrypts = allow("kms:Decrypt", **conditions[change])
    target = Hold("read", "key state of dev")
    other = key(DEV, tags={"env": "shared"}, aliases=("alias/shared",))
    assert way(build(role("dev-a", decrypts), resources=(other,)), act("dev-a"), target) is None
    capture = role("dev-a", decrypts, allow(change))
    lines = way(build(capture, resources=(other,)), act("dev-a"), target)
    assert lines is not None and change in lines


def test_nobody_sets_a_tag_that_aws_reserves() -> None:
    condition: dict[str, Any] = {"StringEquals": {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": "arn:db"}}
    reader = role("dev-a", allow("kms:Decrypt", **condition), allow("kms:TagResource"))
    target = Hold("read", "key state of dev")
    assert way(build(reader, resources=(key(DEV),)), act("dev-a"), target) is None
    tagged = key(DEV, tags={"aws:rds:primaryDBInstanceArn": "arn:db"})
    assert way(build(reader, resources=(tagged,)), act("dev-a"), target) is not None


def test_the_secrets_of_a_stack_depend_on_the_encryption_context() -> None:
    def reader(stack: str) -> Principal:
        condition: dict[str, Any] = {"StringEquals": {"kms:EncryptionContext:env": stack}}
        return role("dev-a", allow("kms:Decrypt", **condition))

    secrets = Resource(
        id="secrets of dev",
        kind="stack secrets",
        arn="",
        account=DEV,
        environment="dev",
        key="key state of dev",
    )
    resources = (key(DEV), secrets)
    assert way(build(reader("dev"), resources=resources), act("dev-a"), Hold("read", "secrets of dev"))
    other = build(reader("stg"), resources=resources)
    assert way(other, act("dev-a"), Hold("read", "secrets of dev")) is None


@each_row(
    ("conditions", "expected"),
    [
        ({"sub": MAIN, "ref": "refs/heads/main"}, {"main"}),
        ({"sub": MAIN}, {"main"}),
        ({"sub": "repo:pipe-dev/infrastructure:*"}, {"main", "branch", "environment"}),
        ({"sub": "repo:pipe-dev/infrastructure:environment:dev"}, {"environment"}),
        (
            {"sub": "repo:pipe-dev/infrastructure:environment:dev", "ref": "refs/heads/main"},
            set[str](),
        ),
        ({"job_workflow_ref": "x/deploy-stack.yml@refs/heads/main"}, {"branch", "environment"}),
    ],
)
def test_a_trust_admits_the_jobs_whose_claims_it_names(
    conditions: dict[str, str], expected: set[str]
) -> None:
    """Check a branch, which can call main's reusable workflow, so `job_workflow_ref` alone is too little."""
    branch = {"ref": "refs/heads/attack", "job_workflow_ref": CHOSEN}
    jobs = (
        Job(id="main", tokens=(token(job_workflow_ref="x/build.yml@refs/heads/main"),)),
        Job(id="branch", tokens=(token("repo:pipe-dev/infrastructure:ref:refs/heads/attack", **branch),)),
        Job(id="environment", tokens=(token("repo:pipe-dev/infrastructure:environment:dev", **branch),)),
        Job(id="no token"),
    )
    condition = {"StringLike": {f"{ISSUER}:{claim}": value for claim, value in conditions.items()}}
    world = build(role("dev-a", trust=trust(federated(DEV), **condition)), jobs=jobs)
    admitted = {job.id for job in jobs if way(world, Hold("run", job.id), act("dev-a"))}
    assert admitted == expected


def test_an_identity_provider_of_another_account_is_not_trusted() -> None:
    world = build(role("dev-a", trust=trust(federated(PROD))), jobs=(Job(id="main", tokens=(token(),)),))
    assert way(world, Hold("run", "main"), act("dev-a")) is None


def test_a_job_has_its_secrets_and_the_role_of_its_machine() -> None:
    runner = Resource(
        id="runner of dev",
        kind="runner",
        arn=f"arn:aws:codebuild:{REGION}:{DEV}:project/pipe-dev-runner",
        account=DEV,
        environment="dev",
        role=role_arn("dev-runner"),
    )
    connection = replace(runner, id="connection", kind="connection", role="")
    fetch = role("dev-runner", allow("codeconnections:GetConnectionToken"))
    jobs = (
        Job(id="deploy", machines=(runner.id,), secrets=("GitHub secret TOKEN",), on_main=True),
        Job(id="branch", tokens=(token("other"),)),
    )
    world = build(
        fetch, role("dev-b", allow("codebuild:StartBuild")), resources=(runner, connection), jobs=jobs
    )
    reached = reach([Hold("run", "deploy")], all_steps(world))
    assert {act("dev-runner"), Hold("read", "GitHub secret TOKEN"), Hold("run", "branch")} <= set(reached)
    limited = replace(world, limits_pushes=True)
    assert way(limited, Hold("run", "deploy"), Hold("run", "branch")) is None
    assert way(world, act("dev-b"), act("dev-runner")) is not None


def test_a_commit_on_main_waits_for_the_reviewers_of_an_environment() -> None:
    jobs = (
        Job(id="dev", pushes=True, on_main=True, environment="dev"),
        Job(id="prod", on_main=True, environment="prod"),
        Job(id="branch", pushes=True),
    )
    world = build(jobs=jobs, reviewed=frozenset({"prod"}))
    assert way(world, Hold("run", "dev"), Hold("run", "prod")) is None
    assert way(replace(world, reviewed=frozenset()), Hold("run", "dev"), Hold("run", "prod")) is not None
    steps = all_steps(world)
    assert Hold("run", "prod") in reach([Hold("run", "dev"), Hold("approved", "prod")], steps)
    assert Hold("run", "dev") not in reach([Hold("run", "branch")], steps)


def test_a_push_ruleset_keeps_the_commits_of_jobs_to_stack_files() -> None:
    jobs = (Job(id="dev", pushes=True, on_main=True, environment="dev"), Job(id="drift", on_main=True))
    world = replace(cluster_world(), jobs={job.id: job for job in jobs})
    assert way(world, Hold("run", "dev"), Hold("run", "drift")) is not None
    limited = replace(world, limits_pushes=True)
    assert way(limited, Hold("run", "dev"), Hold("run", "drift")) is None
    # The stack file names the image.
    assert way(limited, Hold("run", "dev"), act("dev-api")) is not None
    reviewed = replace(limited, reviewed=frozenset({"dev"}))
    assert way(reviewed, Hold("run", "dev"), act("dev-api")) is None


def cluster_world(*principals: Principal, reviewed: frozenset[str] = frozenset()) -> World:
    cluster = Resource(
        id="cluster of dev",
        kind="cluster",
        arn=f"arn:aws:eks:{REGION}:{DEV}:cluster/pipe-dev",
        account=DEV,
        environment="dev",
        admins=(role_arn("dev-operators"),),
    )
    registry = Resource(
        id="registry", kind="registry", arn="arn:aws:ecr:x", account=DEV, environment="shared"
    )
    pod = role("dev-api", trust=trust({"Service": "pods.eks.amazonaws.com"}))
    pods = (Pod(cluster=cluster.id, role=pod.arn, registry=registry.id),)
    return build(pod, *principals, resources=(cluster, registry), pods=pods, reviewed=reviewed)


@each_row(
    "principal",
    [
        role("dev-operators"),
        role("dev-a", allow(["eks:CreateAccessEntry", "eks:AssociateAccessPolicy"])),
        role("dev-node", allow("eks-auth:AssumeRoleForPodIdentity")),
        role("dev-build", allow("ecr:PutImage")),
    ],
)
def test_clusters_nodes_and_images_lead_to_the_roles_of_pods(principal: Principal) -> None:
    assert way(cluster_world(principal), Hold("act as", principal.arn), act("dev-api")) is not None


@each_row(
    "principal",
    [role("dev-a", allow("eks:CreateAccessEntry")), role("dev-b", allow("ecr:BatchGetImage"))],
)
def test_half_of_the_actions_does_not_lead_to_the_roles_of_pods(principal: Principal) -> None:
    assert way(cluster_world(principal), Hold("act as", principal.arn), act("dev-api")) is None


def test_an_archive_reaches_the_jobs_that_run_it() -> None:
    jobs = (
        Job(id="deploy: image", artifacts=("image",)),
        Job(id="deploy: packages", artifacts=("vercel", "wheels")),
        Job(id="deploy: dev", unpacks=("vercel",), environment="dev"),
        Job(id="deploy: prod", unpacks=("vercel",), environment="prod"),
        Job(id="deploy: drift", unpacks=("wheels",)),
        Job(id="other: dev", unpacks=("vercel",)),
    )
    world = replace(cluster_world(), jobs={job.id: job for job in jobs}, reviewed=frozenset({"prod"}))
    assert way(world, Hold("run", "deploy: image"), act("dev-api")) is not None
    reached = reach([Hold("run", "deploy: packages")], all_steps(world))
    assert {hold.target for hold in reached if hold.verb == "run"} == {"deploy: packages", "deploy: dev"}


def test_an_image_waits_for_the_reviewers_of_the_environment() -> None:
    world = cluster_world(role("dev-build", allow("ecr:PutImage")), reviewed=frozenset({"dev"}))
    assert way(world, act("dev-build"), act("dev-api")) is None


@each_row(
    ("action", "expected"),
    [
        ("secretsmanager:GetSecretValue", True),
        ("secretsmanager:DescribeSecret", False),
        ("rds:ModifyDBInstance", True),
        ("rds:ModifyDBSnapshotAttribute", True),
        ("rds:DescribeDBInstances", False),
    ],
)
def test_a_password_or_a_snapshot_opens_the_database(action: str, expected: bool) -> None:
    database = Resource(
        id="database",
        kind="database",
        arn=f"arn:aws:rds:{REGION}:{DEV}:db:pipe-dev-db",
        contents=f"arn:aws:rds:{REGION}:{DEV}:snapshot:pipe-dev-db-*",
        account=DEV,
        environment="dev",
    )
    secret = replace(
        database,
        id="secret",
        kind="secret",
        arn=f"arn:aws:secretsmanager:{REGION}:{DEV}:secret:rds!db-1",
        contents="",
        opens="database",
    )
    world = build(role("dev-a", allow(action)), resources=(database, secret))
    assert (way(world, act("dev-a"), Hold("read", "database")) is not None) == expected


def test_nobody_deletes_what_a_compliance_lock_keeps() -> None:
    vault = Resource(
        id="vault", kind="vault", arn="arn:aws:backup:x", account=DEV, environment="shared", locked=True
    )
    administrator = role("dev-a", allow("*"))
    locked = build(administrator, resources=(vault,))
    assert way(locked, act("dev-a"), Hold("destroy", "vault")) is None
    loose = build(administrator, resources=(replace(vault, locked=False),))
    assert way(loose, act("dev-a"), Hold("destroy", "vault")) is not None


def test_a_path_ends_after_five_steps() -> None:
    def next_role(number: int) -> Principal:
        allowed = allow("sts:AssumeRole", role_arn(f"dev-{number + 1}"))
        return role(f"dev-{number}", allowed, trust=trust({"AWS": role_arn(f"dev-{number - 1}")}))

    world = build(*map(next_role, range(7)))
    reached = reach([act("dev-0")], all_steps(world))
    assert act("dev-5") in reached
    assert act("dev-6") not in reached
    assert len(path(reached, act("dev-5"))) == 5
