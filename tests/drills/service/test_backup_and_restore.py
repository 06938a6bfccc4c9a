"""Tests of the nightly backup and the restore with a real PostgreSQL and an S3 API."""

import hashlib
import time
from collections.abc import Iterator

import pytest

from tests.support.drills import data, watch
from tests.support.drills.fixtures import Measured
from tests.support.drills.service import Service

ROWS = 200_000


@pytest.fixture(scope="module")
def filled(service: Service) -> Iterator[Service]:
    """Provide the service with its tables."""
    assert data.fill(service.server, ROWS) >= ROWS
    yield service


def backed_up(service: Service) -> bytes:
    pod = service.backup()
    assert pod.run() == 0, pod.log
    return service.bucket.read("latest.dump")[0]


def restored(service: Service, stamp: str, **variables: str) -> str:
    """Restore and swap; return the Jobs' logs."""
    pod, swap = service.restore(stamp, **variables), service.swap(stamp)
    assert pod.run() == 0, pod.log
    assert swap.run() == 0, swap.log
    return pod.log + swap.log


def test_a_restore_recovers_every_table_and_shows_no_secret(filled: Service, measured: Measured) -> None:
    server, secrets = filled.server, filled.known_secrets()
    before, rules = data.hashes(server), data.constraints(server)
    assert len([name for name in before if before[name] != "0|0"]) >= 20
    with watch.arguments(secrets) as exposed:
        start = time.monotonic()
        backup = filled.backup()
        assert backup.run() == 0, backup.log
        took = time.monotonic() - start
        written = time.monotonic()
        server.sql("INSERT INTO settings VALUES ('after the backup', '1')")
        server.sql("TRUNCATE customers CASCADE; DROP TABLE notes; UPDATE products SET price = 0")
        damaged, lost = time.monotonic(), data.hashes(server)
        log = restored(filled, "20240301t000000")
        back = time.monotonic() - damaged
    assert lost != before
    assert data.hashes(server) == before
    assert data.constraints(server) == rules
    assert data.hashes(server, "pipe_db_before_20240301t000000") == lost
    assert "tables, " in log and f"{sum(rows_of_tables(before))} rows, as in the dump" in log
    assert not exposed
    for secret in secrets:
        assert secret not in backup.log + log + server.log()
    rows = sum(rows_of_tables(before))
    measured(f"backup of {rows} rows", took, "s")
    measured(f"restore of {rows} rows, swap included (RTO)", back, "s")
    measured("data lost when all is lost right after a backup (RPO)", damaged - written + took, "s")


def rows_of_tables(hashes: dict[str, str]) -> list[int]:
    """Return the number of rows in each table, but not in materialised views, since dumps omit these."""
    return [int(value.split("|")[1]) for name, value in hashes.items() if name != "sales"]


def test_rights_and_owners_are_restored_too(filled: Service) -> None:
    server = filled.server
    rights = (
        "SELECT relname, relkind, relowner::regrole, relacl FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i' ORDER BY 1;"
        "SELECT defaclrole::regrole, defaclobjtype, defaclacl FROM pg_default_acl ORDER BY 1, 2;"
        "SELECT datname, datdba::regrole, datacl FROM pg_database WHERE datname = 'pipe_db';"
        "SELECT nspname, nspowner::regrole, nspacl FROM pg_namespace WHERE nspname = 'public'"
    )
    before = server.sql(rights)
    backed_up(filled)
    restored(filled, "20240302t000000")
    assert server.sql(rights) == before


def test_a_dropped_database_is_restored(filled: Service) -> None:
    before = data.hashes(filled.server)
    backed_up(filled)
    filled.server.sql("DROP DATABASE pipe_db WITH (FORCE)", "postgres")
    restored(filled, "20240303t000000")
    assert data.hashes(filled.server) == before


def test_an_object_and_a_time_choose_the_dump(filled: Service) -> None:
    bucket, server = filled.bucket, filled.server
    values: dict[str, str] = {}
    for name in ("20230101T000000Z", "20230201T000000Z", "20230301T000000Z"):
        server.sql(f"UPDATE settings SET value = '\"{name}\"' WHERE key = 'key 1'")
        dump = backed_up(filled)
        checksum = hashlib.sha256(dump).hexdigest()
        bucket.s3.put_object(
            Bucket=bucket.name, Key=f"dumps/{name}.dump", Body=dump, Metadata={"sha256": checksum}
        )
        values[name] = name
    value = "SELECT value #>> '{}' FROM settings WHERE key = 'key 1'"
    restored(filled, "20230401t000000", OBJECT="dumps/20230101T000000Z.dump")
    assert server.sql(value) == "20230101T000000Z"
    restored(filled, "20230402t000000", AT="20230228T235959Z")
    assert server.sql(value) == "20230201T000000Z"
    restored(filled, "20230403t000000", AT="20230301T000000Z")
    assert server.sql(value) == "20230301T000000Z"
    early = filled.restore("20230404t000000", AT="20221231T235959Z")
    assert early.run() == 1
    assert "has no dump of 20221231T235959Z or before" in early.log


@pytest.mark.parametrize("damage", ["a byte changed", "cut off", "no checksum"])
def test_a_damaged_dump_is_not_restored(filled: Service, damage: str) -> None:
    bucket = filled.bucket
    dump = backed_up(filled)
    checksum = hashlib.sha256(dump).hexdigest()
    body = {"a byte changed": dump[:-100] + b"x" + dump[-99:], "cut off": dump[:-1], "no checksum": dump}[
        damage
    ]
    bucket.s3.put_object(
        Bucket=bucket.name,
        Key="dumps/20240101T000000Z.dump",
        Body=body,
        Metadata={} if damage == "no checksum" else {"sha256": checksum},
    )
    before = data.hashes(filled.server)
    pod = filled.restore("20240304t000000", OBJECT="dumps/20240101T000000Z.dump")
    assert pod.run() == 1
    assert list(pod.ended) == ["fetch"], pod.log
    assert data.hashes(filled.server) == before


def test_a_restore_with_missing_rows_fails(filled: Service) -> None:
    """Check that the restore counts rows itself: here, a row is lost although pg_restore exits with 0."""
    backed_up(filled)
    command = filled.bin / "pg_restore"
    command.write_text(
        "#!/bin/sh\n"
        'LOSE="DELETE FROM notes WHERE id = 7"\n'
        'PATH="${PATH#*:}"\n'
        'pg_restore "$@" || exit\n'
        'for word; do case "$word" in --dbname=*) psql -q "${word#*=}" -c "$LOSE";; esac; done\n'
    )
    command.chmod(0o755)
    try:
        pod = filled.restore("20240305t000000")
        assert pod.run() == 1
    finally:
        command.unlink()
    assert "differ from those in the dump" in pod.log
    assert filled.swap("20240306t000000").run() == 1  # No restored database has this name.


def test_a_swap_ends_open_sessions_and_cannot_be_repeated(filled: Service) -> None:
    backed_up(filled)
    pod = filled.restore("20240307t000000")
    assert pod.run() == 0, pod.log
    with watch.session(filled.server) as session:
        swap = filled.swap("20240307t000000")
        assert swap.run() == 0, swap.log
        assert session.wait(10) != 0
    again = filled.swap("20240307t000000")
    assert again.run() == 1
    assert "not restored, or it has already replaced" in again.log
