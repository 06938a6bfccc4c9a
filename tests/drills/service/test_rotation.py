"""New passwords while the API's pods never stop connecting: what scripts/rotate.sh does, step by step."""

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
    """A pod of the API as far as the database sees it: one session that stays, and new ones all the time.

    User, password and place come from the rendered Deployment, as they were when the pod started.
    """

    def __init__(self, objects: dict[str, Manifest], folder: Path) -> None:
        spec = objects["Deployment/pipe-api"]["spec"]["template"]["spec"]
        [container] = spec["containers"]
        variables = dict(objects["ConfigMap/pipe-api"]["data"])
        variables |= {each["name"]: each["value"] for each in container["env"] if "value" in each}
        [volume] = [each for each in spec["volumes"] if each["name"] == "database"]
        password = objects[f"Secret/{volume['secret']['secretName']}"]["stringData"]["password"]
        self.user: str = variables["PGUSER"]
        place = Path(tempfile.mkdtemp(dir=folder))
        (place / "ca").write_text(objects["ConfigMap/rds-ca"]["data"]["rds-ca.pem"])
        (place / "passwords").write_text(f"*:*:*:*:{password}\n")
        (place / "passwords").chmod(0o600)
        self._variables = {name: value for name, value in variables.items() if name.startswith("PG")}
        self._variables |= {"PGSSLROOTCERT": str(place / "ca"), "PGPASSFILE": str(place / "passwords")}
        self.connections = 0
        """Tries, failed ones included."""
        self.failed: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._connect), threading.Thread(target=self._stay)]

    def start(self) -> "ApiPod":
        for thread in self._threads:
            thread.start()
        return self

    def work(self, connections: int = 5) -> None:
        """Waits until it has connected so many times more."""
        enough, end = self.connections + connections, time.monotonic() + 60
        while self.connections < enough:
            assert time.monotonic() < end
            time.sleep(0.02)

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(20)

    def connect(self) -> str:
        """What a new session says that is wrong, or nothing."""
        statement = "UPDATE settings SET value = '1' WHERE key = 'key 1'"
        words = [tools.find("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement]
        return subprocess.run(words, env=self._variables, capture_output=True, text=True, check=False).stderr

    def _connect(self) -> None:
        while not self._over.is_set():
            if wrong := self.connect():
                self.failed.append(wrong)
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
    """The pod that operations/rotate.py derives from the migration Job."""
    template = alone(service.migration(), "roles")
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
    every, old_backup = list(pods), filled.backup()
    old_secrets = dict(filled.secrets)
    with watch.arguments([*old_secrets.values()]) as exposed:
        try:
            pods[0].work()
            filled.secrets |= Service.passwords()
            filled.objects = filled.declare()
            filled.make_roles()  # the migration Job comes first; old pods and backups know nothing of it
            assert old_backup.run() == 0, old_backup.log
            pods[0].work()
            for leaving in list(pods):
                every.append(ApiPod(filled.objects, tmp_path).start())
                every[-1].work()
                leaving.work()
                leaving.stop()
            retired = retire(filled)
            assert retired.run() == 0, retired.log
            every[-1].work()
        finally:
            for pod in every:
                pod.stop()
    assert [pod.failed for pod in every] == [[]] * 6
    assert "retired 2 logins, ended 0 sessions" in retired.log
    assert not exposed
    assert logins(filled).isdisjoint(old_logins) and len(logins(filled)) == 2
    # The old password opens nothing any more; the new one everything.
    assert "password authentication failed" in pods[0].connect()
    backup = filled.backup()
    assert backup.run() == 0, backup.log
    for secret in (*old_secrets.values(), *filled.secrets.values()):
        assert secret not in filled.server.log() + retired.log + backup.log
    measured("connections during a change of passwords, none refused", sum(p.connections for p in every), "")


def test_who_still_uses_an_old_password_is_ended_when_patience_is(filled: Service, tmp_path: Path) -> None:
    """The control of the drill above: a pod that was not replaced in time does notice."""
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


def test_the_same_passwords_again_change_nothing_and_retire_nobody(filled: Service) -> None:
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


def test_retiring_without_names_retires_nobody(filled: Service) -> None:
    before = logins(filled)
    pod = retire(filled)
    secret = next(name for name in filled.objects if name == "Secret/pipe-migrate-roles")
    data_of_it = filled.objects[secret]["stringData"]
    kept = dict(data_of_it)
    try:
        data_of_it["app_login"] = ""
        assert pod.run() == 3
    finally:
        data_of_it |= kept
    assert "the login of a role is missing" in pod.log
    assert logins(filled) == before
