"""Verdicts of the policy pack under review on the resources that the base's pack has judged.

The pack under review runs in an isolation of its own, and its responses are not trusted. They are shown
beside the verdicts of the base's pack, and they never replace one.
"""

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pydantic import TypeAdapter

from review.jail.guard import ANALYZER
from review.jail.regular_files import read_text
from review.plain_data import is_map
from review.project_selection import read_content, read_file
from sandbox.errors import CommandError
from sandbox.summary import Row

PACK = Path("policies")
"""Folder of a tree with the policy pack."""

ANSWER_BYTES = 16 * 2**20
"""The maximum number of bytes in a response of the pack under review."""

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

REMEDIATE = "Remediate"
"""The gRPC method with which a pack changes a resource's inputs. The engine applies every change in its
response, whatever the levels (pulumi/pulumi, pkg/resource/deploy/step_generator.go).
"""

Repair = tuple[str, str, str]
"""A rule, the URN of the resource that it changes, and a hash of the changed inputs."""


@dataclass(frozen=True)
class Pack:
    """A policy pack with the levels of its rules on one stack, its violations and its repairs."""

    levels: Mapping[str, str] = field(default_factory=dict[str, str])
    """The level of each rule: advisory, mandatory, disabled or remediate."""
    violations: tuple[Row, ...] = ()
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True)
class Packs:
    """The packs of base and head on the same resources of a stack."""

    base: Pack
    head: Pack


PACKS = TypeAdapter(Packs)


def has_changed(base: Path, head: Path) -> bool:
    """Return True if the pack of the head can differ from that of the base: in its files or in an import.

    The pack searches the tree's top folder for modules, so a new module there may hide one of its packages.
    """
    names = [{path.name for path in tree.iterdir()} for tree in (base, head)]
    return names[0] != names[1] or bool(differing_files(base, head))


def differing_files(base: Path, head: Path) -> list[str]:
    """Return the files that differ in the pack, and the modules that differ in the tree's top folder.

    Of the modules there, the pack never imports `__main__`.
    """
    before, after = (
        {Path(path.name): read_file(path) for path in tree.glob("*.py") if path.name != "__main__.py"}
        | {PACK / path: content for path, content in read_content(tree / PACK).items()}
        for tree in (base, head)
    )
    missing = object()
    paths = before.keys() | after.keys()
    return sorted(f"{path}" for path in paths if before.get(path, missing) != after.get(path, missing))


def judge(recording: Path, sockets: Path, levels: Path, seconds: float) -> Packs:
    """Repeat the recorded requests to the pack behind the sockets, and return the verdicts of both packs.

    - `recording`: the calls to the base's pack (sandbox/engine/policy_pack.py)
    - `levels`: the file with the levels of the pack under review; without this file, it has its own levels
    - `seconds`: the time that each response may take

    Raise CommandError if the pack does not start, does not respond, or sends an invalid response.
    """
    calls = [*_read(recording)]
    options = [("grpc.max_receive_message_length", ANSWER_BYTES)]
    with grpc.insecure_channel(f"unix:{sockets / ANALYZER}", options=options) as channel:
        pack: Any = analyzer_pb2_grpc.AnalyzerStub(channel)
        try:
            grpc.channel_ready_future(channel).result(timeout=seconds)
            about = pack.GetAnalyzerInfo(Empty(), timeout=seconds)
            configuration = _configuration(about, levels)
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
        except grpc.FutureTimeoutError:
            raise CommandError("the policy pack under review does not start.") from None
        except grpc.RpcError as error:
            reason = error.details() if isinstance(error, grpc.Call) else ""
            raise CommandError(f"the policy pack under review does not respond: {reason}") from None
    head = Pack(_levels(about, configuration), tuple(violations), tuple(repairs))
    return Packs(_base_pack(calls), head)


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
    return Pack(_levels(about, configuration), tuple(violations), tuple(repairs))


def _levels(
    about: analyzer_pb2.AnalyzerInfo, configuration: analyzer_pb2.ConfigureAnalyzerRequest
) -> dict[str, str]:
    """Return the level of each rule: the configured level, or else the rule's own."""
    configured = {name: policy.enforcementLevel for name, policy in configuration.policyConfig.items()}
    return {
        policy.name: _name("enforcement level", LEVELS, configured.get(policy.name, policy.enforcementLevel))
        for policy in about.policies
    }


def _configuration(about: analyzer_pb2.AnalyzerInfo, file: Path) -> analyzer_pb2.ConfigureAnalyzerRequest:
    """Return the configuration in a file of levels, as the engine reads such a file.

    A value is a level, or an object with the level as `enforcementLevel` beside the rule's options. The value
    for `all` is the level of the rules without a value of their own.
    """
    content = read_levels(file)
    own = {
        policy.name: _name("enforcement level", LEVELS, policy.enforcementLevel) for policy in about.policies
    }
    default = content.pop("all", "")
    request: Any = analyzer_pb2.ConfigureAnalyzerRequest()
    for name in own | content:
        value = content.get(name, default or own.get(name))
        options: dict[str, Any] = {**value} if is_map(value) else {"enforcementLevel": value}
        level = options.pop("enforcementLevel", default or own.get(name))
        if level not in LEVELS:
            raise CommandError(f"{file.name}: the level of {name} is {level!r}; allowed: {', '.join(LEVELS)}")
        request.policyConfig[name].enforcementLevel = LEVELS.index(level)
        try:
            json_format.ParseDict(options, request.policyConfig[name].properties)
        except json_format.ParseError as error:
            raise CommandError(f"{file.name}: the options of {name} are invalid: {error}") from None
    return request


def read_levels(file: Path) -> dict[str, Any]:
    """Return the content of a file of levels; raise CommandError if it is not a JSON object."""
    try:
        content: Any = json.loads(read_text(file)) if os.path.lexists(file) else {}
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
