"""Look-up, build, scan, push and signature of the API's image in the registry."""

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

from components.common.image_reference import parse_ecr_registry
from operations.lib import migrations, stack_file
from operations.lib.command_line import IN_WORKFLOW, Options
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import FailedError, RefusedError
from operations.lib.run_log import RunLog

SEVERE = ("CRITICAL", "HIGH")
"""Severities of findings in the registry's scan that stop a deployment."""
SCANNED = ("COMPLETE", "ACTIVE")
SCANNING = ("IN_PROGRESS", "PENDING")
"""States of a scan in ECR that has results, and of one that runs (ImageScanStatus).

Other states are failures. ACTIVE belongs to enhanced scanning.
"""
SCAN_SECONDS, SCAN_EVERY = 300.0, 5.0
"""Longest wait for the scan, and time between two queries, both in seconds."""
BUILD = ("--platform=linux/amd64", "--provenance=false")
"""Options of the build: the nodes' platform (components/aws/nodes.py), and no provenance. With provenance,
BuildKit creates an OCI index, which ECR does not scan.
"""
UNSIGNED = "failed with exit code 10:"
"""Part of the error of `cosign verify` for an unsigned image (cosign's doc/cosign_exit_codes.md)."""
MISSING = ("ImageNotFoundException", "RepositoryNotFoundException")
"""Errors of ECR's DescribeImages for a missing image (ECR API Reference, API_DescribeImages)."""
UNKNOWN = "sha256:" + "0" * 64
"""Digest that a dry run shows for an image that it does not build."""


class Registry:
    """The ECR repository of a stack file's image."""

    def __init__(self, log: RunLog, options: Options) -> None:
        self._steps, self._runner = log, log.runner
        self.name = stack_file.own_repository(stack_file.path(options.stack).read_text(), options.settings)
        self.host, _, repository = self.name.partition("/")
        registry = parse_ecr_registry(self.name)
        assert registry is not None  # own_repository refuses any other registry.
        self._region = registry.region
        # Without an ID, the AWS CLI asks the registry of the caller's account.
        self._flags = ("--region", registry.region, "--registry-id", registry.account)
        self._flags += ("--repository-name", repository)
        self._dry_run = options.dry_run

    def find(self, version: str) -> str:
        """Return the digest of a version's image; an empty string if the registry does not have the image."""
        command = self._aws("describe-images", f"--image-ids=imageTag={version}", "--output=json")
        if self._dry_run:
            self._runner.change(*command)
            return ""
        try:
            return json.loads(self._runner.read(*command))["imageDetails"][0]["imageDigest"]
        except FailedError as error:
            if "ImageNotFoundException" in str(error):
                return ""
            raise

    def check_exists(self, image: str) -> None:
        """Refuse an image that the registry does not have.

        Kubernetes would try to pull such an image until the deadline of the rollout or of the Job.
        """
        digest = image.partition("@")[2]
        image_id = f"imageDigest={digest}" if digest else f"imageTag={stack_file.version(image)}"
        command = self._aws("describe-images", f"--image-ids={image_id}", "--output=json")
        if self._dry_run:
            self._runner.change(*command)
            return
        try:
            self._runner.read(*command)
        except FailedError as error:
            if any(name in str(error) for name in MISSING):
                raise RefusedError(
                    f"the registry does not have {image}, so its pods could not start: push it"
                    " (scripts/build.sh), or choose another version"
                ) from None
            raise

    def build(self, version: str) -> None:
        """Build a version's image and, if trivy is installed, scan it; this needs no credentials.

        Refuse a folder without the service, and a checkout at another version or with changes.
        """
        source, name = migrations.source(), f"{self.name}:{version}"
        if not (source / "Dockerfile").exists() and not self._dry_run:
            raise RefusedError(
                f"the image of {version} cannot be built, because {source} has no Dockerfile: check out the"
                " service there, or set APP to its folder"
            )
        if not self._dry_run and not migrations.is_checked_out(self._runner, version):
            raise RefusedError(
                f"the image of {version} cannot be built, because {source} is at another version or has"
                f" changes: git -C {source} checkout {version}"
            )
        self._steps.follow("docker", "build", *BUILD, "--pull", "--tag", name, str(source))
        if shutil.which("trivy"):
            severe = f"--severity={','.join(SEVERE)}"
            self._steps.follow("trivy", "image", "--exit-code=1", severe, "--ignore-unfixed", name)
        else:
            self._steps.line("trivy is not installed; the registry scans the image after the push")

    def save(self, version: str, archive: Path) -> None:
        """Write the image of a version to a file, for a job that may push it."""
        self._steps.follow("docker", "save", f"--output={archive}", f"{self.name}:{version}")

    def load(self, archive: Path) -> None:
        """Load the image from a file that another job saved."""
        self._steps.follow("docker", "load", f"--input={archive}")

    def push(self, version: str) -> str:
        """Push the image of a version; return its digest."""
        log_in(self._runner, self.host, self._region)
        self._steps.follow("docker", "push", f"{self.name}:{version}")
        return UNKNOWN if self._dry_run else self.find(version)

    def scan(self, digest: str) -> None:
        """Wait for the registry's scan; raise FailedError if the scan fails or has severe findings."""
        end = time.monotonic() + SCAN_SECONDS
        while (counts := self._findings(digest)) is None:
            if time.monotonic() > end:
                raise FailedError(f"{self.name}@{digest} was not scanned within {SCAN_SECONDS:.0f} s")
            time.sleep(SCAN_EVERY)
        self._steps.line(
            ", ".join(f"{count} {name.lower()}" for name, count in counts.items()) or "no findings"
        )
        if severe := {name: counts[name] for name in SEVERE if counts.get(name)}:
            counts_text = ", ".join(f"{count} {name}" for name, count in severe.items())
            raise FailedError(
                f"{self.name}@{digest} has {counts_text} findings; to list them: aws ecr"
                " describe-image-scan-findings"
            )

    def _findings(self, digest: str) -> dict[str, int] | None:
        """Return the number of findings by severity; None until the scan has ended."""
        image = f"--image-id=imageDigest={digest}"
        try:
            response = self._runner.change(*self._aws("describe-image-scan-findings", image, "--output=json"))
        except FailedError as error:
            if "ScanNotFoundException" in str(error):
                return None
            raise
        if not response:
            return {}
        scan = json.loads(response)
        state = scan["imageScanStatus"]
        if state["status"] in SCANNING:
            return None
        if state["status"] not in SCANNED:
            why = state.get("description", "")
            raise FailedError(
                f"the registry cannot scan {self.name}@{digest}: {state['status']} {why}".rstrip()
            )
        return scan["imageScanFindings"].get("findingSeverityCounts", {})

    def sign(self, digest: str) -> None:
        """Sign the image with the caller's identity if cosign is installed and the image has no signature."""
        if not shutil.which("cosign"):
            self._steps.line("the image is not signed: cosign is not installed")
            return
        log_in(self._runner, self.host, self._region)
        if not self._dry_run and self._signed(f"{self.name}@{digest}"):
            self._steps.line("the image is already signed")
        else:
            self._steps.follow("cosign", "sign", "--yes", f"{self.name}@{digest}")

    def _signed(self, image: str) -> bool:
        anybody = ("--certificate-identity-regexp=.+", "--certificate-oidc-issuer-regexp=.+")
        try:
            self._runner.read("cosign", "verify", *anybody, image)
        except FailedError as error:
            if UNSIGNED in str(error):
                return False
            raise
        return True

    def _aws(self, operation: str, *command: str) -> tuple[str, ...]:
        return ("aws", "ecr", operation, *self._flags, *command)


def check_exists(log: RunLog, options: Options, image: str, *, required: bool = True) -> None:
    """Refuse an image that the registry does not have.

    If the check itself fails, FailedError is raised only if `required` is true; otherwise the run log has a
    line about it.
    """
    if options.target == "sandbox":
        log.line("the registry is not checked: a sandbox's nodes pull no images")
        return
    try:
        Registry(log, options).check_exists(image)
    except FailedError as error:
        if required:
            raise
        log.line(f"the registry could not be checked: {error}")


def log_in(runner: CommandRunner, host: str, region: str) -> None:
    """Log Docker in to the registry, with the password on standard input."""
    password = runner.change("aws", "ecr", "get-login-password", "--region", region)
    if password.strip():
        runner.keep_secret(password.strip())
    runner.change("docker", "login", "--username=AWS", "--password-stdin", host, stdin=password)


def build(log: RunLog, options: Options, version: str, archive: Path) -> None:
    """Build a version's image and write it to a file, without access to the registry."""
    if options.target == "sandbox":
        log.skip("docker build, docker save: a sandbox's nodes pull no images")
        return
    registry = Registry(log, options)
    registry.build(version)
    registry.save(version, archive)


def ensure(log: RunLog, options: Options, version: str, archive: Path | None = None) -> str:
    """Return a version's image, `repository:version@sha256:…`, after a scan and a signature in the registry.

    If the registry does not have the image, it is first loaded from the file `archive`, or built if there is
    no file, and pushed. In a sandbox, nothing is built, pushed, scanned or signed. In a job of a workflow, a
    build is refused, since it runs code of the service's packages and the job has credentials.
    """
    registry = Registry(log, options)
    if options.target == "sandbox":
        log.skip("docker build, scan, push, sign: a sandbox's nodes pull no images; the digest is made up")
        digest = hashlib.sha256(f"{registry.name}:{version}".encode()).hexdigest()
        return f"{registry.name}:{version}@sha256:{digest}"
    digest = registry.find(version)
    if digest:
        log.line(f"{version} is already in the registry: {digest}")
    else:
        if archive:
            registry.load(archive)
        elif os.environ.get(IN_WORKFLOW) == "true":
            raise RefusedError(
                f"{version} is not in {registry.name}, and this job has credentials, so it may not build"
                " images: run the workflow Deploy again with all its jobs, which builds and pushes the image"
            )
        else:
            registry.build(version)
        digest = registry.push(version)
    registry.scan(digest)
    registry.sign(digest)
    return f"{registry.name}:{version}@{digest}"
