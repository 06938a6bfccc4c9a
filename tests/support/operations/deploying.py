"""Expected commands and journals of a deployment, and a function that runs it."""

import subprocess
from dataclasses import replace
from typing import Any

from operations.delivery.journal import Journal
from operations.lib.command_line import Options
from operations.lib.command_runner import CommandRunner
from operations.lib.kubernetes.cluster import Cluster, Manifest
from operations.lib.pulumi_up import CLUSTER
from tests.support.operations.environment import DIGEST, OLD, DeployEnvironment

NAME = OLD.partition(":")[0]
NEW = f"{NAME}:1.1.0@{DIGEST}"
ECR = "--region ap-northeast-1 --registry-id 123456789012 --repository-name pipe/api"
BUILD = [
    f"aws ecr describe-images {ECR} --image-ids=imageTag=1.1.0 --output=json",
    f"docker build --platform=linux/amd64 --provenance=false --pull --tag {NAME}:1.1.0 {{root}}/app",
    f"trivy image --exit-code=1 --severity=CRITICAL,HIGH --ignore-unfixed {NAME}:1.1.0",
    "aws ecr get-login-password --region ap-northeast-1",
    f"docker login --username=AWS --password-stdin {NAME.partition('/')[0]}",
    f"docker push {NAME}:1.1.0",
    f"aws ecr describe-images {ECR} --image-ids=imageTag=1.1.0 --output=json",
]
SCAN = [
    f"aws ecr describe-image-scan-findings {ECR} --image-id=imageDigest={DIGEST} --output=json",
]
LOG_IN = BUILD[3:5]
VERIFY = "cosign verify --certificate-identity-regexp=.+ --certificate-oidc-issuer-regexp=.+"
SIGNED = [*SCAN, *LOG_IN, f"{VERIFY} {NAME}@{DIGEST}"]
SIGN = [*SIGNED, f"cosign sign --yes {NAME}@{DIGEST}"]
EXISTS = f"aws ecr describe-images {ECR} --image-ids=imageDigest={{}} --output=json"
"""Command that looks up an image in the registry before the rollout."""
CHECKS = ["make check", "make test-all", "make scan", "make bench", "make current"]
VERCEL = "vercel --cwd {root}/frontend --scope team"
SERVED = f"{VERCEL} inspect app-dev.pipe.dev --format json"
FRONTEND = [
    SERVED,
    f"{VERCEL} deploy --prebuilt --prod --yes",
]
SECRETS = "pulumi config --show-secrets --json --stack dev"
UP = (
    "pulumi up --yes --refresh --non-interactive --stack dev --policy-pack policies"
    " --policy-pack-config policies/config/dev.json"
)
UP_FROM_HERE = f"{UP} --exclude={CLUSTER.format('dev')}"
"""The command of an operator, whose endpoint of the cluster it leaves open."""


def commands(world: DeployEnvironment, *groups: list[str]) -> list[str]:
    return [line.format(root=world.root) for group in groups for line in group]


def deploy(world: DeployEnvironment, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return world.run("deploy.sh", "dev", "--soak", "0", *arguments)


class ConfigMaps(Cluster):
    """A cluster that keeps ConfigMaps only."""

    def __init__(self, *, dry_run: bool = False) -> None:
        options = Options("dev", "real", dry_run, True, {"namespace": {"name": "pipe"}})
        super().__init__(CommandRunner(print, dry_run=dry_run), options)
        self.objects: dict[str, Manifest] = {}

    def find(self, name: str) -> Manifest | None:
        return self.objects.get(name)

    def apply(self, manifest: Manifest) -> None:
        self.objects[f"configmap/{manifest['metadata']['name']}"] = manifest

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)


def new_journal() -> Journal:
    return Journal("1.1.0", "real", before=OLD, migrates=True, image=NEW)


def interrupted(**changes: Any) -> Journal:
    """Return the journal of a deployment of 1.1.0 that was interrupted after its frontend."""
    journal = replace(new_journal(), has_started_frontend=True, frontend=True, previous_frontend="dpl_old")
    return replace(journal, alerts=["Before"], errors=["before #"], has_baseline=True, **changes)
