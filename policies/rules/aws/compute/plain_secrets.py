"""Rules on plain-text secrets in user data, environments, build projects and parameters."""

import re
from base64 import b64decode
from binascii import Error as InvalidBase64Error
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Verdicts
from policies.engine.topics import EC2
from policies.model.aws.container_documents import DOCUMENTS, JOB, PODS, members
from policies.model.aws.iam_documents import reached
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
PROJECT = "aws:codebuild/project:Project"
PARAMETER = "aws:ssm/parameter:Parameter"

_ASSIGNMENT = re.compile(
    r"""(?:^|;|&&|\|\|?|\()[ \t]*(?:export[ \t]+|env[ \t]+)?([A-Za-z_]\w{0,99})=["']?([^\s"'`$;]+)""",
    re.MULTILINE,
)
"""An assignment of a constant in a shell script, for the shell or for a command. A value that begins with `$`
refers to a variable.
"""


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


@EC2.rule(
    "codebuild-secret-in-project",
    types=(PROJECT,),
    severity=Severity.CRITICAL,
    controls=("FSBP CodeBuild.1", "FSBP CodeBuild.2"),
    remediation="Set the variable's type to SECRETS_MANAGER, and the source's auth to CODECONNECTIONS.",
    url="https://docs.aws.amazon.com/securityhub/latest/userguide/codebuild-controls.html",
)
def build_project(resource: Resource, _: Options) -> Verdicts:
    """Refuse secrets in the plain variables, source addresses and inline build commands of CodeBuild."""
    yield from guarded(_build_variables(resource))
    yield from guarded(_source(resource["source"]))
    yield from guarded(_secondary_sources(resource))


def _build_variables(project: Resource) -> Verdicts:
    for variable in project.at("environment.environmentVariables").items():
        yield from guarded(_build_variable(variable))


def _build_variable(variable: Value) -> Verdicts:
    if (variable["type"].text() or "PLAINTEXT") == "PLAINTEXT":
        name, value = variable["name"].text() or "", variable["value"]
        if not value.absent and is_secret(name, value):
            yield Finding(value.path, "[secret]", "name a secret with the type SECRETS_MANAGER instead")


def _secondary_sources(project: Resource) -> Verdicts:
    for source in project["secondarySources"].items():
        yield from _source(source)


def _source(source: Value) -> Verdicts:
    yield from guarded(_source_text(source["location"], "use a connection to the repository instead"))
    yield from guarded(
        _source_text(source["buildspec"], "read it from Secrets Manager instead", _assigns_secret)
    )


_REFERENCE = re.compile(r":\$(?:\w+|\{\w+\})@")
"""A password in an address that is a variable of a shell, as in `https://ci:$TOKEN@git.example.com`."""


def _source_text(value: Value, remedy: str, is_more: Callable[[str], bool] = lambda _: False) -> Verdicts:
    text = value.text()
    if text and (value.secret or holds_secret(_REFERENCE.sub("@", text)) or is_more(text)):
        yield Finding(value.path, "[secret]", remedy)


_LINES = re.compile(r"[\n\r\x85\u2028\u2029{]")
"""What a specification has and a path of a file lacks: an end of a line (YAML 1.1, 5.4), or an object."""

_LONGEST, _MOST_BRACKETS = 12_000, 500
"""The number of characters, and of opening brackets, of a build specification that is read. PyYAML needs a
time proportional to the square of the open brackets; with these limits, it is less than a second."""

_MEMBER = re.compile(r"""(?<![\w"'])["']?([A-Za-z_]\w{0,99})["']?[ \t]*:[ \t]+["']?([^\s"',}]+)""")
"""A member of an object in YAML or JSON, in a text that is not read."""

_NAMES_OF_SECRETS = re.compile(
    r"^([ \t]*)(?:secrets-manager|parameter-store):.*\n(?:(?:\1[ \t].*)?\n)*", re.MULTILINE
)
"""The variables that only name a secret (CodeBuild user guide, build-spec-ref)."""


def _assigns_secret(text: str) -> bool:
    """Return True if a build specification has a secret in a plain variable, or assigns one in a command.

    Variables are in `env.variables`, also in those of the builds of a batch, and are plain text (CodeBuild
    user guide, build-spec-ref and batch-build-buildspec). A text that is a path of a file has none. In a text
    that is too long or no YAML, each member and each assignment counts.
    """
    # Most specifications are paths, and PyYAML is slow to import and to read.
    if not _LINES.search(text):
        return False
    parts = _parts(text)
    if parts is None:
        rest = _NAMES_OF_SECRETS.sub("", text)
        assignments = [*_MEMBER.finditer(rest), *_ASSIGNMENT.finditer(rest)]
        return any(names_secret(match[1], match[2]) for match in assignments)
    return any(
        names_secret(name, str(content))
        for part in parts
        for environment in _members(part, "env")
        for variables in _members(environment, "variables")
        for name, content in _pairs(variables)
    ) or any(
        names_secret(match[1], match[2])
        for part in parts
        for commands in _members(part, "commands")
        for command in _list(commands)
        for match in _ASSIGNMENT.finditer(str(command))
    )


def _parts(text: str) -> list[Mapping[str, object]] | None:
    """Return the objects of a document, each once, or None for a text that cannot be read.

    Anchors can repeat an object very often. All scalars are texts, whatever their tags.
    """
    if len(text) > _LONGEST or text.count("[") + text.count("{") > _MOST_BRACKETS:
        return None
    import yaml

    try:
        rest: list[object] = [*yaml.load_all(text, yaml.BaseLoader)]
    # PyYAML also fails with the others, such as at an escape of a character that does not exist.
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError):
        return None
    parts: list[Mapping[str, object]] = []
    seen: set[int] = set()
    while rest:
        part = rest.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            parts.append(cast("dict[str, object]", part))
            rest += cast("dict[str, object]", part).values()
        elif isinstance(part, list):
            rest += cast("list[object]", part)
    return parts


def _members(value: object, name: str) -> Iterable[object]:
    """Yield the values of a key."""
    return (content for key, content in _pairs(value) if key == name)


def _pairs(value: object) -> Iterable[tuple[str, object]]:
    """Yield the keys and values of an object and of those that its merge keys name."""
    seen: set[int] = set()
    rest = [value]
    while rest:
        part = rest.pop()
        if not isinstance(part, dict) or id(cast("object", part)) in seen:
            continue
        seen.add(id(cast("object", part)))
        for key, content in cast("dict[str, object]", part).items():
            if key == "<<":
                rest += _list(content)
            else:
                yield key, content


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else [value]


@EC2.rule(
    "container-secret-in-environment",
    types=DOCUMENTS,
    severity=Severity.HIGH,
    controls=("FSBP ECS.8",),
    remediation="Name the secret's ARN in the container's secrets; ECS and Batch read it at the start.",
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html",
)
def container_environment(resource: Resource, _: Options) -> Verdicts:
    """Refuse secrets in the variables of ECS and Batch containers, which the console and the API show."""
    for name, paths in DOCUMENTS[resource.type].items():
        yield from guarded(_containers(resource[name], paths))
    if resource.type == JOB:
        for path in PODS:
            for variable in reached(resource.props, f"{path}.envs"):
                yield from guarded(_container_variable(variable, _OF_POD))


_OF_POD = "read it from a Secret in a volume of the pod instead"


def _containers(document: Value, paths: Iterable[str]) -> Verdicts:
    remedy = "name the secret's ARN in secrets instead"
    if document.absent:
        return
    if document.secret:
        yield Finding(document.path, "[secret]", remedy)
        return
    for path in paths:
        for name, of_name in (("environment", remedy), ("env", _OF_POD)):
            for variable in members(document.json(), f"{path}.{name}"):
                yield from guarded(_container_variable(variable, of_name))


def _container_variable(variable: Value, remedy: str) -> Verdicts:
    names = [name.text() or "" for name in members(variable, "name")]
    for value in members(variable, "value"):
        if not value.absent and any(is_secret(name, value) for name in names or [""]):
            yield Finding(value.path, "[secret]", remedy)


@EC2.rule(
    "ssm-secret-in-parameter",
    types=(PARAMETER,),
    severity=Severity.CRITICAL,
    controls=("CKV2_AWS_34",),
    remediation="Set type to SecureString, which AWS encrypts with a key, or use Secrets Manager.",
    url="https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-securestring.html",
)
def parameter(resource: Resource, _: Options) -> Verdicts:
    """Refuse secrets in parameters of Systems Manager that are not encrypted."""
    if resource["type"].text() == "SecureString":
        return
    for name in ("value", "insecureValue", "valueWo"):
        yield from guarded(_parameter_value(resource, name))


def _parameter_value(resource: Resource, name: str) -> Verdicts:
    value = resource[name]
    text = value.text()
    if not text or text.startswith("arn:"):
        return
    # The SDK marks the other two values as secret in any case (pulumi-aws 7, aws.ssm.Parameter). Only the
    # last part of a path names the parameter: /shop/secrets/region contains a region.
    marked = value.secret and name == "insecureValue"
    if marked or holds_secret(text) or names_secret(_last_part(resource["name"]), text):
        yield Finding(value.path, "[secret]", "set type to 'SecureString'")


def _last_part(name: Value) -> str:
    return (name.text() or "").rpartition("/")[2]
