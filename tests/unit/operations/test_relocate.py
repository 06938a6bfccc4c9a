"""Tests of the stack file that relocate.sh writes, and of its next steps, which test_region_lost.py runs."""

import argparse
import json
from typing import Any, cast

import pytest
import yaml

from operations import relocate
from operations.lib import command_line, stack_file
from operations.lib.errors import RefusedError

NEW = "ap-northeast-3"
SECRETS = """\
secretsprovider: awskms://alias/pipe-state?region=ap-northeast-1&context_env=prod
encryptedkey: AQICAHg=
config:
  pipe:appPassword:
    secure: v1:kMqYhK:abc
"""


@pytest.fixture
def settings() -> dict[str, Any]:
    return command_line.read_options(argparse.Namespace(stack="prod", dry_run=True, yes=True)).settings


def test_only_global_names_and_values_of_the_lost_region_change(
    settings: dict[str, Any],
) -> None:
    text = stack_file.path("prod").read_text()
    moved = relocate.relocated_text(text.replace("config:\n", SECRETS), settings, "osaka", NEW)
    before, after = (dict(flat(yaml.safe_load(content))) for content in (text, moved))
    assert {key: after.get(key) for key in before if before[key] != after.get(key)} == {
        "config.aws:region": NEW,
        "config.pipe:service.environment": "osaka",
        "config.pipe:service.region": NEW,
        "config.pipe:cluster.operators": [
            arn.replace("pipe-prod-operators", "pipe-osaka-operators")
            for arn in before["config.pipe:cluster.operators"]
        ],
        "config.pipe:ciRunner.enabled": False,
        "config.pipe:backups.bucket": "pipe-backup-osaka",
        "config.pipe:backups.replica.enabled": False,
        "config.pipe:backups.replica.region": "ap-northeast-1",
        "config.pipe:backups.replica.bucket": "pipe-backup-osaka-replica",
        "config.pipe:api.image": before["config.pipe:api.image"].replace("ap-northeast-1", NEW),
        "config.pipe:monitoring.syntheticLocations": [f"aws:{NEW}"],
    }
    assert set(after) == set(before), "secrets of a lost key stay"


def test_a_setting_that_the_lines_do_not_show_is_refused(settings: dict[str, Any]) -> None:
    text = stack_file.path("prod").read_text()
    text = text.replace("environment: prod\n", "environment: prod # the live one\n")
    text = text.replace("config:\n", "config:\n  pipe:appPassword: { secure: v1:aaaa }\n")
    with pytest.raises(RefusedError, match=r"keeps its service\.environment, pipe:appPassword: write each"):
        relocate.relocated_text(text, settings, "osaka", NEW)


@pytest.mark.parametrize("stack", command_line.stacks())
def test_the_levels_name_the_roles_that_administer_the_cluster(stack: str) -> None:
    options = command_line.read_options(argparse.Namespace(stack=stack, dry_run=True, yes=True))
    old = options.settings["service"]["environment"]
    text = (command_line.ROOT / "policies" / "config" / f"{stack}.json").read_text()
    file = relocate.relocated_text(stack_file.path(stack).read_text(), options.settings, "osaka", NEW)
    relocated = yaml.safe_load(file)["config"]["pipe:cluster"]["operators"]
    for levels, environment, operators in (
        (text, old, options.settings["cluster"]["operators"]),
        (relocate.relocated_levels(text, old, "osaka"), "osaka", relocated),
    ):
        names = [f"pipe-{environment}-deploy", *(arn.rpartition("/")[2] for arn in operators)]
        assert json.loads(levels)["eks-administrator-unknown"]["administrators"] == names


def test_relocated_levels_keep_channels_and_other_names() -> None:
    text = '["env:prod", "pipe-prod-deploy", "pipe-prod", "@slack-pipe-prod", "env:production", "pipe-prod2"]'
    expected = text.replace('env:prod"', 'env:osaka"').replace('"pipe-prod-', '"pipe-osaka-')
    assert relocate.relocated_levels(text, "prod", "osaka") == expected.replace('"pipe-prod"', '"pipe-osaka"')


def flat(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        items = cast(dict[str, Any], value).items()
        return [leaf for key, inner in items for leaf in flat(inner, f"{path}.{key}".lstrip("."))]
    return [(path, value)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            (),
            "missing: --to REGION and --as NAME; example: scripts/relocate.sh prod --to ap-northeast-3",
        ),
        (("--to", NEW), "missing: --as NAME"),
        (("--as", "osaka"), "missing: --to REGION"),
        (("--to", "ap-northeast-1", "--as", "osaka"), "an AWS region other than ap-northeast-1"),
        (("--to", "osaka", "--as", "osaka"), "--to osaka: must be an AWS region"),
        (
            ("--to", NEW, "--as", "prod"),
            "--as prod is in use; the names in use are dev, prod, stg. Choose another",
        ),
        (("--to", NEW, "--as", "stg"), "--as stg is in use"),
        (("--to", NEW, "--as", "Osaka"), "--as Osaka"),
    ],
)
def test_another_region_and_an_unused_name_are_required(
    options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert relocate.main(["prod", *options]) == 2
    assert message in capsys.readouterr().err


def test_the_instructions_look_for_the_copy_of_the_image_in_the_registry_that_the_stack_file_names(
    settings: dict[str, Any],
) -> None:
    image = f"111122223333.dkr.ecr.ap-northeast-1.amazonaws.com/pipe/api:1.4.2@sha256:{'a' * 64}"
    changed = {**settings, "api": {**settings["api"], "image": image}}
    output = "\n".join(relocate.next_steps("prod", changed, "osaka", NEW))
    assert f"--region {NEW} --registry-id 111122223333 --repository-name pipe/api \\\n" in output
    assert f"--image-ids imageDigest=sha256:{'a' * 64} " in output


def test_the_instructions_open_the_private_cluster_to_the_administrator_before_pulumi_up(
    settings: dict[str, Any],
) -> None:
    lines = relocate.next_steps("prod", settings, "osaka", NEW)
    [up] = [number for number, line in enumerate(lines) if "pulumi up" in line]
    before = "\n".join(lines[:up])
    for key in ("endpoint.public", "endpoint.allowedCidrs", "operators"):
        assert f"  pipe:cluster.{key} " in before
    assert "eks-administrator-unknown in policies/config/prod.json" in before
