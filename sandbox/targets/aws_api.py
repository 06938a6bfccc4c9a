"""AWS's API on this machine: moto answers, and aws_api.toml says what it lacks and where it is lenient.

Under `[[refuse."ec2 DeleteVpc"]]` is what AWS would refuse: a `look` at what is there (calls to moto, each
with a name), then `if`, JMESPath into the request and what was seen, or `match`, patterns of its values.
Under `[eks.CreateAddon]` is an operation that moto does not have: what it does with the records of a family.
"""

import functools
import io
import json
import os
import re
import secrets
import threading
import time
import tomllib
import traceback
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qs, parse_qsl, unquote
from xml.sax.saxutils import escape

import botocore.session
import jmespath
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from botocore.validate import ParamValidator

from sandbox.providers import aws_requests
from sandbox.providers.aws_requests import fill, text

Json: TypeAlias = "dict[str, Any]"
App: TypeAlias = "Callable[[dict[str, Any], Any], Iterable[bytes]]"

ACCOUNT = "123456789012"
"""moto's, and the one that AWS's own documentation uses."""

SETTINGS = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
"""AWS's own policies are there, so that none can be attached that does not exist; no machine is ever made."""

SCOPE = re.compile(r"Credential=[^/]+/\d+/([\w-]+)/([\w-]+)/aws4_request")
FORMS = ("ec2", "iam", "rds", "sts")
"""Services that take forms and answer XML."""

KEPT = ("eks", "codebuild")
"""Services that moto has only in part, so that none of it is used."""


class Fault(Exception):
    """What an API refuses, in its own words."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


def app() -> App:
    """The WSGI application; what it holds is gone with the process."""
    return Front()


class Front:
    """What stands before moto."""

    def __init__(self) -> None:
        os.environ.update(SETTINGS)
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._moto: Any = DomainDispatcherApplication(create_backend_app)
        _mend()
        self._rules = tomllib.loads(Path(__file__).with_name("aws_api.toml").read_text())
        self._records: dict[tuple[str, str], dict[str, Json]] = {}
        """Of a region and a family, by keys."""
        self._session = botocore.session.Session()
        self._client = functools.cache(self._new_client)
        self._lock = threading.Lock()  # moto's models are not made for several requests at once

    def __call__(self, environ: Json, start: Any) -> Iterable[bytes]:
        found = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        region, service = found.groups() if found else ("us-east-1", "")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            try:
                return self._answer(environ, start, region, service, body)
            except Fault as fault:
                return _refuse(start, service, fault)
            except Exception as error:
                # Said at once and without details: clients would try a 500 again and again.
                last = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{last.name} of {Path(last.filename).name}"
                said = f"{type(error).__name__} in the sandbox's AWS: {place}, at a request to {service}"
                return _refuse(start, service, Fault("SandboxFault", said))

    def _answer(self, environ: Json, start: Any, region: str, service: str, body: bytes) -> Iterable[bytes]:
        if service in KEPT:
            operation, params = self._operation(service, environ, body)
            action = operation.name
        else:
            action, params = _asked(service, environ, body)
        words = {
            **params,
            "region": region,
            "account": ACCOUNT,
            "now": time.time(),
            "uuid": str(uuid.uuid4()),
        }
        words |= {"hex32": secrets.token_hex(16).upper(), "id17": secrets.token_hex(9)[:17]}
        if service in KEPT:
            row = self._rules[service].get(action)
            if row is None:
                raise Fault("UnknownOperationException", f"the sandbox's {service} has no {action}", 404)
            return _json(start, self._keep(service, action, row, params, words))
        self._check(service, action, words)
        own = getattr(self, f"_{action.replace(' ', '_')}", None)
        if own and action in INSTEAD:
            return _said(start, service, action, own(region, params))
        said = b"".join(self._moto(environ, start))
        done = own and not re.search(rb"<Error>", said)
        return [(own(region, params, said) if own and done else None) or said]

    # What AWS refuses and moto does not

    def _check(self, service: str, action: str, words: Json) -> None:
        for rule in self._rules["refuse"].get(f"{service} {action}", []):
            for step in rule.get("look", []):
                words[step["as"]] = self._look(service, step, words)
            wrong = [
                name
                for name, pattern in rule.get("match", {}).items()
                if (value := jmespath.search(name, words)) is not None
                and not re.fullmatch(pattern, str(value))
            ]
            if wrong or ("if" in rule and jmespath.search(text(rule["if"], words), words)):
                raise Fault(rule["code"], text(rule["say"], words), rule.get("status", 400))

    def _look(self, service: str, step: Json, words: Json) -> Any:
        """What there is: of a service in moto, or of a kept family."""
        if "family" in step:
            records = self._records.get((words["region"], step["family"]), {})
            return jmespath.search(text(step["take"], words), list(records.values()))
        client = self._client(step.get("service", service), text(step.get("region", "<region>"), words))
        sent: Json = fill(step.get("with", {}), words) or {}
        try:
            answer = aws_requests.send(client, step["call"], sent)
        except ClientError as error:
            if "else" in step:
                return step["else"]
            found = cast(Json, error.response)["Error"]
            raise Fault(found["Code"], found["Message"]) from error
        return jmespath.search(text(step["take"], words), answer)

    def _new_client(self, service: str, region: str) -> Any:
        """A client that asks moto without a network between."""
        from botocore.awsrequest import AWSResponse
        from werkzeug.test import Client

        def ask(request: Any, **_: Any) -> Any:
            headers = {
                key: value if isinstance(value, str) else value.decode()
                for key, value in request.headers.items()
            }
            answer = Client(self._moto).open(
                request.url, method=request.method, headers=headers, data=request.body or b""
            )
            raw: Any = io.BytesIO(answer.data)
            raw.stream = lambda: iter([answer.data])
            return AWSResponse(request.url, answer.status_code, cast(Any, dict(answer.headers)), raw)

        keys: Any = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
        config = Config(s3={"addressing_style": "path"})
        client: Any = self._session.create_client(service, region, config=config, **keys)
        client.meta.events.register("before-send", ask)
        return client

    # What moto does not have

    def _operation(self, service: str, environ: Json, body: bytes) -> tuple[OperationModel, Json]:
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

    def _keep(self, service: str, action: str, row: Json, params: Json, words: Json) -> Json:
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

    # What moto forgets, or would answer with an error of its own

    def _AssociateKmsKey(self, region: str, params: Json) -> None:
        group = _backend("logs", region).groups.get(params.get("logGroupName"))
        if group is None:
            raise Fault("ResourceNotFoundException", "The specified log group does not exist.")
        group.kms_key_id = params.get("kmsKeyId")

    _DisassociateKmsKey = _AssociateKmsKey

    def _AuthorizeSecurityGroupIngress(self, region: str, params: Json, said: bytes) -> None:
        for peer in params["IpPermissions"][0].get("Groups", []):
            for ident in re.findall(rb"sgr-[0-9a-f]+", said):
                rule = _group(region, params).get_rule(ident.decode())
                rule.ip_range["Description"] = peer.get("Description")

    _AuthorizeSecurityGroupEgress = _AuthorizeSecurityGroupIngress

    def _ModifySecurityGroupRules(self, region: str, params: Json, said: bytes) -> None:
        for one in params["SecurityGroupRule"]:
            rule = _group(region, params).get_rule(one["SecurityGroupRuleId"])
            if peer := one["SecurityGroupRule"].get("ReferencedGroupId"):
                rule.source_group["GroupId"] = peer

    def _AddClientIDToOpenIDConnectProvider(self, region: str, params: Json) -> None:
        ids = (
            _backend("iam", "aws")
            .get_open_id_connect_provider(params["OpenIDConnectProviderArn"])
            .client_id_list
        )
        ids.extend([params["ClientID"]] if params["ClientID"] not in ids else [])

    def _RemoveClientIDFromOpenIDConnectProvider(self, region: str, params: Json) -> None:
        ids = (
            _backend("iam", "aws")
            .get_open_id_connect_provider(params["OpenIDConnectProviderArn"])
            .client_id_list
        )
        ids[:] = [one for one in ids if one != params["ClientID"]]

    def _ModifyVpcEndpoint(self, region: str, params: Json, said: bytes) -> None:
        ec2, ident = _backend("ec2", region), params["VpcEndpointId"]
        prefix = ec2.vpc_end_points[ident].destination_prefix_list_id
        for table in params.get("AddRouteTableId", []):
            ec2.create_route(table, None, gateway_id=ident, destination_prefix_list_id=prefix)
        for table in params.get("RemoveRouteTableId", []):
            ec2.delete_route(table, prefix)

    def _GET_replication(self, region: str, params: Json) -> bytes:
        found = getattr(_backend("s3", "aws").buckets.get(params["Bucket"]), "replication", None)
        if not found:
            said = "The replication configuration was not found"
            raise Fault("ReplicationConfigurationNotFoundError", said, 404)
        import xmltodict

        return xmltodict.unparse({"ReplicationConfiguration": found}).encode()  # moto makes up parts of it

    def _CreateDBInstance(self, region: str, params: Json, said: bytes) -> bytes:
        self._ModifyDBInstance(region, params, said)
        database = _backend("rds", region).databases[params["DBInstanceIdentifier"]]
        same, database.dbi_resource_id = database.dbi_resource_id, f"db-{uuid.uuid4().hex[:26].upper()}"
        return said.replace(same.encode(), database.dbi_resource_id.encode())  # moto's is the same for all

    def _ModifyDBInstance(self, region: str, params: Json, said: bytes) -> None:
        database = _backend("rds", region).databases.get(params["DBInstanceIdentifier"])
        if "EnablePerformanceInsights" in params:
            database.performance_insights_enabled = params["EnablePerformanceInsights"] == "true"
        for name in ("KMSKeyId", "RetentionPeriod"):
            if value := params.get(f"PerformanceInsights{name}"):
                attribute = {"KMSKeyId": "kms_key_id"}.get(name, "retention_period")
                setattr(
                    database, f"performance_insights_{attribute}", int(value) if value.isdigit() else value
                )


def _mend() -> None:
    """Where moto 5.2 does what AWS does not: it loses a subnet group that is changed, stumbles over a bucket
    policy about everybody, and delivers logs at once, so that the bucket for them could never be deleted."""
    from moto.iam.models import IAMBackend
    from moto.rds.models import RDSBackend
    from moto.s3.models import FakeBucket, S3Backend

    iam: Any = IAMBackend
    policies: Any = iam._init_aws_policies

    bucket: Any = FakeBucket
    allowed: Any = bucket._log_permissions_enabled_policy

    def may_log(target_bucket: Any, target_prefix: str | None) -> bool:
        found: Json = json.loads(target_bucket.policy or b'{"Statement": []}')
        found["Statement"] = [one for one in found["Statement"] if isinstance(one.get("Principal"), dict)]
        names = {"name": target_bucket.name, "partition": target_bucket.partition}
        return bool(allowed(SimpleNamespace(**names, policy=json.dumps(found).encode()), target_prefix))

    bucket._log_permissions_enabled_policy = staticmethod(may_log)

    change: Any = RDSBackend.modify_db_subnet_group

    @functools.wraps(change)
    def kept(self: Any, subnet_name: str, *args: Any, **named: Any) -> Any:
        self.subnet_groups[subnet_name] = group = change(self, subnet_name, *args, **named)
        return group

    if not hasattr(change, "__wrapped__"):
        cast(Any, RDSBackend).modify_db_subnet_group = kept
    cast(Any, S3Backend).log_incoming_request = _nothing

    def policies_of_ours(self: Any) -> list[Any]:
        return policies(self) if self.partition == "aws" else []  # loading them takes a second for each

    iam._init_aws_policies = policies_of_ours


def _nothing(*_: Any) -> None: ...


INSTEAD = (
    "AssociateKmsKey",
    "DisassociateKmsKey",
    "AddClientIDToOpenIDConnectProvider",
    "RemoveClientIDFromOpenIDConnectProvider",
    "GET replication",
)
"""Of the operations above, those that moto is not asked at all."""


def _backend(service: Any, region: str) -> Any:
    from moto.backends import get_backend

    return cast(Any, get_backend(service))[ACCOUNT][region]


def _group(region: str, params: Json) -> Any:
    return _backend("ec2", region).get_security_group_from_id(params["GroupId"])


# Requests


def _asked(service: str, environ: Json, body: bytes) -> tuple[str, Json]:
    """The action and its parameters; of S3 the method and the first word of the query: PUT replication."""
    if service in FORMS:
        params = dict(parse_qsl(body.decode()))
        return params.get("Action", ""), _nested(params)
    if service == "s3":
        bucket, _, key = environ["PATH_INFO"].strip("/").partition("/")
        query = next(iter(parse_qs(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)), "")
        return f"{environ['REQUEST_METHOD']} {query if not key else 'object'}".strip(), {
            "Bucket": bucket,
            "body": _parsed(body) if not key else {},
            "buckets": re.findall(r"arn:aws:s3:::([\w.-]+)", body.decode(errors="replace")),
        }
    action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    return action, cast(Json, json.loads(body or b"{}")) if action else {}


def _parsed(body: bytes) -> Any:
    import xmltodict

    if body[:1] == b"{":
        return json.loads(body)
    return xmltodict.parse(body) if body[:1] == b"<" else {}


def _nested(params: Json) -> Json:
    """The values of a form, in the objects and lists that their names tell: Tags.Tag.1.Key."""
    made: Json = {}
    for name, value in params.items():
        *path, last = name.split(".")
        place = made
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return _lists(made)


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found = {key: _lists(item) for key, item in cast(Json, value).items()}
    return list(found.values()) if found and all(key.isdigit() for key in found) else found


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


# Answers


def _json(start: Any, answer: Any) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "application/x-amz-json-1.1")])
    return [json.dumps(answer).encode()]


def _said(start: Any, service: str, action: str, answer: bytes | None) -> Iterable[bytes]:
    if service not in (*FORMS, "s3"):
        return _json(start, {})
    start("200 OK", [("Content-Type", "text/xml")])
    return [answer or f"<{action}Response><ResponseMetadata/></{action}Response>".encode()]


def _refuse(start: Any, service: str, fault: Fault) -> Iterable[bytes]:
    inner = f"<Error><Code>{fault.code}</Code><Message>{escape(fault.message)}</Message></Error>"
    forms = {"s3": inner, "ec2": f"<Response><Errors>{inner}</Errors></Response>"}
    xml = forms.get(service, f"<ErrorResponse>{inner}</ErrorResponse>")
    plain = json.dumps({"__type": fault.code, "code": fault.code, "message": fault.message})
    said, kind = (xml, "text/xml") if service in (*FORMS, "s3") else (plain, "application/x-amz-json-1.1")
    start(f"{fault.status} Refused", [("Content-Type", kind), ("x-amzn-ErrorType", fault.code)])
    return [said.encode()]
