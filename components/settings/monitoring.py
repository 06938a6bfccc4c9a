"""Settings of Datadog."""

from typing import Annotated, Literal

from pydantic import Field

from components.settings.types import Distinct, Metric, Model, entries, string


class Threshold(Model):
    """Where a monitor warns and where it alerts: above the value, unless its key says below."""

    metric: Metric
    """What is measured, as Datadog names it."""
    warning: Annotated[float, Field(ge=0, examples=[1])]
    """Where a person should look at it."""
    critical: Annotated[float, Field(ge=0, examples=[2])]
    """Where a person is called."""


class Share(Threshold):
    """A Threshold in percent."""

    warning: Annotated[float, Field(gt=0, le=100, examples=[80])]
    """Where a person should look at it, in percent."""
    critical: Annotated[float, Field(gt=0, le=100, examples=[90])]
    """Where a person is called, in percent."""


class RequestShare(Model):
    """A share of requests, of which a quiet minute has too few to judge by."""

    warning: Annotated[float, Field(gt=0, lt=1, examples=[0.005])]
    """Where a person should look at it, as a share."""
    critical: Annotated[float, Field(gt=0, lt=1, examples=[0.01])]
    """A share: 0.01 is one request in a hundred."""
    minimum_requests_per_minute: Annotated[int, Field(ge=1, examples=[100])]
    """The traffic floor: a minute with fewer requests is judged as if it had this many. One failed request at
    night is no alert then, and an outage still is."""


class ErrorRate(RequestShare):
    """HighErrorRate: errors over hits."""

    errors_metric: Annotated[Metric, Field(examples=["trace.express.request.errors"])]
    """Requests that failed, as Datadog names them."""
    hits_metric: Annotated[Metric, Field(examples=["trace.express.request.hits"])]
    """All requests, as Datadog names them."""


class Thresholds(Model):
    """One entry a monitor."""

    error_rate: ErrorRate
    """Requests to the API that fail, by its own traces; probes are left out."""
    proxy_error_rate: RequestShare
    """Requests that the TLS proxy answers with a status of 500 or above, by its own log."""
    response_time_seconds: Threshold
    """95th percentile, in seconds; the metric is a distribution (APM's, without a suffix)."""
    cpu_percent: Share
    """Use of the pods' CPU limit, in percent; the metric is the use in nanocores."""
    memory_percent: Share
    """Use of the pods' memory limit, in percent; the metric is the use in bytes, without page cache."""
    restarts: Threshold
    """Container restarts in ten minutes; the metric counts all restarts."""
    unavailable_replicas: Threshold
    """Replicas missing for ten minutes."""
    backup_age_hours: Threshold
    """Hours since the last backup that succeeded; the metric is in seconds."""
    certificate_days: Threshold
    """Days until the visitors' certificate expires, which Cloudflare renews 30 days before; alerts below."""
    origin_certificate_days: Threshold
    """Days until the origin's certificate expires, which people renew; alerts below."""
    node_cpu_percent: Share
    """CPU use of a node, in percent; the metric is the idle percentage."""
    node_memory_percent: Share
    """Memory use of a node, in percent; the metric is the usable share, from 0 to 1."""
    database_cpu_percent: Share
    database_free_storage_gib: Threshold
    """Free storage in GiB; alerts below; the metric is in bytes."""
    database_connections: Threshold


class Slo(Model):
    """The availability objective."""

    target_percent: Annotated[float, Field(gt=50, lt=100, examples=[99.9])]
    """Share of requests that succeed, in percent."""
    warning_percent: Annotated[float, Field(gt=50, lt=100, examples=[99.95])]
    """Where the objective is at risk, in percent; above the target (Datadog)."""
    timeframe: Literal["7d", "30d", "90d"]
    """Over which time it is counted."""
    burn_rate_critical: Annotated[float, Field(gt=1, le=14.4, examples=[14.4])]
    """How many times faster than allowed the error budget may burn (14.4 for an hour is 2% of 30 days)."""


class Agent(Model):
    """The Datadog agent in the cluster."""

    enabled: bool
    """Off where the chart repository cannot be reached."""
    chart_version: Annotated[
        str, string(r"^[0-9]+\.[0-9]+\.[0-9]+$", "a chart version, such as 3.273.1", "3.273.1")
    ]
    """Version of the Helm chart datadog/datadog."""


class Monitoring(Model):
    """Everything in Datadog."""

    site: Literal[
        "datadoghq.com",
        "us3.datadoghq.com",
        "us5.datadoghq.com",
        "datadoghq.eu",
        "ap1.datadoghq.com",
        "ap2.datadoghq.com",
    ]
    """The Datadog site that holds the account."""
    agent: Agent
    notify: Annotated[
        list[
            Annotated[str, string(r"^@\S+$", "a Datadog handle, such as @slack-pipe-dev", "@slack-pipe-dev")]
        ],
        entries(1),
        Distinct,
    ]
    """Who is told of everything, warnings included, as Datadog writes it: @slack-pipe-alerts."""
    page: Annotated[
        list[
            Annotated[str, string(r"^@\S+$", "a Datadog handle, such as @pagerduty-pipe", "@pagerduty-pipe")]
        ],
        entries(0),
        Distinct,
    ]
    """Who is woken by a critical monitor's alert or missing data, and told of its recovery; empty: nobody."""
    runbook_url: Annotated[
        str,
        string(
            r"^https://\S+/$",
            "an https address that ends with a slash",
            "https://github.com/pipe-dev/infrastructure/blob/main/docs/runbooks/",
        ),
    ]
    """Where the runbooks are; a monitor's file name is appended."""
    renotify_minutes: Literal[0, 10, 20, 30, 40, 50, 60, 90, 120, 180, 240, 300, 360, 720, 1440]
    """Minutes until an unresolved alert is sent again (what synthetic checks allow); 0 is never."""
    thresholds: Thresholds
    slo: Slo
    synthetic_locations: Annotated[
        list[
            Annotated[
                str,
                string(
                    r"^aws:[a-z0-9-]+$",
                    "a Datadog location, such as aws:ap-northeast-1",
                    "aws:ap-northeast-1",
                ),
            ]
        ],
        entries(1),
        Distinct,
    ]
    """Where Datadog checks from."""
    synthetic_every_seconds: Literal[60, 300, 900, 1800, 3600]
    """Seconds between two checks."""
    integration: bool
    """Whether Datadog reads the AWS account; true in one stack an account."""
