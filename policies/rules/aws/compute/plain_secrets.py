"""Rules on plain-text secrets in the user data of instances and in the environment of functions."""

import re
from base64 import b64decode
from binascii import Error as InvalidBase64Error

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Verdicts
from policies.engine.topics import EC2
from policies.model.checks import guarded
from policies.model.property_values import Value
from policies.model.secrets import holds_secret, is_secret, names_secret

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCES = (
    "aws:ec2/instance:Instance",
    "aws:ec2/launchConfiguration:LaunchConfiguration",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
    TEMPLATE,
)
FUNCTION = "aws:lambda/function:Function"

_ASSIGNMENT = re.compile(r"""^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w{0,99})=["']?([^\s"'`$;]+)""", re.MULTILINE)
"""An assignment of a constant in a shell script. A value that begins with `$` refers to a variable."""


@EC2.rule(
    "ec2-secret-in-user-data",
    types=INSTANCES,
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_46",),
    remediation="Read the secret from Secrets Manager when the instance starts, with its role.",
    url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html",
)
def user_data(resource: Resource, _: Options) -> Verdicts:
    """Refuse secrets in user data, which every process of the instance can read from its metadata."""
    for name in ("userData", "userDataBase64"):
        encoded = name == "userDataBase64" or resource.type == TEMPLATE
        yield from guarded(_user_data(resource[name], encoded))


def _user_data(value: Value, encoded: bool) -> Verdicts:
    text = value.text() or ""
    script = _decoded(text) if encoded else text
    assigned = any(names_secret(match[1], match[2]) for match in _ASSIGNMENT.finditer(script))
    if text and (value.secret or holds_secret(script) or assigned):
        yield Finding(value.path, "[secret]", "read it from Secrets Manager instead")


def _decoded(text: str) -> str:
    """Return the decoded text of a Base64 string; return any other string unchanged."""
    try:
        return b64decode(text, validate=True).decode(errors="replace")
    except (InvalidBase64Error, ValueError):
        return text


@EC2.rule(
    "lambda-secret-in-environment",
    types=(FUNCTION,),
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_45",),
    remediation="Name the secret's ARN in the variable, and read the secret from Secrets Manager.",
    url="https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html",
)
def function_environment(resource: Resource, _: Options) -> Verdicts:
    """Refuse secrets in the environment of Lambda functions, which the console and the API show."""
    for name, value in resource.at("environment.variables").entries().items():
        yield from guarded(_variable(name, value))


def _variable(name: str, value: Value) -> Verdicts:
    if not value.absent and is_secret(name, value):
        yield Finding(value.path, "[secret]", "read it from Secrets Manager instead")
