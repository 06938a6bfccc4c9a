"""The rule on public addresses that instances, nodes and tasks get, whatever their subnet assigns."""

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Verdicts, expected
from policies.engine.topics import EC2
from policies.model.checks import guarded
from policies.model.property_values import Value

SETTINGS = {
    "aws:ec2/instance:Instance": "associatePublicIpAddress",
    "aws:ec2/launchConfiguration:LaunchConfiguration": "associatePublicIpAddress",
    "aws:ec2/launchTemplate:LaunchTemplate": "networkInterfaces.associatePublicIpAddress",
    "aws:ec2/spotFleetRequest:SpotFleetRequest": "launchSpecifications.associatePublicIpAddress",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest": "associatePublicIpAddress",
    "aws:ecs/service:Service": "networkConfiguration.assignPublicIp",
    "aws:ecs/taskSet:TaskSet": "networkConfiguration.assignPublicIp",
    "kubernetes:eks.amazonaws.com/v1:NodeClass": "spec.advancedNetworking.associatePublicIPAddress",
    "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass": "spec.associatePublicIPAddress",
}
"""The types with a setting that has precedence over the subnet's, and its path.

Sources: EC2 user guide, using-instance-addressing; EKS user guide, create-node-class; Karpenter,
NodeClasses."""

ELASTIC = {
    "aws:ec2/eip:Eip": ("instance", "networkInterface"),
    "aws:ec2/eipAssociation:EipAssociation": ("instanceId", "networkInterfaceId"),
}
"""The types that give an elastic address to an instance or an interface, and the properties with its ID. NAT
gateways and load balancers name the address themselves."""

_TRUE = frozenset({"1", "t", "true"})
"""The texts that are true in a launch template, in lower case: the provider uses strconv.ParseBool
(terraform-provider-aws, internal/types/nullable/bool.go)."""


@EC2.rule(
    "ec2-public-address",
    types=SETTINGS.keys() | ELASTIC.keys(),
    severity=Severity.HIGH,
    controls=("CKV_AWS_88", "FSBP AutoScaling.5", "FSBP EC2.9", "FSBP EC2.25", "FSBP ECS.2", "FSBP ECS.16"),
    remediation="Set it to false or remove it; load balancers and NAT gateways have public addresses.",
    url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html",
)
def public_address(resource: Resource, _: Options) -> Verdicts:
    """Refuse public addresses of instances, nodes and ECS tasks, which a private subnet does not prevent.

    An elastic address is for a NAT gateway or a load balancer, and for no instance or interface.
    """
    if resource.type in ELASTIC:
        for name in ELASTIC[resource.type]:
            yield from _without_address(resource[name])
        return
    first, *steps = SETTINGS[resource.type].split(".")
    yield from guarded(_private(resource[first], steps))


def _without_address(target: Value) -> Verdicts:
    """Report the ID of an instance or an interface, also one that nobody knows yet."""
    if not target.known or target.get() not in (None, ""):
        yield Finding(target.path, target.shown() if target.known else "not known yet", "remove it")


def _private(value: Value, steps: list[str]) -> Verdicts:
    if items := value.items():
        for item in items:
            yield from guarded(_private(item, steps))
    elif steps:
        yield from _private(value[steps[0]], steps[1:])
    elif value.flag() or (value.text() or "").lower() in _TRUE:
        yield expected(value, "false")
