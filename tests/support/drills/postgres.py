"""PostgreSQL server that resembles RDS: TLS only, SCRAM, and a master user who is not a superuser."""

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
"""User of the server if root runs the tests, since PostgreSQL refuses to run as root."""

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
"""Settings of the server. The server logs every statement, so that a test can search the log for passwords.
"""

ACCESS = """\
local   all all trust
hostssl all all 127.0.0.1/32 scram-sha-256
hostssl all all ::1/128      scram-sha-256
"""


class Server:
    """A PostgreSQL server on loopback; `authority` signs the server's certificate for localhost."""

    def __init__(self) -> None:
        self.authority = Authority()
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.port = free_port()
        self._data = self.folder / "data"
        self._log = self.folder / "log"
        self._process: subprocess.Popen[Any] | None = None

    def start(self) -> "Server":
        """Start the server with pipe_admin and its database pipe_db; return once it accepts connections."""
        tools.give(self.folder, SERVER_USER)
        self._run([tools.find("initdb"), "-U", "postgres", "-A", "trust", "-N", "-D", str(self._data)])
        pair = self.authority.issue("localhost")
        for name, text in (("server.crt", pair.certificate), ("server.key", pair.key)):
            (self._data / name).write_text(text)
            (self._data / name).chmod(0o600)
        (self._data / "pg_hba.conf").write_text(ACCESS)
        tools.give(self._data, SERVER_USER)
        settings = SETTINGS | {"listen_addresses": "localhost", "unix_socket_directories": str(self.folder)}
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        command = [tools.find("postgres"), "-D", str(self._data), "-p", str(self.port), *flags]
        with self._log.open("wb") as log:
            command = tools.as_user(SERVER_USER) + command
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        self._wait()
        # Like RDS's master user: it creates roles and databases, ends sessions, and owns the database.
        self.sql(
            "CREATE ROLE pipe_admin LOGIN CREATEDB CREATEROLE;"
            "GRANT pg_monitor, pg_signal_backend TO pipe_admin;",
            "postgres",
        )
        self.sql("CREATE DATABASE pipe_db OWNER pipe_admin", "postgres")
        return self

    def stop(self) -> None:
        """Stop the server and delete its data."""
        if self._process:
            self._process.terminate()
            self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def set_master_password(self, password: str) -> None:
        """Set the password of pipe_admin, which cannot connect without one."""
        verifier = scram_verifier(password, secrets.token_bytes(16))
        self.sql(f"ALTER ROLE pipe_admin PASSWORD '{verifier}'", "postgres")

    def sql(self, statements: str, database: str = "pipe_db") -> str:
        """Run statements as a superuser and return one line per row; fail if a statement fails."""
        process = subprocess.run(
            [tools.find("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database],
            input=statements,
            capture_output=True,
            text=True,
            check=False,
            env=self.superuser(),
        )
        assert process.returncode == 0, process.stderr
        return process.stdout.strip()

    def superuser(self) -> dict[str, str]:
        """Return the libpq variables with which a superuser connects without a password."""
        return {
            "PATH": os.environ["PATH"],
            "PGHOST": str(self.folder),
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
        }

    def log(self) -> str:
        """Return the server's log."""
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
        process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        assert process.returncode == 0, process.stdout + process.stderr


def free_port() -> int:
    """Return a port that is currently free on loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
