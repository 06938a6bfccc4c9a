"""The rule on resources that everybody may use, by a policy, a permission or a setting."""

import re
from dataclasses import dataclass

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Verdicts, check_each, disallowed
from policies.engine.topics import IAM
from policies.model.aws.iam_documents import has_owner, reached
from policies.model.checks import DEPUTIES, open_to_everybody
from policies.model.property_values import Value

DOCUMENTS = {
    "aws:acmpca/policy:Policy": "policy",
    "aws:amp/resourcePolicy:ResourcePolicy": "policyDocument",
    "aws:backup/vaultPolicy:VaultPolicy": "policy",
    "aws:bedrock/agentcoreResourcePolicy:AgentcoreResourcePolicy": "policy",
    "aws:cloudwatch/eventBusPolicy:EventBusPolicy": "policy",
    "aws:cloudwatch/logDeliveryDestinationPolicy:LogDeliveryDestinationPolicy": "deliveryDestinationPolicy",
    "aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy": "accessPolicy",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyDocument",
    "aws:codeartifact/domainPermissions:DomainPermissions": "policyDocument",
    "aws:codeartifact/repositoryPermissionsPolicy:RepositoryPermissionsPolicy": "policyDocument",
    "aws:codebuild/resourcePolicy:ResourcePolicy": "policy",
    "aws:dsql/clusterPolicy:ClusterPolicy": "policy",
    "aws:dynamodb/resourcePolicy:ResourcePolicy": "policy",
    "aws:glacier/vault:Vault": "accessPolicy",
    "aws:glacier/vaultLock:VaultLock": "policy",
    "aws:glue/resourcePolicy:ResourcePolicy": "policy",
    "aws:kinesis/resourcePolicy:ResourcePolicy": "policy",
    "aws:lambda/resourcePolicy:ResourcePolicy": "policy",
    "aws:mediastore/containerPolicy:ContainerPolicy": "policy",
    "aws:msk/clusterPolicy:ClusterPolicy": "policy",
    "aws:networkfirewall/resourcePolicy:ResourcePolicy": "policy",
    "aws:oam/sinkPolicy:SinkPolicy": "policy",
    "aws:opensearchingest/resourcePolicy:ResourcePolicy": "policy",
    "aws:organizations/resourcePolicy:ResourcePolicy": "content",
    "aws:pinpoint/smsvoicev2ResourcePolicy:Smsvoicev2ResourcePolicy": "policy",
    "aws:redshift/resourcePolicy:ResourcePolicy": "policy",
    "aws:redshiftserverless/resourcePolicy:ResourcePolicy": "policy",
    "aws:sagemaker/modelPackageGroupPolicy:ModelPackageGroupPolicy": "resourcePolicy",
    "aws:schemas/registryPolicy:RegistryPolicy": "policy",
    "aws:secretsmanager/secret:Secret": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
    "aws:ses/identityPolicy:IdentityPolicy": "policy",
    "aws:sesv2/emailIdentityPolicy:EmailIdentityPolicy": "policy",
    "aws:sns/topic:Topic": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queue:Queue": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:vpclattice/resourcePolicy:ResourcePolicy": "policy",
    "aws:xray/resourcePolicy:ResourcePolicy": "policyDocument",
}
"""The types with a policy on a resource, and its property. Rules on S3, ECR and KMS judge their own policies.

The list omits policies that name everybody by design, because the service checks access in another way: those
of APIs, search domains, file systems and VPC Lattice's services."""


FUNCTION_POLICY = "aws:lambda/resourcePolicy:ResourcePolicy"
CALLERS = re.compile(r"(?!replicator\.lambda\.)[a-z0-9.-]{1,63}\.amazonaws\.com(\.cn)?")
"""The services that call functions, for resources of every account if no source or account is named.

Sources: Checkov, CKV_AWS_364; Trivy, AVD-AWS-0067; AWS Config, lambda-function-public-access-prohibited, for
S3. Lambda@Edge's replicator calls no function, but copies it (AWS managed policies, AWSLambdaReplicator)."""


@dataclass(frozen=True)
class Share:
    """A property whose value can stand for everybody."""

    path: str
    """The path of the property; each step also leads through the elements of a list."""
    everybody: str
    limits: tuple[str, ...] = ()
    """Properties of which each limits everybody to an account, an organization or a source that it names."""
    services: re.Pattern[str] | None = None
    """The services that stand for everybody as well, since they act for every account."""


SHARES = {
    "aws:cloudwatch/eventPermission:EventPermission": Share("principal", "*", ("condition.value",)),
    "aws:codebuild/project:Project": Share("projectVisibility", "PUBLIC_READ"),
    "aws:ec2/amiLaunchPermission:AmiLaunchPermission": Share("group", "all"),
    "aws:ec2/vpcEndpointService:VpcEndpointService": Share("allowedPrincipals", "*"),
    "aws:ec2/vpcEndpointServiceAllowedPrinciple:VpcEndpointServiceAllowedPrinciple": Share(
        "principalArn", "*"
    ),
    "aws:imagebuilder/distributionConfiguration:DistributionConfiguration": Share(
        "distributions.amiDistributionConfiguration.launchPermission.userGroups", "all"
    ),
    "aws:lambda/functionUrl:FunctionUrl": Share("authorizationType", "NONE"),
    "aws:lambda/layerVersionPermission:LayerVersionPermission": Share("principal", "*", ("organizationId",)),
    "aws:lambda/permission:Permission": Share(
        "principal", "*", ("principalOrgId", "sourceAccount", "sourceArn"), CALLERS
    ),
    "aws:rds/clusterSnapshot:ClusterSnapshot": Share("sharedAccounts", "all"),
    "aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy": Share("sharedAccounts", "all"),
    "aws:rds/snapshot:Snapshot": Share("sharedAccounts", "all"),
    "aws:rds/snapshotCopy:SnapshotCopy": Share("sharedAccounts", "all"),
    "aws:ssm/document:Document": Share("permissions.account_ids", "all"),
}
"""The types that share a resource without a policy. The words are those of the services' APIs.

A map keeps the keys of the Terraform provider: `permissions` of a document is a map of strings, and the
provider splits `account_ids` at commas (terraform-provider-aws, internal/service/ssm/document.go)."""

REMEDY = "name the accounts, roles or sources that use the resource"


@IAM.rule(
    "shared-with-everybody",
    types=DOCUMENTS.keys() | SHARES.keys(),
    severity=Severity.CRITICAL,
    controls=("FSBP Lambda.1", "FSBP RDS.1", "FSBP SNS.4", "FSBP SQS.3", "CKV_AWS_258", "CKV_AWS_364"),
    remediation="Name the accounts or roles, or add a condition that names their organization or the source.",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
)
def everybody(resource: Resource, _: Options) -> Verdicts:
    """Refuse policies, permissions and settings that let everybody use a resource or copy its data.

    A service that acts for every account, such as S3 or each caller of a function, needs a source.
    """
    if resource.type in DOCUMENTS:
        services = CALLERS if resource.type == FUNCTION_POLICY else DEPUTIES
        yield from open_to_everybody(resource[DOCUMENTS[resource.type]], REMEDY, services)
        return
    share = SHARES[resource.type]

    def check(value: Value) -> Verdicts:
        names = [name.strip().lower() for name in (value.text() or "").split(",")]
        service = share.services is not None and any(map(share.services.fullmatch, names))
        shared = service or share.everybody.lower() in names
        if shared and all(not has_owner(resource.at(name).text() or "") for name in share.limits):
            yield disallowed(value, REMEDY)

    yield from check_each(reached(resource.props, share.path), check)
