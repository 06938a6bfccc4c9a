"""Tests of names, tags and labels in each provider's format."""

from components.common.naming import Naming
from components.settings.load import load_file
from tests.support.components.settings.stack_files import ROOT


def test_names_start_with_service_and_environment(naming: Naming) -> None:
    assert naming.name("nodes") == "pipe-test-nodes"
    assert naming.name("backup", "key") == "pipe-test-backup-key"


def test_the_arn_of_a_role_follows_from_its_name(naming: Naming) -> None:
    assert naming.role_arn("deploy") == "arn:aws:iam::123456789012:role/pipe-test-deploy"


def test_aws_tags_name_owner_and_tool(naming: Naming) -> None:
    tags = {"service": "pipe", "env": "test", "team": "platform", "managed-by": "pulumi"}
    assert naming.aws() == tags
    assert naming.aws("nodes") == {**tags, "Name": "pipe-test-nodes"}


def test_kubernetes_labels_hold_the_guides_selector_and_datadogs_tags(naming: Naming) -> None:
    assert naming.kubernetes("pipe-api") == {
        "app": "pipe-api",
        "app.kubernetes.io/name": "pipe-api",
        "app.kubernetes.io/part-of": "pipe",
        "app.kubernetes.io/managed-by": "pulumi",
        "tags.datadoghq.com/env": "test",
        "tags.datadoghq.com/service": "pipe-api",
        "team": "platform",
    }


def test_datadog_tags_are_sorted_and_distinct(naming: Naming) -> None:
    assert naming.datadog("severity:critical", "team:platform") == [
        "env:test",
        "service:pipe-api",
        "severity:critical",
        "team:platform",
    ]


def test_the_labels_of_a_stack_come_from_its_settings() -> None:
    settings = load_file(ROOT / "Pulumi.prod.yaml").settings
    assert settings.naming == Naming(
        environment="prod", team="platform", account="777788889999", region="ap-northeast-1"
    )
