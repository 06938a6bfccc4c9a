"""moto 5.2 where it does not do what AWS does: what it forgets of a request, and faults of its own."""

import functools
import json
import re
import uuid
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

from sandbox.targets.aws_fault import Fault, Json

ACCOUNT = "123456789012"
"""moto's, and the one that AWS's own documentation uses."""


def mend() -> None:
    """Where moto 5.2 does what AWS does not: it loses a subnet group that is changed, stumbles over a bucket
    policy about everybody, and delivers logs at once, so that the bucket for them could never be deleted."""
    from moto.iam.models import IAMBackend
    from moto.rds.models import RDSBackend
    from moto.s3.models import FakeBucket, S3Backend

    iam: Any = IAMBackend
    policies: Any = iam._init_aws_policies

    bucket: Any = FakeBucket
    allowed: Any = bucket._log_permissions_enabled_policy

    def may_log(target_bucket: Any, target_prefix: str | None) -> bool:
        found: Json = json.loads(target_bucket.policy or b'{"Statement": []}')
        found["Statement"] = [one for one in found["Statement"] if isinstance(one.get("Principal"), dict)]
        names = {"name": target_bucket.name, "partition": target_bucket.partition}
        return bool(allowed(SimpleNamespace(**names, policy=json.dumps(found).encode()), target_prefix))

    bucket._log_permissions_enabled_policy = staticmethod(may_log)

    change: Any = RDSBackend.modify_db_subnet_group

    @functools.wraps(change)
    def kept(self: Any, subnet_name: str, *args: Any, **named: Any) -> Any:
        self.subnet_groups[subnet_name] = group = change(self, subnet_name, *args, **named)
        return group

    if not hasattr(change, "__wrapped__"):
        cast(Any, RDSBackend).modify_db_subnet_group = kept
    cast(Any, S3Backend).log_incoming_request = _nothing

    def policies_of_ours(self: Any) -> list[Any]:
        return policies(self) if self.partition == "aws" else []  # loading them takes a second for each

    iam._init_aws_policies = policies_of_ours


def _nothing(*_: Any) -> None: ...


def _backend(service: Any, region: str) -> Any:
    from moto.backends import get_backend

    return cast(Any, get_backend(service))[ACCOUNT][region]


def _group(region: str, params: Json) -> Any:
    return _backend("ec2", region).get_security_group_from_id(params["GroupId"])


def _clients(params: Json) -> list[str]:
    provider = _backend("iam", "aws").get_open_id_connect_provider(params["OpenIDConnectProviderArn"])
    return provider.client_id_list


def _set_log_key(region: str, params: Json) -> None:
    group = _backend("logs", region).groups.get(params.get("logGroupName"))
    if group is None:
        raise Fault("ResourceNotFoundException", "The specified log group does not exist.")
    group.kms_key_id = params.get("kmsKeyId")


def _describe_peers(region: str, params: Json, said: bytes) -> None:
    for peer in params["IpPermissions"][0].get("Groups", []):
        for ident in re.findall(rb"sgr-[0-9a-f]+", said):
            rule = _group(region, params).get_rule(ident.decode())
            rule.ip_range["Description"] = peer.get("Description")


def _change_peers(region: str, params: Json, said: bytes) -> None:
    for one in params["SecurityGroupRule"]:
        rule = _group(region, params).get_rule(one["SecurityGroupRuleId"])
        if peer := one["SecurityGroupRule"].get("ReferencedGroupId"):
            rule.source_group["GroupId"] = peer


def _add_client(region: str, params: Json) -> None:
    ids = _clients(params)
    ids.extend([params["ClientID"]] if params["ClientID"] not in ids else [])


def _remove_client(region: str, params: Json) -> None:
    ids = _clients(params)
    ids[:] = [one for one in ids if one != params["ClientID"]]


def _route_endpoint(region: str, params: Json, said: bytes) -> None:
    ec2, ident = _backend("ec2", region), params["VpcEndpointId"]
    prefix = ec2.vpc_end_points[ident].destination_prefix_list_id
    for table in params.get("AddRouteTableId", []):
        ec2.create_route(table, None, gateway_id=ident, destination_prefix_list_id=prefix)
    for table in params.get("RemoveRouteTableId", []):
        ec2.delete_route(table, prefix)


def _replication(region: str, params: Json) -> bytes:
    found = getattr(_backend("s3", "aws").buckets.get(params["Bucket"]), "replication", None)
    if not found:
        said = "The replication configuration was not found"
        raise Fault("ReplicationConfigurationNotFoundError", said, 404)
    import xmltodict

    return xmltodict.unparse({"ReplicationConfiguration": found}).encode()  # moto makes up parts of it


def _made_database(region: str, params: Json, said: bytes) -> bytes:
    _changed_database(region, params, said)
    database = _backend("rds", region).databases[params["DBInstanceIdentifier"]]
    same, database.dbi_resource_id = database.dbi_resource_id, f"db-{uuid.uuid4().hex[:26].upper()}"
    return said.replace(same.encode(), database.dbi_resource_id.encode())  # moto's is the same for all


def _changed_database(region: str, params: Json, said: bytes) -> None:
    database = _backend("rds", region).databases.get(params["DBInstanceIdentifier"])
    if "EnablePerformanceInsights" in params:
        database.performance_insights_enabled = params["EnablePerformanceInsights"] == "true"
    for name in ("KMSKeyId", "RetentionPeriod"):
        if value := params.get(f"PerformanceInsights{name}"):
            attribute = {"KMSKeyId": "kms_key_id"}.get(name, "retention_period")
            setattr(database, f"performance_insights_{attribute}", int(value) if value.isdigit() else value)


INSTEAD: Mapping[str, Callable[[str, Json], bytes | None]] = {
    "AssociateKmsKey": _set_log_key,
    "DisassociateKmsKey": _set_log_key,
    "AddClientIDToOpenIDConnectProvider": _add_client,
    "RemoveClientIDFromOpenIDConnectProvider": _remove_client,
    "GET replication": _replication,
}
"""By action, what is done in moto's place, in a region; it returns the answer's body, or nothing."""

AFTERWARDS: Mapping[str, Callable[[str, Json, bytes], bytes | None]] = {
    "AuthorizeSecurityGroupIngress": _describe_peers,
    "AuthorizeSecurityGroupEgress": _describe_peers,
    "ModifySecurityGroupRules": _change_peers,
    "ModifyVpcEndpoint": _route_endpoint,
    "CreateDBInstance": _made_database,
    "ModifyDBInstance": _changed_database,
}
"""By action, what is done after moto has answered; it returns another answer, or nothing."""
