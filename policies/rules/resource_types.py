"""Rules on the types of resources, by which the engine selects the other rules.

A program chooses the type of a resource freely. It does not always decide what is created: nothing for a
component, and for a Kubernetes object what `apiVersion` and `kind` say.
"""

from pulumi_policy import Severity

from policies.engine.rule import ANYTHING, Finding, Options, Resource, Verdicts
from policies.engine.topics import ACROSS_PROVIDERS
from policies.model.kubernetes.types import RELEASE
from policies.model.providers import PROVIDERS
from policies.model.urns import ROOT_TYPE, is_root, type_of

COMPONENTS = frozenset(
    f"kubernetes:{name}"
    for name in (
        "helm.sh/v2:Chart",
        "helm.sh/v3:Chart",
        "helm.sh/v4:Chart",
        "kustomize:Directory",
        "kustomize/v2:Directory",
        "yaml:ConfigFile",
        "yaml:ConfigGroup",
        "yaml/v2:ConfigFile",
        "yaml/v2:ConfigGroup",
    )
)
"""The components of the providers' packages (pulumi-kubernetes, sdk/python). Their children are resources."""

TEMPLATES = frozenset(
    f"aws:{name}"
    for name in (
        "cloudcontrol/resource:Resource",
        "cloudformation/cloudFormationType:CloudFormationType",
        "cloudformation/stack:Stack",
        "cloudformation/stackInstances:StackInstances",
        "cloudformation/stackSet:StackSet",
        "cloudformation/stackSetInstance:StackSetInstance",
        # Argo CD, ACK or kro, which deploy what a repository or objects of the cluster describe (EKS user
        # guide, EKS Capabilities).
        "eks/capability:Capability",
        "elasticbeanstalk/environment:Environment",
        "serverlessrepository/cloudFormationStack:CloudFormationStack",
        "servicecatalog/provisionedProduct:ProvisionedProduct",
        # They run a document, which may call any API (Systems Manager user guide, Automation).
        "ssm/association:Association",
        "ssm/maintenanceWindowTask:MaintenanceWindowTask",
    )
)
"""The types with which AWS creates resources of any other type (pulumi-aws 7)."""

TYPE_NAMES = 3
"""Number of names in the type of a resource that a provider creates; a component may have any number."""

ATTACHMENT = "aws:iam/policyAttachment:PolicyAttachment"
"""The type that detaches a policy from all principals of the account that it does not name (pulumi-aws 7)."""

EXCLUSIVE = "Exclusive"
"""End of the AWS types that remove all parts of an object that they do not list (pulumi-aws 7)."""


@ACROSS_PROVIDERS.rule(
    "type-of-component",
    types=ANYTHING,
    severity=Severity.CRITICAL,
    controls=("Design: types are what they say",),
    remediation="Declare the resource with the class of its SDK, or give the component a type of its own.",
)
def component(resource: Resource, _: Options) -> Verdicts:
    """Refuse components with the type of a real resource or of the stack, since no provider creates them."""
    is_second_stack = resource.type == ROOT_TYPE and not is_root(resource.urn)
    if is_second_stack or (not resource.genuine and resource.type not in COMPONENTS):
        yield Finding(
            "type", f"{resource.type!r} of a component", "use a type outside of the provider's package"
        )


@ACROSS_PROVIDERS.rule(
    "type-malformed",
    types=ANYTHING,
    severity=Severity.CRITICAL,
    controls=("Design: types are what they say",),
    remediation="Declare the resource with the class of its SDK.",
)
def malformed(resource: Resource, _: Options) -> Verdicts:
    """Require the type of a resource to be the one in its URN, by which the engine asks the provider."""
    names, urn_type = resource.type.split(":"), type_of(resource.urn)
    has_names = all(names) and (len(names) == TYPE_NAMES or resource.component)
    if resource.type != urn_type or not has_names:
        yield Finding(
            "type",
            f"{resource.type!r}, and {urn_type!r} in the URN",
            "use three names with colons between them, such as 'aws:s3/bucket:Bucket', without a '$'",
        )


@ACROSS_PROVIDERS.rule(
    "type-of-other-provider",
    types=ANYTHING,
    severity=Severity.CRITICAL,
    controls=("Design: types are what they say",),
    remediation="Give the resource a provider of the package that its type names.",
)
def other_provider(resource: Resource, _: Options) -> Verdicts:
    """Require the provider of a resource to have the package of the resource's type."""
    expected = f"{PROVIDERS}{resource.type.partition(':')[0]}"
    if resource.provider_type and resource.provider_type != expected:
        yield Finding(
            "provider", f"{resource.provider_type!r} for type {resource.type!r}", f"set it to a {expected!r}"
        )


@ACROSS_PROVIDERS.rule(
    "type-of-other-object",
    types=ANYTHING,
    severity=Severity.CRITICAL,
    controls=("Design: types are what they say",),
    remediation="Declare the object with the SDK's class for its kind, or with apiextensions.CustomResource.",
)
def other_object(resource: Resource, _: Options) -> Verdicts:
    """Require the type of a Kubernetes resource to be that of its apiVersion and kind."""
    if resource.component or not resource.type.startswith("kubernetes:") or resource.type == RELEASE:
        return
    version, kind = resource["apiVersion"], resource["kind"]
    group_version = version.text() or ""
    # The core group has no name in apiVersion (pulumi-kubernetes, provider.go: gvkFromURN).
    module = group_version if "/" in group_version else f"core/{group_version}"
    expected = f"kubernetes:{module}:{kind.text() or ''}"
    # pulumi-kubernetes, pkg/kinds/util.go: IsPatchResource.
    if resource.type not in (expected, f"{expected}Patch"):
        yield Finding(
            "type",
            f"{resource.type!r}, but apiVersion is {version.shown()} and kind is {kind.shown()}",
            f"set it to {expected!r}",
        )


@ACROSS_PROVIDERS.rule(
    "type-of-patch",
    types=ANYTHING,
    severity=Severity.CRITICAL,
    controls=("Design: types are what they say",),
    remediation="Change the object where the program declares it.",
)
def patch(resource: Resource, _: Options) -> Verdicts:
    """Refuse resources that change or remove a part of an object which another resource may declare."""
    if resource.component:
        return
    if resource.type == ATTACHMENT or (
        resource.type.startswith("aws:") and resource.type.endswith(EXCLUSIVE)
    ):
        remedy = "declare each part with a resource of its own"
        yield Finding("type", f"{resource.type!r}, which removes what it does not list", remedy)
        return
    # pulumi-kubernetes, pkg/kinds/util.go: IsPatchResource.
    kind = resource["kind"].text() or ""
    if resource.type.startswith("kubernetes:") and resource.type.endswith(f":{kind}Patch"):
        yield Finding("type", f"{resource.type!r}, which can change any object", f"declare the {kind}")


@ACROSS_PROVIDERS.rule(
    "type-of-template",
    types=TEMPLATES,
    severity=Severity.HIGH,
    controls=("Design: types are what they say",),
    remediation="Declare the resources of the template in the program, so that the policies check them.",
)
def template(_resource: Resource, _: Options) -> Verdicts:
    """Refuse resources that create other resources from a template, a document or a repository."""
    yield Finding("type", "one whose resources no policy checks", "declare each resource with its own type")
