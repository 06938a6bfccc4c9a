"""Charges of resources in the cluster, in Datadog and in Cloudflare."""

from collections.abc import Mapping

from review.cost import nodes
from review.cost.aws_charges import Charges, ChargesOf
from review.cost.charges import Charge, Context
from review.cost.price_table import HOURS
from review.plain_data import is_list, value_at
from review.stacks.resources import Resource

NODES = "nodes for these pods"
"""A price that no table has: that of nodes whose number or type is unknown."""

FACING_THE_INTERNET = 'metadata.annotations["service.beta.kubernetes.io/aws-load-balancer-scheme"]'


def _service(resource: Resource, context: Context) -> Charges:
    if value_at(resource.values, "spec.type") != "LoadBalancer":
        return
    units = context.usage.load_balancer_units
    yield Charge("load balancer", "network load balancer")
    yield Charge("load balancer's units", "load balancer capacity unit", units, ("load_balancer_units",))
    if value_at(resource.values, FACING_THE_INTERNET) == "internet-facing":
        zones = context.load_balancer_zones
        yield Charge("load balancer's addresses", "public IPv4 address", zones, detail="one in each zone")


def _pool(_resource: Resource, context: Context) -> Charges:
    pool, hours = context.nodes, context.usage.job_node_hours
    if pool is None:
        yield Charge("nodes", NODES)
        return
    instance, count = pool.instance, pool.count
    # A share of a month, since the price is for an hour, and a charge's quantity is a number of things.
    jobs = hours / HOURS
    yield Charge("nodes", f"instance {instance}", count, ("scaling",), f"{instance}: {pool.reason}")
    yield Charge("Auto Mode of nodes", f"Auto Mode {instance}", count, ("scaling",))
    yield Charge("disks of nodes", "disk of a node", count * pool.disk_gib, ("scaling",))
    yield Charge("nodes for jobs", f"instance {instance}", jobs, ("job_node_hours",), instance)
    yield Charge("Auto Mode of nodes for jobs", f"Auto Mode {instance}", jobs, ("job_node_hours",))


def _release(resource: Resource, context: Context) -> Charges:
    if resource.values.get("chart") != "datadog":
        yield Charge(f"chart {resource.values.get('chart')}", "another chart")
        return
    usage, values = context.usage, resource.values.get("values")
    is_unknown = context.nodes is None and context.count(nodes.POOL) > 0
    host, traced_host = (NODES, NODES) if is_unknown else ("Datadog host", "Datadog APM host")
    traced = context.nodes.count if context.nodes else int(is_unknown)
    yield Charge("Datadog: hosts", host, traced + usage.system_nodes, ("system_nodes",))
    if value_at(values, "datadog.apm.portEnabled") or value_at(values, "datadog.apm.socketEnabled"):
        yield Charge("Datadog: hosts with traces", traced_host, traced, detail="nodes of the API")
    if value_at(values, "datadog.logs.enabled"):
        gb, events = usage.datadog_log_gb, usage.datadog_log_events
        yield Charge("Datadog: logs", "Datadog log ingestion", gb, ("datadog_log_gb",))
        yield Charge("Datadog: kept log events", "Datadog log indexing", events, ("datadog_log_events",))
    yield Charge(
        "Datadog: custom metrics", "Datadog custom metrics", usage.datadog_metrics, ("datadog_metrics",)
    )


def _log_metric(_resource: Resource, _context: Context) -> Charges:
    # The metric is one of the custom metrics: docs.datadoghq.com/account_management/billing/custom_metrics/.
    yield Charge("Datadog: custom metric", "Datadog custom metrics", 0.0, ("datadog_metrics",))


def _test(resource: Resource, _context: Context) -> Charges:
    if resource.values.get("type") != "api":
        yield Charge("Datadog: test runs", "runs of another test type")
        return
    seconds = nodes.number(value_at(resource.values, "optionsList.tickEvery"))
    if not seconds:
        yield Charge("Datadog: test runs", "test runs at an unknown interval")
        return
    locations = resource.values.get("locations")
    count = len(locations) if is_list(locations) else 1
    runs = HOURS * 3600 / seconds * count / 1000
    yield Charge(
        "Datadog: test runs", "Datadog test runs", runs, detail=f"every {seconds:g} s from {count} places"
    )


def _zone_setting(resource: Resource, context: Context) -> Charges:
    """Yield the charge of the zone's plan once for each zone: the program does not declare the zone."""
    plan = context.usage.cloudflare_plan
    if plan != "free" and context.is_first(resource, "zoneId"):
        yield Charge("Cloudflare: plan of the zone", f"Cloudflare {plan}", assumes=("cloudflare_plan",))


SERVICE_CHARGES: Mapping[str, ChargesOf] = {
    "cloudflare:index/zoneSetting:ZoneSetting": _zone_setting,
    "datadog:index/logsMetric:LogsMetric": _log_metric,
    "datadog:index/syntheticsTest:SyntheticsTest": _test,
    "kubernetes:core/v1:Service": _service,
    nodes.RELEASE: _release,
    nodes.POOL: _pool,
}
"""Functions that yield the charges of a resource, by its type."""
