"""Tests of Datadog's access to the AWS account."""

from collections.abc import Callable
from typing import get_args

import pulumi
import pytest

from components.common.naming import Naming
from components.settings.models.monitoring import DatadogSite
from foundation.datadog_integration import DATADOG_ACCOUNTS, DatadogIntegration, DatadogIntegrationArgs
from tests.support.components.fixtures import Recorder, evaluate
from tests.support.components.iam import trust, verdict

ACCOUNT = "datadog:aws/integrationAccount:IntegrationAccount"


@pytest.fixture
def declare() -> Callable[..., Recorder]:
    """Provide a function that declares the integration with a site and returns the recorder."""

    def run(site: str = "ap1.datadoghq.com") -> Recorder:
        recorder = Recorder()
        pulumi.runtime.set_mocks(recorder, project="pipe-foundation", stack="prod")
        naming = Naming(
            environment="foundation", team="platform", account="123456789012", region="ap-northeast-1"
        )
        args = DatadogIntegrationArgs(site=site, copy_region="ap-northeast-3", naming=naming)
        evaluate(lambda: DatadogIntegration("datadog", args).urn)
        return recorder

    return run


def test_datadog_uses_a_role_and_reads_the_two_regions(declare: Callable[..., Recorder]) -> None:
    account = declare().of_type(ACCOUNT)["datadog"]
    assert account["awsAccountId"] == "123456789012"
    assert account["authConfig"] == {"awsAuthConfigRole": {"roleName": "pipe-datadog"}}
    assert account["awsRegions"] == {"includeOnlies": ["ap-northeast-1", "ap-northeast-3"]}
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
    declare: Callable[..., Recorder], site: str, datadogs_account: str
) -> None:
    role = declare(site=site).of_type("aws:iam/role:Role")["datadog"]
    assert role["name"] == "pipe-datadog"
    statement = trust(role)
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{datadogs_account}:root"}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "chosen"}}


def test_every_site_that_the_settings_allow_has_an_account() -> None:
    assert set(DATADOG_ACCOUNTS) == set(get_args(DatadogSite))


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
    declare: Callable[..., Recorder], action: str, resource: str, expected: str
) -> None:
    policy = declare().of_type("aws:iam/rolePolicy:RolePolicy")["datadog"]["policy"]
    assert verdict([policy], action, resource, {}) == expected
