"""A command that validates foundation's stack files without Pulumi's engine: `python -m foundation.settings`.

It also compares the valid files with each other and with the stack files of the environments.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from components.common.strict_yaml import load_yaml
from components.settings.config_commands import KeyPath, set_command
from components.settings.errors import SettingFault, describe_faults, invalid_value
from foundation.settings.load import FOLDER, read
from foundation.settings.stack import PROJECT, Settings

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print for each file its faults, or that it is valid; return 1 if any file has a fault, else 0.

    The only argument is the root folder of the repository; its default is this repository.
    """
    folders = sys.argv[1:] if arguments is None else arguments
    root = Path(folders[0]) if folders else ROOT
    settings: dict[str, Settings] = {}
    faults: dict[str, list[SettingFault]] = {}
    for file in sorted((root / FOLDER).glob("Pulumi.*.yaml")):
        stack = file.name.split(".")[1]
        valid, faults[stack] = read(load_yaml(file.read_text())["config"])
        if valid:
            settings[stack] = valid
    configs = {
        file.name.split(".")[1]: load_yaml(file.read_text())["config"]
        for file in sorted(root.glob("Pulumi.*.yaml"))
    }
    for stack, fault in compare(settings, configs):
        faults[stack].append(fault)
    for stack in faults:
        valid_line = f"{FOLDER}/Pulumi.{stack}.yaml: valid"
        print(describe_faults(stack, faults[stack], FOLDER) if faults[stack] else valid_line)
    return int(any(faults.values()))


def compare(
    stacks: Mapping[str, Settings], configs: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, SettingFault]]:
    """Yield the faults that only a comparison finds, each with the name of foundation's stack.

    `configs` contains the settings of the environments' stack files. All stacks of foundation must name the
    same shared account. An environment's account, namespace, connection and Datadog site must be those of
    its stack file.
    """
    shared = {stack: settings.shared_account.id for stack, settings in stacks.items()}
    owner = next((stack for stack, settings in stacks.items() if settings.is_shared_account), None)
    for stack, settings in stacks.items():
        if owner and shared[stack] != shared[owner]:
            path = (f"{PROJECT}:sharedAccount", "id")
            allowed = f"{shared[owner]}, as in {FOLDER}/Pulumi.{owner}.yaml"
            yield stack, invalid_value(path, shared[stack], allowed, set_command(path, shared[owner]))
        for index, environment in enumerate(settings.environments):
            entry: KeyPath = (f"{PROJECT}:environments", index)
            for path, value, section, key in (
                ((f"{PROJECT}:account", "id"), settings.account.id, "service", "account"),
                ((*entry, "namespace"), environment.namespace, "namespace", "name"),
                ((*entry, "connectionArn"), environment.connection_arn, "ciRunner", "connectionArn"),
                ((f"{PROJECT}:datadog", "site"), settings.datadog.site, "monitoring", "site"),
            ):
                expected = configs.get(environment.name, {}).get(f"pipe:{section}", {}).get(key, value)
                if value != expected:
                    allowed = f"{expected}, as in pipe:{section}.{key} of {environment.name}"
                    yield stack, invalid_value(path, value, allowed, set_command(path, expected))


if __name__ == "__main__":
    sys.exit(main())
