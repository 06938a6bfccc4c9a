"""A PostgreSQL server as RDS has it: TLS only, SCRAM, and a master user who is no superuser."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from components.kubernetes.database_roles import scram_verifier
from tests.support.drills import tools
from tests.support.drills.certificates import Authority

SERVER_USER = "nobody"
"""Who runs the server where the tests run as root, which PostgreSQL refuses to be."""

SETTINGS = {
    "ssl": "on",
    "ssl_min_protocol_version": "TLSv1.2",
    "password_encryption": "scram-sha-256",
    "log_statement": "all",
    "log_connections": "on",
    "fsync": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "2GB",
}
"""Every statement is logged, so that a password in one would be found."""

ACCESS = """\
local   all all trust
hostssl all all 127.0.0.1/32 scram-sha-256
hostssl all all ::1/128      scram-sha-256
"""


class Server:
    """One server on loopback; `authority` has signed its certificate for localhost."""

    def __init__(self) -> None:
        self.authority = Authority()
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.port = free_port()
        self.master_password = secrets.token_hex(16)
        self._data = self.folder / "data"
        self._log = self.folder / "log"
        self._process: subprocess.Popen[Any] | None = None

    def start(self) -> "Server":
        """Ready to connect, with pipe_admin and its pipe_db."""
        tools.give(self.folder, SERVER_USER)
        self._run([tools.find("initdb"), "-U", "postgres", "-A", "trust", "-N", "-D", str(self._data)])
        pair = self.authority.issue("localhost")
        for name, text in (("server.crt", pair.certificate), ("server.key", pair.key)):
            (self._data / name).write_text(text)
            (self._data / name).chmod(0o600)
        (self._data / "pg_hba.conf").write_text(ACCESS)
        tools.give(self._data, SERVER_USER)
        settings = SETTINGS | {"listen_addresses": "localhost", "unix_socket_directories": str(self.folder)}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [tools.find("postgres"), "-D", str(self._data), "-p", str(self.port), *words]
        with self._log.open("wb") as log:
            command = tools.as_user(SERVER_USER) + command
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        self._wait()
        verifier = scram_verifier(self.master_password, secrets.token_bytes(16))
        # As RDS makes them: the master may make roles and databases and end sessions, and owns the database.
        self.sql(
            f"CREATE ROLE pipe_admin LOGIN CREATEDB CREATEROLE PASSWORD '{verifier}';"
            "GRANT pg_monitor, pg_signal_backend TO pipe_admin;",
            "postgres",
        )
        self.sql("CREATE DATABASE pipe_db OWNER pipe_admin", "postgres")
        return self

    def stop(self) -> None:
        """Ends the server and forgets its data."""
        if self._process:
            self._process.terminate()
            self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, statements: str, database: str = "pipe_db") -> str:
        """What a superuser gets to see, a line a row; an error fails."""
        done = subprocess.run(
            [tools.find("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database],
            input=statements,
            capture_output=True,
            text=True,
            check=False,
            env=self.superuser(),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def superuser(self) -> dict[str, str]:
        """libpq's variables by which a superuser connects, without a password."""
        return {
            "PATH": os.environ["PATH"],
            "PGHOST": str(self.folder),
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
        }

    def log(self) -> str:
        """All that the server has logged."""
        return self._log.read_text(errors="replace")

    def _wait(self) -> None:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            try:
                self.sql("SELECT 1", "postgres")
                return
            except AssertionError:
                time.sleep(0.1)
        raise AssertionError(f"PostgreSQL does not start:\n{self.log()}")

    def _run(self, command: list[str]) -> None:
        command = tools.as_user(SERVER_USER) + command
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
