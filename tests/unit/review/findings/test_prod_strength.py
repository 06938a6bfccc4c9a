"""Tests of findings on settings in prod that are weaker than those in stg."""

from base64 import b64encode
from copy import deepcopy
from typing import Any

import pytest

from review.findings.prod_strength import find_weaker
from review.model import REVIEW_RULES
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.summary import LATER, MASK
from sandbox.wire import sentinels
from tests.support.review.stacks import after, resource, stack
from tests.support.rows import each_row

INSTANCE = "aws:rds/instance:Instance"
LOG, LOCK = (
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
)
PODS, BUDGET = "kubernetes:apps/v1:Deployment", "kubernetes:policy/v1:PodDisruptionBudget"
SUBNET, GATEWAY = "aws:ec2/subnet:Subnet", "aws:ec2/natGateway:NatGateway"
SCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
CONFIG, ZONE = "kubernetes:core/v1:ConfigMap", "cloudflare:index/zoneSetting:ZoneSetting"
ALERT, GOAL = "datadog:index/monitor:Monitor", "datadog:index/serviceLevelObjective:ServiceLevelObjective"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LIFECYCLE_V2 = "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"
BUCKET = "aws:s3/bucket:Bucket"
NODES, CLUSTER = "kubernetes:eks.amazonaws.com/v1:NodeClass", "aws:eks/cluster:Cluster"
GROUP, ENDPOINT = "aws:rds/subnetGroup:SubnetGroup", "aws:ec2/vpcEndpoint:VpcEndpoint"
PLAN = "aws:backup/plan:Plan"
STRONG: dict[str, dict[str, Any]] = {
    INSTANCE: {"multiAz": True, "backupRetentionPeriod": 14, "deletionProtection": True},
    PODS: {"spec": {"replicas": 3}},
    BUDGET: {"spec": {"maxUnavailable": 1}},
    LOCK: {"rule": {"defaultRetention": {"mode": "COMPLIANCE", "days": 30}}},
    SUBNET: {},
    GATEWAY: {},
    GOAL: {},
    LOG: {"retentionInDays": 30},
    SCALER: {"spec": {"minReplicas": 3, "maxReplicas": 9}},
    CONFIG: {"data": {"nginx.conf": "ssl_protocols TLSv1.2 TLSv1.3;"}},
    ZONE: {"settingId": "min_tls_version", "value": "1.2"},
    ALERT: {"query": "errors > 1"},
    LIFECYCLE: {
        "rules": [
            {"id": "logs", "expiration": {"days": 90}, "status": "Enabled"},
            {"id": "cleanup", "noncurrentVersionExpiration": {"noncurrentDays": 30}, "status": "Enabled"},
        ]
    },
    LIFECYCLE_V2: {"rules": [{"id": "logs", "expiration": {"days": 90}, "status": "Enabled"}]},
    BUCKET: {},
    PLAN: {
        "rules": [
            {
                "ruleName": "daily",
                "lifecycle": {"deleteAfter": 35},
                "copyActions": [{"lifecycle": {"deleteAfter": 35}}],
            }
        ]
    },
    NODES: {"spec": {"subnetSelectorTerms": [{"id": "subnet-1"}, {"id": "subnet-2"}]}},
    CLUSTER: {"vpcConfig": {"subnetIds": ["subnet-1", "subnet-2"]}},
    GROUP: {"subnetIds": ["subnet-1", "subnet-2"]},
    ENDPOINT: {"subnetIds": ["subnet-1", "subnet-2"]},
}


def encoded(text: str) -> str:
    return b64encode(text.encode("latin-1")).decode()


def strong(**changed: Any) -> list[Resource]:
    """Return one resource per type; `changed` replaces inputs by type name, and None omits the resource."""
    changed_inputs = {kind: changed.get(kind.rpartition(":")[2], default) for kind, default in STRONG.items()}
    return [resource(kind, "it", inputs) for kind, inputs in changed_inputs.items() if inputs is not None]


def sides(name: str, before: list[Resource], after: list[Resource]) -> Stack:
    """Return a stack with these resources before and after a change."""
    old, new = ({member.urn: member for member in side} for side in (before, after))
    deleted = [Step("delete", old[urn], None) for urn in old.keys() - new.keys()]
    kept = [Step("same", old.get(urn), member) for urn, member in new.items()]
    return stack(*deleted, *kept, name=name)


@each_row(
    ("config", "shown"),
    [
        ({"data": {}, "binaryData": {"nginx.conf": encoded("# caf\xe9\nssl_protocols TLSv1;")}}, "1.0"),
        # The proxy reads one file, and the review does not know which one.
        ({**STRONG[CONFIG], "binaryData": {"nginx.conf": encoded("ssl_protocols TLSv1.1;")}}, "1.1"),
        ({"data": {"nginx.conf": "ssl_protocols SSLv3 TLSv1.2;"}}, "0.0"),
        ({"data": {"nginx.conf": "ssl_protocols TLSv1.2 # ;\n tlsv1.1;"}}, "1.1"),
        ({"data": {"nginx.conf": "'ssl_protocols' TLSv1.2 \"TLSv1\";"}}, "1.0"),
        ({"data": {"nginx.conf": "default_type a${;ssl_protocols TLSv1 TLSv1.2;"}}, "1.0"),
        ({"data": {"nginx.conf": "ssl_protocols TLSv1.2;\n# ssl_protocols TLSv1;"}}, ""),
        ({"data": {"nginx.conf": "ssl_protocols TLSv1.2 TLSv9;"}}, "not comparable"),
        ({"data": {"nginx.conf": "ssl_protocols TLSv1.2; }"}}, "not comparable"),
        (
            {"data": {"nginx.conf": "ssl_protocols TLSv1.2; ssl_conf_command Protocol TLSv1;"}},
            "not comparable",
        ),
        ({"data": {"nginx.conf": "ssl_protocols TLSv1.2; ssl_conf_command Options -Bugs;"}}, ""),
        ({"data": {}, "binaryData": {"nginx.conf": sentinels.UNKNOWN}}, LATER),
        ({"data": {}, "binaryData": sentinels.UNKNOWN}, LATER),
        ({"data": {}, "binaryData": {"nginx.conf": "%"}}, "not comparable"),
        ({"data": {}, "binaryData": {"nginx.conf": encoded("ssl_protocols TLSv1.2;")}}, ""),
    ],
)
def test_a_server_may_read_its_configuration_from_binary_data(config: dict[str, Any], shown: str) -> None:
    messages = [f"TLS: data is {shown} in prod and 1.2 in stg"] if shown else []
    assert blocking_messages(ConfigMap=config) == messages


def blocking_messages(**prod: Any) -> list[str]:
    """Return the messages of the findings that block a change to prod."""
    findings = [*find_weaker(sides("prod", strong(), strong(**prod)), sides("stg", strong(), strong()))]
    assert all(finding.blocks for finding in findings)
    return [finding.message for finding in findings]


def with_value(kind: str, path: str, value: Any) -> dict[str, Any]:
    """Return the inputs of a type's resource with another value at a path; None removes the value."""
    name, inputs = kind.rpartition(":")[2], deepcopy(STRONG[kind])
    *keys, last = path.split(".")
    parent = inputs
    for key in keys:
        parent = parent[key]
    parent[last] = value
    if value is None:
        del parent[last]
    return {name: inputs}


DAYS, MODE = "rule.defaultRetention.days", "rule.defaultRetention.mode"
DAILY: dict[str, Any] = STRONG[PLAN]["rules"][0]
WEAKER: list[tuple[str, str, Any, str]] = [
    (INSTANCE, "multiAz", False, "zones: multiAz is false in prod and true in stg"),
    (INSTANCE, "multiAz", None, "zones: multiAz is absent in prod and true in stg"),
    (INSTANCE, "backupRetentionPeriod", 7, "retention: backupRetentionPeriod is 7 in prod and 14 in stg"),
    (INSTANCE, "deletionProtection", None, "retention: deletionProtection is absent in prod and true in stg"),
    (PODS, "spec.replicas", 2, "replicas: spec.replicas is 2 in prod and 3 in stg"),
    (BUDGET, "spec.maxUnavailable", 3, "replicas: spec.maxUnavailable is 3 in prod and 1 in stg"),
    (SCALER, "spec.minReplicas", 2, "replicas: spec.minReplicas is 2 in prod and 3 in stg"),
    (SCALER, "spec.maxReplicas", 8, "replicas: spec.maxReplicas is 8 in prod and 9 in stg"),
    (LOG, "retentionInDays", 7, "retention: retentionInDays is 7 in prod and 30 in stg"),
    (LOCK, DAYS, 7, f"retention: {DAYS} is 7 in prod and 30 in stg"),
    (LOCK, MODE, "GOVERNANCE", f"retention: {MODE} is GOVERNANCE in prod and COMPLIANCE in stg"),
    (ZONE, "value", "1.0", "TLS: value is 1.0 in prod and 1.2 in stg"),
    (
        LIFECYCLE,
        "rules",
        [{"id": "logs", "expiration": {"days": 1}}],
        'retention: rules["logs"].expiration.days is 1 in prod and 90 in stg',
    ),
    (
        LIFECYCLE,
        "rules",
        [{"id": "cleanup", "noncurrentVersionExpiration": {"noncurrentDays": 7}}],
        'retention: rules["cleanup"].noncurrentVersionExpiration.noncurrentDays is 7 in prod and 30 in stg',
    ),
    (
        LIFECYCLE,
        "rules",
        [{"id": "other", "expiration": {"days": 400}}],
        'retention: rules["other"].expiration.days is 400 in prod and absent in stg',
    ),
    (
        LIFECYCLE_V2,
        "rules",
        [{"id": "logs", "expiration": {"days": 1}}],
        'retention: rules["logs"].expiration.days is 1 in prod and 90 in stg',
    ),
    (
        BUCKET,
        "lifecycleRules",
        [{"enabled": True, "expiration": {"days": 1}}],
        'retention: lifecycleRules["item 1"].expiration.days is 1 in prod and absent in stg',
    ),
    (
        PLAN,
        "rules",
        [{**DAILY, "lifecycle": {"deleteAfter": 1}}],
        'retention: rules["daily"].lifecycle.deleteAfter is 1 in prod and 35 in stg',
    ),
    (
        PLAN,
        "rules",
        [{**DAILY, "copyActions": [{"lifecycle": {"deleteAfter": 2}}]}],
        'retention: rules["daily"].copyActions[*].lifecycle.deleteAfter is 2 in prod and 35 in stg',
    ),
    (
        PLAN,
        "rules",
        [{**DAILY, "copyActions": [*DAILY["copyActions"], {"lifecycle": {"deleteAfter": 1}}]}],
        'retention: rules["daily"].copyActions[*].lifecycle.deleteAfter is 35 and 1 in prod and 35 in stg',
    ),
    (
        PLAN,
        "rules",
        [{**DAILY, "copyActions": []}],
        'retention: rules["daily"].copyActions is 0 in prod and 1 in stg',
    ),
    (
        NODES,
        "spec.subnetSelectorTerms",
        [{"id": "subnet-1"}, {"id": "subnet-1"}],
        "zones: spec.subnetSelectorTerms is 1 in prod and 2 in stg",
    ),
    (
        NODES,
        "spec.subnetSelectorTerms",
        [{"id": "subnet-1"}, {"tags": {"zone": "b"}}],
        "zones: spec.subnetSelectorTerms is not comparable in prod and 2 in stg",
    ),
    (
        NODES,
        "spec.subnetSelectorTerms",
        [{"id": "subnet-1"}, {"id": "subnet-2", "tags": {"zone": "b"}}],
        "zones: spec.subnetSelectorTerms is not comparable in prod and 2 in stg",
    ),
    (CLUSTER, "vpcConfig.subnetIds", ["subnet-1"], "zones: vpcConfig.subnetIds is 1 in prod and 2 in stg"),
    (GROUP, "subnetIds", [], "zones: subnetIds is 0 in prod and 2 in stg"),
    (ENDPOINT, "subnetIds", None, "zones: subnetIds is absent in prod and 2 in stg"),
    (
        CONFIG,
        "data",
        {"nginx.conf": "ssl_protocols TLSv1.1 TLSv1.2;"},
        "TLS: data is 1.1 in prod and 1.2 in stg",
    ),
]
MINIMUM, YEARS = "spec.minAvailable", "rule.defaultRetention.years"
ALTERNATIVES: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any], str]] = {
    (BUDGET, MINIMUM): (
        {"spec": {"minAvailable": "100%"}},
        {"spec": {"maxUnavailable": 100}},
        f"replicas: {MINIMUM} is absent in prod and 100% in stg",
    ),
    (LOCK, YEARS): (
        {"rule": {"defaultRetention": {"years": 1}}},
        {"rule": {"defaultRetention": {"days": 1}}},
        f"retention: {YEARS} is absent in prod and 1 in stg",
    ),
}
"""Another input in place of a compared one, by type and path: inputs with it, weaker ones without it, and the
message about these.
"""

MISSING = {
    BUDGET: "replicas: spec.maxUnavailable is absent in prod and 1 in stg",
    SUBNET: f"zones: 0 of {SUBNET} in prod and 1 in stg",
    GATEWAY: f"zones: 0 of {GATEWAY} in prod and 1 in stg",
    ALERT: f"alerts: 0 of {ALERT} in prod and 1 in stg",
    GOAL: f"alerts: 0 of {GOAL} in prod and 1 in stg",
}


@pytest.mark.parametrize(
    ("kind", "path", "value", "message"), WEAKER, ids=[message for *_, message in WEAKER]
)
def test_a_weaker_value_of_prod_blocks(kind: str, path: str, value: Any, message: str) -> None:
    assert blocking_messages(**with_value(kind, path, value)) == [message]


@pytest.mark.parametrize("kind", MISSING)
def test_a_resource_that_prod_lacks_and_stg_has_blocks(kind: str) -> None:
    assert blocking_messages(**{kind.rpartition(":")[2]: None}) == [MISSING[kind]]


def test_every_rule_of_strength_has_a_case() -> None:
    rules = {(rule["type"], rule.get("path", "")) for rule in REVIEW_RULES["strength"]}
    cases = {(kind, path) for kind, path, *_ in WEAKER}
    assert rules == cases | {(kind, "") for kind in MISSING if kind != BUDGET} | {*ALTERNATIVES}


@pytest.mark.parametrize("inputs", [{"retentionInDays": 0}, {}], ids=["zero", "absent"])
def test_logs_that_are_kept_for_ever_are_not_weaker(inputs: dict[str, int]) -> None:
    assert blocking_messages(LogGroup=inputs) == []


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [{"id": "logs", "expiration": {"days": 1}, "status": "Disabled"}],
        [{"id": "logs", "expiration": {"expiredObjectDeleteMarker": True}}],
        [{"id": "logs", "expiration": {"days": 90}}, {"id": "old", "expiration": {}}, {"id": 1}],
    ],
    ids=["none", "disabled", "without days", "equal"],
)
def test_objects_that_are_kept_as_long_are_not_weaker(rules: list[Any]) -> None:
    assert blocking_messages(BucketLifecycleConfiguration={"rules": rules}) == []


def test_a_lifecycle_that_covers_more_objects_is_weaker() -> None:
    def lifecycle(**limits: Any) -> list[Resource]:
        return [resource(LIFECYCLE, "it", {"rules": [{"id": "x", "expiration": {"days": 1}, **limits}]})]

    few, stg = lifecycle(filter={"prefix": "tmp/"}), lifecycle(filter={"prefix": "tmp/"})
    for more in (lifecycle(), lifecycle(filter={"prefix": ""}), lifecycle(prefix="logs/")):
        [finding] = find_weaker(sides("prod", few, more), sides("stg", stg, stg))
        assert finding.blocks and "is 1 in prod and absent in stg" in finding.message
    # It is another finding than that of the fewer objects, which the base has already.
    findings = find_weaker(
        sides("prod", few, lifecycle()), sides("stg", lifecycle(id="y"), lifecycle(id="y"))
    )
    assert any(finding.blocks for finding in findings)


@pytest.mark.parametrize("plan", [{"rules": []}, None], ids=["rule", "plan"])
def test_a_backup_that_prod_no_longer_has_is_weaker(plan: dict[str, Any] | None) -> None:
    assert blocking_messages(Plan=plan) == [
        'retention: rules["daily"].lifecycle.deleteAfter is missing in prod and 35 in stg',
        'retention: rules["daily"].copyActions is missing in prod and 1 in stg',
    ]


def test_backups_that_are_kept_for_ever_are_not_weaker() -> None:
    assert blocking_messages(Plan={"rules": [{**DAILY, "lifecycle": {}}]}) == []


TOMORROW = {"expiration": {"date": "2026-12-01T00:00:00Z"}}


@each_row("rule_id", ["logs", "other"])
def test_an_expiration_at_a_date_is_weaker_than_days_or_none(rule_id: str) -> None:
    [message] = blocking_messages(BucketLifecycleConfiguration={"rules": [{"id": rule_id, **TOMORROW}]})
    stg = {"logs": "90", "other": "absent"}[rule_id]
    path = f'rules["{rule_id}"].expiration.days'
    assert message == f"retention: {path} is 2026-12-01T00:00:00Z in prod and {stg} in stg"


def test_an_empty_date_hides_no_days() -> None:
    expiration = {"days": 1, "date": ""}
    [message] = blocking_messages(
        BucketLifecycleConfiguration={"rules": [{"id": "logs", "expiration": expiration}]}
    )
    assert message == 'retention: rules["logs"].expiration.days is 1 in prod and 90 in stg'


def test_an_expiration_at_a_date_in_stg_as_well_is_not_weaker() -> None:
    inputs = {"rules": [{"id": "logs", **TOMORROW}]}
    prod, stg = (sides(name, strong(), [resource(LIFECYCLE, "it", inputs)]) for name in ("prod", "stg"))
    assert [finding for finding in find_weaker(prod, stg) if "date" in finding.message] == []
    assert [finding for finding in find_weaker(prod, stg) if "rules" in finding.message] == []


def test_a_disabled_lifecycle_of_the_bucket_itself_is_not_weaker() -> None:
    rules = [{"id": "all", "enabled": False, "expiration": {"days": 1}}]
    assert blocking_messages(Bucket={"lifecycleRules": rules}) == []


def test_unknown_lifecycles_and_subnets_are_weaker() -> None:
    messages = blocking_messages(BucketLifecycleConfiguration={"rules": sentinels.UNKNOWN})
    assert messages[0] == f'retention: rules["cleanup"].expiration.days is {LATER} in prod and absent in stg'
    assert blocking_messages(SubnetGroup={"subnetIds": ["subnet-1", sentinels.UNKNOWN]})


def test_a_number_of_a_zone_that_is_no_version_of_tls_is_not_compared() -> None:
    few, many = (
        [resource(ZONE, "cache", {"settingId": "browser_cache_ttl", "value": seconds})]
        for seconds in (60, 3600)
    )
    assert [*find_weaker(sides("prod", many, few), sides("stg", many, many))] == []


@pytest.mark.parametrize("replicas", [3, 4], ids=["equal", "more"])
def test_equal_or_more_is_no_finding(replicas: int) -> None:
    spec = {"minReplicas": replicas, "maxReplicas": 9}
    assert blocking_messages(HorizontalPodAutoscaler={"spec": spec}) == []


SPEC = "replicas: spec.replicas is {} in prod and 3 in stg"


@each_row(
    ("replicas", "message"),
    [
        (sentinels.UNKNOWN, SPEC.format(LATER)),
        (MASK, SPEC.format(MASK)),
        ("1 ", SPEC.format("1 ")),
        (None, SPEC.format(1)),
    ],
)
def test_a_value_that_cannot_be_compared_any_more_is_weaker(replicas: str | None, message: str) -> None:
    assert blocking_messages(Deployment={"spec": {"replicas": replicas}}) == [message]


def test_a_configuration_without_a_version_of_tls_is_weaker_than_before() -> None:
    for text, shown in (("listen 443;", "not comparable"), (sentinels.UNKNOWN, LATER)):
        data = {"data": {"nginx.conf": text}}
        assert blocking_messages(ConfigMap=data) == [f"TLS: data is {shown} in prod and 1.2 in stg"]


def test_a_resource_that_only_prod_lacks_is_weaker_than_before() -> None:
    assert blocking_messages(Deployment=None) == [SPEC.format("absent")]


def test_a_value_that_was_never_comparable_is_no_finding_unless_it_is_unknown() -> None:
    few = [resource(PODS, "it", {"spec": {"replicas": "x"}})]
    unknown = [resource(PODS, "it", {"spec": {"replicas": sentinels.UNKNOWN}})]
    stg = sides("stg", strong(), strong())
    messages = [finding.message for finding in find_weaker(sides("prod", few, few), stg)]
    assert not [message for message in messages if "spec.replicas" in message]
    [blocking] = [
        finding for finding in find_weaker(sides("prod", few, unknown), stg) if "spec.repl" in finding.message
    ]
    assert (blocking.message, blocking.blocks) == (SPEC.format(LATER), True)


def test_no_other_resource_stands_for_one_with_a_similar_urn() -> None:
    weak = resource(PODS, "it", {"spec": {"replicas": 1}})
    for urn in (f"urn:pulumi:dev::pipe::{PODS}::z::it", f"urn:pulumi:dev::pipe::pipe:x:Api${PODS}::it"):
        decoy = Resource({"urn": urn, "type": PODS, "custom": True, "inputs": STRONG[PODS]})
        others = [member for member in strong() if member.type != PODS]
        prod = sides("prod", strong(), [*others, weak, decoy])
        findings = find_weaker(prod, sides("stg", strong(), strong()))
        assert [finding.message for finding in findings] == [SPEC.format(1)]


def test_a_secret_in_prod_is_compared_by_its_value_and_not_shown() -> None:
    prod = strong()
    group = next(member for member in prod if member.type == GROUP)
    group.values = {"subnetIds": ["subnet-1", "subnet-1"]}
    group.inputs = {"subnetIds": ["subnet-1", "subnet-1 (secret)"]}
    zone = next(member for member in prod if member.type == ZONE)
    zone.values, zone.inputs = zone.values | {"value": "1.0"}, zone.inputs | {"value": MASK}
    findings = find_weaker(sides("prod", strong(), prod), sides("stg", strong(), strong()))
    assert sorted(finding.message for finding in findings if finding.blocks) == [
        f"TLS: value is {MASK} in prod and 1.2 in stg",
        "zones: subnetIds is 1 in prod and 2 in stg",
    ]


def with_secrets(kind: str, values: dict[str, Any], inputs: dict[str, Any]) -> Resource:
    """Return a resource with these values, of which a report shows the inputs."""
    member = resource(kind, "it", inputs)
    member.values = values
    return member


@each_row("masked_list", [False, True])
def test_items_with_secret_ids_are_all_compared_and_not_shown(masked_list: bool) -> None:
    upload = {"abortIncompleteMultipartUpload": {"daysAfterInitiation": 1}}

    def lifecycle(**rules: dict[str, Any]) -> list[Resource]:
        values, shown = ([{"id": name, **rule} for name, rule in rules.items()], MASK)
        inputs = shown if masked_list else [{**rule, "id": MASK} for rule in rules.values()]
        return [with_secrets(LIFECYCLE, {"rules": values}, {"rules": inputs})]

    before, stg = lifecycle(secret_1=upload), one(LIFECYCLE, "it")
    weak = lifecycle(secret_1=upload, secret_2={"expiration": {"days": 1}})
    days = MASK if masked_list else 1
    path = f'rules["{MASK}"].expiration.days'
    assert new_messages(sides("prod", before, weak), sides("stg", stg, stg)) == [
        f"retention: {path} is {days} in prod and absent in stg"
    ]
    # A weakness of the base does not hide another one with the same message.
    former = lifecycle(secret_3={"expiration": {"days": 1}})
    assert len(new_messages(sides("prod", former, weak), sides("stg", stg, stg))) == 1
    assert new_messages(sides("prod", weak, weak), sides("stg", stg, stg)) == []


def test_secret_numbers_are_no_part_of_a_message() -> None:
    values, shown = (
        {"rules": [{"id": "logs", "expiration": expiration}]} for expiration in ({"days": 1}, MASK)
    )
    prod = sides("prod", one(LIFECYCLE, "it"), [with_secrets(LIFECYCLE, values, shown)])
    stg = sides("stg", one(LIFECYCLE, "it"), one(LIFECYCLE, "it"))
    assert new_messages(prod, stg) == [
        f'retention: rules["logs"].expiration.days is {MASK} in prod and 90 in stg'
    ]
    values, shown = ({"subnetIds": ["s-1", subnet, LATER]} for subnet in ("hidden", MASK))
    [message] = new_messages(
        sides("prod", one(GROUP, "it"), [with_secrets(GROUP, values, shown)]),
        sides("stg", one(GROUP, "it"), one(GROUP, "it")),
    )
    assert message == f"zones: subnetIds is {LATER} in prod and 2 in stg"


def test_of_several_items_with_one_id_prod_has_the_weakest_and_stg_the_strongest() -> None:
    short = {**DAILY, "lifecycle": {"deleteAfter": 1}}
    weak, both = (one(PLAN, "it", {"rules": rules}) for rules in ([short], [short, DAILY]))
    path = 'retention: rules["daily"].lifecycle.deleteAfter is'
    plan, stg = one(PLAN, "it"), sides("stg", one(PLAN, "it"), both)
    assert new_messages(sides("prod", plan, weak), stg) == [f"{path} 1 in prod and 1 and 35 in stg"]
    assert new_messages(sides("prod", plan, both), sides("stg", plan, plan)) == [
        f"{path} 1 and 35 in prod and 35 in stg"
    ]
    assert new_messages(sides("prod", plan, plan), stg) == []


def test_a_list_with_something_else_than_objects_cannot_be_compared() -> None:
    for item, shown in (("x", "not comparable"), (sentinels.UNKNOWN, LATER)):
        messages = blocking_messages(BucketLifecycleConfiguration={"rules": [item]})
        assert f'retention: rules["logs"].expiration.days is {shown} in prod and 90 in stg' in messages
    for expiration, shown in (("x", "not comparable"), (sentinels.UNKNOWN, LATER)):
        rules = [{"id": "logs", "expiration": expiration}]
        messages = blocking_messages(BucketLifecycleConfiguration={"rules": rules})
        assert messages[0] == f'retention: rules["logs"].expiration.days is {shown} in prod and 90 in stg'


@pytest.mark.parametrize("name", ["renamed", "it-prod"])
def test_a_renamed_resource_is_compared_under_its_former_name(name: str) -> None:
    old, weak = resource(PODS, "it", STRONG[PODS]), resource(PODS, name, {"spec": {"replicas": 1}})
    decoy = resource(PODS, "it", STRONG[PODS])
    stg = sides("stg", [old], [old])
    for steps in ([Step("update", old, weak)], [Step("update", old, weak), Step("create", None, decoy)]):
        [finding] = find_weaker(stack(*steps, name="prod"), stg)
        assert finding.blocks and (finding.name, finding.type) == (name, PODS)


def one(kind: str, name: str, inputs: dict[str, Any] | None = None) -> list[Resource]:
    """Return one resource, by default with strong inputs."""
    return [resource(kind, name, STRONG[kind] if inputs is None else inputs)]


def new_messages(prod: Stack, stg: Stack) -> list[str]:
    return [finding.message for finding in find_weaker(prod, stg) if finding.blocks]


@each_row(
    ("kind", "weak", "message"),
    [
        (PODS, {"spec": {"replicas": 1}}, "replicas: spec.replicas is 1 in prod and 3 in stg"),
        (GROUP, {"subnetIds": ["subnet-1"]}, "zones: subnetIds is 1 in prod and 2 in stg"),
        (
            CONFIG,
            {"data": {"nginx.conf": "ssl_protocols TLSv1.1;"}},
            "TLS: data is 1.1 in prod and 1.2 in stg",
        ),
        (
            ZONE,
            {"settingId": "min_tls_version", "value": "1.0"},
            "TLS: value is 1.0 in prod and 1.2 in stg",
        ),
    ],
)
def test_a_resource_that_stg_renames_or_gives_up_is_compared_as_before(
    kind: str, weak: dict[str, Any], message: str
) -> None:
    prod = sides("prod", one(kind, "it"), one(kind, "it", weak))
    for others in (one(kind, "it-v2"), []):
        assert new_messages(prod, sides("stg", one(kind, "it"), others)) == [f"{message} before the change"]
    # The same holds if prod gives up what stg has under another name.
    value = message.split(" is ")[0]
    [finding] = new_messages(
        sides("prod", one(kind, "it"), []), sides("stg", one(kind, "it"), one(kind, "it-v2"))
    )
    assert finding.startswith(f"{value} is absent in prod") and finding.endswith("in stg before the change")


def test_what_stg_renames_or_gives_up_is_no_weakness_of_an_unchanged_prod() -> None:
    weak = one(PODS, "it", {"spec": {"replicas": 1}})
    renamed = sides("stg", one(PODS, "it"), one(PODS, "it-v2"))
    for before, new in ((one(PODS, "it"), one(PODS, "it")), (weak, weak), (weak, one(PODS, "it"))):
        assert new_messages(sides("prod", before, new), renamed) == []
    assert new_messages(sides("prod", one(PODS, "it"), one(PODS, "it-v2")), renamed) == []
    assert new_messages(sides("prod", one(PODS, "it"), []), sides("stg", one(PODS, "it"), [])) == []


def test_a_rule_that_stg_renames_is_compared_as_before() -> None:
    short = {**DAILY, "lifecycle": {"deleteAfter": 1}}
    stg = sides("stg", one(PLAN, "it"), one(PLAN, "it", {"rules": [{**DAILY, "ruleName": "nightly"}]}))
    messages = new_messages(sides("prod", one(PLAN, "it"), one(PLAN, "it", {"rules": [short]})), stg)
    assert (
        messages[0]
        == 'retention: rules["daily"].lifecycle.deleteAfter is 1 in prod and 35 in stg before the change'
    )
    gone = one(PLAN, "it", {"rules": []})
    assert new_messages(sides("prod", one(PLAN, "it"), gone), sides("stg", one(PLAN, "it"), gone)) == []


def test_another_resource_with_the_name_of_a_renamed_one_of_stg_is_compared_too() -> None:
    [old], [moved], [new] = one(PODS, "it"), one(PODS, "x", {"spec": {"replicas": 1}}), one(PODS, "it")
    steps = Step("update", old, moved), Step("create", None, new)
    prod = sides("prod", one(PODS, "it"), one(PODS, "it", {"spec": {"replicas": 1}}))
    assert new_messages(prod, stack(*steps, name="stg")) == [SPEC.format(1)]
    assert new_messages(stack(*steps, name="prod"), stack(*steps, name="stg")) == []


def test_settings_that_exchange_their_names_are_no_comparison() -> None:
    tls, cache = STRONG[ZONE], {"settingId": "browser_cache_ttl", "value": 3600}
    before = [*one(ZONE, "a", tls), *one(ZONE, "b", cache)]
    weak = [*one(ZONE, "a", cache), *one(ZONE, "b", {**tls, "value": "1.0"})]
    assert new_messages(sides("prod", before, weak), sides("stg", before, before)) == [
        "TLS: value is absent in prod and 1.2 in stg"
    ]


UNAVAILABLE = "replicas: spec.maxUnavailable is {} in prod and {} in stg"


@each_row(
    ("prod", "stg", "message"),
    [
        ((1, "100%"), (1, "25%"), UNAVAILABLE.format("100%", "25%")),
        (("25%", "100%"), ("25%", "25%"), UNAVAILABLE.format("100%", "25%")),
        ((1, 3), (1, "25%"), UNAVAILABLE.format(3, "1") + " before the change"),
        ((1, 3), (1, "x"), UNAVAILABLE.format(3, "1") + " before the change"),
        ((1, "25%"), (1, 1), UNAVAILABLE.format("25%", 1)),
        (("25%", "50%"), (1, 1), UNAVAILABLE.format("50%", 1)),
        (("25%", None), ("25%", "25%"), UNAVAILABLE.format("absent", "25%")),
        ((1, "25%"), (1, "25%"), ""),
        ((1, 1), (1, "25%"), ""),
        ((2, 2), (1, "25%"), ""),
        ((1, 0), (1, "25%"), ""),
        (("25%", "25%"), (1, 1), ""),
        (("25%", "10%"), (1, 1), ""),
        (("25%", "25%"), ("25%", "50%"), ""),
    ],
)
def test_percentages_are_compared_with_each_other_and_else_with_the_value_before(
    prod: tuple[Any, Any], stg: tuple[Any, Any], message: str
) -> None:
    def change(name: str, values: tuple[Any, Any]) -> Stack:
        return sides(name, *(one(BUDGET, "it", {"spec": {"maxUnavailable": value}}) for value in values))

    assert new_messages(change("prod", prod), change("stg", stg)) == ([message] if message else [])


def test_a_configuration_of_stg_without_a_version_of_tls_is_compared_as_before() -> None:
    plain = one(CONFIG, "it", {"data": {"nginx.conf": "listen 443;"}})
    old = one(CONFIG, "it", {"data": {"nginx.conf": "ssl_protocols TLSv1.1;"}})
    stg = sides("stg", one(CONFIG, "it"), plain)
    assert new_messages(sides("prod", one(CONFIG, "it"), old), stg) == [
        "TLS: data is 1.1 in prod and 1.2 in stg before the change"
    ]
    assert new_messages(sides("prod", one(CONFIG, "it"), plain), stg) == []


@each_row(
    ("kind", "weak", "message"),
    [
        (BUDGET, {"spec": {"maxUnavailable": 100}}, "spec.maxUnavailable is 100 in prod and 1 in stg"),
        (LOCK, {"rule": {"defaultRetention": {"days": 1}}}, f"{DAYS} is 1 in prod and 30 in stg"),
    ],
)
def test_another_input_of_stg_in_place_of_the_compared_one_hides_no_weakness(
    kind: str, weak: dict[str, Any], message: str
) -> None:
    [other] = [inputs for (of_kind, _), (inputs, *_) in ALTERNATIVES.items() if of_kind == kind]
    stg = sides("stg", one(kind, "it"), one(kind, "it", other))
    messages = new_messages(sides("prod", one(kind, "it"), one(kind, "it", weak)), stg)
    assert any(text.endswith(f": {message} before the change") for text in messages)
    # Prod may change the input as well.
    assert new_messages(sides("prod", one(kind, "it"), one(kind, "it", other)), stg) == []


@each_row("place", [*ALTERNATIVES])
def test_an_input_in_place_of_another_one_is_compared_as_well(place: tuple[str, str]) -> None:
    kind, (strong_inputs, weak, message) = place[0], ALTERNATIVES[place]
    stg = sides("stg", one(kind, "it", strong_inputs), one(kind, "it", strong_inputs))
    assert message in new_messages(sides("prod", one(kind, "it", strong_inputs), one(kind, "it", weak)), stg)


@each_row("decoy", ["server { listen 1; ssl_protocols TLSv1; }\n"])
def test_an_older_version_of_tls_in_stg_hides_none_in_prod(decoy: str) -> None:
    text = STRONG[CONFIG]["data"]["nginx.conf"]
    hidden, beside = {"nginx.conf": decoy + text}, {"nginx.conf": text, "example": decoy}
    weak = one(CONFIG, "it", {"data": {"nginx.conf": "ssl_protocols TLSv1 TLSv1.2;"}})
    for data in (hidden, beside):
        stg = sides("stg", one(CONFIG, "it"), one(CONFIG, "it", {"data": data}))
        assert new_messages(sides("prod", one(CONFIG, "it"), weak), stg) == [
            "TLS: data is 1.0 in prod and 1.2 in stg before the change"
        ]
        same = sides("prod", one(CONFIG, "it"), one(CONFIG, "it", {"data": data}))
        assert new_messages(same, stg) == new_messages(sides("prod", weak, weak), stg) == []


def test_a_deployment_without_a_number_of_pods_has_one() -> None:
    network = one(SUBNET, "it")
    none, one_pod = one(PODS, "it", {"spec": {}}), one(PODS, "it", {"spec": {"replicas": 1}})
    three = one(PODS, "it")
    for before, after_, stg_before in (([], none, []), (three, none, three), (none, none, none)):
        prod = sides("prod", [*network, *before], [*network, *after_])
        stg = sides("stg", [*network, *stg_before], [*network, *three])
        assert new_messages(prod, stg) == [SPEC.format(1)]
    for weak in (none, one_pod):
        assert new_messages(sides("prod", three, weak), sides("stg", three, none)) == []


def test_the_name_of_the_stack_in_a_resource_s_name_hides_no_weakness() -> None:
    before = {name: [resource(PODS, f"it-{name}", STRONG[PODS])] for name in ("stg", "prod")}
    weak = [resource(PODS, "it-prod", {"spec": {"replicas": 1}})]
    [finding] = find_weaker(sides("prod", before["prod"], weak), sides("stg", before["stg"], before["stg"]))
    assert finding.blocks and finding.name == "it-prod"


def test_a_lifecycle_that_only_prod_gets_is_weaker_than_none_if_stg_has_its_bucket() -> None:
    bucket = resource("aws:s3/bucket:Bucket", "backups", {"bucket": "backups"}, id="backups")
    lifecycle = resource(
        LIFECYCLE, "expiry", {"bucket": "backups", **STRONG[LIFECYCLE]}, **after(bucket=bucket)
    )
    prod = stack(Step("same", bucket, bucket), Step("create", None, lifecycle), name="prod")
    messages = {
        finding.message for finding in find_weaker(prod, sides("stg", [bucket], [bucket])) if finding.blocks
    }
    assert 'retention: rules["logs"].expiration.days is 90 in prod and absent in stg' in messages
    other = resource("aws:s3/bucket:Bucket", "other", {"bucket": "other"}, id="other")
    assert not [*find_weaker(prod, sides("stg", [other], [other]))]


def test_a_lifecycle_that_only_in_prod_moves_to_another_bucket_is_weaker_than_none() -> None:
    buckets = {name: resource(BUCKET, name, {"bucket": name}, id=name) for name in ("tmp", "backups")}

    def changed(name: str, bucket: str) -> Stack:
        old, new = (
            resource(
                LIFECYCLE,
                "expiry",
                {"bucket": target, "rules": [{"id": "x", "expiration": {"days": 1}}]},
                id=target,
                **after(bucket=buckets[target]),
            )
            for target in ("tmp", bucket)
        )
        kept = [Step("same", member, member) for member in buckets.values()]
        return stack(*kept, Step("same" if bucket == "tmp" else "replace", old, new), name=name)

    [finding] = find_weaker(changed("prod", "backups"), changed("stg", "tmp"))
    assert finding.blocks and finding.message == (
        'retention: rules["x"].expiration.days is 1 in prod and absent in stg'
    )
    assert not [*find_weaker(changed("prod", "backups"), changed("stg", "backups"))]


def test_the_finding_is_one_of_the_compared_stack() -> None:
    prod = sides("foundation/prod", strong(), strong(Plan={"rules": []}))
    for finding in find_weaker(prod, sides("foundation/stg", strong(), strong())):
        assert finding.stacks == ["foundation/prod"]
