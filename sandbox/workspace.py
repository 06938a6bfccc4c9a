"""A stack's folder .sandbox/<stack>/: a copy of its settings that needs nobody's key, its state, its logs.

Nothing outside this folder is written.
"""

import json
import os
import re
import secrets
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from sandbox.errors import CommandError

NOT_COPIED = {"secretsprovider", "encryptionsalt", "encryptedkey", "environment", "backend", "stackConfigDir"}
"""Keys of Pulumi.yaml and Pulumi.<stack>.yaml that point to somebody's key, state or Pulumi Cloud."""

VARIABLES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("environment.toml").read_text())

SERVICES = "AWS|CLOUDFLARE|CF|DATADOG|DD|GOOGLE|AZURE|ARM|PULUMI|GITHUB|GH|VAULT"
"""How variables begin that lead to somebody's account."""

OF_CALLERS = re.compile(rf"({SERVICES})_|KUBECONFIG$|\w+_PROXY$", re.IGNORECASE)
"""Environment variables of the caller's that neither the program nor a provider nor a client must see."""

ZONE = re.compile(r"^ +zoneName: *['\"]?([\w.-]+)", re.MULTILINE)

PROTECTING = re.compile(r"protect", re.IGNORECASE)
"""In the name of a setting that keeps something from being deleted."""

Tree = dict[str, yaml.Node]
"""A YAML mapping with its values as they were written: Go reads `on` or `18:30` otherwise than Python."""


@dataclass(frozen=True)
class Stack:
    """A stack and where it is kept."""

    name: str
    root: Path  # the folder of all projects; holds policies/, schemas/ and .sandbox/
    project: Path  # the folder with the stack's Pulumi.yaml, Pulumi.<stack>.yaml and __main__.py
    project_name: str
    folder: Path  # what belongs to the sandbox; `.sandbox/<stack>` of the root, but for a review

    @property
    def checkpoint(self) -> Path:
        """The state as the engine last wrote it, secrets encrypted."""
        return self.folder / "state" / ".pulumi" / "stacks" / self.project_name / f"{self.name}.json"

    @property
    def locks(self) -> Path:
        """Where the engine keeps its locks of this stack."""
        return self.folder / "state" / ".pulumi" / "locks" / "organization" / self.project_name / self.name


def projects(root: Path) -> dict[str, Path]:
    """The project of each stack in `root` and the folders in it."""
    found: dict[str, Path] = {}
    for project in (root, *sorted(root.glob("[!.]*/"))):
        if (project / "Pulumi.yaml").exists():
            for file in project.glob("Pulumi.*.yaml"):
                found.setdefault(file.name.removeprefix("Pulumi.").removesuffix(".yaml"), project)
    return found


def find_stack(root: Path, name: str, folder: Path | None = None) -> Stack:
    """The stack of that name in `root` or a project one folder below; a fault lists the stacks there are."""
    stacks = projects(root)
    if name not in stacks:
        allowed = ", ".join(sorted(stacks)) or f"none; a stack is a file Pulumi.<stack>.yaml below {root}"
        raise CommandError(f"no stack is called {name!r}. Stacks: {allowed}")
    project_name = read(stacks[name] / "Pulumi.yaml")["name"].value
    return Stack(name, root, stacks[name], project_name, folder or root / ".sandbox" / name)


def zones(stack: Stack) -> set[str]:
    """The Cloudflare zones that any stack file of the project names: those of its account."""
    files = (file.read_text(errors="replace") for file in stack.project.glob("Pulumi.*.yaml"))
    return {name for text in files for name in ZONE.findall(text)}


def prepare(stack: Stack, settings: Mapping[str, str] | None = None, *, protect: bool = True) -> list[str]:
    """Bring the folder up to date with the tracked files and `settings`; the secret keys without a value.

    Without `protect`, the copy of the stack file protects nothing: every setting that is named so is off.
    """
    for folder in ("home", "state"):
        (stack.folder / folder).mkdir(parents=True, exist_ok=True)
    copy = stack.folder / f"Pulumi.{stack.name}.yaml"
    source, before = read(stack.project / copy.name), read(copy) if copy.exists() else {}
    given, kept = (_items(tree["config"]) if "config" in tree else {} for tree in (source, before))

    wanted = _secret_keys(stack, given)
    config = {key: _without_secrets(value) for key, value in given.items() if key not in wanted}
    if not protect:
        config = {key: _unprotected(key, value) for key, value in config.items()}
    config |= {key: yaml.ScalarNode("tag:yaml.org,2002:str", text) for key, text in (settings or {}).items()}
    # The random values live in this copy, encrypted by the engine. Each stays the same from run to run, until
    # the text that it stands for is another one: a secret that was changed shows as a change.
    texts, file = {key: _text(given[key]) for key in wanted if key in given}, stack.folder / "sealed.json"
    of: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    have = {key: kept[key] for key in wanted if key in kept and of.get(key) == texts.get(key)}
    salt = {key: before[key] for key in ("encryptionsalt",) if key in before}
    _copy(stack.folder / "Pulumi.yaml", read(stack.project / "Pulumi.yaml"))
    _copy(copy, source, config=_mapping(config | have), **salt)
    write_atomically(file, json.dumps(texts))

    passphrase = stack.folder / "passphrase"
    if not passphrase.exists():
        if stack.checkpoint.exists():
            raise CommandError(
                f"{passphrase} is gone; the state is lost without it: make clean STACK={stack.name}"
            )
        write_atomically(passphrase, secrets.token_urlsafe(32))
    return [key for key in wanted if key not in have]


def environment(stack: Stack, ports: Mapping[str, int]) -> dict[str, str]:
    """The engine's whole environment."""
    providers = ",".join(f"{package}:{port}" for package, port in sorted(ports.items()))
    words = {"folder": stack.folder, "state": (stack.folder / "state").as_uri(), "providers": providers}
    return passed_on() | filled(VARIABLES["engine"], words)


def passed_on(*more: str) -> dict[str, str]:
    """What is passed on of the caller's environment."""
    return {name: os.environ[name] for name in (*VARIABLES["passed_on"], *more) if name in os.environ}


def filled(variables: Mapping[str, str], words: Mapping[str, Any]) -> dict[str, str]:
    """A table of environment.toml with its {words}."""
    return {name: text.format_map(words) for name, text in variables.items()}


def state(stack: Stack, part: str) -> list[dict[str, Any]]:
    """`resources` or `pending_operations` of the last state."""
    if not stack.checkpoint.exists():
        return []
    latest: dict[str, Any] = json.loads(stack.checkpoint.read_text())["checkpoint"].get("latest") or {}
    return latest.get(part) or []


def adopt(stack: Stack, found: Mapping[str, str]) -> None:
    """Enter pending creations that came to be into the state, by their ids; a refresh fills in the rest."""
    whole = json.loads(stack.checkpoint.read_text())
    latest: dict[str, list[dict[str, Any]]] = whole["checkpoint"]["latest"]
    pending = latest["pending_operations"]
    begun = {each["resource"]["urn"]: each["resource"] for each in pending if each["type"] == "creating"}
    creating = {urn: each for urn, each in begun.items() if urn in found}
    made = {urn: one | {"id": found[urn], "outputs": one.get("inputs", {})} for urn, one in creating.items()}
    kept: list[dict[str, Any]] = []
    for each in latest.get("resources") or []:
        replaced = each["urn"] in creating and not each.get("delete")
        # It is deleted already; what depends on it comes after its place.
        gone = replaced and each.get("pendingReplacement")
        kept.append(made.pop(each["urn"]) if gone else each | {"delete": True} if replaced else each)
    latest["resources"] = [*kept, *made.values()]
    latest["pending_operations"] = [each for each in pending if each["resource"]["urn"] not in creating]
    write_atomically(stack.checkpoint, json.dumps(whole, indent=4))


def mend_state(stack: Stack) -> bool:
    """Put back the state of before the last run if a full disk cut it short, else keep it; whether so."""
    before = stack.folder / "state-before.json"
    if not stack.checkpoint.exists():
        return False
    try:
        json.loads(text := stack.checkpoint.read_text())
        write_atomically(before, text)
    except ValueError:
        if before.exists():
            write_atomically(stack.checkpoint, before.read_text())
        else:
            stack.checkpoint.unlink()  # not even made; it is made again
        return True
    return False


def read(file: Path) -> Tree:
    """A YAML file's top level."""
    try:
        node = yaml.compose(file.read_text(), yaml.SafeLoader)
    except FileNotFoundError:
        raise CommandError(f"{file} is missing.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} is not YAML: {error}") from None
    if not isinstance(node, yaml.MappingNode):
        raise CommandError(f"{file} is not a mapping of keys to values.")
    return _items(node)


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


def _copy(file: Path, content: Tree, **more: yaml.Node) -> None:
    copied = {key: value for key, value in content.items() if key not in NOT_COPIED}
    write_atomically(file, _text(_mapping(copied | more)))


def _text(node: yaml.Node) -> str:
    return yaml.serialize(node, allow_unicode=True)  # pyright: ignore[reportUnknownMemberType]


def _secret_keys(stack: Stack, config: Tree) -> list[str]:
    """Keys that get a random value: encrypted ones, and those `writeOnly` in the schema without any."""
    file = stack.root / "schemas" / "stack-file.schema.json"
    schema = cast(dict[str, Any], json.loads(file.read_text()) if file.exists() else {})
    rules = schema.get("properties", {}).get("config", {}).get("properties", {}).items()
    own = f"{stack.project_name}:"
    declared = {key for key, rule in rules if rule.get("writeOnly") and key.startswith(own)}
    encrypted = {key for key, value in config.items() if _is_secret(value)}
    return sorted(encrypted | (declared - set(config)))


def _is_secret(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode) and list(_items(node)) == ["secure"]


def _without_secrets(node: yaml.Node) -> yaml.Node:
    kept = {key: _without_secrets(each) for key, each in _items(node).items() if not _is_secret(each)}
    return _mapping(kept) if isinstance(node, yaml.MappingNode) else node


def _unprotected(key: str, node: yaml.Node) -> yaml.Node:
    """Return a setting's value with `false` for whatever is named as a protection and is `true`."""
    if isinstance(node, yaml.MappingNode):
        return _mapping({name: _unprotected(name, each) for name, each in _items(node).items()})
    on = isinstance(node, yaml.ScalarNode) and node.tag.endswith(":bool") and PROTECTING.search(key)
    return yaml.ScalarNode("tag:yaml.org,2002:bool", "false") if on else node


def _items(node: yaml.Node) -> Tree:
    """The values of a mapping by key; of anything else (an empty `config:`) none."""
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _mapping(tree: Tree) -> yaml.MappingNode:
    pairs = [(yaml.ScalarNode("tag:yaml.org,2002:str", key), value) for key, value in tree.items()]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs)
