"""A client for the Kubernetes API server of the local control plane."""

import json
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import urllib3
import yaml

Json = dict[str, Any]

RETRIES = urllib3.Retry(8, read=2, redirect=False, allowed_methods=None, backoff_factor=0.1, backoff_max=3)
"""Retries as in client-go: after a lost connection or a Retry-After header. Every request may be repeated."""


def dig(value: Any, *path: str) -> Any:
    """Return the value at a path in an object; None if the path does not exist."""
    for part in path:
        value = cast(Json, value).get(part) if isinstance(value, dict) else None
    return value


def condition(resource: Json | None, kind: str) -> Json:
    """Return the condition of a type in an object's status; empty if there is no such condition."""
    conditions: list[Json] = dig(resource, "status", "conditions") or []
    return next((condition for condition in conditions if condition["type"] == kind), Json())


class ApiError(Exception):
    """An error response from the server, with its message."""

    def __init__(self, status: Json) -> None:
        super().__init__(status.get("message") or "the server gives no reason")
        self.code: int = status.get("code", 0)
        self.causes: list[Json] = dig(status, "details", "causes") or []
        """The causes, each with `reason`, `field` and `message`."""


class Api:
    """A client of the server in a kubeconfig. It sends the token to no other server."""

    def __init__(self, kubeconfig: Path, retries: urllib3.Retry = RETRIES) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._pool = urllib3.connection_from_url(
            cluster["server"],
            ca_certs=cluster["certificate-authority"],
            maxsize=32,
            retries=retries,
            timeout=30,
        )
        self._headers = {"Authorization": f"Bearer {user['token']}", "Accept": "application/json"}
        self._resources: dict[tuple[str, str], Json] = {}

    def call(
        self, method: str, path: str, body: Any = None, media: str = "application/json", **query: Any
    ) -> Json:
        """Send a request and return the object in the response; raise ApiError for an error response."""
        response = self._pool.request(
            method,
            path + (f"?{urlencode(query)}" if query else ""),
            body=None if body is None else json.dumps(body),
            headers=self._headers | {"Content-Type": media},
        )
        try:
            content = json.loads(response.data)
        except ValueError:
            content = {"code": response.status, "message": response.data.decode(errors="replace")}
        if response.status >= 400:
            raise ApiError(content)
        return cast(Json, content)

    def get(self, path: str, **query: Any) -> Json | None:
        """Return an object; None if it does not exist."""
        try:
            return self.call("GET", path, **query)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def items(self, path: str, **query: Any) -> list[Json]:
        """Return the objects in a list; empty if the path does not exist."""
        return (self.get(path, **query) or {}).get("items") or []

    def apply(self, path: str, body: Json, manager: str, *, force: bool, dry_run: bool = False) -> Json:
        """Apply an object with server-side apply and strict field validation; return the resulting object."""
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        query |= {"dryRun": "All"} if dry_run else {}
        return self.call("PATCH", path, body, "application/apply-patch+yaml", **query)

    def path(self, version: str, kind: str, namespace: str, name: str = "") -> str | None:
        """Return the path of an object, or of a list without `name`; None if the server lacks the kind."""
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._resources:
            for resource in (self.get(base) or {}).get("resources", ()):
                if "/" not in resource["name"]:  # The others are subresources, such as pods/log.
                    self._resources[version, resource["kind"]] = resource
        resource_type = self._resources.get((version, kind))
        if resource_type is None:
            return None
        scope = f"/namespaces/{namespace or 'default'}" if resource_type["namespaced"] else ""
        return f"{base}{scope}/{resource_type['name']}" + (f"/{name}" if name else "")
