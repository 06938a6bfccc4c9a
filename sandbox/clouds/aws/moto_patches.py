"""moto 5.2 where it does not do what AWS does: what it forgets of a request, and faults of its own."""

import functools
import json
import uuid
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import xmltodict
from werkzeug.wrappers import Response

from sandbox.wire.aws_account import ACCOUNT
from sandbox.wire.values import Json


@functools.cache
def mend() -> None:
    """Have moto do what AWS does, where it does not.

    It loses a subnet group that is changed, gives every database the same id and no minor version, names two
    backups of a minute alike, shows no description of a rule about a group, stumbles over a bucket policy
    about everybody, takes every condition of one as met, so that nobody could read or write an object, and
    delivers logs at once, so that their bucket could never be deleted.
    """
    from moto.ec2.models.security_groups import SecurityGroupRule
    from moto.iam.models import IAMBackend
    from moto.rds.models import DBInstance, RDSBackend
    from moto.s3.models import FakeBucket, S3Backend

    classes: list[Any] = [FakeBucket, DBInstance, IAMBackend, RDSBackend, SecurityGroupRule, S3Backend]
    bucket, database, iam, rds, rule, s3 = classes
    allowed, policies = bucket._log_permissions_enabled_policy, iam._init_aws_policies
    permitted = bucket.get_permission
    begin, change, save = database.__init__, rds.modify_db_subnet_group, rds.create_auto_snapshot

    def may_log(target_bucket: Any, target_prefix: str | None) -> bool:
        found: Json = json.loads(target_bucket.policy or b'{"Statement": []}')
        found["Statement"] = [one for one in found["Statement"] if isinstance(one.get("Principal"), dict)]
        names = {"name": target_bucket.name, "partition": target_bucket.partition}
        return bool(allowed(SimpleNamespace(**names, policy=json.dumps(found).encode()), target_prefix))

    def made(self: Any, *args: Any, **named: Any) -> None:
        begin(self, *args, **named)
        self.dbi_resource_id = f"db-{uuid.uuid4().hex[:26].upper()}"
        # RDS chooses the minor version of a major one that it is asked for (RDS API, CreateDBInstance).
        self.engine_version = POSTGRES_MINOR.get(self.engine_version, self.engine_version)

    def kept(self: Any, subnet_name: str, *args: Any, **named: Any) -> Any:
        self.subnet_groups[subnet_name] = group = change(self, subnet_name, *args, **named)
        return group

    def saved(self: Any, database: str, name: str) -> Any:
        return save(self, database, f"{name}-{uuid.uuid4()}" if name in self.database_snapshots else name)

    def permission(self: Any, action: str, resource: str) -> Any:
        # Ours refuse plain HTTP, old TLS and headers: what of that holds here cannot be told from an action.
        policy: Json = json.loads(self.policy or b'{"Statement": []}')
        statements = [statement for statement in policy["Statement"] if "Condition" not in statement]
        rest = json.dumps(policy | {"Statement": statements}).encode()
        return permitted(SimpleNamespace(policy=rest), action, resource)

    def policies_of_ours(self: Any) -> list[Any]:
        return policies(self) if self.partition == "aws" else []  # loading them takes a second for each

    bucket._log_permissions_enabled_policy = staticmethod(may_log)
    database.__init__ = made
    rds.modify_db_subnet_group, rds.create_auto_snapshot = kept, saved
    rule.description = property(lambda self: (self.source_group | self.ip_range).get("Description"))
    s3.log_incoming_request = nothing
    bucket.get_permission = permission
    iam._init_aws_policies = policies_of_ours


def nothing(*_: Any) -> None: ...


def _backend(service: Any, region: str) -> Any:
    from moto.backends import get_backend

    return cast(Any, get_backend(service))[ACCOUNT][region]


def _set_log_key(region: str, params: Json) -> None:
    _backend("logs", region).groups[params["logGroupName"]].kms_key_id = params.get("kmsKeyId")


def _clients(params: Json) -> list[str]:
    provider = _backend("iam", "aws").get_open_id_connect_provider(params["OpenIDConnectProviderArn"])
    return provider.client_id_list


def _add_client(region: str, params: Json) -> None:
    ids = _clients(params)
    ids.extend([params["ClientID"]] if params["ClientID"] not in ids else [])


def _remove_client(region: str, params: Json) -> None:
    ids = _clients(params)
    ids[:] = [one for one in ids if one != params["ClientID"]]


def _replication(region: str, params: Json) -> Response:
    found = _backend("s3", "aws").buckets[params["Bucket"]].replication
    return Response(xmltodict.unparse({"ReplicationConfiguration": found}), mimetype="text/xml")


def _change_peers(region: str, params: Json) -> None:
    group = _backend("ec2", region).get_security_group_from_id(params["GroupId"])
    for one in params["SecurityGroupRules"]:
        rule, new = group.get_rule(one["SecurityGroupRuleId"]), one["SecurityGroupRule"]
        rule.source_group |= {"GroupId": new["ReferencedGroupId"]} if "ReferencedGroupId" in new else {}
        rule.ip_range |= {"CidrIpv6": new["CidrIpv6"]} if "CidrIpv6" in new else {}


def _route_endpoint(region: str, params: Json) -> None:
    ec2, ident = _backend("ec2", region), params["VpcEndpointId"]
    prefix = ec2.vpc_end_points[ident].destination_prefix_list_id
    for table in params.get("AddRouteTableIds", []):
        ec2.create_route(table, None, gateway_id=ident, destination_prefix_list_id=prefix)
    for table in params.get("RemoveRouteTableIds", []):
        ec2.delete_route(table, prefix)


def _keep(region: str, params: Json) -> None:
    name = params.get("NewDBInstanceIdentifier") or params["DBInstanceIdentifier"]
    database = _backend("rds", region).databases.get(name)
    for each in KEPT.keys() & params.keys():
        setattr(database, KEPT[each], params[each])


def _reset_parameters(region: str, params: Json) -> Json:
    group = _backend("rds", region).db_parameter_groups[params["DBParameterGroupName"]]
    for each in params.get("Parameters", []):
        group.parameters.pop(each["ParameterName"], None)
    return {"DBParameterGroupName": group.name}


POSTGRES_MINOR = {"15": "15.15", "16": "16.11", "17": "17.7", "18": "18.1"}
"""The minor version of PostgreSQL that RDS chooses, by the major one that a request names."""

KEPT = {
    "EngineLifecycleSupport": "engine_lifecycle_support",
    "DBPortNumber": "port",
    "EnablePerformanceInsights": "performance_insights_enabled",
    "PerformanceInsightsKMSKeyId": "performance_insights_kms_key_id",
    "PerformanceInsightsRetentionPeriod": "performance_insights_retention_period",
}
"""What moto forgets of a database that is made or changed, by its own attributes."""

INSTEAD: Mapping[str, Callable[[str, Json], Any]] = {
    "AssociateKmsKey": _set_log_key,
    "DisassociateKmsKey": _set_log_key,
    "AddClientIDToOpenIDConnectProvider": _add_client,
    "RemoveClientIDFromOpenIDConnectProvider": _remove_client,
    "GetBucketReplication": _replication,  # moto makes up parts of it
    "ResetDBParameterGroup": _reset_parameters,
}
"""By action, what is done in moto's place, in a region; it returns the answer, or nothing."""

AFTERWARDS: Mapping[str, Callable[[str, Json], None]] = {
    "ModifySecurityGroupRules": _change_peers,
    "ModifyVpcEndpoint": _route_endpoint,
    "CreateDBInstance": _keep,
    "ModifyDBInstance": _keep,
}
"""By action, what is done after moto has done it."""
