"""A real stack for preflight: stack files without placeholders, and local APIs in place of the providers."""

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from operations.lib.command_line import Options
from operations.preflight import unanswered
from operations.preflight.answers import Asking, Question
from operations.preflight.subject import Subject, load_subject

ROOT = Path(__file__).parents[3]
ACCOUNT, SHARED = "210987654321", "345678901234"
ZONE = "example.org"
CONNECTION = "0f1e2d3c-4b5a-4968-8776-655443322110"
REPLACEMENTS = {
    "777788889999": ACCOUNT,
    "123456789012": SHARED,
    "pipe-dev/infrastructure": "acme/infrastructure",
    '"123456"': '"900001"',
    '"456789"': '"900002"',
    "583231": "900003",
    "user/operator": "user/kim",
    "user/emergency": "user/lee",
    "3f6d1c1e-8f0a-4c58-9d5b-2a7c0e1b4d96": CONNECTION,
    "pipe-backup": "acme-backup",
    "05e27da35aec3ef50260332a6aa98138c3e90d9259886f8630a37bb0638a29dd": "ab" * 32,
    "pipe.dev": ZONE,
    "@slack-pipe-prod": "@slack-acme-alerts",
    "@pagerduty-pipe": "@pagerduty-acme",
}
"""Values of a real stack, by the placeholder that they replace."""
TOKEN = "A" * 40
KEYS = {"DATADOG_API_KEY": "b" * 32, "DATADOG_APP_KEY": "c" * 40}
STACK = "prod"


def write_files(folder: Path) -> None:
    """Write the stack files of prod without placeholders, and the workflows, to a folder."""
    for name in (f"Pulumi.{STACK}.yaml", f"foundation/Pulumi.{STACK}.yaml"):
        text = (ROOT / name).read_text()
        for placeholder, value in REPLACEMENTS.items():
            text = text.replace(placeholder, value)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    shutil.copytree(ROOT / ".github" / "workflows", folder / ".github" / "workflows")


def load(folder: Path) -> Subject:
    """Return the stack of the folder's files as a real one."""
    config: dict[str, Any] = yaml.load((folder / f"Pulumi.{STACK}.yaml").read_text(), yaml.CSafeLoader)[
        "config"
    ]
    settings = {key.removeprefix("pipe:"): value for key, value in config.items()}
    return load_subject(Options(STACK, "real", False, True, settings), folder)


@dataclass
class Stack:
    """A real stack whose providers are local APIs."""

    subject: Subject
    folder: Path

    def lines(self, questions: Callable[[Subject], Sequence[Question]], title: str) -> list[str]:
        """Ask the questions of a module with a title; return the lines without the title."""
        selected = [question for question in questions(self.subject) if question.title == title]
        assert selected, title
        asking = Asking(selected, unanswered.explain, 60.0)
        replies = [reply for provider in asking.providers for reply in asking.replies(provider)]
        return [re.sub(rf" \w+: {re.escape(title)}", "", str(reply), count=1) for reply in replies]


def set_root(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the folder the checkout of the command, and remove the caller's credentials."""
    for module in ("command_line", "stack_file"):
        monkeypatch.setattr(f"operations.lib.{module}.ROOT", folder)
    monkeypatch.setattr("operations.lib.run_log.ROOT", folder)
    monkeypatch.setattr("operations.lib.run_log.RECORDS", folder / ".runs")
    names = (
        *(
            "TARGET",
            "GITHUB_TOKEN",
            "GH_TOKEN",
            "CLOUDFLARE_API_TOKEN",
            "CLOUDFLARE_BASE_URL",
            "DATADOG_HOST",
        ),
        *("VERCEL_TOKEN", "VERCEL_ORG_ID", "VERCEL_PROJECT_ID", "GITHUB_STEP_SUMMARY", *KEYS),
        *("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    )
    for name in names:
        monkeypatch.delenv(name, raising=False)
    # boto3 keeps the credentials of the first client.
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "none"))


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Provide a real stack without placeholders, and without credentials."""
    write_files(tmp_path)
    set_root(tmp_path, monkeypatch)
    return Stack(load(tmp_path), tmp_path)
