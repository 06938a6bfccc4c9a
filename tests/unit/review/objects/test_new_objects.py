"""Tests of the steps after which a resource has another object."""

from typing import Any

from review.objects.new_objects import makes_new_object
from review.stacks.engine_run import Step
from tests.support.review.stacks import resource
from tests.support.rows import each_row

ALARM, PARAMETER = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:ssm/parameter:Parameter"
RECORD, TABLE = "aws:route53/record:Record", "aws:glue/catalogTable:CatalogTable"
SERVICE_SETTING = "aws:ssm/serviceSetting:ServiceSetting"


@each_row(
    ("kind", "before", "after", "expected"),
    [
        (ALARM, {"name": "own", "threshold": 1}, {"name": "foreign", "threshold": 1}, True),
        (ALARM, {"name": "own", "threshold": 1}, {"name": "own", "threshold": 2}, False),
        (PARAMETER, {"name": "/dev/own"}, {"name": "/foundation/image"}, True),
        (PARAMETER, {"name": "/dev/own", "value": "a"}, {"name": "/dev/own", "value": "b"}, False),
        (PARAMETER, {"name": "/own", "type": "String"}, {"name": "/own", "type": "SecureString"}, False),
        (RECORD, {"zoneId": "z", "name": "a"}, {"zoneId": "y", "name": "a"}, True),
        (
            RECORD,
            {"zoneId": "z", "name": "a", "type": "A"},
            {"zoneId": "z", "name": "a", "type": "AAAA"},
            True,
        ),
        (RECORD, {"zoneId": "z", "name": "a", "ttl": 1}, {"zoneId": "z", "name": "a", "ttl": 2}, False),
        (TABLE, {"databaseName": "a", "name": "t"}, {"databaseName": "b", "name": "t"}, True),
        (SERVICE_SETTING, {"settingId": "a"}, {"settingId": "b"}, True),
        # A table tells that the provider renames it in place.
        ("aws:rds/instance:Instance", {"identifier": "a"}, {"identifier": "b"}, False),
        ("datadog:index/monitor:Monitor", {"name": "a"}, {"name": "b"}, False),
        ("aws:no/such:Type", {"name": "a"}, {"name": "b"}, False),
    ],
)
def test_an_update_makes_a_new_object_if_what_leads_to_the_object_differs(
    kind: str, before: dict[str, Any], after: dict[str, Any], *, expected: bool
) -> None:
    step = Step("update", resource(kind, "it", before), resource(kind, "it", after))
    assert makes_new_object(step) == expected


@each_row(
    ("op", "expected"),
    [("create", True), ("replace", True), ("update", False), ("same", False), ("delete", False)],
)
def test_creations_and_replacements_make_new_objects(op: str, *, expected: bool) -> None:
    it = resource(ALARM, "it", {"name": "a"})
    assert makes_new_object(Step(op, it, it)) == expected
