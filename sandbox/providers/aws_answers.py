"""What AWS answers, in the words of the SDK and as the program writes it."""

import datetime
import json
from typing import Any, cast

from sandbox.providers import schema
from sandbox.providers.values import Json, project


def spelled(cls: type[Any], raw: Json) -> Json:
    """What an API answered, with the SDK's names and shapes; what the SDK does not know is left out."""
    found = {key.lower(): item for key, item in raw.items()}
    made: Json = {}
    for name, prop in schema.properties(cls).items():
        item = _spelled(prop.hint, found.get(name.lower()))
        if item is not None:
            made[name] = item
    return made


def _spelled(hint: Any, value: Any) -> Any:
    option: Any = next(iter(schema.value_hints(hint)), Any)
    wanted = schema.noun(option)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict) and wanted == "a string":
        return json.dumps(value)
    items = cast(
        list[Any], value if isinstance(value, list) else [value] if wanted == "a list" and value else []
    )
    if isinstance(value, list) and wanted == "an object" and not schema.is_object(option):
        pairs = [(one[min(one)], one[max(one)]) for one in cast(list[dict[str, str]], items)]
        return dict(pairs)  # tags: Key before Value, TagKey before TagValue
    single = items[0] if items else cast(Any, value)
    if isinstance(single, dict) and schema.is_object(option):
        return spelled(option, cast(Json, single))
    if wanted == "a list" and isinstance(value, list | dict):
        inner = (*schema.typing.get_args(option), Any)[0]
        return [_spelled(inner, item) for item in items]
    if wanted == "a string" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return cast(Any, value)


def aligned(live: Any, given: Any, path: str, unread: list[str]) -> Any:
    """What is there, as the program writes it: lists in its order, documents in its layout."""
    if isinstance(live, dict) and isinstance(given, dict):
        found, wanted = cast(Json, live), cast(Json, given)
        made: Json = {}
        for key in dict.fromkeys((*found, *wanted)):
            inner = f"{path}.{key}".removeprefix(".")
            if key not in wanted:
                made[key] = found[key]
            elif found.get(key) is None:
                if not wanted[key] or inner in unread:
                    made[key] = wanted[key]
            else:
                made[key] = aligned(found[key], wanted[key], inner, unread)
        return made
    if isinstance(live, list) and isinstance(given, list):
        rest, places = list(cast(list[Any], live)), dict[int, Any]()
        wants = cast(list[Any], given)
        for place, want in enumerate(wants):
            for item in rest:
                same = aligned(item, want, path, unread)
                if project(same, want) == want:
                    rest.remove(item)
                    places[place] = same
                    break
        for place, want in enumerate(wants):
            if place not in places and rest:
                places[place] = aligned(rest.pop(0), want, path, unread)
        return [*(places[place] for place in sorted(places)), *rest]
    if isinstance(live, str) and isinstance(given, str) and given.lstrip().startswith(("{", "[")):
        try:
            return given if json.loads(live) == json.loads(given) else live
        except ValueError:
            return live
    return cast(Any, live)
