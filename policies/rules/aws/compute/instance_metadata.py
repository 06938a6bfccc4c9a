"""Rules on the instance metadata service, which gives the processes of an EC2 instance its role."""

from pulumi_policy import Severity

from policies.engine.rule import Option, Options, Resource, Verdicts, expected
from policies.engine.topics import EC2
from policies.model.property_values import Value

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCES = (
    "aws:ec2/instance:Instance",
    "aws:ec2/launchConfiguration:LaunchConfiguration",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
    TEMPLATE,
)
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
DEFAULTS = "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults"


def _metadata(resource: Resource) -> Value | None:
    """Return the metadata options; None if the service is disabled, or a launch template has the options."""
    options = resource.props if resource.type == DEFAULTS else resource["metadataOptions"]
    if options["httpEndpoint"].text() == "disabled":
        return None
    if options.absent and resource.type != TEMPLATE and resource["launchTemplate"].entries():
        return None  # the instance takes the options of its launch template
    return options


@EC2.rule(
    "ec2-metadata-without-token",
    types=(*INSTANCES, DEFAULTS),
    severity=Severity.HIGH,
    controls=("CKV_AWS_79", "FSBP EC2.8", "FSBP EC2.170", "FSBP AutoScaling.3", "CIS AWS 5.6"),
    remediation="Set httpTokens to required, or httpEndpoint to disabled if nothing needs the metadata.",
    url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html",
)
def tokens(resource: Resource, _: Options) -> Verdicts:
    """Require IMDSv2, whose requests need a token that a forged request cannot get."""
    metadata = _metadata(resource)
    if metadata is not None and metadata["httpTokens"].text() != "required":
        yield expected(metadata["httpTokens"], "'required'")


@EC2.rule(
    "ec2-metadata-hop-limit",
    types=(*INSTANCES, DEFAULTS),
    severity=Severity.HIGH,
    controls=("CKV_AWS_341", "FSBP AutoScaling.4"),
    remediation="Set httpPutResponseHopLimit to 1, so that the token does not reach a container's network.",
    url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-existing-instances.html",
    options={
        "maximum": Option(
            default=1,
            schema={
                "type": "integer",
                "minimum": 1,
                "maximum": 64,
                "description": "The largest hop limit; containers that use the instance's role need 2.",
            },
        )
    },
)
def hop_limit(resource: Resource, options: Options) -> Verdicts:
    """Refuse hop limits that let containers get the role of their instance."""
    metadata = _metadata(resource)
    if metadata is None:
        return
    limit = metadata["httpPutResponseHopLimit"]
    if (limit.number() or 1) > options["maximum"]:  # absent: 1, unless the image asks for more
        yield expected(limit, f"at most {options['maximum']}")


@EC2.rule(
    "eks-nodes-without-launch-template",
    types=(NODE_GROUP,),
    severity=Severity.MEDIUM,
    controls=("EKS best practices: instance metadata",),
    remediation=(
        "Name a launch template whose metadataOptions have httpTokens required and httpPutResponseHopLimit 1."
    ),
    url="https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html",
)
def node_group(resource: Resource, _: Options) -> Verdicts:
    """Require node groups to use a launch template of their own, which can set the metadata options."""
    template = resource["launchTemplate"]
    if template["id"].absent and template["name"].absent:
        yield expected(template, "a launch template with metadataOptions")
