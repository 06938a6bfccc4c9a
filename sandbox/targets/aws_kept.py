"""AWS services that moto has only in part: kept whole, as aws_api.toml says, until the process ends."""

from collections.abc import Callable
from typing import Any, cast

from sandbox.providers.templates import fill, search, text
from sandbox.targets.aws_moto import Fault, Json

KEPT = ("eks", "codebuild")


class Kept:
    """The records of these services, by region and family."""

    def __init__(
        self, rules: Json, check: Callable[[str, str, Json], None], look: Callable[[str, Json, Json], Any]
    ) -> None:
        self._rules, self._check, self._look = rules, check, look
        self._records: dict[tuple[str, str], dict[str, Json]] = {}

    def records(self, region: str, family: str) -> list[Json]:
        """What there is of a family."""
        return list(self._records.get((region, family), {}).values())

    def answer(self, service: str, action: str, params: Json, words: Json) -> Json:
        """Do what an operation's row says, and answer as it says."""
        row = self._rules[service].get(action)
        if row is None:
            raise Fault("UnknownOperationException", f"the sandbox's {service} has no {action}", 404)
        family = row.get("family", "")
        records = self._records.setdefault((words["region"], family), {})
        if row.get("tags"):
            return self._change_tags(row, words)
        key = text(self._rules["keys"][family], words) if family else ""
        there = records.get(key)
        parent = key.rpartition("/")[0] if family not in ("Cluster", "Project") else ""
        holder = self._rules["parents"].get(family, "")
        if parent and parent.split("/")[0] not in self._records.get((words["region"], holder), {}):
            raise Fault("ResourceNotFoundException", f"No {holder} found for name: {parent}.", 404)
        if row["does"] in ("get", "change", "drop") and there is None:
            raise Fault("ResourceNotFoundException", f"No {family} found for {key}.", 404)
        if row["does"] == "put" and there is not None and not row.get("again"):
            raise Fault(row.get("taken", "ResourceInUseException"), f"{family} already exists: {key}", 409)
        words["record"] = there
        self._check(service, action, words)
        for step in row.get("calls", []):
            words[step["as"]] = self._look(service, step, words)
        given = {
            name: item
            for name, item in params.items()
            if name not in ("clientRequestToken", *row.get("drop", ()))
        }
        if row["does"] == "put":
            there = records[key] = {**fill(row.get("defaults", {}), words), **given}
            there |= _merged(there, fill(row.get("made", {}), words) or {})
        elif row["does"] == "change" and there is not None:
            new: Json = _merged(there, given) | (fill(row.get("made", {}), words) or {})
            if row.get("differs") and all(there.get(name) == item for name, item in new.items()):
                raise Fault(
                    "InvalidParameterException", "No changes needed: it is at the desired configuration"
                )
            there |= new
        elif row["does"] == "drop":
            for (region, _), kept in self._records.items():
                for one in [
                    one for one in kept if region == words["region"] and f"{one}/".startswith(f"{key}/")
                ]:
                    del kept[one]
        if there is not None and "forget" in row:
            there.pop(row["forget"], None)
        of = text(row.get("of", ""), words)
        found = [one for name, one in records.items() if name.startswith(of)]
        words |= {"record": there, "records": search(text(row.get("take", "@"), words), found)}
        return fill(row.get("answer", {}), words) or {}

    def _change_tags(self, row: Json, words: Json) -> Json:
        arns = ("arn", "addonArn", "accessEntryArn", "associationArn")
        for (region, _), records in self._records.items():
            for record in records.values():
                if region == words["region"] and words["resourceArn"] in (record.get(name) for name in arns):
                    tags = cast(Json, record.setdefault("tags", {}))
                    tags.update(words.get("tags", {}))
                    for name in words.get("tagKeys", []):
                        tags.pop(name, None)
                    return {"tags": tags} if row["tags"] == "read" else {}
        raise Fault("NotFoundException", f"No resource with the ARN {words['resourceArn']}", 404)


def _merged(old: Json, new: Json) -> Json:
    """The new values, objects with what the old ones have besides."""
    return {
        key: {**(old.get(key) or {}), **item} if isinstance(item, dict) else item for key, item in new.items()
    }
