"""A Lease that at most one run of a command holds, also if the runs are in different terminals.

The holder renews the Lease in the background. A run that was killed no longer renews it, so the next run
waits for one period and takes it over. Only changes of the Lease count, not its times, since the clocks of
two machines may differ (client-go, tools/leaderelection).
See https://kubernetes.io/docs/concepts/architecture/leases/.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes.cluster import Cluster, Manifest
from operations.lib.run_log import RunLog

SECONDS = 15
"""Seconds without a renewal after which the holder counts as killed."""
RENEWAL_SECONDS = 5.0
"""Seconds between two renewals."""
POLL_SECONDS = 1.0
"""Seconds between two reads of another run's Lease."""


class Lease:
    """A Lease in the namespace of a cluster that this run holds."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self._name = name
        self._holder = f"{socket.gethostname()}-{uuid4().hex[:8]}"
        self._version = ""
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def acquire(self, log: RunLog) -> None:
        """Create the Lease, or take it over from a killed run.

        Raises RefusedError if another run renews it or creates it at the same time.
        """
        name = f"lease/{self._name}"
        if previous := self._cluster.find(name):
            log.line(f"{_holder(previous)} has {name}; waiting up to {SECONDS} s for a renewal")
            previous = self._wait_for_end(name, previous)
        try:
            if previous:
                self._version = previous["metadata"]["resourceVersion"]
                self.renew()
            else:
                self._cluster.create(self._manifest())
                self._version = self._cluster.get(name)["metadata"]["resourceVersion"]
        except FailedError as error:
            raise RefusedError(
                f"{name} cannot be taken: {error}\nIf another run has just taken it, run this again later"
            ) from None

    def _wait_for_end(self, name: str, previous: Manifest) -> Manifest | None:
        """Return the Lease once it has expired, None if its holder deleted it; refuse if it is renewed."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(POLL_SECONDS)
            current = self._cluster.find(name)
            if current is None:
                return None
            if current["metadata"]["resourceVersion"] != previous["metadata"]["resourceVersion"]:
                raise RefusedError(
                    f"{_holder(current)} holds {name}: wait until that run has ended, then run this again"
                )
        return previous

    def renew(self) -> None:
        """Renew the Lease; raise FailedError if that fails, as after another run has taken it over."""
        with self._lock:
            try:
                self._replace()
            except FailedError:
                # An interrupted renewal may have changed the version.
                current = self._cluster.find(f"lease/{self._name}")
                if current is None or _holder(current) != self._holder:
                    raise
                self._version = current["metadata"]["resourceVersion"]
                self._replace()

    def _replace(self) -> None:
        self._version = self._cluster.replace(self._manifest())["metadata"]["resourceVersion"]

    def keep(self) -> None:
        """Renew the Lease regularly until `release`; a failed renewal is repeated."""
        while not self._ended.wait(RENEWAL_SECONDS):
            with contextlib.suppress(FailedError):
                self.renew()

    def release(self) -> None:
        """Delete the Lease if this run still holds it; a Lease that remains expires."""
        self._ended.set()
        with contextlib.suppress(FailedError):
            self.renew()
            self._cluster.delete(f"lease/{self._name}")

    def _manifest(self) -> Manifest:
        version = {"resourceVersion": self._version} if self._version else {}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, **version},
            "spec": {
                "holderIdentity": self._holder,
                "leaseDurationSeconds": SECONDS,
                "renewTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            },
        }


def _holder(lease: Manifest) -> str:
    return str(lease["spec"].get("holderIdentity") or "another run")


@contextmanager
def hold(log: RunLog, cluster: Cluster, name: str) -> Generator[Lease | None]:
    """Hold a Lease and renew it in the background; None in a dry run, which changes nothing."""
    if log.options.dry_run:
        yield None
        return
    lease = Lease(cluster, name)
    lease.acquire(log)
    renewals = threading.Thread(target=lease.keep, daemon=True)
    renewals.start()
    try:
        yield lease
    finally:
        lease.release()
