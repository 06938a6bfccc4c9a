"""Rules on container images: version, digest and pull policy."""

import re
from collections.abc import Callable

from pulumi_policy import EnforcementLevel, Severity

from policies.engine import remediation
from policies.engine.patterns import STRING_LIST
from policies.engine.rule import (
    Option,
    Options,
    Resource,
    Verdicts,
    check_each,
    expected,
)
from policies.engine.topics import WORKLOADS
from policies.model.kubernetes.checks import check_each_container
from policies.model.kubernetes.pods import POD_SHAPED, Container, Pod, pods
from policies.model.property_values import Value


# This does not import components/common/image_reference.py: a policy must not share the code that it checks.
def tag_of(image: str) -> str:
    """Return the tag of an image name; `latest` if it has neither tag nor digest."""
    name, _, digest = image.partition("@")
    return name.rpartition("/")[2].partition(":")[2] or ("" if digest else "latest")


def _each_image_volume(resource: Resource, check: Callable[[Value], Verdicts]) -> Verdicts:
    """Check the image of every volume that mounts one (Kubernetes, Volumes, image)."""

    def volume(value: Value) -> Verdicts:
        if not value["image"].absent:
            yield from check(value["image"]["reference"])

    for pod in pods(resource):
        yield from check_each(pod.spec["volumes"].items(), volume)


@WORKLOADS.rule(
    "workload-image-latest",
    types=POD_SHAPED,
    severity=Severity.HIGH,
    controls=("CKV_K8S_14",),
    url="https://kubernetes.io/docs/concepts/containers/images/",
    remediation=(
        "Name a version or a digest: with `latest`, the running version is unknown, and a rollback changes "
        "nothing."
    ),
)
def image_latest(resource: Resource, _: Options) -> Verdicts:
    """Require a version or digest for every image, those of volumes included; refuse the tag `latest`."""

    def check(_: Pod, container: Container) -> Verdicts:
        yield from version(container.value["image"])

    def version(image: Value) -> Verdicts:
        if tag_of(image.text() or "") == "latest":
            yield expected(image, "an image with a version or digest, such as name:1.4.2 or name@sha256:…")

    yield from check_each_container(resource, check)
    yield from _each_image_volume(resource, version)


_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


@WORKLOADS.rule(
    "workload-image-without-digest",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("CKV_K8S_43",),
    url="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    remediation="Add the digest: name:tag@sha256:…; a tag can be moved, a digest cannot.",
    level=EnforcementLevel.ADVISORY,
)
def image_digest(resource: Resource, _: Options) -> Verdicts:
    """Require a digest for every image, those of volumes included."""

    def check(_: Pod, container: Container) -> Verdicts:
        yield from digest(container.value["image"])

    def digest(image: Value) -> Verdicts:
        if not _DIGEST.search(image.text() or ""):
            yield expected(image, "the same image by its digest, name@sha256:…")

    yield from check_each_container(resource, check)
    yield from _each_image_volume(resource, digest)


@WORKLOADS.rule(
    "workload-image-tag-not-allowed",
    types=POD_SHAPED,
    severity=Severity.HIGH,
    controls=("CIS EKS 5.1.4",),
    url="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    remediation="Add the digest, or let an owner allow the repository.",
    options={
        "repositories": Option(
            default=[],
            schema={
                **STRING_LIST,
                "description": (
                    "Repositories and registries from which an image may have a tag only, as images name "
                    "them; with an empty list, the rule does nothing."
                ),
            },
        )
    },
)
def image_tag(resource: Resource, options: Options) -> Verdicts:
    """Require a digest for the images of repositories that the policy configuration does not list.

    Who has a repository decides what a tag of it is. A waiver of workload-image-without-digest names a
    resource, whose image may become another one.
    """
    repositories: list[str] = options["repositories"]

    def check(_: Pod, container: Container) -> Verdicts:
        yield from tag(container.value["image"])

    def tag(image: Value) -> Verdicts:
        name = image.text() or ""
        folder, slash, last = name.rpartition("/")
        repository = f"{folder}{slash}{last.partition(':')[0]}"
        is_listed = any(f"{repository}/".startswith(f"{allowed}/") for allowed in repositories)
        if name and not is_listed and not _DIGEST.search(name):
            listed = ", ".join(repositories)
            yield expected(image, f"the same image by its digest; a tag is enough only for {listed}")

    if repositories:
        yield from check_each_container(resource, check)
        yield from _each_image_volume(resource, tag)


@WORKLOADS.rule(
    "workload-image-pull-not-always",
    remedy=remediation.pull_always,
    types=POD_SHAPED,
    severity=Severity.LOW,
    controls=("CKV_K8S_15",),
    url="https://kubernetes.io/docs/concepts/containers/images/#image-pull-policy",
    remediation=(
        "Set imagePullPolicy to Always, so that the registry authorizes every start of a container."
    ),
    level=EnforcementLevel.ADVISORY,
)
def image_pull(resource: Resource, _: Options) -> Verdicts:
    """Require a pull at every start for images without a digest."""

    def check(_: Pod, container: Container) -> Verdicts:
        policy, image = container.value["imagePullPolicy"], container.value["image"].text() or ""
        # Without a policy, the API server sets Always for the tag `latest` and for an image without tag and
        # digest, else IfNotPresent (Kubernetes docs, Images, "Default image pull policy").
        always = policy.text() == "Always" or (not policy.text() and tag_of(image) == "latest")
        if not always and "@sha256:" not in image:
            yield expected(policy, "'Always'")

    yield from check_each_container(resource, check)
