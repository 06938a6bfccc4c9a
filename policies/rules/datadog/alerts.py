"""Rules on alerts: recipients, pagers, priority, runbook, tags and renotification."""

import re

from pulumi_policy import Severity

from policies.engine.patterns import STRING_LIST, patterns
from policies.engine.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Stack,
    Verdicts,
    expected,
)
from policies.engine.topics import ALERTS
from policies.model.checks import guarded
from policies.model.datadog_monitors import (
    MONITORS,
    handles,
    monitor,
)
from policies.model.datadog_notification_rules import NOTIFICATION_RULE, recipients


@ALERTS.stack_rule(
    "alert-without-target",
    about=MONITORS,
    severity=Severity.HIGH,
    controls=("Guide: incident step 1",),
    url="https://docs.datadoghq.com/monitors/notify/",
    remediation=(
        "Name a notification handle in the message, outside {{#is_warning}}, {{#is_recovery}} and "
        "{{#is_renotify}}, or declare a datadog.MonitorNotificationRule for the tags of the monitor."
    ),
    options={
        "targets": Option(
            default=["@.+"],
            schema={
                **STRING_LIST,
                "description": "Regular expressions for handles that exist for the environment.",
            },
            valid=lambda value: patterns(value) is not None,
            wanted="a list of regular expressions",
        )
    },
)
def without_target(stack: Stack, options: Options) -> Verdicts:
    """Require every monitor to notify handles that exist, by its message or by a notification rule."""
    for resource in stack.of(MONITORS):
        yield from guarded(_targets(stack, resource, options), resource.urn)


def _targets(stack: Stack, resource: Resource, options: Options) -> Verdicts:
    subject = monitor(resource)
    message = subject.value["message"]
    notified = handles(message.text() or "")
    existing = [str(pattern) for pattern in options["targets"]]
    wanted = " or ".join(existing)
    routed = stack.of((NOTIFICATION_RULE,)) if not notified else []
    added = [handle for rule in routed for handle in recipients(rule, subject.tags)]
    if not notified and not any(_exists(handle, existing) for handle in added):
        yield Finding(
            message.path,
            f"{message.shown()}, which notifies nobody of an alert",
            f"add a handle that matches {wanted}",
            urn=resource.urn,
        )
    for handle in notified:
        shown = "[secret]" if message.secret else handle
        if not _exists(handle, existing):
            yield Finding(
                message.path,
                f"sent to {shown}, which is not a handle of this environment",
                f"use a handle that matches {wanted}",
                urn=resource.urn,
            )


def _exists(handle: str, existing: list[str]) -> bool:
    return any(re.fullmatch(pattern, handle) for pattern in existing)


@ALERTS.rule(
    "alert-warning-pages",
    types=MONITORS,
    severity=Severity.MEDIUM,
    controls=("Datadog: conditional variables",),
    url="https://docs.datadoghq.com/monitors/notify/variables/#conditional-variables",
    remediation=(
        "Name pagers only in {{#is_alert}}, {{#is_no_data}} and {{#is_recovery}} of critical monitors: text "
        "outside the blocks is also sent with warnings."
    ),
    options={
        "pagers": Option(
            default=["@(pagerduty|opsgenie|victorops|splunk-oncall|oncall)([-_].*)?"],
            schema={**STRING_LIST, "description": "Regular expressions for handles that page people."},
            valid=lambda value: patterns(value) is not None,
            wanted="a list of regular expressions",
        )
    },
)
def warning_pages(resource: Resource, options: Options) -> Verdicts:
    """Refuse pagers in warnings and in monitors that are not critical."""
    subject = monitor(resource)
    message = subject.value["message"]
    text = message.text() or ""
    pagers = [str(pattern) for pattern in options["pagers"]]
    states = ["is_warning"] if subject.critical else ["is_alert", "is_warning"]
    notified = sorted({handle for state in states for handle in handles(text, state)})
    for handle in notified:
        if any(re.fullmatch(pattern, handle) for pattern in pagers):
            shown = "[secret]" if message.secret else handle
            occasion = "with warnings" if subject.critical else "by a monitor that is not critical"
            yield Finding(
                message.path,
                f"sent to the pager {shown} {occasion}",
                "name it only in {{#is_alert}} of critical monitors",
            )


@ALERTS.rule(
    "alert-critical-without-priority",
    types=MONITORS,
    severity=Severity.MEDIUM,
    controls=("Guide: severity critical",),
    remediation="Set priority 1 or 2 on every monitor tagged severity:critical.",
)
def without_priority(resource: Resource, _: Options) -> Verdicts:
    """Require priority 1 or 2 on monitors tagged severity:critical."""
    subject = monitor(resource)
    priority = subject.option_priority
    if "severity:critical" in subject.tags and str(priority.get()) not in ("1", "2"):
        yield expected(priority, "1 or 2")


@ALERTS.rule(
    "alert-without-runbook",
    types=MONITORS,
    severity=Severity.MEDIUM,
    controls=("Guide: incident steps",),
    remediation="Link the runbook in the message or in `assets`, so that nobody has to search for it.",
    options={
        "pattern": Option(
            default=r"https://\S+",
            schema={"type": "string", "description": "A regular expression for the URL of a runbook."},
            valid=lambda value: patterns([value]) is not None,
            wanted="a regular expression",
        )
    },
)
def without_runbook(resource: Resource, options: Options) -> Verdicts:
    """Require a link to the runbook in the message or the assets of every monitor."""
    subject = monitor(resource)
    message, assets = subject.value["message"], subject.value["assets"]
    linked = subject.runbooks if assets.known else []
    if any(re.search(options["pattern"], url) for url in linked):
        return
    if not re.search(options["pattern"], message.text() or ""):
        assets.get()  # unknown assets may contain the link
        yield Finding(
            message.path, "without a runbook", f"add a link that matches {options['pattern']}", message.absent
        )


@ALERTS.rule(
    "alert-tags-missing",
    types=MONITORS,
    severity=Severity.LOW,
    controls=("Datadog unified service tagging",),
    url="https://docs.datadoghq.com/getting_started/tagging/unified_service_tagging/",
    remediation="Tag every monitor with the environment, service, team and severity.",
    options={
        "keys": Option(
            default=["env", "service", "team", "severity"],
            schema={**STRING_LIST, "description": "The keys of the required tags."},
        )
    },
)
def tags_missing(resource: Resource, options: Options) -> Verdicts:
    """Require tags for environment, service, team and severity on every monitor."""
    subject = monitor(resource)
    present = {tag.partition(":")[0] for tag in subject.tags if tag.partition(":")[2]}
    missing = [str(key) for key in options["keys"] if key not in present]
    if missing:
        value = subject.value["tags"]
        added = ", ".join(f"{key}:…" for key in missing)
        yield Finding(value.path, value.shown(), f"add {added}", value.absent)


@ALERTS.rule(
    "alert-critical-not-renotified",
    types=MONITORS,
    severity=Severity.LOW,
    controls=("Datadog: renotify",),
    url="https://docs.datadoghq.com/monitors/notify/#renotify",
    remediation="Set renotifyInterval, so that an alert without an answer is sent again.",
)
def not_renotified(resource: Resource, _: Options) -> Verdicts:
    """Require a renotification interval on critical monitors."""
    subject = monitor(resource)
    interval = subject.option("renotifyInterval")
    if subject.critical and not interval.number():
        yield expected(interval, "a number of minutes above 0")
