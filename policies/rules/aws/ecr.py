"""ECR rules: immutable tags, scans, encryption, access and lifecycle."""

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import Finding, Options, Resource, Stack, Topic, Verdicts, expected
from policies.model.checks import must_be_true, open_to_everybody
from policies.model.references import referents

REPOSITORY = ("aws:ecr/repository:Repository",)
TEMPLATE = "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate"
ECR = Topic(
    framework="AWS Foundational Security Best Practices",
    tags=("aws", "ecr"),
    url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/what-is-ecr.html",
    about=REPOSITORY,
)


@ECR.rule(
    "ecr-tags-mutable",
    types=(*REPOSITORY, TEMPLATE),
    severity=Severity.HIGH,
    controls=("CKV_AWS_51", "FSBP ECR.2"),
    remediation="Set imageTagMutability to IMMUTABLE; a filter of excluded tags may match all of them.",
    url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html",
)
def mutability(resource: Resource, _: Options) -> Verdicts:
    """Require immutable image tags, without excluded tags."""
    value = resource["imageTagMutability"]
    if value.text() != "IMMUTABLE":
        yield expected(value, "'IMMUTABLE'")


@ECR.rule(
    "ecr-not-scanned",
    types=REPOSITORY,
    severity=Severity.HIGH,
    controls=("CKV_AWS_163", "FSBP ECR.1"),
    remediation="Set imageScanningConfiguration.scanOnPush to true.",
    url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html",
)
def scan(resource: Resource, _: Options) -> Verdicts:
    """Require a vulnerability scan of every image on push."""
    yield from must_be_true(resource.at("imageScanningConfiguration.scanOnPush"))


@ECR.rule(
    "ecr-not-encrypted-by-kms",
    types=REPOSITORY,
    severity=Severity.LOW,
    controls=("CKV_AWS_136",),
    remediation="Set encryptionConfigurations with encryptionType KMS; the type cannot be changed later.",
    level=EnforcementLevel.ADVISORY,
)
def encryption(resource: Resource, _: Options) -> Verdicts:
    """Require encryption of container images with a KMS key."""
    values = resource["encryptionConfigurations"]
    if not any((item["encryptionType"].text() or "").startswith("KMS") for item in values.items()):
        yield expected(values, "[{encryptionType: 'KMS'}]")


POLICIES = {
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:ecr/registryPolicy:RegistryPolicy": "policy",
    TEMPLATE: "repositoryPolicy",
    # Everybody can pull from a public repository without a policy; one for everybody allows more.
    "aws:ecrpublic/repositoryPolicy:RepositoryPolicy": "policy",
}
"""The types with a policy on repositories, and its property."""


@ECR.rule(
    "ecr-policy-any-principal",
    types=POLICIES,
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_32",),
    remediation="Name the accounts that pull the images.",
)
def any_principal(resource: Resource, _: Options) -> Verdicts:
    """Refuse policies of repositories and registries that allow access to everybody."""
    remedy = "name the accounts that pull the images"
    yield from open_to_everybody(resource[POLICIES[resource.type]], remedy)


@ECR.stack_rule(
    "ecr-lifecycle-missing",
    severity=Severity.LOW,
    controls=("FSBP ECR.3",),
    remediation="Add an aws.ecr.LifecyclePolicy.",
    url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html",
)
def lifecycle(stack: Stack, _: Options) -> Verdicts:
    """Require a lifecycle policy for every ECR repository."""
    repositories = stack.of(REPOSITORY)
    named = {
        repository.urn
        for policy in stack.of(("aws:ecr/lifecyclePolicy:LifecyclePolicy",))
        for repository in referents(policy, policy["repository"], repositories, "name", "id")
    }
    for repository in repositories:
        if repository.urn not in named:
            remedy = "add an aws.ecr.LifecyclePolicy"
            yield Finding("the repository", "without a lifecycle policy", remedy, urn=repository.urn)
