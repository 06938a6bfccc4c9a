"""IAM roles that GitHub Actions jobs assume with their identity tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import Statement, allow, document
from components.common.naming import Naming
from foundation.permissions.cluster import change_cluster
from foundation.permissions.data import change_data
from foundation.permissions.network import change_network
from foundation.permissions.protection import protect_foundation
from foundation.permissions.reading import read_settings
from foundation.permissions.roles import use_roles
from foundation.permissions.scope import Scope
from foundation.permissions.state import State, read_state, write_state

ISSUER = "token.actions.githubusercontent.com"
"""Issuer of the jobs' identity tokens."""

AUDIENCE = "sts.amazonaws.com"
"""Audience of the identity tokens."""

BUILD_WORKFLOW = "deploy.yml"
"""Workflow whose jobs build and push images."""

DEPLOY_WORKFLOWS = ("deploy-stack.yml", "operate.yml")
"""Workflows whose jobs change a stack."""

DRIFT_WORKFLOW = "drift.yml"
"""Workflow whose jobs compare every stack's state with its account."""

DRIFT_ENVIRONMENT = "drift"
"""GitHub environment of the drift workflow's jobs; only jobs on main can use it."""

PREVIEW_OF_PULL_REQUESTS = "dev"
"""The only environment whose preview role trusts jobs of pull requests; their code is not merged yet."""

PREVIEW_ENVIRONMENT = "preview"
"""GitHub environment of the previews of pull requests; its reviewers approve each run (README.md, GitHub)."""


@dataclass(frozen=True, kw_only=True)
class GithubRepository:
    """A GitHub repository with its name and its IDs, which GitHub never reuses."""

    name: str
    """The name in the form owner/name."""
    owner_id: str
    repository_id: str

    def subjects(self, job: str) -> list[str]:
        """Return both forms of the token's subject for a job such as `environment:prod`.

        The tokens of repositories that were created, renamed or transferred after 15 July 2026 contain IDs
        besides the names. Tokens of older repositories contain only the names, unless the owner opts in
        (GitHub changelog, 2026-04-23, immutable subject claims; github.com/github/docs/pull/45221 has the
        delimiter).
        """
        owner, _, repository = self.name.partition("/")
        return [
            f"repo:{self.name}:{job}",
            f"repo:{owner}@{self.owner_id}/{repository}@{self.repository_id}:{job}",
        ]

    def workflow_refs(self, branch: str, *files: str) -> list[str]:
        """Return the claim `job_workflow_ref` of jobs whose workflow is one of these files on a branch.

        For a job in a reusable workflow, the claim names this workflow and not its caller (GitHub docs,
        "Using OpenID Connect with reusable workflows"). Every job's token has the claim
        (pypi/warehouse requires it: warehouse/oidc/models/github.py).
        """
        return [f"{self.name}/.github/workflows/{file}@refs/heads/{branch}" for file in files]


@dataclass(frozen=True, kw_only=True)
class GithubAccessArgs:
    """Arguments of GithubAccess."""

    repository: GithubRepository
    """Repository whose jobs may assume the roles."""
    branch: str
    """Branch that is built and deployed: main."""
    environments: Sequence[Scope]
    """Environments; a preview role and a deploy role are declared for each."""
    registry_arn: pulumi.Input[str] | None
    """ARN of the registry to which the build role pushes images; None declares no build role."""
    state: State
    naming: Naming


class GithubAccess(pulumi.ComponentResource):
    """GitHub as an identity provider, and the roles that GitHub's jobs assume without access keys."""

    build_role_arn: pulumi.Output[str] | None
    """ARN of the role with which the build on the branch pushes images; None without a registry."""
    preview_role_arns: dict[str, pulumi.Output[str]]
    """ARN of each environment's preview role, which reads settings and state. The nightly drift check assumes
    it; in dev, previews of pull requests do, too."""
    deploy_role_arns: dict[str, pulumi.Output[str]]
    """ARN of each environment's deploy role, for jobs that the GitHub environment has approved."""
    read_policy_arn: pulumi.Output[str]
    """ARN of the managed policy that allows reading settings, but no data."""

    def __init__(self, name: str, args: GithubAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:delivery:GithubAccess", name, None, opts)
        self._naming = naming = args.naming
        self._repository, self._branch = args.repository, args.branch

        # AWS verifies the issuer's certificate with its own certificate authorities, so no thumbprints are
        # needed.
        self._github = aws.iam.OpenIdConnectProvider(
            name,
            url=f"https://{ISSUER}",
            client_id_lists=[AUDIENCE],
            tags={**naming.aws(), "Name": ISSUER},
            opts=pulumi.ResourceOptions(parent=self),
        )
        reading = self._policy(f"{naming.service}-read", "Reads settings and no data", read_settings())

        self.build_role_arn = None
        if args.registry_arn is not None:
            build = self._role(f"{naming.service}-build", "Pushes images", self._trust_branch(BUILD_WORKFLOW))
            self._attach("build", build, self._policies("build", {"push": push_images(args.registry_arn)}))
            self.build_role_arn = build.arn

        previews: dict[str, aws.iam.Role] = {}
        deploys: dict[str, aws.iam.Role] = {}
        for scope in args.environments:
            environment = scope.naming.environment
            trusted = [
                self._trust_workflows(
                    self._repository.subjects(f"environment:{DRIFT_ENVIRONMENT}"), DRIFT_WORKFLOW
                )
            ]
            if environment == PREVIEW_OF_PULL_REQUESTS:
                trusted.append(self._trust(self._repository.subjects(f"environment:{PREVIEW_ENVIRONMENT}")))
            preview = self._role(scope.naming.name("preview"), f"Previews {environment}", *trusted)
            policies = self._policies(
                f"{environment}-preview", {"state": read_state(args.state, environment)}
            )
            self._attach(f"{environment}-preview", preview, policies | {"read": reading})
            previews[environment] = preview
            role = self._role(
                scope.naming.name("deploy"),
                f"Deploys {environment}",
                self._trust_workflows(
                    self._repository.subjects(f"environment:{environment}"), *DEPLOY_WORKFLOWS
                ),
            )
            policies = self._policies(f"{environment}-deploy", deploy(scope, args.state))
            self._attach(f"{environment}-deploy", role, policies | {"read": reading})
            deploys[environment] = role

        self.preview_role_arns = {environment: role.arn for environment, role in previews.items()}
        self.deploy_role_arns = {environment: role.arn for environment, role in deploys.items()}
        self.read_policy_arn = reading.arn
        self.register_outputs(
            {
                "build_role_arn": self.build_role_arn,
                "preview_role_arns": self.preview_role_arns,
                "deploy_role_arns": self.deploy_role_arns,
            }
        )

    def _trust_branch(self, *workflows: str) -> Statement:
        """Return a statement that trusts the branch's jobs in these workflows."""
        subjects = self._repository.subjects(f"ref:refs/heads/{self._branch}")
        return self._trust_workflows(subjects, *workflows)

    def _trust_workflows(self, subjects: Sequence[str], *workflows: str) -> Statement:
        """Return a statement that trusts jobs with one of these subjects if branch and workflow match.

        The subject of a job in an environment contains no branch, so `ref` is a separate condition. GitHub
        checks the branch, too (deployment branches of the environment), but that setting on GitHub can be
        changed without a review.
        """
        return self._trust(
            subjects,
            ref=f"refs/heads/{self._branch}",
            job_workflow_ref=self._repository.workflow_refs(self._branch, *workflows),
        )

    def _trust(self, subjects: Sequence[str], **claims: object) -> Statement:
        """Return a statement that trusts jobs of the repository with one of the subjects and all claims."""
        return trust(self._github.arn, subjects, self._repository.repository_id, **claims)

    def _role(self, name: str, description: str, *trusted: Statement) -> aws.iam.Role:
        return aws.iam.Role(
            name.removeprefix(f"{self._naming.service}-"),
            name=name,
            description=f"{description}; assumed by GitHub Actions",
            assume_role_policy=document(*trusted),
            # Long enough for a deployment that fails at its last step and for its rollback (see
            # TIMEOUT_MINUTES).
            max_session_duration=3 * 3600,
            tags={**self._naming.aws(), "Name": name},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _policy(self, name: str, description: str, statements: Sequence[Statement]) -> aws.iam.Policy:
        return aws.iam.Policy(
            name.removeprefix(f"{self._naming.service}-"),
            name=name,
            description=description,
            policy=document(*statements),
            tags={**self._naming.aws(), "Name": name},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _policies(self, role: str, topics: Mapping[str, Sequence[Statement]]) -> dict[str, aws.iam.Policy]:
        """Declare one policy per topic, since a policy may have at most 6144 characters (IAM quotas)."""
        return {
            topic: self._policy(
                f"{self._naming.service}-{role}-{topic}", f"The role {role}: {topic}", statements
            )
            for topic, statements in topics.items()
        }

    def _attach(self, name: str, role: aws.iam.Role, policies: Mapping[str, aws.iam.Policy]) -> None:
        for topic, policy in policies.items():
            aws.iam.RolePolicyAttachment(
                f"{name}-{topic}",
                role=role.name,
                policy_arn=policy.arn,
                opts=pulumi.ResourceOptions(parent=self),
            )


def deploy(scope: Scope, state: State) -> dict[str, list[Statement]]:
    """Return the statements of an environment's deploy role, by topic."""
    return {
        **deploy_topics(scope),
        "state": write_state(state, scope.naming.environment),
        "protection": protect_foundation(scope, state),
    }


def deploy_topics(scope: Scope) -> dict[str, list[Statement]]:
    """Return the statements of the deploy role that follow from the settings alone, by topic."""
    return {
        "network": change_network(scope),
        "cluster": change_cluster(scope),
        "data": change_data(scope),
        "roles": use_roles(scope),
    }


def push_images(registry_arn: pulumi.Input[str]) -> list[Statement]:
    """Return statements that allow pushes to one repository.

    ecr:GetAuthorizationToken does not support resource-level permissions.
    """
    return [
        allow("LogIn", ["ecr:GetAuthorizationToken"], ["*"]),
        allow(
            "Push",
            [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:CompleteLayerUpload",
                "ecr:DescribeImages",
                "ecr:DescribeImageScanFindings",
                "ecr:GetDownloadUrlForLayer",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ],
            [registry_arn],
        ),
    ]


def trust(
    provider_arn: pulumi.Input[str], subjects: Sequence[str], repository_id: str, **more: object
) -> Statement:
    """Return a statement that trusts a repository's jobs with one of these subjects and the STS audience.

    `more` are further claims, each with its value or values. The repository's ID protects against a reused
    name. AWS STS has supported conditions on `repository_id`, `ref` and `job_workflow_ref` since January 2026
    (aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims).
    """
    claims = {"aud": AUDIENCE, "sub": list(subjects), "repository_id": repository_id, **more}
    return {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER}:{claim}": value for claim, value in claims.items()}},
    }
