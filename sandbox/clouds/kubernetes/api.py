"""The API of a Kubernetes server as the kubeconfig of this machine's control plane reaches it."""

import json
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import urllib3
import yaml

Json = dict[str, Any]

RETRIES = urllib3.Retry(8, read=2, redirect=False, allowed_methods=None, backoff_factor=0.1, backoff_max=3)
"""As client-go: a lost connection, and what is answered with Retry-After. Everything can be asked twice."""


def dig(found: Any, *path: str) -> Any:
    """Return the value at a path in an object; None if there is none."""
    for part in path:
        found = cast(Json, found).get(part) if isinstance(found, dict) else None
    return found


def condition(found: Json | None, kind: str) -> Json:
    """The condition of that type in an object's status; empty: there is none."""
    conditions: list[Json] = dig(found, "status", "conditions") or []
    return next((one for one in conditions if one["type"] == kind), Json())


class ApiError(Exception):
    """A refusal of the server, with its own message."""

    def __init__(self, status: Json) -> None:
        super().__init__(status.get("message") or "the server gives no reason")
        self.code: int = status.get("code", 0)
        self.causes: list[Json] = dig(status, "details", "causes") or []
        """Each with `reason`, `field` and `message`."""


class Api:
    """A client; the token is read from the kubeconfig, and sent nowhere but to its server."""

    def __init__(self, kubeconfig: Path, retries: urllib3.Retry = RETRIES) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        trusted = cluster["certificate-authority"]
        self._pool = urllib3.connection_from_url(
            cluster["server"], ca_certs=trusted, maxsize=32, retries=retries, timeout=30
        )
        self._headers = {"Authorization": f"Bearer {user['token']}", "Accept": "application/json"}
        self._resources: dict[tuple[str, str], Json] = {}

    def call(
        self, method: str, path: str, body: Any = None, media: str = "application/json", **query: Any
    ) -> Json:
        """One request; the answer's object."""
        answer = self._pool.request(
            method,
            path + (f"?{urlencode(query)}" if query else ""),
            body=None if body is None else json.dumps(body),
            headers=self._headers | {"Content-Type": media},
        )
        try:
            found = json.loads(answer.data)
        except ValueError:
            found = {"code": answer.status, "message": answer.data.decode(errors="replace")}
        if answer.status >= 400:
            raise ApiError(found)
        return cast(Json, found)

    def get(self, path: str, **query: Any) -> Json | None:
        """An object, or None where there is none."""
        try:
            return self.call("GET", path, **query)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def items(self, path: str, **query: Any) -> list[Json]:
        """The objects of a list."""
        return (self.get(path, **query) or {}).get("items") or []

    def apply(self, path: str, body: Json, manager: str, *, force: bool, dry_run: bool = False) -> Json:
        """Server-side apply with strict field validation."""
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        query |= {"dryRun": "All"} if dry_run else {}
        return self.call("PATCH", path, body, "application/apply-patch+yaml", **query)

    def path(self, version: str, kind: str, namespace: str, name: str = "") -> str | None:
        """Return the path of an object; None if the server has no such kind."""
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._resources:
            for one in (self.get(base) or {}).get("resources", ()):
                if "/" not in one["name"]:
                    self._resources[version, one["kind"]] = one
        if (found := self._resources.get((version, kind))) is None:
            return None
        inside = f"/namespaces/{namespace or 'default'}" if found["namespaced"] else ""
        return f"{base}{inside}/{found['name']}" + (f"/{name}" if name else "")
