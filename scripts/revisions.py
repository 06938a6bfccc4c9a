"""The revisions of the API's Deployment that the cluster keeps."""

from collections.abc import Iterator
from dataclasses import dataclass

from scripts import stack_file
from scripts.cluster import API, Cluster, Manifest
from scripts.options import Refused

NUMBER = "deployment.kubernetes.io/revision"


@dataclass(frozen=True)
class Revision:
    """Pods as they were rolled out once."""

    number: int
    image: str
    template: Manifest

    @property
    def version(self) -> str:
        return stack_file.version(self.image)


def history(cluster: Cluster) -> list[Revision]:
    """The oldest first; the last one is what is rolled out now."""
    uid = cluster.get(API)["metadata"]["uid"]
    found = [
        _revision(each["metadata"]["annotations"][NUMBER], each["spec"]["template"])
        for each in cluster.list("replicasets", "app=pipe-api")
        if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences", ()))
    ]
    return sorted(found, key=lambda each: each.number)


def _revision(number: str, template: Manifest) -> Revision:
    [image] = [each["image"] for each in template["spec"]["containers"] if each["name"] == "api"]
    return Revision(int(number), image, template)


def choose(
    kept: list[Revision], stack: str, number: int | None = None, version: str | None = None
) -> Revision:
    """The revision that the stack goes back to; by default the newest of another version."""
    *older, now = kept
    if not older:
        raise Refused(f"there is only revision {now.number} ({now.version}): nothing to go back to")
    there = ", ".join(f"{each.number} ({each.version})" for each in older)
    if number is not None:
        found = [each for each in kept if each.number == number]
        missing = f"--to-revision {number}: the cluster keeps {there}"
    elif version is not None and stack_file.is_version(now.image, version):
        raise Refused(f"{version} is what runs now")
    elif version is not None:
        found = [each for each in older if stack_file.is_version(each.image, version)]
        missing = (
            f"--to-version {version}: the cluster keeps {there}. An older one is deployed anew:"
            f" scripts/deploy.sh {stack} --version {version}"
        )
    else:
        found = [each for each in older if each.image != now.image]
        missing = f"all revisions that the cluster keeps are of {now.version}: nothing to go back to"
    if not found:
        raise Refused(missing)
    if found[-1].number == now.number:
        raise Refused(f"revision {now.number} ({now.version}) is what runs now")
    return found[-1]


def gone(cluster: Cluster, revision: Revision) -> list[str]:
    """The Secrets and ConfigMaps that its pods read and that are not there any more: they could not start."""
    return [name for name in sorted(set(_reads(revision.template["spec"]))) if not _is_there(cluster, name)]


def _is_there(cluster: Cluster, name: str) -> bool:
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
