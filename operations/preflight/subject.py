"""The stack that the questions are about: its settings, its foundation's settings, and clients of AWS."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from components.settings.errors import describe_faults
from components.settings.load import load_file
from components.settings.stack import Settings
from foundation.settings import load as foundation_load
from foundation.settings.stack import PROJECT as FOUNDATION
from foundation.settings.stack import Settings as FoundationSettings
from operations.lib import command_line, sandbox_targets
from operations.lib.command_line import Options
from operations.lib.errors import RefusedError
from operations.preflight.answers import NotAsked
from operations.preflight.unanswered import SET_AWS


class AwsClients:
    """Clients of AWS services with the caller's credentials, and the identity of the caller."""

    def __init__(self, options: Options, account: str) -> None:
        self._options, self._account = options, account
        self._lock = threading.Lock()  # boto3's default session must not create two clients at once.
        self._clients: dict[tuple[str, str], Any] = {}
        self._caller: dict[str, str] | None = None
        self._missing: NotAsked | None = None

    def unchecked(self, service: str, region: str = "") -> Any:
        """Return a client, even if the credentials belong to another account.

        Raise NotAsked without credentials. They are looked up once: the last place that boto3 tries is the
        instance metadata service, which responds slowly or never outside EC2.
        """
        with self._lock:
            if self._missing:
                raise self._missing
            if not self._clients and self._options.target != "sandbox" and not _has_credentials():
                self._missing = NotAsked("there are no AWS credentials", SET_AWS)
                raise self._missing
            key = (service, region)
            if key not in self._clients:
                self._clients[key] = sandbox_targets.aws(self._options, service, region)
            return self._clients[key]

    def caller(self) -> dict[str, str]:
        """Return the response of GetCallerIdentity, which needs no permission."""
        if self._caller is None:
            self._caller = cast(dict[str, str], self.unchecked("sts").get_caller_identity())
        return self._caller

    def __call__(self, service: str, region: str = "") -> Any:
        """Return a client; raise NotAsked if the credentials do not belong to the stack's account."""
        account = self.caller()["Account"]
        if account != self._account:
            raise NotAsked(f"the credentials belong to the account {account}", SET_AWS)
        return self.unchecked(service, region)


@dataclass(frozen=True)
class Subject:
    """The stack that the questions are about."""

    options: Options
    settings: Settings
    foundation: FoundationSettings
    """Settings of the foundation in the stack's account."""
    aws: AwsClients

    @property
    def is_sandbox(self) -> bool:
        return self.options.target == "sandbox"

    @property
    def name(self) -> str:
        return self.options.stack

    @property
    def apply_foundation(self) -> str:
        """The command that applies the foundation with its policy levels."""
        pack = (
            f"--policy-pack ../policies --policy-pack-config ../policies/config/foundation/{self.name}.json"
        )
        return f"pulumi --cwd foundation up --stack {self.name} {pack}"


def load_subject(options: Options, root: Path | None = None) -> Subject:
    """Return the stack with its settings; refuse a stack file with a fault."""
    root = root or command_line.ROOT
    file = load_file(root / f"Pulumi.{options.stack}.yaml")
    if file.faults:
        raise RefusedError(describe_faults(options.stack, file.faults))
    foundation = _load_foundation(root, options.stack)
    account = file.settings.service.account
    return Subject(options, file.settings, foundation, AwsClients(options, account))


def _load_foundation(root: Path, stack: str) -> FoundationSettings:
    path = root / "foundation" / f"Pulumi.{stack}.yaml"
    config: dict[str, Any] = yaml.load(path.read_text(), yaml.CSafeLoader)["config"]
    own = ("aws:region", "aws:allowedAccountIds", "datadog:apiUrl")
    settings, faults = foundation_load.read(
        {key: value for key, value in config.items() if key in own or key.startswith(f"{FOUNDATION}:")}
    )
    if settings is None or faults:
        raise RefusedError(describe_faults(stack, faults, folder=foundation_load.FOLDER))
    return settings


def _has_credentials() -> bool:
    import boto3  # Imported here, since a sandbox needs no credentials.

    return cast(Any, boto3).Session().get_credentials() is not None
