"""Tests that strings become settings in the program, and that secrets become secret outputs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pytest
from pulumi.runtime import config as runtime

from components.settings import Secrets, Settings, load
from components.settings.load import load_file
from components.settings.stack import SECRETS
from tests.support.components.fixtures import Recorder, evaluate
from tests.support.components.settings.stack_files import Config, changed, committed, write

PASSWORD = "hunter2-hunter2-hunter2"


@pytest.fixture(autouse=True)
def _clear_config_afterwards(recorder: Recorder) -> Iterator[None]:
    yield
    runtime.set_all_config({}, [])


def set_engine_config(config: Config, **secrets: str) -> None:
    """Set the config as the engine passes it: values are strings, maps and lists are JSON."""
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    runtime.set_all_config(values | secrets, list(secrets))


def all_secrets(**others: str) -> dict[str, str]:
    return dict.fromkeys(SECRETS, PASSWORD) | others


def loaded() -> tuple[Settings, Secrets]:
    results: list[tuple[Settings, Secrets]] = []
    evaluate(lambda: results.append(load()))
    return results[0]


def message() -> str:
    with pytest.raises(pulumi.RunError) as error:
        loaded()
    return str(error.value)


def test_settings_and_secrets_are_loaded() -> None:
    set_engine_config(committed(), **all_secrets())
    settings, secrets = loaded()
    assert isinstance(settings, Settings) and isinstance(secrets, Secrets)
    assert settings.network.cidr == "10.10.0.0/16" and settings.api.replicas.max == 4
    assert settings.naming.name("nodes") == "pipe-dev-nodes"


def test_secrets_are_secret_outputs() -> None:
    set_engine_config(committed(), **all_secrets())
    values: list[object] = []

    def program() -> pulumi.Output[None]:
        _, secrets = load()
        password = secrets.app_password
        return pulumi.Output.all(password, password.is_secret()).apply(values.extend)

    evaluate(program)
    assert values == [PASSWORD, True]


def test_numbers_and_lists_keep_their_types() -> None:
    set_engine_config(committed("prod"), **all_secrets())
    settings, _ = loaded()
    assert settings.monitoring.thresholds.error_rate.critical == 0.01
    assert settings.edge.zone.hosts == ["pipe.dev", "stg.pipe.dev", "dev.pipe.dev"]
    assert settings.edge.zone.owned is True


def test_missing_secrets_are_reported_together_with_other_faults() -> None:
    set_engine_config(changed({"pipe:api.image": "pipe/api:latest"}), **{"pipe:appPassword": PASSWORD})
    text = message()
    assert text.startswith("Pulumi.test.yaml: 5 faults\n\n  pipe:api.image = ")
    assert [line for line in text.splitlines() if "config set --secret" in line] == [
        f"    fix:     pulumi config set --secret {key} --stack test"
        for key in SECRETS
        if key != "pipe:appPassword"
    ]


def test_an_empty_default_is_a_missing_value() -> None:
    set_engine_config(committed() | {"pipe:securityGroups": {}}, **all_secrets(**{"pipe:backupPassword": ""}))
    text = message()
    assert text.startswith("Pulumi.test.yaml: 2 faults\n")
    assert "  pipe:securityGroups.ingressCidrs is missing\n" in text
    assert "  pipe:backupPassword is missing\n" in text


def test_a_secret_in_plain_text_is_refused_and_not_shown() -> None:
    secrets = all_secrets()
    set_engine_config(committed() | {"pipe:appPassword": secrets.pop("pipe:appPassword")}, **secrets)
    assert message() == (
        "Pulumi.test.yaml: 1 fault\n\n"
        "  pipe:appPassword is in plain text\n"
        "    allowed: 8 to 128 printable ASCII characters without space, slash, @ and quotes\n"
        "    fix:     pulumi config set --secret pipe:appPassword --stack test"
    )


@pytest.mark.parametrize(
    "password", ["short", "with space in it", "p@ssword-p@ssword", 'quo"ted-quo"ted', "a/b/c/d/e/f"]
)
def test_a_password_with_an_invalid_form_is_refused_and_not_shown(password: str) -> None:
    set_engine_config(committed(), **all_secrets(**{"pipe:backupPassword": password}))
    text = message()
    assert "  pipe:backupPassword has an invalid form\n" in text
    assert password not in text


def test_a_secret_under_another_key_is_not_shown() -> None:
    set_engine_config(
        committed(), **all_secrets(**{"pipe:dbPassword": PASSWORD, "pipe:api": json.dumps({"a": PASSWORD})})
    )
    text = message()
    assert "  pipe:dbPassword is not a setting\n" in text
    assert "  pipe:api is encrypted\n" in text
    assert PASSWORD not in text


def test_keys_of_providers_are_accepted() -> None:
    set_engine_config(committed() | {"aws:profile": "dev", "kubernetes:context": "x"}, **all_secrets())
    loaded()


def test_missing_secrets_are_faults_of_a_file_with_an_encryption_key(tmp_path: Path) -> None:
    path = write(
        tmp_path, committed() | {"pipe:appPassword": {"secure": "v1:kS2n:aGVsbG8="}}, encryptionsalt="v1:x"
    )
    assert [fault.key for fault in load_file(path).faults] == [
        key for key in SECRETS if key != "pipe:appPassword"
    ]
