"""The folder .sandbox/<name>/ that all stacks with this name share, and each stack's own folder in it.

A stack's own folder has the state, the logs and a copy of the stack's settings. The copy can be read without
the stack's real key. The sandbox writes nothing outside these folders.
"""

import hashlib
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
from sandbox.wire.aws_account import ACCOUNT

GENERATED_SECRETS = "hidden"
"""File in a stack's folder with the random secrets of a throwaway run, which the review masks."""

COPIED = {"name", "description", "runtime", "config"}
"""Keys of Pulumi.yaml and Pulumi.<stack>.yaml that the copies have.

Others refer to a real key, a real state or Pulumi Cloud, or name programs that the engine would run, such as
`plugins` (www.pulumi.com/docs/iac/concepts/projects/project-file).
"""

VARIABLES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("environment.toml").read_text())

SERVICES = "AWS|CLOUDFLARE|CF|DATADOG|DD|GOOGLE|AZURE|ARM|PULUMI|GITHUB|GH|VAULT"
"""Prefixes of environment variables that give access to an account."""

ACCOUNT_VARIABLE = re.compile(rf"({SERVICES})_|KUBECONFIG$|\w+_PROXY$", re.IGNORECASE)
"""Environment variables of the caller that are hidden from the program, the providers and the clients."""

UP_FILE = "up"
"""File in a stack's folder with a digest of the files from which the stack was brought up."""

SETTINGS = ("tool", "sandbox")
"""The table in pyproject.toml with the sandbox's settings, all of which are optional.

- `requires`: for the name of a project, the name of the project whose stacks its stacks require
- `entities`: IAM users and roles that every account has before the first stack, such as `user/operator`,
  and connections to GitHub: `connection/REGION/ID`
- `zones`: names of Cloudflare zones, in addition to those in the stack files (`zoneName: …`)
"""

ZONE = re.compile(r"^ +zoneName: *['\"]?([\w.-]+)", re.MULTILINE)

PROTECTION_SETTING = re.compile(r"protect", re.IGNORECASE)
"""The pattern for names of settings that protect resources from deletion."""

Tree = dict[str, yaml.Node]
"""A YAML mapping with unparsed values, since Go and Python parse `on` and `18:30` differently."""


@dataclass(frozen=True)
class Stack:
    """A stack and its folders."""

    name: str
    """Pulumi's name of the stack. Stacks of several projects can have the same name."""
    root: Path
    """The folder of all projects, with policies/, schemas/ and .sandbox/."""
    project: Path
    """The folder with the stack's Pulumi.yaml, Pulumi.<stack>.yaml and __main__.py."""
    project_name: str
    sandbox: Path
    """The folder with the targets and the lock, which the stacks with this name share: `.sandbox/<stack>`
    below `root`, or another folder in a review."""
    own: Path | None = None
    """The stack's own folder; None for a stack that uses the sandbox's folder."""

    @property
    def label(self) -> str:
        """The name on the command lines: `dev` in the root project, and `base/dev` in the project base/."""
        return self.name if self.project == self.root else f"{self.project.name}/{self.name}"

    @property
    def account(self) -> str:
        """The AWS account to which the stack file limits the provider; without a limit, the default one."""
        file = read(self.project / f"Pulumi.{self.name}.yaml")
        allowed = _items(file["config"]).get("aws:allowedAccountIds") if "config" in file else None
        accounts: list[yaml.Node] = allowed.value if isinstance(allowed, yaml.SequenceNode) else []
        return next((str(account.value) for account in accounts), ACCOUNT)

    @property
    def folder(self) -> Path:
        """The folder with the stack's state and logs; `.sandbox/dev/base` for the project base/."""
        return self.own or self.sandbox

    @property
    def checkpoint(self) -> Path:
        """The file with the engine's state, in which secrets are encrypted."""
        return self.folder / "state" / ".pulumi" / "stacks" / self.project_name / f"{self.name}.json"

    @property
    def locks(self) -> Path:
        """The folder with the engine's locks for this stack."""
        return self.folder / "state" / ".pulumi" / "locks" / "organization" / self.project_name / self.name


def projects(root: Path) -> dict[str, Path]:
    """Return the project folder of each stack, by full name. Projects are in `root` and directly below it."""
    stacks: dict[str, Path] = {}
    for project in (root, *sorted(root.glob("[!.]*/"))):
        if (project / "Pulumi.yaml").exists():
            prefix = "" if project == root else f"{project.name}/"
            for file in sorted(project.glob("Pulumi.*.yaml")):
                stacks[f"{prefix}{file.name.removeprefix('Pulumi.').removesuffix('.yaml')}"] = project
    return stacks


def find_stack(root: Path, name: str, folder: Path | None = None) -> Stack:
    """Return the stack with a full name, such as `dev` or `foundation/dev`.

    `folder` replaces `.sandbox/<stack>` for all files of the stack. If no stack has the name, raise
    CommandError, whose message lists the stacks.
    """
    stacks = projects(root)
    if name not in stacks:
        allowed = ", ".join(sorted(stacks)) or f"none; a stack is a file Pulumi.<stack>.yaml below {root}"
        raise CommandError(f"no stack is called {name!r}. Stacks: {allowed}")
    stack_name = name.rpartition("/")[2]
    sandbox = folder or root / ".sandbox" / stack_name
    return _stack(root, stacks[name], stack_name, sandbox, inside=folder is None)


def _stack(root: Path, project: Path, name: str, sandbox: Path, *, inside: bool) -> Stack:
    """Return a stack; with `inside`, a stack outside the root project has its own folder in the sandbox's."""
    own = sandbox / project.name if inside and project != root else None
    return Stack(name, root, project, read(project / "Pulumi.yaml")["name"].value, sandbox, own)


def project_settings(root: Path) -> dict[str, Any]:
    """Return the table SETTINGS of the root's pyproject.toml; empty if there is none."""
    file = root / "pyproject.toml"
    table: dict[str, Any] = tomllib.loads(file.read_text()) if file.exists() else {}
    for key in SETTINGS:
        table = table.get(key, {})
    return table


def entities(root: Path) -> list[str]:
    """Return the users, roles and connections that every account has before the first stack."""
    return project_settings(root).get("entities", [])


def required_stack(stack: Stack) -> Stack | None:
    """Return the stack that must be up before `stack`; None if it requires no other.

    It has the same name, and belongs to the project that pyproject.toml names as required. Raise CommandError
    if there is no such stack.
    """
    required_project = project_settings(stack.root).get("requires", {}).get(stack.project_name)
    if required_project is None:
        return None
    for project in dict.fromkeys(projects(stack.root).values()):
        is_required = read(project / "Pulumi.yaml")["name"].value == required_project
        if is_required and (project / f"Pulumi.{stack.name}.yaml").exists():
            return _stack(stack.root, project, stack.name, stack.sandbox, inside=True)
    raise CommandError(
        f"{stack.label} requires the stack {stack.name} of {required_project}, which does not exist. "
        f"Write its Pulumi.{stack.name}.yaml, "
        f"or change [{'.'.join(SETTINGS)}.requires] in {stack.root / 'pyproject.toml'}."
    )


def stacks_in(stack: Stack) -> list[Stack]:
    """Return the stacks that share a stack's sandbox, itself included, in the order of their full names."""
    shared = [
        _stack(stack.root, project, stack.name, stack.sandbox, inside=True)
        for name, project in sorted(projects(stack.root).items())
        if name.rpartition("/")[2] == stack.name
    ]
    return shared if stack in shared else [stack]


def zones(stack: Stack) -> set[str]:
    """Return the names of the Cloudflare zones: those of SETTINGS, and those in the stack files."""
    folders = {stack.project, *projects(stack.root).values()}
    files = (file.read_text(errors="replace") for folder in folders for file in folder.glob("Pulumi.*.yaml"))
    return {*project_settings(stack.root).get("zones", [])} | {
        name for text in files for name in ZONE.findall(text)
    }


def prepare(stack: Stack, settings: Mapping[str, str] | None = None, *, protect: bool = True) -> list[str]:
    """Update the folder from the tracked files and `settings`; return the secret keys that need a value.

    Without `protect`, every protection setting is off in the copy of the stack file. Raise CommandError if
    the state's passphrase is missing.
    """
    for folder in ("home", "state"):
        (stack.folder / folder).mkdir(parents=True, exist_ok=True)
    copy = stack.folder / f"Pulumi.{stack.name}.yaml"
    source, before = read(stack.project / copy.name), read(copy) if copy.exists() else {}
    tracked, previous = (_items(tree["config"]) if "config" in tree else {} for tree in (source, before))

    secret_keys = _secret_keys(stack, tracked)
    config = {key: _without_secrets(value) for key, value in tracked.items() if key not in secret_keys}
    if not protect:
        config = {key: _unprotected(key, value) for key, value in config.items()}
    config |= {key: yaml.ScalarNode("tag:yaml.org,2002:str", text) for key, text in (settings or {}).items()}
    # The copy has random values in place of secrets; the engine encrypts them. A random value stays the same
    # until the encrypted value in the stack file changes. A changed secret is thus visible as a change.
    texts = {key: _text(tracked[key]) for key in secret_keys if key in tracked}
    texts_file = stack.folder / "encrypted-texts.json"
    old_texts: dict[str, str] = json.loads(texts_file.read_text()) if texts_file.exists() else {}
    reused = {
        key: previous[key] for key in secret_keys if key in previous and old_texts.get(key) == texts.get(key)
    }
    salt = {key: before[key] for key in ("encryptionsalt",) if key in before}
    _copy(stack.folder / "Pulumi.yaml", read(stack.project / "Pulumi.yaml"))
    _copy(copy, source, config=_mapping(config | reused), **salt)
    write_atomically(texts_file, json.dumps(texts))

    passphrase = stack.folder / "passphrase"
    if not passphrase.exists():
        if stack.checkpoint.exists():
            raise CommandError(
                f"{passphrase} is missing, and nothing else decrypts the state. Delete the sandbox: "
                f"`make clean STACK={stack.label}`"
            )
        write_atomically(passphrase, secrets.token_urlsafe(32))
    return [key for key in secret_keys if key not in reused]


def environment(stack: Stack, ports: Mapping[str, int]) -> dict[str, str]:
    """Return all environment variables of the engine."""
    providers = ",".join(f"{package}:{port}" for package, port in sorted(ports.items()))
    values = {"folder": stack.folder, "state": (stack.folder / "state").as_uri(), "providers": providers}
    return inherited_variables() | fill_variables(VARIABLES["engine"], values)


def inherited_variables(*extra: str) -> dict[str, str]:
    """Return the environment variables that child processes inherit from the caller."""
    return {name: os.environ[name] for name in (*VARIABLES["inherited"], *extra) if name in os.environ}


def fill_variables(variables: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of a table in environment.toml, with the {placeholders} filled in."""
    return {name: text.format_map(values) for name, text in variables.items()}


def state(stack: Stack, part: str) -> list[dict[str, Any]]:
    """Return the `resources` or `pending_operations` in the latest state."""
    if not stack.checkpoint.exists():
        return []
    latest: dict[str, Any] = json.loads(stack.checkpoint.read_text())["checkpoint"].get("latest") or {}
    return latest.get(part) or []


def has_state(stack: Stack) -> bool:
    """Return True if the state has resources or interrupted operations."""
    return any(state(stack, part) for part in ("resources", "pending_operations"))


def is_up(stack: Stack) -> bool:
    """Return True if the stack was brought up from its project's current files, and not taken down since."""
    file = stack.folder / UP_FILE
    return file.exists() and file.read_text() == _digest(stack) and has_state(stack)


def mark_up(stack: Stack) -> None:
    """Record that the stack was brought up from its project's current files."""
    write_atomically(stack.folder / UP_FILE, _digest(stack))


def unmark_up(stack: Stack) -> None:
    """Remove the record of `mark_up`."""
    (stack.folder / UP_FILE).unlink(missing_ok=True)


def _digest(stack: Stack) -> str:
    """Return a digest of the stack file and, for a project outside the root, of its Python files."""
    files = sorted(stack.project.rglob("*.py")) if stack.project != stack.root else []
    digest = hashlib.sha256()
    for file in (*files, stack.project / f"Pulumi.{stack.name}.yaml"):
        digest.update(f"{file.relative_to(stack.root)}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def adopt(stack: Stack, ids: Mapping[str, str]) -> None:
    """Add the resources of interrupted creations to the state; `ids` has their IDs by URN.

    A refresh then completes their properties.
    """
    document = json.loads(stack.checkpoint.read_text())
    latest: dict[str, list[dict[str, Any]]] = document["checkpoint"]["latest"]
    pending = latest["pending_operations"]
    adopted: dict[str, dict[str, Any]] = {}
    for operation in pending:
        resource = operation["resource"]
        urn = resource["urn"]
        if operation["type"] == "creating" and urn in ids:
            adopted[urn] = resource | {"id": ids[urn], "outputs": resource.get("inputs", {})}
    creating = set(adopted)
    resources: list[dict[str, Any]] = []
    for resource in latest.get("resources") or []:
        urn = resource["urn"]
        if urn not in creating or resource.get("delete"):
            resources.append(resource)
        elif resource.get("pendingReplacement"):
            # The old resource has been deleted. The new one takes its place in the list, before dependents.
            resources.append(adopted.pop(urn))
        else:
            resources.append(resource | {"delete": True})
    latest["resources"] = [*resources, *adopted.values()]
    latest["pending_operations"] = [
        operation for operation in pending if operation["resource"]["urn"] not in creating
    ]
    write_atomically(stack.checkpoint, json.dumps(document, indent=4))


def repair_truncated_state(stack: Stack) -> str:
    """Restore the previous state if a full disk has truncated the checkpoint; return a message that says so.

    Without a previous state, delete the checkpoint. Copy an intact checkpoint for the next run, and return an
    empty string.
    """
    before = stack.folder / "state-before.json"
    if not stack.checkpoint.exists():
        return ""
    try:
        json.loads(text := stack.checkpoint.read_text())
        write_atomically(before, text)
    except ValueError:
        if before.exists():
            write_atomically(stack.checkpoint, before.read_text())
            return "a full disk truncated the state; the state from before that run is restored"
        stack.checkpoint.unlink()  # The engine creates a new one.
        return "a full disk truncated the stack's first state; this state is deleted"
    return ""


def read(file: Path) -> Tree:
    """Return the top-level mapping of a YAML file.

    Raise CommandError if the file is missing, is not YAML, or has no such mapping.
    """
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
    """Replace a file atomically, so that a full disk or a kill leaves the old file; the mode is 0600."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _copy(file: Path, content: Tree, **replacements: yaml.Node) -> None:
    copied = {key: value for key, value in content.items() if key in COPIED}
    write_atomically(file, _text(_mapping(copied | replacements)))


def _text(node: yaml.Node) -> str:
    return yaml.serialize(node, allow_unicode=True)  # pyright: ignore[reportUnknownMemberType]


def _secret_keys(stack: Stack, config: Tree) -> list[str]:
    """Return the keys that get a random value: encrypted keys, and unset `writeOnly` keys of the schema."""
    file = stack.root / "schemas" / "stack-file.schema.json"
    schema = cast(dict[str, Any], json.loads(file.read_text()) if file.exists() else {})
    rules = schema.get("properties", {}).get("config", {}).get("properties", {}).items()
    prefix = f"{stack.project_name}:"
    declared = {key for key, rule in rules if rule.get("writeOnly") and key.startswith(prefix)}
    encrypted = {key for key, value in config.items() if _is_secret(value)}
    return sorted(encrypted | (declared - set(config)))


def _is_secret(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode) and list(_items(node)) == ["secure"]


def _without_secrets(node: yaml.Node) -> yaml.Node:
    if not isinstance(node, yaml.MappingNode):
        return node
    items = _items(node).items()
    return _mapping({key: _without_secrets(value) for key, value in items if not _is_secret(value)})


def _unprotected(key: str, node: yaml.Node) -> yaml.Node:
    """Return a setting's value in which every protection setting is off."""
    if isinstance(node, yaml.MappingNode):
        return _mapping({name: _unprotected(name, value) for name, value in _items(node).items()})
    on = isinstance(node, yaml.ScalarNode) and node.tag.endswith(":bool") and PROTECTION_SETTING.search(key)
    return yaml.ScalarNode("tag:yaml.org,2002:bool", "false") if on else node


def _items(node: yaml.Node) -> Tree:
    """Return the values of a mapping by key; an empty dict for other nodes, such as an empty `config:`."""
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _mapping(tree: Tree) -> yaml.MappingNode:
    pairs = [(yaml.ScalarNode("tag:yaml.org,2002:str", key), value) for key, value in tree.items()]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs)
