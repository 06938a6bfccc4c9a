"""Checks of request bodies: first by the models of the official clients, then by the rules of the APIs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sandbox.wire.request_bodies.client_models import cloudflare_faults, datadog_faults, setting_type
from sandbox.wire.request_bodies.cloudflare import certificates, records, rulesets
from sandbox.wire.request_bodies.datadog import (
    aws_accounts,
    dashboards,
    logs_metrics,
    monitors,
    slos,
    synthetic_tests,
)
from sandbox.wire.values import Json


def _no_faults(_: Json) -> Iterator[str]:
    yield from ()


@dataclass(frozen=True)
class CloudflareBody:
    """The checks of a kind of body by Cloudflare's API."""

    model: str
    """The dotted path of the client's model, below `cloudflare.types`."""
    rules: Callable[[Json], Iterator[str]] = _no_faults
    """A function that yields the faults which the model lacks."""
    has_zone: bool = True
    """True if the model also has the zone of the path."""


@dataclass(frozen=True)
class DatadogBody:
    """The checks of a kind of body by Datadog's API."""

    model: str
    """The dotted path of the client's model for creations, below `datadog_api_client`."""
    update_model: str = ""
    """The model for updates, if it differs."""
    rules: Callable[[Json], Iterator[str]] = _no_faults
    """A function that yields the faults which the models lack."""


CLOUDFLARE: Mapping[str, CloudflareBody] = {
    "record": CloudflareBody("dns.record_create_params.RecordCreateParams", records.faults),
    "ruleset": CloudflareBody("rulesets.ruleset_create_params.RulesetCreateParams", rulesets.faults),
    "dnssec": CloudflareBody("dns.dnssec_edit_params.DNSSECEditParams"),
    "certificate": CloudflareBody(
        "origin_ca_certificates.OriginCACertificateCreateParams", certificates.faults, has_zone=False
    ),
}

DATADOG: Mapping[str, DatadogBody] = {
    "monitor": DatadogBody(
        "v1.model.monitor.Monitor",
        "v1.model.monitor_update_request.MonitorUpdateRequest",
        monitors.faults,
    ),
    "slo": DatadogBody(
        "v1.model.service_level_objective_request.ServiceLevelObjectiveRequest",
        "v1.model.service_level_objective.ServiceLevelObjective",
        slos.faults,
    ),
    "dashboard": DatadogBody("v1.model.dashboard.Dashboard", rules=dashboards.faults),
    "test": DatadogBody("v1.model.synthetics_api_test.SyntheticsAPITest", rules=synthetic_tests.faults),
    "logs_metric": DatadogBody(
        "v2.model.logs_metric_create_request.LogsMetricCreateRequest",
        "v2.model.logs_metric_update_request.LogsMetricUpdateRequest",
        logs_metrics.faults,
    ),
    "account": DatadogBody(
        "v2.model.aws_account_create_request.AWSAccountCreateRequest",
        "v2.model.aws_account_update_request.AWSAccountUpdateRequest",
        aws_accounts.faults,
    ),
}


def check(kind: str, sent: Json, whole: Json | None = None, *, update: bool = False) -> list[str]:
    """Return the faults of a request body; `kind` is a key of these tables, or "setting".

    A fault names the path and the allowed values, but never the value itself. `whole` is the resulting object
    if the body has only the changed part of the object.
    """
    if kind == "setting":
        value_type = setting_type(sent.get("id", ""))
        if value_type is None:
            return ["no such setting"]
        return list(cloudflare_faults(value_type, sent.get("value"), "/value"))
    if kind in DATADOG:
        body = DATADOG[kind]
        model = (update and body.update_model) or body.model
        faults = list(datadog_faults(model, sent))
    else:
        body = CLOUDFLARE[kind]
        path_parameters = {"zone_id": "-"} if body.has_zone else {}
        faults = list(cloudflare_faults(body.model, sent | path_parameters))
    return faults or list(body.rules(sent if whole is None else whole))
