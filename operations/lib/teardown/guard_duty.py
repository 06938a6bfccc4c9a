"""Deletion of the VPC endpoint and the security group that GuardDuty's runtime monitoring creates.

No stack's state contains them. GuardDuty deletes them only after runtime monitoring is disabled, and until
then AWS refuses to delete the VPC and the endpoint's subnets (GuardDuty user guide, Using infrastructure as
code with GuardDuty automated security agents).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.errors import FailedError
from operations.lib.kubernetes.cluster import wait
from operations.lib.run_log import RunLog
from operations.lib.stack_state import Resource
from operations.lib.teardown import plan, pulumi_destroy

TAG = "GuardDutyManaged"
"""Tag of both resources, with the value `true`.

Source: GuardDuty user guide, Disabling, uninstalling, and cleaning up resources in Runtime Monitoring.
"""
GONE_SECONDS = 900.0
"""Seconds within which the endpoint and its network interfaces must be gone."""
GONE_EVERY = 10.0
"""Seconds between two checks that they are gone."""


@dataclass(frozen=True, kw_only=True)
class Managed:
    """IDs of the resources of GuardDuty in a VPC."""

    endpoints: Sequence[str]
    groups: Sequence[str]

    def __str__(self) -> str:
        return ", ".join([*self.endpoints, *self.groups])


def delete(log: RunLog, options: Options, resources: Sequence[Resource]) -> None:
    """Destroy the cluster, then delete GuardDuty's resources in the stack's VPC; do nothing if it has none.

    The cluster comes first, because GuardDuty creates the endpoint in each VPC whose cluster it monitors.
    """
    vpc = plan.find(resources, plan.VPC)
    if not vpc:
        return
    api, vpc_id = sandbox_targets.aws(options, "ec2"), str(vpc["id"])
    managed = _managed(api, vpc_id)
    if not (managed.endpoints or managed.groups):
        return
    if cluster := plan.find(resources, plan.CLUSTER):
        with log.step("destroy the cluster, before GuardDuty's endpoint"):
            pulumi_destroy.destroy(log, options, "--target-dependents", f"--target={cluster['urn']}")
    with log.step("delete GuardDuty's endpoint and its security group"):
        if options.dry_run:
            log.plan(f"would delete {managed}")
            return
        _delete(api, vpc_id)
        log.line(f"deleted: {managed}")


def _managed(api: Any, vpc: str) -> Managed:
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": f"tag:{TAG}", "Values": ["true"]}]
    endpoints = _pages(api, "describe_vpc_endpoints", "VpcEndpoints", filters)
    groups = _pages(api, "describe_security_groups", "SecurityGroups", filters)
    return Managed(
        endpoints=[entry["VpcEndpointId"] for entry in endpoints if entry["State"].lower() != "deleted"],
        groups=[entry["GroupId"] for entry in groups],
    )


def _delete(api: Any, vpc: str) -> None:
    """Delete the endpoint, wait until its network interfaces are gone, and delete the security group."""
    managed = _managed(api, vpc)
    if managed.endpoints:
        failures = api.delete_vpc_endpoints(VpcEndpointIds=list(managed.endpoints))["Unsuccessful"]
        if failures:
            reasons = [f"{failure['ResourceId']}: {failure['Error']['Message']}" for failure in failures]
            raise FailedError(f"EC2 does not delete GuardDuty's endpoint: {', '.join(reasons)}")
    condition = f"{managed} and the network interfaces are gone"
    wait(condition, lambda: not _is_used(api, vpc, managed.groups), GONE_SECONDS, GONE_EVERY)
    for group in managed.groups:
        api.delete_security_group(GroupId=group)


def _is_used(api: Any, vpc: str, groups: Sequence[str]) -> bool:
    """Return True while the VPC has GuardDuty's endpoint, or a network interface has one of the groups."""
    if _managed(api, vpc).endpoints:
        return True
    if not groups:
        return False
    filters = [{"Name": "group-id", "Values": list(groups)}]
    return bool(_pages(api, "describe_network_interfaces", "NetworkInterfaces", filters))


def _pages(api: Any, operation: str, member: str, filters: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    pages = api.get_paginator(operation).paginate(Filters=list(filters))
    return [entry for page in pages for entry in page[member]]
