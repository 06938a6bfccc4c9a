"""Tests of the script that reads the master password, with a fake of the AWS CLI."""

import json
import os
import random
import stat
import string
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.components.fixtures import ROOT
from tests.support.components.workloads import MASTER_SECRET

SCRIPT = ROOT / "components" / "kubernetes" / "assets" / "master.sh"
AWS = """echo "$*" > "$LOG"
cat "$SECRET_FILE"
"""
ARGUMENTS = f"secretsmanager get-secret-value --secret-id {MASTER_SECRET} --query SecretString --output text"
ALLOWED = sorted({*string.digits, *string.ascii_letters, *string.punctuation} - {*'/"@'})
"""Characters of an RDS master password (RDS API, CreateDBInstance, MasterUserPassword)."""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def service_file(tmp_path: Path) -> Path:
    return tmp_path / "pg_service.conf"


@pytest.fixture(params=["sh", "bash --posix"])
def run(request: pytest.FixtureRequest, tmp_path: Path, service_file: Path) -> Run:
    """Provide `run(secret, aws=body)`, which runs the script with the secret's text and a fake `aws`.

    The image's sh is bash, and Debian's is dash.
    """
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SECRET_ARN": MASTER_SECRET,
        "SECRET_FILE": str(tmp_path / "secret"),
        "LOG": str(tmp_path / "log"),
        "DATABASE_HOST": "db.example",
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": "pipe_db",
        "DATABASE_USER": "pipe_admin",
        "PGSERVICEFILE": str(service_file),
        "PGSERVICE": "pipe",
    }

    def start(secret: str, aws: str = AWS) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "secret").write_text(secret)
        command = tmp_path / "aws"
        command.write_text(f"#!/bin/sh\nset -eu\n{aws}\n")
        command.chmod(0o755)
        return subprocess.run(
            [*request.param.split(), SCRIPT],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return start


def secret(password: str) -> str:
    return json.dumps({"username": "pipe_admin", "password": password}) + "\n"


def html_safe(password: str) -> str:
    """Return a secret as Java's Gson writes it, with Unicode escapes for characters of HTML."""
    text = secret(password)
    for character in "<>&='":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def test_the_connection_is_in_a_file_that_only_its_owner_reads(
    run: Run, service_file: Path, tmp_path: Path
) -> None:
    process = run(secret("planted-password"))
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "log").read_text().strip() == ARGUMENTS
    assert service_file.read_text() == (
        "[pipe]\nhost=db.example\nport=5432\ndbname=pipe_db\nuser=pipe_admin\npassword=planted-password\n"
    )
    assert stat.S_IMODE(service_file.stat().st_mode) == 0o600
    assert "planted-password" not in process.stdout + process.stderr


@pytest.mark.parametrize("encode", [secret, html_safe])
def test_every_password_of_rds_is_read_unchanged(
    run: Run, service_file: Path, encode: Callable[[str], str]
) -> None:
    characters = random.Random(7)
    passwords = ["".join(ALLOWED), "\\", "\\\\u0041", "a=b", "$HOME`id`%s%n"]
    passwords += ["".join(characters.choices(ALLOWED, k=28)) for _ in range(20)]
    for password in passwords:
        process = run(encode(password))
        assert process.returncode == 0, process.stderr
        assert f"\npassword={password}\n" in service_file.read_text()


@pytest.mark.parametrize(
    "text",
    ["", "{}", "None", '{"username":"pipe_admin"}', '{"password":""}', '{"password":"cut off', '"password":'],
)
def test_a_secret_without_a_password_is_refused(run: Run, service_file: Path, text: str) -> None:
    process = run(text)
    assert (process.returncode, process.stderr) == (1, f"the secret {MASTER_SECRET} has no password\n")
    assert not service_file.exists()


def test_a_refusal_of_secrets_manager_ends_the_script(run: Run, service_file: Path) -> None:
    process = run(secret("planted-password"), aws="echo AccessDeniedException >&2; exit 254")
    assert (process.returncode, process.stderr) == (254, "AccessDeniedException\n")
    assert not service_file.exists()
