"""A local API with collections of objects: routes, requests, and the base of the applications."""

import functools
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar, cast

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sandbox.clouds.registry import Registry
from sandbox.clouds.web import ErrorResponse, read_body
from sandbox.wire.request_bodies import checks
from sandbox.wire.values import Json

ApiT = TypeVar("ApiT", bound="RestApi")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def _no_members() -> Json:
    return {}


@dataclass(frozen=True, kw_only=True)
class Collection:
    """The objects of a kind: their paths, and the form of the responses.

    The operations on them are `<name>:put`, which creates or changes an object, and `<name>:delete`.
    """

    name: str
    path: str
    """The path that lists the objects and creates one. The path of an object has its ID at the end."""
    missing: tuple[int, str, int]
    """The status, the message and the code of the error for an unknown ID, the `<ident>` in the message."""
    own: Callable[[], Json] = _no_members
    """A function that returns the members which the API itself sets in a new object."""
    key: str = "id"
    """The member with the ID."""
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The members of an object for which the request has no value."""
    creates: bool = True
    """True if POST creates an object."""
    verbs: tuple[str, ...] = ("PUT", "DELETE")
    """The methods of an object besides GET."""
    many: str = ""
    """The member of a response that has the list of objects; by default, the response is the list."""
    single: str = ""
    """The member of a response that has the object; by default, the response is the object."""
    gone: str = ""
    """The member with the ID of a deleted object; by default, the response to a deletion has no body."""
    listed: bool = False
    """True if a changed object, or the ID of a deleted one, is an item of a list."""
    around: str = ""
    """The characters that may enclose an ID in a path."""


@dataclass
class RestRequest(Generic[ApiT]):
    """A request, with the objects that functions for it can read and change."""

    api: ApiT
    http: Request
    scope: Mapping[str, str]
    """The variables in the path, except the ID of the collection's object."""
    sent: Json = field(default_factory=dict[str, Any])
    """The body of a request that creates or changes an object."""
    own: Json = field(default_factory=dict[str, Any])
    """The members of the object that the API itself sets, such as the ID."""
    before: Json = field(default_factory=dict[str, Any])
    """The stored object; empty for a new object."""
    built: Json = field(default_factory=dict[str, Any])
    """The object to store; empty until `<name>:put` has returned it."""
    others: list[Json] = field(default_factory=list[Json])
    """The other objects of the collection."""

    def body(self) -> Json:
        """Return the JSON object in the request."""
        return read_body(self.http)

    def check(self, kind: str, body: Json, whole: Json | None = None) -> None:
        """Raise ErrorResponse if the client's model or the API's rules refuse a body; see request_bodies."""
        if faults := checks.check(kind, body, whole, update=bool(self.before)):
            raise ErrorResponse(400, "; ".join(faults), self.api.fault_codes.get(kind, 0))

    def find_same(self, *names: str) -> list[Json]:
        """Return the other objects that have the same values as the object to store for these members."""
        return [
            other for other in self.others if all(other.get(name) == self.built.get(name) for name in names)
        ]


class RestRegistry(Registry[RestRequest[ApiT]]):
    """The registry of a cloud's behaviour, with its collections.

    The other operations have the names of their routes, such as `GET /zones/<zone>/dnssec`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.collections: dict[str, Collection] = {}

    def add(self, collection: Collection) -> Collection:
        """Add a collection, which can be read; return it."""
        self.collections[collection.name] = collection
        return collection

    def stores(self, collection: Collection) -> Callable[[FunctionT], FunctionT]:
        """Add a collection, and register the function that returns the object to store for a request.

        The function raises ErrorResponse for an invalid body. The members in `own` are added to the object.
        """
        return self.emulates(f"{self.add(collection).name}:put")


class RestApi(ABC):
    """A WSGI application that keeps its objects in memory and handles one request at a time."""

    name: ClassVar[str]
    base: ClassVar[str] = ""
    """The path before those of all routes."""
    registry: ClassVar[RestRegistry[Any]]
    page_parameters: ClassVar[tuple[str, int, int]]
    """The parameter for the page size, the number of the first page, and the default page size."""
    fault_codes: ClassVar[Mapping[str, int]] = {}
    """The error code for an invalid request body, by the kind of body."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._collections: dict[tuple[str, ...], dict[str, Json]] = {}
        self.page_info: Json = {}
        """The page number, page size and counts of a list response; empty for other responses."""
        rules: list[Rule] = []
        for operation in self.registry.emulations:
            verb, _, path = operation.partition(" ")
            if path:
                route = functools.partial(self._perform, operation)
                rules.append(Rule(self.base + path, methods=(verb,), endpoint=route))
        for collection in self.registry.collections.values():
            path, serve = self.base + collection.path, functools.partial(self._serve, collection)
            verbs = ("GET", "POST") if collection.creates else ("GET",)
            rules.append(Rule(path, methods=verbs, endpoint=serve))
            rules.append(Rule(path + "/<ident>", methods=("GET", *collection.verbs), endpoint=serve))
        self._map = Map(rules)

    @abstractmethod
    def authorize(self, request: Request) -> None:
        """Raise ErrorResponse for a request without credentials."""

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
        """Return the objects of a collection by their IDs."""
        return self._collections.setdefault((name, *scope), {})

    def require(self, name: str, ident: str, *scope: str) -> Json:
        """Return the object with an ID; raise ErrorResponse if it does not exist."""
        if stored := self.collection(name, *scope).get(ident):
            return stored
        status, message, code = self.registry.collections[name].missing
        raise ErrorResponse(status, message.replace("<ident>", ident), code)

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        request.get_data()  # Unread bytes would remain in the connection, which the client reuses.
        try:
            with self._lock:
                self.page_info = {}
                self.authorize(request)
                handler, variables = self._map.bind_to_environ(request.environ).match()
                for holder in variables.keys() & self.registry.collections.keys():
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

    def _perform(self, operation: str, http: Request, **scope: str) -> Any:
        """Handle a request to a route that is not that of a collection."""
        request = RestRequest(self, http, scope)
        for refusal in self.registry.refusals(operation):
            refusal(request)
        return self.registry.emulations[operation](request)

    def _serve(self, collection: Collection, http: Request, ident: str = "", **scope: str) -> Any:
        """Handle a request to a collection, or to one of its objects if `ident` is set."""
        ident = ident.strip(collection.around)
        objects = self.collection(collection.name, *scope.values())
        before = self.require(collection.name, ident, *scope.values()) if ident else {}
        if http.method == "GET":
            if ident:
                return _wrapped(collection.single, before)
            return _wrapped(collection.many, self.page(http, collection.name, *scope.values()))
        if http.method == "DELETE":
            if http.args.get("force") != "true":
                for refusal in self.registry.refusals(f"{collection.name}:delete"):
                    refusal(RestRequest(self, http, scope, before=before))
            deleted_id = objects.pop(ident)[collection.key]
            gone = [deleted_id] if collection.listed else deleted_id
            return {collection.gone: gone} if collection.gone else None
        own = {key: before.get(key, value) for key, value in collection.own().items()}
        changed = self.build(collection.name, RestRequest(self, http, scope, read_body(http), own, before))
        # Cloudflare's plugin validates rulesets with dry_run in a preview.
        if http.args.get("dry_run") != "true":
            objects[str(changed[collection.key])] = changed
        return _wrapped(collection.single, [changed] if collection.listed else changed)

    def build(self, name: str, request: RestRequest[Any]) -> Json:
        """Return the object to store for a request; raise ErrorResponse if a function refuses it."""
        put, defaults = self.registry.emulations[f"{name}:put"], self.registry.collections[name].defaults
        request.built = {**defaults, **put(request), **request.own}
        stored = self.collection(name, *request.scope.values()).values()
        request.others = [other for other in stored if other is not request.before]
        for refusal in self.registry.refusals(f"{name}:put"):
            refusal(request)
        return request.built

    def page(self, request: Request, name: str, *scope: str) -> list[Json]:
        """Return one page of the objects that match the query; set `page_info`."""
        filters = [(key.split("."), value) for key, value in request.args.items() if key != "query"]
        matches = [
            item
            for item in self.collection(name, *scope).values()
            if all(_matches(item, *path, expected=value) for path, value in filters)
        ]
        size_parameter, first_page, default_size = self.page_parameters
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
