"""A GitHub Actions runner in the VPC, hosted by CodeBuild, which reaches the cluster's private endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.log_group import LogGroupArgs, encrypted_log_group
from components.aws.security_group_rules import allow_port
from components.common import connections
from components.common.naming import Naming
from components.settings.models.ci_runner import CiRunner as RunnerSettings

IMAGE = "aws/codebuild/standard:7.0"
"""Ubuntu with Python, Go, Node and the AWS CLI, maintained by CodeBuild."""

TIMEOUT_MINUTES = 175
"""Time limit of a job, in minutes; shorter than the three-hour session of the deploy role.

A deployment that fails at its last step and is rolled back fits into this limit: 5 minutes for starting the
image, 35 for the migration Job, 30 for new pods and 15 for the checks; then 5 for the older image, 35 for its
Job, 30 for the older pods and 4 for the health check. An interrupted `pulumi up` leaves the stack locked."""

WORKFLOWS = ("Deploy", "Drift", "Operate")
"""Names of the workflows whose jobs start a machine.

The filter WORKFLOW_NAME is the only one besides ACTOR_ACCOUNT_ID that works for the event
WORKFLOW_JOB_QUEUED; HEAD_REF does not (CodeBuild API Reference, WebhookFilter). A branch may contain a
workflow with such a name, and any job of the repository may ask for the label of another run. So the runner
group decides which jobs a machine accepts."""

BUILDSPEC = 'version: 0.2\nphases: {build: {commands: ["true"]}}\n'
"""Build commands of the project, which do nothing.

With the label `buildspec-override:true`, CodeBuild runs build commands before it registers the machine, and
so before the runner group decides. Without this text, it would run those of a file in the branch (CodeBuild
user guide, "Run buildspec commands the INSTALL, PRE_BUILD, and POST_BUILD phases")."""

LOG_RETENTION_DAYS = 90
"""Days until build logs are deleted; the same as GitHub's default for job logs."""


@dataclass(frozen=True, kw_only=True)
class RunnerArgs:
    """Arguments of Runner."""

    settings: RunnerSettings
    naming: Naming
    repository: str
    """The GitHub repository whose jobs the runner runs: owner/name."""
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    """Private subnets with a route to the internet through NAT."""
    cluster_security_group_id: pulumi.Input[str]
    """The cluster's security group, to which a rule is added that admits the runner to the cluster's API."""
    protect: bool
    """True to make Pulumi refuse to delete the key of the runner's logs."""


class Runner(pulumi.ComponentResource):
    """A CodeBuild project that starts a machine for each GitHub job; declares nothing if disabled.

    A job requests a machine with the label `codebuild-<project>-<run>-<attempt>`. The machine's own role
    cannot change the account; to deploy, a job assumes the deploy role with its GitHub identity token. But
    every job on the machine can ask for the token of the connection to GitHub. So GitHub gives the machine
    only jobs of the workflows that its runner group names, at the branch main.
    """

    def __init__(self, name: str, args: RunnerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:delivery:Runner", name, None, opts)
        if args.settings.enabled:
            self._declare(name, args)
        self.register_outputs({})

    def _declare(self, name: str, args: RunnerArgs) -> None:
        child = pulumi.ResourceOptions(parent=self)
        settings, naming = args.settings, args.naming
        project_name, tags = naming.name("runner"), naming.aws("runner")

        group = aws.ec2.SecurityGroup(
            name,
            name=project_name,
            description="The GitHub runner",
            vpc_id=args.vpc_id,
            tags=tags,
            opts=child,
        )
        [internet] = connections.ports_between(connections.CI_RUNNER, connections.INTERNET)
        [cluster_api] = connections.ports_between(connections.CI_RUNNER, connections.CLUSTER_API)
        allow_port(
            aws.vpc.SecurityGroupEgressRule,
            name,
            internet,
            security_group_id=group.id,
            description="HTTPS to GitHub, AWS, the registries and the cluster",
            peer_cidr="0.0.0.0/0",
            tags=tags,
            opts=child,
        )
        allow_port(
            aws.vpc.SecurityGroupIngressRule,
            name,
            cluster_api,
            security_group_id=args.cluster_security_group_id,
            description="Cluster API from the GitHub runner",
            peer_group_id=group.id,
            tags=tags,
            opts=child,
        )
        logs = encrypted_log_group(
            name,
            LogGroupArgs(
                group=f"/aws/codebuild/{project_name}",
                alias="runner",
                retention_days=LOG_RETENTION_DAYS,
                naming=naming,
                protect=args.protect,
            ),
            child,
        )
        project = aws.codebuild.Project(
            name,
            name=project_name,
            description=f"GitHub runner of {args.repository} in the VPC of {naming.name()}",
            service_role=naming.role_arn("runner"),
            build_timeout=TIMEOUT_MINUTES,
            source={
                "type": "GITHUB",
                "location": f"https://github.com/{args.repository}.git",
                "git_clone_depth": 1,
                "buildspec": BUILDSPEC,
                "auth": {"type": "CODECONNECTIONS", "resource": settings.connection_arn},
            },
            artifacts={"type": "NO_ARTIFACTS"},
            environment={
                "type": "LINUX_CONTAINER",
                "compute_type": settings.compute,
                "image": IMAGE,
                "image_pull_credentials_type": "CODEBUILD",
                "privileged_mode": False,
                # CodeBuild User Guide, "GitHub Actions runner configuration options" (action-runner.html).
                "environment_variables": [
                    {
                        "name": "CODEBUILD_CONFIG_GITHUB_ACTIONS_ORG_REGISTRATION_NAME",
                        "value": args.repository.partition("/")[0],
                    },
                    {
                        "name": "CODEBUILD_CONFIG_GITHUB_ACTIONS_RUNNER_GROUP_ID",
                        "value": str(settings.runner_group),
                    },
                ],
            },
            vpc_config={
                "vpc_id": args.vpc_id,
                "subnets": args.subnet_ids,
                "security_group_ids": [group.id],
            },
            logs_config={"cloudwatch_logs": {"status": "ENABLED", "group_name": logs.name}},
            tags=tags,
            opts=child,
        )
        aws.codebuild.Webhook(
            name,
            project_name=project.name,
            build_type="BUILD",
            # A pull request from a fork contains its own workflow files. Without the actor filter, anybody
            # could start a machine in the VPC, although the runner group gives it no job.
            filter_groups=[
                {
                    "filters": [
                        {"type": "EVENT", "pattern": "WORKFLOW_JOB_QUEUED"},
                        {"type": "ACTOR_ACCOUNT_ID", "pattern": f"^({'|'.join(settings.actors)})$"},
                        {"type": "WORKFLOW_NAME", "pattern": f"^({'|'.join(WORKFLOWS)})$"},
                    ]
                }
            ],
            opts=child,
        )
