"""What the local APIs share: routes, collections of objects, JSON bodies, refusals in an API's own format."""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sandbox.targets import client_models

Json: TypeAlias = dict[str, Any]
Handler = TypeVar("Handler", bound=Callable[..., Any])


class Refusal(Exception):
    """What the API answers in place of a result; `code` is its own number, where it has some."""

    def __init__(self, status: int, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True)
class Collection:
    """Objects of one kind: POST and GET of `path`, GET, DELETE and `verbs` of `path`/<id>."""

    name: str
    path: str
    missing: Refusal
    """Said of an id that is not there."""
    wrap: tuple[str, str, str] = ("", "", "")
    """The keys in which a list is, one of them, and the id of a deleted one; without it, there is no body."""
    listed: bool = False
    """Whether what was put, and the id of what was deleted, come in a list."""
    own: Callable[[], Json] = dict
    """What the API itself gives a new object, once."""
    key: str = "id"
    verbs: tuple[str, ...] = ("PUT",)
    """What changes one."""


def route(path: str, *verbs: str) -> Callable[[Handler], Handler]:
    """Let a method answer; it gets the request and the parts of the path in angle brackets."""

    def keep(handler: Handler) -> Handler:
        handler.__dict__["route"] = (path, verbs or ("GET",))
        return handler

    return keep


class Api(ABC):
    """A WSGI application that keeps its objects in memory and answers one request at a time.

    A subclass has for each collection a method `put_<name>(given, own, before, others, **scope)`, which makes
    the object or refuses it: `own` is what the API gives it, `before` None when it is new, `scope` what is in
    the collection's path.
    """

    base = ""
    """What every path begins with."""
    collections: tuple[Collection, ...] = ()

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rows: dict[tuple[str, ...], dict[str, Json]] = {}
        own = [(getattr(type(self), name).__dict__["route"], name) for name in dir(type(self))
               if hasattr(getattr(type(self), name), "route")]  # fmt: skip
        rules = [Rule(self.base + path, methods=verbs, endpoint=name) for (path, verbs), name in own]
        for one in self.collections:
            rules.append(Rule(self.base + one.path, methods=("GET", "POST"), endpoint=one))
            item = self.base + one.path + "/<ident>"
            rules.append(Rule(item, methods=("GET", "DELETE", *one.verbs), endpoint=one))
        self._map = Map(rules)

    @abstractmethod
    def authorize(self, request: Request) -> None:
        """Refuse who does not say who he is."""

    @abstractmethod
    def answer(self, result: Any, info: Json) -> Any:
        """The body of what went well; `info` tells the part of a list."""

    @abstractmethod
    def fault(self, refusal: Refusal) -> Any:
        """The body of a refusal."""

    def failure(self, status: int, message: str) -> Any:
        """The body of an answer when the API is broken."""
        return self.fault(Refusal(status, message))

    def may_delete(self, name: str, row: Json, *, force: bool) -> None:  # noqa: B027 (most refuse nothing)
        """Refuse to delete what others need."""

    def rows(self, name: str, *scope: str) -> dict[str, Json]:
        """The objects of a collection by their ids."""
        return self._rows.setdefault((name, *scope), {})

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        request.get_data()  # the connection is used again: no byte may stay in it
        info: Json = {}
        try:
            with self._lock:
                self.authorize(request)
                asked, parts = self._map.bind_to_environ(request.environ).match()
                if isinstance(asked, str):
                    result = getattr(self, asked)(request, **parts)
                else:
                    result = self._serve(request, asked, dict(parts), info)
                text = json.dumps(self.answer(result, info)) if result is not None else ""
            return Response(text, 200 if text else 204, mimetype="application/json")
        except HTTPException as error:
            refusal = Refusal(error.code or 500, f"{request.method} {request.path}: {error.name}", 7000)
        except Refusal as error:
            refusal = error
        return Response(json.dumps(self.fault(refusal)), refusal.status, mimetype="application/json")

    def _serve(self, request: Request, kind: Collection, parts: Json, info: Json) -> Any:
        many, single, gone = kind.wrap
        ident = str(parts.pop("ident", ""))
        self.enter(**parts)
        rows = self.rows(kind.name, *parts.values())
        if not ident and request.method == "GET":
            return _in(many, page(request, list(rows.values()), info))
        before = rows.get(ident)
        if ident and before is None:
            raise kind.missing
        if before and request.method == "GET":
            return _in(single, before)
        if before and request.method == "DELETE":
            self.may_delete(kind.name, before, force=request.args.get("force") == "true")
            del rows[ident]
            return _in(gone, [ident] if kind.listed else ident) if gone else None
        others = [row for row in rows.values() if row is not before]
        own = {key: (before or {}).get(key, value) for key, value in kind.own().items()}
        made = getattr(self, f"put_{kind.name}")(body(request), own, before, others, **parts) | own
        rows[str(made[kind.key])] = made
        return _in(single, [made] if kind.listed else made)

    def check(
        self, kind: str, given: Json, whole: Json | None = None, *, update: bool = False, code: int = 0
    ) -> None:
        """Refuse what the client's model or the rules beyond it do not allow."""
        if found := client_models.check(kind, given, whole, update=update):
            raise Refusal(400, "; ".join(found), code)

    def enter(self, **scope: str) -> None:  # noqa: B027 (most refuse nothing)
        """Refuse a path that leads nowhere."""


def _in(key: str, value: Any) -> Any:
    return {key: value} if key else value


def page(request: Request, rows: list[Json], info: Json) -> list[Json]:
    """The rows that a request asks for by their values, and of those one page; `info` says which."""
    asked = ((name.partition(".")[0], value) for name, value in request.args.items() if name != "query")
    wanted = {name: value.removeprefix("equal:") for name, value in asked}
    found = [row for row in rows if all(str(row.get(key, value)) == value for key, value in wanted.items())]
    number, size = request.args.get("page", 1, int), request.args.get("per_page", 100, int)
    shown = found[(number - 1) * size : number * size]
    info |= {"page": number, "per_page": size, "count": len(shown), "total_count": len(found)}
    return shown


def body(request: Request) -> Json:
    """The JSON object that was sent, without keys that are null: they mean what a key left out means."""
    found: Any = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise Refusal(400, "the body is no JSON object", 9207)
    return without_null(found)


def without_null(value: Any) -> Any:
    """The value without keys that are null, at any depth."""
    if isinstance(value, dict):
        return {key: without_null(item) for key, item in value.items() if item is not None}  # pyright: ignore
    return [without_null(item) for item in value] if isinstance(value, list) else value  # pyright: ignore


def now() -> str:
    """The time as the APIs write it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
