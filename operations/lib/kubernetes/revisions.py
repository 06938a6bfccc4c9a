"""Revisions of the API's Deployment that the cluster keeps, and the choice of one for a rollback."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from operations.lib import stack_file
from operations.lib.errors import RefusedError
from operations.lib.kubernetes.cluster import API, Cluster, Manifest
from operations.lib.kubernetes.releases import BAD, GOOD, UNJUDGED, Release

UNKNOWN_TIME = datetime.min.replace(tzinfo=UTC)
NUMBER = "deployment.kubernetes.io/revision"
"""Annotation of a ReplicaSet that contains the revision number."""


@dataclass(frozen=True)
class Revision:
    """A pod template that was rolled out, with its number and image."""

    number: int
    image: str
    template: Manifest
    created: datetime = UNKNOWN_TIME
    """Time of the template's first rollout; a rollback to the template changes only the revision number."""

    @property
    def version(self) -> str:
        return stack_file.version(self.image)


def history(cluster: Cluster) -> list[Revision]:
    """Return the revisions, oldest first; the last revision is the running one."""
    uid = cluster.get(API)["metadata"]["uid"]
    kept_revisions = [
        _revision(entry["metadata"], entry["spec"]["template"])
        for entry in cluster.list("replicasets", "app=pipe-api")
        if any(owner["uid"] == uid for owner in entry["metadata"].get("ownerReferences", ()))
    ]
    return sorted(kept_revisions, key=lambda entry: entry.number)


def _revision(metadata: Manifest, template: Manifest) -> Revision:
    created = datetime.fromisoformat(metadata["creationTimestamp"])
    return Revision(int(metadata["annotations"][NUMBER]), image_of(template), template, created)


def image_of(template: Manifest) -> str:
    """Return the image of the API's container."""
    [image] = [entry["image"] for entry in template["spec"]["containers"] if entry["name"] == "api"]
    return image


class Choice:
    """The kept revisions, with the release records of their versions, from which a rollback chooses."""

    def __init__(self, kept: Sequence[Revision], releases: Sequence[Release], stack: str) -> None:
        *self.others, self.now = kept
        self._kept = kept
        self._releases = {release.image: release for release in releases}
        self._stack = stack

    def is_newer(self, revision: Revision) -> bool:
        """Return True if a revision's version was deployed later than the running version."""
        return self._deployed_at(revision.image) > self._deployed_at(self.now.image)

    def verdict(self, revision: Revision) -> str:
        """Return the recorded verdict on a revision's version."""
        release = self._releases.get(revision.image)
        return release.verdict if release else UNJUDGED

    def by_number(self, number: int) -> Revision:
        """Return the revision with a number; refuse the running revision and one that is not kept."""
        candidates = [revision for revision in self._kept if revision.number == number]
        if not candidates:
            raise RefusedError(f"--to-revision {number}: no such revision; the cluster keeps {self._shown()}")
        if candidates[0] is self.now:
            raise RefusedError(f"revision {number} ({self.now.version}) is already running")
        return candidates[0]

    def by_version(self, version: str) -> Revision:
        """Return a version's newest revision, which may be running; refuse a version without revisions."""
        candidates = [revision for revision in self._kept if stack_file.is_version(revision.image, version)]
        if not candidates:
            raise RefusedError(
                f"--to-version {version}: no such revision; the cluster keeps {self._shown()}. To deploy an"
                f" older version again: scripts/deploy.sh {self._stack} --version {version}"
            )
        return candidates[-1]

    def by_verdict(self) -> Revision:
        """Return the revision of the most recent good version, or else of the most recent unjudged version.

        Only versions older than the running one are candidates. A bad version is never returned, so a second
        rollback does not bring it back. The rollback is refused if no candidate is left.
        """
        if not self.others:
            raise RefusedError(
                f"there is only revision {self.now.number} ({self.now.version}): nothing to go back to"
            )
        older = [
            revision
            for revision in self.others
            if revision.image != self.now.image and not self.is_newer(revision)
        ]
        for verdict in (GOOD, UNJUDGED):
            if candidates := [revision for revision in older if self.verdict(revision) == verdict]:
                return max(candidates, key=self._order)
        raise RefusedError(
            f"the cluster keeps no good version older than {self.now.version}; it keeps {self._shown()}. To"
            f" go back to one of them: scripts/rollback.sh {self._stack} --to-revision N"
        )

    def reason(self, revision: Revision) -> str:
        """Return a description of the recorded verdict on a revision's version."""
        return {
            GOOD: "its checks passed when it was deployed",
            BAD: "it was rolled back before",
        }.get(self.verdict(revision), "its checks have no recorded result")

    def _shown(self) -> str:
        return ", ".join(
            f"{revision.number} ({revision.version}{', bad' * (self.verdict(revision) == BAD)})"
            for revision in self.others
        )

    def _order(self, revision: Revision) -> tuple[datetime, int]:
        return self._deployed_at(revision.image), revision.number

    def _deployed_at(self, image: str) -> datetime:
        """Return the time of an image's last recorded deployment, or else of its oldest kept revision."""
        if release := self._releases.get(image):
            return datetime.fromisoformat(release.deployed_at)
        return min(revision.created for revision in self._kept if revision.image == image)


def missing_objects(cluster: Cluster, revision: Revision) -> list[str]:
    """Return the missing Secrets and ConfigMaps without which a revision's pods cannot start."""
    return [name for name in sorted(set(_reads(revision.template["spec"]))) if not _exists(cluster, name)]


def _exists(cluster: Cluster, name: str) -> bool:
    return bool(cluster.read("get", name, "--ignore-not-found", "--output=name").strip())


def _reads(spec: Manifest) -> Iterator[str]:
    for volume in spec.get("volumes", ()):
        for part in (volume, *volume.get("projected", {}).get("sources", ())):
            yield from _named(part, secret="secret", config="configMap")
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        for source in container.get("envFrom", ()):
            yield from _named(source, secret="secretRef", config="configMapRef")
        for variable in container.get("env", ()):
            yield from _named(variable.get("valueFrom", {}), secret="secretKeyRef", config="configMapKeyRef")


def _named(part: Manifest, *, secret: str, config: str) -> Iterator[str]:
    for key, kind in ((secret, "secret"), (config, "configmap")):
        if key in part and not part[key].get("optional"):
            yield f"{kind}/{part[key].get('secretName') or part[key]['name']}"
