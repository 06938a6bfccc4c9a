"""The environment variables of the engine, the providers and the clients."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.workspace.stacks import Stack

VARIABLES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("environment.toml").read_text())
"""The tables of environment.toml."""

SERVICES = "AWS|CLOUDFLARE|CF|DATADOG|DD|GOOGLE|AZURE|ARM|PULUMI|GITHUB|GH|VAULT"
"""Prefixes of environment variables that give access to an account."""

ACCOUNT_VARIABLE = re.compile(rf"({SERVICES})_|KUBECONFIG$|\w+_PROXY$", re.IGNORECASE)
"""Environment variables of the caller that are hidden from the program, the providers and the clients."""


def engine_variables(stack: Stack, ports: Mapping[str, int]) -> dict[str, str]:
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
