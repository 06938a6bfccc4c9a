"""Record of a stack's releases, in a ConfigMap of the API's namespace.

The record is not kept in commit messages: the body of a squashed pull request becomes a commit message on
`main`, so its author could name migrations to undo or mark a version as good. Writing to the ConfigMap
requires permission to change the cluster.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from operations.lib.errors import FailedError
from operations.lib.kubernetes.cluster import Cluster

NAME = "pipe-releases"
KEY = "releases.json"
KEPT = 50
"""Largest number of releases in the record; the API's Deployment keeps ten revisions."""
UNJUDGED, GOOD, BAD = "unjudged", "good", "bad"
"""Verdicts on a release: the checks have not finished, the checks passed, or the release was rolled back."""


@dataclass(frozen=True)
class Release:
    """A version that was deployed, with its migrations and the verdict on it."""

    image: str
    deployed_at: str
    """Time of the version's last deployment, in UTC and ISO 8601; rollbacks do not count."""
    migrations: tuple[str, ...] | None
    """Migrations of the version in order; None if unknown.

    The name of a migration that cannot be undone ends in `!`.
    """
    verdict: str = UNJUDGED


class Releases:
    """The record of a stack's releases in the cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def read(self) -> list[Release]:
        """Return the releases, the latest deployment last; an empty list if nothing is recorded yet."""
        text = self._cluster.read("get", f"configmap/{NAME}", "--ignore-not-found", "--output=json")
        if not text.strip():
            return []
        try:
            return [_release(entry) for entry in json.loads(json.loads(text)["data"][KEY])]
        except (ValueError, KeyError, TypeError) as error:
            raise FailedError(
                f"configmap/{NAME} is not a record of releases ({type(error).__name__}); to start a new one:"
                f" kubectl --namespace {self._cluster.namespace} delete configmap {NAME}"
            ) from None

    def find(self, image: str) -> Release | None:
        """Return the release of an image; None if no release of the image is recorded."""
        return next((release for release in self.read() if release.image == image), None)

    def migrations(self, image: str) -> tuple[str, ...] | None:
        """Return the migrations of an image; None if they were not recorded."""
        release = self.find(image)
        return release.migrations if release else None

    def add(self, image: str, migrations: Sequence[str] | None) -> None:
        """Record a deployment, with the verdict `unjudged`.

        A version that is deployed again becomes the newest.
        """
        others = [release for release in self.read() if release.image != image]
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self._write([*others, Release(image, at, None if migrations is None else tuple(migrations))])

    def set_verdict(self, image: str, verdict: str) -> None:
        """Record a verdict on an image; ignore an image without a recorded deployment."""
        releases = self.read()
        updated = [
            replace(release, verdict=verdict) if release.image == image else release for release in releases
        ]
        if updated != releases or self._cluster.runner.dry_run:
            self._write(updated)

    def _write(self, releases: Sequence[Release]) -> None:
        text = json.dumps([asdict(release) for release in releases[-KEPT:]], indent=1)
        metadata = {"name": NAME, "labels": {"app": "pipe-api"}}
        self._cluster.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: text}}
        )


def _release(entry: dict[str, Any]) -> Release:
    migrations = entry["migrations"]
    known = None if migrations is None else tuple(str(name) for name in migrations)
    return Release(str(entry["image"]), str(entry["deployed_at"]), known, str(entry["verdict"]))
