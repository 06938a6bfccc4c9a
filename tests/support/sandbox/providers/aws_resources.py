"""Inputs, and changes to them, for a resource of each AWS type that the program uses."""

import json
from typing import Any

from sandbox.wire.values import Secret

PASSWORD = "correct-horse-battery"


def document(**statement: Any) -> str:
    """Return a policy document with one statement; its effect is Allow by default."""
    return documents(statement)


def documents(*statements: dict[str, Any]) -> str:
    """Return a policy document; the effect of its statements is Allow by default."""
    allowed = [{"Effect": "Allow", **statement} for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})


def trust(service: str, *more: str) -> str:
    """Return a trust policy for a service, with the action sts:AssumeRole and the actions in `more`."""
    return document(Principal={"Service": service}, Action=["sts:AssumeRole", *more])


ROLES = (
    "eks.amazonaws.com",
    "monitoring.rds.amazonaws.com",
    "codebuild.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
    "backup.amazonaws.com",
)

READ_POLICY = document(Action="s3:GetObject", Resource="*")
OTHER_ACCOUNT = {"AWS": "arn:aws:iam::111122223333:root"}
PULLS = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
BACKUP_RULE = {
    "ruleName": "daily",
    "targetVaultName": "pipe-dev",
    "schedule": "cron(0 22 * * ? *)",
    "startWindow": 60,
    "completionWindow": 720,
    "lifecycle": {"deleteAfter": 35},
}
COPY_ACTION = {
    "destinationVaultArn": "arn:aws:backup:ap-northeast-1:999999999999:backup-vault:pipe-dev",
    "lifecycle": {"deleteAfter": 35},
}
LOGGING_PRINCIPAL = {"Service": "logging.s3.amazonaws.com"}
UNTAGGED_IMAGES_RULE = {
    "rulePriority": 1,
    "description": "Untagged images after a week",
    "selection": {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 7,
    },
    "action": {"type": "expire"},
}
ADMINISTRATION = {
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "kms:*",
    "Resource": "*",
}
TRUSTED_ACCOUNT = {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
LOGS_ACCESS = {
    "Principal": {"Service": "logs.ap-northeast-1.amazonaws.com"},
    "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
    "Resource": "*",
    "Condition": {
        "ArnLike": {
            "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:ap-northeast-1:123456789012:log-group:/pipe/*"
        }
    },
}
KEY_POLICY = documents(ADMINISTRATION, LOGS_ACCESS)
REFUSE_ALL = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::pipe-b", "arn:aws:s3:::pipe-b/*"],
}
CLEANUP = {
    "id": "cleanup",
    "status": "Enabled",
    "filter": {"prefix": ""},
    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
    "expiration": {"expiredObjectDeleteMarker": True},
    "noncurrentVersionExpiration": {"noncurrentDays": 30},
}
DUMPS = {
    "id": "dumps",
    "status": "Enabled",
    "filter": {"prefix": "dumps/"},
    "transitions": [{"days": 30, "storageClass": "STANDARD_IA"}, {"days": 90, "storageClass": "GLACIER_IR"}],
    "expiration": {"days": 400},
}
RULE = {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "description": "HTTPS"}
ENCRYPTION = {
    "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "<key.arn>"}
}
REPLICA = {"region": "ap-northeast-3"}
CLOUDTRAIL = {"Service": "cloudtrail.amazonaws.com"}
FROM_TRAIL = {
    "StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:ap-northeast-1:123456789012:trail/pipe-trail"}
}


def publishers(service: str) -> str:
    """Return a topic policy that lets a service publish."""
    return document(
        Principal={"Service": service},
        Action="sns:Publish",
        Resource="arn:aws:sns:ap-northeast-1:123456789012:pipe-alerts",
    )


def alarm(kind: str, percent: int) -> dict[str, Any]:
    """Return a notification of a budget."""
    return {
        "notificationType": kind,
        "comparisonOperator": "GREATER_THAN",
        "threshold": percent,
        "thresholdType": "PERCENTAGE",
        "subscriberEmailAddresses": ["platform@pipe.dev"],
    }


def threshold(dollars: str) -> dict[str, Any]:
    """Return the threshold of a report of cost anomalies."""
    return {
        "dimension": {
            "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
            "matchOptions": ["GREATER_THAN_OR_EQUAL"],
            "values": [dollars],
        }
    }


S3 = "aws:s3/bucket"
AWS_RESOURCES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "vpc": (
        "aws:ec2/vpc:Vpc",
        {
            "cidrBlock": "10.0.0.0/16",
            "enableDnsSupport": True,
            "enableDnsHostnames": True,
            "tags": {"Name": "pipe"},
        },
        {"enableDnsHostnames": False, "tags": {"Name": "new"}},
    ),
    "closed": (
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        {"vpcId": "<vpc.id>", "ingress": [], "egress": []},
        {"tags": {"Name": "x"}},
    ),
    "a": (
        "aws:ec2/subnet:Subnet",
        {
            "vpcId": "<vpc.id>",
            "cidrBlock": "10.0.0.0/24",
            "availabilityZone": "ap-northeast-1a",
            "mapPublicIpOnLaunch": False,
        },
        {"mapPublicIpOnLaunch": True},
    ),
    "c": (
        "aws:ec2/subnet:Subnet",
        {"vpcId": "<vpc.id>", "cidrBlock": "10.0.1.0/24", "availabilityZone": "ap-northeast-1c"},
        {"tags": {"x": "y"}},
    ),
    "internet": (
        "aws:ec2/internetGateway:InternetGateway",
        {"vpcId": "<vpc.id>", "tags": {"Name": "i"}},
        {"tags": {}},
    ),
    "table": (
        "aws:ec2/routeTable:RouteTable",
        {"vpcId": "<vpc.id>", "tags": {"Name": "t"}},
        {"tags": {"Name": "u"}},
    ),
    "eip": ("aws:ec2/eip:Eip", {"domain": "vpc", "tags": {"Name": "n"}}, {"tags": {"Name": "m"}}),
    "nat": (
        "aws:ec2/natGateway:NatGateway",
        {"allocationId": "<eip.allocationId>", "subnetId": "<a.id>"},
        {"tags": {"x": "y"}},
    ),
    "route": (
        "aws:ec2/route:Route",
        {"routeTableId": "<table.id>", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "<internet.id>"},
        {"gatewayId": None, "natGatewayId": "<nat.id>"},
    ),
    "association": (
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        {"routeTableId": "<table.id>", "subnetId": "<a.id>"},
        {},
    ),
    "endpoint": (
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        {
            "vpcId": "<vpc.id>",
            "serviceName": "com.amazonaws.ap-northeast-1.s3",
            "vpcEndpointType": "Gateway",
            "routeTableIds": ["<table.id>"],
        },
        {"routeTableIds": ["<vpc.mainRouteTableId>"]},
    ),
    "balancer": (
        "aws:ec2/securityGroup:SecurityGroup",
        {"name": "balancer", "description": "The one", "vpcId": "<vpc.id>"},
        {"tags": {"x": "y"}},
    ),
    "pods": (
        "aws:ec2/securityGroup:SecurityGroup",
        {"name": "pods", "description": "The other", "vpcId": "<vpc.id>"},
        {},
    ),
    "interface": (
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        {
            "vpcId": "<vpc.id>",
            "serviceName": "com.amazonaws.ap-northeast-1.secretsmanager",
            "vpcEndpointType": "Interface",
            "subnetIds": ["<a.id>"],
            "securityGroupIds": ["<pods.id>"],
            "privateDnsEnabled": False,
        },
        {"subnetIds": ["<a.id>", "<c.id>"], "securityGroupIds": ["<balancer.id>"]},
    ),
    "in": (
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"securityGroupId": "<balancer.id>", **RULE, "cidrIpv4": "0.0.0.0/0", "tags": {"Name": "in"}},
        {"toPort": 444, "description": "More", "cidrIpv4": "10.0.0.0/8"},
    ),
    "out": (
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        {"securityGroupId": "<balancer.id>", **RULE, "referencedSecurityGroupId": "<pods.id>"},
        {"description": "Less"},
    ),
    "boundary": ("aws:iam/policy:Policy", {"name": "pipe-boundary", "policy": READ_POLICY}, {}),
    "operators": (
        "aws:iam/role:Role",
        {"name": "pipe-operators", "assumeRolePolicy": document(**TRUSTED_ACCOUNT)},
        {},
    ),
    "role": (
        "aws:iam/role:Role",
        {
            "name": "pipe-role",
            "description": "All of them",
            "assumeRolePolicy": document(Principal={"Service": [*ROLES]}, Action=["sts:AssumeRole"]),
            "permissionsBoundary": "<boundary.arn>",
            "maxSessionDuration": 7200,
            "tags": {"Name": "role"},
        },
        {"description": "None", "maxSessionDuration": 3600, "assumeRolePolicy": trust("s3.amazonaws.com")},
    ),
    "reader": (
        "aws:iam/role:Role",
        {"name": "pipe-pods", "assumeRolePolicy": trust("pods.eks.amazonaws.com", "sts:TagSession")},
        {},
    ),
    "inline": (
        "aws:iam/rolePolicy:RolePolicy",
        {"role": "pipe-role", "name": "reads", "policy": READ_POLICY},
        {"policy": READ_POLICY.replace("Get", "Put")},
    ),
    "attached": (
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        {"role": "pipe-role", "policyArn": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"},
        {},
    ),
    "policy": (
        "aws:iam/policy:Policy",
        {"name": "pipe-reads", "description": "Reads", "policy": READ_POLICY, "tags": {"Name": "p"}},
        {"policy": READ_POLICY.replace("Get", "Put"), "tags": {"Name": "q"}},
    ),
    "github": (
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        {
            "url": "https://token.actions.githubusercontent.com",
            "clientIdLists": ["sts.amazonaws.com"],
            "tags": {"a": "b"},
        },
        {"clientIdLists": ["other"], "tags": {"a": "c"}},
    ),
    "key": (
        "aws:kms/key:Key",
        {
            "description": "A key",
            "enableKeyRotation": True,
            "deletionWindowInDays": 30,
            "policy": KEY_POLICY,
            "tags": {"a": "b"},
        },
        {"description": "The key", "enableKeyRotation": False, "tags": {"a": "c"}},
    ),
    "alias": ("aws:kms/alias:Alias", {"name": "alias/pipe", "targetKeyId": "<key.keyId>"}, {}),
    "logs": (
        "aws:cloudwatch/logGroup:LogGroup",
        {"name": "/pipe/flows", "retentionInDays": 30, "kmsKeyId": "<key.arn>", "tags": {"a": "b"}},
        {"retentionInDays": 90, "tags": {"a": "c"}},
    ),
    "flows": (
        "aws:ec2/flowLog:FlowLog",
        {
            "vpcId": "<vpc.id>",
            "trafficType": "ALL",
            "logDestinationType": "cloud-watch-logs",
            "logDestination": "<logs.arn>",
            "iamRoleArn": "<role.arn>",
        },
        {"tags": {"a": "b"}},
    ),
    "bucket": (
        f"{S3}:Bucket",
        {"bucket": "pipe-b", "objectLockEnabled": True, "tags": {"a": "b"}},
        {"tags": {"a": "c"}},
    ),
    "taking": (f"{S3}:Bucket", {"bucket": "pipe-b-logs", "objectLockEnabled": False}, {}),
    "replica": (f"{S3}:Bucket", {"bucket": "pipe-replica", **REPLICA}, {}),
    "encryption": (
        f"{S3}ServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        {"bucket": "pipe-b", "rules": [{**ENCRYPTION, "bucketKeyEnabled": True}]},
        {"rules": [{**ENCRYPTION, "bucketKeyEnabled": False}]},
    ),
    "block": (
        f"{S3}PublicAccessBlock:BucketPublicAccessBlock",
        {
            "bucket": "pipe-b",
            "blockPublicAcls": True,
            "ignorePublicAcls": True,
            "blockPublicPolicy": True,
            "restrictPublicBuckets": True,
        },
        {"blockPublicPolicy": False},
    ),
    "ownership": (
        f"{S3}OwnershipControls:BucketOwnershipControls",
        {"bucket": "pipe-b", "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
    ),
    "tls": (
        f"{S3}Policy:BucketPolicy",
        {
            "bucket": "pipe-b",
            "policy": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{**REFUSE_ALL, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}],
                }
            ),
        },
        {
            "policy": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{**REFUSE_ALL, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}}],
                }
            )
        },
    ),
    "versioned": (
        f"{S3}Versioning:BucketVersioning",
        {"bucket": "pipe-b", "versioningConfiguration": {"status": "Enabled"}},
        {},
    ),
    "versioned-replica": (
        f"{S3}Versioning:BucketVersioning",
        {"bucket": "pipe-replica", "versioningConfiguration": {"status": "Enabled"}, **REPLICA},
        {},
    ),
    "lifecycle": (
        f"{S3}LifecycleConfiguration:BucketLifecycleConfiguration",
        {"bucket": "pipe-b", "rules": [DUMPS, CLEANUP]},
        {"rules": [CLEANUP]},
    ),
    "lock": (
        f"{S3}ObjectLockConfiguration:BucketObjectLockConfiguration",
        {"bucket": "pipe-b", "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 30}}},
        {"rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 60}}},
    ),
    "delivery": (
        f"{S3}Policy:BucketPolicy",
        {
            "bucket": "pipe-b-logs",
            "policy": document(
                Principal=LOGGING_PRINCIPAL, Action="s3:PutObject", Resource="arn:aws:s3:::pipe-b-logs/*"
            ),
        },
        {},
    ),
    "accesses": (
        f"{S3}Logging:BucketLogging",
        {"bucket": "pipe-b", "targetBucket": "pipe-b-logs", "targetPrefix": "access/"},
        {"targetPrefix": "a/"},
    ),
    "copies": (
        f"{S3}ReplicationConfig:BucketReplicationConfig",
        {
            "bucket": "pipe-b",
            "role": "<role.arn>",
            "rules": [
                {
                    "id": "all",
                    "status": "Enabled",
                    "priority": 1,
                    "filter": {"prefix": ""},
                    "deleteMarkerReplication": {"status": "Disabled"},
                    "sourceSelectionCriteria": {"sseKmsEncryptedObjects": {"status": "Enabled"}},
                    "destination": {
                        "bucket": "arn:aws:s3:::pipe-replica",
                        "storageClass": "STANDARD_IA",
                        "encryptionConfiguration": {"replicaKmsKeyId": "<key.arn>"},
                    },
                }
            ],
        },
        {},
    ),
    "subnets": (
        "aws:rds/subnetGroup:SubnetGroup",
        {
            "name": "pipe-db",
            "description": "Two zones",
            "subnetIds": ["<c.id>", "<a.id>"],
            "tags": {"a": "b"},
        },
        {"description": "Both", "tags": {"a": "c"}},
    ),
    "parameters": (
        "aws:rds/parameterGroup:ParameterGroup",
        {
            "name": "pipe-db-postgres17",
            "family": "postgres17",
            "description": "TLS only",
            "parameters": [
                {"name": "rds.force_ssl", "value": "1", "applyMethod": "pending-reboot"},
                {"name": "max_connections", "value": "500", "applyMethod": "pending-reboot"},
            ],
        },
        {
            "parameters": [
                {"name": "rds.force_ssl", "value": "1", "applyMethod": "pending-reboot"},
                {"name": "max_connections", "value": "600", "applyMethod": "pending-reboot"},
            ]
        },
    ),
    "database": (
        "aws:rds/instance:Instance",
        {
            "identifier": "pipe-db",
            "engine": "postgres",
            "engineVersion": "17.7",
            "autoMinorVersionUpgrade": True,
            "instanceClass": "db.t4g.medium",
            "storageType": "gp3",
            "allocatedStorage": 20,
            "maxAllocatedStorage": 100,
            "storageEncrypted": True,
            "kmsKeyId": "<key.arn>",
            "dbName": "pipe_db",
            "username": "pipe_admin",
            "password": Secret(PASSWORD),
            "port": 5432,
            "parameterGroupName": "<parameters.name>",
            "caCertIdentifier": "rds-ca-rsa2048-g1",
            "dbSubnetGroupName": "<subnets.name>",
            "vpcSecurityGroupIds": ["<pods.id>"],
            "publiclyAccessible": False,
            "multiAz": False,
            "backupRetentionPeriod": 7,
            "backupWindow": "19:00-20:00",
            "maintenanceWindow": "sat:20:30-sat:21:30",
            "applyImmediately": True,
            "copyTagsToSnapshot": True,
            "deleteAutomatedBackups": False,
            "deletionProtection": False,
            "skipFinalSnapshot": False,
            "finalSnapshotIdentifier": "pipe-db-final",
            "performanceInsightsEnabled": True,
            "performanceInsightsKmsKeyId": "<key.arn>",
            "performanceInsightsRetentionPeriod": 7,
            "monitoringInterval": 60,
            "monitoringRoleArn": "<role.arn>",
            "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
            "tags": {"a": "b"},
        },
        {
            "multiAz": True,
            "allocatedStorage": 40,
            "instanceClass": "db.t4g.large",
            "backupRetentionPeriod": 14,
            "performanceInsightsRetentionPeriod": 31,
            "enabledCloudwatchLogsExports": ["postgresql"],
            "tags": {"a": "c"},
        },
    ),
    "cluster": (
        "aws:eks/cluster:Cluster",
        {
            "name": "pipe-dev",
            "version": "1.34",
            "roleArn": "<role.arn>",
            "bootstrapSelfManagedAddons": False,
            "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
            "computeConfig": {
                "enabled": True,
                "nodePools": ["general-purpose", "system"],
                "nodeRoleArn": "<role.arn>",
            },
            "kubernetesNetworkConfig": {
                "ipFamily": "ipv4",
                "serviceIpv4Cidr": "172.20.0.0/16",
                "elasticLoadBalancing": {"enabled": True},
            },
            "storageConfig": {"blockStorage": {"enabled": True}},
            "vpcConfig": {
                "subnetIds": ["<a.id>", "<c.id>"],
                "endpointPrivateAccess": True,
                "endpointPublicAccess": False,
            },
            "encryptionConfig": {"provider": {"keyArn": "<key.arn>"}, "resources": ["secrets"]},
            "enabledClusterLogTypes": ["api", "audit"],
            "upgradePolicy": {"supportType": "STANDARD"},
            "deletionProtection": False,
            "tags": {"a": "b"},
        },
        {
            "version": "1.35",
            "vpcConfig": {
                "subnetIds": ["<a.id>", "<c.id>"],
                "endpointPrivateAccess": True,
                "endpointPublicAccess": True,
                "publicAccessCidrs": ["8.8.8.0/24"],
            },
            "enabledClusterLogTypes": ["api"],
            "upgradePolicy": {"supportType": "EXTENDED"},
            "tags": {"a": "c"},
        },
    ),
    "metrics": (
        "aws:eks/addon:Addon",
        {
            "clusterName": "<cluster.name>",
            "addonName": "metrics-server",
            "resolveConflictsOnCreate": "OVERWRITE",
            "tags": {"a": "b"},
        },
        {"configurationValues": '{"replicas": 2}', "tags": {"a": "c"}},
    ),
    "entry": (
        "aws:eks/accessEntry:AccessEntry",
        {
            "clusterName": "<cluster.name>",
            "principalArn": "<operators.arn>",
            "type": "STANDARD",
            "tags": {"a": "b"},
        },
        {"kubernetesGroups": ["readers"], "tags": {"a": "c"}},
    ),
    "access": (
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        {
            "clusterName": "<cluster.name>",
            "principalArn": "<entry.principalArn>",
            "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            "accessScope": {"type": "cluster"},
        },
        {},
    ),
    "pod": (
        "aws:eks/podIdentityAssociation:PodIdentityAssociation",
        {
            "clusterName": "<cluster.name>",
            "namespace": "pipe",
            "serviceAccount": "pipe-api",
            "roleArn": "<reader.arn>",
        },
        {"tags": {"a": "b"}},
    ),
    "runner": (
        "aws:codebuild/project:Project",
        {
            "name": "pipe-runner",
            "description": "The runner",
            "serviceRole": "<role.arn>",
            "buildTimeout": 60,
            "source": {
                "type": "GITHUB",
                "location": "https://github.com/pipe-dev/infrastructure.git",
                "gitCloneDepth": 1,
                "auth": {
                    "type": "CODECONNECTIONS",
                    "resource": "arn:aws:codeconnections:ap-northeast-1:123456789012:connection/1",
                },
            },
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": {
                "type": "LINUX_CONTAINER",
                "computeType": "BUILD_GENERAL1_SMALL",
                "image": "aws/codebuild/standard:7.0",
                "imagePullCredentialsType": "CODEBUILD",
                "privilegedMode": False,
            },
            "vpcConfig": {"vpcId": "<vpc.id>", "subnets": ["<a.id>"], "securityGroupIds": ["<pods.id>"]},
            "logsConfig": {"cloudwatchLogs": {"status": "ENABLED", "groupName": "<logs.name>"}},
            "tags": {"a": "b"},
        },
        {"buildTimeout": 90, "tags": {"a": "c"}},
    ),
    "hook": (
        "aws:codebuild/webhook:Webhook",
        {
            "projectName": "<runner.name>",
            "buildType": "BUILD",
            "filterGroups": [{"filters": [{"type": "EVENT", "pattern": "WORKFLOW_JOB_QUEUED"}]}],
        },
        {"filterGroups": [{"filters": [{"type": "EVENT", "pattern": "PUSH"}]}]},
    ),
    "images": (
        "aws:ecr/repository:Repository",
        {
            "name": "pipe/api",
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": {"scanOnPush": True},
            "encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": "<key.arn>"}],
            "tags": {"a": "b"},
        },
        {
            "imageTagMutability": "MUTABLE",
            "imageScanningConfiguration": {"scanOnPush": False},
            "tags": {"a": "c"},
        },
    ),
    "expiry": (
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        {"repository": "<images.name>", "policy": json.dumps({"rules": [UNTAGGED_IMAGES_RULE]})},
        {
            "policy": json.dumps(
                {"rules": [{**UNTAGGED_IMAGES_RULE, "description": "Untagged images after seven days"}]}
            )
        },
    ),
    "pulls": (
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        {
            "repository": "<images.name>",
            "policy": document(Sid="Pull", Principal=OTHER_ACCOUNT, Action=PULLS),
        },
        {"policy": document(Sid="Images", Principal=OTHER_ACCOUNT, Action=PULLS)},
    ),
    "mirror": (
        "aws:ecr/replicationConfiguration:ReplicationConfiguration",
        {
            "replicationConfiguration": {
                "rules": [
                    {
                        "destinations": [{"region": "ap-northeast-3", "registryId": "123456789012"}],
                        "repositoryFilters": [{"filter": "pipe/api", "filterType": "PREFIX_MATCH"}],
                    }
                ]
            }
        },
        {
            "replicationConfiguration": {
                "rules": [{"destinations": [{"region": "us-west-2", "registryId": "123456789012"}]}]
            }
        },
    ),
    "vault": (
        "aws:backup/vault:Vault",
        {"name": "pipe-dev", "kmsKeyArn": "<key.arn>", "tags": {"a": "b"}},
        {"tags": {"a": "c"}},
    ),
    "incoming": (
        "aws:backup/vaultPolicy:VaultPolicy",
        {
            "backupVaultName": "<vault.name>",
            "policy": document(
                Sid="CopiesIn", Principal=OTHER_ACCOUNT, Action="backup:CopyIntoBackupVault", Resource="*"
            ),
        },
        {
            "policy": document(
                Sid="Copies", Principal=OTHER_ACCOUNT, Action="backup:CopyIntoBackupVault", Resource="*"
            )
        },
    ),
    "compliance": (
        "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        {
            "backupVaultName": "<vault.name>",
            "changeableForDays": 3,
            "minRetentionDays": 7,
            "maxRetentionDays": 400,
        },
        {},
    ),
    "plan": (
        "aws:backup/plan:Plan",
        {"name": "pipe-dev", "rules": [{**BACKUP_RULE, "copyActions": [COPY_ACTION]}], "tags": {"a": "b"}},
        {
            "rules": [{**BACKUP_RULE, "schedule": "cron(0 23 * * ? *)", "copyActions": [COPY_ACTION]}],
            "tags": {"a": "c"},
        },
    ),
    "selection": (
        "aws:backup/selection:Selection",
        {
            "name": "pipe-dev",
            "planId": "<plan.id>",
            "iamRoleArn": "<role.arn>",
            "resources": ["arn:aws:rds:ap-northeast-1:123456789012:db:pipe-db", "arn:aws:s3:::pipe-b"],
        },
        {},
    ),
    "public-access": (
        "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
        {
            "accountId": "123456789012",
            "blockPublicAcls": True,
            "ignorePublicAcls": True,
            "blockPublicPolicy": True,
            "restrictPublicBuckets": True,
        },
        {"blockPublicPolicy": False, "restrictPublicBuckets": False},
    ),
    "volumes": (
        "aws:ebs/encryptionByDefault:EncryptionByDefault",
        {"enabled": True},
        {"enabled": False},
    ),
    "passwords": (
        "aws:iam/accountPasswordPolicy:AccountPasswordPolicy",
        {
            "minimumPasswordLength": 14,
            "passwordReusePrevention": 24,
            "requireLowercaseCharacters": True,
            "requireNumbers": True,
            "requireSymbols": True,
            "requireUppercaseCharacters": True,
            "allowUsersToChangePassword": True,
        },
        {"minimumPasswordLength": 20, "passwordReusePrevention": 12, "requireSymbols": False},
    ),
    "analyzer": (
        "aws:accessanalyzer/analyzer:Analyzer",
        {"analyzerName": "pipe-external-access", "type": "ACCOUNT", "tags": {"a": "b"}},
        {"tags": {"a": "c"}},
    ),
    "detector": (
        "aws:guardduty/detector:Detector",
        {"enable": True, "findingPublishingFrequency": "FIFTEEN_MINUTES", "tags": {"a": "b"}},
        {"findingPublishingFrequency": "ONE_HOUR", "enable": False, "tags": {"a": "c"}},
    ),
    "runtime": (
        "aws:guardduty/detectorFeature:DetectorFeature",
        {
            "detectorId": "<detector.id>",
            "name": "RUNTIME_MONITORING",
            "status": "ENABLED",
            "additionalConfigurations": [
                {"name": "EKS_ADDON_MANAGEMENT", "status": "ENABLED"},
                {"name": "ECS_FARGATE_AGENT_MANAGEMENT", "status": "DISABLED"},
                {"name": "EC2_AGENT_MANAGEMENT", "status": "DISABLED"},
            ],
        },
        {"status": "DISABLED"},
    ),
    "logins": (
        "aws:guardduty/detectorFeature:DetectorFeature",
        {"detectorId": "<detector.id>", "name": "RDS_LOGIN_EVENTS", "status": "DISABLED"},
        {"status": "ENABLED"},
    ),
    "records": (f"{S3}:Bucket", {"bucket": "pipe-trail", "objectLockEnabled": True}, {}),
    "delivered": (
        f"{S3}Policy:BucketPolicy",
        {
            "bucket": "<records.bucket>",
            "policy": documents(
                {
                    "Principal": CLOUDTRAIL,
                    "Action": "s3:GetBucketAcl",
                    "Resource": "arn:aws:s3:::pipe-trail",
                    "Condition": FROM_TRAIL,
                },
                {
                    "Principal": CLOUDTRAIL,
                    "Action": "s3:PutObject",
                    "Resource": "arn:aws:s3:::pipe-trail/AWSLogs/123456789012/*",
                    "Condition": FROM_TRAIL,
                },
            ),
        },
        {},
    ),
    "recordkey": (
        "aws:kms/key:Key",
        {
            "description": "Records",
            "policy": documents(
                ADMINISTRATION,
                {
                    "Principal": CLOUDTRAIL,
                    "Action": ["kms:GenerateDataKey*", "kms:Decrypt", "kms:DescribeKey"],
                    "Resource": "*",
                    "Condition": FROM_TRAIL,
                },
            ),
        },
        {},
    ),
    "trail": (
        "aws:cloudtrail/trail:Trail",
        {
            "name": "pipe-trail",
            "s3BucketName": "<delivered.bucket>",
            "kmsKeyId": "<recordkey.arn>",
            "isMultiRegionTrail": True,
            "includeGlobalServiceEvents": True,
            "enableLogFileValidation": True,
            "enableLogging": True,
            "tags": {"a": "b"},
        },
        {"enableLogFileValidation": False, "enableLogging": False, "tags": {"a": "c"}},
    ),
    "alerts": (
        "aws:sns/topic:Topic",
        {
            "name": "pipe-alerts",
            "kmsMasterKeyId": "<key.arn>",
            "policy": publishers("events.amazonaws.com"),
            "tags": {"a": "b"},
        },
        {
            "displayName": "Alerts",
            "kmsMasterKeyId": "alias/aws/sns",
            "policy": publishers("cloudwatch.amazonaws.com"),
            "tags": {"a": "c"},
        },
    ),
    "mail": (
        "aws:sns/topicSubscription:TopicSubscription",
        {"topic": "<alerts.arn>", "protocol": "email", "endpoint": "platform@pipe.dev"},
        {"filterPolicy": '{"severity": ["high"]}'},
    ),
    "use": (
        "aws:cloudwatch/eventRule:EventRule",
        {
            "name": "pipe-use",
            "description": "Uses",
            "eventPattern": '{"source": ["aws.sts"]}',
            "state": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
            "tags": {"a": "b"},
        },
        {
            "description": "Each use",
            "eventPattern": '{"source": ["aws.signin"]}',
            "state": "DISABLED",
            "tags": {"a": "c"},
        },
    ),
    "use-target": (
        "aws:cloudwatch/eventTarget:EventTarget",
        {"rule": "<use.name>", "targetId": "alerts", "arn": "<alerts.arn>"},
        {"inputPath": "$.detail"},
    ),
    "bus-target": (
        "aws:cloudwatch/eventTarget:EventTarget",
        {
            "rule": "<use.name>",
            "targetId": "region",
            "arn": "arn:aws:events:us-east-1:123456789012:event-bus/default",
            "roleArn": "<role.arn>",
        },
        {},
    ),
    "budget": (
        "aws:budgets/budget:Budget",
        {
            "name": "pipe-costs",
            "budgetType": "COST",
            "timeUnit": "MONTHLY",
            "limitAmount": "500",
            "limitUnit": "USD",
            "notifications": [alarm("ACTUAL", 80), alarm("FORECASTED", 100)],
            "tags": {"a": "b"},
        },
        {
            "limitAmount": "600",
            "notifications": [alarm("ACTUAL", 90), alarm("FORECASTED", 100)],
            "tags": {"a": "c"},
        },
    ),
    "monitor": (
        "aws:costexplorer/anomalyMonitor:AnomalyMonitor",
        {
            "name": "pipe-costs",
            "monitorType": "DIMENSIONAL",
            "monitorDimension": "SERVICE",
            "tags": {"a": "b"},
        },
        {"name": "pipe-services", "tags": {"a": "c"}},
    ),
    "report": (
        "aws:costexplorer/anomalySubscription:AnomalySubscription",
        {
            "name": "pipe-costs",
            "frequency": "DAILY",
            "monitorArnLists": ["<monitor.arn>"],
            "subscribers": [{"type": "EMAIL", "address": "platform@pipe.dev"}],
            "thresholdExpression": threshold("20"),
            "tags": {"a": "b"},
        },
        {
            "frequency": "WEEKLY",
            "subscribers": [{"type": "EMAIL", "address": "costs@pipe.dev"}],
            "thresholdExpression": threshold("30"),
            "tags": {"a": "c"},
        },
    ),
}
"""The type, the inputs and the changed inputs of each resource, by name.

`<name.output>` refers to an output of another resource. None removes an input.
"""
