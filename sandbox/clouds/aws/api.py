"""The AWS API on this machine: moto, corrected and extended by the modules in services.py.

Every request is first parsed and checked with botocore's model of the service.
"""

import base64
import io
import json
import os
import re
import threading
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from botocore.exceptions import ClientError, UnknownServiceError
from botocore.validate import ParamValidator
from werkzeug.exceptions import NotFound
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from sandbox.clouds.aws import moto_patches, moto_speed, services
from sandbox.clouds.aws.authorization.callers import is_issued
from sandbox.clouds.aws.authorization.decisions import authorize
from sandbox.clouds.aws.delivery.codeconnections import connect
from sandbox.clouds.aws.documents import read_document
from sandbox.clouds.aws.records import Records
from sandbox.clouds.aws.registry import PRECONDITIONS, REGISTRY
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.aws.transitions import Transitions
from sandbox.clouds.web import ErrorResponse
from sandbox.wire import aws_requests, clock
from sandbox.wire.aws_account import ACCOUNT, REGION
from sandbox.wire.values import Json

SETTINGS = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
"""moto's environment variables.

AWS's managed policies are loaded, so that only existing policies can be attached. Machine images are not
loaded, since no instance is ever created.
"""

CREDENTIAL_SCOPE = re.compile(r"Credential=[^/]+/\d+/([\w-]+)/([\w-]+)/aws4_request")
"""The pattern of the region and the service in an Authorization header."""

SIGNING_NAMES = {"access-analyzer": "accessanalyzer", "servicequotas": "service-quotas"}
"""The name of a service's model, by the name in its requests' signatures, if the two differ."""

INVALID_REQUEST = {
    "eks": "InvalidParameterException",
    "codebuild": "InvalidInputException",
    "backup": "InvalidParameterValueException",
}
"""The error code for a request that violates the service's model; other services use ValidationException."""

UNHEEDED_MODELS = ("s3control",)
"""Services whose models are not enforced: S3 Control's pattern for ARNs matches no ARN of a bucket."""

EMULATED_SERVICES = frozenset(
    {"accessanalyzer", "backup", "budgets", "ce", "codebuild", "codeconnections", "eks", "guardduty"}
)
"""The services of which every operation is emulated, since moto lacks them or has them only in part."""


class AwsApi:
    """A WSGI application with an account in memory. Every EKS cluster has the API server of `kubeconfig`.

    `entities` are the users, roles and connections to GitHub that exist from the beginning. IAM decides the
    requests of users and of roles' sessions, but not those of the administrator. A process has at most one
    such account, since moto's models and its account ID are global.
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
        self._records = Records()
        self._transitions = Transitions()
        self.modules = services.MODULES
        self._lock = threading.Lock()  # moto's models do not support concurrent requests.
        for entity in entities:
            self._create_entity(entity)

    def _create_entity(self, entity: str) -> None:
        """Create a user, a role or a connection to GitHub.

        - `user/NAME`: a user
        - `role/NAME`: a role that trusts its account
        - `connection/REGION/ID`: a connection to GitHub that a person has approved in the console
        """
        kind, _, path_and_name = entity.partition("/")
        if kind == "connection":
            region, _, ident = path_and_name.partition("/")
            connect(self._records, region, self._account, ident)
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
        if environ["PATH_INFO"] == clock.PATH:
            return self._set_clock(environ["REQUEST_METHOD"], body)(environ, start)
        with self._lock:
            return self._respond(environ, body)(environ, start)

    def _set_clock(self, method: str, body: bytes) -> Response:
        """Set the clock's scale; refuse any request other than PUT {"scale": 60}."""
        try:
            scale = float(json.loads(body)["scale"]) if method == "PUT" else -1.0
        except (ValueError, TypeError, KeyError):
            scale = -1.0
        if not 0 <= scale <= 10_000:
            return Response(f'PUT {clock.PATH} needs a body such as {{"scale": 60}}, with 0 to 10000\n', 400)
        self._transitions.set_scale(scale)
        return Response(status=204)

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
            # botocore has no model of the service, or no operation of the model matches the request.
            if is_issued(environ["HTTP_AUTHORIZATION"]):
                return Response(f"the sandbox cannot decide this request to {service}\n", 403)
            return self._moto
        try:
            params = _params(operation, protocol, request, path_variables)
            _check_model(service, operation, params)
            aws_request = AwsRequest(
                service, operation.name, params, region, self._account, self._send, self._records
            )
            authorize(aws_request, environ["HTTP_AUTHORIZATION"], protocol)
            result = self._handle(environ, aws_request)
        except ErrorResponse as error:
            result = error
        except Exception as error:
            result = _internal_error(error, service)
        return result if isinstance(result, Response) else _serialized(operation, protocol, service, result)

    def _handle(self, environ: Json, request: AwsRequest) -> Any:
        """Return moto's response, or the result of an emulated operation.

        Raise ErrorResponse if a refusal or an emulated operation refuses the request.
        """
        name, region = f"{request.service}:{request.action}", request.region
        request.document = read_document(name, request.params)
        request.new_roles = self._transitions.new_roles()
        emulation = REGISTRY.emulations.get(name)
        if request.service in EMULATED_SERVICES and emulation is None:
            message = f"the sandbox does not emulate {name}"
            raise ErrorResponse(404, message, "UnknownOperationException")
        if precondition := PRECONDITIONS.get(name):
            precondition(request)
        for refusal in REGISTRY.refusals(name):
            refusal(request)
        is_timed = self._transitions.concerns(name)
        if emulation:
            request.control_plane = self._control_plane() if name == "eks:CreateCluster" else {}
            response = emulation(request)
            return self._transitions.apply(name, region, response) if is_timed else response
        completions = REGISTRY.completions(name)
        if completions or is_timed:
            response = request.send(request.action, **request.params)
            for change in REGISTRY.changes(name):
                change(request)
            for completion in completions:
                completion(request, response)
            return self._transitions.apply(name, region, response) if is_timed else response
        chunks, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        if status.startswith("2"):
            for change in REGISTRY.changes(name):
                change(request)
        return Response(chunks, status, headers)

    def _control_plane(self) -> Json:
        """Return the address and the certificate (in base64) of the control plane; empty if there is none."""
        if self._kubeconfig is None:
            return {}
        cluster = yaml.safe_load(self._kubeconfig.read_text())["clusters"][0]["cluster"]
        authority = Path(cluster["certificate-authority"]).read_bytes()
        return {"server": cluster["server"], "authority": base64.b64encode(authority).decode()}

    def _send(self, service: str, region: str, action: str, params: Json) -> Json:
        """Return moto's response to a request; raise ErrorResponse if moto refuses the request."""
        try:
            return aws_requests.send(self._clients.get(service, region), action, params)
        except ClientError as error:
            content = cast(Json, error.response)
            status, details = content["ResponseMetadata"]["HTTPStatusCode"], content["Error"]
            raise ErrorResponse(status, details["Message"], details["Code"]) from error


def _check_model(service: str, operation: Any, params: Json) -> None:
    """Raise ErrorResponse if the parameters violate the operation's model."""
    shape = operation.input_shape
    if not shape:
        return
    report = ParamValidator().validate(params, shape)
    faults = [report.generate_report()] if report.has_errors() else []
    if service not in UNHEEDED_MODELS:
        faults += aws_requests.faults(shape, params)
    if faults:
        code = INVALID_REQUEST.get(service, "ValidationException")
        raise ErrorResponse(400, "; ".join(faults), code)


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
    """Return a response with a result or an error, in the service's format."""
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
    message = f"the sandbox failed at a request to {service}: {type(error).__name__} in {location}"
    return ErrorResponse(400, message, "SandboxFault")
