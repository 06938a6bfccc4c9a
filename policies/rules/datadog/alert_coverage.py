"""Alert rules on whole stacks: required monitors, SLOs, and coverage of workloads."""

import re
from collections.abc import Iterator

from pulumi_policy import Severity

from policies.engine.patterns import STRING_LIST, patterns
from policies.engine.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Stack,
    Unknown,
    Verdict,
    Verdicts,
    disallowed,
)
from policies.engine.topics import ALERTS
from policies.model.checks import guarded
from policies.model.datadog_monitors import MONITOR, MONITOR_JSON, SLO, SYNTHETIC, is_named, monitor
from policies.model.kubernetes.pods import objects
from policies.model.property_values import UnknownValueError, Value

_TAG = re.compile(r"(?<![\w.-])[\w.-]+:[\w./-]+")
"""A tag in a query, such as kube_namespace:web. It starts at a word boundary, so that a search reads each
word once."""


def _watches(resource: Resource) -> tuple[Value, Value, Value]:
    """Return the name, tags and query of a monitor, or of the monitor that belongs to a synthetic test.

    A synthetic test has no query, so its assertions take the place of the query.
    """
    if resource.type == SYNTHETIC:
        own = resource.at("optionsList.monitorName")
        return resource["name"] if own.known and own.absent else own, resource["tags"], resource["assertions"]
    subject = monitor(resource)
    return subject.value["name"], subject.value["tags"], subject.query


def _measured(resource: Resource, query: Value) -> str:
    if resource.type != SYNTHETIC:
        return query.text() or ""
    kinds = [assertion["type"].text() or "" for assertion in query.items()]
    return " ".join((resource["subtype"].text() or "", *kinds))


@ALERTS.stack_rule(
    "alert-required-monitor-missing",
    about=(MONITOR, MONITOR_JSON, SYNTHETIC),
    severity=Severity.CRITICAL,
    controls=("Guide: alerts", "Guide: metrics"),
    remediation="Declare the monitor, or remove it from the list in the policy configuration of the stack.",
    options={
        "monitors": Option(
            default=[],
            schema={
                **STRING_LIST,
                "description": "Words; for each word, a monitor whose name contains it must exist.",
            },
        ),
        "tags": Option(
            default=[],
            schema={
                **STRING_LIST,
                "description": "Tags that each required monitor must have, such as env:prod.",
            },
        ),
        "measures": Option(
            default={
                "HighErrorRate": "err|5xx|fail",
                "HighProxyErrorRate": "err|5xx|fail",
                "HighResponseTime": "request|response|latency|duration",
                "HighCpu": "cpu",
                "HighMemory": "mem",
                "BackupLate": "backup|cronjob|snapshot",
                "CertificateExpiry": "cert|tls|ssl",
                "CrashLoopBackOff": "reason:crashloopbackoff",
                "ImagePullBackOff": "reason:imagepullbackoff",
                "OomKilled": "reason:oomkilled",
                "NodesUnavailable": r"kubernetes_state\.node",
            },
            schema={
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "By word, a regular expression that the query of the monitor must match.",
            },
            valid=lambda value: patterns(list(value.values())) is not None,
            wanted="regular expressions by word",
        ),
    },
)
def required_monitors(stack: Stack, options: Options) -> Verdicts:
    """Require every monitor that the policy configuration lists, with its tags and its metric."""
    resources = stack.of((MONITOR, MONITOR_JSON, SYNTHETIC))
    tags = {str(tag) for tag in options["tags"]}
    for word in options["monitors"]:
        pattern = options["measures"].get(word, "")
        answers = [answer for resource in resources for answer in _answers(resource, word, tags, pattern)]
        if None in answers:
            continue
        yield from (answer for answer in answers if answer is not None)
        if not answers:
            suffix = f" with the tags {', '.join(sorted(tags))}" if tags else ""
            yield Finding(
                f"monitor {word}", "missing", f"declare a datadog.Monitor whose name contains {word}{suffix}"
            )


def _answers(resource: Resource, word: str, tags: set[str], pattern: str) -> Iterator[Verdict | None]:
    """Yield None if this is the required monitor, or a verdict if it may be the required monitor."""
    try:
        name, monitor_tags, query = _watches(resource)
        if name.known and not is_named(name.text() or "", word):
            return
        if not (tags <= set(monitor_tags.texts()) and is_named(name.text() or "", word)):
            return
        if re.search(pattern, _measured(resource, query), re.IGNORECASE):
            yield None
        else:
            yield resource.attach(disallowed(query, f"let {word} measure something that matches {pattern}"))
    except UnknownValueError as unknown:
        yield Unknown(unknown.path, resource.urn)


@ALERTS.stack_rule(
    "alert-slo-missing",
    about=(SLO,),
    severity=Severity.HIGH,
    controls=("Datadog: SLO",),
    url="https://docs.datadoghq.com/service_management/service_level_objectives/",
    remediation="Declare a datadog.ServiceLevelObjective for the service.",
    options={
        "required": Option(
            default=False,
            schema={"type": "boolean", "description": "True if the stack must have an SLO."},
        ),
        "tags": Option(
            default=[],
            schema={**STRING_LIST, "description": "Tags that the SLO must have, such as service:api."},
        ),
    },
)
def slo(stack: Stack, options: Options) -> Verdicts:
    """Require a service level objective (SLO) if the policy configuration asks for one."""
    if not options["required"]:
        return
    tags = {str(tag) for tag in options["tags"]}
    unknown: list[Unknown] = []
    for resource in stack.of((SLO,)):
        try:
            if tags <= set(resource["tags"].texts()):
                return
        except UnknownValueError as fault:
            unknown.append(Unknown(fault.path, resource.urn))
    yield from unknown
    if not unknown:
        suffix = f" with the tags {', '.join(sorted(tags))}" if tags else ""
        yield Finding(
            "service level objective", "missing", f"declare a datadog.ServiceLevelObjective{suffix}"
        )


WATCHED = tuple(
    f"kubernetes:apps/v1:{kind}{variant}"
    for kind in ("Deployment", "StatefulSet")
    for variant in ("", "List")
)


@ALERTS.stack_rule(
    "alert-deployment-uncovered",
    about=WATCHED,
    severity=Severity.MEDIUM,
    controls=("Guide: metrics",),
    remediation=(
        "Let the query of a monitor name the workload (kube_deployment or kube_stateful_set), its namespace "
        "or its service."
    ),
)
def uncovered(stack: Stack, _: Options) -> Verdicts:
    """Require at least one monitor of the stack for every Deployment and StatefulSet."""
    query_tags: set[str] = set()
    unknown = ""
    for resource in stack.of((MONITOR, MONITOR_JSON)):
        try:
            query_tags.update(_TAG.findall(monitor(resource).query.text() or ""))
        except UnknownValueError as fault:
            unknown = f"{fault.path} of {resource.name}"
    for resource in stack.of(WATCHED):
        yield from guarded(_covered(resource, query_tags, unknown), resource.urn)


def _covered(resource: Resource, query_tags: set[str], unknown: str) -> Verdicts:
    for item in objects(resource):
        yield from guarded(_object(resource, item.value, query_tags, unknown), resource.urn)


def _object(resource: Resource, value: Value, query_tags: set[str], unknown: str) -> Verdicts:
    """Require a monitor for one object; `unknown` is the position of an unknown query that may cover it."""
    place, namespace = value.at("metadata.name"), value.at("metadata.namespace")
    label = value.at("metadata.labels")["tags.datadoghq.com/service"]
    own = _tags_of(place.text(), namespace.text())
    own += [f"service:{label.text()}"] if label.text() else []
    if query_tags & set(own):
        return
    if unknown:
        yield Unknown(unknown, resource.urn)
        return
    wanted = f"query name {own[0]}" if own else "query name it, once it has a name"
    if place.secret or namespace.secret or label.secret:
        wanted = "query name it"
    shown = f"{place.shown()}, which no monitor covers"
    yield Finding(place.path, shown, f"let a monitor's {wanted}", urn=resource.urn)


def _tags_of(name: str | None, namespace: str | None) -> list[str]:
    query_tags = (
        [f"kube_deployment:{name}", f"kube_stateful_set:{name}", f"kube_app_name:{name}"] if name else []
    )
    return [*query_tags, f"kube_namespace:{namespace}"] if namespace else query_tags
