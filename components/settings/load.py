"""Where settings come from: Pulumi's config in the program, a stack file in `make validate`."""

import json
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pulumi
import yaml
from pulumi.runtime import config as runtime
from pydantic import ValidationError

from components.settings.checks import check
from components.settings.errors import ENCRYPTED, Fault, SettingsError, of_schema, of_secret
from components.settings.json_schema import KeyPath
from components.settings.stack import PROJECT, SECRETS, Secrets, Settings
from components.settings.types import Model


def load() -> tuple[Settings, Secrets]:
    """The settings and secrets of the running stack, or one error with all that is wrong with them."""
    # pulumi.Config cannot list keys, and an unknown key is a fault.
    config: dict[str, str] = {**runtime.get_config_env(), **runtime.CONFIG.get()}
    encrypted = {key for key in config if runtime.is_config_secret(key)}
    settings, faults = read(
        {key: ENCRYPTED if key in encrypted else _decoded(text) for key, text in config.items()}
    )
    for key, rule in SECRETS.items():
        secret = config.get(key, "")
        if not secret:
            faults.append(of_secret(key, "is missing"))
        elif key not in encrypted:
            faults.append(of_secret(key, "is in plain text"))
        elif not re.fullmatch(rule["pattern"], secret):
            faults.append(of_secret(key, "is a secret of another form"))
    if faults:
        raise SettingsError(pulumi.get_stack(), faults)
    own = pulumi.Config(PROJECT)
    return settings, Secrets(
        **{rule["name"]: own.require_secret(key.removeprefix(f"{PROJECT}:")) for key, rule in SECRETS.items()}
    )


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """What a Pulumi.<stack>.yaml says."""

    stack: str
    config: Mapping[str, Any]
    settings: Settings
    """As far as they are valid: a faulty value is absent."""
    faults: list[Fault]


def load_file(path: Path, *, secrets: bool = False) -> StackFile:
    """A stack file and its faults.

    A missing secret is one where secrets are asked for, or where the file has a key to encrypt them with: the
    committed files have neither key nor secrets.
    """
    file: Any = yaml.load(path.read_text(), _Loader)
    if not isinstance(file, dict) or not isinstance(cast(dict[str, Any], file).get("config"), dict):
        raise yaml.YAMLError("no map `config:` in it")
    file = cast(dict[str, Any], file)
    # The engine passes JSON; what only YAML knows (dates, keys that are numbers) becomes text.
    config = {
        _full(key): value
        for key, value in cast(dict[str, Any], json.loads(json.dumps(file["config"], default=str))).items()
    }
    settings, faults = read({key: _sealed(value) for key, value in config.items()})
    secrets = secrets or not {"encryptionsalt", "encryptedkey", "secretsprovider"}.isdisjoint(file)
    for key in SECRETS:
        secret = config.get(key)
        if secrets and not secret:
            faults.append(of_secret(key, "is missing"))
        elif secret and _sealed(secret) is not ENCRYPTED:
            faults.append(of_secret(key, "is in plain text"))
    return StackFile(stack=path.name.split(".")[1], config=config, settings=settings, faults=faults)


def read(values: Mapping[str, Any]) -> tuple[Settings, list[Fault]]:
    """The settings among the values, as far as they are valid, and their faults."""
    known = {field.alias for field in Settings.model_fields.values()}
    config = {
        key: value
        for key, value in values.items()
        # Pulumi.yaml's empty defaults stand for no value; keys of other namespaces are the providers'.
        if (key in known and value not in (None, "", {}))
        or (key.startswith(f"{PROJECT}:") and key not in known and key not in SECRETS)
    }
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        partial = cast(Settings, _partial(Settings, config, {details["loc"] for details in errors}))
        return partial, [*of_schema(errors, config), *check(partial, partial=True)]
    return settings, list(check(settings, partial=False))


def _partial(model: type[Model], values: Mapping[str, Any], faulty: set[KeyPath]) -> Model:
    """A model without its faulty values, which are then no attributes of it."""
    sound: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        key, kind = field.alias or name, field.annotation
        inner = {location[1:] for location in faulty if location[0] == key}
        if isinstance(kind, type) and issubclass(kind, Model) and () not in inner:
            sound[key] = _partial(kind, values[key], inner)
        elif not inner:
            sound[key] = values[key]
    return model.model_construct(**sound)


def _decoded(text: str) -> Any:
    """A value as the engine passes it: maps and lists as JSON, everything else as it is."""
    try:
        return json.loads(text) if text.startswith(("{", "[")) else text
    except ValueError:
        return text


def _full(key: str) -> str:
    """A key with its namespace, as the engine completes it: `network` and `pipe:config:network` are ours."""
    namespace, *rest = key.split(":")
    return f"{namespace}:{rest[-1]}" if rest else f"{PROJECT}:{namespace}"


def _sealed(value: Any) -> Any:
    """A value of a file, with ENCRYPTED in place of each `secure:` value."""
    if isinstance(value, list):
        return [_sealed(entry) for entry in cast(list[Any], value)]
    if isinstance(value, dict):
        inner = cast(dict[str, Any], value)
        return ENCRYPTED if list(inner) == ["secure"] else {key: _sealed(each) for key, each in inner.items()}
    return value


class _Loader(yaml.SafeLoader):
    """Reads YAML as the engine does, where PyYAML differs: no key twice, and `on` and `yes` are text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value} twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, each) for tag, each in resolvers if first in "tTfF" or not tag.endswith(":bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
