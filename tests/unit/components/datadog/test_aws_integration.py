"""Tests of Datadog's access to the AWS account."""

from functools import partial

import pytest

from components.datadog.aws_integration import DATADOG_ACCOUNTS
from components.settings.models.monitoring import Monitoring
from tests.support.components import aws
from tests.support.components.fixtures import Declare
from tests.support.components.iam import trust, verdict

ACCOUNT = "datadog:aws/integrationAccount:IntegrationAccount"


@pytest.fixture
def declare(declare_component: Declare) -> Declare:
    return partial(declare_component, aws.aws_integration)


def test_a_disabled_integration_has_no_resources(declare: Declare) -> None:
    assert {typ for typ, _ in declare(enabled=False).inputs} == {"pipe:monitoring:AwsIntegration"}


def test_datadog_uses_a_role_and_reads_one_region(declare: Declare) -> None:
    account = declare().of_type(ACCOUNT)["aws"]
    assert account["awsAccountId"] == "123456789012"
    assert account["authConfig"] == {"awsAuthConfigRole": {"roleName": "pipe-test-datadog"}}
    assert account["awsRegions"] == {"includeOnlies": ["ap-northeast-1"]}
    assert "AWS/RDS" in account["metricsConfig"]["namespaceFilters"]["includeOnlies"]


@pytest.mark.parametrize(
    ("site", "datadogs_account"),
    [
        ("ap1.datadoghq.com", "417141415827"),
        ("ap2.datadoghq.com", "412381753143"),
        ("datadoghq.eu", "464622532012"),
    ],
)
def test_the_role_trusts_the_sites_account_with_our_external_id(
    declare: Declare, site: str, datadogs_account: str
) -> None:
    role = declare(site).of_type("aws:iam/role:Role")["aws"]
    assert role["name"] == "pipe-test-datadog"
    statement = trust(role)
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{datadogs_account}:root"}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "chosen"}}


def test_every_site_that_the_settings_allow_has_an_account() -> None:
    sites = Monitoring.model_json_schema()["properties"]["site"]["enum"]
    assert set(DATADOG_ACCOUNTS) == set(sites)


DATABASE = "arn:aws:rds:ap-northeast-1:123456789012:db:pipe-prod-db"


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("cloudwatch:GetMetricData", "*", "allow"),
        ("rds:DescribeDBInstances", DATABASE, "allow"),
        ("rds:ModifyDBInstance", DATABASE, "nothing"),
        ("s3:GetObject", "arn:aws:s3:::pipe-backup/latest.dump", "nothing"),
    ],
)
def test_datadog_reads_metrics_and_no_data(
    declare: Declare, action: str, resource: str, expected: str
) -> None:
    policy = declare().of_type("aws:iam/rolePolicy:RolePolicy")["aws"]["policy"]
    assert verdict([policy], action, resource, {}) == expected
