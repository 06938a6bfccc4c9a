"""Tests of the estimate of a stack's bill, and of the comparison of base and head."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from review.build import build
from review.cost import estimate, nodes, price_table
from review.cost.estimate import Line
from review.cost.usage import Usage, usage_of
from review.model import BASE_TO_HEAD, CostLine
from review.plain_data import build_mask
from review.render import filters, renderings
from review.stacks.engine_run import EngineRun, Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.summary import SIGNATURE, UNKNOWNS
from tests.support.review.stacks import KEY, resource, stack, urn

DATABASE, SERVICE = "aws:rds/instance:Instance", "kubernetes:core/v1:Service"
ENDPOINT, GATEWAY = "aws:ec2/vpcEndpoint:VpcEndpoint", "aws:ec2/natGateway:NatGateway"
BUCKET, REPLICATION = "aws:s3/bucket:Bucket", "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
GROUP, TEST = "aws:cloudwatch/logGroup:LogGroup", "datadog:index/syntheticsTest:SyntheticsTest"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
SUBNET, SETTING = "aws:ec2/subnet:Subnet", "cloudflare:index/zoneSetting:ZoneSetting"
SUPPORT = {"engineLifecycleSupport": "open-source-rds-extended-support-disabled"}
SMALL = {"instanceClass": "db.t4g.small", "allocatedStorage": 20, "storageType": "gp3", **SUPPORT}
API_TEST = {"type": "api", "status": "live", "locations": ["a"], "optionsList": {"tickEvery": 60}}
LOGINS = {"status": "ENABLED", "name": "RDS_LOGIN_EVENTS"}
FACING = {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing"}
OSAKA = {"region": "ap-northeast-3"}


def usage(**changes: Any) -> Usage:
    """Return the default use of a stack with changes."""
    return usage_of("").model_copy(update=changes)


def months(*resources: Resource, **changes: Any) -> dict[str, float | None]:
    """Return the cost per month by part, without parts that cost nothing, rounded to cents."""
    lines = estimate.estimate(resources, usage(**changes))
    costs = {line.part: line.month if line.month is None else round(line.month, 2) for line in lines}
    return {part: month for part, month in costs.items() if month != 0}


def test_nodes_of_an_unknown_type_leave_the_number_of_hosts_unknown() -> None:
    release = resource(
        nodes.RELEASE, "agent", {"chart": "datadog", "values": {"datadog": {"apm": {"portEnabled": True}}}}
    )
    requirement = {"key": "eks.amazonaws.com/instance-category", "operator": "In", "values": ["p"]}
    pool = resource(nodes.POOL, "pool", {"spec": {"template": {"spec": {"requirements": [requirement]}}}})
    hosts = {"Datadog: hosts": None, "Datadog: hosts with traces": None}
    assert months(release, pool, system_nodes=1.0) == {"nodes": None, **hosts}
    assert months(release, system_nodes=1.0) == {"Datadog: hosts": 15.0}


@pytest.mark.parametrize(
    ("resources", "changes", "expected"),
    [
        ([resource(KEY, "it", {})], {"key_requests": 2.0}, {"key": 1.0, "key's requests": 0.06}),
        (
            [resource(KEY, "it", {"enableKeyRotation": True})],
            {"key_requests": 0.0, "key_rotations": 2},
            {"key": 3},
        ),
        (
            [resource(GATEWAY, "a", {}), resource(GATEWAY, "b", {})],
            {"nat_gb": 100.0},
            {"NAT gateway": 45.26, "NAT gateway's traffic": 3.1},
        ),
        (
            [resource(ENDPOINT, "it", {"vpcEndpointType": "Interface", "subnetIds": ["a", "b"]})],
            {"endpoint_gb": 10.0},
            {"endpoint in each zone": 20.44, "endpoint's traffic": 0.1},
        ),
        ([resource(ENDPOINT, "it", {"vpcEndpointType": "Gateway"})], {}, {}),
        (
            [resource(DATABASE, "it", SMALL | {"multiAz": True, "manageMasterUserPassword": True})],
            {"database_backup_gb": 30.0, "database_credits": 2.0},
            {
                "database instances": 73.0,
                "database storage": 5.52,
                "database backups": 0.95,
                "database's CPU credits": 0.15,
                "database's master password": 0.4,
            },
        ),
        ([resource(DATABASE, "it", SMALL)], {}, {"database instances": 36.5, "database storage": 2.76}),
        (
            [
                resource(
                    DATABASE,
                    "it",
                    SMALL | {"engine": "sqlserver-ee", "iops": 64000, "databaseInsightsMode": "advanced"},
                )
            ],
            {},
            {"database instances": None, "database storage": None, "analysis of the database": None},
        ),
        (
            [resource(DATABASE, "it", SMALL | {"instanceClass": "db.x9.huge"})],
            {},
            {"database instances": None, "database storage": 2.76},
        ),
        (
            [
                resource(
                    SERVICE, "it", {"spec": {"type": "LoadBalancer"}, "metadata": {"annotations": FACING}}
                ),
                *(resource(SUBNET, name, {"tags": {"kubernetes.io/role/elb": "1"}}) for name in "ab"),
                resource(SUBNET, "c", {"tags": {}}),
            ],
            {"load_balancer_units": 2.0},
            {"load balancer": 17.74, "load balancer's units": 8.76, "load balancer's addresses": 7.3},
        ),
        ([resource(SERVICE, "it", {"spec": {"type": "ClusterIP"}})], {}, {}),
        (
            [resource(GROUP, "it", {"retentionInDays": 365})],
            {"log_gb": {"others": 5.0, "it": 10.0}},
            {"log events in CloudWatch": 7.6, "stored log events in CloudWatch": 0.59},
        ),
        (
            [
                resource(BUCKET, "copy", {"bucket": "copy", **OSAKA}),
                resource(
                    REPLICATION,
                    "it",
                    {
                        "rules": [
                            {"destination": {"bucket": "arn:aws:s3:::copy", "storageClass": "STANDARD_IA"}}
                        ]
                    },
                ),
            ],
            {
                "bucket_gb": {"others": 100.0},
                "bucket_writes": 0.0,
                "bucket_reads": 0.0,
                "replicated_gb": 10.0,
            },
            {"objects in buckets": 1.38, "copies to another region": 0.9},
        ),
        (
            [
                resource(TEST, "it", API_TEST | {"locations": ["a", "b"]}),
            ],
            {},
            {"Datadog: test runs": 43.8},
        ),
        (
            [resource(FEATURE, "it", {"status": "ENABLED", "name": "RDS_LOGIN_EVENTS"})],
            {"guard_duty_database_cpus": 2.0},
            {"GuardDuty: logins to databases": 2.66},
        ),
        ([resource(FEATURE, "it", {"status": "DISABLED", "name": "RDS_LOGIN_EVENTS"})], {}, {}),
        (
            [resource(FEATURE, "it", {"status": "ENABLED", "name": "NEW"})],
            {},
            {"GuardDuty: NEW": None},
        ),
        (
            [resource(SETTING, name, {"zoneId": "1", "settingId": "ssl"}) for name in "ab"],
            {},
            {"Cloudflare: plan of the zone": 25.0},
        ),
        ([resource(SETTING, "a", {"zoneId": "1", "settingId": "ssl"})], {"cloudflare_plan": "free"}, {}),
        ([resource("aws:ecr/repository:Repository", "it", OSAKA)], {}, {"images in registries": None}),
        ([resource("aws:iam/role:Role", "it", {})], {}, {}),
        ([resource("pipe:data:Database", "it", {})], {}, {}),
        ([resource("aws:ec2/instance:Instance", "it", {})], {}, {"aws:ec2/instance:Instance": None}),
        (
            [resource("kubernetes:core/v1:PersistentVolumeClaim", "it", {})],
            {},
            {"kubernetes:core/v1:PersistentVolumeClaim": None},
        ),
    ],
)
def test_a_resource_costs_its_quantity_times_the_price(
    resources: list[Resource], changes: dict[str, Any], expected: dict[str, float | None]
) -> None:
    assert months(*resources, **changes) == expected


def test_a_bill_of_equal_zones_has_one_plan() -> None:
    settings = [
        resource(SETTING, name, {"zoneId": zone, "settingId": "ssl"})
        for name, zone in (("a", "1"), ("b", "1"), ("c", "2"))
    ]
    lines = estimate.estimate(settings, usage())
    assert [line.resource for line in lines] == ["a", "c"]


def test_the_region_of_a_resource_is_that_of_its_provider() -> None:
    provider = resource("pulumi:providers:aws", "osaka", OSAKA)
    copy = resource(KEY, "copy", {}, provider=f"{provider.urn}::an-id")
    small = resource(DATABASE, "copy", SMALL, provider=f"{provider.urn}::an-id")
    home = resource(DATABASE, "home", SMALL)
    lines = estimate.estimate([provider, copy, small, home], usage())
    prices = {line.resource: line.basis for line in lines if line.part == "database instances"}
    assert prices == {
        "copy": "1 × 0.051 USD per hour (db.t4g.small); price of 2025",
        "home": "1 × 0.05 USD per hour (db.t4g.small)",
    }
    assert [line.basis for line in lines if line.part == "database storage"] == [
        "no price of database storage in ap-northeast-3",
        "20 × 0.138 USD per GB-month (20 GiB)",
    ]


def test_a_line_states_the_use_that_it_assumes() -> None:
    [line] = [
        line for line in estimate.estimate([resource(GATEWAY, "it", {})], usage()) if "traffic" in line.part
    ]
    assert line == Line(
        GATEWAY,
        "it",
        "NAT gateway's traffic",
        pytest.approx(1.86),  # pyright: ignore[reportArgumentType,reportUnknownMemberType]
        "30 × 0.062 USD per GB",
        ("natGb 30: GB through all NAT gateways",),
    )


def test_only_the_lines_that_differ_are_changed_and_the_largest_change_is_first() -> None:
    before = [resource(GATEWAY, "a", {}), resource(DATABASE, "db", SMALL), resource(KEY, "key", {})]
    after = [resource(GATEWAY, "a", {}), resource(DATABASE, "db", SMALL | {"multiAz": True})]
    costs = estimate.compare("dev", before, after)
    assert [(line.resource, line.part, line.before, line.after) for line in costs.changed] == [
        ("db", "database instances", 36.5, 73.0),
        ("db", "database storage", 2.76, 5.52),
        ("key", "key", 1.0, 0.0),
        ("key", "key's requests", 0.03, 0.0),
    ]
    assert costs.difference == 38.23


def test_resources_of_one_name_have_lines_of_their_own() -> None:
    before, after = resource(DATABASE, "db", SMALL), resource(DATABASE, "db", SMALL | {"multiAz": True})
    costs = estimate.compare("dev", [before, before], [after, before])
    assert [(line.part, line.before, line.after) for line in costs.changed] == [
        ("database instances", 36.5, 73.0),
        ("database storage", 2.76, 5.52),
    ]


def test_a_part_without_a_price_is_unknown_and_the_rest_of_the_stack_is_not() -> None:
    costs = estimate.compare("dev", [], [resource(KEY, "a", {}), resource("aws:ec2/fleet:Fleet", "it", {})])
    assert (costs.before, costs.after, costs.difference) == (0.0, 1.03, None)
    assert [line.part for line in costs.unknown] == ["aws:ec2/fleet:Fleet"]


LARGE = SMALL | {"instanceClass": "db.r7g.16xlarge"}
IO2 = SMALL | {"storageType": "io2"}
SNAPSHOT = {"instanceClass": "db.t4g.small", "storageType": "io2", **SUPPORT}
FLEET, CHART = "aws:ec2/fleet:Fleet", {"chart": "x", "values": {"replicas": 1}}
POOL, LARGE_POOL = ({"spec": {"replicas": count}} for count in (1, 9))


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ([resource(DATABASE, "it", SMALL)], [resource(DATABASE, "it", LARGE)], "≥ 2.76 (unknown)"),
        ([resource(DATABASE, "it", LARGE)], [resource(DATABASE, "it", SMALL)], "39.26 (unknown)"),
        ([resource(DATABASE, "it", LARGE)], [resource(DATABASE, "it", LARGE)], "2.76"),
        (
            [resource(DATABASE, "it", LARGE)],
            [resource(DATABASE, "it", LARGE | {"multiAz": True})],
            "≥ 5.52 (unknown)",
        ),
        (
            [resource(DATABASE, "it", IO2 | {"iops": 1000})],
            [resource(DATABASE, "it", IO2 | {"iops": 80000})],
            "≥ 36.50 (unknown)",
        ),
        (
            [resource(DATABASE, "it", SNAPSHOT | {"iops": 1000})],
            [resource(DATABASE, "it", SNAPSHOT | {"iops": 80000})],
            "≥ 38.40 (unknown)",
        ),
        (
            [resource(DATABASE, "it", SMALL | {"engine": "mysql"})],
            [resource(DATABASE, "it", LARGE | {"engine": "mysql"})],
            "≥ 2.76 (unknown)",
        ),
        (
            [resource(DATABASE, "it", SMALL | {"engine": "mysql"})],
            [resource(DATABASE, "it", SMALL | {"engine": "mysql"})],
            "2.76",
        ),
        (
            [resource(TEST, "it", {"type": "browser"})],
            [resource(TEST, "it", {"type": "browser", "browserSteps": [{}] * 200})],
            "≥ 0.00 (unknown)",
        ),
        (
            [resource(GATEWAY, "it", {"region": "xx-east-1"})],
            [resource(GATEWAY, "it", {"region": "xx-east-2"})],
            "≥ 0.00 (unknown)",
        ),
        ([resource(FLEET, "it", {"a": 1})], [resource(FLEET, "it", {"a": 2})], "≥ 0.00 (unknown)"),
        (
            [resource(FLEET, "it", {"a": 1})],
            [resource(FLEET, "it", {"a": 1}), resource(KEY, "it", {})],
            "1.03 (+1.03)",
        ),
        ([resource(FLEET, "it", {})], [resource(KEY, "it", {})], "1.03 (unknown)"),
        (
            [resource(nodes.RELEASE, "it", CHART)],
            [resource(nodes.RELEASE, "it", CHART | {"values": {"replicas": 9}})],
            "≥ 0.00 (unknown)",
        ),
        (
            [resource(nodes.POOL, "it", POOL)],
            [resource(nodes.POOL, "it", LARGE_POOL)],
            "≥ 0.00 (unknown)",
        ),
    ],
)
def test_a_part_without_a_price_is_no_saving(
    before: list[Resource], after: list[Resource], shown: str
) -> None:
    assert filters.estimate(estimate.compare("dev", before, after)) == shown


def cron_job(**spec: Any) -> Resource:
    """Return a CronJob with one pod, whose jobs have this `spec`, and whose container has an image."""
    image, fields = spec.pop("image", "a"), {"schedule": spec.pop("schedule", "0 3 * * *")}
    requests = {"requests": {"cpu": spec.pop("cpu", "1")}}
    requests["limits"] = spec.pop("limits", {})
    template = {"spec": {"containers": [{"image": image, "resources": requests}], **spec.pop("pod", {})}}
    job = {"spec": {**fields, "jobTemplate": {"spec": {**spec, "template": template}}}}
    return resource("kubernetes:batch/v1:CronJob", "job", job)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({}, 0.0),
        ({"image": "b"}, 0.0),
        ({"schedule": "* * * * *"}, None),
        ({"parallelism": 500}, None),
        ({"cpu": "2"}, None),
        ({"limits": {"cpu": "4"}}, 0.0),
        ({"limits": {"nvidia.com/gpu": 8}}, None),
        ({"podFailurePolicy": {"rules": []}}, None),
        ({"pod": {"restartPolicy": "OnFailure"}}, None),
        ({"pod": {"topologySpreadConstraints": [{"topologyKey": "zone"}]}}, None),
    ],
)
def test_a_job_of_another_size_makes_the_change_unknown(
    change: dict[str, Any], difference: float | None
) -> None:
    costs = estimate.compare("dev", [cron_job()], [cron_job(**change)])
    assert (costs.difference, costs.is_after_minimum) == (difference, difference is None)
    assert [line.resource for line in costs.unknown] == (["job"] if difference is None else [])


def test_a_new_job_makes_the_change_unknown_unless_the_stack_is_new() -> None:
    key = resource(KEY, "key", {})
    for before, after in (([key], [key, cron_job()]), ([key, cron_job()], [key])):
        assert filters.estimate(estimate.compare("dev", before, after)) == "≥ 1.03 (unknown)"
    assert filters.estimate(estimate.compare("dev", [], [key, cron_job()])) == "1.03 (+1.03)"


def test_the_report_shows_that_a_part_without_a_price_may_cost_more(tmp_path: Path) -> None:
    steps = Step("update", resource(DATABASE, "db", SMALL), resource(DATABASE, "db", LARGE), {"a": "update"})
    report = build(BASE_TO_HEAD, ("base", "head"), [stack(steps)], build_mask([]), (tmp_path, tmp_path))
    text = renderings.render_terminal(report)
    assert "  ≥ 2.76 (unknown)\n" in text
    assert text.partition("Cost\n")[2].splitlines()[:3] == [
        "  dev: 39.26 → ≥ 2.76 USD a month (unknown change, since base and head differ in a part without a "
        "price)",
        "  dev: db, database instances: 36.50 → unknown",
        "  dev: not included, since there is no price: database db.r7g.16xlarge in ap-northeast-1",
    ]
    assert "≥ 2.76 (unknown)" in renderings.render_markdown(report)
    assert "≥ 2.76 (unknown)" in renderings.render_html(report)
    assert '"difference": null' in renderings.render_json(report)


def test_the_cost_of_a_side_that_does_not_evaluate_is_unknown(tmp_path: Path) -> None:
    base = EngineRun(tmp_path)
    base.phase.errors.append("no")
    head = EngineRun(tmp_path, {urn(KEY, "a"): Step("create", None, resource(KEY, "a", {}))})
    report = build(
        BASE_TO_HEAD, ("base", "head"), [Stack("dev", head, base)], build_mask([]), (tmp_path, tmp_path)
    )
    costs = report.stacks[0].costs
    assert (costs.before, costs.after, costs.changed) == (None, 1.03, [])
    assert "dev: unknown → 1.03 USD a month" in renderings.render_terminal(report)


def test_the_report_shows_the_estimate_its_change_and_the_reason(tmp_path: Path) -> None:
    old, new = (resource(DATABASE, "db", SMALL | {"multiAz": value}) for value in (False, True))
    same = resource(GATEWAY, "nat", {})
    steps = Step("update", old, new, {"multiAz": "update"}), Step("same", same, same)
    report = build(BASE_TO_HEAD, ("base", "head"), [stack(*steps)], build_mask([]), (tmp_path, tmp_path))
    text = renderings.render_terminal(report)
    assert "125.64 (+39.26)" in text
    assert text.partition("Cost\n")[2].splitlines()[:3] == [
        "  dev: 86.38 → 125.64 USD a month (+39.26)",
        "  dev: db, database instances: 36.50 → 73.00; 2 × 0.05 USD per hour (db.t4g.small, Multi-AZ)",
        "  dev: db, database storage: 2.76 → 5.52; 40 × 0.138 USD per GB-month (20 GiB)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "months"),
    [
        (resource(DATABASE, "it", SMALL, retainOnDelete=True), None, (39.26, 39.26)),
        (resource(DATABASE, "it", SMALL), None, (39.26, 0.0)),
        (
            resource(DATABASE, "it", SMALL, retainOnDelete=True),
            resource(DATABASE, "it", SMALL | {"allocatedStorage": 40}),
            (39.26, 81.28),
        ),
        (resource(FEATURE, "it", LOGINS), None, (2.66, 2.66)),
    ],
    ids=["retained", "deleted", "replaced and retained", "forgotten by the provider"],
)
def test_an_object_that_stays_is_no_saving(
    old: Resource, new: Resource | None, months: tuple[float, float], tmp_path: Path
) -> None:
    step = Step("replace" if new else "delete", old, new)
    report = build(BASE_TO_HEAD, ("base", "head"), [stack(step)], build_mask([]), (tmp_path, tmp_path))
    costs = report.stacks[0].costs
    assert (costs.before, costs.after) == months


def test_a_resource_that_takes_over_a_forgotten_object_counts_once(tmp_path: Path) -> None:
    steps = (
        Step("delete", resource(FEATURE, "a", LOGINS), None),
        Step("create", None, resource(FEATURE, "b", LOGINS)),
    )
    report = build(BASE_TO_HEAD, ("base", "head"), [stack(*steps)], build_mask([]), (tmp_path, tmp_path))
    assert report.stacks[0].costs.difference == 0


def test_a_type_without_a_price_is_named(tmp_path: Path) -> None:
    steps = [Step("create", None, resource(f"aws:x/{name}:{name.title()}", "it", {})) for name in ("a", "b")]
    report = build(BASE_TO_HEAD, ("base", "head"), [stack(*steps)], build_mask([]), (tmp_path, tmp_path))
    missing = "a resource of type aws:x/a:A in ap-northeast-1, a resource of type aws:x/b:B in ap-northeast-1"
    assert missing in renderings.render_terminal(report)


def test_a_cost_line_is_unknown_without_a_price() -> None:
    line = CostLine("a", "b", None, None, "no price of b in ap-northeast-3")
    assert line.is_unknown and not dataclasses.replace(line, basis="1 × 1 USD per month").is_unknown


def test_a_key_has_the_price_of_the_table() -> None:
    assert price_table.key_month() == 1.0


@pytest.mark.parametrize("size", [-62_000, float("inf"), float("nan")])
def test_an_impossible_quantity_lowers_no_bill(size: float) -> None:
    inputs = {"instanceClass": "db.t4g.medium", "engine": "postgres", "storageType": "gp3", **SUPPORT}
    smallest = estimate.month(DATABASE, {**inputs, "allocatedStorage": 20})
    month = estimate.month(DATABASE, {**inputs, "allocatedStorage": size})
    assert smallest and month and month > smallest - 3


def test_secrets_count_with_their_values_and_stay_masked() -> None:
    database = resource(DATABASE, "it", SMALL)
    plain = estimate.estimate([database], usage())
    database.inputs = SMALL | {"instanceClass": "[secret]", "storageType": "gp3 (secret)"}
    database.literals = {"instanceClass": "db.t4g.small"}
    hidden = estimate.estimate([database], usage())
    assert [line.month for line in hidden] == [line.month for line in plain]
    assert "db.t4g.small" in str(plain)
    assert "db.t4g.small" not in str(hidden)
    assert "([secret])" in str(hidden)


@pytest.mark.parametrize("value", [UNKNOWNS[0], {SIGNATURE: "", "ciphertext": ""}], ids=["unknown", "secret"])
def test_a_number_that_is_unknown_leaves_its_line_unknown(value: Any) -> None:
    database = resource(DATABASE, "it", SMALL | {"allocatedStorage": value})
    group = resource(GROUP, "it", {"retentionInDays": value})
    test = resource(TEST, "it", API_TEST | {"optionsList": {"tickEvery": value}})
    lines = estimate.estimate([database, group, test], usage())
    reasons = {line.part: line.basis for line in lines if line.month is None}
    assert reasons == {
        "database storage": "no price of an unknown amount of storage in ap-northeast-1",
        "stored log events in CloudWatch": "no price of log events that are stored for an unknown time in "
        "ap-northeast-1",
        "Datadog: test runs": "no price of test runs at an unknown interval in ap-northeast-1",
    }
    rules = [value, {"copyActions": value}, {"copyActions": [value]}]
    estimate.estimate([resource("aws:backup/plan:Plan", "it", {"rules": rules})], usage())
    for resource_type in estimate.CHARGES:
        estimate.estimate([resource(resource_type, "it", dict.fromkeys(("spec", "values"), value))], usage())
