"""Objects of deleted resources that stay in the account or cluster."""

from review.model import title
from review.objects.new_objects import may_be_replacement
from review.plain_data import is_list, value_at
from review.stacks.engine_run import Step
from review.stacks.resources import PROVIDERS, REPLACED_BY, TRIGGER, Resource
from review.stacks.stack import Stack

OPERATIONS = ("replace", "delete")

KEEPING_INPUTS = (
    "skipDestroy",
    "preserve",
    "retainOnDelete",
    "retainStack",
    "retainStacks",
    "retainPhysicalResources",
)
"""Inputs with which a provider leaves the object in place (the documentation of the SDKs' properties)."""

STAYING = frozenset(
    {
        "aws:account/primaryContact:PrimaryContact",
        "aws:account/region:Region",
        "aws:amp/workspaceConfiguration:WorkspaceConfiguration",
        "aws:appconfig/deployment:Deployment",
        "aws:apprunner/defaultAutoScalingConfigurationVersion:DefaultAutoScalingConfigurationVersion",
        "aws:backup/globalSettings:GlobalSettings",
        "aws:backup/regionSettings:RegionSettings",
        "aws:bedrock/agentcoreTokenVaultCmk:AgentcoreTokenVaultCmk",
        "aws:bedrock/useCaseForModelAccess:UseCaseForModelAccess",
        "aws:cloudfront/keyvaluestoreKeysExclusive:KeyvaluestoreKeysExclusive",
        "aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy",
        "aws:cognito/managedUserPoolClient:ManagedUserPoolClient",
        "aws:datazone/userProfile:UserProfile",
        "aws:detective/organizationConfiguration:OrganizationConfiguration",
        "aws:devopsguru/serviceIntegration:ServiceIntegration",
        "aws:directconnect/connectionConfirmation:ConnectionConfirmation",
        "aws:directconnect/hostedPrivateVirtualInterfaceAccepter:HostedPrivateVirtualInterfaceAccepter",
        "aws:directconnect/hostedPublicVirtualInterfaceAccepter:HostedPublicVirtualInterfaceAccepter",
        "aws:directconnect/hostedTransitVirtualInterfaceAcceptor:HostedTransitVirtualInterfaceAcceptor",
        "aws:directoryservice/ipRoutesExclusive:IpRoutesExclusive",
        "aws:dynamodb/tableExport:TableExport",
        "aws:ec2/capacityBlockReservation:CapacityBlockReservation",
        "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
        "aws:ec2/defaultRouteTable:DefaultRouteTable",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "aws:ec2/defaultSubnet:DefaultSubnet",
        "aws:ec2/defaultVpc:DefaultVpc",
        "aws:ec2/defaultVpcDhcpOptions:DefaultVpcDhcpOptions",
        "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess",
        "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter",
        "aws:ec2/vpcSecurityGroupRulesExclusive:VpcSecurityGroupRulesExclusive",
        "aws:ecr/accountSetting:AccountSetting",
        "aws:elasticache/reservedCacheNode:ReservedCacheNode",
        "aws:fis/safetyLeverState:SafetyLeverState",
        "aws:guardduty/detectorFeature:DetectorFeature",
        "aws:guardduty/memberDetectorFeature:MemberDetectorFeature",
        "aws:guardduty/organizationConfiguration:OrganizationConfiguration",
        "aws:guardduty/organizationConfigurationFeature:OrganizationConfigurationFeature",
        "aws:iam/groupPoliciesExclusive:GroupPoliciesExclusive",
        "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive",
        "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive",
        "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
        "aws:iam/securityTokenServicePreferences:SecurityTokenServicePreferences",
        "aws:iam/userPoliciesExclusive:UserPoliciesExclusive",
        "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive",
        "aws:iot/eventConfigurations:EventConfigurations",
        "aws:iot/loggingOptions:LoggingOptions",
        "aws:kinesis/accountSettings:AccountSettings",
        "aws:lightsail/containerServiceDeploymentVersion:ContainerServiceDeploymentVersion",
        "aws:macie2/organizationConfiguration:OrganizationConfiguration",
        "aws:mq/configuration:Configuration",
        "aws:networkmanager/coreNetworkPolicyAttachment:CoreNetworkPolicyAttachment",
        "aws:quicksight/accountSettings:AccountSettings",
        "aws:rds/instanceDesiredState:InstanceDesiredState",
        "aws:rds/reservedInstance:ReservedInstance",
        "aws:route53/recordsExclusive:RecordsExclusive",
        "aws:route53domains/registeredDomain:RegisteredDomain",
        "aws:s3/bucketAcl:BucketAcl",
        "aws:s3/bucketAclV2:BucketAclV2",
        "aws:s3control/multiRegionAccessPointRoutes:MultiRegionAccessPointRoutes",
        "aws:sagemaker/servicecatalogPortfolioStatus:ServicecatalogPortfolioStatus",
        "aws:savingsplans/savingsPlan:SavingsPlan",
        "aws:securityhub/featureV2:FeatureV2",
        "aws:securityhub/standardsControl:StandardsControl",
        "aws:securityhub/standardsControlAssociation:StandardsControlAssociation",
        "aws:servicequotas/serviceQuota:ServiceQuota",
        "aws:sesv2/accountSuppressionAttributes:AccountSuppressionAttributes",
        "aws:ssoadmin/customerManagedPolicyAttachmentsExclusive:CustomerManagedPolicyAttachmentsExclusive",
        "aws:ssoadmin/managedPolicyAttachmentsExclusive:ManagedPolicyAttachmentsExclusive",
        "aws:storagegateway/cache:Cache",
        "aws:storagegateway/uploadBuffer:UploadBuffer",
        "aws:storagegateway/workingStorage:WorkingStorage",
        "aws:vpc/endpointPrivateDns:EndpointPrivateDns",
        "aws:vpc/endpointServicePrivateDnsVerification:EndpointServicePrivateDnsVerification",
        "aws:xray/encryptionConfig:EncryptionConfig",
        "aws:xray/indexingRule:IndexingRule",
        "aws:xray/traceSegmentDestination:TraceSegmentDestination",
        "datadog:aws/integrationExternalId:IntegrationExternalId",
        "datadog:index/governanceControl:GovernanceControl",
        "datadog:index/orgGroupMembership:OrgGroupMembership",
        "datadog:index/samlIdpMetadata:SamlIdpMetadata",
        "datadog:index/securityFindingsDefaultInboxRule:SecurityFindingsDefaultInboxRule",
    }
)
"""Types whose deletion only removes them from the state: the SDKs' documentation says so in words such as
"only remove the resource from state". For a default security group, its rules stay, and for a type whose name
ends in "Exclusive", what it has attached. The documentation does not tell so for some types with NoopContext,
WithNoOpDelete or a warning as their deletion (hashicorp/terraform-provider-aws, such as internal/service/ec2/
vpc_default_security_group.go, internal/service/macie2/organization_configuration.go and internal/service/
directconnect/hosted_public_virtual_interface_accepter.go).
"""

STAYING_OF_CLOUDFLARE = frozenset(
    {
        "AccessKeysConfiguration",
        "AccessMutualTlsHostnameSettings",
        "AccessOrganization",
        "AccountDnsSettings",
        "ApiShieldOperationSchemaValidationSettings",
        "ApiShieldSchemaValidationSettings",
        "ArgoSmartRouting",
        "ArgoTieredCaching",
        "AuthenticatedOriginPullsSettings",
        "BotManagement",
        "CertificateAuthoritiesHostnameAssociations",
        "CloudConnectorRules",
        "ContentScanning",
        "CtAlerting",
        "CustomPages",
        "DlpPredefinedProfile",
        "EmailRoutingCatchAll",
        "GoogleTagGateway",
        "LeakedCredentialCheck",
        "LogpullRetention",
        "MagicTransitConnector",
        "NelSetting",
        "OrganizationProfile",
        "Precursor",
        "R2BucketLifecycle",
        "R2BucketLock",
        "R2ManagedDomain",
        "RegionalTieredCache",
        "RiskBehavior",
        "SchemaValidationSettings",
        "TeamsAccount",
        "TotalTls",
        "TunnelConfig",
        "UniversalSslSetting",
        "User",
        "WaitingRoomSettings",
        "WorkerCronTrigger",
        "WorkersCronTrigger",
        "ZeroTrustAccessKeyConfiguration",
        "ZeroTrustAccessMtlsHostnameSettings",
        "ZeroTrustConnectivitySettings",
        "ZeroTrustDeviceCustomProfileLocalDomainFallback",
        "ZeroTrustDeviceDefaultProfile",
        "ZeroTrustDeviceDefaultProfileCertificates",
        "ZeroTrustDeviceDefaultProfileLocalDomainFallback",
        "ZeroTrustDlpPredefinedProfile",
        "ZeroTrustDlpSensitivityLevelOrder",
        "ZeroTrustGatewayLogging",
        "ZeroTrustGatewaySettings",
        "ZeroTrustLocalFallbackDomain",
        "ZeroTrustOrganization",
        "ZeroTrustRiskBehavior",
        "ZeroTrustTunnelCloudflaredConfig",
        "ZeroTrustTunnelWarpConnectorConfig",
        "ZoneAutoOriginTlsKex",
        "ZoneCacheReserve",
        "ZoneDnsSettings",
        "ZoneSetting",
        "ZoneSubscription",
    }
)
"""Names of the types of Cloudflare without a deletion: `Delete` is empty, and the plan of a destruction warns
that it "will not change it in the API" (cloudflare/terraform-provider-cloudflare,
internal/services/*/resource.go, read at several commits for about half of the types). For the other half,
Cloudflare's API has no deletion from which `Delete` could be generated (the package `cloudflare` 5.9.0 for
Python, which is generated from the same specification). EmailRoutingSettings and AuthenticatedOriginPulls are
not among them, since their `Delete` switches the object off.
"""

FORCED = "forceDestroy"
"""Input with which the default VPC and its subnets are deleted nevertheless (the SDK's documentation)."""

PROPAGATION = 'metadata.annotations["pulumi.com/deletionPropagationPolicy"]'
"""Path of the annotation that decides about the dependents of an object (pulumi-kubernetes,
provider/pkg/metadata/annotations.go).
"""


ONLY_IF_REPLACED = "a deployment may replace the latter, and then deletes nothing else (deletedWith)."
"""End of the reason for an object that may be deleted as well."""


def find_left_object(step: Step, stack: Stack) -> str:
    """Return why the object of a replaced or deleted resource stays, or what of it; empty if it does not.

    The options and inputs in the state of the base decide (pulumi/pulumi, pkg/resource/deploy/step.go:
    DeleteStep).
    """
    is_deleted = step.old and step.op in OPERATIONS and not step.old.is_component
    return _reason(step.old, stack) if step.old and is_deleted else ""


def may_be_left(step: Step, stack: Stack) -> bool:
    """Return True if an object stays only if a deployment replaces another one, which no review knows."""
    return find_left_object(step, stack).endswith(ONLY_IF_REPLACED)


def left_resources(stack: Stack) -> list[Resource]:
    """Return the resources of the base whose objects certainly stay, as a whole, and have a price as before.

    A resource of the head with the same inputs has taken over the object of one that the provider forgets.
    """
    return [
        step.old
        for step in stack.steps.values()
        if step.old and step.op in OPERATIONS and not step.old.is_component and not step.is_pending
        if step.old.state.get("retainOnDelete") or (step.op == "delete" and _is_forgotten(step.old, stack))
    ]


def _is_forgotten(old: Resource, stack: Stack) -> bool:
    """Return True for a deleted resource of a cloud that its provider only forgets."""
    others = (new for new in stack.new.values() if new.type == old.type)
    is_kept = old.package != "kubernetes" and bool(_kept_by_provider(old))
    return is_kept and all(new.inputs != old.inputs for new in others)


def _reason(old: Resource, stack: Stack) -> str:
    if old.state.get("retainOnDelete"):
        return "stays, because Pulumi only forgets it (retainOnDelete)."
    return _kept_by_provider(old) or _kept_by_holder(old, stack)


def _kept_by_holder(old: Resource, stack: Stack) -> str:
    """Return why Pulumi leaves an object to the deletion of another one; empty if it does not.

    The engine only asks if the URN of the other is among its deletions, whatever it deletes there
    (pulumi/pulumi, pkg/resource/deploy/step.go: isDeletedWith).
    """
    step = stack.step_of(old.deleted_with)
    if not step or not _may_be_deleted(step, stack):
        return ""
    holder, name = step.old, title(step.old or step.resource)
    if kind := _without_deletion(holder):
        return f"stays, because Pulumi deletes neither it (deletedWith) nor {name} ({kind})."
    if holder and (reason := _reason(holder, stack)):
        return f"stays, because Pulumi leaves it to {name} (deletedWith), which {reason}"
    if step.op in OPERATIONS:
        return f"stays unless it vanishes with {name}, because Pulumi deletes only the latter (deletedWith)."
    return f"stays unless it vanishes with {name}: {ONLY_IF_REPLACED}"


def _may_be_deleted(step: Step, stack: Stack) -> bool:
    """Return True if the URN of a resource may be among the engine's deletions.

    A resource that is only read from now on is not deleted, unless its ID is another one, which is a
    replacement. No review knows all that a trigger or an output may replace.
    """
    if step.op == "delete" and step.new and not step.new.is_component:
        return False
    if step.is_replaced or step.op in OPERATIONS or may_be_replacement(step, stack):
        return True
    return bool(step.new) and not {TRIGGER, REPLACED_BY}.isdisjoint(step.new.options)


def _without_deletion(holder: Resource | None) -> str:
    """Return what a resource is without whose deletion nothing happens; empty for one with an object."""
    if holder is None or holder.state.get("external"):
        return "only read"
    if holder.is_component:
        return "a component"
    if holder.type.startswith(PROVIDERS):
        return "a provider"
    return "retainOnDelete" if holder.state.get("retainOnDelete") else ""


def _kept_by_provider(old: Resource) -> str:
    """Return why a provider leaves the object of a deleted resource, or a part of it; empty if not."""
    is_staying = old.type in STAYING or _is_staying_of_cloudflare(old.type)
    if is_staying and old.inputs.get(FORCED) is not True:
        return "stays as it is, because the provider only forgets resources of this type."
    for name in KEEPING_INPUTS if old.package != "kubernetes" else ():
        if old.inputs.get(name) is True:
            return f"stays, because the provider only forgets it ({name})."
    if old.package != "kubernetes":
        return ""
    finalizers = value_at(old.inputs, "metadata.finalizers")
    if is_list(finalizers) and finalizers:
        return f"stays until its finalizers are removed ({', '.join(map(str, finalizers))})."
    if str(value_at(old.inputs, PROPAGATION)).lower() == "orphan":
        return (
            "is deleted, but what belongs to it stays, such as its pods (deletionPropagationPolicy: orphan)."
        )
    return ""


def _is_staying_of_cloudflare(type_token: str) -> bool:
    name = type_token.rpartition(":")[2]
    return type_token.startswith("cloudflare:") and name in STAYING_OF_CLOUDFLARE
