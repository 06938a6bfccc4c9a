"""In-memory emulations of AWS services that moto lacks or has only in part, defined in api.toml."""

from collections.abc import Callable
from typing import Any, cast

from sandbox.clouds.web import ErrorResponse
from sandbox.wire.templates import fill, fill_text, search
from sandbox.wire.values import Json

SERVICES = (
    "eks",
    "codebuild",
    "backup",
    "codeconnections",
    "guardduty",
    "accessanalyzer",
    "budgets",
    "ce",
)

ARN_MEMBERS = ("arn", "addonArn", "accessEntryArn", "associationArn", "BackupVaultArn", "BackupPlanArn")
"""Names of the members that can hold the ARN of a record."""

TAG_PARAMETERS = {
    "backup": ("ResourceArn", "Tags", "TagKeyList"),
    "guardduty": ("ResourceArn", "Tags", "TagKeys"),
    "budgets": ("ResourceARN", "ResourceTags", "ResourceTagKeys"),
    "ce": ("ResourceArn", "ResourceTags", "ResourceTagKeys"),
}
"""A service's parameters for the ARN, the tags and the removed keys, if they differ from EKS's.

`ResourceTags` are a list of keys and values; other tags are a map.
"""


class EmulatedServices:
    """The records of the emulated services by region and family, and the operations on them.

    - `rules`: the tables of api.toml
    - `check(service, action, variables)`: raises ErrorResponse if a rule refuses the request
    - `look(service, step, variables)`: returns the existing objects that a step of a row selects
    """

    def __init__(self, rules: Json, check: Callable[..., None], look: Callable[..., Any]) -> None:
        self._rules, self._check, self._look = rules, check, look
        self._records: dict[tuple[str, str], dict[str, Json]] = {}

    def records(self, region: str, family: str) -> dict[str, Json]:
        """Return the records of a family by their keys."""
        return self._records.setdefault((region, family), {})

    def connect(self, region: str, account: str, ident: str) -> None:
        """Add a connection to GitHub as it is after a person has approved it in the console."""
        arn = f"arn:aws:codeconnections:{region}:{account}:connection/{ident}"
        self.records(region, "Connection")[arn] = {
            "ConnectionName": "github",
            "ConnectionArn": arn,
            "ProviderType": "GitHub",
            "OwnerAccountId": account,
            "ConnectionStatus": "AVAILABLE",
        }

    def respond(self, service: str, action: str, params: Json, variables: Json) -> Json:
        """Perform an operation as its row in api.toml describes; return the response."""
        row = self._rules[service].get(action)
        if row is None:
            raise ErrorResponse(404, f"the sandbox's {service} has no {action}", "UnknownOperationException")
        if "tags" in row:
            self._check(service, action, variables)
            return self._change_tags(service, row, variables)
        family, region = row["family"], variables["region"]
        records, key = self.records(region, family), fill_text(self._rules["keys"][family], variables)
        self._require_parents(family, region, variables)
        record = records.get(key)
        self._check_existence(row, key, record)
        variables["record"] = record
        self._check(service, action, variables)
        for step in row.get("calls", []):
            if search(step.get("if", "`true`"), variables, variables):
                variables[step["as"]] = self._look(service, step, variables)
        omitted = ("clientRequestToken", *row.get("drop", ()))
        sent = {name: item for name, item in params.items() if name not in omitted}
        added: Json = fill(row.get("made", {}), variables) or {}
        match row["does"]:
            case "put":
                record = records[key] = {**fill(row.get("defaults", {}), variables), **sent}
                record |= _merged(record, added)
                if "ResourceTags" in record:
                    record["tags"] = _tag_map(record.pop("ResourceTags"))
            case "change" if record is not None:
                _change(record, _merged(record, sent) | added, row)
            case "drop":
                records.pop(key, None)
                self._drop_children(region, family, key)
            case _:
                pass
        prefix = fill_text(row.get("of", ""), variables)
        listed = [item for name, item in records.items() if name.startswith(prefix)]
        variables |= {"record": record, "records": search(row.get("take", "@"), listed, variables)}
        return fill(row.get("answer", {}), variables) or {}

    def _require_parents(self, family: str, region: str, variables: Json) -> None:
        """Raise ErrorResponse if a parent record that the family requires does not exist."""
        for parent in self._rules["parents"].get(family, ()):
            name = fill_text(self._rules["keys"][parent], variables)
            if name not in self.records(region, parent):
                raise self._not_found(parent, f"name: {name}")

    def _check_existence(self, row: Json, key: str, record: Json | None) -> None:
        """Raise ErrorResponse if an operation needs a missing record, or would create one that exists."""
        if row.get("again"):
            return
        does, family = row["does"], row["family"]
        if does in ("get", "change", "drop") and record is None:
            raise self._not_found(family, key)
        if does == "put" and record is not None:
            code = row.get("taken", "ResourceInUseException")
            raise ErrorResponse(409, f"{family} already exists: {key}", code)

    def _not_found(self, family: str, key: str) -> ErrorResponse:
        """Return the service's error for a missing record."""
        message = f"No {family} found for {key}."
        error = self._rules["missing"].get(family, {})
        status = error.get("status", 404)
        return ErrorResponse(
            status, error.get("say", message), error.get("code", "ResourceNotFoundException")
        )

    def _drop_children(self, region: str, family: str, key: str) -> None:
        """Delete the child records of a deleted record."""
        for child, parents in self._rules["parents"].items():
            if family in parents:
                remaining = {
                    name: record
                    for name, record in self.records(region, child).items()
                    if not name.startswith(f"{key} ")
                }
                self._records[region, child] = remaining

    def _change_tags(self, service: str, row: Json, variables: Json) -> Json:
        """Read, add or remove tags of the record with the ARN in the request."""
        arn_name, tags_name, keys_name = TAG_PARAMETERS.get(service, ("resourceArn", "tags", "tagKeys"))
        arn = variables[arn_name]
        record = self._find_by_arn(variables["region"], arn)
        if record is None:
            raise ErrorResponse(404, f"No resource with the ARN {arn}", "NotFoundException")
        tags = cast(Json, record.setdefault("tags", {}))
        tags |= _tag_map(variables.get(tags_name, {}))
        for name in variables.get(keys_name, []):
            tags.pop(name, None)
        if row["tags"] != "read":
            return {}
        as_list = [{"Key": key, "Value": value} for key, value in tags.items()]
        return {tags_name: as_list if tags_name == "ResourceTags" else tags}

    def _find_by_arn(self, region: str, arn: str) -> Json | None:
        for (records_region, _), records in self._records.items():
            if records_region != region:
                continue
            for record in records.values():
                if arn in (record.get(name) for name in ARN_MEMBERS):
                    return record
        return None


def _tag_map(tags: Json | list[Json]) -> Json:
    """Return tags as a map."""
    return {tag["Key"]: tag["Value"] for tag in tags} if isinstance(tags, list) else tags


def _change(record: Json, changes: Json, row: Json) -> None:
    """Change a record. Raise ErrorResponse if the row requires a difference and the changes make none."""
    if row.get("differs") and all(record.get(name) == item for name, item in changes.items()):
        message = "No changes needed: it is at the desired configuration"
        raise ErrorResponse(400, message, "InvalidParameterException")
    record |= changes
    for name in row.get("forget", ()):
        record.pop(name, None)


def _merged(old: Json, new: Json) -> Json:
    """Return the new members. A member that is an object is merged with the old object."""
    merged: Json = {}
    for key, item in new.items():
        merged[key] = {**(old.get(key) or {}), **item} if isinstance(item, dict) else item
    return merged
