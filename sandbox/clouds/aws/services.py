"""The modules of all services. Their import registers the behaviour of AWS that moto lacks."""

from sandbox.clouds.aws import service_quotas, tags
from sandbox.clouds.aws.delivery import codebuild, codeconnections, ecr, webhooks
from sandbox.clouds.aws.ec2 import endpoints, routing, security_group_rules, security_groups, vpcs
from sandbox.clouds.aws.eks import access, addons, cidr_blocks, cluster_refusals, clusters, pod_identities
from sandbox.clouds.aws.management import backup_plans, backup_vaults, budgets, ce, events, logs
from sandbox.clouds.aws.rds import groups, instance_changes, instances, maintenance, offers
from sandbox.clouds.aws.s3 import buckets, lifecycle, policies, replication
from sandbox.clouds.aws.security import accessanalyzer, cloudtrail, guardduty, iam, kms

MODULES = (
    *(service_quotas, tags),
    *(codebuild, codeconnections, ecr, webhooks),
    *(endpoints, routing, security_group_rules, security_groups, vpcs),
    *(access, addons, cidr_blocks, cluster_refusals, clusters, pod_identities),
    *(backup_plans, backup_vaults, budgets, ce, events, logs),
    *(groups, instance_changes, instances, maintenance, offers),
    *(buckets, lifecycle, policies, replication),
    *(accessanalyzer, cloudtrail, guardduty, iam, kms),
)
"""The imported modules."""
