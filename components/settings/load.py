"""Readers of settings: from Pulumi's config in the program, from a stack file in `make validate`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pulumi
import yaml
from pulumi.runtime import config as runtime
from pydantic import ValidationError

from components.common.strict_yaml import load_yaml
from components.settings.config_commands import KeyPath
from components.settings.consistency import check_settings
from components.settings.errors import SettingFault, SettingsError
from components.settings.schema_faults import ENCRYPTED, schema_faults, secret_fault
from components.settings.stack import PROJECT, SECRETS, Secrets, Settings
from components.settings.types import Model

_SETTING_KEYS = frozenset(field.alias for field in Settings.model_fields.values())


def load() -> tuple[Settings, Secrets]:
    """Return the settings and secrets of the running stack; raise SettingsError with all their faults."""
    # pulumi.Config cannot list its keys, so it would miss unknown ones.
    config: dict[str, str] = {**runtime.get_config_env(), **runtime.CONFIG.get()}
    encrypted = {key for key in config if runtime.is_config_secret(key)}
    settings, faults = read_settings(
        {key: ENCRYPTED if key in encrypted else _decode(text) for key, text in config.items()}
    )
    for key, rule in SECRETS.items():
        secret = config.get(key, "")
        if not secret:
            faults.append(secret_fault(key, "is missing"))
        elif key not in encrypted:
            faults.append(secret_fault(key, "is in plain text"))
        elif not re.fullmatch(rule["pattern"], secret):
            faults.append(secret_fault(key, "has an invalid form"))
    if faults:
        raise SettingsError(pulumi.get_stack(), faults)
    own = pulumi.Config(PROJECT)
    return settings, Secrets(
        **{rule["name"]: own.require_secret(key.removeprefix(f"{PROJECT}:")) for key, rule in SECRETS.items()}
    )


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """The content of a Pulumi.<stack>.yaml."""

    stack: str
    config: Mapping[str, Any]
    settings: Settings
    """The valid settings; an invalid value is absent."""
    faults: list[SettingFault]


def load_file(path: Path, *, secrets: bool = False) -> StackFile:
    """Return a stack file with its faults; raise yaml.YAMLError if the file is not a stack file.

    A missing secret is a fault if `secrets` is true, or if the file has a key for encrypting secrets. The
    committed files have neither a key nor secrets.
    """
    file: Any = load_yaml(path.read_text())
    if not isinstance(file, dict) or not isinstance(cast(dict[str, Any], file).get("config"), dict):
        raise yaml.YAMLError("the map `config:` is missing")
    file = cast(dict[str, Any], file)
    # The engine passes JSON; types that only YAML has (dates, keys that are numbers) become strings.
    content: dict[str, Any] = json.loads(json.dumps(file["config"], default=str))
    config = {_full_key(key): value for key, value in content.items()}
    settings, faults = read_settings({key: _mark_encrypted(value) for key, value in config.items()})
    secrets = secrets or not {"encryptionsalt", "encryptedkey", "secretsprovider"}.isdisjoint(file)
    for key in SECRETS:
        secret = config.get(key)
        if secrets and not secret:
            faults.append(secret_fault(key, "is missing"))
        elif secret and _mark_encrypted(secret) is not ENCRYPTED:
            faults.append(secret_fault(key, "is in plain text"))
    return StackFile(stack=path.name.split(".")[1], config=config, settings=settings, faults=faults)


def read_settings(values: Mapping[str, Any]) -> tuple[Settings, list[SettingFault]]:
    """Return the valid settings among the values, and the faults."""
    config = {key: value for key, value in values.items() if _is_setting(key, value)}
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        partial = cast(Settings, _partial(Settings, config, {details["loc"] for details in errors}))
        return partial, [*schema_faults(errors, config), *check_settings(partial, partial=True)]
    return settings, list(check_settings(settings, partial=False))


def _is_setting(key: str, value: object) -> bool:
    """Return True for a setting with a value, and for an unknown key of this project.

    The empty defaults of Pulumi.yaml count as missing. Keys of other namespaces belong to the providers.
    """
    if key in _SETTING_KEYS:
        return value not in (None, "", {})
    return key.startswith(f"{PROJECT}:") and key not in SECRETS


def _partial(model: type[Model], values: Mapping[str, Any], invalid: set[KeyPath]) -> Model:
    """Return a model that has no attributes for its invalid values."""
    valid: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        key, field_type = field.alias or name, field.annotation
        inner = {path[1:] for path in invalid if path[0] == key}
        if isinstance(field_type, type) and issubclass(field_type, Model) and () not in inner:
            valid[key] = _partial(field_type, values[key], inner)
        elif not inner:
            valid[key] = values[key]
    return model.model_construct(**valid)


def _decode(text: str) -> Any:
    """Decode a value of the engine, which passes maps and lists as JSON, and scalars as strings."""
    try:
        return json.loads(text) if text.startswith(("{", "[")) else text
    except ValueError:
        return text


def _full_key(key: str) -> str:
    """Return a key with its namespace: `pipe:network` for `network` and `pipe:config:network`."""
    namespace, *rest = key.split(":")
    return f"{namespace}:{rest[-1]}" if rest else f"{PROJECT}:{namespace}"


def _mark_encrypted(value: Any) -> Any:
    """Return a value from a file, with ENCRYPTED in place of each `secure:` value."""
    if isinstance(value, list):
        return [_mark_encrypted(entry) for entry in cast(list[Any], value)]
    if isinstance(value, dict):
        pairs = cast(dict[str, Any], value)
        if list(pairs) == ["secure"]:
            return ENCRYPTED
        return {key: _mark_encrypted(inner) for key, inner in pairs.items()}
    return value
