"""New settings and parts of objects that belong to no resource of the stack, such as a foreign policy."""

from collections.abc import Iterator, Mapping, Sequence

from review.findings.removed_inputs import generated_names
from review.model import Finding, list_all, title
from review.objects.new_objects import makes_new_object
from review.objects.owners import find_owner, has_other_object
from review.objects.parts import is_of_account, is_of_organization, object_inputs, own_names
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.providers.kubernetes.package import RELEASE

TAKES_OVER = (
    "allowOverwrite",
    "allowReassociation",
    "forceAliasCreation",
    "forceOverwriteReplicaSecret",
    "overwrite",
    "replaceExistingAssociation",
)
"""Inputs with which a new resource takes over what exists, such as a DNS record, a parameter, the address of
another machine or the name with which another user signs in (pulumi-aws).
"""

TAKE_OWNERSHIP = "takeOwnership"
"""Input with which a Helm release adopts the objects in its chart that exist already, at each installation
and upgrade (the SDK's documentation of Release).
"""

OVERWRITING: Mapping[str, tuple[str, str, str]] = {
    "aws:eks/addon:Addon": ("resolveConflictsOnCreate", "OVERWRITE", "clusterName"),
}
"""Inputs of types, the value with which a new resource takes over a part of an object that exists, and the
input that names this object (EKS API, CreateAddon: resolveConflicts).
"""

REPLACED: Mapping[str, tuple[str, ...]] = {
    "aws:appautoscaling/policy:Policy": ("resourceId",),
    "aws:appautoscaling/scheduledAction:ScheduledAction": ("resourceId",),
    "aws:appautoscaling/target:Target": ("resourceId",),
    "aws:cloudfront/monitoringSubscription:MonitoringSubscription": ("distributionId",),
    "aws:cloudwatch/contributorManagedInsightRule:ContributorManagedInsightRule": ("resourceArn",),
    "aws:ec2/eip:Eip": ("instance", "networkInterface"),
    "aws:ec2/eipAssociation:EipAssociation": ("allocationId", "instanceId", "networkInterfaceId", "publicIp"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": ("subnetId", "gatewayId"),
    "aws:servicediscovery/instance:Instance": ("serviceId",),
}
"""Types that replace a part of the objects that these inputs name, although others of such a kind only add.

Application Auto Scaling and Cloud Map update a target, policy, action or instance that exists, and CloudFront
and CloudWatch enable what is off (RegisterScalableTarget, PutScalingPolicy, PutScheduledAction,
RegisterInstance, CreateMonitoringSubscription, PutManagedInsightRules). EC2 takes an address from the machine
that has it, and the former address from the other machine (AssociateAddress). It does so without
allowReassociation as well, and pulumi-aws sends this input only if it is true
(hashicorp/terraform-provider-aws, internal/service/ec2/ec2_eip_association.go: resourceEIPAssociationCreate).
A subnet without a table of its own has the main table of its network until it gets one (Amazon VPC User
Guide, "Subnet route tables").
"""

UPSERTED: Mapping[str, str] = {
    "aws:cfg/configurationAggregator:ConfigurationAggregator": "AWS Config, PutConfigurationAggregator",
    "aws:cfg/conformancePack:ConformancePack": "AWS Config, PutConformancePack",
    "aws:cfg/deliveryChannel:DeliveryChannel": "AWS Config, PutDeliveryChannel",
    "aws:cfg/organizationConformancePack:OrganizationConformancePack": (
        "AWS Config, PutOrganizationConformancePack"
    ),
    "aws:cfg/organizationCustomPolicyRule:OrganizationCustomPolicyRule": (
        "AWS Config, PutOrganizationConfigRule"
    ),
    "aws:cfg/organizationCustomRule:OrganizationCustomRule": "AWS Config, PutOrganizationConfigRule",
    "aws:cfg/organizationManagedRule:OrganizationManagedRule": "AWS Config, PutOrganizationConfigRule",
    "aws:cfg/recorder:Recorder": "AWS Config, PutConfigurationRecorder",
    "aws:cfg/rule:Rule": "AWS Config, PutConfigRule",
    "aws:cloudwatch/alarmMuteRule:AlarmMuteRule": "CloudWatch, PutAlarmMuteRule",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": "CloudWatch, PutCompositeAlarm",
    "aws:cloudwatch/contributorInsightRule:ContributorInsightRule": "CloudWatch, PutInsightRule",
    "aws:cloudwatch/dashboard:Dashboard": "CloudWatch, PutDashboard",
    "aws:cloudwatch/eventRule:EventRule": "EventBridge, PutRule",
    "aws:cloudwatch/logAccountPolicy:LogAccountPolicy": "CloudWatch Logs, PutAccountPolicy",
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": "CloudWatch Logs, PutDeliveryDestination",
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": "CloudWatch Logs, PutDeliverySource",
    "aws:cloudwatch/logDestination:LogDestination": "CloudWatch Logs, PutDestination",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "CloudWatch Logs, PutResourcePolicy",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "CloudWatch, PutMetricAlarm",
    "aws:cloudwatch/metricStream:MetricStream": "CloudWatch, PutMetricStream",
    "aws:glacier/vault:Vault": "S3 Glacier, CreateVault",
    "aws:iot/billingGroup:BillingGroup": "AWS IoT, CreateBillingGroup",
    "aws:iot/thing:Thing": "AWS IoT, CreateThing",
    "aws:iot/thingGroup:ThingGroup": "AWS IoT, CreateThingGroup",
    "aws:iot/thingType:ThingType": "AWS IoT, CreateThingType",
    "aws:sfn/activity:Activity": "Step Functions, CreateActivity",
    "aws:sfn/stateMachine:StateMachine": "Step Functions, CreateStateMachine",
    "aws:sns/topic:Topic": "SNS, CreateTopic",
    "aws:sqs/queue:Queue": "SQS, CreateQueue",
    "aws:xray/resourcePolicy:ResourcePolicy": "X-Ray, PutResourcePolicy",
}
"""Types, and the calls that create their objects: the documentation of each says that it updates or returns
what has the name already, and pulumi-aws does not ask before whether it exists (hashicorp/
terraform-provider-aws, internal/service/sns/topic.go: resourceTopicCreate; events/rule.go:
resourceRuleCreate). A queue, a state machine or an object of IoT has to be equal for that. Of the project's
other types, AWS refuses a name that exists, or has none, and pulumi-aws itself looks for a bucket before it
creates one in us-east-1. It also asks for a load balancer or a target group (internal/service/elbv2:
resourceLoadBalancerCreate, resourceTargetGroupCreate).
"""

NAME = "name"
"""Input that is always the name of the object, while others have only a similar form: `ruleIdentifier`."""

REMEDY = "Declare the setting in the stack that has the object"

NEW_NAME = "Leave the name out, so that the provider generates one that nobody has"
"""Remedy for a `name` that the program chooses."""

NO_OTHER_NAME = "Leave the resource out if something has this name already"
"""Remedy for another input with the name, such as `dashboardName`, which pulumi-aws does not generate."""


def find_foreign_objects(stack: Stack, unevaluated: Sequence[str]) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each new setting or part of such an object, and a finding, which blocks.

    An object has one policy, for example. So a new one takes the place of the policy that another stack or a
    person has set, and no report on that stack shows it. `unevaluated` has the other stacks of the account
    that the review does not evaluate: they may have the settings of the whole account.
    """
    if not stack.predicted or stack.base_failed:
        return
    for step in stack.steps.values():
        new = step.new
        is_changed = step.op in ("create", "replace", "update")
        if not new or not is_changed or new.is_component:
            continue
        if message := _describe(stack, step, new, unevaluated):
            yield new.urn, stack.blocking_finding("object-shared", new, message, REMEDY)
        elif message := _describe_name(stack, step, new):
            remedy = NEW_NAME if message.startswith(f"{NAME}:") else NO_OTHER_NAME
            yield new.urn, stack.blocking_finding("object-shared", new, message, remedy)


def _describe_name(stack: Stack, step: Step, new: Resource) -> str:
    """Describe the name with which a new resource may take over a foreign object; empty if there is none.

    A setting that depends on the new resource changes this object as well, so the finding is about the
    resource and not about its settings.
    """
    call = UPSERTED.get(new.type)
    if not call or (step.op != "create" and not has_other_object(step, stack)):
        return ""
    names = [name for name in own_names(new) if isinstance(new.inputs.get(name), str)]
    names = [NAME] if NAME in names else names
    return next(
        (
            f"{name}: AWS does not refuse {new.inputs[name]} if it exists ({call}); the new resource then "
            "takes over what another stack or a person has created"
            for name in names
            if name not in generated_names(new)
        ),
        "",
    )


def _describe(stack: Stack, step: Step, new: Resource, unevaluated: Sequence[str]) -> str:
    """Describe the foreign object that a resource changes; empty if there is none."""
    before = step.old.values if step.old else {}
    for taking_over in TAKES_OVER:
        takes_over = new.package == "aws" and new.values.get(taking_over) is True
        if takes_over and makes_new_object(step):
            return f"{taking_over}: the new resource takes over what exists already, whoever has created it"
    if new.type == RELEASE and new.values.get(TAKE_OWNERSHIP) is True:
        return f"{TAKE_OWNERSHIP}: the release takes over what exists already, whoever has created it"
    is_other = step.op == "create" or has_other_object(step, stack)
    if is_other and is_of_organization(new):
        return (
            "it is a setting of the whole organization; if another stack or a person has set it, the new "
            "resource replaces it"
        )
    if is_of_account(new):
        is_shared = is_other and bool(unevaluated)
        return (
            f"it is a setting of the whole account, which {list_all(unevaluated)} may set as well; "
            "this review does not evaluate that stack"
            if is_shared
            else ""
        )
    option, overwrites, container = OVERWRITING.get(new.type, ("", "", ""))
    takes_over = bool(option) and new.values.get(option) == overwrites
    for name in [container] if takes_over else REPLACED.get(new.type) or object_inputs(new):
        value = new.values.get(name)
        is_named = isinstance(value, str) and (is_other or before.get(name) != value)
        if is_named and not find_owner(stack, new, name):
            if namesake := find_owner(stack, new, name, in_order=False):
                return (
                    f"{name}: it does not depend on {title(namesake)}, which is new and has the name "
                    f"{new.inputs[name]}; if somebody else has such an object, it changes that one. Take the "
                    "name from an output of the new resource"
                )
            return (
                f"{name}: no resource of this stack is {new.inputs[name]}; the new resource changes this "
                "object, and may replace what another stack or a person has set for it"
            )
    return ""
