"""Verdicts of the policy pack under review on the resources that the base's pack has judged.

The pack under review runs in an isolation of its own, and its responses are not trusted. They are shown
beside the verdicts of the base's pack, and they never replace one.
"""

import base64
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pydantic import TypeAdapter

from review.jail.guard import ANALYZER
from review.jail.regular_files import read_text
from review.model import SECTIONS
from review.plain_data import as_key, is_list, is_map
from review.programs.file_states import Digests, read_state, read_states
from review.programs.imports import imported_files
from sandbox.errors import CommandError
from sandbox.summary import Row

PACK = Path("policies")
"""Folder of a tree with the policy pack."""

ANSWER_BYTES = 16 * 2**20
"""The maximum number of bytes in a response of the pack under review."""

START_SECONDS = 60
"""The time that the pack under review may take to start; it starts before the programs run."""

MOST_VERDICTS = 20_000
"""The maximum number of violations and repairs that the pack under review may report on a stack."""

LEVELS = ("advisory", "mandatory", "disabled", "remediate")
"""Names of the levels in the order of their numbers in the protocol."""

SEVERITIES = ("", "low", "medium", "high", "critical")

REQUESTS: Mapping[str, Any] = {
    "Analyze": analyzer_pb2.AnalyzeRequest,
    "AnalyzeStack": analyzer_pb2.AnalyzeStackRequest,
}
"""The types of the requests about resources, by gRPC method."""

NOT_STARTED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

CONFIGURE_STACK = "ConfigureStack"
"""The gRPC method with which the engine describes the stack and its settings to a pack."""

REMEDIATE = "Remediate"
"""The gRPC method with which a pack changes a resource's inputs. The engine applies every change in its
response, whatever the levels (pulumi/pulumi, pkg/resource/deploy/step_generator.go).
"""

ALL = "all"
"""Name that stands for every rule in a configuration."""

ENVIRONMENTS = "environments"
"""Key of a file of levels that the engine takes for a list of environments of Pulumi ESC with more settings
(pulumi/pulumi v3.259.0, pkg/resource/analyzer/config.go: parsePolicyPackConfig). A review reads none of them.
"""

LEVEL = "enforcementLevel"
"""Key of a rule's level beside its options in a file of levels."""

Setting = tuple[int | None, Struct]
"""The number of a level, or None without one, and the options of a rule."""

Repair = tuple[str, str, str]
"""A rule, the URN of the resource that it changes, and a hash of the changed inputs."""


@dataclass(frozen=True)
class Pack:
    """A policy pack as configured for one stack, with its violations and its repairs."""

    levels: Mapping[str, str] = field(default_factory=dict[str, str])
    """The level of each rule: advisory, mandatory, disabled or remediate."""
    violations: tuple[Row, ...] = ()
    repairs: tuple[Repair, ...] = ()
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """The options of each rule that has some, with their defaults, as JSON."""
    own_levels: Mapping[str, str] = field(default_factory=dict[str, str])
    """The level of each rule in a stack without a file of levels, such as each new stack."""
    own_options: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """The options of each rule in a stack without a file of levels."""
    later_level: str = ""
    """The level of each rule that comes later, which `all` gives; empty if it is the rule's own."""
    own_later_level: str = ""
    """The level of each later rule in a stack without a file of levels."""


@dataclass(frozen=True)
class Packs:
    """The packs of base and head on the same resources of a stack."""

    base: Pack
    head: Pack


PACKS = TypeAdapter(Packs)


def has_changed(base: Path, head: Path, differing: Collection[str]) -> bool:
    """Return True if the pack of the head can differ from that of the base: in its files or in an import.

    `differing` has the result of `differing_files`. The pack searches the tree's top folder for modules, so a
    new module there may hide one of its packages.
    """
    names = [{path.name for path in tree.iterdir()} for tree in (base, head)]
    return names[0] != names[1] or bool(differing)


def differing_files(base: Path, head: Path) -> list[str]:
    """Return the files that differ in the pack, in the tree's top folder, and in what the pack imports.

    In the top folder, modules count, except for `__main__`, which the pack never imports, and those below new
    folders. If nothing differs that the base's pack imports or would import, the head's pack imports the
    same.
    """
    digests: Digests = {}
    folders = {path.name for path in head.iterdir() if path.is_dir()} - {path.name for path in base.iterdir()}
    modules = [base / PACK / path for path in read_states(base / PACK, digests) if path.suffix == ".py"]
    imported = imported_files(base, base, modules)
    before, after = (
        {path: read_state(tree / path, digests) for path in imported}
        | {
            Path(path.name): read_state(path, digests)
            for path in tree.glob("*.py")
            if path.name != "__main__.py"
        }
        | {
            path.relative_to(tree): read_state(path, digests)
            for name in folders
            for path in (tree / name).rglob("*.py")
        }
        | {PACK / path: state for path, state in read_states(tree / PACK, digests).items()}
        for tree in (base, head)
    )
    paths = before.keys() | after.keys()
    return sorted(f"{path}" for path in paths if before.get(path) != after.get(path))


def judge(recording: Path, sockets: Path, levels: Path, seconds: float) -> Packs:
    """Repeat the recorded requests to the pack behind the sockets, and return the verdicts of both packs.

    - `recording`: the calls to the base's pack (sandbox/engine/policy_pack.py)
    - `levels`: the file with the levels of the pack under review; without this file, it has its own levels
    - `seconds`: the time that each response may take

    Raise CommandError if the pack does not start, does not respond, or sends an invalid response.
    """
    calls = [*_read(recording)]
    options = [
        ("grpc.max_receive_message_length", ANSWER_BYTES),
        # The time that an attempt to connect may take, too: a pack that starts does not answer yet.
        ("grpc.min_reconnect_backoff_ms", START_SECONDS * 1000),
    ]
    with grpc.insecure_channel(f"unix:{sockets / ANALYZER}", options=options) as channel:
        pack: Any = analyzer_pb2_grpc.AnalyzerStub(channel)
        try:
            about = _start(pack, calls, min(seconds, START_SECONDS))
            configuration = _configuration(about, levels)
            _options(configuration)  # Refuse invalid options before the pack gets them.
            if configuration.policyConfig:
                pack.Configure(configuration, timeout=seconds)
            violations: list[Row] = []
            repairs: list[Repair] = []
            for method, request, _ in calls:
                if method in REQUESTS:
                    question = REQUESTS[method].FromString(request)
                    violations += _violations(question, getattr(pack, method)(question, timeout=seconds))
                elif method == REMEDIATE:
                    question = analyzer_pb2.AnalyzeRequest.FromString(request)
                    repairs += _repairs(question, pack.Remediate(question, timeout=seconds))
                if len(violations) + len(repairs) > MOST_VERDICTS:
                    raise CommandError(
                        f"the policy pack under review reports more than {MOST_VERDICTS:,} verdicts."
                    )
        except grpc.RpcError as error:
            reason = error.details() if isinstance(error, grpc.Call) else ""
            raise CommandError(f"the policy pack under review does not respond: {reason}") from None
    head = _pack(about, configuration, violations, repairs)
    _refuse_own_names(head)
    return Packs(_base_pack(calls), head)


def _refuse_own_names(pack: Pack) -> None:
    """Raise CommandError if a rule has the name of a finding of the review, for which a reader would take it.

    A report and its verdict say what follows from such a finding, such as a base that does not evaluate.
    """
    names = {*pack.levels, *(row["policy"] for row in pack.violations), *(name for name, *_ in pack.repairs)}
    if own := sorted(names & SECTIONS.keys()):
        raise CommandError(f"the policy pack under review uses a name of the review's findings: {own[0]}.")


def _start(pack: Any, calls: Iterable[tuple[str, bytes, bytes]], seconds: float) -> analyzer_pb2.AnalyzerInfo:
    """Wait for a pack and return its description; raise CommandError if it has ended or takes too long."""
    try:
        _describe_stack(pack, calls, seconds)
        return pack.GetAnalyzerInfo(Empty(), timeout=seconds)
    except grpc.RpcError as error:
        if isinstance(error, grpc.Call) and error.code() in NOT_STARTED:
            raise CommandError("the policy pack under review does not start.") from None
        raise


def _describe_stack(pack: Any, calls: Iterable[tuple[str, bytes, bytes]], seconds: float) -> None:
    """Send the recorded description of the stack; a pack without this method judges all stacks alike."""
    for method, request, _ in calls:
        if method == CONFIGURE_STACK:
            description = analyzer_pb2.AnalyzerStackConfigureRequest.FromString(request)
            try:
                pack.ConfigureStack(description, timeout=seconds)
            except grpc.RpcError as error:
                if not isinstance(error, grpc.Call) or error.code() != grpc.StatusCode.UNIMPLEMENTED:
                    raise


def _read(recording: Path) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield the method, the request and the response of each recorded call."""
    for line in recording.read_text().splitlines():
        method, request, response = json.loads(line)
        yield method, base64.b64decode(request), base64.b64decode(response)


def _base_pack(calls: list[tuple[str, bytes, bytes]]) -> Pack:
    """Return the base's pack with the levels, violations and repairs that it has sent to the engine."""
    about, configuration = analyzer_pb2.AnalyzerInfo(), analyzer_pb2.ConfigureAnalyzerRequest()
    violations: list[Row] = []
    repairs: list[Repair] = []
    for method, request, response in calls:
        if method == "GetAnalyzerInfo":
            about = analyzer_pb2.AnalyzerInfo.FromString(response)
        elif method == "Configure":
            configuration = analyzer_pb2.ConfigureAnalyzerRequest.FromString(request)
        elif method in REQUESTS:
            answer = analyzer_pb2.AnalyzeResponse.FromString(response)
            violations += _violations(REQUESTS[method].FromString(request), answer)
        elif method == REMEDIATE:
            repaired = analyzer_pb2.RemediateResponse.FromString(response)
            repairs += _repairs(analyzer_pb2.AnalyzeRequest.FromString(request), repaired)
    return _pack(about, configuration, violations, repairs)


def _pack(
    about: analyzer_pb2.AnalyzerInfo,
    configuration: analyzer_pb2.ConfigureAnalyzerRequest,
    violations: Iterable[Row],
    repairs: Iterable[Repair],
) -> Pack:
    """Return a pack with what its description and its configuration mean, here and without a file."""
    own = _configuration(about, None)
    return Pack(
        _levels(about, configuration),
        tuple(violations),
        tuple(repairs),
        _options(configuration),
        _levels(about, own),
        _options(own),
        _later_level(configuration),
        _later_level(own),
    )


def _later_level(configuration: analyzer_pb2.ConfigureAnalyzerRequest) -> str:
    """Return the level of `all`, which the engine sends with the rules; empty without one."""
    if ALL not in configuration.policyConfig:
        return ""
    return _name("enforcement level", LEVELS, configuration.policyConfig[ALL].enforcementLevel)


def _levels(
    about: analyzer_pb2.AnalyzerInfo, configuration: analyzer_pb2.ConfigureAnalyzerRequest
) -> dict[str, str]:
    """Return the level of each rule: the configured level, or else the rule's own."""
    configured = {name: policy.enforcementLevel for name, policy in configuration.policyConfig.items()}
    return {
        policy.name: _name("enforcement level", LEVELS, configured.get(policy.name, policy.enforcementLevel))
        for policy in about.policies
    }


def _options(configuration: analyzer_pb2.ConfigureAnalyzerRequest) -> dict[str, dict[str, str]]:
    """Return the options of each rule for which the engine sends some, each as JSON."""
    try:
        return {
            name: {
                option: as_key(_with_whole_numbers(value))
                for option, value in json_format.MessageToDict(policy.properties).items()
            }
            for name, policy in configuration.policyConfig.items()
            if policy.properties.fields
        }
    except (ValueError, json_format.SerializeToJsonError) as error:
        raise CommandError(f"the policy pack under review has invalid options: {error}") from None


def _with_whole_numbers(value: Any) -> Any:
    """Return a value of the protocol, which has only fractions, with the numbers that a person writes."""
    if is_map(value):
        return {key: _with_whole_numbers(member) for key, member in value.items()}
    if is_list(value):
        return [_with_whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _configuration(
    about: analyzer_pb2.AnalyzerInfo, file: Path | None
) -> analyzer_pb2.ConfigureAnalyzerRequest:
    """Return what the engine would send to a pack, which is empty if it would send nothing.

    It starts with the levels of the rules and the defaults in the schemas of their options. Then it applies
    the pack's initial configuration, whose values always have a level, and then the file of levels
    (pulumi/pulumi v3.259.0, pkg/engine/update.go: loadPolicyPlugins; pkg/resource/analyzer/config.go:
    ReconcilePolicyPackConfig; pkg/resource/plugin/analyzer_plugin.go: convertPolicyConfig, Configure).
    """
    request: Any = analyzer_pb2.ConfigureAnalyzerRequest()
    if not about.supportsConfig:
        if file and os.path.lexists(file):
            raise CommandError(f"the policy pack under review does not support {file.name}.")
        return request
    for policy in about.policies:
        if policy.name in request.policyConfig:
            raise CommandError(f"the policy pack under review has two policies of the name {policy.name!r}.")
        _name("enforcement level", LEVELS, policy.enforcementLevel)
        configured = request.policyConfig[policy.name]
        configured.enforcementLevel = policy.enforcementLevel
        for option, schema in policy.configSchema.properties.fields.items():
            if schema.WhichOneof("kind") != "struct_value":
                raise CommandError(f"the schema of {policy.name}.{option} is not an object.")
            if "default" in schema.struct_value.fields:
                configured.properties.fields[option].CopyFrom(schema.struct_value.fields["default"])
    initial = {name: (own.enforcementLevel, own.properties) for name, own in about.initialConfig.items()}
    for settings in (initial, _file_settings(file) if file else {}):
        _apply(settings, request)
    for name, configured in request.policyConfig.items():
        _name(f"enforcement level of {name}", LEVELS, configured.enforcementLevel)
    return request


def _apply(settings: Mapping[str, Setting], request: Any) -> None:
    """Add settings to a configuration. The level of `all` is that of every rule without one of its own."""
    level, _ = settings.get(ALL, (None, None))
    if level is not None:
        for configured in request.policyConfig.values():
            configured.enforcementLevel = level
    for name, (level, options) in settings.items():
        if level is None and name not in request.policyConfig:
            raise CommandError(f"policies/config gives {name!r} options without a level.")
        configured = request.policyConfig[name]
        if level is not None:
            configured.enforcementLevel = level
        for option, value in options.fields.items():
            configured.properties.fields[option].CopyFrom(value)


def _file_settings(file: Path) -> dict[str, Setting]:
    """Return the settings in a file of levels, as the engine reads such a file; raise CommandError otherwise.

    A value is a level, or an object with the level as `enforcementLevel` beside the rule's options.
    """
    settings: dict[str, Setting] = {}
    for name, value in read_levels(file).items():
        if name == ENVIRONMENTS:
            raise CommandError(
                f"{file.name} has {name!r}, which the engine takes for environments of Pulumi ESC."
            )
        options: dict[str, Any] = {**value} if is_map(value) else {LEVEL: value}
        if not options:
            continue
        has_level, level = LEVEL in options, options.pop(LEVEL, None)
        if has_level and level not in LEVELS:
            raise CommandError(f"{file.name}: the level of {name} is {level!r}; allowed: {', '.join(LEVELS)}")
        try:
            properties = json_format.ParseDict(options, Struct())
        except (json_format.ParseError, ValueError, OverflowError) as error:
            raise CommandError(f"{file.name}: the options of {name} are invalid: {error}") from None
        settings[name] = LEVELS.index(level) if has_level else None, properties
    return settings


def read_levels(file: Path) -> dict[str, Any]:
    """Return the content of a file of levels; raise CommandError if it is not a JSON object."""
    try:
        text = read_text(file) if os.path.lexists(file) else ""
        content: Any = json.loads(text) if text.strip() else {}
        json.dumps(content, ensure_ascii=False).encode()  # Escapes may form characters that do not exist.
    except (ValueError, RecursionError) as error:
        raise CommandError(f"policies/config/{file.name} is not valid JSON: {error}") from None
    if not is_map(content):
        raise CommandError(f"policies/config/{file.name} is not a JSON object.")
    return content


def _name(field: str, names: Sequence[str], number: int) -> str:
    """Return the name for a number in a field of the protocol; raise CommandError if there is none."""
    if not 0 <= number < len(names):
        raise CommandError(
            f"the policy pack under review sent the {field} {number}; allowed: 0 to {len(names) - 1}."
        )
    return names[number]


def _violations(question: Any, response: analyzer_pb2.AnalyzeResponse) -> list[Row]:
    """Return the violations in a response in the form of the engine's events.

    A violation without a URN belongs to the resource of the question, as in the engine.
    """
    urn = question.urn if isinstance(question, analyzer_pb2.AnalyzeRequest) else ""
    return [
        {
            "policy": diagnostic.policyName,
            "level": _name("enforcement level", LEVELS, diagnostic.enforcementLevel),
            "severity": _name("severity", SEVERITIES, diagnostic.severity),
            "urn": diagnostic.urn or urn,
            "message": f"{diagnostic.description}\n{diagnostic.message}".strip(),
        }
        for diagnostic in response.diagnostics
    ]


def _repairs(
    question: analyzer_pb2.AnalyzeRequest, response: analyzer_pb2.RemediateResponse
) -> Iterator[Repair]:
    """Yield the changes of inputs in a response; one with a diagnostic only warns."""
    for remediation in response.remediations:
        if remediation.HasField("properties") and not remediation.diagnostic:
            inputs = remediation.properties.SerializeToString(deterministic=True)
            yield remediation.policyName, question.urn, hashlib.sha256(inputs).hexdigest()
