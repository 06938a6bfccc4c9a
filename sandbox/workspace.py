"""A stack's folder .sandbox/<stack>/: a copy of its settings that needs nobody's key, its state, its logs.

Nothing outside this folder is written.
"""

import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from sandbox.fault import Fault

Json = dict[str, Any]

NOT_COPIED = ("secretsprovider", "encryptionsalt", "encryptedkey", "environment", "backend", "stackConfigDir")
"""Keys of Pulumi.yaml and Pulumi.<stack>.yaml that point to somebody's key, state or Pulumi Cloud."""

PASSED_ON = ("PATH", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What the engine gets of the caller's environment; credentials, profiles and proxies stay out."""

BEFORE = "state-before.json"
"""The state of before the last run, in the stack's folder."""


@dataclass(frozen=True)
class Stack:
    """A stack and where it is kept."""

    name: str

    root: Path
    """The folder of all projects; holds policies/, schemas/ and .sandbox/."""

    project: Path
    """The folder with the stack's Pulumi.yaml, Pulumi.<stack>.yaml and __main__.py."""

    @property
    def folder(self) -> Path:
        return self.root / ".sandbox" / self.name

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def project_name(self) -> str:
        return str(read_yaml(self.project / "Pulumi.yaml")["name"])


def find_stack(root: Path, name: str) -> Stack:
    """The stack of that name in `root` or a project one folder below; a fault lists the stacks there are."""
    stacks: dict[str, Path] = {}
    for project in (root, *sorted(folder for folder in root.glob("[!.]*/") if folder.is_dir())):
        if (project / "Pulumi.yaml").exists():
            for file in project.glob("Pulumi.*.yaml"):
                stacks.setdefault(file.name.removeprefix("Pulumi.").removesuffix(".yaml"), project)
    if name not in stacks:
        allowed = ", ".join(sorted(stacks)) or f"none; a stack is a file Pulumi.<stack>.yaml below {root}"
        raise Fault(f"no stack is called {name!r}. Stacks: {allowed}")
    return Stack(name, root, stacks[name])


def prepare(stack: Stack) -> list[str]:
    """Bring the folder up to date with the tracked files; the secret keys that have no value there yet."""
    for folder in ("home", "state", "targets"):
        (stack.folder / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    project = read_yaml(stack.project / "Pulumi.yaml")
    source = read_yaml(stack.project / f"Pulumi.{stack.name}.yaml")
    copy = stack.folder / f"Pulumi.{stack.name}.yaml"
    before = read_yaml(copy) if copy.exists() else {}
    given = cast(Json, source.get("config") or {})
    kept = cast(Json, before.get("config") or {})

    wanted = _secret_keys(stack, given, str(project["name"]))
    config = {key: _without_secrets(value) for key, value in given.items() if key not in wanted}
    # The random values live in this copy, encrypted by the engine; they stay the same from run to run.
    have = {key: kept[key] for key in wanted if _is_secret(kept.get(key))}
    salt = {"encryptionsalt": before["encryptionsalt"]} if "encryptionsalt" in before else {}
    _write_yaml(stack.folder / "Pulumi.yaml", _stripped(project))
    _write_yaml(copy, _stripped(source) | salt | {"config": config | have})

    passphrase = stack.folder / "passphrase"
    if not passphrase.exists():
        if has_state(stack):
            raise Fault(f"{passphrase} is gone; the state is lost without it: make clean STACK={stack.name}")
        write_atomically(passphrase, secrets.token_urlsafe(32))
    return [key for key in wanted if key not in have]


def environment(stack: Stack, ports: dict[str, int]) -> dict[str, str]:
    """The engine's whole environment: nothing that could reach an account, and no address but loopback."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed | {
        "HOME": str(stack.folder / "home"),
        "PULUMI_HOME": str(stack.folder / "home"),
        "PULUMI_BACKEND_URL": stack.state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(stack.folder / "passphrase"),
        "PULUMI_DEBUG_PROVIDERS": ",".join(f"{package}:{port}" for package, port in sorted(ports.items())),
        "PULUMI_DEBUG_COMMANDS": "true",  # shows --event-log
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "NO_PROXY": "127.0.0.1",
    }


def has_state(stack: Stack) -> bool:
    """Whether the engine knows the stack already."""
    return _checkpoint(stack).exists()


def state(stack: Stack, part: str) -> list[Json]:
    """`resources` or `pending_operations` of the last state, as the engine wrote it (secrets encrypted)."""
    latest = cast(Json, json.loads(_checkpoint(stack).read_text())["checkpoint"].get("latest") or {})
    return latest.get(part) or []


def keep_state(stack: Stack) -> None:
    """Keep the state as it is before a run."""
    write_atomically(stack.folder / BEFORE, _checkpoint(stack).read_text())


def mend_state(stack: Stack) -> bool:
    """Put back the state of before the last run if a full disk cut it short; whether that was so.

    The engine's file backend moves a half-written file in place of the whole one. What the run created since
    is in the targets, which find it again by its URN.
    """
    file, before = _checkpoint(stack), stack.folder / BEFORE
    try:
        json.loads(file.read_text() if file.exists() else "{}")
    except ValueError:
        if before.exists():
            write_atomically(file, before.read_text())
        else:
            file.unlink()  # not even made; it is made again
        return True
    return False


def _checkpoint(stack: Stack) -> Path:
    return stack.state / ".pulumi" / "stacks" / stack.project_name / f"{stack.name}.json"


def locks(stack: Stack) -> Path:
    """Where the engine keeps the locks of this stack."""
    return stack.state / ".pulumi" / "locks" / "organization" / stack.project_name / stack.name


def read_yaml(file: Path) -> Json:
    try:
        found: object = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        raise Fault(f"{file} is missing.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Fault(f"{file} is not YAML: {error}") from None
    if not isinstance(found, dict):
        raise Fault(f"{file} is not a mapping of keys to values.")
    return cast(Json, found)


def write_atomically(file: Path, text: str) -> None:
    """Replace a file in one step, so that a full disk or a kill leaves the old one whole. Mode 0600."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _write_yaml(file: Path, content: Json) -> None:
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    if not file.exists() or file.read_text() != text:
        write_atomically(file, text)


def _secret_keys(stack: Stack, config: Json, project: str) -> list[str]:
    """Keys that get a random value: `writeOnly` in the schema of the stack files, or encrypted in this one.

    One in plain text is left as it is, so that the settings report it.
    """
    file = stack.root / "schemas" / "stack-file.schema.json"
    schema = cast(Json, json.loads(file.read_text())["properties"]["config"] if file.exists() else {})
    keys = cast(Json, schema.get("properties", {}))
    declared = {key for key, rule in keys.items() if rule.get("writeOnly") and key.startswith(f"{project}:")}
    encrypted = {key for key, value in config.items() if _is_secret(value)}
    return sorted(encrypted | (declared - set(config)))


def _is_secret(value: object) -> bool:
    return isinstance(value, dict) and list(cast(Json, value)) == ["secure"]


def _without_secrets(value: object) -> object:
    if isinstance(value, dict):
        items = cast(Json, value).items()
        return {key: _without_secrets(item) for key, item in items if not _is_secret(item)}
    return value


def _stripped(content: Json) -> Json:
    return {key: value for key, value in content.items() if key not in NOT_COPIED}
