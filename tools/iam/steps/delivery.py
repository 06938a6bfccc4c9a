"""Steps through GitHub: identity tokens, machines, secrets and commits; and through Pulumi's state."""

from collections.abc import Iterator

from sandbox.iam.evaluation import Caller, ContextValue
from tools.iam.model import Hold, Step, World
from tools.iam.permissions import Need, is_allowed, premises, trusts

OIDC = "GitHub docs, OpenID Connect reference"
ISSUER = "token.actions.githubusercontent.com"
MAIN = Hold("write", "branch main")
"""Power to push any commit to main."""

STACK_FILES = Hold("write", "stack files of main")
"""Power to push a commit to main that changes stack files."""


def use_identity_tokens(world: World) -> Iterator[Step]:
    """Yield a step for each role that trusts one of a job's identity tokens."""
    for job in world.jobs.values():
        for role in world.roles():
            sender = Caller(
                kind="Federated",
                identifier=f"arn:aws:iam::{role.account}:oidc-provider/{ISSUER}",
                account="",
            )
            for claims in job.tokens:
                context = {f"{ISSUER}:{claim}": value for claim, value in claims.items()}
                if trusts(world, role, sender, context):
                    means = "sts:AssumeRoleWithWebIdentity"
                    yield Step(frozenset((Hold("run", job.id),)), Hold("act as", role.arn), means, OIDC)
                    break


def use_machines(world: World) -> Iterator[Step]:
    """Yield a step from a job to the role of the machine on which it can run.

    On a CodeBuild machine, every process can use the credentials of the project's role.
    """
    for job in world.jobs.values():
        for runner in (world.resources[machine] for machine in job.machines):
            if runner.role in world.principals:
                gain = Hold("act as", runner.role)
                yield Step(
                    frozenset((Hold("run", job.id),)), gain, f"the machine of {runner.id}", "CodeBuild"
                )


def use_job_secrets(world: World) -> Iterator[Step]:
    """Yield a step for each GitHub secret that a job gets."""
    for job in world.jobs.values():
        for secret in job.secrets:
            gain = Hold("read", secret)
            yield Step(frozenset((Hold("run", job.id),)), gain, "the job's secrets", "GitHub docs, secrets")


EXECUTED = frozenset({"vercel"})
"""Archives whose files the unpacking job runs. pip checks wheels against the hashes of its lock file."""


def hand_over_artifacts(world: World) -> Iterator[Step]:
    """Yield the steps from a job that packs an archive: a pushed image, or code that a later job runs.

    The later job checks the digest of the archive, but the job that packs the archive reports the digest.
    """
    source = ".github/workflows"
    for job in world.jobs.values():
        running = frozenset((Hold("run", job.id),))
        if "image" in job.artifacts:
            for registry in world.of_kind("registry"):
                yield Step(running, Hold("write", registry.id), "an image for the registry", source)
        for other in world.jobs.values():
            in_run = other.workflow == job.workflow
            if in_run and EXECUTED.intersection(job.artifacts).intersection(other.unpacks):
                needed = running | _approval(world, other.environment)
                yield Step(needed, Hold("run", other.id), "an archive that a later job runs", source)


def await_reviews(world: World) -> Iterator[Step]:
    """Yield a step from an outsider's job to the outsider's job that waits for an environment's reviewers."""
    for job in world.jobs.values():
        if job.author:
            needed = frozenset((Hold("run", job.author),)) | _approval(world, job.environment)
            yield Step(needed, Hold("run", job.id), "an approval", "README.md, GitHub")


def push_commits(world: World) -> Iterator[Step]:
    """Yield the steps from a job that can push to main, and from main to its jobs and to the pods' roles.

    GitHub's bot bypasses the rule for main, because deployments are commits. A push ruleset restricts the bot
    to the stack files: its commits can change the image of a stack, but no code that a job runs. A job of an
    environment with reviewers waits for their approval.
    """
    for job in world.jobs.values():
        if job.pushes and job.on_main:
            gain = STACK_FILES if world.limits_pushes else MAIN
            means = "contents: write"
            yield Step(frozenset((Hold("run", job.id),)), gain, means, "README.md, rule for main")
        if job.on_main:
            needed = frozenset((MAIN,)) | _approval(world, job.environment)
            yield Step(needed, Hold("run", job.id), "a commit on main", ".github/workflows")
    yield Step(frozenset((MAIN,)), STACK_FILES, "a commit on main", ".github/workflows")
    for pod in world.pods:
        if pod.registry:
            needed = frozenset((STACK_FILES,)) | _approval(world, world.resources[pod.cluster].environment)
            source = "docs/decisions/0013-deployments-are-commits.md"
            yield Step(needed, Hold("act as", pod.role), "an image in the stack file", source)


def _approval(world: World, environment: str) -> frozenset[Hold]:
    reviewed = environment in world.reviewed
    return frozenset((Hold("approved", environment),)) if reviewed else frozenset[Hold]()


def borrow_connections(world: World) -> Iterator[Step]:
    """Yield a step for each connection to GitHub whose token a principal may fetch.

    With the token, the attacker can push branches with workflows of its own, unless a push ruleset lets only
    people do so. The connection cannot bypass the rule for main.
    """
    for connection in () if world.limits_pushes else world.of_kind("connection"):
        for principal in world.principals.values():
            action = "codeconnections:GetConnectionToken"
            if is_allowed(world, principal, Need(action=action, resource=connection)):
                for job in world.jobs.values():
                    if not job.on_main and job.tokens:
                        acting = frozenset((Hold("act as", principal.arn),))
                        source = "CodeBuild user guide, GitHub App connections"
                        yield Step(acting, Hold("run", job.id), action, source)


def decrypt_stack_secrets(world: World) -> Iterator[Step]:
    """Yield the steps to the secret settings of a stack, by decryption or through the cluster's Secrets.

    The repository has the settings, encrypted with the state's key; the encryption context names the stack.
    """
    for secrets in world.of_kind("stack secrets"):
        key = world.resources[secrets.key]
        context: dict[str, ContextValue] = {"kms:encryptioncontext:env": secrets.environment}
        for principal in world.principals.values():
            need = Need(action="kms:Decrypt", resource=key, context=context)
            for needed in premises(world, principal, [need]):
                source = "foundation/permissions/state.py"
                yield Step(needed, Hold("read", secrets.id), "kms:Decrypt", source)
        for cluster in world.of_kind("cluster"):
            if cluster.environment == secrets.environment:
                inside = frozenset((Hold("read", cluster.id),))
                yield Step(inside, Hold("read", secrets.id), "Secrets of the cluster", "docs/architecture.md")


def poison_state(world: World) -> Iterator[Step]:
    """Yield a step from each state to the role that deploys the stack, or to the whole account.

    The state names the providers of resources and the addresses of their plugins, which the engine downloads
    and runs in the next deployment.
    """
    for state in world.of_kind("state"):
        gain = Hold("act as", state.role) if state.role else Hold("administer", state.account)
        source = "github.com/pulumi/pulumi/issues/7242"
        yield Step(frozenset((Hold("write", state.id),)), gain, "a plugin that the state names", source)
