"""Destruction of the objects in a cluster, and of the load balancers that EKS created for them."""

from collections.abc import Sequence

from operations.lib.command_line import Options
from operations.lib.kubernetes import endpoint
from operations.lib.kubernetes.cluster import wait
from operations.lib.run_log import RunLog
from operations.lib.services import load_balancers
from operations.lib.stack_state import Resource
from operations.lib.teardown import plan, pulumi_destroy

GONE_SECONDS = 900.0
"""Seconds within which the load balancers and their network interfaces must be gone."""
GONE_EVERY = 10.0
"""Seconds between two checks that they are gone."""


def empty(
    log: RunLog, options: Options, cluster: str, resources: Sequence[Resource], caller: str | None
) -> None:
    """Destroy the objects in the cluster, and wait until EKS has deleted the load balancers of its Services.

    This comes before the deletion of the cluster: a load balancer that outlives its cluster keeps subnets and
    security groups in use (EKS user guide, Delete a cluster). `caller` is the address or block to which the
    cluster's endpoint is opened; None stands for the public address of this machine.
    """
    with log.step("the cluster accepts connections from here"):
        if endpoint.status(options, cluster):
            endpoint.reach(log, options, cluster, caller)
        else:
            log.skip(f"the cluster {cluster} does not exist, so its objects are only removed from the state")
            # Pulumi Kubernetes provider, deleteUnreachable.
            log.runner.variables["PULUMI_K8S_DELETE_UNREACHABLE"] = "true"
    with log.step("destroy the objects in the cluster"):
        for balancer in load_balancers.of_cluster(options, cluster):
            if options.dry_run:
                log.line(f"load balancer {balancer.address}")
            elif load_balancers.allow_deletion(options, balancer):
                log.line(f"the deletion protection of {balancer.address} is off")
        urns = [f"--target={urn}" for urn in plan.cluster_urns(resources)]
        pulumi_destroy.destroy(log, options, "--target-dependents", *urns)
    with log.step("load balancers and network interfaces are gone"):
        if options.dry_run:
            log.plan(f"would wait up to {GONE_SECONDS:.0f} s for the load balancers of {cluster}")
            return
        vpc = str((plan.find(resources, plan.VPC) or {}).get("id", ""))
        condition = f"the load balancers of {cluster} and their network interfaces are gone"
        wait(condition, lambda: not blockers(options, cluster, vpc), GONE_SECONDS, GONE_EVERY)


def blockers(options: Options, cluster: str, vpc: str) -> list[str]:
    """Return the cluster's load balancers and the network interfaces of load balancers in the VPC."""
    balancers = load_balancers.of_cluster(options, cluster)
    used = load_balancers.interfaces(options, vpc) if vpc else []
    return [*(balancer.address for balancer in balancers), *used]
