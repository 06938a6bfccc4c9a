"""The base of the local APIs: routes, collections, JSON bodies, and errors in the format of each API."""

import functools
import json
import random
import threading
import tomllib
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, cast

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sandbox.clouds import client_models
from sandbox.wire.templates import broken_rules, fill, fill_text
from sandbox.wire.values import Json, map_items


class ErrorResponse(Exception):
    """An error response of an API. `code` is the API's own code; 0 if the API has no codes."""

    def __init__(self, status: int, message: str, code: int | str = 0) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class Api(ABC):
    """A WSGI application that keeps its objects in memory and handles one request at a time.

    `<name>/api.toml` declares its routes and collections. A subclass has the method that each route names,
    and for each writable collection a method `put_<collection>(sent, own, before, **scope)`. The latter
    returns the object to store or raises ErrorResponse. Its arguments are:

    - `sent`: the body of the request
    - `own`: the members that the API itself sets, such as the ID
    - `before`: the stored object; empty for a new object
    - `scope`: the variables in the path
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._collections: dict[tuple[str, ...], dict[str, Json]] = {}
        self.table: Json = tomllib.loads((Path(__file__).parent / self.name / "api.toml").read_text())
        self.page_info: Json = {}
        """The page number, page size and counts of a list response; empty for other responses."""
        base = self.table["base"]
        rules: list[Rule] = []
        for path, (method, *verbs) in self.table["routes"].items():
            rules.append(Rule(base + path, methods=verbs, endpoint=getattr(self, method)))
        for name, row in self.table["collections"].items():
            path, serve = base + row["path"], functools.partial(self._serve, name)
            rules.append(Rule(path, methods=("GET", *row.get("creates", ["POST"])), endpoint=serve))
            verbs = ("GET", *row.get("verbs", ["PUT", "DELETE"]))
            rules.append(Rule(path + "/<ident>", methods=verbs, endpoint=serve))
        self._map = Map(rules)

    @abstractmethod
    def authorize(self, request: Request) -> None:
        """Raise ErrorResponse if a request's credentials are missing, invalid or lack the permission."""

    @abstractmethod
    def error_body(self, error: ErrorResponse) -> Any:
        """Return the body of an error response."""

    def success_body(self, result: Any) -> Any:
        """Return the body of a successful response."""
        return result

    def failure(self, status: int, message: str) -> Any:
        """Return the body of a simulated failure; see failures.py."""
        return self.error_body(ErrorResponse(status, message))

    def collection(self, name: str, *scope: str) -> dict[str, Json]:
        """Return the objects of a collection by their IDs; `scope` has the variables in the path."""
        return self._collections.setdefault((name, *scope), {})

    def require(self, name: str, ident: str, *scope: str) -> Json:
        """Return the object with an ID; raise ErrorResponse if it does not exist."""
        if stored := self.collection(name, *scope).get(ident):
            return stored
        status, message, code = self.table["collections"][name]["missing"]
        raise ErrorResponse(status, fill_text(message, {"ident": ident}), code)

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        request.get_data()  # Unread bytes would remain in the connection, which the client reuses.
        try:
            with self._lock:
                self.page_info = {}
                self.authorize(request)
                handler, variables = self._map.bind_to_environ(request.environ).match()
                for holder in variables.keys() & self.table["collections"].keys():
                    self.require(holder, variables[holder])
                result = handler(request, **variables)
                content = json.dumps(self.success_body(result)) if result is not None else ""
            return Response(content, 200 if content else 204, mimetype="application/json")
        except HTTPException as exception:
            message = f"{request.method} {request.path}: {exception.name}"
            error = ErrorResponse(exception.code or 500, message, 7000)
        except ErrorResponse as refusal:
            error = refusal
        return Response(json.dumps(self.error_body(error)), error.status, mimetype="application/json")

    def _serve(self, name: str, request: Request, ident: str = "", **scope: str) -> Any:
        """Handle a request to a collection, or to one of its objects if `ident` is set."""
        row: Json = dict.fromkeys(("many", "single", "gone", "around"), "") | {"key": "id"}
        row |= self.table["collections"][name]
        ident = ident.strip(row["around"])
        objects = self.collection(name, *scope.values())
        before = self.require(name, ident, *scope.values()) if ident else {}
        if request.method == "GET":
            if ident:
                return _wrapped(row["single"], before)
            return _wrapped(row["many"], self.page(request, name, *scope.values()))
        if request.method == "DELETE":
            if request.args.get("force") != "true":
                self._refuse(row.get("needed", []), {"before": before})
            deleted_id = objects.pop(ident)[row["key"]]
            return {row["gone"]: [deleted_id] if row.get("listed") else deleted_id} if row["gone"] else None
        own = {key: before.get(key, value) for key, value in fill(row["own"], _new_values()).items()}
        changed = self.build(name, read_body(request), own, before, **scope)
        # Cloudflare's plugin validates rulesets with dry_run in a preview.
        if request.args.get("dry_run") != "true":
            objects[str(changed[row["key"]])] = changed
        return _wrapped(row["single"], [changed] if row.get("listed") else changed)

    def build(self, name: str, sent: Json, own: Json, before: Json, **scope: str) -> Json:
        """Return the object to store; raise ErrorResponse if a rule of the collection refuses the object."""
        row = self.table["collections"][name]
        put = getattr(self, f"put_{name}")
        built: Json = row.get("defaults", {}) | put(sent, own, before, **scope) | own
        stored = self.collection(name, *scope.values()).values()
        others = [other for other in stored if other is not before]
        self._refuse(row.get("refuse", []), {"made": built, "before": before, "others": others})
        return built

    def _refuse(self, rules: Iterable[Json], variables: Mapping[str, Any]) -> None:
        stored = {key[0]: [*objects.values()] for key, objects in self._collections.items()}
        for rule in broken_rules(rules, {**variables, "all": stored}):
            raise ErrorResponse(rule.get("status", 400), rule["say"], rule.get("code", 0))

    def check(self, kind: str, sent: Json, whole: Json | None = None, *, update: bool = False) -> None:
        """Raise ErrorResponse if the client's model or rules.toml refuses a body."""
        if faults := client_models.check(kind, sent, whole, update=update):
            raise ErrorResponse(400, "; ".join(faults), self.table.get("codes", {}).get(kind, 0))

    def page(self, request: Request, name: str, *scope: str) -> list[Json]:
        """Return one page of the objects that match the query; set `page_info`."""
        filters = [(key.split("."), value) for key, value in request.args.items() if key != "query"]
        matches = [
            item
            for item in self.collection(name, *scope).values()
            if all(_matches(item, *path, expected=value) for path, value in filters)
        ]
        size_parameter, first_page, default_size = self.table["pages"]
        number = request.args.get("page", first_page, int)
        size = request.args.get(size_parameter, default_size, int)
        start = (number - first_page) * size
        page = matches[start : start + size]
        self.page_info = {"page": number, "per_page": size, "count": len(page), "total_count": len(matches)}
        return page


def _matches(value: Any, *path: str, expected: str) -> bool:
    """Return True if the value at a path equals `expected`, or if the path does not exist.

    `expected` is a string from the query, optionally with the prefix `equal:`. A value that is not a string
    is compared as JSON text.
    """
    if path and isinstance(value, dict):
        members = cast(Json, value)
        return path[0] not in members or _matches(members[path[0]], *path[1:], expected=expected)
    return expected.removeprefix("equal:") == (value if isinstance(value, str) else json.dumps(value))


def _wrapped(key: str, value: Any) -> Any:
    return {key: value} if key else value


def _new_values() -> Json:
    """Return the values for the templates of a new object: random IDs and the current time."""
    random_id = uuid.uuid4()
    digits = random_id.hex
    return {
        "hex": digits,
        "uuid": str(random_id),
        "long": str(random_id.int),
        "public": f"{digits[:3]}-{digits[3:6]}-{digits[6:9]}",
        "number": random_number(8),
        "now": timestamp(),
        "seconds": int(datetime.now(UTC).timestamp()),
    }


def random_number(digits: int) -> int:
    """Return a random number with that many digits."""
    return random.randrange(10 ** (digits - 1), 10**digits)


def read_body(request: Request) -> Json:
    """Return the JSON object in a request, without null members, since null means absent.

    Raise ErrorResponse if the body is not a JSON object.
    """
    content: Any = request.get_json(force=True, silent=True)
    if not isinstance(content, dict):
        raise ErrorResponse(400, "the body is not a JSON object", 9207)
    return without_null(content)


def without_null(value: Any) -> Any:
    """Return the value without null members, at any depth."""
    if isinstance(value, dict):
        value = {key: item for key, item in cast(Json, value).items() if item is not None}
    return map_items(value, without_null)


def timestamp() -> str:
    """Return the current time in UTC in ISO 8601, such as `2026-01-31T09:00:00.000000Z`."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
