"""AWS services that moto has only in part: kept whole, as aws_api.toml says, until the process ends."""

import json
import re
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import parse_qs, unquote

import jmespath
from botocore.model import OperationModel
from botocore.validate import ParamValidator

from sandbox.providers import aws_requests
from sandbox.providers.aws_requests import fill, text
from sandbox.targets.aws_fault import Fault, Json

KEPT = ("eks", "codebuild")


class Kept:
    """The records of these services, by region and family."""

    def __init__(
        self,
        session: Any,
        rules: Json,
        check: Callable[[str, str, Json], None],
        look: Callable[[str, Json, Json], Any],
    ) -> None:
        self._session, self._rules, self._check, self._look = session, rules, check, look
        self._records: dict[tuple[str, str], dict[str, Json]] = {}

    def records(self, region: str, family: str) -> list[Json]:
        """What there is of a family."""
        return list(self._records.get((region, family), {}).values())

    def operation(self, service: str, environ: Json, body: bytes) -> tuple[OperationModel, Json]:
        """What a request asks for, checked with botocore's model."""
        model, given = self._session.get_service_model(service), cast(Json, json.loads(body or b"{}"))
        operation = None
        if target := environ.get("HTTP_X_AMZ_TARGET"):
            operation = model.operation_model(target.rpartition(".")[2])
        path = (environ.get("REQUEST_URI") or environ["PATH_INFO"]).partition("?")[0]
        for name in () if operation else model.operation_names:
            one = model.operation_model(name)
            pattern = re.sub(
                r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(one.http["requestUri"].partition("?")[0])
            )
            found = re.fullmatch(pattern, path)
            if found and one.http["method"] == environ["REQUEST_METHOD"]:
                operation = one
                given |= _placed(one, found.groupdict(), parse_qs(environ.get("QUERY_STRING", "")))
        if operation is None:
            raise Fault("NotFoundException", f"{environ['REQUEST_METHOD']} {path}", 404)
        shape: Any = operation.input_shape
        report = ParamValidator().validate(given, shape)
        faults = [report.generate_report()] if report.has_errors() else []
        faults += aws_requests.faults(shape, given, frozenset())
        if faults:
            code = "InvalidParameterException" if service == "eks" else "InvalidInputException"
            raise Fault(code, "; ".join(faults))
        return operation, given

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
        words |= {"record": there, "records": jmespath.search(text(row.get("take", "@"), words), found)}
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


def _placed(operation: OperationModel, uri: Json, query: Json) -> Json:
    made: Json = {}
    for name, shape in operation.input_shape.members.items() if operation.input_shape else ():
        where, label = shape.serialization.get("location"), shape.serialization.get("name", name)
        if where == "uri" and label in uri:
            made[name] = unquote(uri[label])
        elif where == "querystring" and label in query:
            one = query[label][0]
            made[name] = (
                query[label]
                if shape.type_name == "list"
                else {"boolean": one == "true"}.get(shape.type_name, one)
            )
    return made


def _merged(old: Json, new: Json) -> Json:
    """The new values, objects with what the old ones have besides."""
    return {
        key: {**(old.get(key) or {}), **item} if isinstance(item, dict) else item for key, item in new.items()
    }
