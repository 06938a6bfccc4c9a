"""The AWS API on this machine: moto, and the operations and checks of api.toml that moto lacks.

Every request is first parsed and checked with botocore's model of the service.
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
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import yaml
from botocore.exceptions import ClientError, UnknownServiceError
from botocore.validate import ParamValidator
from werkzeug.exceptions import NotFound
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from eks_versions import EXTENDED_SUPPORT, OFFERED, STANDARD_SUPPORT, UPGRADES
from sandbox.clouds.aws import emulated, moto_patches, moto_speed
from sandbox.clouds.web import ErrorResponse
from sandbox.wire import aws_requests, policy_documents
from sandbox.wire.aws_account import ACCOUNT, REGION
from sandbox.wire.templates import fill, fill_text, search
from sandbox.wire.values import Json

SETTINGS = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
"""moto's environment variables.

AWS's managed policies are loaded, so that only existing policies can be attached. Machine images are not
loaded, since no instance is ever created.
"""

CREDENTIAL_SCOPE = re.compile(r"Credential=[^/]+/\d+/([\w-]+)/([\w-]+)/aws4_request")
"""The pattern of the region and the service in an Authorization header."""

BUCKET_ARN = re.compile(r"arn:aws:s3:::([\w.-]+)")

SIGNING_NAMES = {"access-analyzer": "accessanalyzer", "servicequotas": "service-quotas"}
"""The service whose requests are signed with a name that differs from the name of its model."""

INVALID_REQUEST = {
    "eks": "InvalidParameterException",
    "codebuild": "InvalidInputException",
    "backup": "InvalidParameterValueException",
}
"""The error code for a request that violates the service's model; other services use ValidationException."""

VERSIONS = {"offered_versions": list(OFFERED), "version_upgrades": list(UPGRADES)}
"""Variables with the EKS versions, for the rules in api.toml."""


class AwsApi:
    """A WSGI application with an account in memory. Every EKS cluster has the API server of `kubeconfig`.

    `entities` are the users and roles that exist from the beginning. A process has at most one such account,
    since moto's models and its account ID are global.
    """

    def __init__(
        self, kubeconfig: Path | None = None, account: str = ACCOUNT, entities: Iterable[str] = ()
    ) -> None:
        self._kubeconfig = kubeconfig
        self._account = account
        os.environ.update(SETTINGS | {moto_patches.ACCOUNT_VARIABLE: account})
        moto_speed.apply_patches()
        from moto.core.botocore_stubber import BotocoreStubber
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._moto: Any = DomainDispatcherApplication(create_backend_app)
        moto_patches.apply_patches()
        # The clients in this class reach moto's models directly, without a network connection.
        stubber: Any = BotocoreStubber()
        stubber.enabled = True
        self._clients = aws_requests.Clients(None, attempts=1)
        self._clients.session.register("before-send", stubber)
        self._rules = tomllib.loads(Path(__file__).with_name("api.toml").read_text())
        self._emulated = emulated.EmulatedServices(self._rules, self._check, self._look)
        self._lock = threading.Lock()  # moto's models do not support concurrent requests.
        for entity in entities:
            self._create_entity(entity)

    def _create_entity(self, entity: str) -> None:
        """Create a user or a role, such as `user/operator`; a role trusts its account.

        `connection/REGION/ID` is a connection to GitHub that a person has approved in the console.
        """
        kind, _, path_and_name = entity.partition("/")
        if kind == "connection":
            region, _, ident = path_and_name.partition("/")
            self._emulated.connect(region, self._account, ident)
            return
        path, _, name = f"/{path_and_name}".rpartition("/")
        iam = self._clients.get("iam", REGION)
        if kind == "user":
            iam.create_user(Path=f"{path}/", UserName=name)
        else:
            principal = {"AWS": f"arn:aws:iam::{self._account}:root"}
            statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
            trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.create_role(Path=f"{path}/", RoleName=name, AssumeRolePolicyDocument=trust)

    def __call__(self, environ: Json, start: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            return self._respond(environ, body)(environ, start)

    def _respond(self, environ: Json, body: bytes) -> Any:
        """Return the WSGI application that answers a request: moto itself or a finished response."""
        from moto.core.request import Request, determine_request_protocol
        from moto.core.routing import get_service_router

        scope = CREDENTIAL_SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        if scope is None:
            return self._moto
        region, service = scope.groups()
        # Requests to S3 Control are signed as S3. Only the version in the path distinguishes them.
        service = "s3control" if environ["PATH_INFO"].startswith("/v20180820/") else service
        service = SIGNING_NAMES.get(service, service)
        request: Any = Request({**environ, "wsgi.input": io.BytesIO(body)})
        try:
            operation, path_variables = get_service_router(service).match(request)
            protocol = determine_request_protocol(operation.service_model, request.content_type)
        except (NotFound, NotImplementedError, UnknownServiceError):
            # The program does not use the service, or the service's model does not know the operation.
            return self._moto
        try:
            params = _params(operation, protocol, request, path_variables)
            result = self._handle(environ, region, service, operation, params)
        except ErrorResponse as error:
            result = error
        except Exception as error:
            result = _internal_error(error, service)
        return result if isinstance(result, Response) else _serialized(operation, protocol, service, result)

    def _handle(self, environ: Json, region: str, service: str, operation: Any, params: Json) -> Any:
        """Return moto's response, or the result of an emulated operation.

        Raise ErrorResponse if the model, a rule of api.toml or an emulated operation refuses the request.
        """
        action: str = operation.name
        self._check_model(service, operation, params)
        request_id = uuid.uuid4()
        variables = {
            **params,
            "region": region,
            "account": self._account,
            "now": time.time(),
            "uuid": str(request_id),
            "hex": request_id.hex,
            "hex32": request_id.hex.upper(),
            "id17": request_id.hex[:17],
        }
        self._check_document(service, action, params, variables)
        if service in emulated.SERVICES:
            if service == "eks":
                variables |= {**self._cluster(), **VERSIONS, "offers": cluster_versions(params)}
            return self._emulated.respond(service, action, params, variables)
        variables["buckets"] = BUCKET_ARN.findall(json.dumps(params.get("ReplicationConfiguration")))
        self._check(service, action, variables)
        if replacement := moto_patches.REPLACED_ACTIONS.get(action):
            return replacement(region, params) or {}
        if steps := self._rules["then"].get(f"{service} {action}"):
            return self._then(service, action, steps, variables | {"asked": params})
        chunks, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        if status.startswith("2") and (complete := moto_patches.COMPLETED_ACTIONS.get(action)):
            complete(region, params)
        return Response(chunks, status, headers)

    def _check_model(self, service: str, operation: Any, params: Json) -> None:
        """Raise ErrorResponse if the parameters violate the operation's model."""
        shape = operation.input_shape
        if not shape:
            return
        report = ParamValidator().validate(params, shape)
        faults = [report.generate_report()] if report.has_errors() else []
        if service not in self._rules["unheeded"]:
            faults += aws_requests.faults(shape, params)
        if faults:
            code = INVALID_REQUEST.get(service, "ValidationException")
            raise ErrorResponse(400, "; ".join(faults), code)

    def _check_document(self, service: str, action: str, params: Json, variables: Json) -> None:
        """Raise ErrorResponse if the request's policy document is invalid; add it to the variables."""
        name, purpose, code = self._rules["documents"].get(f"{service} {action}", ("", "", ""))
        if name not in params:
            return
        if faults := list(policy_documents.faults(name, purpose, params[name])):
            raise ErrorResponse(400, "; ".join(faults), code)
        variables["document"] = json.loads(params[name])

    def _cluster(self) -> Json:
        """Return the address and the certificate (in base64) of the control plane; empty if there is none."""
        if self._kubeconfig is None:
            return {}
        cluster = yaml.safe_load(self._kubeconfig.read_text())["clusters"][0]["cluster"]
        authority = Path(cluster["certificate-authority"]).read_bytes()
        return {"server": cluster["server"], "authority": base64.b64encode(authority).decode()}

    def _check(self, service: str, action: str, variables: Json) -> None:
        """Raise ErrorResponse if a rule of api.toml refuses a request that moto would accept."""
        request_names = {"*", f"{service} {action}"}
        tables = cast(dict[str, list[Json]], self._rules["refuse"])
        for names, rows in tables.items():
            if request_names.isdisjoint(names.split(", ")):
                continue
            for row in rows:
                self._check_row(service, row, variables)

    def _check_row(self, service: str, row: Json, variables: Json) -> None:
        for step in row.get("look", []):
            variables[step["as"]] = self._look(service, step, variables)
        mismatches = [
            value
            for name, pattern in row.get("match", {}).items()
            for value in policy_documents.as_list(search(name, variables))
            if value is not None and not re.fullmatch(pattern, str(value))
        ]
        violation = mismatches or ("if" in row and search(row["if"], variables, variables))
        if violation:
            message = fill_text(row["say"], variables | {"found": violation})
            raise ErrorResponse(row.get("status", 400), message, row["code"])

    def _then(self, service: str, action: str, steps: list[Json], variables: Json) -> Json:
        """Perform the side effects that moto omits; return its response with the members that AWS adds."""
        call = {"call": action, "with": "<asked>", "take": "@"}
        response = variables["answer"] = self._look(service, call, variables)
        if complete := moto_patches.COMPLETED_ACTIONS.get(action):
            complete(variables["region"], variables["asked"])
        for step in steps:
            if "call" in step and search(step.get("if", "`true`"), variables, variables):
                variables[step.get("as", "")] = self._look(service, step, variables)
            for item in cast(list[Json], search(step.get("at", "`[]`"), response) or []):
                added = fill(step["with"], variables | {"it": item})
                item |= {**added, **item}
        return response

    def _look(self, service: str, step: Json, variables: Json) -> Any:
        """Return the existing objects of moto or of an emulated family that a step of a row selects."""
        if "family" in step:
            records = [*self._emulated.records(variables["region"], step["family"]).values()]
            return search(step["take"], records, variables)
        region = fill_text(step.get("region", "<region>"), variables)
        client = self._clients.get(step.get("service", service), region)
        try:
            response = aws_requests.send(client, step["call"], fill(step.get("with", {}), variables) or {})
        except ClientError as error:
            if "else" in step:
                return step["else"]
            content = cast(Json, error.response)
            status, details = content["ResponseMetadata"]["HTTPStatusCode"], content["Error"]
            raise ErrorResponse(status, details["Message"], details["Code"]) from error
        return search(step["take"], response, variables)


def cluster_versions(params: Json) -> list[Json]:
    """Return EKS's response about the Kubernetes versions in a request, or about all of them."""
    named = params.get("clusterVersions") or OFFERED
    ends = {
        version: {"endOfStandardSupportDate": datetime.fromisoformat(f"{day}T00:00:00+00:00")}
        for version, day in STANDARD_SUPPORT.items()
    }
    return [
        {
            "clusterVersion": version,
            "clusterType": "eks",
            "versionStatus": "EXTENDED_SUPPORT" if version in EXTENDED_SUPPORT else "STANDARD_SUPPORT",
            **ends.get(version, {}),
        }
        for version in OFFERED
        if version in named
    ]


def _params(operation: Any, protocol: str, request: Any, path_variables: Json) -> Json:
    """Return a request's parameters by their names in the model. A JSON request keeps unknown parameters."""
    from moto.core.parse import PROTOCOL_PARSERS

    parts: Any = {
        "method": request.method,
        "values": request.values,
        "headers": request.headers,
        "body": request.data,
        "url_path": request.path,
        "url_params": path_variables,
    }
    params: Json = PROTOCOL_PARSERS[protocol](operation).parse(parts)
    if "json" not in protocol:
        return params
    members: Mapping[str, Any] = operation.input_shape.members if operation.input_shape else {}
    wire_names = {member.serialization.get("name", name) for name, member in members.items()}
    sent = cast(Json, json.loads(request.data or b"{}"))
    return params | {name: value for name, value in sent.items() if name in members or name not in wire_names}


def _serialized(operation: Any, protocol: str, service: str, result: Any) -> Response:
    """Return a response that has a result or an error in the service's format."""
    from moto.core.serialize import get_serializer_class

    parts = get_serializer_class(service, protocol)(operation).serialize(result)
    status = result.status if isinstance(result, ErrorResponse) else parts["status_code"]
    return Response(parts["body"], status, parts["headers"])


def _internal_error(error: Exception, service: str) -> ErrorResponse:
    """Return the response to an internal error of the sandbox, without details that may be secret.

    The status is 400, since clients would repeat the request after a 500.
    """
    last = traceback.extract_tb(error.__traceback__)[-1]
    location = f"{last.name} of {Path(last.filename).name}"
    message = f"{type(error).__name__} in the sandbox's AWS: {location}, at a request to {service}"
    return ErrorResponse(400, message, "SandboxFault")
