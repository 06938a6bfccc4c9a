"""The base of the local APIs: routes, collections, JSON bodies, and errors in an API's own format."""

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
    """An error that an API answers; `code` is the API's own code, if it has codes."""

    def __init__(self, status: int, message: str, code: int | str = 0) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class Api(ABC):
    """A WSGI application that keeps its objects in memory and answers one request at a time.

    Its routes and collections are in NAME_api.toml. A subclass has for each route the method that this names,
    and for each collection `put_<collection>(given, own, before, **scope)`, which makes the object or refuses
    it: `own` is what the API gives it, `before` is empty when it is new, `scope` what is in the path.
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rows: dict[tuple[str, ...], dict[str, Json]] = {}
        self.table: Json = tomllib.loads((Path(__file__).parent / self.name / "api.toml").read_text())
        self.info: Json = {}  # which part of a list the answer at hand is
        base, rules = self.table["base"], list[Rule]()
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
        """Refuse who does not say who he is."""

    @abstractmethod
    def fault(self, refusal: ErrorResponse) -> Any:
        """The body of a refusal."""

    def answer(self, result: Any) -> Any:
        """The body of what went well."""
        return result

    def failure(self, status: int, message: str) -> Any:
        """The body of an answer when the API is broken."""
        return self.fault(ErrorResponse(status, message))

    def rows(self, name: str, *scope: str) -> dict[str, Json]:
        """The objects of a collection by their ids."""
        return self._rows.setdefault((name, *scope), {})

    def one(self, name: str, ident: str, *scope: str) -> Json:
        """The object with an id, which has to be there."""
        if found := self.rows(name, *scope).get(ident):
            return found
        status, said, code = self.table["collections"][name]["missing"]
        raise ErrorResponse(status, fill_text(said, {"ident": ident}), code)

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        request.get_data()  # the connection is used again: no byte may stay in it
        try:
            with self._lock:
                self.info = {}
                self.authorize(request)
                handler, parts = self._map.bind_to_environ(request.environ).match()
                for holder in parts.keys() & self.table["collections"].keys():
                    self.one(holder, parts[holder])
                result = handler(request, **parts)
                said = json.dumps(self.answer(result)) if result is not None else ""
            return Response(said, 200 if said else 204, mimetype="application/json")
        except HTTPException as error:
            refusal = ErrorResponse(error.code or 500, f"{request.method} {request.path}: {error.name}", 7000)
        except ErrorResponse as error:
            refusal = error
        return Response(json.dumps(self.fault(refusal)), refusal.status, mimetype="application/json")

    def _serve(self, name: str, request: Request, ident: str = "", **scope: str) -> Any:
        row: Json = dict.fromkeys(("many", "single", "gone", "around"), "") | {"key": "id"}
        row |= self.table["collections"][name]
        rows = self.rows(name, *scope.values())
        before = self.one(name, ident := ident.strip(row["around"]), *scope.values()) if ident else {}
        if request.method == "GET":
            found = before if ident else self.page(request, name, *scope.values())
            return _in(row["single" if ident else "many"], found)
        if request.method == "DELETE":
            if request.args.get("force") != "true":
                self._refuse(row.get("needed", []), {"before": before})
            gone = rows.pop(ident)[row["key"]]
            return {row["gone"]: [gone] if row.get("listed") else gone} if row["gone"] else None
        own = {key: before.get(key, value) for key, value in fill(row["own"], _made_up()).items()}
        made = self.make(name, body(request), own, before, **scope)
        if request.args.get("dry_run") != "true":  # a preview: the plugin has its rulesets looked at
            rows[str(made[row["key"]])] = made
        return _in(row["single"], [made] if row.get("listed") else made)

    def make(self, name: str, given: Json, own: Json, before: Json, **scope: str) -> Json:
        """An object as it is to be kept, if nothing speaks against it."""
        row = self.table["collections"][name]
        made: Json = row.get("defaults", {}) | getattr(self, f"put_{name}")(given, own, before, **scope) | own
        others = [row for row in self.rows(name, *scope.values()).values() if row is not before]
        self._refuse(row.get("refuse", []), {"made": made, "before": before, "others": others})
        return made

    def _refuse(self, rules: Iterable[Json], words: Mapping[str, Any]) -> None:
        kept = {key[0]: [*rows.values()] for key, rows in self._rows.items()}
        for rule in broken_rules(rules, {**words, "all": kept}):
            raise ErrorResponse(rule.get("status", 400), rule["say"], rule.get("code", 0))

    def check(self, kind: str, given: Json, whole: Json | None = None, *, update: bool = False) -> None:
        """Refuse what the client's model or the rules beyond it do not allow."""
        if found := client_models.check(kind, given, whole, update=update):
            raise ErrorResponse(400, "; ".join(found), self.table.get("codes", {}).get(kind, 0))

    def page(self, request: Request, name: str, *scope: str) -> list[Json]:
        """The objects that a request asks for by their values, and of those one page."""
        wanted = [(key.split("."), one) for key, one in request.args.items() if key != "query"]
        rows = self.rows(name, *scope).values()
        found = [row for row in rows if all(_is(row, *path, asked=one) for path, one in wanted)]
        sized, first, most = self.table["pages"]
        number, size = request.args.get("page", first, int), request.args.get(sized, most, int)
        shown = found[(number - first) * size : (number - first + 1) * size]
        self.info = {"page": number, "per_page": size, "count": len(shown), "total_count": len(found)}
        return shown


def _is(value: Any, *path: str, asked: str) -> bool:
    """Return True if the value at a path equals `asked`, as JSON, or if there is no such path."""
    if path and isinstance(value, dict):
        inner = cast(Json, value)
        return path[0] not in inner or _is(inner[path[0]], *path[1:], asked=asked)
    return asked.removeprefix("equal:") == (value if isinstance(value, str) else json.dumps(value))


def _in(key: str, value: Any) -> Any:
    return {key: value} if key else value


def _made_up() -> Json:
    """Return random IDs and times for the templates of a new object."""
    made = uuid.uuid4()
    public = f"{made.hex[:3]}-{made.hex[3:6]}-{made.hex[6:9]}"
    words = {"hex": made.hex, "uuid": str(made), "long": str(made.int), "public": public, "number": number(8)}
    return words | {"now": now(), "seconds": int(datetime.now(UTC).timestamp())}


def number(length: int) -> int:
    """A number of so many digits."""
    return random.randrange(10 ** (length - 1), 10**length)


def body(request: Request) -> Json:
    """The JSON object that was sent, without keys that are null: they mean what a key left out means."""
    found: Any = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise ErrorResponse(400, "the body is no JSON object", 9207)
    return without_null(found)


def without_null(value: Any) -> Any:
    """The value without keys that are null, at any depth."""
    if isinstance(value, dict):
        value = {key: item for key, item in cast(Json, value).items() if item is not None}
    return map_items(value, without_null)


def now() -> str:
    """The time as the APIs write it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
