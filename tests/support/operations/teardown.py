"""A real stack for tests of its destruction: a state, and fakes of Pulumi and of AWS's APIs."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from operations.lib.command_line import Options

HOST = "ABC.gr7.ap-northeast-1.eks.amazonaws.com"
BALANCER = "arn:aws:elasticloadbalancing:ap-northeast-1:777788889999:loadbalancer/net/k8s-pipe/1"
START = "urn:pulumi:prod::pipe::"
NAMES = ("pipe-backup", "pipe-backup-logs")
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"


def resource(kind: str, name: str, parents: str = "", **outputs: Any) -> dict[str, Any]:
    """Return a resource of the state, whose ID is its name."""
    inputs = {"finalSnapshotIdentifier": f"{name}-final-1"}
    urn = f"{START}{parents}{kind}::{name}"
    return {
        "urn": urn,
        "type": kind,
        "id": name,
        "custom": True,
        "protect": True,
        "inputs": inputs,
        "outputs": outputs,
    }


def state() -> list[dict[str, Any]]:
    """Return the state of a stack with a cluster, a database and a bucket for dumps."""
    return [
        resource("aws:ec2/vpc:Vpc", "vpc-1"),
        resource("aws:eks/cluster:Cluster", "cluster"),
        resource("kubernetes:core/v1:Service", "tls-proxy"),
        resource("aws:rds/instance:Instance", "database", kmsKeyId="arn:aws:kms:::key/db"),
        *dumps("pipe:storage:BackupBucket$", "backups", "backups-logs"),
    ]


def dumps(parents: str, name: str, logs_name: str) -> list[dict[str, Any]]:
    """Return the bucket for dumps and the bucket of its access logs, with these logical names."""
    by_default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "arn:aws:kms:::key/backups"}
    rules = [{"applyServerSideEncryptionByDefault": by_default}]
    lock = {"objectLockEnabled": True}
    return [
        resource("aws:kms/key:Key", "backups", parents),
        resource("aws:s3/bucket:Bucket", name, parents, bucket="pipe-backup", **lock),
        resource(ENCRYPTION, name, parents, bucket="pipe-backup", rules=rules),
        resource("aws:s3/bucket:Bucket", logs_name, parents, bucket="pipe-backup-logs"),
        resource("aws:s3/bucketLogging:BucketLogging", name, parents, bucket="pipe-backup"),
    ]


@dataclass
class FakeStack:
    """The state of the stack, the requests that change something, and what AWS answers."""

    resources: list[dict[str, Any]] = field(default_factory=state)
    commands: list[str] = field(default_factory=list[str])
    """Commands of Pulumi and changing requests, in their order."""
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 2))
    """Number of versions in each bucket."""
    keys: dict[str, str] = field(default_factory=lambda: dict(zip(NAMES, ("dumps/", "access/"), strict=True)))
    """Start of the keys in each bucket."""
    account: str = "777788889999"
    cluster: str = "ACTIVE"
    """State of the cluster; empty if it does not exist."""
    is_open: bool = False
    """True if the endpoint accepts connections from this machine."""
    balancers: int = 3
    """Number of questions after which the load balancer is gone."""
    late_logs: int = 0
    """Number of destructions during which S3 delivers access logs."""
    lock_days: int = 0
    guard_duty: list[str] = field(default_factory=list[str])
    """IDs of the endpoint and the security group of GuardDuty that the VPC has."""
    endpoint_interfaces: int = 2
    """Number of questions after which the network interfaces of GuardDuty's endpoint are gone."""
    kept_database: str = ""
    """Name of an instance that a recovery kept; empty if there is none."""

    def client(self, _options: Options, service: str, _region: str = "") -> Any:
        return FakeService(self, service)

    def pulumi(self, *command: str) -> None:
        """Destroy resources of the state as Pulumi would."""
        self.commands.append(" ".join(command))
        if command[1] != "destroy":
            return
        targets = {flag.removeprefix("--target=") for flag in command if flag.startswith("--target=")}
        kept = {flag.removeprefix("--exclude=") for flag in command if flag.startswith("--exclude=")}
        if not targets:
            if self.late_logs:
                self.late_logs -= 1
                self.versions["pipe-backup-logs"] = 1
                raise self.failure()
            targets = {entry["urn"] for entry in self.resources} - kept
        self.resources = [entry for entry in self.resources if entry["urn"] not in targets]

    def failure(self) -> Exception:
        from operations.lib.errors import FailedError

        return FailedError("pulumi destroy failed with exit code 255")


class FakeService:
    """One service's client; each answer comes from the fake stack."""

    def __init__(self, stack: FakeStack, service: str) -> None:
        self._stack, self._service = stack, service

    def get_paginator(self, name: str) -> Any:
        call = getattr(self, name)

        class Paginator:
            def paginate(self, **arguments: Any) -> list[Any]:
                return [call(**arguments)]

        return Paginator()

    def get_caller_identity(self) -> Any:
        return {"Account": self._stack.account, "Arn": "arn:aws:sts:::assumed-role/pipe-prod-operators/me"}

    def describe_cluster(self, name: str) -> Any:
        if not self._stack.cluster:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeCluster")
        network = {"endpointPublicAccess": False, "publicAccessCidrs": ["0.0.0.0/0"]}
        protected = "eks deletionProtection False" not in self._stack.commands
        return {
            "cluster": {
                "status": self._stack.cluster,
                "endpoint": f"https://{HOST}",
                "deletionProtection": protected,
                "resourcesVpcConfig": network,
            }
        }

    def update_cluster_config(self, name: str, **change: Any) -> Any:
        [(key, value)] = change.items()
        self._stack.commands.append(f"eks {key} {value}")
        self._stack.is_open |= key == "resourcesVpcConfig"
        return {"update": {"id": "1"}}

    def describe_update(self, name: str, updateId: str) -> Any:
        return {"update": {"status": "Successful"}}

    def describe_db_instances(self) -> Any:
        live = {"DBInstanceIdentifier": "pipe-prod-db", "DeletionProtection": True}
        kept = {
            "DBInstanceIdentifier": self._stack.kept_database,
            "DBInstanceClass": "db.r7g.large",
            "Engine": "postgres",
            "MultiAZ": True,
            "AllocatedStorage": 100,
            "StorageType": "gp3",
            "DeletionProtection": True,
        }
        return {"DBInstances": [live, kept] if self._stack.kept_database else [live]}

    def modify_db_instance(self, **arguments: Any) -> None:
        self._stack.commands.append(f"rds {arguments}")

    def describe_db_snapshots(self, **arguments: Any) -> Any:
        snapshot = {
            "DBSnapshotIdentifier": "pipe-prod-db-final-1",
            "SnapshotType": "manual",
            "AllocatedStorage": 100,
            "KmsKeyId": "arn:aws:kms:::key/db",
        }
        gone = all(entry["type"] != "aws:rds/instance:Instance" for entry in self._stack.resources)
        return {"DBSnapshots": [snapshot] if gone else []}

    def describe_log_groups(self, logGroupNamePrefix: str) -> Any:
        eks = logGroupNamePrefix == "/aws/eks/pipe-prod/"
        return {"logGroups": [{"logGroupName": "/aws/eks/pipe-prod/cluster"}] if eks else []}

    def describe_load_balancers(self) -> Any:
        in_cluster = any(entry["type"].startswith("kubernetes:") for entry in self._stack.resources)
        self._stack.balancers -= not in_cluster
        listed = [{"LoadBalancerArn": BALANCER, "DNSName": "k8s-pipe-1.elb.amazonaws.com"}]
        return {"LoadBalancers": listed if self._stack.balancers > 0 else []}

    def describe_tags(self, ResourceArns: list[str]) -> Any:
        tags = [{"Key": "eks:eks-cluster-name", "Value": "pipe-prod"}]
        return {"TagDescriptions": [{"ResourceArn": arn, "Tags": tags} for arn in ResourceArns]}

    def describe_load_balancer_attributes(self, **_: Any) -> Any:
        return {"Attributes": [{"Key": "deletion_protection.enabled", "Value": "true"}]}

    def modify_load_balancer_attributes(self, **arguments: Any) -> None:
        self._stack.commands.append(f"elbv2 {arguments['Attributes']}")

    def describe_network_interfaces(self, Filters: Any) -> Any:
        if Filters[0]["Name"] != "group-id":
            return {"NetworkInterfaces": []}
        self._stack.endpoint_interfaces -= 1
        left = self._stack.endpoint_interfaces > 0
        return {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1"}] if left else []}

    def describe_vpc_endpoints(self, Filters: Any) -> Any:
        return {"VpcEndpoints": self._guard_duty("vpce-", "VpcEndpointId", Filters)}

    def describe_security_groups(self, Filters: Any) -> Any:
        return {"SecurityGroups": self._guard_duty("sg-", "GroupId", Filters)}

    def _guard_duty(self, prefix: str, key: str, filters: Any) -> list[Any]:
        assert filters == [
            {"Name": "vpc-id", "Values": ["vpc-1"]},
            {"Name": "tag:GuardDutyManaged", "Values": ["true"]},
        ]
        return [{key: name, "State": "available"} for name in self._stack.guard_duty if prefix in name]

    def delete_vpc_endpoints(self, VpcEndpointIds: list[str]) -> Any:
        self._stack.commands.append(f"ec2 delete {VpcEndpointIds}")
        self._stack.guard_duty = [name for name in self._stack.guard_duty if name not in VpcEndpointIds]
        return {"Unsuccessful": []}

    def delete_security_group(self, GroupId: str) -> None:
        assert self._stack.endpoint_interfaces <= 0, "DependencyViolation: a network interface has the group"
        self._stack.commands.append(f"ec2 delete {GroupId}")
        self._stack.guard_duty.remove(GroupId)

    def put_bucket_logging(self, Bucket: str, **_: Any) -> None:
        self._stack.commands.append(f"s3 end logs of {Bucket}")

    def list_object_versions(self, Bucket: str, Delimiter: str = "") -> Any:
        start = self._stack.keys[Bucket]
        if Delimiter and Delimiter in start and self._stack.versions[Bucket]:
            return {"CommonPrefixes": [{"Prefix": start}]}
        versions = [
            {"Key": f"{start}k{n}", "VersionId": "1", "Size": 2**30, "LastModified": datetime.now(UTC)}
            for n in range(self._stack.versions[Bucket])
        ]
        return {"Versions": versions}

    def get_object_lock_configuration(self, **_: Any) -> Any:
        retention = {"Mode": "GOVERNANCE", "Days": self._stack.lock_days}
        return {"ObjectLockConfiguration": {"Rule": {"DefaultRetention": retention}}}

    def delete_objects(self, Bucket: str, Delete: Any) -> Any:
        self._stack.commands.append(f"s3 empty {Bucket}")
        self._stack.versions[Bucket] -= len(Delete["Objects"])
        return {}
