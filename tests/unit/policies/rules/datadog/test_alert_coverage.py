import pytest

from policies.model.datadog_monitors import MONITOR as TYPE
from policies.model.datadog_monitors import SYNTHETIC
from tests.support.policies.fixtures import DEPLOYMENT, MONITOR
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, changed, resource, secret

REQUIRED = "alert-required-monitor-missing"


def test_every_required_monitor_exists(messages_of_stack: MessagesOf) -> None:
    monitor = resource(TYPE, MONITOR)
    assert messages_of_stack(REQUIRED, monitor) == []
    assert messages_of_stack(REQUIRED, monitor, monitors=["HighErrorRate"], tags=["env:prod"]) == []


def test_a_removed_monitor_is_named(messages_of_stack: MessagesOf) -> None:
    other = resource(TYPE, changed(MONITOR, name="HighErrorRates"))
    assert messages_of_stack(REQUIRED, other, monitors=["HighErrorRate"]) == [
        "monitor HighErrorRate is missing; declare a datadog.Monitor whose name has HighErrorRate"
    ]
    foreign = resource(TYPE, changed(MONITOR, tags=["env:dev"]))
    assert messages_of_stack(REQUIRED, foreign, monitors=["HighErrorRate"], tags=["env:prod", "a:b"]) == [
        "monitor HighErrorRate is missing; declare a datadog.Monitor whose name has HighErrorRate "
        "with the tags a:b, env:prod"
    ]


def test_a_synthetic_test_counts_as_a_monitor(messages_of_stack: MessagesOf) -> None:
    test = resource(
        SYNTHETIC,
        {
            "name": "x",
            "subtype": "ssl",
            "tags": [],
            "optionsList": {"monitorName": "CertificateExpiry (prod)"},
        },
    )
    assert messages_of_stack(REQUIRED, test, monitors=["CertificateExpiry"]) == []
    assertions = [{"type": "statusCode"}, {"type": "certificate"}]
    unnamed = resource(SYNTHETIC, {"name": "CertificateExpiry", "tags": [], "assertions": assertions})
    assert messages_of_stack(REQUIRED, unnamed, monitors=["CertificateExpiry"]) == []
    other = resource(SYNTHETIC, {"name": "CertificateExpiry", "assertions": assertions[:1]})
    assert messages_of_stack(REQUIRED, other, monitors=["CertificateExpiry"]) == [
        "assertions is [{'type': 'statusCode'}]; let CertificateExpiry measure what matches cert|tls|ssl"
    ]


def test_a_monitor_whose_name_is_unknown_is_counted(messages_of_stack: MessagesOf) -> None:
    unknown = resource(TYPE, changed(MONITOR, name=UNKNOWN))
    assert messages_of_stack(REQUIRED, unknown, monitors=["HighErrorRate"]) == ["unknown: name"]
    other = resource(TYPE, changed(MONITOR, name=UNKNOWN, tags=["env:dev"]))
    assert messages_of_stack(REQUIRED, other, monitors=["HighErrorRate"], tags=["env:prod"]) == [
        "monitor HighErrorRate is missing; declare a datadog.Monitor whose name has HighErrorRate "
        "with the tags env:prod"
    ]
    beside = resource(TYPE, MONITOR, "beside")
    assert messages_of_stack(REQUIRED, unknown, beside, monitors=["HighErrorRate"]) == []


def test_a_monitor_measures_what_its_name_says(messages_of_stack: MessagesOf) -> None:
    query = "avg(last_5m):avg:cpu{*} > 1"
    idle = resource(TYPE, changed(MONITOR, query=query))
    assert messages_of_stack(REQUIRED, idle, monitors=["HighErrorRate"]) == [
        f"query is {query!r}; let HighErrorRate measure what matches err|5xx|fail"
    ]
    assert (
        messages_of_stack(REQUIRED, idle, monitors=["HighErrorRate"], measures={"HighErrorRate": "cpu"}) == []
    )
    assert messages_of_stack(REQUIRED, idle, monitors=["HighErrorRate"], measures={}) == []
    unknown = resource(TYPE, changed(MONITOR, query=UNKNOWN))
    assert messages_of_stack(REQUIRED, unknown, monitors=["HighErrorRate"]) == ["unknown: query"]


def test_an_slo_is_asked_for_by_configuration(messages_of_stack: MessagesOf) -> None:
    slo = resource("datadog:index/serviceLevelObjective:ServiceLevelObjective", {"name": "x"})
    assert messages_of_stack("alert-slo-missing") == []
    assert messages_of_stack("alert-slo-missing", slo, required=True) == []
    assert messages_of_stack("alert-slo-missing", required=True) == [
        "service level objective is missing; declare a datadog.ServiceLevelObjective"
    ]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["env:prod", "service:api"], []),
        (
            ["service:other"],
            [
                "service level objective is missing; declare a datadog.ServiceLevelObjective with the tags "
                "service:api"
            ],
        ),
        (UNKNOWN, ["unknown: tags"]),
    ],
)
def test_an_slo_of_another_service_does_not_count(
    messages_of_stack: MessagesOf, tags: object, expected: list[str]
) -> None:
    slo = resource("datadog:index/serviceLevelObjective:ServiceLevelObjective", {"name": "x", "tags": tags})
    assert messages_of_stack("alert-slo-missing", slo, required=True, tags=["service:api"]) == expected


UNCOVERED = "alert-deployment-uncovered"


WATCHED = resource("kubernetes:apps/v1:Deployment", DEPLOYMENT)


@pytest.mark.parametrize(
    "scope", ["kube_deployment:pipe-api", "kube_namespace:pipe,a:b", "kube_app_name:pipe-api} by {x"]
)
def test_a_deployment_is_covered_by_its_name_or_namespace(messages_of_stack: MessagesOf, scope: str) -> None:
    monitor = resource(TYPE, changed(MONITOR, query=f"avg(last_5m):avg:cpu{{{scope}}} > 1"))
    assert messages_of_stack(UNCOVERED, WATCHED, monitor) == []


def test_a_deployment_is_covered_by_its_datadog_service(messages_of_stack: MessagesOf) -> None:
    labels = {"tags.datadoghq.com/service": "pipe-api"}
    watched = resource("kubernetes:apps/v1:Deployment", changed(DEPLOYMENT, metadata__labels=labels))
    monitor = resource(TYPE, changed(MONITOR, query="avg(last_5m):avg:hits{service:pipe-api,env:prod} > 1"))
    assert messages_of_stack(UNCOVERED, watched, monitor) == []


def test_a_deployment_that_no_monitor_covers_is_named(messages_of_stack: MessagesOf) -> None:
    monitor = resource(TYPE, changed(MONITOR, query="avg(last_5m):avg:cpu{kube_deployment:pipe-api-2} > 1"))
    findings = [
        "metadata.name is 'pipe-api', which no monitor covers; let a monitor's query name "
        "kube_deployment:pipe-api"
    ]
    assert messages_of_stack(UNCOVERED, WATCHED, monitor) == findings
    assert messages_of_stack(UNCOVERED, WATCHED) == findings


@pytest.mark.parametrize("field", ["name", "namespace"])
def test_a_secret_name_is_not_in_the_advice(messages_of_stack: MessagesOf, field: str) -> None:
    props = changed(DEPLOYMENT, **{f"metadata__{field}": secret("hunter2")})
    messages = messages_of_stack(
        UNCOVERED, resource("kubernetes:apps/v1:Deployment", props), resource(TYPE, MONITOR)
    )
    assert len(messages) == 1
    assert messages[0].endswith("which no monitor covers; let a monitor's query name it")
    assert "hunter2" not in messages[0]


def test_an_unknown_query_may_cover_it(messages_of_stack: MessagesOf) -> None:
    monitor = resource(TYPE, changed(MONITOR, query=UNKNOWN))
    assert messages_of_stack(UNCOVERED, WATCHED, monitor) == ["unknown: query of it"]


def test_what_is_in_a_list_is_watched_too(messages_of_stack: MessagesOf) -> None:
    listed = resource("kubernetes:apps/v1:DeploymentList", {"items": [DEPLOYMENT]})
    [message] = messages_of_stack(UNCOVERED, listed, resource(TYPE, MONITOR))
    assert message.startswith("items[0].metadata.name is 'pipe-api', which no monitor covers")
