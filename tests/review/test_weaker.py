"""Where prod is weaker than stg."""

from typing import Any

import pytest

from review.observed import Resource
from review.settings import StackFile
from review.weaker import Named, weaker

INSTANCE = "aws:rds/instance:Instance"
LOG = "aws:cloudwatch/logGroup:LogGroup"
SCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
STRONG = {INSTANCE: {"multiAz": True}, LOG: {"retentionInDays": 30}, SCALER: {"spec": {"minReplicas": 3}}}


def stack(**changed: Any) -> Named:
    """A stack with one resource of each type; `changed` by the last part of the type, None: it has none."""
    inputs = {kind: changed.get(kind.rpartition(":")[2], given) for kind, given in STRONG.items()}
    return {
        (kind, "it"): Resource({"urn": f"urn:pulumi:x::pipe::{kind}::it", "type": kind, "inputs": given})
        for kind, given in inputs.items()
        if given is not None
    }


def said(**prod: Any) -> list[str]:
    """What a change of prod is blocked for."""
    found = [*weaker((stack(), stack(**prod)), (stack(), stack()), StackFile("Pulumi.prod.yaml", {}, {}))]
    assert all(each.blocks for each in found)
    return [each.message for each in found]


@pytest.mark.parametrize(
    ("prod", "message"),
    [
        ({"Instance": {"multiAz": False}}, "zones: multiAz is false in prod and true in stg"),
        ({"Instance": {}}, "zones: multiAz is absent in prod and true in stg"),
        ({"Instance": None}, "zones: multiAz is absent in prod and true in stg"),
        (
            {"HorizontalPodAutoscaler": None},
            "replicas: spec.minReplicas is absent in prod and 3 in stg",
        ),
        ({"LogGroup": {"retentionInDays": 7}}, "retention: retentionInDays is 7 in prod and 30 in stg"),
    ],
)
def test_less_than_stg_has_is_found_also_where_prod_has_none(prod: dict[str, Any], message: str) -> None:
    assert said(**prod) == [message]


def test_what_is_kept_for_ever_where_nothing_is_said_is_not_weaker() -> None:
    assert said(LogGroup={}) == []


def test_as_much_or_more_is_no_finding() -> None:
    assert said() == said(HorizontalPodAutoscaler={"spec": {"minReplicas": 4}}) == []
