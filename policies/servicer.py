"""The one hook into Pulumi's SDK: properties are read once a resource, and rules are chosen by type.

The SDK's own loop reads a resource's properties again for each rule, unwraps secrets before a rule sees them,
and aborts the run when a rule raises. Everything else (levels, metadata, configuration) stays the SDK's.
pulumi_policy is pinned, and a test holds the answers against the SDK's own.
"""

import gc
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import grpc
import pulumi_policy.policy
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel

from policies import config, ledger, meta, pack, waivers
from policies.judge import PASSED, Judgement, judge_settled, settle
from policies.ledger import Ledger, Row
from policies.resources import of_request, of_stack
from policies.rule import Finding, Options, Rule, Stack, Unknown
from policies.waivers import Waivers

Stock: type[Any] = pulumi_policy.policy._PolicyAnalyzerServicer  # pyright: ignore[reportPrivateUsage]
ROOT = "pulumi:pulumi:Stack"
_ORDERED = sorted(pack.ALL, key=lambda rule: rule.name)
_NAMES = {rule.name: rule for rule in pack.ALL}


class Servicer(Stock):
    """Answers the engine."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._stock("__init__")(*args, **kwargs)
        self.ledger = Ledger.from_environment()
        self.waivers: Waivers = waivers.load(_NAMES)
        self.inputs: dict[str, dict[str, Any]] = {}
        self.unknown: list[tuple[Rule, Unknown]] = []
        self.used: set[int] = set()
        self._by_type: dict[str, tuple[list[Rule], analyzer_pb2.AnalyzeResponse]] = {}
        self._settings({})

    def _stock(self, method: str) -> Callable[..., Any]:
        """The SDK's own answer to a request."""
        return getattr(super(), method)

    def Configure(
        self, request: analyzer_pb2.ConfigureAnalyzerRequest, context: grpc.ServicerContext
    ) -> Empty:
        """Takes the configuration, unless it speaks of something that does not exist."""
        given = {
            name: json_format.MessageToDict(value.properties) for name, value in request.policyConfig.items()
        }
        if faults := config.faults(_NAMES, given):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "policy configuration: " + "; ".join(faults))
        answer: Empty = self._stock("Configure")(request, context)
        self._settings(given)
        return answer

    def _settings(self, given: Mapping[str, Options]) -> None:
        """What the configuration decides, worked out once."""
        self._options = {rule.name: settle(rule, given.get(rule.name)) for rule in pack.ALL}
        self._policies = {policy.name: policy for policy in pack.policies()}
        self._levels: dict[str, EnforcementLevel] = {
            name: self._get_enforcement_level(policy) for name, policy in self._policies.items()
        }
        self._by_type.clear()

    def Analyze(self, request: analyzer_pb2.AnalyzeRequest, _context: object) -> analyzer_pb2.AnalyzeResponse:
        """Judges one resource by the rules on its type."""
        resource = of_request(request)
        # Not the resource: what rules have worked out of thousands would be walked at each collection.
        self.inputs[resource.urn] = resource.props.get()
        rules, others = self._chosen(resource.type)
        response = analyzer_pb2.AnalyzeResponse()
        response.CopyFrom(others)
        judgements = [(rule, judge_settled(rule, resource, self._options[rule.name])) for rule in rules]
        recorded = self.ledger.file is not None
        rows = [
            self._row(rule, resource.urn, judgement, response)
            for rule, judgement in judgements
            if recorded or judgement is not PASSED
        ]
        if recorded:
            skipped = [
                Row(resource.urn, item.policy_name, ledger.NOT_APPLICABLE, "")
                for item in others.not_applicable
            ]
            self.ledger.add(*rows, *skipped)
        return response

    def AnalyzeStack(
        self, request: analyzer_pb2.AnalyzeStackRequest, _context: object
    ) -> analyzer_pb2.AnalyzeResponse:
        """Judges the stack as a whole, then the waivers and what stayed unknown."""
        gc.disable()  # a stack of thousands is one big graph: each collection would walk all of it
        try:
            return self._analyze_stack(request)
        finally:
            gc.enable()

    def _analyze_stack(self, request: analyzer_pb2.AnalyzeStackRequest) -> analyzer_pb2.AnalyzeResponse:
        stack = Stack(
            tuple(of_stack(resource, self.inputs.get(resource.urn)) for resource in request.resources)
        )
        root = next((resource.urn for resource in stack.resources if resource.type == ROOT), "")
        response = analyzer_pb2.AnalyzeResponse()
        for rule in _ORDERED:
            if not rule.on_stack or rule in meta.RULES or not self._enabled(rule):
                continue
            judgement = judge_settled(rule, stack, self._options[rule.name])
            self.ledger.add(*self._stack_rows(rule, root, judgement, response))
        self.ledger.add(*self._about_the_pack(root, stack, response))
        self.ledger.complete()
        return response

    def Remediate(self, request: Any, context: Any) -> Any:
        """Nothing is read where no policy remediates."""
        if EnforcementLevel.REMEDIATE not in self._levels.values():
            return analyzer_pb2.RemediateResponse()
        return self._stock("Remediate")(request, context)

    def _enabled(self, rule: Rule) -> bool:
        return self._levels[rule.name] is not EnforcementLevel.DISABLED

    def _chosen(self, kind: str) -> tuple[list[Rule], analyzer_pb2.AnalyzeResponse]:
        """The rules on a type, and what is said of all the others."""
        found = self._by_type.get(kind)
        if found is None:
            rules = [rule for rule in _ORDERED if not rule.on_stack and self._enabled(rule)]
            others = [
                analyzer_pb2.PolicyNotApplicable(
                    policy_name=rule.name, reason="" if rule.types == meta.ANYTHING else pack.NOT_ABOUT
                )
                for rule in rules
                if kind not in rule.types
            ]
            answer = analyzer_pb2.AnalyzeResponse(not_applicable=others)
            found = self._by_type[kind] = [rule for rule in rules if kind in rule.types], answer
        return found

    def _level(self, rule: Rule) -> EnforcementLevel:
        """A violation that a remediation left over is mandatory, as in the SDK."""
        level = self._levels[rule.name]
        return EnforcementLevel.MANDATORY if level is EnforcementLevel.REMEDIATE else level

    def _row(self, rule: Rule, urn: str, judgement: Judgement, response: analyzer_pb2.AnalyzeResponse) -> Row:
        """Reports a judgement on one resource, and gives its row in the ledger."""
        level = self._level(rule).value
        if judgement.crash:
            self._diagnose(meta.crashed, response, f"{rule.name} crashed on {urn}: {judgement.crash}", urn)
        self.unknown.extend((rule, unknown) for unknown in judgement.unknown)
        blocking = [
            finding for finding in judgement.findings if not self._report(rule, finding, urn, response)
        ]
        detail = "; ".join(map(str, judgement.findings))
        if blocking:
            return Row(urn, rule.name, ledger.VIOLATION, level, detail)
        if judgement.crash:
            return Row(urn, rule.name, ledger.CRASHED, level, judgement.crash)
        if judgement.findings:
            return Row(urn, rule.name, ledger.WAIVED, level, detail)
        if judgement.unknown:
            why = pack.reason(judgement)
            response.not_applicable.append(
                analyzer_pb2.PolicyNotApplicable(policy_name=rule.name, reason=why)
            )
            return Row(urn, rule.name, ledger.UNKNOWN, level, why)
        return Row(urn, rule.name, ledger.PASS, level)

    def _stack_rows(
        self, rule: Rule, root: str, judgement: Judgement, response: analyzer_pb2.AnalyzeResponse
    ) -> Iterable[Row]:
        """One row for the stack, and one for each resource that the rule has something to say about."""
        parts: dict[str, Judgement] = {root: Judgement(crash=judgement.crash)}
        for finding in judgement.findings:
            part = parts.get(finding.urn or root, Judgement())
            parts[finding.urn or root] = Judgement((*part.findings, finding), part.unknown, part.crash)
        for unknown in judgement.unknown:
            part = parts.get(unknown.urn or root, Judgement())
            parts[unknown.urn or root] = Judgement(part.findings, (*part.unknown, unknown), part.crash)
        return [self._row(rule, urn, part, response) for urn, part in sorted(parts.items())]

    def _report(self, rule: Rule, finding: Finding, urn: str, response: analyzer_pb2.AnalyzeResponse) -> bool:
        """Reports a finding; true when a waiver holds for it."""
        text = pack.message(rule, finding)
        target = finding.urn or ""
        waiver = self.waivers.of(rule.name, finding.urn or urn)
        if waiver is None:
            self._diagnose(rule, response, text, target)
            return False
        self.used.add(id(waiver))
        if waiver.expired(self.waivers.today):
            self._diagnose(rule, response, f"{text}\n{waiver.lapsed()}", target)
            return False
        said = f"{waiver.said(self.waivers.today)}\n{text}"
        self._diagnose(rule, response, said, target, EnforcementLevel.ADVISORY)
        return True

    def _diagnose(
        self,
        rule: Rule,
        response: analyzer_pb2.AnalyzeResponse,
        text: str,
        urn: str,
        level: EnforcementLevel | None = None,
    ) -> None:
        if self._enabled(rule):
            level = level or self._level(rule)
            report = self._create_report_violation(
                response, rule.name, rule.description, level, rule.severity
            )
            report(text, urn if rule.on_stack else None)

    def _about_the_pack(
        self, root: str, stack: Stack, response: analyzer_pb2.AnalyzeResponse
    ) -> Iterable[Row]:
        """What is wrong with waivers, and how much this run could not know."""
        said = {meta.waiver: [*self.waivers.faults, *self._unused(root)], meta.unknown: self._uncertain()}
        for rule, texts in said.items():
            if not self._enabled(rule):
                continue
            for text in texts:
                self._diagnose(rule, response, f"{text}\n{rule.remediation}", "")
            bad = ledger.UNKNOWN if rule is meta.unknown else ledger.VIOLATION
            verdict = bad if texts else ledger.PASS
            yield Row(root, rule.name, verdict, self._level(rule).value, "; ".join(texts))

    def _unused(self, root: str) -> list[str]:
        """Waivers meant for this stack that no finding needed, unless a value they may cover is unknown."""
        prefix = "::".join(root.split("::")[:2]) + "::"
        return [
            f"the waiver of {waiver.owner} ({waiver.ticket}: {waiver.reason}) covers no finding; remove it"
            for waiver in self.waivers.waivers
            if id(waiver) not in self.used
            and waiver.meant_for(prefix)
            and not any(waiver.covers(rule.name, unknown.urn or root) for rule, unknown in self.unknown)
        ]

    def _uncertain(self) -> list[str]:
        if not self.unknown:
            return []
        checks = len({(rule.name, unknown.urn) for rule, unknown in self.unknown})
        resources = len({unknown.urn for _, unknown in self.unknown})
        return [f"{checks} checks of {resources} resources wait for values that this preview cannot know"]


def install() -> None:
    """Puts the hook in place; it has to be there before PolicyPack starts its server."""
    pulumi_policy.policy._PolicyAnalyzerServicer = Servicer  # pyright: ignore[reportPrivateUsage]
