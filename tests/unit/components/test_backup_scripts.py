"""Tests of the scripts of a backup, with fakes of PostgreSQL's client and of the AWS CLI."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.components.fixtures import ROOT

ASSETS = ROOT / "components" / "kubernetes" / "assets"
DUMP = b"PGDMP" * 1000
NAME = "20240301T170000Z.dump"

PG_DUMP = 'for word; do case "$word" in --file=*) cp "$FIXTURE" "${word#--file=}";; esac; done'
PG_RESTORE = """case "$1" in
--list) echo "; 42 TABLE DATA public orders migrate";;
*) cmp -s "$2" "$FIXTURE" || { echo "could not read from input file: end of file" >&2; exit 1; };;
esac"""
AWS = """echo "$*" >> "$LOG"
last=""; source=""
for word; do source="$last"; last="$word"; done
path() { case "$1" in s3://*) echo "$S3/${1#s3://}";; *) echo "$1";; esac; }
if [ "$last" = - ]; then cat "$(path "$source")"
else mkdir -p "$(dirname "$(path "$last")")"; cp "$(path "$source")" "$(path "$last")"; fi"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Provide the empty scratch volume."""
    volume = tmp_path / "scratch"
    volume.mkdir()
    return volume


@pytest.fixture
def run(tmp_path: Path, scratch: Path) -> Run:
    """Provide `run(script, command=body)`, which runs a script with `body` as the fake of a command."""
    (tmp_path / "fixture").write_bytes(DUMP)

    def start(script: str, **replaced: str) -> "subprocess.CompletedProcess[str]":
        fakes = {"pg_dump": PG_DUMP, "pg_restore": PG_RESTORE, "aws": AWS} | replaced
        (tmp_path / "bin").mkdir(exist_ok=True)
        for name, body in fakes.items():
            command = tmp_path / "bin" / name
            command.write_text(f"#!/bin/sh\nset -eu\n{body}\n")
            command.chmod(0o755)
        environment = {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "SCRATCH": str(scratch),
            "BUCKET": "bucket",
            "FIXTURE": str(tmp_path / "fixture"),
            "S3": str(tmp_path / "s3"),
            "LOG": str(tmp_path / "log"),
        }
        return subprocess.run(
            ["sh", ASSETS / script], env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return start


@pytest.fixture
def dumped(scratch: Path) -> Path:
    """Provide the scratch volume with a dump and its checksum."""
    (scratch / NAME).write_bytes(DUMP)
    (scratch / f"{NAME}.sha256").write_text(f"{hashlib.sha256(DUMP).hexdigest()}  {NAME}\n")
    return scratch


@pytest.fixture
def latest(tmp_path: Path) -> Path:
    """Provide the latest dump in S3, which is from the previous day."""
    dump = tmp_path / "s3" / "bucket" / "latest.dump"
    dump.parent.mkdir(parents=True)
    dump.write_text("yesterday's")
    return dump


def test_a_dump_is_named_by_its_time_and_has_a_checksum(run: Run, scratch: Path) -> None:
    assert run("dump.sh").returncode == 0
    [dump] = scratch.glob("[0-9]*T[0-9]*Z.dump")
    checksum = dump.with_name(f"{dump.name}.sha256").read_text()
    assert checksum == f"{hashlib.sha256(DUMP).hexdigest()}  {dump.name}\n"


@pytest.mark.parametrize(
    "broken",
    [
        {"pg_dump": "exit 1"},
        {"pg_dump": PG_DUMP.replace('cp "$FIXTURE"', 'head -c 100 "$FIXTURE" >')},
        {"pg_restore": "exit 1"},
        {"pg_restore": PG_RESTORE.replace("TABLE DATA", "SCHEMA")},
    ],
    ids=["pg_dump fails", "a dump cut off", "an unreadable dump", "no table"],
)
def test_a_bad_dump_has_no_checksum_and_fails_the_job(
    run: Run, scratch: Path, broken: dict[str, str]
) -> None:
    assert run("dump.sh", **broken).returncode == 1
    assert not list(scratch.glob("*.sha256"))


def test_a_dump_becomes_latest_after_its_upload(run: Run, dumped: Path, latest: Path) -> None:
    assert run("upload.sh").returncode == 0
    assert latest.read_bytes() == DUMP
    assert (latest.parent / "dumps" / NAME).read_bytes() == DUMP
    assert (latest.parent / "dumps" / f"{NAME}.sha256").read_text() == (dumped / f"{NAME}.sha256").read_text()
    targets = [line.split()[-1] for line in (latest.parents[2] / "log").read_text().splitlines()]
    key = f"s3://bucket/dumps/{NAME}"
    assert targets == [key, f"{key}.sha256", "-", "s3://bucket/latest.dump"]


@pytest.mark.usefixtures("dumped")
def test_an_upload_that_s3_truncated_never_becomes_latest(run: Run, latest: Path) -> None:
    truncated = run("upload.sh", aws=AWS.replace('then cat "$(path "$source")"', "then echo truncated"))
    assert truncated.returncode == 1
    assert "differs from the uploaded file" in truncated.stderr
    assert latest.read_text() == "yesterday's"


def test_a_dump_that_changed_since_its_checksum_is_not_uploaded(run: Run, dumped: Path, latest: Path) -> None:
    (dumped / NAME).write_bytes(DUMP[:-1])
    assert run("upload.sh").returncode == 1
    assert list(latest.parent.iterdir()) == [latest]


def test_without_a_dump_nothing_is_uploaded(run: Run, scratch: Path) -> None:
    missing = run("upload.sh")
    assert missing.returncode == 1
    assert missing.stderr == f"{scratch} must contain exactly one dump\n"
