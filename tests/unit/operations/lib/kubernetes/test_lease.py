"""Tests of the Lease that one run of a command holds."""

import time
from typing import Any, cast

import pytest

from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes import lease
from operations.lib.kubernetes.cluster import Cluster, Manifest
from operations.lib.run_log import RunLog
from tests.support.waits import replace_sleep


class LeaseServer:
    """The part of a cluster that stores Leases, with the API server's check of `resourceVersion`."""

    def __init__(self) -> None:
        self.stored: dict[str, Manifest] = {}
        self.version = 0
        self.loses_answers = False
        """If true, a replacement takes effect, but its answer does not arrive."""

    def _store(self, manifest: Manifest) -> Manifest:
        self.version += 1
        metadata = manifest["metadata"] | {"resourceVersion": str(self.version)}
        self.stored[f"lease/{metadata['name']}"] = stored = manifest | {"metadata": metadata}
        return stored

    def create(self, manifest: Manifest) -> None:
        if f"lease/{manifest['metadata']['name']}" in self.stored:
            raise FailedError("AlreadyExists")
        self._store(manifest)

    def replace(self, manifest: Manifest) -> Manifest:
        current = self.stored.get(f"lease/{manifest['metadata']['name']}")
        if not current or current["metadata"]["resourceVersion"] != manifest["metadata"]["resourceVersion"]:
            raise FailedError("Conflict")
        stored = self._store(manifest)
        if self.loses_answers:
            self.loses_answers = False
            raise FailedError("no answer")
        return stored

    def find(self, name: str) -> Manifest | None:
        return self.stored.get(name)

    def get(self, name: str) -> Manifest:
        return self.stored[name]

    def delete(self, name: str) -> None:
        self.stored.pop(name, None)

    def replaced_by(self, holder: str) -> None:
        """Let another run take the Lease over."""
        current = self.stored["lease/it"]
        self._store(current | {"spec": current["spec"] | {"holderIdentity": holder}})


@pytest.fixture(autouse=True)
def short_periods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SECONDS", 0.03)
    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 0.005)
    monkeypatch.setattr(lease, "POLL_SECONDS", 0.001)


@pytest.fixture
def server() -> LeaseServer:
    return LeaseServer()


def run_log(*, dry_run: bool = False) -> RunLog:
    return RunLog("try", Options("dev", "real", dry_run, True, {}))


def hold(server: LeaseServer, *, dry_run: bool = False) -> Any:
    return lease.hold(run_log(dry_run=dry_run), cast(Cluster, server), "it")


def test_a_lease_is_renewed_while_it_is_held_and_deleted_at_the_end(server: LeaseServer) -> None:
    with hold(server):
        created = server.version
        end = time.monotonic() + 60
        while server.version < created + 2:
            assert time.monotonic() < end
            time.sleep(0.001)
        assert server.stored["lease/it"]["spec"]["holderIdentity"]
    assert not server.stored


def test_a_lease_is_deleted_after_a_failure_too(server: LeaseServer) -> None:
    with pytest.raises(KeyboardInterrupt), hold(server):
        raise KeyboardInterrupt
    assert not server.stored


def test_a_second_run_is_refused_while_the_first_one_renews_its_lease(
    server: LeaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "SECONDS", 5)
    with hold(server):
        holder = server.stored["lease/it"]["spec"]["holderIdentity"]
        with pytest.raises(RefusedError, match=f"^{holder} holds lease/it: wait until that run has"):
            lease.Lease(cast(Cluster, server), "it").acquire(run_log())


def test_the_lease_of_a_killed_run_is_taken_over(server: LeaseServer) -> None:
    killed = lease.Lease(cast(Cluster, server), "it")
    killed.acquire(run_log())
    with hold(server):
        with pytest.raises(FailedError, match="Conflict"):
            killed.renew()
        killed.release()
        assert server.stored
    assert not server.stored


def test_a_lease_that_ends_meanwhile_is_created_again(
    server: LeaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease.Lease(cast(Cluster, server), "it").acquire(run_log())

    def end(_seconds: float) -> None:
        server.stored.clear()

    replace_sleep(monkeypatch, end)
    lease.Lease(cast(Cluster, server), "it").acquire(run_log())
    assert server.stored


def test_two_runs_that_take_a_lease_at_the_same_time_do_not_both_hold_it(
    server: LeaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease.Lease(cast(Cluster, server), "it").acquire(run_log())

    def find_nothing(_: LeaseServer, _name: str) -> None:
        return None

    monkeypatch.setattr(LeaseServer, "find", find_nothing)
    with pytest.raises(RefusedError, match=r"^lease/it cannot be taken: AlreadyExists\nIf another run"):
        lease.Lease(cast(Cluster, server), "it").acquire(run_log())


def test_a_renewal_whose_answer_is_lost_is_repeated_unless_another_run_has_the_lease(
    server: LeaseServer,
) -> None:
    own = lease.Lease(cast(Cluster, server), "it")
    own.acquire(run_log())
    server.loses_answers = True
    own.renew()
    server.replaced_by("another")
    with pytest.raises(FailedError, match="Conflict"):
        own.renew()


def test_a_dry_run_takes_no_lease(server: LeaseServer) -> None:
    with hold(server, dry_run=True) as held:
        assert held is None and not server.stored
