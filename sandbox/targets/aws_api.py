"""AWS's API on this machine: moto answers, and aws_api.toml says what it lacks and where it is lenient.

Under `[[refuse."ec2 DeleteVpc"]]` is what AWS would refuse: a `look` at what is there (calls to moto, each
with a name), then `if`, JMESPath into the request and what was seen, or `match`, patterns of its values.
Under `[eks.CreateAddon]` is an operation that moto does not have: what it does with the records of a family.
"""

import base64
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
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qs, parse_qsl
from xml.sax.saxutils import escape

import botocore.session
import jmespath
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.providers import aws_requests
from sandbox.providers.aws_requests import fill, text
from sandbox.targets import aws_moto
from sandbox.targets.aws_fault import Fault, Json
from sandbox.targets.aws_kept import KEPT, Kept

App: TypeAlias = "Callable[[dict[str, Any], Any], Iterable[bytes]]"

SETTINGS = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
"""AWS's own policies are there, so that none can be attached that does not exist; no machine is ever made."""

SCOPE = re.compile(r"Credential=[^/]+/\d+/([\w-]+)/([\w-]+)/aws4_request")
FORMS = ("ec2", "iam", "rds", "sts")
"""Services that take forms and answer XML."""


def app(kubeconfig: Path | None = None) -> App:
    """The WSGI application, which keeps all in memory; `kubeconfig`: of the server behind EKS's clusters."""
    return Front(kubeconfig)


class Front:
    """What stands before moto."""

    def __init__(self, kubeconfig: Path | None) -> None:
        self._kubeconfig = kubeconfig
        os.environ.update(SETTINGS)
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._moto: Any = DomainDispatcherApplication(create_backend_app)
        aws_moto.mend()
        self._rules = tomllib.loads(Path(__file__).with_name("aws_api.toml").read_text())
        self._session = botocore.session.Session()
        self._client = functools.cache(self._new_client)
        self._kept = Kept(self._session, self._rules, self._check, self._look)
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
            operation, params = self._kept.operation(service, environ, body)
            action = operation.name
        else:
            action, params = _asked(service, environ, body)
        words = {
            **params,
            "region": region,
            "account": aws_moto.ACCOUNT,
            "now": time.time(),
            "uuid": str(uuid.uuid4()),
        }
        words |= {"hex32": secrets.token_hex(16).upper(), "id17": secrets.token_hex(9)[:17]}
        if service in KEPT:
            words |= self._cluster() if service == "eks" else {}
            return _json(start, self._kept.answer(service, action, params, words))
        self._check(service, action, words)
        if instead := aws_moto.INSTEAD.get(action):
            return _said(start, service, action, instead(region, params))
        said = b"".join(self._moto(environ, start))
        afterwards = None if b"<Error>" in said else aws_moto.AFTERWARDS.get(action)
        return [(afterwards(region, params, said) if afterwards else None) or said]

    def _cluster(self) -> Json:
        """The address of the control plane's server, and its certificate in base64, where there is one."""
        if self._kubeconfig is None:
            return {}
        cluster = yaml.safe_load(self._kubeconfig.read_text())["clusters"][0]["cluster"]
        authority = Path(cluster["certificate-authority"]).read_bytes()
        return {"server": cluster["server"], "authority": base64.b64encode(authority).decode()}

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
            there = self._kept.records(words["region"], step["family"])
            return jmespath.search(text(step["take"], words), there)
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
