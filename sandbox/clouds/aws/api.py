"""AWS's API on this machine: moto, with the missing operations and checks of api.toml.

Every request is read and checked by botocore's model of its service before anything else sees it.
"""

import base64
import io
import json
import os
import re
import threading
import time
import tomllib
import traceback
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import yaml
from botocore.exceptions import ClientError, UnknownServiceError
from botocore.validate import ParamValidator
from werkzeug.exceptions import NotFound
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from eks_versions import OFFERED, UPGRADES
from sandbox.clouds.aws import moto_patches
from sandbox.clouds.aws.emulated import KEPT, Kept
from sandbox.clouds.web import ErrorResponse
from sandbox.wire import aws_requests, policy_documents
from sandbox.wire.aws_account import ACCOUNT
from sandbox.wire.templates import fill, fill_text, search
from sandbox.wire.values import Json

SETTINGS = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
"""AWS's own policies are there, so that none can be attached that does not exist; no machine is ever made."""

SCOPE = re.compile(r"Credential=[^/]+/\d+/([\w-]+)/([\w-]+)/aws4_request")

ARN = re.compile(r"arn:aws:s3:::([\w.-]+)")

INVALID = {"eks": "InvalidParameterException", "codebuild": "InvalidInputException"}
"""What a request is called that its service's model does not allow; elsewhere ValidationException."""


VERSIONS = {"offered_versions": list(OFFERED), "version_upgrades": list(UPGRADES)}
"""Facts of EKS that the rules in api.toml compare versions with."""


class AwsApi:
    """A WSGI application that keeps all in memory; `kubeconfig`: of the server behind EKS's clusters."""

    def __init__(self, kubeconfig: Path | None = None) -> None:
        self._kubeconfig = kubeconfig
        os.environ.update(SETTINGS)
        from moto.core.botocore_stubber import BotocoreStubber
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._moto: Any = DomainDispatcherApplication(create_backend_app)
        moto_patches.mend()
        ask_moto: Any = BotocoreStubber()  # without a network between
        ask_moto.enabled = True
        self._clients = aws_requests.Clients(None, attempts=1)
        self._clients.session.register("before-send", ask_moto)
        self._rules = tomllib.loads(Path(__file__).with_name("api.toml").read_text())
        self._kept = Kept(self._rules, self._check, self._look)
        self._lock = threading.Lock()  # moto's models are not made for several requests at once

    def __call__(self, environ: Json, start: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            return self._respond(environ, body)(environ, start)

    def _respond(self, environ: Json, body: bytes) -> Any:
        """The application that answers."""
        from moto.core.request import Request, determine_request_protocol
        from moto.core.routing import get_service_router
        from moto.core.serialize import get_serializer_class

        if (found := SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))) is None:
            return self._moto
        region, service = found.groups()
        # S3 Control is signed as S3, and known by its version alone.
        service = "s3control" if environ["PATH_INFO"].startswith("/v20180820/") else service
        request: Any = Request({**environ, "wsgi.input": io.BytesIO(body)})
        try:
            operation, place = get_service_router(service).match(request)
            protocol = determine_request_protocol(operation.service_model, request.content_type)
        except (NotFound, NotImplementedError, UnknownServiceError):
            return self._moto  # of no service that the program uses, or nothing that its model knows
        try:
            params = _params(operation, protocol, request, place)
            answer = self._answer(environ, region, service, operation, params)
        except ErrorResponse as refusal:
            answer = refusal
        except Exception as error:
            # Said at once and without details: clients would try a 500 again and again.
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{last.name} of {Path(last.filename).name}"
            said = f"{type(error).__name__} in the sandbox's AWS: {where}, at a request to {service}"
            answer = ErrorResponse(400, said, "SandboxFault")
        if isinstance(answer, Response):
            return answer
        made = get_serializer_class(service, protocol)(operation).serialize(answer)
        status = answer.status if isinstance(answer, ErrorResponse) else made["status_code"]
        return Response(made["body"], status, made["headers"])

    def _answer(self, environ: Json, region: str, service: str, operation: Any, params: Json) -> Any:
        """The answer, a value of the operation's model, or moto's own."""
        action: str = operation.name
        report = ParamValidator().validate(params, operation.input_shape) if operation.input_shape else None
        faults = [report.generate_report()] if report and report.has_errors() else []
        heeded = report and service not in self._rules["unheeded"]
        faults += aws_requests.faults(operation.input_shape, params) if heeded else []
        if faults:
            raise ErrorResponse(400, "; ".join(faults), INVALID.get(service, "ValidationException"))
        made = uuid.uuid4()
        words = {**params, "region": region, "account": ACCOUNT, "now": time.time()}
        words |= {"uuid": str(made), "hex32": made.hex.upper(), "id17": made.hex[:17]}
        if service in KEPT:
            words |= {**self._cluster(), **VERSIONS} if service == "eks" else {}
            return self._kept.answer(service, action, params, words)
        name, purpose, code = self._rules["documents"].get(f"{service} {action}", ("", "", ""))
        if name in params:
            if wrong := list(policy_documents.faults(name, purpose, params[name])):
                raise ErrorResponse(400, "; ".join(wrong), code)
            words["document"] = json.loads(params[name])
        words["buckets"] = ARN.findall(json.dumps(params.get("ReplicationConfiguration")))
        self._check(service, action, words)
        if instead := moto_patches.INSTEAD.get(action):
            return instead(region, params) or {}
        if steps := self._rules["then"].get(f"{service} {action}"):
            return self._then(service, action, steps, words | {"asked": params})
        chunks, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        if status.startswith("2") and (afterwards := moto_patches.AFTERWARDS.get(action)):
            afterwards(region, params)
        return Response(chunks, status, headers)

    def _cluster(self) -> Json:
        """The address of the control plane's server, and its certificate in base64, where there is one."""
        if self._kubeconfig is None:
            return {}
        cluster = yaml.safe_load(self._kubeconfig.read_text())["clusters"][0]["cluster"]
        authority = Path(cluster["certificate-authority"]).read_bytes()
        return {"server": cluster["server"], "authority": base64.b64encode(authority).decode()}

    # What AWS refuses and moto does not

    def _check(self, service: str, action: str, words: Json) -> None:
        asked = {"*", f"{service} {action}"}
        tables = cast(dict[str, list[Json]], self._rules["refuse"]).items()
        for row in [row for names, rows in tables if asked & {*names.split(", ")} for row in rows]:
            for step in row.get("look", []):
                words[step["as"]] = self._look(service, step, words)
            wrong = [
                value
                for name, pattern in row.get("match", {}).items()
                for value in policy_documents.as_list(search(name, words))
                if value is not None and not re.fullmatch(pattern, str(value))
            ]
            if found := wrong or ("if" in row and search(row["if"], words, words)):
                raise ErrorResponse(
                    row.get("status", 400), fill_text(row["say"], words | {"found": found}), row["code"]
                )

    def _then(self, service: str, action: str, steps: list[Json], words: Json) -> Json:
        """Complete moto's answer with the side effects and the members that AWS adds."""
        first = {"call": action, "with": "<asked>", "take": "@"}
        answer = words["answer"] = self._look(service, first, words)
        moto_patches.AFTERWARDS.get(action, moto_patches.nothing)(words["region"], words["asked"])
        for step in steps:
            if "call" in step and search(step.get("if", "`true`"), words, words):
                words[step.get("as", "")] = self._look(service, step, words)
            for one in cast(list[Json], search(step.get("at", "`[]`"), answer) or []):
                one |= {**fill(step["with"], words | {"it": one}), **one}
        return answer

    def _look(self, service: str, step: Json, words: Json) -> Any:
        """Return the existing objects of a service of moto, or of an emulated family."""
        if "family" in step:
            there = [*self._kept.records(words["region"], step["family"]).values()]
            return search(step["take"], there, words)
        client = self._clients.get(
            step.get("service", service), fill_text(step.get("region", "<region>"), words)
        )
        try:
            answer = aws_requests.send(client, step["call"], fill(step.get("with", {}), words) or {})
        except ClientError as error:
            if "else" in step:
                return step["else"]
            found = cast(Json, error.response)
            status, said = found["ResponseMetadata"]["HTTPStatusCode"], found["Error"]
            raise ErrorResponse(status, said["Message"], said["Code"]) from error
        return search(step["take"], answer, words)


def _params(operation: Any, protocol: str, request: Any, place: Json) -> Json:
    """Return a request's parameters by their names in the model; for JSON, also the missing ones."""
    from moto.core.parse import PROTOCOL_PARSERS

    parts: Any = {"method": request.method, "values": request.values, "headers": request.headers}
    parts |= {"body": request.data, "url_path": request.path, "url_params": place}
    params: Json = PROTOCOL_PARSERS[protocol](operation).parse(parts)
    return params | (json.loads(request.data or b"{}") if "json" in protocol else {})
