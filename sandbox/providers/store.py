"""A target that is a file: it remembers what was created, and makes up what a real API would have answered.

Secrets are not in it: of a secret value it keeps a digest, enough to see whether it changed.
"""

import hashlib
import hmac
import json
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, cast

from sandbox.providers import plausible
from sandbox.providers.kinds import Words, digits, kind, table
from sandbox.providers.target import Live, Refused, Resource, Target
from sandbox.providers.values import Json, Secret, beside, each, merge, plain

ACCOUNT = "123456789012"
"""The account that AWS's own documentation uses."""

REGION = "us-east-1"
"""Where a provider without a region is."""

SEALED = "sealed"
"""The only key of an object that stands for a secret value."""

Exists = Callable[[str, str], bool]
"""Whether there is a resource of a type with an id."""


class Record(TypedDict):
    """A resource in the file; `computed` is what the target added."""

    urn: str
    type: str
    id: str
    inputs: Json
    computed: Json


class Data(TypedDict):
    """The file: the key of the digests, how often each URN was created, and the resources."""

    key: str
    made: dict[str, int]
    records: dict[str, Record]


class Store(Target):
    """The resources of one package; other processes can read the file while one writes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._read: tuple[object, Data] | None = None

    # What the API of a package adds to this

    def identify(self, words: Words, resource: Resource) -> str:
        """The id of a new resource."""
        return str(words.fill(kind(resource.type).id))

    def computed(self, resource: Resource, before: Json) -> Json:
        return plausible.outputs(resource, before, self.words(resource, resource.id))

    def conflict(self, resource: Resource, other: Json) -> str | None:
        """Why the API refuses a resource beside another one of its type, of which the inputs are given."""
        known = kind(resource.type)
        twin = replace(resource, inputs=other)
        same = known.unique and all(resource.known.get(name) == other.get(name) for name in known.unique)
        return self._taken(resource) if same and self._scope(twin) == self._scope(resource) else None

    def may_create(self, resource: Resource, exists: Exists) -> None:
        """Refuse what the API would."""

    def may_delete(self, resource: Resource) -> None:
        """Refuse to delete what is protected in the target."""

    def goes_with(self, record: Record, resource: Resource) -> bool:
        """Whether a record is deleted along with a resource."""
        return False

    def words(self, resource: Resource, seed: str) -> Words:
        """What templates may hold."""
        given = resource.known
        region = given.get("region") or resource.config.get("region") or REGION
        module = resource.type.split(":")[1].partition("/")[0]
        last = int(digits(seed, 2), 16)
        own = {"id": resource.id, "region": region, "account": ACCOUNT, "module": module}
        # An address of the block that RFC 5737 sets aside for documentation.
        return Words(given | own | {"address": f"203.0.113.{last}"}, seed)

    # The target

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        name = token.rpartition(":")[2]
        answers = cast(Json, table(token.partition(":")[0]).get("invokes", {}))
        if name not in answers:
            known = ", ".join(sorted(answers)) or "none of this provider"
            raise Refused(f"the sandbox has no answer to the look-up {token}; it knows {known}")
        asked = str(cast(Json, args.get("filter") or args).get("name"))
        region = args.get("region") or config.get("region") or REGION
        words = Words({"region": region, "account": ACCOUNT, "name": asked}, f"look-up of {asked}")
        return {**args, **words.fill(answers[name])}

    def find(self, resource: Resource) -> list[Live]:
        with self._lock:
            data = self._load()
            mine = [one for one in data["records"].values() if one["urn"] == resource.urn]
            return [_live(data, record, resource.inputs) for record in mine]

    def create(self, resource: Resource) -> Live:
        with self._lock:
            data = self._load()
            made = data["made"].get(resource.urn, 0)
            seed = digits(f"{resource.urn}#{made}", 64)
            resource = replace(resource, id=self.identify(self.words(resource, seed), resource))
            if self._key(resource) in data["records"] and not kind(resource.type).kept:
                raise Refused(self._taken(resource))
            self._refuse_conflicts(data, resource)
            there = {(one["type"], one["id"]) for one in data["records"].values()}
            self.may_create(resource, lambda token, ident: (token, ident) in there)
            data["made"][resource.urn] = made + 1
            return self._put(data, resource, {})

    def read(self, resource: Resource, state: Json) -> Live | None:
        with self._lock:
            data = self._load()
            record = data["records"].get(self._key(resource))
            return _live(data, record, resource.inputs) if record else None

    def update(self, resource: Resource) -> Live:
        with self._lock:
            data = self._load()
            record = data["records"].get(self._key(resource))
            if record is None:
                raise Refused(f"{resource.id} is not there any more; a refresh takes it out of the state")
            self._refuse_conflicts(data, resource)
            return self._put(data, resource, record["computed"])

    def delete(self, resource: Resource) -> None:
        with self._lock:
            data = self._load()
            record = data["records"].get(self._key(resource))
            if record is None or kind(resource.type).kept:
                return
            self.may_delete(replace(resource, inputs=record["inputs"]))
            for key, one in list(data["records"].items()):
                if one is record or self.goes_with(one, resource):
                    del data["records"][key]
            self._save(data)

    def _refuse_conflicts(self, data: Data, resource: Resource) -> None:
        for key, record in data["records"].items():
            other = record["type"] == resource.type and key != self._key(resource)
            if other and (said := self.conflict(resource, record["inputs"])):
                raise Refused(said)

    def _taken(self, resource: Resource) -> str:
        return str(self.words(resource, "").fill(kind(resource.type).taken))

    def _scope(self, resource: Resource) -> str:
        return str(self.words(resource, "").fill(kind(resource.type).scope))

    def _key(self, resource: Resource) -> str:
        return " ".join((resource.type, self._scope(resource), resource.id))

    # The file

    def _put(self, data: Data, resource: Resource, before: Json) -> Live:
        computed = self.computed(replace(resource, inputs=resource.known), before)
        inputs = seal(resource.inputs, data["key"])
        record = Record(
            urn=resource.urn, type=resource.type, id=resource.id, inputs=inputs, computed=computed
        )
        data["records"][self._key(resource)] = record
        self._save(data)
        return _live(data, record, resource.inputs)

    def _load(self) -> Data:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return Data(key=secrets.token_hex(32), made={}, records={})
        version = (found.st_mtime_ns, found.st_ino, found.st_size)
        if self._read is None or self._read[0] != version:
            self._read = (version, cast(Data, json.loads(self._file.read_text())))
        return self._read[1]

    def _save(self, data: Data) -> None:
        """Replace the file in one step: whoever reads it, or kills this, finds it whole. Mode 0600."""
        self._read = None
        descriptor, temporary = tempfile.mkstemp(dir=self._file.parent, prefix=f".{self._file.name}-")
        try:
            with os.fdopen(descriptor, "w") as out:
                json.dump(data, out, indent=1)
            Path(temporary).replace(self._file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _live(data: Data, record: Record, like: Mapping[str, Any]) -> Live:
    inputs = unseal(record["inputs"], like, data["key"])
    return Live(id=record["id"], inputs=inputs, outputs=merge(record["computed"], inputs))


def seal(value: Any, key: str) -> Any:
    """The value with a digest in place of each secret."""
    if isinstance(value, Secret):
        return {SEALED: _digest(value, key)}
    return each(value, lambda item: seal(item, key))


def unseal(value: Any, like: Any, key: str) -> Any:
    """The value with its secrets, taken from `like` where they are the same."""
    if isinstance(value, dict) and list(cast(Json, value)) == [SEALED]:
        same = hmac.compare_digest(str(cast(Json, value)[SEALED]), _digest(like, key))
        return Secret(plain(like) if same else "(another value)")
    return beside(value, like, lambda item, other: unseal(item, other, key))


def _digest(value: Any, key: str) -> str:
    text = json.dumps(plain(value), sort_keys=True, default=str)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
