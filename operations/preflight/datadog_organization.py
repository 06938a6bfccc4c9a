"""Questions to Datadog: the keys and their scopes, the channels to notify, and the monitors' data."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from datadog_api_client import ApiClient
from datadog_api_client.exceptions import ApiException
from datadog_api_client.v1.api.authentication_api import AuthenticationApi
from datadog_api_client.v1.api.dashboards_api import DashboardsApi
from datadog_api_client.v1.api.metrics_api import MetricsApi
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.api.pager_duty_integration_api import PagerDutyIntegrationApi
from datadog_api_client.v1.api.service_level_objectives_api import ServiceLevelObjectivesApi
from datadog_api_client.v1.api.slack_integration_api import SlackIntegrationApi
from datadog_api_client.v1.api.synthetics_api import SyntheticsApi
from datadog_api_client.v1.api.webhooks_integration_api import WebhooksIntegrationApi
from datadog_api_client.v2.api.key_management_api import KeyManagementApi
from datadog_api_client.v2.api.logs_metrics_api import LogsMetricsApi

from operations.lib.services import datadog
from operations.preflight.answers import Answer, NotAsked, Question, no, skipped, unknown, yes
from operations.preflight.subject import Subject
from operations.preflight.unanswered import DENIED, TOKENS

INTEGRATIONS = "give the application key the scope integrations_read, or look in Datadog (Integrations)"
SLACK, PAGERDUTY, WEBHOOK = "@slack-", "@pagerduty-", "@webhook-"
"""Prefixes of the handles that Datadog's API can look up (Datadog, monitor notifications)."""


@dataclass(frozen=True)
class Scope:
    """A read scope of the application key (docs/tokens.md), and a read-only request that needs it."""

    name: str
    request: Callable[[ApiClient], object]


def _query(api: ApiClient) -> object:
    now = int(time.time())
    return MetricsApi(api).query_metrics(now - 60, now, "avg:system.load.1{*}")


SCOPES = (
    Scope("monitors_read", lambda api: MonitorsApi(api).list_monitors(page_size=1, page=0)),
    Scope("dashboards_read", lambda api: DashboardsApi(api).list_dashboards(count=1)),
    Scope("slos_read", lambda api: ServiceLevelObjectivesApi(api).list_slos(limit=1)),
    Scope("synthetics_read", lambda api: SyntheticsApi(api).list_tests(page_size=1)),
    Scope("logs_read_config", lambda api: LogsMetricsApi(api).list_logs_metrics()),
    Scope("timeseries_query", _query),
)


def questions(subject: Subject) -> list[Question]:
    """Return the questions to Datadog."""
    return [
        Question("Datadog", "keys", "API key", lambda: ask_api_key(subject)),
        Question("Datadog", "keys", "application key", lambda: ask_application_key(subject)),
        Question("Datadog", "keys", "scope", lambda: ask_scopes(subject)),
        Question("Datadog", "notifications", "handle", lambda: ask_handles(subject)),
        Question("Datadog", "metrics", "metrics of the monitors", lambda: ask_metrics(subject)),
    ]


def _client(subject: Subject) -> ApiClient:
    """Return a client with the caller's keys; raise NotAsked without them."""
    missing = [name for name in datadog.KEYS if not os.environ.get(name)]
    if missing and not subject.is_sandbox:
        fix = f"set {' and '.join(missing)} ({TOKENS})"
        raise NotAsked(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set", fix)
    return datadog.client(subject.options)


def ask_api_key(subject: Subject) -> Answer:
    """Check the API key at the stack's site; other sites do not know it (Datadog API, Authentication)."""
    site = subject.settings.monitoring.site
    try:
        AuthenticationApi(_client(subject)).validate()
    except ApiException as error:
        if cast(Any, error).status not in DENIED:
            raise
        fix = "set DATADOG_API_KEY, or pipe:monitoring.site, if it is wrong"
        return no(f"{site} does not accept it", fix)
    return yes(f"valid for {site}")


def ask_application_key(subject: Subject) -> Answer:
    """Validate both keys together (Datadog API, "Validate API and application keys")."""
    try:
        KeyManagementApi(_client(subject)).validate_api_key()
    except ApiException as error:
        if cast(Any, error).status not in DENIED:
            raise
        return no(f"{subject.settings.monitoring.site} does not accept it", f"set DATADOG_APP_KEY ({TOKENS})")
    return yes(f"valid for {subject.settings.monitoring.site}")


def ask_scopes(subject: Subject) -> Iterator[Answer]:
    """Check each read scope of the application key with a request.

    Write scopes are not checked: Datadog has no request that only checks them, and the permission to list the
    scopes of one's own keys (`user_app_keys`) also allows creating keys.
    """
    api, granted = _client(subject), list[str]()
    for scope in SCOPES:
        try:
            scope.request(api)
        except ApiException as error:
            if cast(Any, error).status not in DENIED:
                raise
            yield no("the application key lacks it", f"add it to the key ({TOKENS})", part=scope.name)
            continue
        granted.append(scope.name)
    if granted:
        yield yes(f"the application key has {', '.join(granted)}")
    yield skipped("Datadog has no request that only checks them", part="for writing")


def ask_handles(subject: Subject) -> Iterator[Answer]:
    """Check that each channel that the monitors notify exists."""
    if subject.is_sandbox:
        yield skipped("a sandbox notifies nobody")
        return
    api, monitoring = _client(subject), subject.settings.monitoring
    for handle in dict.fromkeys((*monitoring.notify, *monitoring.page)):
        yield _ask_handle(api, handle)


def _ask_handle(api: ApiClient, handle: str) -> Answer:
    try:
        if handle.startswith(SLACK):
            return _ask_slack(api, handle)
        if handle.startswith(PAGERDUTY):
            service = handle.removeprefix(PAGERDUTY)
            exists = _exists(lambda: PagerDutyIntegrationApi(api).get_pager_duty_integration_service(service))
            return _answer(handle, exists, f"add the service {service} to the integration with PagerDuty")
        if handle.startswith(WEBHOOK):
            name = handle.removeprefix(WEBHOOK)
            exists = _exists(lambda: WebhooksIntegrationApi(api).get_webhooks_integration(name))
            return _answer(handle, exists, f"add the webhook {name} to the integration with webhooks")
    except ApiException as error:
        if cast(Any, error).status not in DENIED:
            raise
        return unknown("the application key may not read integrations", INTEGRATIONS, part=handle)
    if "@" in handle[1:]:
        return yes("an address, which needs no integration", part=handle)
    return unknown("Datadog's API cannot look it up", "look for it in a monitor's notifications", part=handle)


def _answer(handle: str, exists: bool, fix: str) -> Answer:
    return yes("exists", part=handle) if exists else no("does not exist", fix, part=handle)


def _exists(request: Callable[[], object]) -> bool:
    try:
        request()
    except ApiException as error:
        if cast(Any, error).status != 404:
            raise
        return False
    return True


def _ask_slack(api: ApiClient, handle: str) -> Answer:
    """Look for a channel in the workspace that the handle names: @slack-WORKSPACE-CHANNEL.

    Both names may contain hyphens. A handle may also omit the workspace, and Datadog's API does not list the
    workspaces (Datadog API, Slack integration).
    """
    parts, slack = handle.removeprefix(SLACK).split("-"), SlackIntegrationApi(api)
    known: list[str] = []
    for position in range(1, len(parts)):
        workspace, channel = "-".join(parts[:position]), "-".join(parts[position:])
        try:
            channels = cast(Any, slack.get_slack_integration_channels(workspace)).value
        except ApiException as error:
            if cast(Any, error).status != 404:
                raise
            continue
        known.append(workspace)
        if {str(entry.name).lstrip("#") for entry in channels} & {channel, "-".join(parts)}:
            return yes("exists", part=handle)
    if known:
        text = f"the workspace {' or '.join(known)} has no such channel"
        return no(text, "add the channel to the integration with Slack", part=handle)
    text = "Datadog has no workspace of this name, and its API does not list the workspaces"
    return unknown(text, "look for the channel in Datadog (Integrations, Slack)", part=handle)


def ask_metrics(subject: Subject) -> Iterator[Answer]:
    """Look for monitors without data in the last hour; skip a stack without monitors."""
    if subject.is_sandbox:
        yield skipped("nothing reports to a sandbox")
        return
    _client(subject)
    organization = datadog.Datadog(subject.options)
    monitors = organization.monitors()
    if not monitors:
        yield skipped("the stack has no monitors yet")
        return
    silent = organization.silent()
    for monitor, metrics in silent.items():
        text = f"{', '.join(metrics)} has not reported in the last hour"
        yield no(text, f"scripts/doctor.sh {subject.name}", part=monitor)
    if not silent:
        yield yes(f"the metrics of all {len(monitors)} monitors report")
