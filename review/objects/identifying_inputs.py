"""Inputs that identify an object, for types whose required inputs or documentation do not tell."""

from collections.abc import Mapping

IDENTIFYING_INPUTS: Mapping[str, tuple[str, ...]] = {
    "aws:appautoscaling/policy:Policy": ("name", "resourceId", "scalableDimension", "serviceNamespace"),
    "aws:appautoscaling/scheduledAction:ScheduledAction": (
        "name",
        "resourceId",
        "scalableDimension",
        "serviceNamespace",
    ),
    "aws:appautoscaling/target:Target": ("resourceId", "scalableDimension", "serviceNamespace"),
    "aws:s3/bucketObject:BucketObject": ("bucket", "key"),
    "aws:s3/bucketObjectv2:BucketObjectv2": ("bucket", "key"),
    "aws:s3/objectCopy:ObjectCopy": ("bucket", "key"),
    "aws:ses/identityPolicy:IdentityPolicy": ("identity", "name"),
    "aws:ses/mailFrom:MailFrom": ("domain",),
    "aws:sesv2/emailIdentityMailFromAttributes:EmailIdentityMailFromAttributes": ("emailIdentity",),
    "aws:sesv2/emailIdentityPolicy:EmailIdentityPolicy": ("emailIdentity", "policyName"),
    "cloudflare:index/accountDnsSettings:AccountDnsSettings": ("accountId",),
    "cloudflare:index/apiShieldDiscoveryOperation:ApiShieldDiscoveryOperation": ("discoveryId", "zoneId"),
    "cloudflare:index/contentScanning:ContentScanning": ("zoneId",),
    "cloudflare:index/magicNetworkMonitoringConfiguration:MagicNetworkMonitoringConfiguration": (
        "accountId",
    ),
    "cloudflare:index/organizationProfile:OrganizationProfile": ("organizationId",),
    "cloudflare:index/r2BucketCors:R2BucketCors": ("accountId", "bucketName"),
    "cloudflare:index/r2BucketEventNotification:R2BucketEventNotification": (
        "accountId",
        "bucketName",
        "queueId",
    ),
    "cloudflare:index/r2BucketLifecycle:R2BucketLifecycle": ("accountId", "bucketName"),
    "cloudflare:index/r2BucketLock:R2BucketLock": ("accountId", "bucketName"),
    "cloudflare:index/r2BucketSippy:R2BucketSippy": ("accountId", "bucketName"),
    "cloudflare:index/r2CustomDomain:R2CustomDomain": ("accountId", "bucketName", "domain"),
    "cloudflare:index/r2ManagedDomain:R2ManagedDomain": ("accountId", "bucketName"),
    "cloudflare:index/ruleset:Ruleset": ("kind", "phase", "zoneId"),
    "cloudflare:index/schemaValidationOperationSettings:SchemaValidationOperationSettings": (
        "operationId",
        "zoneId",
    ),
    "cloudflare:index/schemaValidationSettings:SchemaValidationSettings": ("zoneId",),
    "cloudflare:index/snippets:Snippets": ("snippetName", "zoneId"),
    "cloudflare:index/streamCaptionLanguage:StreamCaptionLanguage": ("accountId", "identifier", "language"),
    "cloudflare:index/streamDownload:StreamDownload": ("accountId", "identifier"),
    "cloudflare:index/streamWebhook:StreamWebhook": ("accountId",),
    "cloudflare:index/workersDeployment:WorkersDeployment": ("accountId", "scriptName"),
    "cloudflare:index/zeroTrustDeviceDefaultProfileCertificates:ZeroTrustDeviceDefaultProfileCertificates": (
        "zoneId",
    ),
    "cloudflare:index/zeroTrustDeviceSettings:ZeroTrustDeviceSettings": ("accountId",),
    "cloudflare:index/zeroTrustRiskBehavior:ZeroTrustRiskBehavior": ("accountId",),
    "cloudflare:index/zoneDnsSettings:ZoneDnsSettings": ("zoneId",),
    "datadog:aws/integrationAccountCcmConfig:IntegrationAccountCcmConfig": ("awsAccountConfigId",),
    "datadog:index/datastoreItem:DatastoreItem": ("datastoreId", "itemKey"),
    "datadog:index/logsIndex:LogsIndex": ("name",),
    "datadog:index/logsMetric:LogsMetric": ("name",),
    "datadog:index/metricMetadata:MetricMetadata": ("metric",),
    "datadog:index/metricTagConfiguration:MetricTagConfiguration": ("metricName",),
    "datadog:index/onCallTeamRoutingRules:OnCallTeamRoutingRules": ("teamId",),
    "datadog:index/restrictionPolicy:RestrictionPolicy": ("resourceId",),
    "datadog:index/rumMetric:RumMetric": ("name",),
    "datadog:index/rumRetentionQuota:RumRetentionQuota": ("applicationId",),
    "datadog:index/spansMetric:SpansMetric": ("name",),
    "datadog:index/tagIndexingRuleExemption:TagIndexingRuleExemption": ("metricName",),
    "datadog:index/teamMembership:TeamMembership": ("teamId", "userId"),
    "datadog:index/teamPermissionSetting:TeamPermissionSetting": ("action", "teamId"),
    "datadog:index/userRole:UserRole": ("roleId", "userId"),
    "datadog:index/webhook:Webhook": ("name",),
    "datadog:index/webhookCustomVariable:WebhookCustomVariable": ("name",),
    "datadog:slack/channel:Channel": ("accountName", "channelName"),
}
"""Types, and the inputs that are the whole path of their object in the API, so that two resources of a kind
with equal ones have one object, in this order. For AWS, these are types of one kind whose inputs have other
names (review/stacks/object_kinds.py), or whose required inputs have the content or lack a part of the path
(Application Auto Scaling API, RegisterScalableTarget). For Cloudflare, these are
the types without an import in the SDK's documentation, and without an ID among their outputs; of a script of
Workers, one deployment is active, and Cloudflare refuses a second ruleset of a zone and phase
(https://developers.cloudflare.com/ruleset-engine/about/rulesets/, "Entry point ruleset"). For Datadog, the
documentation of the imports has these inputs, or the API has no other ID (https://docs.datadoghq.com/api:
restriction policies by resource, metadata and tags by metric, roles and teams by user).
"""
