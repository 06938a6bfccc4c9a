"""AWS services that moto has only in part: emulated by the tables of api.toml, in memory."""

from collections.abc import Callable
from typing import Any, cast

from sandbox.clouds.web import ErrorResponse
from sandbox.wire.templates import fill, fill_text, search
from sandbox.wire.values import Json

KEPT = ("eks", "codebuild")

ARNS = ("arn", "addonArn", "accessEntryArn", "associationArn")  # what records call their ARN


class Kept:
    """The records of these services, by region and family."""

    def __init__(self, rules: Json, check: Callable[..., None], look: Callable[..., Any]) -> None:
        self._rules, self._check, self._look = rules, check, look
        self._records: dict[tuple[str, str], dict[str, Json]] = {}

    def records(self, region: str, family: str) -> dict[str, Json]:
        """Return the records of a family, by their keys."""
        return self._records.setdefault((region, family), {})

    def answer(self, service: str, action: str, params: Json, words: Json) -> Json:
        """Do what an operation's row says, and answer as it says."""
        if (row := self._rules[service].get(action)) is None:
            raise ErrorResponse(404, f"the sandbox's {service} has no {action}", "UnknownOperationException")
        if "tags" in row:
            self._check(service, action, words)
            return self._change_tags(row, words)
        does, family, region = row["does"], row["family"], words["region"]
        records, key = self.records(region, family), fill_text(self._rules["keys"][family], words)
        there = records.get(key)
        for holder in self._rules["parents"].get(family, ()):
            if (parent := fill_text(self._rules["keys"][holder], words)) not in self.records(region, holder):
                raise ErrorResponse(
                    404, f"No {holder} found for name: {parent}.", "ResourceNotFoundException"
                )
        if does in ("get", "change", "drop") and there is None and not row.get("again"):
            raise ErrorResponse(404, f"No {family} found for {key}.", "ResourceNotFoundException")
        if does == "put" and there is not None and not row.get("again"):
            raise ErrorResponse(
                409, f"{family} already exists: {key}", row.get("taken", "ResourceInUseException")
            )
        words["record"] = there
        self._check(service, action, words)
        for step in (one for one in row.get("calls", []) if search(one.get("if", "`true`"), words, words)):
            words[step["as"]] = self._look(service, step, words)
        left_out = ("clientRequestToken", *row.get("drop", ()))
        given = {name: item for name, item in params.items() if name not in left_out}
        made: Json = fill(row.get("made", {}), words) or {}
        if does == "put":
            there = records[key] = {**fill(row.get("defaults", {}), words), **given}
            there |= _merged(there, made)
        elif does == "change" and there is not None:
            new = _merged(there, given) | made
            if row.get("differs") and all(there.get(name) == item for name, item in new.items()):
                said = "No changes needed: it is at the desired configuration"
                raise ErrorResponse(400, said, "InvalidParameterException")
            there |= new
            there.pop(row.get("forget"), None)
        elif does == "drop":
            records.pop(key, None)
            for kin in [kin for kin, above in self._rules["parents"].items() if family in above]:
                kept = self.records(region, kin).items()
                left = {name: one for name, one in kept if not name.startswith(f"{key} ")}
                self._records[region, kin] = left
        of = fill_text(row.get("of", ""), words)
        found = [one for name, one in records.items() if name.startswith(of)]
        words |= {"record": there, "records": search(row.get("take", "@"), found, words)}
        return fill(row.get("answer", {}), words) or {}

    def _change_tags(self, row: Json, words: Json) -> Json:
        for (region, _), records in self._records.items():
            for record in records.values() if region == words["region"] else ():
                if words["resourceArn"] in (record.get(name) for name in ARNS):
                    tags = cast(Json, record.setdefault("tags", {}))
                    tags |= words.get("tags", {})
                    for name in words.get("tagKeys", []):
                        tags.pop(name, None)
                    return {"tags": tags} if row["tags"] == "read" else {}
        raise ErrorResponse(404, f"No resource with the ARN {words['resourceArn']}", "NotFoundException")


def _merged(old: Json, new: Json) -> Json:
    """The new values, objects with what the old ones have besides."""
    return {
        key: {**(old.get(key) or {}), **item} if isinstance(item, dict) else item for key, item in new.items()
    }
