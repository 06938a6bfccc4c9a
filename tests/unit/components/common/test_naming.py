"""One source of names and tags, in the words of each provider."""

from components.common.naming import Labels
from components.settings.load import load_file
from tests.support.components.settings.stack_files import ROOT


def test_names_start_with_service_and_environment(labels: Labels) -> None:
    assert labels.name("nodes") == "pipe-test-nodes"
    assert labels.name("backup", "key") == "pipe-test-backup-key"


def test_the_arn_of_a_role_follows_from_its_name(labels: Labels) -> None:
    assert labels.role_arn("deploy") == "arn:aws:iam::123456789012:role/pipe-test-deploy"


def test_aws_tags_name_owner_and_tool(labels: Labels) -> None:
    tags = {"service": "pipe", "env": "test", "team": "platform", "managed-by": "pulumi"}
    assert labels.aws() == tags
    assert labels.aws("nodes") == {**tags, "Name": "pipe-test-nodes"}


def test_kubernetes_labels_hold_the_guides_selector_and_datadogs_tags(labels: Labels) -> None:
    assert labels.kubernetes("pipe-api") == {
        "app": "pipe-api",
        "app.kubernetes.io/name": "pipe-api",
        "app.kubernetes.io/part-of": "pipe",
        "app.kubernetes.io/managed-by": "pulumi",
        "tags.datadoghq.com/env": "test",
        "tags.datadoghq.com/service": "pipe-api",
        "team": "platform",
    }


def test_datadog_tags_are_sorted_and_distinct(labels: Labels) -> None:
    assert labels.datadog("severity:critical", "team:platform") == [
        "env:test",
        "service:pipe-api",
        "severity:critical",
        "team:platform",
    ]


def test_the_labels_of_a_stack_come_from_its_settings() -> None:
    settings = load_file(ROOT / "Pulumi.prod.yaml").settings
    assert settings.labels == Labels(
        environment="prod", team="platform", account="123456789012", region="ap-northeast-1"
    )
