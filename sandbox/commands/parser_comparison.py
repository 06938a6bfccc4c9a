"""Comparison of the engine's reading of Pulumi.yaml and the stack file with that of the sandbox.

In the sandbox, the engine reads copies that Python writes, and in a deployment the files themselves. The
parser of the engine is gopkg.in/yaml.v3, that of Python PyYAML. They differ about unusual texts: `{x::}` has
the key `x::` or `x:`. So the engine also reads the files themselves here, and has to agree with Python.

The commands used here decrypt nothing, start no plugin and send nothing. That was checked with strace for
3.259.0, also with `secretsprovider`, `backend` and `plugins` in the files.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from sandbox.engine.process import Session
from sandbox.errors import CommandError
from sandbox.workspace.yaml_tree import mapping, members, read, serialize

UNKNOWN_KEY = "sandbox:none"
"""A setting that no stack file has. After its removal, the engine writes the file as it has read it."""

ENVIRONMENT = "environment"
"""The key of a stack file for environments of Pulumi Cloud. Elsewhere, the engine lists no settings of such
a file (pulumi/pulumi, pkg/cmd/pulumi/config: listConfig, checkStackEnv).
"""

Values = Mapping[str, Any]


def require_equal(session: Session) -> None:
    """Raise CommandError if the engine reads Pulumi.yaml or the stack file differently from the sandbox.

    The keys other than `name` and `config` of Pulumi.yaml are not compared, since no command shows them.
    """
    stack = session.stack
    project_file, stack_file = "Pulumi.yaml", f"Pulumi.{stack.name}.yaml"
    trees = {name: read(stack.project / name) for name in (project_file, stack_file)}
    with tempfile.TemporaryDirectory(dir=stack.folder) as temporary:
        original, copy = (Path(temporary) / name for name in ("original", "copy"))
        for folder in (original, copy):
            folder.mkdir()
        for name, tree in trees.items():
            (original / name).write_bytes((stack.project / name).read_bytes())
            (copy / name).write_text(serialize(mapping(tree)), encoding="utf-8")
        written = [_write(session, folder, stack_file) for folder in (original, copy)]
        if key := _differing_key(*written):
            raise _error(stack_file, key)
        if ENVIRONMENT in written[0]:
            return
        # Python could misread what the engine has written as it misread the file, but not what it lists.
        listed = [_list(session, folder, stack_file) for folder in (original, copy)]
        if key := _differing_key(*listed):
            raise _error(stack_file if key in written[0] else project_file, key)


def _error(file: str, key: str) -> CommandError:
    return CommandError(
        f"{file}: Pulumi's YAML parser reads `{key}` differently from Python's. Write it in plain YAML: one "
        "line for each key and item, and quotes around texts with special characters."
    )


def _write(session: Session, folder: Path, stack_file: str) -> Values:
    """Have the engine write a copy of a folder's stack file; return each setting and each other key."""
    written = folder / "written.yaml"
    written.write_bytes((folder / stack_file).read_bytes())
    _run(session, folder, "remove", UNKNOWN_KEY, "--config-file", f"{written}")
    tree = read(written)
    settings = members(tree.pop("config")) if "config" in tree else {}
    return {key: _content(node) for key, node in (tree | settings).items()}


def _list(session: Session, folder: Path, stack_file: str) -> Values:
    """Return the settings that the engine reads in a folder's files, without the values of secrets."""
    listing = _run(session, folder, "--json", "--config-file", f"{folder / stack_file}")
    return cast(dict[str, Any], json.loads(listing))


def _run(session: Session, folder: Path, *arguments: str) -> str:
    """Run `pulumi config` in a folder; return its output."""
    try:
        return session.call("config", *arguments, "--cwd", f"{folder}")
    except CommandError as error:
        reason = f"{error}".partition(" failed: ")[2].replace(f"{folder}/", "")
        raise CommandError(
            f"Pulumi cannot read Pulumi.yaml or Pulumi.{session.stack.name}.yaml: {reason}"
        ) from None


def _content(node: yaml.Node) -> Any:
    """Return a node without its position, its style and its type, which Python takes from the style."""
    if isinstance(node, yaml.MappingNode):
        return {key: _content(value) for key, value in members(node).items()}
    if isinstance(node, yaml.SequenceNode):
        return [_content(item) for item in node.value]
    return node.value


def _differing_key(first: Values, second: Values) -> str | None:
    keys = sorted(first.keys() | second.keys())
    return next((key for key in keys if first.get(key) != second.get(key)), None)
