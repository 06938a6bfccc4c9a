"""Datadog's synthetic checks of the public address."""

from collections.abc import Mapping

import pulumi
import pulumi_datadog as datadog

from components.datadog.alert import PRIORITIES, number
from components.datadog.monitoring_context import MonitoringContext

RESPONSE_MILLISECONDS = 5000
"""Milliseconds after which the site check fails; a separate alert covers the API's response time."""

CERTIFICATE_CHECK_SECONDS = 3600
"""Seconds between two checks of the certificate."""


def declare_site_check(
    context: MonitoringContext, host: str, health_path: str, token: pulumi.Input[str]
) -> None:
    """Declare the check that the API answers at its public address, with 200 and within five seconds.

    `token` is the secret header value that identifies synthetic checks at the edge.
    """
    name = "SiteDown"
    _check(
        context,
        name,
        subtype="http",
        every=context.settings.synthetic_every_seconds,
        request={"method": "GET", "url": f"https://{host}{health_path}"},
        headers={context.naming.synthetic_header: pulumi.Output.secret(token)},
        assertions=[
            {"type": "statusCode", "operator": "is", "target": "200"},
            {"type": "responseTime", "operator": "lessThan", "target": str(RESPONSE_MILLISECONDS)},
        ],
        summary=f"https://{host} does not answer with status 200 within {RESPONSE_MILLISECONDS // 1000} s",
    )


def declare_tls_check(context: MonitoringContext, host: str) -> None:
    """Declare the check of the public certificate and of the oldest TLS version that the host accepts."""
    name = "WeakTls"
    days = number(context.settings.thresholds.certificate_days.critical)
    _check(
        context,
        name,
        subtype="ssl",
        every=CERTIFICATE_CHECK_SECONDS,
        request={"host": host, "port": "443"},
        assertions=[
            {"type": "minTlsVersion", "operator": "moreThanOrEqual", "target": "1.2"},
            {"type": "certificate", "operator": "isInMoreThan", "target": days},
        ],
        summary=f"{host} accepts TLS below 1.2, or its certificate is invalid or about to expire",
    )


def _check(
    context: MonitoringContext,
    name: str,
    *,
    subtype: str,
    every: int,
    request: "datadog.SyntheticsTestRequestDefinitionArgsDict",
    assertions: "list[datadog.SyntheticsTestAssertionArgsDict]",
    summary: str,
    headers: Mapping[str, pulumi.Input[str]] | None = None,
) -> None:
    """Declare a check with an interval of `every` seconds and with two retries, one second apart."""
    datadog.SyntheticsTest(
        name,
        name=context.title(name),
        type="api",
        subtype=subtype,
        status="live",
        message=context.message(name, summary, "critical", measured=False),
        tags=context.naming.datadog("severity:critical"),
        locations=context.settings.synthetic_locations,
        request_definition=request,
        request_headers=headers,
        assertions=list(assertions),
        options_list={
            "tick_every": every,
            "retry": {"count": 2, "interval": 1000},
            "monitor_options": {"renotify_interval": context.settings.renotify_minutes},
            "monitor_priority": PRIORITIES["critical"],
        },
        # The provider reads the headers back in plain text.
        opts=pulumi.ResourceOptions.merge(
            context.options, pulumi.ResourceOptions(additional_secret_outputs=["requestHeaders"])
        ),
    )
