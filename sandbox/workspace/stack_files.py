"""The copies of Pulumi.yaml and of the stack file in a stack's folder, which need no real key.

The copy of the stack file has random values in place of secrets.
"""

import json
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from sandbox.errors import CommandError
from sandbox.workspace.files import write_atomically
from sandbox.workspace.stacks import Stack
from sandbox.workspace.yaml_tree import NULL, STRING, Tree, mapping, members, read, serialize

GENERATED_SECRETS = "hidden"
"""File in a stack's folder with the random secrets of a throwaway run, which the review masks.

Each line has a secret, and the key of its setting as JSON.
"""

COPIED = {"name", "description", "runtime", "config"}
"""Keys of Pulumi.yaml and Pulumi.<stack>.yaml that the copies have.

Others refer to a real key, a real state or Pulumi Cloud, or name programs that the engine would run, such as
`plugins` (www.pulumi.com/docs/iac/concepts/projects/project-file).
"""

SCHEMA = Path("schemas", "stack-file.schema.json")
"""File in a tree with the JSON Schema of its stack files."""

ENCRYPTED = re.compile(r"v1:\S+|[A-Za-z][A-Za-z0-9+/=:]{20,}")
"""Pattern of an encrypted text without quotes, which no parser takes for a number, a date or a boolean."""

SECRET_NAME = re.compile(r"\w[\w.-]*(:\w[\w.-]*){0,2}", re.ASCII)
"""Pattern of a secret setting's name.

`pulumi config set-all` takes what follows the first `=` in a name, or quotation marks around it, for the
value of another setting (pulumi/pulumi, pkg/cmd/pulumi/config/io.go: parseKeyValuePair).
"""

PROTECTION_SETTING = re.compile(r"protect", re.IGNORECASE)
"""The pattern for names of settings that protect resources from deletion."""


def prepare(
    stack: Stack,
    settings: Mapping[str, str] | None = None,
    *,
    protect: bool = True,
    random_secrets: Collection[str] | None = None,
) -> list[str]:
    """Update the folder from the tracked files and `settings`; return the secret keys that need a value.

    Without `protect`, every protection setting is off in the copy of the stack file. `random_secrets` are the
    settings that get a random value if the stack file lacks them, by default the secrets of the tree's
    schema. Raise CommandError if the state's passphrase is missing.
    """
    for folder in ("home", "state"):
        (stack.folder / folder).mkdir(parents=True, exist_ok=True)
    copy = stack.folder / f"Pulumi.{stack.name}.yaml"
    source, before = read(stack.project / copy.name), read(copy) if copy.exists() else {}
    project_file = read(stack.project / "Pulumi.yaml")
    for name, tree in (("Pulumi.yaml", project_file), (copy.name, source)):
        _check_config(name, tree)
    tracked, previous = (members(tree["config"]) if "config" in tree else {} for tree in (source, before))
    names = _check_keys(stack, source["config"] if "config" in source else mapping({}))
    _check_secrets(stack, tracked)

    invented = secret_settings(stack.root) if random_secrets is None else random_secrets
    secret_keys = _secret_keys(stack, tracked, names, invented)
    for key in secret_keys:
        if not SECRET_NAME.fullmatch(key):
            raise CommandError(
                f"Pulumi.{stack.name}.yaml: {json.dumps(key)} is no name of a secret setting; allowed are "
                "letters, digits, dots, hyphens and underscores, and colons between the parts. Rename it."
            )
    config = {key: value for key, value in tracked.items() if key not in secret_keys}
    if not protect:
        config = {key: _unprotected(key, value) for key, value in config.items()}
    config |= {key: yaml.ScalarNode(STRING, text) for key, text in (settings or {}).items()}
    # The copy has random values in place of secrets; the engine encrypts them. A random value stays the same
    # until the encrypted value in the stack file changes. A changed secret is thus visible as a change.
    texts = {key: members(tracked[key])["secure"].value for key in secret_keys if key in tracked}
    texts_file = stack.folder / "encrypted-texts.json"
    old_texts: dict[str, str] = json.loads(texts_file.read_text()) if texts_file.exists() else {}
    reused = {
        key: previous[key] for key in secret_keys if key in previous and old_texts.get(key) == texts.get(key)
    }
    # An encrypted value that stands under a second key is the same value, in a deployment as well.
    of_text = {text: previous[key] for key, text in old_texts.items() if key in previous}
    reused = {key: of_text[text] for key, text in texts.items() if text in of_text} | reused
    salt = {key: before[key] for key in ("encryptionsalt",) if key in before}
    _copy(stack.folder / "Pulumi.yaml", project_file)
    _copy(copy, source, config=mapping(config | reused), **salt)
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


def _check_config(file: str, tree: Tree) -> None:
    """Raise CommandError if `config` is neither a mapping nor null.

    Pulumi takes a text there for the folder of the stack files (pulumi/pulumi,
    sdk/go/common/workspace/project.go: RewriteConfigPathIntoStackConfigDir). The sandbox reads those beside
    Pulumi.yaml, and the engine would find no stack file there.
    """
    config = tree.get("config")
    if config is None or isinstance(config, yaml.MappingNode) or config.tag == NULL:
        return
    raise CommandError(
        f"{file}, line {config.start_mark.line + 1}: `config` is not a mapping of settings. The sandbox only "
        "reads the stack files beside Pulumi.yaml."
    )


def _check_keys(stack: Stack, config: yaml.Node) -> set[str]:
    """Return the full names of the settings; raise CommandError if two keys are one setting.

    Pulumi takes the value of either (`setting_name`).
    """
    keys: dict[str, str] = {}
    for key in members(config):
        name = setting_name(stack.project_name, key)
        if name in keys:
            raise CommandError(
                f"Pulumi.{stack.name}.yaml: {keys[name]} and {key} are one setting; remove one of them."
            )
        keys[name] = key
    return {*keys}


def setting_name(project: str, key: str) -> str:
    """Return the full name of a setting.

    Pulumi reads `name` and `project:config:name` as `project:name` (pulumi/pulumi, sdk/go/common:
    workspace/project.go, stackConfigNamespacedWithProject; resource/config/key.go, ParseKey).
    """
    first, *others = key.split(":")
    return f"{first}:{others[-1]}" if others else f"{project}:{first}"


def _check_secrets(stack: Stack, config: Tree) -> None:
    """Raise CommandError for a mapping with the only key `secure` that is not a setting's encrypted text.

    Pulumi takes it as a secret if the value is a string, and otherwise as a plain value (pulumi/pulumi,
    sdk/go/common/resource/config/object.go, isSecureValue). Its parser takes other texts as strings than this
    one does, so a text has to be one for every parser.
    """
    whole_settings = [value for value in config.values() if _is_secret(value)]
    for node in _mappings(mapping(config)):
        if _is_secret(node) and not (node in whole_settings and _is_encrypted(node.value[0][1])):
            raise CommandError(
                f"Pulumi.{stack.name}.yaml, line {node.start_mark.line + 1}: `secure` has to be the "
                "encrypted text of a whole setting. Set it with `pulumi config set --secret NAME`."
            )


def _is_encrypted(node: yaml.Node) -> bool:
    if not isinstance(node, yaml.ScalarNode) or node.tag != STRING:
        return False
    return bool(node.style or ENCRYPTED.fullmatch(node.value))


def _mappings(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    """Yield all mappings in the values of a node."""
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _mappings(item)


def _copy(file: Path, content: Tree, **replacements: yaml.Node) -> None:
    copied = {key: value for key, value in content.items() if key in COPIED}
    write_atomically(file, serialize(mapping(copied | replacements)))


def _secret_keys(stack: Stack, config: Tree, names: set[str], secret_names: Collection[str]) -> list[str]:
    """Return the keys that get a random value: encrypted keys, and unset `secret_names` of the project.

    `names` are the full names of the settings in `config`.
    """
    prefix = f"{stack.project_name}:"
    declared = {key for key in secret_names if key.startswith(prefix)}
    encrypted = {key for key, value in config.items() if _is_secret(value)}
    return sorted(encrypted | (declared - names))


def unset_secrets(project: Path, stack: str, secret_names: Collection[str]) -> set[str]:
    """Return the names among `secret_names` of the project's settings that its stack file lacks.

    Raise CommandError if a file of the project is invalid.
    """
    name = read(project / "Pulumi.yaml")["name"].value
    tracked = Stack(stack, project, project, name, project)
    file = read(project / f"Pulumi.{stack}.yaml")
    names = _check_keys(tracked, file["config"] if "config" in file else mapping({}))
    return {secret for secret in secret_names if secret.startswith(f"{name}:")} - names


def secret_settings(tree: Path) -> set[str]:
    """Return the names of the secret settings (`writeOnly`) in the schema of a tree's stack files.

    Raise CommandError if the schema has another form.
    """
    file = tree / SCHEMA
    try:
        schema = cast(dict[str, Any], json.loads(file.read_text()) if file.exists() else {})
        rules = schema.get("properties", {}).get("config", {}).get("properties", {}).items()
        return {key for key, rule in rules if rule.get("writeOnly")}
    except (AttributeError, OSError, RecursionError, ValueError) as error:
        raise CommandError(f"{SCHEMA} is not a JSON Schema of stack files: {error}") from None


def encrypted_values(config: yaml.Node) -> list[yaml.Node]:
    """Return the values that Pulumi decrypts in the `config` of a stack file, if they are texts."""
    return [members(value)["secure"] for value in members(config).values() if _is_secret(value)]


def _is_secret(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode) and list(members(node)) == ["secure"]


def _unprotected(key: str, node: yaml.Node) -> yaml.Node:
    """Return a setting's value in which every protection setting is off."""
    if isinstance(node, yaml.MappingNode):
        return mapping({name: _unprotected(name, value) for name, value in members(node).items()})
    on = isinstance(node, yaml.ScalarNode) and node.tag.endswith(":bool") and PROTECTION_SETTING.search(key)
    return yaml.ScalarNode("tag:yaml.org,2002:bool", "false") if on else node
