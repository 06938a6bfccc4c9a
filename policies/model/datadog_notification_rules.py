"""Datadog's notification rules, which add recipients to the notifications of monitors.

Sources: docs.datadoghq.com/monitors/notify/notification_rules, and "Create a monitor notification rule" in
the API reference.
"""

import re
from collections.abc import Iterator

from policies.engine.rule import Resource
from policies.model.property_values import UnknownValueError, Value

NOTIFICATION_RULE = "datadog:index/monitorNotificationRule:MonitorNotificationRule"

_TAG = re.compile(r"\A[\w./-]+:[\w./-]+\Z")


def recipients(rule: Resource, tags: list[str]) -> list[str]:
    """Return the handles that a rule adds to the alerts of a monitor with these tags.

    Raise UnknownValueError if the filter is an expression other than tags joined by AND.
    """
    wanted = rule.at("filter.tags").texts() + list(_scope(rule.at("filter.scope")))
    if not wanted or not set(wanted) <= set(tags):
        return []
    handles = [*rule["recipients"].texts(), *rule.at("conditionalRecipients.fallbackRecipients").texts()]
    for condition in rule.at("conditionalRecipients.conditions").items():
        if (condition["scope"].text() or "") in ("transition_type:alert", "transition_type:is_alert", *tags):
            handles += condition["recipients"].texts()
    return [f"@{handle}" for handle in handles]


def _scope(scope: Value) -> Iterator[str]:
    """Yield the tags of an expression that joins them by AND."""
    for term in (scope.text() or "").split(" AND ") if not scope.absent else ():
        if not _TAG.match(term.strip()):
            raise UnknownValueError(scope.path)
        yield term.strip()
