"""Objects of deleted resources that stay in the account or cluster."""

from typing import NamedTuple

from review.model import title
from review.plain_data import is_list, value_at
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
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
        "aws:bedrock/useCaseForModelAccess:UseCaseForModelAccess",
        "aws:devopsguru/serviceIntegration:ServiceIntegration",
        "aws:ec2/capacityBlockReservation:CapacityBlockReservation",
        "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
        "aws:ec2/defaultRouteTable:DefaultRouteTable",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "aws:ec2/defaultSubnet:DefaultSubnet",
        "aws:ec2/defaultVpc:DefaultVpc",
        "aws:ec2/defaultVpcDhcpOptions:DefaultVpcDhcpOptions",
        "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess",
        "aws:elasticache/reservedCacheNode:ReservedCacheNode",
        "aws:fis/safetyLeverState:SafetyLeverState",
        "aws:guardduty/detectorFeature:DetectorFeature",
        "aws:guardduty/memberDetectorFeature:MemberDetectorFeature",
        "aws:guardduty/organizationConfigurationFeature:OrganizationConfigurationFeature",
        "aws:iot/eventConfigurations:EventConfigurations",
        "aws:kinesis/accountSettings:AccountSettings",
        "aws:mq/configuration:Configuration",
        "aws:networkmanager/coreNetworkPolicyAttachment:CoreNetworkPolicyAttachment",
        "aws:quicksight/accountSettings:AccountSettings",
        "aws:rds/reservedInstance:ReservedInstance",
        "aws:route53domains/registeredDomain:RegisteredDomain",
        "aws:s3/bucketAcl:BucketAcl",
        "aws:s3/bucketAclV2:BucketAclV2",
        "aws:s3control/multiRegionAccessPointRoutes:MultiRegionAccessPointRoutes",
        "aws:savingsplans/savingsPlan:SavingsPlan",
        "aws:securityhub/featureV2:FeatureV2",
        "aws:securityhub/standardsControl:StandardsControl",
        "aws:securityhub/standardsControlAssociation:StandardsControlAssociation",
        "aws:storagegateway/cache:Cache",
        "aws:storagegateway/uploadBuffer:UploadBuffer",
        "aws:storagegateway/workingStorage:WorkingStorage",
        "aws:xray/encryptionConfig:EncryptionConfig",
        "aws:xray/indexingRule:IndexingRule",
        "aws:xray/traceSegmentDestination:TraceSegmentDestination",
        "datadog:index/orgGroupMembership:OrgGroupMembership",
        "datadog:index/governanceControl:GovernanceControl",
        "datadog:index/samlIdpMetadata:SamlIdpMetadata",
    }
)
"""Types whose deletion only removes them from the state: the SDKs' documentation says so in words such as
"only remove the resource from state". For a default security group, its rules stay
(hashicorp/terraform-provider-aws, internal/service/ec2/vpc_default_security_group.go: NoopContext).
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


class LeftObject(NamedTuple):
    """The reason why an object stays; it is not `certain` if another resource may take it along."""

    reason: str
    is_certain: bool = True


def find_left_object(step: Step, stack: Stack) -> LeftObject | None:
    """Return why the object of a replaced or deleted resource stays, or what of it; None if it does not.

    The options and inputs in the state of the base decide (pulumi/pulumi, pkg/resource/deploy/step.go:
    DeleteStep).
    """
    old = step.old
    if not old or step.op not in OPERATIONS or old.is_component:
        return None
    if old.state.get("retainOnDelete"):
        return LeftObject("stays, because Pulumi only forgets it (retainOnDelete).")
    if reason := _kept_by_provider(old):
        return LeftObject(reason)
    other = stack.step_of(old.deleted_with)
    if not other or not other.old or not (other.is_replaced or other.op in OPERATIONS):
        return None
    # A resource that is only read from now on is not deleted, unless its ID is another one.
    if other.op == "delete" and other.new and not other.new.is_component:
        return None
    holder = title(other.old)
    if other.old.state.get("retainOnDelete"):
        return LeftObject(
            f"stays, because Pulumi deletes neither it (deletedWith) nor {holder} (retainOnDelete)."
        )
    return LeftObject(
        f"stays unless it vanishes with {holder}, because Pulumi deletes only the latter (deletedWith).",
        is_certain=False,
    )


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
