"""Alert rules of a whole stack: nothing that must be watched is unwatched."""

import re

from pulumi_policy import Severity

from policies.datadog import MONITOR, MONITOR_JSON, SYNTHETIC, monitor
from policies.pods import objects
from policies.rule import Finding, Option, Options, Resource, Stack, Unknown, Verdicts
from policies.rules.alert_queries import is_named
from policies.rules.alerts import ALERTS, LIST
from policies.rules.checks import guarded
from policies.unknowns import UnknownValueError

_WORD = re.compile(r"[\w.-]+:[\w./-]+")
"""A tag in a query: kube_namespace:web."""

SLO = "datadog:index/serviceLevelObjective:ServiceLevelObjective"


def _texts(resource: Resource) -> tuple[str, list[str]]:
    """The name and tags of a monitor, or of the one that a synthetic test brings along."""
    if resource.type == SYNTHETIC:
        own = resource.at("optionsList.monitorName")
        name = own.text() or resource["name"].text() or ""
        return name, resource["tags"].texts()
    found = monitor(resource)
    return found.value["name"].text() or "", found.tags


@ALERTS.stack_rule(
    "alert-required-monitor-missing",
    severity=Severity.CRITICAL,
    controls=("Guide: alerts", "Guide: metrics"),
    remediation="Declare the monitor, or take it off the list in the policy configuration of the stack.",
    options={
        "monitors": Option(
            default=[],
            schema={
                **LIST,
                "description": "Words, one of which is in the name of each monitor that must exist.",
            },
        ),
        "tags": Option(
            default=[], schema={**LIST, "description": "Tags that a required monitor has, such as env:prod."}
        ),
    },
)
def required_monitors(stack: Stack, options: Options) -> Verdicts:
    """Every monitor that the stack's policy configuration lists exists, with the stack's tags."""
    known: list[tuple[str, list[str]]] = []
    for resource in stack.of((MONITOR, MONITOR_JSON, SYNTHETIC)):
        try:
            known.append(_texts(resource))
        except UnknownValueError as unknown:
            yield Unknown(unknown.path, resource.urn)
    tags = {str(tag) for tag in options["tags"]}
    suffix = f" with the tags {', '.join(sorted(tags))}" if tags else ""
    for word in options["monitors"]:
        if not any(is_named(name, word) and tags <= set(given) for name, given in known):
            yield Finding(
                f"monitor {word}", "missing", f"declare a datadog.Monitor whose name has {word}{suffix}"
            )


@ALERTS.stack_rule(
    "alert-slo-missing",
    severity=Severity.HIGH,
    controls=("Datadog: SLO",),
    url="https://docs.datadoghq.com/service_management/service_level_objectives/",
    remediation="Declare a datadog.ServiceLevelObjective for the service.",
    options={
        "required": Option(
            default=False,
            schema={"type": "boolean", "description": "Whether the stack has to have an objective."},
        )
    },
)
def slo(stack: Stack, options: Options) -> Verdicts:
    """A stack whose policy configuration asks for it has a service level objective."""
    if options["required"] and not stack.of((SLO,)):
        yield Finding("service level objective", "missing", "declare a datadog.ServiceLevelObjective")


WATCHED = ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet")


@ALERTS.stack_rule(
    "alert-deployment-uncovered",
    about=WATCHED,
    severity=Severity.MEDIUM,
    controls=("Guide: metrics",),
    remediation=(
        "Let the query of a monitor name the Deployment (kube_deployment), its namespace or its service."
    ),
)
def uncovered(stack: Stack, _: Options) -> Verdicts:
    """Every Deployment is covered by at least one monitor of the stack."""
    monitors = stack.of((MONITOR, MONITOR_JSON))
    if not monitors:
        return  # a program that watches nothing is judged by its list of required monitors
    words: set[str] = set()
    unknown: list[Unknown] = []
    for resource in monitors:
        try:
            words.update(_WORD.findall(monitor(resource).query.text() or ""))
        except UnknownValueError as fault:
            unknown.append(Unknown(fault.path, resource.urn))
    for resource in stack.of(WATCHED):
        yield from guarded(_covered(resource, words, unknown), resource.urn)


def _covered(resource: Resource, words: set[str], unknown: list[Unknown]) -> Verdicts:
    for item in objects(resource):
        place, namespace = item.value.at("metadata.name"), item.value.at("metadata.namespace")
        own = _words(place.text(), namespace.text())
        label = item.value.at("metadata.labels")["tags.datadoghq.com/service"].text()
        own += [f"service:{label}"] if label else []
        if words & set(own):
            continue
        yield from unknown
        if not unknown:
            wanted = f"query name {own[0]}" if own else "query name it, once it has a name"
            if place.secret or namespace.secret:
                wanted = "query name it"
            shown = f"{place.shown()}, which no monitor covers"
            yield Finding(place.path, shown, f"let a monitor's {wanted}", urn=resource.urn)


def _words(name: str | None, namespace: str | None) -> list[str]:
    words = [f"kube_deployment:{name}", f"kube_stateful_set:{name}", f"kube_app_name:{name}"] if name else []
    return [*words, f"kube_namespace:{namespace}"] if namespace else words
