"""Kinds of objects on an account or in a cluster: several types of resources can be names of one kind."""

import functools
import re
from collections.abc import Collection, Iterable, Mapping

from sandbox.wire.schema import aliases, type_tokens

Kind = tuple[str, str, str]
"""Package, module and name of a kind; the module of a Kubernetes type is its group."""

VERSION = re.compile(r"[vV]\d+$")
"""End of a type that is a name of the type without this end (pulumi-aws: BucketAclV2, BucketObjectv2)."""

PATCH = "Patch"
"""End of a type that sets fields of a Kubernetes object, which its deletion gives up without the object
(https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply).
"""

MODULES: Mapping[str, str] = {
    "alb": "lb",
    "applicationloadbalancing": "lb",
    "elasticloadbalancingv2": "lb",
    "elasticloadbalancing": "elb",
    "vpc": "ec2",
    "elasticsearch": "opensearch",
    "sesv2": "ses",
    "docdb": "rds",
    "neptune": "rds",
}
"""Modules of pulumi-aws whose types are names of the objects of another module, because both use one API
(botocore, data/*/*/service-2.json: the same endpointPrefix). No alias of the SDK connects them.
"""

KINDS: Mapping[Kind, Kind] = {
    ("aws", "apigatewayv2", "DomainName"): ("aws", "apigateway", "DomainName"),
    ("aws", "autoscaling", "TrafficSourceAttachment"): ("aws", "autoscaling", "Attachment"),
    ("aws", "s3", "DirectoryBucket"): ("aws", "s3", "Bucket"),
    ("aws", "s3", "ObjectCopy"): ("aws", "s3", "BucketObject"),
    ("aws", "ses", "DomainIdentity"): ("aws", "ses", "EmailIdentity"),
    ("aws", "ses", "IdentityPolicy"): ("aws", "ses", "EmailIdentityPolicy"),
    ("aws", "ses", "MailFrom"): ("aws", "ses", "EmailIdentityMailFromAttributes"),
    ("cloudflare", "index", "WorkersDeployment"): ("cloudflare", "index", "WorkersScript"),
}
"""Kinds that are names of another kind, unlike the rest of their modules. The two APIs of API Gateway share
the custom domain names, and the second API of SES has one type for the identities of domains and addresses,
for their policies and for their MAIL FROM domains
(https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentity.html). One call creates both
kinds of buckets (S3 API, CreateBucket), unlike those of S3 Vectors and S3 Tables. A copy is an object in
a bucket (S3 API, CopyObject), and target groups are traffic sources (Auto Scaling API, AttachTrafficSources).
A deployment of Workers decides which version of a script is active, and so does an upload of the script
(https://developers.cloudflare.com/workers/configuration/versions-and-deployments/).
"""


def kind_of(type_token: str) -> Kind:
    """Return the kind of a type by its name alone."""
    package, _, rest = type_token.partition(":")
    module, _, name = rest.rpartition(":")
    module = module.partition("/")[0]
    if is_patch(type_token):
        name = name.removesuffix(PATCH)
    elif package != "kubernetes":
        name = VERSION.sub("", name)
    kind = package, MODULES.get(module, module), name
    return KINDS.get(kind, kind)


@functools.cache
def kinds_named(package: str, module: str, noun: str) -> Collection[str]:
    """Return the names of the kinds of a module that a noun in the name of an input means, in lower case.

    This is the kind of this name or, if there is none, the shortest ones that end with it: a `bucket` is
    a Bucket, and a `rule` of cloudwatch an EventRule, but no ContributorInsightRule.
    """
    kinds = {kind_of(token) for token in type_tokens(package)}
    ends = {name.lower() for *place, name in kinds if place == [package, module]}
    ends = {name for name in ends if name.endswith(noun.lower())}
    return {name for name in ends if len(name) == min(map(len, ends))}


def is_patch(type_token: str) -> bool:
    """Return True for a type that sets fields of a Kubernetes object."""
    return type_token.startswith("kubernetes:") and type_token.endswith(PATCH)


def kinds_of(types: Iterable[str]) -> dict[str, Kind]:
    """Return the kind of each type. Types with a common alias in the SDK are of one kind.

    For example, Cloudflare's Record is a former name of DnsRecord.
    """
    names = {token: {kind_of(name) for name in (token, *aliases(token))} for token in types}
    groups: list[set[Kind]] = []
    for own in names.values():
        separate = [group for group in groups if group.isdisjoint(own)]
        joined = [group for group in groups if not group.isdisjoint(own)]
        groups = [*separate, own.union(*joined)]
    return {token: min(group) for token, own in names.items() for group in groups if own <= group}
