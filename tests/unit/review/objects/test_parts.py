"""Tests of the inputs that name the object which a resource changes, and of what identifies it."""

from typing import Any

from review.objects.identifying_inputs import IDENTIFYING_INPUTS
from review.objects.parts import identity, is_of_account, is_of_organization, object_inputs, own_names
from sandbox.wire import schema
from tests.support.review.stacks import resource
from tests.support.rows import each_row


@each_row(
    ("kind", "inputs", "names"),
    [
        ("aws:s3/bucketPolicy:BucketPolicy", {}, ["bucket"]),
        ("aws:sns/topicPolicy:TopicPolicy", {}, ["arn"]),
        ("aws:cloudwatch/eventTarget:EventTarget", {}, ["rule"]),
        ("aws:iam/rolePolicy:RolePolicy", {}, ["role"]),
        ("aws:backup/vaultNotifications:VaultNotifications", {}, ["backupVaultName"]),
        ("aws:ec2/vpcDhcpOptionsAssociation:VpcDhcpOptionsAssociation", {}, ["dhcpOptionsId", "vpcId"]),
        ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", {"vpcId": "v"}, ["vpcId"]),
        ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", {}, []),
        ("aws:ec2/defaultRouteTable:DefaultRouteTable", {}, ["defaultRouteTableId"]),
        ("aws:ec2/vpc:Vpc", {}, []),
        ("aws:route53domains/registeredDomain:RegisteredDomain", {}, ["domainName"]),
        ("aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup", {}, ["dbProxyName"]),
        ("aws:wafv2/webAclRule:WebAclRule", {}, ["webAclArn"]),
        ("aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy", {}, ["destinationName"]),
        ("aws:sagemaker/modelPackageGroupPolicy:ModelPackageGroupPolicy", {}, ["modelPackageGroupName"]),
        (
            "aws:acmpca/certificateAuthorityCertificate:CertificateAuthorityCertificate",
            {},
            ["certificateAuthorityArn"],
        ),
        ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", {"eventBusName": "a"}, ["eventBusName"]),
        ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", {"eventBusName": "default"}, []),
        ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", {}, []),
        ("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", {"resourceArn": "a"}, ["resourceArn"]),
        (
            "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
            {"policyName": "a", "resourceArn": "a"},
            [],
        ),
        ("aws:ses/identityNotificationTopic:IdentityNotificationTopic", {}, ["identity"]),
        ("aws:acm/certificateValidation:CertificateValidation", {}, []),
        ("aws:cognito/userPoolDomain:UserPoolDomain", {}, ["userPoolId"]),
        (
            "aws:cognito/resourceServer:ResourceServer",
            {"identifier": "a", "userPoolId": "b"},
            ["userPoolId"],
        ),
        ("aws:bedrockfoundation/modelAgreement:ModelAgreement", {}, []),
        ("aws:iam/policy:Policy", {"path": "/", "name": "a"}, []),
        ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", {"url": "https://a"}, []),
        ("aws:sqs/queue:Queue", {}, []),
        ("cloudflare:index/botManagement:BotManagement", {"zoneId": "z"}, ["zoneId"]),
        ("cloudflare:index/zeroTrustOrganization:ZeroTrustOrganization", {"accountId": "a"}, ["accountId"]),
        ("cloudflare:index/zoneDnsSettings:ZoneDnsSettings", {"zoneId": "z"}, ["zoneId"]),
        (
            "cloudflare:index/r2ManagedDomain:R2ManagedDomain",
            {"accountId": "a", "bucketName": "b"},
            ["bucketName"],
        ),
        ("cloudflare:index/zone:Zone", {"name": "a"}, []),
        ("cloudflare:index/workersScript:WorkersScript", {"accountId": "a", "scriptName": "b"}, []),
        ("datadog:index/rumRetentionFiltersOrder:RumRetentionFiltersOrder", {}, ["applicationId"]),
        ("datadog:index/monitor:Monitor", {}, []),
        ("kubernetes:core/v1:ConfigMap", {}, []),
        ("aws:no/such:Policy", {}, []),
    ],
)
def test_the_inputs_with_the_changed_object_are_known(
    kind: str, inputs: dict[str, Any], names: list[str]
) -> None:
    assert object_inputs(resource(kind, "it", inputs)) == names


@each_row(
    ("kind", "expected"),
    [
        ("aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock", True),
        ("aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration", True),
        ("aws:kinesis/accountSettings:AccountSettings", True),
        ("aws:ecr/accountSetting:AccountSetting", True),
        ("aws:ec2/defaultVpc:DefaultVpc", True),
        ("aws:ses/activeReceiptRuleSet:ActiveReceiptRuleSet", True),
        ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", True),
        ("aws:bedrock/useCaseForModelAccess:UseCaseForModelAccess", True),
        ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", True),
        ("aws:cloudwatch/logStorageTierPolicy:LogStorageTierPolicy", True),
        ("aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy", False),
        ("aws:ec2/defaultNetworkAcl:DefaultNetworkAcl", False),
        ("aws:ec2/vpcDhcpOptions:VpcDhcpOptions", False),
        ("aws:s3/bucketPolicy:BucketPolicy", False),
        ("aws:glue/securityConfiguration:SecurityConfiguration", False),
        ("cloudflare:index/emailRoutingSettings:EmailRoutingSettings", False),
    ],
)
def test_settings_of_the_account_are_known(kind: str, *, expected: bool) -> None:
    assert is_of_account(resource(kind, "it")) == expected


def test_settings_of_an_organization_are_known() -> None:
    assert is_of_organization(resource("datadog:index/organizationSettings:OrganizationSettings", "it"))
    assert not is_of_organization(resource("datadog:index/monitor:Monitor", "it"))


@each_row(
    ("kind", "inputs", "expected"),
    [
        ("aws:sns/topicPolicy:TopicPolicy", {"arn": "a", "policy": "b"}, ("a",)),
        ("aws:sns/topicPolicy:TopicPolicy", {"policy": "b"}, ()),
        ("aws:sqs/queuePolicy:QueuePolicy", {"queueUrl": "unknown-to-the-review-url"}, ()),
        ("aws:iam/userPolicy:UserPolicy", {"user": "a", "name": "b", "policy": "c"}, ("b", "a")),
        ("aws:s3/bucketObjectv2:BucketObjectv2", {"bucket": "a", "key": "b", "content": "c"}, ("a", "b")),
        ("aws:s3/objectCopy:ObjectCopy", {"bucket": "a", "key": "b", "source": "c/d"}, ("a", "b")),
        ("aws:s3/objectCopy:ObjectCopy", {"bucket": "a", "key": "/b", "source": "c/d"}, ("a", "b")),
        ("aws:s3/bucketObject:BucketObject", {"bucket": "a", "key": ".//b///c/"}, ("a", "b/c/")),
        ("aws:ec2/tag:Tag", {"resourceId": "a", "key": "/b", "value": "c"}, ("/b", "a")),
        (
            "aws:appautoscaling/target:Target",
            {"resourceId": "a", "scalableDimension": "b", "serviceNamespace": "c", "minCapacity": 1},
            ("a", "b", "c"),
        ),
        (
            "aws:appautoscaling/policy:Policy",
            {"name": "n", "resourceId": "a", "scalableDimension": "b", "serviceNamespace": "c"},
            ("n", "a", "b", "c"),
        ),
        (
            "aws:cloudwatch/logDestination:LogDestination",
            {"name": "a", "targetArn": "b", "roleArn": "c"},
            ("a",),
        ),
        ("aws:cloudwatch/metricStream:MetricStream", {"name": "a", "firehoseArn": "b"}, ("a",)),
        ("aws:apigateway/stage:Stage", {"stageName": "a", "restApi": "b", "deployment": "c"}, ("b", "a")),
        ("aws:lb/listener:Listener", {"loadBalancerArn": "a", "port": 443}, ()),
        ("aws:codeartifact/repository:Repository", {"domain": "a", "repository": "b"}, ("a", "b")),
        ("aws:ec2/defaultSubnet:DefaultSubnet", {"availabilityZone": "a"}, ("account", "a")),
        ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", {"eventBusName": "default"}, ("account",)),
        ("aws:ses/identityPolicy:IdentityPolicy", {"identity": "b", "name": "a", "policy": "c"}, ("b", "a")),
        (
            "aws:sesv2/emailIdentityPolicy:EmailIdentityPolicy",
            {"emailIdentity": "b", "policyName": "a", "policy": "c"},
            ("b", "a"),
        ),
        ("aws:ec2/tag:Tag", {"resourceId": "a", "key": "b", "value": "c"}, ("b", "a")),
        ("aws:ecr/accountSetting:AccountSetting", {"name": "a", "value": "b"}, ("account", "a")),
        ("aws:ebs/defaultKmsKey:DefaultKmsKey", {"keyArn": "a"}, ("account",)),
        ("datadog:index/ipAllowlist:IpAllowlist", {"enabled": True}, ("organization",)),
        ("cloudflare:index/botManagement:BotManagement", {"zoneId": "z", "fightMode": True}, ("z",)),
        (
            "cloudflare:index/workersScript:WorkersScript",
            {"accountId": "a", "scriptName": "b", "content": "c"},
            ("a", "b"),
        ),
        ("cloudflare:index/workersKv:WorkersKv", {"accountId": "a", "keyName": "b", "value": "c"}, ()),
        (
            "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig",
            {"accountId": "a", "tunnelId": "t", "config": {}},
            ("a", "t"),
        ),
        ("cloudflare:index/zoneDnsSettings:ZoneDnsSettings", {"zoneId": "z", "multiProvider": True}, ("z",)),
        ("cloudflare:index/streamLiveInput:StreamLiveInput", {"accountId": "a"}, ()),
        ("cloudflare:index/list:List", {"accountId": "a", "name": "b", "kind": "ip"}, ()),
        (
            "cloudflare:index/r2BucketLifecycle:R2BucketLifecycle",
            {"accountId": "a", "bucketName": "b", "rules": []},
            ("a", "b"),
        ),
        ("datadog:index/restrictionPolicy:RestrictionPolicy", {"resourceId": "a", "bindings": []}, ("a",)),
        ("datadog:index/monitor:Monitor", {"name": "a"}, ()),
        ("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "a"}, ()),
        ("aws:sqs/queue:Queue", {"name": "a", "policy": "b"}, ("a",)),
        ("aws:cloudwatch/dashboard:Dashboard", {"dashboardName": "a", "dashboardBody": "b"}, ("a",)),
        ("aws:glue/catalogTable:CatalogTable", {"name": "a", "databaseName": "b"}, ("b", "a")),
        ("aws:route53/zone:Zone", {"name": "a"}, ()),
        ("aws:ec2/instance:Instance", {"ami": "a"}, ()),
    ],
)
def test_what_identifies_a_part_of_an_object_is_known(
    kind: str, inputs: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert identity(resource(kind, "it", inputs)) == expected


@each_row("token", sorted(IDENTIFYING_INPUTS))
def test_the_sdks_have_the_identifying_inputs_of_each_type(token: str) -> None:
    assert {*IDENTIFYING_INPUTS[token]} <= schema.properties(schema.args_class(token)).keys()


@each_row(
    ("kind", "inputs", "names"),
    [
        ("aws:opensearch/domain:Domain", {"domainName": "a", "engineVersion": "b"}, ["domainName"]),
        ("aws:ses/domainIdentity:DomainIdentity", {"domain": "a"}, ["domain"]),
        ("aws:s3/bucket:Bucket", {"bucket": "a", "policy": "b"}, ["bucket"]),
        ("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "a"}, []),
    ],
)
def test_the_inputs_with_the_name_of_a_resource_are_known(
    kind: str, inputs: dict[str, Any], names: list[str]
) -> None:
    assert own_names(resource(kind, "it", inputs)) == names
