"""Checks of SLOs (docs.datadoghq.com/api/latest/service-level-objectives)."""

from collections.abc import Iterator

from sandbox.wire.request_bodies.datadog.queries import query_faults
from sandbox.wire.request_bodies.parts import Part
from sandbox.wire.values import Json


def faults(slo: Json) -> Iterator[str]:
    """Yield the faults of an SLO."""
    whole = Part(slo)
    yield from _source_faults(whole)
    thresholds = whole["thresholds"]
    yield from thresholds.has_length(1)
    for threshold in thresholds.items:
        for name in ("target", "warning"):
            yield from threshold[name].within(0, 100, exclusive=True)
    for threshold in thresholds.items:
        members = threshold.members
        if members["target"] >= members.get("warning", 100):
            yield "thresholds: a warning must be greater than its target"
            break
    timeframes = [threshold["timeframe"].value for threshold in thresholds.items]
    if len({*timeframes}) < len(timeframes):
        yield "thresholds: a timeframe must not occur twice"
    for name, query in slo.get("query", {}).items():
        yield from query_faults(name, query)


def _source_faults(slo: Part) -> Iterator[str]:
    """Yield a fault for each source that the type needs and lacks, and for sources that exclude each other.

    The exclusions are from terraform-provider-datadog, datadog/resource_datadog_service_level_objective.go.
    """
    match slo["type"].value:
        case "metric":
            yield from slo.needs("query")
        case "monitor":
            yield from slo.needs("monitor_ids")
            yield from slo["monitor_ids"].has_length(1)
        case "time_slice":
            yield from slo.needs("sli_specification")
        case _:
            pass
    if slo["query"]:
        for name in ("monitor_ids", "groups", "sli_specification"):
            yield from slo[name].fault_if(slo[name], f"{name} cannot be used together with query")
    if slo["sli_specification"]:
        for name in ("monitor_ids", "groups"):
            yield from slo[name].fault_if(slo[name], f"{name} cannot be used together with sli_specification")
