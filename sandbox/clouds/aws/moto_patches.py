"""Patches for differences between moto 5.2 and AWS: request members that moto ignores, and moto's bugs."""

import functools
import json
import os
import re
import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import xmltodict
from werkzeug.wrappers import Response

from sandbox.clouds.aws import databases, service_quotas
from sandbox.clouds.aws.databases import POSTGRES_MINOR
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

ACCOUNT_VARIABLE = "MOTO_ACCOUNT_ID"
"""moto's environment variable for the ID of the account (getmoto/moto, docs/docs/multi_account.rst)."""

DATABASE_CLASSES = r"db\.(t4g\.(micro|small|medium|large|x?large|2xlarge)|[mr][67]g\.(\d*x)?large)"
"""Pattern of the instance classes that RDS offers for PostgreSQL (RDS user guide, supported DB engines)."""

DATABASE_CAPABILITIES = (
    "MultiAZCapable",
    "SupportsStorageEncryption",
    "SupportsStorageAutoscaling",
    "SupportsEnhancedMonitoring",
    "SupportsPerformanceInsights",
)
"""Capabilities of these instance classes in RDS's response."""

DATABASE_AUTHORITIES = {"rds-ca-rsa2048-g1": 2061, "rds-ca-rsa4096-g1": 2121, "rds-ca-ecc384-g1": 2121}
"""The year in which each certificate authority expires (RDS user guide, certificate authorities)."""

DATABASE_ATTRIBUTES = {
    "EngineLifecycleSupport": "engine_lifecycle_support",
    "DBPortNumber": "port",
    "EnablePerformanceInsights": "performance_insights_enabled",
    "PerformanceInsightsKMSKeyId": "performance_insights_kms_key_id",
    "PerformanceInsightsRetentionPeriod": "performance_insights_retention_period",
}
"""The attribute in moto for each database parameter that moto ignores."""


@functools.cache
def apply_patches() -> None:
    """Patch moto where it differs from AWS. Without the patches, moto:

    - applies all changes of databases at once (databases.py)
    - loses a subnet group when it is modified
    - gives every database the same ID, and no minor version
    - gives every managed master user the same name and password, and loses the password in a rotation
    - gives VPC endpoints names that AWS does not use
    - gives two backups that are taken in the same minute the same name
    - omits the description of a security group rule that refers to a group
    - fails on a bucket policy that applies to every principal
    - treats every condition in a bucket policy as met, so that nobody can read or write an object
    - ignores the deletion of a trail by its ARN
    - changes the form of a topic's policy
    - loads the managed policies of every partition, which takes one second per partition
    """
    _patch_buckets()
    _patch_databases()
    databases.apply_patches()
    _patch_endpoints()
    _patch_managed_policies()
    _patch_master_passwords()
    _patch_security_group_rules()
    _patch_topics()
    _patch_trails()


def _patch_buckets() -> None:
    from moto.s3.models import FakeBucket

    bucket: Any = FakeBucket
    log_permissions_enabled, get_permission = bucket._log_permissions_enabled_policy, bucket.get_permission

    def log_permissions_enabled_without_everyone(target_bucket: Any, target_prefix: str | None) -> bool:
        policy: Json = json.loads(target_bucket.policy or b'{"Statement": []}')
        policy["Statement"] = [
            statement for statement in policy["Statement"] if isinstance(statement.get("Principal"), dict)
        ]
        copy = SimpleNamespace(
            name=target_bucket.name,
            partition=target_bucket.partition,
            policy=json.dumps(policy).encode(),
        )
        return bool(log_permissions_enabled(copy, target_prefix))

    def get_unconditional_permission(self: Any, action: str, resource: str) -> Any:
        # The program's conditions concern plain HTTP, old TLS and headers, which are not known here.
        policy: Json = json.loads(self.policy or b'{"Statement": []}')
        statements = [statement for statement in policy["Statement"] if "Condition" not in statement]
        content = json.dumps(policy | {"Statement": statements}).encode()
        return get_permission(SimpleNamespace(policy=content), action, resource)

    bucket._log_permissions_enabled_policy = staticmethod(log_permissions_enabled_without_everyone)
    bucket.get_permission = get_unconditional_permission


def _patch_databases() -> None:
    from moto.rds.models import DBInstance, RDSBackend

    database: Any = DBInstance
    backend: Any = RDSBackend
    initialize = database.__init__
    modify_subnet_group, create_snapshot = backend.modify_db_subnet_group, backend.create_auto_snapshot

    def initialize_with_id(self: Any, *args: Any, **kwargs: Any) -> None:
        initialize(self, *args, **kwargs)
        self.dbi_resource_id = f"db-{uuid.uuid4().hex[:26].upper()}"
        # RDS chooses the minor version if the request has only the major one (RDS API, CreateDBInstance).
        self.engine_version = POSTGRES_MINOR.get(self.engine_version, self.engine_version)
        if self.db_cluster_identifier is None and not self.option_group_supplied:
            self.option_group_name = f"default:{self.engine}-{str(self.engine_version).partition('.')[0]}"

    def modify_and_store_subnet_group(self: Any, subnet_name: str, *args: Any, **kwargs: Any) -> Any:
        group = modify_subnet_group(self, subnet_name, *args, **kwargs)
        self.subnet_groups[subnet_name] = group
        return group

    def create_snapshot_with_unique_name(self: Any, database: str, name: str) -> Any:
        unique_name = f"{name}-{uuid.uuid4()}" if name in self.database_snapshots else name
        return create_snapshot(self, database, unique_name)

    database.__init__ = initialize_with_id
    backend.modify_db_subnet_group = modify_and_store_subnet_group
    backend.create_auto_snapshot = create_snapshot_with_unique_name


def _patch_endpoints() -> None:
    from moto.ec2.models import vpcs

    module: Any = vpcs
    create_entry = module.create_dns_entries

    def create_regional_entry(service_name: str, endpoint_id: str) -> dict[str, str]:
        # com.amazonaws.<region>.<service> becomes <service>.<region>.vpce.amazonaws.com (AWS PrivateLink,
        # interface endpoint DNS hostnames).
        entry = create_entry(service_name, endpoint_id)
        _, _, region, service = service_name.split(".", 3)
        own_label = entry["dns_name"].partition(".")[0]
        return entry | {"dns_name": f"{own_label}.{service}.{region}.vpce.amazonaws.com"}

    module.create_dns_entries = create_regional_entry


def _patch_master_passwords() -> None:
    from moto.rds.models import MasterUserSecret

    secret: Any = MasterUserSecret
    initialize = secret.__init__

    def initialize_active(self: Any, *args: Any, **kwargs: Any) -> None:
        initialize(self, *args, **kwargs)
        # A database becomes available when its secret exists.
        self._status = "active"

    def generate(self: Any) -> str:
        return json.dumps({"username": self.resource.master_username, "password": _master_password()})

    def rotate(self: Any) -> None:
        self._status = "rotating"
        self.secretsmanager.put_secret_value(
            self.secret.arn, generate(self), None, str(uuid.uuid4()), ["AWSCURRENT"]
        )

    secret.__init__ = initialize_active
    secret._generate_secret_string = generate
    secret.rotate_secret = rotate


def _master_password() -> str:
    """Return a password like those that RDS makes.

    It has 28 characters with at least one lower-case letter, one upper-case letter, one digit and one
    punctuation mark (Aurora user guide, rotating the master user password secret).
    """
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!#$%&()*+-.:;<=>?[]^_{|}~")
    while True:
        password = "".join(secrets.choice("".join(kinds)) for _ in range(28))
        if all(set(kind) & set(password) for kind in kinds):
            return password


def _patch_managed_policies() -> None:
    from moto.iam.models import IAMBackend

    backend: Any = IAMBackend
    load = backend._init_aws_policies

    def load_for_main_partition(self: Any) -> list[Any]:
        return load(self) if self.partition == "aws" else []

    backend._init_aws_policies = load_for_main_partition


def _patch_security_group_rules() -> None:
    from moto.ec2.models.security_groups import SecurityGroupRule

    rule: Any = SecurityGroupRule

    def description(self: Any) -> str | None:
        return (self.source_group | self.ip_range).get("Description")

    rule.description = property(description)


def _patch_trails() -> None:
    from moto.cloudtrail.models import CloudTrailBackend

    backend: Any = CloudTrailBackend
    delete = backend.delete_trail

    def delete_by_name_or_arn(self: Any, name: str) -> None:
        delete(self, self.get_trail(name).trail_name)

    backend.delete_trail = delete_by_name_or_arn


def _patch_topics() -> None:
    from moto.sns.models import Topic

    topic: Any = Topic
    parsed = topic.policy

    def policy_text(self: Any) -> str:
        return getattr(self, "policy_text", None) or parsed.fget(self)

    def set_policy(self: Any, policy: str) -> None:
        parsed.fset(self, policy)
        self.policy_text = policy

    topic.policy = property(policy_text, set_policy)


def _backend(service: Any, region: str) -> Any:
    from moto.backends import get_backend

    return cast(Any, get_backend(service))[os.environ[ACCOUNT_VARIABLE]][region]


def _set_log_key(region: str, params: Json) -> None:
    _backend("logs", region).groups[params["logGroupName"]].kms_key_id = params.get("kmsKeyId")


def _client_ids(params: Json) -> list[str]:
    """Return the list in which moto stores the client IDs of an OpenID Connect provider."""
    provider = _backend("iam", "aws").get_open_id_connect_provider(params["OpenIDConnectProviderArn"])
    return provider.client_id_list


def _add_client_id(region: str, params: Json) -> None:
    client_ids = _client_ids(params)
    if params["ClientID"] not in client_ids:
        client_ids.append(params["ClientID"])


def _remove_client_id(region: str, params: Json) -> None:
    client_ids = _client_ids(params)
    client_ids[:] = [client_id for client_id in client_ids if client_id != params["ClientID"]]


def _get_replication(region: str, params: Json) -> Response:
    replication = _backend("s3", "aws").buckets[params["Bucket"]].replication
    return Response(xmltodict.unparse({"ReplicationConfiguration": replication}), mimetype="text/xml")


def _change_peers(region: str, params: Json) -> None:
    """Change the group and the IPv6 block to which security group rules refer."""
    group = _backend("ec2", region).get_security_group_from_id(params["GroupId"])
    for update in params["SecurityGroupRules"]:
        rule, new = group.get_rule(update["SecurityGroupRuleId"]), update["SecurityGroupRule"]
        if "ReferencedGroupId" in new:
            rule.source_group |= {"GroupId": new["ReferencedGroupId"]}
        if "CidrIpv6" in new:
            rule.ip_range |= {"CidrIpv6": new["CidrIpv6"]}


def _route_endpoint(region: str, params: Json) -> None:
    """Add and remove routes to a gateway endpoint when its route tables change."""
    ec2, endpoint_id = _backend("ec2", region), params["VpcEndpointId"]
    prefix_list = ec2.vpc_end_points[endpoint_id].destination_prefix_list_id
    for table in params.get("AddRouteTableIds", []):
        ec2.create_route(table, None, gateway_id=endpoint_id, destination_prefix_list_id=prefix_list)
    for table in params.get("RemoveRouteTableIds", []):
        ec2.delete_route(table, prefix_list)


def _set_database_attributes(region: str, params: Json) -> None:
    names = ("TargetDBInstanceIdentifier", "NewDBInstanceIdentifier", "DBInstanceIdentifier")
    existing = _backend("rds", region).databases
    # A rename that waits for the maintenance window leaves the old name.
    database = next(existing[params[name]] for name in names if name in params and params[name] in existing)
    for parameter, attribute in DATABASE_ATTRIBUTES.items():
        if parameter in params:
            setattr(database, attribute, params[parameter])


def _end_dry_run(region: str, params: Json) -> None:
    """Raise ErrorResponse for a dry run that would succeed (KMS developer guide, testing your"
    " permissions)."""
    if params.get("DryRun"):
        message = "The request would have succeeded, but the DryRun option is set."
        raise ErrorResponse(412, message, "DryRunOperationException")


def _reset_parameters(region: str, params: Json) -> Json:
    group = _backend("rds", region).db_parameter_groups[params["DBParameterGroupName"]]
    for parameter in params.get("Parameters", []):
        removed = group.parameters.pop(parameter["ParameterName"], None)
        if removed and parameter.get("ApplyMethod") == "pending-reboot":
            databases.mark_pending(_backend("rds", region), group.name)
    return {"DBParameterGroupName": group.name}


def _database_offers(region: str, params: Json) -> Json:
    """Return RDS's offer of an instance class with gp3 storage, in the zones of the region."""
    zones = _backend("ec2", region).describe_availability_zones()
    is_offered = params.get("EngineVersion") in POSTGRES_MINOR.values() and re.fullmatch(
        DATABASE_CLASSES, params.get("DBInstanceClass", "")
    )
    offer: Json = {
        "Engine": "postgres",
        "EngineVersion": params.get("EngineVersion"),
        "DBInstanceClass": params.get("DBInstanceClass"),
        "StorageType": "gp3",
        "AvailabilityZones": [{"Name": zone.name} for zone in zones],
        "MinStorageSize": 20,
        "MaxStorageSize": 65536,
        "Vpc": True,
        **dict.fromkeys(DATABASE_CAPABILITIES, True),
    }
    return {"OrderableDBInstanceOptions": [offer] if is_offered else []}


def _database_authorities(region: str, params: Json) -> Json:
    name = params.get("CertificateIdentifier", "")
    authorities = [
        {
            "CertificateIdentifier": identifier,
            "CertificateType": "CA",
            "ValidFrom": datetime(2021, 5, 25, tzinfo=UTC),
            "ValidTill": datetime(year, 5, 25, tzinfo=UTC),
        }
        for identifier, year in DATABASE_AUTHORITIES.items()
        if name in ("", identifier)
    ]
    if not authorities:
        raise ErrorResponse(404, f"CA certificate {name} is not found.", "CertificateNotFound")
    return {"Certificates": authorities}


def _describe_maintenance(region: str, params: Json) -> Json:
    return databases.describe_maintenance(_backend("rds", region), params)


def _apply_maintenance(region: str, params: Json) -> Json:
    return databases.apply_maintenance(_backend("rds", region), params)


def _describe_engine_versions(region: str, params: Json) -> Json:
    return databases.engine_versions(params)


REPLACED_ACTIONS: Mapping[str, Callable[[str, Json], Any]] = {
    "AssociateKmsKey": _set_log_key,
    "DisassociateKmsKey": _set_log_key,
    "AddClientIDToOpenIDConnectProvider": _add_client_id,
    "RemoveClientIDFromOpenIDConnectProvider": _remove_client_id,
    "GetBucketReplication": _get_replication,  # moto invents parts of the response.
    "ResetDBParameterGroup": _reset_parameters,
    "DescribeOrderableDBInstanceOptions": _database_offers,
    "DescribeCertificates": _database_authorities,
    "GetServiceQuota": service_quotas.get_applied,
    "GetAWSDefaultServiceQuota": service_quotas.get_default,
    "ApplyPendingMaintenanceAction": _apply_maintenance,
    "DescribeDBEngineVersions": _describe_engine_versions,
    "DescribePendingMaintenanceActions": _describe_maintenance,
}
"""Functions that handle an action in place of moto.

Each takes the region and the parameters, and returns the response. None stands for an empty response.
"""

COMPLETED_ACTIONS: Mapping[str, Callable[[str, Json], None]] = {
    "ModifySecurityGroupRules": _change_peers,
    "ModifyVpcEndpoint": _route_endpoint,
    "Decrypt": _end_dry_run,
    "CreateDBInstance": _set_database_attributes,
    "ModifyDBInstance": _set_database_attributes,
    "RestoreDBInstanceFromDBSnapshot": _set_database_attributes,
    "RestoreDBInstanceToPointInTime": _set_database_attributes,
}
"""Functions that complete an action after moto has handled it; each takes the region and the parameters."""
