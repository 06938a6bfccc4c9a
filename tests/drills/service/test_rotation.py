"""Tests of the steps of scripts/rotate.sh while the API's pods continuously open connections."""

import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.kubernetes.database_roles import RETIRE
from tests.support.drills import data, tools, watch
from tests.support.drills.fixtures import Measured
from tests.support.drills.service import Manifest, Service, alone


class ApiPod:
    """The database connections of an API pod: one permanent session and many short sessions.

    User, password and address come from the Deployment as it is when the pod starts.
    """

    def __init__(self, objects: dict[str, Manifest], folder: Path) -> None:
        spec = objects["Deployment/pipe-api"]["spec"]["template"]["spec"]
        [container] = spec["containers"]
        variables = dict(objects["ConfigMap/pipe-api"]["data"])
        variables |= {
            variable["name"]: variable["value"] for variable in container["env"] if "value" in variable
        }
        [volume] = [variable for variable in spec["volumes"] if variable["name"] == "database"]
        password = objects[f"Secret/{volume['secret']['secretName']}"]["stringData"]["password"]
        self.user: str = variables["PGUSER"]
        credentials = Path(tempfile.mkdtemp(dir=folder))
        (credentials / "ca").write_text(objects["ConfigMap/rds-ca"]["data"]["rds-ca.pem"])
        (credentials / "passwords").write_text(f"*:*:*:*:{password}\n")
        (credentials / "passwords").chmod(0o600)
        self._variables = {name: value for name, value in variables.items() if name.startswith("PG")}
        self._variables |= {
            "PGSSLROOTCERT": str(credentials / "ca"),
            "PGPASSFILE": str(credentials / "passwords"),
        }
        self.connections = 0
        """Number of connection attempts, including failed attempts."""
        self.failed: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._connect), threading.Thread(target=self._stay)]

    def start(self) -> "ApiPod":
        for thread in self._threads:
            thread.start()
        return self

    def work(self, connections: int = 5) -> None:
        """Wait until the pod has made as many more connection attempts as `connections`."""
        enough, end = self.connections + connections, time.monotonic() + 60
        while self.connections < enough:
            assert time.monotonic() < end
            time.sleep(0.02)

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(20)

    def connect(self) -> str:
        """Open a session and write; return the error, or an empty string."""
        statement = "UPDATE settings SET value = '1' WHERE key = 'key 1'"
        command = [tools.find("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement]
        return subprocess.run(
            command, env=self._variables, capture_output=True, text=True, check=False
        ).stderr

    def _connect(self) -> None:
        while not self._over.is_set():
            if error := self.connect():
                self.failed.append(error)
            self.connections += 1
            self._over.wait(0.05)

    def _stay(self) -> None:
        session = subprocess.Popen(
            [tools.find("psql"), "-X", "-q", "-A", "-t"],
            env=self._variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert session.stdin and session.stdout
        try:
            while not self._over.wait(0.05):
                session.stdin.write("SELECT 'here';\n")
                session.stdin.flush()
                if (line := session.stdout.readline()) != "here\n":
                    self.failed.append(line)
                    return
        except BrokenPipeError as error:
            self.failed.append(repr(error))
        finally:
            session.kill()
            session.wait()


@pytest.fixture(scope="module")
def filled(service: Service) -> Iterator[Service]:
    data.fill(service.server, 1_000)
    yield service


def retire(service: Service, patience: str = "10") -> Any:
    """Return the pod that operations/rotate.py derives from the Job of the roles to retire old logins."""
    template = alone(service.roles(), "roles", init="master")
    [container] = template["spec"]["containers"]
    command = [word.replace("roles.sql", RETIRE) for word in container["command"]]
    container["command"] = [word for word in command if word != "--single-transaction"]
    container["command"].append(f"--set=patience={patience}")
    return service.pod(template)


def logins(service: Service) -> set[str]:
    query = "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname ~ '^(app|backup)'"
    return set(service.server.sql(query).splitlines())


def test_new_passwords_break_no_connection_and_old_ones_end(
    filled: Service, tmp_path: Path, measured: Measured
) -> None:
    old_logins = logins(filled)
    pods = [ApiPod(filled.objects, tmp_path).start() for _ in range(3)]
    all_pods, old_backup = list(pods), filled.backup()
    old_secrets = filled.known_secrets()
    with watch.arguments(old_secrets) as exposed:
        try:
            pods[0].work()
            filled.secrets |= Service.passwords()
            filled.objects = filled.declare()
            # The Job of the roles runs first; old pods and backups still use the old passwords.
            filled.make_roles()
            assert old_backup.run() == 0, old_backup.log
            pods[0].work()
            for leaving in list(pods):
                all_pods.append(ApiPod(filled.objects, tmp_path).start())
                all_pods[-1].work()
                leaving.work()
                leaving.stop()
            filled.instance.rotate()
            retired = retire(filled)
            assert retired.run() == 0, retired.log
            all_pods[-1].work()
        finally:
            for pod in all_pods:
                pod.stop()
    assert [pod.failed for pod in all_pods] == [[]] * 6
    assert "retired 2 logins, ended 0 sessions" in retired.log
    assert not exposed
    assert logins(filled).isdisjoint(old_logins) and len(logins(filled)) == 2
    # The old password no longer works; the new one does.
    assert "password authentication failed" in pods[0].connect()
    backup = filled.backup()
    assert backup.run() == 0, backup.log
    for secret in (*old_secrets, *filled.known_secrets()):
        assert secret not in filled.server.log() + retired.log + backup.log
    measured(
        "connections during a change of passwords, none refused", sum(p.connections for p in all_pods), ""
    )


def test_jobs_read_the_master_password_that_rds_has_rotated(filled: Service) -> None:
    old = filled.instance.password
    filled.instance.rotate()
    assert filled.instance.password != old
    with watch.arguments(filled.known_secrets()) as exposed:
        pod = filled.pod(filled.roles())
        assert pod.run() == 0, pod.log
    assert not exposed
    for secret in (old, *filled.known_secrets()):
        assert secret not in pod.log + filled.server.log()
    # The drill can fail: with the old password, the same pod cannot connect.
    filled.server.set_master_password(old)
    try:
        pod = filled.pod(filled.roles())
        assert pod.run() == 2
        assert 'password authentication failed for user "pipe_admin"' in pod.log
    finally:
        filled.server.set_master_password(filled.instance.password)


def test_sessions_with_an_old_password_end_after_the_waiting_time(filled: Service, tmp_path: Path) -> None:
    """Check that the drill above can fail: a pod that is not replaced in time loses its connections."""
    left = ApiPod(filled.objects, tmp_path).start()
    try:
        filled.secrets |= Service.passwords()
        filled.objects = filled.declare()
        filled.make_roles()
        left.work()
        assert not left.failed
        retired = retire(filled, patience="1")
        assert retired.run() == 0, retired.log
        left.work()
    finally:
        left.stop()
    assert left.failed
    assert left.user not in logins(filled)


def test_the_same_passwords_again_change_nothing_and_retire_no_login(filled: Service) -> None:
    before = filled.server.sql("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1")
    filled.make_roles()
    retired = retire(filled)
    assert retired.run() == 0, retired.log
    assert "retired 0 logins, ended 0 sessions" in retired.log
    assert filled.server.sql("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1") == before


def test_a_login_has_the_rights_of_its_role_and_no_more(filled: Service, tmp_path: Path) -> None:
    pod = ApiPod(filled.objects, tmp_path)
    assert pod.connect() == ""
    server = filled.server
    [backup] = [login for login in logins(filled) if login.startswith("backup_")]
    rights = (
        "SELECT has_table_privilege('{0}', 'settings', 'INSERT'),"
        " has_schema_privilege('{0}', 'public', 'CREATE')"
    )
    assert server.sql(rights.format(pod.user)) == "t|f"
    assert server.sql(rights.format(backup)) == "f|f"
    assert server.sql(f"SELECT setconfig FROM pg_db_role_setting WHERE setrole = '{backup}'::regrole") == (
        "{default_transaction_read_only=on}"
    )
    assert server.sql("SELECT rolname FROM pg_roles WHERE rolname IN ('app', 'backup') AND rolcanlogin") == ""


def test_retiring_without_names_retires_no_login(filled: Service) -> None:
    before = logins(filled)
    pod = retire(filled)
    secret = next(name for name in filled.objects if name == "Secret/pipe-database-roles-verifiers")
    values = filled.objects[secret]["stringData"]
    original = dict(values)
    try:
        values["app_login"] = ""
        assert pod.run() == 3
    finally:
        values |= original
    assert "the login of a role is missing" in pod.log
    assert logins(filled) == before
